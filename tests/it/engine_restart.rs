//! An engine that dies and comes back, for real: one of our own, started here and killed here.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::blows::{Tally, branches, points, remove_all_but, worktrees};
use crate::camp::{self, Plain};
use crate::harness::{SOON, Said, Stage, announce, collect, count, eventually, kill, wait_for_ticks};
use crate::terminal::Terminal;

/// An engine that starts over takes its time to find out what became of its containers.
const RESTART: Duration = Duration::from_secs(60);

/// Engines that were started here so far.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// An engine of our own, with everything of its own (also the file systems it mounts, its network and its processes),
/// that is gone when it is dropped.
struct Dockerd {
    room: PathBuf,
    /// Whose end is the end of everything in its namespaces.
    world: Child,
    child: Option<Child>,
}

impl Dockerd {
    /// A running one; `None`, said loudly, where none can be.
    fn start(words: &[&str]) -> Option<Self> {
        // Where an engine has to be, one can be started.
        camp::plain()?;
        let is_root = rustix::process::geteuid().is_root();
        let is_installed =
            Command::new("dockerd").arg("--version").output().is_ok_and(|it| it.status.success());
        if !is_root || !is_installed {
            let is_required = std::env::var("CCELLS_DOCKER").is_ok_and(|value| value == "require");
            assert!(!is_required, "CCELLS_DOCKER=require, and no engine of our own can be started");
            announce("SKIPPED: an engine of our own needs root and dockerd");
            return None;
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let room = PathBuf::from(format!("/var/tmp/ccells-it-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&room).unwrap();
        // The first process of the new world takes in whoever is left alone there.
        let first = "ip link set lo up; while :; do sleep 3600 & wait $!; done";
        // With the test, however that ends, everything here ends.
        let world = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--mount",
                "--net",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "sh",
                "-c",
                first,
            ])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut engine = Self { room, world, child: None };
        engine.run(words);
        Some(engine)
    }

    fn socket(&self) -> PathBuf {
        self.room.join("docker.sock")
    }

    /// Starts it and waits until it answers. Just after a kill the old one's remains may be in the way for a moment.
    fn run(&mut self, words: &[&str]) {
        let path = |name: &str| self.room.join(name).display().to_string();
        let log = File::options().create(true).append(true).open(self.room.join("log")).unwrap();
        let inside = eventually("the new world begins", SOON, || only_child(self.world.id()));
        let mut command = Command::new("nsenter");
        command.args(["--target", &inside.to_string(), "--mount", "--net", "--pid"]);
        command.args(["dockerd", "--data-root", &path("data"), "--exec-root", &path("exec")]);
        command.args(["--pidfile", &path("pid"), "--host", &format!("unix://{}", path("docker.sock"))]);
        command.args(["--iptables=false", "--ip6tables=false", "--ip-masq=false"]);
        command.args(["--ip-forward=false", "--shutdown-timeout", "3", "--log-level", "warn"]).args(words);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let plain = Plain::at(&self.socket());
        let mut child = eventually("the engine starts", RESTART, || {
            for stale in ["pid", "exec/containerd/containerd.pid"] {
                let _absent = std::fs::remove_file(self.room.join(stale));
            }
            let mut child = command.spawn().unwrap();
            let answers =
                || plain.ask("GET", "/_ping", "text/plain", b"").is_ok_and(|(status, _)| status == 200);
            let is_up = eventually("the engine answers or ends", RESTART, || {
                let is_over = child.try_wait().unwrap().is_some();
                (is_over || answers()).then_some(!is_over)
            });
            is_up.then_some(child)
        });
        assert!(child.try_wait().unwrap().is_none());
        self.child = Some(child);
    }

    /// Ends it as a crash does.
    fn crash(&mut self) {
        let mut child = self.child.take().expect("it runs");
        // What we have started waits for the engine, which is its only child.
        if let Some(engine) = only_child(child.id()) {
            kill(engine, Signal::KILL);
        }
        child.wait().unwrap();
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        kill(self.world.id(), Signal::KILL);
        let _ended = self.world.wait();
        if let Some(mut child) = self.child.take() {
            let _ended = child.wait();
        }
        // The last of the world's processes may still be on its way out.
        let is_gone = || std::fs::remove_dir_all(&self.room).is_ok().then_some(());
        let until = Instant::now() + SOON;
        while is_gone().is_none() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The child of a process that has one.
fn only_child(pid: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

#[test]
fn an_engine_that_dies_and_comes_back_costs_nobody_anything_but_its_own() {
    let Some(mut engine) = Dockerd::start(&["--live-restore"]) else { return };
    let mut stage = Stage::set_on(Plain::at(&engine.socket()));
    stage.variable("DOCKER_HOST", &format!("unix://{}", engine.socket().display()));
    let card = stage.new_workstream("steady");
    let terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("tick ");

    // With live restore the agents live on, and so does what is seen of them.
    engine.crash();
    terminal.wait_until("the engine's end", SOON, |screen| screen.contains("engine: down"));
    let ticks = wait_for_ticks(&card, 5);
    terminal.wait_for_tick(ticks);
    engine.run(&["--live-restore"]);
    // Its state was `running` all along.
    terminal.wait_until("the engine again", RESTART, |screen| !screen.contains("engine: down"));
    stage.wait_for_state("steady", "running");
    assert_eq!(stage.card("steady").unwrap()["id"], card["id"]);
    wait_for_ticks(&card, 5);
    stage.run(&["pause", "steady"]).expect(0);
    terminal.wait_for("paused steady");
    stage.run(&["resume", "steady"]).expect(0);
    assert_eq!(count(&card).starts, 1, "nobody was started again");

    // Without it they end with the engine. They are there to be taken up again, each once.
    engine.crash();
    engine.run(&[]);
    let card =
        eventually("the end is told", RESTART, || stage.card("steady").filter(|it| it["state"] == "stopped"));
    assert_eq!(stage.containers().len(), 1);
    terminal.wait_for("stopped steady");
    terminal.keys("r");
    terminal.wait_for("running steady");
    eventually("the agent works again", SOON, || (count(&card).starts == 2).then_some(()));
    let state: Value = stage.card("steady").unwrap();
    assert_eq!((&state["id"], &state["container_id"]), (&card["id"], &card["container_id"]));
    assert_eq!(stage.json(&["reconcile"])["findings"], json!([]));
}

/// What the engine is killed in the middle of.
#[derive(Clone, Copy, Debug)]
enum Amid {
    Creation,
    Removal,
    Quit,
}

/// Kills the engine after `delay` in the middle of something, and starts it again.
fn strike(
    engine: &mut Dockerd,
    stage: &Stage,
    amid: Amid,
    delay: Duration,
    words: &[&str],
    name: &str,
) -> Said {
    let mut terminal = None;
    let began = Instant::now();
    let child = match amid {
        Amid::Creation => Some(stage.command(["new", "-n", name, "--json"]).spawn().unwrap()),
        Amid::Removal => Some(stage.command(["rm", "--force", name]).spawn().unwrap()),
        Amid::Quit => {
            let opened = Terminal::open(stage, &[]);
            opened.wait_for("tick ");
            opened.signal(Signal::TERM);
            terminal = Some(opened);
            None
        }
    };
    // The delay is what is tried, not a wait for something.
    std::thread::sleep(delay);
    engine.crash();
    // An end of a run does not wait for an engine; a verb may meet it again.
    let quit = terminal.map(|mut terminal| terminal.end(SOON));
    engine.run(words);
    let verb = child.map(|child| collect(child, began, 4 * SOON).expect("a verb ends"));
    quit.or(verb).expect("one of them was started")
}

/// After the engine came back: everything is known, nothing is lost, each has one container, and all can go on.
fn settle(
    stage: &Stage,
    tally: &mut Tally,
    witness: &Value,
    must: Option<&Value>,
    lives_on: bool,
    context: &str,
) {
    let said: Vec<Said> = (0..2).map(|_| stage.run(&["reconcile", "--apply", "--json"]).expect(0)).collect();
    remove_what_cannot_be_started(stage, context);
    let listed = stage.json(&["ls"]);
    let cards = listed.as_array().unwrap();
    let containers = stage.containers();
    let row = tally.row(if lives_on { "live-restore" } else { "no live-restore" });
    row.points += 1;
    row.killed += 1;
    row.leaked +=
        containers.iter().filter(|it| !cards.iter().any(|card| card["container_id"] == it["Id"])).count();
    for card in std::iter::once(witness).chain(must) {
        row.lost += usize::from(!cards.iter().any(|it| it["id"] == card["id"]));
    }
    let findings = stage.doctor();
    row.doctored += findings.len();
    assert!(findings.is_empty(), "{context}: {findings:#?} after {said:#?}");
    // The end of a run freezes, the end of an engine without live restore ends: both can be taken up again.
    let before = count(witness);
    let state = stage.card("witness").unwrap()["state"].clone();
    if state != "running" {
        stage.run(&["resume", "witness"]).expect(0);
    }
    let now = eventually(&format!("{context}: the witness works again"), SOON, || {
        Some(count(witness)).filter(|now| now.ticks != before.ticks)
    });
    let row = tally.row(if lives_on { "live-restore" } else { "no live-restore" });
    row.interrupted += usize::from(lives_on && now.starts != 1);
}

/// An engine that was killed while it started a container may believe ever after that it has done so halfway, and refuse
/// to start it again. That is told, and the workstream can be taken away.
fn remove_what_cannot_be_started(stage: &Stage, context: &str) {
    for card in stage.json(&["ls"]).as_array().unwrap().iter().filter(|card| card["state"] == "failed") {
        let reason = card["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("already exists"), "{context}: {card:#}");
        announce(&format!("{context}: {reason}"));
        stage.run(&["rm", "--force", card["id"].as_str().unwrap()]).expect(0);
    }
}

fn dies_amid(words: &[&str], cases: &[(Amid, u32)]) {
    let lives_on = !words.is_empty();
    let Some(mut engine) = Dockerd::start(words) else { return };
    let mut stage = Stage::set_on(Plain::at(&engine.socket()));
    stage.variable("DOCKER_HOST", &format!("unix://{}", engine.socket().display()));
    let witness = stage.new_workstream("witness");
    let took = stage.run(&["new", "-n", "measure", "--json"]).expect(0).took;
    remove_all_but(&stage, &witness);
    let mut tally = Tally::default();
    for (place, (amid, tenths)) in cases.iter().enumerate() {
        let name = format!("victim-{place}");
        let victim = matches!(amid, Amid::Removal).then(|| stage.new_workstream(&name));
        let whole = match amid {
            Amid::Creation => took,
            Amid::Removal => took / 3,
            Amid::Quit => Duration::from_millis(400),
        };
        let context = format!("{amid:?} {tenths}/10, {words:?}");
        let said = strike(&mut engine, &stage, *amid, whole * *tenths / 10, words, &name);
        assert!(said.code >= 0 && !said.err.contains("panicked"), "{context}: {said:#?}");
        let made = (matches!(amid, Amid::Creation) && said.code == 0).then(|| said.json());
        settle(&stage, &mut tally, &witness, made.as_ref(), lives_on, &context);
        if let Some(victim) = victim {
            let is_there = stage.card(victim["id"].as_str().unwrap()).is_some();
            assert!(!is_there || said.code != 0, "{context}: it was acknowledged as gone");
        }
        remove_all_but(&stage, &witness);
        assert_eq!(worktrees(&stage).len(), 1, "{context}: something is left of a worktree");
        assert_eq!(branches(&stage), ["main", "witness"], "{context}: a branch is left");
    }
    tally.assert_clean();
}

/// The moments that are tried; in a full sweep every tenth of each.
fn cases(few: &[(Amid, u32)]) -> Vec<(Amid, u32)> {
    let all = [Amid::Creation, Amid::Removal, Amid::Quit];
    let all = all.into_iter().flat_map(|amid| (0..=10).map(move |tenths| (amid, tenths)));
    if points(0, 1) == 1 { all.collect() } else { few.to_vec() }
}

#[test]
fn an_engine_that_dies_in_the_middle_and_keeps_its_containers() {
    dies_amid(&["--live-restore"], &cases(&[(Amid::Creation, 7), (Amid::Quit, 3)]));
}

#[test]
fn an_engine_that_dies_in_the_middle_and_loses_its_containers() {
    dies_amid(&[], &cases(&[(Amid::Creation, 5), (Amid::Removal, 5)]));
}
