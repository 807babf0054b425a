//! The end of a run, however it comes: in time, with everything written down, the agents frozen, the terminal given back.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{SOON, Said, Stage, announce, collect, count, eventually, kill, wait_for_ticks};
use crate::tap::Tap;
use crate::terminal::Terminal;

/// However a run ends, it takes no longer.
const END: Duration = Duration::from_secs(8);

fn open_with_two(stage: &Stage) -> (Terminal, Value, Value) {
    let first = stage.new_workstream("first");
    let second = stage.new_workstream("second");
    let terminal = Terminal::open(stage, &[]);
    terminal.wait_for_both();
    for card in [&first, &second] {
        wait_for_ticks(card, 1);
    }
    (terminal, first, second)
}

#[track_caller]
fn assert_given_back(terminal: &Terminal) {
    terminal.settle();
    assert!(terminal.is_cooked(), "the terminal is left in raw mode");
    assert!(!terminal.is_taken(), "the terminal is left with modes on");
}

#[track_caller]
fn assert_frozen(stage: &Stage, cards: &[&Value]) {
    for container in stage.containers() {
        assert_eq!(container["State"], "paused", "{container:#}");
    }
    for card in cards {
        assert_eq!(stage.card(card["id"].as_str().unwrap()).unwrap()["state"], "paused");
        let before = count(card);
        assert_eq!(before.starts, 1);
        assert_eq!(count(card), before);
    }
    assert_eq!(stage.doctor(), Vec::<Value>::new());
}

/// Ends a run by `end`, checks that everything is frozen, and that the next start lets all go on.
fn ends_well(code: i32, keeps_terminal: bool, end: impl FnOnce(&mut Terminal)) {
    let Some(stage) = Stage::set() else { return };
    let (mut terminal, first, second) = open_with_two(&stage);
    end(&mut terminal);
    let said = terminal.end(END);
    assert_eq!(said.code, code, "{said:#?}");
    if keeps_terminal {
        assert_given_back(&terminal);
        for name in ["first", "second"] {
            assert!(terminal.screen().contains(&format!("{name}: paused")), "{}", terminal.screen());
        }
    }
    assert_frozen(&stage, &[&first, &second]);
    let mut next = Terminal::open(&stage, &[]);
    for card in [&first, &second] {
        wait_for_ticks(card, 2);
    }
    next.signal(Signal::INT);
    next.end(END);
    assert_frozen(&stage, &[&first, &second]);
}

#[test]
fn an_interrupt_freezes_all_and_the_next_start_lets_them_go_on() {
    ends_well(130, true, |terminal| terminal.signal(Signal::INT));
}

#[test]
fn a_request_to_terminate_is_as_good() {
    ends_well(143, true, |terminal| terminal.signal(Signal::TERM));
}

#[test]
fn a_hangup_is_as_good() {
    ends_well(129, false, |terminal| terminal.signal(Signal::HUP));
}

#[test]
fn a_terminal_that_goes_away_is_as_good() {
    let Some(stage) = Stage::set() else { return };
    let (mut terminal, first, second) = open_with_two(&stage);
    terminal.hang_up();
    terminal.end(END);
    assert_frozen(&stage, &[&first, &second]);
}

#[test]
fn the_quit_dialog_freezes_or_keeps() {
    let Some(stage) = Stage::set() else { return };
    let (mut terminal, first, second) = open_with_two(&stage);
    terminal.keys("q");
    terminal.wait_for("keep");
    terminal.keys("k");
    terminal.end(END).expect(0);
    assert_given_back(&terminal);
    for card in [&first, &second] {
        wait_for_ticks(card, 2);
    }
    let mut again = Terminal::open(&stage, &[]);
    again.wait_for_both();
    again.keys("q");
    again.wait_for("ause");
    again.keys("p");
    again.end(END).expect(0);
    assert_given_back(&again);
    assert_frozen(&stage, &[&first, &second]);
}

