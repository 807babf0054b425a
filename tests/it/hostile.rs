//! Engines that hang, break off, babble or lie: every call still ends in time, says the truth about its outcome, and
//! leaves nothing behind.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ccells_core::container::{ContainerLimits, ContainerSpec, Labels};
use ccells_core::ids::{ContainerId, HomeId, RepoId, RunId, WorkstreamId};
use ccells_core::ports::{Engine as _, EngineError};
use ccells_shell::adapters::dial::UnixDial;
use ccells_shell::adapters::docker::{Deadlines, DockerEngine, EngineNotice};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

/// What a hostile engine does with a request, once it has read its head.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    /// Never answers.
    Hangs,
    /// Hangs up.
    Leaves,
    /// Says these bytes and hangs up.
    Says(&'static str),
    /// Begins an answer that never ends.
    Floods,
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";

/// An engine that may be polite about who it is, and is hostile about everything else.
struct Hostile {
    dir: tempfile::TempDir,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn read_head(stream: &mut UnixStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut chunk = [0; 4_096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => head.extend_from_slice(&chunk[..count]),
        }
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

async fn say(stream: &mut UnixStream, text: &str) {
    // The other side may be gone: that is its right.
    let _: std::io::Result<()> = stream.write_all(text.as_bytes()).await;
}

async fn serve_one(mut stream: UnixStream, manner: Manner, is_polite: bool) {
    let Some(head) = read_head(&mut stream).await else { return };
    if is_polite && head.starts_with("GET /version ") {
        let body = r#"{"Version":"1","ApiVersion":"1.41","MinAPIVersion":"1.12"}"#;
        say(&mut stream, &format!("{OK}Content-Length: {}\r\n\r\n{body}", body.len())).await;
        return;
    }
    match manner {
        Manner::Hangs => std::future::pending().await,
        Manner::Leaves => {}
        Manner::Says(text) => say(&mut stream, text).await,
        Manner::Floods => {
            say(&mut stream, &format!("{OK}\r\n[\"")).await;
            let spam = vec![b'x'; 1 << 16];
            while stream.write_all(&spam).await.is_ok() {}
        }
    }
}

impl Hostile {
    fn start(manner: Manner, is_polite: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("engine.sock")).unwrap();
        let server = tokio::spawn(async move {
            let mut sessions = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                sessions.spawn(serve_one(stream, manner, is_polite));
            }
        });
        Self { dir, server }
    }

    fn engine(&self) -> DockerEngine {
        engine_at(&self.dir.path().join("engine.sock"))
    }
}

/// The deadline of every call in these tests.
const DEADLINE: Duration = Duration::from_millis(300);
/// What a busy machine may add to it.
const SLACK: Duration = Duration::from_secs(5);

fn engine_at(socket: &Path) -> DockerEngine {
    let deadlines = Deadlines {
        dial: DEADLINE,
        ping: DEADLINE,
        list: DEADLINE,
        pause: DEADLINE,
        create: DEADLINE,
        stop: DEADLINE,
        remove: DEADLINE,
        pull: DEADLINE,
        pull_stall: DEADLINE,
        upload: DEADLINE,
        attach: DEADLINE,
        watch_ping: DEADLINE,
    };
    DockerEngine::with_deadlines(Arc::new(UnixDial::new(socket)), b"holder", deadlines)
}

fn home() -> HomeId {
    HomeId::parse("h").unwrap()
}

fn spec() -> ContainerSpec {
    ContainerSpec {
        name: "one".into(),
        image: "image".into(),
        labels: Labels {
            home: home(),
            repo: RepoId::parse("r").unwrap(),
            workstream: WorkstreamId::parse(&"1".repeat(26)).unwrap(),
            run: RunId::parse(&"2".repeat(26)).unwrap(),
            branch: "b".into(),
            config_hash: String::new(),
        },
        owner: (1, 1),
        argv: vec![],
        resume_argv: vec![],
        env: std::collections::BTreeMap::new(),
        mounts: vec![],
        limits: ContainerLimits::default(),
    }
}

/// Calls every method at the same time; gives each one's name and error. All must fail, in time.
async fn call_all(engine: &DockerEngine) -> Vec<(&'static str, EngineError)> {
    let (home, spec, id) = (home(), spec(), ContainerId::parse("abc").unwrap());
    let began = Instant::now();
    let (ping, list, create, upload, start, pause, unpause, stop, remove, exec, run, image, top, volumes) = tokio::join!(
        engine.ping_engine(),
        engine.list_containers(&home),
        engine.create_container(&spec),
        engine.upload_holder(&id),
        engine.start_container(&id),
        engine.pause_container(&id),
        engine.unpause_container(&id),
        engine.stop_container(&id),
        engine.remove_container(&home, "one"),
        engine.exec_stream(&id, &["cat"], None),
        engine.run_in_container(&id, &["true"], DEADLINE),
        engine.image_exists("image"),
        engine.processes(&id),
        engine.list_volumes(&home),
    );
    assert!(began.elapsed() < DEADLINE + SLACK, "{:?}", began.elapsed());
    let results = [
        ("ping", ping.err()),
        ("list", list.err()),
        ("create", create.err()),
        ("upload", upload.err()),
        ("start", start.err()),
        ("pause", pause.err()),
        ("unpause", unpause.err()),
        ("stop", stop.err()),
        ("remove", remove.err()),
        ("exec", exec.err()),
        ("run", run.err()),
        ("image", image.err()),
        ("top", top.err()),
        ("volumes", volumes.err()),
    ];
    results.into_iter().filter_map(|(name, error)| Some((name, error?))).collect()
}

async fn assert_closes(engine: &DockerEngine) {
    tokio::time::timeout(SLACK, engine.close()).await.expect("closing ends everything");
    assert_eq!((engine.open_streams(), engine.live_tasks()), (0, 0));
}

#[tokio::test]
async fn silence_and_nonsense_leave_the_outcome_unknown_in_time() {
    let manners = [
        Manner::Hangs,
        Manner::Leaves,
        Manner::Says("\0\x01nonsense\r\n\r\n"),
        Manner::Says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Id\":"),
        Manner::Says("HTTP/1.1 201 Cre"),
        Manner::Says("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"),
    ];
    for manner in manners {
        for is_polite in [false, true] {
            let hostile = Hostile::start(manner, is_polite);
            let engine = hostile.engine();
            let errors = Box::pin(call_all(&engine)).await;
            // Where the head alone is the whole answer, half a body is a success.
            let head_is_enough = ["start", "pause", "unpause", "stop", "upload"];
            let is_half_a_body =
                matches!(manner, Manner::Says(text) if text.contains("{\"Id\":")) && is_polite;
            for name in [
                "ping", "list", "create", "upload", "start", "pause", "unpause", "stop", "remove", "exec",
                "run", "image", "top", "volumes",
            ] {
                let error = errors.iter().find(|(found, _)| *found == name).map(|(_, error)| error);
                let is_fine = match error {
                    None => {
                        (is_half_a_body && head_is_enough.contains(&name)) || (is_polite && name == "ping")
                    }
                    Some(error) => matches!(error, EngineError::Unknown { .. }),
                };
                assert!(is_fine, "{manner:?}, polite {is_polite}, {name}: {error:?}");
            }
            assert_closes(&engine).await;
        }
    }
}

