//! What a run promises between its parts: nothing reaches a screen after its session was closed, the end of a session
//! takes no other one with it, a listing is as old as its question, what is being taken away is not taken for what was
//! asked for, and a run that was cut short leaves its beat.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ccells_core::container::{ContainerLimits, ContainerSpec, Labels};
use ccells_core::effect::Effect;
use ccells_core::event::Event;
use ccells_core::ids::{Attempt, ContainerId, HomeId, RepoId, RunId, WorkstreamId};
use ccells_core::ports::{Clock, Engine as _, EngineError, ProcessId};
use ccells_core::record::Writer;
use ccells_core::time::Mono;
use ccells_core::wire::{self, FromHolder, Resync};
use ccells_shell::adapters::clock::RealClock;
use ccells_shell::adapters::dial::{Dial, Dialing, Io};
use ccells_shell::adapters::docker::DockerEngine;
use ccells_shell::adapters::durable::Durable;
use ccells_shell::adapters::git::RealGit;
use ccells_shell::mailbox::{Inbox, Mailbox, mailbox};
use ccells_shell::paths::HomePaths;
use ccells_shell::perform::{Identity, Performer};
use ccells_shell::session::{Pane, Session, Told};
use ccells_shell::sessions::Sessions;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::net::UnixListener;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// However slow the machine is, what a test waits for comes within this.
const SOON: Duration = Duration::from_secs(60);
/// For so long a close that does not wait for a reader has the time to show itself.
const A_WHILE: Duration = Duration::from_millis(300);

fn run_id() -> RunId {
    RunId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").expect("a run id")
}

fn workstream() -> WorkstreamId {
    WorkstreamId::parse("01jd8z5q0v3x7k2m9n4p600001").expect("a workstream id")
}

/// An engine on this machine. What dials it is handed to whoever plays it.
struct Line {
    far_ends: mpsc::UnboundedSender<DuplexStream>,
}

impl Dial for Line {
    fn dial(&self) -> Dialing {
        let (near, far) = tokio::io::duplex(64 * 1_024);
        let sent = self.far_ends.send(far);
        Box::pin(async move {
            sent.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
            Ok(Box::new(near) as Box<dyn Io>)
        })
    }

    fn endpoint(&self) -> String {
        "a test".to_string()
    }

    fn is_local(&self) -> bool {
        true
    }
}

fn engine() -> (DockerEngine, mpsc::UnboundedReceiver<DuplexStream>) {
    let (far_ends, dialed) = mpsc::unbounded_channel();
    (DockerEngine::new(Arc::new(Line { far_ends }), b"a holder"), dialed)
}

/// The first word of a holder, and a picture of nothing.
fn greeting() -> Vec<u8> {
    let mut bytes = Vec::new();
    let (columns, rows) = (80, 24);
    wire::encode(&FromHolder::Welcome { sequence: 1, columns, rows, resync: Resync::Snapshot }, &mut bytes);
    let picture = FromHolder::Snapshot { sequence: 1, columns, rows, bytes: Vec::new(), is_last: true };
    wire::encode(&picture, &mut bytes);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_waits_for_whoever_is_drawing() {
    let (session, queue) = Session::new(&CancellationToken::new());
    let (near, mut far) = tokio::io::duplex(64 * 1_024);
    far.write_all(&greeting()).await.expect("room");
    let (is_drawing, drawing) = std::sync::mpsc::channel();
    let is_closed = Arc::new(AtomicBool::new(false));
    let closer = std::thread::spawn({
        let (session, is_closed) = (Arc::clone(&session), Arc::clone(&is_closed));
        move || {
            drawing.recv_timeout(SOON).expect("something is drawn");
            session.close();
            is_closed.store(true, Ordering::SeqCst);
        }
    });
    let tell = |told| {
        if matches!(told, Told::Damage) {
            is_drawing.send(()).expect("the closer waits");
            let until = Instant::now() + A_WHILE;
            while Instant::now() < until {
                assert!(!is_closed.load(Ordering::SeqCst), "closed while something is drawn");
                std::thread::yield_now();
            }
        }
    };
    let pane = Pane::new();
    // It ends because it was closed: the holder still has its end. Which of its parts sees that first is open.
    let _either = session.run(Box::new(near), &pane, false, queue, &tell).await;
    closer.join().expect("it closed");
}

/// The next event of this kind.
async fn next<T>(inbox: &mut Inbox, mut is_it: impl FnMut(Event) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = is_it(inbox.take().await.expect("the run lives")) {
                return found;
            }
        }
    };
    tokio::time::timeout(SOON, found).await.expect("it comes")
}

