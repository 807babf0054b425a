//! A disk that several simulated processes share: every file operation has a live effect, seen at once, and a durable
//! one, which a sync decides. A kill loses nothing that was written; a power cut keeps a prefix of the changes of
//! names and, of each file, what was synced and any prefix of the rest.

use std::collections::{BTreeMap, BTreeSet};

use ccells_core::ids::PathText;
use ccells_core::limits::RECORD_BYTES;
use ccells_core::ports::{FileError, FileOk, FileOp};

use crate::choice::Choices;

/// Who does an operation: locks belong to it.
pub type Owner = usize;

type Inode = u64;
type Names = BTreeMap<(Inode, String), Inode>;

const ROOT: Inode = 0;
/// `EIO`.
const EIO: i32 = 5;

/// What an operation that is to fail fails with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// The disk is full; half of an append lands.
    NoSpace,
    /// The device fails; a failed sync forgets the bytes it was to make durable.
    Io,
    /// The file system takes no writes.
    ReadOnly,
}

#[derive(Clone, Debug)]
struct FileData {
    bytes: Vec<u8>,
    synced: Vec<u8>,
}

/// One change of names: these go, these come, at once.
#[derive(Clone, Debug)]
struct Change {
    directories: [Inode; 2],
    gone: Option<(Inode, String)>,
    come: Option<((Inode, String), Inode)>,
}

/// The disk.
#[derive(Clone, Debug)]
pub struct SimFiles {
    live: Names,
    durable: Names,
    pending: Vec<Change>,
    files: BTreeMap<Inode, FileData>,
    directories: BTreeSet<Inode>,
    locks: BTreeMap<Inode, Owner>,
    next: Inode,
}

impl Default for SimFiles {
    fn default() -> Self {
        Self {
            live: Names::new(),
            durable: Names::new(),
            pending: Vec::new(),
            files: BTreeMap::new(),
            directories: BTreeSet::from([ROOT]),
            locks: BTreeMap::new(),
            next: ROOT + 1,
        }
    }
}

impl SimFiles {
    /// Does one operation for `owner`.
    pub fn apply(&mut self, owner: Owner, op: &FileOp) -> Result<FileOk, FileError> {
        match op {
            FileOp::MakeDir(path) => self.make_dir(path),
            FileOp::Read(path) => self.read(path).map(|bytes| FileOk::Bytes(bytes.to_vec())),
            FileOp::List(path) => self.list(path).map(FileOk::Names),
            FileOp::CreateNew(path) => self.create_new(path),
            FileOp::Append(path, bytes) => self.append(path, bytes),
            FileOp::SyncFile(path) => self.sync_file(path),
            FileOp::Link(from, to) => self.link(from, to),
            FileOp::Rename(from, to) => self.rename(from, to),
            FileOp::SyncDir(path) => self.sync_dir(path),
            FileOp::Unlink(path) => self.unlink(path),
            FileOp::TryLock(path) => self.try_lock(owner, path),
            FileOp::Unlock(path) => self.unlock(owner, path),
        }
    }

    /// Does what is left of an operation that fails.
    pub fn fail(&mut self, op: &FileOp, how: Injected) -> FileError {
        match (op, how) {
            (FileOp::Append(path, bytes), Injected::NoSpace) => {
                let half = bytes.get(..bytes.len() / 2).unwrap_or_default().to_vec();
                let _ = self.append(path, &half);
            }
            (FileOp::SyncFile(path), Injected::Io) => {
                if let Some(file) = self.find(path).and_then(|inode| self.files.get_mut(&inode)) {
                    file.bytes = file.synced.clone();
                }
            }
            _ => {}
        }
        match how {
            Injected::NoSpace => FileError::NoSpace,
            Injected::Io => FileError::Io(EIO),
            Injected::ReadOnly => FileError::ReadOnly,
        }
    }

    /// The process is gone: its locks are free, everything it wrote is there.
    pub fn kill(&mut self, owner: Owner) {
        self.locks.retain(|_, holder| *holder != owner);
    }

