//! What strikes: which faults a world knows and how often is drawn once (each is off in half of all worlds), and every
//! quarter of a second something may happen.

use ccells_core::container::Labels;
use ccells_core::ids::RunId;
use ccells_core::ports::{FileError, FileOk, FileOp};
use ccells_core::time::Wall;

use crate::checkers::pace;
use crate::choice::Choices;
use crate::ports::engine::{Container, Meddling};
use crate::ports::files::FaultRates;
use crate::ports::platter::Loss;
use crate::process::Life;
use crate::trace::Who;
use crate::world::{Item, World};

/// How often something may strike.
const STRIKE_MS: u64 = 250;
/// What the engine made so shortly before a power cut may be forgotten.
const ENGINE_FORGETS_MS: u64 = 100;
/// How many of ten thousand starts get stuck where some do.
const STUCK_RATE: u32 = 500;
/// In one of so many worlds the engine lacks the image.
const ONE_LACKS_IMAGE: u32 = 10;
/// The kernel's number for "no locks available".
const ENOLCK: i32 = 37;

/// Why a disk takes no writes for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskTrouble {
    /// The file system has become read-only.
    ReadOnly,
    /// It is full.
    Full,
    /// Somebody took our permission away.
    Denied,
}

/// The faults of one world: rates are in 10,000 decisions of their kind.
#[derive(Clone, Debug)]
pub struct Weather {
    /// A crash at a step, an effect, or an arrival at the engine.
    pub hot_crash: u32,
    /// The signal to end comes while a request is on its way.
    pub hot_quit: u32,
    /// A request never lands.
    pub request_lost: u32,
    /// An answer never comes.
    pub reply_lost: u32,
    /// A request takes up to a minute.
    pub slow_engine: u32,
    /// The engine answers 500.
    pub engine_error: u32,
    /// A message of the engine's event stream gets lost.
    pub event_lost: u32,
    /// An answer is told twice.
    pub twice: u32,
    /// A file operation fails.
    pub disk_error: u32,
    /// A file operation takes seconds.
    pub slow_disk: u32,
    /// Git fails.
    pub git_error: u32,
    /// The machine sleeps while a listing is on its way back.
    pub hot_sleep: u32,
    /// Somebody else's container has the name that ours is to get.
    pub name_taken: u32,
    /// A start gets the pid of a run that died.
    pub pid_reuse: u32,
    /// A start finds directories missing, or a file system without locks.
    pub strange_home: u32,
    /// The engine forgets what it made last when the power goes.
    pub engine_forgets: u32,
    /// The engine dies in the middle of a start, and refuses every other start of that container.
    pub start_stuck: u32,
    /// Whether the engine lacks the image.
    pub lacks_image: bool,
    kill: u32,
    power: u32,
    stop: u32,
    sleep: u32,
    clock: u32,
    disk_trouble: u32,
    rot: u32,
    engine_restart: u32,
    engine_hang: u32,
    meddle: u32,
    stranger: u32,
    /// A second run starts beside one that runs.
    pub second: u32,
    /// Until then the disk takes no writes.
    pub disk_bad_until: u64,
    /// Why.
    pub disk_trouble_is: DiskTrouble,
    /// Until then the file system has no locks, as some that are mounted over a network have none.
    pub no_locks_until: u64,
    /// Until then the wall clock stands still, since it showed this.
    pub frozen: Option<(u64, Wall)>,
    /// Until then the engine takes requests and does nothing.
    pub engine_hung_until: u64,
    /// Until then nobody listens at the engine's socket.
    pub engine_down_until: u64,
    /// Until then the whole machine sleeps.
    pub asleep_until: u64,
}

