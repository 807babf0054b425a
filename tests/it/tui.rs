//! The screen, by keys: what a person sees and does.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{SOON, Stage, count, eventually, wait_for_ticks};
use crate::terminal::{ESCAPE, LEADER, Terminal};

#[test]
fn an_empty_repository_says_what_to_do_and_the_dialog_does_it() {
    let Some(stage) = Stage::set() else { return };
    let terminal = Terminal::open(&stage, &[]);
    let screen = terminal.wait_for("No workstream in");
    assert!(screen.contains(stage.repo.to_str().unwrap()) && screen.contains("new workstream"), "{screen}");
    terminal.keys("n");
    terminal.wait_for("What shall the agent do?");
    terminal.keys("Fix the login");
    terminal.wait_for("Fix the login");
    terminal.keys("\t");
    terminal.keys("login");
    terminal.keys("\x13");
    terminal.wait_for("running login");
    terminal.wait_for_tick(3);
    let card = stage.card("login").unwrap();
    assert_eq!(card["prompt"], json!("Fix the login"));
    assert_eq!(card["state"], "running");
}

#[test]
fn keys_reach_the_agent_in_input_mode_until_the_leader() {
    let Some(stage) = Stage::set() else { return };
    let quiet = "echo ready; while read -r line; do echo heard: $line; done";
    stage.json(&["new", "-n", "listener", "--", "sh", "-c", quiet]);
    let terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("running listener");
    // Before its session stands nobody would take the keys.
    terminal.wait_for("ready");
    terminal.wait_for(" NAV ");
    terminal.keys("i");
    terminal.wait_for(" INPUT ");
    terminal.keys("quit? no: nqpx\r");
    terminal.wait_for("heard: quit? no: nqpx");
    terminal.keys(LEADER);
    terminal.wait_for(" NAV ");
    terminal.keys("p");
    terminal.wait_for("paused listener");
    // The engine's word is shown before it is recorded, and until then no other change is taken.
    stage.wait_for_state("listener", "paused");
    terminal.keys("p");
    terminal.wait_for("running listener");
}

#[test]
fn help_shows_the_keys_and_goes_away() {
    let Some(stage) = Stage::set() else { return };
    let terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("No workstream in");
    terminal.keys("?");
    let screen = terminal.wait_for("new workstream");
    terminal.wait_for("Keys");
    assert!(screen.contains("No workstream in") || terminal.screen().contains("Ctrl+]"));
    terminal.keys(ESCAPE);
    terminal.wait_until("no help", SOON, |screen| !screen.contains("suspend ccells"));
}

#[test]
fn discarding_asks_and_asks_again_before_work_is_lost() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.new_workstream("draft");
    std::fs::write(std::path::Path::new(card["worktree"].as_str().unwrap()).join("idea.txt"), "x").unwrap();
    let terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("tick ");
    terminal.keys("d");
    terminal.wait_for("Its container and its worktree go away.");
    terminal.keys("y");
    terminal.wait_for("idea.txt");
    assert_eq!(stage.card("draft").unwrap()["state"], "running");
    terminal.keys(ESCAPE);
    terminal.wait_until("no dialog", SOON, |screen| !screen.contains("idea.txt"));
    wait_for_ticks(&card, 1);
    terminal.keys("d");
    terminal.wait_for("Its container and its worktree go away.");
    terminal.keys("y");
    terminal.wait_for("idea.txt");
    terminal.keys("draft\r");
    terminal.wait_for("No workstream in");
    assert!(stage.containers().is_empty());
    terminal.keys("u");
    terminal.wait_for(&format!("`draft` is back, on branch `{}`", card["branch"].as_str().unwrap()));
    let idea = std::path::Path::new(card["worktree"].as_str().unwrap()).join("idea.txt");
    assert_eq!(std::fs::read_to_string(idea).unwrap(), "x");
    terminal.keys("u");
    terminal.wait_for("nothing is in the trash of this repository");
}