    /// The power is gone: all locks are free, and chance decides what of the unsynced survived (zero: all of it).
    pub fn cut_power(&mut self, choices: &mut Choices) {
        self.locks.clear();
        let pending = std::mem::take(&mut self.pending);
        let lost = usize::try_from(choices.below("power.names", pending.len() as u64 + 1)).unwrap_or(0);
        for change in pending.iter().take(pending.len() - lost) {
            apply_change(&mut self.durable, change);
        }
        self.live = self.durable.clone();
        for file in self.files.values_mut().filter(|file| file.bytes != file.synced) {
            let common = if file.bytes.starts_with(&file.synced) { file.synced.len() } else { 0 };
            let lost = choices.below("power.bytes", (file.bytes.len() - common) as u64 + 1);
            file.bytes.truncate(file.bytes.len() - usize::try_from(lost).unwrap_or(0));
            file.synced = file.bytes.clone();
        }
    }

    /// Damages a file behind everybody's back: what it held is cut to `keep` bytes.
    pub fn rot(&mut self, path: &PathText, keep: usize) -> bool {
        let Some(file) = self.find(path).and_then(|inode| self.files.get_mut(&inode)) else { return false };
        file.bytes.truncate(keep);
        file.synced = file.bytes.clone();
        true
    }

    /// The bytes of a file as they can be read now.
    pub fn read(&self, path: &PathText) -> Result<&[u8], FileError> {
        self.bytes_of(self.find(path), false)
    }

    /// The bytes of a file as they would be after a power cut that loses everything unsynced.
    pub fn read_durable(&self, path: &PathText) -> Result<&[u8], FileError> {
        self.bytes_of(find_in(&self.durable, path), true)
    }

    /// The names in a directory.
    pub fn list(&self, path: &PathText) -> Result<Vec<String>, FileError> {
        let directory = self.directory(path)?;
        let from = (directory, String::new());
        let names = self.live.range(from..).take_while(|((parent, _), _)| *parent == directory);
        Ok(names.map(|((_, name), _)| name.clone()).collect())
    }

    /// Who holds a lock.
    pub fn holder(&self, path: &PathText) -> Option<Owner> {
        self.locks.get(&self.find(path)?).copied()
    }

    /// Every path below the root, with whether it is a file.
    pub fn paths(&self) -> Vec<(String, bool)> {
        let mut found = Vec::new();
        let mut open = vec![(ROOT, String::new())];
        while let Some((directory, path)) = open.pop() {
            let from = (directory, String::new());
            for ((_, name), inode) in
                self.live.range(from..).take_while(|((parent, _), _)| *parent == directory)
            {
                let path = format!("{path}/{name}");
                found.push((path.clone(), self.files.contains_key(inode)));
                if self.directories.contains(inode) {
                    open.push((*inode, path));
                }
            }
        }
        found.sort();
        found
    }

    fn bytes_of(&self, inode: Option<Inode>, is_durable: bool) -> Result<&[u8], FileError> {
        let inode = inode.ok_or(FileError::NotFound)?;
        let file = self.files.get(&inode).ok_or(FileError::Unfit)?;
        let bytes = if is_durable { &file.synced } else { &file.bytes };
        if bytes.len() > RECORD_BYTES { Err(FileError::Unfit) } else { Ok(bytes) }
    }

    fn find(&self, path: &PathText) -> Option<Inode> {
        find_in(&self.live, path)
    }

    fn directory(&self, path: &PathText) -> Result<Inode, FileError> {
        let inode = self.find(path).ok_or(FileError::NotFound)?;
        if self.directories.contains(&inode) { Ok(inode) } else { Err(FileError::Unfit) }
    }

    fn place(&self, path: &PathText) -> Result<(Inode, String), FileError> {
        let (directory, name) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
        Ok((self.directory(&PathText::from(directory))?, name.to_string()))
    }

    fn fresh(&mut self) -> Inode {
        self.next += 1;
        self.next
    }

