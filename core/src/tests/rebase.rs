//! Putting commits onto another base: nothing is asked for before the intent is durable, what stopped is remembered, and
//! the base moves when the commits stand on the new one, whoever brought them there.

use std::format;

use super::conversation::check;

#[test]
fn the_agents_git_does_it_and_then_the_base_moves() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        ask 1 rebase fix-login
            -> AimRebase fix-login its branch
        ok AimRebase
            -> WriteIntent fix-login rebase
        ok WriteIntent
            -> RebaseWork fix-login Begin 0011..dddd
        show
            = fix-login: running, rebasing its commits, attached
        ok RebaseWork
            -> MoveBase fix-login 0011..dddd
        ok MoveBase
            -> SaveState of fix-login
        ok SaveState
            -> ClearIntent fix-login
        ok ClearIntent
            -> Reply 1 ok rebased onto `main`: 2 commits on dddddddddd
        show
            = fix-login: running, attached
        quietly ask 2 rebase fix-login release
        fail AimRebase elsewhere
            -> Reply 2 ok nothing to do: its commits stand on `release`
        ",
    );
}

#[test]
fn one_that_stops_is_remembered_and_can_be_taken_back() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        ask 1 rebase fix-login abort
            -> Reply 1 conflict: no rebase of `fix-login` was begun here, so none is taken back
        quietly ask 2 rebase fix-login
        quietly ok AimRebase
        quietly ok WriteIntent
        fail RebaseWork work
            -> SaveState of fix-login (rebase stopped)
        ok SaveState
            -> ClearIntent fix-login
        ok ClearIntent
            -> Reply 2 conflict: a rebase onto `main` is under way: 1 file in conflict: src/login.rs
        show
            = fix-login: running (a rebase onto `main` is under way: 1 file in conflict: src/login.rs), attached
        ask 3 rebase fix-login
            -> RebaseWork fix-login Look 0011..dddd
        fail RebaseWork work
            -> SaveState of fix-login (rebase stopped)
        ok SaveState
            -> Reply 3 conflict: a rebase onto `main` is under way: 1 file in conflict: src/login.rs
        ask 4 rebase fix-login abort
            -> RebaseWork fix-login Look 0011..dddd
        fail RebaseWork work
            -> RebaseWork fix-login Abort 0011..dddd
        ok RebaseWork
            -> SaveState of fix-login
        ok SaveState
            -> Reply 4 ok the rebase was taken back: its commits stand where they stood
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn what_the_agent_finished_is_noticed_before_a_merge() {
    check(
        "
        given state fix-login rebasing
        quietly boot
        quietly list fix-login=running
        quietly all ok
        show
            = fix-login: running (a rebase onto `main` is under way: 1 file in conflict: src/login.rs), attached
        ask 1 merge fix-login
            -> RebaseWork fix-login Look 0011..dddd
        fail RebaseWork work
            -> SaveState of fix-login (rebase stopped)
        ok SaveState
            -> Reply 1 conflict: a rebase onto `main` is under way: 1 file in conflict: src/login.rs
        quietly ask 2 merge fix-login
        ok RebaseWork
            -> MoveBase fix-login 0011..dddd
        ok MoveBase
            -> SaveState of fix-login
        ok SaveState
            -> FetchWork fix-login c1
        quietly ok FetchWork
        quietly ok JudgeMerge
        quietly ok WriteIntent
        quietly ok MoveBranch
        ok ClearIntent
            -> Reply 2 ok merged into `main`: 2 commits, cccccccccc
        ",
    );
}

#[test]
fn what_the_agent_took_back_is_forgotten_and_the_next_rebase_begins() {
    check(
        "
        given state fix-login rebasing
        quietly boot
        quietly list fix-login=running
        quietly all ok
        quietly ask 1 rebase fix-login
        fail RebaseWork elsewhere
            -> AimRebase fix-login its branch
            -> SaveState of fix-login
        ",
    );
}

