//! A written list of short stories, each told again and again with a crash at every single point: before every file
//! operation (and in the middle of every write), every step of git, every effect and every event, and around every
//! arrival at the engine. After each the world must recover; and two deep, it is struck once more at every point of the
//! recovery. Nothing is sampled: two crashes that leave the very same behind, promises included, are recovered from
//! once. What breaks before a crash is told as well, and each story is told once without one.

pub mod proofs;

use std::collections::HashSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use ccells_core::event::{Ask, OnQuit, Purpose};
use ccells_core::ids::WorkstreamId;
use ccells_core::ports::RebaseWish;

use crate::campaign::{self, Report};
use crate::canary::Planted;
use crate::choice::Choices;
use crate::faults::DiskTrouble;
use crate::oracle::Violation;
use crate::ports::engine::Meddling;
use crate::world::{CrashAt, CrashHow, World};

/// How the first crash comes.
pub const FIRST: [CrashHow; 5] =
    [CrashHow::Kill, CrashHow::Torn, CrashHow::PowerAll, CrashHow::PowerSome(1), CrashHow::PowerSome(2)];
/// How the one in the recovery comes.
pub const SECOND: [CrashHow; 3] = [CrashHow::Kill, CrashHow::Torn, CrashHow::PowerAll];
/// Failures of one story after which it is not told any further.
const ENOUGH: usize = 10;

/// A story. Its points are those of what it says; what comes before is another story's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// The first start of all, and a workstream is made.
    Create,
    /// One is made, and the engine will not start its container.
    CreateFails,
    /// One is made, and its making is taken back halfway.
    Cancel,
    /// One is taken away, and nothing in it is worth keeping.
    Destroy,
    /// One is taken away, but for its branch.
    DestroyKeepBranch,
    /// One is taken away whose agent has left work that is nowhere else.
    DestroyWithWork,
    /// One that was taken away, work and all, is brought back.
    Undo,
    /// The commits of one go into a branch of the user.
    Merge,
    /// The commits of one are pushed to a remote.
    Push,
    /// The commits of one are put onto what the user did meanwhile.
    Rebase,
    /// One is frozen.
    Pause,
    /// One that is frozen goes on.
    Resume,
    /// One is stopped.
    Stop,
    /// One that was stopped is started.
    Start,
    /// Its agent is started again.
    RestartAgent,
    /// A run ends and freezes what it has, and the next one lets it go on.
    QuitPauseAll,
    /// A run ends and leaves its agents to work, and the next one finds them.
    QuitKeepRunning,
    /// A run dies while it makes a workstream, and the next one takes that up.
    RecoverCreate,
    /// A run dies while it takes a workstream away, and the next one takes that up.
    RecoverDestroy,
    /// A run dies while it brings one back, and the next one takes that up.
    RecoverUndo,
    /// A run dies while a branch of the user moves with its checkout, and the next one takes that up.
    RecoverMerge,
    /// A run dies while it pushes, and the next one pushes again.
    RecoverPush,
    /// A run dies while an agent's git rebases, and the next one takes that up.
    RecoverRebase,
    /// A run dies while it freezes what it has, and the next one takes that up.
    RecoverQuit,
    /// A run dies while it makes a workstream, and `reconcile` undoes that with nobody looking.
    Reconcile,
    /// A start finds a container of ours that no file knows of.
    Adopt,
    /// A run dies with nothing under way, and the next one takes over.
    TakeOver,
    /// The disk is full while a workstream is frozen, and takes writes again.
    FullDisk,
    /// Somebody takes a container away, and it is made once more.
    Lost,
}

impl Story {
    /// All.
    pub const ALL: [Self; 29] = [
        Self::Create,
        Self::CreateFails,
        Self::Cancel,
        Self::Destroy,
        Self::DestroyKeepBranch,
        Self::DestroyWithWork,
        Self::Undo,
        Self::Merge,
        Self::Push,
        Self::Rebase,
        Self::Pause,
        Self::Resume,
        Self::Stop,
        Self::Start,
        Self::RestartAgent,
        Self::QuitPauseAll,
        Self::QuitKeepRunning,
        Self::RecoverCreate,
        Self::RecoverDestroy,
        Self::RecoverUndo,
        Self::RecoverMerge,
        Self::RecoverPush,
        Self::RecoverRebase,
        Self::RecoverQuit,
        Self::Reconcile,
        Self::Adopt,
        Self::TakeOver,
        Self::FullDisk,
        Self::Lost,
    ];