    fn change(&mut self, gone: Option<(Inode, String)>, come: Option<((Inode, String), Inode)>) {
        let of = |place: Option<&(Inode, String)>| place.map(|(directory, _)| *directory);
        let first = of(gone.as_ref()).or(of(come.as_ref().map(|(place, _)| place))).unwrap_or(ROOT);
        let second = of(come.as_ref().map(|(place, _)| place)).unwrap_or(first);
        let change = Change { directories: [first, second], gone, come };
        apply_change(&mut self.live, &change);
        self.pending.push(change);
    }

    fn make_dir(&mut self, path: &PathText) -> Result<FileOk, FileError> {
        let mut directory = ROOT;
        for name in path.as_str().split('/').filter(|name| !name.is_empty()) {
            let place = (directory, name.to_string());
            directory = match self.live.get(&place) {
                Some(inode) if self.directories.contains(inode) => *inode,
                Some(_) => return Err(FileError::Exists),
                None => {
                    let inode = self.fresh();
                    self.directories.insert(inode);
                    self.change(None, Some((place, inode)));
                    inode
                }
            };
        }
        Ok(FileOk::Done)
    }

    fn create_new(&mut self, path: &PathText) -> Result<FileOk, FileError> {
        let place = self.place(path)?;
        if self.live.contains_key(&place) {
            return Err(FileError::Exists);
        }
        let inode = self.fresh();
        self.files.insert(inode, FileData { bytes: Vec::new(), synced: Vec::new() });
        self.change(None, Some((place, inode)));
        Ok(FileOk::Done)
    }

    fn append(&mut self, path: &PathText, bytes: &[u8]) -> Result<FileOk, FileError> {
        let inode = self.find(path).ok_or(FileError::NotFound)?;
        self.files.get_mut(&inode).ok_or(FileError::Unfit)?.bytes.extend_from_slice(bytes);
        Ok(FileOk::Done)
    }

    fn sync_file(&mut self, path: &PathText) -> Result<FileOk, FileError> {
        let inode = self.find(path).ok_or(FileError::NotFound)?;
        let file = self.files.get_mut(&inode).ok_or(FileError::Unfit)?;
        file.synced = file.bytes.clone();
        Ok(FileOk::Done)
    }

    fn link(&mut self, from: &PathText, to: &PathText) -> Result<FileOk, FileError> {
        let inode = self.find(from).ok_or(FileError::NotFound)?;
        let place = self.place(to)?;
        if self.live.contains_key(&place) {
            return Err(FileError::Exists);
        }
        self.change(None, Some((place, inode)));
        Ok(FileOk::Done)
    }

    fn rename(&mut self, from: &PathText, to: &PathText) -> Result<FileOk, FileError> {
        let inode = self.find(from).ok_or(FileError::NotFound)?;
        let (gone, come) = (self.place(from)?, self.place(to)?);
        match self.live.get(&come) {
            Some(same) if *same == inode => return Ok(FileOk::Done),
            Some(other) if self.directories.contains(other) => return Err(FileError::Exists),
            Some(_) | None => {}
        }
        self.change(Some(gone), Some((come, inode)));
        Ok(FileOk::Done)
    }

    /// Names become durable in the order in which they were changed.
    fn sync_dir(&mut self, path: &PathText) -> Result<FileOk, FileError> {
        let directory = self.directory(path)?;
        let last = self.pending.iter().rposition(|change| change.directories.contains(&directory));
        for change in self.pending.drain(..last.map_or(0, |last| last + 1)) {
            apply_change(&mut self.durable, &change);
        }
        Ok(FileOk::Done)
    }

    fn unlink(&mut self, path: &PathText) -> Result<FileOk, FileError> {
        let inode = self.find(path).ok_or(FileError::NotFound)?;
        if self.directories.contains(&inode) {
            return Err(FileError::Unfit);
        }
        let place = self.place(path)?;
        self.change(Some(place), None);
        Ok(FileOk::Done)
    }

