//! The models of engine, git and clock against the cases that the real adapters are held to: where a model is kinder
//! or harsher than the world, everything the simulator finds or fails to find is in doubt.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use ccells_core::container::{ContainerExit, ContainerLimits, ContainerSpec, Labels, Observed};
use ccells_core::ids::{Commit, ContainerId, HomeId, PathText, RepoId, RunId, WorkstreamId};
use ccells_core::ports::{
    Base, BaseMove, BaseWish, Beginning, BranchMove, Clock, Engine, EngineError, EngineFacts, Fork, Git,
    GitError, MergeWish, PullProgress, PushWish, Pushed, WorkReport, WorkSource, WorktreePlan,
};
use ccells_core::time::{Now, Wall};
use ccells_sim::canary::Planted;
use ccells_sim::choice::Choices;
use ccells_sim::ports::engine::{EngineOk, EngineOp, SimEngine};
use ccells_sim::ports::git::{GitOk, GitOp, Made, SimGit};
use ccells_sim::world::World;

use contract::clock::{self, clock_cases};
use contract::engine::{self, Behaviour, cases};
use contract::git::{self, git_cases};

#[path = "../../tests/it/contract/mod.rs"]
mod contract;

/// What comes of a future that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a model answers at once"),
    }
}

/// What a model has no notion of is left out, with the reason.
macro_rules! on_the_model_engine {
    (an_image_that_is_not_there_says_what_to_do) => {
        on_the_model_engine!(an_image_that_is_not_there_says_what_to_do, ignore = "the model has every image");
    };
    (an_image_that_cannot_be_got_says_what_to_do) => {
        on_the_model_engine!(an_image_that_cannot_be_got_says_what_to_do, ignore = "the model gets every image");
    };
    ($case:ident $(, $left_out:meta)?) => {
        #[test]
        $(#[$left_out])?
        fn $case() {
            at_once(engine::$case(&Bench::default()));
        }
    };
}

macro_rules! on_the_model_git {
    (a_reference_that_names_nothing_is_told) => {
        on_the_model_git!(a_reference_that_names_nothing_is_told, ignore = "the model has one commit");
    };
    (a_new_file_is_seen_and_kept) => {
        on_the_model_git!(a_new_file_is_seen_and_kept, ignore = "the model counts work, not files");
    };
    ($case:ident $(, $left_out:meta)?) => {
        #[test]
        $(#[$left_out])?
        fn $case() {
            at_once(git::$case(&ModelGit::default()));
        }
    };
}

macro_rules! on_the_model_clock {
    ($case:ident) => {
        #[test]
        fn $case() {
            clock::$case(&Sky::default());
        }
    };
}

cases!(on_the_model_engine);
git_cases!(on_the_model_git);
clock_cases!(on_the_model_clock);

/// The model engine behind the port.
#[derive(Default)]
struct ModelEngine(Mutex<SimEngine>);

impl ModelEngine {
    fn model(&self) -> MutexGuard<'_, SimEngine> {
        self.0.lock().unwrap()
    }

    fn land(&self, op: &EngineOp) -> Result<(), EngineError> {
        self.model().land(op).map(|_| ())
    }
}

impl Engine for ModelEngine {
    async fn ping_engine(&self) -> Result<EngineFacts, EngineError> {
        self.land(&EngineOp::Ping)?;
        Ok(EngineFacts { version: String::new(), api: String::new() })
    }

    async fn list_containers(&self, home: &HomeId) -> Result<Vec<Observed>, EngineError> {
        let EngineOk::Listed(mut all) = self.model().land(&EngineOp::List)? else {
            panic!("a listing was asked for")
        };
        all.retain(|observed| observed.labels.home == *home);
        Ok(all)
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        let EngineOk::Created(id, _) = self.model().land(&EngineOp::Create(Box::new(spec.clone())))? else {
            panic!("a container was asked for")
        };
        Ok(id)
    }

    async fn pull_image(
        &self,
        image: &str,
        tell: impl Fn(PullProgress) + Send + Sync,
    ) -> Result<(), EngineError> {
        panic!("no case pulls {image}, which would tell {}", std::any::type_name_of_val(&tell))
    }

    async fn upload_holder(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.land(&EngineOp::Upload(container.clone()))
    }

    async fn start_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.land(&EngineOp::Start(container.clone()))
    }

    async fn pause_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.land(&EngineOp::Pause(container.clone()))
    }

    async fn unpause_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.land(&EngineOp::Unpause(container.clone()))
    }

    async fn stop_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.land(&EngineOp::Stop(container.clone()))
    }

    async fn remove_container(&self, home: &HomeId, name: &str) -> Result<(), EngineError> {
        match self.land(&EngineOp::Remove(home.clone(), name.to_owned(), None)) {
            // The model says what an engine says, and the world hands on either; the port takes it as done.
            Err(EngineError::NotFound { .. }) => Ok(()),
            outcome @ (Ok(()) | Err(_)) => outcome,
        }
    }
}

