//! The command line: one workstream's whole life by verbs, the exit codes, and what `--json` prints.

use serde_json::{Value, json};

use crate::harness::{SOON, Stage, assert_whole, count, eventually, git, wait_for_ticks};

fn logs_until(stage: &Stage, name: &str, wanted: &str) -> String {
    eventually(&format!("{name} shows {wanted:?}"), SOON, || {
        let said = stage.run(&["logs", name]).expect(0);
        said.out.contains(wanted).then_some(said.out)
    })
}

#[test]
fn a_workstream_lives_its_whole_life_by_verbs() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.new_workstream("login");
    assert_eq!(
        (&card["name"], &card["state"], &card["container_state"]),
        (&json!("login"), &json!("running"), &json!("running"))
    );
    let worktree = std::path::Path::new(card["worktree"].as_str().unwrap());
    assert!(worktree.join("code").exists());
    assert_eq!(git(worktree, &["rev-parse", "--abbrev-ref", "HEAD"]), card["branch"].as_str().unwrap());

    wait_for_ticks(&card, 3);
    let seen = assert_whole(&logs_until(&stage, "login", "tick 3 end"));
    assert!(seen >= 3);
    stage.run(&["send", "login", "good", "morning"]).expect(0);
    logs_until(&stage, "login", "heard: good morning");

    stage.run(&["pause", "login"]).expect(0);
    let frozen = count(&stage.wait_for_state("login", "paused"));
    stage.run(&["send", "login", "hello"]).expect(4);
    assert_eq!(count(&card), frozen, "a frozen agent counts on");
    stage.run(&["resume", "login"]).expect(0);
    wait_for_ticks(&card, 2);

    stage.run(&["stop", "login"]).expect(0);
    assert_eq!(stage.card("login").unwrap()["state"], "stopped");
    stage.run(&["restart", "login"]).expect(0);
    eventually("the agent starts again", SOON, || (count(&card).starts == 2).then_some(()));
    assert_eq!(stage.card("login").unwrap()["state"], "running");
}

#[test]
fn what_a_workstream_changed_is_shown_safely() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.new_workstream("changed");
    assert_eq!(stage.json(&["diff", "changed"])["files"], json!([]));
    let worktree = std::path::Path::new(card["worktree"].as_str().unwrap());
    std::fs::write(worktree.join("code"), "2\n\x1b]0;mine\x07\n").unwrap();
    std::fs::write(worktree.join("Makefile"), "all:\n\ttrue\n").unwrap();
    let said = stage.run(&["diff", "changed"]).expect(0);
    assert!(said.out.contains("+2\n") && said.out.contains("+\ttrue\n"), "{said:#?}");
    assert!(said.err.contains("Makefile: runs at a build"), "{said:#?}");
    assert!(!said.out.contains('\x1b'), "{said:#?}");
    let stat = stage.run(&["diff", "--stat", "changed"]).expect(0);
    assert!(stat.out.contains("2 files changed"), "{stat:#?}");
    let files = stage.json(&["diff", "changed"])["files"].clone();
    assert_eq!((&files[0]["path"], &files[0]["executes"]), (&json!("Makefile"), &json!("runs at a build")));
    assert_eq!(
        (&files[1]["path"], &files[1]["status"], &files[1]["added"]),
        (&json!("code"), &json!("M"), &json!(2))
    );
    stage.run(&["diff", "nobody"]).expect(3);
    wait_for_ticks(&card, 1);
}

