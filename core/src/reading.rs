//! What a run does before its machine is told anything: its rooms, its locks, and then everything on disk that the
//! machine has to know, in one fixed order. All of it by single file operations, so that a crash can come anywhere.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::de::DeserializeOwned;

use crate::canary::{Canary, Planted};
use crate::event::{Access, Found, Previous, Purpose, Repo, Settings, StateFound};
use crate::heartbeat;
use crate::ids::{ContainerId, HomeId, PathText, RunId, WorkstreamId};
use crate::places::Places;
use crate::ports::{FileError, FileOk, FileOp, Files};
use crate::record::{self, BeatRecord, Facts, FactsRecord, Flaw, Intent, StateRecord, TrackingRecord};
use crate::store::{self, Keep, Load, Loaded};
use crate::time::Wall;

/// The disk and the other processes of this machine, as a start meets them.
pub trait Site: Files {
    /// Whether any process has that pid.
    fn is_in_use(&self, pid: u32) -> bool;

    /// Who holds the lock that was just refused, for people.
    fn holder_of(&self, lock: &PathText) -> String;
}

/// What a run wants to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It changes things, or only looks when another run does.
    WriteOrLook,
    /// It changes things or does not begin.
    Write,
    /// It only looks.
    Look,
}

/// What a run knows of itself before it has read anything.
#[derive(Clone, Debug)]
pub struct Start {
    /// The run.
    pub run: RunId,
    /// Its pid.
    pub pid: u32,
    /// What it wants to be.
    pub wanted: Wanted,
    /// What it is for.
    pub purpose: Purpose,
    /// Whose containers are ours.
    pub home: HomeId,
    /// Where the home is.
    pub home_path: PathText,
    /// Who owns what the agents write: user and group.
    pub owner: (u32, u32),
    /// The repository.
    pub repo: Repo,
    /// What the user configured.
    pub settings: Settings,
    /// The wall clock.
    pub now: Wall,
    /// A mistake to make.
    pub planted: Planted,
}

/// Why a run does not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Something of ours is there, or should be, and the disk refuses it. What we do not know of we could lose.
    #[error("{path} cannot be {wish}: {why}; ccells does not begin, so as not to lose it")]
    Refused {
        /// The file or directory.
        path: PathText,
        /// What was to be done with it.
        wish: &'static str,
        /// What the disk said.
        why: FileError,
    },
    /// A later ccells wrote the state.
    #[error("{path}: written by a newer ccells (format {version}); use that one, this one touches nothing")]
    Newer {
        /// The state.
        path: PathText,
        /// Its version.
        version: u64,
    },
    /// Another run is changing the repository, and this one was not to begin without changing it.
    #[error("this repository is in use by {holder}")]
    Busy {
        /// Who.
        holder: String,
    },
}

/// Makes the directories that every home has.
pub fn make_rooms(files: &mut impl Files, places: &Places) -> Result<(), StartError> {
    places.rooms().into_iter().try_for_each(|room| make_dir(files, room))
}

/// Begins a run on the disk: makes what is missing, takes the locks, and reads everything.
pub fn read(site: &mut impl Site, start: &Start) -> Result<Found, StartError> {
    let places = Places::new(&start.home_path);
    make_rooms(site, &places)?;
    make_dir(site, places.repo(&start.repo.id))?;
    make_dir(site, places.worktrees(&start.repo.id))?;
    let mut reading = Reading { site, start, places, notices: Vec::new() };
    let access = reading.take_locks()?;
    let is_writer = access == Access::Write;
    if is_writer {
        reading.sweep_strays()?;
        reading.settle_names()?;
    }
    let state = reading.state(is_writer)?;
    // A verb that has something else to do leaves the news of a crash to whoever tells of it.
    let previous = reading.previous(is_writer && start.purpose != Purpose::Verb)?;
    let intents = reading.intents()?;
    let facts = reading.facts()?;
    let tracked = reading.index()?;
    let worktrees = reading.worktrees()?;
    Ok(Found {
        run: start.run.clone(),
        pid: start.pid,
        home: start.home.clone(),
        home_path: start.home_path.clone(),
        owner: start.owner,
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
        notices: reading.notices,
        warnings: Vec::new(),
    })
}

struct Reading<'a, S> {
    site: &'a mut S,
    start: &'a Start,
    places: Places,
    notices: Vec<String>,
}

