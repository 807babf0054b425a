//! A terminal with a person before it: the program runs in a PTY, keys go in, and what a real terminal would show is
//! looked at. It answers the program's questions as a terminal does.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use alacritty_terminal::grid::Dimensions as _;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Flags;
use ccells_holder::emulator::Emulator;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::harness::{SOON, Said, Stage, collect, kill};

/// The key that gives the keys back to ccells.
pub(crate) const LEADER: &str = "\x1d";
/// The Escape key.
pub(crate) const ESCAPE: &str = "\x1b";

/// What has been seen so far.
struct Seen {
    emulator: Emulator,
    bytes: Vec<u8>,
    is_over: bool,
}

/// The terminal, and the program in it.
pub(crate) struct Terminal {
    child: Option<Child>,
    began: Instant,
    master: Option<Arc<File>>,
    wake: Option<OwnedFd>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Starts the program with `words` in a terminal of a usual size.
    pub(crate) fn open(stage: &Stage, words: &[&str]) -> Self {
        Self::open_sized(stage.command(words), 100, 30)
    }

    /// Starts `command` in a terminal of that size.
    pub(crate) fn open_sized(command: Command, columns: u16, rows: u16) -> Self {
        let program = command.get_program().to_owned();
        Self::open_program(&program, &command, columns, rows)
    }

    /// Starts another `program` in its place.
    pub(crate) fn open_program(program: &OsStr, command: &Command, columns: u16, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let began = Instant::now();
        let child = in_terminal(program, command, &name).spawn().unwrap();
        let master = Arc::new(File::from(master));
        let seen =
            Seen { emulator: Emulator::resident(columns, rows, 1_000), bytes: Vec::new(), is_over: false };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let (wake, woken) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map(|(r, w)| (w, r)).unwrap();
        let reader = {
            let (master, seen) = (Arc::clone(&master), Arc::clone(&seen));
            std::thread::spawn(move || watch(&master, &woken, &seen))
        };
        Self { child: Some(child), began, master: Some(master), wake: Some(wake), seen, reader: Some(reader) }
    }

