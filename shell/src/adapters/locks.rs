//! Locks that are held for life: the kernel lets them go when their process ends, however it ends, so holding
//! one is proof of life and getting one is proof of death. The file says who holds it; it is never removed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ccells_core::limits;
use ccells_core::ports::{FileError, ProcessId};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::files;

/// Who holds a lock, as the lock file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its pid.
    pub pid: u32,
    /// When it started, in the kernel's ticks since boot.
    pub start_ticks: u64,
    /// Which boot of the machine.
    pub boot_id: String,
    /// When it started, for people.
    pub started_at: String,
    /// The version of ccells it is.
    pub version: String,
}

impl Holder {
    /// The process it says it is.
    pub fn process(&self) -> ProcessId {
        ProcessId { pid: self.pid, start_ticks: self.start_ticks, boot_id: self.boot_id.clone() }
    }
}

/// Why a lock was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// A living process holds it.
    #[error("held by {}", .0.as_ref().map_or("another process".to_owned(), |holder| format!("process {}", holder.pid)))]
    HeldBy(Option<Holder>),
    /// It could not be taken, and nobody is known to hold it.
    #[error("the lock cannot be taken: {0}")]
    Failed(FileError),
}

/// A lock we hold until this value is dropped or the process ends.
#[derive(Debug)]
pub struct HeldLock {
    file: File,
}

/// Takes the lock at `path` (made when missing) for as long as the result lives, and says in it who we are.
pub fn hold(path: &Path, holder: &Holder) -> Result<HeldLock, LockError> {
    match files::lock_file(path) {
        Ok(file) => {
            let lock = HeldLock { file };
            // The lock is what counts. On a full disk its body stays empty, and others cannot tell who we
            // are.
            let _ = lock.write_body(holder);
            Ok(lock)
        }
        Err(FileError::Locked) => Err(LockError::HeldBy(read_body(path))),
        Err(why) => Err(LockError::Failed(why)),
    }
}

impl HeldLock {
    /// In place: a lock file that is replaced is another lock. Emptied first: better no name than a dead
    /// one's.
    fn write_body(&self, holder: &Holder) -> io::Result<()> {
        let mut body = serde_json::to_vec(holder)?;
        body.push(b'\n');
        self.file.set_len(0)?;
        let mut file = &self.file;
        file.write_all(&body)
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        files::unlock_file(&self.file);
    }
}

/// What the lock file says; `None` while its holder is still writing it, or when it is no body of ours.
fn read_body(path: &Path) -> Option<Holder> {
    let file = files::open_regular(path, OFlags::RDONLY).ok()?;
    let mut body = Vec::new();
    file.take(limits::LOCK_BODY_BYTES).read_to_end(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// How a writer waits for a lock of another: looks again every few milliseconds, until `wait_ms` have passed.
/// It blocks, so it belongs on a thread of its own. For [`run_patiently`](ccells_core::store::run_patiently).
pub fn patience(wait_ms: u64) -> impl FnMut() -> bool {
    let end = Instant::now() + Duration::from_millis(wait_ms);
    move || {
        thread::sleep(Duration::from_millis(limits::LOCK_POLL_MS));
        Instant::now() < end
    }
}
