//! What a run does before its machine is told anything: its rooms, its locks, and then everything on disk that the
//! machine has to know, in one fixed order. All of it by single file operations, so that a crash can come anywhere.

use std::collections::{BTreeMap, BTreeSet};

use ccells_core::event::{Access, Found, Previous, Purpose, Repo, Settings, StateFound};
use ccells_core::heartbeat;
use ccells_core::ids::{ContainerId, HomeId, PathText, RunId, WorkstreamId};
use ccells_core::ports::{FileError, FileOk, FileOp, Files};
use ccells_core::record::{self, BeatRecord, Facts, FactsRecord, Flaw, Intent, StateRecord, TrackingRecord};
use ccells_core::store::{self, Keep, Load, Loaded, Remove};
use ccells_core::time::Wall;

use crate::canary::Slip;

/// What the start of a run is given.
#[derive(Clone, Debug)]
pub struct Start {
    /// The run.
    pub run: RunId,
    /// Its pid.
    pub pid: u32,
    /// What it is for.
    pub purpose: Purpose,
    /// The home.
    pub home: HomeId,
    /// Where it is.
    pub home_path: PathText,
    /// The repository.
    pub repo: Repo,
    /// What the user configured.
    pub settings: Settings,
    /// The wall clock.
    pub now: Wall,
    /// Pids of processes that live.
    pub living: BTreeSet<u32>,
    /// A mistake to make.
    pub slip: Option<Slip>,
}

/// Where everything is, below one home.
#[derive(Clone, Debug)]
pub struct Places {
    home: PathText,
    repo: String,
}

impl Places {
    /// The places of one repository in one home.
    pub fn new(home: &PathText, repo: &Repo) -> Self {
        Self { home: home.clone(), repo: repo.id.as_str().to_string() }
    }

    /// The index of containers.
    pub fn index(&self) -> PathText {
        self.home.join("containers.json")
    }

    /// Its lock.
    pub fn index_lock(&self) -> PathText {
        self.home.join("locks/containers.lock")
    }

    /// The beat of the last run that beat.
    pub fn heartbeat(&self) -> PathText {
        self.home.join("heartbeat")
    }

    /// A run's own beat.
    pub fn beat(&self, run: &RunId) -> PathText {
        self.runs().join(&format!("{run}.hb"))
    }

    /// A run's proof of life.
    pub fn run_lock(&self, run: &RunId) -> PathText {
        self.runs().join(&format!("{run}.lock"))
    }

    /// Where runs leave their beats and locks.
    pub fn runs(&self) -> PathText {
        self.home.join("runs")
    }

    /// The state.
    pub fn state(&self) -> PathText {
        self.home.join(&format!("state/{}/state.json", self.repo))
    }

    /// The lock of the one run that may change anything.
    pub fn repo_lock(&self) -> PathText {
        self.home.join(&format!("state/{}/repo.lock", self.repo))
    }

    /// Where intents are.
    pub fn intents(&self) -> PathText {
        self.home.join("intents")
    }

    /// One intent.
    pub fn intent(&self, workstream: &WorkstreamId) -> PathText {
        self.intents().join(&format!("{workstream}.json"))
    }

    /// Where workstreams' own directories are.
    pub fn workstreams(&self) -> PathText {
        self.home.join("workstreams")
    }

    /// Where retired directories are.
    pub fn trash(&self) -> PathText {
        self.home.join("trash")
    }

    fn rooms(&self) -> [PathText; 7] {
        [
            self.runs(),
            self.home.join("locks"),
            self.home.join(&format!("state/{}", self.repo)),
            self.intents(),
            self.workstreams(),
            self.trash(),
            self.home.join(&format!("worktrees/{}", self.repo)),
        ]
    }
}

/// Reads everything. `worktrees` are those of this repository that exist. An error is one that ends the run.
pub fn find(
    files: &mut impl Files,
    start: &Start,
    worktrees: BTreeSet<WorkstreamId>,
) -> Result<Found, FileError> {
    let places = Places::new(&start.home_path, &start.repo);
    for room in places.rooms() {
        files.apply(&FileOp::MakeDir(room))?;
    }
    let mut boot = Boot { files, start, places, notices: Vec::new() };
    let access = boot.take_repository()?;
    let is_writer = access == Access::Write;
    if is_writer && start.slip != Some(Slip::FoundIsNotSettled) {
        boot.settle_names()?;
    }
    let state = boot.state(is_writer)?;
    let previous = boot.previous(is_writer)?;
    let intents = boot.intents(is_writer)?;
    let facts = boot.facts()?;
    let tracked = boot.index()?;
    Ok(Found {
        run: start.run.clone(),
        pid: start.pid,
        home: start.home.clone(),
        home_path: start.home_path.clone(),
        owner: (1_000, 1_000),
        repo: start.repo.clone(),
        settings: start.settings.clone(),
        access,
        purpose: start.purpose,
        previous,
        state,
        intents,
        facts,
        tracked,
        worktrees,
        notices: boot.notices,
    })
}

