//! What a terminal sends becomes keys, pastes, the mouse and answers, however it was split. Pure.

use std::collections::VecDeque;

use ccells_core::limits::{PASTE_BYTES, SEQUENCE_BYTES};
use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyEventState, KeyModifiers, MouseButton, MouseEvent,
    MouseEventKind,
};

use super::{Ground, Input};
use crate::terminal::input::{Alternates, MEDIA, MODIFIERS};

const ESCAPE: u8 = 0x1b;
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// Remembers what is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pending: Vec<u8>,
    /// The paste that is coming in.
    paste: Option<Vec<u8>>,
}

/// What the first bytes are.
enum First {
    /// So many of them, and what they mean, if anything.
    Whole(usize, Option<Input>),
    /// The beginning of something.
    Part,
}

impl Keys {
    /// Takes bytes as they come, and puts what they mean behind `found`.
    pub(super) fn take(&mut self, bytes: &[u8], found: &mut VecDeque<Input>) {
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while !rest.is_empty() {
            if self.paste.is_some() {
                rest = self.take_paste(rest, found);
                if self.paste.is_some() {
                    break;
                }
                continue;
            }
            if let Some(after) = rest.strip_prefix(PASTE_BEGINS) {
                (self.paste, rest) = (Some(Vec::new()), after);
                continue;
            }
            match first(rest) {
                First::Whole(length, input) => {
                    found.extend(input);
                    rest = &rest[length..];
                }
                First::Part if rest.len() > SEQUENCE_BYTES => rest = &rest[1..],
                First::Part => break,
            }
        }
        self.pending = rest.to_vec();
    }

    /// Whether something begun is not whole.
    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty() && self.paste.is_none()
    }

    /// Nothing more comes: what was begun is what it looks like.
    pub(super) fn flush(&mut self, found: &mut VecDeque<Input>) {
        if let [ESCAPE, byte] = std::mem::take(&mut self.pending).as_slice() {
            found.push_back(key(KeyCode::Char(char::from(*byte)), KeyModifiers::ALT));
        }
    }

    /// Takes what belongs to a paste; what is left belongs behind it, or may be the beginning of its end.
    fn take_paste<'a>(&mut self, bytes: &'a [u8], found: &mut VecDeque<Input>) -> &'a [u8] {
        let Some(paste) = &mut self.paste else { return bytes };
        let end = memchr::memmem::find(bytes, PASTE_ENDS);
        let kept =
            (1..PASTE_ENDS.len()).rev().find(|count| bytes.ends_with(&PASTE_ENDS[..*count])).unwrap_or(0);
        let (now, rest) = bytes.split_at(end.unwrap_or(bytes.len() - kept));
        paste.extend_from_slice(now);
        if end.is_some() || paste.len() > PASTE_BYTES {
            let text = String::from_utf8_lossy(paste).into_owned();
            found.push_back(Input::Event(Event::Paste(text)));
            paste.clear();
        }
        match end {
            Some(_) => {
                self.paste = None;
                &rest[PASTE_ENDS.len()..]
            }
            None => rest,
        }
    }
}

fn first(bytes: &[u8]) -> First {
    match bytes {
        [ESCAPE] => whole(1, KeyCode::Esc, KeyModifiers::NONE),
        [ESCAPE, ESCAPE, ..] => whole(1, KeyCode::Esc, KeyModifiers::NONE),
        [ESCAPE, b'[' | b'O' | b']'] => First::Part,
        [ESCAPE, b']', b'1', ..] => command(bytes),
        [ESCAPE, b'O', letter, ..] => First::Whole(3, ss3(*letter)),
        [ESCAPE, b'[', rest @ ..] => csi(rest),
        [ESCAPE, rest @ ..] => match plain(rest) {
            First::Whole(length, input) => First::Whole(length + 1, input.map(with_alt)),
            First::Part => First::Part,
        },
        _ => plain(bytes),
    }
}

