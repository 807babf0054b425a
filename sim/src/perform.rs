//! What a run does with each effect of its machine: the simulated twin of the shell's arms, in small steps.

use ccells_core::effect::Effect;
use ccells_core::event::Event;
use ccells_core::ids::{Attempt, ContainerId, Generation, PathText, WorkstreamId};
use ccells_core::limits;
use ccells_core::ports::{FileError, FileOp, GitError, WorktreePlan};
use ccells_core::record::{self, BeatRecord, Facts, FactsRecord, StateRecord, VERSION, Writer};
use ccells_core::store::{Keep, Remove, Replace, Step, Update};
use ccells_core::tracking::{self, Delta};

use crate::boot;
use crate::canary::Slip;
use crate::checkers::pace;
use crate::flaws::{self, Flawed};
use crate::ports::engine::{Container, EngineOp};
use crate::ports::files::Crash;
use crate::ports::git::{GitOk, GitOp};
use crate::process::{FileJob, Fine, GitAnswer, GitThen, Job, Life, Mapped, Row};
use crate::trace::Who;
use crate::world::{Item, World};

/// How long a lock is waited for.
const LOCK_PATIENCE_MS: u64 = 2_000;
/// How often it is tried meanwhile.
const LOCK_RETRY_MS: u64 = 50;
/// How long one file operation takes.
const FILE_STEP_MS: u64 = 1;
/// How long one step of git takes.
const GIT_STEP_MS: u64 = 15;

impl World {
    /// Begins what a machine asks for.
    pub fn perform(&mut self, process: usize, effect: Effect) {
        self.before_effect(process, &effect);
        match effect {
            Effect::WriteIntent { workstream, attempt, intent } => {
                let target = self.processes[process].places.intent(&workstream);
                let replace = self.replace(process, target, record::print(&*intent), Keep::None);
                let map = move |outcome: Result<(), _>| {
                    let outcome = outcome.map_err(|error: ccells_core::store::SaveError| error.to_string());
                    Some(Event::IntentWritten { workstream, attempt, outcome })
                };
                self.begin_files(process, Box::new(Mapped::new(replace, map)), None);
            }
            Effect::ClearIntent { workstream, attempt } => {
                let remove = Remove::new(self.processes[process].places.intent(&workstream));
                let map = move |outcome: Result<(), ccells_core::store::SaveError>| {
                    let outcome = outcome.map_err(|error| error.to_string());
                    Some(Event::IntentCleared { workstream, attempt, outcome })
                };
                self.begin_files(process, Box::new(Mapped::new(remove, map)), None);
            }
            Effect::TrackContainer { workstream, attempt, delta } => {
                let event = move |outcome| Event::ContainerTracked { workstream, attempt, outcome };
                self.update_index(process, *delta, event);
            }
            Effect::UntrackContainer { workstream, attempt, delta } => {
                let untracked = move |outcome| Event::ContainerUntracked { workstream, attempt, outcome };
                self.update_index(process, *delta, untracked);
            }
            Effect::SaveState { generation, state } => self.save(process, generation, state),
            Effect::ResolveBase { .. }
            | Effect::PinBase { .. }
            | Effect::AddWorktree { .. }
            | Effect::BuildHome { .. }
            | Effect::InspectWork { .. }
            | Effect::SnapshotWork { .. }
            | Effect::RemoveWorktree { .. }
            | Effect::RetireHome { .. }
            | Effect::RestoreWork { .. } => self.perform_git(process, effect),
            Effect::FetchWork { .. } | Effect::JudgeMerge { .. } => self.bring_home(process, effect),
            Effect::MoveBranch { .. } | Effect::PushWork { .. } => self.bring_home(process, effect),
            Effect::AimRebase { .. } | Effect::RebaseWork { .. } | Effect::MoveBase { .. } => {
                self.rebase(process, effect);
            }
            Effect::PingEngine
            | Effect::CreateContainer { .. }
            | Effect::PullImage { .. }
            | Effect::UploadHolder { .. }
            | Effect::StartContainer { .. }
            | Effect::PauseContainer { .. }
            | Effect::UnpauseContainer { .. }
            | Effect::StopContainer { .. }
            | Effect::RemoveContainer { .. }
            | Effect::ListContainers { .. }
            | Effect::WatchEngine { .. } => self.perform_engine(process, effect),
            Effect::OpenSession { workstream, attempt, container, .. } => {
                self.open_session(process, workstream, attempt, &container);
            }
            Effect::AbandonPull { workstream } => self.abandon_pull(process, &workstream),
            Effect::CloseSession { workstream } => {
                self.processes[process].sessions.remove(&workstream);
            }
            Effect::RestartAgent { workstream, attempt, container, .. } => {
                self.restart_agent(process, workstream, attempt, &container);
            }
            Effect::Beat { sequence } => self.beat(process, sequence),
            Effect::Reply { request, outcome } => self.replied(process, request, &outcome),
            Effect::Notify { .. } => {}
            Effect::Exit { is_complete } => self.exit(process, is_complete),
        }
    }

