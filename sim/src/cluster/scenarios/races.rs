//! The races that a terminal, its agent and the end of the program can have with each other.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccells_core::event::{Ask, OnQuit};
use ccells_core::ids::{ContainerId, WorkstreamId};
use ccells_core::limits;
use ccells_core::wire::ToHolder;
use ccells_shell::adapters::docker::DockerEngine;
use ccells_shell::adapters::holder;
use ccells_shell::session::{Pane, Session, Told};
use tokio_util::sync::CancellationToken;

use super::engine::note;
use crate::choice::Choices;
use crate::cluster::process::text;
use crate::cluster::{CALM_MS, Cluster, lock};
use crate::dockerd::Weather;

/// A second session at an agent's terminal, with a screen of its own, and what it has told.
struct Second {
    session: Arc<Session>,
    pane: Arc<Pane>,
    told: Arc<Mutex<u64>>,
    choices: Choices,
}

impl Second {
    /// Attaches; what is given back ends with the session.
    async fn attach(
        engine: &DockerEngine,
        container: &ContainerId,
        observe: bool,
        choices: &Choices,
    ) -> (Self, tokio::task::JoinHandle<String>) {
        let stream = holder::tunnel(engine, container).await.expect("an engine on a good day");
        let (session, queue) = Session::new(&CancellationToken::new());
        let second = Self { session, pane: Arc::default(), told: Arc::default(), choices: choices.clone() };
        let (session, pane, told) =
            (Arc::clone(&second.session), Arc::clone(&second.pane), Arc::clone(&second.told));
        let carried = tokio::spawn(async move {
            let tell = move |_told: Told| *lock(&told) += 1;
            session.run(Box::new(stream), &pane, observe, queue, &tell).await
        });
        (second, carried)
    }

    async fn pause(&self, label: &'static str, most_ms: u32) {
        tokio::time::sleep(Duration::from_millis(self.choices.below(label, most_ms).into())).await;
    }

    /// What may not change any more.
    fn seen(&self) -> (String, u64) {
        (text(&self.pane), *lock(&self.told))
    }

    /// After a close has returned, no byte reaches the screen, nothing is told, nothing can be sent, and the session's
    /// task ends.
    async fn is_closed(&self, carried: tokio::task::JoinHandle<String>) {
        let at_close = self.seen();
        let ended = tokio::time::timeout(Duration::from_secs(1), carried).await;
        assert!(matches!(ended, Ok(Ok(_))), "C2: the session's task lives on after its close: {ended:?}");
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(at_close == self.seen(), "C1: something was delivered after close had returned");
        assert!(!self.session.send(ToHolder::Ping(9)), "C3: a closed session takes something to send");
    }
}

/// Plays `race` on the run's host, against the terminal of a new workstream, and waits for its end.
fn beside<F>(
    cluster: &mut Cluster,
    race: impl FnOnce(DockerEngine, ContainerId, Choices) -> F,
) -> WorkstreamId
where
    F: Future<Output = ()> + Send + 'static,
{
    let id = cluster.create("first");
    let container = cluster.card(&id).and_then(|card| card.container_id).expect("it runs");
    let live = cluster.running();
    let race = race(live.engine.clone(), container, cluster.ground.choices.clone());
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
    let id = beside(cluster, |engine, container, choices| async move {
        for _ in 0..ROUNDS {
            let (second, carried) = Second::attach(&engine, &container, false, &choices).await;
            assert!(
                second.session.write(b"--flood=300000 --wait=5 --flood=300000 --wait=5 --flood=300000\r")
            );
            second.pause("close", 120).await;
            second.session.close();
            second.is_closed(carried).await;
        }
    });
    cluster.wait_attached(&id);
}

