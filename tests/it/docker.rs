//! The engine's adapter on the real engine: the contract, and what only a real engine can show.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ccells_core::container::{ContainerSpec, ContainerState, HOLDER, HOLDER_DIR, Mount, RUN_DIR};
use ccells_core::ids::{ContainerId, HomeId};
use ccells_core::ports::{Engine as _, EngineError};
use ccells_shell::adapters::dial::{Dial, Dialing, Io};
use ccells_shell::adapters::docker::{Captured, ContainerChange, DockerEngine, EngineNotice, EngineWatch};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use crate::camp::Camp;
use crate::contract::engine::{self as contract, Behaviour, World as _, cases};
use stream::{Doing, stream_cases};

#[path = "contract/stream.rs"]
mod stream;
#[path = "contract/words.rs"]
mod words;

macro_rules! on_the_real_engine {
    ($case:ident) => {
        #[tokio::test]
        async fn $case() {
            let Some(camp) = Camp::pitch() else { return };
            contract::$case(&camp).await;
            camp.engine.close().await;
            assert_eq!((camp.engine.open_streams(), camp.engine.live_tasks()), (0, 0));
        }
    };
}

cases!(on_the_real_engine);

/// A camp whose containers get the real holder, and the directory that their holders put their sockets into.
struct Held {
    camp: Camp,
    directory: tempfile::TempDir,
}

impl Held {
    fn pitch() -> Option<Self> {
        use std::os::unix::fs::PermissionsExt as _;

        let camp = Camp::pitch_held()?;
        let directory = tempfile::tempdir().unwrap();
        // Whoever the containers run as puts a socket there.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        Some(Self { camp, directory })
    }
}

impl stream::Yard for Held {
    fn engine(&self) -> &DockerEngine {
        &self.camp.engine
    }

    fn home(&self) -> &HomeId {
        self.camp.home()
    }

    fn spec(&self, tag: &str, doing: Doing) -> ContainerSpec {
        let mut spec = self.camp.spec(tag, Behaviour::Stays);
        spec.argv = match doing {
            Doing::Echoes => vec!["cat".into()],
            Doing::Exits(code) => vec!["sh".into(), "-c".into(), format!("exit {code}")],
        };
        spec.resume_argv = vec!["cat".into()];
        let source = self.directory.path().to_str().unwrap().into();
        spec.mounts = vec![Mount { source, target: RUN_DIR.into(), is_read_only: false }];
        spec.labels.config_hash = spec.config_hash();
        spec
    }
}

macro_rules! with_the_real_holder {
    ($case:ident) => {
        #[tokio::test]
        async fn $case() {
            let Some(held) = Held::pitch() else { return };
            stream::$case(&held).await;
            held.camp.engine.close().await;
            assert_eq!((held.camp.engine.open_streams(), held.camp.engine.live_tasks()), (0, 0));
        }
    };
}

stream_cases!(with_the_real_holder);

impl words::Plainly for Camp {
    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
        self.plain.ask(method, path, "application/json", body.as_bytes()).unwrap()
    }

    fn image(&self) -> String {
        self.spec("one", Behaviour::Stays).image
    }

    fn labels(&self) -> Value {
        json!({ "dev.ccells.home": self.home().as_str() })
    }

    fn is_known(&self) -> bool {
        self.plain.get("/version")["Version"].as_str().is_some_and(|version| version.starts_with("20.10."))
    }
}

#[tokio::test]
async fn an_engine_says_what_the_simulated_one_says() {
    let Some(camp) = Camp::pitch() else { return };
    let name = camp.spec("words", Behaviour::Stays).name;
    words::an_engine_says_exactly_this(&camp, &name).await;
}

/// How long anything may take that should happen at once, on a busy machine.
const SOON: Duration = Duration::from_secs(20);

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen within {SOON:?}"))
}

async fn started(camp: &Camp, spec: &ContainerSpec) -> ContainerId {
    let id = camp.engine.create_container(spec).await.unwrap();
    camp.engine.upload_holder(&id).await.unwrap();
    camp.engine.start_container(&id).await.unwrap();
    id
}

