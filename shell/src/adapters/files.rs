//! The real file system behind the `Files` port: one step is one system call (or the few that make it safe).
//! Files are 0600 and directories 0700 whatever the umask, links are never followed at the last name, and
//! nothing here can block.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ccells_core::ids::PathText;
use ccells_core::limits;
use ccells_core::ports::{FileError, FileOk, FileOp, Files};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// How a file of ours may be used: by its owner.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
/// How a directory of ours may be used: by its owner.
const DIR_MODE: Mode = Mode::RWXU;
/// How every file is opened: not through a link, not into a child, not waiting for the other end of a pipe.
const SAFELY: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);
/// How a directory is opened, to list it or to sync it.
const LISTING: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The file system of this machine.
#[derive(Debug, Default)]
pub struct RealFiles {
    /// Files that were made and are not yet synced: an error of a write is told to the descriptor that wrote.
    open: BTreeMap<PathText, File>,
    /// The locks this value holds, by path.
    locks: BTreeMap<PathText, File>,
    reserve: Option<Reserve>,
}

/// A file that takes up space only so that it can be given up when the disk is full.
#[derive(Debug)]
struct Reserve {
    path: PathBuf,
}

impl RealFiles {
    /// The file system, without a reserve.
    pub fn new() -> Self {
        Self::default()
    }

    /// The file system, with a reserve of [`limits::RESERVE_BYTES`] at `path`. When the disk is full it is
    /// given up slice by slice until the step succeeds; it takes back what it can get after a later write.
    pub fn with_reserve(path: PathBuf) -> Self {
        let reserve = Reserve { path };
        reserve.restore();
        Self { reserve: Some(reserve), ..Self::default() }
    }

    /// Does `work` without touching the reserve: it is not there for what begins something, or what is not
    /// worth a word when it is lost.
    pub fn sparing_reserve<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let spared = self.reserve.take();
        let outcome = work(self);
        self.reserve = spared;
        outcome
    }

    fn once(&mut self, op: &FileOp) -> Result<FileOk, FileError> {
        match op {
            FileOp::Read(path) => return read(as_path(path)).map(FileOk::Bytes),
            FileOp::List(path) => return list(as_path(path)).map(FileOk::Names),
            FileOp::MakeDir(path) => make_dir(as_path(path))?,
            FileOp::CreateNew(path) => self.create_new(path)?,
            FileOp::Append(path, bytes) => self.append(path, bytes)?,
            FileOp::SyncFile(path) => self.sync_file(path)?,
            FileOp::Link(from, to) => {
                rustix::fs::linkat(CWD, from.as_str(), CWD, to.as_str(), AtFlags::empty()).map_err(kind)?;
            }
            FileOp::Rename(from, to) => self.rename(from, to)?,
            FileOp::SyncDir(path) => self.sync_dir(as_path(path))?,
            FileOp::Unlink(path) => self.unlink(path)?,
            FileOp::TryLock(path) => self.try_lock(path)?,
            FileOp::Unlock(path) => self.unlock(path),
        }
        Ok(FileOk::Done)
    }

    fn create_new(&mut self, path: &PathText) -> Result<(), FileError> {
        let flags = SAFELY | OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL;
        let file = File::from(rustix::fs::open(path.as_str(), flags, FILE_MODE).map_err(kind)?);
        // The umask may have taken bits away.
        match rustix::fs::fchmod(&file, FILE_MODE) {
            Ok(()) => drop(self.open.insert(path.clone(), file)),
            Err(error) => {
                // A step that fails leaves nothing.
                let _ = rustix::fs::unlink(path.as_str());
                return Err(kind(error));
            }
        }
        Ok(())
    }

    /// On a full disk a part of the bytes may land; after the reserve was given up it is cut off and all are
    /// written.
    fn append(&mut self, path: &PathText, bytes: &[u8]) -> Result<(), FileError> {
        let mut file = match self.open.remove(path) {
            Some(file) => file,
            None => open_regular(as_path(path), OFlags::WRONLY | OFlags::APPEND)?,
        };
        let length = rustix::fs::fstat(&file).map_err(kind)?.st_size;
        let mut written = file.write_all(bytes).map_err(|error| io_kind(&error));
        while written == Err(FileError::NoSpace) && self.spend_reserve() {
            rustix::fs::ftruncate(&file, u64::try_from(length).unwrap_or(0)).map_err(kind)?;
            written = file.write_all(bytes).map_err(|error| io_kind(&error));
        }
        self.open.insert(path.clone(), file);
        written
    }

    /// The descriptor is closed whatever comes: a second sync on it could report success for bytes that are
    /// gone.
    fn sync_file(&mut self, path: &PathText) -> Result<(), FileError> {
        let file = match self.open.remove(path) {
            Some(file) => file,
            None => open_regular(as_path(path), OFlags::RDONLY)?,
        };
        file.sync_all().map_err(|error| io_kind(&error))
    }

    fn rename(&mut self, from: &PathText, to: &PathText) -> Result<(), FileError> {
        rustix::fs::rename(from.as_str(), to.as_str()).map_err(kind)?;
        // What was below a directory that moved is not where it was.
        let has_moved = |path: &PathText| {
            [from, to].iter().any(|moved| Path::new(path.as_str()).starts_with(moved.as_str()))
        };
        self.open.retain(|path, _| !has_moved(path));
        Ok(())
    }

    fn sync_dir(&mut self, path: &Path) -> Result<(), FileError> {
        sync_names(path)?;
        if let Some(reserve) = &self.reserve {
            reserve.restore();
        }
        Ok(())
    }

    fn unlink(&mut self, path: &PathText) -> Result<(), FileError> {
        self.open.remove(path);
        rustix::fs::unlink(path.as_str()).map_err(kind)
    }

    /// `flock`, not `fcntl`: the lock is this descriptor's, so that closing another one of the same file
    /// keeps it.
    fn try_lock(&mut self, path: &PathText) -> Result<(), FileError> {
        if self.locks.contains_key(path) {
            return Err(FileError::Locked);
        }
        let file = lock_file(as_path(path))?;
        self.locks.insert(path.clone(), file);
        Ok(())
    }

    /// Unlocked by name, not by closing: a child between its fork and its exec has the descriptor too.
    fn unlock(&mut self, path: &PathText) {
        if let Some(file) = self.locks.remove(path) {
            unlock_file(&file);
        }
    }

    fn spend_reserve(&self) -> bool {
        self.reserve.as_ref().is_some_and(Reserve::spend)
    }
}

