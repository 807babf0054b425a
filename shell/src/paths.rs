//! Where everything of one home is, by name: the only place that knows the layout on disk.

use std::path::{Path, PathBuf};

use ccells_core::ids::{PathText, RepoId, RunId, WorkstreamId};

/// The layout of one home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomePaths {
    root: PathBuf,
}

impl HomePaths {
    /// The home at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The home itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The index of our containers.
    pub fn index(&self) -> PathBuf {
        self.root.join("containers.json")
    }

    /// Its writer lock.
    pub fn index_lock(&self) -> PathBuf {
        self.root.join("locks").join("containers.lock")
    }

    /// The last beat of any run.
    pub fn heartbeat(&self) -> PathBuf {
        self.root.join("heartbeat")
    }

    /// Locks and beats of runs.
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// A run's lock.
    pub fn run_lock(&self, run: &RunId) -> PathBuf {
        self.runs().join(format!("{run}.lock"))
    }

    /// A run's beat.
    pub fn run_beat(&self, run: &RunId) -> PathBuf {
        self.runs().join(format!("{run}.hb"))
    }

    /// Everything about one repository but its workstreams.
    pub fn repo(&self, repo: &RepoId) -> PathBuf {
        self.root.join("state").join(repo.as_str())
    }

    /// A repository's state.
    pub fn state(&self, repo: &RepoId) -> PathBuf {
        self.repo(repo).join("state.json")
    }

    /// The lock of the one run that may change a repository's workstreams.
    pub fn repo_lock(&self, repo: &RepoId) -> PathBuf {
        self.repo(repo).join("repo.lock")
    }

    /// The socket on which that run takes wishes of others.
    pub fn control_socket(&self, repo: &RepoId) -> PathBuf {
        self.repo(repo).join("control.sock")
    }

    /// Write-ahead intents.
    pub fn intents(&self) -> PathBuf {
        self.root.join("intents")
    }

    /// A workstream's intent.
    pub fn intent(&self, workstream: &WorkstreamId) -> PathBuf {
        self.intents().join(format!("{workstream}.json"))
    }

    /// The workstreams' own directories.
    pub fn workstreams(&self) -> PathBuf {
        self.root.join("workstreams")
    }

    /// What is fixed about a workstream.
    pub fn facts(&self, workstream: &WorkstreamId) -> PathBuf {
        self.workstreams().join(workstream.as_str()).join("workstream.json")
    }

    /// The worktrees of one repository.
    pub fn worktrees(&self, repo: &RepoId) -> PathBuf {
        self.root.join("worktrees").join(repo.as_str())
    }

    /// The directory for logs.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// A small file to give up when the disk is full.
    pub fn reserve(&self) -> PathBuf {
        self.root.join(".reserve")
    }

    /// Every directory that exists in every home.
    pub fn rooms(&self) -> Vec<PathBuf> {
        ["runs", "locks", "state", "intents", "workstreams", "worktrees", "trash", "logs"]
            .iter()
            .map(|room| self.root.join(room))
            .collect()
    }
}

/// A path as the core carries it. Paths that are not UTF-8 are refused at the border, so nothing is lost here.
pub fn text(path: &Path) -> PathText {
    PathText(path.to_string_lossy().into_owned())
}
