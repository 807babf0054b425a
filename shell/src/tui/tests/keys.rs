//! Keys, and what they lead to.

use ccells_core::effect::{Done, Level, Refusal, RefusalKind};
use ccells_core::event::{Access, Ask};
use ccells_core::ports::{MergeHow, MergeWish, WorkReport};
use ccells_core::record::Layout;
use ccells_core::recovery::Verdict;
use ccells_core::snapshot::Finding;
use crossterm::event::{KeyEventKind, ModifierKeyCode, MouseButton, MouseEvent, MouseEventKind};

use super::frames::five;
use super::*;
use crate::tui::dialog::Dialog;
use crate::tui::model::Mode;
use crate::tui::wish::Ticket;
use crate::tui::{Interrupt, Keymap, Notice};

pub(super) fn three() -> Stage {
    let cards = (1..=3).map(|number| card(number, &format!("task-{number}"), CardState::Running)).collect();
    let mut stage = Stage::with(160, 40, cards);
    // The view that follows from the first picture is saved, and out of the way.
    stage.wait(1_000);
    stage
}

pub(super) fn asks(wishes: &[Wish]) -> Vec<Ask> {
    let ask = |wish: &Wish| match wish {
        Wish::Ask(_, ask) => Some(ask.clone()),
        _ => None,
    };
    wishes.iter().filter_map(ask).collect()
}

pub(super) fn ticket(wishes: &[Wish]) -> Ticket {
    let ticket = |wish: &Wish| match wish {
        Wish::Ask(ticket, _) | Wish::Create(ticket, _) => Some(*ticket),
        _ => None,
    };
    wishes.iter().find_map(ticket).expect("something is asked for")
}

pub(super) fn refused(text: &str, work: Option<WorkReport>) -> Result<Done, Refusal> {
    Err(Refusal { kind: RefusalKind::Conflict, text: text.to_owned(), work: work.map(Box::new) })
}

fn done() -> Done {
    Done { workstream: None, note: String::new() }
}

#[test]
fn the_keys_of_a_workstream_ask_for_it() {
    let mut stage = three();
    stage.press("2");
    assert_eq!(asks(&stage.press("p")), [Ask::Pause(id(2))]);
    assert_eq!(asks(&stage.press("r")), [Ask::Resume(id(2))]);
    assert_eq!(asks(&stage.press("x")), [Ask::Stop(id(2))]);
    assert_eq!(asks(&stage.press("R")), [Ask::Restart(id(2))]);
    let mut cards = stage.model.snapshot.as_deref().expect("there is one").workstreams.clone();
    cards[1].state = CardState::Paused;
    stage.show(snapshot(cards));
    assert_eq!(asks(&stage.press("p")), [Ask::Resume(id(2))], "a second p lets it go on");
}

#[test]
fn in_input_mode_every_key_but_the_leader_goes_to_the_agent() {
    let mut stage = three();
    stage.press("i");
    assert_eq!(stage.model.mode, Mode::Input);
    for keys in ["q", "<esc>", "<C-c>", "<C-b>", "<tab>", "?", "<pgup>"] {
        let wishes = stage.press(keys);
        assert_eq!(wishes, [Wish::Type(id(1), parse_keys(keys)[0])], "{keys}");
    }
    assert_eq!(stage.press("<C-]>"), []);
    assert_eq!(stage.model.mode, Mode::Navigate);
    let wishes = stage.press("<C-]>");
    assert!(wishes.contains(&Wish::Type(id(1), Leader::default().key())), "pressed twice, it is sent");
    assert_eq!(stage.model.mode, Mode::Input);
}

#[test]
fn only_an_agent_that_can_read_is_typed_to() {
    for state in [
        CardState::Creating,
        CardState::Failed,
        CardState::Paused,
        CardState::Stopped,
        CardState::Lost,
        CardState::Removing,
    ] {
        let mut stage = Stage::with(100, 30, vec![card(1, "one", state)]);
        stage.press("i");
        assert_eq!(stage.model.mode, Mode::Navigate, "{state:?}");
        assert_eq!(stage.model.toasts.len(), 1, "{state:?} is explained");
    }
    let mut stage = three();
    stage.press("i");
    stage.show(snapshot(vec![card(1, "task-1", CardState::Paused)]));
    assert_eq!(stage.model.mode, Mode::Navigate, "what is paused under the fingers takes no more keys");
}

