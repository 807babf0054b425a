//! What a workstream changed, read for a verb and for the screen alike: its own record says what it began with, and git
//! compares.

use std::path::{Path, PathBuf};

use ccells_core::ports::GitError;
use ccells_core::record::{self, Facts, FactsRecord};

use crate::adapters::files::RealFiles;
use crate::adapters::git::{Detail, RealGit, WorkDiff};
use crate::boot;

/// What was read.
#[derive(Clone, Debug)]
pub struct Changes {
    /// The commit that it is compared with.
    pub base: String,
    /// How it differs.
    pub diff: WorkDiff,
}

/// Why nothing was.
#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    /// Its record cannot be read.
    #[error("{} cannot be read: {why}; run `ccells doctor`", path.display())]
    Unread {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It is not made so far that it has a base.
    #[error(
        "`{}` has no commit that it began with yet; `ccells ls` shows how far it is",
        ccells_core::naming::sanitise(name)
    )]
    NoBase {
        /// Its name.
        name: String,
    },
    /// Git could not compare.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Compares the workstream whose own directory is `directory`.
pub async fn read(git: &RealGit, directory: &Path, detail: Detail) -> Result<Changes, ChangesError> {
    let facts = facts_in(directory).await?;
    let Some(plan) = facts.plan() else { return Err(ChangesError::NoBase { name: facts.name }) };
    let diff = git.diff_work(&plan, detail).await?;
    Ok(Changes { base: plan.base.as_str().to_owned(), diff })
}

/// What is fixed about the workstream whose own directory is `directory`.
pub async fn facts_in(directory: &Path) -> Result<Facts, ChangesError> {
    let path = directory.join("workstream.json");
    let task = tokio::task::spawn_blocking(move || facts(path));
    task.await.unwrap_or_else(|error| {
        let path = directory.join("workstream.json");
        Err(ChangesError::Unread { path, why: error.to_string() })
    })
}

/// What is fixed about the workstream of this record.
fn facts(path: PathBuf) -> Result<Facts, ChangesError> {
    let read = match boot::read(&mut RealFiles::new(), &path) {
        Ok(bytes) => record::parse::<FactsRecord>(&bytes).map_err(|flaw| flaw.to_string()),
        Err(error) => Err(error.to_string()),
    };
    read.map(|record| record.facts).map_err(|why| ChangesError::Unread { path, why })
}