    fn restart_agent(
        &mut self,
        process: usize,
        workstream: WorkstreamId,
        attempt: Attempt,
        container: &ContainerId,
    ) {
        let is_running = self.engine.by_id(container).is_some_and(Container::is_working);
        let outcome = if is_running { Ok(()) } else { Err("the holder does not answer".to_string()) };
        self.later(20, Item::Tell(process, Event::AgentRestarted { workstream, attempt, outcome }));
    }

    fn replace(&mut self, process: usize, target: PathText, bytes: Vec<u8>, keep: Keep) -> Replace {
        let nonce = self.number();
        Replace::new(target, bytes, nonce, self.processes[process].start.pid, keep)
    }

    fn begin_files(&mut self, process: usize, protocol: FileJob, then: Option<Box<Job>>) {
        let protocol = match self.planted.in_shell() {
            Some(slip) => Box::new(Flawed::new(protocol, slip)),
            None => protocol,
        };
        let patience_until = self.now + LOCK_PATIENCE_MS;
        self.begin(process, Job::Files { protocol, last: None, patience_until, then });
    }

    pub(crate) fn begin_git(&mut self, process: usize, op: GitOp, answer: GitAnswer) {
        self.begin(process, Job::Git { op, done: 0, answer, then: None });
    }

    fn begin(&mut self, process: usize, job: Job) {
        let number = self.number();
        let delay = match &job {
            Job::Files { .. } => FILE_STEP_MS,
            Job::Git { .. } => GIT_STEP_MS,
        };
        self.processes[process].jobs.insert(number, job);
        self.later(delay, Item::Step(process, number));
    }

    /// The delta is applied to what is on disk, under the lock.
    fn update_index(
        &mut self,
        process: usize,
        delta: Delta,
        event: impl FnOnce(Result<(), String>) -> Event + 'static,
    ) {
        let nonce = self.number();
        let at = self.clocks().wall;
        let run = &self.processes[process];
        let writer = Writer { run: run.start.run.clone(), pid: run.start.pid };
        let forgets = self.planted.in_shell() == Some(Slip::IndexForgetsOthers);
        let repo = run.start.repo.id.clone();
        let apply = move |present: Option<Vec<u8>>| {
            let present = if forgets { present.map(|bytes| flaws::only_of(&bytes, &repo)) } else { present };
            match tracking::apply(present.as_deref(), &delta, &writer, at) {
                // Only an index: what it held is in the labels too.
                Err(record::Flaw::Corrupt { .. }) => tracking::apply(None, &delta, &writer, at),
                other => other,
            }
        };
        let update =
            Update::new(run.places.index_lock(), run.places.index(), nonce, run.start.pid, Keep::One, apply);
        let map = move |outcome: Result<(), ccells_core::store::UpdateError<record::Flaw>>| {
            Some(event(outcome.map_err(|error| error.to_string())))
        };
        self.begin_files(process, Box::new(Mapped::new(update, map)), None);
    }

