//! The engine's answers: the production adapter over streams on which an engine of ours says what the input says.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ccells_core::container::ContainerSpec;
use ccells_core::ids::{ContainerId, HomeId};
use ccells_core::limits;
use ccells_core::ports::{Engine as _, EngineError};
use ccells_shell::adapters::dial::{Dial, Dialing, Io};
use ccells_shell::adapters::docker::{DockerEngine, EngineNotice};
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use crate::assert_harmless;
use crate::choices::Choices;
use crate::script;

/// Between two answers of an input.
const NEXT: &[u8] = b"\n%%\n";
/// Most answers an input may have: some questions are asked again and again until they are answered.
const ANSWERS: usize = 6;
/// What the engine says of itself, unless that is what an input is about.
const VERSION: &[u8] = b"200{\"Version\":\"20.10\",\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}";
/// The container all questions are about.
const CONTAINER: &str = "4f1d0c8b9a7e";

/// Whatever the engine answers to whatever question: a result that makes sense or an error in words, nothing left open.
/// The first byte is the question, the rest the answers: three digits and a body, or all of it from `HTTP/` on.
pub fn docker_answers(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let question = choices.byte();
    let is_about_version = question == b'v';
    let answers = answers(choices.rest());
    with_engine(!is_about_version, answers, |engine| async move { ask(&engine, question).await });
}

/// Whatever the engine tells unasked: notices that are framed as promised, the same for any split.
pub fn engine_events(bytes: &[u8]) {
    let whole = watch(bytes, usize::MAX);
    let lines = bytes.split(|byte| *byte == b'\n').count() - 1;
    let changes = whole.iter().filter(|notice| matches!(notice, EngineNotice::Changed { .. })).count();
    assert!(changes <= lines, "{changes} notices of {lines} lines");
    assert_eq!(whole.first(), Some(&EngineNotice::Connected));
    assert!(matches!(whole.last(), Some(EngineNotice::Lost { .. })), "{whole:?}");
    assert_eq!(whole.len(), changes + 2, "one beginning and one end: {whole:?}");
    assert_eq!(watch(bytes, 3), whole);
}

/// Whatever comes through the stream of a command: its output byte for byte, or an error.
pub fn exec_stream(bytes: &[u8]) {
    let (output, is_whole) = demultiplexed(bytes);
    for piece in [usize::MAX, 5] {
        let (read, result) = exec(bytes, piece);
        assert_eq!(read.escape_ascii().to_string(), output.escape_ascii().to_string());
        match result {
            Ok(()) => assert!(is_whole, "what is cut short or makes no sense is an error"),
            Err(error) => assert!(!is_whole || output.is_empty(), "a whole stream is none: {error}"),
        }
    }
    capture(bytes, &output, is_whole);
}

/// The answers in an input.
fn answers(bytes: &[u8]) -> VecDeque<Vec<u8>> {
    let mut answers = VecDeque::new();
    let mut rest = bytes;
    while answers.len() < ANSWERS && !rest.is_empty() {
        let end = rest.windows(NEXT.len()).position(|window| window == NEXT);
        answers.push_back(rest[..end.unwrap_or(rest.len())].to_vec());
        rest = end.map_or(&[], |end| &rest[end + NEXT.len()..]);
    }
    answers
}

/// Runs `work` with an engine that gives these answers, and sees to it that nothing of it is left.
fn with_engine<W, T>(
    knows_version: bool,
    answers: VecDeque<Vec<u8>>,
    work: impl FnOnce(DockerEngine) -> W,
) -> T
where
    W: Future<Output = T>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime asks little of the system").block_on(async {
        let line = Line { answers: Arc::new(Mutex::new(answers)), knows_version, piece: usize::MAX };
        finish(line, work).await
    })
}

async fn finish<W: Future<Output = T>, T>(line: Line, work: impl FnOnce(DockerEngine) -> W) -> T {
    let engine = DockerEngine::new(Arc::new(line), b"holder");
    let outcome = work(engine.clone()).await;
    engine.close().await;
    assert_eq!((engine.live_tasks(), engine.open_streams()), (0, 0), "tasks and streams after the end");
    outcome
}

