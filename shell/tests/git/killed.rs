//! Each git that takes an agent's commits or moves a branch is killed at each of its calls that change anything, and so are
//! we; doing the same again finishes it, and what is the user's is as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use ccells_core::ids::{Commit, PathText, WorkstreamId};
use ccells_core::ports::{Beginning, BranchMove, EngineError, Git as _, MergeWish, WorkSource, WorktreePlan};
use ccells_shell::adapters::git::RealGit;
use tokio::task::JoinSet;

use crate::fetch::no_rubbish;
use crate::sweep::can_kill;
use crate::yard::{ID, LocalWork, Yard, commit, everything, path, reference, write};

/// The calls that change anything. What is opened for writing and not written yet is killed at its first write.
const CALLS: &str = "mkdir,mkdirat,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,symlink,symlinkat,fsync,\
                     ftruncate,chmod,fchmod,fchmodat,utimensat,pwrite64,syncfs,write";
/// Names the directory with what [`the_process_that_is_killed`] works on.
const ORDERS: &str = "CCELLS_TEST_ORDERS";
/// Kills that are tried at the same time: most of a recovery is waiting whether a lock stands still.
const AT_A_TIME: usize = 6;

/// What is done, and killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verb {
    Fetch,
    MoveCheckedOut,
    MoveElsewhere,
}

/// Commits of an agent that were packed before.
struct Packed {
    head: Commit,
    pack: PathBuf,
}

impl WorkSource for Packed {
    async fn head(&self) -> Result<Commit, EngineError> {
        Ok(self.head.clone())
    }

    async fn pack(&self, _: &Commit, _: &[Commit], into: &PathText) -> Result<(), EngineError> {
        fs::copy(&self.pack, into.as_str()).unwrap();
        Ok(())
    }
}

/// A workstream on the brink.
struct Brink {
    yard: Yard,
    plan: WorktreePlan,
    head: Commit,
    it: Option<BranchMove>,
    users: BTreeMap<PathBuf, (u32, Vec<u8>)>,
    status: String,
}

/// The files that the move changes: what is left belongs to the user.
const MOVED: [&str; 6] = ["a.txt", "run.sh", "new", "new/made.txt", "new/long.txt", "link"];

impl Brink {
    async fn of(verb: Verb) -> Self {
        let yard = Yard::new();
        yard.user(&["branch", "develop"]);
        let plan = yard.plan();
        yard.create(&plan).await;
        let long = "a line of many\n".repeat(20_000);
        fs::remove_file(path(&plan.worktree).join("run.sh")).unwrap();
        std::os::unix::fs::symlink("a.txt", path(&plan.worktree).join("link")).unwrap();
        let work =
            [("a.txt", "one\nand more\n"), ("new/made.txt", "by the agent\n"), ("new/long.txt", &long)];
        commit(&plan, &work, "The agent's work");
        let source = LocalWork(plan.clone());
        let head = source.head().await.unwrap();
        let pack = PathText::from(yard.top().join("pack").to_str().unwrap());
        source.pack(&head, std::slice::from_ref(&plan.base), &pack).await.unwrap();
        fs::remove_file(plan.home.join("run/wanted").as_str()).unwrap();
        let mut it = None;
        if verb != Verb::Fetch {
            yard.git.fetch_work(&plan, source, false).await.unwrap();
            let onto = (verb == Verb::MoveElsewhere).then(|| "develop".to_owned());
            let wish = MergeWish { onto, ..MergeWish::default() };
            it = yard.git.judge_merge(&plan, "fix-login", &head, &wish).await.unwrap();
        }
        yard.write("dir/b.txt", "an edit that is staged\n");
        yard.user(&["add", "dir/b.txt"]);
        yard.write("dir/b.txt", "and edited again\n");
        yard.write("untracked.txt", "the user's\n");
        yard.write("ignored/x", "ignored\n");
        let (users, status) = (users(&yard), yard.user(&["status", "--porcelain"]));
        Self { yard, plan, head, it, users, status }
    }

    /// Writes down what the process that is killed shall do.
    fn order(&self, verb: Verb) -> PathBuf {
        let orders = self.yard.top().join("orders");
        let plan = &self.plan;
        let lines = [
            &format!("{verb:?}"),
            plan.workstream.as_str(),
            plan.repo.as_str(),
            plan.git_dir.as_str(),
            plan.worktree.as_str(),
            plan.home.as_str(),
            &plan.branch,
            plan.base.as_str(),
            self.head.as_str(),
        ];
        write(&orders.join("plan"), &lines.join("\n"));
        write(&orders.join("move"), &serde_json::to_string(&self.it).unwrap());
        orders
    }

