//! Cuts a terminal's bytes into whole units in front of the parser.
//!
//! The parser only ever sees whole characters and whole control sequences, so that how the bytes were split cannot
//! matter, a snapshot can be taken between any two bytes, and nothing that never ends is stored. Strings that the
//! terminal has no use for (APC, PM, SOS, and DCS but for two short questions) go no further.

use ccells_core::limits::{OSC_BYTES, SEQUENCE_BYTES};
use memchr::{memchr, memchr3};

use super::answers;

const ESCAPE: u8 = 0x1b;
const CANCEL: u8 = 0x18;
const SUBSTITUTE: u8 = 0x1a;
const BELL: u8 = 0x07;
/// What stands for bytes that are no text.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
/// Goes to the next row: as a line feed, but for the mode that has the latter return to the start of the row.
pub(super) const INDEX: &[u8] = b"\x1bD";

/// One whole unit of a terminal's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit<'a> {
    /// Text and short sequences, as they came.
    Plain(&'a [u8]),
    /// One control sequence, from its ESC to its final byte, of a kind that may concern us.
    Csi(&'a [u8]),
    /// One operating system command, without its introducer and terminator.
    Osc {
        /// What is between.
        payload: &'a [u8],
        /// How it ended, and how an answer must end.
        terminator: &'static [u8],
    },
    /// A question that came as a device control string, without what is around it.
    Question(&'a [u8]),
}

/// Where in a unit the scanner is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    Escape,
    Intermediate,
    Csi,
    /// A sequence that is too long: dropped up to its final byte.
    Overlong,
    Osc,
    /// A command that is too long: dropped up to its terminator.
    OscOverlong,
    /// A device control string that may be a question.
    Device,
    /// A string nobody reads.
    Text,
}

/// How a unit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// As it should.
    Plain,
    /// With the final byte of a control sequence.
    Csi,
    /// With this terminator.
    Osc(&'static [u8]),
    /// As a device control string.
    Device,
    /// By the beginning of another, or a cancel: what came before still counts.
    Broken,
    /// Nothing of it counts.
    Nothing,
}

/// Remembers the unit that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    state: State,
    /// What came of it so far. Of a string that is dropped, only how it began.
    pending: Vec<u8>,
}

