//! The holder's desk: the agent's terminal, the end of its output, and the sessions that follow it. It knows neither
//! sockets nor processes: bytes go in and come out, and what is to be done to the agent is handed back as a [`Wish`].
//! So the same desk serves wherever there are bytes to carry.

use std::collections::{BTreeMap, VecDeque};

use ccells_core::agent::{AgentExit, AgentLife, AgentReport, AgentStatus};
use ccells_core::limits;
use ccells_core::ring::Ring;
use ccells_core::wire::{Resync, Surroundings, ToHolder};

use crate::emulator::Emulator;
use crate::session::{Scene, Session};

/// Brings a terminal that an agent left as it was back to what a new agent expects: out of a broken sequence, off
/// the alternate screen, all modes and the status as at the start. The text stays.
const CLEAN_SLATE: &[u8] = b"\x18\x1b[?2026l\x1b[?1049h\x1b[<99u\x1b[=0u\x1b[?1049l\x1b[<99u\x1b[=0u\
    \x1b[?6l\x1b7\x1b[r\x1b8\x1b[?1l\x1b>\x1b[?7h\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\
    \x1b[?1006l\x1b[?1007l\x1b[?2004l\x1b[?2031l\x1b[4l\x1b[20l\x1b[0 q\x1b(B\x1b)B\x0f\x1b[0m\x1b]8;;\x1b\\\x1b]2;\x1b\\\
    \x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\\x1b]7501;state=clear\x1b\\";

/// Bytes of a cell in the scrollback.
const CELL_BYTES: usize = size_of::<alacritty_terminal::term::cell::Cell>();

/// A session at a desk. Numbers are not given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(u64);

/// What a session asks for that is done to the agent itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Its terminal has another size.
    Resize {
        /// Its width.
        columns: u16,
        /// Its height.
        rows: u16,
    },
    /// It is to be started again. It has ended.
    Restart,
    /// What the terminal around is like is to be remembered for a holder that begins after this one.
    Remember(Surroundings),
    /// It is to get this signal, one of [`SIGNALS`](ccells_core::wire::SIGNALS).
    Signal(u8),
}

/// The desk. See the module.
pub struct Desk {
    emulator: Emulator,
    ring: Ring,
    /// What the agent has not read: keys and answers.
    input: VecDeque<u8>,
    sessions: BTreeMap<SessionId, Session>,
    arrivals: u64,
    report: AgentReport,
    exit: Option<AgentExit>,
    starts: u32,
    is_ending: bool,
    /// The byte of output at which the terminal got its size.
    sized_at: u64,
    /// Lines that a session asked to have kept.
    asked_lines: usize,
}

impl Desk {
    /// A desk for a terminal of this size, whose first byte of output gets the number `first`.
    pub fn new((columns, rows): (u16, u16), first: u64) -> Self {
        let report = AgentReport {
            life: AgentLife::Running,
            starts: 0,
            status: AgentStatus::Unknown,
            title: String::new(),
            bells: 0,
        };
        let mut emulator = Emulator::resident(columns, rows, limits::SCROLLBACK_LINES);
        // Nobody has told what can be told.
        emulator.set_surroundings(Surroundings::default());
        Self {
            emulator,
            ring: Ring::new(limits::RING_BYTES, first),
            input: VecDeque::new(),
            sessions: BTreeMap::new(),
            arrivals: 0,
            report,
            exit: None,
            starts: 0,
            is_ending: false,
            sized_at: first,
            asked_lines: 0,
        }
    }

    /// The terminal around is like this, or was when it was seen last.
    pub fn surround(&mut self, surroundings: Surroundings) {
        self.emulator.set_surroundings(surroundings);
        let replies = self.emulator.take_replies();
        if self.exit.is_none()
            && self.input.len() + replies.len() <= limits::INPUT_BYTES + limits::REPLY_BYTES
        {
            self.input.extend(replies);
        }
    }

    /// How many lines that have scrolled off are kept.
    pub fn scrollback(&self) -> usize {
        self.emulator.scrollback()
    }

    /// Keeps as many lines as were asked for, and as many as the memory for them goes at this width; never fewer than
    /// are kept unasked.
    fn keep(&mut self) {
        let row = usize::from(self.emulator.size().0) * CELL_BYTES;
        let asked = self.asked_lines.min(limits::SCROLLBACK_MOST).min(limits::HOLDER_HISTORY_BYTES / row);
        self.emulator.keep(asked.max(limits::SCROLLBACK_LINES));
    }

