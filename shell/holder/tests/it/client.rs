//! A holder under test, and a session with it that waits for what it expects, never for time to pass.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ccells_core::agent::{AgentLife, AgentReport};
use ccells_core::limits;
use ccells_core::wire::{Decoder, FromHolder, Resync, ToHolder, encode};
use ccells_holder::emulator::Emulator;

/// Longer than anything here takes; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// A running holder in a directory of its own. Ended with its agent when dropped.
pub(crate) struct Holder {
    pub(crate) process: Child,
    pub(crate) directory: tempfile::TempDir,
}

impl Holder {
    /// Starts a holder for an agent that is this shell script, and waits until it serves.
    pub(crate) fn script(script: &str) -> Self {
        Self::start(&[], &["/bin/sh", "-c", script])
    }

    /// Starts a holder with these arguments, for this command.
    pub(crate) fn start(arguments: &[&str], argv: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments, argv)
    }

    /// Starts a holder in this directory.
    pub(crate) fn start_in(directory: tempfile::TempDir, arguments: &[&str], argv: &[&str]) -> Self {
        let socket = directory.path().join("holder.sock");
        let process = Command::new(env!("CARGO_BIN_EXE_ccells-holder"))
            .args(["serve", "--socket"])
            .arg(&socket)
            .args(["--columns", "80", "--rows", "24"])
            .args(arguments)
            .arg("--")
            .args(argv)
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let holder = Self { process, directory };
        wait_until("the holder serves", || UnixStream::connect(&socket).is_ok());
        holder
    }

    /// A file in the holder's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Attaches, as one that may type or as an observer.
    pub(crate) fn attach(&self, observe: bool, from_sequence: Option<u64>) -> Client {
        let mut client = self.connect();
        client.send(&ToHolder::Hello { size: None, observe, from_sequence });
        client.expect_welcome();
        client
    }

    /// A connection on which nothing was said.
    pub(crate) fn connect(&self) -> Client {
        Client::new(UnixStream::connect(self.path("holder.sock")).unwrap())
    }

    /// How many files the holder has open.
    pub(crate) fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    /// Sends the holder itself a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.process.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Tells the holder to end, and waits until it did: its exit code, and how long it took.
    pub(crate) fn end(&mut self) -> (Option<i32>, Duration) {
        let start = Instant::now();
        self.signal(rustix::process::Signal::TERM);
        (self.process.wait().unwrap().code(), start.elapsed())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

/// A session. It keeps a pane as a real one does, and all that was said.
pub(crate) struct Client {
    pub(crate) stream: UnixStream,
    decoder: Decoder<FromHolder>,
    /// What the pane shows.
    pub(crate) pane: Emulator,
    /// All output since the welcome, pictures aside.
    pub(crate) output: Vec<u8>,
    /// The number of the next byte.
    pub(crate) sequence: u64,
    /// How the session was welcomed.
    pub(crate) resync: Option<Resync>,
    /// Pictures that came whole.
    pub(crate) pictures: usize,
    /// The latest report.
    pub(crate) report: Option<AgentReport>,
    /// What was refused.
    pub(crate) refusals: Vec<String>,
    /// Whether the holder ended the session.
    pub(crate) is_over: bool,
    is_in_picture: bool,
    pongs: u64,
}

impl Client {
    pub(crate) fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            decoder: Decoder::new(),
            pane: Emulator::pane(80, 24, limits::SCROLLBACK_LINES),
            output: Vec::new(),
            sequence: 0,
            resync: None,
            pictures: 0,
            report: None,
            refusals: Vec::new(),
            is_over: false,
            is_in_picture: false,
            pongs: 0,
        }
    }

    pub(crate) fn send(&mut self, frame: &ToHolder) {
        let mut bytes = Vec::new();
        encode(frame, &mut bytes);
        self.stream.write_all(&bytes).unwrap();
    }

    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.send(&ToHolder::Input(keys.as_bytes().to_vec()));
    }

    /// Takes what comes until `is_enough`.
    pub(crate) fn wait(&mut self, what: &str, mut is_enough: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !is_enough(self) {
            assert!(!self.is_over, "the holder ended the session before {what}: {:?}", self.refusals);
            assert!(start.elapsed() < PATIENCE, "waited too long until {what}");
            self.take_some();
        }
    }

    /// Takes what came, waiting for at least one byte.
    pub(crate) fn take_some(&mut self) {
        let mut buffer = [0; 16_384];
        let count = self.stream.read(&mut buffer).expect("the holder says something in time");
        self.is_over = count == 0;
        self.decoder.push(&buffer[..count]);
        while let Some(frame) = self.decoder.next().unwrap() {
            self.take(frame);
        }
    }

    fn take(&mut self, frame: FromHolder) {
        match frame {
            FromHolder::Welcome { sequence, columns, rows, resync } => {
                self.resync = Some(resync);
                self.sequence = sequence;
                self.pane.resize(columns, rows);
            }
            FromHolder::Snapshot { sequence, columns, rows, bytes, is_last } => {
                if !self.is_in_picture {
                    self.pane.resize(columns, rows);
                }
                self.pane.restore(&bytes);
                self.sequence = sequence;
                self.is_in_picture = !is_last;
                self.pictures += usize::from(is_last);
            }
            FromHolder::Output { sequence, bytes } => {
                assert_eq!(sequence, self.sequence, "no byte is missed or sent twice");
                assert!(!self.is_in_picture);
                self.sequence += bytes.len() as u64;
                self.pane.feed(&bytes);
                self.output.extend(bytes);
            }
            FromHolder::Resized { columns, rows } => self.pane.resize(columns, rows),
            FromHolder::Agent(report) => self.report = Some(report),
            FromHolder::Pong(_) => self.pongs += 1,
            FromHolder::Refused { reason } => self.refusals.push(reason),
        }
    }

    fn expect_welcome(&mut self) {
        self.wait("a welcome", |client| client.resync.is_some());
        if self.resync == Some(Resync::Snapshot) {
            self.wait("a picture", |client| client.pictures > 0);
        }
    }

    pub(crate) fn wait_for_output(&mut self, wanted: &str) {
        self.wait(wanted, |client| String::from_utf8_lossy(&client.output).contains(wanted));
    }

    pub(crate) fn wait_for_screen(&mut self, wanted: &str) {
        self.wait(wanted, |client| screen(&client.pane).contains(wanted));
    }

    /// Waits for the last thing a script does, with all that came before it.
    pub(crate) fn wait_for_title(&mut self, wanted: &str) {
        self.wait(wanted, |client| client.pane.title() == wanted && !client.is_in_picture);
    }

    pub(crate) fn wait_for_exit(&mut self) {
        self.wait("the agent's exit", |client| {
            matches!(&client.report, Some(AgentReport { life: AgentLife::Exited(_), .. }))
        });
    }

    pub(crate) fn wait_for_refusal(&mut self, wanted: &str) {
        self.wait(wanted, |client| client.refusals.iter().any(|refusal| refusal.contains(wanted)));
    }

    /// Waits until the holder has done all that was asked before.
    pub(crate) fn settle(&mut self) {
        let pongs = self.pongs;
        self.send(&ToHolder::Ping(pongs));
        self.wait("a pong", |client| client.pongs > pongs);
    }
}

/// The text of a screen, a line a row.
pub(crate) fn screen(emulator: &Emulator) -> String {
    crate::support::rows(emulator).join("\n")
}

/// Waits for something that nothing announces.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process lives (and is no zombie).
pub(crate) fn is_alive(pid: &str) -> bool {
    std::fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}
