//! Files that git ignores and that a worktree gets all the same: which, from where, and what they may not do.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use ccells_core::ports::{BaseWish, Beginning, Git as _, WorktreePlan};

use crate::yard::{Yard, everything, path, refusal, text, wish, write};

/// A checkout with files of every kind that may be named, and its list.
fn yard() -> Yard {
    let yard = Yard::new();
    yard.write(".gitignore", "ignored/\n*.log\n.env*\n");
    yard.write(".worktreeinclude", ".env*\nignored/**\n!ignored/large\nsecret\na.txt\nlinked.log\n");
    yard.user(&["add", ".gitignore", ".worktreeinclude"]);
    yard.user(&["commit", "-q", "-m", "lists"]);
    yard.write(".env", "KEY=1\n");
    yard.write("ignored/deep/er/tool.sh", "#!/bin/sh\n");
    yard.write("ignored/new\nline \u{e9}", "named oddly\n");
    yard.write("ignored/large", "left out by the list\n");
    yard.write("secret", "named and not ignored\n");
    yard.write("dir/other.log", "ignored and not named\n");
    fs::set_permissions(yard.repo().join(".env"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(yard.repo().join("ignored/deep/er/tool.sh"), fs::Permissions::from_mode(0o755))
        .unwrap();
    symlink("/etc/hostname", yard.repo().join("linked.log")).unwrap();
    symlink("/etc", yard.repo().join("ignored/etc")).unwrap();
    yard
}

fn plan(yard: &Yard, include: &[&str]) -> WorktreePlan {
    let include = include.iter().map(|pattern| (*pattern).to_owned()).collect();
    WorktreePlan { beginning: Beginning { include, ..Beginning::default() }, ..yard.plan() }
}

#[tokio::test]
async fn what_is_listed_and_ignored_is_copied_and_nothing_else() {
    let yard = yard();
    let before = yard.fingerprint();
    let wish = BaseWish { include: vec!["/dir/*.log".to_owned()], ..wish(None, "ccells/new") };
    let base = yard.git.resolve_base(&text(&yard.repo()), &wish).await.unwrap();
    assert_eq!(base.note.as_deref(), Some("4 files that git ignores are copied (1 kB)"));
    assert_eq!(base.beginning.include, wish.include);
    let plan = plan(&yard, &["/dir/*.log"]);
    yard.create(&plan).await;
    let worktree = path(&plan.worktree);
    let read = |name: &str| fs::read_to_string(worktree.join(name)).unwrap();
    assert_eq!(read(".env"), "KEY=1\n");
    assert_eq!(read("ignored/new\nline \u{e9}"), "named oddly\n");
    assert_eq!(read("dir/other.log"), "ignored and not named\n");
    let mode = |name: &str| fs::metadata(worktree.join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode(".env"), mode("ignored/deep/er/tool.sh")), (0o600, 0o755));
    for absent in ["ignored/large", "secret", "linked.log", "ignored/etc"] {
        assert!(fs::symlink_metadata(worktree.join(absent)).is_err(), "{absent}");
    }
    // Each is a file of its own: what an agent writes is not the user's.
    assert_eq!(fs::metadata(worktree.join(".env")).unwrap().nlink(), 1);
    write(&worktree.join(".env"), "KEY=2\n");
    assert_eq!(before, yard.fingerprint());
    assert!(yard.git.inspect_work(&plan).await.unwrap().is_empty());
    // Made, it is not touched again.
    yard.git.add_worktree(&plan).await.unwrap();
    assert_eq!(read(".env"), "KEY=2\n");
    assert!(!worktree.with_file_name(format!(".{}.copy", plan.workstream)).exists());
}

#[tokio::test]
async fn without_a_list_nothing_is_copied() {
    let yard = Yard::new();
    yard.write("x.log", "ignored\n");
    let plan = plan(&yard, &[]);
    yard.create(&plan).await;
    assert!(!path(&plan.worktree).join("x.log").exists());
    let base = yard.git.resolve_base(&text(&yard.repo()), &wish(None, "ccells/new")).await.unwrap();
    assert_eq!(base.note, None);
}

#[tokio::test]
async fn what_is_in_the_way_stays_and_no_link_leads_out() {
    let yard = Yard::new();
    let outside = yard.top().join("outside");
    fs::create_dir(&outside).unwrap();
    // In the base these are a link that leads out, a file where a directory would be, and the file itself.
    symlink(&outside, yard.repo().join("out")).unwrap();
    yard.write("flat", "a file\n");
    yard.write("same.log", "of the base\n");
    yard.user(&["add", "-f", "out", "flat", "same.log"]);
    yard.user(&["commit", "-q", "-m", "base"]);
    let plan = plan(&yard, &["*.log"]);
    yard.user(&["rm", "-q", "--cached", "out", "flat", "same.log"]);
    for name in ["out", "flat"] {
        fs::remove_file(yard.repo().join(name)).unwrap();
        yard.write(&format!("{name}/x.log"), "mine\n");
    }
    yard.write("same.log", "mine\n");
    yard.write("fine.log", "mine\n");
    yard.create(&plan).await;
    let read = |name: &str| fs::read_to_string(path(&plan.worktree).join(name)).unwrap();
    assert_eq!(
        (read("flat"), read("same.log"), read("fine.log")),
        ("a file\n".into(), "of the base\n".into(), "mine\n".into())
    );
    assert!(everything(&outside).len() == 1, "nothing was written outside");
}

#[tokio::test]
async fn a_copy_that_was_interrupted_is_made_whole() {
    let yard = yard();
    let plan = plan(&yard, &[]);
    yard.git.pin_base(&plan).await.unwrap();
    yard.git.add_worktree(&plan).await.unwrap();
    // As a crash leaves it: half of the files, one under its passing name, and the note that it is being made.
    let worktree = path(&plan.worktree);
    let beside = |end: &str| worktree.with_file_name(format!(".{}.{end}", plan.workstream));
    fs::remove_file(worktree.join(".env")).unwrap();
    fs::write(beside("copy"), "KE").unwrap();
    fs::write(beside("adding"), "").unwrap();
    yard.git.add_worktree(&plan).await.unwrap();
    assert_eq!(fs::read_to_string(worktree.join(".env")).unwrap(), "KEY=1\n");
    assert!(!beside("copy").exists() && !beside("adding").exists());
    fs::write(beside("copy"), "KE").unwrap();
    fs::write(beside("adding"), "").unwrap();
    yard.git.remove_worktree(&plan, false).await.unwrap();
    assert!(!beside("copy").exists() && !worktree.exists());
}

#[tokio::test]
async fn too_much_and_what_is_no_pattern_is_refused_before_anything_is_made() {
    let yard = yard();
    for number in 0..=ccells_core::limits::INCLUDE_FILES {
        fs::write(yard.repo().join(format!("ignored/{number}")), "").unwrap();
    }
    let ask = async |include: &str| {
        let wish = BaseWish { include: vec![include.to_owned()], ..wish(None, "ccells/new") };
        refusal(yard.git.resolve_base(&text(&yard.repo()), &wish).await)
    };
    assert!(ask("x").await.starts_with("more than 10000 files are to be copied"));
    fs::remove_dir_all(yard.repo().join("ignored")).unwrap();
    let large = fs::File::create(yard.repo().join("large.log")).unwrap();
    large.set_len(2_000_000_000).unwrap();
    assert!(ask("*.log").await.starts_with("2000 MB are to be copied"));
    for bad in ["", "a\nb"] {
        assert!(ask(bad).await.contains("is no pattern of files"), "{bad:?}");
    }
}
