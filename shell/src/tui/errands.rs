//! What the screen has done elsewhere because it takes time: measuring what containers use, reading and changing the
//! settings, comparing workstreams with their bases, and looking what was removed last.

use ccells_core::ids::{ContainerId, PathText, WorkstreamId};
use ccells_core::record::Facts;
use futures_util::future::BoxFuture;

use super::Preferences;
use crate::patch::Patch;
use crate::pull_requests::PrWish;

/// Whoever does it. Each call returns at once; what it gives is waited for beside everything else, and may be dropped.
pub trait Errands: Send + Sync {
    /// Measures what workstreams use, in their order.
    fn measure(&self, subjects: Vec<Subject>) -> BoxFuture<'static, Vec<Usage>>;

    /// Makes `change`, where there is one, and tells what is set then; why it was not made, otherwise.
    fn settings(&self, change: Option<Change>) -> BoxFuture<'static, Result<Settings, String>>;

    /// Compares the workstream whose own directory this is with its base; why that cannot be, otherwise.
    fn compare(&self, directory: PathText) -> BoxFuture<'static, Result<Patch, String>>;

    /// All that was fixed about what was removed last in this repository, where anything was and is still kept; why that
    /// cannot be told, otherwise.
    fn last_removed(&self) -> BoxFuture<'static, Result<Option<Box<Facts>>, String>>;

    /// Opens a pull request for what was pushed of the workstream whose own directory this is, or finds the one there is.
    /// What is said of it, or why there is none.
    fn open_pull_request(
        &self,
        _directory: PathText,
        _wish: PrWish,
    ) -> BoxFuture<'static, Result<String, String>> {
        Box::pin(std::future::ready(Err("no pull request can be opened here".to_owned())))
    }
}

/// Nobody who does anything, for a screen that only draws.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoErrands;

impl Errands for NoErrands {
    fn measure(&self, _subjects: Vec<Subject>) -> BoxFuture<'static, Vec<Usage>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn settings(&self, _change: Option<Change>) -> BoxFuture<'static, Result<Settings, String>> {
        Box::pin(std::future::ready(Err("nothing can be set here".to_owned())))
    }

    fn compare(&self, _directory: PathText) -> BoxFuture<'static, Result<Patch, String>> {
        Box::pin(std::future::ready(Err("nothing can be compared here".to_owned())))
    }

    fn last_removed(&self) -> BoxFuture<'static, Result<Option<Box<Facts>>, String>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The workstream.
    pub workstream: WorkstreamId,
    /// Its container, where it has one.
    pub container: Option<ContainerId>,
    /// Whether the container has processes.
    pub is_live: bool,
    /// Its worktree.
    pub worktree: PathText,
}

/// What one workstream uses. What could not be measured is not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// The workstream.
    pub workstream: Option<WorkstreamId>,
    /// Processor time, in percent of one core; known from the second measurement on.
    pub cpu_percent: Option<f64>,
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// The most memory it may use, in bytes.
    pub memory_limit: Option<u64>,
    /// What the container wrote beside its mounts, in bytes.
    pub written: Option<u64>,
    /// The files of its worktree, in bytes.
    pub worktree: Option<u64>,
    /// Whether there are more files than were counted.
    pub is_more: bool,
    /// Why the engine could not be asked, in words.
    pub trouble: Option<String>,
}

/// A change of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its key.
    pub key: String,
    /// Its new value as it was typed; none takes it out of the file.
    pub value: Option<String>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// `config.toml`.
    File,
    /// A variable, which wins.
    Environment,
}

impl Origin {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "variable",
        }
    }
}

/// One setting as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key in `config.toml`.
    pub key: String,
    /// Its value, as it would be typed.
    pub value: String,
    /// Where the value comes from.
    pub origin: Origin,
    /// What it means and takes.
    pub about: String,
    /// Whether a change counts at once, and not only from the next start on.
    pub is_live: bool,
}

/// All that is set.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Every setting.
    pub rows: Vec<Setting>,
    /// What of them the screen can follow at once.
    pub preferences: Box<Preferences>,
}