    /// One writer; of the states that wait only the newest is written.
    fn save(&mut self, process: usize, generation: Generation, state: Box<StateRecord>) {
        let slip = self.planted.in_shell();
        if slip == Some(Slip::LockLetGoEarly) && self.processes[process].quit_since.is_some() {
            let lock = self.processes[process].repo_lock();
            let _freed = self.file_op(process, &FileOp::Unlock(lock));
        }
        let is_alone = !matches!(slip, Some(Slip::SavesWithoutOrder | Slip::SharedTemporary));
        let saver = &mut self.processes[process].saver;
        if saver.running.is_some() && is_alone {
            saver.next = Some((generation, state));
            if slip == Some(Slip::QueuedCountsAsSaved) {
                let event = Event::StateSaved { generation, outcome: Ok(()) };
                self.acknowledged(process, &event);
                self.tell_soon(process, 0, event);
            }
            return;
        }
        saver.running = Some(generation);
        let target = self.processes[process].state();
        let replace = self.replace(process, target, record::print(&*state), Keep::Two);
        let map = move |outcome: Result<(), ccells_core::store::SaveError>| {
            let outcome = outcome.map_err(|error| error.to_string());
            Some(Event::StateSaved { generation, outcome })
        };
        self.begin_files(process, Box::new(Mapped::new(replace, map)), None);
    }

    fn beat(&mut self, process: usize, sequence: u64) {
        let timestamp = self.clocks().wall.0 / 1_000;
        let (nonce, other_nonce) = (self.number(), self.number());
        let run = &self.processes[process];
        let beat = BeatRecord {
            version: VERSION,
            pid: run.start.pid,
            timestamp,
            run: run.start.run.clone(),
            repo_id: run.start.repo.id.clone(),
            sequence,
            boot_id: format!("boot-{}", self.boots),
            start_ticks: 1,
        };
        let bytes = record::print(&beat);
        let (own, last) = (run.places.run_beat(&run.start.run), run.places.heartbeat());
        let pid = run.start.pid;
        if !self.is_storm {
            // Nothing comes between its steps, and there are many beats in a calm.
            self.trace.note(self.now, Who::Process(process), "beat", || own.to_string());
            self.disk.overwrite(&own, &bytes);
            self.disk.overwrite(&last, &bytes);
            return;
        }
        for replace in [
            Replace::fleeting(own, bytes.clone(), nonce, pid),
            Replace::fleeting(last, bytes, other_nonce, pid),
        ] {
            self.begin_files(process, Box::new(Mapped::new(replace, |_| None)), None);
        }
    }

    /// The run ends of its own will. What it has sent to the engine lands all the same.
    fn exit(&mut self, process: usize, is_complete: bool) {
        self.before_exit(process);
        if is_complete {
            let start = self.processes[process].start.clone();
            let slip = self.planted.in_shell();
            boot::leave(&mut BootFiles { world: self, process }, &start, slip);
        }
        if !self.is_alive(process) {
            return;
        }
        self.after_exit(process);
        self.saw(if is_complete { "clean exit" } else { "exit in a hurry" });
        self.end(process);
    }

    /// The process is gone, whatever the reason.
    pub fn end(&mut self, process: usize) {
        let run = &mut self.processes[process];
        run.life = Life::Ended;
        run.jobs.clear();
        run.sessions.clear();
        run.is_watching = false;
        run.open.clear();
        run.files.crash(Crash::Kill);
        self.calls.retain(|_, call| {
            call.is_waited_for &= call.process != process;
            call.is_waited_for || !call.is_lost
        });
    }
}