    /// The terminal's width and height.
    pub fn size(&self) -> (u16, u16) {
        self.emulator.size()
    }

    /// How often the agent was started.
    pub fn starts(&self) -> u32 {
        self.starts
    }

    /// How the agent ended; `None` while it runs.
    pub fn exit(&self) -> Option<&AgentExit> {
        self.exit.as_ref()
    }

    /// The number of the next byte of output.
    pub fn head(&self) -> u64 {
        self.ring.head()
    }

    /// What the agent has not read. Whoever feeds the agent takes it away at the front.
    pub fn input(&mut self) -> &mut VecDeque<u8> {
        &mut self.input
    }

    /// The agent is being started.
    pub fn begin(&mut self) {
        self.input.clear();
        self.starts += 1;
        self.exit = None;
    }

    /// The agent ended, and all of its output was shown.
    pub fn note_exit(&mut self, exit: AgentExit) {
        self.input.clear();
        self.exit = Some(exit);
    }

    /// The agent will not be started again.
    pub fn close_down(&mut self) {
        self.is_ending = true;
    }

    /// Takes output as the agent's.
    pub fn show(&mut self, bytes: &[u8]) {
        self.emulator.feed(bytes);
        self.ring.push(bytes);
    }

    /// Takes output of the agent, and queues what its terminal answers.
    pub fn take_output(&mut self, bytes: &[u8]) {
        self.show(bytes);
        let replies = self.emulator.take_replies();
        if self.input.len() + replies.len() <= limits::INPUT_BYTES + limits::REPLY_BYTES {
            self.input.extend(replies);
        }
    }

    /// Makes the terminal fit for a new agent: the text stays, what the last one left of modes and status goes.
    pub fn clean(&mut self) {
        self.show(CLEAN_SLATE);
        if self.emulator.term().grid().cursor.point.column.0 > 0 {
            self.show(b"\r\n");
        }
    }

    /// Takes a new session in. Where there is no room for it: its last word, to be sent before it is let go.
    pub fn arrive(&mut self) -> Result<SessionId, Vec<u8>> {
        let mut session = Session::new();
        if self.sessions.len() >= limits::SESSIONS {
            // One that never said hello makes room.
            let silent = self.sessions.iter().find(|(_, session)| !session.is_attached()).map(|(id, _)| *id);
            if let Some(silent) = silent {
                self.sessions.remove(&silent);
            }
        }
        if self.sessions.len() >= limits::SESSIONS {
            session.dismiss(format!("{} sessions are attached already; close one first", limits::SESSIONS));
            return Err(session.ready().to_vec());
        }
        let id = SessionId(self.arrivals);
        self.arrivals += 1;
        self.sessions.insert(id, session);
        Ok(id)
    }

    /// How many sessions are served, those that have not said hello included.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Whether the session is still served; when not, its connection is to be closed.
    pub fn is_here(&self, id: SessionId) -> bool {
        self.sessions.contains_key(&id)
    }

    /// Whether what the session says may be read now.
    pub fn may_speak(&self, id: SessionId) -> bool {
        // Whoever may not type must not be kept waiting by those who do.
        let input_is_full = self.input.len() >= limits::INPUT_BYTES;
        let may = |session: &Session| session.may_speak() && !(input_is_full && session.is_typist());
        self.sessions.get(&id).is_some_and(may)
    }