/// The model engine, and what its containers are going to do.
struct Bench {
    engine: ModelEngine,
    homes: [HomeId; 2],
    behaviours: RefCell<BTreeMap<String, Behaviour>>,
}

impl Default for Bench {
    fn default() -> Self {
        let homes = ["ours", "another"].map(|home| HomeId::parse(home).unwrap());
        Self { engine: ModelEngine::default(), homes, behaviours: RefCell::default() }
    }
}

impl engine::World for Bench {
    type Engine = ModelEngine;

    fn engine(&self) -> &ModelEngine {
        &self.engine
    }

    fn home(&self) -> &HomeId {
        &self.homes[0]
    }

    fn other_home(&self) -> &HomeId {
        &self.homes[1]
    }

    fn spec(&self, tag: &str, behaviour: Behaviour) -> ContainerSpec {
        let number = tag.bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 999_983);
        self.behaviours.borrow_mut().insert(tag.to_owned(), behaviour);
        let mut spec = ContainerSpec {
            name: tag.to_owned(),
            image: "image".into(),
            labels: Labels {
                home: self.homes[0].clone(),
                repo: RepoId::parse("repo-1").unwrap(),
                workstream: WorkstreamId::parse(&format!("{number:026}")).unwrap(),
                run: RunId::parse(&format!("{:026}", 1)).unwrap(),
                branch: "ccells/test".into(),
                config_hash: String::new(),
            },
            owner: (1000, 1000),
            argv: vec!["agent".into()],
            resume_argv: vec!["agent".into()],
            env: BTreeMap::new(),
            mounts: Vec::new(),
            limits: ContainerLimits::default(),
        };
        spec.labels.config_hash = spec.config_hash();
        spec
    }

    /// Whoever is not going to stay leaves.
    async fn wait_a_moment(&self) {
        for (name, behaviour) in &*self.behaviours.borrow() {
            let exit = match behaviour {
                Behaviour::Stays => continue,
                Behaviour::Exits(code) => ContainerExit { code: *code, was_out_of_memory: false },
                Behaviour::EatsMemory => ContainerExit { code: 137, was_out_of_memory: true },
            };
            self.engine.model().leave(name, exit);
        }
    }
}

/// The model git behind the port. The workstream's own directory is not git's in the simulator: it is made of steps
/// on the disk, which is held to the kernel's elsewhere.
#[derive(Default)]
struct ModelGit(Mutex<SimGit>);

impl ModelGit {
    fn model(&self) -> MutexGuard<'_, SimGit> {
        self.0.lock().unwrap()
    }

    /// Takes every step of `op`.
    fn perform(&self, op: &GitOp) -> Result<GitOk, GitError> {
        let mut model = self.model();
        (0..).find_map(|number| model.step(op, number)).expect("an operation has an end")
    }

    fn perform_plain(&self, op: &GitOp) -> Result<(), GitError> {
        self.perform(op).map(|done| assert_eq!(done, GitOk::Done))
    }

    fn place(&self, branch: &str) -> (PathText, String) {
        (git::World::repo(self), branch.to_owned())
    }
}