impl Weather {
    /// Draws which faults there are.
    pub fn draw(choices: &Choices) -> Self {
        // A stream of its own: worlds from before this fault was known go on as they did until it strikes.
        let is_stuck_at_times = choices.below("swarm.stuck", 2) != 0;
        let lacks_image = choices.below("swarm.image", ONE_LACKS_IMAGE) == 1;
        let rate = |most: u32| {
            if choices.below("swarm", 2) == 0 { 0 } else { 1 + choices.below("swarm.rate", most) }
        };
        Self {
            hot_crash: rate(60),
            hot_quit: rate(200),
            request_lost: rate(1_500),
            reply_lost: rate(2_500),
            slow_engine: rate(2_500),
            engine_error: rate(800),
            event_lost: rate(5_000),
            twice: rate(500),
            disk_error: rate(300),
            slow_disk: rate(100),
            git_error: rate(500),
            kill: rate(200),
            power: rate(80),
            stop: rate(150),
            sleep: rate(50),
            clock: rate(100),
            disk_trouble: rate(80),
            rot: rate(30),
            engine_restart: rate(60),
            engine_hang: rate(80),
            meddle: rate(150),
            stranger: rate(60),
            second: rate(2_000),
            hot_sleep: rate(60),
            name_taken: rate(300),
            pid_reuse: rate(2_000),
            strange_home: rate(500),
            engine_forgets: rate(7_000),
            lacks_image,
            start_stuck: if is_stuck_at_times { STUCK_RATE } else { 0 },
            disk_bad_until: 0,
            disk_trouble_is: DiskTrouble::ReadOnly,
            no_locks_until: 0,
            frozen: None,
            engine_hung_until: 0,
            engine_down_until: 0,
            asleep_until: 0,
        }
    }
}

impl World {
    /// The weather's next decision.
    pub fn strike(&mut self) {
        if !self.is_storm {
            return;
        }
        self.agents_work();
        pace::saves_again(self);
        self.strike_processes();
        self.strike_machine();
        self.strike_engine();
        pace::check(self);
        self.later(STRIKE_MS, Item::Strike);
    }

    fn agents_work(&mut self) {
        let working: Vec<_> = self
            .engine
            .containers
            .values()
            .filter(|it| it.is_working())
            .filter_map(|it| it.labels.as_ref().map(|labels| labels.workstream.clone()))
            .collect();
        for workstream in working {
            match self.draw("agent", 8) {
                1 | 2 => self.git.work(&workstream, false),
                3 => self.git.work(&workstream, true),
                4 => self.git.rebases.go_on(&workstream, false),
                5 => self.git.rebases.go_on(&workstream, true),
                _ => {}
            }
        }
    }

    fn strike_processes(&mut self) {
        for process in 0..self.processes.len() {
            if !self.is_alive(process) {
                continue;
            }
            if self.chance("strike.kill", self.weather.kill) {
                self.kill(process);
            } else if self.chance("strike.stop", self.weather.stop) {
                let until = self.now + 1_000 + self.draw("stop.long", 89_000);
                self.stop(process, until);
                self.saw("stopped process");
            }
        }
    }

    fn strike_machine(&mut self) {
        if self.chance("strike.power", self.weather.power) {
            self.cut_power();
        }
        if self.chance("strike.sleep", self.weather.sleep) {
            let until = self.now + 5_000 + self.draw("sleep.long", 85_000);
            self.sleep_all(until);
        }
        if self.chance("strike.clock", self.weather.clock) {
            self.strike_clock();
        }
        if self.chance("strike.disk", self.weather.disk_trouble) {
            self.weather.disk_trouble_is =
                [DiskTrouble::ReadOnly, DiskTrouble::Full, DiskTrouble::Denied][self.index("disk.kind", 3)];
            self.degrade_disk(500 + self.draw("disk.long", 15_000));
        }
        if self.chance("strike.rot", self.weather.rot) {
            self.rot();
        }
    }

    /// The whole machine sleeps until then.
    pub fn sleep_all(&mut self, until: u64) {
        self.trace.note(self.now, Who::Sky, "sleep", || format!("until {until}"));
        self.saw("machine asleep");
        self.weather.asleep_until = until;
        for process in 0..self.processes.len() {
            self.stop(process, until);
        }
    }

