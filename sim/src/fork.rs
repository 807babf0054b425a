//! A world after a crash, copied: nobody runs in it, so all there is lies on the disk, at the engine, in git, and on the
//! way. Two crashes that leave the same behind need to be recovered from only once.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use ccells_core::event::Event;
use ccells_core::machine::Machine;

use crate::choice::Choices;
use crate::ports::files::Crash;
use crate::process::{Life, Process, Saver, Watch};
use crate::world::{Call, Item, World};

impl World {
    /// The same world once more, with other choices to come. Nobody may be running.
    #[must_use]
    pub fn copy(&self, choices: &Choices) -> Self {
        let is_empty = self.processes.iter().all(|run| run.life == Life::Ended);
        assert!(is_empty, "a world is copied when nobody runs in it");
        let disk = self.disk.copy(choices);
        let gone = |run: &Process| {
            let files = disk.process();
            files.crash(Crash::Kill);
            run.gone(files)
        };
        Self {
            now: self.now,
            wall_ahead: self.wall_ahead,
            choices: choices.clone(),
            weather: self.weather.clone(),
            engine: self.engine.clone(),
            git: self.git.clone(),
            processes: self.processes.iter().map(gone).collect(),
            seats: self.seats.clone(),
            calls: self.calls.iter().filter(|(number, _)| self.is_on_its_way(**number)).map(copied).collect(),
            oracle: self.oracle.clone(),
            seen: self.seen.clone(),
            trace: self.trace.clone(),
            planted: self.planted,
            is_storm: self.is_storm,
            storm_until: self.storm_until,
            points: 0,
            crash_at: None,
            has_crashed: false,
            refuses_next: self.refuses_next,
            boots: self.boots,
            made_lately: self.made_lately.clone(),
            queue: self.queue.iter().filter_map(|(key, item)| Some((*key, outlives(item)?))).collect(),
            numbers: self.numbers,
            disk,
        }
    }

    fn is_on_its_way(&self, call: u64) -> bool {
        self.queue.values().any(|item| matches!(item, Item::Arrive(number) if *number == call))
    }

    /// A number that is the same for worlds in which nobody runs and the same is left behind: on disk, as seen and as
    /// durable, at the engine, in git, on the way, and in what was promised. The time of day is left out: a run that
    /// starts knows no other time than since its start and what files say.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.disk.fingerprint().hash(&mut hasher);
        format!("{:?}", self.engine).hash(&mut hasher);
        format!("{:?}", self.git).hash(&mut hasher);
        for ((at, _), item) in &self.queue {
            if let Item::Arrive(number) = item {
                let op = self.calls.get(number).map(|call| (call.is_lost, format!("{:?}", call.op)));
                (at.saturating_sub(self.now), op).hash(&mut hasher);
            }
        }
        (self.weather.disk_bad_until.saturating_sub(self.now), self.refuses_next).hash(&mut hasher);
        (self.boots, self.wall_ahead).hash(&mut hasher);
        self.oracle.remembered().hash(&mut hasher);
        hasher.finish()
    }
}

/// What happens whether or not anybody runs.
fn outlives(item: &Item) -> Option<Item> {
    match item {
        Item::Arrive(call) => Some(Item::Arrive(*call)),
        Item::DiskMended => Some(Item::DiskMended),
        Item::Tell(..)
        | Item::Wake(_)
        | Item::Step(..)
        | Item::Answer(..)
        | Item::Impatience(_)
        | Item::MustHaveEnded(_)
        | Item::Strike
        | Item::User(_)
        | Item::Regret(..)
        | Item::GoOn(_) => None,
    }
}

/// A request whose client is gone: nobody hears its answer.
fn copied((number, call): (&u64, &Call)) -> (u64, Call) {
    let call = Call {
        process: call.process,
        op: call.op.clone(),
        sent_at: call.sent_at,
        answer: Box::new(|_| Event::TimePassed),
        is_waited_for: false,
        is_lost: call.is_lost,
    };
    (*number, call)
}

impl Process {
    /// What is left of a run that ended: who it was.
    fn gone(&self, files: crate::ports::files::SimFiles) -> Self {
        Self {
            seat: self.seat,
            start: self.start.clone(),
            places: self.places.clone(),
            access: self.access.clone(),
            files,
            life: Life::Ended,
            machine: Box::new(Machine::new()),
            jobs: BTreeMap::new(),
            saver: Saver::default(),
            sessions: BTreeMap::new(),
            is_watching: false,
            wake_at: None,
            open: BTreeMap::new(),
            errand: None,
            quit_since: None,
            deferred: Vec::new(),
            stopped_since: None,
            slept_ms: 0,
            watch: Watch::default(),
            listed_at: self.listed_at,
            spins: (0, 0),
        }
    }
}
