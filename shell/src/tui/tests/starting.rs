//! How the dialog for a new workstream asks what it begins from.

use ccells_core::ports::{GitError, OnTaken};

use super::keys::{refused, three};
use super::*;
use crate::tui::dialog::Dialog;

#[test]
fn a_branch_that_is_taken_is_asked_about() {
    let wanted = |wishes: &[Wish]| match wishes.first() {
        Some(Wish::Create(ticket, wanted)) => (*ticket, wanted.branch.clone(), wanted.on_taken),
        other => panic!("{other:?}"),
    };
    let exists = |branch: &str| GitError::BranchExists { branch: branch.to_owned() }.to_string();
    let mut stage = three();
    let (sent, branch, on_taken) = wanted(&stage.press("ngo<tab><tab>topic<C-s>"));
    assert_eq!((branch.as_deref(), on_taken), (Some("topic"), OnTaken::Refuse));
    stage.send(Msg::Replied { ticket: sent, outcome: refused(&exists("topic"), None) });
    assert!(stage.frame().contains("Exists  ‹ leave it, take the next free name ›"), "{}", stage.frame());
    let (sent, _, on_taken) = wanted(&stage.press("<enter>"));
    assert_eq!(on_taken, OnTaken::New);
    stage.send(Msg::Replied { ticket: sent, outcome: refused(&exists("topic"), None) });
    let (sent, _, on_taken) = wanted(&stage.press("<right><enter>"));
    assert_eq!(on_taken, OnTaken::Use);
    stage.send(Msg::Replied { ticket: sent, outcome: refused("checked out elsewhere", None) });
    let (sent, _, on_taken) = wanted(&stage.press(" <enter>"));
    assert_eq!(on_taken, OnTaken::Recreate, "another refusal leaves the choice");
    stage.send(Msg::Replied { ticket: sent, outcome: refused("no", None) });
    let (_, branch, on_taken) = wanted(&stage.press("<up>s<C-s>"));
    assert_eq!(
        (branch.as_deref(), on_taken),
        (Some("topics"), OnTaken::Refuse),
        "another branch is not meant"
    );
}

#[test]
fn one_goes_on_from_the_focused_one() {
    let mut stage = three();
    let wishes = stage.press("Fgo on<tab><tab><tab>image:1<C-s>");
    let Some(Wish::Create(ticket, wanted)) = wishes.first() else { panic!("{wishes:?}") };
    assert_eq!((&wanted.from, &wanted.base, wanted.image.as_deref()), (&Some(id(1)), &None, Some("image:1")));
    assert!(stage.frame().contains("where `task-1` is now"), "{}", stage.frame());
    stage.send(Msg::Replied { ticket: *ticket, outcome: refused("no", None) });
    stage.press("<esc>n");
    let Some(Dialog::New(dialog)) = &stage.model.dialog else { panic!("it opens") };
    assert_eq!(dialog.draft.from, None, "the draft is for any");
}
