//! Tier B: one run of the production driver, performer, store, sessions and engine client in a simulated network,
//! against a simulated engine. What is decided by chance follows from the seed, and every event is in the trace.

pub mod campaign;
pub mod checks;
pub mod disk;
pub mod engine;
pub mod flight;
pub mod git;
pub mod net;
pub mod process;
pub mod scenarios;
pub mod slips;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ccells_core::event::{Ask, NewWorkstream, OnQuit};
use ccells_core::ids::WorkstreamId;
use ccells_core::ports::OnTaken;
use ccells_core::snapshot::{Card, CardState, Snapshot};
use ccells_shell::driver::{Outcome, Wish};
use tokio::sync::oneshot;

use self::flight::{Flight, Flying, Sprung};
use self::net::{ENGINE, Flow, Lines, Tap};
use self::process::{Ending, Live};
use self::slips::{Planted, Slip};
use crate::choice::Choices;
use crate::dockerd::{Dockerd, Weather};
use crate::ports::files::{Crash, Disk};
use crate::ports::git::SimGit;
use crate::world::Seat;

/// The name of the host the run is on.
pub const CCELLS: &str = "ccells";
/// How far the simulated time goes with each step; messages arrive between steps.
const TICK_MS: u64 = 10;
/// When every simulated world begins, in seconds since the Unix epoch.
const EPOCH_S: u64 = 1_800_000_000;
/// What is seen when a run dies in the middle of a file operation.
pub const DIED_IN_A_FILE_OPERATION: &str = "died in the middle of a file operation";
/// Longer than any scenario takes.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What happened, a line each: every request that reached the engine and every event that reached the machine.
pub type Trace = Arc<Mutex<Vec<String>>>;

/// How much of the trace is shown with what was broken.
const LAST_LINES: usize = 40;

/// What outlives the runs: disk, repositories, the engine and its containers, the weather, and the trace.
pub struct Ground {
    /// What is decided by chance.
    pub choices: Choices,
    /// Who uses it, and where.
    pub seat: Seat,
    /// The disk of the run's host.
    pub disk: Disk,
    /// The repositories.
    pub git: Mutex<SimGit>,
    /// The engine.
    pub dockerd: Dockerd,
    /// All streams of runs to the engine.
    pub lines: Lines,
    /// All streams of the engine, as it sees them.
    pub engine_tap: Arc<Tap>,
    /// A mistake in the program.
    pub planted: Planted,
    flight: Mutex<Flight>,
    /// What came to pass at least once.
    seen: Mutex<BTreeSet<&'static str>>,
    live: Mutex<Option<Arc<Live>>>,
    endings: Mutex<Vec<Ending>>,
    trace: Trace,
    /// The first promise that was found broken on the run's host.
    broken: Mutex<Option<String>>,
    numbers: AtomicU64,
    /// The time for those who ask while no host runs.
    between_steps: Arc<AtomicU64>,
}

impl Ground {
    /// A number that nothing else has.
    pub fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Simulated time since the beginning.
    pub fn now(&self) -> Duration {
        let between_steps = || Duration::from_millis(self.between_steps.load(Ordering::Relaxed));
        turmoil::sim_elapsed().unwrap_or_else(between_steps)
    }

    /// Something came to pass that must come to pass sometimes.
    pub fn saw(&self, what: &'static str) {
        lock(&self.seen).insert(what);
    }

    /// Adds a line to the trace, at the simulated time.
    pub fn note(&self, who: &str, what: &str) {
        let ms = self.now().as_millis();
        lock(&self.trace).push(format!("{ms:>9}  {who:<7} {what}"));
    }
}

/// Nothing that panics runs under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A simulated network with a run and an engine in it. A promise that is broken is a panic that says which.
pub struct Cluster {
    sim: turmoil::Sim<'static>,
    /// What outlives the runs.
    pub ground: Arc<Ground>,
    is_engine_up: bool,
    /// What was acknowledged, and whether it is to be there.
    promised: BTreeMap<WorkstreamId, bool>,
}