    /// What must be so right after a kill.
    fn hold(&self, told: &str) {
        assert_eq!(users(&self.yard), self.users, "{told}: what is the user's is as it was");
        let known = [Some(self.plan.base.as_str()), Some(self.head.as_str())];
        for branch in ["main", "develop"] {
            let at = reference(&self.yard, &format!("refs/heads/{branch}"));
            assert!(known.contains(&at.as_deref()), "{told}: {branch} is at {at:?}");
        }
    }

    /// What must be so once the same was done again.
    async fn finish(mut self, told: &str) {
        self.hold(told);
        match &self.it {
            None => {
                // The agent went on in the meantime, so that what comes is packed in another way.
                commit(&self.plan, &[("more.txt", "more\n")], "More");
                let source = LocalWork(self.plan.clone());
                self.head = source.head().await.unwrap();
                let head = self.yard.git.fetch_work(&self.plan, source, false).await;
                assert_eq!(head.as_ref(), Ok(&self.head), "{told}");
            }
            Some(it) => {
                let moved = self.yard.git.move_branch(&self.plan, it).await;
                assert_eq!(moved, Ok(()), "{told}");
                let at = reference(&self.yard, &format!("refs/heads/{}", it.branch));
                assert_eq!(at.as_deref(), Some(self.head.as_str()), "{told}");
            }
        }
        self.hold(told);
        assert_eq!(self.yard.user(&["status", "--porcelain"]), self.status, "{told}");
        let head = reference(&self.yard, &format!("refs/ccells/{ID}/head"));
        assert_eq!(head.as_deref(), Some(self.head.as_str()), "{told}");
        assert_eq!(self.yard.user(&["fsck", "--strict", "--no-dangling"]), "", "{told}");
        let all = everything(&self.yard.repo());
        let is_rubbish = |name: &&PathBuf| {
            let name = name.to_string_lossy();
            name.ends_with(".lock") || name.contains("tmp_")
        };
        let rubbish: Vec<_> = all.keys().filter(is_rubbish).collect();
        assert!(rubbish.is_empty(), "{told}: {rubbish:?}");
        // A room that the killed one had is swept by the next that needs one.
        self.yard.git.inspect_work(&self.plan).await.unwrap();
        self.yard.git.snapshot_work(&self.plan).await.unwrap();
        no_rubbish(&self.yard);
    }
}

/// Everything in the checkout that no move touches.
fn users(yard: &Yard) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut all = everything(&yard.repo());
    all.retain(|name, _| !name.starts_with(".git") && !MOVED.iter().any(|moved| name == Path::new(moved)));
    all
}

/// Not a test of its own: a process that takes commits or moves a branch, for the sweeps to kill.
#[test]
#[ignore = "the sweeps start it"]
fn the_process_that_is_killed() {
    let Some(orders) = std::env::var_os(ORDERS).map(PathBuf::from) else { return };
    let text = fs::read_to_string(orders.join("plan")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let plan = WorktreePlan {
        workstream: WorkstreamId::parse(lines[1]).unwrap(),
        repo: lines[2].into(),
        git_dir: lines[3].into(),
        worktree: lines[4].into(),
        home: lines[5].into(),
        branch: lines[6].to_owned(),
        base: Commit::parse(lines[7]).unwrap(),
        owner: (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
        beginning: Beginning::default(),
    };
    let git = RealGit::new().unwrap();
    // Calls are counted by the thread: all that change files are made by one.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().max_blocking_threads(1);
    runtime.build().unwrap().block_on(async {
        if lines[0] == "Fetch" {
            let source =
                Packed { head: Commit::parse(lines[8]).unwrap(), pack: orders.with_file_name("pack") };
            git.fetch_work(&plan, source, false).await.unwrap();
        } else {
            let it = fs::read_to_string(orders.join("move")).unwrap();
            let it: Option<BranchMove> = serde_json::from_str(&it).unwrap();
            git.move_branch(&plan, &it.unwrap()).await.unwrap();
        }
    });
}

/// The words that start that process.
const PROCESS: [&str; 3] = ["--ignored", "--exact", "killed::the_process_that_is_killed"];

fn real_git() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|place| place.join("git")).find(|git| git.is_file()).unwrap()
}

/// Where somebody is killed: which git, by its number, or we, where that is 0; at which call, and at which time of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    which: usize,
    call: &'static str,
    when: usize,
}

impl Point {
    /// How strace is told of it; nothing is told where nobody is to be killed.
    fn options(point: Option<&Self>) -> String {
        let inject = point.map(|it| format!(" -e inject={}:signal=KILL:when={}", it.call, it.when));
        format!("-q -e trace={CALLS}{}", inject.unwrap_or_default())
    }
}

