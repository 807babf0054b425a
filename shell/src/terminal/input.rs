//! What an agent gets to read: keys, pastes, focus and the mouse, in the words its terminal has negotiated.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the keys of the terminal library that no terminal encodes send nothing"
)]

use alacritty_terminal::term::TermMode;
use crossterm::event::{
    KeyCode, KeyEvent, KeyEventState, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

/// How many arrow keys one step of the wheel is, where it is arrow keys.
const WHEEL_KEYS: usize = 3;
/// Modes in which keys are told in the form of the kitty keyboard protocol.
const KITTY: TermMode = TermMode::DISAMBIGUATE_ESC_CODES.union(TermMode::REPORT_ALL_KEYS_AS_ESC);

/// The bytes of `key`; empty when it has none.
pub fn key(key: &KeyEvent, mode: TermMode) -> Vec<u8> {
    let key = &normal(key);
    if let Some(bytes) = keypad(key, mode) {
        return bytes;
    }
    let is_kitty = mode.intersects(KITTY);
    let modifiers = modifiers(key.modifiers);
    match key.code {
        KeyCode::Char(c) if is_kitty => kitty_char(c, key.modifiers, mode),
        KeyCode::Char(c) => legacy_char(c, key.modifiers),
        KeyCode::Enter => special(13, b"\r", key.modifiers, mode),
        KeyCode::Tab => special(9, b"\t", key.modifiers, mode),
        KeyCode::BackTab if is_kitty => csi_u(9, modifiers.max(2), ""),
        KeyCode::BackTab => b"\x1b[Z".to_vec(),
        KeyCode::Backspace => special(127, b"\x7f", key.modifiers, mode),
        KeyCode::Esc if is_kitty => csi_u(27, modifiers, ""),
        KeyCode::Esc => special(27, b"\x1b", key.modifiers, mode),
        KeyCode::Up => letter('A', modifiers, mode),
        KeyCode::Down => letter('B', modifiers, mode),
        KeyCode::Right => letter('C', modifiers, mode),
        KeyCode::Left => letter('D', modifiers, mode),
        KeyCode::KeypadBegin => letter('E', modifiers, mode),
        KeyCode::End => letter('F', modifiers, mode),
        KeyCode::Home => letter('H', modifiers, mode),
        KeyCode::Insert => tilde(2, modifiers),
        KeyCode::Delete => tilde(3, modifiers),
        KeyCode::PageUp => tilde(5, modifiers),
        KeyCode::PageDown => tilde(6, modifiers),
        KeyCode::F(number) => function(number, modifiers, is_kitty),
        KeyCode::Null => vec![0],
        _ => Vec::new(),
    }
}

/// Terminals without a newer protocol tell the keys of the bytes 0x1c to 0x1f as `Ctrl+4` to `Ctrl+7`.
fn normal(key: &KeyEvent) -> KeyEvent {
    let code = match key.code {
        KeyCode::Char(digit @ '4'..='7') if key.modifiers == KeyModifiers::CONTROL => {
            KeyCode::Char(['\\', ']', '^', '_'][usize::from(digit as u8 - b'4')])
        }
        code => code,
    };
    KeyEvent { code, ..*key }
}

/// The modifiers as a parameter: 1 means none.
fn modifiers(held: KeyModifiers) -> u8 {
    let bits = [
        (KeyModifiers::SHIFT, 1),
        (KeyModifiers::ALT, 2),
        (KeyModifiers::CONTROL, 4),
        (KeyModifiers::SUPER, 8),
        (KeyModifiers::HYPER, 16),
        (KeyModifiers::META, 32),
    ];
    1 + bits.iter().filter(|(modifier, _)| held.contains(*modifier)).map(|(_, bit)| bit).sum::<u8>()
}

/// A key of the numeric pad, while the agent wants them apart from the others.
fn keypad(key: &KeyEvent, mode: TermMode) -> Option<Vec<u8>> {
    let is_apart = mode.contains(TermMode::APP_KEYPAD) && !mode.intersects(KITTY);
    if !is_apart || !key.state.contains(KeyEventState::KEYPAD) || !key.modifiers.is_empty() {
        return None;
    }
    let last = match key.code {
        KeyCode::Char(digit @ '0'..='9') => b'p' + (digit as u8 - b'0'),
        KeyCode::Char('*') => b'j',
        KeyCode::Char('+') => b'k',
        KeyCode::Char(',') => b'l',
        KeyCode::Char('-') => b'm',
        KeyCode::Char('.') => b'n',
        KeyCode::Char('/') => b'o',
        KeyCode::Char('=') => b'X',
        KeyCode::Enter => b'M',
        _ => return None,
    };
    Some(vec![0x1b, b'O', last])
}

fn legacy_char(c: char, held: KeyModifiers) -> Vec<u8> {
    let c = if held.contains(KeyModifiers::SHIFT) { c.to_ascii_uppercase() } else { c };
    let mut bytes = Vec::with_capacity(5);
    if held.intersects(KeyModifiers::ALT | KeyModifiers::META) {
        bytes.push(0x1b);
    }
    match control(c).filter(|_| held.contains(KeyModifiers::CONTROL)) {
        Some(byte) => bytes.push(byte),
        None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
    bytes
}

/// The control character of a key, where it has one.
fn control(c: char) -> Option<u8> {
    match c {
        'a'..='z' | 'A'..='Z' | '@' | '[' | '\\' | ']' | '^' | '_' => Some(c as u8 & 0x1f),
        ' ' | '2' => Some(0),
        '3' => Some(0x1b),
        '/' => Some(0x1f),
        '8' | '?' => Some(0x7f),
        _ => None,
    }
}

fn kitty_char(c: char, held: KeyModifiers, mode: TermMode) -> Vec<u8> {
    let has_text = !held.intersects(KeyModifiers::SHIFT.complement());
    let wants_all = mode.contains(TermMode::REPORT_ALL_KEYS_AS_ESC);
    if has_text && !wants_all {
        return legacy_char(c, held);
    }
    let base = c.to_lowercase().next().unwrap_or(c);
    let is_upper = base != c;
    let held = if is_upper { held | KeyModifiers::SHIFT } else { held };
    let alternate = mode.contains(TermMode::REPORT_ALTERNATE_KEYS) && is_upper;
    let shifted = if alternate { format!(":{}", u32::from(c)) } else { String::new() };
    let wants_text = wants_all && has_text && mode.contains(TermMode::REPORT_ASSOCIATED_TEXT);
    let text = if wants_text { format!(";{}", u32::from(c)) } else { String::new() };
    match (modifiers(held), text.is_empty()) {
        (1, true) => format!("\x1b[{}{shifted}u", u32::from(base)),
        (held, _) => format!("\x1b[{}{shifted};{held}{text}u", u32::from(base)),
    }
    .into_bytes()
}

/// Enter, Tab, Backspace and Escape: a byte of their own, or a number in the newer protocol.
fn special(number: u32, byte: &[u8], held: KeyModifiers, mode: TermMode) -> Vec<u8> {
    let wants_all = mode.contains(TermMode::REPORT_ALL_KEYS_AS_ESC);
    if wants_all || (mode.intersects(KITTY) && !held.is_empty()) {
        return csi_u(number, modifiers(held), "");
    }
    let is_new_line = number == 13 && held.intersects(KeyModifiers::SHIFT | KeyModifiers::ALT);
    match number {
        9 if held.contains(KeyModifiers::SHIFT) => b"\x1b[Z".to_vec(),
        127 if held.contains(KeyModifiers::CONTROL) => b"\x08".to_vec(),
        _ if is_new_line || held.contains(KeyModifiers::ALT) => [b"\x1b", byte].concat(),
        _ => byte.to_vec(),
    }
}

fn csi_u(number: u32, modifiers: u8, text: &str) -> Vec<u8> {
    if modifiers == 1 { format!("\x1b[{number}{text}u") } else { format!("\x1b[{number};{modifiers}{text}u") }
        .into_bytes()
}

/// A key that is told by a letter: the arrows, Home, End, and F1 to F4 in the newer protocol.
fn letter(last: char, modifiers: u8, mode: TermMode) -> Vec<u8> {
    let is_application = mode.contains(TermMode::APP_CURSOR) && !mode.intersects(KITTY);
    match modifiers {
        1 if is_application => format!("\x1bO{last}"),
        1 => format!("\x1b[{last}"),
        _ => format!("\x1b[1;{modifiers}{last}"),
    }
    .into_bytes()
}

/// A key that is told by a number.
fn tilde(number: u8, modifiers: u8) -> Vec<u8> {
    if modifiers == 1 { format!("\x1b[{number}~") } else { format!("\x1b[{number};{modifiers}~") }
        .into_bytes()
}

fn function(number: u8, modifiers: u8, is_kitty: bool) -> Vec<u8> {
    // In the newer protocol the form of F3 would be a report of the cursor.
    match number {
        3 if is_kitty => tilde(13, modifiers),
        1..=4 => {
            let last = char::from(b'P' + number - 1);
            match modifiers {
                1 if is_kitty => format!("\x1b[{last}"),
                1 => format!("\x1bO{last}"),
                _ => format!("\x1b[1;{modifiers}{last}"),
            }
            .into_bytes()
        }
        5..=20 => {
            let codes = [15, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34];
            tilde(codes[usize::from(number - 5)], modifiers)
        }
        _ => Vec::new(),
    }
}

/// What comes before and after a paste, for an agent that asked to have pastes told apart.
pub const PASTE_BRACKETS: (&[u8], &[u8]) = (b"\x1b[200~", b"\x1b[201~");

/// The bytes of a piece of a paste: nothing in it commands a terminal, and so nothing can close its brackets. Ends of
/// lines are those of the Enter key; `is_after_return` tells whether the piece before ended in half of one.
pub fn paste(text: &str, is_after_return: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut before = if is_after_return { '\r' } else { ' ' };
    for c in text.chars() {
        match c {
            '\n' if before == '\r' => {}
            '\n' | '\r' => bytes.push(b'\r'),
            '\t' => bytes.push(b'\t'),
            c if c.is_control() => {}
            c => bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        before = c;
    }
    bytes
}

/// The report that the focus came or went; empty when the agent did not ask.
pub fn focus(has_focus: bool, mode: TermMode) -> Vec<u8> {
    match (mode.contains(TermMode::FOCUS_IN_OUT), has_focus) {
        (false, _) => Vec::new(),
        (true, true) => b"\x1b[I".to_vec(),
        (true, false) => b"\x1b[O".to_vec(),
    }
}

/// What the mouse means to a pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaneMouse {
    /// A report for the agent.
    Send(Vec<u8>),
    /// The agent did not ask for it: it scrolls or selects.
    Ours,
    /// Nothing.
    Ignore,
}

/// What `event`, at a position relative to the pane, means to it.
pub fn mouse(event: &MouseEvent, mode: TermMode) -> PaneMouse {
    if !is_reported(event.kind, mode) {
        // An agent that asked for some of it gets nothing else of it, and neither do we.
        if mode.intersects(TermMode::MOUSE_MODE) {
            return PaneMouse::Ignore;
        }
        // On the alternate screen there is nothing to scroll back to: the wheel is the arrow keys.
        let is_arrows = mode.contains(TermMode::ALT_SCREEN | TermMode::ALTERNATE_SCROLL);
        return match event.kind {
            MouseEventKind::ScrollUp if is_arrows => PaneMouse::Send(arrows('A', mode)),
            MouseEventKind::ScrollDown if is_arrows => PaneMouse::Send(arrows('B', mode)),
            MouseEventKind::ScrollUp | MouseEventKind::ScrollDown if mode.contains(TermMode::ALT_SCREEN) => {
                PaneMouse::Ignore
            }
            _ => PaneMouse::Ours,
        };
    }
    let button = button(event.kind) + modifier_bits(event.modifiers);
    let (column, row) = (u32::from(event.column) + 1, u32::from(event.row) + 1);
    if mode.contains(TermMode::SGR_MOUSE) {
        let last = if matches!(event.kind, MouseEventKind::Up(_)) { 'm' } else { 'M' };
        return PaneMouse::Send(format!("\x1b[<{button};{column};{row}{last}").into_bytes());
    }
    // The old form has a byte for each number, and no button in a release.
    let button = if matches!(event.kind, MouseEventKind::Up(_)) { 3 | (button & !3) } else { button };
    let bytes = [u32::from(button), column, row].map(|number| u8::try_from(number + 32));
    match bytes {
        [Ok(button), Ok(column), Ok(row)] => PaneMouse::Send(vec![0x1b, b'[', b'M', button, column, row]),
        _ => PaneMouse::Ignore,
    }
}

fn arrows(last: char, mode: TermMode) -> Vec<u8> {
    letter(last, 1, mode).repeat(WHEEL_KEYS)
}

fn is_reported(kind: MouseEventKind, mode: TermMode) -> bool {
    match kind {
        MouseEventKind::Moved => mode.contains(TermMode::MOUSE_MOTION),
        MouseEventKind::Drag(_) => mode.intersects(TermMode::MOUSE_MOTION | TermMode::MOUSE_DRAG),
        _ => mode.intersects(TermMode::MOUSE_MODE),
    }
}

fn button(kind: MouseEventKind) -> u8 {
    let number = |button| match button {
        MouseButton::Left => 0,
        MouseButton::Middle => 1,
        MouseButton::Right => 2,
    };
    match kind {
        MouseEventKind::Down(button) | MouseEventKind::Up(button) => number(button),
        MouseEventKind::Drag(button) => 32 + number(button),
        MouseEventKind::Moved => 35,
        MouseEventKind::ScrollUp => 64,
        MouseEventKind::ScrollDown => 65,
        MouseEventKind::ScrollLeft => 66,
        MouseEventKind::ScrollRight => 67,
    }
}

fn modifier_bits(held: KeyModifiers) -> u8 {
    let bit = |modifier, bit| if held.contains(modifier) { bit } else { 0 };
    bit(KeyModifiers::SHIFT, 4) + bit(KeyModifiers::ALT, 8) + bit(KeyModifiers::CONTROL, 16)
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
