//! Sessions through the library, with a real holder in a real container: both ways to it carry keys and output, and
//! attaching a thousand times leaves nothing behind.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ccells_core::event::Event;
use ccells_core::ids::{Attempt, ContainerId, WorkstreamId};
use ccells_holder::emulator::Emulator;
use ccells_shell::adapters::dial::{Dial, Dialing, Endpoint};
use ccells_shell::adapters::docker::DockerEngine;
use ccells_shell::mailbox::{Inbox, mailbox};
use ccells_shell::sessions::Sessions;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::harness::{SOON, Stage, announce, finish, wait_for_ticks};
use crate::terminal::text;

/// Cycles straight to the holder's socket.
const DIRECT: u64 = 1_000;
/// Cycles through the engine, each of which costs it a process.
const TUNNELLED: u64 = 40;

/// The engine as if it were on another machine.
struct Remote(Arc<dyn Dial>);

impl Dial for Remote {
    fn dial(&self) -> Dialing {
        self.0.dial()
    }

    fn endpoint(&self) -> String {
        self.0.endpoint()
    }

    fn is_local(&self) -> bool {
        false
    }
}

/// What the near end of a session needs.
struct Near {
    sessions: Arc<Sessions>,
    engine: DockerEngine,
    inbox: Inbox,
    damage: Arc<Notify>,
    tasks: TaskTracker,
    workstream: WorkstreamId,
    container: ContainerId,
    directory: PathBuf,
}

impl Near {
    fn new(card: &Value, socket: &str, is_remote: bool) -> Self {
        let text = |key: &str| card[key].as_str().unwrap();
        let dial = Endpoint::Unix(socket.into()).into_dial();
        let dial: Arc<dyn Dial> = if is_remote { Arc::new(Remote(dial)) } else { dial };
        let engine = DockerEngine::new(dial, b"");
        let (mailbox, inbox) = mailbox();
        let damage = Arc::new(Notify::new());
        Self {
            sessions: Arc::new(Sessions::new(engine.clone(), false, mailbox, Arc::clone(&damage))),
            engine,
            inbox,
            damage,
            tasks: TaskTracker::new(),
            workstream: WorkstreamId::parse(text("id")).unwrap(),
            container: ContainerId::parse(text("container_id")).unwrap(),
            directory: text("directory").into(),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other events are not waited for")]
    async fn open(&mut self, attempt: u64) {
        let (workstream, container) = (self.workstream.clone(), self.container.clone());
        self.sessions.open(&self.tasks, workstream, Attempt(attempt), container, self.directory.clone());
        self.wait_for(attempt, |event| match event {
            Event::SessionOpened { attempt, .. } => Some(attempt.0),
            Event::SessionEnded { reason, .. } => panic!("it did not open: {reason}"),
            _ => None,
        })
        .await;
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other events are not waited for")]
    async fn close(&mut self, attempt: u64) {
        self.sessions.close(&self.workstream);
        self.wait_for(attempt, |event| match event {
            Event::SessionEnded { attempt, .. } => Some(attempt.0),
            _ => None,
        })
        .await;
    }

    async fn wait_for(&mut self, wanted: u64, attempt_of: impl Fn(&Event) -> Option<u64>) {
        let heard = async {
            while let Some(event) = self.inbox.take().await {
                if attempt_of(&event) == Some(wanted) {
                    return;
                }
            }
            panic!("the mailbox is gone");
        };
        tokio::time::timeout(SOON, heard).await.expect("a session opens and closes at once");
    }

    async fn wait_for_screen(&self, what: &str, is_wanted: impl Fn(&Emulator) -> bool) {
        let seen = async {
            loop {
                let notified = self.damage.notified();
                let _taken = self.sessions.take_damage();
                let pane = self.sessions.pane(&self.workstream).unwrap();
                if pane.with_emulator(|emulator| is_wanted(emulator)) {
                    return;
                }
                notified.await;
            }
        };
        tokio::time::timeout(SOON, seen).await.unwrap_or_else(|_| panic!("{what} never came"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ways_to_a_holder_carry_keys_and_output() {
    let Some(stage) = Stage::set() else { return };
    let quiet = "while read -r line; do echo heard: $line; done";
    let card = stage.json(&["new", "-n", "listener", "--", "sh", "-c", quiet]);
    let socket = stage.plain().socket().to_str().unwrap().to_string();
    for (attempt, is_remote) in [(1, false), (2, true)] {
        let mut near = Near::new(&card, &socket, is_remote);
        assert_eq!(near.engine.is_local(), !is_remote);
        near.open(attempt).await;
        let session = near.sessions.session(&near.workstream).unwrap();
        assert!(session.write(format!("word {attempt}\r").as_bytes()));
        let heard = format!("heard: word {attempt}");
        near.wait_for_screen(&heard, |emulator| text(emulator).contains(&heard)).await;
        let size = (44, 10 + u16::try_from(attempt).unwrap());
        near.sessions.resize(&near.workstream, size.0, size.1);
        near.wait_for_screen("its new size", |emulator| emulator.size() == size).await;
        near.close(attempt).await;
        near.engine.close().await;
        assert_eq!((near.engine.open_streams(), near.engine.live_tasks()), (0, 0));
    }
}

#[test]
fn attaching_a_thousand_times_leaves_nothing_behind() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.new_workstream("popular");
    wait_for_ticks(&card, 1);
    // The other tests of this process open files too: the counting half has a process of its own.
    let mut alone = Command::new(std::env::current_exe().unwrap());
    alone.args(["--exact", "sessions::alone", "--ignored", "--nocapture"]);
    alone.env("CCELLS_TEST_CARD", card.to_string());
    alone.env("CCELLS_TEST_SOCKET", stage.plain().socket());
    alone.current_dir(stage.room()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let said = finish(alone).expect(0);
    assert!(said.out.contains("1 passed"), "{said:#?}");
    announce(said.err.trim());
    wait_for_ticks(&card, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it counts what its process has open: `attaching_a_thousand_times_leaves_nothing_behind` runs it alone"]
async fn alone() {
    let variable = |name: &str| std::env::var(name).expect("its other half sets it");
    let card: Value = serde_json::from_str(&variable("CCELLS_TEST_CARD")).unwrap();
    let socket = variable("CCELLS_TEST_SOCKET");
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    for (cycles, is_remote) in [(DIRECT, false), (TUNNELLED, true)] {
        let mut near = Near::new(&card, &socket, is_remote);
        let mut begun_with = None;
        for attempt in 1..=cycles {
            near.open(attempt).await;
            near.close(attempt).await;
            // The first few make what is kept: threads, buffers, the agreed version.
            if attempt == 5 {
                begun_with = Some(settled(&files, &tasks).await);
            }
        }
        let ended_with = settled(&files, &tasks).await;
        assert_eq!(
            begun_with,
            Some(ended_with),
            "open files and live tasks, before and after {cycles} cycles"
        );
        announce(&format!(
            "{cycles} cycles, remote: {is_remote}: {} files, {} tasks",
            ended_with.0, ended_with.1
        ));
        near.engine.close().await;
    }
}

/// The counts once nothing changes any more: what was told to end may take a moment for it.
async fn settled(files: &impl Fn() -> usize, tasks: &impl Fn() -> usize) -> (usize, usize) {
    let mut last = (files(), tasks());
    let mut unchanged = 0;
    while unchanged < 10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = (files(), tasks());
        unchanged = if now == last { unchanged + 1 } else { 0 };
        last = now;
    }
    last
}
