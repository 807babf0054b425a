//! Does what the core asks: one arm for each effect, each in a task of its own whose answer comes back as an event.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ccells_core::effect::Effect;
use ccells_core::event::Event;
use ccells_core::ids::{ContainerId, HomeId, RepoId, RunId};
use ccells_core::ports::{Clock, Engine, Git, ProcessId, WorkSource, Workbench};
use ccells_core::record::{self, BeatRecord, FactsRecord, VERSION};
use tokio_util::task::TaskTracker;

use crate::adapters::clock::RealClock;
use crate::adapters::docker::{ContainerWork, DockerEngine, EngineNotice};
use crate::adapters::durable::Durable;
use crate::mailbox::Mailbox;
use crate::pulls::{Pull, Pulls};
use crate::sessions::Sessions;

/// An engine that can also tell of changes as they happen.
pub trait Watch: Engine {
    /// Puts [`Event::EngineChanged`] into `mailbox` at every change of `home`'s containers, and at last
    /// [`Event::EngineLost`].
    fn watch_changes(&self, home: &HomeId, mailbox: &Mailbox) -> impl Future<Output = ()> + Send;
    /// Where the commits of the agent in `container` come from, and its own git.
    fn work_of(&self, container: &ContainerId) -> impl WorkSource + Workbench;
    /// Ends all calls in flight. When it returns none lives.
    fn close_engine(&self) -> impl Future<Output = ()> + Send;
}

/// Who this run is, for its beats.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The run.
    pub run: RunId,
    /// The repository.
    pub repo: RepoId,
    /// The process.
    pub process: ProcessId,
}

/// The adapters of one run, and the tasks that use them.
pub struct Performer<E, G> {
    /// The engine.
    pub engine: Arc<E>,
    /// Git.
    pub git: Arc<G>,
    /// The durable records; none in a run that only looks.
    pub durable: Option<Arc<Durable>>,
    /// The attached terminals.
    pub sessions: Arc<Sessions>,
    /// The pulls of images in flight.
    pub pulls: Pulls,
    /// The clocks.
    pub clock: RealClock,
    /// Who this run is.
    pub identity: Identity,
    /// Where answers go.
    pub mailbox: Mailbox,
    /// Every task of the run.
    pub tasks: TaskTracker,
}

impl<E: Watch, G: Git> Performer<E, G> {
    /// Begins an effect. Never waits.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is sorted by `answer`")]
    pub fn perform(&self, effect: Effect) {
        match effect {
            Effect::Beat { sequence } => self.beat(sequence),
            Effect::SaveState { state, .. } => {
                if let Some(durable) = &self.durable {
                    durable.save_state(*state);
                }
            }
            Effect::OpenSession { workstream, attempt, container, directory } => {
                self.sessions.open(&self.tasks, workstream, attempt, container, PathBuf::from(directory.0));
            }
            Effect::CloseSession { workstream } => self.sessions.close(&workstream),
            Effect::WatchEngine { home } => {
                let (engine, mailbox) = (Arc::clone(&self.engine), self.mailbox.clone());
                self.tasks.spawn(async move { engine.watch_changes(&home, &mailbox).await });
            }
            Effect::PullImage { workstream, attempt, image } => {
                let is_abandoned = self.pulls.begin(&workstream);
                let pull = Pull { workstream, attempt, image, is_abandoned };
                let (engine, mailbox) = (Arc::clone(&self.engine), self.mailbox.clone());
                self.tasks.spawn(async move { pull.run(&*engine, &mailbox).await });
            }
            Effect::AbandonPull { workstream } => self.pulls.abandon(&workstream),
            effect => {
                let hands = Hands {
                    engine: Arc::clone(&self.engine),
                    git: Arc::clone(&self.git),
                    durable: self.durable.clone(),
                    sessions: Arc::clone(&self.sessions),
                    clock: self.clock,
                };
                let mailbox = self.mailbox.clone();
                self.tasks.spawn(async move { mailbox.put(hands.answer(effect).await).await });
            }
        }
    }

    /// Ends everything the run began. What was sent to the engine is not waited for when the run was cut short.
    pub async fn end(self, is_complete: bool) {
        self.sessions.close_all();
        self.pulls.abandon_all();
        if is_complete && let Some(durable) = &self.durable {
            durable.end_beat(&self.identity.run);
        }
        self.engine.close_engine().await;
        self.tasks.close();
        drop(self.mailbox);
        let _late = tokio::time::timeout(LAST_TASKS, self.tasks.wait()).await;
    }

    fn beat(&self, sequence: u64) {
        let Some(durable) = &self.durable else { return };
        let me = self.identity.process.clone();
        durable.beat(BeatRecord {
            version: VERSION,
            pid: me.pid,
            timestamp: self.clock.now().wall.0 / 1_000,
            run: self.identity.run.clone(),
            repo_id: self.identity.repo.clone(),
            sequence,
            boot_id: me.boot_id,
            start_ticks: me.start_ticks,
        });
    }
}

