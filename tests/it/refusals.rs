//! What ccells refuses, and what it says: what was tried, what is wrong, and what to do about it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{SOON, Said, Stage, eventually, git, wait_for_ticks};
use crate::terminal::Terminal;

/// A sentence of ours: it begins with who speaks, is not empty, and is no debris of a panic.
#[track_caller]
fn assert_said(said: &Said, wanted: &[&str]) {
    assert!(said.err.starts_with("ccells: ") || said.err.contains("\nccells: "), "{said:#?}");
    assert!(!said.err.contains("panicked"), "{said:#?}");
    for wanted in wanted {
        assert!(said.err.contains(wanted), "it does not say {wanted:?}: {said:#?}");
    }
}

#[test]
fn outside_a_repository_and_in_a_bare_one() {
    let stage = Stage::without_engine();
    let nowhere = stage.room().join("nowhere");
    std::fs::create_dir(&nowhere).unwrap();
    for words in [&["ls"][..], &["new"], &["reconcile"]] {
        let mut all = vec!["-C", nowhere.to_str().unwrap()];
        all.extend(words);
        let said = stage.run(&all).expect(1);
        assert_said(&said, &["git repository", nowhere.to_str().unwrap()]);
    }
    let bare = stage.room().join("bare.git");
    git(stage.room(), &["init", "--quiet", "--bare", bare.to_str().unwrap()]);
    assert_said(&stage.run(&["-C", bare.to_str().unwrap(), "new"]).expect(1), &["bare"]);
    let missing = stage.room().join("missing");
    assert_said(&stage.run(&["-C", missing.to_str().unwrap(), "ls"]).expect(1), &["missing"]);
}

#[test]
fn a_repository_without_a_commit_says_what_to_do() {
    let Some(stage) = Stage::set() else { return };
    let empty = stage.room().join("empty");
    std::fs::create_dir(&empty).unwrap();
    git(&empty, &["init", "--quiet"]);
    let said = stage.run(&["-C", empty.to_str().unwrap(), "new", "-n", "x"]);
    assert_ne!(said.code, 0);
    assert_said(&said, &["commit"]);
}

#[test]
fn without_a_terminal_there_is_no_screen() {
    let stage = Stage::without_engine();
    assert_said(&stage.run(&[]).expect(1), &["terminal", "--help"]);
}

#[test]
fn inside_a_workstream_nothing_runs() {
    let mut stage = Stage::without_engine();
    stage.variable("CCELLS_WORKSTREAM_ID", "01jd8z5q0v3x7k2m9n4p6r8s1t");
    for words in [&[][..], &["ls"], &["doctor"]] {
        assert_said(&stage.run(words).expect(1), &["inside workstream", "host"]);
    }
}

#[test]
fn without_an_engine_it_says_what_it_tried() {
    let mut stage = Stage::without_engine();
    let nothing = "unix:///nonexistent/docker.sock";
    stage.variable("DOCKER_HOST", nothing);
    let said = stage.run(&["new", "-n", "x"]).expect(1);
    assert_said(&said, &["/nonexistent/docker.sock", "DOCKER_HOST"]);
    assert!(said.took < Duration::from_secs(10), "{said:#?}");
    let said = stage.run(&["doctor", "--check", "--json"]).expect(1);
    let verdict = said.json();
    assert_eq!(verdict["ok"], false);
    assert!(said.out.contains("/nonexistent/docker.sock"), "{said:#?}");
    // To look is always possible.
    assert_eq!(stage.run(&["ls", "--json"]).expect(0).json(), json!([]));
    let mut terminal = Terminal::open(&stage, &[]);
    let said = terminal.end(SOON).expect(1);
    terminal.settle();
    assert!(terminal.screen().contains("/nonexistent/docker.sock"), "{said:#?}\n{}", terminal.screen());
    assert!(terminal.is_cooked() && !terminal.is_taken());
}

#[test]
fn an_endpoint_that_is_no_endpoint_is_refused() {
    let mut stage = Stage::without_engine();
    stage.variable("DOCKER_HOST", "carrier-pigeon://roof");
    assert_said(&stage.run(&["new"]).expect(1), &["carrier-pigeon"]);
    stage.variable("CCELLS_ENGINE", "nonsense");
    assert_said(&stage.run(&["new"]).expect(1), &["nonsense", "engine"]);
}

