//! An agent that wants out of its container by way of git: what it plants, moves and replaces there does not run, and does
//! not hide anything, when ccells and its user go on using git on the host.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::harness::{SOON, Stage, eventually, git};
use crate::image;

/// What the agent does, with `MARK` for a file of the host that would show that something of it ran there.
const SCRIPT: &str = r#"
cd /workspace
{ rm -f .git; mv .git aside; ln -sfn /tmp .git; echo 'gitdir: /workspace/evil' > .git; } 2> refused
printf '#!/bin/sh\necho "$0" >> MARK\ncat\n' > trap.sh
chmod +x trap.sh
mkdir -p evil hooks .husky
for hook in post-checkout pre-commit post-index-change reference-transaction post-merge; do cp trap.sh hooks/$hook; done
for key in core.fsmonitor core.sshCommand core.pager core.editor diff.external filter.trap.clean filter.trap.smudge \
  filter.trap.process credential.helper gpg.program uploadpack.packObjectsHook; do git config $key ./trap.sh; done
git config core.hooksPath hooks
echo '* filter=trap diff=trap' > .gitattributes
git init -q nested
cp .gitattributes nested/
git -C nested config core.fsmonitor ../trap.sh
ln -s ../../../.. up
git -c core.fsmonitor= -c core.hooksPath=/dev/null -c filter.trap.clean=cat -c filter.trap.process= add trap.sh hooks
git -c core.hooksPath=/dev/null -c core.fsmonitor= -c gpg.program= -c user.name=A -c user.email=a@b commit -qm planted
touch /home/agent/done
sleep 1000
"#;

/// Every file of a git directory that is not ours to change, and what it holds.
fn users(git_dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    const OURS: [&str; 4] = ["objects", "refs/ccells", "worktrees", "index"];
    let (mut found, mut waiting) = (BTreeMap::new(), vec![git_dir.to_owned()]);
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(git_dir).unwrap();
            if OURS.iter().any(|ours| name.starts_with(ours))
                || name.to_string_lossy().contains("heads/ccells")
            {
                continue;
            }
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.insert(name.to_owned(), std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn what_an_agent_plants_does_not_run_when_others_use_git() {
    let Some(mut stage) = Stage::set() else { return };
    let image = image::with_git(stage.plain());
    stage.variable("CCELLS_IMAGE", image);
    let repo = stage.repo.clone();
    let mark = stage.room().join("MARK");
    let before = users(&repo.join(".git"));
    let script = SCRIPT.replace("MARK", mark.to_str().unwrap());
    let card = stage.json(&["new", "-n", "planter", "--", "sh", "-c", &script]);
    let place = |key: &str| PathBuf::from(card[key].as_str().unwrap());
    let (worktree, directory) = (place("worktree"), place("directory"));
    let link = std::fs::read_to_string(worktree.join(".git")).unwrap();
    eventually("the agent is done", SOON, || directory.join("home/done").exists().then_some(()));

    let refused = std::fs::read_to_string(worktree.join("refused")).unwrap();
    assert!(refused.lines().count() >= 4 && refused.contains("busy"), "{refused}");
    assert_eq!(
        std::fs::read_to_string(worktree.join(".git")).unwrap(),
        link,
        "it is the host's all the while"
    );
    assert!(!worktree.join("aside").exists());

    for place in [&repo, &worktree] {
        git(place, &["status", "--porcelain", "--untracked-files=all"]);
        git(place, &["diff", "HEAD"]);
        git(place, &["worktree", "list"]);
    }
    git(&worktree, &["add", "-A", "-n", ".", ":!nested"]);
    let shown = stage.run(&["diff", "planter", "--stat"]).expect(0);
    assert!(shown.out.contains("trap.sh"), "{}", shown.out);
    stage.run(&["merge", "planter", "--into", "main"]).expect(0);
    git(&repo, &["status", "--porcelain"]);
    git(&repo, &["checkout", "-q", "-b", "elsewhere"]);
    git(&repo, &["checkout", "-q", "main"]);
    stage.run(&["rm", "--force", "planter"]).expect(0);
    stage.run(&["undo", "planter"]).expect(0);

    assert!(!mark.exists(), "{}", std::fs::read_to_string(&mark).unwrap());
    let mut after = users(&repo.join(".git"));
    after.retain(|name, _| before.contains_key(name));
    let moved = ["logs/HEAD", "logs/refs/heads/main", "refs/heads/main", "ORIG_HEAD"];
    let same = |all: &BTreeMap<PathBuf, Vec<u8>>| {
        let mut all = all.clone();
        all.retain(|name, _| !moved.iter().any(|it| name == Path::new(it)));
        all
    };
    assert_eq!(same(&before), same(&after));
    git(&repo, &["fsck", "--full"]);

    // The trap is none that never springs: git with the agent's own directory, as a user might try it, runs it.
    let mut naive = std::process::Command::new("git");
    naive.current_dir(&worktree).env("GIT_DIR", directory.join("git")).env("GIT_WORK_TREE", &worktree);
    naive.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", repo.join(".git/objects"));
    naive.arg("status").output().unwrap();
    assert!(mark.exists());
}
