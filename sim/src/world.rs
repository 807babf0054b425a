//! A small world in virtual time: several runs of ccells, one disk, one engine, one git, and what befalls them. One
//! queue of things to come, one clock, one source of chance: the same choices make the same world.

use std::collections::{BTreeMap, BTreeSet};

use ccells_core::event::{Ask, Event, Repo};
use ccells_core::ids::{HomeId, PathText, RepoId, RequestId, WorkstreamId};
use ccells_core::limits::RELIST_MS;
use ccells_core::places::Places;
use ccells_core::ports::{EngineError, FileError, FileOk, FileOp, Files};
use ccells_core::time::{Mono, Now, Wall};

use crate::canary::Planted;
use crate::checkers::quit;
use crate::choice::Choices;
use crate::faults::Weather;
use crate::oracle::{Oracle, Violation};
use crate::ports::engine::{EngineOk, EngineOp, SimEngine};
use crate::ports::files::Disk;
use crate::ports::git::SimGit;
use crate::ports::platter::Loss;
use crate::process::{Life, Process};
use crate::trace::{self, Trace, Who};

/// The wall clock when the world begins.
const EPOCH_MS: u64 = 1_795_000_000_000;
/// More turns of the queue than any sound world takes.
const MOST_TURNS: u64 = 3_000_000;

/// One home and one repository: where at most one run may write.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The home.
    pub home: HomeId,
    /// Where it is.
    pub home_path: PathText,
    /// The repository.
    pub repo: Repo,
    /// Where its files are.
    pub places: Places,
}

/// Something to come.
pub enum Item {
    /// A machine is told.
    Tell(usize, Event),
    /// A machine's timer goes off.
    Wake(usize),
    /// A job takes its next step.
    Step(usize, u64),
    /// A request reaches the engine.
    Arrive(u64),
    /// The engine's answer reaches its client.
    Answer(u64, Result<EngineOk, EngineError>),
    /// A client loses its patience.
    Impatience(u64),
    /// A run that was to end must have ended.
    MustHaveEnded(usize),
    /// Something may strike.
    Strike,
    /// A person at a seat may do something.
    User(usize),
    /// A person takes a wish for a new workstream back.
    Regret(usize, WorkstreamId),
    /// The disk takes writes again.
    DiskMended,
    /// A stopped process goes on.
    GoOn(usize),
}

/// What is told at the end of a request to the engine.
pub type EngineAnswer = Box<dyn Fn(Result<EngineOk, EngineError>) -> Event>;

/// A request to the engine on its way.
pub struct Call {
    /// Whose.
    pub process: usize,
    /// What.
    pub op: EngineOp,
    /// When it was sent.
    pub sent_at: u64,
    /// What is told at its end.
    pub answer: EngineAnswer,
    /// Whether the client still waits.
    pub is_waited_for: bool,
    /// Whether nothing of it is on its way any more.
    pub is_lost: bool,
}

/// Where a crash is to come, for exhaustive runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashAt {
    /// At the point of this number.
    pub point: u64,
    /// How.
    pub how: CrashHow,
}

/// How a crash comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashHow {
    /// SIGKILL.
    Kill,
    /// SIGKILL in the middle of a write, of which half has landed. Where nothing is written, the same as a kill.
    Torn,
    /// The power goes, and with it everything that was not synced.
    PowerAll,
    /// The power goes, and what was not synced survives in part, as drawn from this seed.
    PowerSome(u64),
}