/// Runs the process with a git in front of git that counts, and has the `which`-th of them traced. Gives how many there
/// were.
fn trace_git(orders: &Path, which: usize, point: Option<&Point>) -> usize {
    let (bin, trace, count) = (orders.join("bin"), orders.join("trace"), orders.join("count"));
    let git = real_git();
    let script = format!(
        "#!/bin/sh\nn=$(cat '{count}' 2>/dev/null || echo 0); n=$((n + 1)); echo $n > '{count}'\n\
         [ $n = {which} ] && exec strace -f -o '{trace}' {options} '{git}' \"$@\"\nexec '{git}' \"$@\"\n",
        count = count.display(),
        trace = trace.display(),
        options = Point::options(point),
        git = git.display()
    );
    write(&bin.join("git"), &script);
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let rest = std::env::var_os("PATH").unwrap();
    let search = std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&rest))).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(PROCESS).env(ORDERS, orders).env("PATH", search);
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    fs::read_to_string(&count).unwrap().trim().parse().unwrap()
}

/// Runs the process traced, but for its gits.
fn trace_us(orders: &Path, point: Option<&Point>) {
    let mut command = Command::new("strace");
    command.args(["-f", "-b", "execve", "-o"]).arg(orders.join("trace"));
    command.args(Point::options(point).split(' ')).arg(std::env::current_exe().unwrap());
    command.args(PROCESS).env(ORDERS, orders);
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
}

/// Runs the process with one of its gits traced, or itself where `which` is 0; gives the trace.
async fn traced(brink: &Brink, verb: Verb, which: usize, point: Option<Point>) -> String {
    let orders = brink.order(verb);
    let run = move || {
        if which == 0 {
            trace_us(&orders, point.as_ref());
        } else {
            trace_git(&orders, which, point.as_ref());
        }
        fs::read_to_string(orders.join("trace")).unwrap_or_default()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// Where one of them can be killed: strace counts each call by itself, in each thread.
fn points(trace: &str, which: usize) -> Vec<Point> {
    let mut counts: BTreeMap<(&'static str, &str), usize> = BTreeMap::new();
    for line in trace.lines() {
        let mut words = line.split_whitespace();
        let (thread, call) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let known =
            CALLS.split(',').find(|known| call.strip_prefix(known).is_some_and(|it| it.starts_with('(')));
        if let Some(known) = known {
            *counts.entry((known, thread)).or_default() += 1;
        }
    }
    let all: BTreeSet<Point> = counts
        .into_iter()
        .flat_map(|((call, _), count)| (1..=count).map(move |when| Point { which, call, when }))
        .collect();
    all.into_iter().collect()
}

/// Kills somebody there, and does the same again.
async fn kill_at(verb: Verb, point: Point) {
    let brink = Brink::of(verb).await;
    let trace = traced(&brink, verb, point.which, Some(point.clone())).await;
    let told = format!("{verb:?}, killed at {point:?}");
    assert!(trace.contains("killed by SIGKILL"), "{told}: nobody was killed\n{trace}");
    brink.finish(&told).await;
}

/// Kills every git of `verb`, and us, at every call that changes anything, or at every `step`-th, and does it again.
async fn sweep(verb: Verb, step: usize) {
    let is_full = std::env::var_os("CCELLS_SWEEP").is_some_and(|wish| wish == "full");
    let started = Instant::now();
    let brink = Brink::of(verb).await;
    let orders = brink.order(verb);
    let gits = tokio::task::spawn_blocking(move || trace_git(&orders, usize::MAX, None)).await.unwrap();
    brink.finish("nobody was killed").await;
    let mut all = Vec::new();
    for which in 0..=gits {
        let brink = Brink::of(verb).await;
        all.extend(points(&traced(&brink, verb, which, None).await, which));
    }
    let of_us = all.iter().filter(|point| point.which == 0).count();
    let total = all.len();
    assert!(gits > 3 && of_us > 5 && total > of_us + 3, "{gits} gits, {all:?}");
    let room = Arc::new(tokio::sync::Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    for point in all.into_iter().step_by(if is_full { 1 } else { step }) {
        let room = Arc::clone(&room);
        tasks.spawn(async move {
            let _turn = room.acquire().await.unwrap();
            kill_at(verb, point).await;
        });
    }
    let kills = tasks.join_all().await.len();
    let seconds = started.elapsed().as_secs_f32();
    eprintln!(
        "{verb:?}: {gits} gits, {total} calls, {of_us} of them ours; killed {kills} times, {seconds:.1} s"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commits_are_taken_after_everybody_was_killed_anywhere() {
    if can_kill("commits_are_taken_after_everybody_was_killed_anywhere") {
        sweep(Verb::Fetch, 4).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_branch_with_a_checkout_moves_after_everybody_was_killed_anywhere() {
    if can_kill("a_branch_with_a_checkout_moves_after_everybody_was_killed_anywhere") {
        sweep(Verb::MoveCheckedOut, 4).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_branch_without_a_checkout_moves_after_everybody_was_killed_anywhere() {
    if can_kill("a_branch_without_a_checkout_moves_after_everybody_was_killed_anywhere") {
        sweep(Verb::MoveElsewhere, 2).await;
    }
}
