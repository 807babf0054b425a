//! The end of a run: in time whatever the engine does, with everybody answered, and what is to be found again durable
//! before anything is frozen.

use std::format;

use super::conversation::{check, check_in, play};
use super::create::{STEPS, creating_at};
use super::world::World;

fn made() -> World {
    check("quietly boot\nquietly all ok\nmade fix-login tidy-up")
}

#[test]
fn the_state_is_durable_before_anything_is_paused() {
    check_in(
        &mut made(),
        "
        ask 1 quit
            -> SaveState of fix-login (paused by quit), tidy-up (paused by quit)
        show
            = fix-login: running, attached
            = tidy-up: running, attached
        ok SaveState
            -> PauseContainer fix-login c1
            -> PauseContainer tidy-up c2
        ok PauseContainer fix-login
            -> TrackContainer fix-login paused
            -> SaveState of fix-login (paused by quit), tidy-up (paused by quit)
        ok TrackContainer fix-login
        ok PauseContainer tidy-up
            -> TrackContainer tidy-up paused
            -> SaveState of fix-login (paused by quit), tidy-up (paused by quit)
        ok TrackContainer tidy-up
            -> SaveState of fix-login (paused by quit), tidy-up (paused by quit)
        show
            = fix-login: paused, pausing, attached
            = tidy-up: paused, pausing, attached
            = ending fix-login: paused
            = ending tidy-up: paused
        all ok
            -> Reply 1 ok ended
            -> Exit complete
        ",
    );
}

#[test]
fn agents_that_are_to_go_on_are_left_alone() {
    check_in(
        &mut made(),
        "
        ask 1 quit keep-running
            -> Reply 1 ok ended
            -> Exit complete
        ",
    );
}

#[test]
fn a_hung_engine_does_not_keep_the_run_from_ending() {
    check_in(
        &mut made(),
        "
        ask 1 quit
            -> SaveState of fix-login (paused by quit), tidy-up (paused by quit)
        ok SaveState
            -> PauseContainer fix-login c1
            -> PauseContainer tidy-up c2
        wait 4s
        wait 1s
            -> Beat 2
            -> SaveState of fix-login (paused by quit), tidy-up (paused by quit)
        show
            = fix-login: running, pausing, attached
            = tidy-up: running, pausing, attached
            = ending fix-login: the engine did not answer in time
            = ending tidy-up: the engine did not answer in time
        ok SaveState
            -> Reply 1 ok ended
            -> Exit incomplete
        ",
    );
}

#[test]
fn a_hung_engine_and_a_full_disk_do_not_keep_the_run_from_ending() {
    let mut world = made();
    check_in(
        &mut world,
        "
        quietly ask 1 quit
        fail SaveState failed
            -> Notify error: the state cannot be saved: no space left. Free some space; ccells tries again.
        wait 3s
            -> PauseContainer fix-login c1
            -> PauseContainer tidy-up c2
        wait 4800ms
            -> Beat 2
            -> SaveState of fix-login (paused by quit), tidy-up (paused by quit)
            -> SaveState of fix-login (paused by quit), tidy-up (paused by quit)
            -> Reply 1 ok ended
            -> Exit incomplete
        ",
    );
    assert!(world.has_ended);
}

#[test]
fn the_second_signal_ends_at_once_and_answers_everybody() {
    let mut world = made();
    check_in(
        &mut world,
        "
        quietly ask 1 new another
        quietly ask 2 quit
        ask 3 quit
        ask 4 pause fix-login
            -> Reply 4 conflict: ccells is ending
        ask 5 quit-now
            -> Reply 2 ok ended
            -> Reply 3 ok ended
            -> Reply 5 ok ended
            -> Reply 1 timeout: ccells ended first; the next start takes it up
            -> Exit incomplete
        ask 6 quit-now
        ",
    );
    assert_eq!(world.unanswered(), [6], "after the end nobody listens");
}

#[test]
fn wishes_that_were_not_judged_yet_are_refused() {
    check(
        "
        given state fix-login
        quietly boot
        ask 1 pause fix-login
        ask 2 quit-now
            -> Reply 2 ok ended
            -> Reply 1 failed: ccells is ending
            -> Exit incomplete
        ",
    );
}

#[test]
fn a_making_in_flight_stops_at_its_next_step_and_is_found_again() {
    check_in(
        &mut creating_at(3),
        "
        ask 2 quit
        ok AddWorktree
            -> Reply 1 failed: `fix-login`: ccells ended before it was finished
            -> WriteIntent fix-login create
        ",
    );
    for (place, (kind, _)) in STEPS.iter().enumerate().take(STEPS.len() - 1).skip(1) {
        let mut world = creating_at(place);
        for line in ["ask 2 quit", &format!("ok {kind}"), "all ok", "wait 8s"] {
            play(&mut world, line);
        }
        assert!(world.has_ended, "{kind}");
        for line in ["boot crashed", "all ok", "ask 3 resume fix-login", "all ok", "wait 60s", "all ok"] {
            play(&mut world, line);
        }
        assert_eq!(play(&mut world, "show")[0], "= fix-login: running, attached", "{kind}");
    }
}

