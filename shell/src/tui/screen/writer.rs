//! Writes to the terminal without ever waiting for it: what it takes at once is written at once, the rest by a thread.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc as thread_mpsc};
use std::time::Duration;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tokio::sync::Notify;

/// The way to the terminal: a door that is never waited at, where there is one, and a thread that waits.
pub(super) struct Writer {
    quick: Option<OwnedFd>,
    queue: thread_mpsc::Sender<Vec<u8>>,
    shared: Arc<(Mutex<Written>, Condvar)>,
    drained: Arc<Notify>,
}

#[derive(Default)]
struct Written {
    in_flight: usize,
    is_gone: bool,
}

impl Writer {
    /// Writes to `output`; `quick` is the same terminal, opened so that it never makes anybody wait.
    pub(super) fn start(mut output: Box<dyn Write + Send>, quick: Option<OwnedFd>) -> Self {
        // The caller draws only when nothing is in flight, so the queue never holds more than a frame and a mode.
        let (queue, frames) = thread_mpsc::channel::<Vec<u8>>();
        let shared = Arc::new((Mutex::new(Written::default()), Condvar::new()));
        let drained = Arc::new(Notify::new());
        let (theirs, bell) = (shared.clone(), drained.clone());
        std::thread::Builder::new()
            .name("terminal-writer".into())
            .spawn(move || {
                for frame in frames {
                    let is_gone = lock(&theirs.0).is_gone
                        || output.write_all(&frame).and_then(|()| output.flush()).is_err();
                    let mut written = lock(&theirs.0);
                    written.is_gone |= is_gone;
                    written.in_flight -= 1;
                    theirs.1.notify_all();
                    drop(written);
                    bell.notify_one();
                }
            })
            .expect("a program that cannot have one thread cannot run");
        Self { quick, queue, shared, drained }
    }

    /// Rung when all is out.
    pub(super) fn drained(&self) -> Arc<Notify> {
        self.drained.clone()
    }

    /// Whether nothing may be written any more.
    pub(super) fn is_gone(&self) -> bool {
        self.shared().is_gone
    }

    /// Nothing is written any more.
    pub(super) fn give_up(&self) {
        self.shared().is_gone = true;
    }

    /// Writes, in the order of the calls.
    pub(super) fn write(&self, bytes: &[u8]) {
        let written = self.shared();
        if written.is_gone {
            return;
        }
        let is_first = written.in_flight == 0;
        drop(written);
        let taken = if is_first { self.write_quickly(bytes) } else { 0 };
        if taken < bytes.len() {
            self.shared().in_flight += 1;
            if self.queue.send(bytes[taken..].to_vec()).is_err() {
                self.shared().in_flight -= 1;
            }
        }
    }

    /// Writes what the terminal takes at once; how much that was. What goes wrong here goes wrong for the thread as
    /// well, which tells of it.
    fn write_quickly(&self, bytes: &[u8]) -> usize {
        let Some(door) = &self.quick else { return 0 };
        let mut taken = 0;
        while taken < bytes.len() {
            match rustix::io::write(door, &bytes[taken..]) {
                Ok(0) => break,
                Ok(count) => taken += count,
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        taken
    }

    /// Whether all is out.
    pub(super) fn is_idle(&self) -> bool {
        self.shared().in_flight == 0
    }

    /// Waits until all is out, but no longer than `patience`.
    pub(super) fn wait_idle(&self, patience: Duration) {
        let written = self.shared();
        let waited =
            self.shared.1.wait_timeout_while(written, patience, |it| it.in_flight > 0 && !it.is_gone);
        drop(waited);
    }

    fn shared(&self) -> MutexGuard<'_, Written> {
        lock(&self.shared.0)
    }
}

fn lock(written: &Mutex<Written>) -> MutexGuard<'_, Written> {
    written.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The terminal behind `terminal` once more, for us alone, so that never waiting for it is no matter of those who share
/// the other one. `None` where it cannot be opened: then a thread waits.
pub(super) fn quick_door(terminal: impl AsFd) -> Option<OwnedFd> {
    let name = rustix::termios::ttyname(&terminal, Vec::new()).ok()?;
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let door = rustix::fs::open(name, flags, Mode::empty()).ok()?;
    let is_same = rustix::fs::fstat(&door).ok()?.st_rdev == rustix::fs::fstat(&terminal).ok()?.st_rdev;
    is_same.then_some(door)
}

/// The output of this process.
pub(super) fn standard_output() -> Box<dyn Write + Send> {
    Box::new(io::stdout())
}
