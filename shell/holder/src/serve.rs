//! The holder: one loop that owns the agent's terminal, drains it whatever its sessions do, and never waits for
//! anyone. Touches sockets, signals, files and the clock.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ccells_core::agent::AgentExit;
use ccells_core::container::LAST_SCREEN;
use ccells_core::limits;
use ccells_core::time::Wall;
use ccells_core::wire::{SIGNALS, Surroundings};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::Mode;
use rustix::process::{Signal, WaitOptions};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

use crate::agent::Agent;
use crate::desk::{Desk, SessionId, Wish};

/// Bytes read at once, from the terminal and from sessions.
const READ_BYTES: usize = 64 * 1_024;
/// Reads of the terminal between two looks at the sessions.
const READS: usize = 4;
/// While ending: how often to look for processes that are no children of ours.
const LOOK_MS: u64 = 50;
/// While ending: how long a killed process may take to go.
const KILL_MS: u64 = 500;
/// The file beside the socket that remembers what the terminal around is like.
const SURROUNDINGS: &str = "surroundings";
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
    holder.recall();
    holder.start();
    let result = holder.run(&listener, &mut signals);
    holder.keep_screen();
    let _ = fs::remove_file(&holder.config.socket);
    result
}

/// The state of a holder.
struct Holder {
    config: Serve,
    agent: Option<Agent>,
    desk: Desk,
    lines: Vec<Line>,
    /// When patience with an agent that shall leave ends.
    leaving: Option<Instant>,
    was_killed: bool,
    buffer: Vec<u8>,
}

/// The connection of a session.
struct Line {
    session: SessionId,
    stream: UnixStream,
}

/// What the wait found.
struct Ready {
    connection: bool,
    sessions: Vec<bool>,
}

impl Holder {
    fn new(config: Serve) -> Self {
        let desk = Desk::new(config.size, first_sequence());
        let (leaving, buffer) = (None, vec![0; READ_BYTES]);
        Self { config, agent: None, desk, lines: Vec::new(), leaving, was_killed: false, buffer }
    }

    /// Takes the terminal around for what it was when a holder before this one saw it. Keys are let go unseen until
    /// somebody says otherwise.
    fn recall(&mut self) {
        let number = fs::read_to_string(self.beside(SURROUNDINGS)).ok().and_then(|text| text.parse().ok());
        if let Some(number) = number {
            let known = Surroundings::from_number(number);
            self.desk.surround(Surroundings { has_key_events: false, ..known });
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
    fn wait(&mut self, listener: &UnixListener, signals: &Signals) -> io::Result<Ready> {
        let has_input = !self.desk.input().is_empty();
        let mut fds: Vec<PollFd<'_>> = [listener.as_fd(), signals.end.as_fd(), signals.child.as_fd()]
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .into();
        for line in &self.lines {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, self.desk.may_speak(line.session));
            flags.set(PollFlags::OUT, !self.desk.ready(line.session).is_empty());
            fds.push(PollFd::from_borrowed_fd(line.stream.as_fd(), flags));
        }
        if let Some(master) = self.agent.as_ref().and_then(Agent::master) {
            let mut flags = PollFlags::IN;
            flags.set(PollFlags::OUT, has_input);
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
            sessions: is_ready.skip(2).take(self.lines.len()).collect(),
        })
    }