#[test]
fn the_focus_moves_jumps_and_wraps() {
    let mut stage = three();
    let mut focus = |keys: &str| {
        stage.press(keys);
        stage.model.focused_index()
    };
    assert_eq!([focus("l"), focus("h"), focus("3"), focus("<tab>"), focus("9")], [1, 0, 2, 0, 0]);
}

#[test]
fn w_goes_to_those_who_cannot_go_on_before_those_with_news() {
    let mut stage = three();
    let mut cards = stage.model.snapshot.as_deref().expect("there is one").workstreams.clone();
    cards[1].agent = Some(report(AgentStatus::Done));
    cards[2].agent = Some(report(AgentStatus::Error { message: String::new() }));
    stage.show(snapshot(cards));
    stage.press("w");
    assert_eq!(stage.model.focused, Some(id(3)));
    stage.press("1w");
    assert_eq!(stage.model.focused, Some(id(3)), "an error stays until it is gone");
    let mut cards = stage.model.snapshot.as_deref().expect("there is one").workstreams.clone();
    cards[2].agent = Some(report(AgentStatus::Working));
    stage.show(snapshot(cards));
    stage.press("w");
    assert_eq!(stage.model.focused, Some(id(2)));
    stage.press("1w");
    assert_eq!(stage.model.focused, Some(id(1)), "what was looked at is no news");
}

#[test]
fn a_bell_is_news_until_its_pane_is_looked_at() {
    let mut stage = three();
    let mut cards = stage.model.snapshot.as_deref().expect("there is one").workstreams.clone();
    cards[1].agent = Some(AgentReport { bells: 1, ..report(AgentStatus::Unknown) });
    stage.show(snapshot(cards));
    let rings =
        |stage: &Stage| stage.model.attention(stage.model.card(&id(2)).expect("it is there")).is_some();
    assert!(rings(&stage));
    stage.send(Msg::WindowFocus(false));
    stage.press("2");
    assert!(rings(&stage), "nobody looks at a window without the focus");
    stage.send(Msg::WindowFocus(true));
    assert!(!rings(&stage));
}

#[test]
fn swapping_twice_changes_nothing() {
    let mut stage = three();
    let before = stage.model.order.clone();
    stage.press("3 ");
    assert_eq!((stage.model.order[0].clone(), stage.model.focused.clone()), (id(3), Some(id(3))));
    stage.press(" ");
    assert_eq!(stage.model.order, before);
}

#[test]
fn the_view_is_saved_a_little_later_and_only_when_it_changed() {
    let mut stage = three();
    assert_eq!(stage.wait(10_000), []);
    stage.press("2z");
    assert_eq!(asks(&stage.wait(100)), []);
    let saved = asks(&stage.wait(1_000));
    let [Ask::View(view)] = saved.as_slice() else { panic!("{saved:?}") };
    assert_eq!((view.focused.clone(), view.layout), (Some(id(2)), Layout::Zoom));
    assert_eq!(stage.wait(10_000), []);
}

#[test]
fn a_pane_learns_its_size_at_once_and_a_moving_window_only_when_it_rests() {
    let mut stage = Stage::new(100, 31);
    let wishes = stage.show(snapshot(vec![card(1, "one", CardState::Running)]));
    assert!(wishes.contains(&Wish::Resize(id(1), 100, 29)), "{wishes:?}");
    for columns in 60..90 {
        assert_eq!(stage.send(Msg::Resized(columns, 31)), []);
    }
    assert!(stage.wait(50).contains(&Wish::Resize(id(1), 89, 29)));
}

#[test]
fn a_new_workstream_is_asked_for_and_focused_when_it_is_there() {
    let mut stage = three();
    stage.press("n");
    stage.send(Msg::Paste("add a map".to_owned()));
    for modifier in [KeyModifiers::ALT, KeyModifiers::SHIFT] {
        assert_eq!(stage.send(Msg::Key(KeyEvent::new(KeyCode::Enter, modifier))), [], "a new line");
    }
    stage.press("and legends");
    let wishes = stage.press("<enter>");
    let Some(Wish::Create(ticket, wanted)) = wishes.first() else { panic!("{wishes:?}") };
    assert_eq!((wanted.prompt.as_str(), &wanted.name), ("add a map\n\nand legends", &None));
    assert_eq!(stage.press("<C-s>x<enter>"), [], "what was sent is not sent twice");
    stage.send(Msg::Begun { ticket: *ticket, workstream: id(4) });
    let mut cards = stage.model.snapshot.as_deref().expect("there is one").workstreams.clone();
    cards.push(card(4, "add-a-map", CardState::Creating));
    stage.show(snapshot(cards));
    assert_eq!((stage.model.focused.clone(), stage.model.dialog.is_none()), (Some(id(4)), true));
    stage.press("n");
    let Some(Dialog::New(dialog)) = &stage.model.dialog else { panic!("it opens") };
    assert!(dialog.draft.prompt.is_empty(), "the next one begins anew");
}

