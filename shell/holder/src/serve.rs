//! The holder: one loop that owns the agent's terminal, drains it whatever its sessions do, and never waits for
//! anyone. Touches sockets, signals, files and the clock.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ccells_core::agent::{AgentExit, AgentLife, AgentReport, AgentStatus};
use ccells_core::limits;
use ccells_core::ring::Ring;
use ccells_core::time::Wall;
use ccells_core::wire::{Resync, SIGNALS, ToHolder};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::Mode;
use rustix::process::{Signal, WaitOptions};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

use crate::agent::Agent;
use crate::emulator::Emulator;
use crate::session::{Scene, Session};

/// Bytes read at once, from the terminal and from sessions.
const READ_BYTES: usize = 64 * 1_024;
/// Reads of the terminal between two looks at the sessions.
const READS: usize = 4;
/// While ending: how often to look for processes that are no children of ours.
const LOOK_MS: u64 = 50;
/// While ending: how long a killed process may take to go.
const KILL_MS: u64 = 500;
/// Brings a terminal that an agent left as it was back to what a new agent expects: out of a broken sequence, off
/// the alternate screen, all modes and the status as at the start. The text stays.
const CLEAN_SLATE: &[u8] = b"\x18\x1b[?2026l\x1b[?1049h\x1b[<99u\x1b[=0u\x1b[?1049l\x1b[<99u\x1b[=0u\
    \x1b[?6l\x1b7\x1b[r\x1b8\x1b[?1l\x1b>\x1b[?7h\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\
    \x1b[?1006l\x1b[?1007h\x1b[?2004l\x1b[4l\x1b[20l\x1b[0 q\x1b(B\x1b)B\x0f\x1b[0m\x1b]8;;\x1b\\\x1b]2;\x1b\\\
    \x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\\x1b]7501;state=clear\x1b\\";

/// What to hold, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serve {
    /// The socket for sessions. The files about the agent lie beside it.
    pub socket: PathBuf,
    /// The agent's command.
    pub argv: Vec<OsString>,
    /// The agent's command when it ran before; empty: the same.
    pub resume: Vec<OsString>,
    /// Size of the terminal until a session says another.
    pub size: (u16, u16),
}

/// Serves until a signal says to end. Then the agent is ended too, and the socket is gone.
pub fn serve(config: Serve) -> io::Result<()> {
    let listener = listen(&config.socket)?;
    let mut signals = Signals::watch()?;
    let mut holder = Holder::new(config);
    holder.start();
    let result = holder.run(&listener, &mut signals);
    let _ = fs::remove_file(&holder.config.socket);
    result
}

/// The state of a holder.
struct Holder {
    config: Serve,
    agent: Option<Agent>,
    exit: Option<AgentExit>,
    starts: u32,
    emulator: Emulator,
    ring: Ring,
    /// What the agent has not read: keys and answers.
    input: VecDeque<u8>,
    sessions: Vec<Session>,
    report: AgentReport,
    /// The byte of output at which the terminal got its size.
    sized_at: u64,
    /// When patience with an agent that shall leave ends.
    leaving: Option<Instant>,
    was_killed: bool,
    buffer: Vec<u8>,
}

/// What the wait found.
struct Ready {
    connection: bool,
    sessions: Vec<bool>,
}

impl Holder {
    fn new(config: Serve) -> Self {
        let (columns, rows) = config.size;
        let first = first_sequence();
        Self {
            config,
            agent: None,
            exit: None,
            starts: 0,
            emulator: Emulator::resident(columns, rows, limits::SCROLLBACK_LINES),
            ring: Ring::new(limits::RING_BYTES, first),
            input: VecDeque::new(),
            sessions: Vec::new(),
            report: AgentReport {
                life: AgentLife::Running,
                starts: 0,
                status: AgentStatus::Unknown,
                title: String::new(),
                bells: 0,
            },
            sized_at: first,
            leaving: None,
            was_killed: false,
            buffer: vec![0; READ_BYTES],
        }
    }