/// An operating system command: the answer to what we ask about colours. With Alt the same key comes as its first two
/// bytes, so that no more is taken for it than looks like an answer.
fn command(bytes: &[u8]) -> First {
    let body = &bytes[2..];
    let is_ours = |start: &[u8]| start.starts_with(body) || body.starts_with(start);
    if !is_ours(b"10;") && !is_ours(b"11;") {
        return whole(2, KeyCode::Char(']'), KeyModifiers::ALT);
    }
    let Some(end) = body.iter().position(|byte| matches!(*byte, 0x07 | ESCAPE)) else { return First::Part };
    let length = match &body[end..] {
        [ESCAPE] => return First::Part,
        [ESCAPE, b'\\', ..] => end + 4,
        // The bell is part of it, and an escape that begins something else is not.
        [0x07, ..] => end + 3,
        _ => end + 2,
    };
    let ground = if body.starts_with(b"10;") { Ground::Fore } else { Ground::Back };
    let text = std::str::from_utf8(body.get(3..end).unwrap_or_default()).ok();
    First::Whole(length, text.and_then(colour).map(|colour| Input::Colour(ground, colour)))
}

/// Reads `rgb:ffff/8000/0`, and the same with a fourth part that tells how opaque it is. Each part has one to four
/// digits.
fn colour(text: &str) -> Option<[u8; 3]> {
    let parts = text.strip_prefix("rgb:").or_else(|| text.strip_prefix("rgba:"))?;
    let mut parts = parts.split('/').map(|part| {
        let is_plain = part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = u32::from_str_radix(part, 16).ok().filter(|_| is_plain)?;
        let most = (1_u32 << (4 * part.len())) - 1;
        u8::try_from((value * 255 + most / 2) / most).ok()
    });
    Some([parts.next()??, parts.next()??, parts.next()??])
}