#[test]
fn a_refused_draft_is_never_lost() {
    let prompt = |stage: &Stage| match &stage.model.dialog {
        Some(Dialog::New(dialog)) => dialog.draft.prompt.text().to_owned(),
        other => panic!("{other:?}"),
    };
    let mut stage = three();
    stage.press("nadd a map<esc>n");
    assert_eq!(prompt(&stage), "add a map", "Esc keeps it");
    let sent = ticket(&stage.press("<C-s>"));
    stage.send(Msg::Replied { ticket: sent, outcome: refused("no such base", None) });
    assert_eq!(prompt(&stage), "add a map", "a refusal keeps it");
    let sent = ticket(&stage.press("<C-s>"));
    stage.press("<esc>");
    stage.send(Msg::Replied { ticket: sent, outcome: refused("no such base", None) });
    stage.press("n");
    assert_eq!(prompt(&stage), "add a map", "a refusal after it was closed keeps it");
}

#[test]
fn a_workstream_is_discarded_without_force_first() {
    let mut stage = three();
    assert_eq!(asks(&stage.press("d")), []);
    let wishes = stage.press("y");
    let plain = Ask::Remove { workstream: id(1), is_forced: false, keep_branch: false };
    assert_eq!(asks(&wishes), [plain]);
    stage.send(Msg::Replied { ticket: ticket(&wishes), outcome: Ok(done()) });
    assert!(stage.model.dialog.is_none());
}

#[test]
fn work_is_only_discarded_by_name() {
    let mut stage = three();
    let wishes = stage.press("dby");
    let kept = |is_forced| Ask::Remove { workstream: id(1), is_forced, keep_branch: true };
    assert_eq!(asks(&wishes), [kept(false)]);
    let work = WorkReport { modified: vec!["a".to_owned()], has_worktree: true, ..WorkReport::default() };
    stage.send(Msg::Replied { ticket: ticket(&wishes), outcome: refused("it holds work", Some(work)) });
    for keys in ["<enter>", "y<enter>", "<C-u>task-2<enter>"] {
        assert_eq!(asks(&stage.press(keys)), [], "{keys}");
    }
    assert_eq!(asks(&stage.press("<C-u>task-1<enter>")), [kept(true)]);
}

#[test]
fn what_is_being_made_is_taken_back() {
    let mut stage = Stage::with(100, 30, vec![card(1, "one", CardState::Creating)]);
    assert_eq!(asks(&stage.press("dy")), [Ask::Cancel(id(1))]);
}

#[test]
fn quitting_asks_once_and_a_second_key_confirms() {
    let paused = [Ask::Quit { policy: OnQuit::PauseAll }];
    for keys in ["qq", "q<enter>", "<C-c><C-c>", "qp"] {
        assert_eq!(asks(&three().press(keys)), paused, "{keys}");
    }
    for keys in ["qk", "q<down><enter>"] {
        assert_eq!(asks(&three().press(keys)), [Ask::Quit { policy: OnQuit::KeepRunning }], "{keys}");
    }
    for keys in ["q<esc>", "q<up><enter>", "qn"] {
        assert_eq!(asks(&three().press(keys)), [], "{keys}");
    }
    let mut empty = Stage::with(80, 24, Vec::new());
    assert_eq!(asks(&empty.press("q")), paused, "where nothing can be lost nobody is asked");
}

