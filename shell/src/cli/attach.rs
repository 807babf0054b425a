//! `ccells attach`: one workstream's terminal on the whole of ours. It is the screen with a single pane, so that all a
//! pane does it does as well: it looks back, selects, copies, and passes on what may be passed on.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use ccells_core::event::{Access, Event, Previous};
use ccells_core::ids::{Attempt, ContainerId, PathText, RepoId, WorkstreamId};
use ccells_core::record::ViewRecord;
use ccells_core::snapshot::{Card, CardState, EngineState, Snapshot};
use ccells_core::time::Wall;
use ccells_core::wire::ToHolder;
use clap::Args;
use serde_json::Value;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::task::TaskTracker;

use super::link::{self, Link, resolve};
use super::tui::{draw_identity, pass_on, preferences};
use super::{Failure, print};
use crate::adapters::clock::RealClock;
use crate::adapters::desktop::RealDesktop;
use crate::adapters::dial::Io;
use crate::adapters::docker::DockerEngine;
use crate::adapters::signals::Signals;
use crate::boot;
use crate::mailbox::{Inbox, mailbox};
use crate::sessions::Sessions;
use crate::tui::screen::inputs;
use crate::tui::{self, NoErrands, Preferences, Screen, TuiPorts};

/// Whose.
#[derive(Debug, Args)]
pub(super) struct Attach {
    /// Id, unique prefix of an id, or name.
    #[arg(value_name = "ID")]
    id: String,
}

/// Does it.
pub(super) async fn run(directory: &Path, verb: &Attach) -> Result<u8, Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        let text = format!("attach needs a terminal; `ccells logs {}` and `ccells send` do not", verb.id);
        return Err(Failure::new(1, text));
    }
    let (mut link, ground) = Link::to_look(directory).await?;
    let picture = link.show().await;
    link.end().await;
    let picture = picture?;
    let (id, card) = resolve(&picture, &verb.id)?;
    let (_, config, _) = boot::open_home(|name| std::env::var(name).ok())?;
    let preferences = Preferences { is_alone: true, ..preferences()? };
    let (name, stream) = link::to_holder(&ground.engine, card).await?;
    let shown = snapshot(&picture, &id, card)?;
    let ended = show(&ground.engine, shown, stream, preferences, config.scrollback).await;
    ground.engine.close().await;
    let Shown { is_gone, code, reason } = ended?;
    match reason {
        Some(reason) if code == 0 => {
            Err(Failure::new(1, format!("detached from `{name}`: {}", print::clean(&reason))))
        }
        _ => {
            if !is_gone && code == 0 {
                print::tell(&format!("detached from {name}; the agent works on"));
            }
            Ok(code)
        }
    }
}

/// How it ended.
struct Shown {
    /// Whether the terminal is gone.
    is_gone: bool,
    /// The code of the signal that ended it, if one did.
    code: u8,
    /// Why the session ended, if it did.
    reason: Option<String>,
}

async fn show(
    engine: &DockerEngine,
    shown: Snapshot,
    stream: Box<dyn Io>,
    preferences: Preferences,
    scrollback: usize,
) -> Result<Shown, Failure> {
    let id = shown.workstreams[0].id.clone();
    let (signals, screen) = (Signals::listen()?, Screen::enter()?);
    let (mailbox, inbox) = mailbox();
    let damage = Arc::new(Notify::new());
    let sessions = Sessions::new(engine.clone(), false, mailbox, Arc::clone(&damage)).keeping(scrollback);
    let sessions = Arc::new(sessions);
    let tasks = TaskTracker::new();
    sessions.carry(&tasks, id.clone(), Attempt(1), std::future::ready(Ok(stream)));
    let (show, snapshots) = watch::channel(Some(Arc::new(shown)));
    let heard = tokio::spawn(hear(inbox, show));
    let (interrupts, interrupted) = mpsc::channel(8);
    let (signalled, code) = watch::channel(0);
    let forward = tokio::spawn(pass_on(signals, interrupts, signalled, || {}));
    // There is nobody to be asked for anything, and nobody who tells anything but the session.
    let (asks, _) = mpsc::channel(1);
    let (_, notices) = mpsc::unbounded_channel();
    let ports = TuiPorts {
        snapshots,
        panes: Arc::clone(&sessions) as Arc<dyn tui::Panes>,
        asks,
        notices,
        damage,
        interrupts: interrupted,
        clock: Arc::new(RealClock::new()),
        draw_identity: Box::new(draw_identity),
        desktop: Arc::new(RealDesktop::find(|name| std::env::var_os(name))),
        errands: Arc::new(NoErrands),
        preferences,
    };
    let ended = tui::run(ports, screen, inputs()).await;
    forward.abort();
    let code = *code.borrow();
    // A session that has ended told why; one that goes on is left with a polite word.
    let has_ended = heard.is_finished();
    if let Some(session) = sessions.session(&id) {
        let _ending = session.send(ToHolder::Detach);
    }
    sessions.close_all();
    tasks.close();
    tasks.wait().await;
    let reason = heard.await.unwrap_or_else(|panic| Some(panic.to_string())).filter(|_| has_ended);
    Ok(Shown { is_gone: ended == tui::Ended::TerminalGone, code, reason })
}

/// Follows the session in the picture until it ends, and tells why. The end of the picture is the end of the screen.
async fn hear(mut inbox: Inbox, show: watch::Sender<Option<Arc<Snapshot>>>) -> Option<String> {
    while let Some(event) = inbox.take().await {
        let change = |change: &dyn Fn(&mut Card)| {
            show.send_modify(|shown| {
                let shown = shown.as_mut().map(Arc::make_mut);
                if let Some(card) = shown.and_then(|shown| shown.workstreams.first_mut()) {
                    change(card);
                }
            });
        };
        // A session tells of nothing else.
        if let Event::SessionEnded { reason, .. } = event {
            return Some(reason);
        } else if let Event::SessionOpened { .. } = event {
            change(&|card| card.is_attached = true);
        } else if let Event::AgentReported { report, .. } = event {
            change(&|card| card.agent = Some(report.clone()));
        }
    }
    None
}

/// A picture of this workstream alone.
fn snapshot(picture: &Value, id: &WorkstreamId, card: &Value) -> Result<Snapshot, Failure> {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let failed = |error: String| Failure::new(1, format!("the picture of the workstream is odd: {error}"));
    let repo_id = RepoId::parse(&text(picture, "repo_id")).map_err(|error| failed(error.to_string()))?;
    let card = Card {
        id: id.clone(),
        name: text(card, "name"),
        prompt: text(card, "prompt"),
        branch: text(card, "branch"),
        image: text(card, "image"),
        worktree: PathText::from(text(card, "worktree").as_str()),
        directory: PathText::from(text(card, "directory").as_str()),
        created_at: Wall(0),
        state: CardState::Running,
        progress: None,
        reason: None,
        container_id: ContainerId::parse(&text(card, "container_id")).ok(),
        container_state: None,
        exit: None,
        agent: None,
        is_attached: false,
        is_recovered: false,
        rebase: None,
    };
    Ok(Snapshot {
        repo_id,
        repo_path: PathText::from(text(picture, "repo").as_str()),
        access: Access::Write,
        previous: Previous::Clean,
        engine: EngineState::Up,
        degraded: None,
        workstreams: vec![card],
        view: ViewRecord::default(),
        shutdown: None,
        findings: Vec::new(),
        notices: Vec::new(),
    })
}