#[tokio::test]
async fn after_a_500_a_create_is_in_doubt_and_a_start_was_refused() {
    let text = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 31\r\n\r\n{\"message\":\"no \\u001b[31mroom\"}";
    let hostile = Hostile::start(Manner::Says(text), true);
    let engine = hostile.engine();
    for (name, error) in Box::pin(call_all(&engine)).await {
        match (name, &error) {
            ("create", EngineError::Unknown { reason }) => assert!(reason.contains("500"), "{reason}"),
            (_, EngineError::Refused { status: 500, what }) => assert_eq!(what, "no  [31mroom", "{name}"),
            _ => panic!("{name}: {error:?}"),
        }
    }
    assert_closes(&engine).await;
}

#[tokio::test]
async fn nobody_at_the_endpoint_means_that_nothing_was_sent() {
    let dir = tempfile::tempdir().unwrap();
    let missing = engine_at(&dir.path().join("missing.sock"));
    let errors = Box::pin(call_all(&missing)).await;
    assert_eq!(errors.len(), 14);
    for (name, error) in errors {
        assert!(
            matches!(&error, EngineError::Unreachable { endpoint, .. } if endpoint.contains("missing.sock")),
            "{name}: {error:?}"
        );
        assert!(error.to_string().contains("Start it"), "{error}");
    }
    let path = dir.path().join("left.sock");
    drop(UnixListener::bind(&path).unwrap());
    let refused = engine_at(&path).ping_engine().await;
    assert!(matches!(refused, Err(EngineError::Unreachable { .. })), "{refused:?}");
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_kept() {
    let hostile = Hostile::start(Manner::Floods, true);
    let deadlines = Deadlines::default();
    let dial = Arc::new(UnixDial::new(hostile.dir.path().join("engine.sock")));
    let engine =
        DockerEngine::with_deadlines(dial, b"", Deadlines { list: Duration::from_secs(60), ..deadlines });
    let flooded = engine.list_containers(&home()).await.unwrap_err();
    assert!(
        matches!(&flooded, EngineError::Unknown { reason } if reason.contains("too long")),
        "{flooded:?}"
    );
    assert_closes(&engine).await;
}

#[tokio::test]
async fn closing_ends_calls_that_hang() {
    let hostile = Hostile::start(Manner::Hangs, true);
    let dial = Arc::new(UnixDial::new(hostile.dir.path().join("engine.sock")));
    let engine = DockerEngine::new(dial, b"");
    let caller = engine.clone();
    let call = tokio::spawn(async move { caller.create_container(&spec()).await });
    while engine.open_streams() == 0 {
        tokio::task::yield_now().await;
    }
    assert_closes(&engine).await;
    let outcome = call.await.unwrap();
    assert!(matches!(outcome, Err(EngineError::Unknown { .. })), "{outcome:?}");
}

#[tokio::test]
async fn more_calls_than_may_be_in_flight_wait_their_turn() {
    let hostile = Hostile::start(Manner::Hangs, true);
    let engine = hostile.engine();
    engine.ping_engine().await.unwrap();
    let calls: Vec<_> = (0..3 * ccells_core::limits::ENGINE_CALLS)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.list_containers(&home()).await })
        })
        .collect();
    let mut most = 0;
    while calls.iter().any(|call| !call.is_finished()) {
        most = most.max(engine.open_streams());
        tokio::task::yield_now().await;
    }
    assert_eq!(most, ccells_core::limits::ENGINE_CALLS);
    for call in calls {
        assert!(matches!(call.await.unwrap(), Err(EngineError::Unknown { .. })));
    }
    assert_closes(&engine).await;
}