impl Files for RealFiles {
    fn apply(&mut self, op: &FileOp) -> Result<FileOk, FileError> {
        let mut outcome = self.once(op);
        // A failed append was repeated on its own, and a failed sync must not be: its protocol starts afresh.
        let may_repeat = !matches!(op, FileOp::Append(..) | FileOp::SyncFile(_) | FileOp::SyncDir(_));
        while outcome == Err(FileError::NoSpace) && self.spend_reserve() && may_repeat {
            outcome = self.once(op);
        }
        outcome
    }
}

/// Other threads and other runs give up and take back the same file: its length is all there is to know.
impl Reserve {
    /// Gives a slice of the space up; whether there was any.
    fn spend(&self) -> bool {
        let Ok(file) = open_regular(&self.path, OFlags::WRONLY) else { return false };
        let Ok(status) = rustix::fs::fstat(&file) else { return false };
        let length = u64::try_from(status.st_size).unwrap_or(0);
        let left = length.saturating_sub(limits::RESERVE_SLICE_BYTES as u64);
        let is_less = length > 0 && rustix::fs::ftruncate(&file, left).is_ok();
        if left == 0 {
            let _ = rustix::fs::unlink(&self.path);
        }
        is_less
    }

    /// Takes back as much of the space as there is. What it does not get is no error: the next write tries.
    fn restore(&self) {
        let full = limits::RESERVE_BYTES as u64;
        let length = rustix::fs::lstat(&self.path).map_or(0, |it| u64::try_from(it.st_size).unwrap_or(full));
        if length < full && self.fill(length).is_err() {
            // A file without any space in it is only a name.
            if rustix::fs::lstat(&self.path).is_ok_and(|it| it.st_size == 0) {
                let _ = rustix::fs::unlink(&self.path);
            }
        }
    }

    fn fill(&self, from: u64) -> io::Result<()> {
        let file =
            open_regular(&self.path, OFlags::WRONLY | OFlags::CREATE).map_err(|_| io::ErrorKind::Other)?;
        let slice = vec![0; limits::RESERVE_SLICE_BYTES];
        let mut at = from;
        while at < limits::RESERVE_BYTES as u64 {
            let left = usize::try_from(limits::RESERVE_BYTES as u64 - at).unwrap_or(slice.len());
            at += file.write_at(&slice[..left.min(slice.len())], at)? as u64;
        }
        Ok(())
    }
}

/// Opens the lock file at `path` (made when missing) and takes its lock without waiting.
pub(super) fn lock_file(path: &Path) -> Result<File, FileError> {
    let file = open_regular(path, OFlags::RDWR | OFlags::CREATE)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(FileError::Locked),
        Err(std::fs::TryLockError::Error(error)) => Err(io_kind(&error)),
    }
}