    /// The wall clock is set, by up to an hour or by half a minute, or stands still for a while.
    fn strike_clock(&mut self) {
        let most: i64 = match self.draw("clock.kind", 4) {
            0 | 1 => 3_600_000,
            2 => 30_000,
            _ => {
                let until = self.now + 5_000 + self.draw("clock.frozen", 60_000);
                self.weather.frozen = Some((until, self.clocks().wall));
                // When it goes on, it has jumped.
                self.oracle.has_clock_jumped = true;
                self.saw("frozen clock");
                self.trace.note(self.now, Who::Sky, "clock", || format!("stands still until {until}"));
                return;
            }
        };
        let range = u64::try_from(2 * most).unwrap_or(0);
        let ahead = i64::try_from(self.draw("clock.step", range)).unwrap_or(0) - most;
        self.wall_ahead += ahead;
        self.oracle.has_clock_jumped |= ahead > 0;
        self.saw("clock step");
        self.trace.note(self.now, Who::Sky, "clock", || format!("{ahead} ms"));
    }

    /// The disk takes no writes for so long.
    pub fn degrade_disk(&mut self, long: u64) {
        let until = self.now + long;
        self.weather.disk_bad_until = until;
        self.set_disk();
        self.later(long, Item::DiskMended);
        let why = self.weather.disk_trouble_is;
        self.trace.note(self.now, Who::Sky, "disk", || format!("takes no writes until {until}: {why:?}"));
    }

    /// A number below `count` as an index.
    fn index(&self, label: &'static str, count: u64) -> usize {
        usize::try_from(self.draw(label, count)).unwrap_or(0)
    }

    /// What a start may find: a file system without locks, or a home some of whose empty rooms are gone.
    pub fn strike_home(&mut self, seat: usize) {
        let rate = self.weather.strange_home;
        if !self.chance("home.strange", rate) {
            return;
        }
        let home = self.seats[seat].home_path.clone();
        if self.draw("home.kind", 2) == 1 {
            self.weather.no_locks_until = self.now + 1_000 + self.draw("home.long", 10_000);
            self.saw("no locks");
            self.trace.note(self.now, Who::Sky, "locks", || "the file system has none".to_string());
        } else {
            for room in ["trash", "intents", "workstreams", "locks"] {
                if self.disk.remove_empty(home.join(room).as_str()) {
                    self.saw("missing directory");
                }
            }
        }
    }

    /// What a file system without locks answers.
    pub fn refused_lock(&self, op: &FileOp) -> Option<FileError> {
        let has_none = self.weather.no_locks_until > self.now && matches!(op, FileOp::TryLock(_));
        has_none.then_some(FileError::Io(ENOLCK))
    }

    fn strike_engine(&mut self) {
        if self.chance("strike.restart", self.weather.engine_restart) {
            let until = self.now + 300 + self.draw("restart.long", 12_000);
            self.trace.note(self.now, Who::Sky, "restart", || format!("the engine is down until {until}"));
            self.weather.engine_down_until = until;
            if self.draw("restart.live", 2) == 0 {
                self.saw("engine restart with live-restore");
            } else {
                self.engine.end_all();
                self.saw("engine restart");
            }
            self.drop_calls();
            self.lose_engine("the engine went away");
        }
        if self.chance("strike.hang", self.weather.engine_hang) {
            let until = self.now + 1_000 + self.draw("hang.long", 40_000);
            self.weather.engine_hung_until = until;
            self.saw("hung engine");
            self.trace.note(self.now, Who::Sky, "hang", || format!("the engine does nothing until {until}"));
        }
        if self.chance("strike.meddle", self.weather.meddle) {
            self.meddle();
        }
        if self.chance("strike.stranger", self.weather.stranger) {
            self.plant_stranger();
        }
    }

    /// How often the disk fails from now on.
    pub fn set_disk(&self) {
        let is_bad = self.weather.disk_bad_until > self.now;
        let rate = if self.is_storm { self.weather.disk_error } else { 0 };
        let trouble = self.weather.disk_trouble_is;
        let always = |which| if is_bad && trouble == which { 10_000 } else { 0 };
        self.disk.set_rates(FaultRates {
            no_space: always(DiskTrouble::Full).max(rate / 3),
            io: rate / 3,
            read_only: always(DiskTrouble::ReadOnly).max(rate / 3),
            denied: always(DiskTrouble::Denied),
        });
    }