fn whole(length: usize, code: KeyCode, modifiers: KeyModifiers) -> First {
    First::Whole(length, Some(key(code, modifiers)))
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Input {
    Input::Event(Event::Key(KeyEvent::new(code, modifiers)))
}

fn with_alt(input: Input) -> Input {
    match input {
        Input::Event(Event::Key(key)) => {
            Input::Event(Event::Key(KeyEvent { modifiers: key.modifiers | KeyModifiers::ALT, ..key }))
        }
        Input::Event(_)
        | Input::Key(..)
        | Input::KnowsKittyKeys(_)
        | Input::Colour(..)
        | Input::ColoursChanged
        | Input::KnowsSync(_)
        | Input::Gone => input,
    }
}

/// A key that is no sequence.
fn plain(bytes: &[u8]) -> First {
    let control = |letter: u8| whole(1, KeyCode::Char(char::from(letter)), KeyModifiers::CONTROL);
    match bytes[0] {
        b'\r' => whole(1, KeyCode::Enter, KeyModifiers::NONE),
        b'\t' => whole(1, KeyCode::Tab, KeyModifiers::NONE),
        0x7f => whole(1, KeyCode::Backspace, KeyModifiers::NONE),
        0 => control(b' '),
        byte @ 0x01..=0x1a => control(byte - 1 + b'a'),
        byte @ 0x1c..=0x1f => control(byte + 0x40),
        ESCAPE => whole(1, KeyCode::Esc, KeyModifiers::NONE),
        byte => {
            let length = match byte {
                0xc0..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf7 => 4,
                _ => 1,
            };
            let text = &bytes[..bytes.len().min(length)];
            match std::str::from_utf8(text) {
                Ok(text) => First::Whole(length, text.chars().next().map(typed)),
                Err(error) if error.error_len().is_none() => First::Part,
                // What is no text is no key.
                Err(_) => First::Whole(1, None),
            }
        }
    }
}

fn typed(c: char) -> Input {
    let shift = if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
    key(KeyCode::Char(c), shift)
}

fn ss3(letter: u8) -> Option<Input> {
    named(letter).map(|code| key(code, KeyModifiers::NONE))
}

/// The keys that are told by a letter.
fn named(letter: u8) -> Option<KeyCode> {
    Some(match letter {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'E' => KeyCode::KeypadBegin,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(1 + letter - b'P'),
        _ => return None,
    })
}

/// A control sequence, behind its introducer.
fn csi(rest: &[u8]) -> First {
    // Some consoles tell F1 to F5 so.
    if let [b'[', after @ ..] = rest {
        return match after {
            [] => First::Part,
            [letter @ b'A'..=b'E', ..] => whole(4, KeyCode::F(1 + letter - b'A'), KeyModifiers::NONE),
            [_, ..] => First::Whole(4, None),
        };
    }
    // The mouse in its oldest form: three bytes behind the letter. Nobody asked for it.
    if let [b'M', after @ ..] = rest {
        return if after.len() < 3 { First::Part } else { First::Whole(6, None) };
    }
    for (index, byte) in rest.iter().enumerate() {
        match byte {
            0x40..=0x7e => return First::Whole(index + 3, sequence(&rest[..index], *byte)),
            0x20..=0x3f => {}
            // It was cut off by something else.
            _ => return First::Whole(index + 2, None),
        }
    }
    First::Part
}

/// What a whole control sequence means.
fn sequence(parameters: &[u8], last: u8) -> Option<Input> {
    let text = std::str::from_utf8(parameters).ok()?;
    match (text.as_bytes().first(), last) {
        (Some(b'?'), b'u') => return Some(Input::KnowsKittyKeys(true)),
        (Some(b'?'), b'y') => {
            let state = text.strip_prefix("?2026;")?.strip_suffix('$')?;
            return Some(Input::KnowsSync(matches!(state, "1" | "2" | "3")));
        }
        (Some(b'?'), b'n') if text.starts_with("?997;") => return Some(Input::ColoursChanged),
        (Some(b'<'), b'M' | b'm') => return mouse(&text[1..], last == b'm'),
        (Some(b'?' | b'<' | b'>' | b'='), _) => return None,
        (None, b'I') => return Some(Input::Event(Event::FocusGained)),
        (None, b'O') => return Some(Input::Event(Event::FocusLost)),
        (None, b'Z') => return Some(key(KeyCode::BackTab, KeyModifiers::SHIFT)),
        (Some(_) | None, _) => {}
    }
    let mut fields = text.split(';');
    let code = fields.next().unwrap_or_default();
    let number: u32 = code.split(':').next().and_then(|number| number.parse().ok()).unwrap_or(1);
    let mut held = fields.next().unwrap_or_default().split(':');
    let mask: u16 = held.next().and_then(|mask| mask.parse().ok()).unwrap_or(1);
    let kind = match held.next() {
        Some("2") => KeyEventKind::Repeat,
        Some("3") => KeyEventKind::Release,
        Some(_) | None => KeyEventKind::Press,
    };
    let (code, state) = match last {
        b'u' => unicode(number, code, fields.next())?,
        b'~' if number == 27 => unicode(fields.next()?.parse().ok()?, "", None)?,
        b'~' => (tilde(number)?, KeyEventState::NONE),
        b'R' => return None,
        letter => (named(letter)?, KeyEventState::NONE),
    };
    let (modifiers, state) = (modifiers(mask), state | locks(mask));
    let is_back = code == KeyCode::Tab && modifiers.contains(KeyModifiers::SHIFT);
    let code = if is_back { KeyCode::BackTab } else { code };
    let key = KeyEvent { code, modifiers, kind, state };
    let alternates = (last == b'u').then(|| alternates(key.code, number, text)).flatten();
    Some(alternates.map_or(Input::Event(Event::Key(key)), |alternates| Input::Key(key, alternates)))
}

/// What the terminal told of a key beyond its character, where that is more than the character itself tells.
fn alternates(code: KeyCode, number: u32, text: &str) -> Option<Alternates> {
    let KeyCode::Char(c) = code else { return None };
    let base = char::from_u32(number).filter(|_| !(57_344..=63_743).contains(&number))?;
    let mut parts = text.split(';').next().unwrap_or_default().split(':').skip(1);
    let mut next = || parts.next().and_then(|part| part.parse().ok()).and_then(char::from_u32);
    let (shifted, layout) = (next(), next());
    let is_news = shifted.is_some() || layout.is_some() || c.to_lowercase().next() != Some(base);
    is_news.then_some(Alternates { base, shifted, layout })
}

fn locks(mask: u16) -> KeyEventState {
    let all = [(64, KeyEventState::CAPS_LOCK), (128, KeyEventState::NUM_LOCK)];
    let bits = mask.saturating_sub(1);
    all.iter()
        .filter(|(bit, _)| bits & bit != 0)
        .fold(KeyEventState::NONE, |locked, (_, lock)| locked | *lock)
}

fn modifiers(mask: u16) -> KeyModifiers {
    let bits = mask.saturating_sub(1);
    let all = [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
        (8, KeyModifiers::SUPER),
        (16, KeyModifiers::HYPER),
        (32, KeyModifiers::META),
    ];
    all.iter()
        .filter(|(bit, _)| bits & bit != 0)
        .fold(KeyModifiers::NONE, |held, (_, modifier)| held | *modifier)
}

fn tilde(number: u32) -> Option<KeyCode> {
    let function = |less: u32| u8::try_from(number - less).ok().map(KeyCode::F);
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => return function(10),
        17..=21 => return function(11),
        23..=26 => return function(12),
        28..=29 => return function(13),
        31..=34 => return function(14),
        _ => return None,
    })
}

