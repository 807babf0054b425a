//! What agents read, as tables: one line a key, one column a protocol.

use proptest::prelude::*;

use super::*;

const NONE: KeyModifiers = KeyModifiers::NONE;
const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
const ALT: KeyModifiers = KeyModifiers::ALT;
const CTRL: KeyModifiers = KeyModifiers::CONTROL;

fn press(code: KeyCode, held: KeyModifiers, mode: TermMode) -> String {
    String::from_utf8(key(&KeyEvent::new(code, held), mode)).expect("keys are text").replace('\x1b', "ESC ")
}

/// Key, modifiers, what a plain terminal sends, what the newer protocol sends.
const TABLE: &[(KeyCode, KeyModifiers, &str, &str)] = &[
    (KeyCode::Char('a'), NONE, "a", "a"),
    (KeyCode::Char('A'), SHIFT, "A", "A"),
    (KeyCode::Char('ß'), NONE, "ß", "ß"),
    (KeyCode::Char('a'), CTRL, "\x01", "ESC [97;5u"),
    (KeyCode::Char('c'), CTRL, "\x03", "ESC [99;5u"),
    (KeyCode::Char(' '), CTRL, "\0", "ESC [32;5u"),
    (KeyCode::Char(']'), CTRL, "\x1d", "ESC [93;5u"),
    (KeyCode::Char('\\'), CTRL, "\x1c", "ESC [92;5u"),
    // What the terminal tells as this key is this key.
    (KeyCode::Char('5'), CTRL, "\x1d", "ESC [53;5u"),
    (KeyCode::Char('4'), CTRL, "\x1c", "ESC [52;5u"),
    (KeyCode::Char('/'), CTRL, "\x1f", "ESC [47;5u"),
    (KeyCode::Char('x'), ALT, "ESC x", "ESC [120;3u"),
    (KeyCode::Char('ж'), ALT, "ESC ж", "ESC [1078;3u"),
    (KeyCode::Char('e'), CTRL.union(ALT), "ESC \x05", "ESC [101;7u"),
    (KeyCode::Enter, NONE, "\r", "\r"),
    (KeyCode::Enter, SHIFT, "ESC \r", "ESC [13;2u"),
    (KeyCode::Enter, ALT, "ESC \r", "ESC [13;3u"),
    (KeyCode::Enter, CTRL, "\r", "ESC [13;5u"),
    (KeyCode::Tab, NONE, "\t", "\t"),
    (KeyCode::BackTab, SHIFT, "ESC [Z", "ESC [9;2u"),
    (KeyCode::Backspace, NONE, "\x7f", "\x7f"),
    (KeyCode::Backspace, CTRL, "\x08", "ESC [127;5u"),
    (KeyCode::Backspace, ALT, "ESC \x7f", "ESC [127;3u"),
    (KeyCode::Esc, NONE, "ESC ", "ESC [27u"),
    (KeyCode::Up, NONE, "ESC [A", "ESC [A"),
    (KeyCode::Left, CTRL, "ESC [1;5D", "ESC [1;5D"),
    (KeyCode::Right, SHIFT.union(ALT), "ESC [1;4C", "ESC [1;4C"),
    (KeyCode::Home, NONE, "ESC [H", "ESC [H"),
    (KeyCode::End, SHIFT, "ESC [1;2F", "ESC [1;2F"),
    (KeyCode::Insert, NONE, "ESC [2~", "ESC [2~"),
    (KeyCode::Delete, CTRL, "ESC [3;5~", "ESC [3;5~"),
    (KeyCode::PageUp, NONE, "ESC [5~", "ESC [5~"),
    (KeyCode::PageDown, SHIFT, "ESC [6;2~", "ESC [6;2~"),
    (KeyCode::F(1), NONE, "ESC OP", "ESC [P"),
    (KeyCode::F(3), NONE, "ESC OR", "ESC [13~"),
    (KeyCode::F(4), CTRL, "ESC [1;5S", "ESC [1;5S"),
    (KeyCode::F(5), NONE, "ESC [15~", "ESC [15~"),
    (KeyCode::F(12), SHIFT, "ESC [24;2~", "ESC [24;2~"),
    (KeyCode::F(13), NONE, "ESC [25~", "ESC [57376u"),
    (KeyCode::F(20), NONE, "ESC [34~", "ESC [57383u"),
    (KeyCode::F(24), CTRL, "", "ESC [57387;5u"),
    (KeyCode::Menu, NONE, "", "ESC [57363u"),
    (KeyCode::Media(MediaKeyCode::MuteVolume), NONE, "", "ESC [57440u"),
    (KeyCode::Modifier(ModifierKeyCode::LeftShift), SHIFT, "", ""),
    (KeyCode::CapsLock, NONE, "", ""),
];