    fn run(&mut self, listener: &UnixListener, signals: &mut Signals) -> io::Result<()> {
        loop {
            let ready = self.wait(listener, signals)?;
            if signals.take_end() {
                self.leave();
            }
            self.drain(READS);
            if signals.take_child() {
                self.reap();
            }
            if self.press_on() {
                return Ok(());
            }
            for (index, is_ready) in ready.sessions.into_iter().enumerate() {
                if is_ready {
                    self.listen_to(index);
                }
            }
            if ready.connection {
                self.accept(listener);
            }
            self.feed_agent();
            self.tell_sessions();
        }
    }

    /// Waits until there is something to do.
    fn wait(&self, listener: &UnixListener, signals: &Signals) -> io::Result<Ready> {
        let input_is_full = self.input.len() >= limits::INPUT_BYTES;
        let mut fds: Vec<PollFd<'_>> = [listener.as_fd(), signals.end.as_fd(), signals.child.as_fd()]
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .into();
        for session in &self.sessions {
            let mut flags = PollFlags::empty();
            // Whoever may not type must not be kept waiting by those who do.
            flags.set(PollFlags::IN, session.may_speak() && !(input_is_full && session.is_typist()));
            flags.set(PollFlags::OUT, session.has_output());
            fds.push(PollFd::from_borrowed_fd(session.as_fd(), flags));
        }
        if let Some(master) = self.agent.as_ref().and_then(Agent::master) {
            let mut flags = PollFlags::IN;
            flags.set(PollFlags::OUT, !self.input.is_empty());
            fds.push(PollFd::from_borrowed_fd(master, flags));
        }
        let timeout = self.leaving.map(|deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            timespec(left.min(Duration::from_millis(LOOK_MS)))
        });
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut is_ready = fds.iter().map(|fd| !fd.revents().is_empty());
        Ok(Ready {
            connection: is_ready.next().unwrap_or(false),
            sessions: is_ready.skip(2).take(self.sessions.len()).collect(),
        })
    }

    /// Tells the agent to leave, once.
    fn leave(&mut self) {
        if self.leaving.is_none() {
            self.leaving = Some(Instant::now() + Duration::from_millis(limits::AGENT_GRACE_MS));
            if let Some(agent) = &self.agent {
                for signal in [Signal::HUP, Signal::CONT, Signal::TERM] {
                    agent.signal_all(signal);
                }
            }
        }
    }

    /// Brings the end nearer, when one was asked for. True when nothing is left to wait for.
    fn press_on(&mut self) -> bool {
        let (Some(deadline), now) = (self.leaving, Instant::now()) else { return false };
        let Some(agent) = self.agent.as_ref().filter(|agent| !agent.is_gone()) else {
            self.tell_sessions();
            return true;
        };
        if now < deadline {
            return false;
        }
        agent.signal_all(Signal::KILL);
        self.leaving = Some(now + Duration::from_millis(KILL_MS));
        // What SIGKILL does not end, no waiting of ours will.
        std::mem::replace(&mut self.was_killed, true)
    }

    /// Starts the agent, in its resume form when it ran before and there is one.
    fn start(&mut self) {
        let marker = self.beside("agent-started");
        let ran_before = self.starts > 0 || marker.exists();
        let argv = if ran_before && !self.config.resume.is_empty() {
            &self.config.resume
        } else {
            &self.config.argv
        };
        let (columns, rows) = self.emulator.size();
        let _ = fs::remove_file(self.beside("agent-exit.json"));
        self.input.clear();
        self.starts += 1;
        self.exit = None;
        match Agent::start(argv, columns, rows) {
            Ok(agent) => {
                self.agent = Some(agent);
                let _ = fs::write(marker, "");
            }
            Err(reason) => {
                self.agent = None;
                self.show(format!("\r\nccells: the agent could not be started: {reason}\r\n").as_bytes());
                self.note_exit(AgentExit::NotStarted(reason));
            }
        }
    }

    /// Starts the agent again after it ended: what it left goes first.
    fn restart(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.signal_all(Signal::HUP);
            agent.signal_all(Signal::KILL);
        }
        self.show(CLEAN_SLATE);
        if self.emulator.term().grid().cursor.point.column.0 > 0 {
            self.show(b"\r\n");
        }
        self.start();
    }

    /// Takes output as the agent's.
    fn show(&mut self, bytes: &[u8]) {
        self.emulator.feed(bytes);
        self.ring.push(bytes);
    }

    /// Reads what the agent wrote, and queues what its terminal answers.
    fn drain(&mut self, reads: usize) {
        for _ in 0..reads {
            let Some(agent) = &mut self.agent else { return };
            let Some(count) = agent.read(&mut self.buffer) else { return };
            let buffer = std::mem::take(&mut self.buffer);
            self.show(&buffer[..count]);
            self.buffer = buffer;
            let replies = self.emulator.take_replies();
            if self.input.len() + replies.len() <= limits::INPUT_BYTES + limits::REPLY_BYTES {
                self.input.extend(replies);
            }
        }
    }

    /// Notes the end of the agent's process, after its last output.
    fn reap(&mut self) {
        if rustix::process::getpid().as_raw_nonzero().get() == 1 {
            self.reap_orphans();
        }
        let Some(agent) = self.agent.as_mut().filter(|agent| agent.is_running()) else { return };
        if let Some(exit) = agent.reap().cloned() {
            self.drain(limits::RING_BYTES / READ_BYTES);
            self.input.clear();
            self.note_exit(exit);
        }
    }

    /// As the first process of a container it inherits the children of others.
    fn reap_orphans(&mut self) {
        if let Some(agent) = &mut self.agent {
            agent.reap();
        }
        let is_running = self.agent.as_ref().is_some_and(Agent::is_running);
        while !is_running && matches!(rustix::process::wait(WaitOptions::NOHANG), Ok(Some(_))) {}
    }

    fn note_exit(&mut self, exit: AgentExit) {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let text = exit.to_json(self.starts, Wall(u64::try_from(at.as_millis()).unwrap_or(u64::MAX)));
        // The report says it too: where the directory takes no file, it is known while the holder lives.
        let _ = replace(&self.beside("agent-exit.json"), &text);
        self.exit = Some(exit);
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.config.socket.with_file_name(name)
    }

    fn accept(&mut self, listener: &UnixListener) {
        let Ok((stream, _)) = listener.accept() else { return };
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        let mut session = Session::new(stream);
        if self.sessions.len() >= limits::SESSIONS {
            // One that never said hello makes room.
            if let Some(silent) = self.sessions.iter().position(|session| !session.is_attached()) {
                self.sessions.remove(silent);
            }
        }
        if self.sessions.len() >= limits::SESSIONS {
            session.dismiss(format!("{} sessions are attached already; close one first", limits::SESSIONS));
            session.write();
            return;
        }
        self.sessions.push(session);
    }

    /// Does what a session says.
    fn listen_to(&mut self, index: usize) {
        let buffer = &mut self.buffer;
        self.sessions[index].read(buffer);
        while let Some(frame) = self.sessions[index].next_frame() {
            self.obey(index, frame);
        }
    }

    fn obey(&mut self, index: usize, frame: ToHolder) {
        let session = &mut self.sessions[index];
        match (frame, session.is_attached(), session.is_observer()) {
            (ToHolder::Hello { size, observe, from_sequence }, false, _) => {
                self.greet(index, size.filter(|_| !observe), observe, from_sequence);
            }
            (ToHolder::Hello { .. }, true, _) => session.dismiss("hello was said before".to_owned()),
            (ToHolder::Detach, _, _) => session.detach(),
            (_, false, _) => session.dismiss("a session says hello first".to_owned()),
            (ToHolder::Ping(number), true, _) => session.pong(number),
            (
                ToHolder::Input(_)
                | ToHolder::Resize { .. }
                | ToHolder::RestartAgent
                | ToHolder::SignalAgent { .. },
                true,
                true,
            ) => session.refuse("an observer only looks"),
            (ToHolder::Resize { columns, rows }, true, false) => self.resize(columns, rows),
            (ToHolder::RestartAgent, true, false) if self.exit.is_none() => session.refuse("the agent runs"),
            (ToHolder::RestartAgent, true, false) if self.leaving.is_some() => {
                session.refuse("the holder is ending");
            }
            (ToHolder::RestartAgent, true, false) => self.restart(),
            (ToHolder::Input(_) | ToHolder::SignalAgent { .. }, true, false) if self.exit.is_some() => {
                session.refuse("the agent has ended");
            }
            (ToHolder::Input(bytes), true, false) => self.input.extend(bytes),
            (ToHolder::SignalAgent { signal }, true, false) => self.signal(signal),
        }
    }

    /// Welcomes a session. Where it can go on from the byte it asks for it sees every change after it; where not, it
    /// gets a picture of what is.
    fn greet(&mut self, index: usize, size: Option<(u16, u16)>, is_observer: bool, from: Option<u64>) {
        let is_first = !self.sessions.iter().any(Session::is_typist);
        let size = size.filter(|_| is_first);
        // Older output belongs to a terminal of another size.
        let from = from.filter(|from| *from >= self.sized_at && self.ring.from(*from).is_some());
        if let Some(from) = from {
            self.sessions[index].welcome(is_observer, from, self.emulator.size(), Resync::Continues);
        }
        if let Some((columns, rows)) = size {
            self.resize(columns, rows);
        }
        if from.is_none() {
            let head = self.ring.head();
            self.sessions[index].welcome(is_observer, head, self.emulator.size(), Resync::Snapshot);
        }
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        let before = self.emulator.size();
        self.emulator.resize(columns, rows);
        let (columns, rows) = self.emulator.size();
        if before == (columns, rows) {
            return;
        }
        if let Some(agent) = &mut self.agent {
            agent.resize(columns, rows);
        }
        self.sized_at = self.ring.head();
        for session in &mut self.sessions {
            session.note_size(self.sized_at, columns, rows);
        }
    }

    fn signal(&mut self, number: u8) {
        let signals = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::KILL, Signal::TERM];
        let found = SIGNALS.iter().position(|signal| *signal == number);
        if let (Some(agent), Some(index)) = (&self.agent, found) {
            agent.signal_foreground(signals[index]);
        }
    }

    /// Gives the agent what it will take of its input.
    fn feed_agent(&mut self) {
        let Some(agent) = &mut self.agent else { return };
        while !self.input.is_empty() {
            let count = agent.write(self.input.as_slices().0);
            if count == 0 {
                return;
            }
            self.input.drain(..count);
        }
    }

    /// Brings every session as far as it can take, and lets go of those that are over.
    fn tell_sessions(&mut self) {
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
        for session in &mut self.sessions {
            if is_new {
                session.note_report();
            }
            session.prepare(&mut scene);
            session.write();
        }
        self.sessions.retain(|session| !session.is_over());
    }
}