/// Git.
impl World {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not git's is sorted out before")]
    fn perform_git(&mut self, process: usize, effect: Effect) {
        match effect {
            Effect::ResolveBase { workstream, attempt, repo, wish } => {
                let pick = |ok| if let GitOk::Base(commit) = ok { Some(commit.into()) } else { None };
                let answer = gave(pick, move |outcome| Event::BaseResolved { workstream, attempt, outcome });
                self.begin_git(process, GitOp::Resolve { repo, branch: wish.branch }, answer);
            }
            Effect::PinBase { workstream, attempt, plan } => {
                let answer = done(move |outcome| Event::BasePinned { workstream, attempt, outcome });
                self.begin_git(process, GitOp::Pin(plan), answer);
            }
            Effect::AddWorktree { workstream, attempt, plan } => {
                let answer = done(move |outcome| Event::WorktreeAdded { workstream, attempt, outcome });
                self.begin_git(process, GitOp::Add(plan), answer);
            }
            Effect::InspectWork { workstream, attempt, plan } => {
                let pick = |ok| if let GitOk::Work(report) = ok { Some(report) } else { None };
                let answer = gave(pick, move |outcome| Event::WorkInspected { workstream, attempt, outcome });
                self.begin_git(process, GitOp::Inspect(plan), answer);
            }
            Effect::SnapshotWork { workstream, attempt, plan } => {
                let pick = |ok| if let GitOk::Kept(commit) = ok { Some(commit) } else { None };
                let answer =
                    gave(pick, move |outcome| Event::WorkSnapshotted { workstream, attempt, outcome });
                self.begin_git(process, GitOp::Snapshot(plan), answer);
            }
            Effect::RemoveWorktree { workstream, attempt, plan, keep_branch } => {
                let answer = done(move |outcome| Event::WorktreeRemoved { workstream, attempt, outcome });
                self.begin_git(process, GitOp::Remove(plan, keep_branch), answer);
            }
            Effect::BuildHome { workstream, attempt, plan, facts } => {
                self.build_home(process, workstream, attempt, &plan, *facts);
            }
            Effect::RetireHome { workstream, attempt, plan } => {
                self.retire_home(process, workstream, attempt, plan);
            }
            Effect::RestoreWork { workstream, attempt, plan } => {
                self.restore_work(process, workstream, attempt, plan);
            }
            other => unreachable!("not for git: {other:?}"),
        }
    }

    /// Made beside its place and moved there whole.
    fn build_home(
        &mut self,
        process: usize,
        workstream: WorkstreamId,
        attempt: Attempt,
        plan: &WorktreePlan,
        facts: Facts,
    ) {
        let rooms = self.processes[process].places.workstreams();
        let nonce = self.number();
        let making = rooms.join(&format!(".{workstream}.{nonce}.making"));
        let file = making.join("workstream.json");
        let bytes = record::print(&FactsRecord { version: VERSION, facts });
        let row = Row::new(
            Some(plan.home.join("workstream.json")),
            vec![
                (FileOp::MakeDir(making.clone()), Fine::Nothing),
                (FileOp::CreateNew(file.clone()), Fine::Nothing),
                (FileOp::Append(file.clone(), bytes), Fine::Nothing),
                (FileOp::SyncFile(file), Fine::Nothing),
                (FileOp::SyncDir(making.clone()), Fine::Nothing),
                (FileOp::Rename(making, plan.home.clone()), Fine::There),
                (FileOp::SyncDir(rooms), Fine::Nothing),
            ],
        );
        let map = move |outcome: Result<(), FileError>| {
            let outcome = outcome.map_err(|error| GitError::Failed { what: error.to_string() });
            Some(Event::HomeBuilt { workstream, attempt, outcome })
        };
        self.begin_files(process, Box::new(Mapped::new(row, map)), None);
    }

    fn retire_home(
        &mut self,
        process: usize,
        workstream: WorkstreamId,
        attempt: Attempt,
        plan: Box<WorktreePlan>,
    ) {
        let place = format!("{workstream}-{}", self.number());
        let places = &self.processes[process].places;
        let (rooms, trash) = (places.workstreams(), places.trash());
        let row = Row::new(
            None,
            vec![
                (FileOp::Rename(plan.home.clone(), trash.join(&place)), Fine::Gone),
                (FileOp::SyncDir(trash), Fine::Nothing),
                (FileOp::SyncDir(rooms), Fine::Nothing),
            ],
        );
        let id = workstream.clone();
        let map = move |outcome: Result<(), FileError>| {
            let error = outcome.err()?;
            let outcome = Err(GitError::Failed { what: error.to_string() });
            Some(Event::HomeRetired { workstream: id, attempt, outcome })
        };
        let answer = done(move |outcome| Event::HomeRetired { workstream, attempt, outcome });
        let then = Job::Git { op: GitOp::Unpin(plan), done: 0, answer, then: None };
        self.begin_files(process, Box::new(Mapped::new(row, map)), Some(Box::new(then)));
    }

