//! Mistakes put into the row of file operations of a protocol: the real protocol runs, and one kind of its operations is
//! left out, changed, or lied about.

use ccells_core::event::Event;
use ccells_core::ids::{PathText, RepoId};
use ccells_core::ports::{FileError, FileOk, FileOp};
use ccells_core::record::{self, TrackingRecord};
use ccells_core::store::{self, Protocol, Step};

use crate::canary::Slip;
use crate::process::FileJob;

/// A protocol that makes a mistake.
pub struct Flawed {
    protocol: FileJob,
    slip: Slip,
    /// The operation that was done last, as the protocol wanted it.
    wanted: Option<FileOp>,
    /// What is to follow the present operation, as far as the protocol does not know of it.
    queued: Option<FileOp>,
    has_repeated: bool,
    is_blind: bool,
}

impl Flawed {
    /// `protocol`, with this mistake in it.
    pub fn new(protocol: FileJob, slip: Slip) -> Self {
        Self { protocol, slip, wanted: None, queued: None, has_repeated: false, is_blind: false }
    }

    /// What the protocol is told of the operation it wanted.
    fn told(&self, last: Option<Result<FileOk, FileError>>) -> Option<Result<FileOk, FileError>> {
        let done = Some(Ok(FileOk::Done));
        match (self.slip, &self.wanted, &last) {
            (Slip::SyncErrorIgnored, Some(FileOp::SyncFile(_)), _)
            | (Slip::DirectorySyncErrorIgnored, Some(FileOp::SyncDir(_)), _)
            | (Slip::SharedTemporary, Some(FileOp::CreateNew(_)), Some(Err(FileError::Exists))) => done,
            (Slip::UnreadableIsEmpty, Some(FileOp::Read(_)), _) if self.is_blind => {
                Some(Err(FileError::NotFound))
            }
            (Slip::NoSweep, Some(FileOp::List(_)), Some(Ok(_))) => Some(Ok(FileOk::Names(Vec::new()))),
            _ => last,
        }
    }

    /// What is said of an operation that is left out; `None` for one that is done.
    fn left_out(&self, op: &FileOp) -> Option<Result<FileOk, FileError>> {
        let is_out = match (self.slip, op) {
            (Slip::NoFileSync, FileOp::SyncFile(_))
            | (Slip::NoDirectorySync, FileOp::SyncDir(_))
            | (Slip::UpdateWithoutLock, FileOp::TryLock(_) | FileOp::Unlock(_)) => true,
            (Slip::RemoveWithoutSync, FileOp::SyncDir(_)) => {
                matches!(&self.wanted, Some(FileOp::Unlink(path)) if temporary(path).is_none())
            }
            (Slip::WriteInPlace, FileOp::Link(..)) => return Some(Err(FileError::NotFound)),
            (Slip::WriteInPlace, FileOp::Rename(from, _)) => temporary(from).is_some(),
            (Slip::WriteInPlace, FileOp::Unlink(path)) => temporary(path).is_some(),
            _ => false,
        };
        is_out.then_some(Ok(FileOk::Done))
    }

    /// What is done in an operation's stead.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other mistakes change no operation")]
    fn changed(&mut self, op: &FileOp) -> FileOp {
        let place = match self.slip {
            Slip::SharedTemporary => |path: &PathText| temporary(path).map(|it| it.1),
            Slip::WriteInPlace => |path: &PathText| temporary(path).map(|it| it.0),
            _ => return op.clone(),
        };
        let other = |path: &PathText| place(path).unwrap_or_else(|| path.clone());
        match op {
            FileOp::CreateNew(path) if self.slip == Slip::WriteInPlace && place(path).is_some() => {
                self.queued = Some(FileOp::CreateNew(other(path)));
                FileOp::Unlink(other(path))
            }
            FileOp::CreateNew(path) => FileOp::CreateNew(other(path)),
            FileOp::Append(path, bytes) => FileOp::Append(other(path), bytes.clone()),
            FileOp::SyncFile(path) => FileOp::SyncFile(other(path)),
            FileOp::Unlink(path) => FileOp::Unlink(other(path)),
            FileOp::Rename(from, to) => FileOp::Rename(other(from), to.clone()),
            FileOp::Link(from, to) => FileOp::Link(from.clone(), to.clone()),
            FileOp::MakeDir(_)
            | FileOp::Read(_)
            | FileOp::List(_)
            | FileOp::SyncDir(_)
            | FileOp::TryLock(_)
            | FileOp::Unlock(_) => op.clone(),
        }
    }
}

impl Protocol for Flawed {
    type Output = Option<Event>;

    fn step(&mut self, last: Option<Result<FileOk, FileError>>) -> Step<Self::Output> {
        if let Some(op) = self.queued.take() {
            return Step::Do(op);
        }
        let is_failed_sync = matches!((&self.wanted, &last), (Some(FileOp::SyncFile(_)), Some(Err(_))));
        if let (Slip::FailedSyncRepeated, true, false, Some(op)) =
            (self.slip, is_failed_sync, self.has_repeated, self.wanted.clone())
        {
            self.has_repeated = true;
            return Step::Do(op);
        }
        self.is_blind |=
            matches!((&self.wanted, &last), (Some(FileOp::Read(_)), Some(Err(FileError::Io(_)))));
        let mut last = self.told(last);
        loop {
            match self.protocol.step(last) {
                Step::Do(op) => {
                    let left_out = self.left_out(&op);
                    let changed = self.changed(&op);
                    self.wanted = Some(op);
                    match left_out {
                        Some(outcome) => last = Some(outcome),
                        None => return Step::Do(changed),
                    }
                }
                Step::Wait => return Step::Wait,
                Step::Done(output) => return Step::Done(output),
            }
        }
    }
}

/// Of a temporary file: the file it is for, and a temporary name that every writer would share.
fn temporary(path: &PathText) -> Option<(PathText, PathText)> {
    let (directory, name) = path.as_str().rsplit_once('/')?;
    let (of, _) = store::temporary(name)?;
    let ending = if name.ends_with(".prev.tmp") { ".prev.tmp" } else { ".tmp" };
    let place = |name: String| PathText(format!("{directory}/{name}"));
    Some((place(of.to_string()), place(format!(".{of}{ending}"))))
}

/// An index in which only the entries of one repository are left.
pub fn only_of(bytes: &[u8], repo: &RepoId) -> Vec<u8> {
    match record::parse::<TrackingRecord>(bytes) {
        Ok(mut index) => {
            index.containers.retain(|entry| entry.repo_id == *repo);
            record::print(&index)
        }
        Err(_) => bytes.to_vec(),
    }
}
