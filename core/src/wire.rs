//! The framed protocol between a session and the holder. Sans-I/O: bytes in, frames out, and back.
//!
//! A frame is a `u32` (the length of its body), a `u8` (its kind) and the body. All numbers are little-endian.
//! A session speaks first, with [`ToHolder::Hello`]; the holder answers [`FromHolder::Welcome`] or
//! [`FromHolder::Refused`]. The other side is never trusted: whatever it sends gives frames or a [`WireError`].

use alloc::borrow::ToOwned;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use crate::agent::{AgentExit, AgentLife, AgentReport, AgentStatus, BlockedKind};
use crate::limits;
pub use crate::surroundings::Surroundings;

/// The version of the protocol both sides must speak.
pub const VERSION: u16 = 1;

/// Bytes before a body: its length and its kind.
pub const HEAD_BYTES: usize = 5;

/// What a session says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToHolder {
    /// The first frame, and only the first.
    Hello {
        /// Size of the terminal it shows the agent in, columns and rows; `None` leaves the size as it is.
        size: Option<(u16, u16)>,
        /// Whether it only looks: an observer never types, resizes or restarts.
        observe: bool,
        /// The byte of the agent's output it wants to go on from; `None` asks for a snapshot.
        from_sequence: Option<u64>,
    },
    /// Bytes for the agent.
    Input(Vec<u8>),
    /// The terminal has this size now.
    Resize {
        /// Its width.
        columns: u16,
        /// Its height.
        rows: u16,
    },
    /// Start the agent again; refused while it runs.
    RestartAgent,
    /// Send this signal to the agent's foreground processes.
    SignalAgent {
        /// The signal's number: one of [`SIGNALS`].
        signal: u8,
    },
    /// The session ends; the agent goes on.
    Detach,
    /// Asks for a [`FromHolder::Pong`] with the same number, which is at most [`PING_MOST`].
    Ping(u64),
    /// What the terminal around the session is like: what the agent asks about is answered from it.
    Surroundings(Surroundings),
    /// Keep so many lines that have scrolled off, if they are more than are kept.
    Keep(u32),
}

/// The signals a session may send: hang-up, interrupt, quit, kill and terminate.
pub const SIGNALS: [u8; 5] = [1, 2, 3, 9, 15];

/// The largest number of a ping. What is above it tells what else a session may say: a holder that does not know it yet
/// takes it for a ping, answers that, and goes on. So it needs no other version.
pub const PING_MOST: u64 = (1 << WORD_SHIFT) - 1;
const WORD_SHIFT: u32 = 56;
const WORD_SURROUNDINGS: u64 = 0xc5;
const WORD_KEEP: u64 = 0xc6;

/// What a holder says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromHolder {
    /// The answer to [`ToHolder::Hello`].
    Welcome {
        /// Number of the first byte of output that will be sent.
        sequence: u64,
        /// Width of the agent's terminal.
        columns: u16,
        /// Height of the agent's terminal.
        rows: u16,
        /// How the session's screen is brought up to date.
        resync: Resync,
    },
    /// A piece of a picture of the terminal, to be fed to a fresh emulator. It replaces all that was shown.
    Snapshot {
        /// Number of the first byte of output the picture does not contain.
        sequence: u64,
        /// Width of the terminal in the picture.
        columns: u16,
        /// Height of the terminal in the picture.
        rows: u16,
        /// The piece.
        bytes: Vec<u8>,
        /// Whether it is the last piece; output follows.
        is_last: bool,
    },
    /// The agent's output.
    Output {
        /// Number of its first byte.
        sequence: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The agent's terminal has this size from here on in its output, whoever asked for it.
    Resized {
        /// Its width.
        columns: u16,
        /// Its height.
        rows: u16,
    },
    /// What became of the agent.
    Agent(AgentReport),
    /// The answer to [`ToHolder::Ping`].
    Pong(u64),
    /// What was asked last is not done, for the reason given. Before a Welcome the connection ends with it.
    Refused {
        /// Why, for people.
        reason: String,
    },
}

