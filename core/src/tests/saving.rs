//! A disk that takes no writes: nothing new is begun, nothing is given up, and it is tried again until it succeeds.

use std::format;

use super::conversation::{check, check_in};
use super::world::World;
use crate::record::Layout;

fn made() -> World {
    check("quietly boot\nquietly all ok\nmade fix-login")
}

#[test]
fn a_state_that_cannot_be_saved_is_told_once_and_saved_later() {
    check_in(
        &mut made(),
        "
        ask 1 view fix-login
            -> Reply 1 ok
            -> SaveState of fix-login
        fail SaveState failed
            -> Notify error: the state cannot be saved: no space left. Free some space; ccells tries again.
        show
            = degraded: no space left
            = fix-login: running, attached
        ask 2 new another
            -> Reply 2 failed: nothing new is begun while the state cannot be saved: no space left
        quietly wait 4s
        wait 1s
            -> Beat 2
            -> SaveState of fix-login
        fail SaveState failed
        wait 5s
            -> Beat 3
            -> SaveState of fix-login
        ok SaveState
            -> Notify info: the disk takes writes again
        show
            = fix-login: running, attached
        ask 3 new another
            -> ResolveBase another for ccells/another
        ",
    );
}

#[test]
fn a_save_that_nobody_asked_for_says_nothing() {
    use crate::event::Event;
    use crate::ids::Generation;

    let mut world = made();
    for outcome in [Ok(()), Err("no space left".into())] {
        let effects = world.send(Event::StateSaved { generation: Generation(9_000), outcome });
        assert!(effects.is_empty(), "{effects:?}");
    }
}

#[test]
fn a_making_waits_for_its_state_to_be_durable() {
    check_in(
        &mut super::create::creating_at(9),
        "
        ok TrackContainer
            -> SaveState of fix-login
        fail SaveState failed
            -> Notify error: the state cannot be saved: no space left. Free some space; ccells tries again.
        show
            = degraded: no space left
            = fix-login: creating, saving the state
        wait 5s
            -> Beat 2
            -> SaveState of fix-login
        ok SaveState
            -> Notify info: the disk takes writes again
            -> ClearIntent fix-login
        ",
    );
}

#[test]
fn who_waits_for_a_making_that_cannot_be_written_down_is_told_and_it_goes_on() {
    check_in(
        &mut super::create::creating_at(9),
        "
        quietly ok TrackContainer
        quietly fail SaveState failed
        quietly wait 5s
        fail SaveState failed
            -> Reply 1 failed: `fix-login`: running, but that could not be written down: no space left; ccells keeps trying
        wait 5s
            -> Beat 3
            -> SaveState of fix-login
        fail SaveState failed
        quietly wait 5s
        ok SaveState
            -> Notify info: the disk takes writes again
            -> ClearIntent fix-login
        quietly all ok
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn who_waits_for_a_removal_that_cannot_be_written_down_is_told_and_it_goes_on() {
    check_in(
        &mut made(),
        "
        quietly ask 1 remove fix-login
        quietly ok InspectWork
        quietly ok WriteIntent
        quietly ok PauseContainer
        quietly ok RemoveContainer
        quietly ok UntrackContainer
        quietly ok SnapshotWork
        quietly ok RemoveWorktree
        quietly ok RetireHome
        quietly fail SaveState failed
        quietly wait 5s
        fail SaveState failed
            -> Reply 1 failed: `fix-login`: removed, but that could not be written down: no space left; ccells keeps trying
        show
            = degraded: no space left
            = fix-login: removing, saving the state
        quietly wait 5s
        ok SaveState
            -> Notify info: the disk takes writes again
            -> ClearIntent fix-login
        ok ClearIntent
        show
        ",
    );
}

#[test]
fn a_removal_waits_for_its_state_to_be_durable() {
    check_in(
        &mut made(),
        "
        quietly ask 1 remove fix-login
        quietly ok InspectWork
        quietly ok WriteIntent
        quietly ok PauseContainer
        quietly ok RemoveContainer
        quietly ok UntrackContainer
        quietly ok SnapshotWork
        quietly ok RemoveWorktree
        ok RetireHome
            -> SaveState of nothing
        fail SaveState failed
            -> Notify error: the state cannot be saved: no space left. Free some space; ccells tries again.
        ask 2 view fix-login
            -> Reply 2 ok
            -> SaveState of nothing
        ok SaveState
            -> Notify info: the disk takes writes again
            -> ClearIntent fix-login
        ",
    );
}

#[test]
fn a_save_that_was_overtaken_counts_neither_way() {
    check_in(
        &mut made(),
        "
        ask 1 view fix-login
            -> Reply 1 ok
            -> SaveState of fix-login
        ask 2 view tidy-up
            -> Reply 2 ok
            -> SaveState of fix-login
        quietly answer last SaveState
        fail SaveState failed
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn a_layout_is_a_word_in_files_and_an_unknown_word_is_the_usual_layout() {
    let words = ["grid", "main_stack", "main_row", "rows", "columns", "zoom"];
    for (layout, word) in Layout::ALL.into_iter().zip(words) {
        let text = format!("\"{word}\"");
        assert_eq!(serde_json::to_string(&layout).unwrap(), text);
        assert_eq!(serde_json::from_str::<Layout>(&text).unwrap(), layout);
        assert_eq!(layout.as_str(), word);
    }
    assert_eq!(serde_json::from_str::<Layout>("\"spiral\"").unwrap(), Layout::Grid);
}
