//! Listens to the terminal on standard input without a thread in between, so that a key is heard by the very task that
//! acts on it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crossterm::event::Event;
use futures_util::stream;
use rustix::fs::{Mode, OFlags};
use tokio::net::unix::pipe::Receiver;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::keys::Keys;
use super::{Input, Inputs};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1_024;
/// How long the rest of a sequence may take to come.
const REST: Duration = Duration::from_millis(50);

/// What the terminal on standard input tells us. Whoever enters it has asked it what it can do.
pub fn inputs() -> Inputs {
    Box::pin(stream::unfold(None, |listener| async {
        // It begins on the runtime that listens.
        let mut listener = match listener {
            Some(listener) => listener,
            None => Listener::open().ok()?,
        };
        let input = listener.next().await;
        Some((input, Some(listener)))
    }))
}

struct Listener {
    /// Not a pipe, but listened to in the same way.
    terminal: Receiver,
    resized: Signal,
    keys: Keys,
    found: VecDeque<Input>,
    buffer: Vec<u8>,
}

impl Listener {
    fn open() -> io::Result<Self> {
        // Opened once more, for us alone: whoever shares the other one is not to find it changed.
        let name = rustix::termios::ttyname(io::stdin(), Vec::new())?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal = rustix::fs::open(name, flags, Mode::empty())?;
        Ok(Self {
            terminal: Receiver::from_owned_fd_unchecked(terminal)?,
            resized: signal(SignalKind::window_change())?,
            keys: Keys::default(),
            found: VecDeque::new(),
            buffer: vec![0; READ_BYTES],
        })
    }

    async fn next(&mut self) -> Input {
        loop {
            if let Some(input) = self.found.pop_front() {
                return input;
            }
            tokio::select! {
                biased;
                ready = self.terminal.readable() => {
                    let count = ready.and_then(|()| self.terminal.try_read(&mut self.buffer));
                    match count {
                        Ok(0) => return Input::Gone,
                        Ok(count) => self.keys.take(&self.buffer[..count], &mut self.found),
                        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                        Err(_) => return Input::Gone,
                    }
                }
                _ = self.resized.recv() => {
                    if let Ok((columns, rows)) = crossterm::terminal::size() {
                        return Input::Event(Event::Resize(columns, rows));
                    }
                }
                () = tokio::time::sleep(REST), if self.keys.is_waiting() => self.keys.flush(&mut self.found),
            }
        }
    }
}