/// How a session's screen is brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resync {
    /// The output goes on exactly where the session asked.
    Continues,
    /// A snapshot comes first.
    Snapshot,
}

/// Bytes that are no frame of ours. After one the stream means nothing any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The other side speaks another version.
    #[error(
        "the other side speaks version {0} of the protocol, this one {VERSION}; use the same ccells for both"
    )]
    Version(u16),
    /// A kind that does not exist.
    #[error("there is no frame of kind {0:#04x}")]
    Kind(u8),
    /// A body longer than its kind allows.
    #[error("a frame of kind {kind:#04x} cannot have {length} bytes")]
    TooLong {
        /// The frame's kind.
        kind: u8,
        /// Its announced length.
        length: u32,
    },
    /// A body that does not hold what its kind says.
    #[error("a frame of kind {kind:#04x} has a malformed body")]
    Malformed {
        /// The frame's kind.
        kind: u8,
    },
}

/// A frame of one direction. There are two: [`ToHolder`] and [`FromHolder`].
pub trait Frame: Sized + sealed::Sealed {
    /// The longest body a frame of `kind` may have; `None` when there is no such kind.
    fn longest(kind: u8) -> Option<usize>;
    /// Reads a body.
    fn decode(kind: u8, body: &[u8]) -> Result<Self, WireError>;
    /// Appends the frame, head included. What is too long for one frame becomes several that mean the same, and a
    /// text that is too long is cut.
    fn encode(&self, out: &mut Vec<u8>);
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ToHolder {}
    impl Sealed for super::FromHolder {}
}

/// Appends `frame` to `out`; see [`Frame::encode`].
pub fn encode<F: Frame>(frame: &F, out: &mut Vec<u8>) {
    frame.encode(out);
}

/// Cuts a stream of bytes into frames. It holds what was pushed and not yet taken: whoever takes all frames after
/// each push bounds it by one frame and one push.
#[derive(Debug)]
pub struct Decoder<F> {
    bytes: VecDeque<u8>,
    broken: Option<WireError>,
    frames: PhantomData<F>,
}

impl<F> Default for Decoder<F> {
    fn default() -> Self {
        Self { bytes: VecDeque::new(), broken: None, frames: PhantomData }
    }
}

impl<F: Frame> Decoder<F> {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes as they came. After an error they are dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.bytes.extend(bytes);
        }
    }

    /// How many bytes wait to become a frame.
    pub fn pending(&self) -> usize {
        self.bytes.len()
    }

    /// The next whole frame; `None` until more bytes come. Once broken it stays broken.
    #[expect(clippy::should_implement_trait, reason = "an iterator would hide that the error is final")]
    pub fn next(&mut self) -> Result<Option<F>, WireError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.take_frame().inspect_err(|error| {
            self.bytes = VecDeque::new();
            self.broken = Some(error.clone());
        })
    }

    fn take_frame(&mut self) -> Result<Option<F>, WireError> {
        if self.bytes.len() < HEAD_BYTES {
            return Ok(None);
        }
        let byte = |index: usize| self.bytes[index];
        let length = u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)]);
        let kind = byte(4);
        let longest = F::longest(kind).ok_or(WireError::Kind(kind))?;
        let whole = usize::try_from(length).ok().filter(|length| *length <= longest);
        let end = HEAD_BYTES + whole.ok_or(WireError::TooLong { kind, length })?;
        if self.bytes.len() < end {
            return Ok(None);
        }
        let frame = F::decode(kind, &self.bytes.make_contiguous()[HEAD_BYTES..end])?;
        self.bytes.drain(..end);
        Ok(Some(frame))
    }
}

