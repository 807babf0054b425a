//! The production adapter on the simulated engine: the cases that the real engine is held to, and what becomes of
//! requests on a bad day.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ccells_core::container::{ContainerExit, ContainerLimits, ContainerSpec, ContainerState, Labels};
use ccells_core::ids::{ContainerId, HomeId, RepoId, RunId, WorkstreamId};
use ccells_core::ports::{Engine as _, EngineError, PullProgress};
use ccells_core::wire::ToHolder;
use ccells_shell::adapters::dial::Dial as _;
use ccells_shell::adapters::docker::{ContainerChange, DockerEngine, EngineNotice};
use ccells_sim::choice::Choices;
use ccells_sim::dockerd::{Dockerd, Endpoint, Fate, PipeDial, Pulling, Weather};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use engine::{Behaviour, cases};
use stream::{Doing, stream_cases};

#[path = "../../tests/it/contract/engine.rs"]
mod engine;
#[path = "../../tests/it/contract/stream.rs"]
mod stream;
#[path = "../../tests/it/contract/words.rs"]
mod words;

macro_rules! on_the_simulated_engine {
    ($case:ident) => {
        #[tokio::test(start_paused = true)]
        async fn $case() {
            let bench = Bench::pitch(1, STAND_IN);
            engine::$case(&bench).await;
            bench.engine.close().await;
            assert_eq!((bench.engine.open_streams(), bench.engine.live_tasks()), (0, 0));
        }
    };
}

macro_rules! with_the_holder {
    ($case:ident) => {
        #[tokio::test(start_paused = true)]
        async fn $case() {
            let bench = Bench::pitch(1, HOLDER);
            stream::$case(&bench).await;
            bench.engine.close().await;
            assert_eq!((bench.engine.open_streams(), bench.engine.live_tasks()), (0, 0));
        }
    };
}

cases!(on_the_simulated_engine);
stream_cases!(with_the_holder);

/// What stands in for the holder: it becomes the agent.
const STAND_IN: &[u8] = b"#!/bin/sh\nexec the agent\n";
/// What is taken for a real one.
const HOLDER: &[u8] = b"\x7fELF";
/// The one image there is.
const IMAGE: &str = "image:1";

/// A simulated engine and the adapter on it.
struct Bench {
    dockerd: Dockerd,
    engine: DockerEngine,
    homes: [HomeId; 2],
}

impl Bench {
    /// An engine on a good day, with this for a holder.
    fn pitch(seed: u64, holder: &'static [u8]) -> Self {
        let began = Instant::now();
        let dockerd = Dockerd::new(Choices::seeded(seed), Arc::new(move || began.elapsed()));
        dockerd.set_images(&[IMAGE]);
        dockerd.set_weather(Weather::CALM);
        let engine = DockerEngine::new(Arc::new(PipeDial(dockerd.clone())), holder);
        let homes = ["ours", "another"].map(|home| HomeId::parse(home).unwrap());
        Self { dockerd, engine, homes }
    }

    fn made_of(&self, tag: &str, argv: &[&str]) -> ContainerSpec {
        let number = tag.bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 999_983);
        let mut spec = ContainerSpec {
            name: format!("ccells-{tag}"),
            image: IMAGE.into(),
            labels: Labels {
                home: self.homes[0].clone(),
                repo: RepoId::parse("repo-1").unwrap(),
                workstream: WorkstreamId::parse(&format!("{number:026}")).unwrap(),
                run: RunId::parse(&format!("{:026}", 1)).unwrap(),
                branch: "ccells/test".into(),
                config_hash: String::new(),
            },
            owner: (1000, 1000),
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            resume_argv: vec!["agent".into()],
            env: BTreeMap::new(),
            mounts: Vec::new(),
            limits: ContainerLimits::default(),
        };
        spec.labels.config_hash = spec.config_hash();
        spec
    }
}

impl stream::Yard for Bench {
    fn engine(&self) -> &DockerEngine {
        &self.engine
    }

    fn home(&self) -> &HomeId {
        &self.homes[0]
    }

    fn spec(&self, tag: &str, doing: Doing) -> ContainerSpec {
        match doing {
            Doing::Echoes => self.made_of(tag, &["agent"]),
            Doing::Exits(code) => self.made_of(tag, &["agent", &format!("--exit={code}")]),
        }
    }
}

impl engine::World for Bench {
    type Engine = DockerEngine;

    fn engine(&self) -> &DockerEngine {
        &self.engine
    }

    fn home(&self) -> &HomeId {
        &self.homes[0]
    }