/// The world.
pub struct World {
    /// Milliseconds since it began.
    pub now: u64,
    /// What the wall clock says beyond that.
    pub wall_ahead: i64,
    /// All chance.
    pub choices: Choices,
    /// What may strike, and how often.
    pub weather: Weather,
    /// The disk.
    pub disk: Disk,
    /// The engine.
    pub engine: SimEngine,
    /// Git.
    pub git: SimGit,
    /// Every run there ever was.
    pub processes: Vec<Process>,
    /// Where runs work.
    pub seats: Vec<Seat>,
    /// Requests under way.
    pub calls: BTreeMap<u64, Call>,
    /// What was promised, and whether it is kept.
    pub oracle: Oracle,
    /// What came to pass at least once.
    pub seen: BTreeSet<&'static str>,
    /// What happened.
    pub trace: Trace,
    /// A fault planted in the program.
    pub planted: Planted,
    /// Whether faults still strike and people still wish.
    pub is_storm: bool,
    /// When the storm ends.
    pub storm_until: u64,
    /// Points passed where a crash could come.
    pub points: u64,
    /// Where one is to come.
    pub crash_at: Option<CrashAt>,
    /// Whether it came.
    pub has_crashed: bool,
    /// The next request of this kind is refused by the engine.
    pub refuses_next: Option<&'static str>,
    /// How often the machine was booted.
    pub boots: u32,
    /// Containers made lately, and when: the engine forgets the newest when the power goes.
    pub made_lately: Vec<(u64, String)>,
    pub(crate) queue: BTreeMap<(u64, u64), Item>,
    pub(crate) numbers: u64,
}

impl World {
    /// A world in which nothing has happened.
    pub fn new(choices: Choices, planted: Planted, keeps_lines: bool) -> Self {
        let weather = Weather::draw(&choices);
        let seats = drawn_seats(&choices);
        Self::in_weather(choices, weather, seats, planted, keeps_lines)
    }

    /// A world with one seat in which nothing strikes.
    pub fn calm(choices: Choices, planted: Planted) -> Self {
        let seats = drawn_seats(&Choices::benign());
        Self::in_weather(choices, Weather::draw(&Choices::benign()), seats, planted, false)
    }

    /// From now on the trace keeps its lines.
    pub fn keep_lines(&mut self) {
        self.trace = Trace::new(true);
    }

    fn in_weather(
        choices: Choices,
        weather: Weather,
        seats: Vec<Seat>,
        planted: Planted,
        keeps_lines: bool,
    ) -> Self {
        Self {
            now: 0,
            wall_ahead: 0,
            disk: Disk::new(&choices),
            choices,
            engine: SimEngine::lacking(weather.lacks_image),
            weather,
            // The hard case: the snapshot is the only copy there is.
            git: SimGit { is_split: true, ..SimGit::default() },
            processes: Vec::new(),
            seats,
            calls: BTreeMap::new(),
            oracle: Oracle::default(),
            seen: BTreeSet::new(),
            trace: Trace::new(keeps_lines),
            planted,
            is_storm: true,
            storm_until: 0,
            points: 0,
            crash_at: None,
            has_crashed: false,
            refuses_next: None,
            boots: 1,
            made_lately: Vec::new(),
            queue: BTreeMap::new(),
            numbers: 0,
        }
    }

    /// A number never given before.
    pub fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Puts something on the queue.
    pub fn later(&mut self, delay_ms: u64, item: Item) {
        let number = self.number();
        self.queue.insert((self.now + delay_ms, number), item);
    }

    /// Both clocks.
    pub fn clocks(&self) -> Now {
        let wall = (EPOCH_MS + self.now).saturating_add_signed(self.wall_ahead);
        let wall = match self.weather.frozen {
            Some((until, stood_at)) if until > self.now => stood_at,
            Some(_) | None => Wall(wall),
        };
        Now { mono: Mono(self.now), wall }
    }

    /// Lets time pass until `until`, or until an invariant is broken.
    pub fn run_until(&mut self, until: u64) {
        self.run_while(until, |_| true);
    }