#[test]
fn a_making_that_hangs_is_waited_for_only_so_long() {
    check_in(
        &mut creating_at(5),
        "
        ask 2 quit
        wait 3s
        wait 4300ms
            -> Beat 2
            -> SaveState of nothing
        ok SaveState
            -> Reply 2 ok ended
            -> Reply 1 timeout: ccells ended first; the next start takes it up
            -> Exit complete
        ",
    );
}

#[test]
fn what_came_to_run_while_the_run_was_ending_is_durable_before_it_is_paused() {
    let mut world = made();
    check_in(
        &mut world,
        "
        quietly ask 1 stop fix-login
        quietly all ok
        quietly ask 2 stop tidy-up
        quietly all ok
        quietly ask 3 resume fix-login
        ask 4 quit
        ok StartContainer
            -> TrackContainer fix-login running
            -> SaveState of fix-login, tidy-up (stopped by user)
        ok TrackContainer
        ok SaveState
            -> Reply 3 ok running
            -> SaveState of fix-login (paused by quit), tidy-up (stopped by user)
        ok SaveState
            -> PauseContainer fix-login c1
        all ok
            -> TrackContainer fix-login paused
            -> SaveState of fix-login (paused by quit), tidy-up (stopped by user)
            -> SaveState of fix-login (paused by quit), tidy-up (stopped by user)
            -> Reply 4 ok ended
            -> Exit complete
        ",
    );
}

#[test]
fn nothing_is_recovered_once_the_run_is_ending() {
    check(
        "
        given intent destroy leaving
        engine leaving running
        given state frozen paused-by-quit
        engine frozen paused
        quietly boot crashed
        ask 1 quit
            -> SaveState of leaving, frozen (paused by quit)
        ok ListContainers
        ok SaveState
            -> Reply 1 ok ended
            -> Exit complete
        ",
    );
    let mut world = creating_at(5);
    check_in(
        &mut world,
        "
        changed
            -> ListContainers
        ask 2 quit
        ok ListContainers
        changed
        wait 2s
        ",
    );
}

#[test]
fn a_pause_that_fails_is_told_and_tried_again_by_nobody() {
    check_in(
        &mut made(),
        "
        quietly ask 1 quit
        ok SaveState
            -> PauseContainer fix-login c1
            -> PauseContainer tidy-up c2
        fail PauseContainer fix-login unknown
        ok PauseContainer tidy-up
            -> TrackContainer tidy-up paused
            -> SaveState of fix-login (paused by quit), tidy-up (paused by quit)
        fail TrackContainer tidy-up failed
            -> SaveState of fix-login (paused by quit), tidy-up (paused by quit)
        show
            = fix-login: running (the engine did not answer in time: a deadline passed), attached
            = tidy-up: paused (no space left), attached
            = ending fix-login: the engine did not answer in time: a deadline passed
            = ending tidy-up: paused
        all ok
            -> Reply 1 ok ended
            -> Exit incomplete
        ",
    );
}

#[test]
fn answers_after_the_end_change_nothing() {
    let mut world = made();
    check_in(
        &mut world,
        "
        quietly ask 1 pause fix-login
        quietly ask 2 quit-now
        ok PauseContainer
        changed
        wait 60s
        ",
    );
}

#[test]
fn a_making_that_only_has_to_be_written_down_is_finished_by_the_run_that_ends() {
    let mut world = super::create::creating_at(9);
    play(&mut world, "ask 2 quit keep-running");
    let told = play(&mut world, "all ok");
    assert_eq!(told[0], "-> SaveState of fix-login", "{told:#?}");
    assert!(told.iter().any(|line| line == "-> Reply 1 ok running"), "{told:#?}");
    assert_eq!(world.leftovers(), (1, 0), "one container, no intent");
}

#[test]
fn the_last_thing_a_run_asks_for_is_its_end_also_when_a_beat_was_due() {
    let mut world = made();
    world.now += 60_000;
    check_in(
        &mut world,
        "
        ask 1 quit-now
            -> Reply 1 ok ended
            -> Exit incomplete
        ",
    );
}

/// The world fails where a deadline is left behind.
#[test]
fn a_session_that_was_lost_is_no_business_of_a_run_that_is_ending() {
    check_in(
        &mut made(),
        "
        ended fix-login
            -> ListContainers
        ask 1 quit
            -> SaveState of fix-login (paused by quit), tidy-up (paused by quit)
        wait 1s
        ok SaveState
            -> PauseContainer fix-login c1
            -> PauseContainer tidy-up c2
        ",
    );
}
