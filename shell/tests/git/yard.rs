//! A throw-away repository, a throw-away home of ccells, and the git a person would use on them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ccells_core::container::ContainerLimits;
use ccells_core::ids::{Commit, PathText, RepoId, WorkstreamId};
use ccells_core::ports::{BaseWish, Beginning, EngineError, Git as _, GitError, WorkSource, WorktreePlan};
use ccells_core::record::{self, AgentCommand, Facts, FactsRecord, RemovedRecord};
use ccells_core::time::Wall;
use ccells_shell::adapters::git::RealGit;
use tempfile::TempDir;

/// The workstream of most tests.
pub(crate) const ID: &str = "01jd8z5q0v3x7k2m9n4p6r8s1t";

/// The places of one test.
pub(crate) struct Yard {
    room: TempDir,
    pub(crate) git: RealGit,
}

impl Yard {
    /// A repository with one commit of a few files.
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// The same, made with further options of `git init`.
    pub(crate) fn with(options: &[&str]) -> Self {
        let yard = Self::bare_ground();
        fs::create_dir(yard.repo()).unwrap();
        yard.user(&[&["init", "-q", "-b", "main"], options].concat());
        yard.write("a.txt", "one\n");
        yard.write("dir/b.txt", "two\n");
        yard.write("run.sh", "#!/bin/sh\necho run\n");
        yard.write(".gitignore", "ignored/\n*.log\n");
        fs::set_permissions(yard.repo().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        yard.user(&["config", "user.name", "A \"quoted\" \\ Person"]);
        yard.user(&["config", "user.email", "person@example.com"]);
        yard.user(&["add", "-A"]);
        yard.user(&["commit", "-q", "-m", "start"]);
        yard
    }

    /// A repository of so many files, none of which is worth a name.
    pub(crate) fn crowded(files: usize) -> Self {
        let yard = Self::new();
        let mut stream = "commit refs/heads/main\ncommitter x <x> 1700000000 +0000\ndata 4\nmany\nfrom refs/heads/main^0\n"
            .to_owned();
        for number in 0..files {
            let text = format!("file {number}\n");
            let (directory, bytes) = (number / 250, text.len());
            writeln!(stream, "M 644 inline many/{directory}/{number}\ndata {bytes}\n{text}").unwrap();
        }
        let import = yard.top().join("import");
        fs::write(&import, stream).unwrap();
        let mut command = Command::new("git");
        command.current_dir(yard.repo()).args(["fast-import", "--quiet"]);
        assert!(command.stdin(fs::File::open(import).unwrap()).status().unwrap().success());
        yard.user(&["reset", "-q", "--hard"]);
        yard
    }

    /// No repository at all.
    pub(crate) fn bare_ground() -> Self {
        Self { room: tempfile::tempdir().unwrap(), git: RealGit::new().unwrap() }
    }

    pub(crate) fn top(&self) -> PathBuf {
        self.room.path().canonicalize().unwrap()
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.top().join("My Repo")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write(&self.repo().join(name), text);
    }

    /// Runs git in the user's checkout as the user would.
    pub(crate) fn user(&self, arguments: &[&str]) -> String {
        run_git(&self.repo(), arguments, &[])
    }

    /// The plan of the one workstream of most tests, from where HEAD is.
    pub(crate) fn plan(&self) -> WorktreePlan {
        self.plan_of(ID, "ccells/fix-login", &self.repo().join(".git"))
    }

    pub(crate) fn plan_of(&self, id: &str, branch: &str, git_dir: &Path) -> WorktreePlan {
        let home = self.top().join("ccells");
        let base = run_git(git_dir.parent().unwrap(), &["rev-parse", "HEAD"], &[("GIT_DIR", git_dir)]);
        WorktreePlan {
            workstream: WorkstreamId::parse(id).unwrap(),
            repo: text(&self.repo()),
            git_dir: text(git_dir),
            worktree: text(&home.join("worktrees/my-repo").join(id)),
            home: text(&home.join("workstreams").join(id)),
            branch: branch.to_owned(),
            base: Commit::parse(&base).unwrap(),
            owner: (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
            beginning: Beginning::default(),
        }
    }

    /// Brings a workstream to where its container would be made.
    pub(crate) async fn create(&self, plan: &WorktreePlan) {
        self.git.pin_base(plan).await.unwrap();
        self.git.add_worktree(plan).await.unwrap();
        self.git.build_home(plan, b"{\"version\":1}").await.unwrap();
    }

    /// The same, with facts in its directory that say what it is, as the program makes it.
    pub(crate) async fn create_whole(&self, plan: &WorktreePlan) {
        self.git.pin_base(plan).await.unwrap();
        self.git.add_worktree(plan).await.unwrap();
        let facts = record::print(&FactsRecord { version: record::VERSION, facts: facts(plan) });
        self.git.build_home(plan, &facts).await.unwrap();
    }

    /// What was in the workstream's own directory, in the trash.
    pub(crate) fn trash(&self) -> PathBuf {
        self.top().join("ccells/trash").join(ID)
    }

    /// How the workstream was removed, as the trash says it.
    pub(crate) fn removed(&self) -> RemovedRecord {
        record::parse(&fs::read(self.trash().join("removed.json")).unwrap()).unwrap()
    }

    /// Everything of the user's that may never change: the checkout, and the git directory but for what is ours.
    pub(crate) fn fingerprint(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        collect(&self.repo(), &self.repo(), &mut found);
        found
    }
}

fn collect(top: &Path, directory: &Path, found: &mut BTreeMap<PathBuf, (u32, Vec<u8>)>) {
    const OURS: &[&str] =
        &[".git/objects", ".git/refs/ccells", ".git/worktrees", ".git/logs/refs/heads/ccells"];
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(top).unwrap().to_owned();
        let facts = fs::symlink_metadata(&path).unwrap();
        if OURS.iter().any(|ours| name.starts_with(ours)) || name.starts_with(".git/refs/heads/ccells") {
            continue;
        }
        if facts.is_dir() {
            collect(top, &path, found);
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            found.insert(name, (facts.permissions().mode(), bytes));
        }
    }
}

/// What is fixed about the workstream of a plan.
fn facts(plan: &WorktreePlan) -> Facts {
    Facts {
        id: plan.workstream.clone(),
        name: "fix-login".to_owned(),
        prompt: "fix it".to_owned(),
        branch: plan.branch.clone(),
        base_ref: None,
        base: Some(plan.base.clone()),
        beginning: plan.beginning.clone(),
        repo_id: RepoId::parse("my-repo-0123456789ab").unwrap(),
        repo_path: plan.repo.clone(),
        git_dir: plan.git_dir.clone(),
        objects: Vec::new(),
        worktree: plan.worktree.clone(),
        home: plan.home.clone(),
        container_name: "ccells-fix-login".to_owned(),
        image: "image".to_owned(),
        agent: AgentCommand::default(),
        owner: plan.owner,
        limits: ContainerLimits::default(),
        created_at: Wall(0),
    }
}

/// Every name below `top`, with its rights and what it holds: directories, empty ones included, files and links.
pub(crate) fn everything(top: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![top.to_owned()];
    while let Some(path) = waiting.pop() {
        let facts = fs::symlink_metadata(&path).unwrap();
        let held = if facts.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else if facts.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path).unwrap()
        };
        found.insert(path.strip_prefix(top).unwrap().to_owned(), (facts.permissions().mode(), held));
    }
    found
}

