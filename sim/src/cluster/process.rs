//! The two hosts of the cluster: the engine, and one run of the production program from its start to its end.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ccells_core::canary::Planted;
use ccells_core::event::Purpose;
use ccells_core::ids::RunId;
use ccells_core::machine::Machine;
use ccells_core::ports::{Engine as _, ProcessId};
use ccells_core::record::Writer;
use ccells_core::time::{Now, Wall};
use ccells_shell::adapters::clock::RealClock;
use ccells_shell::adapters::docker::DockerEngine;
use ccells_shell::adapters::durable::Durable;
use ccells_shell::driver::{Desk, Driver, Ended, Seen, Wish};
use ccells_shell::mailbox::{Mailbox, mailbox};
use ccells_shell::paths::HomePaths;
use ccells_shell::perform::{Identity, Performer};
use ccells_shell::session::Pane;
use ccells_shell::sessions::Sessions;
use futures_util::FutureExt as _;
use tokio::sync::{Notify, mpsc};
use tokio_util::task::TaskTracker;

use super::disk::{PacedFiles, write_records, write_states};
use super::engine::{ClusterEngine, HOLDER};
use super::git::{self, ClusterGit};
use super::net::{ClusterDial, Lines, PORT, Tapped};
use super::slips::Slip;
use super::{EPOCH_S, Ground, lock};
use crate::boot::{self, Around, Start, Wanted};
use crate::ports::files::{Crash, SimFiles};
use crate::ports::git::Made;

/// Something to do on the run's host.
pub type Errand = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A run that lives, as scenarios see it.
pub struct Live {
    /// For wishes and looks.
    pub desk: Desk,
    /// The attached terminals.
    pub sessions: Arc<Sessions>,
    /// The engine's one client.
    pub engine: DockerEngine,
    /// The tasks of its performer.
    pub tasks: TaskTracker,
    /// Its files.
    pub files: SimFiles,
    /// Rung when its process is killed: its streams are closed by whoever remains, the kernel.
    pub(super) killed: Arc<Notify>,
    errands: mpsc::UnboundedSender<Errand>,
}

impl Live {
    /// Does something on the run's host, beside the run.
    pub fn spawn(&self, errand: impl Future<Output = ()> + Send + 'static) {
        // A run that has ended does no errands.
        let _ended = self.errands.send(Box::pin(errand));
    }
}

/// How a run ended of its own will, and what it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Whether everything that was to be done was done.
    pub is_complete: bool,
    /// Tasks of the performer that live.
    pub tasks: usize,
    /// Tasks of the engine's client that live.
    pub engine_tasks: usize,
    /// Streams to the engine that are open.
    pub streams: usize,
}

/// The engine's host: everything that reaches its port is the engine's.
pub(super) async fn engine(ground: Arc<Ground>) -> turmoil::Result {
    let listener = turmoil::net::TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let ground = Arc::clone(&ground);
        tokio::spawn(async move {
            let trace = Arc::clone(&ground);
            let overhear = move |bytes: &[u8], is_first: bool| {
                // The request's line with its query; whatever else was read is there as a number.
                let line = bytes.split(|byte| *byte == b'\r').next().filter(|_| is_first).unwrap_or_default();
                let text = String::from_utf8_lossy(line);
                trace.note("engine", &format!("{:016x} {:>5} {text}", digest(&in_order(bytes)), bytes.len()));
            };
            let stream = Tapped::overheard(stream, Arc::clone(&ground.engine_tap), overhear);
            ground.dockerd.clone().serve(stream).await;
        });
    }
}