    /// The program's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it has not ended").id()
    }

    /// When it was started.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// All bytes that the program wrote so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.seen().bytes.clone()
    }

    /// Presses keys.
    pub(crate) fn keys(&self, keys: &str) {
        let mut master: &File = self.master.as_ref().expect("the terminal is there");
        master.write_all(keys.as_bytes()).unwrap();
    }

    /// Gives the window another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        self.seen().emulator.resize(columns, rows);
        tcsetwinsize(self.master.as_ref().expect("the terminal is there").as_ref(), size).unwrap();
    }

    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        text(&self.seen().emulator)
    }

    /// Waits until the screen shows `wanted`; the screen.
    #[track_caller]
    pub(crate) fn wait_for(&self, wanted: &str) -> String {
        self.wait_until(&format!("{wanted:?}"), SOON, |screen| screen.contains(wanted))
    }

    /// Waits until the screen is as wanted; the screen.
    #[track_caller]
    pub(crate) fn wait_until(
        &self,
        what: &str,
        patience: Duration,
        is_wanted: impl Fn(&str) -> bool,
    ) -> String {
        let until = Instant::now() + patience;
        let mut seen = self.seen();
        loop {
            let screen = text(&seen.emulator);
            if is_wanted(&screen) {
                return screen;
            }
            let left = until.saturating_duration_since(Instant::now());
            let is_over = seen.is_over;
            assert!(
                !left.is_zero() && !is_over,
                "the screen never showed {what} (over: {is_over}):\n{screen}"
            );
            seen = self.seen.1.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the agent on the screen has said its number `wanted` or a later one: each is there for a moment only.
    #[track_caller]
    pub(crate) fn wait_for_tick(&self, wanted: u64) -> String {
        let what = format!("tick {wanted} or a later one");
        self.wait_until(&what, SOON, |screen| last_tick(screen).is_some_and(|tick| tick >= wanted))
    }

    /// Waits until two agents, side by side, are both at work.
    #[track_caller]
    pub(crate) fn wait_for_both(&self) -> String {
        self.wait_until("both agents at work", SOON, |screen| {
            screen.lines().any(|line| line.matches("tick ").count() >= 2)
        })
    }

    /// Whether lines are edited and echoed, as a shell's user expects.
    pub(crate) fn is_cooked(&self) -> bool {
        let master = self.master.as_ref().expect("the terminal is there");
        let modes = tcgetattr(master.as_ref()).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Whether the alternate screen is shown, or anything else is on that a shell's user would stumble over.
    pub(crate) fn is_taken(&self) -> bool {
        let mode = *self.seen().emulator.term().mode();
        let others = TermMode::ALT_SCREEN
            | TermMode::MOUSE_MODE
            | TermMode::BRACKETED_PASTE
            | TermMode::FOCUS_IN_OUT
            | TermMode::KITTY_KEYBOARD_PROTOCOL;
        mode.intersects(others) || !mode.contains(TermMode::SHOW_CURSOR)
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal);
    }

    /// Takes the terminal away, as a closed window does.
    pub(crate) fn hang_up(&mut self) {
        drop(self.wake.take());
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        drop(self.master.take());
    }

    /// Waits for the program's end.
    #[track_caller]
    pub(crate) fn end(&mut self, patience: Duration) -> Said {
        let asked = Instant::now();
        let child = self.child.take().expect("it has not ended");
        let ended = collect(child, asked, patience);
        ended.unwrap_or_else(|| panic!("ccells did not end within {patience:?}:\n{}", self.screen()))
    }

    /// Ends the program as nothing can be prepared for.
    pub(crate) fn crash(&mut self) {
        self.signal(Signal::KILL);
        self.end(SOON);
    }

    /// After the program's end: waits until all it wrote has been seen.
    pub(crate) fn settle(&self) {
        let mut seen = self.seen();
        while !seen.is_over {
            seen = self.seen.1.wait(seen).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            kill(child.id(), Signal::KILL);
            let _ended = collect(child, self.began, SOON);
        }
        self.hang_up();
    }
}

/// The last number that is on a screen with one agent.
pub(crate) fn last_tick(screen: &str) -> Option<u64> {
    let said = screen.split("tick ").skip(1).filter_map(|rest| rest.split_once(" end")?.0.parse().ok());
    said.last()
}

/// The same command, of `program`, as the first of a session of its own, whose terminal is `name`.
fn in_terminal(program: &OsStr, command: &Command, name: &str) -> Command {
    let open = || File::options().read(true).write(true).open(name).unwrap();
    let mut session = Command::new("setsid");
    session.arg("--ctty").arg(program).args(command.get_args());
    session.current_dir(command.get_current_dir().expect("a stage's commands have a directory"));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => session.env(name, value),
            None => session.env_remove(name),
        };
    }
    session.env("TERM", "xterm-256color").env_remove("NO_COLOR");
    session.stdin(Stdio::from(open())).stdout(Stdio::from(open())).stderr(Stdio::from(open()));
    session
}

/// Takes in what the program writes until it is over, or `woken` says that nobody looks any more.
fn watch(master: &File, woken: &OwnedFd, seen: &(Mutex<Seen>, Condvar)) {
    let (mut from, mut to): (&File, &File) = (master, master);
    let mut bytes = vec![0; 64 * 1_024];
    loop {
        let mut fds = [PollFd::new(master, PollFlags::IN), PollFd::new(woken, PollFlags::IN)];
        if poll(&mut fds, None).is_err() {
            continue;
        }
        if !fds[1].revents().is_empty() {
            break;
        }
        // A terminal whose last program is gone gives an error.
        let Ok(count @ 1..) = from.read(&mut bytes) else { break };
        let mut seen_now = seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen_now.emulator.feed(&bytes[..count]);
        seen_now.bytes.extend_from_slice(&bytes[..count]);
        let replies = seen_now.emulator.take_replies();
        drop(seen_now);
        seen.1.notify_all();
        // One that has just left needs no answer.
        let _left = to.write_all(&replies);
    }
    seen.0.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
    seen.1.notify_all();
}

/// The screen of a terminal as text.
pub(crate) fn text(emulator: &Emulator) -> String {
    let grid = emulator.term().grid();
    let lines = i32::try_from(grid.screen_lines()).unwrap();
    let line = |line: i32| {
        let row = &grid[Line(line)];
        let cells = (0..grid.columns()).map(|column| &row[Column(column)]);
        let text: String =
            cells.filter(|cell| !cell.flags.contains(Flags::WIDE_CHAR_SPACER)).map(|cell| cell.c).collect();
        text.trim_end().to_string()
    };
    (0..lines).map(line).collect::<Vec<_>>().join("\n")
}