    /// Lets time pass until `until`, or until `goes_on` says no, or until an invariant is broken.
    pub fn run_while(&mut self, until: u64, goes_on: impl Fn(&Self) -> bool) {
        let mut turns = 0_u64;
        while self.oracle.violation.is_none() && goes_on(self) {
            let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= until) else { break };
            let ((at, _), item) = entry.remove_entry();
            self.now = self.now.max(at);
            self.turn(item);
            turns += 1;
            if turns > MOST_TURNS {
                self.fail("L0", "the world turns and turns and gets nowhere".to_string());
            }
        }
        if self.oracle.violation.is_none() && goes_on(self) {
            self.now = self.now.max(until);
        }
    }

    /// An invariant is broken. The first one counts.
    pub fn fail(&mut self, invariant: &'static str, text: String) {
        if self.oracle.violation.is_none() {
            self.trace.note(self.now, Who::Sky, "FAIL", || format!("{invariant}: {text}"));
            self.trace.end();
            self.oracle.violation = Some(Violation { invariant, text });
        }
    }

    /// Something came to pass that must come to pass sometimes.
    pub fn saw(&mut self, what: &'static str) {
        self.seen.insert(what);
    }

    fn turn(&mut self, item: Item) {
        if let Some(process) = self.stopped(&item) {
            self.processes[process].deferred.push(item);
            return;
        }
        match item {
            Item::Tell(process, event) => self.tell(process, event),
            Item::Wake(process) => self.wake(process),
            Item::Step(process, job) => self.step_job(process, job),
            Item::Arrive(call) => self.arrive(call),
            Item::Answer(call, outcome) => self.answer_call(call, outcome),
            Item::Impatience(call) => self.impatience(call),
            Item::MustHaveEnded(process) => quit::must_have_ended(self, process),
            Item::Strike => self.strike(),
            Item::User(seat) => self.user(seat),
            Item::Regret(process, id) => self.regret(process, id),
            Item::DiskMended => self.set_disk(),
            Item::GoOn(process) => self.go_on(process),
        }
    }

    /// A stopped process does nothing before it goes on.
    fn stopped(&self, item: &Item) -> Option<usize> {
        let process = match item {
            Item::Tell(process, _) | Item::Wake(process) | Item::Step(process, _) => *process,
            Item::Answer(call, _) | Item::Impatience(call) => self.calls.get(call)?.process,
            Item::Arrive(_)
            | Item::MustHaveEnded(_)
            | Item::Strike
            | Item::User(_)
            | Item::Regret(..)
            | Item::DiskMended
            | Item::GoOn(_) => return None,
        };
        matches!(self.processes[process].life, Life::Stopped { .. }).then_some(process)
    }

    /// A stopped process goes on, unless it was stopped for longer meanwhile.
    fn go_on(&mut self, process: usize) {
        if matches!(self.processes[process].life, Life::Stopped { until } if until <= self.now) {
            let now = self.now;
            let run = &mut self.processes[process];
            run.life = Life::Runs;
            let slept = now - run.stopped_since.take().unwrap_or(now);
            run.slept_ms += slept;
            run.watch.slept_long = slept > RELIST_MS;
            run.watch.went_on_at = now;
            for item in std::mem::take(&mut self.processes[process].deferred) {
                self.later(0, item);
            }
        }
    }

    /// Whether that run still runs.
    pub fn is_alive(&self, process: usize) -> bool {
        self.processes[process].life != Life::Ended
    }

    /// Tells a machine what happened and begins what it asks for.
    pub fn tell(&mut self, process: usize, event: Event) {
        if !self.is_alive(process) || self.crash_point(process) {
            return;
        }
        self.trace.note(self.now, Who::Process(process), "event", || brief(&format!("{event:?}")));
        if let Event::Asked { request, .. } = &event {
            self.processes[process].watch.heard.insert(*request);
        }
        if let Event::Booted(_) = &event {
            let watch = &mut self.processes[process].watch;
            (watch.booted_at, watch.went_on_at) = (Some(self.now), self.now);
        }
        let now = self.clocks();
        let effects = self.processes[process].machine.handle(now, event);
        for effect in effects {
            if self.crash_point(process) {
                return;
            }
            self.trace.note(self.now, Who::Process(process), "effect", || brief(&format!("{effect:?}")));
            self.perform(process, effect);
            if !self.is_alive(process) || self.oracle.violation.is_some() {
                return;
            }
        }
        self.set_timer(process);
    }

    fn wake(&mut self, process: usize) {
        if !self.is_alive(process) || self.processes[process].wake_at.is_none_or(|at| at > self.now) {
            return;
        }
        self.processes[process].wake_at = None;
        let spins = &mut self.processes[process].spins;
        *spins = if spins.0 == self.now { (spins.0, spins.1 + 1) } else { (self.now, 0) };
        if spins.1 > 100 {
            let deadline = self.processes[process].machine.next_deadline();
            self.fail("L0", format!("p{process} wakes for {deadline:?} again and again"));
            return;
        }
        self.tell(process, Event::TimePassed);
    }

    fn set_timer(&mut self, process: usize) {
        let Some(deadline) = self.processes[process].machine.next_deadline() else { return };
        let at = deadline.at.0.max(self.now);
        if self.processes[process].wake_at.is_none_or(|set| set > at) {
            self.processes[process].wake_at = Some(at);
            self.later(at - self.now, Item::Wake(process));
        }
    }

    /// Asks a run something on a person's behalf.
    pub fn ask(&mut self, process: usize, ask: Ask) -> RequestId {
        let request = RequestId(self.number());
        self.trace.note(self.now, Who::User, "ask", || format!("p{process} {}", brief(&format!("{ask:?}"))));
        self.note_ask(process, request, &ask);
        self.later(0, Item::Tell(process, Event::Asked { request, ask }));
        request
    }

    /// One file operation of a run, with what may befall it. A crash comes before it, as after the one before.
    pub fn file_op(&mut self, process: usize, op: &FileOp) -> Result<FileOk, FileError> {
        if !self.is_alive(process) {
            return Err(FileError::Io(0));
        }
        self.tear_if_due(process, op);
        if self.crash_point(process) || self.dies_before_sync(process, op) {
            return Err(FileError::Io(0));
        }
        self.before_file_op(process, op);
        let outcome = match self.refused_lock(op) {
            Some(error) => Err(error),
            None => self.processes[process].files.apply(op),
        };
        self.note_disk(process, &outcome);
        match (op, &outcome) {
            (FileOp::SyncFile(_) | FileOp::SyncDir(_), Err(_)) => self.saw("failed sync"),
            (FileOp::Append(..), Err(_)) => self.saw("torn write"),
            _ => {}
        }
        self.trace.note(self.now, Who::Process(process), "file", || {
            let word = if outcome.is_ok() { "" } else { " !" };
            format!("{}{word}", told(op))
        });
        self.after_file_op(op);
        outcome
    }

    /// What is renamed and not yet synced is where a kill is worst for whoever finds it.
    fn dies_before_sync(&mut self, process: usize, op: &FileOp) -> bool {
        let rate = 8 * self.weather.hot_crash;
        let is_so = matches!(op, FileOp::SyncDir(path) if path.as_str().ends_with("/intents"))
            && self.chance("crash.sync", rate);
        if is_so {
            self.saw("killed between rename and sync");
            self.kill(process);
        }
        is_so
    }

    /// A point where a crash may come: whether it did.
    pub fn crash_point(&mut self, process: usize) -> bool {
        let point = self.points;
        self.points += 1;
        if let Some(CrashAt { how, .. }) = self.crash_at.take_if(|at| at.point == point) {
            self.has_crashed = true;
            match how {
                CrashHow::Kill | CrashHow::Torn => self.kill(process),
                CrashHow::PowerAll => self.cut_power_and_lose(Some(Loss::Everything)),
                CrashHow::PowerSome(seed) => {
                    self.disk.draw_from(&Choices::seeded(seed.wrapping_mul(1_000_003) ^ point));
                    self.cut_power();
                }
            }
            return true;
        }
        let rate = self.weather.hot_crash;
        if self.chance("crash.hot", rate) {
            self.saw("crash at a step");
            if self.chance("crash.power", 3_000) {
                self.cut_power();
            } else {
                self.kill(process);
            }
            return true;
        }
        false
    }

    /// A crash that is due at this very point may come in the middle of a write.
    fn tear_if_due(&mut self, process: usize, op: &FileOp) {
        let is_torn = |at: CrashAt| at.point == self.points && at.how == CrashHow::Torn;
        if let (true, FileOp::Append(path, bytes)) = (self.crash_at.is_some_and(is_torn), op) {
            let half = FileOp::Append(path.clone(), bytes[..bytes.len() / 2].to_vec());
            // Whatever comes of it: the process dies of it.
            let _torn = self.processes[process].files.apply(&half);
        }
    }

    /// A number below `count`, while there is a storm; zero when it is over, or when there is no other.
    pub fn draw(&self, label: &'static str, count: u64) -> u64 {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if self.is_storm && count > 1 { u64::from(self.choices.below(label, count)) } else { 0 }
    }

    /// Whether something happens that happens in `rate` of ten thousand cases, while there is a storm.
    pub fn chance(&self, label: &'static str, rate: u32) -> bool {
        self.is_storm && rate > 0 && self.choices.chance(label, rate)
    }

    /// One of several, the first being benign.
    pub fn pick<T: Clone>(&self, label: &'static str, from: &[T]) -> Option<T> {
        let index = self.draw(label, from.len() as u64);
        from.get(usize::try_from(index).unwrap_or(0)).cloned()
    }

    /// A fresh workstream id: unique over all homes.
    pub fn fresh_id(&mut self) -> WorkstreamId {
        let number = self.number();
        WorkstreamId::parse(&format!("01{number:024}")).expect("26 digits are an id")
    }
}

