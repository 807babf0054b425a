//! The layout of one home (see [`Places`]) as paths of this machine.

use std::path::{Path, PathBuf};

use ccells_core::ids::{PathText, RepoId, RunId, WorkstreamId};
use ccells_core::places::Places;

/// The layout of one home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomePaths {
    root: PathBuf,
    places: Places,
}

impl HomePaths {
    /// The home at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let places = Places::new(&text(&root));
        Self { root, places }
    }

    /// The same places, as the core names them.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The home itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every directory that exists in every home.
    pub fn rooms(&self) -> Vec<PathBuf> {
        self.places.rooms().into_iter().map(path).collect()
    }

    /// The index of our containers.
    pub fn index(&self) -> PathBuf {
        path(self.places.index())
    }

    /// Its writer lock.
    pub fn index_lock(&self) -> PathBuf {
        path(self.places.index_lock())
    }

    /// The last beat of any run.
    pub fn heartbeat(&self) -> PathBuf {
        path(self.places.heartbeat())
    }

    /// Locks and beats of runs.
    pub fn runs(&self) -> PathBuf {
        path(self.places.runs())
    }

    /// A run's lock.
    pub fn run_lock(&self, run: &RunId) -> PathBuf {
        path(self.places.run_lock(run))
    }

    /// A run's beat.
    pub fn run_beat(&self, run: &RunId) -> PathBuf {
        path(self.places.run_beat(run))
    }

    /// Everything about one repository but its workstreams.
    pub fn repo(&self, repo: &RepoId) -> PathBuf {
        path(self.places.repo(repo))
    }

    /// A repository's state.
    pub fn state(&self, repo: &RepoId) -> PathBuf {
        path(self.places.state(repo))
    }

    /// The lock of the one run that may change a repository's workstreams.
    pub fn repo_lock(&self, repo: &RepoId) -> PathBuf {
        path(self.places.repo_lock(repo))
    }

    /// The socket on which that run takes wishes of others.
    pub fn control_socket(&self, repo: &RepoId) -> PathBuf {
        path(self.places.control_socket(repo))
    }

    /// Write-ahead intents.
    pub fn intents(&self) -> PathBuf {
        path(self.places.intents())
    }

    /// A workstream's intent.
    pub fn intent(&self, workstream: &WorkstreamId) -> PathBuf {
        path(self.places.intent(workstream))
    }

    /// The workstreams' own directories.
    pub fn workstreams(&self) -> PathBuf {
        path(self.places.workstreams())
    }

    /// A workstream's own directory.
    pub fn workstream(&self, workstream: &WorkstreamId) -> PathBuf {
        path(self.places.workstream(workstream))
    }

    /// What is fixed about a workstream.
    pub fn facts(&self, workstream: &WorkstreamId) -> PathBuf {
        path(self.places.facts(workstream))
    }

    /// The worktrees of one repository.
    pub fn worktrees(&self, repo: &RepoId) -> PathBuf {
        path(self.places.worktrees(repo))
    }

    /// What was removed.
    pub fn trash(&self) -> PathBuf {
        path(self.places.trash())
    }

    /// The directory for logs.
    pub fn logs(&self) -> PathBuf {
        path(self.places.logs())
    }

    /// A small file to give up when the disk is full.
    pub fn reserve(&self) -> PathBuf {
        path(self.places.reserve())
    }
}

/// A path as the core carries it. Paths that are not UTF-8 are refused at the border, so nothing is lost here.
pub fn text(path: &Path) -> PathText {
    PathText(path.to_string_lossy().into_owned())
}

fn path(text: PathText) -> PathBuf {
    PathBuf::from(text.0)
}
