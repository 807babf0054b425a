//! R23, R24, R28: every way to end a run ends it within its time awake, with everything written down that could be; the
//! second signal at once; and at the end all agents are frozen, also on a full disk.

use ccells_core::container::ContainerState;
use ccells_core::event::Access;
use ccells_core::limits::{RESAVE_MS, SHUTDOWN_MS};

use super::durable;
use crate::process::Life;
use crate::world::{Item, World};

/// How long the second signal may take.
const HURRY_MS: u64 = 200;
/// What the queue of a busy instant may delay.
const JITTER_MS: u64 = 20;

/// A run was asked to end; `is_hurried` for the second signal.
pub fn asked(world: &mut World, process: usize, is_hurried: bool) {
    let now = world.now;
    let run = &mut world.processes[process];
    let slept = run.slept_by(now);
    let watch = &mut run.watch;
    watch.is_ending = true;
    let budget = if is_hurried { HURRY_MS } else { SHUTDOWN_MS };
    if is_hurried && watch.hurry.is_none() {
        watch.hurry = Some((now, slept));
    } else if is_hurried || run.quit_since.is_some() {
        return;
    } else {
        run.quit_since = Some(now);
        watch.slept_before_quit = slept;
    }
    world.later(budget + JITTER_MS + 1, Item::MustHaveEnded(process));
}

/// The time of an end may be over: then the run must have ended, unless it slept meanwhile.
pub fn must_have_ended(world: &mut World, process: usize) {
    if !world.is_alive(process) {
        return;
    }
    let run = &world.processes[process];
    if let Life::Stopped { until } = run.life {
        let delay = until.saturating_sub(world.now) + 1;
        world.later(delay, Item::MustHaveEnded(process));
        return;
    }
    let slept = run.slept_by(world.now);
    let awake_since = |(since, slept_before): (u64, u64)| world.now - since - (slept - slept_before);
    let quit = run.quit_since.map(|since| (since, run.watch.slept_before_quit));
    let left = [(quit, SHUTDOWN_MS), (run.watch.hurry, HURRY_MS)]
        .into_iter()
        .filter_map(|(end, budget)| Some((budget + JITTER_MS).saturating_sub(awake_since(end?))))
        .min()
        .unwrap_or(0);
    if left > 0 {
        world.later(left + 1, Item::MustHaveEnded(process));
        return;
    }
    let shutdown = run.machine.snapshot().and_then(|it| it.shutdown);
    let invariant = if run.watch.hurry.is_some() { "R24" } else { "R23" };
    world.fail(invariant, format!("p{process} was asked to end and has not: {shutdown:?}"));
}

/// A run ends of its own will: where the disk did what it was asked, the newest state is durable.
pub fn before_exit(world: &mut World, process: usize) {
    let run = &world.processes[process];
    let Some(since) = run.quit_since.filter(|_| run.watch.hurry.is_none()) else { return };
    let had_trouble = run.watch.trouble_at.is_some_and(|at| at + 2 * RESAVE_MS > since);
    let has_slept = run.slept_by(world.now) > run.watch.slept_before_quit;
    let issued = run.watch.issued;
    if run.access != Access::Write || had_trouble || has_slept || run.is_damaged(&world.oracle) {
        return;
    }
    let durable = world.disk.look(&run.state(), true, durable::generation).flatten();
    if durable.unwrap_or_default() < issued {
        let text =
            format!("p{process} ended with generation {} of the state not durable: {durable:?}", issued.0);
        world.fail("R23", text);
    }
}

/// After everybody quit with all agents to be frozen, on a disk that was full or not: none runs.
pub fn all_are_frozen(world: &mut World, is_disk_full: bool) {
    let running = world.engine.containers.values().find(|it| {
        let of_a_seat = |labels: &ccells_core::container::Labels| {
            world.seats.iter().any(|seat| seat.home == labels.home && seat.repo.id == labels.repo)
        };
        it.state == ContainerState::Running && it.labels.as_ref().is_some_and(of_a_seat)
    });
    if let Some(name) = running.map(|it| it.name.clone()) {
        let invariant = if is_disk_full { "R28" } else { "R23" };
        world.fail(invariant, format!("{name} runs on after everybody quit and froze what they had"));
    }
}
