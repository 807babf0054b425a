//! Writes to the terminal without ever waiting for it: what it takes at once is written at once, the rest by a thread.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tokio::sync::Notify;

use crate::kernel::outbox::{Outbox, outbox};

/// The way to the terminal: a door that is never waited at, where there is one, and a thread that waits.
pub(super) struct Writer {
    quick: Option<OwnedFd>,
    /// The caller draws only when all is out, so it never holds more than a frame and a mode.
    outbox: Outbox,
    drained: Arc<Notify>,
}

impl Writer {
    /// Writes to `output`; `quick` is the same terminal, opened so that it never makes anybody wait.
    pub(super) fn start(mut output: Box<dyn Write + Send>, quick: Option<OwnedFd>) -> Self {
        let (outbox, carrier) = outbox();
        let drained = Arc::new(Notify::new());
        let bell = drained.clone();
        std::thread::Builder::new()
            .name("terminal-writer".into())
            .spawn(move || {
                let write = |bytes: &[u8]| output.write_all(bytes).and_then(|()| output.flush()).is_ok();
                carrier.run(write, || bell.notify_one());
            })
            .expect("a program that cannot have one thread cannot run");
        Self { quick, outbox, drained }
    }

    /// Rung when all is out.
    pub(super) fn drained(&self) -> Arc<Notify> {
        self.drained.clone()
    }

    /// Whether nothing may be written any more.
    pub(super) fn is_gone(&self) -> bool {
        self.outbox.is_gone()
    }

    /// Nothing is written any more.
    pub(super) fn give_up(&self) {
        self.outbox.give_up();
    }

    /// Writes, in the order of the calls.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let door = self.quick.as_ref();
        self.outbox.put(bytes, |bytes| door.map_or(0, |door| write_quickly(door, bytes)));
    }

    /// Whether all is out.
    pub(super) fn is_idle(&self) -> bool {
        self.outbox.is_idle()
    }

    /// Waits until all is out, but no longer than `patience`.
    pub(super) fn wait_idle(&self, patience: Duration) {
        self.outbox.wait_idle(patience);
    }
}

/// Writes what the terminal takes at once; how much that was. What goes wrong here goes wrong for the thread as well,
/// which tells of it.
fn write_quickly(door: impl AsFd, bytes: &[u8]) -> usize {
    let mut taken = 0;
    while taken < bytes.len() {
        match rustix::io::write(&door, &bytes[taken..]) {
            Ok(0) => break,
            Ok(count) => taken += count,
            Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    taken
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
