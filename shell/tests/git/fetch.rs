//! An agent's commits come into the repository whole or not at all, and what could harm whoever looks at them stays out.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use ccells_core::ids::{Commit, PathText};
use ccells_core::ports::{EngineError, Git as _, GitError, WorkSource, WorktreePlan};

use ccells_shell::adapters::git::Detail;

use crate::yard::{ID, LocalWork, Yard, agent, commit, path, reference, run_git, taken, write};

/// What the agent's private repository gives.
fn work(plan: &WorktreePlan) -> LocalWork {
    LocalWork(plan.clone())
}

fn head_ref() -> String {
    format!("refs/ccells/{ID}/head")
}

/// What `result` refuses with.
#[track_caller]
fn refusal<T: std::fmt::Debug>(result: Result<T, GitError>) -> String {
    match result {
        Err(GitError::Refused { what }) => what,
        other => panic!("not refused: {other:?}"),
    }
}

/// Nothing but what was there before is in the places where temporary things are.
#[track_caller]
pub(crate) fn no_rubbish(yard: &Yard) {
    let packs: Vec<_> = fs::read_dir(yard.repo().join(".git/objects/pack")).unwrap().flatten().collect();
    let names: Vec<String> = packs.iter().map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    let is_whole = |name: &String| {
        let pack = name.rsplit_once('.').map(|(stem, _)| format!("{stem}.pack"));
        name.starts_with("pack-") && pack.is_some_and(|pack| names.contains(&pack))
    };
    assert!(names.iter().all(is_whole), "{names:?}");
    let rooms = fs::read_dir(yard.top().join("ccells/workstreams")).unwrap().flatten();
    let rooms: Vec<_> = rooms.map(|it| it.file_name()).filter(|name| name != ID).collect();
    assert!(rooms.is_empty(), "{rooms:?}");
}

#[tokio::test]
async fn commits_come_whole_and_the_user_sees_nothing_change() {
    let yard = Yard::new();
    yard.write("a.txt", "the user is in the middle of something\n");
    let before = yard.fingerprint();
    let plan = yard.plan();
    yard.create(&plan).await;
    let nothing = yard.git.fetch_work(&plan, work(&plan), false).await.unwrap();
    assert_eq!(nothing, plan.base, "nothing new is no mistake");
    let first = taken(&yard, &plan, &[("made.txt", "by the agent\n"), ("dir/b.txt", "two and more\n")]).await;
    assert_eq!(first.as_str(), agent(&plan, &["rev-parse", "HEAD"]));
    assert_eq!(yard.user(&["show", &format!("{first}:made.txt")]), "by the agent");
    assert_eq!(reference(&yard, &head_ref()).as_deref(), Some(first.as_str()));
    let second = taken(&yard, &plan, &[("ü\n.txt", "a name of two lines\n")]).await;
    assert_eq!(yard.user(&["rev-list", "--count", &format!("{first}..{second}")]), "1");
    assert_eq!(yard.git.fetch_work(&plan, work(&plan), false).await.unwrap(), second, "again is fine");
    assert_eq!(before, yard.fingerprint());
    assert_eq!(yard.user(&["fsck", "--strict"]), "");
    no_rubbish(&yard);
    let packs = fs::read_dir(yard.repo().join(".git/objects/pack")).unwrap().count();
    assert_eq!(packs, 6, "two packs, each with its index and its order");
}

#[tokio::test]
async fn replaced_commits_are_taken_only_when_that_is_allowed_and_the_old_ones_are_kept() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let old = taken(&yard, &plan, &[("made.txt", "one\n")]).await;
    write(&path(&plan.worktree).join("made.txt"), "another one\n");
    agent(&plan, &["commit", "-q", "-a", "--amend", "-m", "Anew"]);
    let what = refusal(yard.git.fetch_work(&plan, work(&plan), false).await);
    assert!(what.contains(&old.as_str()[..12]) && what.contains("replaced"), "{what}");
    assert_eq!(reference(&yard, &head_ref()).as_deref(), Some(old.as_str()));
    no_rubbish(&yard);
    let new = yard.git.fetch_work(&plan, work(&plan), true).await.unwrap();
    assert_eq!(reference(&yard, &head_ref()).as_deref(), Some(new.as_str()));
    assert_eq!(reference(&yard, &format!("refs/ccells/{ID}/was")).as_deref(), Some(old.as_str()));
    yard.git.fetch_work(&plan, work(&plan), false).await.unwrap();
}