    fn other_home(&self) -> &HomeId {
        &self.homes[1]
    }

    fn spec(&self, tag: &str, behaviour: Behaviour) -> ContainerSpec {
        match behaviour {
            Behaviour::Stays => self.made_of(tag, &["agent"]),
            Behaviour::Exits(code) => self.made_of(tag, &["agent", "--wait=100", &format!("--exit={code}")]),
            Behaviour::EatsMemory => self.made_of(tag, &["agent", "--eat-memory"]),
        }
    }

    async fn wait_a_moment(&self) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl words::Plainly for Bench {
    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
        let mut stream = PipeDial(self.dockerd.clone()).dial().await.unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let status = String::from_utf8_lossy(&answer[..end]).split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_off(end + 4))
    }

    fn image(&self) -> String {
        IMAGE.to_owned()
    }

    fn labels(&self) -> Value {
        json!({ "dev.ccells.home": self.homes[0].as_str() })
    }

    fn is_known(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn it_says_what_a_real_engine_says() {
    words::an_engine_says_exactly_this(&Bench::pitch(1, HOLDER), "words").await;
}

/// Another look at the same engine: the shell of somebody else.
fn second(bench: &Bench) -> DockerEngine {
    DockerEngine::new(Arc::new(PipeDial(bench.dockerd.clone())), HOLDER)
}

async fn pause_for(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

async fn started(bench: &Bench, spec: &ContainerSpec) -> ContainerId {
    let id = bench.engine.create_container(spec).await.unwrap();
    bench.engine.upload_holder(&id).await.unwrap();
    bench.engine.start_container(&id).await.unwrap();
    id
}

fn state(bench: &Bench) -> Vec<ContainerState> {
    bench.dockerd.containers().into_iter().map(|seen| seen.state).collect()
}

fn is_unknown<T: std::fmt::Debug>(result: &Result<T, EngineError>) -> bool {
    matches!(result, Err(EngineError::Unknown { .. }))
}

#[tokio::test(start_paused = true)]
async fn a_create_that_looks_lost_has_landed_and_is_taken_up_again() {
    for fate in [Fate::LostReply, Fate::FailsAfter, Fate::Garbage, Fate::Torn] {
        let bench = Bench::pitch(1, HOLDER);
        let spec = bench.made_of("one", &["agent"]);
        bench.dockerd.order(Endpoint::Create, fate);
        let lost = bench.engine.create_container(&spec).await;
        assert!(is_unknown(&lost), "{fate:?}: {lost:?}");
        let landed = bench.dockerd.containers();
        assert_eq!(landed.len(), 1, "{fate:?}");
        let again = bench.engine.create_container(&spec).await.unwrap();
        assert_eq!(again.as_str(), landed[0].id, "{fate:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_hung_or_refused_was_not_done() {
    for fate in [Fate::Cut, Fate::Hung, Fate::Fails] {
        let bench = Bench::pitch(1, HOLDER);
        let spec = bench.made_of("one", &["agent"]);
        bench.dockerd.order(Endpoint::Create, fate);
        let lost = bench.engine.create_container(&spec).await;
        assert!(is_unknown(&lost), "{fate:?}: {lost:?}");
        pause_for(200_000).await;
        assert_eq!(bench.dockerd.containers(), [], "{fate:?}");
        bench.engine.create_container(&spec).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_request_lands_long_after_its_client_gave_up() {
    let bench = Bench::pitch(1, HOLDER);
    let spec = bench.made_of("one", &["agent"]);
    bench.dockerd.order(Endpoint::Create, Fate::Slow(Duration::from_secs(60)));
    let lost = bench.engine.create_container(&spec).await;
    assert!(is_unknown(&lost), "{lost:?}");
    bench.engine.close().await;
    assert_eq!(bench.dockerd.containers(), []);
    pause_for(31_000).await;
    assert_eq!(state(&bench), [ContainerState::Created]);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_client_is_gone_lands() {
    let bench = Bench::pitch(1, HOLDER);
    let id = started(&bench, &bench.made_of("one", &["agent"])).await;
    bench.dockerd.order(Endpoint::Pause, Fate::Slow(Duration::from_millis(500)));
    let engine = bench.engine.clone();
    let call = tokio::spawn(async move { engine.pause_container(&id).await });
    pause_for(100).await;
    bench.engine.close().await;
    assert!(is_unknown(&call.await.unwrap()));
    assert_eq!(state(&bench), [ContainerState::Running]);
    pause_for(500).await;
    assert_eq!(state(&bench), [ContainerState::Paused]);
}

#[tokio::test(start_paused = true)]
async fn what_an_engine_took_while_it_hung_is_done_when_it_wakes() {
    let bench = Bench::pitch(1, HOLDER);
    let id = started(&bench, &bench.made_of("one", &["agent"])).await;
    bench.dockerd.hang();
    let (ping, pause) = (bench.engine.ping_engine().await, bench.engine.pause_container(&id).await);
    assert!(is_unknown(&ping) && is_unknown(&pause), "{ping:?} {pause:?}");
    assert_eq!(state(&bench), [ContainerState::Running]);
    bench.dockerd.wake();
    pause_for(1).await;
    assert_eq!(state(&bench), [ContainerState::Paused]);
    bench.engine.ping_engine().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_lies_is_believed() {
    let bench = Bench::pitch(1, HOLDER);
    let id = started(&bench, &bench.made_of("one", &["agent"])).await;
    bench.dockerd.order(Endpoint::Pause, Fate::Lie);
    bench.engine.pause_container(&id).await.unwrap();
    assert_eq!(state(&bench), [ContainerState::Running]);
    bench.dockerd.order(Endpoint::List, Fate::Lie);
    assert_eq!(bench.engine.list_containers(&bench.homes[0]).await.unwrap(), []);
    assert_eq!(bench.engine.list_containers(&bench.homes[0]).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_crash_of_the_engine_breaks_streams_and_loses_what_was_in_flight() {
    let bench = Bench::pitch(1, HOLDER);
    let spec = bench.made_of("one", &["agent"]);
    let id = started(&bench, &spec).await;
    let mut watch = bench.engine.watch(&bench.homes[0]);
    assert_eq!(watch.next().await, Some(EngineNotice::Connected));
    let mut near = stream::Near::open(&bench, &id).await;
    near.say(&ToHolder::Input(b"before the crash\r".to_vec())).await;
    near.wait_for_text("before the crash").await;

    bench.dockerd.order(Endpoint::Pause, Fate::Slow(Duration::from_secs(1)));
    let engine = bench.engine.clone();
    let in_flight = tokio::spawn(async move { engine.pause_container(&id).await });
    pause_for(500).await;
    assert_eq!(bench.dockerd.sessions(&spec.name), 1);
    bench.dockerd.crash();
    assert_eq!(bench.dockerd.sessions(&spec.name), 0, "a tunnel ends with its engine");
    assert!(is_unknown(&in_flight.await.unwrap()));
    near.wait_for_end().await;
    let end = loop {
        match watch.next().await {
            // What happened in the second before the watch began may be told again.
            Some(EngineNotice::Changed {
                change: ContainerChange::Created | ContainerChange::Started,
                ..
            }) => {}
            other => break other,
        }
    };
    assert!(matches!(end, Some(EngineNotice::Lost { .. })), "{end:?}");
    let down = bench.engine.ping_engine().await;
    assert!(matches!(down, Err(EngineError::Unreachable { .. })), "{down:?}");

    bench.dockerd.boot(true);
    pause_for(10_000).await;
    assert_eq!(state(&bench), [ContainerState::Running], "the pause never landed, the container went on");
    let id = bench.engine.list_containers(&bench.homes[0]).await.unwrap()[0].id.clone();
    stream::Near::open(&bench, &id).await.wait_for_text("before the crash").await;
}

/// How an engine is ended, and is there again.
type End = fn(&Dockerd);

#[tokio::test(start_paused = true)]
async fn an_engine_that_does_not_leave_containers_alone_ends_them() {
    let ends: [(&str, End, i64); 3] = [
        (
            "crash",
            |dockerd| {
                dockerd.crash();
                dockerd.boot(false);
            },
            137,
        ),
        ("restart", |dockerd| dockerd.restart(false), 0),
        (
            "power",
            |dockerd| {
                dockerd.lose_power();
                dockerd.boot(true);
            },
            255,
        ),
    ];
    for (name, end, code) in ends {
        let bench = Bench::pitch(1, HOLDER);
        started(&bench, &bench.made_of("one", &["agent"])).await;
        end(&bench.dockerd);
        let seen = bench.engine.list_containers(&bench.homes[0]).await.unwrap();
        let exit = seen[0].exit.unwrap();
        assert_eq!((seen[0].state, exit.code), (ContainerState::Exited, code), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_goes_on_while_the_engine_is_down() {
    let bench = Bench::pitch(1, HOLDER);
    let spec = bench.made_of("one", &["agent", "--wait=5000", "--say=finished", "--exit=0"]);
    let id = started(&bench, &spec).await;
    bench.dockerd.crash();
    pause_for(6_000).await;
    bench.dockerd.boot(true);
    stream::Near::open(&bench, &id).await.wait_for_text("finished").await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_arrives_whole_or_as_a_picture_and_stalls_nobody() {
    let bench = Bench::pitch(1, HOLDER);
    let id = started(&bench, &bench.made_of("one", &["agent"])).await;
    let mut reading = stream::Near::open(&bench, &id).await;
    let mut stuck = stream::Near::open(&bench, &id).await;
    stuck.say(&ToHolder::Ping(1)).await;
    stuck.wait_for_pong(1).await;
    reading.say(&ToHolder::Input(b"--flood=170000 --say=done\r".to_vec())).await;
    // Every line is numbered, and has 17 bytes: 10,000 of them, one after another.
    reading.wait_for_text("line       9999\r\nline      10000\r\ndone\r\n").await;
    reading.say(&ToHolder::Input(b"--flood=5000000 --say=over\r".to_vec())).await;
    reading.wait_for_text("over").await;
    // Whoever did not read meanwhile is brought up to date.
    stuck.wait_for_text("over").await;
}

#[tokio::test(start_paused = true)]
async fn what_others_do_is_seen() {
    let bench = Bench::pitch(1, HOLDER);
    let spec = bench.made_of("one", &["agent"]);
    let id = started(&bench, &spec).await;
    let mut watch = bench.engine.watch(&bench.homes[0]);
    assert_eq!(watch.next().await, Some(EngineNotice::Connected));
    let dockerd = &bench.dockerd;
    dockerd.pause(&spec.name).unwrap();
    assert_eq!(bench.engine.list_containers(&bench.homes[0]).await.unwrap()[0].state, ContainerState::Paused);
    dockerd.unpause(&spec.name).unwrap();
    dockerd.run_out_of_memory(id.short()).unwrap();
    let exit = bench.engine.list_containers(&bench.homes[0]).await.unwrap()[0].exit.unwrap();
    assert_eq!(exit, ContainerExit { code: 137, was_out_of_memory: true });
    dockerd.start(&spec.name).unwrap();
    dockerd.exit(&spec.name, 9).unwrap();
    let exit = bench.engine.list_containers(&bench.homes[0]).await.unwrap()[0].exit.unwrap();
    assert_eq!(exit, ContainerExit { code: 9, was_out_of_memory: false });
    dockerd.add_stranger("stranger", &BTreeMap::from([("theirs".into(), "1".into())])).unwrap();
    assert_eq!(bench.engine.list_containers(&bench.homes[0]).await.unwrap().len(), 1);
    assert!(dockerd.kill(&spec.name).is_err(), "it does not run");
    dockerd.prune();
    assert_eq!(dockerd.containers(), []);
    assert_eq!(dockerd.volumes(), [] as [String; 0]);
    let mut changes = Vec::new();
    while changes.last() != Some(&ContainerChange::Removed) {
        match watch.next().await {
            Some(EngineNotice::Changed { change, .. }) => changes.push(change),
            other @ (Some(EngineNotice::Connected | EngineNotice::Lost { .. }) | None) => panic!("{other:?}"),
        }
    }
    let expected = {
        use ContainerChange::{Died, OutOfMemory, Paused, Removed, Started, Unpaused};
        [Paused, Unpaused, OutOfMemory, Died, Started, Died, Removed]
    };
    // What happened in the second before the watch began may be told again.
    assert!(changes.ends_with(&expected), "{changes:?}");
}

#[tokio::test(start_paused = true)]
async fn sessions_and_watches_that_are_gone_leave_nothing_in_the_engine() {
    let bench = Bench::pitch(1, HOLDER);
    let id = started(&bench, &bench.made_of("one", &["agent"])).await;
    for _ in 0..40 {
        drop(stream::Near::open(&bench, &id).await);
        let mut watch = bench.engine.watch(&bench.homes[0]);
        assert_eq!(watch.next().await, Some(EngineNotice::Connected));
    }
    bench.engine.close().await;
    pause_for(1_000).await;
    let dockerd = &bench.dockerd;
    assert_eq!((dockerd.open_connections(), dockerd.running_execs(), dockerd.listeners()), (0, 0, 0));
    assert_eq!(dockerd.sessions(id.as_str()), 0);
}

/// What a little life in a storm looks like from both sides.
async fn storm(seed: u64) -> String {
    let bench = Bench::pitch(seed, HOLDER);
    bench.dockerd.set_weather(Weather::STORM);
    let mut story = Vec::new();
    let other = second(&bench);
    for tag in ["one", "two", "three"] {
        let spec = bench.made_of(tag, &["agent", "--flood=1000"]);
        let created = bench.engine.create_container(&spec).await;
        story.push(format!("{created:?}"));
        if let Ok(id) = created {
            let both = tokio::join!(bench.engine.start_container(&id), other.upload_holder(&id));
            story.push(format!("{both:?} {:?}", bench.engine.pause_container(&id).await));
        }
        story.push(format!("{:?}", other.list_containers(&bench.homes[0]).await));
    }
    pause_for(300_000).await;
    story.extend(bench.dockerd.log().iter().map(ToString::to_string));
    story.push(format!("{:?}", bench.dockerd.containers()));
    story.join("\n")
}

#[test]
fn the_same_seed_is_the_same_storm() {
    let weather = |seed| {
        let builder = &mut tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).rng_seed(tokio::runtime::RngSeed::from_bytes(b"x"));
        builder.build().unwrap().block_on(storm(seed))
    };
    for seed in 0..20 {
        assert_eq!(weather(seed), weather(seed), "seed {seed}");
    }
    assert_ne!(weather(0), weather(1));
}

/// Pulls `image`, and gives what was told meanwhile.
async fn pulled(bench: &Bench, image: &str) -> (Vec<String>, Result<(), EngineError>) {
    let told = std::sync::Mutex::new(Vec::new());
    let tell = |progress: PullProgress| told.lock().unwrap().push(progress.to_string());
    let outcome = bench.engine.pull_image(image, tell).await;
    (told.into_inner().unwrap(), outcome)
}

#[tokio::test(start_paused = true)]
async fn an_image_is_pulled_and_then_there_is_a_container_of_it() {
    let bench = Bench::pitch(1, STAND_IN);
    bench.dockerd.set_pull("registry.test:5000/new:2", Pulling::Comes);
    let mut spec = bench.made_of("one", &["agent"]);
    spec.image = "registry.test:5000/new:2".into();
    let error = bench.engine.create_container(&spec).await.unwrap_err();
    assert!(matches!(error, EngineError::NotFound { .. }), "{error:?}");
    let (told, outcome) = pulled(&bench, &spec.image).await;
    outcome.unwrap();
    assert!(told.contains(&"1 of 2 layers, 3 of 9 MB".to_owned()), "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("2 of 2 layers, 9 of 9 MB"));
    bench.engine.create_container(&spec).await.unwrap();
    bench.engine.close().await;
    assert_eq!((bench.engine.open_streams(), bench.engine.live_tasks()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pull_that_goes_wrong_says_what_happened_and_what_to_do() {
    let full = "write /var/lib/docker/tmp/x: no space left on device";
    for (pulling, said) in [
        (Some(Pulling::Fails(full)), "make room"),
        (
            Some(Pulling::Fails("Get \"https://x/v2/\": dial tcp: lookup x: no such host")),
            "cannot reach the registry",
        ),
        (None, "docker pull new:2"),
        (Some(Pulling::IsCut), "did not answer"),
        (Some(Pulling::Hangs), "nothing was heard of the pull of new:2 for 60 s"),
    ] {
        let bench = Bench::pitch(1, STAND_IN);
        if let Some(pulling) = pulling.clone() {
            bench.dockerd.set_pull("new:2", pulling);
        }
        let began = Instant::now();
        let (_, outcome) = pulled(&bench, "new:2").await;
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains(said), "{pulling:?}: {error}");
        assert!(!bench.engine.image_exists("new:2").await.unwrap());
        assert!(began.elapsed() < Duration::from_secs(62), "{pulling:?}");
        bench.engine.close().await;
        assert_eq!((bench.engine.open_streams(), bench.engine.live_tasks()), (0, 0), "{pulling:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pull_that_is_no_longer_waited_for_leaves_no_stream_open() {
    let bench = Bench::pitch(1, STAND_IN);
    bench.dockerd.set_pull("new:2", Pulling::Hangs);
    let given_up = tokio::time::timeout(Duration::from_secs(5), pulled(&bench, "new:2")).await;
    assert!(given_up.is_err());
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!((bench.engine.open_streams(), bench.engine.live_tasks()), (0, 0));
    bench.engine.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_name_of_an_image_is_not_asked_for() {
    let bench = Bench::pitch(1, STAND_IN);
    for image in ["", "a b", "a?fromSrc=http://x", "../x", "a&tag=b"] {
        let (_, outcome) = pulled(&bench, image).await;
        assert!(matches!(outcome, Err(EngineError::Refused { status: 400, .. })), "{image}: {outcome:?}");
    }
    bench.engine.close().await;
}
