//! A session is attached where a person looks and an agent runs, and is attached again when it is lost.

use super::conversation::{check, check_in};
use super::world::World;

fn made() -> World {
    check("quietly boot\nquietly all ok\nmade fix-login")
}

#[test]
fn a_session_that_is_lost_is_opened_again_later_each_time() {
    check_in(
        &mut made(),
        "
        ended fix-login
            -> ListContainers
        show
            = fix-login: running
        quietly ok ListContainers
        wait 199ms
        wait 1ms
            -> OpenSession fix-login c1
        fail OpenSession failed
            -> ListContainers
        quietly ok ListContainers
        wait 399ms
        wait 1ms
            -> OpenSession fix-login c1
        ok OpenSession
        show
            = fix-login: running, attached
        ended fix-login
            -> ListContainers
        quietly ok ListContainers
        wait 200ms
            -> OpenSession fix-login c1
        ",
    );
}

#[test]
fn no_session_is_opened_while_the_container_is_paused_or_stopped() {
    check_in(
        &mut made(),
        "
        quietly ask 1 pause fix-login
        quietly all ok
        ended fix-login
            -> ListContainers
        quietly ok ListContainers
        quietly wait 4s
        show
            = fix-login: paused
        ask 2 resume fix-login
            -> UnpauseContainer fix-login c1
        all ok
            -> TrackContainer fix-login running
            -> OpenSession fix-login c1
            -> SaveState of fix-login
            -> Reply 2 ok running
        ",
    );
}

#[test]
fn a_verb_opens_no_session_and_watches_nothing() {
    check(
        "
        given state fix-login
        engine fix-login running
        boot verb
            -> Beat 1
            -> ListContainers
        ok ListContainers
        show
            = fix-login: running
        ",
    );
}

#[test]
fn a_session_of_an_earlier_try_changes_nothing() {
    check_in(
        &mut made(),
        "
        ended fix-login
            -> ListContainers
        again
        quietly ok ListContainers
        wait 200ms
            -> OpenSession fix-login c1
        again
        ok OpenSession
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn a_container_that_runs_again_is_attached_to_at_once_however_its_last_life_ended() {
    check_in(
        &mut made(),
        "
        quietly ended fix-login
        quietly ok ListContainers
        quietly wait 200ms
        quietly fail OpenSession failed
        quietly all ok
        quietly wait 400ms
        quietly fail OpenSession failed
        quietly engine fix-login exited
        quietly ok ListContainers
        engine fix-login running
        changed
            -> ListContainers
        ok ListContainers
            -> OpenSession fix-login c1
        ",
    );
}
