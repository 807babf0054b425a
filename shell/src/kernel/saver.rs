//! Coalescing single writer: any thread saves, one thread writes, the newest value wins, and a ticket is
//! answered only when its value (or a newer one) is durable or its write has failed.

use std::sync::PoisonError;

use super::sync::{Condvar, Mutex};

#[derive(Debug)]
struct State<T, E> {
    /// The newest value that is not durable and not being written.
    next: Option<(u64, T)>,
    /// Whether `next` is to be written now: not so after it failed, until somebody asks.
    is_due: bool,
    issued: u64,
    durable: u64,
    /// The ticket up to which the last write failed, until the next try.
    failed: Option<(u64, E)>,
    is_stopping: bool,
    is_over: bool,
}

/// Why a ticket was answered without its value being durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDurable<E> {
    /// The write failed. The newest value is kept, and written with the next save or retry.
    Failed(E),
    /// The writer has ended.
    Stopped,
}

/// The slot between those who save and the one who writes.
#[derive(Debug)]
pub struct Saver<T, E> {
    state: Mutex<State<T, E>>,
    changed: Condvar,
}

impl<T, E: Clone> Default for Saver<T, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, E: Clone> Saver<T, E> {
    /// An empty slot.
    pub fn new() -> Self {
        let (next, failed) = (None, None);
        let state =
            State { next, is_due: false, issued: 0, durable: 0, failed, is_stopping: false, is_over: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Hands a value over and returns the ticket to wait for; `None` once stopped. It replaces a value that
    /// waits.
    pub fn save(&self, value: T) -> Option<u64> {
        let mut state = whole(self.state.lock());
        if state.is_stopping || state.is_over {
            return None;
        }
        state.issued += 1;
        state.next = Some((state.issued, value));
        state.is_due = true;
        state.failed = None;
        self.changed.notify_all();
        Some(state.issued)
    }

    /// Has the value whose write failed written again; without one this does nothing.
    pub fn retry(&self) {
        let mut state = whole(self.state.lock());
        if state.next.is_some() {
            state.is_due = true;
            state.failed = None;
            self.changed.notify_all();
        }
    }

    /// Blocks until what `ticket` stands for is durable, or a write that would have made it so has failed.
    pub fn wait(&self, ticket: u64) -> Result<(), NotDurable<E>> {
        let mut state = whole(self.state.lock());
        loop {
            match &state.failed {
                _ if state.durable >= ticket => return Ok(()),
                Some((failed, error)) if *failed >= ticket => return Err(NotDurable::Failed(error.clone())),
                Some(_) | None if state.is_over => return Err(NotDurable::Stopped),
                Some(_) | None => state = whole(self.changed.wait(state)),
            }
        }
    }

    /// The newest ticket that is durable; zero before the first.
    pub fn durable(&self) -> u64 {
        whole(self.state.lock()).durable
    }

    /// Takes no more values. The writer writes what waits, once, and ends.
    pub fn stop(&self) {
        whole(self.state.lock()).is_stopping = true;
        self.changed.notify_all();
    }

    /// Writes until stopped. `write` gets the ticket and the value; it must not save. One thread runs this.
    pub fn run(&self, mut write: impl FnMut(u64, &T) -> Result<(), E>) {
        // Whoever waits must not wait for ever when the write panics.
        let _over = self.begin();
        let mut state = whole(self.state.lock());
        loop {
            let is_last = state.is_stopping;
            let Some((ticket, value)) = due(&mut state) else {
                if is_last {
                    return;
                }
                state = whole(self.changed.wait(state));
                continue;
            };
            drop(state);
            let written = write(ticket, &value);
            state = whole(self.state.lock());
            note(&mut state, ticket, value, written);
            self.changed.notify_all();
            if is_last {
                return;
            }
        }
    }

    /// For a writer that must not block, in place of [`Saver::run`]: while it holds what this gives it may ask
    /// [`Saver::take`] and owes [`Saver::written`] an answer for each value taken. There is one writer.
    pub fn begin(&self) -> Over<'_, T, E> {
        Over { saver: self }
    }

    /// The value that is to be written now, with its ticket.
    pub fn take(&self) -> Option<(u64, T)> {
        let mut state = whole(self.state.lock());
        due(&mut state)
    }

    /// Says what became of a value that was taken.
    pub fn written(&self, ticket: u64, value: T, written: Result<(), E>) {
        let mut state = whole(self.state.lock());
        note(&mut state, ticket, value, written);
        self.changed.notify_all();
    }

    /// Whether no more values are taken: what is due then is the last.
    pub fn is_stopping(&self) -> bool {
        whole(self.state.lock()).is_stopping
    }
}

fn due<T, E>(state: &mut State<T, E>) -> Option<(u64, T)> {
    let is_due = state.is_due || state.is_stopping;
    state.next.take_if(|_| is_due)
}

fn note<T, E>(state: &mut State<T, E>, ticket: u64, value: T, written: Result<(), E>) {
    match written {
        Ok(()) => state.durable = ticket,
        // A newer value came meanwhile: it stands for this one too.
        Err(_) if state.next.is_some() => {}
        Err(error) => {
            state.failed = Some((ticket, error));
            state.next = Some((ticket, value));
            state.is_due = false;
        }
    }
}

/// Marks the writer as ended when it goes out of scope.
#[derive(Debug)]
pub struct Over<'a, T, E> {
    saver: &'a Saver<T, E>,
}

impl<T, E> Drop for Over<'_, T, E> {
    fn drop(&mut self) {
        whole(self.saver.state.lock()).is_over = true;
        self.saver.changed.notify_all();
    }
}

/// A panic elsewhere leaves no half-made state behind a lock of ours: it is never held across foreign code.
fn whole<G>(locked: Result<G, PoisonError<G>>) -> G {
    locked.unwrap_or_else(PoisonError::into_inner)
}
