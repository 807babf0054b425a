//! Pulls of images in flight, by workstream: each can be given up at once, and tells how far it is now and then.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccells_core::event::Event;
use ccells_core::ids::{Attempt, WorkstreamId};
use ccells_core::limits;
use ccells_core::ports::{Engine, EngineError, PullProgress};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::mailbox::Mailbox;

/// The pulls of one run that may still be in flight.
#[derive(Default)]
pub struct Pulls {
    tokens: Mutex<BTreeMap<WorkstreamId, CancellationToken>>,
}

impl Pulls {
    /// A pull begins; the token tells it that nobody waits any more. An earlier one for the same workstream has ended, or
    /// is given up.
    pub(crate) fn begin(&self, workstream: &WorkstreamId) -> CancellationToken {
        let token = CancellationToken::new();
        if let Some(before) = self.lock().insert(workstream.clone(), token.clone()) {
            before.cancel();
        }
        token
    }

    /// Gives that pull up. One that has ended is left alone.
    pub(crate) fn abandon(&self, workstream: &WorkstreamId) {
        if let Some(token) = self.lock().remove(workstream) {
            token.cancel();
        }
    }

    /// Gives all up.
    pub(crate) fn abandon_all(&self) {
        for token in std::mem::take(&mut *self.lock()).into_values() {
            token.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<WorkstreamId, CancellationToken>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One pull.
pub(crate) struct Pull {
    pub(crate) workstream: WorkstreamId,
    pub(crate) attempt: Attempt,
    pub(crate) image: String,
    pub(crate) is_abandoned: CancellationToken,
}

impl Pull {
    /// Pulls, and tells of it; the last that is told is what came of it.
    pub(crate) async fn run<E: Engine>(self, engine: &E, mailbox: &Mailbox) {
        let (teller, told) = watch::channel(PullProgress::default());
        let tell = move |progress| {
            teller.send_if_modified(|last| std::mem::replace(last, progress) != progress);
        };
        let outcome = tokio::select! {
            biased;
            () = self.is_abandoned.cancelled() => {
                Err(EngineError::Conflict { what: format!("the pull of image {} was cancelled", self.image) })
            }
            outcome = engine.pull_image(&self.image, tell) => outcome,
            () = self.report(told, mailbox) => unreachable!("a report has no end of its own"),
        };
        let Self { workstream, attempt, .. } = self;
        mailbox.put(Event::ImagePulled { workstream, attempt, outcome }).await;
    }

    async fn report(&self, mut told: watch::Receiver<PullProgress>, mailbox: &Mailbox) {
        while told.changed().await.is_ok() {
            let progress = *told.borrow_and_update();
            let (workstream, attempt) = (self.workstream.clone(), self.attempt);
            mailbox.put(Event::PullProgressed { workstream, attempt, progress }).await;
            tokio::time::sleep(Duration::from_millis(limits::PULL_TELL_MS)).await;
        }
        std::future::pending::<()>().await;
    }
}
