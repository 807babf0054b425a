//! What the shell relies on beyond the port, wherever the engine's adapter is put to work: what is told unasked, execs,
//! and the tunnel to a holder. The very same cases hold for the real engine and for the simulated one.

use std::time::Duration;

use ccells_core::agent::{AgentExit, AgentLife, AgentReport};
use ccells_core::container::{ContainerSpec, ContainerState, Observed};
use ccells_core::ids::{ContainerId, HomeId};
use ccells_core::ports::{Engine as _, EngineError};
use ccells_core::wire::{self, Decoder, FromHolder, ToHolder};
use ccells_shell::adapters::dial::Io;
use ccells_shell::adapters::docker::{ContainerChange, DockerEngine, EngineNotice, EngineWatch};
use ccells_shell::adapters::holder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What the agent in a container does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Doing {
    /// It shows what is typed.
    Echoes,
    /// It leaves with this code.
    Exits(i32),
}

/// An engine to try, with the real holder for its containers.
pub(crate) trait Yard {
    /// The adapter.
    fn engine(&self) -> &DockerEngine;
    /// The home that is ours.
    fn home(&self) -> &HomeId;
    /// A container of our home whose holder runs an agent that does this.
    fn spec(&self, tag: &str, doing: Doing) -> ContainerSpec;
}

/// All cases, for a runner to name each as a test.
macro_rules! stream_cases {
    ($runner:ident) => {
        $runner!(changes_are_told_in_their_order);
        $runner!(a_tunnel_carries_keys_and_output);
        $runner!(a_tunnel_whose_input_ends_ends);
        $runner!(an_agent_outlives_its_tunnel);
        $runner!(an_agent_that_ended_is_started_again);
        $runner!(a_tunnel_into_what_is_frozen_is_silent_until_it_goes_on);
        $runner!(the_tunnel_of_what_is_removed_ends);
        $runner!(the_tunnel_of_what_is_stopped_ends);
        $runner!(what_does_not_run_has_no_tunnel);
        $runner!(a_holder_can_be_put_in_at_any_time);
        $runner!(a_container_without_its_holder_ends);
        $runner!(commands_run_and_say_how_they_ended);
        $runner!(a_volume_goes_with_its_container);
        $runner!(an_image_is_there_or_not);
    };
}
pub(crate) use stream_cases;

/// How long anything may take that should happen at once, on a busy machine.
const SOON: Duration = Duration::from_secs(20);
/// How long nothing must happen, to be taken for never.
const A_WHILE: Duration = Duration::from_millis(400);

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen within {SOON:?}"))
}

async fn started<Y: Yard>(yard: &Y, spec: &ContainerSpec) -> ContainerId {
    let id = yard.engine().create_container(spec).await.unwrap();
    yard.engine().upload_holder(&id).await.unwrap();
    yard.engine().start_container(&id).await.unwrap();
    id
}

async fn seen<Y: Yard>(yard: &Y, spec: &ContainerSpec) -> Option<Observed> {
    let all = yard.engine().list_containers(yard.home()).await.unwrap();
    all.into_iter().find(|observed| observed.name == spec.name)
}

/// The near end of a tunnel.
pub(crate) struct Near {
    stream: Box<dyn Io>,
    decoder: Decoder<FromHolder>,
}