mod kind {
    pub(super) const HELLO: u8 = 0x01;
    pub(super) const INPUT: u8 = 0x02;
    pub(super) const RESIZE: u8 = 0x03;
    pub(super) const RESTART: u8 = 0x04;
    pub(super) const SIGNAL: u8 = 0x05;
    pub(super) const DETACH: u8 = 0x06;
    pub(super) const PING: u8 = 0x07;
    pub(super) const WELCOME: u8 = 0x81;
    pub(super) const SNAPSHOT: u8 = 0x82;
    pub(super) const OUTPUT: u8 = 0x83;
    pub(super) const RESIZED: u8 = 0x84;
    pub(super) const AGENT: u8 = 0x85;
    pub(super) const PONG: u8 = 0x86;
    pub(super) const REFUSED: u8 = 0x87;
}

/// A longer body than any short frame of this version, for what later versions may add to a Hello.
const SHORT_BYTES: usize = 256;

impl Frame for ToHolder {
    fn longest(kind: u8) -> Option<usize> {
        Some(match kind {
            kind::HELLO | kind::RESIZE | kind::RESTART | kind::SIGNAL | kind::DETACH | kind::PING => {
                SHORT_BYTES
            }
            kind::INPUT => limits::FRAME_BYTES,
            _ => return None,
        })
    }

    fn decode(kind: u8, body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader { kind, rest: body };
        let frame = match kind {
            kind::HELLO => {
                reader.version()?;
                let size = reader.option(|reader| Ok((reader.columns()?, reader.rows()?)))?;
                Self::Hello { size, observe: reader.flag()?, from_sequence: reader.option(Reader::u64)? }
            }
            kind::INPUT => Self::Input(reader.take_rest()),
            kind::RESIZE => Self::Resize { columns: reader.columns()?, rows: reader.rows()? },
            kind::RESTART => Self::RestartAgent,
            kind::SIGNAL => {
                let signal = reader.u8()?;
                if !SIGNALS.contains(&signal) {
                    return Err(reader.malformed());
                }
                Self::SignalAgent { signal }
            }
            kind::DETACH => Self::Detach,
            kind::PING => read_word(reader.u64()?),
            _ => return Err(WireError::Kind(kind)),
        };
        reader.end(frame)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello { size, observe, from_sequence } => frame(out, kind::HELLO, |out| {
                out.extend(VERSION.to_le_bytes());
                put_option(out, size.as_ref(), |out, (columns, rows)| put_size(out, *columns, *rows));
                out.push(u8::from(*observe));
                put_option(out, from_sequence.as_ref(), |out, sequence| out.extend(sequence.to_le_bytes()));
            }),
            Self::Input(bytes) => {
                for (chunk, _, _) in chunks(bytes) {
                    frame(out, kind::INPUT, |out| out.extend(chunk));
                }
            }
            Self::Resize { columns, rows } => frame(out, kind::RESIZE, |out| put_size(out, *columns, *rows)),
            Self::RestartAgent => frame(out, kind::RESTART, |_| {}),
            Self::SignalAgent { signal } => frame(out, kind::SIGNAL, |out| out.push(*signal)),
            Self::Detach => frame(out, kind::DETACH, |_| {}),
            Self::Ping(number) => frame(out, kind::PING, |out| out.extend(number.to_le_bytes())),
            Self::Surroundings(it) => {
                Self::Ping(WORD_SURROUNDINGS << WORD_SHIFT | it.to_number()).encode(out);
            }
            Self::Keep(lines) => Self::Ping(WORD_KEEP << WORD_SHIFT | u64::from(*lines)).encode(out),
        }
    }
}

/// What a session says in the form of a ping.
fn read_word(number: u64) -> ToHolder {
    let value = number & PING_MOST;
    match number >> WORD_SHIFT {
        WORD_SURROUNDINGS => ToHolder::Surroundings(Surroundings::from_number(value)),
        WORD_KEEP => ToHolder::Keep(u32::try_from(value).unwrap_or(u32::MAX)),
        // A word of a later version is answered as one of ours would be by an earlier one.
        _ => ToHolder::Ping(number),
    }
}