/// The keys of the keyboard protocol of kitty. `code` may tell the character with Shift behind a colon, and `text` what
/// the key types.
fn unicode(number: u32, code: &str, text: Option<&str>) -> Option<(KeyCode, KeyEventState)> {
    let usual = |code| Some((code, KeyEventState::NONE));
    match number {
        9 => return usual(KeyCode::Tab),
        13 => return usual(KeyCode::Enter),
        27 => return usual(KeyCode::Esc),
        127 => return usual(KeyCode::Backspace),
        57_376..=57_398 => return usual(KeyCode::F(u8::try_from(number - 57_363).ok()?)),
        57_399..=57_427 => return keypad(number).map(|code| (code, KeyEventState::KEYPAD)),
        57_358..=57_363 => {
            let keys = [
                KeyCode::CapsLock,
                KeyCode::ScrollLock,
                KeyCode::NumLock,
                KeyCode::PrintScreen,
                KeyCode::Pause,
                KeyCode::Menu,
            ];
            return usual(keys[usize::try_from(number - 57_358).ok()?]);
        }
        57_428..=57_440 => return usual(KeyCode::Media(MEDIA[usize::try_from(number - 57_428).ok()?])),
        57_441..=57_454 => {
            return usual(KeyCode::Modifier(MODIFIERS[usize::try_from(number - 57_441).ok()?]));
        }
        57_344..=63_743 => return None,
        _ => {}
    }
    let shifted = code.split(':').nth(1).and_then(|shifted| shifted.parse().ok()).and_then(char::from_u32);
    let typed = text.and_then(|text| text.parse().ok()).and_then(char::from_u32);
    typed
        .or(shifted)
        .or_else(|| char::from_u32(number))
        .filter(|c| !c.is_control())
        .and_then(|c| usual(KeyCode::Char(c)))
}

fn keypad(number: u32) -> Option<KeyCode> {
    Some(match number {
        57_399..=57_408 => KeyCode::Char(char::from_digit(number - 57_399, 10)?),
        57_409 => KeyCode::Char('.'),
        57_410 => KeyCode::Char('/'),
        57_411 => KeyCode::Char('*'),
        57_412 => KeyCode::Char('-'),
        57_413 => KeyCode::Char('+'),
        57_414 => KeyCode::Enter,
        57_415 => KeyCode::Char('='),
        57_416 => KeyCode::Char(','),
        57_417 => KeyCode::Left,
        57_418 => KeyCode::Right,
        57_419 => KeyCode::Up,
        57_420 => KeyCode::Down,
        57_421 => KeyCode::PageUp,
        57_422 => KeyCode::PageDown,
        57_423 => KeyCode::Home,
        57_424 => KeyCode::End,
        57_425 => KeyCode::Insert,
        57_426 => KeyCode::Delete,
        57_427 => KeyCode::KeypadBegin,
        _ => return None,
    })
}

