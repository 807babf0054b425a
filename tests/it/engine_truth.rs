//! What the engine does of its own accord, or fails to do, is on the screen at once, and nothing is lost over it.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{SOON, Stage, announce, count, eventually, wait_for_ticks};
use crate::tap::Tap;
use crate::terminal::{Terminal, last_tick};

/// Longest a change outside may take to be seen, the business of the test machine included.
const SEEN: Duration = Duration::from_secs(3);
/// However a run ends, it takes no longer.
const END: Duration = Duration::from_secs(8);

/// Posts to the engine past ccells.
#[track_caller]
fn outside(stage: &Stage, method: &str, card: &Value, action: &str) {
    let path = format!("/containers/{}{action}", card["container_id"].as_str().unwrap());
    let (status, body) = stage.plain().ask(method, &path, "text/plain", b"").unwrap();
    assert!((200..300).contains(&status), "{path}: {status} {}", String::from_utf8_lossy(&body));
}

/// Waits for the screen, and notes how long it took since `since`.
#[track_caller]
fn seen_within(terminal: &Terminal, what: &str, since: Instant, wanted: &[&str]) {
    terminal.wait_until(&format!("{what}: {wanted:?}"), SEEN, |screen| {
        wanted.iter().all(|it| screen.contains(it))
    });
    announce(&format!("{what} was on the screen after {} ms", since.elapsed().as_millis()));
}

#[test]
fn what_happens_outside_is_on_the_screen_within_a_second() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.new_workstream("watched");
    let terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("tick ");

    let since = Instant::now();
    outside(&stage, "POST", &card, "/pause");
    seen_within(&terminal, "a pause outside", since, &["paused watched"]);
    let since = Instant::now();
    outside(&stage, "POST", &card, "/unpause");
    seen_within(&terminal, "an unpause outside", since, &["running watched"]);
    wait_for_ticks(&card, 2);
    let since = Instant::now();
    outside(&stage, "POST", &card, "/kill");
    seen_within(&terminal, "a kill outside", since, &["stopped watched"]);
    assert_eq!(stage.card("watched").unwrap()["exit_code"], json!(137));

    // What died can be started again, and its terminal comes back.
    let dead = last_tick(&terminal.screen());
    terminal.keys("r");
    eventually("it works again", SOON, || (count(&card).starts == 2).then_some(()));
    terminal.wait_until("it runs again", SOON, |screen| {
        screen.contains("running watched")
            && last_tick(screen).is_some_and(|tick| tick >= 2 && Some(tick) != dead)
    });
    let since = Instant::now();
    outside(&stage, "DELETE", &card, "?force=1&v=1");
    seen_within(&terminal, "a removal outside", since, &["lost watched"]);
    terminal.keys("r");
    terminal.wait_for("running watched");
    assert_eq!(stage.containers().len(), 1);
    assert_eq!(stage.card("watched").unwrap()["id"], card["id"]);
}

#[test]
fn a_container_that_ran_out_of_memory_says_so() {
    let Some(mut stage) = Stage::set() else { return };
    stage.variable("CCELLS_LIMITS_MEMORY_MB", "24");
    // The holder's own memory is little; the agent asks for more than there is, when it is told to.
    let greedy = "echo ready; read -r go; exec dd if=/dev/zero of=/dev/null bs=512M";
    let card = stage.json(&["new", "-n", "greedy", "--", "sh", "-c", greedy]);
    let terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("running greedy");
    // What is told afterwards comes by its session, which stands once anything is seen of it.
    terminal.wait_for("ready");
    stage.run(&["send", "greedy", "go"]).expect(0);
    // The kernel ends the greedy one; whether the holder survives it is the kernel's choice. Both are told.
    let screen = terminal.wait_until("an end that is told", SOON, |screen| {
        screen.contains("ended by signal 9")
            || screen.contains("ran out of memory")
            || screen.contains("stopped greedy")
    });
    assert!(!screen.contains("panicked"));
    assert_eq!(stage.card("greedy").unwrap()["id"], card["id"]);
}

#[test]
fn an_engine_that_hangs_is_told_of_and_stops_nobody_from_leaving() {
    let Some(mut stage) = Stage::set() else { return };
    let tap = Tap::open(stage.room().join("tap.sock"), stage.plain().socket());
    stage.variable("DOCKER_HOST", &tap.endpoint());
    let card = stage.new_workstream("steady");
    let mut terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("tick ");
    tap.jam();
    terminal.wait_until("a banner", Duration::from_secs(30), |screen| {
        screen.contains("engine") && screen.contains("answer")
    });
    // The terminal does not go through the engine: the agent works on, and is seen to.
    let ticks = wait_for_ticks(&card, 5);
    terminal.wait_for_tick(ticks);
    assert_eq!(stage.card("steady").unwrap()["id"], card["id"], "nothing is forgotten");
    let said = stage.run(&["pause", "steady"]);
    assert_eq!(said.code, 5, "a deadline was missed: {said:#?}");

    terminal.keys("q");
    terminal.wait_for("pause all");
    let asked = Instant::now();
    terminal.keys("p");
    let said = terminal.end(END);
    announce(&format!("quit with a hung engine took {} ms", asked.elapsed().as_millis()));
    assert_eq!(said.code, 1, "an end that could not freeze the agents says so: {said:#?}");
    terminal.settle();
    assert!(terminal.is_cooked() && !terminal.is_taken());
    assert!(terminal.screen().contains("not paused"), "{}", terminal.screen());
    wait_for_ticks(&card, 2);
    drop(tap);
    stage.variable("DOCKER_HOST", &format!("unix://{}", stage.plain().socket().display()));
    stage.run(&["reconcile", "--apply"]).expect(0);
    wait_for_ticks(&card, 2);
}

