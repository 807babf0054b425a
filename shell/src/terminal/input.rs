//! What an agent gets to read: keys, pastes, focus and the mouse, in the words its terminal has negotiated.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the keys of the terminal library that no terminal encodes send nothing"
)]

use alacritty_terminal::term::TermMode;
use crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyEventState, KeyModifiers, MediaKeyCode, ModifierKeyCode, MouseButton,
    MouseEvent, MouseEventKind,
};

/// How many arrow keys one step of the wheel is, where it is arrow keys.
const WHEEL_KEYS: usize = 3;
/// Modes in which keys are told in the form of the kitty keyboard protocol.
const KITTY: TermMode = TermMode::DISAMBIGUATE_ESC_CODES.union(TermMode::REPORT_ALL_KEYS_AS_ESC);

/// What a terminal tells of a key beyond the character it gives: what is on it without and with Shift, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alternates {
    /// The character on the key, nothing held.
    pub base: char,
    /// With Shift, if Shift is held.
    pub shifted: Option<char>,
    /// On the same place of the usual keyboard, if that is another.
    pub layout: Option<char>,
}

/// The bytes of `key`; empty when it has none.
pub fn key(key: &KeyEvent, mode: TermMode) -> Vec<u8> {
    key_with(key, None, mode)
}

/// The bytes of `key`, of which the terminal around us told more than its character.
pub fn key_with(key: &KeyEvent, alternates: Option<Alternates>, mode: TermMode) -> Vec<u8> {
    if key.kind == KeyEventKind::Release && !is_release_wanted(key.code, mode) {
        return Vec::new();
    }
    if let Some(bytes) = keypad(key, mode) {
        return bytes;
    }
    let is_kitty = mode.intersects(KITTY);
    let held = Held::of(key, mode);
    match key.code {
        KeyCode::Char(c) if is_kitty || key.kind == KeyEventKind::Release => {
            kitty_char(c, key, alternates, mode)
        }
        KeyCode::Char(c) => legacy_char(c, key.modifiers),
        KeyCode::Enter => special(13, b"\r", key, mode),
        KeyCode::Tab => special(9, b"\t", key, mode),
        KeyCode::BackTab if is_kitty => csi_u(9, Held { modifiers: held.modifiers | 1, ..held }),
        KeyCode::BackTab => b"\x1b[Z".to_vec(),
        KeyCode::Backspace => special(127, b"\x7f", key, mode),
        KeyCode::Esc if is_kitty || held.event.is_some() => csi_u(27, held),
        KeyCode::Esc => special(27, b"\x1b", key, mode),
        KeyCode::Up => letter('A', held, mode),
        KeyCode::Down => letter('B', held, mode),
        KeyCode::Right => letter('C', held, mode),
        KeyCode::Left => letter('D', held, mode),
        KeyCode::KeypadBegin => letter('E', held, mode),
        KeyCode::End => letter('F', held, mode),
        KeyCode::Home => letter('H', held, mode),
        KeyCode::Insert => tilde(2, held),
        KeyCode::Delete => tilde(3, held),
        KeyCode::PageUp => tilde(5, held),
        KeyCode::PageDown => tilde(6, held),
        KeyCode::F(number) => function(number, held, is_kitty),
        KeyCode::Null => vec![0],
        code => lone(code, held, mode),
    }
}

/// Whether an agent is told that this key was released. Enter, Tab and Backspace must work in a shell whose last program
/// forgot to take its modes back: their release is told only where every key is told.
fn is_release_wanted(code: KeyCode, mode: TermMode) -> bool {
    let is_plain = matches!(code, KeyCode::Enter | KeyCode::Tab | KeyCode::BackTab | KeyCode::Backspace);
    let wants_all = mode.contains(TermMode::REPORT_ALL_KEYS_AS_ESC);
    mode.contains(TermMode::REPORT_EVENT_TYPES) && (wants_all || !is_plain)
}

/// What is told with a key: what is held, and what was done to the key.
#[derive(Clone, Copy)]
struct Held {
    /// A bit for each modifier.
    modifiers: u8,
    /// The number of what was done, where that is no press, and the agent wants to know.
    event: Option<u8>,
}

