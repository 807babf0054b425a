//! Where everything of one home is, by name: the only place that knows the layout on disk.

use alloc::format;

use crate::ids::{PathText, RepoId, RunId, WorkstreamId};

/// The directories that every home has.
const ROOMS: [&str; 8] = ["runs", "locks", "state", "intents", "workstreams", "worktrees", "trash", "logs"];

/// The layout of one home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    home: PathText,
}

impl Places {
    /// Those of the home at `home`.
    pub fn new(home: &PathText) -> Self {
        Self { home: home.clone() }
    }

    /// The home itself.
    pub fn home(&self) -> &PathText {
        &self.home
    }

    /// Every directory that exists in every home.
    pub fn rooms(&self) -> [PathText; ROOMS.len()] {
        ROOMS.map(|room| self.home.join(room))
    }

    /// The index of our containers.
    pub fn index(&self) -> PathText {
        self.home.join("containers.json")
    }

    /// Its writer lock.
    pub fn index_lock(&self) -> PathText {
        self.home.join("locks").join("containers.lock")
    }

    /// The last beat of any run.
    pub fn heartbeat(&self) -> PathText {
        self.home.join("heartbeat")
    }

    /// Locks and beats of runs.
    pub fn runs(&self) -> PathText {
        self.home.join("runs")
    }

    /// A run's lock: its proof of life.
    pub fn run_lock(&self, run: &RunId) -> PathText {
        self.runs().join(&format!("{run}.lock"))
    }

    /// A run's beat.
    pub fn run_beat(&self, run: &RunId) -> PathText {
        self.runs().join(&format!("{run}.hb"))
    }

    /// Everything about one repository but its workstreams.
    pub fn repo(&self, repo: &RepoId) -> PathText {
        self.home.join("state").join(repo.as_str())
    }

    /// A repository's state.
    pub fn state(&self, repo: &RepoId) -> PathText {
        self.repo(repo).join("state.json")
    }

    /// The lock of the one run that may change a repository's workstreams.
    pub fn repo_lock(&self, repo: &RepoId) -> PathText {
        self.repo(repo).join("repo.lock")
    }

    /// The socket on which that run takes wishes of others.
    pub fn control_socket(&self, repo: &RepoId) -> PathText {
        self.repo(repo).join("control.sock")
    }

    /// Write-ahead intents.
    pub fn intents(&self) -> PathText {
        self.home.join("intents")
    }

    /// A workstream's intent.
    pub fn intent(&self, workstream: &WorkstreamId) -> PathText {
        self.intents().join(&format!("{workstream}.json"))
    }

    /// The workstreams' own directories.
    pub fn workstreams(&self) -> PathText {
        self.home.join("workstreams")
    }

    /// A workstream's own directory.
    pub fn workstream(&self, workstream: &WorkstreamId) -> PathText {
        self.workstreams().join(workstream.as_str())
    }

    /// What is fixed about a workstream.
    pub fn facts(&self, workstream: &WorkstreamId) -> PathText {
        self.workstream(workstream).join("workstream.json")
    }

    /// The worktrees of one repository.
    pub fn worktrees(&self, repo: &RepoId) -> PathText {
        self.home.join("worktrees").join(repo.as_str())
    }

    /// A workstream's worktree.
    pub fn worktree(&self, repo: &RepoId, workstream: &WorkstreamId) -> PathText {
        self.worktrees(repo).join(workstream.as_str())
    }

    /// Where the directories of workstreams that were removed wait to go.
    pub fn trash(&self) -> PathText {
        self.home.join("trash")
    }

    /// The directory for logs.
    pub fn logs(&self) -> PathText {
        self.home.join("logs")
    }

    /// A small file to give up when the disk is full.
    pub fn reserve(&self) -> PathText {
        self.home.join(".reserve")
    }
}
