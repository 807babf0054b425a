//! Pushing: only what was fetched goes to a remote, forced only where that was asked for, and a crash or a cancel leaves
//! nothing behind.

use super::conversation::check;

#[test]
fn commits_are_fetched_and_what_was_fetched_is_pushed() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        ask 1 push fix-login
            -> FetchWork fix-login c1
        show
            = fix-login: running, fetching its commits, attached
        ok FetchWork
            -> PushWork fix-login bbbb
        show
            = fix-login: running, pushing them, attached
        ok PushWork
            -> Reply 1 ok pushed 2 commits to `origin/ccells/fix-login`: https://forge.example/compare
        show
            = fix-login: running, attached
        quietly ask 2 push fix-login forced
        ok FetchWork
            -> PushWork fix-login bbbb forced
        fail PushWork elsewhere
            -> Reply 2 ok nothing to push: `origin/ccells/fix-login` has it all already
        ",
    );
}

#[test]
fn what_cannot_be_fetched_or_pushed_is_told_and_it_goes_on() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 push fix-login
        fail FetchWork failed
            -> Reply 1 failed: git failed
        quietly ask 2 push fix-login
        quietly ok FetchWork
        fail PushWork conflict
            -> Reply 2 conflict: branch `that` exists already; choose another with --branch, or say what becomes of it with --on-existing
        ask 3 push fix-login remote=-x
            -> Reply 3 usage: a remote is named as `git remote` prints it, not by its address
        quietly ask 4 push fix-login
        ask 5 pause fix-login
            -> Reply 5 conflict: `fix-login` is being changed just now; try again when that is done
        ",
    );
}

#[test]
fn a_push_is_taken_back_while_it_fetches_and_not_later() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 push fix-login
        ask 2 cancel fix-login
            -> Reply 1 failed: the push of `fix-login` was cancelled
        ok FetchWork
            -> Reply 2 ok push cancelled
        quietly ask 3 push fix-login
        quietly ok FetchWork
        ask 4 cancel fix-login
            -> Reply 4 conflict: its commits are on their way already
        ok PushWork
            -> Reply 3 ok pushed 2 commits to `origin/ccells/fix-login`: https://forge.example/compare
        ",
    );
}

#[test]
fn nothing_is_sent_once_the_run_is_ending() {
    check(
        "
        quietly boot
        quietly all ok
        made fix-login
        quietly ask 1 push fix-login
        quietly ask 2 quit keep-running
        ok FetchWork
            -> Reply 1 conflict: ccells is ending
            -> Reply 2 ok ended
            -> Exit complete
        ",
    );
}
