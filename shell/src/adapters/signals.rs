//! Touches the world: the signals that end, stop and continue us.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// End in good order. The number is the signal's.
    Terminate(i32),
    /// The terminal is gone: end in good order, and do not write to it.
    Hangup,
    /// Give the terminal back and stop.
    Suspend,
    /// Go on after a stop.
    Continue,
}

/// All signals we listen to.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    suspend: Signal,
    go_on: Signal,
}

impl Signals {
    /// Begins to listen: from here on none of them ends the process by itself.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            suspend: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
            go_on: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Terminate(2),
            _ = self.terminate.recv() => Asked::Terminate(15),
            _ = self.hangup.recv() => Asked::Hangup,
            _ = self.suspend.recv() => Asked::Suspend,
            _ = self.go_on.recv() => Asked::Continue,
        }
    }
}
