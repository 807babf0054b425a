//! Taking a workstream away: nothing that exists nowhere else goes without the user's word, an intent stands from
//! before the first step to the last, and a step that fails is taken up again.

use std::format;

use super::conversation::{check, check_in, play};
use super::world::World;
use crate::effect::Effect;
use crate::limits::LATE_MS;

/// What removing asks for, in order, after its intent is durable.
const STEPS: [(&str, &str); 7] = [
    ("PauseContainer", "pausing the container"),
    ("RemoveContainer", "removing the container"),
    ("UntrackContainer", "untracking the container"),
    ("SnapshotWork", "keeping uncommitted work"),
    ("RemoveWorktree", "removing the worktree"),
    ("RetireHome", "retiring its directory"),
    ("ClearIntent", "clearing the intent"),
];

fn made() -> World {
    check("quietly boot\nquietly all ok\nmade fix-login")
}

/// A world in which `fix-login` is being removed and the step at `place` is outstanding.
fn removing_at(place: usize) -> World {
    let mut world = made();
    check_in(&mut world, "quietly ask 1 remove fix-login\nquietly ok InspectWork\nquietly ok WriteIntent");
    for (kind, _) in &STEPS[..place] {
        play(&mut world, &format!("ok {kind}"));
        if *kind == "RetireHome" {
            play(&mut world, "ok SaveState");
        }
    }
    assert!(world.is_outstanding(STEPS[place].0));
    world
}

#[test]
fn a_workstream_is_removed_step_by_step() {
    let mut world = made();
    check_in(
        &mut world,
        "
        ask 1 remove fix-login
            -> InspectWork fix-login
        ok InspectWork
            -> WriteIntent fix-login destroy
        ok WriteIntent
            -> PauseContainer fix-login c1
        ok PauseContainer
            -> CloseSession fix-login
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
        ok RemoveContainer
            -> UntrackContainer fix-login
        ok UntrackContainer
            -> SnapshotWork fix-login
        ok SnapshotWork
            -> RemoveWorktree fix-login
        ok RemoveWorktree
            -> RetireHome fix-login
        ok RetireHome
            -> SaveState of nothing
        ok SaveState
            -> ClearIntent fix-login
        ok ClearIntent
            -> Reply 1 ok removed
        show
        ",
    );
    assert_eq!(world.leftovers(), (0, 0));
}

#[test]
fn work_that_exists_nowhere_else_is_not_removed_without_the_users_word() {
    check_in(
        &mut made(),
        "
        ask 1 remove fix-login
            -> InspectWork fix-login
        fail InspectWork work
            -> Reply 1 conflict: `fix-login` holds work that exists nowhere else [src/login.rs]
        show
            = fix-login: running, attached
        ask 2 remove fix-login forced keep-branch
            -> WriteIntent fix-login destroy keep-branch
        all ok
            -> PauseContainer fix-login c1
            -> CloseSession fix-login
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
            -> UntrackContainer fix-login
            -> SnapshotWork fix-login
            -> RemoveWorktree fix-login keeping the branch
            -> RetireHome fix-login
            -> SaveState of nothing
            -> ClearIntent fix-login
            -> Reply 2 ok removed
        ",
    );
}

#[test]
fn nothing_is_removed_when_its_work_cannot_be_looked_at() {
    check_in(
        &mut made(),
        "
        ask 1 remove fix-login
            -> InspectWork fix-login
        fail InspectWork failed
            -> Reply 1 failed: git failed
        show
            = fix-login: running (git failed), attached
        ask 2 remove fix-login
            -> InspectWork fix-login
        ok InspectWork
            -> WriteIntent fix-login destroy
        fail WriteIntent failed
            -> ClearIntent fix-login
        ok ClearIntent
            -> Reply 2 failed: no space left
        show
            = fix-login: running (no space left), attached
        ",
    );
}

#[test]
fn every_step_that_fails_is_taken_up_again_at_that_step() {
    for (place, (kind, step)) in STEPS.iter().enumerate().skip(1) {
        for again in ["remove", "resume"] {
            let mut world = removing_at(place);
            let told = play(&mut world, &format!("fail {kind} failed"));
            assert!(told.iter().any(|line| line.starts_with("-> Reply 1 failed")), "{kind}: {told:#?}");
            let shown = play(&mut world, "show");
            assert!(shown[0].starts_with(&format!("= fix-login: removing ({step}: ")), "{shown:#?}");
            let told = play(&mut world, &format!("ask 2 {again} fix-login"));
            assert!(told.iter().any(|line| line.starts_with(&format!("-> {kind} fix-login"))), "{told:#?}");
            let told = play(&mut world, "all ok");
            assert!(told.iter().any(|line| line == "-> Reply 2 ok removed"), "{kind}: {told:#?}");
            assert_eq!(world.leftovers(), (0, 0), "no container, no intent");
        }
    }
}

#[test]
fn a_container_that_cannot_be_frozen_is_removed_all_the_same() {
    let mut world = removing_at(0);
    check_in(
        &mut world,
        "
        fail PauseContainer conflict
            -> CloseSession fix-login
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
            -> ListContainers
        ",
    );
}

#[test]
fn a_container_that_is_gone_already_is_as_good_as_removed() {
    let mut world = removing_at(1);
    check_in(
        &mut world,
        "
        fail RemoveContainer absent
            -> UntrackContainer fix-login
            -> ListContainers
        ",
    );
}

