//! The start of a run: home checked, locks taken, everything on disk read, in this order. What it finds goes to the
//! core as one event; nothing is decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ccells_core::event::{Access, Found, Previous, Purpose, Repo, StateFound};
use ccells_core::ids::{ContainerId, HomeId, RepoId, RunId, WorkstreamId};
use ccells_core::ports::{Clock, FileError, FileOk, FileOp, Files, Process};
use ccells_core::record::{self, BeatRecord, Facts, FactsRecord, Flaw, Intent, StateRecord, TrackingRecord};
use ccells_core::store::{self, Keep, Load, Loaded};
use ccells_core::time::Wall;
use ccells_core::{limits, naming};
use sha2::{Digest, Sha256};

use crate::adapters::clock::RealClock;
use crate::adapters::entropy;
use crate::adapters::files::RealFiles;
use crate::adapters::git::RepoFacts;
use crate::adapters::home::{self, HomeError};
use crate::adapters::locks::{self, HeldLock, Holder, LockError};
use crate::adapters::process::{self, RealProcess};
use crate::config::{Config, ConfigError};
use crate::paths::{self, HomePaths};

/// Everything a run is made of before its driver begins.
pub struct Boot {
    /// Where everything is.
    pub paths: HomePaths,
    /// What the user set.
    pub config: Config,
    /// What was found, for the core.
    pub found: Found,
    /// Proof of life; held until the process ends.
    pub locks: Vec<HeldLock>,
    /// This run's own lock file, which nobody needs once it ended in order.
    pub run_lock: PathBuf,
}

/// Why a run cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The home is no good.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The settings are no good.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no repository here, or none that we can work with.
    #[error("{0}")]
    Repo(String),
    /// A file of ours cannot be read: going on could write over it.
    #[error("{path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        why: String,
    },
    /// Another run is changing the repository.
    #[error("this repository is in use by {0}")]
    Busy(String),
}

