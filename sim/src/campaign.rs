//! One world from its beginning to its end, and many of them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ccells_core::event::{Ask, OnQuit, Purpose};
use ccells_core::ids::WorkstreamId;
use ccells_core::limits::{LATE_MS, RELIST_MS, SHUTDOWN_MS};
use ccells_core::snapshot::{Card, CardState, EngineState, Snapshot};

use crate::canary::Planted;
use crate::checkers::{converge, files, pace, quit};
use crate::choice::Choices;
use crate::faults::DiskTrouble;
use crate::oracle::Violation;
use crate::process::{Life, Process};
use crate::trace::Trace;
use crate::world::{Item, World};

/// How long storms are: the shortest, and how much longer it may be; most are short, for there are many.
const STORMS_MS: [(u64, u64); 3] = [(6_000, 12_000), (18_000, 24_000), (45_000, 75_000)];
/// Of so many worlds one sits the whole calm out; the others end once everything has come to rest.
const PATIENCE: u32 = 16;
/// How often a calm world is looked at.
const GLANCE_MS: u64 = 500;
/// After the last fault, everything has come to rest within this time.
const CALM_MS: u64 = LATE_MS + 3 * RELIST_MS;

/// How a world went.
#[derive(Clone, Debug)]
pub struct Report {
    /// The first broken invariant.
    pub violation: Option<Violation>,
    /// What was drawn, to be recorded when somebody wants to know.
    pub choices: Choices,
    /// Fingerprint and number of steps.
    pub fingerprint: (u64, u64),
    /// The lines of the trace, when they were kept.
    pub lines: Vec<String>,
    /// What came to pass.
    pub seen: Vec<&'static str>,
    /// Simulated milliseconds.
    pub simulated_ms: u64,
}

/// Runs the world that these choices make.
pub fn run(choices: Choices, planted: Planted, keeps_lines: bool) -> Report {
    let mut world = World::new(choices, planted, keeps_lines);
    let outcome = catch_unwind(AssertUnwindSafe(|| whole(&mut world)));
    report(world, outcome.err())
}

/// What is left of a world, panicked or not.
pub fn report(mut world: World, panic: Option<Box<dyn std::any::Any + Send>>) -> Report {
    if let Some(payload) = panic {
        let text = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string))
            .unwrap_or_else(|| "a panic without words".to_string());
        world.fail("PANIC", text);
    }
    Report {
        violation: world.oracle.violation.clone(),
        choices: world.choices.clone(),
        fingerprint: world.trace.fingerprint(),
        seen: world.seen.iter().copied().collect(),
        simulated_ms: world.now,
        lines: std::mem::replace(&mut world.trace, Trace::new(false)).into_lines(),
    }
}

/// Storm, calm, end.
fn whole(world: &mut World) {
    world.later(0, Item::Strike);
    for seat in 0..world.seats.len() {
        world.later(seat as u64, Item::User(seat));
    }
    let (least, more) = match world.draw("storm.kind", 10) {
        0..=5 => STORMS_MS[0],
        6..=8 => STORMS_MS[1],
        _ => STORMS_MS[2],
    };
    world.storm_until = least + world.draw("storm", more);
    while world.now < world.storm_until && world.oracle.violation.is_none() {
        let until = world.storm_until;
        world.run_until(until);
    }
    calm(world);
}

/// Everything strikes no more: the world must come to rest with all promises kept, and end in order.
pub fn calm(world: &mut World) {
    world.clear_up();
    world.crash_at = None;
    let is_patient = world.choices.below("calm.patience", PATIENCE) == PATIENCE - 1;
    let living: Vec<usize> = (0..world.processes.len()).filter(|process| world.is_alive(*process)).collect();
    for process in &living {
        world.ask(*process, Ask::Quit { policy: OnQuit::KeepRunning });
    }
    if !living.is_empty() {
        run_for(world, SHUTDOWN_MS + 1_000);
    }
    for seat in 0..world.seats.len() {
        if world.oracle.violation.is_none() && world.start(seat, Purpose::Interactive).is_none() {
            world.fail("L6", format!("no run can be started at seat {seat}"));
        }
    }
    rest(world, 10_000);
    ask_all(world, |_| vec![Ask::Reconcile]);
    rest(world, 20_000);
    ask_all(world, retries);
    rest(world, 20_000);
    if world.oracle.violation.is_none() {
        converge::nothing_is_lost(world);
    }
    ask_all(world, |(world, _)| vec![Ask::New(Box::new(world.new_workstream()))]);
    if is_patient {
        run_for(world, CALM_MS);
    } else {
        rest(world, CALM_MS);
    }
    // By now everything has landed that was under way.
    if world.oracle.violation.is_none() {
        converge::nothing_stays_frozen(world);
    }
    ask_all(world, resumptions);
    rest(world, 20_000);
    if world.oracle.violation.is_none() {
        every_new_one_was_made(world);
        converge::check(world);
    }
    end(world);
    files::at_the_end(world);
}

/// What a recovery does by itself and on a person's word, so far as it comes to rest soon.
pub fn recover(world: &mut World) {
    if world.start(0, Purpose::Interactive).is_none() {
        return;
    }
    rest(world, 5_000);
    ask_all(world, |_| vec![Ask::Reconcile]);
    rest(world, 5_000);
    ask_all(world, retries);
    rest(world, 5_000);
}

