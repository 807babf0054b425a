//! One world from its beginning to its end, and many of them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ccells_core::event::{Ask, OnQuit, Purpose};
use ccells_core::limits::{LATE_MS, RELIST_MS, SHUTDOWN_MS};
use ccells_core::snapshot::CardState;

use crate::canary::Planted;
use crate::checkers::converge;
use crate::choice::{Choices, Record};
use crate::oracle::Violation;
use crate::trace::Trace;
use crate::world::{Item, World};

/// The shortest storm.
const STORM_MS: u64 = 15_000;
/// How much longer it may be.
const LONGER_MS: u64 = 150_000;
/// After the last fault, everything has come to rest within this time.
const CALM_MS: u64 = LATE_MS + 3 * RELIST_MS;

/// How a world went.
#[derive(Clone, Debug)]
pub struct Report {
    /// The first broken invariant.
    pub violation: Option<Violation>,
    /// What was drawn.
    pub recording: Record,
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
        recording: world.choices.record(),
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
    let storm = STORM_MS + world.draw("storm", LONGER_MS);
    world.run_until(storm);
    calm(world);
}

/// Everything strikes no more: the world must come to rest with all promises kept, and end in order.
pub fn calm(world: &mut World) {
    world.clear_up();
    world.crash_at = None;
    let living: Vec<usize> = (0..world.processes.len()).filter(|process| world.is_alive(*process)).collect();
    for process in living {
        world.ask(process, Ask::Quit { policy: OnQuit::KeepRunning });
    }
    run_for(world, SHUTDOWN_MS + 1_000);
    for seat in 0..world.seats.len() {
        if world.oracle.violation.is_none() && world.start(seat, Purpose::Interactive).is_none() {
            world.fail("L6", format!("no run can be started at seat {seat}"));
        }
    }
    run_for(world, 10_000);
    ask_all(world, |_| vec![Ask::Reconcile]);
    run_for(world, 20_000);
    ask_all(world, retries);
    run_for(world, 20_000);
    ask_all(world, |(world, _)| vec![Ask::New(Box::new(world.new_workstream()))]);
    run_for(world, CALM_MS);
    if world.oracle.violation.is_none() {
        every_new_one_was_made(world);
        converge::check(world);
    }
    end(world);
}

fn run_for(world: &mut World, ms: u64) {
    let until = world.now + ms;
    world.run_until(until);
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

fn end(world: &mut World) {
    for seat in 0..world.seats.len() {
        if let Some(process) = world.writer_at(seat) {
            world.ask(process, Ask::Quit { policy: OnQuit::PauseAll });
        }
    }
    run_for(world, SHUTDOWN_MS + 1_000);
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
