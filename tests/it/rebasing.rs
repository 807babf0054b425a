//! `ccells rebase` with a real engine and a real repository: an agent's commits are put onto what the user committed
//! meanwhile, conflicts are resolved or taken back where the agent works, and nothing of the user's is touched.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::{SOON, Stage, eventually, git};
use crate::image;

/// A stage with git in its image.
fn set() -> Option<(Stage, PathBuf)> {
    let mut stage = Stage::set()?;
    let image = image::with_git(stage.plain());
    stage.variable("CCELLS_IMAGE", image);
    let repo = stage.room().join("repo");
    Some((stage, repo))
}

/// An agent that does in its repository what it is asked for, once for each file `go`, and tells by a file `gone`.
const AGENT: &str = "cd /workspace; while true; do if [ -f /home/agent/go ]; then . /home/agent/go >/home/agent/said 2>&1; \
     : >/home/agent/gone; while [ -f /home/agent/gone ]; do sleep 0.1; done; fi; sleep 0.1; done";

/// One workstream with such an agent.
struct Agent {
    home: PathBuf,
    directory: PathBuf,
    id: String,
}

impl Agent {
    fn begin(stage: &Stage, name: &str) -> Self {
        let card = stage.json(&["new", "-n", name, "--", "sh", "-c", AGENT]);
        let directory = PathBuf::from(card["directory"].as_str().unwrap());
        Self { home: directory.join("home"), directory, id: card["id"].as_str().unwrap().to_string() }
    }

    /// Has it run these commands, and gives what they said.
    fn run(&self, commands: &str) -> String {
        let who =
            "export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b";
        let whole = format!("{who}; export GIT_EDITOR=true; {commands}\n");
        std::fs::write(self.home.join("new"), whole).unwrap();
        std::fs::rename(self.home.join("new"), self.home.join("go")).unwrap();
        eventually("the agent does it", SOON, || self.home.join("gone").exists().then_some(()));
        std::fs::remove_file(self.home.join("go")).unwrap();
        let said = std::fs::read_to_string(self.home.join("said")).unwrap();
        std::fs::remove_file(self.home.join("gone")).unwrap();
        said
    }

    /// Has it write a file and commit that.
    fn commit(&self, file: &str, text: &str) {
        self.run(&format!("echo '{text}' >{file}; git add {file}; git commit -qm 'agent: {file}'"));
    }

    fn base(&self) -> String {
        let facts: Value =
            serde_json::from_slice(&std::fs::read(self.directory.join("workstream.json")).unwrap()).unwrap();
        facts["base"].as_str().unwrap().to_string()
    }
}

/// The user commits a file.
fn user_commits(repo: &Path, file: &str, text: &str) -> String {
    std::fs::write(repo.join(file), format!("{text}\n")).unwrap();
    git(repo, &["add", file]);
    git(repo, &["commit", "-qm", &format!("user: {file}")]);
    git(repo, &["rev-parse", "HEAD"])
}

/// The ids of the patches of a range of commits, in order: what they change, wherever they stand.
fn patches(repo: &Path, range: &str) -> Vec<String> {
    let log =
        Command::new("git").arg("-C").arg(repo).args(["log", "-p", "--reverse", range]).output().unwrap();
    let ids = Command::new("git")
        .args(["patch-id", "--stable"])
        .stdin({
            let file = repo.parent().unwrap().join("patches");
            std::fs::write(&file, log.stdout).unwrap();
            std::fs::File::open(file).unwrap()
        })
        .output()
        .unwrap();
    let text = String::from_utf8(ids.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next().map(str::to_string)).collect()
}

#[test]
fn commits_are_put_onto_what_the_user_did_meanwhile() {
    let Some((stage, repo)) = set() else { return };
    let agent = Agent::begin(&stage, "one");
    let began = git(&repo, &["rev-parse", "main"]);
    agent.commit("first", "1");
    agent.commit("second", "2");
    git(&repo, &["branch", "side"]);
    stage.run(&["merge", "one", "--into", "side"]).expect(0);
    let before = patches(&repo, &format!("{began}..side"));
    assert_eq!(before.len(), 2);

    let nothing = stage.run(&["rebase", "one"]).expect(0);
    assert!(nothing.out.contains("nothing to do"), "{nothing:?}");
    let main = user_commits(&repo, "theirs", "the user's");
    agent.run("echo more >>first");
    let dirty = stage.run(&["rebase", "one"]);
    assert!(dirty.code == 4 && dirty.err.contains("not committed: first"), "{dirty:?}");
    assert_eq!(agent.base(), began);
    agent.run("git checkout -q first; git rev-parse HEAD >/ccells/git/MERGE_HEAD");
    let busy = stage.run(&["rebase", "one"]);
    assert!(busy.code == 4 && busy.err.contains("a merge of its own under way"), "{busy:?}");
    std::fs::remove_file(agent.directory.join("git/MERGE_HEAD")).unwrap();
    let unknown = stage.run(&["rebase", "one", "--onto", "nowhere"]);
    assert!(unknown.code == 3 && unknown.err.contains("`nowhere`"), "{unknown:?}");
    let untouched = stage.run(&["rebase", "one", "--abort"]);
    assert!(untouched.code == 4, "{untouched:?}");

    let done = stage.run(&["rebase", "one"]).expect(0);
    assert!(done.out.contains("rebased onto `main`: 2 commits on"), "{done:?}");
    assert_eq!(agent.base(), main);
    assert_eq!(git(&repo, &["rev-parse", &format!("refs/ccells/{}/base", agent.id)]), main);
    assert!(agent.run("git reflog; git rev-parse ORIG_HEAD").contains("rebase"), "the agent's git remembers");
    let diff = stage.json(&["diff", "one"]);
    let files: Vec<_> = diff["files"].as_array().unwrap().iter().map(|file| file["path"].clone()).collect();
    assert_eq!((files, diff["base"].as_str()), (vec!["first".into(), "second".into()], Some(main.as_str())));

    // What the rebase replaced was ours to replace; it stays all the same.
    let old = git(&repo, &["rev-parse", "side"]);
    let merged = stage.run(&["merge", "one"]).expect(0);
    assert!(merged.out.contains("merged into `main`: 2 commits"), "{merged:?}");
    assert_eq!(git(&repo, &["rev-parse", &format!("refs/ccells/{}/was", agent.id)]), old);
    assert_eq!(git(&repo, &["log", "--merges", "--format=%H", "main"]), "", "it was moved on");
    assert_eq!(patches(&repo, &format!("{main}..main")), before);
    git(&repo, &["fsck", "--strict"]);
    assert_eq!(stage.doctor(), Vec::<Value>::new());
    stage.run(&["rm", "one"]).expect(0);
    assert_eq!(git(&repo, &["branch", "--list", "ccells/*"]), "", "its branch went along with its base");
}