    /// The one of this name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|story| format!("{story:?}") == name)
    }

    /// The world at the end of the story, or as the crash left it.
    fn told(self, planted: Planted, crash: Option<CrashAt>, keeps_lines: bool) -> World {
        let mut world = World::calm(Choices::seeded(0), planted);
        if keeps_lines {
            world.keep_lines();
        }
        let id = self.begin(&mut world);
        world.points = 0;
        world.crash_at = crash;
        self.tell(&mut world, id);
        world
    }

    /// What is there before the story begins.
    fn begin(self, world: &mut World) -> Option<WorkstreamId> {
        if self == Self::Create {
            return None;
        }
        start(world, Purpose::Interactive);
        let wanted = world.new_workstream();
        let id = wanted.id.clone();
        wish(world, Ask::New(Box::new(wanted)));
        match self {
            Self::DestroyWithWork | Self::RecoverDestroy => world.git.work(&id, false),
            Self::Undo | Self::RecoverUndo => {
                world.git.work(&id, false);
                wish(world, removal(&id, false));
            }
            Self::Merge
            | Self::RecoverMerge
            | Self::Push
            | Self::RecoverPush
            | Self::Rebase
            | Self::RecoverRebase => commit(world, &id),
            Self::Resume => wish(world, Ask::Pause(id.clone())),
            Self::Start => wish(world, Ask::Stop(id.clone())),
            Self::Adopt => wish(world, Ask::Quit { policy: OnQuit::KeepRunning }),
            Self::Create
            | Self::CreateFails
            | Self::Cancel
            | Self::Destroy
            | Self::DestroyKeepBranch
            | Self::Pause
            | Self::Stop
            | Self::RestartAgent
            | Self::QuitPauseAll
            | Self::QuitKeepRunning
            | Self::RecoverCreate
            | Self::RecoverQuit
            | Self::Reconcile
            | Self::TakeOver
            | Self::FullDisk
            | Self::Lost => {}
        }
        Some(id)
    }

    fn tell(self, world: &mut World, id: Option<WorkstreamId>) {
        let Some(id) = id else {
            start(world, Purpose::Interactive);
            let wanted = world.new_workstream();
            return wish(world, Ask::New(Box::new(wanted)));
        };
        match self {
            Self::Create => {}
            Self::CreateFails => {
                world.refuses_next = Some("start");
                let wanted = world.new_workstream();
                wish(world, Ask::New(Box::new(wanted)));
            }
            Self::Cancel => {
                let wanted = world.new_workstream();
                let id = wanted.id.clone();
                begin_wish(world, Ask::New(Box::new(wanted)), 90);
                wish(world, Ask::Cancel(id));
            }
            Self::Destroy | Self::DestroyWithWork => wish(world, removal(&id, false)),
            Self::DestroyKeepBranch => wish(world, removal(&id, true)),
            Self::Undo => {
                let undo = undo(world, &id);
                wish(world, undo);
            }
            Self::Merge => wish(world, merge(&id)),
            Self::Push => wish(world, push(&id)),
            Self::Rebase => {
                wish(world, rebase(&id));
                world.git.rebases.go_on(&id, false);
                wish(world, merge(&id));
            }
            Self::Pause => wish(world, Ask::Pause(id)),
            Self::Resume | Self::Start => wish(world, Ask::Resume(id)),
            Self::Stop => wish(world, Ask::Stop(id)),
            Self::RestartAgent => wish(world, Ask::Restart(id)),
            Self::QuitPauseAll => {
                wish(world, Ask::Quit { policy: OnQuit::PauseAll });
                start(world, Purpose::Interactive);
            }
            Self::QuitKeepRunning => {
                wish(world, Ask::Quit { policy: OnQuit::KeepRunning });
                start(world, Purpose::Interactive);
            }
            Self::RecoverCreate
            | Self::RecoverDestroy
            | Self::RecoverUndo
            | Self::RecoverMerge
            | Self::RecoverPush
            | Self::RecoverRebase
            | Self::RecoverQuit
            | Self::Reconcile => self.tell_of_recovery(world, &id),
            Self::Adopt => {
                world.plant_lost(0);
                start(world, Purpose::Interactive);
            }
            Self::TakeOver => take_over(world, Purpose::Interactive),
            Self::FullDisk => {
                world.weather.disk_trouble_is = DiskTrouble::Full;
                world.degrade_disk(1_500);
                wish(world, Ask::Pause(id.clone()));
                wish(world, Ask::Resume(id));
            }
            Self::Lost => {
                take_all_away(world);
                wish(world, Ask::Resume(id));
            }
        }
    }

    /// A run dies in the middle of something, and the next one takes that up.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others die while they make a workstream")]
    fn tell_of_recovery(self, world: &mut World, id: &WorkstreamId) {
        let (ask, pass_ms) = match self {
            Self::RecoverDestroy => (removal(id, false), 60),
            Self::RecoverUndo => (undo(world, id), 60),
            Self::RecoverMerge => (merge(id), 60),
            Self::RecoverPush => (push(id), 60),
            Self::RecoverRebase => (rebase(id), 60),
            Self::RecoverQuit => (Ask::Quit { policy: OnQuit::PauseAll }, 30),
            _ => (Ask::New(Box::new(world.new_workstream())), 140),
        };
        begin_wish(world, ask, pass_ms);
        let purpose = if self == Self::Reconcile { Purpose::Reconcile } else { Purpose::Interactive };
        take_over(world, purpose);
        if self == Self::RecoverPush {
            wish(world, push(id));
        }
    }
}