fn mouse(text: &str, is_up: bool) -> Option<Input> {
    let mut numbers = text.split(';').map(str::parse::<u16>);
    let (bits, column, row) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    let button = match bits & 0b11 {
        0 => Some(MouseButton::Left),
        1 => Some(MouseButton::Middle),
        2 => Some(MouseButton::Right),
        _ => None,
    };
    let kind = match (bits >> 6, button) {
        (0, Some(button)) if is_up => MouseEventKind::Up(button),
        (0, Some(button)) if bits & 32 != 0 => MouseEventKind::Drag(button),
        (0, Some(button)) => MouseEventKind::Down(button),
        (0, None) if bits & 32 != 0 => MouseEventKind::Moved,
        (0, None) => MouseEventKind::Up(MouseButton::Left),
        (1, _) if is_up => return None,
        (1, Some(MouseButton::Left)) => MouseEventKind::ScrollUp,
        (1, Some(MouseButton::Middle)) => MouseEventKind::ScrollDown,
        (1, Some(MouseButton::Right)) => MouseEventKind::ScrollLeft,
        (1, None) => MouseEventKind::ScrollRight,
        _ => return None,
    };
    let held = [(4, KeyModifiers::SHIFT), (8, KeyModifiers::ALT), (16, KeyModifiers::CONTROL)];
    let modifiers = held
        .iter()
        .filter(|(bit, _)| bits & bit != 0)
        .fold(KeyModifiers::NONE, |held, (_, modifier)| held | *modifier);
    let (column, row) = (column.saturating_sub(1), row.saturating_sub(1));
    Some(Input::Event(Event::Mouse(MouseEvent { kind, column, row, modifiers })))
}

#[cfg(test)]
mod tests {
    use crossterm::event::ModifierKeyCode;
    use proptest::prelude::*;

    use super::*;

    fn taken(pieces: &[&[u8]]) -> Vec<Input> {
        let (mut keys, mut found) = (Keys::default(), VecDeque::new());
        for piece in pieces {
            keys.take(piece, &mut found);
        }
        found.into()
    }

    fn one(bytes: &str) -> KeyEvent {
        match taken(&[bytes.as_bytes()]).as_slice() {
            [Input::Event(Event::Key(key)) | Input::Key(key, _)] => *key,
            other => panic!("{bytes:?} is no single key: {other:?}"),
        }
    }

