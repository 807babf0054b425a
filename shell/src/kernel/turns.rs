//! Who goes first at a lock that knows no turns: those who look say so before they wait, and the one who feeds lets
//! them go before it takes the lock again.

use super::sync::{AtomicUsize, Ordering, yield_now};

/// How often whoever feeds asks whether the way is free, before it goes on all the same.
const MOMENTS: usize = 64;

/// The turns at one lock, which lies beside this.
#[derive(Debug)]
pub struct Turns {
    /// How many said that they look, and do not have the lock yet.
    waiting: AtomicUsize,
}

impl Default for Turns {
    fn default() -> Self {
        Self::new()
    }
}

impl Turns {
    /// Nobody waits.
    pub fn new() -> Self {
        Self { waiting: AtomicUsize::new(0) }
    }

    /// What `lock` gives, before anybody has it who gives way from now on.
    pub fn first<G>(&self, lock: impl FnOnce() -> G) -> G {
        // The count only has to be right in the end: what is locked is kept whole by its lock.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _gone = Gone { waiting: &self.waiting };
        lock()
    }

    /// Lets those go first who wait, as far as that is a matter of moments. Not with the lock in hand.
    pub fn give_way(&self) {
        for _ in 0..MOMENTS {
            if !self.is_wanted() {
                return;
            }
            yield_now();
        }
    }

    /// Whether anybody waits.
    pub fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

/// Waits no more when it goes out of scope, also when the lock could not be had.
struct Gone<'a> {
    waiting: &'a AtomicUsize,
}

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