async fn run(camp: &Camp, id: &ContainerId, script: &str) -> Captured {
    camp.engine.run_in_container(id, &["sh", "-c", script], SOON).await.unwrap()
}

/// Every field of `asked` must come back from the engine as it was asked for.
fn assert_granted(asked: &Value, granted: &Value, path: &str) {
    match (asked, granted) {
        (Value::Object(asked), Value::Object(granted)) => {
            for (name, value) in asked {
                assert_granted(value, granted.get(name).unwrap_or(&Value::Null), &format!("{path}.{name}"));
            }
        }
        // An empty list and none at all are the same to the engine.
        (Value::Array(asked), Value::Null) if asked.is_empty() => {}
        (Value::Array(asked), Value::Array(granted)) => {
            assert_eq!(asked.len(), granted.len(), "{path}: {asked:?} {granted:?}");
            for (index, (asked, granted)) in asked.iter().zip(granted).enumerate() {
                assert_granted(asked, granted, &format!("{path}[{index}]"));
            }
        }
        // What is false or empty is left out of the engine's answers.
        (Value::Bool(false), Value::Null) => {}
        _ => assert_eq!(asked, granted, "{path}"),
    }
}

#[tokio::test]
async fn the_engine_grants_every_wall_that_was_asked_for() {
    let Some(camp) = Camp::pitch() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut spec = camp.spec("walls", Behaviour::Stays);
    let source = dir.path().to_str().unwrap();
    spec.mounts = vec![
        Mount { source: source.into(), target: "/workspace".into(), is_read_only: false },
        Mount { source: source.into(), target: "/ccells/base-objects".into(), is_read_only: true },
    ];
    spec.labels.config_hash = spec.config_hash();
    let id = camp.engine.create_container(&spec).await.unwrap();
    let seen = camp.plain.get(&format!("/containers/{id}/json"));

    let labels = json!(spec.labels.to_pairs());
    let bind = |target: &str, is_read_only: bool| json!({ "Type": "bind", "Source": source, "Target": target, "ReadOnly": is_read_only, "BindOptions": { "Propagation": "rprivate" } });
    let asked = json!({
        "Name": format!("/{}", spec.name),
        "Config": {
            "User": "1000:1000", "Tty": false, "OpenStdin": false, "WorkingDir": "/workspace", "StopSignal": "SIGTERM",
            "StopTimeout": 10, "Labels": labels, "Cmd": spec.command(), "Entrypoint": [],
            "Healthcheck": { "Test": ["NONE"] },
            "Env": ["COLOUR=blue and green", "HOME=/home/agent", "TERM=xterm-256color"],
        },
        "HostConfig": {
            "Privileged": false, "CapDrop": ["ALL"], "CapAdd": [], "SecurityOpt": ["no-new-privileges:true"],
            "ReadonlyRootfs": true, "Init": true, "NetworkMode": "default", "IpcMode": "private",
            "CgroupnsMode": "private", "PidMode": "", "UTSMode": "", "UsernsMode": "", "PidsLimit": 512,
            "Memory": 4_294_967_296_u64, "MemorySwap": 4_294_967_296_u64, "NanoCpus": 2_000_000_000,
            "OomScoreAdj": 500, "ShmSize": 268_435_456,
            "Ulimits": [{ "Name": "core", "Soft": 0, "Hard": 0 },
                        { "Name": "fsize", "Soft": 4_294_967_296_u64, "Hard": 4_294_967_296_u64 }],
            "Tmpfs": { "/tmp": "rw,nosuid,nodev,exec,size=1g,mode=1777", "/run": "rw,nosuid,nodev,noexec,size=16m,mode=755" },
            "Mounts": [bind("/workspace", false), bind("/ccells/base-objects", true),
                       { "Type": "volume", "Target": HOLDER_DIR, "VolumeOptions": { "NoCopy": true, "Labels": labels } }],
            "Binds": null, "Devices": [], "PublishAllPorts": false, "AutoRemove": false,
            "RestartPolicy": { "Name": "no", "MaximumRetryCount": 0 },
            "LogConfig": { "Type": "json-file", "Config": { "max-size": "5m", "max-file": "2" } },
        },
    });
    assert_granted(&asked, &seen, "");
}

