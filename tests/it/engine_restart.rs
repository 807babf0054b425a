//! An engine that dies and comes back, for real: one of our own, started here and killed here.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::camp::{self, Plain};
use crate::harness::{SOON, Stage, announce, count, eventually, kill, wait_for_ticks};
use crate::terminal::Terminal;

/// An engine that starts over takes its time to find out what became of its containers.
const RESTART: Duration = Duration::from_secs(60);

/// An engine of our own, with everything of its own, that is gone when it is dropped.
struct Dockerd {
    room: PathBuf,
    bridge: String,
    child: Option<Child>,
}

impl Dockerd {
    /// A running one; `None`, said loudly, where none can be.
    fn start() -> Option<Self> {
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
        let pid = std::process::id();
        let room = PathBuf::from(format!("/var/tmp/ccells-it-{pid}"));
        std::fs::create_dir_all(&room).unwrap();
        let bridge = format!("ccit{pid}");
        // Not the bridge of the machine's own engine, which must not notice any of this.
        ip(&["link", "add", &bridge, "type", "bridge"]);
        ip(&["addr", "add", "10.231.7.1/24", "dev", &bridge]);
        ip(&["link", "set", &bridge, "up"]);
        let mut engine = Self { room, bridge, child: None };
        engine.run(&["--live-restore"]);
        Some(engine)
    }

    fn socket(&self) -> PathBuf {
        self.room.join("docker.sock")
    }

    /// Starts it and waits until it answers. Just after a kill the old one's remains may be in the way for a moment.
    fn run(&mut self, words: &[&str]) {
        let path = |name: &str| self.room.join(name).display().to_string();
        let log = File::options().create(true).append(true).open(self.room.join("log")).unwrap();
        let mut command = Command::new("setsid");
        command.args(["dockerd", "--data-root", &path("data"), "--exec-root", &path("exec")]);
        command.args(["--pidfile", &path("pid"), "--host", &format!("unix://{}", path("docker.sock"))]);
        command.args(["--bridge", &self.bridge, "--iptables=false", "--ip6tables=false", "--ip-masq=false"]);
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
        kill(child.id(), Signal::KILL);
        child.wait().unwrap();
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            kill(child.id(), Signal::TERM);
            let _ended = child.wait();
        }
        unmount_below(&self.room);
        ip(&["link", "del", &self.bridge]);
        let _gone = std::fs::remove_dir_all(&self.room);
    }
}

fn ip(words: &[&str]) {
    let done = Command::new("ip").args(words).status().expect("ip is installed (iproute2)");
    assert!(done.success() || std::thread::panicking(), "ip {words:?}");
}

/// Takes away what a killed engine has left mounted.
fn unmount_below(room: &Path) {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let below =
        mounts.lines().filter_map(|line| line.split(' ').nth(1)).filter(|at| Path::new(at).starts_with(room));
    for place in below.collect::<Vec<_>>().into_iter().rev() {
        let _gone = Command::new("umount").arg("--lazy").arg(place).status();
    }
}

#[test]
fn an_engine_that_dies_and_comes_back_costs_nobody_anything_but_its_own() {
    let Some(mut engine) = Dockerd::start() else { return };
    let mut stage = Stage::set_on(Plain::at(&engine.socket()));
    stage.variable("DOCKER_HOST", &format!("unix://{}", engine.socket().display()));
    let card = stage.new_workstream("steady");
    let terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("tick ");

    // With live restore the agents live on, and so does what is seen of them.
    engine.crash();
    terminal.wait_until("the engine's end", SOON, |screen| screen.contains("docker.sock"));
    let ticks = wait_for_ticks(&card, 5);
    terminal.wait_for(&format!("tick {ticks} end"));
    engine.run(&["--live-restore"]);
    eventually("the engine is heard again", SOON, || {
        stage.card("steady").filter(|card| card["state"] == "running").map(|_| ())
    });
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