/// How long the end waits for tasks that were told to end.
const LAST_TASKS: Duration = Duration::from_millis(500);

/// What one answered effect needs.
struct Hands<E, G> {
    engine: Arc<E>,
    git: Arc<G>,
    durable: Option<Arc<Durable>>,
    sessions: Arc<Sessions>,
    clock: RealClock,
}

impl<E: Watch, G: Git> Hands<E, G> {
    async fn answer(&self, effect: Effect) -> Event {
        match effect {
            Effect::WriteIntent { .. }
            | Effect::ClearIntent { .. }
            | Effect::TrackContainer { .. }
            | Effect::UntrackContainer { .. } => self.on_disk(effect).await,
            Effect::ResolveBase { .. }
            | Effect::PinBase { .. }
            | Effect::AddWorktree { .. }
            | Effect::BuildHome { .. }
            | Effect::InspectWork { .. }
            | Effect::SnapshotWork { .. }
            | Effect::RemoveWorktree { .. }
            | Effect::RetireHome { .. }
            | Effect::RestoreWork { .. } => self.in_git(effect).await,
            Effect::FetchWork { .. }
            | Effect::JudgeMerge { .. }
            | Effect::MoveBranch { .. }
            | Effect::PushWork { .. } => self.bring_home(effect).await,
            Effect::AimRebase { .. } | Effect::RebaseWork { .. } | Effect::MoveBase { .. } => {
                self.rebase(effect).await
            }
            Effect::PingEngine
            | Effect::ListContainers { .. }
            | Effect::CreateContainer { .. }
            | Effect::UploadHolder { .. }
            | Effect::StartContainer { .. }
            | Effect::PauseContainer { .. }
            | Effect::UnpauseContainer { .. }
            | Effect::StopContainer { .. }
            | Effect::RemoveContainer { .. } => self.at_engine(effect).await,
            Effect::RestartAgent { workstream, attempt, container, directory } => {
                let outcome = self.sessions.restart_agent(&container, &PathBuf::from(directory.0)).await;
                Event::AgentRestarted { workstream, attempt, outcome }
            }
            Effect::SaveState { .. }
            | Effect::WatchEngine { .. }
            | Effect::OpenSession { .. }
            | Effect::CloseSession { .. }
            | Effect::PullImage { .. }
            | Effect::AbandonPull { .. }
            | Effect::Beat { .. }
            | Effect::Reply { .. }
            | Effect::Notify { .. }
            | Effect::Exit { .. } => unreachable!("{effect:?} is begun elsewhere"),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`answer` sorts effects by room")]
    async fn on_disk(&self, effect: Effect) -> Event {
        let durable = self.durable.as_deref().expect("a run that only looks is never asked to write");
        let at = self.clock.now().wall;
        match effect {
            Effect::WriteIntent { workstream, attempt, intent } => {
                let outcome = durable.write_intent(*intent).await;
                Event::IntentWritten { workstream, attempt, outcome }
            }
            Effect::ClearIntent { workstream, attempt } => {
                let outcome = durable.clear_intent(&workstream).await;
                Event::IntentCleared { workstream, attempt, outcome }
            }
            Effect::TrackContainer { workstream, attempt, delta } => {
                let outcome = durable.update_index(*delta, at).await;
                Event::ContainerTracked { workstream, attempt, outcome }
            }
            Effect::UntrackContainer { workstream, attempt, delta } => {
                let outcome = durable.update_index(*delta, at).await;
                Event::ContainerUntracked { workstream, attempt, outcome }
            }
            effect => unreachable!("{effect:?} writes nothing"),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`answer` sorts effects by room")]
    async fn in_git(&self, effect: Effect) -> Event {
        let git = &*self.git;
        match effect {
            Effect::ResolveBase { workstream, attempt, repo, wish } => {
                let outcome = match &wish.fork {
                    None => git.resolve_base(&repo, &wish).await,
                    Some(fork) => {
                        let source = fork.container.as_ref().map(|container| self.engine.work_of(container));
                        git.fork_base(&wish, fork, source).await
                    }
                };
                Event::BaseResolved { workstream, attempt, outcome }
            }
            Effect::PinBase { workstream, attempt, plan } => {
                Event::BasePinned { workstream, attempt, outcome: git.pin_base(&plan).await }
            }
            Effect::AddWorktree { workstream, attempt, plan } => {
                Event::WorktreeAdded { workstream, attempt, outcome: git.add_worktree(&plan).await }
            }
            Effect::BuildHome { workstream, attempt, plan, facts } => {
                let text = record::print(&FactsRecord { version: VERSION, facts: *facts });
                Event::HomeBuilt { workstream, attempt, outcome: git.build_home(&plan, &text).await }
            }
            Effect::InspectWork { workstream, attempt, plan } => {
                Event::WorkInspected { workstream, attempt, outcome: git.inspect_work(&plan).await }
            }
            Effect::SnapshotWork { workstream, attempt, plan } => {
                Event::WorkSnapshotted { workstream, attempt, outcome: git.snapshot_work(&plan).await }
            }
            Effect::RemoveWorktree { workstream, attempt, plan, keep_branch } => {
                let outcome = git.remove_worktree(&plan, keep_branch).await;
                Event::WorktreeRemoved { workstream, attempt, outcome }
            }
            Effect::RetireHome { workstream, attempt, plan } => {
                Event::HomeRetired { workstream, attempt, outcome: git.retire_home(&plan).await }
            }
            Effect::RestoreWork { workstream, attempt, plan } => {
                Event::WorkRestored { workstream, attempt, outcome: git.restore_work(&plan).await }
            }
            effect => unreachable!("{effect:?} is not git's"),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`answer` sorts effects by room")]
    async fn bring_home(&self, effect: Effect) -> Event {
        let git = &*self.git;
        match effect {
            Effect::FetchWork { workstream, attempt, container, plan, may_rewrite } => {
                let outcome = git.fetch_work(&plan, self.engine.work_of(&container), may_rewrite).await;
                Event::WorkFetched { workstream, attempt, outcome }
            }
            Effect::JudgeMerge { workstream, attempt, plan, name, head, wish } => {
                let outcome = git.judge_merge(&plan, &name, &head, &wish).await;
                Event::MergeJudged { workstream, attempt, outcome }
            }
            Effect::PushWork { workstream, attempt, plan, head, wish } => {
                let outcome = git.push_work(&plan, &head, &wish).await;
                Event::WorkPushed { workstream, attempt, outcome }
            }
            Effect::MoveBranch { workstream, attempt, plan, moving } => {
                let outcome = git.move_branch(&plan, &moving).await;
                Event::BranchMoved { workstream, attempt, outcome }
            }
            effect => unreachable!("{effect:?} brings nothing home"),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`answer` sorts effects by room")]
    async fn rebase(&self, effect: Effect) -> Event {
        match effect {
            Effect::AimRebase { workstream, attempt, plan, onto } => {
                let outcome = self.git.aim_rebase(&plan, onto.as_deref()).await;
                Event::RebaseAimed { workstream, attempt, outcome }
            }
            Effect::RebaseWork { workstream, attempt, container, call, moving } => {
                let outcome = self.engine.work_of(&container).rebase_work(call, &moving).await;
                Event::WorkRebased { workstream, attempt, outcome }
            }
            Effect::MoveBase { workstream, attempt, plan, moving } => {
                let outcome = self.git.move_base(&plan, &moving).await;
                Event::BaseMoved { workstream, attempt, outcome }
            }
            effect => unreachable!("{effect:?} rebases nothing"),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`answer` sorts effects by room")]
    async fn at_engine(&self, effect: Effect) -> Event {
        let engine = &*self.engine;
        match effect {
            Effect::PingEngine => Event::EnginePinged { outcome: engine.ping_engine().await },
            Effect::ListContainers { home } => {
                let requested_at = self.clock.now().mono;
                Event::ContainersListed { requested_at, outcome: engine.list_containers(&home).await }
            }
            Effect::CreateContainer { workstream, attempt, spec } => {
                Event::ContainerCreated { workstream, attempt, outcome: engine.create_container(&spec).await }
            }
            Effect::UploadHolder { workstream, attempt, container } => {
                Event::HolderUploaded { workstream, attempt, outcome: engine.upload_holder(&container).await }
            }
            Effect::StartContainer { workstream, attempt, container } => Event::ContainerStarted {
                workstream,
                attempt,
                outcome: engine.start_container(&container).await,
            },
            Effect::PauseContainer { workstream, attempt, container } => Event::ContainerPaused {
                workstream,
                attempt,
                outcome: engine.pause_container(&container).await,
            },
            Effect::UnpauseContainer { workstream, attempt, container } => Event::ContainerUnpaused {
                workstream,
                attempt,
                outcome: engine.unpause_container(&container).await,
            },
            Effect::StopContainer { workstream, attempt, container } => Event::ContainerStopped {
                workstream,
                attempt,
                outcome: engine.stop_container(&container).await,
            },
            Effect::RemoveContainer { workstream, attempt, home, name } => Event::ContainerRemoved {
                workstream,
                attempt,
                outcome: engine.remove_container(&home, &name).await,
            },
            effect => unreachable!("{effect:?} is not the engine's"),
        }
    }
}

impl Watch for DockerEngine {
    fn work_of(&self, container: &ContainerId) -> impl WorkSource + Workbench {
        ContainerWork::new(self.clone(), container.clone())
    }

    async fn watch_changes(&self, home: &HomeId, mailbox: &Mailbox) {
        let mut watch = self.watch(home);
        loop {
            match watch.next().await {
                Some(EngineNotice::Connected | EngineNotice::Changed { .. }) => {
                    mailbox.put(Event::EngineChanged).await;
                }
                Some(EngineNotice::Lost { reason, is_late }) => {
                    return mailbox.put(Event::EngineLost { reason, is_late }).await;
                }
                None => return,
            }
        }
    }

    async fn close_engine(&self) {
        self.close().await;
    }
}