#[test]
fn every_key_is_told_in_the_words_of_the_terminal() {
    for (code, held, legacy, kitty) in TABLE {
        assert_eq!(
            &press(*code, *held, TermMode::NONE).replace("ESC ", "\x1b"),
            &legacy.replace("ESC ", "\x1b"),
            "{code:?}"
        );
        let told = press(*code, *held, TermMode::DISAMBIGUATE_ESC_CODES);
        assert_eq!(
            &told.replace("ESC ", "\x1b"),
            &kitty.replace("ESC ", "\x1b"),
            "{code:?} in the newer protocol"
        );
    }
}

#[test]
fn application_modes_change_the_arrows_and_the_keypad() {
    assert_eq!(press(KeyCode::Up, NONE, TermMode::APP_CURSOR), "ESC OA");
    assert_eq!(press(KeyCode::Up, CTRL, TermMode::APP_CURSOR), "ESC [1;5A");
    assert_eq!(press(KeyCode::Up, NONE, TermMode::APP_CURSOR | TermMode::DISAMBIGUATE_ESC_CODES), "ESC [A");
    let mut five = KeyEvent::new(KeyCode::Char('5'), NONE);
    five.state = KeyEventState::KEYPAD;
    assert_eq!(key(&five, TermMode::NONE), b"5");
    assert_eq!(key(&five, TermMode::APP_KEYPAD), b"\x1bOu");
}

/// A key and what was done to it, in a mode.
fn told(code: KeyCode, held: KeyModifiers, kind: KeyEventKind, mode: TermMode) -> String {
    let event = KeyEvent { kind, ..KeyEvent::new(code, held) };
    String::from_utf8(key(&event, mode)).expect("keys are text").replace('\x1b', "ESC ")
}

#[test]
fn repeats_and_releases_are_told_to_those_who_asked() {
    const EVENTS: TermMode = TermMode::DISAMBIGUATE_ESC_CODES.union(TermMode::REPORT_EVENT_TYPES);
    const ALL: TermMode = EVENTS.union(TermMode::REPORT_ALL_KEYS_AS_ESC);
    // The key, what is held, and what its repeat and its release are: to a plain terminal, to one that wants events, to
    // one that wants all keys.
    let table = [
        (KeyCode::Char('a'), NONE, ["a", "a", "ESC [97;1:2u"], ["", "ESC [97;1:3u", "ESC [97;1:3u"]),
        (
            KeyCode::Char('a'),
            CTRL,
            ["\x01", "ESC [97;5:2u", "ESC [97;5:2u"],
            ["", "ESC [97;5:3u", "ESC [97;5:3u"],
        ),
        (KeyCode::Char('A'), SHIFT, ["A", "A", "ESC [97;2:2u"], ["", "ESC [97;2:3u", "ESC [97;2:3u"]),
        (KeyCode::Enter, NONE, ["\r", "\r", "ESC [13;1:2u"], ["", "", "ESC [13;1:3u"]),
        (KeyCode::Backspace, NONE, ["\x7f", "\x7f", "ESC [127;1:2u"], ["", "", "ESC [127;1:3u"]),
        (KeyCode::BackTab, SHIFT, ["ESC [Z", "ESC [9;2:2u", "ESC [9;2:2u"], ["", "", "ESC [9;2:3u"]),
        (KeyCode::Esc, NONE, ["ESC ", "ESC [27;1:2u", "ESC [27;1:2u"], ["", "ESC [27;1:3u", "ESC [27;1:3u"]),
        (KeyCode::Up, NONE, ["ESC [A", "ESC [1;1:2A", "ESC [1;1:2A"], ["", "ESC [1;1:3A", "ESC [1;1:3A"]),
        (
            KeyCode::Delete,
            CTRL,
            ["ESC [3;5~", "ESC [3;5:2~", "ESC [3;5:2~"],
            ["", "ESC [3;5:3~", "ESC [3;5:3~"],
        ),
        (KeyCode::F(1), NONE, ["ESC OP", "ESC [1;1:2P", "ESC [1;1:2P"], ["", "ESC [1;1:3P", "ESC [1;1:3P"]),
        (
            KeyCode::F(13),
            NONE,
            ["ESC [25~", "ESC [57376;1:2u", "ESC [57376;1:2u"],
            ["", "ESC [57376;1:3u", "ESC [57376;1:3u"],
        ),
    ];
    for (code, held, repeats, releases) in table {
        for (index, mode) in [TermMode::NONE, EVENTS, ALL].into_iter().enumerate() {
            assert_eq!(
                told(code, held, KeyEventKind::Repeat, mode),
                repeats[index],
                "{code:?} repeated in {mode:?}"
            );
            assert_eq!(
                told(code, held, KeyEventKind::Release, mode),
                releases[index],
                "{code:?} released in {mode:?}"
            );
            let quiet = mode - TermMode::REPORT_EVENT_TYPES;
            assert_eq!(told(code, held, KeyEventKind::Release, quiet), "", "{code:?} released, nobody asked");
        }
    }
    // Who asked for events alone is told of releases, and of presses as ever.
    assert_eq!(told(KeyCode::Char('a'), NONE, KeyEventKind::Press, TermMode::REPORT_EVENT_TYPES), "a");
    assert_eq!(
        told(KeyCode::Char('a'), NONE, KeyEventKind::Release, TermMode::REPORT_EVENT_TYPES),
        "ESC [97;1:3u"
    );
}