#[test]
fn what_the_user_froze_stays_frozen() {
    let Some(stage) = Stage::set() else { return };
    let (mut terminal, first, second) = open_with_two(&stage);
    stage.run(&["pause", "first"]).expect(0);
    terminal.signal(Signal::TERM);
    terminal.end(END);
    let next = Terminal::open(&stage, &[]);
    wait_for_ticks(&second, 2);
    assert_eq!(stage.card("first").unwrap()["state"], "paused");
    let before = count(&first);
    drop(next);
    assert_eq!(count(&first), before);
    stage.run(&["reconcile", "--apply"]).expect(0);
}

#[test]
fn a_stop_gives_the_terminal_back_and_going_on_takes_it_again() {
    let Some(stage) = Stage::set() else { return };
    let (mut terminal, first, _second) = open_with_two(&stage);
    let state = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat[stat.rfind(')').unwrap() + 2..].chars().next().unwrap()
    };
    for keys in [None, Some("\x1a")] {
        match keys {
            Some(keys) => terminal.keys(keys),
            None => terminal.signal(Signal::TSTP),
        }
        let pid = terminal.pid();
        eventually("the process is stopped", SOON, || (state(pid) == 'T').then_some(()));
        eventually("the terminal is given back", SOON, || (!terminal.is_taken()).then_some(()));
        assert!(terminal.is_cooked());
        wait_for_ticks(&first, 3);
        terminal.signal(Signal::CONT);
        terminal.wait_for_both();
        assert!(!terminal.is_cooked() && terminal.is_taken());
    }
    // Stopped again and again, it never has the terminal while it stands still.
    for _ in 0..30 {
        terminal.signal(Signal::TSTP);
        let pid = terminal.pid();
        eventually("the process is stopped", SOON, || (state(pid) == 'T').then_some(()));
        assert!(terminal.is_cooked());
        terminal.signal(Signal::CONT);
        eventually("the terminal is taken", SOON, || (!terminal.is_cooked()).then_some(()));
    }
    terminal.signal(Signal::TERM);
    terminal.end(END);
    assert_given_back(&terminal);
}

/// Begins a creation and interrupts it after that time; what it said. Nothing when it was done by then: it is removed.
fn interrupted(stage: &Stage, after: Duration) -> Option<Said> {
    let began = Instant::now();
    let child = stage.command(["new", "-n", "never", "--json"]).spawn().unwrap();
    std::thread::sleep(after);
    kill(child.id(), Signal::INT);
    let said = collect(child, began, SOON).expect("an interrupt ends it");
    if said.code == 0 {
        stage.run(&["rm", "--force", "never"]).expect(0);
        return None;
    }
    Some(said)
}

#[test]
fn an_interrupt_takes_a_creation_back() {
    let Some(stage) = Stage::set() else { return };
    // The first one of all pays for what the others find ready.
    let measure = |_| {
        let took = stage.run(&["new", "-n", "measure", "--json"]).expect(0).took;
        stage.run(&["rm", "--force", "measure"]).expect(0);
        took
    };
    let took = (0..2).map(measure).min().expect("it was measured");
    let mut taken_back = 0;
    for tenth in 1..=10 {
        let Some(said) = interrupted(&stage, took * tenth / 11) else { continue };
        // Before anybody listened to signals nothing had begun.
        assert!(said.code == 130 || said.code == -2, "{said:#?}");
        taken_back += usize::from(said.code == 130);
        assert_eq!(stage.json(&["ls"]), json!([]), "after {tenth} tenths: {said:#?}");
        assert!(stage.containers().is_empty(), "after {tenth} tenths: {said:#?}");
        assert_eq!(stage.doctor(), Vec::<Value>::new());
        let branches = crate::harness::git(&stage.repo, &["branch", "--list", "--format=%(refname:short)"]);
        assert_eq!(branches, "main");
    }
    assert!(taken_back >= 3, "only {taken_back} of 10 were interrupted in the middle");
}

/// The processes that `pid` has started and that live.
fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|word| word.parse().unwrap()).collect()
}

/// A process that somebody else may have to bury is over when it is dead.
fn is_over(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rfind(')').is_none_or(|end| stat[end + 2..].starts_with(['Z', 'X']))
}