#[tokio::test]
async fn the_end_of_a_session_leaves_the_one_after_it() {
    let place = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir(place.path().join("run")).expect("a directory");
    let listener = UnixListener::bind(place.path().join("run/holder.sock")).expect("a socket");
    let holder = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(&greeting()).await.expect("it listens");
            all.push(stream);
        }
    });
    let (mailbox, mut inbox) = mailbox();
    let sessions = Arc::new(Sessions::new(engine().0, false, mailbox, Arc::new(Notify::new())));
    let (tasks, container) = (TaskTracker::new(), ContainerId::parse(&"a".repeat(64)).expect("an id"));
    let directory = place.path();
    let open = |attempt| {
        let directory = directory.to_path_buf();
        sessions.open(&tasks, workstream(), Attempt(attempt), container.clone(), directory);
    };
    let opened = |event| if let Event::SessionOpened { attempt, .. } = event { Some(attempt) } else { None };
    let ended = |event| if let Event::SessionEnded { attempt, .. } = event { Some(attempt) } else { None };

    open(1);
    assert_eq!(next(&mut inbox, opened).await, Attempt(1));
    open(2);
    assert_eq!(next(&mut inbox, ended).await, Attempt(1));
    let session = sessions.session(&workstream()).expect("the second one is there");
    assert!(session.write(b"typed"), "and takes what is typed");
    sessions.close_all();
    assert_eq!(next(&mut inbox, ended).await, Attempt(2));
    holder.abort();
}

/// A run's performer with an engine that somebody plays.
fn performer(
    home: &Path,
    mailbox: Mailbox,
    clock: RealClock,
) -> (Performer<DockerEngine, RealGit>, Arc<Durable>, mpsc::UnboundedReceiver<DuplexStream>) {
    let paths = HomePaths::new(home);
    for room in paths.rooms() {
        std::fs::create_dir_all(room).expect("a directory");
    }
    let durable = Durable::start(paths, Writer { run: run_id(), pid: 7 }, |_, _| {}).expect("two threads");
    let (durable, (engine, dialed)) = (Arc::new(durable), engine());
    let performer = Performer {
        engine: Arc::new(engine.clone()),
        git: Arc::new(RealGit::new().expect("git")),
        durable: Some(Arc::clone(&durable)),
        sessions: Arc::new(Sessions::new(engine, false, mailbox.clone(), Arc::new(Notify::new()))),
        pulls: ccells_shell::pulls::Pulls::default(),
        clock,
        identity: Identity {
            run: run_id(),
            repo: RepoId::parse("web-1a2b").expect("a repository id"),
            process: ProcessId { pid: 7, start_ticks: 1, boot_id: "boot".to_string() },
        },
        mailbox,
        tasks: TaskTracker::new(),
    };
    (performer, durable, dialed)
}

