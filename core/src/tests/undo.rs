//! Bringing back what was removed: an intent stands from before the first step to the last, a crash does not stop it, and
//! what a removal still waits for does not hinder it.

use super::conversation::{check, check_in};
use super::world::World;

fn removed() -> World {
    check(
        "quietly boot\nquietly all ok\nmade fix-login\nquietly ask 1 remove fix-login forced\nquietly all ok",
    )
}

#[test]
fn what_was_removed_comes_back_step_by_step() {
    let mut world = removed();
    check_in(
        &mut world,
        "
        ask 2 undo fix-login
            -> WriteIntent fix-login restore
        ok WriteIntent
            -> RestoreWork fix-login
        ok RestoreWork
            -> PinBase fix-login
        ok PinBase
            -> AddWorktree fix-login
        ok AddWorktree
            -> BuildHome fix-login
        ok BuildHome
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        quietly all ok
        show
            = fix-login: running, attached
        ",
    );
    assert_eq!(world.leftovers(), (1, 0));
}

#[test]
fn another_branch_is_told_and_written_down() {
    let mut world = removed();
    check_in(
        &mut world,
        "
        quietly ask 2 undo fix-login
        quietly ok WriteIntent
        quietly fail RestoreWork elsewhere
        ",
    );
    let branch = &world.machine.snapshot().expect("it booted").workstreams[0].branch;
    assert_eq!(branch, "ccells/elsewhere");
    let effects = super::conversation::play(&mut world, "all ok");
    let told = std::format!("{effects:?}");
    assert!(told.contains("it is on `ccells/elsewhere` now"), "{told}");
    assert_eq!(world.state_on_disk().workstreams[0].facts.branch, "ccells/elsewhere");
}

#[test]
fn a_crash_at_any_step_does_not_stop_it() {
    let steps = ["WriteIntent", "RestoreWork", "PinBase", "AddWorktree", "BuildHome", "CreateContainer"];
    for count in 1..=steps.len() {
        let mut world = removed();
        check_in(&mut world, "quietly ask 2 undo fix-login");
        for step in &steps[..count] {
            check_in(&mut world, &std::format!("quietly ok {step}"));
        }
        check_in(
            &mut world,
            "
            quietly boot crashed
            quietly all ok
            show
                = fix-login: running, attached
                = found fix-login: its creation was interrupted and can be finished
            ",
        );
        assert_eq!(world.leftovers(), (1, 0), "after {count} steps");
    }
}

#[test]
fn before_it_is_back_nothing_says_that_it_is_there() {
    check_in(
        &mut removed(),
        "
        quietly ask 2 undo fix-login
        ask 3 view elsewhere
            -> Reply 3 ok
            -> SaveState of nothing
        ok SaveState
        quietly ok WriteIntent
        ask 4 view fix-login
            -> Reply 4 ok
            -> SaveState of nothing
        ok SaveState
        quietly ok RestoreWork
        ask 5 view elsewhere
            -> Reply 5 ok
            -> SaveState of fix-login
        ",
    );
}

#[test]
fn what_is_there_or_just_going_does_not_come_back() {
    check_in(
        &mut check("quietly boot\nquietly all ok\nmade fix-login"),
        "
        ask 1 undo fix-login
            -> Reply 1 conflict: `fix-login` is there already
        quietly ask 2 remove fix-login forced
        ask 3 undo fix-login
            -> Reply 3 conflict: `fix-login` is being removed just now; try again when that is done
        ",
    );
}

#[test]
fn what_cannot_come_back_says_so_and_can_be_tried_again_or_given_up() {
    let mut world = removed();
    check_in(
        &mut world,
        "
        quietly ask 2 undo fix-login
        quietly ok WriteIntent
        fail RestoreWork failed
            -> Reply 2 failed: `fix-login`: git failed
            -> WriteIntent fix-login restore
        ok WriteIntent
        ask 3 resume fix-login
            -> RestoreWork fix-login
        fail RestoreWork failed
            -> Reply 3 failed: `fix-login`: git failed
            -> WriteIntent fix-login restore
        ok WriteIntent
        quietly ask 4 remove fix-login
        quietly all ok
        show
        ",
    );
    assert_eq!(world.leftovers(), (0, 0));
}

#[test]
fn one_whose_removal_still_waits_comes_back_and_what_lands_late_is_its_own() {
    let mut world = check("quietly boot\nquietly all ok");
    check_in(
        &mut world,
        "
        quietly ask 1 new fix-login
        quietly ok ResolveBase
        quietly ok WriteIntent
        quietly ok PinBase
        quietly ok AddWorktree
        quietly ok BuildHome
        quietly fail CreateContainer unknown
        quietly fail CreateContainer unknown
        quietly fail CreateContainer unknown
        quietly ok WriteIntent
        quietly ask 2 remove fix-login forced
        quietly all ok
        ask 3 undo fix-login
            -> WriteIntent fix-login restore unsettled
        quietly all ok
        show
            = fix-login: running, attached
        ",
    );
    assert_eq!(world.leftovers(), (1, 0));
}

#[test]
fn without_an_intent_it_stays_where_it_is() {
    let mut world = removed();
    check_in(
        &mut world,
        "
        quietly ask 2 undo fix-login
        fail WriteIntent failed
            -> Reply 2 failed: `fix-login`: no space left
        show
        ask 3 undo fix-login
            -> WriteIntent fix-login restore
        quietly all ok
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn what_a_dead_run_asked_for_on_the_way_back_is_waited_for_by_a_removal() {
    let world = check(
        "
        given intent restore fix-login
        quietly boot crashed
        quietly ok ListContainers
        fail RestoreWork failed
            -> WriteIntent fix-login restore unsettled
        ok WriteIntent
        ask 1 remove fix-login forced
            -> WriteIntent fix-login destroy unsettled
        all ok
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
            -> UntrackContainer fix-login
            -> SnapshotWork fix-login
            -> RemoveWorktree fix-login
            -> RetireHome fix-login
            -> SaveState of nothing
            -> Reply 1 ok removed; what the engine may still make of it will be taken away
            -> WriteIntent fix-login destroy unsettled settling
        engine fix-login created
        changed
            -> ListContainers
        quietly all ok
        ",
    );
    assert_eq!(world.leftovers().0, 0, "what landed late was left");
}
