//! `ccells new` from any base, with the real engine: what a remote has by now, a pull request, a branch that is there
//! already, files that git ignores, and another workstream as it is now.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{SOON, Stage, eventually, git};
use crate::image;

/// A stage with git in its image, and a repository whose remote has a commit and a pull request that were never fetched.
fn set() -> Option<(Stage, PathBuf)> {
    let mut stage = Stage::set()?;
    let image = image::with_git(stage.plain());
    stage.variable("CCELLS_IMAGE", image);
    let (repo, room) = (stage.room().join("repo"), stage.room().to_owned());
    git(&room, &["clone", "-q", "--bare", "repo", "hub.git"]);
    git(&room, &["clone", "-q", "hub.git", "other"]);
    git(&repo, &["remote", "add", "origin", room.join("hub.git").to_str().unwrap()]);
    git(&repo, &["fetch", "-q"]);
    let other = room.join("other");
    for (file, to) in [("asked", "refs/pull/7/head"), ("pushed", "refs/heads/main")] {
        std::fs::write(other.join(file), file).unwrap();
        git(&other, &["add", file]);
        git(&other, &["-c", "user.name=O", "-c", "user.email=o@x", "commit", "-qm", file]);
        git(&other, &["push", "-q", "origin", &format!("HEAD:{to}")]);
    }
    Some((stage, repo))
}

fn made(stage: &Stage, words: &[&str]) -> (Value, PathBuf) {
    let words = [&["new"], words, &["--", "sleep", "1000"]].concat();
    let card = stage.json(&words);
    let worktree = PathBuf::from(card["worktree"].as_str().unwrap());
    (card, worktree)
}

#[test]
fn a_workstream_begins_at_what_the_remote_has_and_says_when_it_cannot_ask() {
    let Some((stage, repo)) = set() else { return };
    let refs = git(&repo, &["for-each-ref", "refs/heads", "refs/remotes", "refs/tags"]);
    let (card, worktree) = made(&stage, &["-n", "newest"]);
    assert!(worktree.join("pushed").exists() && card["note"].is_null(), "{card}");
    let (card, worktree) = made(&stage, &["-n", "here", "--no-fetch"]);
    assert!(!worktree.join("pushed").exists() && card["note"].is_null(), "{card}");
    let (card, worktree) = made(&stage, &["-n", "pull", "--base", "#7"]);
    assert!(worktree.join("asked").exists() && !worktree.join("pushed").exists());
    assert!(card["note"].as_str().unwrap().starts_with("it begins from pull request 7 of origin"), "{card}");
    stage.run(&["new", "-n", "no-such", "--base", "#8", "--", "true"]).expect(1);
    std::fs::rename(stage.room().join("hub.git"), stage.room().join("away")).unwrap();
    let (card, worktree) = made(&stage, &["-n", "offline"]);
    assert!(!worktree.join("pushed").exists());
    assert!(card["note"].as_str().unwrap().contains("`main` of origin could not be asked for"), "{card}");
    let now = git(&repo, &["for-each-ref", "refs/remotes", "refs/tags", "refs/heads/main"]);
    assert!(now.lines().all(|line| refs.contains(line)), "{now}");
    for name in ["newest", "here", "pull", "offline"] {
        stage.run(&["rm", "--force", name]).expect(0);
    }
}

#[test]
fn a_branch_that_is_there_is_used_or_begun_anew_as_the_user_says() {
    let Some((stage, repo)) = set() else { return };
    git(&repo, &["branch", "topic"]);
    let tip = git(&repo, &["commit-tree", "-m", "mine", "-p", "topic", "topic^{tree}"]);
    git(&repo, &["update-ref", "refs/heads/topic", &tip]);
    let refused = stage.run(&["new", "-b", "topic", "--", "true"]).expect(4);
    assert!(refused.err.contains("--on-existing"), "{refused:?}");
    let (card, _) = made(&stage, &["-n", "next", "-b", "topic", "--on-existing", "new"]);
    assert_eq!(card["branch"], "topic-2");
    let (card, worktree) = made(&stage, &["-n", "on", "-b", "topic", "--on-existing", "use"]);
    assert_eq!(
        (card["branch"].as_str(), git(&worktree, &["rev-parse", "HEAD"])),
        (Some("topic"), tip.clone())
    );
    let refused = stage.run(&["new", "-b", "topic", "--on-existing", "recreate", "--", "true"]).expect(4);
    assert!(refused.err.contains("is the branch of workstream"), "{refused:?}");
    stage.run(&["rm", "on"]).expect(0);
    assert_eq!(git(&repo, &["rev-parse", "topic"]), tip);
    let (card, _) = made(&stage, &["-n", "anew", "-b", "topic", "--on-existing", "recreate"]);
    assert!(card["note"].as_str().unwrap().contains("1 commit that nothing else has is kept"), "{card}");
    let kept = format!("refs/ccells/trash-branch/{}", card["id"].as_str().unwrap());
    assert_eq!(git(&repo, &["rev-parse", &kept]), tip);
    stage.run(&["rm", "anew"]).expect(0);
    assert_eq!(git(&repo, &["rev-parse", "topic"]), tip, "what was there before is as it was");
    stage.run(&["rm", "next"]).expect(0);
}

#[test]
fn one_goes_on_from_another_and_has_what_git_ignores() {
    let Some((stage, repo)) = set() else { return };
    std::fs::write(repo.join(".git/info/exclude"), ".env\n*.key\n").unwrap();
    std::fs::write(repo.join(".worktreeinclude"), ".env\n").unwrap();
    std::fs::write(repo.join(".env"), "KEY=1\n").unwrap();
    std::fs::write(repo.join("a.key"), "key\n").unwrap();
    let script = "cd /workspace && echo one > one && git add one && \
                  git -c user.name=A -c user.email=a@b commit -qm one && echo two > two && touch /home/agent/done; sleep 1000";
    let card = stage.json(&["new", "-n", "first", "--include", "*.key", "--", "sh", "-c", script]);
    let done = Path::new(card["directory"].as_str().unwrap()).join("home/done");
    eventually("its agent commits", SOON, || done.exists().then_some(()));
    let first = PathBuf::from(card["worktree"].as_str().unwrap());
    for (name, text) in [(".env", "KEY=1\n"), ("a.key", "key\n")] {
        assert_eq!(std::fs::read_to_string(first.join(name)).unwrap(), text);
    }
    let (card, second) = made(&stage, &["-n", "second", "--from", "first"]);
    assert!(card["note"].as_str().unwrap().contains("with what is not committed there"), "{card}");
    assert_eq!(std::fs::read_to_string(second.join("one")).unwrap(), "one\n");
    assert_eq!(std::fs::read_to_string(second.join("two")).unwrap(), "two\n");
    assert_eq!(git(&second, &["log", "-1", "--format=%s"]), "one");
    assert_eq!(git(&second, &["status", "--porcelain"]), "?? two");
    for name in ["second", "first"] {
        stage.run(&["rm", "--force", name]).expect(0);
    }
}
