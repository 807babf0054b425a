//! The whole life of a workstream's files, and what can stand in its way.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use ccells_core::naming;
use ccells_core::ports::{Git as _, GitError, WorktreePlan};
use ccells_shell::adapters::git::{object_dirs, object_mounts};

use crate::yard::{ID, Yard, agent, agent_output, end, path, reference, run_git, text, wish, write};

#[tokio::test]
async fn a_workstream_comes_and_goes_and_the_user_sees_nothing_change() {
    let yard = Yard::new();
    yard.write("a.txt", "the user is in the middle of something\n");
    yard.write("new.txt", "and has a new file\n");
    yard.user(&["branch", "other"]);
    yard.user(&["pack-refs", "--all"]);
    let before = yard.fingerprint();
    let plan = yard.plan();
    let mut steps = Vec::new();
    let mut clock = Instant::now();
    let mut lap =
        |name| steps.push((name, std::mem::replace(&mut clock, Instant::now()).elapsed().as_millis()));

    let base = yard.git.resolve_base(&plan.repo, &wish(None, &plan.branch)).await.unwrap().commit;
    assert_eq!(base, plan.base);
    lap("resolve");
    yard.git.pin_base(&plan).await.unwrap();
    lap("pin");
    yard.git.add_worktree(&plan).await.unwrap();
    lap("add");
    yard.git.build_home(&plan, b"{\"version\":1}").await.unwrap();
    lap("build");
    assert_eq!(fs::read_to_string(path(&plan.worktree).join("a.txt")).unwrap(), "one\n");
    assert_eq!(reference(&yard, &format!("refs/ccells/{ID}/base")).as_deref(), Some(base.as_str()));
    let clean = yard.git.inspect_work(&plan).await.unwrap();
    lap("inspect");
    assert!(clean.is_empty() && clean.has_worktree, "{clean:?}");
    assert_eq!(yard.git.snapshot_work(&plan).await.unwrap(), None);
    lap("snapshot of nothing");
    write(&path(&plan.worktree).join("made.txt"), "by the agent\n");
    let kept = yard.git.snapshot_work(&plan).await.unwrap().unwrap();
    lap("snapshot");
    assert_eq!(yard.user(&["show", &format!("{kept}:made.txt")]), "by the agent");
    yard.git.remove_worktree(&plan, false).await.unwrap();
    lap("remove");
    yard.git.retire_home(&plan).await.unwrap();
    lap("retire");
    eprintln!("milliseconds: {steps:?}");

    assert!(!path(&plan.worktree).exists() && !path(&plan.home).exists());
    assert!(yard.top().join("ccells/trash").join(ID).join("workstream.json").is_file());
    assert_eq!(reference(&yard, "refs/heads/ccells/fix-login"), None);
    assert_eq!(reference(&yard, &format!("refs/ccells/{ID}/base")), None);
    assert_eq!(reference(&yard, &format!("refs/ccells/trash/{ID}")).as_deref(), Some(kept.as_str()));
    assert_eq!(before, yard.fingerprint());
    assert!(!yard.repo().join(".git/worktrees").exists());
    // Each end may be repeated.
    yard.git.remove_worktree(&plan, false).await.unwrap();
    yard.git.retire_home(&plan).await.unwrap();
    assert_eq!(yard.git.snapshot_work(&plan).await.unwrap(), Some(kept));
}

#[tokio::test]
async fn the_repository_is_found_from_anywhere_inside() {
    let yard = Yard::new();
    yard.user(&["worktree", "add", "-q", "-b", "side", "../side"]);
    yard.user(&["config", "extensions.worktreeConfig", "true"]);
    yard.user(&["config", "--worktree", "core.sparseCheckout", "true"]);
    for (from, top) in [
        (yard.repo(), yard.repo()),
        (yard.repo().join("dir"), yard.repo()),
        (yard.top().join("side/dir"), yard.top().join("side")),
    ] {
        let facts = yard.git.find_repo(&from).await.unwrap();
        assert_eq!(facts.top, text(&top), "{}", from.display());
        assert_eq!(facts.git_dir, text(&yard.repo().join(".git")));
        assert_eq!(facts.object_dirs, [text(&yard.repo().join(".git/objects"))]);
        assert_eq!(facts.default_branch.as_deref(), Some("main"));
        assert_eq!(facts.name, "My Repo");
    }
}

