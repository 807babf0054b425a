//! What ccells adds to the engine's own time: making a workstream, the first frame, and quitting; and to git's own time: what
//! a workstream changed on the screen, a worktree to begin in, a branch that comes home. Each figure is a ratio within one
//! run, or time of our own, so that a slow machine does not spoil it. Words behind `--` choose figures.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends")]

use std::path::Path;
use std::time::{Duration, Instant};

use ccells_core::ids::ContainerId;
use ccells_shell::adapters::dial::Endpoint;
use ccells_shell::adapters::docker::DockerEngine;
use ccells_shell::holder_binary::HOLDER;
use serde_json::{Value, json};

use crate::harness::{SOON, Stage, announce, finish, git};
use crate::tap::Tap;
use crate::terminal::{ESCAPE, Terminal};

#[path = "../it/camp.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod camp;
#[path = "../it/contract/mod.rs"]
#[expect(dead_code, unused_macros, unused_imports, reason = "the tests use more of it")]
mod contract;
#[path = "../it/harness.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod harness;
#[path = "../it/image.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod image;
#[path = "../it/tap.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod tap;
#[path = "../it/terminal.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod terminal;
#[path = "figures/work.rs"]
mod work;
#[path = "../../shell/tests/git/yard.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod yard;

/// Workstreams made by each way.
const CREATIONS: usize = 12;
/// Workstreams that are tracked when the first frame is drawn.
const TRACKED: usize = 100;
/// Starts that are measured.
const STARTS: usize = 10;
/// Agents that are at work when ccells quits.
const QUITTERS: usize = 20;
/// Files that a workstream changed, and lines of each of them.
const CHANGED: (usize, usize) = (1_000, 25);
/// How often they are compared.
const COMPARISONS: usize = 10;

fn main() {
    let parts: [(&str, fn()); 6] = [
        ("create", create),
        ("frame", first_frame),
        ("quit", quit),
        ("changes", changes),
        ("worktree", work::create),
        ("merge", work::merge),
    ];
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    announce("figure                                       ours      bare     ratio    target");
    for (name, measure) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            measure();
        }
    }
}

fn tell(what: &str, ours: Duration, bare: Duration, target: f64) {
    let ratio = ours.as_secs_f64() / bare.as_secs_f64();
    let ms = |it: Duration| it.as_secs_f64() * 1e3;
    let verdict = if ratio <= target { "" } else { "  missed" };
    announce(&format!(
        "{what:<40} {:>6.1} ms {:>6.1} ms {ratio:>8.2} {target:>9.2}{verdict}",
        ms(ours),
        ms(bare)
    ));
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

/// `ccells new`, up to an agent that runs, against the bare calls for the same container: create and start alone, and
/// with the holder put in between as every workstream needs it.
fn create() {
    let Some(stage) = Stage::set() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let engine = DockerEngine::new(Endpoint::Unix(stage.plain().socket().to_path_buf()).into_dial(), HOLDER);
    let (mut ours, mut bare, mut with_holder) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..=CREATIONS {
        let said = finish(stage.command(["new", "-n", &format!("n{turn}"), "--json", "--", "sleep", "1000"]))
            .expect(0);
        let card = said.json();
        let body = body_of(&stage, &card);
        let mut alone = body.clone();
        (alone["Entrypoint"], alone["Cmd"]) = (json!(["sleep"]), json!(["1000"]));
        let times = [(&alone, false), (&body, true)].map(|(body, has_holder)| {
            let began = Instant::now();
            let made = bare_container(&stage, body);
            runtime.block_on(engine_calls(&engine, &made, has_holder));
            let took = began.elapsed();
            let path = format!("/containers/{made}?force=1&v=1");
            let (status, _) = stage.plain().ask("DELETE", &path, "text/plain", b"").unwrap();
            assert_eq!(status, 204);
            took
        });
        // The first of each warms the caches.
        if turn > 0 {
            ours.push(said.took);
            bare.push(times[0]);
            with_holder.push(times[1]);
        }
        stage.run(&["rm", "--force", card["id"].as_str().unwrap()]).expect(0);
    }
    let ours = median(ours);
    tell("make a workstream, to create + start", ours, median(bare), 1.25);
    tell("the same, to these and the holder", ours, median(with_holder), 1.25);
}

/// What asks for a container as that of `card`.
fn body_of(stage: &Stage, card: &Value) -> Value {
    let inspected =
        stage.plain().get(&format!("/containers/{}/json", card["container_id"].as_str().unwrap()));
    let mut body = inspected["Config"].clone();
    body["HostConfig"] = inspected["HostConfig"].clone();
    body["Labels"] = json!({});
    body.as_object_mut().unwrap().remove("Hostname");
    body
}

/// Asks for a container by the engine's interface alone.
fn bare_container(stage: &Stage, body: &Value) -> ContainerId {
    let bytes = serde_json::to_vec(body).unwrap();
    let (status, answer) =
        stage.plain().ask("POST", "/containers/create", "application/json", &bytes).unwrap();
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&answer));
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    ContainerId::parse(answer["Id"].as_str().unwrap()).unwrap()
}

async fn engine_calls(engine: &DockerEngine, container: &ContainerId, has_holder: bool) {
    use ccells_core::ports::Engine as _;
    if has_holder {
        engine.upload_holder(container).await.unwrap();
    }
    engine.start_container(container).await.unwrap();
}

