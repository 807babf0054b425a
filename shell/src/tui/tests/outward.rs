//! Keys about work that goes elsewhere: pushed, asked to be pulled, put onto another base.

use ccells_core::effect::{Done, Refusal, RefusalKind};
use ccells_core::event::Ask;
use ccells_core::ports::{PushWish, RebaseWish};

use super::keys::{asks, refused, three, ticket};
use super::*;
use crate::tui::dialog::Dialog;

#[test]
fn pushing_asks_where_to_and_force_asks_twice() {
    let push = |change: fn(&mut PushWish)| {
        let mut wish = PushWish::default();
        change(&mut wish);
        [Ask::Push { workstream: id(1), wish: Box::new(wish) }]
    };
    for keys in ["P<enter>", "P<tab><enter>"] {
        assert_eq!(asks(&three().press(keys)), push(|_| ()), "{keys}");
    }
    let named = push(|wish| {
        wish.remote = Some("fork".to_owned());
        wish.branch = Some("mine".to_owned());
    });
    assert_eq!(asks(&three().press("P<tab><tab><tab>fork<enter>mine<enter><enter><enter><enter>")), named);
    let forced = push(|wish| (wish.is_forced, wish.may_rewrite) = (true, true));
    assert_eq!(asks(&three().press("P<tab><tab><enter><enter>")), forced);
    for keys in
        ["P", "PP", "P<esc>", "P<tab><tab><enter>", "P<tab><tab><enter><esc>", "P<tab><tab><enter><tab><tab>"]
    {
        assert_eq!(asks(&three().press(keys)), [], "{keys}");
    }
    let mut stage = three();
    stage.press("P<enter>");
    assert_eq!(
        asks(&stage.press("P")),
        [Ask::Cancel(id(1))],
        "what is on its way is taken back by the same key"
    );
}

#[test]
fn a_pull_request_follows_a_push_that_went_well_and_no_other() {
    let sent = |stage: &mut Stage| {
        let wishes = stage.press("P<tab><enter>");
        let ticket = wishes.iter().find_map(|wish| match wish {
            Wish::Ask(ticket, Ask::Push { .. }) => Some(*ticket),
            _ => None,
        });
        ticket.expect("it is pushed")
    };
    let opens = |wishes: &[Wish]| wishes.iter().any(|wish| matches!(wish, Wish::OpenPullRequest(..)));
    let mut stage = three();
    let ticket = sent(&mut stage);
    let done = Done { workstream: Some(id(1)), note: "pushed 1 commit".to_owned() };
    assert!(opens(&stage.send(Msg::Replied { ticket, outcome: Ok(done.clone()) })));
    stage.send(Msg::PullRequest(id(1), Ok("opened https://forge/7".to_owned())));
    assert!(stage.frame().contains("opened https://forge/7"), "{}", stage.frame());
    let ticket = sent(&mut stage);
    let refusal = Refusal { kind: RefusalKind::Conflict, text: "no remote".to_owned(), work: None };
    assert!(!opens(&stage.send(Msg::Replied { ticket, outcome: Err(refusal) })));
    assert!(stage.frame().contains("no remote"), "{}", stage.frame());
    let wishes = stage.press("P<enter>");
    let ticket =
        wishes.iter().find_map(|wish| if let Wish::Ask(ticket, _) = wish { Some(*ticket) } else { None });
    let ticket = ticket.expect("it is pushed");
    assert!(!opens(&stage.send(Msg::Replied { ticket, outcome: Ok(done) })), "nobody asked for one");
}

#[test]
fn a_rebase_is_asked_for_and_what_conflicts_is_handed_over_taken_back_or_left() {
    let rebase = |wish| [Ask::Rebase { workstream: id(1), wish: Box::new(wish) }];
    for keys in ["Bb", "B<enter>", "Bh", "B<down><enter>"] {
        assert_eq!(asks(&three().press(keys)), rebase(RebaseWish::Onto(None)), "{keys}");
    }
    for keys in ["B", "BB", "B<esc>", "B<up><enter>", "Bn", "Ba"] {
        assert_eq!(asks(&three().press(keys)), [], "{keys}");
    }
    let standing = || {
        let mut stage = three();
        let mut cards = stage.model.snapshot.as_deref().expect("there is one").workstreams.clone();
        cards[0].rebase = Some(stopped(&["src/main.rs"]));
        stage.show(snapshot(cards));
        stage
    };
    assert_eq!(asks(&standing().press("Ba")), rebase(RebaseWish::Abort));
    let mut stage = standing();
    assert_eq!(asks(&stage.press("B<esc>")), []);
    assert!(stage.model.dialog.is_none(), "it is left as it is");
    let said = stage.press("Bh");
    let is_told = |wish: &Wish| matches!(wish, Wish::Say(to, lines) if *to == id(1) && lines[0].contains("src/main.rs"));
    assert!(said.iter().any(is_told), "{said:?}");
    let is_enter =
        |wish: &Wish| matches!(wish, Wish::Type(to, key) if *to == id(1) && key.code == KeyCode::Enter);
    assert!(
        !stage.send(Msg::Pasting(id(1), None)).iter().any(is_enter),
        "an Enter at once were a line of it"
    );
    assert!(stage.wait(200).iter().any(is_enter), "{:?}", stage.model.handing);
    assert!(!stage.wait(1_000).iter().any(is_enter), "once");
}

#[test]
fn a_rebase_that_stops_and_a_merge_that_clashes_open_the_dialog_that_helps() {
    let mut stage = three();
    let merge = ticket(&stage.press("Mm"));
    let refusal =
        Refusal { kind: RefusalKind::Clash, text: "changed on both sides: a".to_owned(), work: None };
    stage.send(Msg::Replied { ticket: merge, outcome: Err(refusal) });
    assert!(matches!(&stage.model.dialog, Some(Dialog::Rebase(dialog)) if dialog.is_after_clash));
    let rebase = ticket(&stage.press("h"));
    let mut cards = stage.model.snapshot.as_deref().expect("there is one").workstreams.clone();
    cards[0].rebase = Some(stopped(&["a"]));
    stage.show(snapshot(cards));
    let wishes = stage.send(Msg::Replied { ticket: rebase, outcome: refused("it has stopped", None) });
    assert!(wishes.iter().any(|wish| matches!(wish, Wish::Say(..))), "{wishes:?}");
    stage.send(Msg::InputRefused(id(1)));
    assert!(stage.model.handing.is_none(), "and no Enter follows");
}
