//! `ccells push` and `ccells pr` with a real engine: what the agent committed comes to a remote, and a pull request is opened
//! by whoever knows how; where nobody does, the push is done all the same, and the page is named.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::harness::{SOON, Stage, eventually, git};
use crate::image;

/// A stage whose repository has a remote that is called as on a forge, and is a directory behind a stand-in for ssh.
fn set() -> Option<(Stage, PathBuf, PathBuf)> {
    let mut stage = Stage::set()?;
    let image = image::with_git(stage.plain());
    stage.variable("CCELLS_IMAGE", image);
    let (repo, programs) = (stage.room().join("repo"), stage.room().join("programs"));
    let there = stage.room().join("forge/o/n.git");
    std::fs::create_dir_all(&there).unwrap();
    std::fs::create_dir_all(&programs).unwrap();
    git(&there, &["init", "-q", "--bare", "-b", "main"]);
    let ssh = programs.join("ssh");
    let forge = stage.room().join("forge");
    script(&ssh, &format!("for last; do :; done\ncd '{}' && exec sh -c \"$last\"\n", forge.display()));
    stage.variable("GIT_SSH_COMMAND", ssh.to_str().unwrap());
    stage.variable("PATH", &format!("{}:/usr/bin:/bin", programs.display()));
    git(&repo, &["remote", "add", "origin", "git@github.com:o/n.git"]);
    let base = git(&repo, &["rev-parse", "main"]);
    git(&repo, &["push", "-q", there.to_str().unwrap(), &format!("{base}:refs/heads/main")]);
    // What is installed on this machine is not what is tried here.
    script(&programs.join("gh"), "echo 'not logged in' >&2\nexit 1\n");
    Some((stage, there, programs))
}

fn script(file: &Path, text: &str) {
    std::fs::write(file, format!("#!/bin/sh\n{text}")).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A workstream whose agent commits `name`, and goes another way once it is told to.
fn committed(stage: &Stage, name: &str) {
    let commit = "git -c user.name=A -c user.email=a@b commit -q";
    let text = format!(
        "cd /workspace && echo 1 >{name} && git add {name} && {commit} -m 'adds {name}' -m 'Why it does.' && \
         touch /home/agent/done; while ! test -e /home/agent/go; do sleep 0.1; done; \
         echo 2 >{name} && {commit} --amend -am 'another way' && touch /home/agent/gone; sleep 1000"
    );
    let card = stage.json(&["new", "-n", name, "-p", "make it so", "--", "sh", "-c", &text]);
    let home = Path::new(card["directory"].as_str().unwrap()).join("home");
    eventually("its agent commits", SOON, || home.join("done").exists().then_some(()));
}

#[test]
fn commits_come_to_the_remote_and_a_pull_request_is_opened() {
    let Some((stage, there, programs)) = set() else { return };
    committed(&stage, "one");
    let pushed = stage.run(&["push", "one"]).expect(0);
    let page = "https://github.com/o/n/compare/main...one?expand=1";
    assert!(
        pushed.out.contains("pushed 1 commit to `origin/one`") && pushed.out.contains(page),
        "{pushed:?}"
    );
    assert_eq!(git(&there, &["show", "one:one"]), "1");
    assert_eq!(git(&there, &["for-each-ref", "--format=%(refname)"]), "refs/heads/main\nrefs/heads/one");
    assert!(stage.run(&["push", "one"]).expect(0).out.contains("nothing to push"));

    let without = stage.run(&["pr", "one"]).expect(0);
    assert!(without.out.contains("not logged in") && without.out.contains(page), "{without:?}");
    let unknown = stage.run(&["pr", "one", "--status"]).expect(0);
    assert!(unknown.out.contains("not known"), "{unknown:?}");

    let room = stage.room().display().to_string();
    let gh = format!(
        "case \"$1 $2\" in\n'auth status') ;;\n'pr list') cat '{room}/listed' ;;\n'pr create') printf '%s\\n' \"$@\" >'{room}/said'; \
         cat >'{room}/body'; echo https://github.com/o/n/pull/7 ;;\n*) exit 9 ;;\nesac\n"
    );
    script(&programs.join("gh"), &gh);
    std::fs::write(stage.room().join("listed"), "[]").unwrap();
    let opened = stage.json(&["pr", "one", "--draft"]);
    assert_eq!(
        (&opened["pull_request"]["url"], &opened["is_new"]),
        (&"https://github.com/o/n/pull/7".into(), &true.into())
    );
    let said = std::fs::read_to_string(stage.room().join("said")).unwrap();
    let words = "pr\ncreate\n--repo\ngithub.com/o/n\n--head\none\n--title=adds one\n--body-file\n-\n--base=main\n--draft\n";
    assert_eq!(said, words);
    assert_eq!(std::fs::read_to_string(stage.room().join("body")).unwrap(), "Why it does.");

    let listed = r#"[{"number":7,"state":"OPEN","isDraft":false,"url":"https://github.com/o/n/pull/7","title":"adds one",
        "statusCheckRollup":[{"status":"COMPLETED","conclusion":"SUCCESS"}]}]"#;
    std::fs::write(stage.room().join("listed"), listed).unwrap();
    let again = stage.run(&["pr", "one"]).expect(0);
    assert!(again.out.contains("there is a pull request already: #7 open, checks: 1 passed"), "{again:?}");
    assert!(stage.run(&["pr", "one", "--status"]).expect(0).out.contains("#7 open"));
    assert_eq!(stage.run(&["pr", "one", "--title", " "]).code, 2);
}

#[test]
fn what_the_agent_replaced_is_pushed_only_by_force() {
    let Some((stage, there, _)) = set() else { return };
    committed(&stage, "two");
    stage.run(&["push", "two", "--to", "feature/two"]).expect(0);
    let home = PathBuf::from(stage.card("two").unwrap()["directory"].as_str().unwrap()).join("home");
    std::fs::write(home.join("go"), "").unwrap();
    eventually("its agent goes another way", SOON, || home.join("gone").exists().then_some(()));
    let refused = stage.run(&["push", "two", "--to", "feature/two"]);
    assert!(refused.code == 4 && refused.err.contains("replaced commits"), "{refused:?}");
    let refused = stage.run(&["push", "two", "--to", "feature/two", "--rewritten"]);
    assert!(refused.code == 4 && refused.err.contains("--force"), "{refused:?}");
    assert_eq!(git(&there, &["show", "feature/two:two"]), "1");
    stage.run(&["push", "two", "--to", "feature/two", "--rewritten", "--force"]).expect(0);
    assert_eq!(git(&there, &["show", "feature/two:two"]), "2");
    assert_eq!(stage.doctor(), Vec::<serde_json::Value>::new());
}
