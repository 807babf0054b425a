//! The simulated engine's log: a line for each request.

use std::fmt;
use std::time::Duration;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has not ended yet, or never did before the engine was gone.
    Open,
    /// It was answered with this status.
    Status(u16),
    /// It was done with this status, and the answer was lost.
    Lost(u16),
    /// The stream was cut before anything was done.
    Cut,
    /// The client went away before it had asked.
    Gone,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Status(status) => write!(f, "{status}"),
            Self::Lost(status) => write!(f, "{status} lost"),
            Self::Cut => f.write_str("cut"),
            Self::Gone => f.write_str("gone"),
        }
    }
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it came, since the simulation began.
    pub at: Duration,
    /// Its method.
    pub method: String,
    /// Its path, without the query: what a client puts there in any order must not change a trace.
    pub path: String,
    /// How it ended.
    pub outcome: Outcome,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, method, path, outcome } = self;
        write!(f, "{:>12.6} dockerd {method:<6} {path} {outcome}", at.as_secs_f64())
    }
}

/// All requests, in the order in which they came.
#[derive(Default)]
pub(super) struct Journal(pub(super) Vec<Entry>);

impl Journal {
    /// A request came; the number under which its end is noted.
    pub(super) fn open(&mut self, at: Duration, method: &str, path: &str) -> usize {
        let (method, path) = (method.to_owned(), path.to_owned());
        self.0.push(Entry { at, method, path, outcome: Outcome::Open });
        self.0.len() - 1
    }

    pub(super) fn close(&mut self, entry: usize, outcome: Outcome) {
        self.0[entry].outcome = outcome;
    }
}
