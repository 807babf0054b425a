//! The screen of ccells over holders on this machine, made of production parts: the loop, the screen, the sessions. Only
//! the driver is another one: a world that does as it is asked.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ccells_core::effect::Level;
use ccells_core::event::Repo;
use ccells_core::ids::{Attempt, ContainerId, PathText, RepoId, WorkstreamId};
use ccells_core::record::Facts;
use ccells_shell::adapters::clock::RealClock;
use ccells_shell::adapters::desktop::RealDesktop;
use ccells_shell::adapters::dial::Endpoint;
use ccells_shell::adapters::docker::DockerEngine;
use ccells_shell::adapters::git::RealGit;
use ccells_shell::config::Config;
use ccells_shell::errands::RealErrands;
use ccells_shell::holder_binary::HOLDER;
use ccells_shell::mailbox::mailbox;
use ccells_shell::patch::Patch;
use ccells_shell::paths::HomePaths;
use ccells_shell::sessions::Sessions;
use ccells_shell::settings;
use ccells_shell::tui::screen::{Depth, inputs};
use ccells_shell::tui::{self, Change, Errands, Notice, Screen, Settings, Subject, TuiAsk, TuiPorts, Usage};
use futures_util::future::BoxFuture;
use tokio::net::UnixDatagram;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::task::TaskTracker;

use crate::corpus;
use crate::world::{World, id};

/// As many as the program has.
const WORKERS: usize = 4;
/// How long tasks may take to be gone after the end.
const LAST_TASKS: Duration = Duration::from_secs(5);
/// Longest order, in bytes.
const ORDER_BYTES: usize = 1_024;

/// The socket below `room` at which the viewer takes orders.
pub fn orders(room: &Path) -> PathBuf {
    room.join("orders.sock")
}

/// Where the viewer says below `room` what it left behind.
pub fn last_words(room: &Path) -> PathBuf {
    room.join("last-words")
}

/// The command that shows the holders below `room`; `rig` is the program of this package.
pub fn command(rig: &str, room: &Path, panes: usize) -> Command {
    let mut command = Command::new(rig);
    command.arg("viewer").arg(room).arg(panes.to_string()).current_dir(room);
    command
}