#[tokio::test]
async fn inside_there_is_nothing_to_climb_with() {
    let Some(camp) = Camp::pitch() else { return };
    let id = started(&camp, &camp.spec("inside", Behaviour::Stays)).await;
    let status = run(&camp, &id, "grep -E 'Cap(Eff|Bnd)|NoNewPrivs|Seccomp:' /proc/self/status").await;
    let text = String::from_utf8(status.output).unwrap();
    let words: Vec<_> = text.split_whitespace().collect();
    let zero = "0000000000000000";
    assert_eq!(words, ["CapEff:", zero, "CapBnd:", zero, "NoNewPrivs:", "1", "Seccomp:", "2"]);
    assert_eq!(run(&camp, &id, "id -u; id -g").await.output, b"1000\n1000\n");
    for forbidden in
        ["touch /x", "touch /bin/x", &format!("touch {HOLDER_DIR}/x"), &format!("sh -c ': > {HOLDER}'")]
    {
        let tried = run(&camp, &id, forbidden).await;
        assert_ne!(tried.code, 0, "{forbidden}: {}", String::from_utf8_lossy(&tried.complaints));
    }
    assert_eq!(
        run(&camp, &id, "touch /tmp/x && stat -c '%a %u' /ccells/bin/ccells-holder").await.output,
        b"755 0\n"
    );
}

#[tokio::test]
async fn the_holders_volume_goes_with_its_container() {
    let Some(camp) = Camp::pitch() else { return };
    let spec = camp.spec("one", Behaviour::Stays);
    started(&camp, &spec).await;
    assert_eq!(camp.volumes(camp.home()).len(), 1, "it carries our label");
    assert_eq!(camp.engine.list_volumes(camp.home()).await.unwrap(), [], "one in use is not left over");
    camp.engine.remove_container(camp.home(), &spec.name).await.unwrap();
    assert_eq!(camp.volumes(camp.home()), [] as [String; 0]);
}

#[tokio::test]
async fn a_volume_that_is_left_over_is_found_and_removed() {
    let Some(camp) = Camp::pitch() else { return };
    let spec = camp.spec("one", Behaviour::Stays);
    let id = camp.engine.create_container(&spec).await.unwrap();
    let (status, _) =
        camp.plain.ask("DELETE", &format!("/containers/{id}?force=1"), "text/plain", b"").unwrap();
    assert_eq!(status, 204);
    let left = camp.engine.list_volumes(camp.home()).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].workstream.as_ref(), Some(&spec.labels.workstream));
    let refused = camp.engine.remove_volume(camp.other_home(), &left[0].name).await;
    assert!(matches!(refused, Err(EngineError::Conflict { .. })), "{refused:?}");
    for _ in 0..2 {
        camp.engine.remove_volume(camp.home(), &left[0].name).await.unwrap();
    }
    assert_eq!(camp.engine.list_volumes(camp.home()).await.unwrap(), []);
}

#[tokio::test]
async fn the_engine_tells_who_it_is_what_it_has_and_what_runs() {
    let Some(camp) = Camp::pitch() else { return };
    let facts = camp.engine.ping_engine().await.unwrap();
    assert_eq!(facts.version.split(' ').nth(1), camp.plain.get("/version")["Version"].as_str());
    assert!(camp.engine.is_local());
    let spec = camp.spec("one", Behaviour::Stays);
    assert!(camp.engine.image_exists(&spec.image).await.unwrap());
    assert!(!camp.engine.image_exists("ccells-test-no-such-image:1").await.unwrap());
    let id = started(&camp, &spec).await;
    let processes = camp.engine.processes(&id).await.unwrap();
    assert!(processes.iter().any(|process| process.command.ends_with("sleep 1000000")), "{processes:?}");
}

