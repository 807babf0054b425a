//! `ccells` without a verb: the screen.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ccells_core::event::Purpose;
use ccells_core::ids::WorkstreamId;
use ccells_core::limits;
use ccells_core::record::LEFT_AT_END;
use ccells_core::snapshot::{Card, ShutdownOutcome, Snapshot};
use tokio::sync::{mpsc, watch};

use super::{Failure, ground, link, print};
use crate::adapters::desktop::RealDesktop;
use crate::adapters::entropy;
use crate::adapters::signals::{Asked, Signals};
use crate::boot::{self, Wanted};
use crate::driver::Ended;
use crate::errands::RealErrands;
use crate::expiry::Bin;
use crate::runs::{Ground, Run, sweep_volumes};
use crate::settings;
use crate::tui::screen::Depth;
use crate::tui::screen::{inputs, watch_hangup};
use crate::tui::{self, Interrupt, Preferences, Screen, TuiPorts};

/// How long an endpoint across a network may take to be found missing before the screen opens all the same.
const KNOCK: Duration = Duration::from_millis(100);

/// Does it.
pub(super) async fn run(directory: &Path) -> Result<u8, Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        let text = "the screen needs a terminal on standard input and output; the verbs do not (see `ccells --help`)";
        return Err(Failure::new(1, text));
    }
    let ground = ground(directory).await?;
    knock(&ground.engine).await?;
    // A theme that cannot be used is told before anything begins.
    let preferences = preferences()?;
    let signals = Signals::listen()?;
    let run = begin(&ground).await?;
    if run.is_writer {
        run.serve()?;
        let (engine, paths) = (ground.engine.clone(), run.paths.clone());
        tokio::spawn(async move { sweep_volumes(&engine, &paths).await });
    }
    if run.may_delete {
        let (bin, keeping) = (Bin::new(&ground, run.paths.clone())?, run.config.trash);
        tokio::spawn(async move { bin.expire(keeping).await });
    }
    let (interrupts, interrupted) = mpsc::channel(8);
    watch_hangup(interrupts.clone())?;
    let (desk, on_quit) = (run.desk.clone(), run.config.on_quit);
    let errands = RealErrands::new(ground.engine.clone(), run.paths.clone())
        .in_repository(Arc::clone(&ground.git), boot::describe(&ground.repo)?);
    let (ports, run) = into_ports(run, errands, preferences, interrupted);
    let screen = Screen::enter()?;
    let mut ending = run.desk.clone();
    tokio::spawn(async move {
        if ending.wait_for(|picture| picture.shutdown.is_some()).await.is_some() {
            link::watchdog(1);
        }
    });
    #[cfg(debug_assertions)]
    panic_when_told()?;
    let (signalled, code) = watch::channel(0);
    let end = move || {
        let desk = desk.clone();
        tokio::spawn(async move { desk.ask(ccells_core::event::Ask::Quit { policy: on_quit }).await });
    };
    let forward = tokio::spawn(pass_on(signals, interrupts, signalled, end));
    let shown = tui::run(ports, screen, inputs()).await;
    if shown == tui::Ended::TerminalGone {
        let desk = run.desk.clone();
        tokio::spawn(async move { desk.ask(ccells_core::event::Ask::Quit { policy: on_quit }).await });
    }
    let ended = run.wait().await;
    ground.engine.close().await;
    forward.abort();
    if shown != tui::Ended::TerminalGone {
        report(&ended);
    }
    let code = *code.borrow();
    Ok(if code == 0 { u8::from(!ended.is_complete) } else { code })
}

/// The screen's run: it changes things, or only looks while another screen does. A verb that is at work just now is
/// waited for, so that it does not make this screen a spectator for the rest of its life.
async fn begin(ground: &Ground) -> Result<Run, Failure> {
    let patience = Duration::from_millis(limits::VERB_WAIT_MS);
    match tokio::time::timeout(patience, link::begin(ground, Purpose::Interactive, patience)).await {
        Ok(Ok(link::Begun::Own(run))) => Ok(*run),
        Ok(Err(failure)) => Err(failure),
        // Another screen, be it one that stands still and does not answer.
        Ok(Ok(link::Begun::Served(_) | link::Begun::Busy(_))) | Err(_) => {
            Ok(Run::begin(ground, Wanted::WriteOrLook, Purpose::Interactive)?)
        }
    }
}

