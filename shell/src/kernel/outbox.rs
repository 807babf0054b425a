//! Bytes on their way to somebody who may be slow: one side hands them over and never waits, a thread at the other
//! side carries them. They arrive in order, and that all is out is told after it is so.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::Duration;

use super::sync::{Arc, Condvar, Mutex, MutexGuard, wait_while};

#[derive(Debug, Default)]
struct State {
    /// What nobody carries yet.
    waiting: VecDeque<Vec<u8>>,
    /// Whether something is carried just now.
    is_carrying: bool,
    /// Nothing may be carried any more.
    is_gone: bool,
    /// Nothing will be handed over any more.
    is_over: bool,
}

impl State {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.is_carrying
    }

    fn give_up(&mut self) {
        self.is_gone = true;
        self.waiting.clear();
    }
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// Where bytes are handed over. There is one of it, so that there is one order.
#[derive(Debug)]
pub struct Outbox {
    shared: Arc<Shared>,
}

/// What carries them.
#[derive(Debug)]
pub struct Carrier {
    shared: Arc<Shared>,
}

/// Both sides of an empty one.
pub fn outbox() -> (Outbox, Carrier) {
    let shared = Arc::new(Shared { state: Mutex::new(State::default()), changed: Condvar::new() });
    (Outbox { shared: shared.clone() }, Carrier { shared })
}

impl Outbox {
    /// Hands bytes over. `at_once` writes what can be written without waiting, and says how much that was; it is asked
    /// only when nothing is before these bytes. The carrier gets the rest.
    pub fn put(&mut self, bytes: &[u8], at_once: impl FnOnce(&[u8]) -> usize) {
        let state = self.shared.lock();
        if state.is_gone {
            return;
        }
        // It stays idle meanwhile: nobody else can hand anything over.
        let is_idle = state.is_idle();
        drop(state);
        let taken = if is_idle { at_once(bytes) } else { 0 };
        if taken == bytes.len() {
            return;
        }
        let mut state = self.shared.lock();
        if !state.is_gone {
            state.waiting.push_back(bytes[taken..].to_vec());
            self.shared.changed.notify_all();
        }
    }

    /// Nothing is carried any more, and nobody waits for it.
    pub fn give_up(&self) {
        self.shared.lock().give_up();
        self.shared.changed.notify_all();
    }

    /// Whether nothing may be carried any more: somebody gave up, or the carrier could not go on.
    pub fn is_gone(&self) -> bool {
        self.shared.lock().is_gone
    }

    /// Whether all is out.
    pub fn is_idle(&self) -> bool {
        self.shared.lock().is_idle()
    }

    /// Waits until all is out or nothing may be carried any more, but no longer than `patience`.
    pub fn wait_idle(&self, patience: Duration) {
        let state = self.shared.lock();
        let is_busy = |state: &mut State| !state.is_idle() && !state.is_gone;
        drop(wait_while(&self.shared.changed, state, patience, is_busy));
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
    }
}

impl Carrier {
    /// Carries until the outbox is dropped and empty. `write` may take its time, and says whether the bytes are out;
    /// when they are not, nothing is carried any more. `ring` is called after each.
    pub fn run(self, mut write: impl FnMut(&[u8]) -> bool, mut ring: impl FnMut()) {
        while let Some(bytes) = self.next() {
            let is_out = write(&bytes);
            let mut state = self.shared.lock();
            state.is_carrying = false;
            if !is_out {
                state.give_up();
            }
            self.shared.changed.notify_all();
            drop(state);
            ring();
        }
    }

    /// What is to be carried next; `None` at the end.
    fn next(&self) -> Option<Vec<u8>> {
        let mut state = self.shared.lock();
        loop {
            if let Some(bytes) = state.waiting.pop_front() {
                state.is_carrying = true;
                return Some(bytes);
            }
            if state.is_over {
                return None;
            }
            state = whole(self.shared.changed.wait(state));
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        // It may have panicked with something in hand: nobody must wait for that.
        let mut state = self.shared.lock();
        state.is_carrying = false;
        state.give_up();
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        whole(self.state.lock())
    }
}

/// A panic elsewhere leaves no half-made state behind a lock of ours: it is never held across foreign code.
fn whole<G>(locked: Result<G, PoisonError<G>>) -> G {
    locked.unwrap_or_else(PoisonError::into_inner)
}
