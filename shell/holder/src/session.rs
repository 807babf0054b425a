//! One session at a holder: what it still has to be told, in order and within bounds, and what it says. Bytes in, bytes
//! out; the connection is another's.

use std::collections::VecDeque;

use ccells_core::agent::AgentReport;
use ccells_core::limits;
use ccells_core::ring::Ring;
use ccells_core::wire::{Decoder, FromHolder, Resync, ToHolder, WireError, encode};

use crate::emulator::Emulator;

/// Changes of size a session may lag behind before it gets a snapshot instead.
const LAG: usize = 64;

/// What the sessions are told about.
pub(crate) struct Scene<'a> {
    /// The agent's terminal.
    pub(crate) emulator: &'a mut Emulator,
    /// The end of the agent's output.
    pub(crate) ring: &'a Ring,
    /// What is known of the agent.
    pub(crate) report: &'a AgentReport,
}

/// How far a session is.
enum Stage {
    /// It has not said hello.
    Arrived,
    /// It follows the agent.
    Attached(Follower),
    /// It is told a last word and then let go.
    Leaving,
}

/// What an attached session has seen.
struct Follower {
    is_observer: bool,
    /// Number of the next byte of output to send.
    cursor: u64,
    /// The picture being sent: its bytes, how many are sent, and the terminal's size in it.
    snapshot: Option<(Vec<u8>, usize, (u16, u16))>,
    /// Whether it has to be brought up to date by a new picture.
    is_lost: bool,
    /// Changes of size it has not seen, and the byte of output before which each came.
    sizes: VecDeque<(u64, u16, u16)>,
    /// Whether it has not seen the latest report.
    wants_report: bool,
}

/// One session. See the module.
pub(crate) struct Session {
    decoder: Decoder<ToHolder>,
    out: Vec<u8>,
    sent: usize,
    stage: Stage,
    is_broken: bool,
}

impl Session {
    /// One that has just connected.
    pub(crate) fn new() -> Self {
        let (out, sent) = (Vec::new(), 0);
        Self { decoder: Decoder::new(), out, sent, stage: Stage::Arrived, is_broken: false }
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        self.is_broken || matches!(self.stage, Stage::Leaving) && self.waiting() == 0
    }

    /// Whether it follows the agent and may type.
    pub(crate) fn is_typist(&self) -> bool {
        matches!(&self.stage, Stage::Attached(follower) if !follower.is_observer)
    }

    /// Whether it only looks.
    pub(crate) fn is_observer(&self) -> bool {
        matches!(&self.stage, Stage::Attached(follower) if follower.is_observer)
    }

    /// Whether it follows the agent.
    pub(crate) fn is_attached(&self) -> bool {
        matches!(self.stage, Stage::Attached(_))
    }

    /// Whether more of what it says may be read: one that does not listen to answers is not listened to.
    pub(crate) fn may_speak(&self) -> bool {
        !matches!(self.stage, Stage::Leaving) && self.waiting() < 2 * limits::SESSION_BYTES
    }

    fn waiting(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Takes what came.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        self.decoder.push(bytes);
    }

    /// The next whole frame. What is no frame of ours ends the session with a word.
    pub(crate) fn next_frame(&mut self) -> Option<ToHolder> {
        if matches!(self.stage, Stage::Leaving) || self.is_broken {
            return None;
        }
        match self.decoder.next() {
            Ok(frame) => frame,
            Err(error) => {
                self.break_off(&error);
                None
            }
        }
    }

    fn break_off(&mut self, error: &WireError) {
        self.dismiss(error.to_string());
    }

    /// Says why a request is not done.
    pub(crate) fn refuse(&mut self, reason: &str) {
        encode(&FromHolder::Refused { reason: reason.to_owned() }, &mut self.out);
    }

    /// Says why, and ends the session.
    pub(crate) fn dismiss(&mut self, reason: String) {
        encode(&FromHolder::Refused { reason }, &mut self.out);
        self.stage = Stage::Leaving;
    }

    /// Answers a ping.
    pub(crate) fn pong(&mut self, number: u64) {
        encode(&FromHolder::Pong(number), &mut self.out);
    }