#[test]
fn what_would_be_lost_is_named_kept_and_gone_only_by_force() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.new_workstream("precious");
    let worktree = std::path::Path::new(card["worktree"].as_str().unwrap());
    std::fs::write(worktree.join("code"), "2\n").unwrap();
    std::fs::write(worktree.join("idea.txt"), "a good one\n").unwrap();
    std::fs::create_dir(worktree.join("build")).unwrap();
    std::fs::write(worktree.join("build/.gitignore"), "*\n").unwrap();
    std::fs::write(worktree.join("build/result"), "hours of work\n").unwrap();
    let refused = stage.run(&["rm", "precious"]).expect(4);
    assert!(
        refused.err.contains("modified: code") && refused.err.contains("untracked: idea.txt"),
        "{refused:#?}"
    );
    assert!(refused.err.contains("--force"), "it does not say what to do: {refused:#?}");
    assert_eq!(stage.card("precious").unwrap()["state"], "running", "a refusal changes nothing");
    wait_for_ticks(&card, 1);

    stage.run(&["rm", "--force", "precious"]).expect(0);
    assert_eq!(stage.json(&["ls"]), json!([]));
    assert!(stage.containers().is_empty());
    assert!(!worktree.exists());
    let trash = git(&stage.repo, &["for-each-ref", "--format=%(refname)", "refs/ccells/trash"]);
    let trash = trash.lines().next().expect("what was forced away is in the trash");
    assert_eq!(git(&stage.repo, &["show", &format!("{trash}:idea.txt")]), "a good one");
    assert_eq!(git(&stage.repo, &["show", &format!("{trash}:code")]), "2");
    let kept = stage.home.join("trash").join(card["id"].as_str().unwrap()).join("worktree");
    let read = |name: &str| std::fs::read_to_string(kept.join(name)).unwrap();
    assert_eq!((read("idea.txt").as_str(), read("code").as_str()), ("a good one\n", "2\n"));
    assert_eq!(read("build/result"), "hours of work\n", "what git ignores is kept as well");
    assert_eq!(git(&stage.repo, &["branch", "--list", "--format=%(refname:short)"]), "main");
    assert_eq!(git(&stage.repo, &["worktree", "list"]).lines().count(), 1);
}

#[test]
fn a_list_tells_how_agents_fare_without_a_screen() {
    let Some(stage) = Stage::set() else { return };
    let busy = stage.new_workstream("busy");
    stage.new_workstream("frozen");
    // Its holder can be asked once its agent does something.
    wait_for_ticks(&busy, 1);
    stage.run(&["pause", "frozen"]).expect(0);
    let began = std::time::Instant::now();
    let listed = stage.json(&["ls"]);
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "a frozen holder is not waited for");
    let agent = |name: &str| {
        let cards = listed.as_array().unwrap();
        cards.iter().find(|card| card["name"] == name).expect("it is listed")["agent"].clone()
    };
    assert_eq!(agent("busy")["running"], true, "{listed:#}");
    assert!(agent("busy")["status"].as_str().is_some_and(|status| !status.is_empty()), "{listed:#}");
    assert_eq!(agent("frozen"), serde_json::Value::Null, "nobody can say");
    let table = stage.run(&["ls"]).expect(0).out;
    let status = agent("busy")["status"].as_str().unwrap().to_string();
    let row = table.lines().find(|line| line.contains("busy")).expect("it is in the table");
    assert!(row.contains(&status), "{table}");
}

#[test]
fn nothing_to_lose_needs_no_force_and_the_branch_can_stay() {
    let Some(stage) = Stage::set() else { return };
    let branch = |name: &str| stage.new_workstream(name)["branch"].as_str().unwrap().to_string();
    let (plain, kept) = (branch("plain"), branch("kept"));
    stage.run(&["rm", "plain"]).expect(0);
    stage.run(&["rm", "--keep-branch", "kept"]).expect(0);
    let left = git(&stage.repo, &["branch", "--list", "--format=%(refname:short)"]);
    assert!(left.lines().any(|line| line == kept) && !left.lines().any(|line| line == plain), "{left}");
    assert!(stage.containers().is_empty());
}