#[tokio::test]
async fn a_watch_of_an_engine_that_falls_silent_is_lost() {
    let hostile = Hostile::start(Manner::Says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"), true);
    let mut watch = hostile.engine().watch(&home());
    assert_eq!(watch.next().await, Some(EngineNotice::Connected));
    assert!(matches!(watch.next().await, Some(EngineNotice::Lost { .. })));
    assert_eq!(watch.next().await, None);

    let hostile = Hostile::start(Manner::Hangs, false);
    let mut watch = hostile.engine().watch(&home());
    let lost = tokio::time::timeout(2 * DEADLINE + SLACK, watch.next()).await.unwrap();
    assert!(matches!(lost, Some(EngineNotice::Lost { .. })), "{lost:?}");
    assert_eq!(watch.next().await, None);
}

/// Serves execs: one frame of output for every one that is begun, then whatever the other side likes.
async fn serve_exec(mut stream: UnixStream) {
    let Some(head) = read_head(&mut stream).await else { return };
    if head.starts_with("GET /version ") {
        let body = r#"{"Version":"1","ApiVersion":"1.41"}"#;
        say(&mut stream, &format!("{OK}Content-Length: {}\r\n\r\n{body}", body.len())).await;
    } else if head.contains("/start ") {
        say(
            &mut stream,
            "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n\x01\0\0\0\0\0\0\x02hi",
        )
        .await;
        let mut rest = Vec::new();
        let _: std::io::Result<usize> = stream.read_to_end(&mut rest).await;
    } else {
        say(&mut stream, "HTTP/1.1 201 Created\r\nContent-Length: 11\r\n\r\n{\"Id\":\"e1\"}").await;
    }
}

#[tokio::test]
async fn a_thousand_exec_streams_leave_no_task_and_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = tokio::spawn(async move {
        let mut sessions = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                Ok((stream, _)) = listener.accept() => { sessions.spawn(serve_exec(stream)); }
                Some(_) = sessions.join_next() => {}
            }
        }
    });
    let engine = DockerEngine::new(Arc::new(UnixDial::new(path)), b"");
    let container = ContainerId::parse("c1").unwrap();
    for round in 0..1_000 {
        let mut stream = engine.exec_stream(&container, &["x"], None).await.unwrap();
        let mut text = [0; 2];
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut text)).await;
        read.unwrap_or_else(|_| panic!("round {round}: what came with the upgrade is lost")).unwrap();
        assert_eq!(&text, b"hi");
        assert_eq!(engine.open_streams(), 1, "round {round}");
        assert!(engine.live_tasks() <= 2, "round {round}: {}", engine.live_tasks());
    }
    assert_eq!(engine.open_streams(), 0);
    let open_files = std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(
        open_files < 500,
        "{open_files}: other tests of this process need some, a leak would be a thousand"
    );
    while engine.live_tasks() > 0 {
        tokio::task::yield_now().await;
    }
    assert_closes(&engine).await;
    server.abort();
}
