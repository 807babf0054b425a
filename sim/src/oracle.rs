//! What was promised to whom: the oracle hears every wish, every answer and every step, and the checkers hold the
//! world against it.

use std::collections::{BTreeMap, BTreeSet};

use ccells_core::effect::{Done, Effect, Refusal};
use ccells_core::event::{Access, Ask, Event, Found, OnQuit, Previous, Purpose};
use ccells_core::ids::{Generation, HomeId, RequestId, WorkstreamId};
use ccells_core::ports::{EngineError, FileOp};
use ccells_core::record::Facts;

use crate::canary::Planted;
use crate::checkers::{
    careful, durable, exit, files, index, known, locks, merges, pace, promises, pushes, quit, rebases,
    single, strangers, truth, wishes, work,
};
use crate::ports::engine::{EngineOk, EngineOp, Meddling};
use crate::ports::git::GitOp;
use crate::process::Process;
use crate::world::World;

/// A crash so soon after a start that took over from a crash hits the recovery itself.
const RECOVERY_MS: u64 = 5_000;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its number.
    pub invariant: &'static str,
    /// What is wrong.
    pub text: String,
}

/// What is known of one workstream's fate.
#[derive(Clone, Debug)]
pub struct Promise {
    /// Whose.
    pub seat: usize,
    /// What was asked of it.
    pub prompt: String,
    /// Whether its making was acknowledged.
    pub is_acknowledged: bool,
    /// Whether somebody asked to take it away.
    pub may_go: bool,
    /// Whether its removal was acknowledged.
    pub is_gone: bool,
    /// Whether its removal was acknowledged, and its coming back was not.
    pub is_away: bool,
    /// Whether people did something to its container behind our back.
    pub was_meddled_with: bool,
    /// Whether the user froze it, as acknowledged, and nothing let it go on since.
    pub is_to_rest: bool,
    /// Whether anybody agreed to lose what its worktree holds, or asked to take it away while it held nothing.
    pub may_lose: bool,
    /// Whether every removal that was asked for was to leave its branch.
    pub keeps_branch: bool,
}

/// The memory of the world.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    /// The first broken invariant.
    pub violation: Option<Violation>,
    /// Every workstream anybody wished for.
    pub promises: BTreeMap<WorkstreamId, Promise>,
    /// What each open request was.
    pub asked: BTreeMap<RequestId, (usize, Ask)>,
    /// Containers of ours that no file knows of.
    pub planted: BTreeSet<WorkstreamId>,
    /// Of those, the ones that somebody asked to take away.
    pub unwanted: BTreeSet<WorkstreamId>,
    /// Homes in which files were damaged, and how many.
    pub damaged_homes: BTreeMap<HomeId, u32>,
    /// Whether the wall clock ever jumped ahead: then a wait that outlives its run may be too short.
    pub has_clock_jumped: bool,
    /// The newest generation of the state that was acknowledged, by seat.
    pub acknowledged_state: BTreeMap<usize, Generation>,
    /// Starts that took over from a crash: run and time.
    pub took_over: BTreeMap<usize, u64>,
    /// How many recoveries in a row were cut short, by seat.
    pub recoveries_cut: BTreeMap<usize, u32>,
    /// What is fixed about every workstream that had an intent.
    pub facts: BTreeMap<WorkstreamId, Facts>,
    /// Workstreams that a run wrote down as frozen by its own end.
    pub frozen_by_quit: BTreeSet<WorkstreamId>,
}

/// What the oracle hears.
impl World {
    /// A wish.
    pub fn note_ask(&mut self, process: usize, request: RequestId, ask: &Ask) {
        if self.planted == Planted::Always {
            self.fail("C0", "the canary sings".to_string());
        }
        let run = &mut self.processes[process];
        run.open.insert(request, ask.clone());
        let seat = run.seat;
        careful::asked(self, process, ask);
        wishes::asked(self, process, ask);
        self.oracle.asked.insert(request, (process, ask.clone()));
        match ask {
            Ask::New(wanted) => {
                let promise = Promise {
                    seat,
                    prompt: wanted.prompt.clone(),
                    is_acknowledged: false,
                    may_go: false,
                    is_gone: false,
                    is_away: false,
                    was_meddled_with: false,
                    is_to_rest: false,
                    may_lose: false,
                    keeps_branch: true,
                };
                self.oracle.promises.insert(wanted.id.clone(), promise);
            }
            Ask::Remove { workstream, .. } => {
                if let Some(promise) = self.oracle.promises.get_mut(workstream) {
                    promise.may_go = true;
                } else {
                    self.oracle.unwanted.insert(workstream.clone());
                }
            }
            Ask::Undo(facts) => {
                if let Some(promise) = self.oracle.promises.get_mut(&facts.id) {
                    // From now on it may be there, and until that is acknowledged it may not.
                    promise.is_gone = false;
                    promise.is_to_rest = false;
                }
            }
            Ask::Cancel(workstream) => {
                if let Some(promise) = self.oracle.promises.get_mut(workstream) {
                    promise.may_go |= !promise.is_acknowledged;
                }
            }
            Ask::Quit { .. } => {
                if self.processes[process].quit_since.is_none() && self.weather.engine_hung_until > self.now {
                    self.saw("quit with a hung engine");
                }
                quit::asked(self, process, false);
            }
            Ask::QuitNow => quit::asked(self, process, true),
            Ask::Pause(_)
            | Ask::Merge { .. }
            | Ask::Push { .. }
            | Ask::Rebase { .. }
            | Ask::Resume(_)
            | Ask::Stop(_)
            | Ask::Restart(_)
            | Ask::Reconcile
            | Ask::View(_) => {}
        }
    }

