//! Locks that an interrupted git left behind. Ours go once no git of ours runs any more; those that may be the user's
//! go only when their owner is proven dead, and otherwise the user is told.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ccells_core::limits;
use ccells_core::naming;
use ccells_core::ports::GitError;

use super::checkout::Checkout;
use super::command::{Answer, Call, MARK};
use super::trash::kept_refs;
use super::{Workplace, blocking, disk};

impl Workplace {
    /// Runs the call that `make` makes; when it fails and a lock is in the way, clears the lock and runs it once more.
    pub(super) async fn past_locks(&self, aim: &str, make: impl Fn() -> Call) -> Result<Answer, GitError> {
        let answer = make().finish(aim).await?;
        if answer.is_success || !self.is_locked() {
            return Ok(answer);
        }
        self.clear_locks().await?;
        make().finish(aim).await
    }

    /// Clears every lock an interrupted try can have left, or tells why one has to stay.
    pub(super) async fn clear_locks(&self) -> Result<(), GitError> {
        self.await_own_git().await?;
        for lock in self.own_locks() {
            remove_lock(&lock)?;
        }
        for lock in self.shared_locks() {
            self.clear_shared(&lock, &[]).await?;
        }
        Ok(())
    }

    /// The same for the locks of a branch of the user's that is to move, and of the checkout that it is checked out in,
    /// once no git of ours works any more.
    pub(super) async fn clear_locks_of(
        &self,
        name: &str,
        checkout: Option<&Checkout>,
    ) -> Result<(), GitError> {
        let places: Vec<PathBuf> = checkout.iter().map(|it| it.top().to_owned()).collect();
        let mut locks = vec![self.git_dir().join(format!("{name}.lock"))];
        locks.extend(self.shared_locks());
        locks.extend(
            checkout.iter().flat_map(|it| ["index.lock", "HEAD.lock"].map(|lock| it.git_dir().join(lock))),
        );
        locks.retain(|lock| disk::exists(lock));
        if locks.is_empty() {
            return Ok(());
        }
        for lock in locks {
            self.clear_shared(&lock, &places).await?;
        }
        Ok(())
    }

    /// Waits until no git of an earlier run works for this workstream: it is not killed, for that is what leaves locks.
    pub(super) async fn await_own_git(&self) -> Result<(), GitError> {
        let mark = [MARK, "=", self.plan.workstream.as_str()].concat();
        for _ in 0..limits::GIT_MS / limits::GIT_LOCK_POLL_MS {
            let sought = mark.clone();
            let found =
                blocking(move || Ok(git_processes().into_iter().find(|p| p.has_variable(&sought)))).await?;
            if found.is_none() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(limits::GIT_LOCK_POLL_MS)).await;
        }
        let name = self.plan.workstream.short();
        Err(GitError::Busy {
            what: format!("an earlier git still works for workstream {name}; wait for it to end"),
        })
    }

    /// Whether any lock is there that could stop us.
    fn is_locked(&self) -> bool {
        self.own_locks().iter().chain(&self.shared_locks()).any(|lock| disk::exists(lock))
    }

    /// The locks of references and files that are this workstream's alone.
    fn own_locks(&self) -> Vec<PathBuf> {
        let kept = kept_refs(self.plan.workstream.as_str());
        let own = [self.branch_ref(), self.base_ref(), self.head_ref(), self.was_ref(), self.carried_ref()];
        let refs = own.into_iter().chain(kept);
        let mut locks: Vec<PathBuf> = refs.map(|name| self.git_dir().join(format!("{name}.lock"))).collect();
        locks.extend(self.rebase_locks());
        let admin = fs::read_dir(self.admin_dir()).into_iter().flatten().flatten().map(|entry| entry.path());
        let notes = self.git_dir().join(self.pushed_refs());
        let remotes = fs::read_dir(notes).into_iter().flatten().flatten();
        let notes = remotes.flat_map(|remote| fs::read_dir(remote.path()).into_iter().flatten().flatten());
        let files = admin.chain(notes.map(|entry| entry.path()));
        locks.extend(files.filter(|file| file.extension().is_some_and(|extension| extension == "lock")));
        locks
    }

    /// The locks that are the user's as well.
    fn shared_locks(&self) -> Vec<PathBuf> {
        ["packed-refs.lock", "HEAD.lock", "config.lock"]
            .iter()
            .map(|name| self.git_dir().join(name))
            .collect()
    }

    /// Waits for a lock to go away, and removes it when nobody who could hold it lives: it may be of somebody who works in
    /// the repository or in one of these other places.
    async fn clear_shared(&self, lock: &Path, others: &[PathBuf]) -> Result<(), GitError> {
        let identity =
            |path: &Path| fs::symlink_metadata(path).ok().map(|facts| (facts.ino(), facts.mtime_nsec()));
        let Some(first) = identity(lock) else { return Ok(()) };
        for _ in 0..limits::GIT_LOCK_MS / limits::GIT_LOCK_POLL_MS {
            tokio::time::sleep(Duration::from_millis(limits::GIT_LOCK_POLL_MS)).await;
            if identity(lock).is_none() {
                return Ok(());
            }
        }
        let mut places = vec![self.git_dir().to_owned(), Path::new(self.plan.repo.as_str()).to_owned()];
        places.extend_from_slice(others);
        let suspect = lock.to_owned();
        let is_dead = blocking(move || Ok(is_abandoned(&suspect, &places))).await?;
        if is_dead && identity(lock) == Some(first) {
            return remove_lock(lock);
        }
        let shown = naming::sanitise(&lock.to_string_lossy());
        Err(GitError::Busy {
            what: format!(
                "{shown} is held; let the git command that holds it end, or remove the file if none runs"
            ),
        })
    }
}