async fn ask(engine: &DockerEngine, question: u8) {
    let id = ContainerId::parse(CONTAINER).expect("the form is right");
    let home = HomeId::parse("home").expect("the form is right");
    let spec: ContainerSpec = script::spec();
    let failure = match question {
        b'l' => listed(engine.list_containers(&home).await, &home),
        b'c' => engine.create_container(&spec).await.err(),
        b's' => engine.start_container(&id).await.err(),
        b'p' => engine.pause_container(&id).await.err(),
        b'u' => engine.unpause_container(&id).await.err(),
        b'k' => engine.stop_container(&id).await.err(),
        b'r' => engine.remove_container(&home, &spec.name).await.err(),
        b'h' => engine.upload_holder(&id).await.err(),
        b'i' => engine.image_exists("ccells-agent:latest").await.err(),
        b't' => engine.processes(&id).await.err(),
        b'w' => engine.list_volumes(&home).await.err(),
        b'x' => engine.remove_volume(&home, "volume").await.err(),
        b'e' => engine.run_in_container(&id, &["true"], Duration::from_secs(1)).await.err(),
        b'v' => met(engine).await,
        _ => engine.ping_engine().await.err(),
    };
    if let Some(error) = failure {
        assert_harmless(&error.to_string());
    }
}

async fn met(engine: &DockerEngine) -> Option<EngineError> {
    match engine.ping_engine().await {
        Ok(facts) => {
            assert_harmless(&facts.version);
            assert_harmless(&facts.api);
            None
        }
        Err(error) => Some(error),
    }
}

fn listed(
    outcome: Result<Vec<ccells_core::container::Observed>, EngineError>,
    home: &HomeId,
) -> Option<EngineError> {
    let listed = match outcome {
        Ok(listed) => listed,
        Err(error) => return Some(error),
    };
    assert!(listed.is_sorted_by(|a, b| a.name <= b.name), "by name");
    assert!(listed.iter().all(|seen| seen.labels.home == *home), "ours alone");
    None
}

fn watch(bytes: &[u8], piece: usize) -> Vec<EngineNotice> {
    let stream = [b"HTTP/1.1 200 OK\r\n\r\n", bytes].concat();
    let answers = VecDeque::from([b"200".to_vec(), stream]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime asks little of the system").block_on(async {
        let line = Line { answers: Arc::new(Mutex::new(answers)), knows_version: true, piece };
        let home = HomeId::parse("home").expect("the form is right");
        finish(line, |engine| async move {
            let mut watch = engine.watch(&home);
            let mut notices = Vec::new();
            while let Some(notice) = watch.next().await {
                notices.push(notice);
            }
            notices
        })
        .await
    })
}

/// What a command wrote, and how its stream ended.
fn exec(bytes: &[u8], piece: usize) -> (Vec<u8>, io::Result<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime asks little of the system").block_on(async {
        let line = Line { answers: Arc::new(Mutex::new(upgraded(bytes))), knows_version: true, piece };
        finish(line, |engine| async move {
            let id = ContainerId::parse(CONTAINER).expect("the form is right");
            let opened = engine.exec_stream(&id, &["true"], None).await;
            let mut stream = opened.expect("the engine lets the stream be taken over");
            let mut read = Vec::new();
            let mut room = [0; 11];
            let result = loop {
                match stream.read(&mut room).await {
                    Ok(0) => break Ok(()),
                    Ok(count) => read.extend_from_slice(&room[..count]),
                    Err(error) => break Err(error),
                }
            };
            assert_harmless(&stream.complaints());
            (read, result)
        })
        .await
    })
}