    /// Its own directory first and then the rest: until its intent is gone, both are looked at again.
    fn restore_work(
        &mut self,
        process: usize,
        workstream: WorkstreamId,
        attempt: Attempt,
        plan: Box<WorktreePlan>,
    ) {
        let places = &self.processes[process].places;
        let (rooms, trash) = (places.workstreams(), places.trash());
        let names = self.disk.names(&trash).unwrap_or_default();
        let number =
            |name: &String| name.strip_prefix(workstream.as_str())?.strip_prefix('-')?.parse::<u64>().ok();
        let newest = names.iter().max_by_key(|name| number(name));
        let newest = newest.filter(|name| number(name).is_some());
        let from = trash.join(newest.map_or(workstream.as_str(), String::as_str));
        let row = Row::new(
            Some(plan.home.join("workstream.json")),
            vec![
                (FileOp::Rename(from, plan.home.clone()), Fine::Nothing),
                (FileOp::SyncDir(rooms), Fine::Nothing),
                (FileOp::SyncDir(trash), Fine::Nothing),
            ],
        );
        let id = workstream.clone();
        let answer = move |outcome: Result<GitOk, GitError>| Event::WorkRestored {
            workstream: id,
            attempt,
            outcome: outcome.and_then(|_| Err(unfit())),
        };
        // The step that counts is the last one: until then it is in the trash.
        let then = move |ok: GitOk| -> FileJob {
            let map = move |outcome: Result<(), FileError>| {
                let outcome = match (outcome, ok) {
                    (Ok(()), GitOk::Branch(branch)) => Ok(branch),
                    (Ok(()), _) => Err(unfit()),
                    (Err(error), _) => Err(GitError::Failed { what: error.to_string() }),
                };
                Some(Event::WorkRestored { workstream, attempt, outcome })
            };
            Box::new(Mapped::new(row, map))
        };
        let then: Option<GitThen> = Some(Box::new(then));
        let op = GitOp::Restore(plan);
        self.begin(process, Job::Git { op, done: 0, answer: Box::new(answer), then });
    }
}

/// Steps.
impl World {
    /// The next small step of something under way.
    pub fn step_job(&mut self, process: usize, number: u64) {
        let Some(job) = self.processes[process].jobs.remove(&number) else { return };
        match job {
            Job::Files { protocol, last, patience_until, then } => {
                self.step_files(process, number, protocol, last, patience_until, then);
            }
            Job::Git { op, done, answer, then } => self.step_git(process, number, op, done, (answer, then)),
        }
    }

    fn step_files(
        &mut self,
        process: usize,
        number: u64,
        mut protocol: FileJob,
        last: Option<Result<ccells_core::ports::FileOk, FileError>>,
        patience_until: u64,
        then: Option<Box<Job>>,
    ) {
        let (last, delay) = match protocol.step(last) {
            Step::Do(op) => {
                let outcome = self.file_op(process, &op);
                (Some(outcome), FILE_STEP_MS + self.disk_delay(process))
            }
            Step::Wait if self.now >= patience_until => (Some(Err(FileError::Locked)), 0),
            Step::Wait => (None, LOCK_RETRY_MS),
            Step::Done(Some(event)) => return self.finish(process, event),
            Step::Done(None) => {
                if let Some(job) = then {
                    self.begin(process, *job);
                }
                return;
            }
        };
        if self.is_alive(process) {
            let job = Job::Files { protocol, last, patience_until, then };
            self.processes[process].jobs.insert(number, job);
            self.later(delay, Item::Step(process, number));
        }
    }