/// So that a test can see what becomes of the terminal: a debug build that is told where to panic does so at SIGUSR1.
#[cfg(debug_assertions)]
fn panic_when_told() -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};

    let Ok(place) = std::env::var("DEBUG_CCELLS_PANIC") else { return Ok(()) };
    let mut told = signal(SignalKind::user_defined1())?;
    tokio::spawn(async move {
        told.recv().await;
        if place == "thread" {
            std::thread::spawn(|| panic!("told to panic in a thread"));
        } else {
            panic!("told to panic in a task");
        }
    });
    Ok(())
}

/// Tells the screen of each signal, and calls `end` at the first that ends us. One that is sent again by somebody who
/// cannot wait ends the process on the spot: everything that counts is durable already.
pub(super) async fn pass_on(
    mut signals: Signals,
    interrupts: mpsc::Sender<Interrupt>,
    signalled: watch::Sender<u8>,
    end: impl Fn(),
) {
    let mut has_begun = false;
    loop {
        let asked = signals.next().await;
        let interrupt = match asked {
            Asked::Terminate(_) if has_begun => {
                tui::screen::restore_now();
                std::process::exit(i32::from(link::exit_code(asked)));
            }
            Asked::Terminate(_) => Interrupt::Terminate,
            Asked::Hangup => Interrupt::Hangup,
            Asked::Suspend => Interrupt::Suspend,
            Asked::Continue => Interrupt::Continue,
        };
        if matches!(asked, Asked::Terminate(_) | Asked::Hangup) && !std::mem::replace(&mut has_begun, true) {
            signalled.send_replace(link::exit_code(asked));
            end();
        }
        // A screen that is over needs to know no more; the end of the run goes on, and so does impatience.
        let _over = interrupts.send(interrupt).await;
    }
}

/// An endpoint that nobody listens at is told before the screen opens; the engine itself is not waited for.
async fn knock(engine: &crate::adapters::docker::DockerEngine) -> Result<(), Failure> {
    match tokio::time::timeout(KNOCK, engine.knock()).await {
        Ok(Err(error)) => Err(Failure::new(1, error.to_string())),
        Ok(Ok(())) | Err(_) => Ok(()),
    }
}

/// What the user has chosen for the screen.
pub(super) fn preferences() -> Result<Preferences, Failure> {
    let variable = |name: &str| std::env::var(name).ok();
    let (paths, config, _) = boot::open_home(variable)?;
    settings::preferences(paths.root(), &config, Depth::of(variable))
        .map_err(|error| Failure::new(1, error.to_string()))
}

/// What the screen needs of the run, and the run without it.
fn into_ports(
    mut run: Run,
    errands: RealErrands,
    preferences: Preferences,
    interrupts: mpsc::Receiver<Interrupt>,
) -> (TuiPorts, Run) {
    let (_, silent) = mpsc::unbounded_channel();
    let notices = std::mem::replace(&mut run.notices, silent);
    let ports = TuiPorts {
        snapshots: run.desk.snapshots.clone(),
        panes: Arc::clone(&run.sessions) as Arc<dyn tui::Panes>,
        asks: run.desk.wishes(),
        notices,
        damage: Arc::clone(&run.damage),
        interrupts,
        clock: Arc::new(run.clock),
        draw_identity: Box::new(draw_identity),
        desktop: Arc::new(RealDesktop::find(|name| std::env::var_os(name))),
        errands: Arc::new(errands),
        preferences,
    };
    (ports, run)
}

pub(super) fn draw_identity() -> (WorkstreamId, String) {
    let id = WorkstreamId::parse(&entropy::ulid()).expect("a ULID is a workstream id");
    (id, entropy::uuid())
}

/// What became of each agent, for the shell's scrollback.
fn report(ended: &Ended) {
    let Some(picture) = ended.snapshot.as_deref() else { return };
    let outcomes = picture.shutdown.iter().flat_map(|shutdown| &shutdown.outcomes);
    for (id, outcome) in outcomes {
        let outcome = match outcome {
            ShutdownOutcome::Paused => "paused; the next start resumes it".to_string(),
            ShutdownOutcome::KeptRunning => "still running".to_string(),
            ShutdownOutcome::Waiting => "not paused: the engine did not answer in time".to_string(),
            ShutdownOutcome::Failed(reason) => format!("not paused: {}", print::clean(reason)),
        };
        print::tell(&format!("{}: {outcome}", name(picture, id)));
    }
    let is_left = |card: &&Card| card.reason.as_deref().is_some_and(|reason| reason.ends_with(LEFT_AT_END));
    for card in picture.workstreams.iter().filter(is_left) {
        print::tell(&format!("{}: {LEFT_AT_END}; the next start takes it up", print::clean(&card.name)));
    }
}

fn name(picture: &Snapshot, id: &WorkstreamId) -> String {
    picture.card(id).map_or_else(|| id.to_string(), |card| print::clean(&card.name))
}