/// Gives the lines of a tree.
type Tree = fn(&WorktreePlan) -> String;
/// Makes a pack another one.
type Spoil = fn(&Path);

/// Makes a commit of one tree in the agent's repository, the tree made of these lines of `git mktree`, and checks it out.
fn plant(plan: &WorktreePlan, lines: &str) {
    let private = path(&plan.home).join("git");
    let mut mktree = Command::new("git");
    mktree
        .args(["mktree", "--missing"])
        .env("GIT_DIR", &private)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    mktree.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", path(&plan.git_dir).join("objects"));
    let mut child = mktree.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let tree = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let made = agent(plan, &["commit-tree", tree.trim(), "-p", plan.base.as_str(), "-m", "planted"]);
    agent(plan, &["update-ref", "HEAD", &made]);
}

fn blob(plan: &WorktreePlan, text: &str) -> String {
    let file = path(&plan.home).join("run/blob");
    write(&file, text);
    agent(plan, &["hash-object", "-w", file.to_str().unwrap()])
}

#[tokio::test]
async fn what_an_agent_puts_in_place_of_its_commits_is_neither_shown_nor_taken() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    commit(&plan, &[("backdoor.sh", "evil\n")], "Fixes a typo");
    let real = agent(&plan, &["rev-parse", "HEAD"]);
    let tree = format!("{}^{{tree}}", plan.base);
    let innocent = agent(&plan, &["commit-tree", &tree, "-p", plan.base.as_str(), "-m", "Fixes a typo"]);
    agent(&plan, &["replace", &real, &innocent]);
    agent(&plan, &["notes", "add", "-m", "reviewed", &real]);
    write(&path(&plan.home).join("git/info/grafts"), &format!("{innocent}\n"));
    assert_eq!(
        agent(&plan, &["diff", "--stat", plan.base.as_str(), "HEAD"]),
        "",
        "the trick works on its own git"
    );

    let head = yard.git.fetch_work(&plan, work(&plan), false).await.unwrap();
    assert_eq!(head.as_str(), real);
    assert!(yard.user(&["ls-tree", "--name-only", head.as_str()]).contains("backdoor.sh"));
    assert_eq!(yard.user(&["show", "-s", "--format=%P", head.as_str()]), plan.base.as_str());
    let diff = yard.git.diff_work(&plan, Detail::Lines).await.unwrap();
    assert!(diff.files.iter().any(|file| file.path == Path::new("backdoor.sh")), "{diff:?}");
    let refs = yard.user(&["for-each-ref", "--format=%(refname)"]);
    assert!(!refs.contains("refs/replace") && !refs.contains("refs/notes"), "{refs}");
}