#[tokio::test]
async fn where_no_workstream_can_be_the_reason_is_told() {
    let yard = Yard::bare_ground();
    let outside = yard.git.find_repo(&yard.top()).await.unwrap_err().to_string();
    assert!(outside.contains("not a git repository") && outside.contains("git init"), "{outside}");
    run_git(&yard.top(), &["init", "-q", "empty"], &[]);
    let empty = yard.git.find_repo(&yard.top().join("empty")).await.unwrap_err().to_string();
    assert!(empty.contains("no commit yet"), "{empty}");
    run_git(&yard.top(), &["init", "-q", "--bare", "bare.git"], &[]);
    let bare = yard.git.find_repo(&yard.top().join("bare.git")).await.unwrap_err().to_string();
    assert!(bare.contains("bare repository"), "{bare}");
    let inside = yard.git.find_repo(&yard.top().join("empty/.git")).await.unwrap_err().to_string();
    assert!(inside.contains("inside a git directory"), "{inside}");
    let nowhere = yard.git.find_repo(&yard.top().join("nowhere")).await.unwrap_err().to_string();
    assert!(nowhere.contains("directory still exists"), "{nowhere}");
}

#[tokio::test]
async fn the_base_is_what_the_user_names_or_the_default() {
    let yard = Yard::new();
    let repo = text(&yard.repo());
    let main = yard.user(&["rev-parse", "main"]);
    yard.user(&["checkout", "-q", "-b", "develop"]);
    yard.user(&["commit", "-q", "--allow-empty", "-m", "more"]);
    yard.user(&["tag", "-a", "v1", "-m", "one"]);
    let develop = yard.user(&["rev-parse", "develop"]);
    let base = async |reference| {
        let found = yard.git.resolve_base(&repo, &wish(reference, "ccells/new")).await;
        found.map(|base| base.commit)
    };
    assert_eq!(base(None).await.unwrap().as_str(), main);
    assert_eq!(base(Some("develop")).await.unwrap().as_str(), develop);
    assert_eq!(base(Some("v1")).await.unwrap().as_str(), develop, "a tag is peeled");
    yard.user(&["update-ref", "refs/remotes/origin/develop", "develop"]);
    yard.user(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop"]);
    assert_eq!(base(None).await.unwrap().as_str(), develop, "the remote's default comes first");
    for bad in ["nothing", "", "--help", "--output=/tmp/x", "HEAD:a.txt", "a\0b", "HEAD^{tree}"] {
        let error = base(Some(bad)).await.unwrap_err();
        assert!(matches!(error, GitError::NoSuchRef { .. }), "{bad:?}: {error}");
    }
}

#[tokio::test]
async fn a_branch_that_is_taken_or_no_name_is_refused() {
    let yard = Yard::new();
    let repo = text(&yard.repo());
    yard.user(&["branch", "taken"]);
    yard.user(&["branch", "deep/er"]);
    for (branch, taken) in
        [("taken", "taken"), ("taken/below", "taken"), ("deep", "deep/er"), ("main", "main")]
    {
        let error = yard.git.resolve_base(&repo, &wish(None, branch)).await.unwrap_err();
        assert_eq!(error, GitError::BranchExists { branch: taken.to_owned() }, "{branch}");
    }
    assert!(yard.git.resolve_base(&repo, &wish(None, "deep/other")).await.is_ok());
    for bad in ["", "-x", "a b", "a..b", "HEAD", "x.lock"] {
        assert!(yard.git.resolve_base(&repo, &wish(None, bad)).await.is_err(), "{bad:?}");
    }
    // Between the question and the making, somebody else may take it.
    yard.user(&["commit", "-q", "--allow-empty", "-m", "more"]);
    let plan = yard.plan();
    yard.user(&["branch", "ccells/fix-login", "HEAD~1"]);
    let error = yard.git.add_worktree(&plan).await.unwrap_err();
    assert!(matches!(error, GitError::BranchExists { .. }), "{error}");
    yard.git.remove_worktree(&plan, false).await.unwrap();
    assert!(
        reference(&yard, "refs/heads/ccells/fix-login").is_some(),
        "a branch elsewhere is not ours to remove"
    );
}

#[tokio::test]
async fn a_worktree_can_start_from_a_worktree() {
    let yard = Yard::new();
    yard.user(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let before = yard.fingerprint();
    let mut plan = yard.plan();
    plan.repo = text(&yard.top().join("side"));
    yard.create(&plan).await;
    assert!(yard.git.inspect_work(&plan).await.unwrap().is_empty());
    yard.git.remove_worktree(&plan, false).await.unwrap();
    yard.git.retire_home(&plan).await.unwrap();
    assert_eq!(before, yard.fingerprint());
    assert!(run_git(&yard.top().join("side"), &["status", "--porcelain"], &[]).is_empty());
}

#[tokio::test]
async fn unusual_repositories_work_too() {
    for options in [&["--object-format=sha256"][..], &["--ref-format=reftable"]] {
        let yard = Yard::with(options);
        let plan = yard.plan();
        yard.create(&plan).await;
        assert!(yard.git.inspect_work(&plan).await.unwrap().is_empty(), "{options:?}");
        agent(&plan, &["commit", "-q", "--allow-empty", "-m", "x"]);
        write(&path(&plan.worktree).join("new.txt"), "x");
        let kept = yard.git.snapshot_work(&plan).await.unwrap().unwrap();
        assert_eq!(yard.user(&["show", &format!("{kept}:new.txt")]), "x");
        yard.git.remove_worktree(&plan, false).await.unwrap();
        yard.git.retire_home(&plan).await.unwrap();
        assert_eq!(reference(&yard, "refs/heads/ccells/fix-login"), None, "{options:?}");
    }
}

#[tokio::test]
async fn special_settings_of_the_user_do_not_leak_or_break() {
    let yard = Yard::new();
    for pair in [
        ("core.splitIndex", "true"),
        ("core.untrackedCache", "true"),
        ("feature.manyFiles", "true"),
        ("branch.autoSetupMerge", "always"),
        ("worktree.useRelativePaths", "true"),
        ("extensions.worktreeConfig", "true"),
    ] {
        yard.user(&["config", pair.0, pair.1]);
    }
    yard.user(&["sparse-checkout", "set", "dir"]);
    let before = yard.fingerprint();
    let plan = yard.plan();
    yard.create(&plan).await;
    assert!(path(&plan.worktree).join("run.sh").exists(), "the worktree is a full one");
    assert!(run_git(path(&plan.worktree), &["status", "--porcelain"], &[]).is_empty());
    assert!(yard.git.inspect_work(&plan).await.unwrap().is_empty());
    assert!(agent(&plan, &["status", "--porcelain"]).is_empty());
    yard.git.remove_worktree(&plan, false).await.unwrap();
    assert_eq!(before, yard.fingerprint());
}

#[tokio::test]
async fn a_shallow_repository_that_borrows_objects_works() {
    let yard = Yard::new();
    yard.user(&["commit", "-q", "--allow-empty", "-m", "more"]);
    let url = format!("file://{}", yard.repo().display());
    run_git(&yard.top(), &["clone", "-q", "--depth=1", &url, "shallow"], &[]);
    run_git(&yard.top(), &["clone", "-q", "--shared", "My Repo", "shared"], &[]);
    for name in ["shallow", "shared"] {
        let git_dir = yard.top().join(name).join(".git");
        let mut plan = yard.plan_of(ID, "work", &git_dir);
        plan.repo = text(&yard.top().join(name));
        plan.home = text(&yard.top().join("ccells").join(name).join("workstreams").join(ID));
        plan.worktree = text(&yard.top().join("ccells").join(name).join("worktrees").join(ID));
        yard.create(&plan).await;
        assert!(yard.git.inspect_work(&plan).await.unwrap().is_empty(), "{name}");
        agent(&plan, &["commit", "-q", "--allow-empty", "-m", "x"]);
        agent(&plan, &["fsck", "--connectivity-only"]);
        assert_eq!(path(&plan.home).join("git/shallow").exists(), name == "shallow");
        let mounts = object_mounts(&git_dir);
        assert_eq!(mounts.len(), if name == "shared" { 2 } else { 1 });
        assert_eq!(object_dirs(&git_dir).len(), mounts.len());
        let inside: Vec<String> = mounts.into_iter().map(|(_, inside)| inside + "\n").collect();
        assert_eq!(
            fs::read_to_string(path(&plan.home).join("git/objects/info/alternates")).unwrap(),
            inside.concat()
        );
    }
}

#[tokio::test]
async fn the_home_has_what_a_container_needs() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let home = path(&plan.home);
    let read = |name: &str| fs::read_to_string(home.join(name)).unwrap();
    let mode = |name: &str| fs::metadata(home.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(read("workstream.json"), "{\"version\":1}");
    assert_eq!(read("dotgit"), "gitdir: /ccells/git\n");
    let (user, group) = plan.owner;
    assert!(read("passwd").starts_with(&format!("agent:x:{user}:{group}:agent:/home/agent:/bin/sh\n")));
    assert!(read("group").starts_with(&format!("agent:x:{group}:\n")));
    assert_eq!((mode("."), mode("run"), mode("home"), mode("passwd")), (0o700, 0o700, 0o700, 0o644));
    let config = |key: &str| run_git(home, &["config", "--file", "git/config", key], &[]);
    assert_eq!(config("core.worktree"), "/workspace");
    assert_eq!(config("core.bare"), "false");
    assert_eq!(config("user.name"), "A \"quoted\" \\ Person");
    assert_eq!(read("git/HEAD"), "ref: refs/heads/ccells/fix-login\n");
    // One that is complete is kept, with what the agent has put there.
    write(&home.join("home/notes"), "mine");
    yard.git.build_home(&plan, b"{\"version\":2}").await.unwrap();
    assert_eq!((read("home/notes").as_str(), read("workstream.json").as_str()), ("mine", "{\"version\":1}"));
    let beside: Vec<_> =
        fs::read_dir(home.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(beside, [ID], "nothing is left beside it");
}

#[tokio::test]
async fn the_agents_git_works_and_the_users_repository_does_not_notice() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let before = yard.fingerprint();
    let objects = |yard: &Yard| yard.user(&["count-objects", "-v"]);
    let had = objects(&yard);
    assert!(agent(&plan, &["status", "--porcelain"]).is_empty());
    write(&path(&plan.worktree).join("a.txt"), "changed\n");
    agent(&plan, &["commit", "-qam", "a change"]);
    agent(&plan, &["checkout", "-q", "-b", "topic"]);
    write(&path(&plan.worktree).join("topic.txt"), "topic\n");
    agent(&plan, &["add", "topic.txt"]);
    agent(&plan, &["stash", "-q"]);
    agent(&plan, &["stash", "pop", "-q"]);
    agent(&plan, &["commit", "-qm", "topic"]);
    agent(&plan, &["checkout", "-q", "ccells/fix-login"]);
    agent(&plan, &["merge", "-q", "--no-ff", "-m", "merge", "topic"]);
    agent(&plan, &["rebase", "-q", "HEAD~1"]);
    agent(&plan, &["tag", "done"]);
    agent(&plan, &["gc", "-q", "--prune=now"]);
    agent(&plan, &["fsck", "--full"]);
    assert_eq!(agent(&plan, &["log", "-1", "--format=%an", "topic"]), "A \"quoted\" \\ Person");
    assert_eq!(before, yard.fingerprint());
    assert_eq!(had, objects(&yard), "not one object went into the user's repository");
    assert!(yard.git.inspect_work(&plan).await.unwrap().has_commits);
    yard.git.remove_worktree(&plan, false).await.unwrap();
    yard.git.retire_home(&plan).await.unwrap();
    // The commits in the trash borrow the base: it is kept for them, under another name.
    assert_eq!(reference(&yard, &format!("refs/ccells/{ID}/base")), None);
    assert_eq!(
        reference(&yard, &format!("refs/ccells/trash-base/{ID}")).as_deref(),
        Some(plan.base.as_str())
    );
}

#[tokio::test]
async fn work_is_told_apart() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let top = path(&plan.worktree);
    write(&top.join("ignored/x"), "x");
    write(&top.join("y.log"), "y");
    fs::create_dir(top.join("empty")).unwrap();
    assert!(
        yard.git.inspect_work(&plan).await.unwrap().is_empty(),
        "what is ignored is nothing to ask about"
    );
    write(&top.join("a.txt"), "ONE\n");
    fs::remove_file(top.join("dir/b.txt")).unwrap();
    fs::set_permissions(top.join("run.sh"), fs::Permissions::from_mode(0o644)).unwrap();
    write(&top.join("new/new file\n\u{1b}[31m.txt"), "new");
    let report = yard.git.inspect_work(&plan).await.unwrap();
    assert_eq!(report.modified, ["a.txt", "dir/b.txt", "run.sh"]);
    assert_eq!(report.untracked, ["new/new file\\n\\x1b[31m.txt"]);
    assert!(!report.has_commits && report.unknown.is_none());
    agent(&plan, &["add", "-A"]);
    agent(&plan, &["commit", "-qm", "all of it"]);
    let report = yard.git.inspect_work(&plan).await.unwrap();
    assert!(report.has_commits && !report.is_empty());
    assert_eq!(
        report.modified,
        ["a.txt", "dir/b.txt", "run.sh"],
        "compared with the base, not with the commit"
    );
}

#[tokio::test]
async fn a_worktree_with_work_in_it_is_kept_as_it_is() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let top = path(&plan.worktree);
    write(&top.join("mine.txt"), "work");
    yard.git.add_worktree(&plan).await.unwrap();
    assert_eq!(fs::read_to_string(top.join("mine.txt")).unwrap(), "work");
    // The user's own `git worktree prune` while the disk was away: git knows the worktree no more.
    fs::remove_dir_all(yard.repo().join(".git/worktrees")).unwrap();
    let error = yard.git.add_worktree(&plan).await.unwrap_err();
    assert!(matches!(error, GitError::WouldLose { .. }), "{error}");
    assert_eq!(fs::read_to_string(top.join("mine.txt")).unwrap(), "work");
    fs::remove_file(top.join("mine.txt")).unwrap();
    yard.git.add_worktree(&plan).await.unwrap();
    // A branch the user has committed to is the user's.
    run_git(
        top,
        &["-c", "user.name=x", "-c", "user.email=x", "commit", "-q", "--allow-empty", "-m", "mine"],
        &[],
    );
    yard.git.remove_worktree(&plan, false).await.unwrap();
    assert!(reference(&yard, "refs/heads/ccells/fix-login").is_some());
    assert!(!top.exists());
}

