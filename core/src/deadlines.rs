//! Every wait has a deadline, every deadline a reason.

use crate::time::Mono;

/// Why the driver is to wake up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The heartbeat is due.
    Beat,
    /// The containers are to be listed, on schedule or after a silence.
    List,
    /// A state that could not be saved is to be saved again.
    Save,
    /// A lost session is to be opened again.
    Attach,
    /// A removal is waiting for what may still land.
    Settle,
    /// The end of the run goes on.
    Shutdown,
}

/// When to wake up, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When.
    pub at: Mono,
    /// Why.
    pub reason: Reason,
}

/// Keeps the soonest of the deadlines it is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Soonest(Option<Deadline>);

impl Soonest {
    /// Takes a deadline into account.
    #[must_use]
    pub fn or(self, at: Option<Mono>, reason: Reason) -> Self {
        match (self.0, at) {
            (_, None) => self,
            (Some(soonest), Some(at)) if soonest.at <= at => self,
            (_, Some(at)) => Self(Some(Deadline { at, reason })),
        }
    }

    /// The soonest of all.
    pub fn get(self) -> Option<Deadline> {
        self.0
    }
}
