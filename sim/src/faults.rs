//! What strikes: which faults a world knows and how often is drawn once (each is off in half of all worlds), and every
//! quarter of a second something may happen.

use ccells_core::container::Labels;
use ccells_core::ids::RunId;
use ccells_core::ports::{FileError, FileOk};

use crate::choice::Choices;
use crate::ports::engine::Meddling;
use crate::ports::files::FaultRates;
use crate::process::Life;
use crate::trace::Who;
use crate::world::{Item, World};

/// How often something may strike.
const STRIKE_MS: u64 = 250;

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
    /// Whether that is for want of space.
    pub disk_is_full: bool,
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
            disk_error: rate(60),
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
            disk_bad_until: 0,
            disk_is_full: false,
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
        self.strike_processes();
        self.strike_machine();
        self.strike_engine();
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
                let until = self.now + 1_000 + self.draw("stop.long", 60_000);
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
            let until = self.now + 5_000 + self.draw("sleep.long", 50_000);
            self.trace.note(self.now, Who::Sky, "sleep", || format!("until {until}"));
            self.saw("machine asleep");
            self.weather.asleep_until = until;
            for process in 0..self.processes.len() {
                self.stop(process, until);
            }
        }
        if self.chance("strike.clock", self.weather.clock) {
            let ahead = i64::try_from(self.draw("clock.step", 7_200_000)).unwrap_or(0) - 3_600_000;
            self.wall_ahead += ahead;
            self.oracle.has_clock_jumped |= ahead > 0;
            self.saw("clock step");
            self.trace.note(self.now, Who::Sky, "clock", || format!("{ahead} ms"));
        }
        if self.chance("strike.disk", self.weather.disk_trouble) {
            self.weather.disk_bad_until = self.now + 500 + self.draw("disk.long", 15_000);
            self.weather.disk_is_full = self.draw("disk.full", 2) == 1;
            let until = self.weather.disk_bad_until;
            self.set_disk();
            self.later(until - self.now, Item::DiskMended);
            self.trace.note(self.now, Who::Sky, "disk", || format!("takes no writes until {until}"));
        }
        if self.chance("strike.rot", self.weather.rot) {
            self.rot();
        }
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
        let always = |is_so: bool| if is_bad && is_so { 10_000 } else { rate / 3 };
        let is_full = self.weather.disk_is_full;
        self.disk.set_rates(FaultRates {
            no_space: always(is_full),
            io: rate / 3,
            read_only: always(!is_full),
        });
    }

    /// What the disk did to somebody.
    pub fn note_disk(&mut self, outcome: &Result<FileOk, FileError>) {
        match outcome {
            Err(FileError::NoSpace | FileError::ReadOnly) if self.weather.disk_bad_until > self.now => {
                self.saw("degraded disk");
            }
            Err(FileError::NoSpace | FileError::ReadOnly | FileError::Io(_)) => self.saw("disk error"),
            Ok(_)
            | Err(
                FileError::NotFound
                | FileError::Exists
                | FileError::Denied
                | FileError::Locked
                | FileError::Unfit,
            ) => {}
        }
    }

    /// A person does something to a container of ours with the engine's own tools.
    fn meddle(&mut self) {
        let names: Vec<String> = self.engine.containers.keys().cloned().collect();
        let Some(name) = self.pick("meddle.which", &names) else { return };
        let what = [Meddling::Stop, Meddling::Pause, Meddling::Unpause, Meddling::Start, Meddling::Remove]
            [usize::try_from(self.draw("meddle.how", 5)).unwrap_or(0)];
        self.trace.note(self.now, Who::User, "meddle", || format!("{what:?} {name}"));
        self.saw("meddling");
        self.note_meddling(&name, what);
        self.engine.meddle(&name, what);
        self.engine_changed();
    }

    /// Containers that are nobody's business, and one of our home that no file knows of.
    fn plant_stranger(&mut self) {
        let number = self.number();
        let seat = self.seats[usize::try_from(self.draw("stranger.seat", 3)).unwrap_or(0)].clone();
        let workstream = self.fresh_id();
        let labels = Labels {
            home: seat.home.clone(),
            repo: seat.repo.id.clone(),
            workstream: workstream.clone(),
            run: RunId::parse(workstream.as_str()).expect("a workstream id has the form of a run id"),
            branch: "lost".to_string(),
            config_hash: "0".repeat(16),
        };
        match self.draw("stranger.kind", 3) {
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
        let keep = usize::try_from(self.draw("rot.keep", 200)).unwrap_or(0);
        self.trace.note(self.now, Who::Sky, "rot", || path.clone());
        self.saw("damaged file");
        let home = self.seats.iter().find(|seat| path.starts_with(seat.home_path.as_str()));
        if let Some(seat) = home {
            *self.oracle.damaged_homes.entry(seat.home.clone()).or_default() += 1;
        }
        let bytes = self.disk.look(&path.as_str().into(), false, <[u8]>::to_vec).unwrap_or_default();
        self.disk.put(&path, bytes.get(..keep).unwrap_or_default());
    }

    fn stop(&mut self, process: usize, until: u64) {
        if self.is_alive(process) {
            self.trace.note(self.now, Who::Process(process), "stop", || format!("until {until}"));
            self.processes[process].life = Life::Stopped { until };
            self.later(until - self.now, Item::GoOn(process));
            self.processes[process].was_stopped = true;
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

    /// The power goes: every process dies, the engine and its containers too, and the disk loses what was not synced.
    pub fn cut_power(&mut self) {
        self.trace.note(self.now, Who::Sky, "power", String::new);
        self.saw("power loss");
        for process in 0..self.processes.len() {
            if self.is_alive(process) {
                self.note_crash(process);
                self.end(process);
            }
        }
        self.calls.clear();
        self.engine.end_all();
        self.disk.lose_power();
        self.after_power_cut();
    }

    /// From now on nothing strikes any more and everything goes at its best speed.
    pub fn clear_up(&mut self) {
        self.is_storm = false;
        self.weather.disk_bad_until = 0;
        self.set_disk();
        self.weather.engine_hung_until = 0;
        self.weather.engine_down_until = 0;
        self.weather.asleep_until = 0;
        for process in 0..self.processes.len() {
            if self.is_alive(process) {
                self.stop(process, self.now);
            }
        }
    }
}
