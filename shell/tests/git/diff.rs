//! What an agent changed, as it is shown to a person: all of it, nothing else, and nothing of it run.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use ccells_shell::adapters::git::{Detail, FileDiff, Status, WorkDiff};

use crate::yard::{Yard, agent, path, run_git, write};

fn of<'a>(diff: &'a WorkDiff, name: &str) -> &'a FileDiff {
    let found = diff.files.iter().find(|file| file.path == Path::new(name));
    found.unwrap_or_else(|| panic!("{name} is not in {:#?}", diff.files))
}

#[tokio::test]
async fn every_kind_of_change_is_told_and_nothing_of_the_users_moves() {
    let yard = Yard::new();
    yard.write("long.txt", &["a line", "\n"].concat().repeat(50));
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "more"]);
    let plan = yard.plan();
    yard.create(&plan).await;
    let before = yard.fingerprint();
    let empty = yard.git.diff_work(&plan, Detail::Lines).await.unwrap();
    assert_eq!(empty, WorkDiff::default(), "nobody did anything");

    let file = |name: &str| path(&plan.worktree).join(name);
    write(&file("a.txt"), "one\nand two\n");
    fs::remove_file(file("dir/b.txt")).unwrap();
    fs::rename(file("long.txt"), file("longer.txt")).unwrap();
    write(&file("new\nline.txt"), "new\n");
    fs::write(file("picture.bin"), [0, 159, 146, 150]).unwrap();
    symlink("/etc/passwd", file("link")).unwrap();
    write(&file(".github/workflows/ci.yml"), "on: push\n");
    write(&file("tool"), "#!/bin/sh\n");
    fs::set_permissions(file("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    // What is committed differs from the base as well.
    agent(&plan, &["add", "a.txt"]);
    agent(&plan, &["commit", "-q", "-m", "a"]);

    let diff = yard.git.diff_work(&plan, Detail::Lines).await.unwrap();
    assert_eq!(diff.unknown, None);
    assert_eq!((of(&diff, "a.txt").status, of(&diff, "a.txt").lines), (Status::Modified, Some((1, 0))));
    assert_eq!(of(&diff, "dir/b.txt").status, Status::Deleted);
    assert_eq!(of(&diff, "longer.txt").old_path.as_deref(), Some(Path::new("long.txt")));
    assert_eq!(of(&diff, "new\nline.txt").lines, Some((1, 0)));
    assert_eq!((of(&diff, "picture.bin").status, of(&diff, "picture.bin").lines), (Status::Added, None));
    assert_eq!(diff.files.len(), 8, "{:#?}", diff.files);
    for (name, reason) in [
        ("link", "a link that leads elsewhere"),
        (".github/workflows/ci.yml", "runs at the forge"),
        ("tool", "can be run now"),
    ] {
        assert_eq!(of(&diff, name).executes(), Some(reason), "{name}");
    }
    let patch = String::from_utf8_lossy(&diff.patch).into_owned();
    for wanted in ["+and two", "-two", "rename to longer.txt", "+/etc/passwd", "Binary files"] {
        assert!(patch.contains(wanted), "{wanted} is not in\n{patch}");
    }
    let files = yard.git.diff_work(&plan, Detail::Files).await.unwrap();
    assert_eq!((&files.files, files.patch.len()), (&diff.files, 0));
    assert_eq!(yard.fingerprint(), before);
}

#[tokio::test]
async fn line_ends_and_filters_of_the_users_are_no_change() {
    let yard = Yard::new();
    yard.write(".gitattributes", "*.bat eol=crlf\n");
    yard.write("go.bat", "one\n");
    yard.write("stay.bat", "one\n");
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "attributes"]);
    let plan = yard.plan();
    yard.create(&plan).await;
    assert_eq!(yard.git.diff_work(&plan, Detail::Files).await.unwrap().files, []);
    write(&path(&plan.worktree).join("go.bat"), "one\r\ntwo\r\n");
    let diff = yard.git.diff_work(&plan, Detail::Files).await.unwrap();
    assert_eq!(diff.files.len(), 1, "{:#?}", diff.files);
    assert_eq!(of(&diff, "go.bat").status, Status::Modified);
}

#[tokio::test]
async fn what_an_agent_plants_is_not_run_and_what_cannot_be_compared_is_told() {
    let yard = Yard::new();
    let sign = yard.top().join("it ran");
    let program = yard.top().join("convert");
    write(&program, &format!("#!/bin/sh\ntouch '{}'\ncat \"$1\"\n", sign.display()));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let convert = program.to_str().unwrap();
    // The user has it for files of their own; an agent only needs to name it.
    for key in ["diff.own.textconv", "diff.own.command", "filter.own.clean"] {
        yard.user(&["config", key, convert]);
    }
    let plan = yard.plan();
    yard.create(&plan).await;
    let file = |name: &str| path(&plan.worktree).join(name);
    write(&file(".gitattributes"), "*.txt diff=own filter=own\n");
    write(&file("a.txt"), "changed\n");
    fs::create_dir(file("inner")).unwrap();
    run_git(&file("inner"), &["init", "-q"], &[]);
    write(&file("inner/x"), "x\n");
    // Its own repository may say what it likes.
    agent(&plan, &["config", "core.fsmonitor", convert]);
    agent(&plan, &["config", "diff.own.textconv", convert]);
    let diff = yard.git.diff_work(&plan, Detail::Lines).await.unwrap();
    assert!(!sign.exists(), "something was run");
    assert!(diff.unknown.as_deref().is_some_and(|unknown| unknown.contains("inner")), "{:?}", diff.unknown);
    assert_eq!(of(&diff, ".gitattributes").executes(), Some("chooses filters of git"));
    assert!(String::from_utf8_lossy(&diff.patch).contains("+changed"));
}