#[test]
fn a_start_before_a_hung_engine_shows_the_screen_at_once_and_verbs_give_up_in_time() {
    let Some(mut stage) = Stage::set() else { return };
    let card = stage.new_workstream("unseen");
    let engine = format!("unix://{}", stage.plain().socket().display());
    let tap = Tap::open(stage.room().join("tap.sock"), stage.plain().socket());
    tap.jam();
    stage.variable("DOCKER_HOST", &tap.endpoint());
    let mut terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("unseen");
    announce(&format!(
        "the first frame before a hung engine came after {} ms",
        terminal.began().elapsed().as_millis()
    ));
    assert!(terminal.began().elapsed() < Duration::from_secs(3));
    terminal.wait_until("a banner", Duration::from_secs(30), |screen| {
        screen.contains("engine") && screen.contains("answer")
    });
    let asked = Instant::now();
    terminal.signal(Signal::TERM);
    terminal.end(END);
    announce(&format!("a signal before a hung engine ended it after {} ms", asked.elapsed().as_millis()));

    for words in [&["pause", "unseen"][..], &["rm", "unseen"], &["stop", "unseen"], &["new", "-n", "more"]] {
        let said = stage.run(words);
        assert_eq!(said.code, 5, "{words:?}: {said:#?}");
        assert!(said.took < Duration::from_secs(40), "{words:?}: {said:#?}");
        assert!(said.err.contains("engine"), "{words:?}: {said:#?}");
    }
    assert_eq!(stage.run(&["doctor", "--check", "--json"]).expect(1).json()["ok"], false);
    drop(tap);
    stage.variable("DOCKER_HOST", &engine);
    wait_for_ticks(&card, 2);
    stage.run(&["reconcile", "--apply"]).expect(0);
    for card in stage.json(&["ls"]).as_array().unwrap().iter().filter(|card| card["name"] == "more") {
        stage.run(&["rm", "--force", card["id"].as_str().unwrap()]).expect(0);
    }
    wait_for_ticks(&card, 2);
}

#[test]
fn a_second_signal_ends_at_once() {
    let Some(mut stage) = Stage::set() else { return };
    let engine = format!("unix://{}", stage.plain().socket().display());
    let tap = Tap::open(stage.room().join("tap.sock"), stage.plain().socket());
    stage.variable("DOCKER_HOST", &tap.endpoint());
    let card = stage.new_workstream("steady");
    let mut terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("tick ");
    tap.jam();
    terminal.signal(Signal::INT);
    // Two signals at once are one: the first has been taken when its box is there.
    terminal.wait_for("Ending (");
    let asked = Instant::now();
    terminal.signal(Signal::INT);
    let said = terminal.end(Duration::from_secs(1));
    announce(&format!("a second signal ended it after {} ms", asked.elapsed().as_millis()));
    assert_eq!(said.code, 130, "{said:#?}");
    terminal.settle();
    assert!(terminal.is_cooked() && !terminal.is_taken());
    drop(tap);
    stage.variable("DOCKER_HOST", &engine);
    stage.run(&["reconcile", "--apply"]).expect(0);
    assert_eq!(stage.card("steady").unwrap()["id"], card["id"]);
    stage.run(&["resume", "steady"]);
    wait_for_ticks(&card, 2);
}

#[test]
fn an_engine_that_goes_and_comes_back_finds_everything_in_its_place() {
    let Some(mut stage) = Stage::set() else { return };
    let mut tap = Tap::open(stage.room().join("tap.sock"), stage.plain().socket());
    stage.variable("DOCKER_HOST", &tap.endpoint());
    let card = stage.new_workstream("steady");
    let terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("tick ");
    for _ in 0..2 {
        tap.cut();
        terminal
            .wait_until("a banner", SOON, |screen| screen.contains("engine") && screen.contains("tap.sock"));
        assert_eq!(stage.containers().len(), 1, "nothing is deleted");
        wait_for_ticks(&card, 2);
        tap.reopen();
        terminal.wait_until("all well", SOON, |screen| {
            screen.contains("running steady") && !screen.contains("tap.sock")
        });
        let ticks = wait_for_ticks(&card, 2);
        terminal.wait_for_tick(ticks);
    }
    assert_eq!(count(&card).starts, 1);
    let asked = tap.log();
    assert!(!asked.iter().any(|(line, _)| line.starts_with("DELETE")), "{asked:?}");
    stage.run(&["pause", "steady"]).expect(0);
    terminal.wait_for("paused steady");
    stage.run(&["resume", "steady"]).expect(0);
    wait_for_ticks(&card, 2);
    drop(terminal);
    stage.run(&["reconcile", "--apply"]).expect(0);
    drop(tap);
    stage.variable("DOCKER_HOST", &format!("unix://{}", stage.plain().socket().display()));
}