#[test]
fn an_answer_that_never_came_is_not_taken_for_a_refusal() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 rebase fix-login
        quietly ok AimRebase
        quietly ok WriteIntent
        fail RebaseWork unknown
            -> SaveState of fix-login (rebase begun)
        quietly ok SaveState
        ok ClearIntent
            -> Reply 1 timeout: the engine did not answer in time: a deadline passed
        show
            = fix-login: running (a rebase onto `main` may be under way), attached
        quietly ask 2 rebase fix-login
        quietly fail RebaseWork elsewhere
        ok SaveState
            -> Reply 2 timeout: whether its rebase was begun is not known yet; nothing of it shows so far, try again in two minutes
        quietly wait 140s
        quietly ask 3 rebase fix-login
        fail RebaseWork elsewhere
            -> AimRebase fix-login its branch
            -> SaveState of fix-login
        ",
    );
}

#[test]
fn what_the_agents_git_refuses_leaves_no_intent() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 rebase fix-login
        quietly ok AimRebase
        quietly ok WriteIntent
        fail RebaseWork conflict
            -> ClearIntent fix-login
        ok ClearIntent
            -> Reply 1 conflict: the engine's words
        quietly ask 2 rebase fix-login
        quietly ok AimRebase
        fail WriteIntent failed
            -> ClearIntent fix-login
        ok ClearIntent
            -> Reply 2 failed: no space left
        ask 3 pause fix-login
            -> PauseContainer fix-login c1
        quietly ok PauseContainer
        quietly all ok
        ask 4 rebase fix-login
            -> Reply 4 conflict: `fix-login` does not run, and its commits come out of its container; resume it first
        ",
    );
}

#[test]
fn a_start_looks_how_it_stands() {
    for (answer, reply) in [
        ("ok RebaseWork", "-> MoveBase fix-login 0011..dddd"),
        ("fail RebaseWork work", "-> SaveState of fix-login (rebase stopped)"),
        ("fail RebaseWork elsewhere", "-> SaveState of fix-login (rebase begun)"),
        ("fail RebaseWork unknown", "-> SaveState of fix-login (rebase begun)"),
    ] {
        check(&format!(
            "
            given state fix-login
            given intent rebase fix-login
            quietly boot crashed
            list fix-login=running
                -> RebaseWork fix-login Look 0011..dddd
                -> OpenSession fix-login c1
            {answer}
                {reply}
            "
        ));
    }
}

#[test]
fn a_start_that_cannot_look_remembers_what_may_be_under_way() {
    check(
        "
        given state fix-login
        given intent rebase fix-login
        quietly boot crashed
        list fix-login=exited
            -> SaveState of fix-login (rebase begun)
        quietly ok SaveState
        show
            = fix-login: stopped, clearing the intent
            = found fix-login: its rebase was interrupted
        quietly ok ClearIntent
        show
            = fix-login: stopped (a rebase onto `main` may be under way)
            = found fix-login: its rebase was interrupted
        ",
    );
}

#[test]
fn a_base_that_could_not_be_moved_is_moved_by_the_next_look() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 rebase fix-login
        quietly ok AimRebase
        quietly ok WriteIntent
        quietly ok RebaseWork
        fail MoveBase failed
            -> SaveState of fix-login (rebase begun)
        quietly ok SaveState
        ok ClearIntent
            -> Reply 1 failed: git failed
        ask 2 rebase fix-login
            -> RebaseWork fix-login Look 0011..dddd
        ok RebaseWork
            -> MoveBase fix-login 0011..dddd
        quietly ok MoveBase
        ok SaveState
            -> Reply 2 ok rebased onto `main`: 2 commits on dddddddddd
        ",
    );
}

#[test]
fn what_cannot_be_written_down_stays_half_done_and_resume_finishes_it() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 rebase fix-login
        quietly ok AimRebase
        quietly ok WriteIntent
        quietly ok RebaseWork
        quietly ok MoveBase
        fail SaveState failed
            -> Notify error: the state cannot be saved: no space left. Free some space; ccells tries again.
            -> Reply 1 failed: its agent's git has answered, but that could not be written down: no space left
        ask 2 remove fix-login
            -> Reply 2 conflict: the rebase of `fix-login` onto `main` is still written down; resume it to finish that first
        ask 3 resume fix-login
            -> RebaseWork fix-login Look 0011..dddd
        quietly ok RebaseWork
        ok MoveBase
            -> SaveState of fix-login
        ok SaveState
            -> Notify info: the disk takes writes again
            -> ClearIntent fix-login
        ok ClearIntent
            -> Reply 3 ok rebased onto `main`: 2 commits on dddddddddd
        ",
    );
}
