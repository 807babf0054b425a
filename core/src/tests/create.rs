//! Making a workstream: every step is preceded by what makes it safe, and one that fails can be taken up again.

use std::format;

use super::conversation::{check, check_in, play};
use super::world::World;

/// What making asks for, in order. Saving the state is not among them: it is tried again until it succeeds.
pub(super) const STEPS: [(&str, &str); 11] = [
    ("ResolveBase", "resolving the base commit"),
    ("WriteIntent", "writing the intent"),
    ("PinBase", "pinning the base commit"),
    ("AddWorktree", "adding branch and worktree"),
    ("BuildHome", "building the private git directory"),
    ("CreateContainer", "creating the container"),
    ("TrackContainer", "tracking the container"),
    ("UploadHolder", "uploading the holder"),
    ("StartContainer", "starting the container"),
    ("TrackContainer", "recording the start"),
    ("ClearIntent", "clearing the intent"),
];

/// A world in which `fix-login` is being made and the step at `place` is outstanding.
pub(super) fn creating_at(place: usize) -> World {
    let mut world = World::new();
    check_in(&mut world, "quietly boot\nquietly all ok\nquietly ask 1 new fix-login");
    for (kind, _) in &STEPS[..place] {
        play(&mut world, &format!("ok {kind}"));
        if *kind == "TrackContainer" && !world.is_outstanding("UploadHolder") {
            play(&mut world, "ok SaveState");
        }
    }
    assert!(world.is_outstanding(STEPS[place].0));
    world
}