impl Near {
    /// Opens a tunnel as soon as the holder behind it serves, says hello and is welcome.
    pub(crate) async fn open<Y: Yard>(yard: &Y, container: &ContainerId) -> Self {
        let welcomed = async {
            loop {
                let stream = holder::tunnel(yard.engine(), container).await.unwrap();
                let mut near = Self { stream, decoder: Decoder::new() };
                near.say(&ToHolder::Hello { size: Some((80, 24)), observe: false, from_sequence: None })
                    .await;
                // A tunnel to a holder that does not serve yet ends with its complaint.
                if let Some(first) = near.next().await {
                    assert!(matches!(first, FromHolder::Welcome { .. }), "{first:?}");
                    return near;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        soon("a welcome", welcomed).await
    }

    pub(crate) async fn say(&mut self, frame: &ToHolder) {
        let mut bytes = Vec::new();
        wire::encode(frame, &mut bytes);
        // Whether it was heard is told by the answer.
        let _heard = self.stream.write_all(&bytes).await;
    }

    /// The next frame; `None` when the tunnel has ended.
    async fn next(&mut self) -> Option<FromHolder> {
        let mut bytes = [0; 4_096];
        loop {
            if let Some(frame) = self.decoder.next().unwrap() {
                return Some(frame);
            }
            match self.stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.decoder.push(&bytes[..count]),
            }
        }
    }

    /// Reads until the agent's screen or output has shown `text`.
    pub(crate) async fn wait_for_text(&mut self, text: &str) {
        let mut shown = Vec::new();
        let search = async {
            loop {
                match self.next().await.expect("the tunnel stays") {
                    FromHolder::Output { bytes, .. } | FromHolder::Snapshot { bytes, .. } => {
                        shown.extend(bytes);
                    }
                    FromHolder::Welcome { .. }
                    | FromHolder::Resized { .. }
                    | FromHolder::Agent(_)
                    | FromHolder::Pong(_)
                    | FromHolder::Refused { .. } => {}
                }
                if String::from_utf8_lossy(&shown).contains(text) {
                    return;
                }
            }
        };
        soon(text, search).await;
    }

    /// Reads until the holder reports that the agent fares like this.
    async fn wait_for_report(&mut self, what: &str, is_wanted: impl Fn(&AgentReport) -> bool) {
        let search = async {
            while let Some(frame) = self.next().await {
                if matches!(&frame, FromHolder::Agent(report) if is_wanted(report)) {
                    return;
                }
            }
            panic!("the tunnel ended before {what}");
        };
        soon(what, search).await;
    }

    pub(crate) async fn wait_for_pong(&mut self, number: u64) {
        let search = async {
            while let Some(frame) = self.next().await {
                if frame == FromHolder::Pong(number) {
                    return;
                }
            }
            panic!("the tunnel ended before pong {number}");
        };
        soon("a pong", search).await;
    }

    pub(crate) async fn wait_for_end(&mut self) {
        soon("the end of the tunnel", async { while self.next().await.is_some() {} }).await;
    }
}

async fn next_change(watch: &mut EngineWatch) -> (ContainerId, ContainerChange) {
    match soon("a notice", watch.next()).await {
        Some(EngineNotice::Changed { container, change, .. }) => (container, change),
        other @ (Some(EngineNotice::Connected | EngineNotice::Lost { .. }) | None) => {
            panic!("{other:?} instead of a change")
        }
    }
}

pub(crate) async fn changes_are_told_in_their_order<Y: Yard>(yard: &Y) {
    let engine = yard.engine();
    let mut watch = engine.watch(yard.home());
    assert_eq!(soon("the watch", watch.next()).await, Some(EngineNotice::Connected));
    let spec = yard.spec("one", Doing::Echoes);
    let id = started(yard, &spec).await;
    assert_eq!(next_change(&mut watch).await, (id.clone(), ContainerChange::Created));
    assert_eq!(next_change(&mut watch).await, (id.clone(), ContainerChange::Started));
    engine.pause_container(&id).await.unwrap();
    assert_eq!(next_change(&mut watch).await, (id.clone(), ContainerChange::Paused));
    engine.unpause_container(&id).await.unwrap();
    assert_eq!(next_change(&mut watch).await, (id.clone(), ContainerChange::Unpaused));
    engine.stop_container(&id).await.unwrap();
    // An engine may tell of a freezing twice: when it was asked for, and when it hears of it from below, which may be late.
    let mut next = next_change(&mut watch).await;
    while matches!(next.1, ContainerChange::Paused | ContainerChange::Unpaused) {
        next = next_change(&mut watch).await;
    }
    // That it died and that it was stopped.
    assert_eq!(next, (id.clone(), ContainerChange::Died));
    assert_eq!(next_change(&mut watch).await, (id.clone(), ContainerChange::Died));
    engine.remove_container(yard.home(), &spec.name).await.unwrap();
    assert_eq!(next_change(&mut watch).await, (id, ContainerChange::Removed));
}

pub(crate) async fn a_tunnel_carries_keys_and_output<Y: Yard>(yard: &Y) {
    let id = started(yard, &yard.spec("one", Doing::Echoes)).await;
    let mut near = Near::open(yard, &id).await;
    near.wait_for_report("that it runs", |report| report.life == AgentLife::Running && report.starts == 1)
        .await;
    near.say(&ToHolder::Input(b"good morning\r".to_vec())).await;
    near.wait_for_text("good morning\r\n").await;
    near.say(&ToHolder::Ping(7)).await;
    near.wait_for_pong(7).await;
    near.say(&ToHolder::Detach).await;
    near.wait_for_end().await;
}

pub(crate) async fn a_tunnel_whose_input_ends_ends<Y: Yard>(yard: &Y) {
    let id = started(yard, &yard.spec("one", Doing::Echoes)).await;
    let mut near = Near::open(yard, &id).await;
    near.stream.shutdown().await.unwrap();
    near.wait_for_end().await;
    Near::open(yard, &id).await;
}

pub(crate) async fn an_agent_outlives_its_tunnel<Y: Yard>(yard: &Y) {
    let id = started(yard, &yard.spec("one", Doing::Echoes)).await;
    let mut near = Near::open(yard, &id).await;
    near.say(&ToHolder::Input(b"remember me\r".to_vec())).await;
    near.wait_for_text("remember me").await;
    drop(near);
    let mut again = Near::open(yard, &id).await;
    again.wait_for_text("remember me").await;
    again.say(&ToHolder::Input(b"still there\r".to_vec())).await;
    again.wait_for_text("still there").await;
}

pub(crate) async fn an_agent_that_ended_is_started_again<Y: Yard>(yard: &Y) {
    let spec = yard.spec("one", Doing::Exits(3));
    let id = started(yard, &spec).await;
    let mut near = Near::open(yard, &id).await;
    let ended = AgentLife::Exited(AgentExit::Code(3));
    near.wait_for_report("its end", |report| report.life == ended && report.starts == 1).await;
    assert_eq!(seen(yard, &spec).await.unwrap().state, ContainerState::Running, "the holder stays");
    near.say(&ToHolder::RestartAgent).await;
    near.wait_for_report("its second start", |report| report.starts == 2).await;
}

pub(crate) async fn a_tunnel_into_what_is_frozen_is_silent_until_it_goes_on<Y: Yard>(yard: &Y) {
    let id = started(yard, &yard.spec("one", Doing::Echoes)).await;
    let mut near = Near::open(yard, &id).await;
    near.say(&ToHolder::Ping(1)).await;
    near.wait_for_pong(1).await;
    yard.engine().pause_container(&id).await.unwrap();
    near.say(&ToHolder::Ping(2)).await;
    let silence = tokio::time::timeout(A_WHILE, near.wait_for_pong(2)).await;
    assert!(silence.is_err(), "what is frozen does not answer");
    let refused = holder::tunnel(yard.engine(), &id).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("paused"), "{refused}");
    yard.engine().unpause_container(&id).await.unwrap();
    near.wait_for_pong(2).await;
}

pub(crate) async fn the_tunnel_of_what_is_removed_ends<Y: Yard>(yard: &Y) {
    let spec = yard.spec("one", Doing::Echoes);
    let id = started(yard, &spec).await;
    let mut near = Near::open(yard, &id).await;
    yard.engine().remove_container(yard.home(), &spec.name).await.unwrap();
    near.wait_for_end().await;
    let gone = yard.engine().exec_stream(&id, &["true"], None).await.map(drop);
    assert!(matches!(gone, Err(EngineError::NotFound { .. })), "{gone:?}");
}

pub(crate) async fn the_tunnel_of_what_is_stopped_ends<Y: Yard>(yard: &Y) {
    let spec = yard.spec("one", Doing::Echoes);
    let id = started(yard, &spec).await;
    let mut near = Near::open(yard, &id).await;
    yard.engine().stop_container(&id).await.unwrap();
    near.wait_for_end().await;
    let ended = seen(yard, &spec).await.unwrap();
    // The holder was told to leave and left content, with its agent.
    assert_eq!((ended.state, ended.exit.unwrap().code), (ContainerState::Exited, 0));
    yard.engine().start_container(&id).await.unwrap();
    let mut near = Near::open(yard, &id).await;
    near.wait_for_report("a new start", |report| report.starts == 1).await;
}

pub(crate) async fn what_does_not_run_has_no_tunnel<Y: Yard>(yard: &Y) {
    let id = yard.engine().create_container(&yard.spec("one", Doing::Echoes)).await.unwrap();
    let refused = yard.engine().exec_stream(&id, &["true"], None).await.map(drop);
    assert!(
        matches!(&refused, Err(EngineError::Conflict { what }) if what.contains("not running")),
        "{refused:?}"
    );
    let nobody = ContainerId::parse(&"ab".repeat(32)).unwrap();
    let missing = yard.engine().exec_stream(&nobody, &["true"], None).await.map(drop);
    assert!(matches!(missing, Err(EngineError::NotFound { .. })), "{missing:?}");
}

pub(crate) async fn a_holder_can_be_put_in_at_any_time<Y: Yard>(yard: &Y) {
    let spec = yard.spec("one", Doing::Echoes);
    let engine = yard.engine();
    let id = engine.create_container(&spec).await.unwrap();
    engine.upload_holder(&id).await.unwrap();
    engine.upload_holder(&id).await.unwrap();
    engine.start_container(&id).await.unwrap();
    engine.stop_container(&id).await.unwrap();
    engine.upload_holder(&id).await.unwrap();
    engine.start_container(&id).await.unwrap();
    Near::open(yard, &id).await;
}

pub(crate) async fn a_container_without_its_holder_ends<Y: Yard>(yard: &Y) {
    let spec = yard.spec("one", Doing::Echoes);
    let id = yard.engine().create_container(&spec).await.unwrap();
    yard.engine().start_container(&id).await.unwrap();
    let ended = async {
        loop {
            if let Some(exit) = seen(yard, &spec).await.and_then(|observed| observed.exit) {
                return exit.code;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert_eq!(soon("its end", ended).await, 127);
}

pub(crate) async fn commands_run_and_say_how_they_ended<Y: Yard>(yard: &Y) {
    let engine = yard.engine();
    let id = started(yard, &yard.spec("one", Doing::Echoes)).await;
    assert_eq!(engine.run_in_container(&id, &["true"], SOON).await.unwrap().code, 0);
    assert_eq!(engine.run_in_container(&id, &["false"], SOON).await.unwrap().code, 1);
    let missing = engine.run_in_container(&id, &["no-such-command"], SOON).await.unwrap();
    assert!([126, 127].contains(&missing.code), "{missing:?}");
    let mut stream = engine.exec_stream(&id, &["cat"], None).await.unwrap();
    stream.write_all(b"there and back").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut text = String::new();
    soon("the echo", stream.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "there and back");
}

pub(crate) async fn a_volume_goes_with_its_container<Y: Yard>(yard: &Y) {
    let spec = yard.spec("one", Doing::Echoes);
    started(yard, &spec).await;
    assert_eq!(yard.engine().list_volumes(yard.home()).await.unwrap(), [], "one in use is not left over");
    yard.engine().remove_container(yard.home(), &spec.name).await.unwrap();
    assert_eq!(yard.engine().list_volumes(yard.home()).await.unwrap(), []);
}

pub(crate) async fn an_image_is_there_or_not<Y: Yard>(yard: &Y) {
    let image = yard.spec("one", Doing::Echoes).image;
    assert!(yard.engine().image_exists(&image).await.unwrap());
    assert!(!yard.engine().image_exists("ccells-test-no-such-image:1").await.unwrap());
}