#[test]
fn exit_codes_tell_usage_from_absence_from_conflict() {
    let Some(stage) = Stage::set() else { return };
    stage.run(&["new", "--no-such-flag"]).expect(2);
    stage.run(&["pause"]).expect(2);
    stage.run(&["new", "-n", "x", "--branch", "no..such"]).expect(2);
    for verb in ["pause", "resume", "stop", "restart", "logs", "rm"] {
        let said = stage.run(&[verb, "nobody"]).expect(3);
        assert!(said.err.contains("nobody") && said.err.contains("ccells ls"), "{said:#?}");
    }
    stage.run(&["send", "nobody", "text"]).expect(3);

    let first = stage.new_workstream("one");
    let taken = first["branch"].as_str().unwrap();
    let said = stage.run(&["new", "-n", "two", "--branch", taken]).expect(4);
    assert!(said.err.contains(taken), "{said:#?}");
    let said = stage.run(&["new", "-n", "two", "--base", "no-such-ref"]);
    assert!(said.code == 3 || said.code == 2, "{said:#?}");
    assert!(said.err.contains("no-such-ref"), "{said:#?}");
    let said = stage.run(&["new", "-n", "two", "--json", "--image", "no-such-image-here:1"]).expect(1);
    assert!(said.err.contains("no-such-image-here:1"), "{said:#?}");
    let told = said.json();
    assert_eq!((&told["name"], &told["state"], &told["code"]), (&json!("two"), &json!("failed"), &json!(1)));
    assert!(told["error"].as_str().is_some_and(|error| error.contains("no-such-image-here:1")), "{told:#}");
    assert_eq!(
        told["id"],
        stage.card("two").unwrap()["id"],
        "it can be tried again and discarded by this id"
    );
    // Of what never began there is nothing but the word.
    let told = stage.run(&["new", "-n", "three", "--json", "--branch", taken]).expect(4).json();
    assert_eq!((&told["name"], &told["state"], &told["code"]), (&json!("three"), &Value::Null, &json!(4)));
    assert!(told["id"].is_string() && told["error"].is_string(), "{told:#}");
    // What failed is there for the user to try again or to discard.
    for card in stage.json(&["ls"]).as_array().unwrap().iter().filter(|card| card["name"] != "one") {
        assert_eq!(card["state"], "failed", "{card:#}");
        assert!(card["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
        stage.run(&["rm", card["id"].as_str().unwrap()]).expect(0);
    }
    assert_eq!(stage.json(&["ls"]).as_array().unwrap().len(), 1);
}

#[test]
fn an_id_may_be_cut_short_as_long_as_it_means_one() {
    let Some(stage) = Stage::set() else { return };
    let (first, second) = (stage.new_workstream("alpha"), stage.new_workstream("alphabet"));
    let id = |card: &Value| card["id"].as_str().unwrap().to_string();
    let (first, second) = (id(&first), id(&second));
    let shared = first.chars().zip(second.chars()).take_while(|(a, b)| a == b).count();
    let said = stage.run(&["pause", &first[..shared]]).expect(4);
    assert!(said.err.contains("alphabet") && said.err.contains(&first), "{said:#?}");
    stage.run(&["pause", &first[..=shared]]).expect(0);
    assert_eq!(stage.card("alpha").unwrap()["state"], "paused", "an exact name is not a beginning");
    assert_eq!(stage.card("alphabet").unwrap()["state"], "running");
    let mixed = stage.run(&["pause", "--json", "nobody", "alphabet"]).expect(3);
    let rows = mixed.json();
    assert_eq!((&rows[0]["ok"], &rows[0]["code"], &rows[1]["ok"]), (&json!(false), &json!(3), &json!(true)));
    assert_eq!(
        stage.card("alphabet").unwrap()["state"],
        "paused",
        "one that is not there stops none of the others"
    );
}

#[test]
fn one_prompt_makes_as_many_as_are_wanted() {
    let Some(stage) = Stage::set() else { return };
    let made = stage.json(&["new", "--count", "3", "-p", "tidy up"]);
    let cards = made.as_array().unwrap();
    let different = |key: &str| {
        let values = cards.iter().map(|card| card[key].as_str().unwrap());
        values.collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(
        (cards.len(), different("id"), different("name"), different("branch")),
        (3, 3, 3, 3),
        "{made:#}"
    );
    assert!(cards.iter().all(|card| card["prompt"] == "tidy up" && card["state"] == "running"), "{made:#}");
    stage.new_workstream("taken-2");
    let partly = stage.run(&["new", "--count", "2", "-n", "taken", "--json"]);
    assert_eq!(partly.code, 4, "{partly:#?}");
    let cards = partly.json();
    assert_eq!((&cards[0]["name"], &cards[0]["state"]), (&"taken-1".into(), &"running".into()), "{cards:#}");
    assert_eq!(cards[1]["code"], 4, "the other one is made all the same: {cards:#}");
    for wrong in ["0", "33"] {
        stage.run(&["new", "--count", wrong]).expect(2);
    }
}

#[test]
fn json_is_one_document_with_the_promised_keys() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.json(&["new", "-p", "Fix the login page, please", "--", "sh", "-c", "sleep 1000"]);
    let repo = stage.repo.to_str().unwrap();
    let listed = stage.json(&["ls", "--all"]);
    for card in [&card, &listed[0]] {
        for key in
            ["id", "name", "branch", "state", "container_id", "container_state", "repo", "worktree", "prompt"]
        {
            assert!(card[key].is_string(), "{key}: {card:#}");
        }
        assert_eq!((&card["repo"], &card["prompt"]), (&json!(repo), &json!("Fix the login page, please")));
    }
    let name = card["name"].as_str().unwrap();
    assert!(name.contains("login"), "a name is made from the prompt: {name}");
    assert_eq!(stage.run(&["ls", "-q"]).expect(0).out.trim_end(), card["id"].as_str().unwrap());
    assert!(stage.run(&["ls"]).expect(0).out.contains(name));
    assert_eq!(stage.json(&["reconcile"])["findings"], json!([]));
    assert_eq!(stage.json(&["doctor"])["ok"], true);
    stage.json(&["pause", name]);
    stage.json(&["resume", name]);
    stage.json(&["stop", name]);
    stage.json(&["rm", name, "--force"]);
}

#[test]
fn a_subdirectory_and_another_worktree_are_the_same_repository() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.new_workstream("here");
    let deep = stage.repo.join("a").join("b");
    std::fs::create_dir_all(&deep).unwrap();
    let listed = stage.json(&["-C", deep.to_str().unwrap(), "ls"]);
    assert_eq!(listed[0]["id"], card["id"]);
    let beside = stage.room().join("beside");
    git(&stage.repo, &["worktree", "add", "--quiet", "--detach", beside.to_str().unwrap()]);
    let listed = stage.json(&["-C", beside.to_str().unwrap(), "ls"]);
    assert_eq!(listed[0]["id"], card["id"], "a worktree of the user's own is the same repository");
}

#[test]
fn git_works_inside_and_what_is_committed_there_is_seen_outside() {
    let Some(stage) = Stage::set() else { return };
    let image = crate::image::with_git(stage.plain());
    let script = "git config user.name Agent && git config user.email agent@example.org && echo 3 > code && \
                  git commit --quiet --all --message='from inside' && git log --oneline && \
                  git status --short && echo work done && sleep 1000";
    let card = stage.json(&["new", "-n", "inside", "--image", image, "--", "sh", "-c", script]);
    let log = logs_until(&stage, "inside", "work done");
    assert!(log.contains("from inside") && log.contains("second") && log.contains("first"), "{log}");

    let refused = stage.run(&["rm", "inside"]).expect(4);
    assert!(refused.err.contains("commits that are on no branch"), "{refused:#?}");
    let hooks = stage.repo.join(".git").join("hooks");
    assert!(
        !stage
            .containers()
            .iter()
            .flat_map(|it| it["Mounts"].as_array().unwrap().clone())
            .any(|mount| { mount["Source"].as_str().is_some_and(|source| hooks.starts_with(source)) })
    );
    stage.run(&["rm", "--force", "inside"]).expect(0);
    let id = card["id"].as_str().unwrap();
    assert_eq!(
        git(&stage.repo, &["show", &format!("refs/ccells/trash/{id}:code")]),
        "3",
        "the files are kept"
    );
    // The commits are the agent's own: they stay in its git directory, which nobody runs anything from.
    let kept = std::fs::read_dir(stage.home.join("trash")).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<_> = kept.map(|path| find(&path, "COMMIT_EDITMSG")).collect();
    assert!(kept.iter().flatten().any(|text| text.contains("from inside")), "{kept:?}");
}

/// What the files of that name below `directory` hold.
fn find(directory: &std::path::Path, name: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let found = entries.map(|entry| entry.unwrap().path()).flat_map(|path| {
        let is_it = path.file_name().is_some_and(|it| it == name);
        if is_it { vec![std::fs::read_to_string(&path).unwrap()] } else { find(&path, name) }
    });
    found.collect()
}

#[test]
fn a_text_for_an_agent_that_does_not_read_is_given_up_in_time_and_at_a_signal() {
    let Some(stage) = Stage::set() else { return };
    stage.json(&["new", "-n", "deaf", "--", "sh", "-c", "stty raw -echo; echo ready; sleep 1000"]);
    logs_until(&stage, "deaf", "ready");
    // What a terminal, a holder and a stream keep for it is less than this.
    let word = "x".repeat(100_000);
    let words: Vec<&str> = ["send", "--no-enter", "deaf"].into_iter().chain([word.as_str(); 15]).collect();
    let said = stage.run(&words).expect(5);
    assert!(said.err.contains("deaf") && said.err.contains("ccells logs deaf"), "{said:#?}");
    assert!(said.took < std::time::Duration::from_secs(15), "{said:#?}");

    let began = std::time::Instant::now();
    let child = stage.command(&words).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    crate::harness::kill(child.id(), rustix::process::Signal::INT);
    let said = crate::harness::collect(child, began, SOON).unwrap();
    assert_eq!(said.code, 130, "{said:#?}");
    assert!(said.took < std::time::Duration::from_secs(5), "{said:#?}");
    stage.run(&["rm", "--force", "deaf"]).expect(0);
}

#[test]
fn what_a_terminal_showed_is_there_when_its_holder_is_not() {
    let Some(stage) = Stage::set() else { return };
    let script = "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo tick $i end; done; echo done; sleep 1000";
    let card = stage.json(&["new", "-n", "login", "--", "sh", "-c", script]);
    logs_until(&stage, "login", "done");
    stage.run(&["pause", "login"]).expect(0);
    let said = stage.run(&["logs", "login"]).expect(4);
    assert!(said.err.contains("is paused") && said.err.contains("ccells resume login"), "{said:#?}");
    stage.run(&["resume", "login"]).expect(0);
    stage.run(&["stop", "login"]).expect(0);
    for words in [&["logs", "login"][..], &["logs", "-f", "login"]] {
        let said = stage.run(words).expect(0);
        assert_eq!(assert_whole(&said.out), 100, "{said:#?}");
        assert!(said.out.contains("done") && said.err.contains("is stopped"), "{said:#?}");
    }
    // Its container may go; what it showed stays.
    let path = format!("/containers/{}?force=1&v=1", card["container_id"].as_str().unwrap());
    stage.plain().ask("DELETE", &path, "text/plain", b"").unwrap();
    stage.wait_for_state("login", "lost");
    assert_eq!(assert_whole(&stage.run(&["logs", "login"]).expect(0).out), 100);

    // The file is the agent's to write: what it may be is not followed, not waited for, and not believed.
    let file = std::path::Path::new(card["directory"].as_str().unwrap()).join("run").join("last-screen");
    let whole = std::fs::read(&file).unwrap();
    let elsewhere = stage.room().join("elsewhere");
    std::fs::write(&elsewhere, &whole).unwrap();
    let replace = |make: &dyn Fn()| {
        std::fs::remove_file(&file).unwrap();
        make();
        let said = stage.run(&["logs", "login"]);
        assert!(said.took < std::time::Duration::from_secs(10), "{said:#?}");
        assert!(
            !said.out.chars().chain(said.err.chars()).any(|it| it.is_control() && it != '\n'),
            "{said:#?}"
        );
        said
    };
    let said = replace(&|| std::os::unix::fs::symlink(&elsewhere, &file).unwrap()).expect(4);
    assert!(said.out.is_empty(), "{said:#?}");
    let said =
        replace(&|| assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success()));
    assert_eq!((said.code, said.out.as_str()), (4, ""), "{said:#?}");
    let said = replace(&|| std::fs::File::create(&file).unwrap().set_len(1 << 30).unwrap());
    assert_eq!((said.code, said.out.as_str()), (4, ""), "{said:#?}");
    let said = replace(&|| std::fs::write(&file, b"\x1b]2;owned\x07\xff\xff\xff\xff").unwrap());
    assert_ne!(said.code, 0, "{said:#?}");
    replace(&|| std::fs::write(&file, &whole[..whole.len() / 2]).unwrap());
    assert_eq!(assert_whole(&replace(&|| std::fs::write(&file, &whole).unwrap()).expect(0).out), 100);
    let said = replace(&|| ()).expect(4);
    assert!(said.err.contains("nothing was kept"), "{said:#?}");
    std::fs::write(&file, &whole).unwrap();
}