    /// What the disk did to somebody.
    pub fn note_disk(&mut self, process: usize, outcome: &Result<FileOk, FileError>) {
        match outcome {
            Err(FileError::NoSpace | FileError::ReadOnly | FileError::Denied | FileError::Io(_)) => {
                let is_bad = self.weather.disk_bad_until > self.now;
                self.saw(if is_bad { "degraded disk" } else { "disk error" });
                match outcome {
                    Err(FileError::NoSpace) => self.saw("full disk"),
                    Err(FileError::ReadOnly) => self.saw("read-only disk"),
                    _ => self.saw("device error"),
                }
                self.processes[process].watch.trouble_at = Some(self.now);
            }
            Ok(_) | Err(FileError::NotFound | FileError::Exists | FileError::Locked | FileError::Unfit) => {}
        }
    }

    /// A person does something to a container of ours with the engine's own tools.
    fn meddle(&mut self) {
        let names: Vec<String> = self.engine.containers.keys().cloned().collect();
        let Some(name) = self.pick("meddle.which", &names) else { return };
        let how = self.index("meddle.how", 6);
        let kinds = [Meddling::Stop, Meddling::Pause, Meddling::Unpause, Meddling::Start, Meddling::Remove];
        let Some(what) = kinds.get(how).copied() else { return self.prune() };
        self.trace.note(self.now, Who::User, "meddle", || format!("{what:?} {name}"));
        self.saw("meddling");
        self.note_meddling(&name, what);
        self.engine.meddle(&name, what);
        self.engine_changed();
    }

    /// A person takes all containers away that do not run, whose ever they are.
    fn prune(&mut self) {
        self.trace.note(self.now, Who::User, "prune", String::new);
        self.saw("prune");
        let is_idle = |it: &&Container| !it.state.has_processes();
        let names: Vec<_> =
            self.engine.containers.values().filter(is_idle).map(|it| it.name.clone()).collect();
        for name in names {
            self.note_meddling(&name, Meddling::Remove);
            self.engine.meddle(&name, Meddling::Remove);
        }
        self.engine_changed();
    }

    /// Containers that are nobody's business, and one of our home that no file knows of.
    fn plant_stranger(&mut self) {
        let number = self.number();
        let seat = self.index("stranger.seat", self.seats.len() as u64);
        let kind = self.draw("stranger.kind", 3);
        self.plant(number, seat, kind);
    }

    /// A container of our home that no file knows of.
    pub fn plant_lost(&mut self, seat: usize) {
        let number = self.number();
        self.plant(number, seat, 2);
    }

    fn plant(&mut self, number: u64, seat: usize, kind: u64) {
        let seat = self.seats[seat].clone();
        let workstream = self.fresh_id();
        let labels = Labels {
            home: seat.home.clone(),
            repo: seat.repo.id.clone(),
            workstream: workstream.clone(),
            run: RunId::parse(workstream.as_str()).expect("a workstream id has the form of a run id"),
            branch: "lost".to_string(),
            config_hash: "0".repeat(16),
        };
        match kind {
            0 => self.engine.plant(&format!("postgres-{number}"), None),
            1 => {
                let mut labels = labels;
                labels.home = ccells_core::ids::HomeId::parse("zoe").expect("letters are a key");
                self.engine.plant(&format!("ccells-web-zoe-{number}"), Some(labels));
            }
            _ => {
                let name = ccells_core::naming::container_name(&seat.repo.slug, &workstream);
                self.engine.plant(&name, Some(labels));
                self.oracle.planted.insert(workstream);
            }
        }
        self.trace.note(self.now, Who::User, "stranger", String::new);
        self.engine_changed();
    }