/// Lets time pass until everything has come to rest, and for `most_ms` at most.
pub fn rest(world: &mut World, most_ms: u64) {
    let until = world.now + most_ms;
    while world.now < until && !world.has_crashed && world.oracle.violation.is_none() {
        run_for(world, GLANCE_MS);
        pace::check(world);
        if is_at_rest(world) {
            break;
        }
    }
}

/// Whether nothing is on its way, for any run and for anybody.
fn is_at_rest(world: &World) -> bool {
    let is_idle = |run: &Process| {
        run.open.is_empty() && run.jobs.is_empty() && run.saver.running.is_none() && run.deferred.is_empty()
    };
    let mut living = world.processes.iter().filter(|run| run.life != Life::Ended);
    world.calls.is_empty()
        && !world.queue.values().any(|item| matches!(item, Item::Tell(..)))
        && living.all(|run| {
            is_idle(run)
                && run.machine.snapshot().is_none_or(|it| is_settled(&it) && has_no_open(world, run, &it))
        })
}

/// Whether no operation of its repository is open, but for those that a person has to decide about.
fn has_no_open(world: &World, run: &Process, snapshot: &Snapshot) -> bool {
    let names = world.disk.names(&run.places.intents()).unwrap_or_default();
    names.iter().all(|name| {
        let card = snapshot.workstreams.iter().find(|card| name.starts_with(card.id.as_str()));
        let seat = name.get(..26).and_then(|id| WorkstreamId::parse(id).ok());
        let promise = seat.and_then(|id| world.oracle.promises.get(&id));
        card.is_some_and(|card| card.state == CardState::Failed)
            || promise.is_none_or(|promise| promise.seat != run.seat)
    })
}

fn is_settled(snapshot: &Snapshot) -> bool {
    let is_moving = |card: &Card| {
        card.progress.is_some()
            || matches!(card.state, CardState::Creating | CardState::Removing | CardState::Unknown)
    };
    snapshot.engine == EngineState::Up && !snapshot.workstreams.iter().any(is_moving)
}

fn run_for(world: &mut World, ms: u64) {
    let until = world.now + ms;
    world.run_while(until, |world| !world.has_crashed);
}

fn ask_all(world: &mut World, asks: impl Fn((&mut World, usize)) -> Vec<Ask>) {
    for seat in 0..world.seats.len() {
        let Some(process) = world.writer_at(seat) else { continue };
        for ask in asks((world, process)) {
            world.ask(process, ask);
        }
    }
}

/// What is broken or stuck is tried again, as a person would.
fn retries((world, process): (&mut World, usize)) -> Vec<Ask> {
    let snapshot = world.processes[process].machine.snapshot();
    let cards = snapshot.map(|it| it.workstreams).unwrap_or_default();
    let is_stuck = |card: &ccells_core::snapshot::Card| {
        matches!(card.state, CardState::Failed | CardState::Removing) && card.progress.is_none()
    };
    cards.into_iter().filter(is_stuck).map(|card| Ask::Resume(card.id)).collect()
}

/// Everything that does not run is to run again, whatever it takes.
fn resumptions((world, process): (&mut World, usize)) -> Vec<Ask> {
    let snapshot = world.processes[process].machine.snapshot();
    let cards = snapshot.map(|it| it.workstreams).unwrap_or_default();
    let does_not_run =
        |card: &Card| matches!(card.state, CardState::Paused | CardState::Stopped | CardState::Lost);
    cards.into_iter().filter(does_not_run).map(|card| Ask::Resume(card.id)).collect()
}

/// L2: in calm weather, a wish for a new workstream comes true.
fn every_new_one_was_made(world: &mut World) {
    for seat in 0..world.seats.len() {
        let newest = world.oracle.promises.iter().rfind(|(_, it)| it.seat == seat);
        let failed = newest.filter(|(_, it)| !it.is_acknowledged).map(|(id, _)| id.clone());
        if let Some(id) = failed {
            world.fail("L2", format!("{id} was wished for in calm weather, and is not made"));
        }
    }
}

/// Everybody quits and freezes what they have, now and then with a disk that is full or broken.
fn end(world: &mut World) {
    let disk = world.choices.below("end.disk", 3);
    if disk > 0 {
        world.weather.disk_trouble_is = if disk == 1 { DiskTrouble::Full } else { DiskTrouble::ReadOnly };
        world.degrade_disk(SHUTDOWN_MS + 1_000);
    }
    for seat in 0..world.seats.len() {
        if let Some(process) = world.writer_at(seat) {
            world.ask(process, Ask::Quit { policy: OnQuit::PauseAll });
        }
    }
    run_for(world, SHUTDOWN_MS + 1_000);
    if world.oracle.violation.is_none() {
        quit::all_are_frozen(world, disk > 0);
    }
}

/// What many worlds came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many there were.
    pub worlds: u64,
    /// In how many of them each thing came to pass.
    pub seen: BTreeMap<&'static str, u64>,
    /// Simulated milliseconds of all.
    pub simulated_ms: u64,
    /// Steps of all.
    pub steps: u64,
}

impl Tally {
    /// Adds one.
    pub fn add(&mut self, report: &Report) {
        self.worlds += 1;
        self.simulated_ms += report.simulated_ms;
        self.steps += report.fingerprint.1;
        for what in &report.seen {
            *self.seen.entry(what).or_default() += 1;
        }
    }
}
