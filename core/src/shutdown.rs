//! The end of a run: nothing new, what is in flight is waited for, the state is made durable, the agents are frozen
//! or left to work, and then it ends, in time, whatever the engine does. Recovery never relies on it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::event::OnQuit;
use crate::ids::WorkstreamId;
use crate::limits::{DRAIN_MS, LEAVE_MS, PAUSE_ALL_MS, RECORD_MS, SHUTDOWN_MS};
use crate::time::Mono;

/// Where the end of the run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has not begun.
    Open,
    /// Waiting for what is in flight, and for the state to be durable.
    Draining {
        /// No longer than this.
        until: Mono,
    },
    /// Waiting for the containers to be frozen.
    Pausing {
        /// No longer than this.
        until: Mono,
    },
    /// Waiting for what came of it to be durable.
    Recording {
        /// No longer than this.
        until: Mono,
    },
    /// The process has been told to end.
    Done,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shutdown {
    phase: Phase,
    policy: OnQuit,
    began: Mono,
    outcomes: BTreeMap<WorkstreamId, ShutdownOutcome>,
}

/// How the end of the run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShutdownState {
    /// Since when.
    pub since: Mono,
    /// What became of each workstream that was to be frozen, so far.
    pub outcomes: Vec<(WorkstreamId, ShutdownOutcome)>,
}

/// What became of one workstream at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShutdownOutcome {
    /// Asked, not answered.
    Waiting,
    /// Frozen.
    Paused,
    /// Left to work on.
    KeptRunning,
    /// Not frozen, or not known to be.
    Failed(String),
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { phase: Phase::Open, policy: OnQuit::PauseAll, began: Mono(0), outcomes: BTreeMap::new() }
    }
}

impl Shutdown {
    /// Where it is.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.phase != Phase::Open
    }

    /// Whether the process has been told to end.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// What becomes of the agents.
    pub fn policy(&self) -> OnQuit {
        self.policy
    }

    /// Begins; again is nothing new.
    pub fn begin(&mut self, now: Mono, policy: OnQuit) {
        if self.phase == Phase::Open {
            *self = Self {
                phase: Phase::Draining { until: now.after(DRAIN_MS) },
                policy,
                began: now,
                ..Self::default()
            };
        }
    }

    /// Everything in flight came back, or was waited for long enough: freeze `running`, or leave them.
    pub fn begin_pausing(&mut self, now: Mono, running: &[WorkstreamId]) {
        let outcome = match self.policy {
            OnQuit::PauseAll => ShutdownOutcome::Waiting,
            OnQuit::KeepRunning => ShutdownOutcome::KeptRunning,
        };
        self.outcomes = running.iter().map(|id| (id.clone(), outcome.clone())).collect();
        let at_last = self.began.after(SHUTDOWN_MS - RECORD_MS);
        self.phase = Phase::Pausing { until: now.after(PAUSE_ALL_MS).min(at_last) };
    }

    /// One container was frozen, or not.
    pub fn record(&mut self, workstream: &WorkstreamId, outcome: ShutdownOutcome) {
        if let Some(slot) = self.outcomes.get_mut(workstream) {
            *slot = outcome;
        }
    }

    /// The containers were asked: record what came of it, within what is left of the budget.
    pub fn begin_recording(&mut self) {
        for outcome in self.outcomes.values_mut() {
            if *outcome == ShutdownOutcome::Waiting {
                *outcome = ShutdownOutcome::Failed("the engine did not answer in time".into());
            }
        }
        self.phase = Phase::Recording { until: self.began.after(SHUTDOWN_MS - LEAVE_MS) };
    }

    /// The process is told to end.
    pub fn finish(&mut self) {
        self.phase = Phase::Done;
    }

    /// When the phase ends at the latest.
    pub fn deadline(&self) -> Option<Mono> {
        match self.phase {
            Phase::Draining { until } | Phase::Pausing { until } | Phase::Recording { until } => Some(until),
            Phase::Open | Phase::Done => None,
        }
    }

    /// Whether everything that was to be frozen is.
    pub fn is_complete(&self) -> bool {
        !self
            .outcomes
            .values()
            .any(|outcome| matches!(outcome, ShutdownOutcome::Failed(_) | ShutdownOutcome::Waiting))
    }

    /// For the screen.
    pub fn state(&self) -> Option<ShutdownState> {
        let outcomes: Vec<_> =
            self.outcomes.iter().map(|(id, outcome)| (id.clone(), outcome.clone())).collect();
        self.has_begun().then_some(ShutdownState { since: self.began, outcomes })
    }
}
