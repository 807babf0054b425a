//! A place to play one user's day in: a repository, a home, the real program, and the real engine, left as it was.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ccells_shell::paths::HomePaths;
use serde_json::Value;
use tempfile::TempDir;

use crate::camp::{self, Plain};
use crate::image::{self, IMAGE};

/// How long anything may take that should happen at once, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// How long one verb may take.
const VERB: Duration = Duration::from_secs(60);
/// Tests that may work the engine at the same time: more would only make each of them late.
const AT_ONCE: usize = 3;

/// An agent that counts. It notes each start and each number in its home, where the tests can read them, and says them
/// on its terminal; what is typed to it, it says again.
pub(crate) const COUNTER: &str = "echo start >> /home/agent/starts
(i=0; while :; do i=$((i+1)); echo $i >> /home/agent/ticks; echo tick $i end; sleep 0.05; done) &
while read -r line; do echo heard: $line; done
wait";

/// An agent that needs no disk: it says its numbers on its terminal only.
const TALKER: &str = "(i=0; while :; do i=$((i+1)); echo tick $i end; sleep 0.05; done) &
while read -r line; do echo heard: $line; done
wait";

/// The real program, built once.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(path) = std::env::var_os("CCELLS_TEST_PROGRAM") {
            return path.into();
        }
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "ccells", "--bin", "ccells"])
            .args((!cfg!(debug_assertions)).then_some("--release"))
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs the tests, so it can be run");
        assert!(output.status.success(), "ccells cannot be built");
        let text = String::from_utf8(output.stdout).unwrap();
        let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut made = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
        made.next_back().expect("cargo names the program it has built")
    })
}

/// A turn at the engine.
struct Turn;

static TURNS: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

impl Turn {
    fn take() -> Self {
        let taken = TURNS.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken =
            TURNS.1.wait_while(taken, |taken| *taken >= AT_ONCE).unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TURNS.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        TURNS.1.notify_one();
    }
}

/// What a verb said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

impl Said {
    fn from(output: Output, took: Duration) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let status = output.status;
        let code = status.code().unwrap_or_else(|| -status.signal().unwrap_or(0));
        let text = |bytes| String::from_utf8(bytes).expect("a verb says text");
        Self { code, out: text(output.stdout), err: text(output.stderr), took }
    }

    /// The same, which must have ended with `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The one document that was printed, and nothing beside it.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("not one document: {error}: {self:#?}"))
    }
}

/// A repository and a home of its own. When it is dropped the doctor must find nothing, and everything goes.
pub(crate) struct Stage {
    pub(crate) repo: PathBuf,
    pub(crate) home: PathBuf,
    plain: Option<Plain>,
    variables: Vec<(String, String)>,
    homes: Vec<PathBuf>,
    is_inspected: bool,
    _room: TempDir,
    _turn: Turn,
}

impl Stage {
    /// With the real engine, and the counter as the agent. `None`, said loudly, when no engine answers.
    pub(crate) fn set() -> Option<Self> {
        camp::plain().map(Self::set_on)
    }

    /// With that engine.
    pub(crate) fn set_on(engine: Plain) -> Self {
        image::plain(&engine);
        let mut stage = Self::without_engine();
        stage.plain = Some(engine);
        stage
    }

    /// With the real engine, in a room that `prepare` has worked on; `None`, said loudly, when no engine answers.
    pub(crate) fn set_in(prepare: impl FnOnce(&Path)) -> Option<Self> {
        let engine = camp::plain()?;
        let mut stage = Self::in_room(prepare);
        stage.plain = Some(engine);
        Some(stage)
    }

    /// For what needs no engine.
    pub(crate) fn without_engine() -> Self {
        Self::in_room(|_| ())
    }

    fn in_room(prepare: impl FnOnce(&Path)) -> Self {
        let turn = Turn::take();
        // Sockets have short names only.
        let room = tempfile::Builder::new().prefix("cc-").tempdir_in("/tmp").unwrap();
        prepare(room.path());
        let (repo, home) = (room.path().join("repo"), room.path().join("home"));
        make_private(&home);
        make_repo(&repo);
        let mut stage = Self {
            repo,
            home: home.clone(),
            plain: None,
            variables: Vec::new(),
            homes: vec![home],
            is_inspected: true,
            _room: room,
            _turn: turn,
        };
        stage.variable("CCELLS_IMAGE", IMAGE);
        let words = serde_json::to_string(&["sh", "-c", COUNTER]).unwrap();
        stage.variable("CCELLS_AGENT_COMMAND", &words);
        stage
    }

