//! One run of an agent on its own terminal, and how it is ended. Touches processes and terminals.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ccells_core::agent::AgentExit;
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions};

/// What the terminal calls itself, in the agent's environment.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("TERM", "xterm-256color"),
    ("COLORTERM", "truecolor"),
    ("TERM_PROGRAM", "ccells"),
    ("TERM_PROGRAM_VERSION", env!("CARGO_PKG_VERSION")),
];

/// An agent that was started. Its terminal may outlive it: what it left running may still write.
pub(crate) struct Agent {
    pty: Box<dyn MasterPty + Send>,
    /// Our side of the terminal, never blocking; `None` when nobody has the other side any more.
    master: Option<OwnedFd>,
    /// Process, process group and session of the agent.
    pid: Pid,
    exit: Option<AgentExit>,
}

impl Agent {
    /// Starts `argv` in the current directory, on a new terminal of that size.
    pub(crate) fn start(argv: &[OsString], columns: u16, rows: u16) -> Result<Self, String> {
        let directory = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        check_program(argv, &directory)?;
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).map_err(|error| words(&error))?;
        let mut command = CommandBuilder::from_argv(argv.to_vec());
        command.cwd(&directory);
        for (name, value) in ENVIRONMENT {
            command.env(name, value);
        }
        if command.get_env("HOME").is_none() {
            // Or it would be looked up in the image's user database, which may not be there.
            command.env("HOME", &directory);
        }
        let child = pair.slave.spawn_command(command).map_err(|error| words(&error))?;
        let pid = child.process_id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let pid = pid.ok_or("it has no process id")?;
        let master = own_side(pair.master.as_ref()).map_err(|error| format!("its terminal: {error}"))?;
        Ok(Self { pty: pair.master, master: Some(master), pid, exit: None })
    }

    /// Our side of the terminal, while somebody has the other.
    pub(crate) fn master(&self) -> Option<BorrowedFd<'_>> {
        self.master.as_ref().map(AsFd::as_fd)
    }

    /// Whether its process lives.
    pub(crate) fn is_running(&self) -> bool {
        self.exit.is_none()
    }

    /// Whether nothing of it is left: the process ended and its terminal is closed.
    pub(crate) fn is_gone(&self) -> bool {
        self.exit.is_some() && (self.master.is_none() || self.members().is_empty())
    }

    /// Reads output into `buffer`: how much, or `None` when there is none now. The end closes the terminal.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        match rustix::io::read(self.master.as_ref()?, buffer) {
            Ok(0) => self.master = None,
            Ok(count) => return Some(count),
            Err(Errno::AGAIN | Errno::INTR) => {}
            // Linux says so when the last one on the other side is gone.
            Err(_) => self.master = None,
        }
        None
    }

    /// Writes input: how much was taken.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> usize {
        self.master.as_ref().and_then(|master| rustix::io::write(master, bytes).ok()).unwrap_or(0)
    }

    /// Gives the terminal another size. One that is closed has none.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        if self.master.is_some() {
            let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
            let _ = self.pty.resize(size);
        }
    }

    /// Asks the system whether the process ended. Once it has, the answer stays.
    pub(crate) fn reap(&mut self) -> Option<&AgentExit> {
        if self.exit.is_none()
            && let Ok(Some((_, status))) = rustix::process::waitpid(Some(self.pid), WaitOptions::NOHANG)
        {
            let signal = status.terminating_signal().map(AgentExit::Signal);
            self.exit = signal.or_else(|| status.exit_status().map(AgentExit::Code));
        }
        self.exit.as_ref()
    }

    /// Sends a signal to what runs in the foreground of the terminal.
    pub(crate) fn signal_foreground(&self, signal: Signal) {
        let group = self.master.as_ref().and_then(|master| rustix::termios::tcgetpgrp(master).ok());
        let _ = rustix::process::kill_process_group(group.unwrap_or(self.pid), signal);
    }

    /// Sends a signal to every process of the agent's session.
    pub(crate) fn signal_all(&self, signal: Signal) {
        if self.exit.is_none() {
            let _ = rustix::process::kill_process_group(self.pid, signal);
        }
        for member in self.members() {
            let _ = rustix::process::kill_process(member, signal);
        }
    }

    /// The processes of the agent's session. Its number is not given to another while one of them lives.
    fn members(&self) -> Vec<Pid> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| session_of(*pid) == Some(self.pid.as_raw_nonzero().get()))
            .filter_map(Pid::from_raw)
            .collect()
    }
}

