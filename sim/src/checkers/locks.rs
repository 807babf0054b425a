//! R18, R19, R20: nobody takes over while another run holds the repository, however its beat and the clocks look; once
//! that run is dead, the next one does, at once; and where there are no locks, nobody. Whoever only looks changes
//! nothing.

use ccells_core::effect::Effect;
use ccells_core::event::{Access, Found};

use crate::world::World;

/// Checks what a run was given.
pub fn booted(world: &mut World, process: usize, found: &Found) {
    let run = &world.processes[process];
    let seat = run.seat;
    if found.access == Access::Write && !world.disk.is_locked(&run.repo_lock()) {
        world.fail("R20", format!("p{process} may write and holds no lock"));
    }
    let writer = world
        .runs_at(seat)
        .into_iter()
        .find(|other| *other != process && world.processes[*other].access == Access::Write);
    match (writer, &found.access) {
        (Some(other), Access::Write) => {
            world.fail("R18", format!("p{process} may write while p{other} does"));
        }
        (None, Access::ReadOnly { .. }) => {
            world.fail("R19", format!("p{process} may not write though nobody else does"));
        }
        (Some(_), Access::ReadOnly { .. }) | (None, Access::Write) => {}
    }
}

/// Checks that a run that only looks asks for nothing that changes anything.
pub fn before_effect(world: &mut World, process: usize, effect: &Effect) {
    if world.processes[process].access == Access::Write {
        return;
    }
    let changes = match effect {
        Effect::PingEngine
        | Effect::ListContainers { .. }
        | Effect::WatchEngine { .. }
        | Effect::OpenSession { .. }
        | Effect::CloseSession { .. }
        | Effect::AbandonPull { .. }
        | Effect::Reply { .. }
        | Effect::Notify { .. }
        | Effect::Exit { .. } => false,
        Effect::WriteIntent { .. }
        | Effect::ClearIntent { .. }
        | Effect::TrackContainer { .. }
        | Effect::UntrackContainer { .. }
        | Effect::SaveState { .. }
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
        | Effect::CreateContainer { .. }
        | Effect::PullImage { .. }
        | Effect::UploadHolder { .. }
        | Effect::StartContainer { .. }
        | Effect::PauseContainer { .. }
        | Effect::UnpauseContainer { .. }
        | Effect::StopContainer { .. }
        | Effect::RemoveContainer { .. }
        | Effect::RestartAgent { .. }
        | Effect::Beat { .. } => true,
    };
    if changes {
        world.fail("R18", format!("p{process} only looks, and yet asks for {effect:?}"));
    }
}
