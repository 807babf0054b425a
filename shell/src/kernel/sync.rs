//! The primitives the kernels are built on: the standard library's here, loom's in the models.

use std::sync::PoisonError;
use std::time::Duration;

pub(super) use std::sync::atomic::{AtomicUsize, Ordering};
pub(super) use std::sync::{Arc, Condvar, Mutex, MutexGuard};
pub(super) use std::thread::yield_now;

/// Waits while `is_due`, but no longer than `patience`. In the models patience never ends: whoever forgets to wake
/// the one who waits here has it wait for ever.
pub(super) fn wait_while<'a, T>(
    changed: &Condvar,
    guard: MutexGuard<'a, T>,
    patience: Duration,
    is_due: impl FnMut(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    changed.wait_timeout_while(guard, patience, is_due).unwrap_or_else(PoisonError::into_inner).0
}