#[tokio::test]
async fn the_engine_counts_what_a_container_uses() {
    let Some(camp) = Camp::pitch() else { return };
    let id = started(&camp, &camp.spec("use", Behaviour::Stays)).await;
    let before = camp.engine.container_use(&id, true).await.unwrap();
    let (memory, limit) = (before.memory.unwrap(), before.memory_limit.unwrap());
    assert!(memory > 0 && memory < limit, "{before:?}");
    run(&camp, &id, "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done").await;
    let after = camp.engine.container_use(&id, true).await.unwrap();
    // Two hundred thousand rounds take more than a millisecond on any machine.
    assert!(after.cpu_ns.unwrap() > before.cpu_ns.unwrap() + 1_000_000, "{before:?} {after:?}");
    let still = camp.engine.container_use(&id, false).await.unwrap();
    assert_eq!((still.cpu_ns, still.memory, still.written.is_some()), (None, None, true));
    let gone = ContainerId::parse(&"0".repeat(64)).unwrap();
    assert!(matches!(camp.engine.container_use(&gone, true).await, Err(EngineError::NotFound { .. })));
}

#[tokio::test]
async fn an_exec_stream_carries_every_byte_both_ways() {
    let Some(camp) = Camp::pitch() else { return };
    let id = started(&camp, &camp.spec("one", Behaviour::Stays)).await;
    // Bytes that look like the engine's own frames, first of all.
    let sent: Vec<u8> = [0, 0, 0, 0, 127, 255, 255, 255, 1, 2, 3]
        .into_iter()
        .chain((0..=255).cycle().take(1 << 20))
        .collect();
    let stream = camp.engine.exec_stream(&id, &["cat"], None).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut received = Vec::new();
    let exchange = async {
        let speak = async {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let ((), count) = tokio::join!(speak, reader.read_to_end(&mut received));
        count.unwrap();
    };
    soon("the echo", exchange).await;
    assert!(sent == received, "{} bytes sent, {} came back", sent.len(), received.len());
}

#[tokio::test]
async fn the_first_byte_of_an_exec_stream_does_not_wait_for_the_second() {
    let Some(camp) = Camp::pitch() else { return };
    let id = started(&camp, &camp.spec("one", Behaviour::Stays)).await;
    let mut stream =
        camp.engine.exec_stream(&id, &["sh", "-c", "printf '\\001'; exec cat"], None).await.unwrap();
    for byte in [1, 2, 0] {
        let mut buf = [9];
        soon("a byte", stream.read_exact(&mut buf)).await.unwrap();
        assert_eq!(buf, [byte]);
        stream.write_all(if byte == 1 { &[2] } else { &[0] }).await.unwrap();
    }
}

#[tokio::test]
async fn commands_are_run_as_asked_and_their_words_kept() {
    let Some(camp) = Camp::pitch() else { return };
    let spec = camp.spec("one", Behaviour::Stays);
    let id = started(&camp, &spec).await;
    let both = run(&camp, &id, "echo out; echo err >&2; exit 3").await;
    assert_eq!(
        both,
        Captured { code: 3, output: b"out\n".into(), complaints: b"err\n".into(), is_cut: false }
    );
    let missing = camp.engine.run_in_container(&id, &["no-such-command"], SOON).await.unwrap();
    assert!([126, 127].contains(&missing.code), "{missing:?}");
    let mut root = camp.engine.exec_stream(&id, &["id", "-u"], Some((0, 0))).await.unwrap();
    let mut text = String::new();
    soon("its output", root.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "0\n");
    let mut failing = camp.engine.exec_stream(&id, &["cat", "/nowhere"], None).await.unwrap();
    let error = soon("its end", failing.read_to_string(&mut text)).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere"), "{error}");

    let slow = camp.engine.run_in_container(&id, &["sleep", "60"], Duration::from_millis(300)).await;
    assert!(matches!(slow, Err(EngineError::Unknown { .. })), "{slow:?}");
    let flood =
        camp.engine.run_in_container(&id, &["head", "-c", "4000000", "/dev/zero"], SOON).await.unwrap();
    assert!(flood.is_cut && flood.output.len() <= ccells_core::limits::EXEC_OUTPUT_BYTES);

    camp.engine.pause_container(&id).await.unwrap();
    let frozen = camp.engine.run_in_container(&id, &["true"], SOON).await;
    assert!(matches!(frozen, Err(EngineError::Conflict { .. })), "{frozen:?}");
    camp.engine.remove_container(camp.home(), &spec.name).await.unwrap();
    let gone = camp.engine.run_in_container(&id, &["true"], SOON).await;
    assert!(matches!(gone, Err(EngineError::NotFound { .. })), "{gone:?}");
}

#[tokio::test]
async fn closing_ends_a_stream_somebody_reads() {
    let Some(camp) = Camp::pitch() else { return };
    let id = started(&camp, &camp.spec("one", Behaviour::Stays)).await;
    let mut stream = camp.engine.exec_stream(&id, &["cat"], None).await.unwrap();
    let mut watch = camp.engine.watch(camp.home());
    assert_eq!(soon("the watch", watch.next()).await, Some(EngineNotice::Connected));
    let reader = tokio::spawn(async move { stream.read(&mut [0; 8]).await.map_err(|error| error.kind()) });
    soon("the end of all tasks", camp.engine.close()).await;
    assert_eq!(soon("the end of the read", reader).await.unwrap(), Err(io::ErrorKind::ConnectionAborted));
    soon("the end of the watch", async { while watch.next().await.is_some() {} }).await;
    assert_eq!((camp.engine.open_streams(), camp.engine.live_tasks()), (0, 0));
    let after = camp.engine.start_container(&id).await;
    assert!(matches!(after, Err(EngineError::Unreachable { .. })), "{after:?}");
}

async fn until(watch: &mut EngineWatch, wanted: ContainerChange) -> (ContainerId, Option<String>) {
    let search = async {
        loop {
            match watch.next().await {
                Some(EngineNotice::Changed { container, workstream, change }) if change == wanted => {
                    return (container, workstream.map(|id| id.to_string()));
                }
                Some(EngineNotice::Changed { .. } | EngineNotice::Connected) => {}
                end @ (Some(EngineNotice::Lost { .. }) | None) => panic!("no {wanted:?} before {end:?}"),
            }
        }
    };
    soon("a notice", search).await
}

#[tokio::test]
async fn a_watch_tells_what_happens_to_our_containers_and_to_no_others() {
    let Some(camp) = Camp::pitch() else { return };
    let mut watch = camp.engine.watch(camp.home());
    assert_eq!(soon("the watch", watch.next()).await, Some(EngineNotice::Connected));
    let mut stranger = camp.spec("stranger", Behaviour::Stays);
    stranger.labels.home = camp.other_home().clone();
    camp.engine.create_container(&stranger).await.unwrap();

    let spec = camp.spec("one", Behaviour::Stays);
    let ours = started(&camp, &spec).await;
    let expected = (ours.clone(), Some(spec.labels.workstream.to_string()));
    assert_eq!(until(&mut watch, ContainerChange::Created).await, expected);
    assert_eq!(until(&mut watch, ContainerChange::Started).await, expected);
    camp.engine.pause_container(&ours).await.unwrap();
    assert_eq!(until(&mut watch, ContainerChange::Paused).await, expected);
    camp.engine.unpause_container(&ours).await.unwrap();
    assert_eq!(until(&mut watch, ContainerChange::Unpaused).await, expected);
    camp.plain.ask("POST", &format!("/containers/{ours}/kill"), "text/plain", b"").unwrap();
    assert_eq!(until(&mut watch, ContainerChange::Died).await, expected);
    camp.engine.remove_container(camp.home(), &spec.name).await.unwrap();
    assert_eq!(until(&mut watch, ContainerChange::Removed).await, expected);

    drop(watch);
    soon("the end of the watch's tasks", async {
        while camp.engine.live_tasks() > 0 || camp.engine.open_streams() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Once armed, lets the next request through and cuts the stream when its answer comes.
struct CutDial {
    inner: Arc<dyn Dial>,
    is_armed: Arc<AtomicBool>,
}

impl Dial for CutDial {
    fn dial(&self) -> Dialing {
        let (dialing, is_armed) = (self.inner.dial(), Arc::clone(&self.is_armed));
        Box::pin(async move {
            let io = dialing.await?;
            let cuts = is_armed.swap(false, Ordering::SeqCst);
            Ok(if cuts { Box::new(Cut { io }) as Box<dyn Io> } else { io })
        })
    }

    fn endpoint(&self) -> String {
        self.inner.endpoint()
    }

    fn is_local(&self) -> bool {
        self.inner.is_local()
    }
}

struct Cut {
    io: Box<dyn Io>,
}

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut lost = [0; 1_024];
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut ReadBuf::new(&mut lost)))?;
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

impl AsyncWrite for Cut {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_has_landed_and_is_taken_up_again() {
    let is_armed = Arc::new(AtomicBool::new(false));
    let wrap = |inner| Arc::new(CutDial { inner, is_armed: Arc::clone(&is_armed) }) as Arc<dyn Dial>;
    let Some(camp) = Camp::pitch_with(wrap) else { return };
    camp.engine.ping_engine().await.unwrap();
    let spec = camp.spec("one", Behaviour::Stays);

    is_armed.store(true, Ordering::SeqCst);
    let lost = camp.engine.create_container(&spec).await;
    assert!(matches!(lost, Err(EngineError::Unknown { .. })), "{lost:?}");
    assert!(!is_armed.load(Ordering::SeqCst));
    let listed = camp.engine.list_containers(camp.home()).await.unwrap();
    assert_eq!(listed.len(), 1, "it landed");
    assert_eq!(camp.engine.create_container(&spec).await.unwrap(), listed[0].id);

    is_armed.store(true, Ordering::SeqCst);
    let lost = camp.engine.remove_container(camp.home(), &spec.name).await;
    assert!(matches!(lost, Err(EngineError::Unknown { .. })), "{lost:?}");
    camp.engine.remove_container(camp.home(), &spec.name).await.unwrap();
    assert_eq!(camp.engine.list_containers(camp.home()).await.unwrap(), []);
}

#[tokio::test]
async fn dropping_a_call_does_not_undo_it() {
    let Some(camp) = Camp::pitch() else { return };
    let spec = camp.spec("one", Behaviour::Stays);
    {
        let create = camp.engine.create_container(&spec);
        let mut create = std::pin::pin!(create);
        let polled_once = std::future::poll_fn(|cx| Poll::Ready(create.as_mut().poll(cx).is_pending())).await;
        assert!(polled_once, "it must be dropped while it is under way");
    }
    assert_eq!(camp.engine.live_tasks(), 1);
    soon("the end of the call", async {
        while camp.engine.live_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let listed = camp.engine.list_containers(camp.home()).await.unwrap();
    assert_eq!(listed.iter().map(|one| one.state).collect::<Vec<_>>(), [ContainerState::Created]);
}

#[tokio::test]
async fn opening_and_closing_exec_streams_leaves_nothing() {
    let Some(camp) = Camp::pitch() else { return };
    let id = started(&camp, &camp.spec("one", Behaviour::Stays)).await;
    for round in 0..20 {
        let mut stream = camp.engine.exec_stream(&id, &["cat"], None).await.unwrap();
        assert_eq!(camp.engine.open_streams(), 1, "round {round}: one stream for one session");
        stream.write_all(b"x").await.unwrap();
        let mut buf = [0];
        soon("the echo", stream.read_exact(&mut buf)).await.unwrap();
    }
    assert_eq!(camp.engine.open_streams(), 0);
    // The commands notice that nobody is there.
    let cats = || async {
        let processes = camp.engine.processes(&id).await.unwrap();
        processes.iter().filter(|process| process.command.ends_with("cat")).count()
    };
    soon("the end of the commands", async { while cats().await > 0 {} }).await;
}
