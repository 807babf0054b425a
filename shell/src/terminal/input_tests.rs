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
    (KeyCode::Char('5'), CTRL, "\x1d", "ESC [93;5u"),
    (KeyCode::Char('4'), CTRL, "\x1c", "ESC [92;5u"),
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
    (KeyCode::F(20), NONE, "ESC [34~", "ESC [34~"),
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
