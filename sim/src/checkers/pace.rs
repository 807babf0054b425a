//! L5, L7, L8, R30: a run beats on time for as long as it is awake, asks for nothing again and again without a pause, and
//! looks at the engine at least as often as it promised, at once after it slept.

use ccells_core::effect::Effect;
use ccells_core::event::Event;
use ccells_core::limits::{BEAT_MS, LIST_MS, RELIST_MS, RESAVE_MS, RETRY_LAST_MS};

use crate::process::{Asking, Life};
use crate::world::World;

/// What the queue of a busy instant may delay.
const JITTER_MS: u64 = 300;
/// A run lists again within so long when its last listing failed.
const LISTS_WITHIN_MS: u64 = LIST_MS + RETRY_LAST_MS + JITTER_MS;
/// The window in which repetitions are counted, and how many of one kind are no spin.
const WINDOW_MS: u64 = 1_000;
/// The longest time after which an answer may be told again.
pub const ECHO_MS: u64 = 20_000;
const MOST_IN_WINDOW: u32 = 100;

/// Looks at every run that is awake.
pub fn check(world: &mut World) {
    for process in 0..world.processes.len() {
        if world.processes[process].life != Life::Runs || world.processes[process].watch.booted_at.is_none() {
            continue;
        }
        beats(world, process);
        lists(world, process);
    }
}

fn beats(world: &mut World, process: usize) {
    let run = &world.processes[process];
    let since = world.now - run.watch.went_on_at.max(run.watch.beat_at);
    if run.access == ccells_core::event::Access::Write && since > BEAT_MS + JITTER_MS {
        world.fail("L5", format!("p{process} is awake and has not beaten for {since} ms"));
    }
}

fn lists(world: &mut World, process: usize) {
    let run = &world.processes[process];
    if run.watch.is_ending {
        return;
    }
    let (now, listed_at, went_on_at) = (world.now, run.listed_at, run.watch.went_on_at);
    if now - listed_at.max(went_on_at) > RELIST_MS + LISTS_WITHIN_MS + echo_ms(world) {
        world.fail("R30", format!("p{process} has not looked at the engine for {} ms", now - listed_at));
    } else if run.watch.slept_long && listed_at < went_on_at && now - went_on_at > LISTS_WITHIN_MS {
        world.fail("R30", format!("p{process} slept and has not looked at the engine since"));
    }
}

/// An answer that is told twice winds the clock of what follows it up once more: by how much.
fn echo_ms(world: &World) -> u64 {
    if world.weather.twice > 0 { ECHO_MS } else { 0 }
}

/// Takes note of a save that came to an end.
pub fn saved(world: &mut World, process: usize, event: &Event) {
    if let Event::StateSaved { generation, outcome } = event {
        let now = world.now;
        let watch = &mut world.processes[process].watch;
        watch.unsaved_since = Some(now).filter(|_| outcome.is_err() && *generation == watch.issued);
    }
}

/// Checks that every state that could not be saved is tried again, by runs that are awake and not about to end.
pub fn saves_again(world: &mut World) {
    for process in 0..world.processes.len() {
        let run = &world.processes[process];
        let Some(since) = run.watch.unsaved_since.filter(|_| run.life == Life::Runs && !run.watch.is_ending)
        else {
            continue;
        };
        let waited = world.now - since.max(run.watch.went_on_at);
        if waited > RESAVE_MS + JITTER_MS + echo_ms(world) {
            world.fail(
                "L8",
                format!("p{process} could not save its state and has not tried again for {waited} ms"),
            );
        }
    }
}

/// Takes note of what a run asks for.
pub fn before_effect(world: &mut World, process: usize, effect: &Effect) {
    let now = world.now;
    let watch = &mut world.processes[process].watch;
    let asking = match effect {
        Effect::ListContainers { .. } => Asking::Listing,
        Effect::OpenSession { .. } => Asking::Session,
        Effect::SaveState { generation, .. } => {
            watch.issued = *generation;
            watch.unsaved_since = None;
            Asking::Save
        }
        Effect::Beat { .. } => {
            watch.beat_at = now;
            Asking::Beat
        }
        Effect::WriteIntent { .. }
        | Effect::ClearIntent { .. }
        | Effect::TrackContainer { .. }
        | Effect::UntrackContainer { .. }
        | Effect::ResolveBase { .. }
        | Effect::PinBase { .. }
        | Effect::AddWorktree { .. }
        | Effect::BuildHome { .. }
        | Effect::InspectWork { .. }
        | Effect::SnapshotWork { .. }
        | Effect::RemoveWorktree { .. }
        | Effect::RetireHome { .. }
        | Effect::RestoreWork { .. }
        | Effect::FetchWork { .. }
        | Effect::JudgeMerge { .. }
        | Effect::MoveBranch { .. }
        | Effect::PushWork { .. }
        | Effect::AimRebase { .. }
        | Effect::RebaseWork { .. }
        | Effect::MoveBase { .. }
        | Effect::PingEngine
        | Effect::CreateContainer { .. }
        | Effect::PullImage { .. }
        | Effect::AbandonPull { .. }
        | Effect::UploadHolder { .. }
        | Effect::StartContainer { .. }
        | Effect::PauseContainer { .. }
        | Effect::UnpauseContainer { .. }
        | Effect::StopContainer { .. }
        | Effect::RemoveContainer { .. }
        | Effect::WatchEngine { .. }
        | Effect::CloseSession { .. }
        | Effect::RestartAgent { .. }
        | Effect::Reply { .. }
        | Effect::Notify { .. }
        | Effect::Exit { .. } => return,
    };
    let (began, count) = watch.asked.entry(asking).or_insert((now, 0));
    if now - *began >= WINDOW_MS {
        (*began, *count) = (now, 0);
    }
    *count += 1;
    if *count > MOST_IN_WINDOW {
        world.fail("L7", format!("p{process} asks for {asking:?} {MOST_IN_WINDOW} times within a second"));
    }
}