impl Git for ModelGit {
    async fn resolve_base(&self, repo: &PathText, wish: &BaseWish) -> Result<Base, GitError> {
        let op = GitOp::Resolve { repo: repo.clone(), branch: wish.branch.clone() };
        let GitOk::Base(base) = self.perform(&op)? else { panic!("a base was asked for") };
        Ok(base.into())
    }

    async fn fork_base(
        &self,
        wish: &BaseWish,
        fork: &Fork,
        _: Option<impl WorkSource>,
    ) -> Result<Base, GitError> {
        self.resolve_base(&fork.plan.repo, wish).await
    }

    async fn pin_base(&self, plan: &WorktreePlan) -> Result<(), GitError> {
        self.perform_plain(&GitOp::Pin(Box::new(plan.clone())))
    }

    async fn add_worktree(&self, plan: &WorktreePlan) -> Result<(), GitError> {
        self.perform_plain(&GitOp::Add(Box::new(plan.clone())))
    }

    async fn build_home(&self, _: &WorktreePlan, _: &[u8]) -> Result<(), GitError> {
        Ok(())
    }

    async fn inspect_work(&self, plan: &WorktreePlan) -> Result<WorkReport, GitError> {
        let GitOk::Work(report) = self.perform(&GitOp::Inspect(Box::new(plan.clone())))? else {
            panic!("a report was asked for")
        };
        Ok(report)
    }

    async fn snapshot_work(&self, plan: &WorktreePlan) -> Result<Option<Commit>, GitError> {
        let GitOk::Kept(kept) = self.perform(&GitOp::Snapshot(Box::new(plan.clone())))? else {
            panic!("a snapshot was asked for")
        };
        Ok(kept)
    }

    async fn remove_worktree(&self, plan: &WorktreePlan, keep_branch: bool) -> Result<(), GitError> {
        self.perform_plain(&GitOp::Remove(Box::new(plan.clone()), keep_branch))
    }

    async fn retire_home(&self, plan: &WorktreePlan) -> Result<(), GitError> {
        self.perform_plain(&GitOp::Unpin(Box::new(plan.clone())))
    }

    async fn restore_work(&self, plan: &WorktreePlan) -> Result<String, GitError> {
        let GitOk::Branch(branch) = self.perform(&GitOp::Restore(Box::new(plan.clone())))? else {
            panic!("a branch was asked for")
        };
        Ok(branch)
    }

    async fn fetch_work(&self, plan: &WorktreePlan, _: impl WorkSource, _: bool) -> Result<Commit, GitError> {
        let GitOk::Base(head) = self.perform(&GitOp::Fetch(Box::new(plan.clone())))? else {
            panic!("a commit was asked for")
        };
        Ok(head)
    }

    async fn judge_merge(
        &self,
        plan: &WorktreePlan,
        _: &str,
        _: &Commit,
        _: &MergeWish,
    ) -> Result<Option<BranchMove>, GitError> {
        let GitOk::Judged(moving) = self.perform(&GitOp::Judge(Box::new(plan.clone())))? else {
            panic!("a merge was asked for")
        };
        Ok(moving)
    }

    async fn push_work(
        &self,
        plan: &WorktreePlan,
        head: &Commit,
        wish: &PushWish,
    ) -> Result<Pushed, GitError> {
        let op = GitOp::Push(Box::new(plan.clone()), head.clone(), Box::new(wish.clone()));
        let GitOk::Pushed(pushed) = self.perform(&op)? else { panic!("a push was asked for") };
        Ok(pushed)
    }

    async fn move_branch(&self, plan: &WorktreePlan, moving: &BranchMove) -> Result<(), GitError> {
        self.perform_plain(&GitOp::Move(Box::new(plan.clone()), Box::new(moving.clone())))
    }

    async fn aim_rebase(&self, plan: &WorktreePlan, _: Option<&str>) -> Result<BaseMove, GitError> {
        let GitOk::Aimed(moving) = self.perform(&GitOp::Aim(Box::new(plan.clone())))? else {
            panic!("an aim was asked for")
        };
        Ok(moving)
    }