/// Lets the lock go. The kernel does it in any case when the descriptor's last copy is closed.
pub(super) fn unlock_file(file: &File) {
    let _ = file.unlock();
}

/// Opens what is at `path` provided that it is a regular file.
pub(super) fn open_regular(path: &Path, flags: OFlags) -> Result<File, FileError> {
    let file = File::from(rustix::fs::open(path, SAFELY | flags, FILE_MODE).map_err(kind)?);
    let status = rustix::fs::fstat(&file).map_err(kind)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(FileError::Unfit);
    }
    // A file that was just made has lost what the umask takes.
    if flags.contains(OFlags::CREATE) && Mode::from_raw_mode(status.st_mode) != FILE_MODE {
        rustix::fs::fchmod(&file, FILE_MODE).map_err(kind)?;
    }
    Ok(file)
}

/// Reads a whole regular file of a size we read.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let file = open_regular(path, OFlags::RDONLY)?;
    let length = rustix::fs::fstat(&file).map_err(kind)?.st_size;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > limits::RECORD_BYTES {
        return Err(FileError::Unfit);
    }
    let mut bytes = Vec::with_capacity(length);
    // It may grow while it is read.
    file.take(limits::RECORD_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| io_kind(&error))?;
    if bytes.len() > limits::RECORD_BYTES { Err(FileError::Unfit) } else { Ok(bytes) }
}

/// The names in a directory, sorted. Names that are no text are none of ours and are left out.
fn list(path: &Path) -> Result<Vec<String>, FileError> {
    let mut names = Vec::new();
    for entry in Dir::new(open_to_list(path)?).map_err(kind)? {
        let entry = entry.map_err(kind)?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if names.len() == limits::DIRECTORY_NAMES {
            return Err(FileError::Unfit);
        }
        if name != "." && name != ".." {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Looking at a directory that was just changed writes its time of access, and so costs as much as a change:
/// a tenth of a whole durable save. Its owner may look without.
#[cfg(target_os = "linux")]
fn open_to_list(path: &Path) -> Result<OwnedFd, FileError> {
    match rustix::fs::open(path, LISTING | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => rustix::fs::open(path, LISTING, Mode::empty()).map_err(kind),
        opened => opened.map_err(kind),
    }
}

/// Elsewhere there is no such way.
#[cfg(not(target_os = "linux"))]
fn open_to_list(path: &Path) -> Result<OwnedFd, FileError> {
    rustix::fs::open(path, LISTING, Mode::empty()).map_err(kind)
}

/// Makes a directory and its parents, each durable in its own parent before anything is put into it.
pub(super) fn make_dir(path: &Path) -> Result<(), FileError> {
    match rustix::fs::mkdir(path, DIR_MODE) {
        Ok(()) => {}
        Err(Errno::EXIST) => return if path.is_dir() { Ok(()) } else { Err(FileError::Exists) },
        Err(Errno::NOENT) => {
            let parent =
                path.parent().filter(|parent| !parent.as_os_str().is_empty()).ok_or(FileError::NotFound)?;
            make_dir(parent)?;
            return make_dir(path);
        }
        Err(error) => return Err(kind(error)),
    }
    rustix::fs::chmod(path, DIR_MODE).map_err(kind)?;
    sync_names(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Makes the names in a directory durable.
fn sync_names(path: &Path) -> Result<(), FileError> {
    let directory = rustix::fs::open(path, LISTING, Mode::empty()).map_err(kind)?;
    match rustix::fs::fsync(&directory) {
        // Some file systems have nothing to sync in a directory, and say so.
        Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
        Err(error) => Err(kind(error)),
    }
}

fn as_path(path: &PathText) -> &Path {
    Path::new(path.as_str())
}

/// The kernel's error number in the port's kinds.
pub(super) fn kind(error: Errno) -> FileError {
    match error {
        Errno::NOENT => FileError::NotFound,
        Errno::EXIST | Errno::NOTEMPTY => FileError::Exists,
        Errno::NOSPC | Errno::DQUOT => FileError::NoSpace,
        Errno::ROFS => FileError::ReadOnly,
        Errno::ACCESS | Errno::PERM => FileError::Denied,
        // A directory, a link, a file where a directory should be, a socket.
        Errno::ISDIR | Errno::LOOP | Errno::NOTDIR | Errno::NXIO => FileError::Unfit,
        error => FileError::Io(error.raw_os_error()),
    }
}

/// The same for errors that come through the standard library.
pub(super) fn io_kind(error: &io::Error) -> FileError {
    Errno::from_io_error(error).map_or(FileError::Io(Errno::IO.raw_os_error()), kind)
}