/// An answer that may come.
pub struct Asked {
    answer: oneshot::Receiver<Outcome>,
    outcome: Option<Outcome>,
}

impl Asked {
    /// The answer, when it came.
    pub fn outcome(&mut self) -> Option<&Outcome> {
        if self.outcome.is_none() {
            self.outcome = self.answer.try_recv().ok();
        }
        self.outcome.as_ref()
    }

    /// Whether there will be none: the run it was asked of is gone.
    pub fn is_lost(&mut self) -> bool {
        self.outcome().is_none()
            && matches!(self.answer.try_recv(), Err(oneshot::error::TryRecvError::Closed))
    }
}

impl Cluster {
    /// A world that follows from `seed`, with a run that begins and an engine on a good day.
    #[expect(clippy::assertions_on_constants, reason = "constant for a build, and builds differ")]
    pub fn new(seed: u64, planted: Planted, trace: Trace) -> Self {
        assert!(
            cfg!(tokio_unstable),
            "built without --cfg tokio_unstable: a task that panics would go unnoticed. RUSTFLAGS in the environment \
             replace those of .cargo/config.toml; add the flag there too"
        );
        let choices = Choices::seeded(seed);
        let between_steps = Arc::new(AtomicU64::default());
        let stood_still = Arc::clone(&between_steps);
        let clock = Arc::new(move || {
            let at = || Duration::from_millis(stood_still.load(Ordering::Relaxed));
            turmoil::sim_elapsed().unwrap_or_else(at)
        });
        let ground = Arc::new(Ground {
            seat: crate::world::seats().swap_remove(0),
            disk: Disk::new(&choices),
            // The worktrees are on another file system than the home: nothing is moved, so all must be kept first.
            git: Mutex::new(SimGit { is_split: true, ..SimGit::default() }),
            dockerd: Dockerd::new(choices.clone(), clock),
            lines: Lines::default(),
            engine_tap: Arc::default(),
            planted,
            flight: Mutex::default(),
            seen: Mutex::default(),
            live: Mutex::default(),
            endings: Mutex::default(),
            trace,
            broken: Mutex::default(),
            numbers: AtomicU64::default(),
            between_steps,
            choices,
        });
        let mut sim = turmoil::Builder::new()
            .rng_seed(seed)
            .epoch(SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH_S))
            .simulation_duration(LONGEST)
            .tick_duration(Duration::from_millis(TICK_MS))
            .max_message_latency(Duration::from_millis(20))
            .tcp_capacity(1_024)
            .build();
        let engine = Arc::clone(&ground);
        sim.host(ENGINE, move || process::engine(Arc::clone(&engine)));
        let run = Arc::clone(&ground);
        sim.host(CCELLS, move || process::run(Arc::clone(&run)));
        ground.dockerd.set_weather(Weather::CALM);
        let mut cluster = Self { sim, ground, is_engine_up: true, promised: BTreeMap::new() };
        cluster.wait_begun();
        cluster
    }

    /// The trace so far.
    pub fn trace(&self) -> Vec<String> {
        lock(&self.ground.trace).clone()
    }

    /// What came to pass so far.
    pub fn seen(&self) -> BTreeSet<&'static str> {
        lock(&self.ground.seen).clone()
    }

    /// Simulated time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.sim.elapsed()
    }

    /// The simulation goes on by one step. A process that died in the middle of a file operation is gone after it.
    pub fn step(&mut self) {
        self.tick();
        if self.live().is_some_and(|live| live.files.is_dead()) {
            self.ground.saw(DIED_IN_A_FILE_OPERATION);
            self.crash(Crash::Kill);
        }
    }

    fn tick(&mut self) {
        // A task that panics ends its runtime, and that is a panic here.
        match catch_unwind(AssertUnwindSafe(|| self.sim.step())) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => panic!("T1: a host failed: {error}"),
            Err(panic) => panic!("T1: a host failed: {}", process::words(&*panic)),
        }
        let broken = lock(&self.ground.broken).take();
        assert!(broken.is_none(), "{}", broken.unwrap_or_default());
        let ms = u64::try_from(self.sim.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.ground.between_steps.store(ms, Ordering::Relaxed);
    }

    /// The simulation goes on for so long.
    pub fn run_ms(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(TICK_MS) {
            self.step();
        }
    }

    /// The simulation goes on until something is so.
    pub fn wait(&mut self, what: &str, limit_ms: u64, mut is_so: impl FnMut(&mut Self) -> bool) {
        let until = self.elapsed() + Duration::from_millis(limit_ms);
        while !is_so(self) {
            if self.elapsed() >= until {
                let (portrait, lines) = (self.portrait(), self.last_lines());
                let (checker, what) = slips::named(what).unwrap_or(("L1", what));
                panic!("{checker}: after {limit_ms} ms still not so: {what}\n{portrait}\n{lines}");
            }
            self.step();
        }
    }

    /// What the run and the engine show, for people.
    fn portrait(&self) -> String {
        let Some(picture) = self.snapshot() else { return "nobody runs".to_string() };
        let cards = picture.workstreams.iter().map(|card| {
            format!(
                "  {} {:?} {:?} {:?} attached: {}",
                card.id, card.state, card.progress, card.reason, card.is_attached
            )
        });
        let containers: Vec<_> = self.ground.dockerd.containers().into_iter().map(|it| it.name).collect();
        format!(
            "engine: {:?}\nshutdown: {:?}\n{}\ncontainers: {containers:?}",
            picture.engine,
            picture.shutdown,
            cards.collect::<Vec<_>>().join("\n")
        )
    }

    fn last_lines(&self) -> String {
        let trace = self.trace();
        trace[trace.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    /// The run that lives.
    pub fn live(&self) -> Option<Arc<Live>> {
        lock(&self.ground.live).clone()
    }

    /// The run that must live.
    pub fn running(&self) -> Arc<Live> {
        self.live().expect("the scenario has a run that lives here")
    }

    /// The latest picture.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.live()?.desk.snapshots.borrow().clone()
    }

    /// One workstream in it.
    pub fn card(&self, id: &WorkstreamId) -> Option<Card> {
        self.snapshot()?.workstreams.iter().find(|card| card.id == *id).cloned()
    }

    /// How many runs have ended, and how the last did.
    pub fn endings(&self) -> Vec<Ending> {
        lock(&self.ground.endings).clone()
    }
}