    /// Sets a variable of the environment of every program started from here on.
    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.into(), value.into()));
    }

    /// Agents say their numbers on their terminals only.
    pub(crate) fn let_agents_talk(&mut self) {
        let words = serde_json::to_string(&["sh", "-c", TALKER]).unwrap();
        self.variable("CCELLS_AGENT_COMMAND", &words);
    }

    /// The engine, asked by other means than ours.
    pub(crate) fn plain(&self) -> &Plain {
        self.plain.as_ref().expect("this stage was set with an engine")
    }

    /// The doctor is not asked at the end: the test leaves things as no doctor likes them.
    pub(crate) fn leave_uninspected(&mut self) {
        self.is_inspected = false;
    }

    /// The room for more repositories and homes, which goes at the end.
    pub(crate) fn room(&self) -> &Path {
        self.repo.parent().unwrap()
    }

    /// Another repository.
    pub(crate) fn another_repo(&self, name: &str) -> PathBuf {
        let path = self.room().join(name);
        make_repo(&path);
        path
    }

    /// Another home.
    pub(crate) fn another_home(&mut self, name: &str) -> PathBuf {
        let path = self.room().join(name);
        make_private(&path);
        self.homes.push(path.clone());
        path
    }

    /// The environment of every program.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let mut all = self.variables.clone();
        if !all.iter().any(|(name, _)| name == "CCELLS_HOME") {
            all.push(("CCELLS_HOME".into(), self.home.to_str().unwrap().into()));
        }
        all
    }

    /// The program, with nothing of the tester's own settings.
    pub(crate) fn command(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(program());
        command.args(words).current_dir(&self.repo);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CCELLS_")) {
            command.env_remove(name);
        }
        command.envs(self.environment());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a verb to its end.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> Said {
        finish(self.command(words))
    }

    /// Runs a verb that must succeed and print one document.
    #[track_caller]
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        // What follows `--` is the agent's.
        let (verb, rest) = words.split_at(if words[0] == "-C" { 3 } else { 1 });
        self.run(&[verb, &["--json"], rest].concat()).expect(0).json()
    }

    /// Makes a workstream with the agent of this stage; its card.
    #[track_caller]
    pub(crate) fn new_workstream(&self, name: &str) -> Value {
        self.json(&["new", "-n", name])
    }

    /// The card of a workstream; `None` when there is none of that name.
    #[track_caller]
    pub(crate) fn card(&self, name: &str) -> Option<Value> {
        let all = self.json(&["ls"]);
        all.as_array().unwrap().iter().find(|card| card["name"] == name || card["id"] == name).cloned()
    }

    /// Waits until the workstream is in `state` for good: what led there is recorded, and nothing is done to it any more.
    #[track_caller]
    pub(crate) fn wait_for_state(&self, name: &str, state: &str) -> Value {
        eventually(&format!("{name} is {state}"), SOON, || {
            self.card(name).filter(|card| card["state"] == state && card["progress"].is_null())
        })
    }

    /// What the doctor finds wrong.
    #[track_caller]
    pub(crate) fn doctor(&self) -> Vec<Value> {
        let said = self.run(&["doctor", "--check", "--json"]);
        let verdict = said.json();
        assert_eq!(verdict["ok"] == true, said.code == 0, "{said:#?}");
        let findings = verdict["findings"].as_array().unwrap();
        findings.iter().filter(|finding| finding["grade"] == "failure").cloned().collect()
    }

    /// All containers that carry the label of a home of this stage, as the engine lists them.
    pub(crate) fn containers(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for home in self.home_ids() {
            let path = format!("/containers/json?all=1&filters={}", camp::label_filter(&home));
            all.extend(self.plain().get(&path).as_array().unwrap().iter().cloned());
        }
        all
    }

    fn home_ids(&self) -> Vec<String> {
        let id = |path: &PathBuf| ccells_shell::boot::home_id(&HomePaths::new(path)).to_string();
        self.homes.iter().map(id).collect()
    }

    /// What the doctor finds at the end: nothing. Only where a run was killed, as tests do with screens they need no
    /// more, a reconciliation comes first.
    fn judge(&self) -> Vec<Value> {
        let found = self.doctor();
        if !found.iter().any(|finding| finding["check"] == "runs") {
            return found;
        }
        self.run(&["reconcile", "--apply"]).expect(0);
        self.doctor()
    }

    /// Takes everything of this stage away from the engine.
    fn strike(&self) {
        let Some(plain) = &self.plain else { return };
        // A test of engines that die may have failed while its own one was dead.
        if plain.ask("GET", "/_ping", "text/plain", b"").is_err() && std::thread::panicking() {
            return;
        }
        for container in self.containers() {
            let path = format!("/containers/{}?force=1&v=1", container["Id"].as_str().unwrap());
            let _gone = self.plain().ask("DELETE", &path, "text/plain", b"");
        }
        for home in self.home_ids() {
            let volumes = self.plain().get(&format!("/volumes?filters={}", camp::label_filter(&home)));
            for volume in volumes["Volumes"].as_array().into_iter().flatten() {
                let path = format!("/volumes/{}?force=1", volume["Name"].as_str().unwrap());
                let _gone = self.plain().ask("DELETE", &path, "text/plain", b"");
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let is_judged = self.is_inspected && self.plain.is_some() && !std::thread::panicking();
        let found = is_judged.then(|| self.judge());
        self.strike();
        if let Some(found) = found {
            assert!(found.is_empty(), "the doctor finds: {found:#?}");
        }
    }
}

fn make_private(path: &Path) {
    std::fs::create_dir_all(path).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
}

fn make_repo(path: &Path) {
    std::fs::create_dir_all(path).unwrap();
    git(path, &["init", "--quiet", "--initial-branch=main"]);
    std::fs::write(path.join("README"), "a repository to try things in\n").unwrap();
    git(path, &["add", "."]);
    git(path, &["commit", "--quiet", "--message=first"]);
    std::fs::write(path.join("code"), "1\n").unwrap();
    git(path, &["add", "."]);
    git(path, &["commit", "--quiet", "--message=second"]);
}

/// Runs git as a user would, and gives what it prints.
#[track_caller]
pub(crate) fn git(directory: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"])
        .args(words)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_string()
}

/// Runs a command to its end, which must come in time.
#[track_caller]
pub(crate) fn finish(mut command: Command) -> Said {
    let began = Instant::now();
    let child = command.spawn().unwrap();
    collect(child, began, VERB).unwrap_or_else(|| panic!("{command:?} did not end within {VERB:?}"))
}

/// Waits for the end of a child; `None`, and the child killed, when it does not come in time.
pub(crate) fn collect(child: Child, began: Instant, patience: Duration) -> Option<Said> {
    let pid = child.id();
    let (sender, receiver) = channel();
    let waiter = std::thread::spawn(move || drop(sender.send(child.wait_with_output())));
    let output = match receiver.recv_timeout(patience) {
        Ok(output) => output.unwrap(),
        Err(RecvTimeoutError::Timeout) => {
            kill(pid, rustix::process::Signal::KILL);
            waiter.join().unwrap();
            return None;
        }
        Err(RecvTimeoutError::Disconnected) => unreachable!("the waiter sends before it ends"),
    };
    waiter.join().unwrap();
    Some(Said::from(output, began.elapsed()))
}

/// Sends a signal to a process that this test started.
pub(crate) fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // One that has ended already is as wanted.
    let _ended = rustix::process::kill_process(pid, signal);
}