fn removal(id: &WorkstreamId, keep_branch: bool) -> Ask {
    Ask::Remove { workstream: id.clone(), is_forced: true, keep_branch }
}

/// The agent works, and commits what it did.
fn commit(world: &mut World, id: &WorkstreamId) {
    world.git.work(id, false);
    world.git.work(id, true);
}

fn merge(id: &WorkstreamId) -> Ask {
    Ask::Merge { workstream: id.clone(), wish: Box::default() }
}

fn push(id: &WorkstreamId) -> Ask {
    Ask::Push { workstream: id.clone(), wish: Box::default() }
}

fn rebase(id: &WorkstreamId) -> Ask {
    Ask::Rebase { workstream: id.clone(), wish: Box::new(RebaseWish::Onto(None)) }
}

fn undo(world: &World, id: &WorkstreamId) -> Ask {
    Ask::Undo(Box::new(world.oracle.facts[id].clone()))
}

/// Somebody removes every container behind our back.
fn take_all_away(world: &mut World) {
    let names: Vec<_> = world.engine.containers.keys().cloned().collect();
    for name in names {
        world.note_meddling(&name, Meddling::Remove);
        world.engine.meddle(&name, Meddling::Remove);
    }
    world.engine_changed();
    campaign::rest(world, REST_MS);
}

/// A story comes to rest within this time after each of its turns.
const REST_MS: u64 = 4_000;

fn start(world: &mut World, purpose: Purpose) {
    if !world.has_crashed {
        if let Some(process) = world.start(0, purpose) {
            world.give_errand(process);
        }
        campaign::rest(world, REST_MS);
    }
}

fn wish(world: &mut World, ask: Ask) {
    begin_wish(world, ask, 0);
    campaign::rest(world, REST_MS);
}

fn begin_wish(world: &mut World, ask: Ask, pass_ms: u64) {
    let Some(process) = world.writer_at(0).filter(|_| !world.has_crashed) else { return };
    world.ask(process, ask);
    let until = world.now + pass_ms;
    world.run_while(until, |world| !world.has_crashed);
}

/// The run dies, and another one starts.
fn take_over(world: &mut World, purpose: Purpose) {
    if !world.has_crashed {
        world.kill_all();
        start(world, purpose);
    }
}

/// One story, with no crash in it, with one, or with two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// The story.
    pub story: Story,
    /// The crash in it.
    pub first: Option<CrashAt>,
    /// The crash in the recovery from that.
    pub second: Option<CrashAt>,
}