#[test]
fn a_workstream_is_made_step_by_step() {
    check(
        "
        boot
            -> Beat 1
            -> WatchEngine
            -> ListContainers
        ok ListContainers
        ask 1 new fix-login
            -> ResolveBase fix-login for ccells/fix-login
        ok ResolveBase
            -> WriteIntent fix-login create
        ok WriteIntent
            -> PinBase fix-login
        ok PinBase
            -> AddWorktree fix-login
        ok AddWorktree
            -> BuildHome fix-login
        ok BuildHome
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        ok CreateContainer
            -> TrackContainer fix-login created
        ok TrackContainer
            -> UploadHolder fix-login c1
        ok UploadHolder
            -> StartContainer fix-login c1
        ok StartContainer
            -> TrackContainer fix-login running
        ok TrackContainer
            -> SaveState of fix-login
        ok SaveState
            -> ClearIntent fix-login
        ok ClearIntent
            -> Reply 1 ok running
            -> OpenSession fix-login c1
        ok OpenSession
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn what_there_is_to_say_of_the_base_is_told_at_the_end() {
    check(
        "
        quietly boot
        quietly ok ListContainers
        quietly ask 1 new fix-login
        show
            = fix-login: creating, asking the remote for the base
        quietly fail ResolveBase elsewhere
        quietly ok WriteIntent
        quietly ok PinBase
        quietly ok AddWorktree
        quietly ok BuildHome
        quietly ok CreateContainer
        quietly ok TrackContainer
        quietly ok UploadHolder
        quietly ok StartContainer
        quietly ok TrackContainer
        quietly ok SaveState
        ok ClearIntent
            -> Reply 1 ok running; the remote was silent
            -> OpenSession fix-login c1
        ",
    );
}

#[test]
fn a_base_that_cannot_be_found_leaves_nothing() {
    check(
        "
        quietly boot
        ask 1 new fix-login
            -> ResolveBase fix-login for ccells/fix-login
        fail ResolveBase absent
            -> Reply 1 not found: `main` names no commit in this repository
        show
        ",
    );
}

#[test]
fn a_step_that_fails_is_told_with_its_reason_and_taken_up_again() {
    check(
        "
        quietly boot
        quietly all ok
        quietly ask 1 new fix-login
        quietly ok ResolveBase
        quietly ok WriteIntent
        quietly ok PinBase
        fail AddWorktree failed
            -> Reply 1 failed: `fix-login`: git failed
            -> WriteIntent fix-login create
        show
            = fix-login: failed (adding branch and worktree: git failed)
        ok WriteIntent
        ask 2 resume fix-login
            -> AddWorktree fix-login
        all ok
            -> BuildHome fix-login
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
            -> TrackContainer fix-login created
            -> UploadHolder fix-login c1
            -> StartContainer fix-login c1
            -> TrackContainer fix-login running
            -> SaveState of fix-login
            -> ClearIntent fix-login
            -> Reply 2 ok running
            -> OpenSession fix-login c1
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn every_step_that_fails_is_taken_up_again_at_that_step() {
    for (place, (kind, step)) in STEPS.iter().enumerate().skip(1) {
        let mut world = creating_at(place);
        let told = play(&mut world, &format!("fail {kind} failed"));
        assert!(told.iter().any(|line| line.starts_with("-> Reply 1 failed")), "{kind}: {told:#?}");
        let shown = play(&mut world, "show");
        assert!(shown[0].starts_with(&format!("= fix-login: failed ({step}: ")), "{shown:#?}");
        world.note_failure();
        let told = play(&mut world, "ask 2 resume fix-login");
        assert!(told[0].starts_with(&format!("-> {kind} fix-login")), "{kind}: {told:#?}");
        let told = play(&mut world, "all ok");
        assert!(told.iter().any(|line| line == "-> Reply 2 ok running"), "{kind}: {told:#?}");
        assert_eq!(world.leftovers(), (1, 0), "one container, no intent");
    }
}

#[test]
fn every_step_that_fails_can_be_discarded() {
    for (place, (kind, _)) in STEPS.iter().enumerate().skip(1) {
        let mut world = creating_at(place);
        play(&mut world, &format!("fail {kind} failed"));
        world.note_failure();
        let mut told = play(&mut world, "ask 2 cancel fix-login");
        told.extend(play(&mut world, "all ok"));
        assert!(told.iter().any(|line| line.starts_with("-> Reply 2 ok")), "{kind}: {told:#?}");
        assert!(play(&mut world, "show").is_empty(), "{kind}");
        assert_eq!(world.leftovers(), (0, 0), "no container, no intent");
    }
}

#[test]
fn a_branch_that_is_taken_gives_way_to_the_next_name() {
    check(
        "
        quietly boot
        quietly all ok
        ask 1 new fix-login
            -> ResolveBase fix-login for ccells/fix-login
        fail ResolveBase conflict
            -> ResolveBase fix-login for ccells/fix-login-2
        fail ResolveBase conflict
            -> ResolveBase fix-login for ccells/fix-login-3
        ok ResolveBase
            -> WriteIntent fix-login create
        ",
    );
}

#[test]
fn a_branch_that_the_user_chose_is_that_one_or_none() {
    check(
        "
        quietly boot
        quietly all ok
        ask 1 new fix-login branch=main
            -> ResolveBase fix-login for main
        fail ResolveBase conflict
            -> Reply 1 conflict: branch `that` exists already; choose another with --branch, or say what becomes of it with --on-existing
        show
        ",
    );
}

#[test]
fn what_becomes_of_a_branch_that_is_taken_is_the_users_choice() {
    check(
        "
        quietly boot
        quietly ok ListContainers
        ask 1 new fix-login branch=topic taken=new
            -> ResolveBase fix-login for topic
        fail ResolveBase conflict
            -> ResolveBase fix-login for topic-2
        ask 2 new other taken=use
            -> ResolveBase other for ccells/other
        fail ResolveBase other conflict
            -> Reply 2 conflict: branch `that` exists already; choose another with --branch, or say what becomes of it with --on-existing
        ",
    );
}

#[test]
fn a_workstream_goes_on_from_another_that_is_at_rest_or_runs() {
    check(
        "
        given state fix-login
        quietly boot
        quietly list fix-login=running
        ask 1 new other from=fix-login
            -> ResolveBase other for ccells/other from fix-login
        fail ResolveBase conflict
            -> ResolveBase other for ccells/other-2 from fix-login
        ok ResolveBase
            -> WriteIntent other create
        ask 2 new third from=other
            -> Reply 2 conflict: `other` is not at rest, so nothing goes on from it; try again when it is
        ask 3 new third from=nobody
            -> Reply 3 not found: there is no workstream 00000000000000000000000004
        ",
    );
}

#[test]
fn two_workstreams_never_share_a_branch() {
    check(
        "
        quietly boot
        quietly all ok
        ask 1 new fix-login branch=topic
            -> ResolveBase fix-login for topic
        ask 2 new other branch=topic
            -> ResolveBase other for topic
        ask 3 new Fix-Login
            -> ResolveBase Fix-Login for ccells/fix-login
        ok ResolveBase fix-login
            -> WriteIntent fix-login create
        ok ResolveBase other
            -> Reply 2 conflict: branch `topic` exists already; choose another with --branch, or say what becomes of it with --on-existing
        ok ResolveBase Fix-Login
            -> WriteIntent Fix-Login create
        ask 4 new fix-login
            -> Reply 4 conflict: a workstream named `fix-login` exists already
        ask 5 new fix--login
            -> ResolveBase fix--login for ccells/fix-login
        ok ResolveBase fix--login
            -> ResolveBase fix--login for ccells/fix-login-2
        ",
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        ask 1 new fix-login
            -> Reply 1 conflict: a workstream named `fix-login` exists already
        ask 2 new tidy branch=-rf
            -> Reply 2 usage: `-rf` is no branch name: it must start with a letter or a digit
        ask 3 pause nobody
            -> Reply 3 not found: there is no workstream 00000000000000000000000003
        ask 4 cancel fix-login
            -> Reply 4 conflict: it is made already; remove it instead
        ",
    );
}

#[test]
fn an_unknown_outcome_is_asked_again_under_the_same_name() {
    check(
        "
        quietly boot
        quietly all ok
        quietly ask 1 new fix-login
        quietly ok ResolveBase
        quietly ok WriteIntent
        quietly ok PinBase
        quietly ok AddWorktree
        quietly ok BuildHome
        fail CreateContainer landed
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        ok CreateContainer
            -> TrackContainer fix-login created
        quietly all ok
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn an_outcome_that_stays_unknown_is_the_users_to_decide() {
    let mut world = creating_at(5);
    check_in(
        &mut world,
        "
        fail CreateContainer unknown
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        fail CreateContainer unknown
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        fail CreateContainer unknown
            -> Reply 1 timeout: `fix-login`: the engine did not answer in time: a deadline passed
            -> WriteIntent fix-login create
        show
            = fix-login: failed (creating the container: the engine did not answer in time: a deadline passed)
        ok WriteIntent
        ask 2 resume fix-login
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        quietly all ok
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn what_lands_after_it_was_discarded_is_taken_away() {
    let mut world = creating_at(5);
    check_in(
        &mut world,
        "
        quietly fail CreateContainer unknown
        quietly fail CreateContainer unknown
        quietly fail CreateContainer unknown
        quietly ok WriteIntent
        ask 2 cancel fix-login
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
        show
        quietly wait 100s
        engine fix-login created
        ok ListContainers
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
            -> ListContainers
        all ok
            -> UntrackContainer fix-login
            -> SnapshotWork fix-login
            -> RemoveWorktree fix-login
            -> RetireHome fix-login
            -> SaveState of nothing
            -> WriteIntent fix-login destroy unsettled settling
        quietly wait 45s
        all ok
            -> SaveState of nothing
            -> ClearIntent fix-login
        ",
    );
    assert_eq!(world.leftovers(), (0, 0));
}

#[test]
fn what_lands_after_a_second_try_was_removed_is_taken_away() {
    let mut world = creating_at(5);
    check_in(
        &mut world,
        "
        quietly fail CreateContainer unknown
        quietly all ok
        ask 2 remove fix-login
            -> InspectWork fix-login
        all ok
            -> WriteIntent fix-login destroy unsettled
            -> PauseContainer fix-login c1
            -> CloseSession fix-login
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
    check_in(
        &mut world,
        "
        quietly wait 129s
        engine fix-login created
        all ok
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
            -> ListContainers
            -> UntrackContainer fix-login
            -> SnapshotWork fix-login
            -> RemoveWorktree fix-login
            -> RetireHome fix-login
            -> SaveState of nothing
            -> WriteIntent fix-login destroy unsettled settling
        quietly wait 45s
        all ok
            -> SaveState of nothing
            -> ClearIntent fix-login
        ",
    );
    assert_eq!(world.leftovers(), (0, 0));
}

/// A world in which the container of `fix-login` is there, seen not to have run, and its start was refused twice: the
/// engine died in the middle of it.
fn refused_for_ever() -> World {
    let mut world = creating_at(8);
    check_in(
        &mut world,
        "
        fail StartContainer unknown
            -> StartContainer fix-login c1
            -> ListContainers
        fail StartContainer failed
            -> Reply 1 failed: `fix-login`: the engine refused (500): the engine's words
            -> WriteIntent fix-login create
        quietly all ok
        quietly wait 45s
        quietly all ok
        ",
    );
    world
}

#[test]
fn a_container_that_never_ran_and_is_refused_to_start_is_made_again_once() {
    let mut world = refused_for_ever();
    check_in(
        &mut world,
        "
        ask 2 resume fix-login
            -> StartContainer fix-login c1
        fail StartContainer failed
            -> WriteIntent fix-login create
            -> ListContainers
        ok WriteIntent
            -> PinBase fix-login
        ok PinBase
            -> AddWorktree fix-login
        ok AddWorktree
            -> BuildHome fix-login
        ok BuildHome
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
        ok RemoveContainer
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        ok CreateContainer
            -> TrackContainer fix-login created
        ok TrackContainer
            -> UploadHolder fix-login c2
        ok UploadHolder
            -> StartContainer fix-login c2
        quietly all ok
        show
            = fix-login: running, attached
        ",
    );
    assert_eq!(world.leftovers(), (1, 0), "one container, no intent");
}

#[test]
fn a_second_refusal_in_one_creation_is_told() {
    check_in(
        &mut refused_for_ever(),
        "
        quietly ask 2 resume fix-login
        quietly fail StartContainer failed
        quietly ok WriteIntent
        quietly ok PinBase
        quietly ok AddWorktree
        quietly ok BuildHome
        quietly ok RemoveContainer
        quietly ok CreateContainer
        quietly ok TrackContainer
        quietly ok UploadHolder
        quietly ok ListContainers
        fail StartContainer failed
            -> Reply 2 failed: `fix-login`: the engine refused (500): the engine's words
            -> WriteIntent fix-login create
            -> ListContainers
        show
            = fix-login: failed (starting the container: the engine refused (500): the engine's words)
        ",
    );
}

#[test]
fn what_may_have_run_is_not_taken_away_because_it_does_not_start() {
    let mut world = refused_for_ever();
    check_in(
        &mut world,
        "
        quietly ask 2 resume fix-login
        fail StartContainer unknown
            -> StartContainer fix-login c1
            -> ListContainers
        fail StartContainer failed
            -> Reply 2 failed: `fix-login`: the engine refused (500): the engine's words
            -> WriteIntent fix-login create
        quietly engine fix-login exited
        quietly all ok
        quietly wait 45s
        quietly all ok
        ask 3 resume fix-login
            -> StartContainer fix-login c1
        fail StartContainer failed
            -> Reply 3 failed: `fix-login`: the engine refused (500): the engine's words
            -> WriteIntent fix-login create
            -> ListContainers
        ",
    );
}

#[test]
fn a_crash_between_the_removal_and_the_next_creation_leaves_what_can_be_taken_up() {
    let mut world = refused_for_ever();
    check_in(
        &mut world,
        "
        quietly ask 2 resume fix-login
        quietly fail StartContainer failed
        quietly ok WriteIntent
        quietly ok PinBase
        quietly ok AddWorktree
        quietly ok BuildHome
        quietly ok RemoveContainer
        crash
        quietly boot
        quietly all ok
        show
            = fix-login: failed (pinning the base commit: interrupted by a crash)
            = found fix-login: its creation was interrupted before it had a container
        ask 3 resume fix-login
            -> PinBase fix-login
        quietly all ok
        show
            = fix-login: running, attached
        ",
    );
    assert_eq!(world.leftovers(), (1, 0), "one container, no intent");
}

#[test]
fn a_removal_for_another_that_fails_is_taken_up_again_unless_it_runs_by_now() {
    for (state, next) in [("created", "RemoveContainer"), ("running", "CreateContainer")] {
        let mut world = refused_for_ever();
        check_in(
            &mut world,
            "
            quietly ask 2 resume fix-login
            quietly fail StartContainer failed
            quietly ok WriteIntent
            quietly ok PinBase
            quietly ok AddWorktree
            quietly ok BuildHome
            fail RemoveContainer failed
                -> Reply 2 failed: `fix-login`: the engine refused (500): the engine's words
                -> WriteIntent fix-login create
            ",
        );
        play(&mut world, &format!("engine fix-login {state}"));
        play(&mut world, "all ok");
        play(&mut world, "wait 45s");
        play(&mut world, "all ok");
        let told = play(&mut world, "ask 3 resume fix-login");
        assert_eq!(told, [format!("-> {next} fix-login ccells-web-00000000000000000000000001")]);
        let told = play(&mut world, "all ok");
        assert!(told.iter().any(|line| line == "-> Reply 3 ok running"), "{told:#?}");
    }
}

#[test]
fn reconcile_makes_what_is_refused_to_start_again() {
    check_in(
        &mut refused_for_ever(),
        "
        crash
        quietly boot reconcile
        quietly all ok
        ask 4 reconcile
            -> PinBase fix-login
            -> Reply 4 ok
        quietly ok PinBase
        quietly ok AddWorktree
        quietly ok BuildHome
        quietly ok CreateContainer
        quietly ok TrackContainer
        ok UploadHolder
            -> StartContainer fix-login c1
        fail StartContainer failed
            -> WriteIntent fix-login create
            -> ListContainers
        quietly ok WriteIntent
        quietly ok PinBase
        quietly ok AddWorktree
        ok BuildHome
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
        quietly all ok
        show
            = fix-login: running
        ",
    );
}

#[test]
fn a_container_that_is_gone_already_is_no_hindrance_to_the_next() {
    check_in(
        &mut refused_for_ever(),
        "
        quietly ask 2 resume fix-login
        quietly fail StartContainer failed
        quietly ok WriteIntent
        quietly ok PinBase
        quietly ok AddWorktree
        quietly ok BuildHome
        quietly engine fix-login gone
        fail RemoveContainer absent
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        quietly all ok
        show
            = fix-login: running, attached
        ",
    );
}
