//! What people do: start runs, wish for things, and end them.

use std::collections::BTreeMap;

use ccells_core::container::ContainerLimits;
use ccells_core::event::{Access, Ask, NewWorkstream, OnQuit, Purpose, Settings};
use ccells_core::ids::{RunId, WorkstreamId};
use ccells_core::machine::Machine;
use ccells_core::ports::{OnTaken, PushWish, RebaseWish};
use ccells_core::record::{AgentCommand, ViewRecord};

use crate::boot::{self, Around, Start, Wanted};
use crate::perform::BootFiles;
use crate::ports::engine::EngineOp;
use crate::ports::git::Made;
use crate::process::{Life, Process, Saver, Watch};
use crate::trace::Who;
use crate::world::{Item, World};

/// How many workstreams a seat has at most, so that worlds stay small.
const MOST_WORKSTREAMS: usize = 6;
/// How many runs live at one seat at most.
const MOST_RUNS: usize = 3;

impl World {
    /// A person at a seat decides what to do.
    pub fn user(&mut self, seat: usize) {
        if !self.is_storm {
            return;
        }
        let delay = 200 + self.draw("user.pause", 1_800);
        self.later(delay, Item::User(seat));
        let runs = self.runs_at(seat);
        let rate = self.weather.second;
        let wants_another = self.chance("user.second", rate) && runs.len() < MOST_RUNS;
        if runs.is_empty() || wants_another {
            let purpose = match self.draw("user.purpose", 10) {
                0..=6 => Purpose::Interactive,
                7 | 8 => Purpose::Verb,
                _ => Purpose::Reconcile,
            };
            if let Some(process) = self.start(seat, purpose) {
                self.give_errand(process);
            }
            return;
        }
        let Some(process) = self.pick("user.run", &runs) else { return };
        if self.processes[process].start.purpose == Purpose::Interactive {
            let ask = self.wish(process);
            if let Some(ask) = ask {
                if let Ask::New(wanted) = &ask
                    && self.draw("user.regrets", 8) == 7
                {
                    let delay = self.draw("user.regret", 200);
                    self.later(delay, Item::Regret(process, wanted.id.clone()));
                }
                self.ask(process, ask);
            }
        }
    }

    /// A person takes back what was wished for a moment ago.
    pub fn regret(&mut self, process: usize, id: WorkstreamId) {
        if self.is_storm && self.is_alive(process) {
            self.ask(process, Ask::Cancel(id));
        }
    }

    /// Runs that live at a seat.
    pub fn runs_at(&self, seat: usize) -> Vec<usize> {
        (0..self.processes.len())
            .filter(|process| self.processes[*process].seat == seat && self.is_alive(*process))
            .collect()
    }

    /// The run at a seat that may write and that a person looks at.
    pub fn writer_at(&self, seat: usize) -> Option<usize> {
        self.runs_at(seat).into_iter().find(|process| self.processes[*process].access == Access::Write)
    }

    /// Starts a run: its locks, what it finds, and its first event.
    pub fn start(&mut self, seat: usize, purpose: Purpose) -> Option<usize> {
        let process = self.processes.len();
        let number = self.number();
        let place = self.seats[seat].clone();
        let pid = self.pid(process);
        self.strike_home(seat);
        let alive = (0..process).filter(|other| self.is_alive(*other));
        let start = Start {
            run: RunId::parse(&format!("02{number:024}")).expect("26 digits are an id"),
            pid,
            wanted: Wanted::WriteOrLook,
            purpose,
            home: place.home.clone(),
            home_path: place.home_path.clone(),
            owner: OWNER,
            repo: place.repo.clone(),
            settings: settings(),
            now: self.clocks().wall,
            planted: ccells_core::canary::Planted::new(self.planted.in_core()),
        };
        let around = Around {
            worktrees: self.worktrees_of(seat),
            living: alive.map(|other| self.processes[other].start.pid).chain([pid]).collect(),
            slip: self.planted.in_shell(),
        };
        self.trace.note(self.now, Who::Process(process), "start", || format!("{purpose:?} at seat {seat}"));
        self.processes.push(Process {
            seat,
            start: start.clone(),
            places: place.places,
            access: Access::ReadOnly { holder: "nobody knows yet".to_string() },
            files: self.disk.process(),
            life: Life::Runs,
            machine: Box::new(Machine::with_canary(self.planted.in_core())),
            jobs: BTreeMap::default(),
            saver: Saver::default(),
            sessions: BTreeMap::default(),
            is_watching: false,
            wake_at: None,
            open: BTreeMap::default(),
            errand: None,
            quit_since: None,
            deferred: Vec::new(),
            stopped_since: None,
            slept_ms: 0,
            watch: Watch::default(),
            listed_at: self.now,
            spins: (0, 0),
        });
        let found = boot::find(&mut BootFiles { world: self, process }, &start, &around);
        if !self.is_alive(process) {
            return None;
        }
        match found {
            Ok(found) => {
                self.processes[process].access = found.access.clone();
                self.booted(process, &found);
                self.later(0, Item::Tell(process, ccells_core::event::Event::Booted(Box::new(found))));
                Some(process)
            }
            Err(error) => {
                self.trace.note(self.now, Who::Process(process), "gives up", || error.to_string());
                self.end(process);
                None
            }
        }
    }

