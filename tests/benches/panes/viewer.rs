//! The screen of ccells over holders on this machine, made of production parts: the loop, the screen, the sessions.
//! Only the driver is missing: the picture of the world stands still.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ccells_core::agent::{AgentLife, AgentReport, AgentStatus};
use ccells_core::event::{Access, Previous};
use ccells_core::ids::{Attempt, ContainerId, PathText, RepoId, WorkstreamId};
use ccells_core::record::ViewRecord;
use ccells_core::snapshot::{Card, CardState, EngineState, Snapshot};
use ccells_core::time::Wall;
use ccells_shell::adapters::clock::RealClock;
use ccells_shell::adapters::dial::Endpoint;
use ccells_shell::adapters::docker::DockerEngine;
use ccells_shell::holder_binary::HOLDER;
use ccells_shell::mailbox::mailbox;
use ccells_shell::sessions::Sessions;
use ccells_shell::tui::screen::inputs;
use ccells_shell::tui::{self, NoDesktop, NoErrands, Preferences, Screen, TuiPorts};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::task::TaskTracker;

/// As many as the program has.
const WORKERS: usize = 4;

/// The command that shows the holders below `room`.
pub(crate) fn command(room: &Path, panes: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("we know where we are"));
    command.arg("viewer").arg(room).arg(panes.to_string());
    command
}

/// Shows the holders that `words` tell of, until the terminal is gone.
pub(crate) fn run(words: &[String]) {
    let (room, panes) = (PathBuf::from(&words[0]), words[1].parse().expect("a number of panes"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    runtime.expect("threads can be had").block_on(show(&room, panes));
}

async fn show(room: &Path, panes: usize) {
    let (mailbox, mut inbox) = mailbox();
    tokio::spawn(async move { while inbox.take().await.is_some() {} });
    let damage = Arc::new(Notify::new());
    // Nobody listens there: the holders' own sockets are all it takes.
    let engine = Endpoint::Unix(room.join("engine.sock")).into_dial();
    let sessions =
        Arc::new(Sessions::new(DockerEngine::new(engine, HOLDER), false, mailbox, Arc::clone(&damage)));
    let tasks = TaskTracker::new();
    for pane in 0..panes {
        let container = ContainerId::parse(&format!("{pane:064x}")).expect("the form is right");
        let directory = room.join(pane.to_string());
        sessions.open(&tasks, id(pane), Attempt(1), container, directory);
    }
    let (_snapshots, seen) = watch::channel(Some(Arc::new(picture(panes))));
    let (asks, _asked) = mpsc::channel(64);
    let (_notices, told) = mpsc::unbounded_channel();
    let (_interrupts, interrupted) = mpsc::channel(8);
    let ports = TuiPorts {
        snapshots: seen,
        panes: sessions,
        asks,
        notices: told,
        damage,
        interrupts: interrupted,
        clock: Arc::new(RealClock::new()),
        draw_identity: Box::new(|| (id(99), "none".to_owned())),
        desktop: Arc::new(NoDesktop),
        errands: Arc::new(NoErrands),
        preferences: Preferences::default(),
    };
    let screen = Screen::enter().expect("we are in a terminal");
    tui::run(ports, screen, inputs()).await;
}

/// The id of the workstream in this pane.
pub(crate) fn id(pane: usize) -> WorkstreamId {
    WorkstreamId::parse(&format!("01jd8z5q0v3x7k2m9n4p6r{pane:04}")).expect("the form is right")
}

/// A picture of so many workstreams at work.
pub(crate) fn picture(panes: usize) -> Snapshot {
    Snapshot {
        repo_id: RepoId::parse("web-1a2b3c").expect("the form is right"),
        repo_path: PathText::from("/src/web"),
        access: Access::Write,
        previous: Previous::Clean,
        engine: EngineState::Up,
        degraded: None,
        workstreams: (0..panes).map(card).collect(),
        view: ViewRecord::default(),
        shutdown: None,
        findings: Vec::new(),
        notices: Vec::new(),
    }
}

fn card(pane: usize) -> Card {
    let report = AgentReport {
        life: AgentLife::Running,
        starts: 1,
        status: AgentStatus::Working,
        title: String::new(),
        bells: 0,
    };
    Card {
        id: id(pane),
        name: format!("pane-{pane}"),
        prompt: "measure".to_owned(),
        branch: format!("ccells/pane-{pane}"),
        image: "none".to_owned(),
        worktree: PathText::from("/worktree"),
        directory: PathText::from("/directory"),
        created_at: Wall(0),
        state: CardState::Running,
        progress: None,
        reason: None,
        container_id: None,
        container_state: None,
        exit: None,
        agent: Some(report),
        is_attached: true,
        is_recovered: false,
    }
}