/// What people do.
impl Cluster {
    /// Wishes.
    pub fn ask(&self, ask: Ask) -> Asked {
        let (reply, answer) = oneshot::channel();
        if self.drops(&ask) {
            // Nobody will ever answer, and nobody is told so.
            std::mem::forget(reply);
        } else if let Some(live) = self.live() {
            // A queue that is full or a run that ends answers by dropping the wish.
            let _refused = live.desk.wishes().try_send(Wish { ask, reply });
        }
        Asked { answer, outcome: None }
    }

    fn drops(&self, ask: &Ask) -> bool {
        matches!(ask, Ask::Cancel(_)) && self.ground.planted.is(Slip::CancelDropped)
    }

    /// Wishes at the very moment when an effect `at` is begun, for `whose` or, when that is none, for anybody.
    pub fn ambush(&self, at: Flying, whose: Option<&WorkstreamId>, ask: Ask) -> Asked {
        let (reply, answer) = oneshot::channel();
        let is_dropped = self.drops(&ask);
        lock(&self.ground.flight).lay(at, whose.cloned(), Wish { ask, reply }, is_dropped);
        Asked { answer, outcome: None }
    }

    /// What became of the last ambush so far.
    pub fn sprung(&self) -> Sprung {
        lock(&self.ground.flight).sprung()
    }

    /// Gives the last ambush up; what became of it.
    pub fn lift_ambush(&self) -> Sprung {
        lock(&self.ground.flight).lift()
    }

    /// How much of the run is in flight, the stream that tells of changes aside.
    pub fn in_flight(&self) -> usize {
        lock(&self.ground.flight).count(|flying| flying != Flying::WatchEngine)
    }

    /// Whether one of these ever was in flight.
    pub fn has_flown(&self, flying: Flying) -> bool {
        lock(&self.ground.flight).has_flown(flying)
    }