/// One types, one resizes, two close.
pub(super) fn close_versus_write_versus_resize(cluster: &mut Cluster) {
    let id = beside(cluster, |engine, container, choices| async move {
        for _ in 0..ROUNDS {
            let (second, carried) = Second::attach(&engine, &container, false, &choices).await;
            let second = Arc::new(second);
            let writer =
                tokio::spawn(insist(Arc::clone(&second), |second| second.session.write(&[b'x'; 3_000])));
            let resizer = tokio::spawn(insist(Arc::clone(&second), |second| {
                let columns = 20 + u16::try_from(second.choices.below("columns", 200)).unwrap_or(0);
                second.session.send(ToHolder::Resize { columns, rows: 30 })
            }));
            let closer = tokio::spawn({
                let second = Arc::clone(&second);
                async move {
                    second.pause("close", 60).await;
                    second.session.close();
                    second.seen()
                }
            });
            second.pause("close", 60).await;
            second.session.close();
            second.is_closed(carried).await;
            let at_close = closer.await.expect("closing does not panic");
            assert!(at_close == second.seen(), "C1: the other closer returned before it was closed");
            for task in [writer, resizer] {
                task.await.expect("C4: using a session that closes does not panic");
            }
        }
    });
    cluster.wait_attached(&id);
}

/// Does something again and again until the session is over, which it must notice.
async fn insist(second: Arc<Second>, act: impl Fn(&Second) -> bool) {
    let mut refused = 0;
    while refused < 100 {
        if !act(&second) {
            refused += 1;
        }
        second.pause("again", 3).await;
    }
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
        cluster.run_ms(u64::from(cluster.ground.choices.below("between", 400)));
        drop(cluster.ask(Ask::Resume(id.clone())));
        cluster.run_ms(u64::from(cluster.ground.choices.below("then", 400)));
    }
    cluster.wait("the last wish counts", CALM_MS, |cluster| {
        let card = cluster.card(&id).expect("it is there");
        if card.progress.is_none() && !card.is_attached {
            drop(cluster.ask(Ask::Resume(id.clone())));
        }
        card.is_attached && card.progress.is_none()
    });
    assert!(cluster.type_text(&id, "still there"), "an attached session takes what is typed");
    cluster.wait_seen(&id, "still there");
}

/// Creations and removals are taken back at every stage: whatever was on its way is found and cleared.
pub(super) fn cancellation_of_every_effect_in_flight(cluster: &mut Cluster) {
    let known = cluster.create("first");
    let slow = Weather { slow: 3_000, slow_ms: 5_000, lost_reply: 1_000, ..Weather::CALM };
    cluster.ground.dockerd.set_weather(slow);
    let mut begun = Vec::new();
    for number in 0..8_u32 {
        let (id, asked) = cluster.begin(&format!("short{number}"));
        // From the first file operation to the attached terminal.
        let stage_ms = number * 90 + cluster.ground.choices.below("stage", 90);
        cluster.run_ms(stage_ms.into());
        let is_cancel = cluster.ground.choices.below("how", 3) > 0;
        let take_back = if is_cancel {
            Ask::Cancel(id.clone())
        } else {
            Ask::Remove { workstream: id.clone(), is_forced: true, keep_branch: false }
        };
        begun.push((id, asked, is_cancel, cluster.ask(take_back)));
    }
    cluster.run_ms(30_000);
    for (id, mut made, is_cancel, mut taken_back) in begun {
        match (made.outcome(), taken_back.outcome()) {
            (_, Some(Ok(_))) => cluster.promise(&id, false),
            // It came too late. A removal that failed may be taken up again, and then succeed.
            (Some(Ok(_)), Some(Err(_))) if is_cancel => cluster.promise(&id, true),
            _ => {}
        }
    }
    cluster.promise(&known, true);
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
    drop(cluster.ask(Ask::Quit { policy }));
    let mut limit_ms = limits::SHUTDOWN_MS;
    if cluster.ground.choices.chance("second signal", 5_000) {
        cluster.run_ms(u64::from(cluster.ground.choices.below("second signal after", 2_000)));
        drop(cluster.ask(Ask::QuitNow));
        limit_ms = 1_000;
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
        drop(cluster.ask(Ask::Quit { policy }));
        cluster.wait("Q1: the run has ended in time", limits::SHUTDOWN_MS + 1_500, |cluster| {
            cluster.endings().len() > before
        });
        note(cluster, begun);
        cluster.start();
        cluster.run_ms(u64::from(cluster.ground.choices.below("then", 3_000)));
    }
}