#[test]
fn layout_sizes_and_settings_come_back_with_the_next_screen() {
    let Some(stage) = Stage::set() else { return };
    stage.new_workstream("left");
    stage.new_workstream("right");
    std::fs::write(stage.home.join("config.toml"), "# mine\non_quit = 'keep' # they work on\n").unwrap();
    let mut terminal = Terminal::open(&stage, &[]);
    terminal.wait_for_both();
    let edge =
        |screen: &str| screen.lines().nth(3).and_then(|line| line.chars().position(|c| "│┃".contains(c)));
    let before = edge(&terminal.screen()).expect("two panes have an edge between them");
    terminal.keys(">>>");
    let is_moved = |screen: &str| edge(screen) == Some(before + 6);
    terminal.wait_until("the edge has moved", SOON, is_moved);
    terminal.keys("s");
    terminal.wait_for("on_quit");
    terminal.keys("jjj\r");
    terminal.wait_for("write it");
    terminal.keys("\x15nonsense\r");
    terminal.wait_for("there is no theme `nonsense`");
    terminal.keys("\x15light\r");
    terminal.wait_for("theme is written; it counts at once");
    let text = std::fs::read_to_string(stage.home.join("config.toml")).unwrap();
    assert_eq!(text, "# mine\non_quit = 'keep' # they work on\ntheme = \"light\"\n");
    terminal.keys(ESCAPE);
    terminal.wait_for(" NAV ");
    terminal.keys("U");
    terminal.wait_until("what they use", SOON, |screen| screen.contains(" MB") && !screen.contains("asking"));
    terminal.keys(ESCAPE);
    terminal.wait_for(" NAV ");
    terminal.keys("qq");
    terminal.end(SOON);
    let again = Terminal::open(&stage, &[]);
    again.wait_until("the edge is where it was", SOON, is_moved);
}

#[test]
fn after_a_crash_the_screen_tells_what_it_found_and_asks() {
    let Some(stage) = Stage::set() else { return };
    let alive = stage.new_workstream("alive");
    let dead = stage.new_workstream("dead");
    let mut terminal = Terminal::open(&stage, &[]);
    terminal.wait_for_both();
    terminal.crash();
    let path = format!("/containers/{}/kill", dead["container_id"].as_str().unwrap());
    assert_eq!(stage.plain().ask("POST", &path, "text/plain", b"").unwrap().0, 204);

    let again = Terminal::open(&stage, &[]);
    let screen = again.wait_until("the dialog", SOON, |screen| {
        screen.contains("did not end in good order") && screen.contains("its container does not run")
    });
    assert!(screen.contains("its agent is still running"), "{screen}");
    assert_eq!(stage.card("dead").unwrap()["state"], "stopped", "nothing is done before it is chosen");
    again.keys("\r");
    again.wait_until("the chosen is done", SOON, |screen| !screen.contains("did not end in good order"));
    eventually("what was chosen is resumed", SOON, || {
        (stage.card("dead").unwrap()["state"] == "running" && count(&dead).starts == 2).then_some(())
    });
    wait_for_ticks(&alive, 2);
}

#[test]
fn a_second_screen_only_looks_and_says_who_acts() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.new_workstream("shared");
    let mut first = Terminal::open(&stage, &[]);
    first.wait_for("tick ");
    let mut second = Terminal::open(&stage, &[]);
    let screen = second.wait_for("read only");
    assert!(screen.contains(&format!("pid {}", first.pid())), "{screen}");
    second.wait_for("tick ");
    second.keys("p");
    second.wait_for("only looks");
    wait_for_ticks(&card, 2);
    second.keys("q");
    second.wait_until("the end or its question", SOON, |screen| {
        screen.contains("Quit") || !screen.contains("NAV")
    });
    second.keys("p");
    second.end(SOON);
    assert_eq!(stage.card("shared").unwrap()["state"], "running", "one that only looked has frozen nothing");
    wait_for_ticks(&card, 2);
    first.keys("qk");
    first.end(SOON).expect(0);
}