    #[test]
    fn keys_are_read_in_every_form() {
        let (none, shift, alt, control) =
            (KeyModifiers::NONE, KeyModifiers::SHIFT, KeyModifiers::ALT, KeyModifiers::CONTROL);
        for (bytes, code, modifiers) in [
            ("a", KeyCode::Char('a'), none),
            ("A", KeyCode::Char('A'), shift),
            ("ß", KeyCode::Char('ß'), none),
            ("\x1bä", KeyCode::Char('ä'), alt),
            ("\x1bb", KeyCode::Char('b'), alt),
            ("\x03", KeyCode::Char('c'), control),
            ("\x1d", KeyCode::Char(']'), control),
            ("\x1f", KeyCode::Char('_'), control),
            ("\x1b[53;5u", KeyCode::Char('5'), control),
            ("\x1b[57441;2u", KeyCode::Modifier(ModifierKeyCode::LeftShift), shift),
            ("\x1b[57358u", KeyCode::CapsLock, none),
            ("\x1b[97;65u", KeyCode::Char('a'), none),
            ("\x1b[97;133u", KeyCode::Char('a'), control),
            ("\x1b[97;;97u", KeyCode::Char('a'), none),
            ("\0", KeyCode::Char(' '), control),
            ("\x1b\x03", KeyCode::Char('c'), control | alt),
            ("\r", KeyCode::Enter, none),
            ("\x7f", KeyCode::Backspace, none),
            ("\x1b", KeyCode::Esc, none),
            ("\x1b[A", KeyCode::Up, none),
            ("\x1bOD", KeyCode::Left, none),
            ("\x1b[1;5C", KeyCode::Right, control),
            ("\x1bOQ", KeyCode::F(2), none),
            ("\x1b[24;2~", KeyCode::F(12), shift),
            ("\x1b[[B", KeyCode::F(2), none),
            ("\x1b[3~", KeyCode::Delete, none),
            ("\x1b[Z", KeyCode::BackTab, shift),
            ("\x1b[13;2u", KeyCode::Enter, shift),
            ("\x1b[9;2u", KeyCode::BackTab, shift),
            ("\x1b[97:65;6u", KeyCode::Char('A'), control | shift),
            ("\x1b[27;5;105~", KeyCode::Char('i'), control),
            ("\x1b[57376u", KeyCode::F(13), none),
        ] {
            let key = one(bytes);
            assert_eq!(
                (key.code, key.modifiers, key.kind),
                (code, modifiers, KeyEventKind::Press),
                "{bytes:?}"
            );
        }
        assert_eq!(one("\x1b[97;1:3u").kind, KeyEventKind::Release);
        assert_eq!(one("\x1b[57400u").state, KeyEventState::KEYPAD);
    }

    #[test]
    fn all_that_is_told_of_a_key_is_known() {
        let whole = |bytes: &str| match taken(&[bytes.as_bytes()]).as_slice() {
            [Input::Key(key, alternates)] => (key.code, key.modifiers, key.kind, *alternates),
            other => panic!("{bytes:?} is no key with more to it: {other:?}"),
        };
        let (shift, control) = (KeyModifiers::SHIFT, KeyModifiers::CONTROL);
        let one = Alternates { base: '1', shifted: Some('!'), layout: None };
        assert_eq!(whole("\x1b[49:33;2;33u"), (KeyCode::Char('!'), shift, KeyEventKind::Press, one));
        assert_eq!(
            whole("\x1b[49:33;6:3u"),
            (KeyCode::Char('!'), control | shift, KeyEventKind::Release, one)
        );
        let es = Alternates { base: 'с', shifted: None, layout: Some('c') };
        assert_eq!(whole("\x1b[1089::99;5:2u"), (KeyCode::Char('с'), control, KeyEventKind::Repeat, es));
        let locked = taken(&[b"\x1b[97;193u"]);
        let [Input::Event(Event::Key(key))] = locked.as_slice() else { panic!("{locked:?} is no key") };
        assert_eq!(key.state, KeyEventState::CAPS_LOCK | KeyEventState::NUM_LOCK);
    }

    #[test]
    fn answers_and_reports_are_no_keys() {
        let all = taken(&[b"\x1b[?2026;2$y\x1b[?1u\x1b[?62;22c\x1b[I\x1b[12;5R\x1b[O"]);
        let focus = |event| Input::Event(event);
        let wanted = [
            Input::KnowsSync(true),
            Input::KnowsKittyKeys(true),
            focus(Event::FocusGained),
            focus(Event::FocusLost),
        ];
        assert_eq!(all, wanted);
        assert_eq!(taken(&[b"\x1b[?2026;0$y"]), [Input::KnowsSync(false)]);
    }