#[test]
fn merging_asks_how_and_the_key_that_opened_it_confirms_nothing() {
    let merge = |how| {
        let wish = MergeWish { how, ..MergeWish::default() };
        [Ask::Merge { workstream: id(1), wish: Box::new(wish) }]
    };
    for keys in ["Mm", "M<enter>"] {
        assert_eq!(asks(&three().press(keys)), merge(MergeHow::Merge), "{keys}");
    }
    for keys in ["Ms", "M<down><enter>"] {
        assert_eq!(asks(&three().press(keys)), merge(MergeHow::Squash), "{keys}");
    }
    for keys in ["M", "MM", "M<esc>", "M<up><enter>", "Mn"] {
        assert_eq!(asks(&three().press(keys)), [], "{keys}");
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut stage = three();
    let terminate = || Msg::Interrupt(Interrupt::Terminate);
    assert_eq!(asks(&stage.send(terminate())), [Ask::Quit { policy: OnQuit::PauseAll }]);
    assert_eq!(asks(&stage.send(terminate())), [Ask::QuitNow]);
}

#[test]
fn what_was_found_is_decided_once() {
    let mut stage = Stage::new(100, 30);
    let verdicts = [Verdict::Adopt, Verdict::OfferResume, Verdict::OfferRecreate, Verdict::OfferRetry];
    let findings: Vec<Finding> = verdicts
        .iter()
        .enumerate()
        .map(|(index, verdict)| Finding { workstream: id(index + 1), verdict: *verdict })
        .collect();
    let cards = (1..=4).map(|number| card(number, "x", CardState::Stopped)).collect();
    let found = Snapshot { findings, ..snapshot(cards) };
    stage.show(found.clone());
    let wishes = stage.press("<down><down><right><right><enter>");
    let discard = Ask::Remove { workstream: id(3), is_forced: false, keep_branch: false };
    assert_eq!(
        asks(&wishes),
        [Ask::Resume(id(2)), discard],
        "by default nothing is lost and nothing retried"
    );
    stage.show(found);
    assert!(stage.model.dialog.is_none(), "it does not come again");
}

#[test]
fn a_run_that_only_looks_changes_nothing() {
    let mut stage = Stage::new(100, 30);
    let access = Access::ReadOnly { holder: "another".to_owned() };
    stage.show(Snapshot { access, ..snapshot(vec![card(1, "one", CardState::Running)]) });
    for keys in ["n", "i", "d"] {
        let wishes = stage.press(keys);
        assert_eq!(
            (asks(&wishes), stage.model.mode, stage.model.dialog.is_none()),
            (vec![], Mode::Navigate, true)
        );
    }
    assert_eq!(asks(&stage.wait(10_000)), [], "its view is not saved");
}

#[test]
fn toasts_go_by_themselves_but_errors_stay() {
    let mut stage = three();
    for level in [Level::Info, Level::Warning, Level::Error] {
        stage.send(Msg::Notice(Notice { level, text: format!("{level:?}") }));
    }
    let left = |stage: &Stage| stage.model.toasts.len();
    assert_eq!(left(&stage), 3);
    assert_eq!(stage.model.next_tick(), Some(stage.model.now.after(4_000)));
    stage.wait(4_000);
    assert_eq!(left(&stage), 2);
    stage.wait(100_000);
    assert_eq!(left(&stage), 1);
    stage.press("<esc>");
    assert_eq!(left(&stage), 0);
    assert_eq!(stage.model.next_tick(), None, "an idle screen asks for no time");
}

#[test]
fn the_mouse_focuses_types_and_scrolls() {
    let mut stage = three();
    let at = |kind, column, row| Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
    let click = MouseEventKind::Down(MouseButton::Left);
    let release = MouseEventKind::Up(MouseButton::Left);
    let spots: Vec<_> =
        stage.model.page().panes.iter().map(|pane| (pane.outer.x + 7, pane.outer.y + 5)).collect();
    let (column, row) = spots[2];
    for kind in [click, release] {
        stage.send(at(kind, column, row));
        assert_eq!((stage.model.focused.clone(), stage.model.mode), (Some(id(3)), Mode::Navigate));
    }
    stage.wait(1_000);
    stage.send(at(click, column, row));
    assert_eq!(stage.model.mode, Mode::Navigate, "it may become a selection");
    stage.send(at(release, column, row));
    assert_eq!(stage.model.mode, Mode::Input);
    let wishes = stage.send(at(click, column, row));
    let [Wish::Mouse(pane, event)] = wishes.as_slice() else { panic!("{wishes:?}") };
    assert_eq!((pane, event.column, event.row), (&id(3), 7, 4), "the header is not the agent's");
    let (column, row) = spots[0];
    let wishes = stage.send(at(MouseEventKind::ScrollUp, column, row));
    assert!(
        matches!(wishes.as_slice(), [Wish::Mouse(pane, _)] if *pane == id(1)),
        "the wheel turns what it points at"
    );
}

#[test]
fn focus_reports_follow_the_pane_and_the_window() {
    let mut stage = three();
    assert_eq!(stage.press("2"), [Wish::Focus(id(1), false), Wish::Focus(id(2), true)]);
    assert_eq!(stage.send(Msg::WindowFocus(false)), [Wish::Focus(id(2), false)]);
    assert_eq!(stage.send(Msg::WindowFocus(true)), [Wish::Focus(id(2), true)]);
}

#[test]
fn a_workstream_that_goes_leaves_the_focus_to_its_neighbour() {
    let mut stage = three();
    stage.press("3");
    let cards = (1..=2).map(|number| card(number, "x", CardState::Running)).collect();
    stage.show(snapshot(cards));
    assert_eq!(stage.model.focused, Some(id(2)));
    stage.show(snapshot(Vec::new()));
    assert_eq!((stage.model.focused.clone(), stage.model.order.len()), (None, 0));
}

#[test]
fn the_palette_does_what_is_named() {
    let mut stage = Stage::with(120, 30, five());
    stage.press(":zoo");
    assert!(stage.frame().contains("zoom; again: all panes"));
    stage.press("<enter>");
    assert_eq!(stage.model.layout, Layout::Zoom);
    assert_eq!(stage.model.dialog, None);
    stage.press(":there is none<enter>");
    assert!(stage.frame().contains("nothing is called that"), "Enter on nothing does nothing");
    stage.press("<esc>");
    assert_eq!(stage.model.dialog, None);
}

#[test]
fn keys_that_the_user_bound_are_the_ones_that_are_told() {
    let mut stage = Stage::with(120, 40, five());
    let bound = [("new".to_owned(), vec!["c".to_owned()]), ("help".to_owned(), vec!["f1".to_owned()])];
    stage.model.keys = Keymap::with(&bound, Leader::default()).expect("no key does two things");
    stage.press("n");
    assert_eq!(stage.model.dialog, None);
    assert!(stage.frame().contains("F1 help"), "{}", stage.frame());
    stage.press("c");
    assert!(matches!(stage.model.dialog, Some(Dialog::New(_))));
}

/// A key and what is done to it.
fn deed(code: KeyCode, modifiers: KeyModifiers, kind: KeyEventKind) -> Msg {
    Msg::Key(KeyEvent { kind, ..KeyEvent::new(code, modifiers) })
}

#[test]
fn what_is_let_go_is_told_to_the_agent_that_got_it_and_to_no_other() {
    let (none, control) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
    let (press, repeat, release) = (KeyEventKind::Press, KeyEventKind::Repeat, KeyEventKind::Release);
    let mut stage = three();
    let types = |wishes: Vec<Wish>| wishes.iter().filter(|wish| matches!(wish, Wish::Type(..))).count();
    // Enter gives the keys to the agent; that it is let go afterwards is not the agent's business.
    stage.send(deed(KeyCode::Enter, none, press));
    assert_eq!(stage.model.mode, Mode::Input);
    assert_eq!(types(stage.send(deed(KeyCode::Enter, none, release))), 0);
    for kind in [press, repeat, release] {
        assert_eq!(types(stage.send(deed(KeyCode::Char('x'), none, kind))), 1, "{kind:?}");
    }
    assert_eq!(types(stage.send(deed(KeyCode::Enter, none, press))), 1);
    assert_eq!(types(stage.send(deed(KeyCode::Enter, none, release))), 1, "this one was the agent's");
    let shift = KeyCode::Modifier(ModifierKeyCode::LeftShift);
    assert_eq!(types(stage.send(deed(shift, KeyModifiers::SHIFT, press))), 1);
    // The leader is ours as long as it is held.
    stage.send(deed(KeyCode::Char(']'), control, press));
    assert_eq!(stage.model.mode, Mode::Navigate);
    assert_eq!(types(stage.send(deed(KeyCode::Char(']'), control, repeat))), 0, "it was not pressed twice");
    assert_eq!(stage.model.mode, Mode::Navigate);
    let before = stage.model.toasts.len();
    assert_eq!(types(stage.send(deed(KeyCode::Char(']'), control, release))), 0);
    assert_eq!(types(stage.send(deed(shift, KeyModifiers::SHIFT, press))), 0);
    assert_eq!(stage.model.toasts.len(), before, "a modifier alone is no key that is not bound");
}

#[test]
fn a_drag_that_began_in_an_agents_pane_ends_there_wherever_the_button_goes_up() {
    let mut stage = three();
    stage.press("1<enter>");
    assert_eq!(stage.model.mode, Mode::Input);
    let content = stage.model.page().panes[0].content;
    let at = |kind, column, row, modifiers| Msg::Mouse(MouseEvent { kind, column, row, modifiers });
    let (none, shift, left) = (KeyModifiers::NONE, KeyModifiers::SHIFT, MouseButton::Left);
    let sent = |wishes: Vec<Wish>| match wishes.as_slice() {
        [Wish::Mouse(pane, event)] => {
            Some((pane.clone(), event.kind, event.column, event.row, event.modifiers))
        }
        _ => None,
    };
    let (down, drag, up) = (MouseEventKind::Down(left), MouseEventKind::Drag(left), MouseEventKind::Up(left));
    let (last_column, last_row) = (content.width - 1, content.height - 1);
    let wishes = stage.send(at(down, content.x + 2, content.y + 1, none));
    assert_eq!(sent(wishes), Some((id(1), down, 2, 1, none)));
    let wishes = stage.send(at(drag, content.right() + 20, content.y + 1, none));
    assert_eq!(sent(wishes), Some((id(1), drag, last_column, 1, none)), "a drag stops at the edge");
    assert_eq!(sent(stage.send(at(drag, 3, 3, shift))), None, "with Shift it is not the agent's");
    // Something is put over the pane meanwhile.
    stage.press("<C-]>?");
    assert!(stage.model.dialog.is_some());
    let wishes = stage.send(at(up, content.right() + 20, content.bottom() + 20, shift));
    assert_eq!(sent(wishes), Some((id(1), up, last_column, last_row, none)));
    assert_eq!(sent(stage.send(at(up, 3, 3, none))), None, "it ends once");
}

#[test]
fn with_shift_the_mouse_is_ours_in_an_agents_pane() {
    let mut stage = three();
    stage.press("1<enter>");
    let content = stage.model.page().panes[0].content;
    let kind = MouseEventKind::Down(MouseButton::Left);
    let event = MouseEvent { kind, column: content.x, row: content.y, modifiers: KeyModifiers::SHIFT };
    stage.send(Msg::Mouse(event));
    assert_eq!(stage.model.agent_press, None);
}

#[test]
fn keys_of_every_place_can_be_bound_and_are_shown() {
    let bind = |name: &str, key: &str| (name.to_owned(), vec![key.to_owned()]);
    let bound = [
        bind("look-up", "z"),
        bind("look-leave", "x"),
        bind("go-2", "f2"),
        bind("log-errors", "z"),
        bind("log-close", "x"),
        bind("log", "f5"),
        bind("pause", "f9"),
        bind("usage-by-memory", "z"),
        bind("settings-down", "z"),
        bind("settings-close", "x"),
    ];
    let mut stage = Stage::with(
        100,
        30,
        vec![card(1, "fix-login", CardState::Running), card(2, "map", CardState::Running)],
    );
    stage.model.keys = super::super::Keymap::with(&bound, Leader::default()).expect("no key does two things");
    assert!(stage.frame().contains("F9 pause"), "{}", stage.frame());
    stage.feed(1, "one\r\ntwo\r\nthree");
    stage.press("[");
    let line = |stage: &Stage| stage.model.looking.as_ref().map(|looking| looking.cursor.line);
    let before = line(&stage).expect("one looks back");
    assert!(stage.frame().contains("x leaves"), "{}", stage.frame());
    stage.press("z");
    assert_eq!(line(&stage), Some(before - 1));
    stage.press("k");
    assert_eq!(line(&stage), Some(before - 1), "its usual key does it no more");
    stage.press("x");
    assert!(stage.model.looking.is_none());
    stage.press("2");
    assert_eq!(stage.model.focused, Some(id(1)), "the number is not bound any more");
    stage.send(Msg::Key(KeyEvent::new(KeyCode::F(2), KeyModifiers::NONE)));
    assert_eq!(stage.model.focused, Some(id(2)));
    stage.send(Msg::Key(KeyEvent::new(KeyCode::F(5), KeyModifiers::NONE)));
    stage.press("z");
    let Some(Dialog::Log(log)) = &stage.model.dialog else { panic!("the log is open") };
    assert_eq!(log.least, ccells_core::effect::Level::Error);
    stage.model.toasts.clear();
    assert!(stage.frame().contains("x close"), "{}", stage.frame());
    stage.press("x");
    assert!(stage.model.dialog.is_none());
    stage.press("?");
    let mut help = String::new();
    for _ in 0..60 {
        help += &stage.frame();
        stage.press("j");
    }
    for shown in ["F2 ", "F5 "] {
        assert!(help.contains(shown), "{shown}");
    }
}

fn busy(state: CardState, step: &'static str, since: Mono) -> Card {
    let progress = Some(ccells_core::snapshot::Progress { step, index: 1, of: 1, since, pull: None });
    Card { progress, ..card(1, "fix-login", state) }
}

fn told(stage: &Stage) -> String {
    stage.model.toasts.last().map(|toast| toast.text.clone()).unwrap_or_default()
}

fn logged(stage: &Stage) -> String {
    stage.model.log.at_least(Level::Info).last().map(|entry| entry.text.clone()).unwrap_or_default()
}

#[test]
fn how_long_work_took_is_told_when_it_is_done() {
    let mut stage = Stage::with(100, 20, vec![card(1, "fix-login", CardState::Running)]);
    stage.show(snapshot(vec![busy(CardState::Running, "stopping", stage.model.now)]));
    assert_eq!(told(&stage), "");
    stage.wait(3_400);
    assert!(stage.frame().contains("stopping (3 s)"), "{}", stage.frame());
    stage.show(snapshot(vec![card(1, "fix-login", CardState::Stopped)]));
    assert_eq!(told(&stage), "`fix-login`: stopping is done; it took 3.4 s");
    stage.model.toasts.clear();
    stage.show(snapshot(vec![busy(CardState::Stopped, "starting", stage.model.now)]));
    stage.wait(200);
    stage.show(snapshot(vec![card(1, "fix-login", CardState::Running)]));
    assert_eq!(
        (told(&stage).as_str(), logged(&stage).as_str()),
        ("", "`fix-login`: starting is done; it took 0.2 s")
    );
    stage.show(snapshot(vec![busy(CardState::Creating, "making the container", stage.model.now)]));
    stage.wait(12_000);
    stage.show(snapshot(vec![busy(CardState::Creating, "starting the container", stage.model.now)]));
    stage.wait(1_000);
    stage.show(snapshot(vec![card(1, "fix-login", CardState::Running)]));
    assert_eq!(told(&stage), "`fix-login` is made; it took 13 s");
    stage.show(snapshot(vec![busy(CardState::Removing, "removing the container", stage.model.now)]));
    stage.wait(5_000);
    stage.show(snapshot(Vec::new()));
    assert_eq!(told(&stage), "`fix-login` is taken away; it took 5.0 s");
}

#[test]
fn esc_says_what_cannot_be_cancelled() {
    let mut stage = Stage::with(100, 20, vec![busy(CardState::Running, "pausing", NOW)]);
    assert_eq!(stage.press("<esc>"), []);
    assert_eq!(
        told(&stage),
        "`fix-login`: pausing is on its way and cannot be called back; undo it when it is done"
    );
    stage.press("<esc>");
    stage.show(snapshot(vec![busy(CardState::Removing, "removing the container", NOW)]));
    stage.press("<esc>");
    assert_eq!(told(&stage), "`fix-login` is being taken away, which cannot be taken back half way");
    // What is being made can be taken back, once.
    stage.model.toasts.clear();
    stage.show(snapshot(vec![busy(CardState::Creating, "making the container", NOW)]));
    stage.model.toasts.clear();
    let wishes = stage.press("<esc>y");
    assert!(matches!(&wishes[..], [Wish::Ask(_, Ask::Cancel(it))] if *it == id(1)), "{wishes:?}");
    stage.press("<esc>");
    assert_eq!(told(&stage), "`fix-login`: what was asked for goes on; you are told what comes of it");
    assert!(stage.frame().contains("It is being taken back"), "{}", stage.frame());
    stage.press("<esc><esc>");
    assert_eq!(told(&stage), "`fix-login` is being taken back already; what is in flight is waited for");
    let ending = ccells_core::snapshot::ShutdownState { since: NOW, outcomes: Vec::new() };
    stage.show(Snapshot {
        shutdown: Some(ending),
        ..snapshot(vec![card(1, "fix-login", CardState::Running)])
    });
    stage.model.toasts.clear();
    assert_eq!(stage.press("<esc>"), []);
    assert!(told(&stage).contains("cannot be taken back"), "{}", told(&stage));
}