#[test]
fn what_the_terminal_knows_of_a_key_is_handed_on() {
    let mode = TermMode::DISAMBIGUATE_ESC_CODES | TermMode::REPORT_ALTERNATE_KEYS;
    let with = |c, held, alternates| {
        let event = KeyEvent::new(KeyCode::Char(c), held);
        let told = |mode| String::from_utf8(key_with(&event, Some(alternates), mode)).expect("keys are text");
        (told(mode).replace('\x1b', "ESC "), told(TermMode::DISAMBIGUATE_ESC_CODES).replace('\x1b', "ESC "))
    };
    let one = Alternates { base: '1', shifted: Some('!'), layout: None };
    assert_eq!(with('!', CTRL | SHIFT, one), ("ESC [49:33;6u".to_owned(), "ESC [49;6u".to_owned()));
    let cyrillic = Alternates { base: 'с', shifted: None, layout: Some('c') };
    assert_eq!(with('с', CTRL, cyrillic), ("ESC [1089::99;5u".to_owned(), "ESC [1089;5u".to_owned()));
    assert_eq!(with('!', SHIFT, one), ("!".to_owned(), "!".to_owned()), "text stays text");
}

#[test]
fn the_terminal_around_us_is_asked_for_what_the_agent_needs() {
    let flags = |mode| kitty_flags(mode);
    assert_eq!(flags(TermMode::NONE), 0);
    assert_eq!(flags(TermMode::DISAMBIGUATE_ESC_CODES | TermMode::REPORT_ALTERNATE_KEYS), 5);
    assert_eq!(flags(TermMode::DISAMBIGUATE_ESC_CODES | TermMode::REPORT_EVENT_TYPES), 3);
    assert_eq!(
        flags(TermMode::REPORT_ALL_KEYS_AS_ESC),
        8 | 4 | 16,
        "else the text of keys with Shift is not known"
    );
}

#[test]
fn the_keypad_and_locks_have_words_in_the_newer_protocol() {
    let mut key_of = KeyEvent::new(KeyCode::Char('5'), NONE);
    key_of.state = KeyEventState::KEYPAD | KeyEventState::NUM_LOCK;
    let one = TermMode::DISAMBIGUATE_ESC_CODES;
    assert_eq!(key(&key_of, one), b"5");
    assert_eq!(key(&key_of, one | TermMode::REPORT_ALL_KEYS_AS_ESC), b"\x1b[57404;129u");
    key_of.code = KeyCode::Left;
    assert_eq!(key(&key_of, one), b"\x1b[57417;129u");
    assert_eq!(key(&key_of, TermMode::NONE), b"\x1b[D", "an older terminal has no word for a lock");
    let shift = KeyCode::Modifier(ModifierKeyCode::RightShift);
    assert_eq!(press(shift, SHIFT, one | TermMode::REPORT_ALL_KEYS_AS_ESC), "ESC [57447;2u");
}

#[test]
fn an_agent_that_wants_all_keys_gets_all_of_them_as_sequences() {
    let all = TermMode::DISAMBIGUATE_ESC_CODES | TermMode::REPORT_ALL_KEYS_AS_ESC;
    assert_eq!(press(KeyCode::Char('a'), NONE, all), "ESC [97u");
    assert_eq!(press(KeyCode::Enter, NONE, all), "ESC [13u");
    let rich = all | TermMode::REPORT_ALTERNATE_KEYS | TermMode::REPORT_ASSOCIATED_TEXT;
    assert_eq!(press(KeyCode::Char('A'), SHIFT, rich), "ESC [97:65;2;65u");
    assert_eq!(press(KeyCode::Char('a'), NONE, rich), "ESC [97;1;97u");
}