#[tokio::test]
async fn a_branch_that_is_checked_out_elsewhere_or_wanted_stays() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    yard.git.remove_worktree(&plan, true).await.unwrap();
    assert!(reference(&yard, "refs/heads/ccells/fix-login").is_some());
    yard.user(&["checkout", "-q", "ccells/fix-login"]);
    yard.git.remove_worktree(&plan, false).await.unwrap();
    assert!(reference(&yard, "refs/heads/ccells/fix-login").is_some());
}

#[tokio::test]
async fn a_plan_that_points_elsewhere_is_refused() {
    let yard = Yard::new();
    let precious = yard.top().join("precious").join(ID);
    write(&precious.join("file"), "precious");
    for wrong in [precious.clone(), yard.top().join("worktrees/x/..").join(ID), yard.repo()] {
        let mut plan = yard.plan();
        plan.worktree = text(&wrong);
        assert!(yard.git.remove_worktree(&plan, false).await.is_err(), "{}", wrong.display());
        assert!(yard.git.add_worktree(&plan).await.is_err(), "{}", wrong.display());
    }
    assert!(precious.join("file").exists());
}

#[tokio::test]
async fn a_lock_of_the_user_is_waited_for_and_told() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    yard.user(&["pack-refs", "--all"]);
    let lock = yard.repo().join(".git/packed-refs.lock");
    let held = fs::File::create(&lock).unwrap();
    let error = yard.git.remove_worktree(&plan, false).await.unwrap_err();
    assert!(matches!(&error, GitError::Busy { what } if what.contains("packed-refs.lock")), "{error}");
    assert!(lock.exists(), "somebody has it open");
    drop(held);
    yard.git.remove_worktree(&plan, false).await.unwrap();
    assert_eq!(reference(&yard, "refs/heads/ccells/fix-login"), None);
    assert!(!lock.exists(), "its owner was dead");
}