impl<S: Site> Reading<'_, S> {
    fn take_locks(&mut self) -> Result<Access, StartError> {
        if self.start.wanted == Wanted::Look {
            return Ok(Access::ReadOnly { holder: "a command that only looks".to_string() });
        }
        let lock = self.places.repo_lock(&self.start.repo.id);
        let access = match self.site.apply(&FileOp::TryLock(lock.clone())) {
            Ok(_) => {
                let own = self.places.run_lock(&self.start.run);
                self.ask(FileOp::TryLock(own.clone()), "locked", own)?;
                Access::Write
            }
            Err(FileError::Locked) => Access::ReadOnly { holder: self.site.holder_of(&lock) },
            Err(FileError::Io(_)) if self.start.planted.is(Canary::LocksNotNeeded) => Access::Write,
            Err(why) => return Err(StartError::Refused { path: lock, wish: "locked", why }),
        };
        match self.misjudged(access)? {
            Access::ReadOnly { holder } if self.start.wanted == Wanted::Write => {
                Err(StartError::Busy { holder })
            }
            access @ (Access::Write | Access::ReadOnly { .. }) => Ok(access),
        }
    }

    /// What the locks have shown, as a run with a mistake in it understands it.
    fn misjudged(&mut self, access: Access) -> Result<Access, StartError> {
        let planted = self.start.planted;
        let is_free = access == Access::Write;
        if is_free && planted.is(Canary::PidTrusted) && self.a_living_pid_has_beaten()? {
            return Ok(Access::ReadOnly { holder: "somebody with that pid".to_string() });
        }
        let is_wrong =
            planted.is(Canary::LockIgnored) || (planted.is(Canary::StaleByTime) && self.is_stale()?);
        Ok(if is_wrong { Access::Write } else { access })
    }

    /// Whether the newest beat is an old one: a mistake to go by.
    fn is_stale(&mut self) -> Result<bool, StartError> {
        let newest = self.beats()?.into_iter().filter_map(|(_, beat)| beat).max_by_key(|beat| beat.timestamp);
        Ok(newest.is_some_and(|beat| heartbeat::is_stale(Some(&beat), &beat.boot_id, self.start.now)))
    }

    /// Whether a beat names a pid that lives: a mistake to go by.
    fn a_living_pid_has_beaten(&mut self) -> Result<bool, StartError> {
        let beats = self.beats()?;
        Ok(beats.iter().filter_map(|(_, beat)| beat.as_ref()).any(|it| self.site.is_in_use(it.pid)))
    }

    /// Takes away what killed writers left of files they never finished. One whose writer may still live is left
    /// alone, and should it be taken away all the same, its writer makes another.
    fn sweep_strays(&mut self) -> Result<(), StartError> {
        let mut rooms = self.places.rooms().to_vec();
        rooms.extend([self.places.home().clone(), self.places.repo(&self.start.repo.id)]);
        for room in rooms {
            for name in self.names(&room)? {
                if store::temporary(&name).is_some_and(|(_, pid)| !self.site.is_in_use(pid)) {
                    // One that stays is found again the next time.
                    let _left = self.site.apply(&FileOp::Unlink(room.join(&name)));
                }
            }
        }
        Ok(())
    }

    /// A run that was killed before it synced a directory left files that can be read and that a power cut may take
    /// away: what this run finds, and relies on, is made to last first.
    fn settle_names(&mut self) -> Result<(), StartError> {
        if self.start.planted.is(Canary::FoundIsNotSettled) {
            return Ok(());
        }
        let (intents, repo) = (self.places.intents(), self.places.repo(&self.start.repo.id));
        for room in [intents, repo, self.places.workstreams(), self.places.home().clone()] {
            self.ask(FileOp::SyncDir(room.clone()), "made durable", room)?;
        }
        Ok(())
    }

    fn state(&mut self, is_writer: bool) -> Result<StateFound, StartError> {
        let found = if is_writer { self.load_state() } else { self.glance_at_state() }?;
        if let StateFound::Recovered { notice, .. } = &found {
            self.notices.push(notice.clone());
        }
        Ok(found)
    }

    fn load_state(&mut self) -> Result<StateFound, StartError> {
        let path = self.places.state(&self.start.repo.id);
        let parse = |bytes: &[u8]| record::parse::<StateRecord>(bytes);
        if self.start.planted.is(Canary::DamageKeepsOut)
            && matches!(self.glance_at_state()?, StateFound::Recovered { .. })
        {
            return Err(StartError::Refused { path, wish: "read", why: FileError::Unfit });
        }
        let notice = |set_aside: &[store::SetAside], instead: &str| {
            let files: Vec<_> = set_aside.iter().map(|it| format!("{} ({})", it.path, it.why)).collect();
            let files = files.join(", ");
            format!(
                "the state was damaged and is kept as {files}; {instead}. Nothing is deleted in this run."
            )
        };
        match store::run(self.site, Load::new(path.clone(), Keep::Two, self.start.now, parse)) {
            Loaded::Fresh => Ok(StateFound::Fresh),
            Loaded::Read(state) => Ok(StateFound::Read(state.into())),
            Loaded::Recovered { value, from, set_aside } => {
                let notice = notice(&set_aside, &format!("the generation before it ({from}) is used"));
                Ok(StateFound::Recovered { state: Some(value.into()), notice })
            }
            Loaded::Lost { set_aside } => {
                let instead = "it is rebuilt from the workstreams' own files and the engine";
                Ok(StateFound::Recovered { state: None, notice: notice(&set_aside, instead) })
            }
            Loaded::Newer { version } => Err(StartError::Newer { path, version }),
            Loaded::Unreadable { .. } if self.start.planted.is(Canary::UnreadableIsFresh) => {
                Ok(StateFound::Fresh)
            }
            Loaded::Unreadable { why } => Err(StartError::Refused { path, wish: "read", why }),
        }
    }

    /// Whoever holds the lock mends the state; one that only looks touches nothing.
    fn glance_at_state(&mut self) -> Result<StateFound, StartError> {
        let path = self.places.state(&self.start.repo.id);
        let Some(bytes) = self.bytes(&path)? else { return Ok(StateFound::Fresh) };
        match bytes.and_then(|bytes| record::parse::<StateRecord>(&bytes)) {
            Ok(state) => Ok(StateFound::Read(state.into())),
            Err(Flaw::Newer { version }) => Err(StartError::Newer { path, version }),
            Err(flaw @ Flaw::Corrupt { .. }) => {
                let notice = format!("{path}: {flaw}; the next run that may change things mends it");
                Ok(StateFound::Recovered { state: None, notice })
            }
        }
    }

    /// A beat that was left behind by a run of this repository whose lock is free tells of a crash, until a run
    /// `tells` of it.
    fn previous(&mut self, tells: bool) -> Result<Previous, StartError> {
        let mut latest: Option<BeatRecord> = None;
        for (run, beat) in self.beats()? {
            let lock = self.places.run_lock(&run);
            if run == self.start.run || self.site.apply(&FileOp::TryLock(lock.clone())).is_err() {
                continue;
            }
            if tells {
                // Nobody makes a run of this name again: both files have done their work. What stays is found again.
                let _stays = self.site.apply(&FileOp::Unlink(self.places.run_beat(&run)));
                let _stays = self.site.apply(&FileOp::Unlink(lock.clone()));
            }
            let _held = self.site.apply(&FileOp::Unlock(lock));
            let is_later =
                |beat: &BeatRecord| latest.as_ref().is_none_or(|latest| latest.timestamp < beat.timestamp);
            latest = beat.filter(is_later).or(latest);
        }
        Ok(latest.map_or(Previous::Clean, Previous::Crashed))
    }

    /// Who has beaten for this repository. Beats are not synced: a power cut may leave one without what it said, and
    /// then nobody knows whose it was.
    fn beats(&mut self) -> Result<Vec<(RunId, Option<BeatRecord>)>, StartError> {
        let mut beats = Vec::new();
        for name in self.names(&self.places.runs())? {
            let Some(run) = name.strip_suffix(".hb").and_then(|run| RunId::parse(run).ok()) else { continue };
            // One that cannot be read proves nothing.
            let beat = self.site.apply(&FileOp::Read(self.places.run_beat(&run)));
            let Ok(FileOk::Bytes(bytes)) = beat else { continue };
            match record::parse::<BeatRecord>(&bytes) {
                Ok(beat) if beat.repo_id == self.start.repo.id => beats.push((run, Some(beat))),
                Err(Flaw::Corrupt { .. }) => beats.push((run, None)),
                Ok(_) | Err(Flaw::Newer { .. }) => {}
            }
        }
        Ok(beats)
    }

    fn intents(&mut self) -> Result<Vec<Intent>, StartError> {
        let mut intents = Vec::new();
        let room = self.places.intents();
        for name in self.names(&room)?.iter().filter(|name| is_record(name)) {
            let intent = self.record::<Intent>(&room.join(name), "")?;
            intents.extend(intent.filter(|it| it.workstream.repo_id == self.start.repo.id));
        }
        Ok(intents)
    }

    /// A directory without facts is one in the making or in the going: its intent speaks for it.
    fn facts(&mut self) -> Result<Vec<Facts>, StartError> {
        let mut all = Vec::new();
        for name in self.names(&self.places.workstreams())? {
            let Ok(id) = WorkstreamId::parse(&name) else { continue };
            let facts = self.record::<FactsRecord>(&self.places.facts(&id), "")?.map(|it| it.facts);
            all.extend(facts.filter(|facts| facts.id == id && facts.repo_id == self.start.repo.id));
        }
        Ok(all)
    }

    /// What the index says. A damaged one is written anew with the next change.
    fn index(&mut self) -> Result<BTreeMap<WorkstreamId, ContainerId>, StartError> {
        let instead = "; it is rebuilt from the engine's labels";
        let index = self.record::<TrackingRecord>(&self.places.index(), instead)?;
        let ours = index.into_iter().flat_map(|index| index.containers);
        let ours = ours.filter(|entry| entry.repo_id == self.start.repo.id);
        Ok(ours.map(|entry| (entry.workstream_id, entry.container_id)).collect())
    }

    fn worktrees(&mut self) -> Result<BTreeSet<WorkstreamId>, StartError> {
        let names = self.names(&self.places.worktrees(&self.start.repo.id))?;
        Ok(names.iter().filter_map(|name| WorkstreamId::parse(name).ok()).collect())
    }

    /// A record of ours, if there is one. A damaged one is told, which forbids deletions; one that the disk refuses
    /// ends the start.
    fn record<T: DeserializeOwned>(
        &mut self,
        path: &PathText,
        instead: &str,
    ) -> Result<Option<T>, StartError> {
        let Some(bytes) = self.bytes(path)? else { return Ok(None) };
        match bytes.and_then(|bytes| record::parse(&bytes)) {
            Ok(record) => Ok(Some(record)),
            Err(flaw) => {
                self.notices.push(format!("{path}: {flaw}{instead}"));
                Ok(None)
            }
        }
    }

    /// A whole file, if there is one. What is no file that we could have written is a damaged one.
    fn bytes(&mut self, path: &PathText) -> Result<Option<Result<Vec<u8>, Flaw>>, StartError> {
        match self.site.apply(&FileOp::Read(path.clone())) {
            Ok(FileOk::Bytes(bytes)) => Ok(Some(Ok(bytes))),
            Err(FileError::NotFound) => Ok(None),
            Ok(FileOk::Done | FileOk::Names(_)) | Err(FileError::Unfit) => {
                Ok(Some(Err(Flaw::Corrupt { why: FileError::Unfit.to_string() })))
            }
            Err(why) => Err(StartError::Refused { path: path.clone(), wish: "read", why }),
        }
    }

    /// The names in a directory; none where there is no directory. One that is there and cannot be listed ends the
    /// start: nothing may count as absent because nobody could look.
    fn names(&mut self, directory: &PathText) -> Result<Vec<String>, StartError> {
        let refused = |why| StartError::Refused { path: directory.clone(), wish: "listed", why };
        match self.site.apply(&FileOp::List(directory.clone())) {
            Ok(FileOk::Names(names)) => Ok(names),
            Err(FileError::NotFound) => Ok(Vec::new()),
            Ok(FileOk::Done | FileOk::Bytes(_)) => Err(refused(FileError::Unfit)),
            Err(why) => Err(refused(why)),
        }
    }

    fn ask(&mut self, op: FileOp, wish: &'static str, path: PathText) -> Result<(), StartError> {
        ask(self.site, &op, wish, path)
    }
}

fn make_dir(files: &mut impl Files, path: PathText) -> Result<(), StartError> {
    ask(files, &FileOp::MakeDir(path.clone()), "made", path)
}

fn ask(files: &mut impl Files, op: &FileOp, wish: &'static str, path: PathText) -> Result<(), StartError> {
    files.apply(op).map(|_| ()).map_err(|why| StartError::Refused { path, wish, why })
}

/// Temporary files and what was set aside begin with a dot or end otherwise.
fn is_record(name: &str) -> bool {
    !name.starts_with('.') && name.ends_with(".json")
}

#[cfg(test)]
mod tests;