    fn step_git(
        &mut self,
        process: usize,
        number: u64,
        op: GitOp,
        done: u32,
        (answer, then): (GitAnswer, Option<GitThen>),
    ) {
        if self.crash_point(process) || self.crash_in_a_move(process, &op, done) {
            return;
        }
        self.trace.note(self.now, Who::Process(process), "git", || {
            format!("step {done} of {}", format!("{op:?}").chars().take(60).collect::<String>())
        });
        self.commit_first(&op, done);
        let outcome = match self.git_failure() {
            Some(error) => Some(Err(error)),
            None => self.git.step(&op, done),
        };
        self.after_git_step(process, &op);
        match (outcome, then) {
            (Some(Ok(ok)), Some(then)) => self.begin_files(process, then(ok), None),
            (Some(outcome), _) => self.finish(process, answer(outcome)),
            (None, then) => {
                self.processes[process].jobs.insert(number, Job::Git { op, done: done + 1, answer, then });
                self.later(GIT_STEP_MS, Item::Step(process, number));
            }
        }
    }

    /// Something under way came to its end: the machine hears of it, now and then twice.
    fn finish(&mut self, process: usize, event: Event) {
        if let Event::StateSaved { generation, .. } = &event {
            let generation = *generation;
            self.saved(process, generation);
        }
        self.acknowledged(process, &event);
        self.tell_soon(process, 0, event);
    }

    fn saved(&mut self, process: usize, generation: Generation) {
        let saver = &mut self.processes[process].saver;
        let is_alone =
            !matches!(self.planted.in_shell(), Some(Slip::SavesWithoutOrder | Slip::SharedTemporary));
        assert!(saver.running == Some(generation) || !is_alone, "one save runs at a time");
        saver.running = None;
        if let Some((generation, state)) = saver.next.take() {
            self.save(process, generation, state);
        }
    }

    /// Tells a machine something after a while, now and then a second time later: that must be harmless.
    pub fn tell_soon(&mut self, process: usize, delay: u64, event: Event) {
        let rate = self.weather.twice;
        if self.chance("event.twice", rate) {
            let again = delay + self.draw("event.again", pace::ECHO_MS);
            self.saw("an answer twice");
            self.later(again, Item::Tell(process, event.clone()));
        }
        self.later(delay, Item::Tell(process, event));
    }

    fn disk_delay(&mut self, process: usize) -> u64 {
        let rate = self.weather.slow_disk;
        if !self.chance("disk.slow", rate) {
            return 0;
        }
        self.processes[process].watch.trouble_at = Some(self.now);
        self.draw("disk.delay", 3_000)
    }

    fn git_failure(&mut self) -> Option<GitError> {
        let rate = self.weather.git_error;
        if self.chance("git.error", rate) {
            self.saw("git error");
            return Some(GitError::Failed { what: "git was not in the mood".to_string() });
        }
        None
    }
}