#[tokio::test]
async fn a_second_try_that_fails_too_leaves_the_note_that_nobody_has_worked_there() {
    let yard = Yard::new();
    let plan = yard.plan();
    // A first try left the directory; in the second one git cannot read what it is to check out.
    fs::create_dir_all(plan.worktree.as_str()).unwrap();
    yard.write("missing", "nobody has this");
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "more"]);
    let plan = WorktreePlan { base: yard.plan().base, ..plan };
    let blob = yard.user(&["rev-parse", "HEAD:missing"]);
    let object = yard.repo().join(".git/objects").join(&blob[..2]).join(&blob[2..]);
    let bytes = fs::read(&object).unwrap();
    fs::remove_file(&object).unwrap();
    yard.git.add_worktree(&plan).await.unwrap_err();
    let mark = format!(".{}.adding", plan.workstream);
    assert!(Path::new(plan.worktree.as_str()).with_file_name(mark).exists(), "the note is gone");
    fs::write(&object, bytes).unwrap();
    yard.git.add_worktree(&plan).await.unwrap();
}

#[tokio::test]
async fn operations_that_nobody_waits_for_go_on_and_wait_for_one_another() {
    let yard = Yard::new();
    let plan = yard.plan();
    {
        let adding = yard.git.add_worktree(&plan);
        tokio::pin!(adding);
        // One look starts it; then it is dropped.
        assert!(futures_util::poll!(adding.as_mut()).is_pending());
    }
    yard.git.build_home(&plan, b"{}").await.unwrap();
    assert!(yard.git.inspect_work(&plan).await.unwrap().is_empty());
    yard.git.idle().await;
}