    /// Whether a terminal is being attached.
    pub fn is_attaching(&self) -> bool {
        lock(&self.ground.flight).count(|flying| flying == Flying::OpenSession) > 0
    }

    /// Whether the run waits for the engine to do something.
    pub fn is_waiting_for_engine(&self) -> bool {
        lock(&self.ground.flight).count(Flying::is_done_by_engine) > 0
    }

    /// Wishes, and waits for the answer.
    pub fn ask_and_wait(&mut self, ask: Ask, limit_ms: u64) -> Outcome {
        let what = format!("an answer to {ask:?}");
        let mut asked = self.ask(ask);
        self.wait(&what, limit_ms, |_| asked.outcome().is_some());
        asked.outcome().cloned().expect("it was waited for")
    }

    /// Wishes for a workstream.
    pub fn begin(&mut self, name: &str) -> (WorkstreamId, Asked) {
        let id = self.fresh_id();
        let asked = self.begin_as(&id, name);
        (id, asked)
    }

    /// An id that nothing else has.
    pub fn fresh_id(&self) -> WorkstreamId {
        WorkstreamId::parse(&format!("01{:024}", self.ground.number())).expect("26 digits are an id")
    }

    /// Wishes for a workstream of this id.
    pub fn begin_as(&self, id: &WorkstreamId, name: &str) -> Asked {
        let number = id.as_str().trim_start_matches("01").trim_start_matches('0');
        let new = NewWorkstream {
            id: id.clone(),
            name: Some(format!("{name}-{number}")),
            prompt: format!("do {name}"),
            branch: None,
            base: None,
            on_taken: OnTaken::Refuse,
            is_offline: false,
            include: Vec::new(),
            from: None,
            image: None,
            argv: Some(vec!["agent".to_string(), format!("--say=this is {name}")]),
            session_id: format!("session-{number}"),
        };
        self.ask(Ask::New(Box::new(new)))
    }

    /// Makes a workstream and waits until its terminal is attached. Its agent begins to work.
    pub fn create(&mut self, name: &str) -> WorkstreamId {
        let (id, mut asked) = self.begin(name);
        self.wait("a workstream is made", CALM_MS, |_| asked.outcome().is_some());
        let outcome = asked.outcome().cloned().expect("it was waited for");
        assert!(outcome.is_ok(), "a workstream is not made: {outcome:?}");
        self.promise(&id, true);
        self.wait_attached(&id);
        git::lock(&self.ground.git).work(&id, false);
        id
    }

    /// Notes what was acknowledged: that a workstream is there, or gone.
    pub fn promise(&mut self, id: &WorkstreamId, is_there: bool) {
        self.promised.insert(id.clone(), is_there);
    }

    /// Forgets a promise: from now on either is fine.
    pub fn release(&mut self, id: &WorkstreamId) {
        self.promised.remove(id);
    }

    /// Waits until a workstream's terminal is attached.
    pub fn wait_attached(&mut self, id: &WorkstreamId) {
        self.wait("the terminal is attached", CALM_MS, |cluster| {
            cluster.card(id).is_some_and(|card| card.is_attached && card.state == CardState::Running)
        });
    }

    /// Types; whether there was a session to take it.
    pub fn type_text(&self, id: &WorkstreamId, text: &str) -> bool {
        let session = self.live().and_then(|live| live.sessions.session(id));
        session.is_some_and(|session| session.write(text.as_bytes()))
    }

    /// What is on a workstream's screen, history included; empty before anything was.
    pub fn screen(&self, id: &WorkstreamId) -> String {
        let pane = self.live().and_then(|live| live.sessions.pane(id));
        pane.map(|pane| process::text(&pane)).unwrap_or_default()
    }

    /// Waits until a text is on a workstream's screen.
    pub fn wait_seen(&mut self, id: &WorkstreamId, text: &str) {
        let what = format!("`{text}` is seen");
        self.wait(&what, CALM_MS, |cluster| cluster.screen(id).contains(text));
    }