#[test]
fn bad_settings_are_named_with_the_nearest_right_one() {
    let mut stage = Stage::without_engine();
    let config = stage.home.join("config.toml");
    for (text, wanted) in [
        ("imgae = 'x'", "did you mean `image`"),
        ("[limits]\npids = 'many'", "`limits.pids` must be a whole number"),
        ("image = ", "not valid TOML"),
        ("on_quit = 'explode'", "`pause` or `keep`"),
        ("privileged = true", "unknown key `privileged`"),
    ] {
        std::fs::write(&config, text).unwrap();
        for words in [&["ls"][..], &["doctor"], &["new"]] {
            assert_said(&stage.run(words).expect(1), &[wanted, "config.toml"]);
        }
    }
    std::fs::remove_file(&config).unwrap();
    stage.variable("CCELLS_LIMITS_PIDS", "-4");
    assert_said(&stage.run(&["ls"]).expect(1), &["CCELLS_LIMITS_PIDS", "above 0"]);
    stage.variable("CCELLS_IMGAE", "x");
    assert_said(&stage.run(&["ls"]).expect(2), &["`CCELLS_IMGAE`", "did you mean `CCELLS_IMAGE`"]);
}

#[test]
fn a_home_that_others_may_enter_is_refused() {
    let stage = Stage::without_engine();
    std::fs::set_permissions(&stage.home, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert_said(&stage.run(&["ls"]).expect(1), &["chmod", stage.home.to_str().unwrap()]);
    std::fs::set_permissions(&stage.home, std::fs::Permissions::from_mode(0o700)).unwrap();
    stage.run(&["ls"]).expect(0);
}

fn state_file(stage: &Stage) -> PathBuf {
    let states = std::fs::read_dir(stage.home.join("state")).unwrap();
    let mut files = states.map(|entry| entry.unwrap().path().join("state.json")).filter(|path| path.exists());
    files.next().expect("there is a state")
}

/// The names beside `path` that hold what was set aside of it.
fn set_aside(path: &Path) -> Vec<String> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let names = std::fs::read_dir(path.parent().unwrap()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|other| other.starts_with(name) && other.contains("corrupt")).collect()
}

#[test]
fn a_damaged_state_is_set_aside_and_nothing_is_lost() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.new_workstream("keeper");
    let path = state_file(&stage);
    let good = std::fs::read(&path).unwrap();
    let half = &good[..good.len() / 2];
    let zeros = vec![0; good.len()];
    for (place, bad) in [&b""[..], b"{", half, &zeros, b"[]", b"null"].into_iter().enumerate() {
        std::fs::write(&path, bad).unwrap();
        let before = stage.containers().len();
        let listed = stage.json(&["ls"]);
        assert_eq!(listed[0]["id"], card["id"], "looking at damage number {place}");
        let said = stage.run(&["reconcile", "--apply", "--json"]).expect(0);
        let after = said.json();
        assert_eq!(after["workstreams"][0]["id"], card["id"], "damage number {place}: {said:#?}");
        let notices = after["notices"].as_array().unwrap();
        assert!(
            notices.iter().filter_map(Value::as_str).any(|notice| notice.contains("damaged")),
            "{said:#?}"
        );
        assert_eq!(set_aside(&path).len(), place + 1, "what is damaged is kept for people to look at");
        assert_eq!(stage.containers().len(), before, "nothing is deleted on damaged knowledge");
        stage.run(&["reconcile", "--apply"]).expect(0);
    }
    wait_for_ticks(&card, 2);
    // Every generation at once, and the index: the workstream's own files are left.
    for name in ["state.json", "state.json.prev", "state.json.prev2"] {
        std::fs::write(path.with_file_name(name), "garbage").unwrap();
    }
    std::fs::write(stage.home.join("containers.json"), "garbage").unwrap();
    stage.run(&["reconcile", "--apply"]).expect(0);
    stage.run(&["reconcile", "--apply"]).expect(0);
    let again = stage.card("keeper").expect("it is found again by its own files");
    assert_eq!((&again["id"], &again["state"]), (&card["id"], &json!("running")));
    wait_for_ticks(&card, 2);
}

#[test]
fn a_state_from_the_future_is_left_alone() {
    let Some(mut stage) = Stage::set() else { return };
    let card = stage.new_workstream("later");
    let path = state_file(&stage);
    let mut state: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    state["version"] = json!(99);
    let newer = serde_json::to_vec(&state).unwrap();
    std::fs::write(&path, &newer).unwrap();
    for words in [&["reconcile", "--apply"][..], &["new"], &["rm", "--force", "later"]] {
        assert_said(&stage.run(words).expect(1), &["newer", "state.json"]);
    }
    assert_eq!(std::fs::read(&path).unwrap(), newer, "it was written over");
    wait_for_ticks(&card, 2);
    stage.leave_uninspected();
}

#[test]
fn an_agent_that_is_not_in_the_image_is_told_of_where_it_would_be() {
    let Some(stage) = Stage::set() else { return };
    stage.json(&["new", "-n", "absent", "--", "no-such-agent"]);
    eventually("the failure is told", SOON, || {
        let logs = stage.run(&["logs", "absent"]).expect(0).out;
        (logs.contains("no-such-agent") && logs.contains("could not be started")).then_some(())
    });
    assert_said(&stage.run(&["send", "absent", "hello"]).expect(4), &["restart"]);
}