/// Ends a workstream that has work, and gives what was kept of it.
pub(crate) async fn end(yard: &Yard, plan: &WorktreePlan) -> Commit {
    let kept = yard.git.snapshot_work(plan).await.unwrap();
    yard.git.remove_worktree(plan, false).await.unwrap();
    yard.git.retire_home(plan).await.unwrap();
    kept.unwrap()
}

/// Runs the agent's git: the private git directory, the worktree, the objects borrowed from where the host has them.
pub(crate) fn agent(plan: &WorktreePlan, arguments: &[&str]) -> String {
    let output = agent_output(plan, arguments);
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

pub(crate) fn agent_output(plan: &WorktreePlan, arguments: &[&str]) -> Output {
    agent_command(plan, arguments).output().unwrap()
}

fn agent_command(plan: &WorktreePlan, arguments: &[&str]) -> Command {
    let private = Path::new(plan.home.as_str()).join("git");
    let worktree = Path::new(plan.worktree.as_str());
    let objects = Path::new(plan.git_dir.as_str()).join("objects");
    let variables = [
        ("GIT_DIR", &*private),
        ("GIT_WORK_TREE", worktree),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", &*objects),
    ];
    command(worktree, arguments, &variables)
}

/// The work of the agent of a plan, packed by its git on this machine.
pub(crate) struct LocalWork(pub(crate) WorktreePlan);

impl WorkSource for LocalWork {
    async fn head(&self) -> Result<Commit, EngineError> {
        Ok(Commit::parse(&agent(&self.0, &["rev-parse", "HEAD"])).unwrap())
    }

    async fn pack(&self, head: &Commit, have: &[Commit], into: &PathText) -> Result<(), EngineError> {
        let wanted = self.0.home.join("run/wanted");
        let mut lines = format!("{head}\n");
        lines.extend(have.iter().map(|commit| format!("^{commit}\n")));
        fs::write(wanted.as_str(), lines).unwrap();
        let arguments = ["pack-objects", "--revs", "--thin", "--stdout", "-q"];
        let mut command = agent_command(&self.0, &arguments);
        command.stdin(fs::File::open(wanted.as_str()).unwrap());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::write(into.as_str(), output.stdout).unwrap();
        Ok(())
    }
}

/// Lets the agent commit these files, and takes its commits.
pub(crate) async fn taken(yard: &Yard, plan: &WorktreePlan, files: &[(&str, &str)]) -> Commit {
    commit(plan, files, "The agent's work");
    yard.git.fetch_work(plan, LocalWork(plan.clone()), false).await.unwrap()
}

/// Lets the agent commit these files.
pub(crate) fn commit(plan: &WorktreePlan, files: &[(&str, &str)], message: &str) {
    for (name, text) in files {
        write(&path(&plan.worktree).join(name), text);
    }
    agent(plan, &["add", "-A", "-f"]);
    agent(plan, &["commit", "-q", "--allow-empty", "-m", message]);
}

/// Runs git and gives what it printed.
pub(crate) fn run_git(directory: &Path, arguments: &[&str], variables: &[(&str, &Path)]) -> String {
    let output = command(directory, arguments, variables).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn command(directory: &Path, arguments: &[&str], variables: &[(&str, &Path)]) -> Command {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", directory);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    command.envs(variables.iter().copied()).current_dir(directory).args(arguments);
    command
}

pub(crate) fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

pub(crate) fn text(path: &Path) -> PathText {
    PathText::from(path.to_str().unwrap())
}

pub(crate) fn path(text: &PathText) -> &Path {
    Path::new(text.as_str())
}

/// A wish for a base, and no remote is asked.
pub(crate) fn wish(reference: Option<&str>, branch: &str) -> BaseWish {
    BaseWish { reference: reference.map(str::to_owned), branch: branch.to_owned(), ..BaseWish::default() }
}

/// Whether the repository has a reference of this name, and at what.
pub(crate) fn reference(yard: &Yard, name: &str) -> Option<String> {
    let found = yard.user(&["for-each-ref", "--format=%(objectname)", name]);
    (!found.is_empty()).then_some(found)
}

/// Why it was refused, and it must have been.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, GitError>) -> String {
    match result {
        Err(GitError::Refused { what }) => what,
        other => panic!("not refused: {other:?}"),
    }
}