impl Path {
    /// Goes this way once, to the end.
    pub fn walk(self, planted: Planted, keeps_lines: bool) -> Report {
        let Some(first) = self.first else { return finish(self.story.told(planted, None, keeps_lines)) };
        let mut world = crash_in(self.story, planted, first, keeps_lines);
        if let Some(second) = self.second
            && world.oracle.violation.is_none()
        {
            world = crash_in_recovery(&world, second);
        }
        end(&world)
    }
}

/// The story up to its crash, with nobody left in it.
fn crash_in(story: Story, planted: Planted, at: CrashAt, keeps_lines: bool) -> World {
    let mut world = story.told(planted, Some(at), keeps_lines);
    world.kill_all();
    world
}

fn crash_in_recovery(after: &World, at: CrashAt) -> World {
    let mut world = after.copy(&Choices::seeded(0));
    world.crash_at = Some(at);
    campaign::recover(&mut world);
    world.kill_all();
    world
}

/// What becomes of a world that is left alone from here on.
fn end(after: &World) -> Report {
    finish(after.copy(&Choices::seeded(1)))
}

/// The calm after a story. What is broken already is broken: the first violation counts.
fn finish(mut world: World) -> Report {
    let told = match world.oracle.violation {
        Some(_) => Ok(()),
        None => catch_unwind(AssertUnwindSafe(|| campaign::calm(&mut world))),
    };
    campaign::report(world, told.err())
}

/// What became of one story.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Its points.
    pub points: u64,
    /// Crashes in it, and how many different worlds they left.
    pub first: (u64, u64),
    /// Crashes in the recoveries from those, and how many different worlds they left.
    pub second: (u64, u64),
    /// What failed, and how.
    pub failures: Vec<(Path, Violation)>,
}

/// What is told, how deep, by how many at once, and after how many failures it is not told any further.
#[derive(Clone, Copy, Debug)]
pub struct Telling {
    /// The story.
    pub story: Story,
    /// The mistake in the program.
    pub planted: Planted,
    /// Whether there is another crash at every point of each recovery.
    pub is_deep: bool,
    /// How many crashes are tried at once.
    pub threads: usize,
    /// How many failures are enough.
    pub enough: usize,
}

impl Telling {
    /// The story as it is told to be sure of the program.
    pub fn new(story: Story, threads: usize) -> Self {
        Self { story, planted: Planted::Nothing, is_deep: false, threads, enough: ENOUGH }
    }
}

/// Tells a story without a crash, and then with one at every point; two deep, with another one at every point of each
/// recovery.
pub fn explore(telling: Telling) -> Counts {
    let search = Search {
        telling,
        counts: Mutex::default(),
        left: [Mutex::new(HashSet::new()), Mutex::new(HashSet::new())],
    };
    let points = search.plain();
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..telling.threads {
            scope.spawn(|| {
                loop {
                    let point = next.fetch_add(1, Ordering::Relaxed);
                    if point >= points || search.has_enough() {
                        break;
                    }
                    for how in FIRST {
                        search.first(CrashAt { point, how });
                    }
                }
            });
        }
    });
    search.counts.into_inner().unwrap_or_else(PoisonError::into_inner)
}

struct Search {
    telling: Telling,
    counts: Mutex<Counts>,
    /// Fingerprints of what crashes left, one deep and two deep.
    left: [Mutex<HashSet<u64>>; 2],
}

impl Search {
    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_enough(&self) -> bool {
        self.counts().failures.len() >= self.telling.enough
    }

    fn is_new(&self, depth: usize, world: &World) -> bool {
        self.left[depth].lock().unwrap_or_else(PoisonError::into_inner).insert(world.fingerprint())
    }

    /// The story without a crash: how many points it has where one can come.
    fn plain(&self) -> u64 {
        let Telling { story, planted, .. } = self.telling;
        let path = Path { story, first: None, second: None };
        let Some(world) = self.try_out(path, || story.told(planted, None, false)) else { return 0 };
        let points = world.points;
        self.counts().points = points;
        self.note(path, finish(world).violation);
        if points == 0 {
            self.note(path, Some(pointless("nothing happens in it".to_string())));
        }
        points
    }

