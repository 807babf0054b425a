//! The disk of a run whose tasks must not block: one file operation at a time, with a pause before each, and the two
//! writers of the production store as tasks.

use std::sync::Arc;
use std::time::Duration;

use ccells_core::event::Event;
use ccells_core::ids::PathText;
use ccells_core::limits;
use ccells_core::ports::{FileError, FileOk, FileOp, Files};
use ccells_core::store::{Protocol, Step};
use ccells_shell::adapters::durable::{Records, States};
use ccells_shell::mailbox::Mailbox;
use tokio::time::Instant;

use super::slips::{Planted, Slip};
use crate::choice::Choices;
use crate::ports::files::{Disk, SimFiles};

/// How long one file operation takes at most.
const STEP_MS: u32 = 4;

/// One process's files, used without haste.
pub struct PacedFiles {
    files: SimFiles,
    choices: Choices,
    planted: Planted,
}

impl PacedFiles {
    /// The files of the process `process` of `disk`.
    pub fn new(files: SimFiles, choices: Choices) -> Self {
        Self { files, choices, planted: Planted::Nothing }
    }

    /// The same, with a mistake.
    #[must_use]
    pub fn with(self, planted: Planted) -> Self {
        Self { planted, ..self }
    }

    /// Drives a protocol to its end. After the process has died it has none.
    pub async fn run<P: Protocol>(&mut self, mut protocol: P) -> P::Output {
        let patience_until = Instant::now() + Duration::from_millis(limits::INDEX_WAIT_MS);
        let mut last = None;
        loop {
            last = match protocol.step(last) {
                Step::Do(op) => {
                    self.pause().await;
                    Some(self.apply(&op))
                }
                Step::Wait if Instant::now() < patience_until => {
                    tokio::time::sleep(Duration::from_millis(limits::LOCK_POLL_MS)).await;
                    None
                }
                Step::Wait => Some(Err(FileError::Locked)),
                Step::Done(output) => return output,
            };
            if self.files.is_dead() {
                return std::future::pending().await;
            }
        }
    }

    fn apply(&mut self, op: &FileOp) -> Result<FileOk, FileError> {
        let is_index = |path: &PathText| path.as_str().contains("/containers.json");
        if self.planted.is(Slip::NoFileSync) && matches!(op, FileOp::SyncFile(_)) {
            return Ok(FileOk::Done);
        }
        if self.planted.is(Slip::IndexBegunAnew) && matches!(op, FileOp::Read(path) if is_index(path)) {
            return Err(FileError::NotFound);
        }
        self.files.apply(op)
    }

    async fn pause(&self) {
        match self.choices.below("disk.pace", STEP_MS) {
            0 => tokio::task::yield_now().await,
            ms => tokio::time::sleep(Duration::from_millis(ms.into())).await,
        }
    }
}

/// Writes intents, the index and beats until there will be nothing more.
pub async fn write_records(mut records: Records, mut files: PacedFiles) {
    while let Some(mut piece) = records.next().await {
        let outcome = files.run(&mut *piece.protocol).await;
        piece.tell(&outcome);
    }
}

/// Writes the state until stopped.
pub async fn write_states(states: States, mut files: PacedFiles, mailbox: Mailbox) {
    let saver = Arc::clone(&states.saver);
    let _writing = saver.begin();
    loop {
        let is_last = saver.is_stopping();
        let Some((ticket, state)) = saver.take() else {
            if is_last {
                return;
            }
            states.rung.notified().await;
            continue;
        };
        let is_early = files.planted.is(Slip::AcknowledgedEarly);
        if is_early {
            mailbox.put(Event::StateSaved { generation: state.generation, outcome: Ok(()) }).await;
        }
        let written = files.run(states.protocol(&state)).await;
        let outcome = written.as_ref().map_err(ToString::to_string).copied();
        if !is_early {
            mailbox.put(Event::StateSaved { generation: state.generation, outcome }).await;
        }
        saver.written(ticket, state, written);
        if is_last {
            return;
        }
    }
}

/// A path's bytes, parsed, as a process would see them.
pub fn read<T: serde::de::DeserializeOwned>(disk: &Disk, path: &ccells_core::ids::PathText) -> Option<T> {
    disk.look(path, false, |bytes| ccells_core::record::parse(bytes).ok()).flatten()
}