struct Boot<'a, F> {
    files: &'a mut F,
    start: &'a Start,
    places: Places,
    notices: Vec<String>,
}

impl<F: Files> Boot<'_, F> {
    fn take_repository(&mut self) -> Result<Access, FileError> {
        match self.files.apply(&FileOp::TryLock(self.places.repo_lock())) {
            Ok(_) => {
                self.files.apply(&FileOp::TryLock(self.places.run_lock(&self.start.run)))?;
                Ok(if self.start.slip == Some(Slip::PidTrusted) && self.beat_of_a_living_pid()? {
                    Access::ReadOnly { holder: "somebody with that pid".to_string() }
                } else {
                    Access::Write
                })
            }
            Err(FileError::Locked) if self.start.slip == Some(Slip::LockIgnored) => Ok(Access::Write),
            Err(FileError::Locked) if self.start.slip == Some(Slip::StaleByTime) && self.is_stale()? => {
                Ok(Access::Write)
            }
            Err(FileError::Locked) => Ok(Access::ReadOnly { holder: "another ccells".to_string() }),
            Err(error) => Err(error),
        }
    }

    /// Beats of this repository, as they can be read.
    fn beats(&mut self) -> Result<Vec<BeatRecord>, FileError> {
        let mut beats = Vec::new();
        for name in self.names(&self.places.runs())?.iter().filter(|name| name.ends_with(".hb")) {
            let Ok(FileOk::Bytes(bytes)) = self.files.apply(&FileOp::Read(self.places.runs().join(name)))
            else {
                continue;
            };
            let beat = record::parse::<BeatRecord>(&bytes).ok();
            beats.extend(beat.filter(|beat| beat.repo_id == self.start.repo.id));
        }
        Ok(beats)
    }

    /// Whether the newest beat is an old one: a mistake to go by.
    fn is_stale(&mut self) -> Result<bool, FileError> {
        let newest = self.beats()?.into_iter().max_by_key(|beat| beat.timestamp);
        Ok(newest.is_some_and(|beat| heartbeat::is_stale(Some(&beat), &beat.boot_id, self.start.now)))
    }

    /// Whether a beat names a pid that lives: a mistake to go by.
    fn beat_of_a_living_pid(&mut self) -> Result<bool, FileError> {
        let living = self.start.living.clone();
        Ok(self.beats()?.iter().any(|beat| living.contains(&beat.pid)))
    }

    /// A run that was killed before it synced a directory left files that can be read and that a power cut may take
    /// away: what this run finds, and relies on, is to last.
    fn settle_names(&mut self) -> Result<(), FileError> {
        let state = self.start.home_path.join("state").join(self.start.repo.id.as_str());
        for room in [self.places.intents(), state, self.places.workstreams(), self.start.home_path.clone()] {
            self.files.apply(&FileOp::SyncDir(room))?;
        }
        Ok(())
    }

    /// A beat of this repository whose run's lock is free was left by a crash. The one who may write takes it away.
    fn previous(&mut self, is_writer: bool) -> Result<Previous, FileError> {
        let mut previous = Previous::Clean;
        for name in self.names(&self.places.runs())? {
            let Some(run) = name.strip_suffix(".hb").and_then(|run| RunId::parse(run).ok()) else { continue };
            let path = self.places.beat(&run);
            let Ok(FileOk::Bytes(bytes)) = self.files.apply(&FileOp::Read(path.clone())) else { continue };
            let beat = record::parse::<BeatRecord>(&bytes).ok();
            if beat.as_ref().is_some_and(|beat| beat.repo_id != self.start.repo.id) || run == self.start.run {
                continue;
            }
            let lock = self.places.run_lock(&run);
            if self.files.apply(&FileOp::TryLock(lock.clone())).is_err() {
                continue;
            }
            if let Some(beat) = beat {
                previous = Previous::Crashed(beat);
            }
            if is_writer {
                let _ = self.files.apply(&FileOp::Unlink(path));
            }
            let _ = self.files.apply(&FileOp::Unlock(lock));
        }
        Ok(previous)
    }

    fn state(&mut self, is_writer: bool) -> Result<StateFound, FileError> {
        let target = self.places.state();
        let parse = |bytes: &[u8]| record::parse::<StateRecord>(bytes);
        if !is_writer {
            return Ok(match self.files.apply(&FileOp::Read(target)) {
                Ok(FileOk::Bytes(bytes)) => match parse(&bytes) {
                    Ok(state) => StateFound::Read(Box::new(state)),
                    Err(flaw) => StateFound::Recovered { state: None, notice: flaw.to_string() },
                },
                Ok(FileOk::Done | FileOk::Names(_)) | Err(_) => StateFound::Fresh,
            });
        }
        let load = Load::new(target, Keep::Two, self.start.now, parse);
        match store::run(self.files, load) {
            Loaded::Fresh => Ok(StateFound::Fresh),
            Loaded::Read(state) => Ok(StateFound::Read(Box::new(state))),
            Loaded::Recovered { value, set_aside, from } => {
                let notice =
                    format!("the state was damaged; {from} stands in ({} set aside)", set_aside.len());
                Ok(StateFound::Recovered { state: Some(Box::new(value)), notice })
            }
            Loaded::Lost { set_aside } => {
                let notice = format!("the state was damaged; {} files set aside", set_aside.len());
                Ok(StateFound::Recovered { state: None, notice })
            }
            Loaded::Newer { version } => {
                self.notices.push(Flaw::Newer { version }.to_string());
                Err(FileError::Unfit)
            }
            Loaded::Unreadable { .. } if self.start.slip == Some(Slip::UnreadableIsFresh) => {
                Ok(StateFound::Fresh)
            }
            Loaded::Unreadable { why } => Err(why),
        }
    }

    fn intents(&mut self, is_writer: bool) -> Result<Vec<Intent>, FileError> {
        let mut intents = Vec::new();
        for name in self.names(&self.places.intents())? {
            let path = self.places.intents().join(&name);
            if is_litter(&name, &self.start.living) {
                if is_writer {
                    let _ = self.files.apply(&FileOp::Unlink(path));
                }
                continue;
            }
            if name.starts_with('.') || !name.ends_with(".json") {
                continue;
            }
            let bytes = match self.files.apply(&FileOp::Read(path)) {
                Ok(FileOk::Bytes(bytes)) => bytes,
                Ok(FileOk::Done | FileOk::Names(_)) | Err(FileError::NotFound) => continue,
                Err(error) => return Err(error),
            };
            match record::parse::<Intent>(&bytes) {
                Ok(intent) if intent.workstream.repo_id == self.start.repo.id => intents.push(intent),
                Ok(_) => {}
                Err(flaw) => self.notices.push(format!("intents/{name}: {flaw}")),
            }
        }
        Ok(intents)
    }

    fn facts(&mut self) -> Result<Vec<Facts>, FileError> {
        let mut all = Vec::new();
        for name in self.names(&self.places.workstreams())? {
            if WorkstreamId::parse(&name).is_err() {
                continue;
            }
            let path = self.places.workstreams().join(&name).join("workstream.json");
            let bytes = match self.files.apply(&FileOp::Read(path)) {
                Ok(FileOk::Bytes(bytes)) => bytes,
                Ok(FileOk::Done | FileOk::Names(_)) | Err(FileError::NotFound) => continue,
                Err(error) => return Err(error),
            };
            match record::parse::<FactsRecord>(&bytes) {
                Ok(record) if record.facts.repo_id == self.start.repo.id => all.push(record.facts),
                Ok(_) => {}
                Err(flaw) => self.notices.push(format!("workstreams/{name}: {flaw}")),
            }
        }
        Ok(all)
    }

    /// What the index says. A damaged one is written anew with the next change.
    fn index(&mut self) -> Result<BTreeMap<WorkstreamId, ContainerId>, FileError> {
        let bytes = match self.files.apply(&FileOp::Read(self.places.index())) {
            Ok(FileOk::Bytes(bytes)) => bytes,
            Ok(FileOk::Done | FileOk::Names(_)) | Err(FileError::NotFound) => return Ok(BTreeMap::new()),
            Err(error) => return Err(error),
        };
        match record::parse::<TrackingRecord>(&bytes) {
            Ok(index) => Ok(index
                .containers
                .into_iter()
                .filter(|entry| entry.repo_id == self.start.repo.id)
                .map(|entry| (entry.workstream_id, entry.container_id))
                .collect()),
            Err(flaw) => {
                self.notices.push(format!("the index of containers: {flaw}"));
                Ok(BTreeMap::new())
            }
        }
    }

    fn names(&mut self, directory: &PathText) -> Result<Vec<String>, FileError> {
        match self.files.apply(&FileOp::List(directory.clone()))? {
            FileOk::Names(names) => Ok(names),
            FileOk::Done | FileOk::Bytes(_) => Err(FileError::Unfit),
        }
    }
}

/// A temporary file `.<name>.<pid>-<nonce>.tmp` whose writer is gone.
fn is_litter(name: &str, living: &BTreeSet<u32>) -> bool {
    let pid = || {
        let (rest, _) = name.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('-')?;
        rest.rsplit_once('.')?.1.parse::<u32>().ok()
    };
    pid().is_some_and(|pid| !living.contains(&pid))
}

/// What a run that ended in order takes away: its own beat, nothing else.
pub fn leave(files: &mut impl Files, start: &Start) {
    let places = Places::new(&start.home_path, &start.repo);
    // One that stays looks like a crash to the next start, which then looks closer: no harm.
    let _left = store::run(files, Remove::new(places.beat(&start.run)));
    if start.slip == Some(Slip::IndexGoesAtExit) {
        let _left = store::run(files, Remove::new(places.index()));
    }
}