    /// One of our files is damaged behind our back.
    fn rot(&mut self) {
        let files: Vec<String> = self
            .disk
            .files()
            .into_keys()
            .filter(|path| path.ends_with(".json") && !path.contains("/trash/"))
            .collect();
        let states: Vec<String> =
            files.iter().filter(|path| path.ends_with("/state.json")).cloned().collect();
        let is_state = self.draw("rot.kind", 2) == 0 && !states.is_empty();
        let Some(path) = self.pick("rot.which", if is_state { &states } else { &files }) else { return };
        let keep = self.index("rot.keep", 200);
        let how = self.draw("rot.how", 4);
        self.trace.note(self.now, Who::Sky, "rot", || path.clone());
        self.saw("damaged file");
        let home = self.seats.iter().find(|seat| path.starts_with(seat.home_path.as_str()));
        if let Some(seat) = home {
            *self.oracle.damaged_homes.entry(seat.home.clone()).or_default() += 1;
        }
        let bytes = self.disk.look(&path.as_str().into(), false, <[u8]>::to_vec).unwrap_or_default();
        let rotten: Vec<u8> = match how {
            0 | 1 => bytes.get(..keep).unwrap_or_default().to_vec(),
            // A block that was never written.
            2 => vec![0; bytes.len()],
            // A bit that flipped: what it makes is no text.
            _ => bytes.iter().enumerate().map(|(at, byte)| byte | u8::from(at == keep) << 7).collect(),
        };
        self.disk.put(&path, &rotten);
    }

    /// A run is stopped until then.
    pub fn stop(&mut self, process: usize, until: u64) {
        if self.is_alive(process) {
            self.trace.note(self.now, Who::Process(process), "stop", || format!("until {until}"));
            let now = self.now;
            let run = &mut self.processes[process];
            run.life = Life::Stopped { until };
            run.stopped_since.get_or_insert(now);
            self.later(until - self.now, Item::GoOn(process));
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self, process: usize) {
        if self.is_alive(process) {
            self.trace.note(self.now, Who::Process(process), "killed", String::new);
            self.saw("SIGKILL");
            self.note_crash(process);
            self.end(process);
        }
    }

    /// Everybody is killed.
    pub fn kill_all(&mut self) {
        for process in 0..self.processes.len() {
            self.kill(process);
        }
    }

    /// The power goes: every process dies, the engine and its containers too, and the disk loses what was not synced.
    pub fn cut_power(&mut self) {
        // A machine that is shut down in order writes everything out first.
        let is_orderly = self.draw("power.orderly", 4) == 3;
        self.cut_power_and_lose(Some(Loss::Drawn).filter(|_| !is_orderly));
    }

    /// The same, with a given part of what was not synced, or nothing.
    pub fn cut_power_and_lose(&mut self, loss: Option<Loss>) {
        self.trace.note(self.now, Who::Sky, "power", String::new);
        self.saw("power loss");
        for process in 0..self.processes.len() {
            if self.is_alive(process) {
                self.note_crash(process);
                self.end(process);
            }
        }
        self.calls.clear();
        self.boots += 1;
        let before = self.disk.files();
        self.engine.end_all();
        match loss {
            Some(Loss::Drawn) => self.disk.lose_power(),
            Some(Loss::Everything) => self.disk.lose_power_and_all(),
            None => self.saw("orderly reboot"),
        }
        if self.disk.files() != before {
            self.saw("unsynced bytes lost");
        }
        if loss.is_some() {
            self.engine_forgets();
        }
        self.after_power_cut();
    }

    /// The engine does not sync what it was told last.
    fn engine_forgets(&mut self) {
        for (at, name) in std::mem::take(&mut self.made_lately) {
            let rate = self.weather.engine_forgets;
            if self.now - at <= ENGINE_FORGETS_MS && self.chance("engine.forgets", rate) {
                self.saw("engine forgot a creation");
                self.note_meddling(&name, Meddling::Remove);
                self.engine.meddle(&name, Meddling::Remove);
            }
        }
    }

    /// From now on nothing strikes any more and everything goes at its best speed.
    pub fn clear_up(&mut self) {
        self.is_storm = false;
        self.weather.disk_bad_until = 0;
        self.set_disk();
        self.weather.engine_hung_until = 0;
        self.weather.engine_down_until = 0;
        self.weather.asleep_until = 0;
        self.weather.no_locks_until = 0;
        self.weather.frozen = None;
        self.refuses_next = None;
        self.engine.free_names();
        for process in 0..self.processes.len() {
            if self.is_alive(process) {
                self.stop(process, self.now);
            }
        }
    }
}
