//! What an agent can plant: none of it runs, none of it hides work, none of it leads out of its place.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use ccells_core::ports::{Git as _, WorktreePlan};

use crate::yard::{Yard, agent, path, reference, run_git, write};

/// Puts something into a worktree or its private git directory that shall start the program.
type Plant<'a> = &'a dyn Fn(&Path, &Path, &Path);
/// Makes a private git directory what git never made.
type Spoil = fn(&Path);
/// Makes a commit somewhere.
type Make = fn(&WorktreePlan);

/// A program that leaves a mark when anything runs it, and the mark.
fn trap(yard: &Yard) -> (PathBuf, PathBuf) {
    let (program, mark) = (yard.top().join("trap"), yard.top().join("MARK"));
    write(&program, &format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\ncat\n", mark.display()));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (program, mark)
}

/// Every setting known to start a program, as configuration.
fn hostile_config(program: &Path) -> String {
    let program = program.display();
    format!(
        "[core]\n\tfsmonitor = {program}\n\thooksPath = {program}.d\n\tsshCommand = {program}\n\teditor = {program}\n\
         \tpager = {program}\n\talternateRefsCommand = {program}\n\
         [filter \"trap\"]\n\tclean = {program}\n\tsmudge = {program}\n\tprocess = {program}\n\trequired = true\n\
         [diff]\n\texternal = {program}\n[diff \"trap\"]\n\ttextconv = {program}\n\tcommand = {program}\n\
         [gpg]\n\tprogram = {program}\n[commit]\n\tgpgSign = true\n[include]\n\tpath = {program}.more\n\
         [uploadpack]\n\tpackObjectsHook = {program}\n[credential]\n\thelper = {program}\n"
    )
}

/// Everything the host does with a workstream once an agent has had it.
async fn everything(yard: &Yard, plan: &WorktreePlan) {
    let _ = yard.git.add_worktree(plan).await;
    let _ = yard.git.build_home(plan, b"{}").await;
    let report = yard.git.inspect_work(plan).await.unwrap();
    assert!(!report.is_empty(), "what was planted is work, or in doubt: {report:?}");
    let _ = yard.git.snapshot_work(plan).await;
    yard.git.remove_worktree(plan, false).await.unwrap();
    yard.git.retire_home(plan).await.unwrap();
}

#[tokio::test]
async fn nothing_that_an_agent_plants_ever_runs() {
    let plant_filter = |top: &Path| {
        write(
            &top.join(".gitattributes"),
            "* filter=trap diff=trap ident text working-tree-encoding=UTF-16\n",
        );
        write(&top.join("a.txt"), "changed\n");
    };
    let plants: [(&str, Plant<'_>); 6] = [
        ("its own git directory", &|top, private, program| {
            let config = fs::read_to_string(private.join("config")).unwrap();
            write(&private.join("config"), &(config + &hostile_config(program)));
            plant_filter(top);
        }),
        ("hooks", &|top, private, program| {
            for hook in ["post-index-change", "reference-transaction", "post-checkout", "pre-commit"] {
                fs::create_dir_all(private.join("hooks")).unwrap();
                fs::copy(program, private.join("hooks").join(hook)).unwrap();
            }
            plant_filter(top);
        }),
        ("another repository in place of .git", &|top, _, program| {
            fs::remove_file(top.join(".git")).unwrap();
            run_git(top, &["init", "-q"], &[]);
            write(
                &top.join(".git/config"),
                &("[core]\n\tbare = false\n".to_owned() + &hostile_config(program)),
            );
            plant_filter(top);
        }),
        ("another file in place of .git", &|top, private, program| {
            write(&top.join(".git"), &format!("gitdir: {}\n", private.display()));
            write(&private.join("config"), &hostile_config(program));
            plant_filter(top);
        }),
        ("a repository inside", &|top, _, program| {
            run_git(top, &["init", "-q", "inner"], &[]);
            write(&top.join("inner/file"), "x");
            let inner = top.join("inner");
            let identity = ["-c", "user.name=x", "-c", "user.email=x"];
            run_git(&inner, &["add", "-A"], &[]);
            run_git(&inner, &[&identity[..], &["commit", "-qm", "x"]].concat(), &[]);
            write(&top.join("inner/.git/config"), &hostile_config(program));
            write(&top.join("inner/.gitattributes"), "* filter=trap\n");
        }),
        ("a repository around files of the base", &|top, _, program| {
            run_git(&top.join("dir"), &["init", "-q"], &[]);
            write(&top.join("dir/.git/config"), &hostile_config(program));
        }),
    ];
    for (name, plant) in plants {
        let yard = Yard::new();
        let (program, mark) = trap(&yard);
        let plan = yard.plan();
        yard.create(&plan).await;
        let before = yard.fingerprint();
        plant(path(&plan.worktree), &path(&plan.home).join("git"), &program);
        everything(&yard, &plan).await;
        assert!(!mark.exists(), "{name}: {}", fs::read_to_string(&mark).unwrap());
        let mut after = yard.fingerprint();
        after.retain(|file, _| before.contains_key(file));
        assert_eq!(before, after, "{name}");
    }
}

#[tokio::test]
async fn the_trap_of_these_tests_does_spring() {
    let yard = Yard::new();
    let (program, mark) = trap(&yard);
    write(&yard.repo().join(".gitattributes"), "* filter=trap\n");
    let config = fs::read_to_string(yard.repo().join(".git/config")).unwrap();
    let filter = format!("[filter \"trap\"]\n\tclean = {}\n", program.display());
    write(&yard.repo().join(".git/config"), &(config + &filter));
    yard.write("a.txt", "changed\n");
    yard.user(&["add", "-A"]);
    assert!(mark.exists());
}

#[tokio::test]
async fn the_users_own_filters_do_not_run_in_the_agents_directory() {
    let yard = Yard::new();
    let (_, mark) = trap(&yard);
    yard.write("clean.sh", "#!/bin/sh\ncat\n");
    yard.write(".gitattributes", "*.dat filter=own\n");
    yard.write("x.dat", "data\n");
    yard.user(&["config", "filter.own.clean", "sh ./clean.sh"]);
    yard.user(&["config", "filter.own.smudge", "cat"]);
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-qm", "a filter that is a script of the repository"]);
    let plan = yard.plan();
    yard.create(&plan).await;
    assert!(yard.git.inspect_work(&plan).await.unwrap().is_empty());
    write(&path(&plan.worktree).join("clean.sh"), &format!("echo ran > '{}'; cat\n", mark.display()));
    write(&path(&plan.worktree).join("x.dat"), "other\n");
    assert_eq!(yard.git.inspect_work(&plan).await.unwrap().modified, ["clean.sh", "x.dat"]);
    let kept = yard.git.snapshot_work(&plan).await.unwrap().unwrap();
    assert_eq!(yard.user(&["show", &format!("{kept}:x.dat")]), "other");
    assert!(!mark.exists(), "the agent's version of the script ran on the host");
}

#[tokio::test]
async fn a_private_directory_that_cannot_be_trusted_is_treated_as_work() {
    let spoil: [(&str, Spoil); 8] = [
        ("a linked reference", |git| {
            fs::remove_file(git.join("refs/heads/ccells/fix-login")).unwrap();
            symlink("/etc/passwd", git.join("refs/heads/ccells/fix-login")).unwrap();
        }),
        ("a linked directory", |git| {
            fs::remove_dir_all(git.join("refs")).unwrap();
            symlink("/etc", git.join("refs")).unwrap();
        }),
        ("a pipe", |git| {
            fs::remove_file(git.join("HEAD")).unwrap();
            let mode = rustix::fs::Mode::RWXU;
            rustix::fs::mknodat(rustix::fs::CWD, git.join("HEAD"), rustix::fs::FileType::Fifo, mode, 0)
                .unwrap();
        }),
        ("garbage", |git| write(&git.join("refs/heads/other"), "garbage")),
        ("an empty reference", |git| write(&git.join("refs/heads/other"), "")),
        ("a huge file", |git| fs::File::create(git.join("packed-refs")).unwrap().set_len(1 << 40).unwrap()),
        ("another format", |git| fs::create_dir(git.join("reftable")).unwrap()),
        ("nothing at all", |git| fs::remove_dir_all(git).unwrap()),
    ];
    for (name, spoil) in spoil {
        let yard = Yard::new();
        let plan = yard.plan();
        yard.create(&plan).await;
        assert!(yard.git.inspect_work(&plan).await.unwrap().is_empty());
        spoil(&path(&plan.home).join("git"));
        let report = yard.git.inspect_work(&plan).await.unwrap();
        assert!(report.unknown.is_some() && !report.is_empty(), "{name}: {report:?}");
    }
}

#[tokio::test]
async fn commits_anywhere_in_the_private_directory_are_found() {
    let make: [(&str, Make); 6] = [
        ("on the branch", |plan| drop(agent(plan, &["commit", "-q", "--allow-empty", "-m", "x"]))),
        ("packed", |plan| {
            agent(plan, &["commit", "-q", "--allow-empty", "-m", "x"]);
            agent(plan, &["pack-refs", "--all"]);
        }),
        ("on a branch that is not checked out", |plan| {
            agent(plan, &["commit", "-q", "--allow-empty", "-m", "x"]);
            agent(plan, &["branch", "deep/er/still"]);
            agent(plan, &["reset", "-q", "--hard", "HEAD~1"]);
        }),
        ("on a detached HEAD", |plan| {
            agent(plan, &["checkout", "-q", "--detach"]);
            agent(plan, &["commit", "-q", "--allow-empty", "-m", "x"]);
        }),
        ("in the stash", |plan| {
            write(&path(&plan.worktree).join("a.txt"), "stashed");
            agent(plan, &["stash", "-q"]);
        }),
        ("in another worktree", |plan| {
            let place = format!("{}.agent", plan.worktree);
            agent(plan, &["worktree", "add", "-q", "--detach", &place]);
            let admin = path(&plan.home).join("git/worktrees");
            let entry = fs::read_dir(admin).unwrap().next().unwrap().unwrap().path();
            write(&entry.join("HEAD"), &format!("{}\n", "1".repeat(40)));
        }),
    ];
    for (name, make) in make {
        let yard = Yard::new();
        let plan = yard.plan();
        yard.create(&plan).await;
        make(&plan);
        let report = yard.git.inspect_work(&plan).await.unwrap();
        assert!(report.has_commits, "{name}: {report:?}");
    }
}

#[tokio::test]
async fn a_repository_inside_is_in_doubt_and_its_files_are_kept() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let top = path(&plan.worktree);
    run_git(top, &["init", "-q", "inner"], &[]);
    write(&top.join("inner/deep/file"), "inner work");
    run_git(&top.join("inner"), &["init", "-q", "deeper"], &[]);
    write(&top.join("inner/deeper/file"), "deeper work");
    let report = yard.git.inspect_work(&plan).await.unwrap();
    assert!(report.unknown.as_deref().is_some_and(|what| what.contains("inner")), "{report:?}");
    let kept = yard.git.snapshot_work(&plan).await.unwrap().unwrap();
    assert_eq!(yard.user(&["show", &format!("{kept}:inner/deep/file")]), "inner work");
    assert_eq!(yard.user(&["show", &format!("{kept}:inner/deeper/file")]), "deeper work");
    let modes = yard.user(&["ls-tree", "-r", "--format=%(objectmode)", kept.as_str()]);
    assert!(!modes.contains("160000"), "no link to a repository in what is kept");
}

#[tokio::test]
async fn a_submodule_that_was_filled_is_in_doubt() {
    let yard = Yard::new();
    let commit = yard.user(&["rev-parse", "HEAD"]);
    yard.user(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},module")]);
    yard.user(&["commit", "-qm", "a submodule"]);
    let plan = yard.plan();
    yard.create(&plan).await;
    assert!(yard.git.inspect_work(&plan).await.unwrap().is_empty(), "an empty one is as it was made");
    write(&path(&plan.worktree).join("module/file"), "work");
    let report = yard.git.inspect_work(&plan).await.unwrap();
    assert!(report.unknown.is_some(), "{report:?}");
    let kept = yard.git.snapshot_work(&plan).await.unwrap().unwrap();
    assert_eq!(yard.user(&["show", &format!("{kept}:module/file")]), "work");
}

#[tokio::test]
async fn what_an_earlier_try_kept_stays_kept() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let file = path(&plan.worktree).join("new.txt");
    write(&file, "first");
    let first = yard.git.snapshot_work(&plan).await.unwrap().unwrap();
    assert_eq!(
        yard.git.snapshot_work(&plan).await.unwrap().as_ref(),
        Some(&first),
        "the same is not kept twice"
    );
    write(&file, "second");
    let second = yard.git.snapshot_work(&plan).await.unwrap().unwrap();
    let name = format!("refs/ccells/trash/{}", plan.workstream);
    assert_eq!(reference(&yard, &name).as_deref(), Some(second.as_str()));
    yard.user(&["merge-base", "--is-ancestor", first.as_str(), second.as_str()]);
    yard.git.remove_worktree(&plan, false).await.unwrap();
    yard.git.retire_home(&plan).await.unwrap();
    yard.user(&["gc", "-q", "--prune=now"]);
    assert_eq!(yard.user(&["show", &format!("{first}:new.txt")]), "first");
}

#[tokio::test]
async fn a_change_that_keeps_size_and_time_is_seen() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let file = path(&plan.worktree).join("a.txt");
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    write(&file, "ONE\n");
    fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    assert_eq!(yard.git.inspect_work(&plan).await.unwrap().modified, ["a.txt"]);
}

#[tokio::test]
async fn files_replaced_by_directories_and_links_are_kept() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let top = path(&plan.worktree);
    fs::remove_file(top.join("a.txt")).unwrap();
    write(&top.join("a.txt/inside"), "inside");
    fs::remove_dir_all(top.join("dir")).unwrap();
    symlink("/etc", top.join("dir")).unwrap();
    let report = yard.git.inspect_work(&plan).await.unwrap();
    assert!(!report.is_empty() && report.unknown.is_none(), "{report:?}");
    let kept = yard.git.snapshot_work(&plan).await.unwrap().unwrap();
    assert_eq!(yard.user(&["show", &format!("{kept}:a.txt/inside")]), "inside");
    assert_eq!(yard.user(&["show", &format!("{kept}:dir")]), "/etc", "the link itself");
}
