//! Keys, pastes and the mouse, in the words of every combination of modes an agent may have asked for.

use alacritty_terminal::term::TermMode;
use ccells_shell::terminal::input::{self, PaneMouse};
use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyEventState, KeyModifiers, MediaKeyCode, ModifierKeyCode,
    MouseButton, MouseEvent, MouseEventKind,
};

use crate::choices::Choices;

/// No key is told by more than this.
const LONGEST_KEY: usize = 40;

/// Every key has one short form, no paste can leave its brackets, and the mouse is told as the agent asked for.
pub fn key_input(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    while !choices.is_over() {
        let mode =
            TermMode::from_bits_truncate(u32::from(choices.number()) | u32::from(choices.number()) << 16);
        match event(&mut choices) {
            Event::Key(key) => check_key(&key, mode),
            Event::Paste(text) => check_paste(&text),
            Event::Mouse(mouse) => check_mouse(mouse, mode),
            Event::FocusGained => check_focus(true, mode),
            Event::FocusLost => check_focus(false, mode),
            Event::Resize(..) => {}
        }
    }
}

fn check_key(key: &KeyEvent, mode: TermMode) {
    let bytes = input::key(key, mode);
    assert_eq!(bytes, input::key(key, mode));
    assert!(bytes.len() <= LONGEST_KEY, "{} bytes for {key:?}", bytes.len());
    let text = std::str::from_utf8(&bytes).expect("keys are text");
    // That a key is let go is told only to who asked for it.
    let is_typed = key.kind != KeyEventKind::Release
        && matches!(key.code, KeyCode::Char(_) | KeyCode::Enter | KeyCode::Tab | KeyCode::Esc);
    assert!(!is_typed || !bytes.is_empty(), "{key:?} is sent");
    // One sequence, whole: nothing after its end would be taken for a key of its own.
    if let Some(sequence) = text.strip_prefix("\x1b[").filter(|rest| !rest.is_empty()) {
        let (last, inner) = sequence.as_bytes().split_last().expect("it is not empty");
        assert!((0x40..=0x7e).contains(last), "{text:?} for {key:?}");
        assert!(inner.iter().all(|byte| (0x20..=0x3f).contains(byte)), "{text:?} for {key:?}");
    } else {
        // The key itself, and an escape before it for a modifier.
        assert!(text.chars().count() <= 3, "{text:?} for {key:?}");
    }
    if key.code == KeyCode::Char('x')
        && key.kind != KeyEventKind::Release
        && key.modifiers.is_empty()
        && !mode.contains(TermMode::REPORT_ALL_KEYS_AS_ESC)
    {
        assert_eq!(bytes, b"x");
    }
}

fn check_paste(text: &str) {
    let bytes = input::paste(text, false);
    let sent = std::str::from_utf8(&bytes).expect("a paste is text");
    let stranger = sent.chars().find(|c| c.is_control() && !matches!(c, '\r' | '\t'));
    assert_eq!(stranger, None, "a paste types text only: {sent:?}");
    assert!(sent.len() <= text.len());
    let kept = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    assert!(kept(sent) == kept(text), "no character is lost or added");
}

fn check_mouse(mouse: MouseEvent, mode: TermMode) {
    match input::mouse(&mouse, mode) {
        PaneMouse::Ignore | PaneMouse::Ours => {}
        PaneMouse::Send(bytes) if !mode.intersects(TermMode::MOUSE_MODE) => {
            assert!(mode.contains(TermMode::ALT_SCREEN | TermMode::ALTERNATE_SCROLL), "the wheel is arrows");
            assert!(bytes.len() == 9 && bytes.starts_with(b"\x1b"), "{}", bytes.escape_ascii());
        }
        PaneMouse::Send(bytes) => {
            assert!(mode.intersects(TermMode::MOUSE_MODE), "the agent asked for it");
            let is_modern = bytes.starts_with(b"\x1b[<") && matches!(bytes.last(), Some(b'M' | b'm'));
            let is_old =
                bytes.len() == 6 && bytes.starts_with(b"\x1b[M") && bytes[3..].iter().all(|b| *b >= 32);
            let is_asked = mode.contains(TermMode::SGR_MOUSE);
            assert_eq!((is_modern, is_old), (is_asked, !is_asked), "{}", bytes.escape_ascii());
        }
    }
}

fn check_focus(has_focus: bool, mode: TermMode) {
    let is_asked = mode.contains(TermMode::FOCUS_IN_OUT);
    assert_eq!(input::focus(has_focus, mode).is_empty(), !is_asked);
}

/// Whatever a terminal may tell us.
pub(crate) fn event(choices: &mut Choices<'_>) -> Event {
    match choices.below(16) {
        0 => Event::Paste(choices.text()),
        1 => resize(choices),
        2 => Event::FocusGained,
        3 => Event::FocusLost,
        4 | 5 => Event::Mouse(mouse(choices)),
        6..=9 => Event::Key(KeyEvent::from(KeyCode::Char(char::from(choices.byte())))),
        _ => Event::Key(key(choices)),
    }
}

/// Most of the time a size that a terminal may have.
fn resize(choices: &mut Choices<'_>) -> Event {
    let (columns, rows) = (choices.number(), choices.number());
    if choices.below(16) == 15 {
        Event::Resize(columns, rows)
    } else {
        Event::Resize(columns % 200, rows % 70)
    }
}

fn mouse(choices: &mut Choices<'_>) -> MouseEvent {
    let button = choices.pick(&[MouseButton::Left, MouseButton::Middle, MouseButton::Right]);
    let kind = choices.pick(&[
        MouseEventKind::Down(button),
        MouseEventKind::Up(button),
        MouseEventKind::Drag(button),
        MouseEventKind::Moved,
        MouseEventKind::ScrollUp,
        MouseEventKind::ScrollDown,
        MouseEventKind::ScrollLeft,
        MouseEventKind::ScrollRight,
    ]);
    let (column, row) = (choices.number(), choices.number());
    // Most of the time it is on the screen.
    let (column, row) = if choices.flag() { (column, row) } else { (column % 120, row % 40) };
    MouseEvent { kind, column, row, modifiers: KeyModifiers::from_bits_truncate(choices.byte()) }
}

fn key(choices: &mut Choices<'_>) -> KeyEvent {
    let character = char::from_u32(u32::from(choices.number()) | u32::from(choices.byte() & 0x1f) << 16);
    let code = choices.pick(&[
        KeyCode::Char(character.unwrap_or('x')),
        KeyCode::Backspace,
        KeyCode::Enter,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Delete,
        KeyCode::Insert,
        KeyCode::Esc,
        KeyCode::Null,
        KeyCode::CapsLock,
        KeyCode::ScrollLock,
        KeyCode::NumLock,
        KeyCode::PrintScreen,
        KeyCode::Pause,
        KeyCode::Menu,
        KeyCode::KeypadBegin,
        KeyCode::Media(MediaKeyCode::Play),
        KeyCode::Modifier(ModifierKeyCode::LeftShift),
    ]);
    let code = if choices.below(8) == 7 { KeyCode::F(choices.byte()) } else { code };
    let kinds = [KeyEventKind::Press, KeyEventKind::Press, KeyEventKind::Repeat, KeyEventKind::Release];
    KeyEvent {
        code,
        modifiers: KeyModifiers::from_bits_truncate(choices.byte()),
        kind: choices.pick(&kinds),
        state: KeyEventState::from_bits_truncate(choices.byte()),
    }
}