    async fn move_base(&self, plan: &WorktreePlan, moving: &BaseMove) -> Result<(), GitError> {
        self.perform_plain(&GitOp::MoveBase(Box::new(plan.clone()), Box::new(moving.clone())))
    }
}

impl git::World for ModelGit {
    type Git = Self;

    fn git(&self) -> &Self {
        self
    }

    fn repo(&self) -> PathText {
        "/repo".into()
    }

    fn plan(&self, base: Commit) -> WorktreePlan {
        WorktreePlan {
            workstream: WorkstreamId::parse(&format!("{:026}", 1)).unwrap(),
            repo: "/repo".into(),
            git_dir: "/repo/.git".into(),
            worktree: "/home/worktrees/one".into(),
            home: "/home/workstreams/one".into(),
            branch: "ccells/contract".to_owned(),
            base,
            owner: (1000, 1000),
            beginning: Beginning::default(),
        }
    }

    fn is_whole(&self, plan: &WorktreePlan) -> bool {
        let model = self.model();
        model.trees.get(&plan.workstream).is_some_and(|tree| tree.there == tree.written)
    }

    fn agent_writes(&self, plan: &WorktreePlan) {
        self.model().work(&plan.workstream, false);
    }

    fn agent_adds(&self, _: &WorktreePlan) {
        panic!("the model does not tell new files from changed ones")
    }

    fn agent_hides(&self, plan: &WorktreePlan) {
        self.model().hide(&plan.workstream);
    }

    fn is_in_trash(&self, plan: &WorktreePlan) -> bool {
        let model = self.model();
        let tree = model.trees.get(&plan.workstream);
        tree.is_some_and(|tree| tree.stowed == Some((tree.written, tree.hidden)))
    }

    fn agent_commits(&self, plan: &WorktreePlan) {
        self.model().work(&plan.workstream, true);
    }

    /// A branch that holds the user's commits is the user's.
    fn user_moves(&self, branch: &str) {
        self.model().branches.insert(self.place(branch), None);
    }

    fn user_drops(&self, branch: &str) {
        self.model().branches.remove(&self.place(branch));
    }

    fn has_branch(&self, branch: &str) -> bool {
        self.model().branches.contains_key(&self.place(branch))
    }

    fn has_worktree(&self, plan: &WorktreePlan) -> bool {
        let model = self.model();
        model.trees.get(&plan.workstream).is_some_and(|tree| tree.worktree == Made::Whole)
    }

    fn is_pinned(&self, plan: &WorktreePlan) -> bool {
        self.model().trees.get(&plan.workstream).is_some_and(|tree| tree.is_pinned)
    }
}

/// A world in which nothing happens but time, seen as a clock.
struct WorldClock(RefCell<World>);

impl Clock for WorldClock {
    fn now(&self) -> Now {
        self.0.borrow().clocks()
    }
}

/// The simulated time, with an account of its own of how much of it has passed.
struct Sky {
    clock: WorldClock,
    began: Wall,
    passed: RefCell<u64>,
}

impl Default for Sky {
    fn default() -> Self {
        let world = World::calm(Choices::benign(), Planted::default());
        let began = world.clocks().wall;
        Self { clock: WorldClock(RefCell::new(world)), began, passed: RefCell::new(0) }
    }
}

impl clock::World for Sky {
    fn clock(&self) -> &impl Clock {
        &self.clock
    }

    fn wall(&self) -> Wall {
        Wall(self.began.0 + *self.passed.borrow())
    }

    fn let_pass(&self, ms: u64) {
        *self.passed.borrow_mut() += ms;
        let mut world = self.clock.0.borrow_mut();
        let until = world.now + ms;
        world.run_until(until);
    }
}

#[test]
fn waiting_time_knows_nothing_of_the_wall_being_set() {
    let sky = Sky::default();
    let before = sky.clock.now();
    sky.clock.0.borrow_mut().wall_ahead = -3_600_000;
    let after = sky.clock.now();
    assert_eq!(after.mono, before.mono);
    assert_eq!(after.wall.0 + 3_600_000, before.wall.0);
    clock::waiting_time_never_goes_back(&sky);
}
