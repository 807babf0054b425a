//! Bringing commits home: nothing of the user's moves before the intent is durable, and a move that was begun is finished.

use super::conversation::check;

#[test]
fn commits_are_fetched_merged_aside_and_then_the_branch_moves() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        ask 1 merge fix-login
            -> FetchWork fix-login c1
        ok FetchWork
            -> JudgeMerge fix-login bbbb onto its branch
        ok JudgeMerge
            -> WriteIntent fix-login merge
        ok WriteIntent
            -> MoveBranch fix-login main aaaa..cccc
        show
            = fix-login: running, moving the branch, attached
        ok MoveBranch
            -> ClearIntent fix-login
        ok ClearIntent
            -> Reply 1 ok merged into `main`: 2 commits, cccccccccc
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn what_is_there_already_or_cannot_be_merged_leaves_no_intent() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 merge fix-login release
        quietly ok FetchWork
        fail JudgeMerge elsewhere
            -> Reply 1 ok nothing to merge: it is all there already
        quietly ask 2 merge fix-login
        quietly ok FetchWork
        fail JudgeMerge conflict
            -> Reply 2 conflict: branch `that` exists already; choose another with --branch, or say what becomes of it with --on-existing
        quietly ask 3 merge fix-login
        fail FetchWork failed
            -> Reply 3 failed: git failed
        ask 4 pause fix-login
            -> PauseContainer fix-login c1
        ",
    );
}

#[test]
fn an_intent_that_cannot_be_written_is_taken_back_and_nothing_moves() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 merge fix-login
        quietly ok FetchWork
        quietly ok JudgeMerge
        fail WriteIntent failed
            -> ClearIntent fix-login
        ok ClearIntent
            -> Reply 1 failed: no space left
        ",
    );
}

#[test]
fn an_intent_that_can_neither_be_written_nor_taken_back_moves_nothing() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 merge fix-login
        quietly ok FetchWork
        quietly ok JudgeMerge
        quietly fail WriteIntent failed
        fail ClearIntent failed
            -> Reply 1 failed: no space left
        ask 2 resume fix-login
            -> Reply 2 ok running already
        ",
    );
}

#[test]
fn a_refused_move_whose_intent_cannot_be_taken_back_is_not_tried_again() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 merge fix-login
        quietly ok FetchWork
        quietly ok JudgeMerge
        quietly ok WriteIntent
        quietly fail MoveBranch conflict
        fail ClearIntent failed
            -> Reply 1 conflict: branch `that` exists already; choose another with --branch, or say what becomes of it with --on-existing
        ask 2 merge fix-login
            -> Reply 2 conflict: a merge of `fix-login` is over and is still written down; resume it to take that back
        ask 3 resume fix-login
            -> ClearIntent fix-login
        ok ClearIntent
            -> Reply 3 ok what was left of the merge is cleared away
        ",
    );
}

#[test]
fn a_branch_that_moved_is_not_moved_again_because_the_intent_stays() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 merge fix-login
        quietly ok FetchWork
        quietly ok JudgeMerge
        quietly ok WriteIntent
        quietly ok MoveBranch
        fail ClearIntent failed
            -> Reply 1 ok merged into `main`: 2 commits, cccccccccc
        ask 2 resume fix-login
            -> ClearIntent fix-login
        ok ClearIntent
            -> Reply 2 ok what was left of the merge is cleared away
        ",
    );
}

#[test]
fn a_move_that_is_refused_takes_its_intent_back() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 merge fix-login
        quietly ok FetchWork
        quietly ok JudgeMerge
        quietly ok WriteIntent
        fail MoveBranch conflict
            -> ClearIntent fix-login
        ok ClearIntent
            -> Reply 1 conflict: branch `that` exists already; choose another with --branch, or say what becomes of it with --on-existing
        ask 2 remove fix-login forced
            -> WriteIntent fix-login destroy
        ",
    );
}

#[test]
fn a_move_that_may_be_half_done_is_finished_before_anything_else_is_written_down() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 merge fix-login
        quietly ok FetchWork
        quietly ok JudgeMerge
        quietly ok WriteIntent
        fail MoveBranch failed
            -> Reply 1 failed: git failed
        ask 2 remove fix-login forced
            -> Reply 2 conflict: the merge of `fix-login` into `main` is not finished; resume it to finish that first
        ask 3 merge fix-login
            -> Reply 3 conflict: the merge of `fix-login` into `main` is not finished; resume it to finish that first
        ask 4 resume fix-login
            -> MoveBranch fix-login main aaaa..cccc
        ok MoveBranch
            -> ClearIntent fix-login
        ok ClearIntent
            -> Reply 4 ok merged into `main`: 2 commits, cccccccccc
        ",
    );
}

#[test]
fn a_start_finishes_what_a_crash_interrupted() {
    check(
        "
        given state fix-login
        given intent merge fix-login
        engine fix-login running
        quietly boot crashed
        ok ListContainers
            -> MoveBranch fix-login main aaaa..cccc
            -> OpenSession fix-login c1
        ok MoveBranch
            -> ClearIntent fix-login
        ok ClearIntent
        show
            = fix-login: running
            = found fix-login: its merge was interrupted
        ",
    );
}

#[test]
fn it_can_be_cancelled_until_it_is_written_down() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 merge fix-login
        ask 2 cancel fix-login
            -> Reply 1 failed: the merge of `fix-login` was cancelled
        ok FetchWork
            -> Reply 2 ok merge cancelled
        quietly ask 3 merge fix-login
        quietly ok FetchWork
        quietly ok JudgeMerge
        ask 4 cancel fix-login
            -> Reply 4 conflict: its branch is moving already
        ",
    );
}

#[test]
fn what_does_not_run_has_to_be_resumed_first() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 pause fix-login
        quietly all ok
        ask 2 merge fix-login
            -> Reply 2 conflict: `fix-login` does not run, and its commits come out of its container; resume it first
        ask 3 merge fix-login --all
            -> Reply 3 usage: `--all` is no branch name: it must start with a letter or a digit
        ",
    );
}

#[test]
fn an_end_waits_for_a_branch_that_moves_and_gives_up_what_nobody_can_see() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 merge fix-login
        quietly ask 2 quit keep-running
        ok FetchWork
            -> Reply 1 conflict: ccells is ending
            -> Reply 2 ok ended
            -> Exit complete
        ",
    );
}
