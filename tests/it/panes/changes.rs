//! What a workstream changed, from a real repository to the screen, and what is said about it to its agent.

use std::path::{Path, PathBuf};

use ccells_core::ids::{Commit, PathText};
use ccells_core::ports::{Beginning, Git as _, WorktreePlan};
use ccells_core::record::{self, FactsRecord};
use ccells_shell::adapters::git::RealGit;
use ccells_tests::world::id;

use crate::contract::git::facts_of;
use crate::harness::git;
use crate::rig::Rig;
use crate::terminal::ESCAPE;

/// Gives the first pane of the rig a repository and a worktree of it; where the worktree is.
fn workstream(room: &Path) -> PathBuf {
    let (repo, home) = (room.join("repo"), room.join("home"));
    std::fs::create_dir(&repo).unwrap();
    git(&repo, &["init", "-q", "-b", "main"]);
    std::fs::write(repo.join("code.rs"), "fn one() {}\nfn two() {}\n").unwrap();
    std::fs::write(repo.join("run.sh"), "echo\n").unwrap();
    git(&repo, &["add", "-A"]);
    git(&repo, &["commit", "-q", "-m", "start"]);
    let text = |path: &Path| PathText::from(path.to_str().unwrap());
    let plan = WorktreePlan {
        workstream: id(0),
        repo: text(&repo),
        git_dir: text(&repo.join(".git")),
        worktree: text(&home.join("worktrees/web").join(id(0).as_str())),
        home: text(&home.join("workstreams").join(id(0).as_str())),
        branch: "ccells/pane-0".to_owned(),
        base: Commit::parse(&git(&repo, &["rev-parse", "HEAD"])).unwrap(),
        owner: (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
        beginning: Beginning::default(),
    };
    let facts = record::print(&FactsRecord { version: record::VERSION, facts: facts_of(&plan) });
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let real = RealGit::new().unwrap();
        real.pin_base(&plan).await.unwrap();
        real.add_worktree(&plan).await.unwrap();
        real.build_home(&plan, &facts).await.unwrap();
    });
    std::fs::write(room.join("0/workstream.json"), facts).unwrap();
    PathBuf::from(plan.worktree.as_str())
}

#[test]
fn what_it_changed_is_looked_at_and_looked_at_again() {
    let rig = Rig::talkers(1);
    let worktree = workstream(&rig.room);
    rig.keys("D");
    rig.see("nothing differs from the commit it began with");
    std::fs::write(worktree.join("code.rs"), "fn one() {}\nfn three() {}\n").unwrap();
    std::fs::write(worktree.join("Makefile"), "all:\n\trm -rf \x1b[31m\n").unwrap();
    rig.keys("r");
    rig.until("both files, and the lines of the first", |screen| {
        let parts = ["2 files, +3 -1", "Makefile", "! runs at a build", "+    rm -rf \\x1b[31m"];
        parts.iter().all(|part| screen.contains(part))
    });
    rig.keys("\t");
    rig.until("the lines of the other file", |screen| {
        screen.contains("-fn two() {}") && screen.contains("+fn three() {}")
    });
    rig.keys("?");
    rig.keys(ESCAPE);
    rig.until("the panes", |screen| screen.contains(" NAV ") && screen.contains("what next?"));
    rig.quit();
}

#[test]
fn a_comment_is_before_the_agent_until_somebody_presses_enter() {
    let rig = Rig::talkers(1);
    let worktree = workstream(&rig.room);
    std::fs::write(worktree.join("code.rs"), "fn one() {}\nfn three() {}\n").unwrap();
    rig.keys("D");
    rig.see("+fn three() {}");
    rig.keys("Gcwhy three?\r");
    rig.see("1 comment is in the pane of");
    rig.keys(ESCAPE);
    let said = "code.rs:2: why three?  > +fn three() {}";
    let screen = rig.see(&format!("what next? {said}"));
    assert!(!screen.contains("heard:"), "nobody sent it yet: {screen}");
    rig.keys("i");
    rig.see(" INPUT ");
    rig.keys("\r");
    rig.see(&format!("heard: {said}"));
    rig.quit();
}