/// Takes a lock file away; one that is gone is fine.
fn remove_lock(lock: &Path) -> Result<(), GitError> {
    match fs::remove_file(lock) {
        Err(error)
            if error.kind() != io::ErrorKind::NotFound && error.kind() != io::ErrorKind::NotADirectory =>
        {
            let shown = naming::sanitise(&lock.to_string_lossy());
            Err(GitError::Busy { what: format!("{shown} cannot be removed: {error}; remove it by hand") })
        }
        _ => Ok(()),
    }
}

/// Whether a lock that stood still is proven to have no living owner: it is ours, nobody has it open, and no git works
/// in `places`. Where processes cannot be seen nothing is proven.
fn is_abandoned(lock: &Path, places: &[PathBuf]) -> bool {
    let me = rustix::process::geteuid().as_raw();
    let is_ours = fs::symlink_metadata(lock).is_ok_and(|facts| facts.is_file() && facts.uid() == me);
    let can_see = Path::new("/proc/self/fd").is_dir();
    let is_open = || processes().into_iter().any(|process| process.has_open(lock));
    let works =
        || git_processes().into_iter().any(|process| places.iter().any(|place| process.works_in(place)));
    is_ours && can_see && !is_open() && !works()
}

/// One process of the machine, as its directory below /proc.
struct Seen(PathBuf);

impl Seen {
    /// Whether it is git or a part of it.
    fn is_git(&self) -> bool {
        fs::read(self.0.join("comm")).is_ok_and(|name| name.starts_with(b"git"))
    }

    /// Whether its environment has exactly `pair`.
    fn has_variable(&self, pair: &str) -> bool {
        let environment = fs::read(self.0.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == pair.as_bytes())
    }

    /// Whether it has `file` open. What we may not look into is another user's, and cannot hold a file of ours.
    fn has_open(&self, file: &Path) -> bool {
        let descriptors = fs::read_dir(self.0.join("fd")).into_iter().flatten().flatten();
        descriptors
            .map(|entry| fs::read_link(entry.path()))
            .any(|target| target.is_ok_and(|target| target == file))
    }

    /// Whether it stands in `place` or was told of it.
    fn works_in(&self, place: &Path) -> bool {
        let stands = fs::read_link(self.0.join("cwd")).is_ok_and(|cwd| cwd.starts_with(place));
        let name = place.as_os_str().as_bytes();
        let is_told = |file: &str| {
            let bytes = fs::read(self.0.join(file)).unwrap_or_default();
            bytes.windows(name.len()).any(|window| window == name)
        };
        stands || is_told("cmdline") || is_told("environ")
    }
}

/// Every process we can see; none where there is no /proc.
fn processes() -> Vec<Seen> {
    let is_number = |name: &std::ffi::OsStr| name.as_bytes().iter().all(u8::is_ascii_digit);
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter(|entry| is_number(&entry.file_name())).map(|entry| Seen(entry.path())).collect()
}

/// Every git process we can see.
fn git_processes() -> Vec<Seen> {
    processes().into_iter().filter(Seen::is_git).collect()
}
