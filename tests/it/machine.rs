//! The contract of git and of the clock, on the adapters of this machine: a real repository, the real time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ccells_core::ids::{Commit, PathText, WorkstreamId};
use ccells_core::ports::{Beginning, Clock, WorktreePlan};
use ccells_core::time::Wall;
use ccells_shell::adapters::clock::RealClock;
use ccells_shell::adapters::git::RealGit;
use tempfile::TempDir;

use crate::contract::clock::{self, clock_cases};
use crate::contract::git::{self, git_cases};

macro_rules! on_real_git {
    ($case:ident) => {
        #[tokio::test]
        async fn $case() {
            git::$case(&Repository::new()).await;
        }
    };
}

macro_rules! on_the_real_clock {
    ($case:ident) => {
        #[test]
        fn $case() {
            clock::$case(&Hours { clock: RealClock::new() });
        }
    };
}

git_cases!(on_real_git);
clock_cases!(on_the_real_clock);

/// The one workstream of a case.
const ID: &str = "01jd8z5q0v3x7k2m9n4p6r8s1t";

/// A repository with one commit, and a home of ccells beside it.
struct Repository {
    room: TempDir,
    git: RealGit,
}

impl Repository {
    fn new() -> Self {
        let repository = Self { room: tempfile::tempdir().unwrap(), git: RealGit::new().unwrap() };
        fs::create_dir(repository.top()).unwrap();
        fs::write(repository.top().join("code"), "1\n").unwrap();
        repository.user(&["init", "--quiet", "--initial-branch=main"]);
        repository.user(&["add", "."]);
        repository.user(&["commit", "--quiet", "--message=first"]);
        repository
    }

    fn top(&self) -> PathBuf {
        self.room.path().canonicalize().unwrap().join("repository")
    }

    /// Git as the user calls it.
    fn user(&self, words: &[&str]) -> String {
        run_git(&self.top(), words, &[])
    }

    fn has_ref(&self, name: &str) -> bool {
        !self.user(&["for-each-ref", name]).is_empty()
    }
}

/// Runs git, with nobody's settings, and gives what it prints.
fn run_git(directory: &Path, words: &[&str], variables: &[(&str, &Path)]) -> String {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "A Person");
        command.env(format!("GIT_{role}_EMAIL"), "person@example.com");
    }
    let output = command.envs(variables.iter().copied()).current_dir(directory).args(words).output().unwrap();
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn text(path: &Path) -> PathText {
    PathText::from(path.to_str().unwrap())
}

fn path(text: &PathText) -> &Path {
    Path::new(text.as_str())
}

impl git::World for Repository {
    type Git = RealGit;

    fn git(&self) -> &RealGit {
        &self.git
    }

    fn repo(&self) -> PathText {
        text(&self.top())
    }

    fn plan(&self, base: Commit) -> WorktreePlan {
        let home = self.top().with_file_name("ccells");
        WorktreePlan {
            workstream: WorkstreamId::parse(ID).unwrap(),
            repo: self.repo(),
            git_dir: text(&self.top().join(".git")),
            worktree: text(&home.join("worktrees/repository").join(ID)),
            home: text(&home.join("workstreams").join(ID)),
            branch: "ccells/contract".to_owned(),
            base,
            owner: (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
            beginning: Beginning::default(),
        }
    }

    fn agent_writes(&self, plan: &WorktreePlan) {
        let file = path(&plan.worktree).join("code");
        let more = fs::read_to_string(&file).unwrap() + "more\n";
        fs::write(file, more).unwrap();
    }

    fn agent_adds(&self, plan: &WorktreePlan) {
        fs::write(path(&plan.worktree).join("notes"), "new\n").unwrap();
    }

    fn agent_hides(&self, plan: &WorktreePlan) {
        fs::create_dir(path(&plan.worktree).join("hidden")).unwrap();
        fs::write(path(&plan.worktree).join("hidden/.gitignore"), "*\n").unwrap();
        fs::write(path(&plan.worktree).join("hidden/work"), "done\n").unwrap();
    }

    fn is_in_trash(&self, plan: &WorktreePlan) -> bool {
        let kept = self.top().with_file_name("ccells").join("trash").join(ID).join("worktree");
        let read = |name: &str| fs::read_to_string(kept.join(name)).ok();
        read("code").as_deref() == Some("1\nmore\n")
            && read("hidden/work").as_deref() == Some("done\n")
            && !path(&plan.home).exists()
    }

    fn is_whole(&self, plan: &WorktreePlan) -> bool {
        let read = |name: &str| fs::read_to_string(path(&plan.worktree).join(name)).ok();
        read("code").as_deref() == Some("1\nmore\n") && read("hidden/work").as_deref() == Some("done\n")
    }

    fn agent_commits(&self, plan: &WorktreePlan) {
        let (private, objects) = (path(&plan.home).join("git"), path(&plan.git_dir).join("objects"));
        let variables = [
            ("GIT_DIR", &*private),
            ("GIT_WORK_TREE", path(&plan.worktree)),
            ("GIT_ALTERNATE_OBJECT_DIRECTORIES", &*objects),
        ];
        run_git(path(&plan.worktree), &["add", "--all"], &variables);
        run_git(path(&plan.worktree), &["commit", "--quiet", "--message=work"], &variables);
    }

    fn user_moves(&self, branch: &str) {
        let commit = self.user(&["commit-tree", "-p", "HEAD", "-m", "mine", "HEAD^{tree}"]);
        self.user(&["update-ref", &format!("refs/heads/{branch}"), &commit]);
    }

    fn user_drops(&self, branch: &str) {
        self.user(&["update-ref", "-d", &format!("refs/heads/{branch}")]);
    }

    fn has_branch(&self, branch: &str) -> bool {
        self.has_ref(&format!("refs/heads/{branch}"))
    }

    fn has_worktree(&self, plan: &WorktreePlan) -> bool {
        let is_known = self.user(&["worktree", "list", "--porcelain"]).contains(plan.worktree.as_str());
        assert_eq!(is_known, path(&plan.worktree).exists(), "git and the disk agree");
        is_known
    }

    fn is_pinned(&self, plan: &WorktreePlan) -> bool {
        self.has_ref(&format!("refs/ccells/{}/base", plan.workstream))
    }
}

/// The time of this machine.
struct Hours {
    clock: RealClock,
}

impl clock::World for Hours {
    fn clock(&self) -> &impl Clock {
        &self.clock
    }

    fn wall(&self) -> Wall {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Wall(u64::try_from(since.as_millis()).unwrap())
    }

    fn let_pass(&self, ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }
}
