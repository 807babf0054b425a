//! P2, Q2: nothing is done to an agent, a branch or work that nobody wished for, and no session is opened beside one that
//! is open. What a run freezes at its end it first writes down.

use ccells_core::effect::Effect;
use ccells_core::event::{Access, Ask};
use ccells_core::ids::WorkstreamId;
use ccells_core::limits::DRAIN_MS;
use ccells_core::record::{self, StateRecord};

use crate::world::World;

/// A wish: what may be lost by it, and where its making was when it was taken back.
pub fn asked(world: &mut World, process: usize, ask: &Ask) {
    let (workstream, is_forced, keeps_branch) = match ask {
        Ask::Remove { workstream, is_forced, keep_branch } => (workstream, *is_forced, *keep_branch),
        Ask::Cancel(workstream) => {
            note_step(world, process, workstream);
            (workstream, false, false)
        }
        Ask::Reconcile => {
            let ids: Vec<_> = world.oracle.promises.keys().cloned().collect();
            for id in ids {
                agree(world, &id, false, false);
            }
            return;
        }
        Ask::New(_)
        | Ask::Undo(_)
        | Ask::Merge { .. }
        | Ask::Push { .. }
        | Ask::Rebase { .. }
        | Ask::Pause(_)
        | Ask::Resume(_)
        | Ask::Stop(_)
        | Ask::Restart(_)
        | Ask::View(_)
        | Ask::Quit { .. }
        | Ask::QuitNow => return,
    };
    agree(world, workstream, is_forced, keeps_branch);
}

fn agree(world: &mut World, id: &WorkstreamId, is_forced: bool, keeps_branch: bool) {
    let holds_nothing = !world.git.trees.get(id).is_some_and(crate::ports::git::Tree::has_changes);
    if let Some(promise) = world.oracle.promises.get_mut(id) {
        promise.may_lose |= is_forced || holds_nothing;
        promise.keeps_branch &= keeps_branch;
    }
}

/// At which part of its making a workstream is taken back.
fn note_step(world: &mut World, process: usize, id: &WorkstreamId) {
    let snapshot = world.processes[process].machine.snapshot();
    let progress = snapshot.as_ref().and_then(|it| it.card(id)).and_then(|card| card.progress);
    let step = progress.map(|it| it.step.to_string()).unwrap_or_default();
    let row = match step.as_str() {
        "resolving the base commit" | "writing the intent" => "cancelled before its intent",
        "pinning the base commit" | "adding branch and worktree" | "building the private git directory" => {
            "cancelled in git"
        }
        "creating the container" | "tracking the container" => "cancelled at its container",
        "uploading the holder" | "starting the container" | "recording the start" => "cancelled at its start",
        "saving the state" | "clearing the intent" => "cancelled at its end",
        _ => return,
    };
    world.saw(row);
}

/// Checks what a run asks for.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others do nothing to an agent")]
pub fn before_effect(world: &mut World, process: usize, effect: &Effect) {
    let wished = match effect {
        Effect::StopContainer { workstream, .. } => {
            (workstream, was_asked(world, process, workstream, |ask| matches!(ask, Ask::Stop(_))))
        }
        Effect::UnpauseContainer { workstream, .. } => {
            let is_resumed = was_asked(world, process, workstream, |ask| matches!(ask, Ask::Resume(_)));
            (workstream, is_resumed || world.oracle.frozen_by_quit.contains(workstream))
        }
        Effect::StartContainer { workstream, .. } => {
            let is_start =
                |ask: &Ask| matches!(ask, Ask::New(_) | Ask::Undo(_) | Ask::Resume(_) | Ask::Restart(_));
            (
                workstream,
                was_asked(world, process, workstream, is_start) || is_open(world, process, workstream),
            )
        }
        Effect::PauseContainer { workstream, .. } => {
            let is_ending = world.processes[process].watch.is_ending;
            let is_pause = was_asked(world, process, workstream, |ask| matches!(ask, Ask::Pause(_)));
            if is_ending && !is_pause {
                is_written_down(world, process, workstream);
            }
            (workstream, is_ending || is_pause || is_open(world, process, workstream))
        }
        Effect::OpenSession { workstream, .. } => {
            if world.processes[process].sessions.contains_key(workstream) {
                world.fail("Q2", format!("p{process} opens a session of {workstream} beside the one it has"));
            }
            return;
        }
        Effect::SaveState { state, .. } => {
            let frozen = state.workstreams.iter().filter(|it| it.was_paused_by_quit);
            world.oracle.frozen_by_quit.extend(frozen.map(|it| it.facts.id.clone()));
            return;
        }
        _ => return,
    };
    if !wished.1 {
        let text = format!("p{process}: nobody wished for {effect:?}");
        world.fail("P2", text.chars().take(160).collect());
    }
}

fn was_asked(world: &World, process: usize, id: &WorkstreamId, is_it: impl Fn(&Ask) -> bool) -> bool {
    let is_about = |ask: &Ask| match ask {
        Ask::New(wanted) => wanted.id == *id,
        Ask::Undo(facts) => facts.id == *id,
        Ask::Pause(about) | Ask::Resume(about) | Ask::Stop(about) | Ask::Restart(about) => about == id,
        Ask::Remove { .. }
        | Ask::Merge { .. }
        | Ask::Push { .. }
        | Ask::Rebase { .. }
        | Ask::Cancel(_)
        | Ask::Reconcile
        | Ask::View(_)
        | Ask::Quit { .. }
        | Ask::QuitNow => false,
    };
    world.oracle.asked.values().any(|(asked, ask)| *asked == process && is_about(ask) && is_it(ask))
}

/// Whether an operation on it is open, as can be read right now.
fn is_open(world: &World, process: usize, id: &WorkstreamId) -> bool {
    world.disk.look(&world.processes[process].places.intent(id), false, |_| ()).is_some()
}

/// R23: as long as there is time, what is about to be frozen is durably written down first.
fn is_written_down(world: &mut World, process: usize, id: &WorkstreamId) {
    let run = &world.processes[process];
    let has_time = run.access == Access::Write && run.quit_since.is_some_and(|it| world.now < it + DRAIN_MS);
    if !has_time || run.is_damaged(&world.oracle) || is_open(world, process, id) {
        return;
    }
    let state = world.disk.look(&run.state(), true, record::parse::<StateRecord>).and_then(Result::ok);
    let is_there =
        |state: StateRecord| state.workstreams.iter().any(|it| it.facts.id == *id && it.was_paused_by_quit);
    if !state.is_some_and(is_there) {
        world.fail("R23", format!("p{process} freezes {id} at its end before that is written down"));
    }
}