/// The session of a process that lives: the fourth word after the command's name, which may hold any character.
fn session_of(pid: i32) -> Option<i32> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let after = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let mut words = std::str::from_utf8(&stat[after..]).ok()?.split_ascii_whitespace();
    let is_dead = matches!(words.next()?, "Z" | "X");
    if is_dead { None } else { words.nth(2)?.parse().ok() }
}

/// A descriptor of our own for the terminal's master, which does not block.
fn own_side(master: &dyn MasterPty) -> io::Result<OwnedFd> {
    let raw = master.as_raw_fd().ok_or(Errno::BADF)?;
    #[expect(unsafe_code, reason = "the library lends its descriptor as a number only")]
    // SAFETY: `master` owns the descriptor and is borrowed for as long as `borrowed` lives.
    let borrowed = unsafe { BorrowedFd::borrow_raw(raw) };
    let owned = rustix::io::fcntl_dupfd_cloexec(borrowed, 3)?;
    let flags = rustix::fs::fcntl_getfl(&owned)?;
    rustix::fs::fcntl_setfl(&owned, flags | rustix::fs::OFlags::NONBLOCK)?;
    Ok(owned)
}

/// An error of the terminal library in one line.
fn words(error: &impl std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a file may be executed.
pub fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|facts| facts.is_file())
        && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Says in words why `argv` cannot be started, as far as that can be told before. The fork closes the channel on
/// which a failed start would be told.
fn check_program(argv: &[OsString], directory: &Path) -> Result<(), String> {
    let name = argv.first().ok_or("no command was given")?;
    let shown = name.display();
    let path = Path::new(name);
    let program = if path.components().count() > 1 {
        directory.join(path)
    } else {
        let places = std::env::var_os("PATH").ok_or(format!("`{shown}` cannot be found: PATH is not set"))?;
        std::env::split_paths(&places)
            .map(|place| place.join(path))
            .find(|program| is_executable(program))
            .ok_or_else(|| {
                format!(
                    "`{shown}` is not installed in the image: it is in no directory of PATH ({})",
                    places.display()
                )
            })?
    };
    let facts = fs::metadata(&program).map_err(|error| format!("`{shown}`: {error}"))?;
    if facts.is_dir() {
        return Err(format!("`{shown}` is a directory"));
    }
    if !is_executable(&program) {
        return Err(format!(
            "`{shown}` may not be executed (mode {:o})",
            facts.permissions().mode() & 0o7777
        ));
    }
    match interpreter(&program) {
        Some(interpreter) if !is_executable(&interpreter) => {
            Err(format!("`{shown}` needs {}, which is not in the image", interpreter.display()))
        }
        Some(_) | None => Ok(()),
    }
}

/// The program that the kernel starts to run this one: that of a script's first line, or the loader of a binary.
fn interpreter(program: &Path) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    use std::os::unix::fs::FileExt as _;

    let file = fs::File::open(program).ok()?;
    let mut start = [0; 4_096];
    let count = file.read_at(&mut start, 0).ok()?;
    let start = &start[..count];
    let path = if let Some(line) = start.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next()?.trim_ascii();
        line.split(u8::is_ascii_whitespace).next()?.to_vec()
    } else {
        loader(start, |offset, length| {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, offset).ok().map(|()| bytes)
        })?
    };
    (!path.is_empty()).then(|| PathBuf::from(OsString::from_vec(path)))
}

/// The path in the `PT_INTERP` header of a 64-bit little-endian ELF file.
fn loader(start: &[u8], read: impl Fn(u64, usize) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    const PT_INTERP: u32 = 3;
    const LONGEST_PATH: usize = 4_096;
    let half = |bytes: &[u8], at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let word = |bytes: &[u8], at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let long = |bytes: &[u8], at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    start.starts_with(b"\x7fELF\x02\x01").then_some(())?;
    let (table, entry, count) =
        (long(start, 32)?, usize::from(half(start, 54)?), usize::from(half(start, 56)?));
    let headers = read(table, entry * count)?;
    let header = headers.chunks(entry.max(1)).find(|header| word(header, 0) == Some(PT_INTERP))?;
    let length = usize::try_from(long(header, 32)?).ok().filter(|length| *length <= LONGEST_PATH)?;
    let mut path = read(long(header, 8)?, length)?;
    path.truncate(path.iter().position(|byte| *byte == 0)?);
    Some(path)
}
