//! A run, put together: boot, adapters, driver. Whatever uses one ends it, and then nothing of it is left.

use std::sync::Arc;

use ccells_core::event::{Access, Ask, Event, OnQuit, Purpose};
use ccells_core::ids::RepoId;
use ccells_core::ports::Process;
use ccells_core::record::Writer;
use ccells_core::snapshot::EngineState;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::adapters::clock::RealClock;
use crate::adapters::docker::DockerEngine;
use crate::adapters::durable::Durable;
use crate::adapters::git::{RealGit, RepoFacts};
use crate::adapters::locks::HeldLock;
use crate::adapters::process::RealProcess;
use crate::boot::{self, Boot, BootError, Wanted};
use crate::config::Config;
use crate::control;
use crate::driver::{Desk, Driver, Ended, Notice, Outcome};
use crate::mailbox::mailbox;
use crate::paths::HomePaths;
use crate::perform::{Identity, Performer};
use crate::sessions::Sessions;

/// What every run of this process shares: the engine's one client, git, and where we are.
#[derive(Clone)]
pub struct Ground {
    /// The engine.
    pub engine: DockerEngine,
    /// Git.
    pub git: Arc<RealGit>,
    /// The repository we are in.
    pub repo: RepoFacts,
}

/// A run that goes on.
pub struct Run {
    /// For wishes and looks.
    pub desk: Desk,
    /// What it has to tell.
    pub notices: mpsc::UnboundedReceiver<Notice>,
    /// The attached terminals.
    pub sessions: Arc<Sessions>,
    /// Rung when a screen changed.
    pub damage: Arc<Notify>,
    /// The clocks of its pictures.
    pub clock: RealClock,
    /// Where everything is.
    pub paths: HomePaths,
    /// What the user set.
    pub config: Config,
    /// The repository.
    pub repo: RepoId,
    /// Whether it may change anything.
    pub is_writer: bool,
    /// Whether it may delete anything of its own accord.
    pub may_delete: bool,
    driver: JoinHandle<Ended>,
    durable: Option<Arc<Durable>>,
    git: Arc<RealGit>,
    /// What belongs to the run but not to its driver.
    side_tasks: TaskTracker,
    token: CancellationToken,
    _locks: Vec<HeldLock>,
    own_lock: std::path::PathBuf,
}

impl Run {
    /// Begins one.
    pub fn begin(ground: &Ground, wanted: Wanted, purpose: Purpose) -> Result<Self, BootError> {
        let Boot { paths, config, found, locks, run_lock } = boot::boot(&ground.repo, wanted, purpose)?;
        let is_writer = found.access == Access::Write;
        let may_delete = is_writer && found.may_delete();
        let (mailbox, inbox) = mailbox();
        let repo = found.repo.id.clone();
        let durable =
            is_writer.then(|| start_durable(&paths, &found.run, found.pid, &mailbox)).transpose()?;
        let (damage, clock) = (Arc::new(Notify::new()), RealClock::new());
        let sessions = Sessions::new(ground.engine.clone(), !is_writer, mailbox.clone(), Arc::clone(&damage));
        let sessions = Arc::new(sessions.keeping(config.scrollback));
        let performer = Performer {
            engine: Arc::new(ground.engine.clone()),
            git: Arc::clone(&ground.git),
            durable: durable.clone(),
            sessions: Arc::clone(&sessions),
            pulls: crate::pulls::Pulls::default(),
            clock,
            identity: Identity {
                run: found.run.clone(),
                repo: repo.clone(),
                process: RealProcess::new().me(),
            },
            mailbox,
            tasks: TaskTracker::new(),
        };
        let (driver, desk, notices) = Driver::new(clock, inbox, performer);
        Ok(Self {
            desk,
            notices,
            sessions,
            damage,
            clock,
            paths,
            config,
            repo,
            is_writer,
            may_delete,
            driver: tokio::spawn(driver.run(found)),
            durable,
            git: Arc::clone(&ground.git),
            side_tasks: TaskTracker::new(),
            token: CancellationToken::new(),
            _locks: locks,
            own_lock: run_lock,
        })
    }

    /// Takes wishes of other processes from now on.
    pub fn serve(&self) -> std::io::Result<()> {
        let path = self.paths.control_socket(&self.repo);
        control::serve(&path, self.desk.clone(), &self.side_tasks, self.token.clone())
    }

    /// Waits until the engine was heard, be it as a failure.
    pub async fn hear_engine(&mut self) {
        let _ended = self.desk.wait_for(|picture| picture.engine != EngineState::Unknown).await;
    }

    /// Ends it, agents left as they are, and waits for the end.
    pub async fn end(self) -> Ended {
        let desk = self.desk.clone();
        let quit = async move {
            let _ended: Outcome = desk.ask(Ask::Quit { policy: OnQuit::KeepRunning }).await;
        };
        let (ended, ()) = tokio::join!(self.wait(), quit);
        ended
    }

    /// Waits for the end that somebody has asked for.
    pub async fn wait(self) -> Ended {
        let ended = match self.driver.await {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        self.token.cancel();
        self.side_tasks.close();
        self.side_tasks.wait().await;
        self.git.idle().await;
        if let Some(durable) = self.durable {
            // The writers have little left to write, and their threads are no runtime's.
            let stopped = tokio::task::spawn_blocking(move || durable.stop()).await;
            debug_assert!(stopped.is_ok(), "stopping the writers does not panic");
            if ended.is_complete {
                // Made for this run alone: no other waits for it, and no run has its name again.
                let _left = std::fs::remove_file(&self.own_lock);
            }
        }
        ended
    }
}

/// Takes away volumes of ours that no container uses: each holds a copy of the holder and nothing else. Those of
/// workstreams that are being made are left alone.
pub async fn sweep_volumes(engine: &DockerEngine, paths: &HomePaths) {
    let home = boot::home_id(paths);
    let Ok(volumes) = engine.list_volumes(&home).await else { return };
    for volume in volumes {
        let is_in_the_making = volume.workstream.as_ref().is_some_and(|id| paths.intent(id).exists());
        if !is_in_the_making {
            // One that stays is found again the next time.
            let _left = engine.remove_volume(&home, &volume.name).await;
        }
    }
}

fn start_durable(
    paths: &HomePaths,
    run: &ccells_core::ids::RunId,
    pid: u32,
    mailbox: &crate::mailbox::Mailbox,
) -> Result<Arc<Durable>, BootError> {
    let mailbox = mailbox.clone();
    let saved = move |generation, outcome| mailbox.put_blocking(Event::StateSaved { generation, outcome });
    let writer = Writer { run: run.clone(), pid };
    let failed =
        |error: std::io::Error| BootError::Repo(format!("a writer thread cannot be started: {error}"));
    Durable::start(paths.clone(), writer, saved).map(Arc::new).map_err(failed)
}