/// The engine.
impl World {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not the engine's is sorted out before")]
    fn perform_engine(&mut self, process: usize, effect: Effect) {
        match effect {
            Effect::CreateContainer { workstream, attempt, spec } => {
                let answer = move |outcome: Result<_, _>| Event::ContainerCreated {
                    workstream: workstream.clone(),
                    attempt,
                    outcome: outcome.map(created),
                };
                self.send(process, EngineOp::Create(spec), limits::CREATE_MS, Box::new(answer));
            }
            Effect::ListContainers { home: _ } => {
                self.processes[process].listed_at = self.now;
                let requested_at = self.clocks().mono;
                let answer = move |outcome: Result<_, _>| Event::ContainersListed {
                    requested_at,
                    outcome: outcome.map(listed),
                };
                self.send(process, EngineOp::List, limits::LIST_MS, Box::new(answer));
            }
            Effect::PingEngine => {
                let facts = || ccells_core::ports::EngineFacts { version: String::new(), api: String::new() };
                let answer =
                    move |outcome: Result<_, _>| Event::EnginePinged { outcome: outcome.map(|_| facts()) };
                self.send(process, EngineOp::Ping, limits::PING_MS, Box::new(answer));
            }
            Effect::WatchEngine { home: _ } => self.watch(process),
            Effect::PullImage { workstream: w, attempt, image: _ } => {
                let op = EngineOp::Pull(w.clone());
                let event = move |outcome| Event::ImagePulled { workstream: w.clone(), attempt, outcome };
                self.send_plain(process, op, limits::PULL_STALL_MS, event);
            }
            Effect::UploadHolder { workstream: w, attempt, container } => {
                let event = move |outcome| Event::HolderUploaded { workstream: w.clone(), attempt, outcome };
                self.send_plain(process, EngineOp::Upload(container), limits::UPLOAD_MS, event);
            }
            Effect::StartContainer { workstream: w, attempt, container } => {
                let event =
                    move |outcome| Event::ContainerStarted { workstream: w.clone(), attempt, outcome };
                self.send_plain(process, EngineOp::Start(container), limits::CREATE_MS, event);
            }
            Effect::PauseContainer { workstream: w, attempt, container } => {
                let event = move |outcome| Event::ContainerPaused { workstream: w.clone(), attempt, outcome };
                self.send_plain(process, EngineOp::Pause(container), limits::PAUSE_MS, event);
            }
            Effect::UnpauseContainer { workstream: w, attempt, container } => {
                let event =
                    move |outcome| Event::ContainerUnpaused { workstream: w.clone(), attempt, outcome };
                self.send_plain(process, EngineOp::Unpause(container), limits::PAUSE_MS, event);
            }
            Effect::StopContainer { workstream: w, attempt, container } => {
                let event =
                    move |outcome| Event::ContainerStopped { workstream: w.clone(), attempt, outcome };
                self.send_plain(process, EngineOp::Stop(container), limits::STOP_MS, event);
            }
            Effect::RemoveContainer { workstream: w, attempt, home, name } => {
                let event =
                    move |outcome| Event::ContainerRemoved { workstream: w.clone(), attempt, outcome };
                let id = self.engine.containers.get(&name).map(|it| it.id.clone());
                self.send_plain(process, EngineOp::Remove(home, name, id), limits::REMOVE_MS, event);
            }
            other => unreachable!("not for the engine: {other:?}"),
        }
    }

    fn send_plain(
        &mut self,
        process: usize,
        op: EngineOp,
        patience_ms: u64,
        event: impl Fn(Result<(), ccells_core::ports::EngineError>) -> Event + 'static,
    ) {
        self.send(process, op, patience_ms, Box::new(move |outcome| event(outcome.map(|_| ()))));
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a model answers each kind of call in kind")]
fn created(ok: crate::ports::engine::EngineOk) -> ccells_core::ids::ContainerId {
    match ok {
        crate::ports::engine::EngineOk::Created(id, _) => id,
        other => unreachable!("a creation gave {other:?}"),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a model answers each kind of call in kind")]
fn listed(ok: crate::ports::engine::EngineOk) -> Vec<ccells_core::container::Observed> {
    match ok {
        crate::ports::engine::EngineOk::Listed(all) => all,
        other => unreachable!("a listing gave {other:?}"),
    }
}

pub(crate) fn unfit() -> GitError {
    GitError::Failed { what: "git gave another answer".to_string() }
}

/// The answer to an operation that gives what `pick` finds in it.
pub(crate) fn gave<T: 'static>(
    pick: fn(GitOk) -> Option<T>,
    event: impl FnOnce(Result<T, GitError>) -> Event + 'static,
) -> GitAnswer {
    Box::new(move |outcome| event(outcome.and_then(|ok| pick(ok).ok_or_else(unfit))))
}

pub(crate) fn done(event: impl FnOnce(Result<(), GitError>) -> Event + 'static) -> GitAnswer {
    Box::new(move |outcome| event(outcome.map(|_| ())))
}

/// The disk as one starting or ending run sees it: a crash turns every later operation into nothing.
pub struct BootFiles<'a> {
    /// The world.
    pub world: &'a mut World,
    /// The run.
    pub process: usize,
}

impl ccells_core::ports::Files for BootFiles<'_> {
    fn apply(&mut self, op: &FileOp) -> Result<ccells_core::ports::FileOk, FileError> {
        self.world.file_op(self.process, op)
    }
}
