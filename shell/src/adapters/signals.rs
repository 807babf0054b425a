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

/// The signals that end us. The others keep their usual effect.
pub struct Endings {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Endings {
    /// Begins to listen: from here on none of them ends the process by itself.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Terminate(2),
            _ = self.terminate.recv() => Asked::Terminate(15),
            _ = self.hangup.recv() => Asked::Hangup,
        }
    }

    /// The next one that is somebody's impatience. A hangup never is: a shell whose window closes hangs up its jobs and
    /// dies, and its death hangs them up once more.
    pub async fn again(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Terminate(2),
            _ = self.terminate.recv() => Asked::Terminate(15),
        }
    }
}

/// All signals a screen listens to.
pub struct Signals {
    endings: Endings,
    suspend: Signal,
    go_on: Signal,
}

impl Signals {
    /// Begins to listen: from here on none of them ends or stops the process by itself.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            endings: Endings::listen()?,
            suspend: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
            go_on: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            asked = self.endings.next() => asked,
            _ = self.suspend.recv() => Asked::Suspend,
            _ = self.go_on.recv() => Asked::Continue,
        }
    }
}
