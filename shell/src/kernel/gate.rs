//! Close against use: whoever is inside a resource keeps it open, exactly one closer releases it, and after
//! any `close` returned nobody is inside and nobody gets in.

use std::marker::PhantomData;
use std::sync::PoisonError;

use super::sync::{Condvar, Mutex};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Open,
    /// No one gets in any more; some may still be inside.
    Closing,
    /// The resource is released.
    Closed,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    users: usize,
}

/// The gate of one resource, such as one attached terminal.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

/// The right to use the resource until this is dropped. Hold it for bounded work only, never while waiting
/// for something that `close`'s `wake` does not end. It cannot leave its thread, so no task can keep it over
/// an await:
///
/// ```compile_fail
/// fn is_send<T: Send>() {}
/// is_send::<ccells_shell::kernel::gate::Pass>();
/// ```
#[derive(Debug)]
pub struct Pass<'a> {
    gate: &'a Gate,
    stays_here: PhantomData<*const ()>,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// An open gate.
    pub fn new() -> Self {
        Self { state: Mutex::new(State { phase: Phase::Open, users: 0 }), changed: Condvar::new() }
    }

    /// Goes in, unless somebody began to close.
    pub fn enter(&self) -> Option<Pass<'_>> {
        let mut state = whole(self.state.lock());
        if state.phase != Phase::Open {
            return None;
        }
        state.users += 1;
        Some(Pass { gate: self, stays_here: PhantomData })
    }

    /// Closes: lets nobody in, calls `wake` so that those inside come out, waits for them, and calls
    /// `release`, once for all closers. Returns when the resource is released, whoever did it; `true` when it
    /// was us. Must not be called with a [`Pass`] in hand. It waits no longer than the work inside takes, so
    /// async code may call it.
    pub fn close(&self, wake: impl FnOnce(), release: impl FnOnce()) -> bool {
        let mut state = whole(self.state.lock());
        if state.phase != Phase::Open {
            while state.phase != Phase::Closed {
                state = whole(self.changed.wait(state));
            }
            return false;
        }
        state.phase = Phase::Closing;
        drop(state);
        wake();
        state = whole(self.state.lock());
        while state.users > 0 {
            state = whole(self.changed.wait(state));
        }
        drop(state);
        // Other closers must not wait for ever when the release panics.
        let _closed = Closed { gate: self };
        release();
        true
    }
}

/// Marks the gate as closed when it goes out of scope.
struct Closed<'a> {
    gate: &'a Gate,
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        whole(self.gate.state.lock()).phase = Phase::Closed;
        self.gate.changed.notify_all();
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = whole(self.gate.state.lock());
        state.users -= 1;
        if state.users == 0 {
            self.gate.changed.notify_all();
        }
    }
}

/// A panic elsewhere leaves no half-made state behind a lock of ours: it is never held across foreign code.
fn whole<G>(locked: Result<G, PoisonError<G>>) -> G {
    locked.unwrap_or_else(PoisonError::into_inner)
}