#[test]
fn a_shell_between_that_dies_with_its_window_is_as_good() {
    let Some(mut stage) = Stage::set() else { return };
    let engine = format!("unix://{}", stage.plain().socket().display());
    let mut tap = Tap::open(stage.room().join("tap.sock"), stage.plain().socket());
    stage.variable("DOCKER_HOST", &tap.endpoint());
    let (first, second) = (stage.new_workstream("first"), stage.new_workstream("second"));
    let mut shell = stage.command(["--norc", "--noprofile", "-i"]);
    shell.env("HISTFILE", stage.room().join("history")).env("PS1", "ready> ");
    let mut terminal = Terminal::open_program("bash".as_ref(), &shell, 100, 30);
    terminal.wait_for("ready>");
    // It takes its time to die, so that its two hangups are two.
    terminal.keys("trap 'sleep 0.2' EXIT\r");
    terminal.keys(&format!("{}\r", crate::harness::program().display()));
    terminal.wait_until("both agents at work", SOON, |screen| screen.matches("tick ").count() >= 2);
    let shell = terminal.pid();
    let jobs = children(shell);
    let [ours] = jobs[..] else { panic!("one job: {jobs:?}") };
    // It hangs its job up, and its own death hangs it up once more, while the engine takes longer.
    tap.jam();
    terminal.hang_up();
    terminal.end(END);
    std::thread::sleep(Duration::from_millis(100));
    assert!(!is_over(ours), "it left before anything was frozen");
    tap.reopen();
    eventually("ccells ends", END, || is_over(ours).then_some(()));
    stage.variable("DOCKER_HOST", &engine);
    assert_frozen(&stage, &[&first, &second]);
    drop(tap);
}

#[test]
fn an_interrupt_takes_back_a_creation_that_a_screen_is_busy_with() {
    let Some(stage) = Stage::set() else { return };
    let mut screen = Terminal::open(&stage, &[]);
    screen.wait_for("n new workstream");
    let took = stage.run(&["new", "-n", "measure", "--json"]).expect(0).took;
    stage.run(&["rm", "--force", "measure"]).expect(0);
    let mut taken_back = 0;
    for fifth in 1..=5 {
        let Some(said) = interrupted(&stage, took * fifth / 6) else { continue };
        assert!(said.code == 130 || said.code == -2, "{said:#?}");
        taken_back += usize::from(said.code == 130);
        assert_eq!(stage.json(&["ls"]), json!([]), "after {fifth} fifths: {said:#?}");
        assert!(stage.containers().is_empty(), "after {fifth} fifths: {said:#?}");
    }
    assert!(taken_back >= 2, "only {taken_back} of 5 were interrupted in the middle");
    screen.signal(Signal::TERM);
    screen.end(END);
}

#[test]
fn a_second_interrupt_does_not_wait_until_a_creation_is_taken_back() {
    let Some(mut stage) = Stage::set() else { return };
    let mut tap = Tap::open(stage.room().join("tap.sock"), stage.plain().socket());
    stage.variable("DOCKER_HOST", &tap.endpoint());
    let mut screen = Terminal::open(&stage, &[]);
    screen.wait_for("n new workstream");
    tap.jam();
    let began = Instant::now();
    let child = stage.command(["new", "-n", "never", "--json"]).spawn().unwrap();
    let pid = child.id();
    screen.wait_for("creating the container");
    kill(pid, Signal::INT);
    std::thread::sleep(Duration::from_millis(500));
    assert!(!is_over(pid), "the first waits until all is taken back");
    kill(pid, Signal::INT);
    let asked = Instant::now();
    let said = collect(child, began, SOON).expect("an interrupt ends it");
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(said.code, 130, "{said:#?}");
    tap.reopen();
    eventually("nothing is left", Duration::from_secs(60), || {
        (stage.json(&["ls"]) == json!([]) && stage.containers().is_empty()).then_some(())
    });
    screen.signal(Signal::TERM);
    screen.end(END);
    drop(tap);
    stage.variable("DOCKER_HOST", &format!("unix://{}", stage.plain().socket().display()));
}