    /// Ends the session, nothing more said: it asked for that, or its connection is over.
    pub(crate) fn detach(&mut self) {
        self.is_broken = true;
    }

    /// Welcomes a session that goes on at byte `cursor`, seen at this size; one that cannot gets a picture first.
    pub(crate) fn welcome(&mut self, is_observer: bool, cursor: u64, size: (u16, u16), resync: Resync) {
        let (columns, rows) = size;
        encode(&FromHolder::Welcome { sequence: cursor, columns, rows, resync }, &mut self.out);
        self.stage = Stage::Attached(Follower {
            is_observer,
            cursor,
            snapshot: None,
            is_lost: resync == Resync::Snapshot,
            sizes: VecDeque::new(),
            wants_report: true,
        });
    }

    /// Notes that the terminal has another size from byte `sequence` on.
    pub(crate) fn note_size(&mut self, sequence: u64, columns: u16, rows: u16) {
        if let Stage::Attached(follower) = &mut self.stage {
            follower.sizes.push_back((sequence, columns, rows));
            if follower.sizes.len() > LAG {
                follower.is_lost = true;
            }
        }
    }

    /// Notes that the report changed.
    pub(crate) fn note_report(&mut self) {
        if let Stage::Attached(follower) = &mut self.stage {
            follower.wants_report = true;
        }
    }

    /// Makes ready what the session has not seen, as far as its buffer goes.
    pub(crate) fn prepare(&mut self, scene: &mut Scene<'_>) {
        while self.waiting() < limits::SESSION_BYTES {
            let Stage::Attached(follower) = &mut self.stage else { return };
            let Some(frame) = follower.next_frame(scene) else { return };
            encode(&frame, &mut self.out);
        }
    }

    /// What is ready to be sent.
    pub(crate) fn ready(&self) -> &[u8] {
        if self.is_broken { &[] } else { &self.out[self.sent..] }
    }

    /// Notes that the connection took so many of the bytes that were ready.
    pub(crate) fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.out.len() || self.sent >= limits::SESSION_BYTES {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
    }
}

impl Follower {
    /// The next frame it has to be told, `None` when it has seen everything.
    fn next_frame(&mut self, scene: &mut Scene<'_>) -> Option<FromHolder> {
        if std::mem::take(&mut self.wants_report) {
            return Some(FromHolder::Agent(scene.report.clone()));
        }
        if self.snapshot.is_none() && (self.is_lost || scene.ring.from(self.cursor).is_none()) {
            let size = scene.emulator.size();
            self.snapshot = Some((scene.emulator.snapshot(), 0, size));
            self.cursor = scene.ring.head();
            self.sizes.clear();
            self.is_lost = false;
        }
        self.next_picture().or_else(|| self.next_output(scene.ring))
    }

    fn next_picture(&mut self) -> Option<FromHolder> {
        let (picture, sent, (columns, rows)) = self.snapshot.as_mut()?;
        let end = picture.len().min(*sent + limits::CHUNK_BYTES);
        let bytes = picture[*sent..end].to_vec();
        let (sequence, columns, rows, is_last) = (self.cursor, *columns, *rows, end == picture.len());
        *sent = end;
        if is_last {
            self.snapshot = None;
        }
        Some(FromHolder::Snapshot { sequence, columns, rows, bytes, is_last })
    }

    fn next_output(&mut self, ring: &Ring) -> Option<FromHolder> {
        let mut end = ring.head().min(self.cursor + limits::CHUNK_BYTES as u64);
        if let Some((sequence, columns, rows)) = self.sizes.front().copied() {
            if sequence <= self.cursor {
                self.sizes.pop_front();
                return Some(FromHolder::Resized { columns, rows });
            }
            end = end.min(sequence);
        }
        let count = usize::try_from(end - self.cursor).ok().filter(|count| *count > 0)?;
        let (older, newer) = ring.from(self.cursor)?;
        let bytes: Vec<u8> = older.iter().chain(newer).take(count).copied().collect();
        let sequence = std::mem::replace(&mut self.cursor, end);
        Some(FromHolder::Output { sequence, bytes })
    }
}