impl Scanner {
    /// Hands on every unit that `bytes` completes.
    pub(super) fn scan(&mut self, bytes: &[u8], mut take: impl FnMut(Unit<'_>)) {
        let mut rest = self.continue_pending(bytes, &mut take);
        // Units that need no look of ours travel together: `rest[..index]`.
        let mut index = 0;
        while let Some(offset) = memchr(ESCAPE, &rest[index..]) {
            let start = index + offset;
            self.state = State::Escape;
            let (length, end) = self.walk(0, &rest[start..]);
            let unit = &rest[start..start + length];
            match end {
                Some(End::Plain) if unit != INDEX => {
                    index = start + length;
                    continue;
                }
                Some(End::Csi) if !concerns_us(unit) => {
                    index = start + length;
                    continue;
                }
                Some(end) => {
                    hand_on_text(&rest[..start], &mut take);
                    hand_on(unit, end, &mut take);
                }
                None => {
                    hand_on_text(&rest[..start], &mut take);
                    self.keep(unit);
                    return;
                }
            }
            (rest, index) = (&rest[start + length..], 0);
        }
        let (text, incomplete) = rest.split_at(rest.len() - incomplete_character(rest));
        hand_on_text(text, &mut take);
        self.pending.extend(incomplete);
    }

    /// The bytes that, given to a new scanner, bring it to where this one is.
    pub(super) fn pending(&self) -> Vec<u8> {
        match self.state {
            State::Overlong => [b"\x1b[".to_vec(), vec![b'0'; SEQUENCE_BYTES]].concat(),
            State::OscOverlong => [b"\x1b]".to_vec(), vec![b'0'; OSC_BYTES]].concat(),
            State::Ground
            | State::Escape
            | State::Intermediate
            | State::Csi
            | State::Osc
            | State::Device
            | State::Text => self.pending.clone(),
        }
    }

    /// Completes the pending unit, as far as `bytes` go, and returns what they hold beyond it.
    fn continue_pending<'a>(&mut self, bytes: &'a [u8], take: &mut impl FnMut(Unit<'_>)) -> &'a [u8] {
        if self.state == State::Ground {
            return self.continue_character(bytes, take);
        }
        let (length, end) = self.walk(self.pending.len(), bytes);
        let (now, rest) = bytes.split_at(length);
        let Some(end) = end else {
            self.keep(now);
            return rest;
        };
        let mut unit = std::mem::take(&mut self.pending);
        unit.extend(now);
        hand_on(&unit, end, take);
        rest
    }

    fn continue_character<'a>(&mut self, bytes: &'a [u8], take: &mut impl FnMut(Unit<'_>)) -> &'a [u8] {
        for (index, byte) in bytes.iter().enumerate() {
            if self.pending.is_empty() {
                return &bytes[index..];
            }
            self.pending.push(*byte);
            match std::str::from_utf8(&self.pending) {
                Ok(_) => {
                    take(Unit::Plain(&self.pending));
                    self.pending.clear();
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => {
                    // The byte belongs to what follows.
                    take(Unit::Plain(REPLACEMENT));
                    self.pending.clear();
                    return &bytes[index..];
                }
            }
        }
        &[]
    }

    /// Remembers a piece of a unit that is not whole.
    fn keep(&mut self, piece: &[u8]) {
        match self.state {
            State::Ground | State::Escape | State::Intermediate | State::Csi | State::Osc | State::Device => {
                self.pending.extend(piece);
            }
            State::Overlong | State::OscOverlong => self.pending.clear(),
            State::Text => {
                self.pending.extend(piece);
                // How it began is all that matters, however the introducer was split; it holds one byte of 0x40..0x60.
                let introducer =
                    self.pending.iter().position(|byte| matches!(byte, b'P' | b'X' | b'^' | b'_'));
                self.pending.truncate(introducer.map_or(0, |index| index + 1));
            }
        }
    }

    /// Goes on through a unit of which `before` bytes came earlier (none: `bytes` starts with its ESC). Returns how
    /// many bytes belong to it, and how it ended if it did; then the scanner is on the ground again.
    fn walk(&mut self, before: usize, bytes: &[u8]) -> (usize, Option<End>) {
        let mut index = usize::from(before == 0 && !self.is_dropping());
        while let Some(byte) = bytes.get(index).copied() {
            match (self.state, byte) {
                (State::Escape | State::Intermediate | State::Csi, ESCAPE) => {
                    return self.ground(index, End::Broken);
                }
                (State::Escape | State::Intermediate | State::Csi, CANCEL | SUBSTITUTE) => {
                    return self.ground(index + 1, End::Broken);
                }
                (State::Osc, ESCAPE) => return self.ground(index, End::Osc(b"\x1b\\")),
                (State::Device, ESCAPE) => return self.ground(index, End::Device),
                (State::Osc, BELL) => return self.ground(index + 1, End::Osc(b"\x07")),
                (State::Overlong | State::OscOverlong | State::Text, ESCAPE) => {
                    return self.ground(index, End::Nothing);
                }
                (
                    State::Osc | State::OscOverlong | State::Overlong | State::Device | State::Text,
                    CANCEL | SUBSTITUTE,
                )
                | (State::OscOverlong, BELL)
                | (State::Overlong, 0x40..=0x7e) => return self.ground(index + 1, End::Nothing),
                (State::Escape, b'[') => self.state = State::Csi,
                (State::Escape, b']') => self.state = State::Osc,
                (State::Escape, b'P') => self.state = State::Device,
                (State::Escape, b'X' | b'^' | b'_') => self.state = State::Text,
                (State::Escape, 0x20..=0x2f) => self.state = State::Intermediate,
                (State::Escape | State::Intermediate, 0x30..=0x7e) => {
                    return self.ground(index + 1, End::Plain);
                }
                (State::Csi, 0x40..=0x7e) => return self.ground(index + 1, End::Csi),
                (State::Text, _) => {
                    let end = memchr3(ESCAPE, CANCEL, SUBSTITUTE, &bytes[index..]);
                    index = end.map_or(bytes.len(), |offset| index + offset);
                    continue;
                }
                (
                    State::Ground
                    | State::Escape
                    | State::Intermediate
                    | State::Csi
                    | State::Osc
                    | State::Device
                    | State::Overlong
                    | State::OscOverlong,
                    _,
                ) => {}
            }
            index += 1;
            self.check_length(before + index);
        }
        (bytes.len(), None)
    }

    fn is_dropping(&self) -> bool {
        matches!(self.state, State::Overlong | State::OscOverlong)
    }

    fn ground(&mut self, length: usize, end: End) -> (usize, Option<End>) {
        self.state = State::Ground;
        (length, Some(end))
    }

    fn check_length(&mut self, length: usize) {
        match self.state {
            State::Escape | State::Intermediate | State::Csi if length > SEQUENCE_BYTES => {
                self.state = State::Overlong;
            }
            State::Device if length > SEQUENCE_BYTES => self.state = State::Text,
            State::Osc if length > OSC_BYTES => self.state = State::OscOverlong,
            State::Ground
            | State::Escape
            | State::Intermediate
            | State::Csi
            | State::Osc
            | State::Device
            | State::Overlong
            | State::OscOverlong
            | State::Text => {}
        }
    }
}

/// Hands on a run of units before one that travels alone. A character that the run cuts off is replaced here: the
/// parser might not see what cuts it.
fn hand_on_text(run: &[u8], take: &mut impl FnMut(Unit<'_>)) {
    let (whole, incomplete) = run.split_at(run.len() - incomplete_character(run));
    if !whole.is_empty() {
        take(Unit::Plain(whole));
    }
    if !incomplete.is_empty() {
        take(Unit::Plain(REPLACEMENT));
    }
}

/// Hands on one unit that ended so.
fn hand_on(unit: &[u8], end: End, take: &mut impl FnMut(Unit<'_>)) {
    match end {
        End::Nothing => {}
        End::Csi if concerns_us(unit) => take(Unit::Csi(unit)),
        End::Plain if unit == INDEX => take(Unit::Csi(unit)),
        End::Device => {
            let start = unit.iter().position(|byte| *byte == b'P').map_or(0, |index| index + 1);
            if answers::is_question(&unit[start..]) {
                take(Unit::Question(&unit[start..]));
            }
        }
        End::Csi | End::Plain => take(Unit::Plain(unit)),
        End::Osc(terminator) => {
            let start = unit.iter().position(|byte| *byte == b']').map_or(0, |index| index + 1);
            let end = unit.len() - usize::from(unit.ends_with(&[BELL]));
            take(Unit::Osc { payload: &unit[start..end], terminator });
        }
        End::Broken => {
            // The parser must leave the sequence even when what follows never reaches it.
            take(Unit::Plain(unit));
            take(Unit::Plain(&[CANCEL]));
        }
    }
}

/// Whether a control sequence is one that the emulator looks at before the parser does.
fn concerns_us(unit: &[u8]) -> bool {
    match unit {
        [.., b'b'] => true,
        [.., b'p'] => unit.contains(&b'!'),
        [.., b'q'] => unit.contains(&b'>'),
        [.., b'n'] => unit.contains(&b'?'),
        [.., b'h' | b'l'] => unit.starts_with(b"\x1b[?2026"),
        [.., b't'] => unit.starts_with(b"\x1b[16"),
        _ => false,
    }
}

/// How many bytes at the end of `text` are the start of a character.
fn incomplete_character(text: &[u8]) -> usize {
    for count in 1..=text.len().min(3) {
        let end = &text[text.len() - count..];
        match end[0] {
            0x80..=0xbf => {}
            0xc0..=0xff => {
                let error = std::str::from_utf8(end).err();
                let is_incomplete = error.is_some_and(|error| error.error_len().is_none());
                return if is_incomplete { count } else { 0 };
            }
            0x00..=0x7f => return 0,
        }
    }
    0
}