    /// Takes what a session said. [`Desk::next_wish`] does it.
    pub fn hear(&mut self, id: SessionId, bytes: &[u8]) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.hear(bytes);
        }
    }

    /// Does what the session said, until something is to be done to the agent: that is to be done before this is
    /// called again. `None` when all was done.
    pub fn next_wish(&mut self, id: SessionId) -> Option<Wish> {
        while let Some(frame) = self.sessions.get_mut(&id).and_then(Session::next_frame) {
            if let Some(wish) = self.obey(id, frame) {
                return Some(wish);
            }
        }
        None
    }

    /// The session's connection is over.
    pub fn hang_up(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.detach();
        }
    }

    /// Makes ready for every session what it has not seen, as far as its buffer goes.
    pub fn prepare(&mut self) {
        let report = AgentReport {
            life: self.exit.clone().map_or(AgentLife::Running, AgentLife::Exited),
            starts: self.starts,
            status: self.emulator.status().clone(),
            title: self.emulator.title().to_owned(),
            bells: self.emulator.bells(),
        };
        let is_new = report != self.report;
        self.report = report;
        let mut scene = Scene { emulator: &mut self.emulator, ring: &self.ring, report: &self.report };
        for session in self.sessions.values_mut() {
            if is_new {
                session.note_report();
            }
            session.prepare(&mut scene);
        }
    }

    /// What is ready to be sent to the session.
    pub fn ready(&self, id: SessionId) -> &[u8] {
        self.sessions.get(&id).map_or(&[], Session::ready)
    }

    /// Notes that the session's connection took so many of the bytes that were ready.
    pub fn sent(&mut self, id: SessionId, count: usize) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.sent(count);
        }
    }

    /// Lets go of the sessions that are over.
    pub fn sweep(&mut self) {
        self.sessions.retain(|_, session| !session.is_over());
    }

    fn obey(&mut self, id: SessionId, frame: ToHolder) -> Option<Wish> {
        let has_ended = self.exit.is_some();
        let is_ending = self.is_ending;
        let session = self.sessions.get_mut(&id)?;
        match (frame, session.is_attached(), session.is_observer()) {
            (ToHolder::Hello { size, observe, from_sequence }, false, _) => {
                return self.greet(id, size.filter(|_| !observe), observe, from_sequence);
            }
            (ToHolder::Hello { .. }, true, _) => session.dismiss("hello was said before".to_owned()),
            (ToHolder::Detach, _, _) => session.detach(),
            (_, false, _) => session.dismiss("a session says hello first".to_owned()),
            (ToHolder::Ping(number), true, _) => session.pong(number),
            // Whoever only looks is not whom the agent works for.
            (ToHolder::Surroundings(_) | ToHolder::Keep(_), true, true) => {}
            (ToHolder::Surroundings(surroundings), true, false) => {
                let before = self.emulator.surroundings();
                self.surround(surroundings);
                let now = self.emulator.surroundings();
                return (now != before).then_some(Wish::Remember(now));
            }
            (ToHolder::Keep(lines), true, false) => {
                self.asked_lines = self.asked_lines.max(usize::try_from(lines).unwrap_or(usize::MAX));
                self.keep();
            }
            (
                ToHolder::Input(_)
                | ToHolder::Resize { .. }
                | ToHolder::RestartAgent
                | ToHolder::SignalAgent { .. },
                true,
                true,
            ) => session.refuse("an observer only looks"),
            (ToHolder::Resize { columns, rows }, true, false) => return self.resize(columns, rows),
            (ToHolder::RestartAgent, true, false) if !has_ended => session.refuse("the agent runs"),
            (ToHolder::RestartAgent, true, false) if is_ending => session.refuse("the holder is ending"),
            (ToHolder::RestartAgent, true, false) => return Some(Wish::Restart),
            (ToHolder::Input(_) | ToHolder::SignalAgent { .. }, true, false) if has_ended => {
                session.refuse("the agent has ended");
            }
            (ToHolder::Input(bytes), true, false) => self.input.extend(bytes),
            (ToHolder::SignalAgent { signal }, true, false) => return Some(Wish::Signal(signal)),
        }
        None
    }

    /// Welcomes a session. Where it can go on from the byte it asks for it sees every change after it; where not, it
    /// gets a picture of what is.
    fn greet(
        &mut self,
        id: SessionId,
        size: Option<(u16, u16)>,
        is_observer: bool,
        from: Option<u64>,
    ) -> Option<Wish> {
        let is_first = !self.sessions.values().any(Session::is_typist);
        let size = size.filter(|_| is_first);
        // Older output belongs to a terminal of another size.
        let from = from.filter(|from| *from >= self.sized_at && self.ring.from(*from).is_some());
        if let Some(from) = from {
            let size_now = self.emulator.size();
            self.sessions.get_mut(&id)?.welcome(is_observer, from, size_now, Resync::Continues);
        }
        let wish = size.and_then(|(columns, rows)| self.resize(columns, rows));
        if from.is_none() {
            let (head, size_now) = (self.ring.head(), self.emulator.size());
            self.sessions.get_mut(&id)?.welcome(is_observer, head, size_now, Resync::Snapshot);
        }
        wish
    }

    fn resize(&mut self, columns: u16, rows: u16) -> Option<Wish> {
        let before = self.emulator.size();
        self.emulator.resize(columns, rows);
        let (columns, rows) = self.emulator.size();
        if before == (columns, rows) {
            return None;
        }
        self.sized_at = self.ring.head();
        self.keep();
        for session in self.sessions.values_mut() {
            session.note_size(self.sized_at, columns, rows);
        }
        Some(Wish::Resize { columns, rows })
    }
}