/// Looks again and again until there is something to see.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < until, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What the counter of a workstream has noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) starts: usize,
    pub(crate) ticks: u64,
}

/// Reads what the counter has noted, and checks that it never skipped or repeated a number within one start.
#[track_caller]
pub(crate) fn count(card: &Value) -> Count {
    let home = Path::new(card["directory"].as_str().unwrap()).join("home");
    let read = |name: &str| std::fs::read_to_string(home.join(name)).unwrap_or_default();
    let text = read("ticks");
    // The last line may be half written.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let ticks: Vec<u64> = whole.lines().map(|line| line.parse().unwrap()).collect();
    let starts = read("starts").lines().count();
    if starts == 1 {
        let expected: Vec<u64> = (1..).take(ticks.len()).collect();
        assert_eq!(ticks, expected, "the counter of {} lost its way", card["name"]);
    }
    Count { starts, ticks: ticks.last().copied().unwrap_or(0) }
}

/// Waits until the counter has gone on by `more`, in its first and only life.
#[track_caller]
pub(crate) fn wait_for_ticks(card: &Value, more: u64) -> u64 {
    let before = count(card);
    let now = eventually(&format!("{} counts on from {before:?}", card["name"]), SOON, || {
        Some(count(card)).filter(|now| now.ticks >= before.ticks + more)
    });
    assert_eq!(now.starts, 1, "the agent was started again");
    now.ticks
}

/// Checks that `text` holds every tick from the first to some number, each once and in order; gives that number.
#[track_caller]
pub(crate) fn assert_whole(text: &str) -> u64 {
    let ticks: Vec<u64> = text
        .lines()
        .filter_map(|line| line.strip_prefix("tick ")?.strip_suffix(" end")?.parse().ok())
        .collect();
    let expected: Vec<u64> = (1..).take(ticks.len()).collect();
    assert_eq!(ticks, expected, "output is missing, doubled or out of order");
    ticks.len() as u64
}

/// Says something that the test runner does not swallow.
pub(crate) fn announce(text: &str) {
    let _reader_gone = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}