/// Plays an engine: `answer` gives status and body for a path, and may take its time.
async fn play<A: Future<Output = (u16, String)> + Send>(
    mut dialed: mpsc::UnboundedReceiver<DuplexStream>,
    answer: impl Fn(String) -> A + Clone + Send + 'static,
) {
    let about =
        r#"{"Version":"20.10.0","ApiVersion":"1.41","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64"}"#;
    while let Some(stream) = dialed.recv().await {
        let answer = answer.clone();
        let serve = async move {
            let mut stream = BufReader::new(stream);
            while let Some(path) = read_path(&mut stream).await {
                let (status, body) =
                    if path.contains("/version") { (200, about.to_string()) } else { answer(path).await };
                let head = format!("HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\n");
                let text = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
                if stream.get_mut().write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
        };
        serve.await;
    }
}

/// The path of the next request; `None` when there is none.
async fn read_path(stream: &mut BufReader<DuplexStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    head.split(' ').nth(1).map(str::to_string)
}

fn home() -> HomeId {
    HomeId::parse("0123456789abcdef").expect("a home")
}

#[tokio::test]
async fn a_listing_is_as_old_as_its_question() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let (clock, (mailbox, mut inbox)) = (RealClock::new(), mailbox());
    let (performer, durable, dialed) = performer(place.path(), mailbox, clock);
    let asked = Arc::new(OnceLock::new());
    let noted = Arc::clone(&asked);
    tokio::spawn(play(dialed, move |_path| {
        let noted = Arc::clone(&noted);
        async move {
            let at: Mono = clock.now().mono;
            while clock.now().mono == at {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            noted.get_or_init(|| at);
            (200, "[]".to_string())
        }
    }));
    performer.perform(Effect::ListContainers { home: home() });
    let listed = |event| {
        if let Event::ContainersListed { requested_at, outcome } = event {
            Some((requested_at, outcome))
        } else {
            None
        }
    };
    let (requested_at, outcome) = next(&mut inbox, listed).await;
    assert_eq!(outcome, Ok(Vec::new()));
    let asked = *asked.get().expect("it was asked");
    assert!(requested_at <= asked, "asked at {asked:?}, and said to be of {requested_at:?}");
    performer.end(true).await;
    durable.stop();
}

#[tokio::test]
async fn what_is_being_taken_away_is_not_taken_for_what_was_asked_for() {
    let labels = Labels {
        home: home(),
        workstream: workstream(),
        repo: RepoId::parse("web-1a2b").expect("a repository id"),
        run: run_id(),
        branch: "one".to_string(),
        config_hash: String::new(),
    };
    let mut spec = ContainerSpec {
        name: "ccells-one".to_string(),
        image: "an-image:1".to_string(),
        labels,
        owner: (1000, 1000),
        argv: vec!["agent".to_string()],
        resume_argv: Vec::new(),
        env: BTreeMap::new(),
        mounts: Vec::new(),
        limits: ContainerLimits::default(),
    };
    spec.labels.config_hash = spec.config_hash();
    for (status, is_it) in [("created", true), ("removing", false)] {
        let (engine, dialed) = engine();
        let seen = serde_json::json!({
            "Id": "a".repeat(64),
            "Name": "/ccells-one",
            "Config": { "Labels": spec.labels.to_pairs() },
            "State": { "Status": status },
        });
        tokio::spawn(play(dialed, move |path| {
            std::future::ready(if path.contains("/containers/create") {
                (409, r#"{"message":"the name is in use"}"#.to_string())
            } else {
                (200, seen.to_string())
            })
        }));
        let made = engine.create_container(&spec).await;
        assert_eq!(made.is_ok(), is_it, "{status}: {made:?}");
        assert!(is_it || matches!(made, Err(EngineError::Conflict { .. })), "{status}: {made:?}");
    }
}

#[tokio::test]
async fn a_container_that_goes_while_it_is_looked_at_fails_no_listing() {
    let (engine, dialed) = engine();
    let labels = Labels {
        home: home(),
        workstream: workstream(),
        repo: RepoId::parse("web-1a2b").expect("a repository id"),
        run: run_id(),
        branch: "one".to_string(),
        config_hash: "0".repeat(16),
    };
    let (id, names, labels) = ("a".repeat(64), ["/ccells-one"], labels.to_pairs());
    let row = serde_json::json!([{ "Id": id, "Names": names, "State": "exited", "Labels": labels }]);
    tokio::spawn(play(dialed, move |path| {
        let answer = if path.contains("/containers/json") {
            (200, row.to_string())
        } else {
            (404, r#"{"message":"No such container"}"#.to_string())
        };
        std::future::ready(answer)
    }));
    assert_eq!(engine.list_containers(&home()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_run_that_was_cut_short_leaves_its_beat() {
    for is_complete in [true, false] {
        let place = tempfile::tempdir().expect("a temporary directory");
        let (mailbox, _inbox) = mailbox();
        let (performer, durable, _dialed) = performer(place.path(), mailbox, RealClock::new());
        performer.perform(Effect::Beat { sequence: 1 });
        performer.end(is_complete).await;
        durable.stop();
        let has_beat = HomePaths::new(place.path()).run_beat(&run_id()).exists();
        assert_eq!(has_beat, !is_complete, "ended completely: {is_complete}");
    }
}