/// The run's host: a run from its start to its end.
pub(super) async fn run(ground: Arc<Ground>) -> turmoil::Result {
    ground.lines.mend();
    let (start, mut files) = begin(&ground);
    let found = boot::find(&mut files, &start, &around(&ground, start.pid))?;
    let (mailbox, inbox) = mailbox();
    let clock = RealClock::simulated(start.now);
    let writers = TaskTracker::new();
    let durable = Arc::new(begin_to_write(&ground, &start, &files, &mailbox, &writers));
    let planted = ground.planted;
    let dial = ClusterDial::new(ground.lines.clone(), planted);
    let engine = DockerEngine::new(Arc::new(dial.clone()), HOLDER);
    let damage = Arc::new(Notify::new());
    let of_sessions = ClusterEngine::of_sessions(&engine, &dial, planted);
    let sessions = Arc::new(Sessions::new(of_sessions, false, mailbox.clone(), damage));
    let tasks = TaskTracker::new();
    let process = ProcessId { pid: start.pid, start_ticks: 1, boot_id: "boot".to_string() };
    let performer = Performer {
        engine: Arc::new(ClusterEngine::new(engine.clone(), start.home.clone(), planted)),
        git: Arc::new(ClusterGit::new(Arc::clone(&ground), ground.seat.places.clone(), files.clone())),
        durable: Some(Arc::clone(&durable)),
        sessions: Arc::clone(&sessions),
        pulls: ccells_shell::pulls::Pulls::default(),
        clock,
        identity: Identity { run: start.run.clone(), repo: start.repo.id.clone(), process },
        mailbox,
        tasks: tasks.clone(),
    };
    let (driver, desk, _notices) = Driver::new(clock, inbox, performer);
    let driver = driver.seen_by(Box::new(witness(&ground, desk.wishes())));
    let driver = match planted.in_core() {
        Some(canary) => driver.decided_by(Machine::with_canary(Some(canary))),
        None => driver,
    };
    let (errands, queue) = mpsc::unbounded_channel();
    let killed = Arc::new(Notify::new());
    let live = Live {
        desk,
        sessions,
        engine: engine.clone(),
        tasks: tasks.clone(),
        files: files.clone(),
        killed: Arc::clone(&killed),
        errands,
    };
    *lock(&ground.live) = Some(Arc::new(live));

    let beside = [
        tokio::spawn(run_errands(Arc::clone(&ground), queue)),
        tokio::spawn(close_streams(killed, ground.lines.clone())),
    ];
    if planted.is(Slip::TaskPanics) {
        tokio::spawn(async { panic!("a task that nobody waits for") });
    }
    let ended = driver.run(found).await;
    durable.finish();
    writers.close();
    writers.wait().await;
    beside.iter().for_each(tokio::task::JoinHandle::abort);
    finish(&ground, &ended, &tasks, &engine, &files);
    if planted.is(Slip::AsksAfterEnd) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let _answer = DockerEngine::new(Arc::new(dial), HOLDER).ping_engine().await;
    }
    Ok(())
}

/// Writes down everything that passes between the machine and the world.
fn witness(ground: &Arc<Ground>, wishes: mpsc::Sender<Wish>) -> impl FnMut(Now, Seen<'_>) + Send + use<> {
    let ground = Arc::clone(ground);
    lock(&ground.flight).begin();
    move |now, seen| {
        match seen {
            Seen::Event(event) => ground.note("event", &line(now, &format!("{event:?}"))),
            Seen::Effect(effect) => ground.note("effect", &line(now, &format!("{effect:?}"))),
        }
        lock(&ground.flight).see(seen, &wishes);
    }
}

fn wall(ground: &Ground) -> Wall {
    Wall(EPOCH_S * 1_000 + u64::try_from(ground.now().as_millis()).unwrap_or(0))
}

/// A new process and what it starts with.
fn begin(ground: &Ground) -> (Start, SimFiles) {
    let number = ground.number();
    let pid = 100 + u32::try_from(number).unwrap_or(0);
    let start = Start {
        run: RunId::parse(&format!("02{number:024}")).expect("26 digits are an id"),
        pid,
        wanted: Wanted::WriteOrLook,
        purpose: Purpose::Interactive,
        home: ground.seat.home.clone(),
        home_path: ground.seat.home_path.clone(),
        owner: crate::workload::OWNER,
        repo: ground.seat.repo.clone(),
        settings: crate::workload::settings(),
        now: wall(ground),
        planted: Planted::new(ground.planted.in_core()),
    };
    (start, ground.disk.process())
}

fn around(ground: &Ground, pid: u32) -> Around {
    let git = git::lock(&ground.git);
    let trees = git.trees.iter().filter(|(_, tree)| tree.worktree != Made::Absent);
    Around { worktrees: trees.map(|(id, _)| id.clone()).collect(), living: [pid].into(), slip: None }
}

