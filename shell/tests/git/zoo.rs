//! Repositories as they are found in the wild: in each of them a workstream goes its whole way, with a user who is in the
//! middle of something all the while.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use ccells_core::ports::{Git as _, GitError, MergeHow, MergeWish, WorktreePlan};
use ccells_shell::adapters::git::Detail;

use crate::yard::{ID, LocalWork, Yard, agent, commit, end, path, run_git, text, wish, write};

/// What the user has in the checkout and has not committed: a file that git knows, staged and changed again, and one that
/// it does not know.
fn begin_something(yard: &Yard) -> Vec<(PathBuf, Vec<u8>)> {
    yard.write("staged.txt", "staged\n");
    yard.user(&["add", "staged.txt"]);
    yard.write("staged.txt", "staged, and changed again\n");
    yard.write("mine.txt", "by the user\n");
    let files = ["staged.txt", "mine.txt"].map(|name| yard.repo().join(name));
    files.map(|file| (file.clone(), fs::read(file).unwrap())).to_vec()
}

/// What there is to say of the user's checkout: what is staged, what is changed, what is new.
fn status(yard: &Yard) -> String {
    yard.user(&["status", "--porcelain", "--ignore-submodules=none"])
}

/// No lock is left, and every object is whole and there.
fn is_sound(yard: &Yard, plan: &WorktreePlan) {
    yard.user(&["fsck", "--full", "--no-dangling"]);
    let mut waiting = vec![path(&plan.git_dir).to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            assert!(!name.to_string_lossy().ends_with(".lock"), "{} is left", entry.path().display());
            if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.path());
            }
        }
    }
}

/// The names that a worktree holds, as git lists them.
fn names(directory: &Path) -> BTreeSet<String> {
    let listed = run_git(directory, &["ls-files", "-z", "--cached"], &[]);
    listed.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// From nothing to a merged branch, removed and brought back, into `branch`.
async fn whole_way(yard: &Yard, plan: &WorktreePlan, branch: &str) {
    let (held, before) = (begin_something(yard), status(yard));
    yard.create_whole(plan).await;
    let is_unborn = agent(plan, &["ls-tree", "-r", "-z", "--name-only", "HEAD"]).is_empty();
    assert!(!is_unborn && path(&plan.worktree).join(".git").is_file());
    assert_eq!(
        agent(plan, &["status", "--porcelain", "--ignore-submodules=none"]),
        "",
        "a fresh worktree is clean"
    );

    commit(plan, &[("made.txt", "by the agent\n"), ("käse/made 2.txt", "as well\n")], "The agent's work");
    write(&path(&plan.worktree).join("idea.txt"), "not committed\n");
    let diff = yard.git.diff_work(plan, Detail::Lines).await.unwrap();
    let shown: BTreeSet<_> = diff.files.iter().map(|file| file.path.clone()).collect();
    let wanted = ["idea.txt", "käse/made 2.txt", "made.txt"].map(PathBuf::from);
    assert_eq!((shown, diff.unknown), (BTreeSet::from(wanted), None), "what is its own, and nothing else");
    let report = yard.git.inspect_work(plan).await.unwrap();
    assert!(report.has_commits && report.untracked.contains(&"idea.txt".to_owned()), "{report:?}");

    let head = yard.git.fetch_work(plan, LocalWork(plan.clone()), false).await.unwrap();
    let wish = MergeWish { onto: Some(branch.to_owned()), how: MergeHow::Merge, ..MergeWish::default() };
    let moving = yard.git.judge_merge(plan, "fix-login", &head, &wish).await.unwrap().unwrap();
    yard.git.move_branch(plan, &moving).await.unwrap();
    let tip = yard.user(&["rev-parse", &format!("refs/heads/{branch}")]);
    assert_eq!(tip, moving.to.as_str());
    assert_eq!(status(yard), before, "what the user had staged, changed and not told git of is as it was");
    is_sound(yard, plan);

    end(yard, plan).await;
    assert!(!path(&plan.worktree).exists());
    let facts = yard.git.restore_work(plan).await.unwrap();
    assert!(facts.contains("fix-login"), "{facts}");
    let idea = fs::read_to_string(path(&plan.worktree).join("idea.txt")).unwrap();
    assert_eq!(idea, "not committed\n");
    assert_eq!(agent(plan, &["rev-parse", "HEAD"]), head.as_str());
    for (file, bytes) in held {
        assert_eq!(fs::read(&file).unwrap(), bytes, "{}", file.display());
    }
    assert_eq!(status(yard), before);
    is_sound(yard, plan);
}

#[tokio::test]
async fn a_plain_one() {
    let yard = Yard::new();
    whole_way(&yard, &yard.plan(), "main").await;
}

#[tokio::test]
async fn one_with_longer_names_of_commits() {
    let yard = Yard::with(&["--object-format=sha256"]);
    whole_way(&yard, &yard.plan(), "main").await;
}

#[tokio::test]
async fn one_with_a_submodule_that_is_checked_out() {
    let yard = Yard::new();
    let library = yard.top().join("library");
    fs::create_dir(&library).unwrap();
    run_git(&library, &["init", "-q", "-b", "main"], &[]);
    write(&library.join("lib.c"), "int x;\n");
    run_git(&library, &["add", "-A"], &[]);
    let who = ["-c", "user.name=x", "-c", "user.email=x"];
    run_git(&library, &[&who[..], &["commit", "-q", "-m", "library"]].concat(), &[]);
    let from = library.to_str().unwrap();
    yard.user(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", from, "lib"]);
    yard.user(&["commit", "-q", "-m", "a submodule"]);
    whole_way(&yard, &yard.plan(), "main").await;
    assert!(yard.repo().join("lib/lib.c").is_file());
}

#[tokio::test]
async fn one_whose_large_files_are_elsewhere() {
    let yard = Yard::new();
    yard.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    let digest = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
    let pointer = format!("version 1\noid sha256:{digest}\nsize 12345\n");
    yard.write("model.bin", &pointer);
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "a pointer"]);
    let plan = yard.plan();
    whole_way(&yard, &plan, "main").await;
    assert_eq!(fs::read_to_string(path(&plan.worktree).join("model.bin")).unwrap(), pointer);
}