#[tokio::test]
async fn trees_that_would_write_where_nothing_may_be_written_are_refused() {
    const EVIL_MODULES: &str = "[submodule \"x\"]\n\tpath = x\n\turl = --upload-pack=touch /tmp/x\n";
    let cases: [(&str, Tree); 4] = [
        (".git", |plan| {
            let inner = format!("100644 blob {}\tconfig\n", blob(plan, "[core]\n"));
            plant(plan, &inner);
            let inner = agent(plan, &["rev-parse", "HEAD^{tree}"]);
            agent(plan, &["update-ref", "HEAD", plan.base.as_str()]);
            format!("040000 tree {inner}\t.git\n")
        }),
        ("..", |plan| format!("100644 blob {}\t..\n", blob(plan, "x"))),
        ("modules", |plan| format!("100644 blob {}\t.gitmodules\n", blob(plan, EVIL_MODULES))),
        ("modules by a link", |plan| format!("120000 blob {}\t.gitmodules\n", blob(plan, "elsewhere"))),
    ];
    for (name, lines) in cases {
        let yard = Yard::new();
        let plan = yard.plan();
        yard.create(&plan).await;
        let before = yard.fingerprint();
        let objects = yard.user(&["count-objects", "-v"]);
        let lines = lines(&plan);
        plant(&plan, &lines);
        let what = refusal(yard.git.fetch_work(&plan, work(&plan), false).await);
        assert!(what.contains("not find them in order"), "{name}: {what}");
        assert_eq!(reference(&yard, &head_ref()), None, "{name}");
        assert_eq!(objects, yard.user(&["count-objects", "-v"]), "{name}: nothing of it came in");
        assert_eq!(before, yard.fingerprint(), "{name}");
        no_rubbish(&yard);
        // Without the check that refuses it git takes it: the test would notice if the check were gone.
        let pack = yard.top().join("pack");
        let into = PathText::from(pack.to_str().unwrap());
        let head = work(&plan).head().await.unwrap();
        work(&plan).pack(&head, std::slice::from_ref(&plan.base), &into).await.unwrap();
        let mut lax = Command::new("git");
        lax.args(["index-pack", "--stdin", "--fix-thin"]).current_dir(yard.repo()).stdout(Stdio::null());
        assert!(lax.stdin(fs::File::open(&pack).unwrap()).status().unwrap().success(), "{name}");
    }
}

#[tokio::test]
async fn a_repository_inside_is_refused_in_any_commit_and_one_that_goes_is_not() {
    let yard = Yard::new();
    let entry = format!("160000,{},inner", yard.user(&["rev-parse", "HEAD"]));
    yard.user(&["update-index", "--add", "--cacheinfo", &entry]);
    yard.user(&["commit", "-q", "-m", "with a repository inside"]);
    let plan = yard.plan();
    yard.create(&plan).await;
    let first = taken(&yard, &plan, &[("made.txt", "beside it\n")]).await;
    agent(&plan, &["update-index", "--add", "--cacheinfo", &format!("160000,{first},in\nside")]);
    agent(&plan, &["commit", "-q", "-m", "planted"]);
    let planted = agent(&plan, &["rev-parse", "HEAD"]);
    agent(&plan, &["rm", "-q", "--cached", "in\nside"]);
    agent(&plan, &["commit", "-q", "-m", "and hidden"]);
    let what = refusal(yard.git.fetch_work(&plan, work(&plan), false).await);
    assert!(what.contains(&planted[..12]) && what.contains("in") && what.contains("side"), "{what}");
    assert!(!what.contains('\n'), "{what}");
    assert_eq!(reference(&yard, &head_ref()).as_deref(), Some(first.as_str()));
    agent(&plan, &["reset", "-q", "--hard", first.as_str()]);
    agent(&plan, &["rm", "-q", "--cached", "inner"]);
    agent(&plan, &["commit", "-q", "-m", "the one of the base goes"]);
    yard.git.fetch_work(&plan, work(&plan), false).await.unwrap();
    // One that another commit of the user has comes along with a merge of it.
    yard.user(&["update-index", "--add", "--cacheinfo", &format!("160000,{first},inner")]);
    yard.user(&["commit", "-q", "-m", "the user moves the one inside on"]);
    let moved = yard.user(&["rev-parse", "HEAD"]);
    agent(&plan, &["merge", "-q", "-s", "ours", "-m", "merged", &moved]);
    yard.git.fetch_work(&plan, work(&plan), false).await.unwrap();
}

/// A source that gives something else than it should.
struct Spoiled {
    plan: WorktreePlan,
    head: Option<Commit>,
    spoil: Spoil,
}

impl WorkSource for Spoiled {
    async fn head(&self) -> Result<Commit, EngineError> {
        match &self.head {
            Some(head) => Ok(head.clone()),
            None => work(&self.plan).head().await,
        }
    }