impl Frame for FromHolder {
    fn longest(kind: u8) -> Option<usize> {
        Some(match kind {
            kind::WELCOME | kind::RESIZED | kind::PONG => SHORT_BYTES,
            kind::AGENT | kind::REFUSED => SHORT_BYTES + limits::TITLE_BYTES + limits::MESSAGE_BYTES,
            kind::SNAPSHOT | kind::OUTPUT => limits::FRAME_BYTES,
            _ => return None,
        })
    }

    fn decode(kind: u8, body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader { kind, rest: body };
        let frame = match kind {
            kind::WELCOME => {
                reader.version()?;
                Self::Welcome {
                    sequence: reader.u64()?,
                    columns: reader.columns()?,
                    rows: reader.rows()?,
                    resync: if reader.flag()? { Resync::Continues } else { Resync::Snapshot },
                }
            }
            kind::SNAPSHOT => Self::Snapshot {
                sequence: reader.u64()?,
                columns: reader.columns()?,
                rows: reader.rows()?,
                is_last: reader.flag()?,
                bytes: reader.take_rest(),
            },
            kind::OUTPUT => Self::Output { sequence: reader.u64()?, bytes: reader.take_rest() },
            kind::RESIZED => Self::Resized { columns: reader.columns()?, rows: reader.rows()? },
            kind::AGENT => Self::Agent(reader.report()?),
            kind::PONG => Self::Pong(reader.u64()?),
            kind::REFUSED => Self::Refused { reason: reader.text(limits::MESSAGE_BYTES)? },
            _ => return Err(WireError::Kind(kind)),
        };
        reader.end(frame)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Welcome { sequence, columns, rows, resync } => frame(out, kind::WELCOME, |out| {
                out.extend(VERSION.to_le_bytes());
                out.extend(sequence.to_le_bytes());
                put_size(out, *columns, *rows);
                out.push(u8::from(*resync == Resync::Continues));
            }),
            Self::Snapshot { sequence, columns, rows, bytes, is_last } => {
                for (chunk, _, is_last_chunk) in chunks(bytes) {
                    frame(out, kind::SNAPSHOT, |out| {
                        out.extend(sequence.to_le_bytes());
                        put_size(out, *columns, *rows);
                        out.push(u8::from(*is_last && is_last_chunk));
                        out.extend(chunk);
                    });
                }
            }
            Self::Output { sequence, bytes } => {
                for (chunk, offset, _) in chunks(bytes) {
                    frame(out, kind::OUTPUT, |out| {
                        out.extend((sequence + offset as u64).to_le_bytes());
                        out.extend(chunk);
                    });
                }
            }
            Self::Resized { columns, rows } => {
                frame(out, kind::RESIZED, |out| put_size(out, *columns, *rows));
            }
            Self::Agent(report) => frame(out, kind::AGENT, |out| put_report(out, report)),
            Self::Pong(number) => frame(out, kind::PONG, |out| out.extend(number.to_le_bytes())),
            Self::Refused { reason } => {
                frame(out, kind::REFUSED, |out| put_text(out, reason, limits::MESSAGE_BYTES));
            }
        }
    }
}

/// `bytes` in pieces of [`limits::CHUNK_BYTES`], at least one: the piece, its offset, whether it is the last.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], usize, bool)> {
    let count = bytes.len().div_ceil(limits::CHUNK_BYTES).max(1);
    (0..count).map(move |index| {
        let start = index * limits::CHUNK_BYTES;
        let end = bytes.len().min(start + limits::CHUNK_BYTES);
        (&bytes[start..end], start, index + 1 == count)
    })
}

fn frame(out: &mut Vec<u8>, kind: u8, put_body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0, 0, 0, 0, kind]);
    put_body(out);
    let length = out.len() - start - HEAD_BYTES;
    assert!(length <= limits::FRAME_BYTES, "every body is cut to its limit before it is written");
    let length = u32::try_from(length).expect("a body is far shorter than 4 GiB");
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

fn put_size(out: &mut Vec<u8>, columns: u16, rows: u16) {
    out.extend(clamp(columns, &limits::COLUMNS).to_le_bytes());
    out.extend(clamp(rows, &limits::ROWS).to_le_bytes());
}