fn capture(bytes: &[u8], output: &[u8], is_whole: bool) {
    let mut answers = upgraded(bytes);
    answers.push_back(b"200{\"Running\":false,\"ExitCode\":3}".to_vec());
    let run = |engine: DockerEngine| async move {
        let id = ContainerId::parse(CONTAINER).expect("the form is right");
        engine.run_in_container(&id, &["true"], Duration::from_secs(5)).await
    };
    match with_engine(true, answers, run) {
        Ok(captured) => {
            assert!(is_whole, "what is cut short or makes no sense is an error");
            let fits = output.len().min(limits::EXEC_OUTPUT_BYTES);
            assert_eq!((captured.code, &captured.output[..]), (3, &output[..fits]));
        }
        Err(error) => {
            assert!(!is_whole, "a whole stream is none: {error}");
            assert_harmless(&error.to_string());
        }
    }
}

fn upgraded(bytes: &[u8]) -> VecDeque<Vec<u8>> {
    let head = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
    VecDeque::from([b"201{\"Id\":\"abc\"}".to_vec(), [head, bytes].concat()])
}

/// The output in a stream of frames, written down once more, and whether the stream was whole.
fn demultiplexed(bytes: &[u8]) -> (Vec<u8>, bool) {
    let (mut rest, mut output) = (bytes, Vec::new());
    while !rest.is_empty() {
        let Some((head, body)) = rest.split_at_checked(8) else { return (output, false) };
        if head[0] > 3 || head[1..4] != [0, 0, 0] {
            return (output, false);
        }
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let there = &body[..length.min(body.len())];
        if head[0] <= 1 {
            output.extend_from_slice(there);
        }
        if there.len() < length {
            return (output, false);
        }
        rest = &body[length..];
    }
    (output, true)
}

/// Dials streams on which the answers come, one on each.
struct Line {
    answers: Arc<Mutex<VecDeque<Vec<u8>>>>,
    /// Whether the question for its version has an answer that is not among those.
    knows_version: bool,
    /// How much comes at a time.
    piece: usize,
}

impl Dial for Line {
    fn dial(&self) -> Dialing {
        let stream = AnswerStream {
            answers: Arc::clone(&self.answers),
            knows_version: self.knows_version,
            piece: self.piece,
            heard: Vec::new(),
            says: None,
            waker: None,
        };
        async move { Ok(Box::new(stream) as Box<dyn Io>) }.boxed()
    }

    fn endpoint(&self) -> String {
        "unix:///engine.sock".to_owned()
    }

    fn is_local(&self) -> bool {
        true
    }
}

/// Says its answer once the head of a question was heard, and then ends.
struct AnswerStream {
    answers: Arc<Mutex<VecDeque<Vec<u8>>>>,
    knows_version: bool,
    piece: usize,
    heard: Vec<u8>,
    says: Option<VecDeque<u8>>,
    waker: Option<Waker>,
}

impl AnswerStream {
    fn begin(&mut self) {
        if self.says.is_some() || !self.heard.windows(4).any(|window| window == b"\r\n\r\n") {
            return;
        }
        let is_version = self.heard.starts_with(b"GET /version ");
        let answer = if is_version && self.knows_version {
            VERSION.to_vec()
        } else {
            self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or_default()
        };
        self.says = Some(spoken(&answer).into());
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// An answer as it goes over the stream.
fn spoken(answer: &[u8]) -> Vec<u8> {
    match answer.split_at_checked(3) {
        Some((status, body)) if !answer.starts_with(b"HTTP/") && status.iter().all(u8::is_ascii_digit) => {
            let status = String::from_utf8_lossy(status);
            let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT";
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{date}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            [head.as_bytes(), body].concat()
        }
        Some(_) | None => answer.to_vec(),
    }
}

impl AsyncRead for AnswerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let piece = self.piece;
        let Some(says) = self.says.as_mut() else {
            self.waker = Some(context.waker().clone());
            return Poll::Pending;
        };
        let count = says.len().min(room.remaining()).min(piece);
        let bytes: Vec<u8> = says.drain(..count).collect();
        room.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for AnswerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.heard.extend_from_slice(bytes);
        self.begin();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