#[tokio::test]
async fn one_of_which_only_a_part_is_checked_out() {
    let yard = Yard::new();
    yard.write("far/away.txt", "x\n");
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "far"]);
    yard.user(&["sparse-checkout", "set", "dir"]);
    assert!(!yard.repo().join("far").exists());
    let plan = yard.plan();
    whole_way(&yard, &plan, "main").await;
    assert!(!yard.repo().join("far").exists(), "the user's checkout is as sparse as it was");
    assert!(path(&plan.worktree).join("far/away.txt").is_file(), "the agent has it all");
}

#[tokio::test]
async fn one_with_names_that_few_programs_expect() {
    let yard = Yard::new();
    let odd =
        ["new\nline", "tab\there", "-dash", "quote\"s'", "ünïcödé/🦀", " spaces ", "back\\slash", "*?[glob]"];
    for name in odd {
        yard.write(name, "odd\n");
    }
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "odd"]);
    let plan = yard.plan();
    whole_way(&yard, &plan, "main").await;
    let there = names(path(&plan.worktree));
    assert!(odd.iter().all(|name| there.contains(*name)), "{there:?}");
}

#[tokio::test]
async fn one_with_names_that_differ_by_case_alone() {
    let yard = Yard::new();
    yard.write("README", "large\n");
    yard.write("readme", "small\n");
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "both"]);
    let plan = yard.plan();
    whole_way(&yard, &plan, "main").await;
    assert_eq!(fs::read_to_string(path(&plan.worktree).join("README")).unwrap(), "large\n");
}

#[tokio::test]
async fn one_with_links_that_lead_nowhere_and_out() {
    let yard = Yard::new();
    symlink("/etc/hostname", yard.repo().join("out")).unwrap();
    symlink("missing", yard.repo().join("nowhere")).unwrap();
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "links"]);
    whole_way(&yard, &yard.plan(), "main").await;
}

#[tokio::test]
async fn one_whose_head_is_on_no_branch() {
    let yard = Yard::new();
    yard.user(&["checkout", "-q", "--detach"]);
    whole_way(&yard, &yard.plan(), "main").await;
    assert_eq!(yard.user(&["rev-parse", "--abbrev-ref", "HEAD"]), "HEAD");
}

#[tokio::test]
async fn one_without_a_usual_branch() {
    let yard = Yard::new();
    yard.user(&["branch", "-q", "-m", "trunk"]);
    whole_way(&yard, &yard.plan(), "trunk").await;
}

#[tokio::test]
async fn one_whose_history_is_cut_off() {
    let yard = Yard::bare_ground();
    let origin = Yard::new();
    origin.write("a.txt", "two\n");
    origin.user(&["commit", "-q", "-a", "-m", "second"]);
    let from = format!("file://{}", origin.repo().display());
    run_git(&yard.top(), &["clone", "-q", "--depth=1", &from, "My Repo"], &[]);
    yard.user(&["config", "user.name", "x"]);
    yard.user(&["config", "user.email", "x"]);
    assert_eq!(yard.user(&["rev-parse", "--is-shallow-repository"]), "true");
    whole_way(&yard, &yard.plan(), "main").await;
}

#[tokio::test]
async fn one_with_worktrees_that_the_user_made() {
    let yard = Yard::new();
    let by_hand = yard.top().join("by hand");
    yard.user(&["worktree", "add", "-q", "-b", "other", by_hand.to_str().unwrap()]);
    write(&by_hand.join("a.txt"), "the user works here, too\n");
    whole_way(&yard, &yard.plan(), "other").await;
    assert_eq!(fs::read_to_string(by_hand.join("a.txt")).unwrap(), "the user works here, too\n");
    assert_eq!(
        fs::read_to_string(by_hand.join("made.txt")).unwrap(),
        "by the agent\n",
        "it is checked out there"
    );
    assert_eq!(run_git(&by_hand, &["status", "--porcelain"], &[]), " M a.txt");
}

#[tokio::test]
async fn one_that_is_itself_a_worktree() {
    let yard = Yard::new();
    let main = yard.top().join("main");
    fs::rename(yard.repo(), &main).unwrap();
    let here = yard.repo();
    run_git(&main, &["worktree", "add", "-q", "-b", "here", here.to_str().unwrap()], &[]);
    let plan = WorktreePlan { repo: text(&here), ..yard.plan_of(ID, "ccells/fix-login", &main.join(".git")) };
    whole_way(&yard, &plan, "here").await;
}

#[tokio::test]
async fn one_with_fifty_thousand_files() {
    let yard = Yard::crowded(50_000);
    whole_way(&yard, &yard.plan(), "main").await;
}

#[tokio::test]
async fn one_without_commits_says_so() {
    let yard = Yard::bare_ground();
    fs::create_dir(yard.repo()).unwrap();
    yard.user(&["init", "-q"]);
    yard.write("first.txt", "x\n");
    let found = yard.git.resolve_base(&text(&yard.repo()), &wish(None, "ccells/fix-login")).await;
    assert_eq!(found, Err(GitError::NoSuchRef { reference: "HEAD".to_owned() }));
    assert_eq!(status(&yard), "?? first.txt");
}
