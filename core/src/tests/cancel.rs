//! Cancelling is not undoing: what is in flight is waited for, and then everything there is of it is taken back.

use std::format;

use super::conversation::{check, check_in, play};
use super::create::{STEPS, creating_at};

#[test]
fn a_making_can_be_cancelled_at_every_step() {
    for (place, (kind, _)) in STEPS.iter().enumerate() {
        for answer in ["ok", "fail"] {
            let mut world = creating_at(place);
            let told = play(&mut world, "ask 2 cancel fix-login");
            assert_eq!(told, ["-> Reply 1 failed: the creation of `fix-login` was cancelled"], "{kind}");
            let line = if answer == "ok" { format!("ok {kind}") } else { format!("fail {kind} failed") };
            let mut told = play(&mut world, &line);
            told.extend(play(&mut world, "all ok"));
            assert!(told.iter().any(|line| line.starts_with("-> Reply 2 ok")), "{kind}: {told:#?}");
            assert!(play(&mut world, "show").is_empty(), "{kind}");
            assert_eq!(world.leftovers(), (0, 0), "{kind}: no container, no intent");
        }
    }
}

#[test]
fn before_the_intent_there_is_nothing_to_take_back() {
    check_in(
        &mut creating_at(0),
        "
        ask 2 cancel fix-login
            -> Reply 1 failed: the creation of `fix-login` was cancelled
        ask 3 cancel fix-login
        ok ResolveBase
            -> Reply 2 ok cancelled; nothing is left of it
            -> Reply 3 ok cancelled; nothing is left of it
        show
        ",
    );
}

#[test]
fn after_the_intent_everything_is_taken_back() {
    check_in(
        &mut creating_at(3),
        "
        ask 2 cancel fix-login
            -> Reply 1 failed: the creation of `fix-login` was cancelled
        ok AddWorktree
            -> InspectWork fix-login
        all ok
            -> WriteIntent fix-login destroy
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
            -> UntrackContainer fix-login
            -> SnapshotWork fix-login
            -> RemoveWorktree fix-login
            -> RetireHome fix-login
            -> SaveState of nothing
            -> ClearIntent fix-login
            -> Reply 2 ok removed
        show
        ",
    );
}

#[test]
fn a_container_that_lands_in_spite_of_it_is_taken_away() {
    let mut world = creating_at(5);
    check_in(
        &mut world,
        "
        ask 2 cancel fix-login
            -> Reply 1 failed: the creation of `fix-login` was cancelled
        fail CreateContainer landed
            -> InspectWork fix-login
        all ok
            -> WriteIntent fix-login destroy unsettled
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
            -> UntrackContainer fix-login
            -> SnapshotWork fix-login
            -> RemoveWorktree fix-login
            -> RetireHome fix-login
            -> SaveState of nothing
            -> Reply 2 ok removed; what the engine may still make of it will be taken away
            -> WriteIntent fix-login destroy unsettled settling
        ",
    );
    assert_eq!(world.leftovers().0, 0);
}

#[test]
fn what_its_agent_did_meanwhile_is_not_taken_without_a_word() {
    check_in(
        &mut creating_at(9),
        "
        ask 2 cancel fix-login
            -> Reply 1 failed: the creation of `fix-login` was cancelled
        ok TrackContainer
            -> InspectWork fix-login
        fail InspectWork work
            -> Reply 2 conflict: `fix-login` holds work that exists nowhere else [src/login.rs]
        show
            = fix-login: failed (pinning the base commit: interrupted, and it holds work)
        ask 3 resume fix-login
            -> PinBase fix-login
        quietly all ok
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn making_a_container_again_is_not_cancelled_at_the_price_of_the_work() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        engine fix-login gone
        changed
            -> ListContainers
        all ok
            -> UntrackContainer fix-login
            -> CloseSession fix-login
        show
            = fix-login: lost (its container is gone; its worktree and branch are kept)
        ask 1 resume fix-login
            -> WriteIntent fix-login create
        ask 2 cancel fix-login
            -> Reply 2 conflict: it is made already; remove it instead
        fail WriteIntent failed
            -> Reply 1 failed: `fix-login`: no space left
        ask 3 cancel fix-login
            -> Reply 3 conflict: it is made already; remove it instead
        show
            = fix-login: failed (writing the intent: no space left)
        ",
    );
}

#[test]
fn what_an_earlier_run_began_is_not_cancelled_before_the_engine_was_heard() {
    check(
        "
        given intent create half
        quietly boot crashed
        ask 1 cancel half
        ok ListContainers
            -> InspectWork half
        ",
    );
}

#[test]
fn one_that_is_known_by_its_facts_alone_was_made_and_is_not_unmade_by_a_cancel() {
    check(
        "
        given facts fix-login
        given worktree fix-login
        quietly boot
        quietly ok ListContainers
        quietly ask 1 resume fix-login
        quietly ok WriteIntent
        quietly fail PinBase failed
        quietly ok WriteIntent
        ask 2 cancel fix-login
            -> Reply 2 conflict: it is made already; remove it instead
        ",
    );
}