/// From the start of the process to the first frame, and to the one that shows all workstreams, while the engine is
/// silent: all of it is time of ours.
fn first_frame() {
    let Some(mut stage) = Stage::set() else { return };
    let card = stage.json(&["new", "-n", "one", "--", "sleep", "1000"]);
    multiply(&stage, &card);
    let tap = Tap::open(stage.room().join("tap.sock"), stage.plain().socket());
    tap.jam();
    stage.variable("DOCKER_HOST", &tap.endpoint());
    let (mut first, mut full) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let terminal = Terminal::open_sized(stage.command([""; 0]), 200, 50);
        terminal.wait_until("anything", SOON, |screen| !screen.trim().is_empty());
        first.push(terminal.began().elapsed());
        terminal.wait_for(&TRACKED.to_string());
        full.push(terminal.began().elapsed());
    }
    let target = Duration::from_millis(50);
    tell("first frame, 100 tracked (to 50 ms)", median(first), target, 1.0);
    tell("all 100 on the screen (to 50 ms)", median(full), target, 1.0);
    stage.leave_uninspected();
}

/// Makes the state tell of as many workstreams as are to be tracked, all like the one of `card`.
fn multiply(stage: &Stage, card: &Value) {
    let repo = std::fs::read_dir(stage.home.join("state")).unwrap().next().unwrap().unwrap().path();
    let path = repo.join("state.json");
    let mut state: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let entry = state["workstreams"][0].to_string();
    let id = card["id"].as_str().unwrap();
    let more = (1..TRACKED).map(|number| {
        let other = format!("{}{number:03}", &id[..id.len() - 3]);
        let text = entry.replace(id, &other).replace("\"one\"", &format!("\"one-{number}\""));
        copy_facts(stage, id, &other);
        serde_json::from_str::<Value>(&text).unwrap()
    });
    let more: Vec<Value> = more.collect();
    state["workstreams"].as_array_mut().unwrap().extend(more);
    std::fs::write(&path, serde_json::to_vec(&state).unwrap()).unwrap();
}

fn copy_facts(stage: &Stage, id: &str, other: &str) {
    let room = stage.home.join("workstreams");
    let text = std::fs::read_to_string(room.join(id).join("workstream.json")).unwrap();
    let directory: &Path = &room.join(other);
    std::fs::create_dir(directory).unwrap();
    std::fs::write(directory.join("workstream.json"), text.replace(id, other)).unwrap();
}

/// Quitting with many at work against the slowest of the pauses it takes.
fn quit() {
    let Some(mut stage) = Stage::set() else { return };
    for number in 0..QUITTERS {
        stage.json(&["new", "-n", &format!("q{number}"), "--", "sleep", "1000"]);
    }
    let tap = Tap::open(stage.room().join("tap.sock"), stage.plain().socket());
    stage.variable("DOCKER_HOST", &tap.endpoint());
    let mut terminal = Terminal::open_sized(stage.command([""; 0]), 200, 50);
    terminal.wait_for(&format!("{QUITTERS} running"));
    terminal.keys("q");
    terminal.wait_for("pause all");
    let asked = Instant::now();
    terminal.keys("p");
    terminal.end(SOON).expect(0);
    let took = asked.elapsed();
    let pauses: Vec<Duration> =
        tap.log().into_iter().filter(|(line, _)| line.contains("/pause")).map(|(_, took)| took).collect();
    assert_eq!(pauses.len(), QUITTERS);
    tell("quit, 20 running, to the slowest pause", took, *pauses.iter().max().unwrap(), 1.5);
    stage.variable("DOCKER_HOST", &format!("unix://{}", stage.plain().socket().display()));
}

/// From the key to the frame that shows what a workstream changed, against `git diff` alone in the same worktree.
fn changes() {
    let Some(stage) = Stage::set() else { return };
    let write = |top: &Path, word: &str| {
        for file in 0..CHANGED.0 {
            let lines = (0..CHANGED.1).map(|line| format!("let {word}_{line} = file({file});\n"));
            std::fs::write(top.join(format!("file-{file}.rs")), lines.collect::<Vec<_>>().concat()).unwrap();
        }
    };
    write(&stage.repo, "before");
    git(&stage.repo, &["add", "-A"]);
    git(&stage.repo, &["commit", "-q", "-m", "many files"]);
    let card = stage.json(&["new", "-n", "one", "--", "sleep", "1000"]);
    let worktree = Path::new(card["worktree"].as_str().unwrap());
    write(worktree, "after");
    let terminal = Terminal::open_sized(stage.command([""; 0]), 200, 50);
    terminal.wait_for("1 running");
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for turn in 0..=COMPARISONS {
        let began = Instant::now();
        terminal.keys("D");
        terminal.wait_for(&format!("{} files, +", CHANGED.0));
        let shown = began.elapsed();
        terminal.keys(ESCAPE);
        terminal.wait_for(" NAV ");
        let began = Instant::now();
        let printed = git(worktree, &["diff", "HEAD", "--find-renames"]);
        let alone = began.elapsed();
        assert!(printed.lines().count() > 2 * CHANGED.0 * CHANGED.1);
        // The first of each warms the caches.
        if turn > 0 {
            ours.push(shown);
            bare.push(alone);
        }
    }
    tell("1,000 changed files on the screen", median(ours), median(bare), 1.5);
}