#[test]
fn a_removal_that_is_stuck_takes_a_later_word_about_the_branch() {
    let mut world = removing_at(4);
    check_in(
        &mut world,
        "
        quietly fail RemoveWorktree failed
        ask 2 remove fix-login keep-branch
            -> WriteIntent fix-login destroy keep-branch
        all ok
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
            -> UntrackContainer fix-login
            -> SnapshotWork fix-login
            -> RemoveWorktree fix-login keeping the branch
            -> RetireHome fix-login
            -> SaveState of nothing
            -> ClearIntent fix-login
            -> Reply 2 ok removed
        ",
    );
}

#[test]
fn a_broken_workstream_whose_work_cannot_be_looked_at_can_be_removed_by_force() {
    let mut world = super::create::creating_at(9);
    check_in(
        &mut world,
        "
        quietly fail TrackContainer failed
        quietly ok WriteIntent
        ask 2 remove fix-login
            -> InspectWork fix-login
        fail InspectWork failed
            -> Reply 2 failed: git failed
        show
            = fix-login: removing (looking what would be lost: git failed)
        ask 3 remove fix-login forced
            -> WriteIntent fix-login destroy
        quietly all ok
        show
        ",
    );
}

#[test]
fn nothing_is_removed_while_the_engine_is_silent() {
    check_in(
        &mut made(),
        "
        lost
            -> Notify warning: the stream ended. Nothing is lost or deleted; ccells keeps asking.
        ask 1 remove fix-login forced
            -> Reply 1 failed: the engine does not answer, so nothing is removed; try again when it does
        show
            = the engine is down: the stream ended
            = fix-login: unknown, attached
        ",
    );
}

#[test]
fn what_is_busy_is_not_removed() {
    check_in(
        &mut made(),
        "
        ask 1 pause fix-login
            -> PauseContainer fix-login c1
        ask 2 remove fix-login
            -> Reply 2 conflict: `fix-login` is being changed just now; try again when that is done
        ok PauseContainer
            -> TrackContainer fix-login paused
            -> SaveState of fix-login
        ask 3 remove fix-login
            -> Reply 3 conflict: `fix-login` is being changed just now; try again when that is done
        quietly all ok
        show
            = fix-login: paused, attached
        ",
    );
}

#[test]
fn one_that_does_not_run_is_not_frozen_before_it_is_removed() {
    check_in(
        &mut made(),
        "
        quietly ask 1 stop fix-login
        quietly all ok
        ask 2 remove fix-login forced
            -> WriteIntent fix-login destroy
        ok WriteIntent
            -> CloseSession fix-login
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
        ",
    );
}

#[test]
fn only_a_container_may_be_gone_already() {
    for (place, (kind, _)) in
        STEPS.iter().enumerate().filter(|(_, (kind, _))| kind.ends_with("Work") || kind.contains("Worktree"))
    {
        let mut world = removing_at(place);
        let told = play(&mut world, &format!("fail {kind} absent"));
        assert!(told[0].starts_with("-> Reply 1 not found"), "{kind}: {told:#?}");
    }
}

/// A world in which all of a removal is done but the wait for what may still land.
fn settling(boot: &str) -> World {
    check(&format!("given intent destroy half unsettled settling\nquietly {boot}"))
}

#[test]
fn a_removal_that_waits_asks_the_engine_when_its_wait_is_over() {
    let mut world = check(
        "
        given intent create half
        quietly boot crashed
        quietly ok ListContainers
        quietly ask 1 cancel half
        quietly all ok
        ",
    );
    let until = world.now + LATE_MS;
    while let Some(deadline) = world.machine.next_deadline().filter(|it| it.at.0 < until) {
        world.wait_until(deadline.at.0);
        play(&mut world, "quietly all ok");
    }
    let told = world.wait_until(until);
    assert!(told.iter().any(|effect| matches!(effect, Effect::ListContainers { .. })), "{told:#?}");
}

#[test]
fn a_removal_whose_wait_is_over_asks_the_engine_once() {
    check_in(
        &mut settling("boot crashed"),
        "
        ok ListContainers
            -> SaveState of nothing
        wait 4s
        ok SaveState
            -> ClearIntent half
        ok ClearIntent
        ",
    );
}

#[test]
fn a_removal_whose_wait_is_over_does_not_press_an_engine_that_is_silent() {
    check_in(
        &mut settling("boot crashed"),
        "
        fail ListContainers unreachable
        wait 499ms
        wait 1ms
            -> ListContainers
        ",
    );
}

#[test]
fn a_removal_of_another_run_is_that_runs_to_end() {
    check_in(
        &mut settling("boot read-only"),
        "
        ok ListContainers
        wait 10s
        ",
    );
}

#[test]
fn what_can_no_longer_land_is_not_waited_for() {
    check(
        "
        given intent create half
        quietly boot crashed
        quietly ok ListContainers
        quietly wait 45s
        quietly ok ListContainers
        quietly wait 85s
        quietly ok ListContainers
        quietly changed
        quietly ok ListContainers
        ask 1 cancel half
            -> InspectWork half
        ok InspectWork
            -> WriteIntent half destroy
        ",
    );
}
