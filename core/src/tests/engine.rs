//! What the engine does by itself, and what becomes of everything when it does not answer: nothing is lost.

use std::string::ToString;
use std::vec::Vec;

use super::conversation::{check, check_in, play, tell};
use super::world::{Asked, World};
use crate::effect::Effect;
use crate::event::Event;
use crate::ids::ContainerId;

fn made() -> World {
    check("quietly boot\nquietly all ok\nmade fix-login")
}

#[test]
fn an_engine_that_is_lost_changes_nothing_and_is_asked_until_it_answers() {
    check_in(
        &mut made(),
        "
        lost
            -> Notify warning: the stream ended. Nothing is lost or deleted; ccells keeps asking.
        show
            = the engine is down: the stream ended
            = fix-login: unknown, attached
        wait 500ms
            -> WatchEngine
            -> ListContainers
        fail ListContainers unreachable
        ask 1 new another
            -> Reply 1 failed: the engine at the socket does not answer: refused; try again when the engine answers
        wait 1500ms
            -> ListContainers
        fail ListContainers unreachable
        wait 4s
            -> ListContainers
            -> Beat 2
        show
            = the engine is down: the engine at the socket does not answer: refused
            = fix-login: unknown, attached
        ok ListContainers
            -> Notify info: the engine answers again
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn a_silent_engine_at_the_start_is_told_once_and_judged_when_it_answers() {
    check(
        "
        given state fix-login
        engine fix-login running
        boot
            -> Beat 1
            -> WatchEngine
            -> ListContainers
        ask 1 pause fix-login
        show
            = fix-login: unknown
        fail ListContainers unreachable
            -> Reply 1 failed: the engine at the socket does not answer: refused; try again when the engine answers
        show
            = the engine is down: the engine at the socket does not answer: refused
            = fix-login: unknown
        wait 500ms
            -> ListContainers
        ok ListContainers
            -> Notify info: the engine answers again
            -> TrackContainer fix-login running
            -> OpenSession fix-login c1
        show
            = fix-login: running
        ",
    );
}

#[test]
fn a_container_that_died_or_was_changed_by_others_is_shown_as_it_is() {
    check_in(
        &mut made(),
        "
        engine fix-login exited
        changed
            -> ListContainers
        ok ListContainers
        show
            = fix-login: stopped, attached
        engine fix-login running
        changed
            -> ListContainers
        ok ListContainers
        engine fix-login paused
        changed
            -> ListContainers
        ok ListContainers
        show
            = fix-login: paused, attached
        ask 1 resume fix-login
            -> UnpauseContainer fix-login c1
        ",
    );
}

#[test]
fn a_container_that_was_removed_by_others_can_be_made_again_around_its_work() {
    check_in(
        &mut made(),
        "
        engine fix-login gone
        changed
            -> ListContainers
        ok ListContainers
            -> UntrackContainer fix-login
            -> CloseSession fix-login
        ok UntrackContainer
        show
            = fix-login: lost (its container is gone; its worktree and branch are kept)
        ask 1 pause fix-login
            -> Reply 1 conflict: `fix-login` has no container that we see; resume it first
        ask 2 resume fix-login
            -> WriteIntent fix-login create
        all ok
            -> PinBase fix-login
            -> AddWorktree fix-login
            -> BuildHome fix-login
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
            -> TrackContainer fix-login created
            -> UploadHolder fix-login c2
            -> StartContainer fix-login c2
            -> TrackContainer fix-login running
            -> SaveState of fix-login
            -> ClearIntent fix-login
            -> Reply 2 ok running
            -> OpenSession fix-login c2
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn a_lost_container_that_comes_back_is_taken_as_it_is() {
    check_in(
        &mut made(),
        "
        engine fix-login gone
        changed
            -> ListContainers
        quietly all ok
        engine fix-login paused
        changed
            -> ListContainers
        all ok
            -> TrackContainer fix-login paused
        show
            = fix-login: paused
        ",
    );
}

#[test]
fn a_container_that_is_gone_when_a_making_is_taken_up_again_is_made_anew() {
    check_in(
        &mut super::create::creating_at(8),
        "
        engine fix-login gone
        fail StartContainer absent
            -> Reply 1 failed: `fix-login`: the engine's words
            -> WriteIntent fix-login create
            -> ListContainers
        ok WriteIntent
        ok ListContainers
        ask 2 resume fix-login
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
        all ok
            -> TrackContainer fix-login created
            -> UploadHolder fix-login c2
            -> StartContainer fix-login c2
            -> TrackContainer fix-login running
            -> SaveState of fix-login
            -> ClearIntent fix-login
            -> Reply 2 ok running
            -> OpenSession fix-login c2
        ",
    );
}

#[test]
fn changes_during_a_listing_are_looked_at_again() {
    check_in(
        &mut made(),
        "
        changed
            -> ListContainers
        changed
        changed
        ok ListContainers
            -> ListContainers
        ok ListContainers
        ",
    );
}

#[test]
fn the_containers_are_listed_now_and_then_without_any_change() {
    check_in(
        &mut made(),
        "
        quietly wait 44s
        wait 1s
            -> Beat 10
            -> ListContainers
        ",
    );
}

#[test]
fn a_listing_that_was_asked_for_before_a_change_does_not_undo_it() {
    check_in(
        &mut made(),
        "
        changed
            -> ListContainers
        ask 1 pause fix-login
            -> PauseContainer fix-login c1
        quietly ok PauseContainer
        quietly ok TrackContainer
        quietly ok SaveState
        list fix-login=running
        show
            = fix-login: paused, attached
        ",
    );
    check_in(
        &mut made(),
        "
        changed
            -> ListContainers
        quietly ask 1 remove fix-login
        quietly ok InspectWork
        quietly ok WriteIntent
        quietly ok PauseContainer
        quietly ok RemoveContainer
        quietly ok UntrackContainer
        quietly ok SnapshotWork
        quietly ok RemoveWorktree
        quietly ok RetireHome
        quietly ok SaveState
        ok ClearIntent
            -> Reply 1 ok removed
        list fix-login=running
        show
        ",
    );
    check(
        "
        quietly boot
        quietly all ok
        changed
            -> ListContainers
        quietly ask 1 new fix-login
        quietly ok ResolveBase
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
        quietly ok ClearIntent
        list
        show
            = fix-login: running
        ",
    );
}

#[test]
fn what_changes_while_the_index_is_mended_is_seen() {
    check(
        "
        given state fix-login
        engine fix-login running
        quietly boot
        quietly ok ListContainers
        engine fix-login exited
        changed
            -> ListContainers
        ok ListContainers
        ok TrackContainer
        show
            = fix-login: stopped
        ",
    );
}

#[test]
fn what_vanishes_while_the_index_is_mended_is_missed() {
    check(
        "
        given state fix-login
        engine fix-login running
        quietly boot
        quietly ok ListContainers
        engine fix-login gone
        changed
            -> ListContainers
        ok ListContainers
            -> CloseSession fix-login
        ok TrackContainer
        show
            = fix-login: lost (its container is gone; its worktree and branch are kept)
        ",
    );
}

#[test]
fn an_engine_that_names_the_container_of_another_is_not_believed() {
    let mut world = made();
    let theirs = ContainerId::parse("c1").unwrap();
    play(&mut world, "ask 1 new another");
    for line in ["ok ResolveBase", "ok WriteIntent", "ok PinBase", "ok AddWorktree", "ok BuildHome"] {
        play(&mut world, line);
    }
    let lie = |world: &mut World| {
        let is_wanted = |asked: &Asked| matches!(asked.effect, Effect::CreateContainer { .. });
        let place = world.pending.iter().position(is_wanted).expect("a container is asked for");
        let asked = world.pending.remove(place);
        let Effect::CreateContainer { workstream, attempt, .. } = asked.effect else { unreachable!() };
        let outcome = Ok(theirs.clone());
        let effects = world.send(Event::ContainerCreated { workstream, attempt, outcome });
        effects.iter().map(|effect| tell(world, effect)).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        let told = lie(&mut world);
        assert!(told[0].starts_with("-> CreateContainer another"), "it is asked again: {told:#?}");
    }
    let told = lie(&mut world);
    let text = "-> Reply 1 timeout: `another`: the engine did not answer in time: it named the container of `fix-login`";
    assert!(told.contains(&text.to_string()), "{told:#?}");
    let shown = play(&mut world, "show");
    assert_eq!(shown[0], "= fix-login: running, attached", "the other is as it was: {shown:#?}");
}

#[test]
fn a_mended_index_is_waited_for_and_mended_again_when_that_failed() {
    check(
        "
        given state fix-login
        engine fix-login running
        quietly boot
        ok ListContainers
            -> TrackContainer fix-login running
            -> OpenSession fix-login c1
        ask 1 pause fix-login
        fail TrackContainer failed
            -> PauseContainer fix-login c1
        ok PauseContainer
            -> TrackContainer fix-login paused
            -> SaveState of fix-login
        fail TrackContainer failed
            -> Reply 1 failed: no space left
        quietly ok SaveState
        changed
            -> ListContainers
        ok ListContainers
            -> TrackContainer fix-login paused
        fail TrackContainer failed
        quietly wait 1s
        quietly changed
        ok ListContainers
            -> TrackContainer fix-login paused
            -> ListContainers
        ok TrackContainer
        quietly wait 1s
        quietly changed
        ok ListContainers
            -> ListContainers
        ask 2 quit keep-running
            -> Reply 2 ok ended
            -> Exit complete
        ",
    );
}

#[test]
fn a_container_of_ours_that_no_file_knows_of_is_adopted_and_one_of_others_is_not() {
    check(
        "
        quietly boot
        engine stray running
        engine foreign theirs running
        ok ListContainers
            -> Notify warning: found container ccells-web-00000000000000000000000001, which no file knows of; its workstream is back
            -> TrackContainer stray running
            -> OpenSession stray c1
            -> SaveState of stray
        show
            = recovered-000001: running
        ",
    );
}

/// The times, from now on, at which the containers are listed within so many milliseconds, when each listing is
/// answered `how` at once.
fn listings(world: &mut World, within: u64, how: &str) -> Vec<u64> {
    let (began, mut times) = (world.now, Vec::new());
    while let Some(deadline) = world.machine.next_deadline().filter(|it| it.at.0 <= began + within) {
        let wait = deadline.at.0.saturating_sub(world.now);
        play(world, &std::format!("wait {wait}ms"));
        if world.is_outstanding("ListContainers") {
            times.push(world.now - began);
            play(
                world,
                &std::format!("{how} ListContainers{}", if how == "fail" { " unreachable" } else { "" }),
            );
        }
    }
    times
}

#[test]
fn a_silent_engine_is_asked_after_pauses_that_double_and_soon_again_once_it_answered() {
    let mut world = made();
    for _ in 0..2 {
        play(&mut world, "lost");
        let asked = listings(&mut world, 20_000, "fail");
        assert_eq!(asked, [500, 1_500, 3_500, 7_500, 12_500, 17_500]);
        world.now += 5_000;
        play(&mut world, "wait 0s");
        play(&mut world, "ok ListContainers");
    }
}

#[test]
fn after_a_change_the_engine_is_doubted_for_a_while() {
    let mut world = made();
    listings(&mut world, 2_000, "ok");
    play(&mut world, "changed");
    play(&mut world, "ok ListContainers");
    let asked = listings(&mut world, 50_000, "ok");
    assert_eq!(asked, [150, 300, 450, 600, 750, 900, 45_900]);
}

#[test]
fn a_deadline_that_passed_is_told_apart_from_an_engine_that_is_not_there() {
    for (how, kind) in [("unknown", "timeout"), ("unreachable", "failed")] {
        let mut world = made();
        for line in ["lost", "wait 500ms", &std::format!("fail ListContainers {how}")] {
            play(&mut world, line);
        }
        for wish in ["1 remove fix-login", "2 new another"] {
            let told = play(&mut world, &std::format!("ask {wish}"));
            assert!(told[0].contains(&std::format!(" {kind}: the engine")), "{wish}: {told:#?}");
        }
    }
}

#[test]
fn a_ping_that_is_not_answered_is_as_good_as_a_listing_that_is_not() {
    use crate::ports::{EngineError, EngineFacts};

    let mut world = made();
    let facts = EngineFacts { version: "1".to_string(), api: "1".to_string() };
    assert!(world.send(Event::EnginePinged { outcome: Ok(facts) }).is_empty());
    let reason = "a deadline passed".to_string();
    let effects = world.send(Event::EnginePinged { outcome: Err(EngineError::Unknown { reason }) });
    let told: Vec<_> = effects.iter().map(|effect| tell(&world, effect)).collect();
    let words = "the engine did not answer in time: a deadline passed. Nothing is lost or deleted; ccells keeps asking.";
    assert_eq!(told, [std::format!("-> Notify warning: {words}")]);
}

#[test]
fn what_a_listing_still_shows_of_one_that_was_removed_meanwhile_is_not_news() {
    let mut world = check("quietly boot\nquietly all ok\nmade fix-login");
    check_in(
        &mut world,
        "
        wait 45s
            -> Beat 2
            -> Beat 3
            -> Beat 4
            -> Beat 5
            -> Beat 6
            -> Beat 7
            -> Beat 8
            -> Beat 9
            -> Beat 10
            -> ListContainers
        quietly ask 1 remove fix-login forced
        quietly ok WriteIntent
        quietly ok PauseContainer
        quietly ok RemoveContainer
        quietly ok UntrackContainer
        quietly ok SnapshotWork
        quietly ok RemoveWorktree
        quietly ok RetireHome
        quietly ok SaveState
        ok ClearIntent
            -> Reply 1 ok removed
        list fix-login=running
        show
        ",
    );
}
