//! `ccells merge` with a real engine, a real repository and a checkout full of the user's own changes: the branch is old or
//! new wherever it is killed, the next run finishes it, and nothing of the user's is touched.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::blows::{Blow, changes, is_full, points};
use crate::harness::{SOON, Stage, eventually, git};
use crate::image;

/// A stage with git in its image, and a repository whose checkout has changes that are nobody's but the user's.
fn set() -> Option<(Stage, PathBuf)> {
    let mut stage = Stage::set()?;
    let image = image::with_git(stage.plain());
    stage.variable("CCELLS_IMAGE", image);
    let repo = stage.room().join("repo");
    std::fs::write(repo.join("README"), DIRTY).unwrap();
    std::fs::write(repo.join("notes"), "mine\n").unwrap();
    Some((stage, repo))
}

/// What the user is writing just now.
const DIRTY: &str = "a repository to try things in\nand a line that is not committed\n";

/// A workstream whose agent has committed a file of its own name.
fn committed(stage: &Stage, name: &str) -> Value {
    let script = format!(
        "cd /workspace && echo {name} > {name} && git add {name} && \
         git -c user.name=A -c user.email=a@b commit -qm 'adds {name}' && touch /home/agent/done; sleep 1000"
    );
    let card = stage.json(&["new", "-n", name, "--", "sh", "-c", &script]);
    let done = Path::new(card["directory"].as_str().unwrap()).join("home/done");
    eventually("its agent commits", SOON, || done.exists().then_some(()));
    card
}

/// The user's own changes are as they were, the repository is sound, and nothing of ours lies about in it.
#[track_caller]
fn assert_untouched(repo: &Path, context: &str) {
    assert_eq!(std::fs::read_to_string(repo.join("README")).unwrap(), DIRTY, "{context}");
    assert_eq!(std::fs::read_to_string(repo.join("notes")).unwrap(), "mine\n", "{context}");
    assert_eq!(git(repo, &["status", "--porcelain"]), " M README\n?? notes", "{context}");
    git(repo, &["fsck", "--strict"]);
    let locks = std::process::Command::new("find").arg(repo.join(".git")).args(["-name", "*.lock"]).output();
    assert_eq!(String::from_utf8(locks.unwrap().stdout).unwrap(), "", "{context}");
}

#[test]
fn commits_go_into_the_branch_and_the_users_changes_stay() {
    let Some((stage, repo)) = set() else { return };
    git(&repo, &["branch", "release"]);
    committed(&stage, "one");
    let base = git(&repo, &["rev-parse", "main"]);
    git(&repo, &["config", "user.name", "Ada"]);
    git(&repo, &["config", "user.email", "ada@example.org"]);
    stage.run(&["merge", "one", "--into", "release", "--no-ff", "-m", "it is in"]).expect(0);
    assert_eq!(git(&repo, &["log", "-1", "--format=%an %s", "release"]), "Ada it is in");
    assert_eq!(git(&repo, &["rev-parse", "main"]), base, "another branch stays where it was");
    assert!(!repo.join("one").exists(), "and so do the files");
    let said = stage.json(&["merge", "one"]);
    assert!(said.to_string().contains("merged into `main`: 1 commit"), "{said}");
    assert_eq!(std::fs::read_to_string(repo.join("one")).unwrap(), "one\n");
    assert_untouched(&repo, "after a merge");
    let again = stage.run(&["merge", "one"]).expect(0);
    assert!(again.out.contains("nothing to merge"), "{again:?}");

    stage.run(&["rm", "one"]).expect(0);
    committed(&stage, "two");
    std::fs::write(repo.join("two"), "the user's own\n").unwrap();
    let refused = stage.run(&["merge", "two"]);
    assert!(refused.code == 4 && refused.err.contains("two"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(repo.join("two")).unwrap(), "the user's own\n");
    std::fs::remove_file(repo.join("two")).unwrap();
    stage.run(&["pause", "two"]).expect(0);
    let frozen = stage.run(&["merge", "two"]);
    assert!(frozen.code == 4 && frozen.err.contains("resume it first"), "{frozen:?}");
    assert_untouched(&repo, "after what was refused");
}

#[test]
fn merging_killed_at_many_points() {
    let Some((stage, repo)) = set() else { return };
    committed(&stage, "first");
    let blows = changes(&stage, &["merge", "first"], points(6, usize::MAX));
    stage.run(&["rm", "--force", "first"]).expect(0);
    let mut killed = 0;
    for (place, blow) in blows.iter().enumerate() {
        let name = format!("victim-{place}");
        committed(&stage, &name);
        killed += usize::from(merge_struck(&stage, &repo, &name, blow));
        stage.run(&["rm", "--force", &name]).expect(0);
    }
    let enough = if is_full() { blows.len() / 3 } else { 1 };
    assert!(
        blows.is_empty() || killed >= enough,
        "too few of {} were killed in the middle: {killed}",
        blows.len()
    );
}

/// Merges `name`, is struck, and has the next run finish what it began. Whether it was killed.
fn merge_struck(stage: &Stage, repo: &Path, name: &str, blow: &Blow) -> bool {
    let context = format!("{blow:?} of the merge of {name}");
    let before = git(repo, &["rev-parse", "main"]);
    let said = blow.strike(stage, &["merge", name]);
    stage.run(&["reconcile", "--apply"]).expect(0);
    let after = git(repo, &["rev-parse", "main"]);
    let is_there = repo.join(name).exists();
    assert_eq!(is_there, after != before, "{context}: the files are where the branch is");
    assert!(said.code != 0 || is_there, "{context}: it was acknowledged");
    assert_untouched(repo, &context);
    assert_eq!(stage.doctor(), Vec::<Value>::new(), "{context}");
    stage.run(&["merge", name]).expect(0);
    assert_eq!(std::fs::read_to_string(repo.join(name)).unwrap(), format!("{name}\n"), "{context}");
    assert_untouched(repo, &context);
    said.code != 0
}