    fn try_lock(&mut self, owner: Owner, path: &PathText) -> Result<FileOk, FileError> {
        let inode = if let Some(inode) = self.find(path) {
            inode
        } else {
            self.create_new(path)?;
            self.find(path).ok_or(FileError::NotFound)?
        };
        match self.locks.get(&inode) {
            Some(holder) if *holder != owner => Err(FileError::Locked),
            Some(_) | None => {
                self.locks.insert(inode, owner);
                Ok(FileOk::Done)
            }
        }
    }

    fn unlock(&mut self, owner: Owner, path: &PathText) -> Result<FileOk, FileError> {
        let inode = self.find(path).ok_or(FileError::NotFound)?;
        if self.locks.get(&inode) == Some(&owner) {
            self.locks.remove(&inode);
        }
        Ok(FileOk::Done)
    }
}

fn find_in(names: &Names, path: &PathText) -> Option<Inode> {
    let parts = path.as_str().split('/').filter(|name| !name.is_empty());
    parts.into_iter().try_fold(ROOT, |directory, name| names.get(&(directory, name.to_string())).copied())
}

fn apply_change(names: &mut Names, change: &Change) {
    if let Some(gone) = &change.gone {
        names.remove(gone);
    }
    if let Some((place, inode)) = &change.come {
        names.insert(place.clone(), *inode);
    }
}

#[cfg(test)]
mod tests {
    use ccells_core::store::{self, Keep, Replace};

    use super::*;

    struct One<'a>(&'a mut SimFiles);

    impl ccells_core::ports::Files for One<'_> {
        fn apply(&mut self, op: &FileOp) -> Result<FileOk, FileError> {
            self.0.apply(1, op)
        }
    }

    fn path(text: &str) -> PathText {
        PathText::from(text)
    }

    fn disk_with(bytes: &[u8]) -> SimFiles {
        let mut disk = SimFiles::default();
        disk.apply(1, &FileOp::MakeDir(path("/d"))).expect("a directory");
        let replace = Replace::new(path("/d/f"), bytes.to_vec(), 1, 1, Keep::One);
        store::run(&mut One(&mut disk), replace).expect("it is saved");
        disk
    }

    #[test]
    fn what_was_replaced_durably_survives_every_power_cut() {
        for seed in 0..50 {
            let mut disk = disk_with(b"old");
            assert_eq!(disk.read_durable(&path("/d/f")), Ok(&b"old"[..]));
            disk.cut_power(&mut Choices::seed(seed));
            assert_eq!(disk.read(&path("/d/f")), Ok(&b"old"[..]));
        }
    }

    #[test]
    fn what_was_only_written_may_be_lost_by_a_power_cut_but_never_by_a_kill() {
        let mut seen = BTreeSet::new();
        for seed in 0..200 {
            let mut disk = disk_with(b"old");
            for op in [
                FileOp::CreateNew(path("/d/t")),
                FileOp::Append(path("/d/t"), b"new".to_vec()),
                FileOp::Rename(path("/d/t"), path("/d/f")),
            ] {
                disk.apply(1, &op).expect("it works");
            }
            disk.kill(1);
            assert_eq!(disk.read(&path("/d/f")), Ok(&b"new"[..]));
            disk.cut_power(&mut Choices::seed(seed));
            seen.insert(disk.read(&path("/d/f")).map(<[u8]>::to_vec).unwrap_or_default());
        }
        let all: BTreeSet<Vec<u8>> =
            [&b"old"[..], b"", b"n", b"ne", b"new"].into_iter().map(<[u8]>::to_vec).collect();
        assert_eq!(seen, all);
    }

    #[test]
    fn a_lock_is_held_by_one_until_it_dies() {
        let mut disk = disk_with(b"");
        let lock = FileOp::TryLock(path("/d/lock"));
        assert_eq!(disk.apply(1, &lock), Ok(FileOk::Done));
        assert_eq!(disk.apply(2, &lock), Err(FileError::Locked));
        disk.kill(1);
        assert_eq!(disk.apply(2, &lock), Ok(FileOk::Done));
        assert_eq!(disk.holder(&path("/d/lock")), Some(2));
    }
}