    fn first(&self, at: CrashAt) {
        let Telling { story, planted, is_deep, .. } = self.telling;
        let path = Path { story, first: Some(at), second: None };
        let Some(world) = self.try_out(path, || crash_in(story, planted, at, false)) else { return };
        let is_broken = world.oracle.violation.is_some();
        if !world.has_crashed && !is_broken {
            self.note(path, Some(pointless("told once more, the story has no such point".to_string())));
            return;
        }
        let is_new = self.is_new(0, &world);
        {
            let first = &mut self.counts().first;
            *first = (first.0 + 1, first.1 + u64::from(is_new));
        }
        if is_new || is_broken {
            self.note(path, end(&world).violation);
        }
        let mut point = 0;
        while is_deep && is_new && !is_broken && !self.has_enough() && self.second(path, &world, point) {
            point += 1;
        }
    }

    /// Strikes the recovery at one point. Whether it has such a point.
    fn second(&self, path: Path, after: &World, point: u64) -> bool {
        for how in SECOND {
            let at = CrashAt { point, how };
            let path = Path { second: Some(at), ..path };
            let Some(world) = self.try_out(path, || crash_in_recovery(after, at)) else { return false };
            let is_broken = world.oracle.violation.is_some();
            if !world.has_crashed {
                self.note(path, world.oracle.violation);
                return false;
            }
            let is_new = self.is_new(1, &world);
            {
                let second = &mut self.counts().second;
                *second = (second.0 + 1, second.1 + u64::from(is_new));
            }
            if is_new || is_broken {
                self.note(path, end(&world).violation);
            }
        }
        true
    }

    fn try_out(&self, path: Path, act: impl FnOnce() -> World) -> Option<World> {
        let world = catch_unwind(AssertUnwindSafe(act)).ok();
        if world.is_none() {
            let text = "a panic before the end; replay it to read it".to_string();
            self.note(path, Some(Violation { invariant: "PANIC", text }));
        }
        world
    }

    fn note(&self, path: Path, violation: Option<Violation>) {
        self.counts().failures.extend(violation.map(|violation| (path, violation)));
    }
}

/// A story that is not told as it must be proves nothing.
fn pointless(text: String) -> Violation {
    Violation { invariant: "STORY", text }
}

/// The crashes of a story that is told without one.
const NEVER: &str = "never";

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@", self.story)?;
        match self.first {
            Some(first) => write!(f, "{first}")?,
            None => write!(f, "{NEVER}")?,
        }
        self.second.map_or(Ok(()), |second| write!(f, "/{second}"))
    }
}

impl fmt::Display for CrashAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.how {
            CrashHow::Kill => write!(f, "{}:kill", self.point),
            CrashHow::Torn => write!(f, "{}:torn", self.point),
            CrashHow::PowerAll => write!(f, "{}:power", self.point),
            CrashHow::PowerSome(seed) => write!(f, "{}:power{seed}", self.point),
        }
    }
}

impl FromStr for CrashAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (point, how) = text.split_once(':').ok_or(format!("`{text}` is no point and how"))?;
        let point = point.parse().map_err(|error| format!("`{point}`: {error}"))?;
        let how = match (how, how.strip_prefix("power")) {
            ("kill", _) => CrashHow::Kill,
            ("torn", _) => CrashHow::Torn,
            ("power", _) => CrashHow::PowerAll,
            (_, Some(seed)) => {
                CrashHow::PowerSome(seed.parse().map_err(|error| format!("`{seed}`: {error}"))?)
            }
            (_, None) => return Err(format!("`{how}` is no way to crash: kill, torn, power, power1")),
        };
        Ok(Self { point, how })
    }
}

impl FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, crashes) = text.split_once('@').ok_or(format!("`{text}` is no story and point"))?;
        let story = Story::named(name).ok_or(format!("there is no story `{name}`"))?;
        if crashes == NEVER {
            return Ok(Self { story, first: None, second: None });
        }
        let (first, second) =
            crashes.split_once('/').map_or((crashes, None), |(first, second)| (first, Some(second)));
        Ok(Self { story, first: Some(first.parse()?), second: second.map(str::parse).transpose()? })
    }
}