    /// Ends the run in order, agents left at work, and waits for it.
    pub fn quit(&mut self, limit_ms: u64) -> Ending {
        let before = self.endings().len();
        let _answer = self.ask(Ask::Quit { policy: OnQuit::KeepRunning });
        self.wait("the run has ended", limit_ms, |cluster| cluster.endings().len() > before);
        self.endings().pop().expect("it was waited for")
    }
}

/// How long things may take when nothing is wrong any more: a request that was lost is proven so only after the
/// longest time it could take to land, and asked about once more after that.
pub const CALM_MS: u64 = 2 * ccells_core::limits::LATE_MS + 2 * ccells_core::limits::RELIST_MS + 60_000;

/// The weather.
impl Cluster {
    /// Nothing passes between the run and the engine.
    pub fn partition(&self) {
        self.sim.partition(CCELLS, ENGINE);
    }

    /// Nothing passes from the one to the other.
    pub fn partition_one_way(&self, from: &str, to: &str) {
        self.sim.partition_oneway(from, to);
    }

    /// Everything passes again. What was lost stays lost: streams that were open have a hole in them for ever.
    pub fn heal(&self) {
        self.sim.repair(CCELLS, ENGINE);
    }

    /// The engine stands still, its streams open, or goes on.
    pub fn hang_engine(&self, is_hung: bool) {
        if !is_hung {
            self.ground.engine_tap.turn(Flow::Free, Flow::Free);
            self.ground.dockerd.wake();
        } else if self.ground.choices.chance("frozen", 5_000) {
            // Its process is stopped: not a byte is read.
            self.ground.engine_tap.turn(Flow::Stuck, Flow::Stuck);
        } else {
            self.ground.dockerd.hang();
        }
    }

    /// The engine's process dies; its containers go on for now.
    pub fn crash_engine(&mut self) {
        if self.is_engine_up {
            self.is_engine_up = false;
            self.ground.dockerd.crash();
            // Its tasks end by themselves, in an order that does not depend on what else this process has ever run.
            self.tick();
            self.sim.crash(ENGINE);
        }
    }

    /// The engine is started again. Containers that it finds running it leaves alone, or ends.
    pub fn start_engine(&mut self, leaves_containers: bool) {
        if !self.is_engine_up {
            self.is_engine_up = true;
            self.ground.engine_tap.turn(Flow::Free, Flow::Free);
            self.ground.dockerd.boot(leaves_containers);
            self.sim.bounce(ENGINE);
        }
    }

    /// The run's process, or its host, is gone between two instructions.
    pub fn crash(&mut self, crash: Crash) {
        let Some(live) = lock(&self.ground.live).take() else { return };
        // Destructors run when a host is crashed here, and would not when a process is killed: they find a dead disk
        // and no streams.
        live.files.crash(crash);
        match crash {
            Crash::Kill => {
                live.killed.notify_one();
                self.tick();
            }
            Crash::Power => self.ground.lines.cut(),
        }
        self.sim.crash(CCELLS);
        self.ground.note("weather", &format!("{crash:?}"));
    }

    /// The run is killed in the middle of one of its next `most` file operations.
    pub fn crash_within(&self, most: u32) {
        if let Some(live) = self.live() {
            let number =
                self.ground.disk.operations() + u64::from(self.ground.choices.below("hot crash", most));
            live.files.die_at(number);
        }
    }

    /// Another run is started where the last one ended.
    pub fn start(&mut self) {
        if self.live().is_none() {
            self.start_unseen();
            self.wait_begun();
        }
    }

    /// The same, and nobody waits until it shows something. No run may live.
    pub fn start_unseen(&mut self) {
        self.sim.bounce(CCELLS);
    }

    fn wait_begun(&mut self) {
        self.wait("a run has begun", 60_000, |cluster| cluster.snapshot().is_some());
    }

    /// The storm is over: everything works from now on, and a run lives.
    pub fn calm(&mut self) {
        self.heal();
        self.ground.dockerd.set_weather(Weather::CALM);
        self.hang_engine(false);
        self.start_engine(true);
        self.start();
    }
}
