//! The races that a terminal, its agent and the end of the program can have with each other.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccells_core::event::{Ask, OnQuit};
use ccells_core::ids::{ContainerId, WorkstreamId};
use ccells_core::limits;
use ccells_core::snapshot::CardState;
use ccells_core::wire::ToHolder;
use ccells_shell::adapters::docker::DockerEngine;
use ccells_shell::adapters::holder;
use ccells_shell::session::{Pane, Session, Told};
use futures_util::FutureExt as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::engine::note;
use crate::cluster::process::text;
use crate::cluster::slips::Slip;
use crate::cluster::{CALM_MS, Cluster, Ground, lock};

/// Bytes have come when the session is closed, and the agent goes on writing.
pub(super) const CLOSE_READ: [&str; 2] =
    ["bytes had come before the close", "the agent wrote on after the close"];
/// What is wished of a session is taken before its close and refused after it.
pub(super) const CLOSE_WRITE_RESIZE: [&str; 2] = ["taken before the close", "refused after the close"];
/// A session ends while another is opened.
pub(super) const CLOSED_WHILE_ATTACHING: &str = "closed while a terminal was being attached";
/// The run is to end while the engine hangs.
pub(super) const QUIT_HUNG: [&str; 3] = [
    "quit with something in flight to the engine",
    "there was a second signal",
    "there was no second signal",
];
/// The run is to end while it does something.
pub(super) const QUIT_IN_FLIGHT: &str = "quit with something in flight";

/// What a race at the terminal of an agent is about.
struct Course {
    engine: DockerEngine,
    container: ContainerId,
    /// What the run itself shows of the terminal.
    shown: Arc<Pane>,
    ground: Arc<Ground>,
}

/// A second session at an agent's terminal, with a screen of its own, and what it has told.
struct Second {
    session: Arc<Session>,
    /// Above the session's own.
    token: CancellationToken,
    pane: Arc<Pane>,
    told: Arc<Mutex<u64>>,
    ground: Arc<Ground>,
}

impl Second {
    /// Attaches; what is given back ends with the session.
    async fn attach(course: &Course, observe: bool) -> (Self, JoinHandle<String>) {
        let stream =
            holder::tunnel(&course.engine, &course.container).await.expect("an engine on a good day");
        let token = CancellationToken::new();
        let (session, queue) = Session::new(&token);
        let (pane, told, ground) = (Arc::default(), Arc::default(), Arc::clone(&course.ground));
        let second = Self { session, token, pane, told, ground };
        let (session, pane, told) =
            (Arc::clone(&second.session), Arc::clone(&second.pane), Arc::clone(&second.told));
        let mut carried = tokio::spawn(async move {
            let tell = move |_told: Told| *lock(&told) += 1;
            session.run(Box::new(stream), &pane, observe, queue, &tell).await
        });
        if second.ground.planted.is(Slip::ClosesAnother) {
            carried = tokio::spawn(async { "another".to_string() });
        }
        (second, carried)
    }

    /// Closes it, as the program does, or by mistake otherwise.
    fn close(&self) {
        let planted = self.ground.planted;
        if planted.is(Slip::CloseIsAFlag) {
            self.token.cancel();
        } else if !planted.is(Slip::CloseForgotten) && !planted.is(Slip::ClosesAnother) {
            self.session.close();
        }
    }

    async fn pause(&self, label: &'static str, most_ms: u32) {
        tokio::time::sleep(Duration::from_millis(self.ground.choices.below(label, most_ms).into())).await;
    }

    /// What may not change any more.
    fn seen(&self) -> (String, u64) {
        (text(&self.pane), *lock(&self.told))
    }

    /// After a close has returned, no byte reaches the screen, nothing is told, nothing can be sent, and the session's
    /// task ends.
    async fn is_closed(&self, carried: JoinHandle<String>) {
        let at_close = self.seen();
        let ended = tokio::time::timeout(Duration::from_secs(1), carried).await;
        assert!(matches!(ended, Ok(Ok(_))), "C2: the session's task lives on after its close: {ended:?}");
        assert!(!self.session.send(ToHolder::Ping(9)), "C3: a closed session takes something to send");
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(at_close == self.seen(), "C1: something was delivered after close had returned");
    }
}

