//! The terminal around everything: a program runs in a PTY of 200x60, keys go in, and what comes out is looked through
//! for signs. It answers the questions that a program asks when it starts.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Columns and rows of the terminal.
pub(crate) const SIZE: (u16, u16) = (200, 60);
/// How long anything may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// The terminal, and the program in it.
pub(crate) struct Outer {
    master: File,
    child: Child,
    buffer: Vec<u8>,
    /// The end of what came before, for signs that were split.
    tail: Vec<u8>,
    /// Bytes that came out so far.
    pub(crate) bytes: u64,
}

impl Outer {
    /// Starts `command` in a new terminal.
    pub(crate) fn open(command: &Command) -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        unlockpt(&master).expect("a new terminal can be unlocked");
        let size = Winsize { ws_col: SIZE.0, ws_row: SIZE.1, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("a terminal takes a size");
        let name = ptsname(&master, Vec::new()).expect("a terminal has a name");
        let name = name.into_string().expect("its name is plain");
        let open =
            || Stdio::from(File::options().read(true).write(true).open(&name).expect("it can be opened"));
        let mut session = Command::new("setsid");
        session.arg("--ctty").arg(command.get_program()).args(command.get_args());
        session.env("TERM", "xterm-256color").env("COLORTERM", "truecolor").env("LANG", "C.UTF-8");
        session.env_remove("NO_COLOR").env_remove("TMUX").env_remove("ZELLIJ");
        session.stdin(open()).stdout(open()).stderr(open());
        let child = session.spawn().expect("setsid is installed");
        Self { master: File::from(master), child, buffer: vec![0; 256 * 1_024], tail: Vec::new(), bytes: 0 }
    }

    /// The program's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types.
    pub(crate) fn keys(&mut self, keys: &[u8]) {
        self.master.write_all(keys).expect("the terminal takes keys");
    }

    /// Takes what comes until `wanted` came; when that was.
    pub(crate) fn wait_for(&mut self, wanted: &str) -> Instant {
        self.wait_for_all(&[wanted.to_owned()])
    }

    /// Takes what comes until all of `wanted` came, in any order.
    pub(crate) fn wait_for_all(&mut self, wanted: &[String]) -> Instant {
        let mut left: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let until = Instant::now() + PATIENCE;
        while !left.is_empty() {
            assert!(Instant::now() < until, "{left:?} never came");
            let Some(text) = self.take(PATIENCE) else { continue };
            left.retain(|wanted| memchr::memmem::find(&text, wanted.as_bytes()).is_none());
        }
        // What was found once counts once.
        self.tail.clear();
        Instant::now()
    }

    /// Takes what comes for so long.
    pub(crate) fn drain(&mut self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let _looked_at = self.take(left);
        }
    }

    /// What comes next, after the end of what came before; `None` when nothing came in time.
    fn take(&mut self, patience: Duration) -> Option<Vec<u8>> {
        let wait = Timespec::try_from(patience).expect("a short time");
        let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
        if poll(&mut fds, Some(&wait)).ok()? == 0 {
            return None;
        }
        let count = self.master.read(&mut self.buffer).unwrap_or(0);
        assert!(count > 0, "the program ended: {:?}", String::from_utf8_lossy(&self.tail));
        self.bytes += count as u64;
        let mut text = std::mem::take(&mut self.tail);
        text.extend_from_slice(&self.buffer[..count]);
        self.answer(count);
        self.tail = text[text.len().saturating_sub(16)..].to_vec();
        Some(text)
    }

    /// Answers what programs ask a terminal when they start.
    fn answer(&mut self, count: usize) {
        let asked: [(&[u8], &[u8]); 4] = [
            (b"\x1b[?2026$p", b"\x1b[?2026;2$y"),
            (b"\x1b[?u", b"\x1b[?0u"),
            (b"\x1b[c", b"\x1b[?62;22c"),
            (b"\x1b[>c", b"\x1b[>1;10;0c"),
        ];
        let new = &self.buffer[..count];
        // Questions are asked alone, not in the midst of a flood.
        if count > 8 * 1_024 {
            return;
        }
        let answers: Vec<u8> = asked
            .iter()
            .filter(|(question, _)| memchr::memmem::find(new, question).is_some())
            .flat_map(|(_, answer)| answer.iter().copied())
            .collect();
        if !answers.is_empty() {
            self.keys(&answers);
        }
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}