#[test]
fn a_screen_waits_for_a_verb_that_is_at_work() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.new_workstream("held");
    let repo = std::fs::read_dir(stage.home.join("state")).unwrap().next().unwrap().unwrap();
    let lock = std::fs::File::open(repo.path().join("repo.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let mut terminal = Terminal::open(&stage, &[]);
    std::thread::sleep(std::time::Duration::from_millis(700));
    drop(lock);
    terminal.wait_for("running held");
    terminal.keys("p");
    terminal.wait_for("paused held");
    assert!(!terminal.screen().contains("read only"), "{}", terminal.screen());
    // What is seen to be paused is written down a moment later; then it is told, and can be changed again.
    terminal.wait_for(" i paused");
    terminal.keys("p");
    wait_for_ticks(&card, 2);
    terminal.keys("qk");
    terminal.end(SOON).expect(0);
}

#[test]
fn a_verb_goes_through_the_screen_that_holds_the_repository() {
    let Some(stage) = Stage::set() else { return };
    let terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("No workstream in");
    let card = stage.new_workstream("typed");
    terminal.wait_until("it appears", SOON, |screen| {
        screen.contains("running typed") && screen.contains("tick ")
    });
    stage.run(&["pause", "typed"]).expect(0);
    terminal.wait_for("paused typed");
    stage.run(&["resume", "typed"]).expect(0);
    terminal.wait_for("running typed");
    stage.run(&["send", "typed", "hello there"]).expect(0);
    terminal.wait_for("heard: hello there");
    stage.run(&["pause", "nobody"]).expect(3);
    let worktree = std::path::Path::new(card["worktree"].as_str().unwrap());
    std::fs::write(worktree.join("new.txt"), "x").unwrap();
    let said = stage.run(&["rm", "typed"]).expect(4);
    assert!(said.err.contains("untracked: new.txt"), "{said:#?}");
    assert_eq!(stage.json(&["reconcile"])["findings"], json!([]));
    stage.run(&["rm", "--force", "typed"]).expect(0);
    terminal.wait_for("No workstream in");
    assert_eq!(stage.json(&["ls"]), Value::Array(vec![]));
}

#[test]
fn a_screen_that_stands_still_is_named_and_not_waited_for() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.new_workstream("held");
    let mut terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("tick ");
    terminal.signal(Signal::STOP);
    for (words, code) in [(&["pause", "held"][..], 5), (&["new", "-n", "other"], 5), (&["ls", "--json"], 0)] {
        let said = stage.run(words).expect(code);
        assert!(said.took < Duration::from_secs(20), "{said:#?}");
        assert!(said.err.contains("does not answer"), "{said:#?}");
        assert!(code != 0 || said.json()[0]["name"] == "held", "{said:#?}");
    }
    // An agent does not need anybody who looks.
    wait_for_ticks(&card, 5);
    terminal.signal(Signal::CONT);
    stage.run(&["pause", "held"]).expect(0);
    terminal.wait_for("paused held");
    terminal.keys("qk");
    terminal.end(SOON).expect(0);
}

#[test]
fn attach_shows_the_agent_and_its_leader_leaves_it() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.new_workstream("close");
    let mut terminal = Terminal::open(&stage, &["attach", "close"]);
    terminal.wait_for_tick(3);
    terminal.keys("hello\r");
    terminal.wait_for("heard: hello");
    // The wheel looks back, as in a pane; what is typed goes to the agent and returns.
    terminal.wait_for("tick 40 end");
    terminal.keys("\x1b[<64;5;5M\x1b[<64;5;5M");
    terminal.wait_for("↑ 6/");
    terminal.keys("again\r");
    terminal.wait_for("heard: again");
    terminal.keys(LEADER);
    terminal.end(SOON).expect(0);
    terminal.settle();
    assert!(terminal.is_cooked() && !terminal.is_taken());
    wait_for_ticks(&card, 2);
    let mut terminal = Terminal::open(&stage, &["attach", "nobody"]);
    terminal.end(SOON).expect(3);
}

#[test]
fn a_smaller_window_reaches_the_agent() {
    let Some(stage) = Stage::set() else { return };
    let show = "trap 'stty size' WINCH; while :; do stty size; sleep 0.1; done";
    stage.json(&["new", "-n", "measured", "--", "sh", "-c", show]);
    let terminal = Terminal::open(&stage, &[]);
    // The window without the header of the pane and the status line.
    terminal.wait_for("28 100");
    terminal.resize(70, 20);
    terminal.wait_for("18 70");
    terminal.resize(10, 2);
    terminal.wait_for("needs 20×4");
    terminal.resize(100, 30);
    terminal.wait_for("28 100");
}