/// The nearest size a terminal may have.
fn clamp(value: u16, range: &core::ops::RangeInclusive<u16>) -> u16 {
    value.clamp(*range.start(), *range.end())
}

fn put_option<T>(out: &mut Vec<u8>, value: Option<&T>, put: impl FnOnce(&mut Vec<u8>, &T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

fn put_text(out: &mut Vec<u8>, text: &str, longest: usize) {
    let text = cut(text, longest);
    let length = u16::try_from(text.len()).expect("a text is cut to less than 64 KiB");
    out.extend(length.to_le_bytes());
    out.extend(text.as_bytes());
}

/// The longest start of `text` of at most `longest` bytes.
pub fn cut(text: &str, longest: usize) -> &str {
    let mut end = longest.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn put_report(out: &mut Vec<u8>, report: &AgentReport) {
    let AgentReport { life, starts, status, title, bells } = report;
    out.extend(starts.to_le_bytes());
    out.extend(bells.to_le_bytes());
    put_text(out, title, limits::TITLE_BYTES);
    // Two texts may follow, of an exit and of a status: together they are one message long.
    match life {
        AgentLife::Running => out.push(0),
        AgentLife::Exited(AgentExit::Code(code)) => {
            out.push(1);
            out.extend(code.to_le_bytes());
        }
        AgentLife::Exited(AgentExit::Signal(signal)) => {
            out.push(2);
            out.extend(signal.to_le_bytes());
        }
        AgentLife::Exited(AgentExit::NotStarted(reason)) => {
            out.push(3);
            put_text(out, reason, limits::MESSAGE_BYTES / 2);
        }
    }
    put_status(out, status);
}

fn put_status(out: &mut Vec<u8>, status: &AgentStatus) {
    match status {
        AgentStatus::Unknown => out.push(0),
        AgentStatus::Idle => out.push(1),
        AgentStatus::Working => out.push(2),
        AgentStatus::Blocked { kind, message } => {
            out.push(3);
            out.push(match kind {
                BlockedKind::Permission => 0,
                BlockedKind::Question => 1,
                BlockedKind::Auth => 2,
                BlockedKind::Other => 3,
            });
            put_text(out, message, limits::MESSAGE_BYTES / 2);
        }
        AgentStatus::Done => out.push(4),
        AgentStatus::Error { message } => {
            out.push(5);
            put_text(out, message, limits::MESSAGE_BYTES / 2);
        }
    }
}

/// Takes a body apart; every read past its end is an error.
struct Reader<'a> {
    kind: u8,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn malformed(&self) -> WireError {
        WireError::Malformed { kind: self.kind }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(self.malformed())?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u8(&mut self) -> Result<u8, WireError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn u16(&mut self) -> Result<u16, WireError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn i32(&mut self) -> Result<i32, WireError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn flag(&mut self) -> Result<bool, WireError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.malformed()),
        }
    }

    fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, WireError>,
    ) -> Result<Option<T>, WireError> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    fn version(&mut self) -> Result<(), WireError> {
        match self.u16()? {
            VERSION => Ok(()),
            other => Err(WireError::Version(other)),
        }
    }

    fn columns(&mut self) -> Result<u16, WireError> {
        let columns = self.u16()?;
        if limits::COLUMNS.contains(&columns) { Ok(columns) } else { Err(self.malformed()) }
    }

    fn rows(&mut self) -> Result<u16, WireError> {
        let rows = self.u16()?;
        if limits::ROWS.contains(&rows) { Ok(rows) } else { Err(self.malformed()) }
    }

    fn text(&mut self, longest: usize) -> Result<String, WireError> {
        let length = usize::from(self.u16()?);
        if length > longest {
            return Err(self.malformed());
        }
        let bytes = self.take(length)?;
        core::str::from_utf8(bytes).map(ToOwned::to_owned).map_err(|_| self.malformed())
    }

    fn take_rest(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.rest).to_vec()
    }

    fn report(&mut self) -> Result<AgentReport, WireError> {
        let (starts, bells, title) = (self.u32()?, self.u64()?, self.text(limits::TITLE_BYTES)?);
        let life = match self.u8()? {
            0 => AgentLife::Running,
            1 => AgentLife::Exited(AgentExit::Code(self.i32()?)),
            2 => AgentLife::Exited(AgentExit::Signal(self.i32()?)),
            3 => AgentLife::Exited(AgentExit::NotStarted(self.text(limits::MESSAGE_BYTES / 2)?)),
            _ => return Err(self.malformed()),
        };
        Ok(AgentReport { life, starts, status: self.status()?, title, bells })
    }

    fn status(&mut self) -> Result<AgentStatus, WireError> {
        Ok(match self.u8()? {
            0 => AgentStatus::Unknown,
            1 => AgentStatus::Idle,
            2 => AgentStatus::Working,
            3 => {
                let kind = match self.u8()? {
                    0 => BlockedKind::Permission,
                    1 => BlockedKind::Question,
                    2 => BlockedKind::Auth,
                    3 => BlockedKind::Other,
                    _ => return Err(self.malformed()),
                };
                AgentStatus::Blocked { kind, message: self.text(limits::MESSAGE_BYTES / 2)? }
            }
            4 => AgentStatus::Done,
            5 => AgentStatus::Error { message: self.text(limits::MESSAGE_BYTES / 2)? },
            _ => return Err(self.malformed()),
        })
    }

    fn end<F>(&self, frame: F) -> Result<F, WireError> {
        if self.rest.is_empty() { Ok(frame) } else { Err(self.malformed()) }
    }
}