    /// An answer to a wish.
    pub fn replied(&mut self, process: usize, request: RequestId, outcome: &Result<Done, Refusal>) {
        self.trace.note(self.now, crate::trace::Who::Process(process), "reply", || format!("{outcome:?}"));
        if self.processes[process].open.remove(&request).is_none() {
            self.fail("Q1", format!("p{process} answered {request:?} which is not open: {outcome:?}"));
            return;
        }
        let Some((_, ask)) = self.oracle.asked.get(&request).cloned() else { return };
        promises::replied(self, process, &ask, outcome);
        let run = &self.processes[process];
        if run.errand.is_some() && run.quit_since.is_none() && !matches!(ask, Ask::Quit { .. } | Ask::QuitNow)
        {
            self.ask(process, Ask::Quit { policy: OnQuit::KeepRunning });
        }
    }

    /// A machine asks for something.
    pub fn before_effect(&mut self, process: usize, effect: &Effect) {
        truth::before_effect(self, effect);
        wishes::before_effect(self, process, effect);
        pace::before_effect(self, process, effect);
        careful::before_effect(self, process, effect);
        promises::before_effect(self, process, effect);
        durable::before_effect(self, process, effect);
        if let Effect::WriteIntent { workstream, intent, .. } = effect {
            self.oracle.facts.insert(workstream.clone(), intent.workstream.clone());
        }
        if let Effect::ClearIntent { workstream, .. } = effect {
            self.note_clearing(process, workstream);
        }
        locks::before_effect(self, process, effect);
        merges::before_effect(self, process, effect);
        pushes::before_effect(self, process, effect);
        rebases::before_effect(self, process, effect);
    }

    fn note_clearing(&mut self, process: usize, workstream: &WorkstreamId) {
        let run = &self.processes[process];
        let own = run.start.run.as_str();
        let is_of_another =
            |bytes: &[u8]| known::contains(bytes, "\"is_settling\": true") && !known::contains(bytes, own);
        if self.disk.look(&run.places.intent(workstream), false, is_of_another).unwrap_or(false) {
            self.saw("settled in a later run");
        }
    }

    /// A file operation is about to be done.
    pub fn before_file_op(&mut self, process: usize, op: &FileOp) {
        files::before_op(self, process, op);
        index::before_op(self, process, op);
        if self.processes[process].watch.left_to_others.is_some() {
            exit::before_op(self, process, op);
        }
    }

    /// A file operation was done, or failed.
    pub fn after_file_op(&mut self, op: &FileOp) {
        match op {
            FileOp::Rename(_, path) | FileOp::Unlink(path) | FileOp::SyncDir(path) => {
                known::check_after(self, path);
            }
            FileOp::MakeDir(_)
            | FileOp::Read(_)
            | FileOp::List(_)
            | FileOp::CreateNew(_)
            | FileOp::Append(..)
            | FileOp::SyncFile(_)
            | FileOp::Link(..)
            | FileOp::TryLock(_)
            | FileOp::Unlock(_) => {}
        }
    }

    /// A step of git was done.
    pub fn after_git_step(&mut self, process: usize, op: &GitOp) {
        work::check(self, process, op);
    }

    /// The engine did what a run asked for.
    pub fn after_landing(
        &mut self,
        process: usize,
        op: &EngineOp,
        outcome: &Result<EngineOk, EngineError>,
        is_late: bool,
    ) {
        if let EngineOp::Create(_) = op {
            self.note_created(op);
            if is_late {
                self.saw("late landing");
            }
            if matches!(outcome, Ok(EngineOk::Created(_, true))) {
                self.saw("adopted by name and labels");
            }
        }
        promises::after_landing(self, op, outcome);
        strangers::after_landing(self, process, op, outcome);
    }

    /// A container may have been made.
    pub fn note_created(&mut self, op: &EngineOp) {
        if let EngineOp::Create(spec) = op {
            single::check(self, &spec.labels.home, &spec.labels.workstream);
        }
        known::check(self);
    }