    /// Tells the agent to leave, once.
    fn leave(&mut self) {
        if self.leaving.is_none() {
            self.desk.close_down();
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
        let ran_before = self.desk.starts() > 0 || marker.exists();
        let argv = if ran_before && !self.config.resume.is_empty() {
            &self.config.resume
        } else {
            &self.config.argv
        };
        let (columns, rows) = self.desk.size();
        // Both are an earlier agent's.
        let _ = fs::remove_file(self.beside("agent-exit.json"));
        let _ = fs::remove_file(self.beside(LAST_SCREEN));
        self.desk.begin();
        match Agent::start(argv, columns, rows) {
            Ok(agent) => {
                self.agent = Some(agent);
                let _ = fs::write(marker, "");
            }
            Err(reason) => {
                self.agent = None;
                let words = format!("\r\nccells: the agent could not be started: {reason}\r\n");
                self.desk.show(words.as_bytes());
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
        self.desk.clean();
        self.start();
    }

    /// Reads what the agent wrote, and queues what its terminal answers.
    fn drain(&mut self, reads: usize) {
        for _ in 0..reads {
            let Some(agent) = &mut self.agent else { return };
            let Some(count) = agent.read(&mut self.buffer) else { return };
            self.desk.take_output(&self.buffer[..count]);
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
        let text = exit.to_json(self.desk.starts(), Wall(u64::try_from(at.as_millis()).unwrap_or(u64::MAX)));
        // The report says it too: where the directory takes no file, it is known while the holder lives.
        let _ = replace(&self.beside("agent-exit.json"), text.as_bytes());
        self.desk.note_exit(exit);
        self.keep_screen();
    }

    /// Keeps what the terminal shows and showed, for those who come when there is no holder to ask.
    fn keep_screen(&mut self) {
        let words = self.desk.last_words();
        if words.len() <= limits::LAST_SCREEN_BYTES {
            // Where the directory takes no file, the holder tells it while it lives.
            let _ = replace(&self.beside(LAST_SCREEN), &words);
        }
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.config.socket.with_file_name(name)
    }

    fn accept(&mut self, listener: &UnixListener) {
        let Ok((stream, _)) = listener.accept() else { return };
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        match self.desk.arrive() {
            Ok(session) => self.lines.push(Line { session, stream }),
            Err(last_word) => {
                let _ = (&stream).write(&last_word);
            }
        }
        self.lines.retain(|line| self.desk.is_here(line.session));
    }

    /// Does what a session says.
    fn listen_to(&mut self, index: usize) {
        let Line { session, stream } = &mut self.lines[index];
        let session = *session;
        match stream.read(&mut self.buffer) {
            Ok(0) => self.desk.hang_up(session),
            Ok(count) => self.desk.hear(session, &self.buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.desk.hang_up(session),
        }
        while let Some(wish) = self.desk.next_wish(session) {
            match wish {
                Wish::Resize { columns, rows } => {
                    if let Some(agent) = &mut self.agent {
                        agent.resize(columns, rows);
                    }
                }
                Wish::Restart => self.restart(),
                Wish::Signal(number) => self.signal(number),
                // Without it a holder that begins after this one answers as if it were dark until somebody attaches.
                Wish::Remember(surroundings) => {
                    let _ =
                        replace(&self.beside(SURROUNDINGS), surroundings.to_number().to_string().as_bytes());
                }
            }
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
        let input = self.desk.input();
        while !input.is_empty() {
            let count = agent.write(input.as_slices().0);
            if count == 0 {
                return;
            }
            input.drain(..count);
        }
    }

    /// Brings every session as far as it can take, and lets go of those that are over.
    fn tell_sessions(&mut self) {
        self.desk.prepare();
        for line in &mut self.lines {
            tell(&mut self.desk, line);
        }
        self.desk.sweep();
        self.lines.retain(|line| self.desk.is_here(line.session));
    }
}

/// Sends what is ready for a session, as far as the connection takes it.
fn tell(desk: &mut Desk, line: &mut Line) {
    loop {
        let ready = desk.ready(line.session);
        if ready.is_empty() {
            return;
        }
        match line.stream.write(ready) {
            Ok(0) => return desk.hang_up(line.session),
            Ok(count) => desk.sent(line.session, count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return desk.hang_up(line.session),
        }
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
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;

    let new = path.with_extension("new");
    let mut file = fs::File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(new, path)?;
    path.parent().map_or(Ok(()), |directory| fs::File::open(directory)?.sync_all())
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