    async fn pack(&self, _: &Commit, have: &[Commit], into: &PathText) -> Result<(), EngineError> {
        let head = work(&self.plan).head().await.unwrap();
        work(&self.plan).pack(&head, have, into).await.unwrap();
        (self.spoil)(Path::new(into.as_str()));
        Ok(())
    }
}

#[tokio::test]
async fn what_is_not_what_it_says_it_is_changes_nothing() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    commit(&plan, &[("made.txt", "by the agent\n")], "work");
    let absent = Commit::parse(&"5".repeat(40)).unwrap();
    let cut = |file: &Path| {
        let bytes = fs::read(file).unwrap();
        fs::write(file, &bytes[..bytes.len() - 30]).unwrap();
    };
    let turned = |file: &Path| {
        let mut bytes = fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(file, bytes).unwrap();
    };
    let large = |file: &Path| {
        let file = fs::OpenOptions::new().write(true).open(file).unwrap();
        file.set_len(ccells_core::limits::PACK_BYTES + 1).unwrap();
    };
    let cases: [(&str, Option<Commit>, Spoil, &str); 5] = [
        ("cut", None, cut, "in order"),
        ("turned", None, turned, "in order"),
        ("empty", None, |file| fs::write(file, "").unwrap(), "in order"),
        ("large", None, large, "MB"),
        ("another head", Some(absent), |_| {}, "not whole"),
    ];
    let objects = yard.user(&["count-objects", "-v"]);
    for (name, head, spoil, words) in cases {
        let source = Spoiled { plan: plan.clone(), head, spoil };
        let what = refusal(yard.git.fetch_work(&plan, source, false).await);
        assert!(what.contains(words), "{name}: {what}");
        assert_eq!(reference(&yard, &head_ref()), None, "{name}");
        assert_eq!(objects, yard.user(&["count-objects", "-v"]), "{name}");
        no_rubbish(&yard);
    }
}

#[tokio::test]
async fn a_store_on_another_file_system_gets_copies() {
    let yard = Yard::new();
    // Linux has one that is nobody's disk.
    let other = tempfile::tempdir_in("/dev/shm").unwrap();
    let device = |place: &Path| fs::metadata(place).unwrap().dev();
    assert_ne!(device(other.path()), device(&yard.top()), "this test needs two file systems");
    let packs = yard.repo().join(".git/objects/pack");
    fs::remove_dir_all(&packs).unwrap();
    symlink(other.path(), &packs).unwrap();
    let plan = yard.plan();
    yard.create(&plan).await;
    let head = taken(&yard, &plan, &[("made.txt", "by the agent\n")]).await;
    assert_eq!(yard.user(&["show", &format!("{head}:made.txt")]), "by the agent");
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 3);
    no_rubbish(&yard);
}

#[tokio::test]
async fn what_was_taken_goes_with_the_trash_and_not_before() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create_whole(&plan).await;
    let head = taken(&yard, &plan, &[("made.txt", "by the agent\n")]).await;
    crate::yard::end(&yard, &plan).await;
    assert_eq!(reference(&yard, &head_ref()).as_deref(), Some(head.as_str()));
    let trashed = ccells_shell::adapters::git::list_trash(yard.trash().parent().unwrap()).unwrap();
    assert_eq!(trashed.len(), 1);
    yard.git.take_out(&trashed[0], || false).await.unwrap();
    assert_eq!(reference(&yard, "refs/ccells"), None);
}

#[tokio::test]
async fn a_repository_of_long_names_works_alike() {
    let yard = Yard::with(&["--object-format=sha256"]);
    let plan = yard.plan();
    yard.create(&plan).await;
    let head = taken(&yard, &plan, &[("made.txt", "by the agent\n")]).await;
    assert_eq!(head.as_str().len(), 64);
    assert_eq!(run_git(&yard.repo(), &["show", &format!("{head}:made.txt")], &[]), "by the agent");
    yard.git.remove_worktree(&plan, false).await.unwrap();
}