/// Streams that get a byte for every signal.
struct Signals {
    /// The signals that say to end.
    end: UnixStream,
    /// The one that says a child ended.
    child: UnixStream,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        Ok(Self { end: Self::stream(&[SIGTERM, SIGINT, SIGHUP])?, child: Self::stream(&[SIGCHLD])? })
    }

    fn stream(numbers: &[i32]) -> io::Result<UnixStream> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        for number in numbers {
            signal_hook::low_level::pipe::register(*number, writer.try_clone()?)?;
        }
        Ok(reader)
    }

    fn take_end(&mut self) -> bool {
        self.end.read(&mut [0; 64]).is_ok()
    }

    fn take_child(&mut self) -> bool {
        self.child.read(&mut [0; 64]).is_ok()
    }
}

/// Listens at `path`, for its owner alone. A socket that a dead holder left is replaced; a living one is not.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let in_words = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    match UnixStream::connect(path) {
        Ok(_) => {
            let reason = format!("{}: another holder serves here", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, reason));
        }
        // So the system answers for a plain file as well.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            if !fs::symlink_metadata(path).map_err(in_words)?.file_type().is_socket() {
                return Err(io::Error::other(format!("{}: exists and is no socket", path.display())));
            }
            fs::remove_file(path).map_err(in_words)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(in_words(error)),
    }
    let mask = rustix::process::umask(Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(path);
    rustix::process::umask(mask);
    let listener = listener.map_err(in_words)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Replaces a file as a whole.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;

    let new = path.with_extension("new");
    let mut file = fs::File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)
}

/// The number of the first byte of output: later than any number that a holder before this one gave, so that a
/// session of that one is not taken for one of ours. Room for 64 bytes of output a microsecond.
fn first_sequence() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(0) << 16
}

fn timespec(duration: Duration) -> Timespec {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec: seconds, tv_nsec: i64::from(duration.subsec_nanos()) }
}
