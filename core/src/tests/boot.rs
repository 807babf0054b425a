//! What a start makes of what it finds: it goes on with what needs no question, offers the rest, deletes nothing of
//! its own accord, and does nothing before the engine was heard.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::conversation::{check, check_in, play};
use super::world::World;
use crate::effect::Effect;
use crate::limits::LATE_MS;

#[test]
fn a_running_agent_is_adopted_without_a_question() {
    check(
        "
        given state fix-login
        engine fix-login running
        boot clean
            -> Beat 1
            -> WatchEngine
            -> ListContainers
        ok ListContainers
            -> TrackContainer fix-login running
            -> OpenSession fix-login c1
        all ok
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn after_a_crash_it_is_told_what_was_found() {
    check(
        "
        given state runs
        engine runs running
        given state frozen paused-by-quit
        engine frozen paused
        given state halted
        engine halted paused
        given state ended stopped-by-user
        engine ended exited
        given state bare
        given worktree bare
        boot crashed
            -> Beat 1
            -> WatchEngine
            -> ListContainers
        ok ListContainers
            -> UnpauseContainer frozen c2
            -> TrackContainer runs running
            -> TrackContainer halted paused
            -> TrackContainer ended exited
            -> OpenSession runs c1
        show
            = runs: running
            = frozen: paused, resuming
            = halted: paused
            = ended: stopped
            = bare: lost (its container is gone; its worktree and branch are kept)
            = found runs: its agent is still running
            = found frozen: was paused when ccells quit
            = found halted: its container does not run
            = found ended: its container does not run
            = found bare: its container is gone, its work is not
        all ok
            -> TrackContainer frozen running
            -> OpenSession frozen c2
            -> SaveState of runs, frozen, halted, ended (stopped by user), bare
        show
            = runs: running, attached
            = frozen: running, attached
            = halted: paused
            = ended: stopped
            = bare: lost (its container is gone; its worktree and branch are kept)
            = found runs: its agent is still running
            = found frozen: was paused when ccells quit
            = found halted: its container does not run
            = found ended: its container does not run
            = found bare: its container is gone, its work is not
        ",
    );
}

#[test]
fn what_our_own_quit_froze_goes_on() {
    check(
        "
        given state fix-login paused-by-quit
        engine fix-login paused
        boot clean
            -> Beat 1
            -> WatchEngine
            -> ListContainers
        ok ListContainers
            -> UnpauseContainer fix-login c1
        all ok
            -> TrackContainer fix-login running
            -> OpenSession fix-login c1
            -> SaveState of fix-login
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn an_interrupted_making_with_a_container_is_finished() {
    check(
        "
        given intent create fix-login
        engine fix-login created
        boot crashed
            -> Beat 1
            -> WatchEngine
            -> ListContainers
        show
            = fix-login: failed (pinning the base commit: interrupted by a crash)
        ok ListContainers
            -> PinBase fix-login
        all ok
            -> AddWorktree fix-login
            -> BuildHome fix-login
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
            -> TrackContainer fix-login created
            -> UploadHolder fix-login c1
            -> StartContainer fix-login c1
            -> TrackContainer fix-login running
            -> SaveState of fix-login
            -> ClearIntent fix-login
            -> OpenSession fix-login c1
        show
            = fix-login: running, attached
            = found fix-login: its creation was interrupted and can be finished
        ",
    );
}

#[test]
fn an_interrupted_making_without_a_container_is_the_users_to_decide() {
    check(
        "
        given intent create fix-login
        quietly boot crashed
        ok ListContainers
        show
            = fix-login: failed (pinning the base commit: interrupted by a crash)
            = found fix-login: its creation was interrupted before it had a container
        ask 1 resume fix-login
            -> PinBase fix-login
        all ok
            -> AddWorktree fix-login
            -> BuildHome fix-login
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
            -> TrackContainer fix-login created
            -> UploadHolder fix-login c1
            -> StartContainer fix-login c1
            -> TrackContainer fix-login running
            -> SaveState of fix-login
            -> ClearIntent fix-login
            -> Reply 1 ok running
            -> OpenSession fix-login c1
        show
            = fix-login: running, attached
        ",
    );
    let mut world = check("given intent create fix-login\nquietly boot crashed\nquietly ok ListContainers");
    check_in(
        &mut world,
        "
        ask 1 cancel fix-login
            -> InspectWork fix-login
        all ok
            -> WriteIntent fix-login destroy unsettled
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
            -> UntrackContainer fix-login
            -> SnapshotWork fix-login
            -> RemoveWorktree fix-login
            -> RetireHome fix-login
            -> SaveState of nothing
            -> Reply 1 ok removed; what the engine may still make of it will be taken away
            -> WriteIntent fix-login destroy unsettled settling
        quietly wait 130s
        all ok
            -> ListContainers
            -> SaveState of nothing
            -> ClearIntent fix-login
        show
        ",
    );
}

#[test]
fn an_interrupted_removal_is_finished() {
    check(
        "
        given intent destroy fix-login keep-branch
        engine fix-login running
        boot crashed
            -> Beat 1
            -> WatchEngine
            -> ListContainers
        ok ListContainers
            -> PauseContainer fix-login c1
        all ok
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
            -> UntrackContainer fix-login
            -> SnapshotWork fix-login
            -> RemoveWorktree fix-login keeping the branch
            -> RetireHome fix-login
            -> SaveState of nothing
            -> ClearIntent fix-login
        ",
    );
    check(
        "
        given intent destroy fix-login unsettled
        quietly boot crashed
        quietly all ok
        quietly wait 129s
        all ok
            -> ListContainers
        quietly wait 46s
        all ok
        ",
    );
}

#[test]
fn what_an_earlier_run_asked_for_and_never_heard_of_is_waited_for_by_a_removal() {
    check(
        "
        given state fix-login unsettled
        engine fix-login running
        quietly boot clean
        quietly all ok
        ask 1 remove fix-login forced
            -> WriteIntent fix-login destroy unsettled
        all ok
            -> PauseContainer fix-login c1
            -> CloseSession fix-login
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
            -> UntrackContainer fix-login
            -> SnapshotWork fix-login
            -> RemoveWorktree fix-login
            -> RetireHome fix-login
            -> SaveState of nothing
            -> Reply 1 ok removed; what the engine may still make of it will be taken away
            -> WriteIntent fix-login destroy unsettled settling
        ",
    );
}

#[test]
fn nothing_is_done_before_the_engine_was_heard() {
    check(
        "
        given intent create broken
        engine broken created
        given intent destroy leaving
        engine leaving running
        given state frozen paused-by-quit
        engine frozen paused
        boot crashed
            -> Beat 1
            -> WatchEngine
            -> ListContainers
        fail ListContainers unreachable
        show
            = the engine is down: the engine at the socket does not answer: refused
            = frozen: unknown
            = broken: failed (pinning the base commit: interrupted by a crash)
            = leaving: removing (pausing the container: interrupted by a crash)
        wait 500ms
            -> ListContainers
        ok ListContainers
            -> Notify info: the engine answers again
            -> PinBase broken
            -> PauseContainer leaving c2
            -> UnpauseContainer frozen c3
        ",
    );
}

#[test]
fn a_run_that_could_not_read_everything_deletes_nothing() {
    for what in ["damaged state", "notice intents/x.json was damaged"] {
        let mut world = World::new();
        for line in [
            "given intent destroy leaving",
            "engine leaving running",
            "given intent create broken",
            &format!("given {what}"),
            "boot reconcile crashed",
            "ok ListContainers",
            "ask 1 reconcile",
            "all ok",
        ] {
            let told = play(&mut world, line);
            let is_removal =
                |line: &String| line.starts_with("-> WriteIntent") || line.starts_with("-> Inspect");
            assert!(!told.iter().any(is_removal), "{what}: no removal is begun: {told:#?}");
        }
        assert_eq!(world.leftovers(), (1, 2), "{what}: the container and both intents are still there");
        assert_eq!(world.unanswered(), Vec::<u64>::new());
    }
}

#[test]
fn a_state_that_was_recovered_is_written_anew_at_once() {
    check(
        "
        given state fix-login
        given damaged state
        boot
            -> Beat 1
            -> WatchEngine
            -> ListContainers
            -> SaveState of fix-login
        ",
    );
}

#[test]
fn a_weak_place_of_the_home_is_said_and_forbids_nothing() {
    check(
        "
        given intent destroy leaving
        engine leaving running
        given warning the home is in memory
        boot reconcile crashed
            -> Notify warning: the home is in memory
            -> Beat 1
            -> ListContainers
        ok ListContainers
        ask 1 reconcile
            -> PauseContainer leaving c1
            -> Reply 1 ok
        ",
    );
}

#[test]
fn reconciling_finishes_and_undoes_what_was_interrupted() {
    check(
        "
        given intent destroy leaving
        engine leaving running
        given intent create half
        given intent create whole
        engine whole created
        given state frozen paused-by-quit
        engine frozen paused
        boot reconcile crashed
            -> Beat 1
            -> ListContainers
        ok ListContainers
            -> TrackContainer frozen paused
        ok TrackContainer
        show
            = frozen: paused
            = leaving: removing (pausing the container: interrupted by a crash)
            = half: failed (pinning the base commit: interrupted by a crash)
            = whole: failed (pinning the base commit: interrupted by a crash)
            = found leaving: its removal was interrupted
            = found half: its creation was interrupted before it had a container
            = found whole: its creation was interrupted and can be finished
            = found frozen: was paused when ccells quit
        ask 1 reconcile
            -> PauseContainer leaving c1
            -> InspectWork half
            -> PinBase whole
            -> UnpauseContainer frozen c3
            -> Reply 1 ok
        all ok
            -> RemoveContainer leaving ccells-web-00000000000000000000000001
            -> WriteIntent half destroy unsettled
            -> AddWorktree whole
            -> TrackContainer frozen running
            -> SaveState of leaving, half, frozen
            -> UntrackContainer leaving
            -> RemoveContainer half ccells-web-00000000000000000000000002
            -> BuildHome whole
            -> SnapshotWork leaving
            -> UntrackContainer half
            -> CreateContainer whole ccells-web-00000000000000000000000003
            -> RemoveWorktree leaving
            -> SnapshotWork half
            -> TrackContainer whole created
            -> RetireHome leaving
            -> RemoveWorktree half
            -> UploadHolder whole c2
            -> SaveState of half, frozen
            -> RetireHome half
            -> StartContainer whole c2
            -> ClearIntent leaving
            -> SaveState of frozen
            -> TrackContainer whole running
            -> WriteIntent half destroy unsettled settling
            -> SaveState of whole, frozen
            -> ClearIntent whole
        show
            = frozen: running
            = whole: running
        ",
    );
}

#[test]
fn reconciling_keeps_what_holds_work() {
    check(
        "
        given intent create half
        given worktree half
        quietly boot reconcile crashed
        quietly ok ListContainers
        ask 1 reconcile
            -> InspectWork half
            -> Reply 1 ok
        fail InspectWork work
        show
            = half: failed (pinning the base commit: interrupted, and it holds work)
        ",
    );
}

#[test]
fn what_failed_in_this_very_run_is_not_reconciled() {
    check(
        "
        quietly boot crashed
        ask 1 reconcile
        quietly ask 2 new fix-login
        quietly ok ResolveBase
        quietly ok WriteIntent
        quietly ok PinBase
        quietly fail AddWorktree failed
        quietly ok WriteIntent
        ok ListContainers
            -> Reply 1 ok
        show
            = fix-login: failed (adding branch and worktree: git failed)
        ",
    );
}

#[test]
fn nothing_is_reconciled_without_an_engine() {
    check(
        "
        given intent destroy leaving
        quietly boot reconcile crashed
        ask 1 reconcile
        fail ListContainers unreachable
            -> Reply 1 failed: the engine does not answer, so nothing is finished or undone; try again when it does
        ",
    );
}

#[test]
fn a_verb_touches_only_what_it_names() {
    check(
        "
        given intent destroy leaving
        engine leaving running
        given intent create half
        engine half created
        given state frozen paused-by-quit
        engine frozen paused
        engine stray running
        boot verb crashed
            -> Beat 1
            -> ListContainers
        ask 1 pause frozen
        ok ListContainers
            -> Notify warning: found container ccells-web-00000000000000000000000004, which no file knows of; its workstream is back
            -> PauseContainer frozen c3
        ok PauseContainer
            -> TrackContainer frozen paused
            -> SaveState of leaving, frozen, stray
        ok TrackContainer
        ok SaveState
            -> Reply 1 ok paused
        ask 2 remove leaving
            -> PauseContainer leaving c1
        all ok
            -> RemoveContainer leaving ccells-web-00000000000000000000000001
            -> UntrackContainer leaving
            -> SnapshotWork leaving
            -> RemoveWorktree leaving
            -> RetireHome leaving
            -> SaveState of frozen, stray
            -> ClearIntent leaving
            -> Reply 2 ok removed
        ",
    );
}

#[test]
fn a_run_that_only_looks_changes_nothing() {
    check(
        "
        given intent destroy leaving
        engine leaving running
        given state fix-login paused-by-quit
        engine fix-login paused
        engine stray running
        boot read-only crashed
            -> WatchEngine
            -> ListContainers
        ok ListContainers
            -> OpenSession stray c3
        ask 1 pause stray
            -> Reply 1 conflict: this repository is in use by run 8; this one only looks
        ask 2 new another
            -> Reply 2 conflict: this repository is in use by run 8; this one only looks
        ask 3 remove stray forced
            -> Reply 3 conflict: this repository is in use by run 8; this one only looks
        ask 4 reconcile
            -> Reply 4 conflict: this repository is in use by run 8; this one only looks
        ask 5 cancel leaving
            -> Reply 5 conflict: this repository is in use by run 8; this one only looks
        ask 6 view fix-login
            -> Reply 6 ok
        quietly wait 60s
        ask 7 quit
            -> Reply 7 ok ended
            -> Exit complete
        ",
    );
}

#[test]
fn a_workstream_whose_record_was_lost_comes_back_from_its_facts() {
    check(
        "
        given facts fix-login
        given worktree fix-login
        quietly boot
        ok ListContainers
        show
            = fix-login: lost (its container is gone; its worktree and branch are kept)
            = found fix-login: its container is gone, its work is not
        ask 1 resume fix-login
            -> WriteIntent fix-login create
        all ok
            -> PinBase fix-login
            -> AddWorktree fix-login
            -> BuildHome fix-login
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
            -> TrackContainer fix-login created
            -> UploadHolder fix-login c1
            -> StartContainer fix-login c1
            -> TrackContainer fix-login running
            -> SaveState of fix-login
            -> ClearIntent fix-login
            -> Reply 1 ok running
            -> OpenSession fix-login c1
        ",
    );
}

#[test]
fn recovery_that_crashes_ends_where_it_would_have_ended() {
    let lines = |world: &mut World, lines: &[&str]| lines.iter().for_each(|line| drop(play(world, line)));
    for steps in 0..40 {
        let mut world = World::new();
        lines(&mut world, &["given intent destroy leaving", "engine leaving running"]);
        lines(&mut world, &["given intent create half", "engine half created", "boot crashed"]);
        for _ in 0..steps {
            let is_open = |effect: &Effect| matches!(effect, Effect::WatchEngine { .. });
            let Some(place) = world.pending.iter().position(|asked| !is_open(&asked.effect)) else { break };
            world.answer(place, super::answers::How::Well);
        }
        lines(&mut world, &["boot crashed", "all ok", "wait 180s", "all ok"]);
        let shown: Vec<String> = play(&mut world, "show");
        assert_eq!(shown[0], "= half: running, attached".to_string(), "after {steps} steps: {shown:#?}");
        assert_eq!(world.leftovers(), (1, 0), "after {steps} steps");
    }
}

/// What the disk and the engine hold, and what a run for a person, and one that reconciles, then do of their own accord.
type TableRow = (&'static str, &'static [&'static str], Option<&'static str>, Option<&'static str>);

const TABLE: [TableRow; 8] = [
    ("adopt", &["given state a", "engine a running"], None, None),
    (
        "let go on",
        &["given state a paused-by-quit", "engine a paused"],
        Some("-> UnpauseContainer a c1"),
        Some("-> UnpauseContainer a c1"),
    ),
    ("offer to resume a frozen one", &["given state a", "engine a paused"], None, None),
    ("offer to resume one that ended", &["given state a", "engine a exited"], None, None),
    ("offer to make its container again", &["given state a", "given worktree a"], None, None),
    (
        "roll forward",
        &["given intent create a", "engine a created"],
        Some("-> PinBase a"),
        Some("-> PinBase a"),
    ),
    ("offer to try again", &["given intent create a"], None, Some("-> InspectWork a")),
    (
        "finish the removal",
        &["given intent destroy a", "engine a running"],
        Some("-> PauseContainer a c1"),
        Some("-> PauseContainer a c1"),
    ),
];

#[test]
fn each_purpose_does_its_part_of_the_table_and_no_more() {
    for (verdict, givens, interactive, reconciled) in TABLE {
        for (boot, wish, wanted) in [
            ("boot crashed", None, interactive),
            ("boot verb crashed", None, None),
            ("boot reconcile crashed", None, None),
            ("boot reconcile crashed", Some("ask 1 reconcile"), reconciled),
            ("boot read-only crashed", None, None),
        ] {
            let mut world = World::new();
            for line in givens.iter().copied().chain([boot]) {
                play(&mut world, line);
            }
            let mut told: Vec<String> = wish.into_iter().flat_map(|wish| play(&mut world, wish)).collect();
            told.extend(play(&mut world, "ok ListContainers"));
            let quiet = ["-> Track", "-> Untrack", "-> OpenSession", "-> SaveState", "-> Reply", "-> Notify"];
            told.retain(|line| !quiet.iter().any(|quiet| line.starts_with(quiet)));
            assert_eq!(told, wanted.into_iter().collect::<Vec<_>>(), "{verdict}, {boot}, {wish:?}");
        }
    }
}

#[test]
fn one_that_ended_is_offered_unless_the_user_stopped_it_and_nothing_crashed() {
    for (how, boot, is_offered) in [
        ("", "boot clean", true),
        ("stopped-by-user", "boot clean", false),
        ("", "boot crashed", true),
        ("stopped-by-user", "boot crashed", true),
    ] {
        let given = format!("given state a {how}\nengine a exited\nquietly {boot}\nquietly all ok");
        let shown = play(&mut check(&given), "show");
        let has_finding = shown.iter().any(|line| line.starts_with("= found a"));
        assert_eq!(has_finding, is_offered, "{how}, {boot}: {shown:#?}");
    }
}

#[test]
fn one_that_was_made_is_not_unmade_because_a_second_making_was_interrupted() {
    check(
        "
        given state fix-login
        given intent create fix-login
        given worktree fix-login
        quietly boot reconcile crashed
        quietly all ok
        ask 1 reconcile
            -> Reply 1 ok
        ",
    );
}

#[test]
fn a_removal_that_only_waits_is_no_finding_and_goes_on_waiting_after_a_crash() {
    for (boot, wish) in
        [("boot crashed", None), ("boot reconcile crashed", Some("ask 2 reconcile\n-> Reply 2 ok"))]
    {
        let mut world = check(
            "
            given intent create half
            quietly boot crashed
            quietly ok ListContainers
            quietly ask 1 cancel half
            quietly all ok
            crash
            ",
        );
        check_in(&mut world, &format!("quietly {boot}\nok ListContainers\nshow"));
        check_in(&mut world, wish.unwrap_or_default());
        let told = world.wait_until(world.now + LATE_MS);
        assert!(!told.iter().any(|effect| matches!(effect, Effect::SaveState { .. })), "{told:#?}");
        play(&mut world, "all ok");
        play(&mut world, "changed");
        play(&mut world, "all ok");
        assert_eq!(world.leftovers(), (0, 0), "{boot}: it is over when its wait is");
    }
}