#[tokio::test]
async fn fifty_thousand_files_are_no_trouble() {
    let yard = Yard::new();
    for directory in 0..500 {
        fs::create_dir_all(yard.repo().join(format!("many/{directory}"))).unwrap();
        for file in 0..100 {
            fs::write(yard.repo().join(format!("many/{directory}/{file}")), format!("{directory} {file}\n"))
                .unwrap();
        }
    }
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "many"]);
    let plan = yard.plan();
    let started = Instant::now();
    yard.create(&plan).await;
    let created = started.elapsed();
    let started = Instant::now();
    let report = yard.git.inspect_work(&plan).await.unwrap();
    let inspected = started.elapsed();
    assert!(report.is_empty());
    write(&path(&plan.worktree).join("many/7/7"), "other");
    assert_eq!(yard.git.inspect_work(&plan).await.unwrap().modified, ["many/7/7"]);
    yard.git.remove_worktree(&plan, false).await.unwrap();
    eprintln!("50,000 files: created in {created:?}, inspected in {inspected:?}");
}

#[test]
fn git_takes_every_branch_that_we_take() {
    use proptest::prelude::*;
    let git_takes = |name: &str| {
        let output =
            Command::new("git").args(["check-ref-format", "--branch", name]).current_dir("/").output();
        output.unwrap().status.success()
    };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    let names =
        "[A-Za-z0-9._/@{~^:-]{1,12}|[a-z]{1,4}(/|\\.|\\.\\.|//|\\.lock|-){1,2}[a-z]{0,4}|.{1,20}|HEAD|@";
    runner
        .run(&names, |name| {
            let is_ours = naming::validate_branch(&name).is_ok();
            prop_assert!(!is_ours || git_takes(&name), "{:?}", name);
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn many_workstreams_can_be_made_and_ended_at_once() {
    let yard = Yard::new();
    let before = yard.fingerprint();
    let git_dir = yard.repo().join(".git");
    let plans: Vec<_> = (0..8)
        .map(|number| {
            yard.plan_of(&format!("{}{number}", &ID[..25]), &format!("ccells/work-{number}"), &git_dir)
        })
        .collect();
    futures_util::future::join_all(plans.iter().map(|plan| yard.create(plan))).await;
    for plan in &plans {
        assert!(yard.git.inspect_work(plan).await.unwrap().is_empty());
        write(&path(&plan.worktree).join("new"), plan.branch.as_str());
    }
    let kept = futures_util::future::join_all(plans.iter().map(|plan| end(&yard, plan))).await;
    for (plan, kept) in plans.iter().zip(kept) {
        assert_eq!(yard.user(&["show", &format!("{kept}:new")]), plan.branch);
    }
    assert_eq!(before, yard.fingerprint());
}

#[tokio::test]
async fn what_cannot_be_read_is_in_doubt() {
    if rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED what_cannot_be_read_is_in_doubt: root reads everything");
        return;
    }
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let top = path(&plan.worktree);
    write(&top.join("closed/file"), "x");
    fs::set_permissions(top.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
    let report = yard.git.inspect_work(&plan).await.unwrap();
    assert!(report.unknown.is_some(), "{report:?}");
    fs::set_permissions(top.join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    write(&top.join("open"), "open");
    fs::set_permissions(top.join("closed/file"), fs::Permissions::from_mode(0o000)).unwrap();
    let error = yard.git.snapshot_work(&plan).await.unwrap_err().to_string();
    assert!(error.contains("closed/file"), "{error}");
    let kept = reference(&yard, &format!("refs/ccells/trash/{ID}")).unwrap();
    assert_eq!(yard.user(&["show", &format!("{kept}:open")]), "open", "what can be kept is kept");
}

#[tokio::test]
async fn an_agent_that_makes_removal_hard_does_not_stop_it() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let top = path(&plan.worktree);
    write(&top.join("locked/deep/file"), "x");
    for closed in ["locked/deep", "locked"] {
        fs::set_permissions(top.join(closed), fs::Permissions::from_mode(0o000)).unwrap();
    }
    let outside = yard.top().join("outside");
    write(&outside.join("file"), "x");
    std::os::unix::fs::symlink(&outside, top.join("link")).unwrap();
    assert!(!agent_output(&plan, &["status"]).stdout.is_empty());
    fs::set_permissions(top, fs::Permissions::from_mode(0o000)).unwrap();
    yard.git.remove_worktree(&plan, false).await.unwrap();
    assert!(!Path::new(plan.worktree.as_str()).exists());
    assert!(outside.join("file").exists());
    let kept = path(&plan.home).join("worktree");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0, "with the rights it had");
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(fs::symlink_metadata(kept.join("link")).unwrap().is_symlink());
}

#[tokio::test]
async fn what_the_users_filters_and_line_ends_made_of_a_file_is_no_work_of_an_agent() {
    let yard = Yard::new();
    yard.write(".gitattributes", "*.bat eol=crlf\n*.up filter=up\n");
    yard.write("go.bat", "one\ntwo\n");
    yard.write("loud.up", "quiet\n");
    for (when, what) in [("clean", "tr A-Z a-z"), ("smudge", "tr a-z A-Z")] {
        yard.user(&["config", &format!("filter.up.{when}"), what]);
    }
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "attributes"]);
    let plan = yard.plan();
    yard.create(&plan).await;
    let file = |name: &str| path(&plan.worktree).join(name);
    assert_eq!(fs::read_to_string(file("go.bat")).unwrap(), "one\r\ntwo\r\n");
    assert_eq!(fs::read_to_string(file("loud.up")).unwrap(), "QUIET\n");
    let report = yard.git.inspect_work(&plan).await.unwrap();
    assert!(report.is_empty(), "nobody did anything: {report:?}");
    assert_eq!(yard.git.snapshot_work(&plan).await.unwrap(), None);

    // Of the same length, at once, and with the old times put back: it is work all the same.
    let facts = fs::metadata(file("go.bat")).unwrap();
    write(&file("go.bat"), "one\r\nTWO\r\n");
    let times = fs::FileTimes::new().set_modified(facts.modified().unwrap());
    fs::File::options().write(true).open(file("go.bat")).unwrap().set_times(times).unwrap();
    let report = yard.git.inspect_work(&plan).await.unwrap();
    assert_eq!(report.modified, ["go.bat"]);
    let kept = yard.git.snapshot_work(&plan).await.unwrap().unwrap();
    assert_eq!(yard.user(&["cat-file", "blob", &format!("{kept}:go.bat")]), "one\r\nTWO");
}