fn begin_to_write(
    ground: &Arc<Ground>,
    start: &Start,
    files: &SimFiles,
    mailbox: &Mailbox,
    writers: &TaskTracker,
) -> Durable {
    let paths = HomePaths::new(start.home_path.as_str());
    let writer = Writer { run: start.run.clone(), pid: start.pid };
    let numbers = Arc::clone(ground);
    let nonces = Arc::new(move || numbers.number());
    let (durable, records, states) = Durable::without_writers(paths, writer, nonces);
    let paced = || PacedFiles::new(files.clone(), ground.choices.clone()).with(ground.planted);
    writers.spawn(write_records(records, paced()));
    writers.spawn(write_states(states, paced(), mailbox.clone()));
    durable
}

async fn close_streams(killed: Arc<Notify>, lines: Lines) {
    killed.notified().await;
    lines.cut();
}

async fn run_errands(ground: Arc<Ground>, mut queue: mpsc::UnboundedReceiver<Errand>) {
    while let Some(errand) = queue.recv().await {
        let ground = Arc::clone(&ground);
        tokio::spawn(async move {
            // A promise that is found broken there is told with its own words, not as some task's panic.
            if let Err(panic) = AssertUnwindSafe(errand).catch_unwind().await {
                lock(&ground.broken).get_or_insert_with(|| words(&*panic));
            }
        });
    }
}

/// What a panic says.
pub(super) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_string()
}

fn finish(ground: &Ground, ended: &Ended, tasks: &TaskTracker, engine: &DockerEngine, files: &SimFiles) {
    let ending = Ending {
        is_complete: ended.is_complete,
        tasks: tasks.len(),
        engine_tasks: engine.live_tasks(),
        streams: ground.lines.open().len(),
    };
    ground.note("end", &format!("{ending:?}"));
    files.crash(Crash::Kill);
    lock(&ground.endings).push(ending);
    *lock(&ground.live) = None;
}

/// Longest part of an event that is in the trace as it is; the rest is there as a number.
const LINE: usize = 160;

fn line(now: Now, text: &str) -> String {
    let (all, begin) = (digest(text.as_bytes()), text.chars().take(LINE).collect::<String>());
    format!("{} {all:016x} {begin}", now.mono.0)
}

/// What was read, the names in the body of a request in their order: the client library keeps some of them in a map that
/// has another order in every process, and to the engine it is the same.
fn in_order(bytes: &[u8]) -> Vec<u8> {
    const GAP: &[u8] = b"\r\n\r\n";
    let begin = bytes.windows(GAP.len()).position(|window| window == GAP).map(|at| at + GAP.len());
    let body = begin.and_then(|begin| serde_json::from_slice::<serde_json::Value>(&bytes[begin..]).ok());
    match (begin, body) {
        (Some(begin), Some(body)) => [&bytes[..begin], body.to_string().as_bytes()].concat(),
        _ => bytes.to_vec(),
    }
}

fn digest(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// What a screen shows now.
pub fn text(pane: &Pane) -> String {
    pane.with_emulator(|emulator| {
        let mut text = String::new();
        for cell in emulator.term().grid().display_iter() {
            if cell.point.column.0 == 0 && !text.is_empty() {
                text.push('\n');
            }
            text.push(cell.c);
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_order_of_names_makes_no_difference() {
        let of = |text: &str| digest(&in_order(text.as_bytes()));
        let one = of("POST /x?a=1 HTTP/1.1\r\n\r\n{\"a\":{\"b\":1,\"c\":[1,2]}}");
        assert_eq!(one, of("POST /x?a=1 HTTP/1.1\r\n\r\n{\"a\":{\"c\":[1,2],\"b\":1}}"));
        for other in [
            "POST /x?a=2 HTTP/1.1\r\n\r\n{\"a\":{\"b\":1,\"c\":[1,2]}}",
            "POST /x?a=1 HTTP/1.1\r\n\r\n{\"a\":{\"b\":1,\"c\":[2,1]}}",
            "POST /x?a=1 HTTP/1.1\r\n\r\n{\"a\":{\"b\":2,\"c\":[1,2]}}",
            "POST /x?a=1 HTTP/1.1\r\n\r\n",
            "",
        ] {
            assert_ne!(one, of(other), "{other}");
        }
    }
}