impl Held {
    fn of(key: &KeyEvent, mode: TermMode) -> Self {
        let bits = [
            (KeyModifiers::SHIFT, 1),
            (KeyModifiers::ALT, 2),
            (KeyModifiers::CONTROL, 4),
            (KeyModifiers::SUPER, 8),
            (KeyModifiers::HYPER, 16),
            (KeyModifiers::META, 32),
        ];
        let held = bits.iter().filter(|(modifier, _)| key.modifiers.contains(*modifier));
        let locks = [(KeyEventState::CAPS_LOCK, 64), (KeyEventState::NUM_LOCK, 128)];
        // Only the newer protocol has a word for locks.
        let locked = locks.iter().filter(|(lock, _)| mode.intersects(KITTY) && key.state.contains(*lock));
        let event = match key.kind {
            KeyEventKind::Press => None,
            KeyEventKind::Repeat => Some(2),
            KeyEventKind::Release => Some(3),
        };
        Self {
            modifiers: held.map(|(_, bit)| bit).chain(locked.map(|(_, bit)| bit)).sum(),
            event: event.filter(|_| mode.contains(TermMode::REPORT_EVENT_TYPES)),
        }
    }

    /// Whether there is nothing to tell.
    fn is_nothing(self) -> bool {
        self.modifiers == 0 && self.event.is_none()
    }
}

impl std::fmt::Display for Held {
    /// As a parameter, in which 1 means that nothing is held.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", u16::from(self.modifiers) + 1)?;
        self.event.map_or(Ok(()), |event| write!(f, ":{event}"))
    }
}

/// A key of the numeric pad, while the agent wants them apart from the others.
fn keypad(key: &KeyEvent, mode: TermMode) -> Option<Vec<u8>> {
    if mode.intersects(KITTY) && key.state.contains(KeyEventState::KEYPAD) {
        // Those that give text give it, but for agents that want every key apart.
        let is_text =
            matches!(key.code, KeyCode::Char(_)) && !mode.contains(TermMode::REPORT_ALL_KEYS_AS_ESC);
        let is_apart = !is_text || key.kind == KeyEventKind::Release || has_command(key.modifiers);
        return keypad_number(key.code).filter(|_| is_apart).map(|number| csi_u(number, Held::of(key, mode)));
    }
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
        // Plain terminals have no other word for these keys.
        '4'..='7' => Some(c as u8 - b'4' + 0x1c),
        '/' => Some(0x1f),
        '8' | '?' => Some(0x7f),
        _ => None,
    }
}

/// The number of a key of the numeric pad in the newer protocol.
fn keypad_number(code: KeyCode) -> Option<u32> {
    Some(match code {
        KeyCode::Char(digit @ '0'..='9') => 57_399 + (u32::from(digit) - u32::from('0')),
        KeyCode::Char('.') => 57_409,
        KeyCode::Char('/') => 57_410,
        KeyCode::Char('*') => 57_411,
        KeyCode::Char('-') => 57_412,
        KeyCode::Char('+') => 57_413,
        KeyCode::Enter => 57_414,
        KeyCode::Char('=') => 57_415,
        KeyCode::Char(',') => 57_416,
        KeyCode::Left => 57_417,
        KeyCode::Right => 57_418,
        KeyCode::Up => 57_419,
        KeyCode::Down => 57_420,
        KeyCode::PageUp => 57_421,
        KeyCode::PageDown => 57_422,
        KeyCode::Home => 57_423,
        KeyCode::End => 57_424,
        KeyCode::Insert => 57_425,
        KeyCode::Delete => 57_426,
        KeyCode::KeypadBegin => 57_427,
        _ => return None,
    })
}

/// Whether more than Shift is held, so that a key gives no text.
fn has_command(held: KeyModifiers) -> bool {
    held.intersects(KeyModifiers::SHIFT.complement())
}