/// Where the home is: `CCELLS_HOME`, or `.claude-cells` in the user's home directory.
pub fn home_path(variable: impl Fn(&str) -> Option<String>) -> Result<PathBuf, BootError> {
    if let Some(path) = variable("CCELLS_HOME").filter(|path| !path.is_empty()) {
        return std::path::absolute(path).map_err(|error| BootError::Repo(format!("CCELLS_HOME: {error}")));
    }
    let home = variable("HOME").filter(|path| !path.is_empty());
    home.map(|home| Path::new(&home).join(".claude-cells"))
        .ok_or_else(|| BootError::Repo("neither CCELLS_HOME nor HOME is set; set one of them".to_string()))
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

/// The home, checked and complete, and the user's settings.
pub fn open_home(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(HomePaths, Config, Vec<String>), BootError> {
    let home = home::check_home(&home_path(&variable)?)?;
    let paths = HomePaths::new(home.path);
    let mut files = RealFiles::new();
    for room in paths.rooms() {
        make_dir(&mut files, &room)?;
    }
    let config = Config::read(paths.root(), variable)?;
    let warnings =
        home.warnings.iter().map(|warning| format!("{} {warning}", paths.root().display())).collect();
    Ok((paths, config, warnings))
}

/// Begins a run in a repository.
pub fn boot(git: &RepoFacts, wanted: Wanted, purpose: Purpose) -> Result<Boot, BootError> {
    let (paths, config, mut notices) = open_home(|name| std::env::var(name).ok())?;
    let repo = describe(git)?;
    let mut files = RealFiles::with_reserve(paths.reserve());
    make_dir(&mut files, &paths.repo(&repo.id))?;
    make_dir(&mut files, &paths.worktrees(&repo.id))?;

    let run = RunId::parse(&entropy::ulid()).expect("a ULID is a run id");
    let me = RealProcess::new();
    let (access, locks) = take_locks(&paths, &repo.id, &run, &me, wanted)?;
    let is_writer = access == Access::Write;
    if is_writer {
        sweep_strays(&mut files, &paths, &repo.id);
        settle_names(&mut files, &paths, &repo.id)?;
    }
    let now = RealClock::new().now().wall;
    let state = read_state(&mut files, &paths.state(&repo.id), is_writer, now)?;
    if let StateFound::Recovered { notice, .. } = &state {
        notices.push(notice.clone());
    }
    let previous = read_previous(&mut files, &paths, &repo.id, is_writer);
    let intents = read_intents(&mut files, &paths, &repo.id, &mut notices);
    let facts = read_facts(&mut files, &paths, &repo.id, &mut notices);
    let tracked = read_index(&mut files, &paths, &repo.id, &mut notices);
    let worktrees = read_worktrees(&mut files, &paths, &repo.id);
    let owner = owner_of(git)?;
    let settings = config.settings.clone();
    let found = Found {
        run,
        pid: me.me().pid,
        home: home_id(&paths),
        home_path: paths::text(paths.root()),
        owner,
        repo,
        settings,
        access,
        purpose,
        previous,
        state,
        intents,
        facts,
        tracked,
        worktrees,
        notices,
    };
    let run_lock = paths.run_lock(&found.run);
    Ok(Boot { paths, config, found, locks, run_lock })
}

/// The label that makes a container ours: this home of this user.
pub fn home_id(paths: &HomePaths) -> HomeId {
    let user = rustix::process::geteuid().as_raw();
    let text = digest(&format!("{user}:{}", paths.root().display()), 16);
    HomeId::parse(&text).expect("hexadecimal digits are a home id")
}

/// Names a repository by its git directory: two clones are two repositories, two worktrees of one are one.
pub fn describe(git: &RepoFacts) -> Result<Repo, BootError> {
    let slug = naming::repo_slug(&git.name);
    let id = format!("{slug}-{}", digest(git.git_dir.as_str(), 12));
    Ok(Repo {
        id: RepoId::parse(&id).map_err(|error| BootError::Repo(error.to_string()))?,
        slug,
        path: git.top.clone(),
        git_dir: git.git_dir.clone(),
        objects: git.object_dirs.clone(),
    })
}

fn digest(text: &str, digits: usize) -> String {
    use std::fmt::Write;
    let mut hex = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        write!(hex, "{byte:02x}").expect("a string takes everything");
    }
    hex.truncate(digits);
    hex
}

fn make_dir(files: &mut RealFiles, path: &Path) -> Result<(), BootError> {
    let why = |error: FileError| BootError::Unreadable { path: path.to_path_buf(), why: error.to_string() };
    files.apply(&FileOp::MakeDir(paths::text(path))).map(|_| ()).map_err(why)
}

/// What the agents write shall belong to whoever owns the checkout.
fn owner_of(git: &RepoFacts) -> Result<(u32, u32), BootError> {
    use std::os::unix::fs::MetadataExt;
    let why = |error: std::io::Error| BootError::Repo(format!("{}: {error}", git.top));
    let metadata = Path::new(git.top.as_str()).metadata().map_err(why)?;
    Ok((metadata.uid(), metadata.gid()))
}

fn take_locks(
    paths: &HomePaths,
    repo: &RepoId,
    run: &RunId,
    me: &RealProcess,
    wanted: Wanted,
) -> Result<(Access, Vec<HeldLock>), BootError> {
    let own = me.me();
    let holder = Holder {
        pid: own.pid,
        start_ticks: own.start_ticks,
        boot_id: own.boot_id,
        started_at: RealClock::new().now().wall.to_string(),
        version: env!("CARGO_PKG_VERSION").to_string(),
    };
    if wanted == Wanted::Look {
        return Ok((Access::ReadOnly { holder: "a command that only looks".to_string() }, Vec::new()));
    }
    let failed =
        |path: PathBuf| move |error: LockError| BootError::Unreadable { path, why: error.to_string() };
    let path = paths.repo_lock(repo);
    let repo_lock = match locks::hold(&path, &holder) {
        Ok(lock) => lock,
        Err(LockError::HeldBy(other)) => {
            let who = words(other.as_ref(), me);
            let look = Access::ReadOnly { holder: who.clone() };
            return if wanted == Wanted::Write { Err(BootError::Busy(who)) } else { Ok((look, Vec::new())) };
        }
        Err(error) => return Err(failed(path)(error)),
    };
    let path = paths.run_lock(run);
    let run_lock = locks::hold(&path, &holder).map_err(failed(path))?;
    Ok((Access::Write, vec![repo_lock, run_lock]))
}

/// Another run, for people: who, since when, and whether it stands still.
fn words(holder: Option<&Holder>, me: &RealProcess) -> String {
    let Some(holder) = holder else { return "another ccells".to_string() };
    let stopped = if me.is_stopped(&holder.process()) { ", which is stopped" } else { "" };
    format!("ccells with pid {} (since {}){stopped}", holder.pid, holder.started_at)
}

fn read_state(
    files: &mut RealFiles,
    path: &Path,
    may_write: bool,
    now: Wall,
) -> Result<StateFound, BootError> {
    let unreadable = |why: String| BootError::Unreadable { path: path.to_path_buf(), why };
    let parse = |bytes: &[u8]| record::parse::<StateRecord>(bytes);
    if !may_write {
        // Whoever holds the lock mends it; one that only looks touches nothing.
        return Ok(match read(files, path) {
            Ok(bytes) => parse(&bytes).map_or(StateFound::Fresh, |state| StateFound::Read(Box::new(state))),
            Err(_) => StateFound::Fresh,
        });
    }
    let notice = |set_aside: &[store::SetAside], with: &str| {
        let files: Vec<_> = set_aside.iter().map(|it| format!("{} ({})", it.path, it.why)).collect();
        format!(
            "the state was damaged and is kept as {}; {with}. Nothing is deleted in this run.",
            files.join(", ")
        )
    };
    match store::run(files, Load::new(paths::text(path), Keep::Two, now, parse)) {
        Loaded::Fresh => Ok(StateFound::Fresh),
        Loaded::Read(state) => Ok(StateFound::Read(Box::new(state))),
        Loaded::Recovered { value, from, set_aside } => {
            let notice = notice(&set_aside, &format!("the generation before it ({from}) is used"));
            Ok(StateFound::Recovered { state: Some(Box::new(value)), notice })
        }
        Loaded::Lost { set_aside } => {
            let notice = notice(&set_aside, "it is rebuilt from the workstreams' own files and the engine");
            Ok(StateFound::Recovered { state: None, notice })
        }
        Loaded::Newer { version } => Err(unreadable(format!(
            "written by a newer ccells (format {version}); use that one, this one touches nothing"
        ))),
        Loaded::Unreadable { why } => {
            Err(unreadable(format!("{why}; ccells does not begin, so as not to lose it")))
        }
    }
}

/// A beat that was left behind by a run of this repository whose lock is free tells of a crash.
fn read_previous(files: &mut RealFiles, paths: &HomePaths, repo: &RepoId, may_write: bool) -> Previous {
    let mut latest: Option<BeatRecord> = None;
    for name in list(files, &paths.runs()).iter().filter(|name| name.ends_with(".hb")) {
        let path = paths.runs().join(name);
        let beat = match read(files, &path).map(|bytes| record::parse::<BeatRecord>(&bytes)) {
            Ok(Ok(beat)) => beat,
            Ok(Err(Flaw::Corrupt { .. })) if may_write => {
                forget_empty_beat(files, paths, name);
                continue;
            }
            Ok(Err(_)) | Err(_) => continue,
        };
        let lock = paths::text(&paths.run_lock(&beat.run));
        if beat.repo_id != *repo || files.apply(&FileOp::TryLock(lock.clone())).is_err() {
            continue;
        }
        if may_write {
            // Nobody makes a run of this name again: both files have done their work.
            let _kept = files.apply(&FileOp::Unlink(paths::text(&path)));
            let _kept = files.apply(&FileOp::Unlink(lock.clone()));
        }
        let _held = files.apply(&FileOp::Unlock(lock));
        if latest.as_ref().is_none_or(|other| other.timestamp < beat.timestamp) {
            latest = Some(beat);
        }
    }
    latest.map_or(Previous::Clean, Previous::Crashed)
}

/// Beats are not synced: a power cut may leave one without what it said. It tells nothing any more, and when its run is
/// dead it goes.
fn forget_empty_beat(files: &mut RealFiles, paths: &HomePaths, name: &str) {
    let Some(run) = name.strip_suffix(".hb").and_then(|run| RunId::parse(run).ok()) else { return };
    let lock = paths::text(&paths.run_lock(&run));
    if files.apply(&FileOp::TryLock(lock.clone())).is_ok() {
        let _kept = files.apply(&FileOp::Unlink(paths::text(&paths.run_beat(&run))));
        let _kept = files.apply(&FileOp::Unlink(lock.clone()));
        let _held = files.apply(&FileOp::Unlock(lock));
    }
}

fn read_intents(
    files: &mut RealFiles,
    paths: &HomePaths,
    repo: &RepoId,
    notices: &mut Vec<String>,
) -> Vec<Intent> {
    let mut intents = Vec::new();
    for name in list(files, &paths.intents()).iter().filter(|name| is_record(name)) {
        match read_record::<Intent>(files, &paths.intents().join(name)) {
            Ok(intent) if intent.workstream.repo_id == *repo => intents.push(intent),
            Ok(_) => {}
            Err(notice) => notices.push(notice),
        }
    }
    intents
}

fn read_facts(
    files: &mut RealFiles,
    paths: &HomePaths,
    repo: &RepoId,
    notices: &mut Vec<String>,
) -> Vec<Facts> {
    let mut all = Vec::new();
    for id in list(files, &paths.workstreams()).iter().filter_map(|name| WorkstreamId::parse(name).ok()) {
        match read_record::<FactsRecord>(files, &paths.facts(&id)) {
            Ok(record) if record.facts.repo_id == *repo && record.facts.id == id => all.push(record.facts),
            Ok(_) => {}
            Err(notice) => notices.push(notice),
        }
    }
    all
}

fn read_index(
    files: &mut RealFiles,
    paths: &HomePaths,
    repo: &RepoId,
    notices: &mut Vec<String>,
) -> BTreeMap<WorkstreamId, ContainerId> {
    if let Err(FileError::NotFound) = read(files, &paths.index()) {
        return BTreeMap::new();
    }
    match read_record::<TrackingRecord>(files, &paths.index()) {
        Ok(index) => index
            .containers
            .into_iter()
            .filter(|entry| entry.repo_id == *repo)
            .map(|entry| (entry.workstream_id, entry.container_id))
            .collect(),
        Err(notice) => {
            notices.push(format!("{notice}; it is rebuilt from the engine's labels"));
            BTreeMap::new()
        }
    }
}

fn read_worktrees(files: &mut RealFiles, paths: &HomePaths, repo: &RepoId) -> BTreeSet<WorkstreamId> {
    list(files, &paths.worktrees(repo)).iter().filter_map(|name| WorkstreamId::parse(name).ok()).collect()
}

/// A run that was killed before it synced a directory left files that can be read and that a power cut may take away:
/// what this run finds, and relies on, is made to last first.
fn settle_names(files: &mut RealFiles, paths: &HomePaths, repo: &RepoId) -> Result<(), BootError> {
    for room in [paths.intents(), paths.repo(repo), paths.workstreams(), paths.root().to_path_buf()] {
        let why = |error: FileError| BootError::Unreadable { path: room.clone(), why: error.to_string() };
        files.apply(&FileOp::SyncDir(paths::text(&room))).map_err(why)?;
    }
    Ok(())
}

/// Takes away what killed writers left of files they never finished. One whose writer may still live is left alone, and
/// should it be taken away all the same, its writer makes another.
fn sweep_strays(files: &mut RealFiles, paths: &HomePaths, repo: &RepoId) {
    let mut rooms = paths.rooms();
    rooms.extend([paths.root().to_path_buf(), paths.repo(repo)]);
    for room in rooms {
        for name in list(files, &room) {
            if store::temporary(&name).is_some_and(|(_, pid)| !process::is_in_use(pid)) {
                // One that stays is found again the next time.
                let _left = files.apply(&FileOp::Unlink(paths::text(&room.join(name))));
            }
        }
    }
}

/// Temporary files and what was set aside begin with a dot or end otherwise.
fn is_record(name: &str) -> bool {
    !name.starts_with('.') && name.ends_with(".json")
}

fn read_record<T: serde::de::DeserializeOwned>(files: &mut RealFiles, path: &Path) -> Result<T, String> {
    let bytes = read(files, path).map_err(|error| format!("{}: {error}", path.display()))?;
    record::parse(&bytes).map_err(|flaw| format!("{}: {flaw}", path.display()))
}

/// A whole file of ours.
pub fn read(files: &mut RealFiles, path: &Path) -> Result<Vec<u8>, FileError> {
    match files.apply(&FileOp::Read(paths::text(path)))? {
        FileOk::Bytes(bytes) => Ok(bytes),
        FileOk::Done | FileOk::Names(_) => Err(FileError::Io(0)),
    }
}

/// The names in a directory; none where there is no directory.
pub fn list(files: &mut RealFiles, path: &Path) -> Vec<String> {
    match files.apply(&FileOp::List(paths::text(path))) {
        Ok(FileOk::Names(names)) => names,
        Ok(FileOk::Done | FileOk::Bytes(_)) | Err(_) => Vec::new(),
    }
}

const _: () = assert!(limits::RECORD_BYTES > limits::REQUEST_BYTES);