#[test]
fn a_paste_ends_its_lines_as_the_enter_key_does() {
    assert_eq!(paste("one\r\ntwo\n\tthree\r\r", false), b"one\rtwo\r\tthree\r\r");
    assert_eq!(paste("\none", true), b"one", "the other half of the end of a line");
}

#[test]
fn focus_is_told_only_to_those_who_asked() {
    assert_eq!(focus(true, TermMode::NONE), b"");
    assert_eq!(focus(true, TermMode::FOCUS_IN_OUT), b"\x1b[I");
    assert_eq!(focus(false, TermMode::FOCUS_IN_OUT), b"\x1b[O");
}

#[test]
fn the_mouse_is_told_only_as_far_as_it_was_asked_for() {
    let at = |kind| MouseEvent { kind, column: 4, row: 9, modifiers: NONE };
    let click = at(MouseEventKind::Down(MouseButton::Left));
    let release = at(MouseEventKind::Up(MouseButton::Right));
    let drag = at(MouseEventKind::Drag(MouseButton::Left));
    let wheel = at(MouseEventKind::ScrollUp);
    let send = |text: &str| PaneMouse::Send(text.as_bytes().to_vec());
    let clicks = TermMode::MOUSE_REPORT_CLICK | TermMode::SGR_MOUSE;
    let drags = TermMode::MOUSE_DRAG | TermMode::SGR_MOUSE;
    assert_eq!(mouse(&click, TermMode::NONE), PaneMouse::Ours);
    assert_eq!(mouse(&wheel, TermMode::NONE), PaneMouse::Ours);
    assert_eq!(mouse(&wheel, TermMode::ALT_SCREEN), PaneMouse::Ignore, "there is nothing to scroll back to");
    let arrows = |mode| mouse(&wheel, TermMode::ALT_SCREEN | TermMode::ALTERNATE_SCROLL | mode);
    assert_eq!(arrows(TermMode::NONE), PaneMouse::Send(b"\x1b[A\x1b[A\x1b[A".to_vec()));
    assert_eq!(arrows(TermMode::APP_CURSOR), PaneMouse::Send(b"\x1bOA\x1bOA\x1bOA".to_vec()));
    for kind in [click.kind, drag.kind, wheel.kind, MouseEventKind::Moved] {
        let shifted = MouseEvent { modifiers: SHIFT | CTRL, ..at(kind) };
        let all = TermMode::MOUSE_MOTION | TermMode::SGR_MOUSE;
        assert_eq!(mouse(&shifted, all), PaneMouse::Ours, "{kind:?} with Shift is never the agent's");
    }
    assert_eq!(mouse(&click, clicks), send("\x1b[<0;5;10M"));
    assert_eq!(mouse(&release, clicks), send("\x1b[<2;5;10m"));
    assert_eq!(mouse(&wheel, clicks), send("\x1b[<64;5;10M"));
    assert_eq!(mouse(&drag, clicks), PaneMouse::Ignore);
    assert_eq!(mouse(&drag, drags), send("\x1b[<32;5;10M"));
    assert_eq!(mouse(&at(MouseEventKind::Moved), drags), PaneMouse::Ignore);
    assert_eq!(mouse(&click, TermMode::MOUSE_REPORT_CLICK), send("\x1b[M %*"));
    let far = MouseEvent { column: 300, ..click };
    assert_eq!(mouse(&far, TermMode::MOUSE_REPORT_CLICK), PaneMouse::Ignore);
}

proptest! {
    #[test]
    fn no_paste_can_close_its_brackets_or_act(text in "(\\x1b\\[201~|\\x9b201~|[\\x00-\\x20]|\\PC){0,40}") {
        let bytes = paste(&text, false);
        prop_assert!(bytes.iter().all(|byte| *byte >= 0x20 || matches!(byte, b'\r' | b'\t')));
        let is_closed = bytes.windows(2).any(|pair| pair == [0xc2, 0x9b]);
        prop_assert!(!is_closed);
    }

    #[test]
    fn every_key_in_every_mode_is_text_and_small(c in any::<char>(), held in 0_u8..64, bits in any::<u32>()) {
        let mode = TermMode::from_bits_truncate(bits);
        let held = KeyModifiers::from_bits_truncate(held);
        for code in [KeyCode::Char(c), KeyCode::Enter, KeyCode::Esc, KeyCode::Up, KeyCode::F(7), KeyCode::F(255)] {
            let bytes = key(&KeyEvent::new(code, held), mode);
            prop_assert!(bytes.len() < 40 && std::str::from_utf8(&bytes).is_ok());
        }
    }
}