/// Plays `race` on the run's host, against the terminal of a new workstream, and waits for its end.
fn beside<F>(cluster: &mut Cluster, race: impl FnOnce(Course) -> F) -> WorkstreamId
where
    F: Future<Output = ()> + Send + 'static,
{
    let id = cluster.create("first");
    let container = cluster.card(&id).and_then(|card| card.container_id).expect("it runs");
    let live = cluster.running();
    let shown = live.sessions.pane(&id).expect("it is attached");
    let ground = Arc::clone(&cluster.ground);
    let race = race(Course { engine: live.engine.clone(), container, shown, ground });
    let is_over = Arc::new(Mutex::new(false));
    let over = Arc::clone(&is_over);
    live.spawn(async move {
        race.await;
        *lock(&over) = true;
    });
    cluster.wait("the race is over", CALM_MS, |_| *lock(&is_over));
    id
}

/// How often each race is run.
const ROUNDS: u32 = 6;

/// The agent writes without end, and the session that reads it is closed.
pub(super) fn close_versus_read(cluster: &mut Cluster) {
    let id = beside(cluster, |course| async move {
        for _ in 0..ROUNDS {
            let (second, carried) = Second::attach(&course, false).await;
            assert!(
                second.session.write(b"--flood=300000 --wait=5 --flood=300000 --wait=5 --flood=300000\r")
            );
            second.pause("close", 120).await;
            let shown = text(&course.shown);
            second.close();
            if second.seen().0.contains("line ") {
                course.ground.saw(CLOSE_READ[0]);
            }
            second.is_closed(carried).await;
            if shown != text(&course.shown) {
                course.ground.saw(CLOSE_READ[1]);
            }
        }
    });
    cluster.wait_attached(&id);
}

/// One types, one resizes, two close.
pub(super) fn close_versus_write_versus_resize(cluster: &mut Cluster) {
    let id = beside(cluster, |course| async move {
        for _ in 0..ROUNDS {
            let (second, carried) = Second::attach(&course, false).await;
            let second = Arc::new(second);
            let writer = insist(Arc::clone(&second), |second| second.session.write(&[b'x'; 3_000]));
            let resizer = insist(Arc::clone(&second), |second| {
                let columns = 20 + u16::try_from(second.ground.choices.below("columns", 200)).unwrap_or(0);
                second.session.send(ToHolder::Resize { columns, rows: 30 })
            });
            let closer = tokio::spawn({
                let second = Arc::clone(&second);
                async move {
                    second.pause("close", 60).await;
                    second.close();
                    second.seen()
                }
            });
            second.pause("close", 60).await;
            second.close();
            second.is_closed(carried).await;
            let at_close = closer.await.expect("closing does not panic");
            assert!(at_close == second.seen(), "C1: the other closer returned before it was closed");
            for task in [writer, resizer] {
                let ended = task.await.expect("what panics in it is caught");
                assert!(ended.is_ok(), "C4: using a session that closes panics");
            }
        }
    });
    cluster.wait_attached(&id);
}

/// Does something again and again until the session is over, which it must notice; in a task. Whether it panicked.
fn insist(
    second: Arc<Second>,
    act: impl Fn(&Second) -> bool + Send + 'static,
) -> JoinHandle<std::thread::Result<()>> {
    let insisting = async move {
        let mut refused = 0;
        while refused < 100 {
            if act(&second) {
                second.ground.saw(CLOSE_WRITE_RESIZE[0]);
            } else {
                second.ground.saw(CLOSE_WRITE_RESIZE[1]);
                assert!(!second.ground.planted.is(Slip::UseOfClosedPanics), "it was taken for open");
                refused += 1;
            }
            second.pause("again", 3).await;
        }
    };
    tokio::spawn(AssertUnwindSafe(insisting).catch_unwind())
}