impl fmt::Display for ToHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello { size, observe, from_sequence } => {
                f.write_str(if *observe { "hello, observing" } else { "hello" })?;
                if let Some((columns, rows)) = size {
                    write!(f, ", {columns}x{rows}")?;
                }
                from_sequence.map_or(Ok(()), |sequence| write!(f, ", from {sequence}"))
            }
            Self::Input(bytes) => write!(f, "input {}", Short(bytes)),
            Self::Resize { columns, rows } => write!(f, "resize {columns}x{rows}"),
            Self::RestartAgent => f.write_str("restart agent"),
            Self::SignalAgent { signal } => write!(f, "signal agent with {signal}"),
            Self::Detach => f.write_str("detach"),
            Self::Ping(number) => write!(f, "ping {number}"),
            Self::Surroundings(surroundings) => write!(f, "surroundings, {surroundings}"),
            Self::Keep(lines) => write!(f, "keep {lines} lines"),
        }
    }
}

impl fmt::Display for FromHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Welcome { sequence, columns, rows, resync: Resync::Continues } => {
                write!(f, "welcome, {columns}x{rows}, continues at {sequence}")
            }
            Self::Welcome { sequence, columns, rows, resync: Resync::Snapshot } => {
                write!(f, "welcome, {columns}x{rows}, snapshot at {sequence}")
            }
            Self::Snapshot { sequence, columns, rows, bytes, is_last } => {
                let last = if *is_last { ", last" } else { "" };
                write!(f, "snapshot at {sequence}, {columns}x{rows}, {} bytes{last}", bytes.len())
            }
            Self::Output { sequence, bytes } => write!(f, "output at {sequence} {}", Short(bytes)),
            Self::Resized { columns, rows } => write!(f, "resized {columns}x{rows}"),
            Self::Agent(report) => write!(f, "agent {report}"),
            Self::Pong(number) => write!(f, "pong {number}"),
            Self::Refused { reason } => write!(f, "refused: {reason}"),
        }
    }
}

/// Bytes for a trace: how many, and how they begin.
struct Short<'a>(&'a [u8]);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.len().min(32);
        let dots = if shown < self.0.len() { "…" } else { "" };
        write!(f, "({} bytes) \"{}{dots}\"", self.0.len(), self.0[..shown].escape_ascii())
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