fn kitty_char(c: char, key: &KeyEvent, alternates: Option<Alternates>, mode: TermMode) -> Vec<u8> {
    let has_text = !has_command(key.modifiers) && key.kind != KeyEventKind::Release;
    let wants_all = mode.contains(TermMode::REPORT_ALL_KEYS_AS_ESC);
    if has_text && !wants_all {
        return legacy_char(c, key.modifiers);
    }
    let lower = c.to_lowercase().next().unwrap_or(c);
    let base = alternates.map_or(lower, |it| it.base);
    let mut held = Held::of(key, mode);
    let is_upper = lower != c && !key.state.contains(KeyEventState::CAPS_LOCK);
    held.modifiers |= u8::from(is_upper);
    let is_shifted = held.modifiers & 1 != 0;
    let shifted = alternates.map_or((lower != c).then_some(c), |it| it.shifted).filter(|_| is_shifted);
    let more = match (shifted, alternates.and_then(|it| it.layout)) {
        _ if !mode.contains(TermMode::REPORT_ALTERNATE_KEYS) => String::new(),
        (None, None) => String::new(),
        (Some(shifted), None) => format!(":{}", u32::from(shifted)),
        (None, Some(layout)) => format!("::{}", u32::from(layout)),
        (Some(shifted), Some(layout)) => format!(":{}:{}", u32::from(shifted), u32::from(layout)),
    };
    let wants_text = wants_all && has_text && mode.contains(TermMode::REPORT_ASSOCIATED_TEXT);
    let text = if wants_text { format!(";{}", u32::from(c)) } else { String::new() };
    let base = u32::from(base);
    if held.is_nothing() && text.is_empty() {
        format!("\x1b[{base}{more}u")
    } else {
        format!("\x1b[{base}{more};{held}{text}u")
    }
    .into_bytes()
}

/// Enter, Tab, Backspace and Escape: a byte of their own, or a number in the newer protocol.
fn special(number: u32, byte: &[u8], key: &KeyEvent, mode: TermMode) -> Vec<u8> {
    let held = key.modifiers;
    let wants_all = mode.contains(TermMode::REPORT_ALL_KEYS_AS_ESC);
    if wants_all || (mode.intersects(KITTY) && !held.is_empty()) {
        return csi_u(number, Held::of(key, mode));
    }
    let is_new_line = number == 13 && held.intersects(KeyModifiers::SHIFT | KeyModifiers::ALT);
    match number {
        9 if held.contains(KeyModifiers::SHIFT) => b"\x1b[Z".to_vec(),
        127 if held.contains(KeyModifiers::CONTROL) => b"\x08".to_vec(),
        _ if is_new_line || held.contains(KeyModifiers::ALT) => [b"\x1b", byte].concat(),
        _ => byte.to_vec(),
    }
}

fn csi_u(number: u32, held: Held) -> Vec<u8> {
    if held.is_nothing() { format!("\x1b[{number}u") } else { format!("\x1b[{number};{held}u") }.into_bytes()
}

/// A key that is told by a letter: the arrows, Home, End, and F1 to F4 in the newer protocol.
fn letter(last: char, held: Held, mode: TermMode) -> Vec<u8> {
    let is_application = mode.contains(TermMode::APP_CURSOR) && !mode.intersects(KITTY);
    match held.is_nothing() {
        true if is_application => format!("\x1bO{last}"),
        true => format!("\x1b[{last}"),
        false => format!("\x1b[1;{held}{last}"),
    }
    .into_bytes()
}

/// A key that is told by a number.
fn tilde(number: u8, held: Held) -> Vec<u8> {
    if held.is_nothing() { format!("\x1b[{number}~") } else { format!("\x1b[{number};{held}~") }.into_bytes()
}

fn function(number: u8, held: Held, is_kitty: bool) -> Vec<u8> {
    match number {
        // In the newer protocol the form of F3 would be a report of the cursor.
        3 if is_kitty => tilde(13, held),
        1..=4 => {
            let last = char::from(b'P' + number - 1);
            match held.is_nothing() {
                true if is_kitty => format!("\x1b[{last}"),
                true => format!("\x1bO{last}"),
                false => format!("\x1b[1;{held}{last}"),
            }
            .into_bytes()
        }
        13..=35 if is_kitty => csi_u(57_363 + u32::from(number), held),
        5..=20 => {
            let codes = [15, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34];
            tilde(codes[usize::from(number - 5)], held)
        }
        _ => Vec::new(),
    }
}