    #[test]
    fn colours_are_told_in_every_form() {
        let told = |text: &str| taken(&[text.as_bytes()]);
        let fore = |colour| [Input::Colour(Ground::Fore, colour)];
        assert_eq!(told("\x1b]10;rgb:ffff/8080/0000\x1b\\"), fore([255, 128, 0]));
        assert_eq!(told("\x1b]10;rgb:ff/80/0\x07"), fore([255, 128, 0]));
        assert_eq!(told("\x1b]10;rgba:ffff/8080/0000/cccc\x1b\\"), fore([255, 128, 0]));
        let white = Input::Colour(Ground::Back, [255; 3]);
        assert_eq!(taken(&[b"\x1b]11;rgb:f", b"fff/ffff/ffff\x1b", b"\\"]), [white]);
        for none in ["11;", "11;rgb:", "11;rgb:1/2", "11;rgb:12345/1/1", "10;red", "10;rgb:+1/1/1"] {
            assert_eq!(told(&format!("\x1b]{none}\x07")), [], "{none:?}");
        }
        assert_eq!(told("\x1b[?997;2n"), [Input::ColoursChanged]);
        let alt = key(KeyCode::Char(']'), KeyModifiers::ALT);
        let one = |c| key(KeyCode::Char(c), KeyModifiers::NONE);
        assert_eq!(told("\x1b]x"), [alt.clone(), one('x')]);
        assert_eq!(told("\x1b]12"), [alt.clone(), one('1'), one('2')]);
        let (mut keys, mut found) = (Keys::default(), VecDeque::new());
        keys.take(b"\x1b]", &mut found);
        keys.flush(&mut found);
        assert_eq!(found, [alt]);
    }

    #[test]
    fn the_mouse_is_read() {
        let kind = |bytes: &str| match taken(&[bytes.as_bytes()]).as_slice() {
            [Input::Event(Event::Mouse(event))] => (event.kind, event.column, event.row, event.modifiers),
            other => panic!("{bytes:?} is no mouse: {other:?}"),
        };
        let (left, none) = (MouseButton::Left, KeyModifiers::NONE);
        assert_eq!(kind("\x1b[<0;3;4M"), (MouseEventKind::Down(left), 2, 3, none));
        assert_eq!(kind("\x1b[<0;3;4m"), (MouseEventKind::Up(left), 2, 3, none));
        assert_eq!(kind("\x1b[<36;300;4M"), (MouseEventKind::Drag(left), 299, 3, KeyModifiers::SHIFT));
        assert_eq!(kind("\x1b[<65;1;1M"), (MouseEventKind::ScrollDown, 0, 0, none));
    }

    #[test]
    fn a_paste_is_one_event_however_it_came() {
        let paste = |text: &str| Input::Event(Event::Paste(text.to_owned()));
        assert_eq!(
            taken(&[b"\x1b[200~a\x1b[Ab\x1b[201~c"]),
            [paste("a\x1b[Ab"), key(KeyCode::Char('c'), KeyModifiers::NONE)]
        );
        assert_eq!(taken(&[b"\x1b[200~a\x1b[2", b"01~"]), [paste("a")]);
        let long = vec![b'x'; 1 << 20];
        assert_eq!(taken(&[b"\x1b[200~", &long, b"\x1b[201~"]).len(), 1);
    }

    #[test]
    fn what_is_begun_and_not_ended_is_a_key_with_alt() {
        let (mut keys, mut found) = (Keys::default(), VecDeque::new());
        keys.take(b"\x1b[", &mut found);
        assert!(keys.is_waiting() && found.is_empty());
        keys.flush(&mut found);
        assert_eq!(found, [key(KeyCode::Char('['), KeyModifiers::ALT)]);
    }

    proptest! {
        /// Sequences may be split anywhere but behind their very first byte, which is the Escape key when it is alone.
        #[test]
        fn splits_do_not_matter(
            words in proptest::collection::vec(
                proptest::sample::select(vec!["a", "ü", "\x1b[A", "\x1b[1;5C", "\x1b[<0;3;4M", "\x1b[200~p\x1b[201~", "\x1b[?1u", "\x1b]11;rgb:0/0/0\x1b\\"]),
                1..8
            ),
            cut in 0_usize..64
        ) {
            let bytes = words.concat().into_bytes();
            let cut = cut.min(bytes.len());
            prop_assume!(cut == 0 || bytes[cut - 1] != ESCAPE);
            let (one, two) = bytes.split_at(cut);
            prop_assert_eq!(taken(&[one, two]), taken(&[&bytes]));
        }

        #[test]
        fn no_bytes_break_it(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..6)) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            taken(&pieces);
        }
    }
}