/// One seat, two or three: two homes share the first repository; the first home has another one beside it.
fn drawn_seats(choices: &Choices) -> Vec<Seat> {
    let mut seats = seats();
    match choices.below("seats", 10) {
        0..=5 => seats.truncate(1),
        6 | 7 => seats.truncate(2),
        8 => drop(seats.remove(1)),
        _ => {}
    }
    seats
}

/// Two homes share the first repository; the first home has another one beside it.
pub fn seats() -> Vec<Seat> {
    let seat = |home: &str, repo: &str| {
        let path = PathText(format!("/src/{repo}"));
        let repo = Repo {
            id: RepoId::parse(&format!("{repo}-{home}")).expect("letters and a dash are a key"),
            slug: repo.to_string(),
            git_dir: path.join(".git"),
            objects: vec![path.join(".git/objects")],
            path,
        };
        let home_path = PathText(format!("/home/{home}"));
        Seat {
            home: HomeId::parse(home).expect("letters are a key"),
            places: Places::new(&home_path),
            home_path,
            repo,
        }
    };
    vec![seat("ann", "web"), seat("ann", "api"), seat("bob", "web")]
}

/// A file operation, without what it writes.
fn told(op: &FileOp) -> String {
    match op {
        FileOp::Append(path, bytes) => format!("Append({path}, {} bytes)", bytes.len()),
        FileOp::MakeDir(_)
        | FileOp::Read(_)
        | FileOp::List(_)
        | FileOp::CreateNew(_)
        | FileOp::SyncFile(_)
        | FileOp::Link(..)
        | FileOp::Rename(..)
        | FileOp::SyncDir(_)
        | FileOp::Unlink(_)
        | FileOp::TryLock(_)
        | FileOp::Unlock(_) => format!("{op:?}"),
    }
}

/// A debug text, short enough for a line. What is cut off is there as a number: two that differ there differ.
fn brief(text: &str) -> String {
    const MOST: usize = 220;
    let Some((end, _)) = text.char_indices().nth(MOST) else { return text.replace('\n', " ") };
    let rest = trace::digest(&[text[end..].to_string()]);
    format!("{}…{rest:016x}", text[..end].replace('\n', " "))
}