    /// People did something to a container of ours.
    pub fn note_meddling(&mut self, name: &str, what: Meddling) {
        let labels = self.engine.containers.get(name).and_then(|it| it.labels.clone());
        let Some(labels) = labels else { return };
        if let Some(promise) = self.oracle.promises.get_mut(&labels.workstream) {
            promise.was_meddled_with = true;
            promise.is_to_rest = false;
        }
        match what {
            Meddling::Pause => self.saw("paused behind our back"),
            Meddling::Remove => self.saw("removed behind our back"),
            Meddling::Stop | Meddling::Unpause | Meddling::Start => {}
        }
        if what == Meddling::Remove {
            self.oracle.planted.remove(&labels.workstream);
        }
    }

    /// Something is durable, or so the machine is about to be told.
    pub fn acknowledged(&mut self, process: usize, event: &Event) {
        durable::acknowledged(self, process, event);
        files::failed(self, process, event);
        pace::saved(self, process, event);
    }

    /// A run found this.
    pub fn booted(&mut self, process: usize, found: &Found) {
        locks::booted(self, process, found);
        durable::booted(self, process, found);
        careful::booted(self, process, found);
        if found.access != Access::Write {
            self.saw("second run refused");
        } else if let Previous::Crashed(beat) = &found.previous {
            if beat.boot_id != format!("boot-{}", self.boots) {
                self.saw("takeover after a reboot");
            }
            self.saw("takeover after a crash");
            self.oracle.took_over.insert(process, self.now);
        }
        match found.purpose {
            Purpose::Interactive => {}
            Purpose::Verb => self.saw("verb"),
            Purpose::Reconcile => self.saw("reconcile"),
        }
    }

    /// A run ends of its own will.
    pub fn before_exit(&mut self, process: usize) {
        quit::before_exit(self, process);
        let run = &self.processes[process];
        let unanswered = run.open.iter().find(|(request, _)| run.watch.heard.contains(request));
        if let Some(text) = unanswered.map(|it| format!("p{process} ended without an answer to {it:?}")) {
            self.fail("Q1", text);
        }
        exit::begins(self, process);
    }

    /// A run that ended of its own will has taken away what is its own.
    pub fn after_exit(&mut self, process: usize) {
        exit::ended(self, process);
    }

    /// A run dies.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other calls make nothing")]
    pub fn note_crash(&mut self, process: usize) {
        if self.processes[process].saver.running.is_some() {
            self.saw("crash during a save");
        }
        if self.git.merges.half_moved().next().is_some() {
            self.saw("crash in a move");
        }
        if self.git.remotes.is_on_the_way() {
            self.saw("crash in a push");
        }
        if self.oracle.took_over.get(&process).is_some_and(|at| self.now < at + RECOVERY_MS) {
            self.saw("crash during recovery");
            let cut = self.oracle.recoveries_cut.entry(self.processes[process].seat).or_default();
            *cut += 1;
            if *cut > 1 {
                self.saw("crash during the recovery of a recovery");
            }
        } else {
            self.oracle.recoveries_cut.remove(&self.processes[process].seat);
        }
        let in_flight: Vec<_> = self
            .calls
            .values()
            .filter(|call| call.process == process && call.is_waited_for)
            .filter_map(|call| match &call.op {
                EngineOp::Create(spec) => Some(self.engine.containers.contains_key(&spec.name)),
                _ => None,
            })
            .collect();
        for is_there in in_flight {
            self.saw(if is_there {
                "crash after create, before its reply"
            } else {
                "crash before create lands"
            });
        }
        if self.processes[process].quit_since.is_some() {
            self.saw("crash during the end");
        }
    }

    /// The power is back.
    pub fn after_power_cut(&mut self) {
        known::check(self);
    }
}

impl Oracle {
    /// All that it holds against what comes after a crash, as a text. Two worlds that differ in it are two: one of them
    /// may be broken. Everything has its place here, or a reason to have none.
    pub fn remembered(&self) -> String {
        let Self {
            violation,
            promises,
            // Wishes of runs that are gone: nobody answers them any more.
            asked: _,
            planted,
            unwanted,
            damaged_homes,
            has_clock_jumped,
            acknowledged_state,
            // These two only tell how often something came to pass.
            took_over: _,
            recoveries_cut: _,
            // Nothing is judged by it: it is what people wish with.
            facts: _,
            frozen_by_quit,
        } = self;
        let promised = (promises, planted, unwanted, acknowledged_state, frozen_by_quit);
        format!("{:?}", (violation, promised, damaged_homes, has_clock_jumped))
    }

    /// Whether a container of this workstream may come to light late: only where the wall clock jumped ahead, and only
    /// of one that is gone or was never made. It is adopted then.
    pub fn may_resurface(&self, workstream: &WorkstreamId) -> bool {
        let promise = self.promises.get(workstream);
        self.has_clock_jumped && promise.is_some_and(|promise| promise.may_go || !promise.is_acknowledged)
    }
}

impl Process {
    /// Whether its home had a file damaged: then less can be promised.
    pub fn is_damaged(&self, oracle: &Oracle) -> bool {
        oracle.damaged_homes.contains_key(&self.start.home)
    }
}
