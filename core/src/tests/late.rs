//! Late and repeated answers change nothing; beats come every five seconds.

use std::format;

use super::conversation::{check, check_in, play};
use super::create::{STEPS, creating_at};

#[test]
fn an_answer_that_comes_twice_counts_once() {
    for (place, (kind, _)) in STEPS.iter().enumerate() {
        let mut world = creating_at(place);
        play(&mut world, &format!("ok {kind}"));
        let before = format!("{:?}", world.machine);
        let told = play(&mut world, "again");
        assert!(told.is_empty(), "{kind}: {told:#?}");
        assert_eq!(before, format!("{:?}", world.machine), "{kind}");
    }
}

#[test]
fn an_answer_to_an_earlier_try_counts_for_nothing() {
    check_in(
        &mut creating_at(5),
        "
        fail CreateContainer unknown
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        again
        ok CreateContainer
            -> TrackContainer fix-login created
        again
        ",
    );
}

#[test]
fn answers_about_what_is_gone_change_nothing() {
    check(
        "
        quietly boot
        quietly all ok
        ask 1 new fix-login
            -> ResolveBase fix-login for ccells/fix-login
        ask 2 cancel fix-login
            -> Reply 1 failed: the creation of `fix-login` was cancelled
        ok ResolveBase
            -> Reply 2 ok cancelled; nothing is left of it
        again
        show
        ",
    );
}

#[test]
fn it_beats_every_five_seconds() {
    check(
        "
        boot
            -> Beat 1
            -> WatchEngine
            -> ListContainers
        quietly ok ListContainers
        wait 4999ms
        wait 1ms
            -> Beat 2
        wait 10s
            -> Beat 3
            -> Beat 4
        ",
    );
}

#[test]
fn a_machine_that_was_asleep_beats_at_once_and_looks_again() {
    let mut world = check("quietly boot\nquietly all ok");
    world.now += 3_600_000;
    check_in(
        &mut world,
        "
        wait 0s
            -> Beat 2
            -> ListContainers
        ",
    );
}

#[test]
fn before_the_boot_every_wish_is_refused() {
    check(
        "
        ask 1 quit
            -> Reply 1 ok ended
            -> Exit complete
        ask 2 new fix-login
        wait 60s
        show
            = not begun
        ",
    );
}

#[test]
fn what_our_own_quit_froze_late_goes_on_as_well() {
    check(
        "
        given state fix-login paused-by-quit
        engine fix-login running
        quietly boot crashed
        quietly all ok
        engine fix-login paused
        changed
            -> ListContainers
        ok ListContainers
            -> UnpauseContainer fix-login c1
        ",
    );
}

#[test]
fn what_is_frozen_long_after_the_start_stays_so() {
    check(
        "
        given state fix-login paused-by-quit
        engine fix-login running
        quietly boot clean
        quietly all ok
        quietly wait 131s
        quietly all ok
        engine fix-login paused
        changed
            -> ListContainers
        quietly ok ListContainers
        show
            = fix-login: paused, attached
        ",
    );
}
