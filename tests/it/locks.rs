//! The locks of a run are proof of its life, so they go last: whoever gets one finds a disk that nobody else writes to.

use std::process::{Command, Stdio};

use crate::harness::{SOON, Stage, announce, collect};

/// Whether `strace` is here; if not, that is said loudly, or refused with `CCELLS_STRACE=require`.
fn has_strace() -> bool {
    let has =
        Command::new("strace").arg("--version").stdout(Stdio::null()).status().is_ok_and(|it| it.success());
    let is_required = std::env::var("CCELLS_STRACE").is_ok_and(|value| value == "require");
    assert!(has || !is_required, "CCELLS_STRACE=require, and strace is not here");
    if !has {
        announce("SKIPPED: strace is not here");
    }
    has
}

/// What a verb that ends well does to names, syncs and locks below the home, in order.
fn calls_of(stage: &Stage, words: &[&str]) -> Vec<String> {
    let log = stage.home.with_extension("calls");
    let verb = stage.command(words);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-s", "4096", "-e", "trace=/^(flock|fsync|unlink|rename|link)", "-o"]).arg(&log);
    strace.arg(verb.get_program()).args(verb.get_args());
    strace.current_dir(verb.get_current_dir().expect("a stage's commands have a directory"));
    for (name, value) in verb.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let began = std::time::Instant::now();
    collect(strace.spawn().unwrap(), began, SOON).expect("it ends").expect(0);
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    let home = stage.home.to_str().unwrap();
    text.lines().filter(|line| line.contains(home)).map(str::to_string).collect()
}

#[test]
fn a_run_lets_go_of_its_locks_after_all_it_writes_and_leaves_the_repositorys_lock_file() {
    let Some(stage) = Stage::set().filter(|_| has_strace()) else { return };
    stage.new_workstream("one");
    for words in [["pause", "one"], ["resume", "one"]] {
        let calls = calls_of(&stage, &words);
        let is_about_it = |call: &&String| call.contains("/repo.lock");
        let all = calls.join("\n");
        assert!(!calls.iter().filter(is_about_it).any(|call| call.contains("unlink")), "{words:?}:\n{all}");
        let is_let_go = |call: &String| call.contains("LOCK_UN") && call.contains("/repo.lock");
        let end =
            calls.iter().position(is_let_go).unwrap_or_else(|| panic!("{words:?}: never let go:\n{all}"));
        let later: Vec<_> = calls[end..].iter().filter(|call| !call.contains("flock(")).collect();
        assert!(later.is_empty(), "{words:?}: after the lock went: {later:#?}");
        assert!(
            calls[..end].iter().any(|call| call.contains("state.json")),
            "{words:?} saved nothing:\n{all}"
        );
    }
}