#[test]
fn a_second_hangup_changes_nothing_and_a_request_to_terminate_after_it_does() {
    let Some(mut stage) = Stage::set() else { return };
    let engine = format!("unix://{}", stage.plain().socket().display());
    let mut tap = Tap::open(stage.room().join("tap.sock"), stage.plain().socket());
    stage.variable("DOCKER_HOST", &tap.endpoint());
    let (mut terminal, first, second) = open_with_two(&stage);
    tap.jam();
    for _ in 0..3 {
        terminal.signal(Signal::HUP);
        std::thread::sleep(Duration::from_millis(100));
        assert!(!is_over(terminal.pid()), "it left before anything was frozen");
    }
    tap.reopen();
    let said = terminal.end(END);
    assert_eq!(said.code, 129, "{said:#?}");
    stage.variable("DOCKER_HOST", &engine);
    assert_frozen(&stage, &[&first, &second]);

    stage.variable("DOCKER_HOST", &tap.endpoint());
    let mut terminal = Terminal::open(&stage, &[]);
    wait_for_ticks(&first, 2);
    wait_for_ticks(&second, 2);
    tap.jam();
    terminal.signal(Signal::HUP);
    std::thread::sleep(Duration::from_millis(200));
    terminal.signal(Signal::TERM);
    let said = terminal.end(Duration::from_secs(1));
    assert_eq!(said.code, 143, "{said:#?}");
    drop(tap);
    stage.variable("DOCKER_HOST", &engine);
    stage.run(&["reconcile", "--apply"]).expect(0);
}

#[test]
fn a_panic_anywhere_gives_the_terminal_back_and_ends_the_process() {
    if !cfg!(debug_assertions) {
        announce("SKIPPED: only a debug build can be told to panic");
        return;
    }
    let Some(mut stage) = Stage::set() else { return };
    let card = stage.new_workstream("steady");
    for place in ["task", "thread"] {
        stage.variable("DEBUG_CCELLS_PANIC", place);
        stage.variable("RUST_BACKTRACE", "0");
        let mut terminal = Terminal::open(&stage, &[]);
        terminal.wait_for("tick ");
        assert!(terminal.is_taken());
        terminal.signal(Signal::USR1);
        let said = terminal.end(END);
        assert_eq!(said.code, 101, "{said:#?}");
        assert_given_back(&terminal);
        let told = format!("told to panic in a {place}");
        assert!(terminal.screen().contains(&told), "{}", terminal.screen());
        // It is a crash like any other: nothing is lost with it.
        wait_for_ticks(&card, 2);
        stage.run(&["reconcile", "--apply"]).expect(0);
        wait_for_ticks(&card, 2);
    }
}

#[test]
fn an_end_in_the_middle_of_a_creation_leaves_it_to_the_next_start() {
    let Some(mut stage) = Stage::set() else { return };
    let engine = format!("unix://{}", stage.plain().socket().display());
    let mut tap = Tap::open(stage.room().join("tap.sock"), stage.plain().socket());
    stage.variable("DOCKER_HOST", &tap.endpoint());
    let mut terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("n new workstream");
    tap.jam();
    let began = Instant::now();
    let child = stage.command(["new", "-n", "begun", "--json"]).spawn().unwrap();
    terminal.wait_for("creating the container");
    terminal.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    tap.reopen();
    assert_eq!(terminal.end(END).code, 130);
    let said = collect(child, began, SOON).expect("it is answered");
    assert!(said.code == 1 && said.err.contains("ended before it was finished"), "{said:#?}");
    assert_eq!(stage.doctor(), Vec::<Value>::new(), "an end in good order is no fault");
    let told = stage.run(&["doctor", "--json"]).json();
    assert!(told.to_string().contains("before its creation was finished"), "{told:#}");
    stage.variable("DOCKER_HOST", &engine);
    stage.run(&["reconcile", "--apply"]).expect(0);
    let card = stage.card("begun").expect("its container was made, so it is finished");
    assert_eq!(card["state"], "running");
    wait_for_ticks(&card, 2);
    drop(tap);
}