    /// A fresh pid, now and then one that a dead run had.
    fn pid(&mut self, process: usize) -> u32 {
        let fresh = 100 + u32::try_from(process).unwrap_or(0);
        let rate = self.weather.pid_reuse;
        if !self.chance("pid.reuse", rate) {
            return fresh;
        }
        let taken: std::collections::BTreeSet<_> = (0..process)
            .filter(|other| self.is_alive(*other))
            .map(|it| self.processes[it].start.pid)
            .collect();
        let free: Vec<u32> =
            self.processes.iter().map(|run| run.start.pid).filter(|pid| !taken.contains(pid)).collect();
        self.saw(if free.is_empty() { "first pid" } else { "pid reuse" });
        self.pick("pid.which", &free).unwrap_or(fresh)
    }

    fn worktrees_of(&self, seat: usize) -> std::collections::BTreeSet<WorkstreamId> {
        let is_ours =
            |id: &WorkstreamId| self.oracle.promises.get(id).is_some_and(|promise| promise.seat == seat);
        let trees = self.git.trees.iter();
        trees
            .filter(|(id, tree)| tree.worktree != Made::Absent && is_ours(id))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// A run of one wish gets it.
    pub fn give_errand(&mut self, process: usize) {
        let ask = match self.processes[process].start.purpose {
            Purpose::Interactive => return,
            Purpose::Reconcile => Ask::Reconcile,
            Purpose::Verb => match self.wish_of_verb(process) {
                Some(ask) => ask,
                None => Ask::New(Box::new(self.new_workstream())),
            },
        };
        self.processes[process].errand = Some(ask.clone());
        self.ask(process, ask);
    }

    fn wish(&mut self, process: usize) -> Option<Ask> {
        match self.draw("user.wish", 100) {
            0..=23 => None,
            24..=29 => self.wish_back(process),
            30..=49 if self.cards(process).len() < MOST_WORKSTREAMS => {
                Some(Ask::New(Box::new(self.new_workstream())))
            }
            30..=91 => self.wish_about_one(process),
            92..=93 => Some(Ask::View(ViewRecord { order: self.cards(process), ..ViewRecord::default() })),
            94 => Some(Ask::Reconcile),
            95 | 96 => Some(Ask::Quit { policy: OnQuit::PauseAll }),
            97 | 98 => Some(Ask::Quit { policy: OnQuit::KeepRunning }),
            _ => Some(Ask::QuitNow),
        }
    }

    /// A person has changed their mind about what was removed, or is about to be.
    fn wish_back(&mut self, process: usize) -> Option<Ask> {
        let seat = self.processes[process].seat;
        let promises = self.oracle.promises.iter();
        let gone = promises.filter(|(_, promise)| promise.seat == seat && promise.is_gone);
        let gone: Vec<WorkstreamId> = gone.map(|(id, _)| id.clone()).collect();
        let id = self.pick("user.undo", &gone)?;
        let facts = self.oracle.facts.get(&id)?.clone();
        Some(Ask::Undo(Box::new(facts)))
    }

    fn wish_of_verb(&mut self, process: usize) -> Option<Ask> {
        let seat = self.processes[process].seat;
        let known: Vec<WorkstreamId> = self
            .oracle
            .promises
            .iter()
            .filter(|(_, promise)| promise.seat == seat && promise.is_acknowledged && !promise.is_gone)
            .map(|(id, _)| id.clone())
            .collect();
        let id = self.pick("verb.which", &known)?;
        Some(self.wish_about(id))
    }

    fn wish_about_one(&mut self, process: usize) -> Option<Ask> {
        let cards = self.cards(process);
        let in_the_making = self.in_the_making(process);
        if !in_the_making.is_empty() && self.draw("user.hot", 3) == 2 {
            let id = self.pick("user.making", &in_the_making)?;
            let is_removed = self.draw("user.takes", 3) == 2;
            let removal = Ask::Remove { workstream: id.clone(), is_forced: true, keep_branch: false };
            return Some(if is_removed { removal } else { Ask::Cancel(id) });
        }
        let id = self.pick("user.which", &cards)?;
        Some(self.wish_about(id))
    }

    /// Workstreams of that home whose container was asked for and may appear at any time, or never.
    fn in_the_making(&self, process: usize) -> Vec<WorkstreamId> {
        let start = &self.processes[process].start;
        let of_ours = |op: &EngineOp| match op {
            EngineOp::Create(spec) => {
                let is_ours = spec.labels.home == start.home && spec.labels.repo == start.repo.id;
                is_ours.then(|| spec.labels.workstream.clone())
            }
            EngineOp::Ping
            | EngineOp::List
            | EngineOp::Pull(_)
            | EngineOp::Upload(_)
            | EngineOp::Start(_)
            | EngineOp::Pause(_)
            | EngineOp::Unpause(_)
            | EngineOp::Stop(_)
            | EngineOp::Remove(..)
            | EngineOp::Rebase(..) => None,
        };
        self.calls.values().filter_map(|call| of_ours(&call.op)).collect()
    }

    fn wish_about(&mut self, id: WorkstreamId) -> Ask {
        match self.draw("user.about", 27) {
            0..=2 => Ask::Resume(id),
            3..=5 => Ask::Pause(id),
            6 | 7 => Ask::Stop(id),
            8 | 9 => Ask::Restart(id),
            10 | 11 => Ask::Cancel(id),
            12 => {
                let is_forced = self.draw("user.forces", 3) == 2;
                Ask::Push { workstream: id, wish: Box::new(PushWish { is_forced, ..PushWish::default() }) }
            }
            13..=15 => Ask::Remove { workstream: id, is_forced: false, keep_branch: false },
            16..=18 => Ask::Remove { workstream: id, is_forced: true, keep_branch: false },
            19 => Ask::Remove { workstream: id, is_forced: true, keep_branch: true },
            20..=22 => Ask::Merge { workstream: id, wish: Box::default() },
            23..=25 => Ask::Rebase { workstream: id, wish: Box::new(RebaseWish::Onto(None)) },
            _ => Ask::Rebase { workstream: id, wish: Box::new(RebaseWish::Abort) },
        }
    }

    /// The workstreams a person sees.
    pub fn cards(&self, process: usize) -> Vec<WorkstreamId> {
        let snapshot = self.processes[process].machine.snapshot();
        snapshot.map(|it| it.workstreams.into_iter().map(|card| card.id).collect()).unwrap_or_default()
    }

    /// A wish for a new workstream; now and then for a branch that may be taken.
    pub fn new_workstream(&mut self) -> NewWorkstream {
        let id = self.fresh_id();
        let branch = (self.draw("new.branch", 4) == 3).then(|| "feature/shared".to_string());
        NewWorkstream {
            prompt: format!("do the thing {}", id.short()),
            name: None,
            branch,
            base: None,
            on_taken: OnTaken::Refuse,
            is_offline: false,
            include: Vec::new(),
            from: None,
            image: None,
            argv: None,
            session_id: id.as_str().to_string(),
            id,
        }
    }
}

/// Who owns what the agents write: user and group.
pub const OWNER: (u32, u32) = (1_000, 1_000);

/// What the users configured.
pub fn settings() -> Settings {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_string()).collect();
    Settings {
        image: "ccells/agent:1".to_string(),
        agent: AgentCommand {
            argv: words(&["agent", "--session", "{session}", "{prompt}"]),
            resume_argv: words(&["agent", "--resume", "{session}"]),
            env: BTreeMap::default(),
            session_id: String::new(),
        },
        limits: ContainerLimits::default(),
        branch_prefix: "ccells/".to_string(),
        asks_remotes: true,
    }
}
