//! Touches the world: the machine's clocks.

use std::time::{SystemTime, UNIX_EPOCH};

use ccells_core::ports::Clock;
use ccells_core::time::{Mono, Now, Wall};
use tokio::time::Instant;

/// The machine's clocks. Monotonic time is the runtime's, so that a simulated runtime simulates it.
#[derive(Clone, Copy, Debug)]
pub struct RealClock {
    origin: Instant,
    /// What the wall clock showed at the origin; `None`: the system's is read.
    epoch: Option<Wall>,
}

impl RealClock {
    /// A clock whose monotonic time begins a moment after zero.
    pub fn new() -> Self {
        Self { origin: Instant::now(), epoch: None }
    }

    /// The same for a simulated machine: its wall clock shows `epoch` now and goes with the runtime's time.
    pub fn simulated(epoch: Wall) -> Self {
        Self { origin: Instant::now(), epoch: Some(epoch) }
    }

    /// The runtime's instant for a time of ours.
    pub fn instant(&self, at: Mono) -> Instant {
        self.origin + std::time::Duration::from_millis(at.0.saturating_sub(1))
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn now(&self) -> Now {
        let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let elapsed = ms(self.origin.elapsed());
        let wall = self.epoch.map_or_else(
            || ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            |epoch| epoch.0 + elapsed,
        );
        Now { mono: Mono(elapsed + 1), wall: Wall(wall) }
    }
}