#[test]
fn conflicts_are_named_taken_back_or_resolved_and_that_is_noticed() {
    let Some((stage, repo)) = set() else { return };
    let agent = Agent::begin(&stage, "one");
    agent.commit("shared", "the agent");
    agent.commit("alone", "also");
    let (before, began) = (agent.run("git rev-parse HEAD; git symbolic-ref HEAD"), agent.base());
    let main = user_commits(&repo, "shared", "the user's");

    let clash = stage.run(&["merge", "one"]);
    assert!(clash.code == 4 && clash.err.contains("changed on both sides: shared"), "{clash:?}");
    assert!(clash.err.contains("ccells merge one --hand-over"), "{clash:?}");
    let stopped = stage.run(&["rebase", "one"]);
    assert!(stopped.code == 4 && stopped.err.contains("1 file in conflict: shared"), "{stopped:?}");
    assert!(stopped.err.contains("--hand-over") && stopped.err.contains("--abort"), "{stopped:?}");
    let card = stage.card("one").unwrap();
    assert_eq!(card["rebase"]["files"], serde_json::json!(["shared"]), "{card}");
    assert!(card["reason"].as_str().unwrap().contains("under way: 1 file in conflict"), "{card}");
    let merge = stage.run(&["merge", "one"]);
    assert!(merge.code == 4 && merge.err.contains("a rebase onto `main` is under way"), "{merge:?}");

    let back = stage.run(&["rebase", "one", "--abort"]).expect(0);
    assert!(back.out.contains("taken back"), "{back:?}");
    assert_eq!(agent.run("git rev-parse HEAD; git symbolic-ref HEAD"), before);
    assert_eq!(agent.run("git status --porcelain; cat shared"), "the agent\n");
    assert_eq!((agent.base(), stage.card("one").unwrap()["rebase"].clone()), (began, Value::Null));

    let stopped = stage.run(&["rebase", "one", "--json"]).expect(4).json();
    assert_eq!(stopped[0]["rebase"]["files"][0], "shared", "{stopped}");
    agent.run("echo both >shared; git add shared; git rebase --continue");
    let merged = stage.run(&["merge", "one"]).expect(0);
    assert!(merged.out.contains("merged into `main`: 2 commits"), "{merged:?}");
    assert_eq!(agent.base(), main, "that it was finished was noticed");
    assert_eq!(git(&repo, &["log", "--merges", "--format=%H", "main"]), "", "it was moved on");
    assert_eq!(std::fs::read_to_string(repo.join("shared")).unwrap(), "both\n");
    git(&repo, &["fsck", "--strict"]);
    assert_eq!(stage.doctor(), Vec::<Value>::new());
}

#[test]
fn what_conflicts_is_handed_to_the_agent_in_its_terminal() {
    let Some((stage, repo)) = set() else { return };
    let script = "cd /workspace; echo the agent >shared; git add shared; \
         git -c user.name=A -c user.email=a@b commit -qm mine; : >/home/agent/done; \
         read -r line; echo \"$line\" >/home/agent/new; cat /home/agent/new >/home/agent/told; sleep 1000";
    let card = stage.json(&["new", "-n", "one", "--", "sh", "-c", script]);
    let home = Path::new(card["directory"].as_str().unwrap()).join("home");
    eventually("its agent commits", SOON, || home.join("done").exists().then_some(()));
    user_commits(&repo, "shared", "the user");
    let handed = stage.run(&["merge", "one", "--hand-over"]).expect(0);
    assert!(handed.out.contains("1 file in conflict: shared; handed to the agent"), "{handed:?}");
    let told = eventually("it is told", SOON, || {
        std::fs::read_to_string(home.join("told")).ok().filter(|told| told.contains('\n'))
    });
    assert!(told.contains("onto `main`") && told.contains("in: `shared`."), "{told}");
    assert!(told.contains("git rebase --continue"), "{told}");
    assert!(stage.card("one").unwrap()["rebase"].is_object());
    stage.run(&["rm", "--force", "one"]).expect(0);
}
