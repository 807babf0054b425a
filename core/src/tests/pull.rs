//! An image that the engine does not have is pulled, once a creation, and the pull ends when nobody wants it any more.

use std::string::ToString;

use super::conversation::{check_in, play};
use super::create::creating_at;
use super::world::World;
use crate::ports::PullProgress;

/// A world in which the engine has just said that it lacks the image, and the pull of it is outstanding.
fn pulling() -> World {
    let mut world = creating_at(5);
    check_in(
        &mut world,
        "
        fail CreateContainer absent
            -> PullImage fix-login image
        ",
    );
    world
}

#[test]
fn an_image_that_is_not_there_is_pulled_and_the_making_goes_on() {
    check_in(
        &mut pulling(),
        "
        show
            = fix-login: creating, pulling the image
        pulled 1 of 7
        show
            = fix-login: creating, pulling the image: 1 of 7 layers, 1 of 7 MB
        pulled 7 of 7
        ok PullImage
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        show
            = fix-login: creating, creating the container
        pulled 6 of 7
        show
            = fix-login: creating, creating the container
        ok CreateContainer
            -> TrackContainer fix-login created
        quietly all ok
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn a_pull_that_fails_is_told_with_its_reason_and_a_retry_asks_for_the_container_first() {
    check_in(
        &mut pulling(),
        "
        fail PullImage failed
            -> Reply 1 failed: `fix-login`: the engine refused (500): the engine's words
            -> WriteIntent fix-login create
            -> ListContainers
        show
            = fix-login: failed (pulling the image: the engine refused (500): the engine's words)
        quietly all ok
        ask 2 resume fix-login
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        fail CreateContainer absent
            -> PullImage fix-login image
        ok PullImage
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        quietly all ok
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn a_creation_pulls_once() {
    check_in(
        &mut pulling(),
        "
        ok PullImage
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        fail CreateContainer absent
            -> Reply 1 failed: `fix-login`: the engine's words
            -> WriteIntent fix-login create
        ",
    );
}

#[test]
fn a_pull_that_took_too_long_is_told_and_not_begun_again_by_itself() {
    check_in(
        &mut pulling(),
        "
        fail PullImage unknown
            -> Reply 1 timeout: `fix-login`: the engine did not answer in time: a deadline passed
            -> WriteIntent fix-login create
            -> ListContainers
        ",
    );
}

#[test]
fn cancelling_ends_the_pull_at_once_and_takes_back_what_there_is() {
    for answer in ["ok PullImage", "fail PullImage conflict", "fail PullImage unknown"] {
        let mut world = pulling();
        check_in(
            &mut world,
            "
            ask 2 cancel fix-login
                -> Reply 1 failed: the creation of `fix-login` was cancelled
                -> AbandonPull fix-login
            ask 3 cancel fix-login
            ",
        );
        let mut told = play(&mut world, answer);
        told.extend(play(&mut world, "all ok"));
        assert!(told.iter().any(|line| line.starts_with("-> Reply 2 ok")), "{answer}: {told:#?}");
        assert!(!told.iter().any(|line| line.contains("CreateContainer")), "{answer}: {told:#?}");
        assert!(play(&mut world, "show").is_empty(), "{answer}");
        assert_eq!(world.leftovers(), (0, 0), "{answer}: no container, no intent");
    }
}

#[test]
fn the_end_of_the_run_does_not_wait_for_a_pull() {
    check_in(
        &mut pulling(),
        "
        ask 2 quit
            -> AbandonPull fix-login
        fail PullImage conflict
            -> Reply 1 failed: `fix-login`: the engine's words
            -> WriteIntent fix-login create
        ok WriteIntent
            -> SaveState of nothing
        ok SaveState
            -> Reply 2 ok ended
            -> Exit complete
        ",
    );
}

#[test]
fn an_image_is_not_pulled_for_a_run_that_ends() {
    let mut world = creating_at(5);
    check_in(
        &mut world,
        "
        ask 2 quit
        fail CreateContainer absent
            -> Reply 1 failed: `fix-login`: the engine's words
            -> WriteIntent fix-login create
        ",
    );
}

#[test]
fn a_pull_that_ends_after_its_creation_was_given_up_changes_nothing() {
    check_in(
        &mut pulling(),
        "
        quietly fail PullImage unknown
        quietly all ok
        again
        ask 2 resume fix-login
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        pulled 3 of 7
        show
            = fix-login: creating, creating the container
        ",
    );
}

#[test]
fn after_a_crash_the_making_pulls_again() {
    check_in(
        &mut pulling(),
        "
        crash
        quietly boot crashed
        quietly ok ListContainers
        ask 2 resume fix-login
            -> PinBase fix-login
        quietly ok PinBase
        quietly ok AddWorktree
        ok BuildHome
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        fail CreateContainer absent
            -> PullImage fix-login image
        quietly all ok
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn the_pull_for_a_container_that_is_made_again_is_cancelled_without_touching_the_work() {
    let mut world = creating_at(5);
    check_in(
        &mut world,
        "
        quietly all ok
        engine fix-login gone
        quietly changed
        quietly all ok
        quietly ask 2 resume fix-login
        quietly ok WriteIntent
        quietly ok PinBase
        quietly ok AddWorktree
        quietly ok BuildHome
        fail CreateContainer absent
            -> PullImage fix-login image
        ask 3 cancel fix-login
            -> AbandonPull fix-login
            -> Reply 3 ok the pull was cancelled
        fail PullImage conflict
            -> Reply 2 failed: `fix-login`: the engine's words
            -> WriteIntent fix-login create
            -> ListContainers
        ok WriteIntent
        show
            = fix-login: failed (pulling the image: the engine's words)
        ",
    );
}

#[test]
fn of_a_pull_only_what_is_known_is_told() {
    let told = |layers_done, layers, bytes_done, bytes| {
        PullProgress { layers_done, layers, bytes_done, bytes }.to_string()
    };
    assert_eq!(told(0, 0, 0, 0), "");
    assert_eq!(told(0, 0, 5, 9), "", "bytes of no layer");
    assert_eq!(told(1, 3, 0, 0), "1 of 3 layers");
    assert_eq!(told(1, 3, 1, 2_000_001), "1 of 3 layers, 1 of 3 MB");
}