/// Terminals are closed and attached again faster than either is done.
pub(super) fn reattach_during_close(cluster: &mut Cluster) {
    use crate::cluster::net::Flow;
    let id = cluster.create("first");
    for _ in 0..8 {
        match cluster.ground.choices.below("what", 3) {
            0 => cluster.ground.lines.turn_all(Flow::Broken, Flow::Broken),
            1 => drop(cluster.ask(Ask::Pause(id.clone()))),
            _ => drop(cluster.ask(Ask::Restart(id.clone()))),
        }
        if cluster.ground.choices.chance("while attaching", 5_000) && attaches_again(cluster) {
            cluster.ground.saw(CLOSED_WHILE_ATTACHING);
            continue;
        }
        cluster.run_ms(u64::from(cluster.ground.choices.below("between", 400)));
        drop(cluster.ask(Ask::Resume(id.clone())));
        cluster.run_ms(u64::from(cluster.ground.choices.below("then", 400)));
    }
    // What was wished for last may not have been heard of yet.
    cluster.run_ms(1_000);
    cluster.wait("the last wish counts", CALM_MS, |cluster| {
        let card = cluster.card(&id).expect("it is there");
        // One that is frozen may be attached, and says nothing.
        let is_awake = card.is_attached && card.state == CardState::Running;
        if card.progress.is_none() && !is_awake {
            drop(cluster.ask(Ask::Resume(id.clone())));
        }
        is_awake && card.progress.is_none()
    });
    assert!(cluster.type_text(&id, "still there"), "an attached session takes what is typed");
    cluster.wait_seen(&id, "still there");
}

/// Lets time pass until a terminal is being attached; whether one is.
fn attaches_again(cluster: &mut Cluster) -> bool {
    for _ in 0..100 {
        if cluster.is_attaching() {
            return true;
        }
        cluster.step();
    }
    false
}

/// The engine hangs with things in flight, and the user wants to leave: the run is gone in time, and the next one finds
/// everything.
pub(super) fn quit_with_a_hung_engine(cluster: &mut Cluster) {
    let known = cluster.create("first");
    cluster.hang_engine(true);
    let begun = vec![cluster.begin("second")];
    drop(cluster.ask(Ask::Pause(known.clone())));
    cluster.run_ms(u64::from(cluster.ground.choices.below("when", 6_000)));
    let policy = *cluster.ground.choices.pick("policy", &[OnQuit::KeepRunning, OnQuit::PauseAll]);
    let before = cluster.endings().len();
    if cluster.is_waiting_for_engine() {
        cluster.ground.saw(QUIT_HUNG[0]);
    }
    drop(cluster.ask(Ask::Quit { policy }));
    let mut limit_ms = limits::SHUTDOWN_MS;
    if cluster.ground.choices.chance("second signal", 5_000) {
        cluster.run_ms(u64::from(cluster.ground.choices.below("second signal after", 2_000)));
        cluster.ground.saw(QUIT_HUNG[1]);
        drop(cluster.ask(Ask::QuitNow));
        limit_ms = 1_000;
    } else {
        cluster.ground.saw(QUIT_HUNG[2]);
    }
    // A little more than the limit: what is left to write is written, and tasks that were told to end are waited for.
    cluster
        .wait("Q1: the run has ended in time", limit_ms + 1_500, |cluster| cluster.endings().len() > before);
    let ending = cluster.endings().pop().expect("it was waited for");
    assert_eq!(
        (ending.tasks, ending.engine_tasks, ending.streams),
        (0, 0, 0),
        "Q2: something lives on: {ending:?}"
    );
    note(cluster, begun);
    cluster.hang_engine(false);
    cluster.run_ms(u64::from(cluster.ground.choices.below("away", 10_000)));
}

/// Things are under way, and the user leaves.
pub(super) fn quit_at_any_moment(cluster: &mut Cluster) {
    let known = cluster.create("first");
    for number in 0..3_u32 {
        let begun = vec![cluster.begin(&format!("more{number}"))];
        drop(cluster.ask(Ask::Pause(known.clone())));
        cluster.run_ms(u64::from(cluster.ground.choices.below("when", 1_500)));
        let policy = *cluster.ground.choices.pick("policy", &[OnQuit::KeepRunning, OnQuit::PauseAll]);
        let before = cluster.endings().len();
        if cluster.in_flight() > 0 {
            cluster.ground.saw(QUIT_IN_FLIGHT);
        }
        drop(cluster.ask(Ask::Quit { policy }));
        cluster.wait("Q1: the run has ended in time", limits::SHUTDOWN_MS + 1_500, |cluster| {
            cluster.endings().len() > before
        });
        note(cluster, begun);
        cluster.start();
        cluster.run_ms(u64::from(cluster.ground.choices.below("then", 3_000)));
    }
}
