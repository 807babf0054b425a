//! The start of a run: the home checked, and then what `ccells_core::reading` does, with this machine's own disk and
//! processes. What it finds goes to the core as one event; nothing is decided here.

use std::path::{Path, PathBuf};

use ccells_core::canary::Planted;
use ccells_core::event::{Found, Purpose, Repo};
use ccells_core::ids::{HomeId, PathText, RepoId, RunId};
use ccells_core::ports::{Clock, FileError, FileOk, FileOp, Files, Process, ProcessId};
use ccells_core::reading::{self, Site, Start, StartError};
use ccells_core::{limits, naming};
use sha2::{Digest, Sha256};

pub use ccells_core::reading::Wanted;

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
    /// Something of ours on disk does not let it begin, or another run does not.
    #[error(transparent)]
    Start(#[from] StartError),
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

/// The home, checked and complete, the user's settings, and what the user should know of the home.
pub fn open_home(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(HomePaths, Config, Vec<String>), BootError> {
    let (paths, config, warnings) = check(variable)?;
    reading::make_rooms(&mut RealFiles::new(), paths.places())?;
    Ok((paths, config, warnings))
}

/// The same, without its rooms.
fn check(variable: impl Fn(&str) -> Option<String>) -> Result<(HomePaths, Config, Vec<String>), BootError> {
    let home = home::check_home(&home_path(&variable)?)?;
    if home.path.to_str().is_none() {
        return Err(BootError::Repo(format!("{}: a home's path must be UTF-8", home.path.display())));
    }
    let paths = HomePaths::new(home.path);
    let config = Config::read(paths.root(), variable)?;
    let warnings =
        home.warnings.iter().map(|warning| format!("{} {warning}", paths.root().display())).collect();
    Ok((paths, config, warnings))
}

/// Begins a run in a repository.
pub fn boot(git: &RepoFacts, wanted: Wanted, purpose: Purpose) -> Result<Boot, BootError> {
    let (paths, config, warnings) = check(|name| std::env::var(name).ok())?;
    let me = RealProcess::new().me();
    let now = RealClock::new().now().wall;
    let start = Start {
        run: RunId::parse(&entropy::ulid()).expect("a ULID is a run id"),
        pid: me.pid,
        wanted,
        purpose,
        home: home_id(&paths),
        home_path: paths::text(paths.root()),
        owner: owner_of(git)?,
        repo: describe(git)?,
        settings: config.settings.clone(),
        now,
        planted: Planted::default(),
    };
    let mut site = RealSite::new(&paths, &start, me);
    let mut found = reading::read(&mut site, &start)?;
    found.warnings = warnings;
    let run_lock = paths.run_lock(&found.run);
    Ok(Boot { paths, config, found, locks: site.held, run_lock })
}

/// The disk and the processes of this machine. The two locks that a run holds for life say in themselves who holds
/// them.
struct RealSite {
    files: RealFiles,
    holder: Holder,
    for_life: [PathText; 2],
    held: Vec<HeldLock>,
    /// Who held the last one of them that was refused, as far as it says so.
    other: Option<Holder>,
}

impl RealSite {
    fn new(paths: &HomePaths, start: &Start, me: ProcessId) -> Self {
        let holder = Holder {
            pid: me.pid,
            start_ticks: me.start_ticks,
            boot_id: me.boot_id,
            started_at: start.now.to_string(),
            version: env!("CARGO_PKG_VERSION").to_string(),
        };
        let places = paths.places();
        Self {
            files: RealFiles::with_reserve(paths.reserve()),
            holder,
            for_life: [places.repo_lock(&start.repo.id), places.run_lock(&start.run)],
            held: Vec::new(),
            other: None,
        }
    }

    fn hold(&mut self, lock: &PathText) -> Result<FileOk, FileError> {
        match locks::hold(Path::new(lock.as_str()), &self.holder) {
            Ok(held) => self.held.push(held),
            Err(LockError::HeldBy(other)) => {
                self.other = other;
                return Err(FileError::Locked);
            }
            Err(LockError::Failed(why)) => return Err(why),
        }
        Ok(FileOk::Done)
    }
}

impl Files for RealSite {
    fn apply(&mut self, op: &FileOp) -> Result<FileOk, FileError> {
        if let FileOp::TryLock(lock) = op
            && self.for_life.contains(lock)
        {
            return self.hold(lock);
        }
        self.files.apply(op)
    }
}

impl Site for RealSite {
    fn is_in_use(&self, pid: u32) -> bool {
        process::is_in_use(pid)
    }

    fn holder_of(&self, _lock: &PathText) -> String {
        words(self.other.as_ref(), &RealProcess::new())
    }
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

/// What the agents write shall belong to whoever owns the checkout.
fn owner_of(git: &RepoFacts) -> Result<(u32, u32), BootError> {
    use std::os::unix::fs::MetadataExt;
    let why = |error: std::io::Error| BootError::Repo(format!("{}: {error}", git.top));
    let metadata = Path::new(git.top.as_str()).metadata().map_err(why)?;
    Ok((metadata.uid(), metadata.gid()))
}

/// Another run, for people: who, since when, and whether it stands still.
fn words(holder: Option<&Holder>, me: &RealProcess) -> String {
    let Some(holder) = holder else { return "another ccells".to_string() };
    let stopped = if me.is_stopped(&holder.process()) { ", which is stopped" } else { "" };
    format!("ccells with pid {} (since {}){stopped}", holder.pid, holder.started_at)
}

/// A whole file of ours.
pub fn read(files: &mut RealFiles, path: &Path) -> Result<Vec<u8>, FileError> {
    match files.apply(&FileOp::Read(paths::text(path)))? {
        FileOk::Bytes(bytes) => Ok(bytes),
        FileOk::Done | FileOk::Names(_) => Err(FileError::Io(0)),
    }
}

/// The names in a directory; none where there is no directory.
pub fn list(files: &mut RealFiles, path: &Path) -> Result<Vec<String>, FileError> {
    match files.apply(&FileOp::List(paths::text(path))) {
        Ok(FileOk::Names(names)) => Ok(names),
        Err(FileError::NotFound) => Ok(Vec::new()),
        Ok(FileOk::Done | FileOk::Bytes(_)) => Err(FileError::Unfit),
        Err(why) => Err(why),
    }
}

const _: () = assert!(limits::RECORD_BYTES > limits::REQUEST_BYTES);