/// A key that only the newer protocol has a number for. Those that change what other keys mean are told only to agents
/// that want every key.
fn lone(code: KeyCode, held: Held, mode: TermMode) -> Vec<u8> {
    let (number, is_for_all) = match code {
        KeyCode::CapsLock => (57_358, true),
        KeyCode::ScrollLock => (57_359, false),
        KeyCode::NumLock => (57_360, true),
        KeyCode::PrintScreen => (57_361, false),
        KeyCode::Pause => (57_362, false),
        KeyCode::Menu => (57_363, false),
        KeyCode::Media(media) => (57_428 + place(&MEDIA, media), false),
        KeyCode::Modifier(modifier) => (57_441 + place(&MODIFIERS, modifier), true),
        _ => return Vec::new(),
    };
    let wanted = if is_for_all { TermMode::REPORT_ALL_KEYS_AS_ESC } else { KITTY };
    if mode.intersects(wanted) { csi_u(number, held) } else { Vec::new() }
}

/// Where in a list that holds all of them `wanted` is.
fn place<T: PartialEq>(all: &[T], wanted: T) -> u32 {
    let place = all.iter().position(|one| *one == wanted).unwrap_or(0);
    u32::try_from(place).unwrap_or(0)
}

/// The keys of media players, in the order of their numbers from 57428 on.
pub(crate) const MEDIA: [MediaKeyCode; 13] = [
    MediaKeyCode::Play,
    MediaKeyCode::Pause,
    MediaKeyCode::PlayPause,
    MediaKeyCode::Reverse,
    MediaKeyCode::Stop,
    MediaKeyCode::FastForward,
    MediaKeyCode::Rewind,
    MediaKeyCode::TrackNext,
    MediaKeyCode::TrackPrevious,
    MediaKeyCode::Record,
    MediaKeyCode::LowerVolume,
    MediaKeyCode::RaiseVolume,
    MediaKeyCode::MuteVolume,
];

/// The modifiers, in the order of their numbers from 57441 on.
pub(crate) const MODIFIERS: [ModifierKeyCode; 14] = [
    ModifierKeyCode::LeftShift,
    ModifierKeyCode::LeftControl,
    ModifierKeyCode::LeftAlt,
    ModifierKeyCode::LeftSuper,
    ModifierKeyCode::LeftHyper,
    ModifierKeyCode::LeftMeta,
    ModifierKeyCode::RightShift,
    ModifierKeyCode::RightControl,
    ModifierKeyCode::RightAlt,
    ModifierKeyCode::RightSuper,
    ModifierKeyCode::RightHyper,
    ModifierKeyCode::RightMeta,
    ModifierKeyCode::IsoLevel3Shift,
    ModifierKeyCode::IsoLevel5Shift,
];

/// What an agent in this mode needs of the terminal around us, as flags of the keyboard protocol of kitty: beyond its own
/// the text of each key, where it wants every key told by its number.
pub fn kitty_flags(mode: TermMode) -> u8 {
    let all = [
        (TermMode::DISAMBIGUATE_ESC_CODES, 1),
        (TermMode::REPORT_EVENT_TYPES, 2),
        (TermMode::REPORT_ALTERNATE_KEYS, 4),
        (TermMode::REPORT_ALL_KEYS_AS_ESC, 8 | 4 | 16),
        (TermMode::REPORT_ASSOCIATED_TEXT, 16),
    ];
    all.iter().filter(|(flag, _)| mode.contains(*flag)).fold(0, |flags, (_, bits)| flags | bits)
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
    // With Shift held the mouse is the user's, whatever the agent asked for. Most terminals do not even tell us.
    if event.modifiers.contains(KeyModifiers::SHIFT) {
        return PaneMouse::Ours;
    }
    if !is_reported(event.kind, mode) {
        // An agent that asked for some of it gets nothing else of it, and neither do we.
        if mode.intersects(TermMode::MOUSE_MODE) {
            return PaneMouse::Ignore;
        }
        // On the alternate screen there is nothing to scroll back to. To some programs an arrow key is a step through
        // what was typed before: the wheel is the arrow keys only for those that asked for it.
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
    letter(last, Held { modifiers: 0, event: None }, mode).repeat(WHEEL_KEYS)
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