/// Shows the holders that `words` tell of, until it is asked to end or the terminal is gone.
pub fn run(words: &[String]) {
    let (room, panes) = (PathBuf::from(&words[0]), words[1].parse().expect("a number of panes"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    runtime.expect("threads can be had").block_on(show(&room, panes));
}

async fn show(room: &Path, panes: usize) {
    let (mailbox, mut inbox) = mailbox();
    let drained = tokio::spawn(async move { while inbox.take().await.is_some() {} });
    let damage = Arc::new(Notify::new());
    // Nobody listens there unless a bench has put an engine there: the holders' own sockets are all it takes.
    let engine = DockerEngine::new(Endpoint::Unix(room.join("engine.sock")).into_dial(), HOLDER);
    let sessions = Arc::new(Sessions::new(engine.clone(), false, mailbox, Arc::clone(&damage)));
    let tasks = TaskTracker::new();
    for pane in 0..panes {
        let directory = room.join(pane.to_string());
        let told = std::fs::read_to_string(directory.join("container"));
        let container = ContainerId::parse(&told.unwrap_or_else(|_| format!("{pane:064x}")));
        let container = container.expect("the form is right");
        sessions.open(&tasks, id(pane), Attempt(1), container, directory);
    }
    let world = World::of(panes).below(room);
    let (pictures, seen) = watch::channel(Some(Arc::new(world.picture())));
    let (hostile, heard) = watch::channel(None);
    let (asks, asked) = mpsc::channel(64);
    let (notices, told) = mpsc::unbounded_channel();
    let (_interrupts, interrupted) = mpsc::channel(8);
    let home = HomePaths::new(room.join("home"));
    let config = Config::read(home.root(), |_| None).expect("a test writes what can be read");
    let preferences = settings::preferences(home.root(), &config, Depth::True);
    let git = Arc::new(RealGit::new().expect("there is a git"));
    let errands = RealErrands::new(engine.clone(), home).in_repository(git, repo(room));
    let ports = TuiPorts {
        snapshots: seen,
        panes: Arc::clone(&sessions) as Arc<dyn tui::Panes>,
        asks,
        notices: told,
        damage,
        interrupts: interrupted,
        clock: Arc::new(RealClock::new()),
        draw_identity: Box::new(|| (id(99), "none".to_owned())),
        desktop: Arc::new(RealDesktop::find(|_| None)),
        errands: Arc::new(Told { real: errands, hostile: heard }),
        preferences: preferences.expect("a test names a theme that there is"),
    };
    let screen = Screen::enter().expect("we are in a terminal");
    let turning = tokio::spawn(turn(room.to_owned(), world, pictures, hostile, asked, notices));
    let ended = tui::run(ports, screen, inputs()).await;
    turning.abort();
    let _over = turning.await;
    sessions.close_all();
    tasks.close();
    tasks.wait().await;
    engine.close().await;
    drop(sessions);
    let _over = drained.await;
    let metrics = tokio::runtime::Handle::current().metrics();
    let until = Instant::now() + LAST_TASKS;
    // One that is over is counted until the runtime has put it away.
    while metrics.num_alive_tasks() > 0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let alive = metrics.num_alive_tasks();
    std::fs::write(last_words(room), format!("{ended:?}, {alive} tasks")).expect("the room takes a file");
}

/// The repository below `room` that the workstreams are of, where a test made one.
fn repo(room: &Path) -> Repo {
    let text = |path: &Path| PathText::from(path.to_str().expect("a room has a name that is text"));
    let path = room.join("repo");
    Repo {
        id: RepoId::parse("web-1a2b3c").expect("the form is right"),
        slug: "web".to_owned(),
        git_dir: text(&path.join(".git")),
        path: text(&path),
        objects: Vec::new(),
    }
}

/// Turns the world by what the screen asks and what is ordered, until it is over.
async fn turn(
    room: PathBuf,
    mut world: World,
    pictures: watch::Sender<Option<Arc<ccells_core::snapshot::Snapshot>>>,
    hostile: watch::Sender<Option<String>>,
    mut asked: mpsc::Receiver<TuiAsk>,
    notices: mpsc::UnboundedSender<Notice>,
) {
    let orders = UnixDatagram::bind(orders(&room)).expect("the room takes a socket");
    let mut order = vec![0; ORDER_BYTES];
    while !world.is_over() {
        tokio::select! {
            asked = asked.recv() => {
                let Some(TuiAsk { ask, reply }) = asked else { return };
                // Whoever asked may not want to know any more.
                let _unheard = reply.send(world.ask(ask));
            }
            count = orders.recv(&mut order) => {
                let count = count.expect("the socket is ours");
                world.order(std::str::from_utf8(&order[..count]).expect("orders are text"));
                hostile.send_replace(world.hostile().map(str::to_owned));
                if let Some(text) = world.hostile() {
                    for level in [Level::Info, Level::Warning, Level::Error] {
                        // The screen may have ended.
                        let _unheard = notices.send(Notice { level, text: text.to_owned() });
                    }
                }
            }
        }
        pictures.send_replace(Some(Arc::new(world.picture())));
    }
}

/// Settings are real ones; what containers use is told, as there are none.
struct Told {
    real: RealErrands,
    hostile: watch::Receiver<Option<String>>,
}

impl Errands for Told {
    fn measure(&self, subjects: Vec<Subject>) -> BoxFuture<'static, Vec<Usage>> {
        let trouble = self.hostile.borrow().clone();
        let usage = |workstream: WorkstreamId| Usage {
            workstream: Some(workstream),
            memory: Some(42_000_000),
            trouble: trouble.clone(),
            ..Usage::default()
        };
        Box::pin(std::future::ready(
            subjects.into_iter().map(|subject| usage(subject.workstream)).collect::<Vec<_>>(),
        ))
    }

    fn settings(&self, change: Option<Change>) -> BoxFuture<'static, Result<Settings, String>> {
        match self.hostile.borrow().clone() {
            Some(text) => Box::pin(std::future::ready(Err(text))),
            None => self.real.settings(change),
        }
    }

    fn compare(&self, directory: PathText) -> BoxFuture<'static, Result<Patch, String>> {
        match self.hostile.borrow().clone() {
            Some(text) => Box::pin(std::future::ready(Ok(corpus::patch(&text)))),
            None => self.real.compare(directory),
        }
    }

    fn last_removed(&self) -> BoxFuture<'static, Result<Option<Box<Facts>>, String>> {
        match self.hostile.borrow().clone() {
            Some(text) => Box::pin(std::future::ready(Err(text))),
            None => self.real.last_removed(),
        }
    }
}
