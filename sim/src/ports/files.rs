//! A simulated disk: what processes see, what would survive a power cut, and everything that may lie between
//! the two. Several processes share a disk; each has its own handle, its own locks and its own end.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ccells_core::ids::PathText;
use ccells_core::limits;
use ccells_core::ports::{FileError, FileOk, FileOp, Files};

use super::platter::{Change, Content, Listing, Loss, Node, can_fail_with, hash_tree, reach};
use crate::choice::Choices;

/// What a process that is dead is told, should it still ask: "owner died".
pub const DEAD: FileError = FileError::Io(130);
/// The kernel's number for an error of the device.
pub const EIO: i32 = 5;
/// The kernel's number for an argument that makes no sense, such as a directory to be moved into itself.
const EINVAL: i32 = 22;

/// How something ends that has files open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// SIGKILL to one process: the kernel keeps all that was written.
    Kill,
    /// The power goes: all processes die, and only what was synced is sure to be there afterwards.
    Power,
}

/// How often, in ten thousand operations, the disk fails in each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// The disk is full.
    pub no_space: u32,
    /// The device fails.
    pub io: u32,
    /// The file system has become read-only.
    pub read_only: u32,
    /// We may not.
    pub denied: u32,
}

/// One disk of the simulated world. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct Disk {
    state: Arc<Mutex<State>>,
}

/// One process's view of a disk. Clones are the same process's.
#[derive(Clone, Debug)]
pub struct SimFiles {
    disk: Disk,
    process: u64,
}

#[derive(Debug)]
struct State {
    choices: Choices,
    rates: FaultRates,
    /// Operations done or failed, by all processes.
    count: u64,
    /// Operations, by number, that fail in a given way.
    failing: BTreeMap<u64, FileError>,
    processes: BTreeMap<u64, ProcessState>,
    nodes: BTreeMap<u64, Node>,
    next_node: u64,
    /// With so many nodes it is time to drop those that nobody can reach any more.
    sweep_at: usize,
    has_repeated_a_failed_sync: bool,
}

#[derive(Debug, Default)]
struct ProcessState {
    is_dead: bool,
    dies_at: Option<u64>,
    /// The files it has open to write, by the path it used: a descriptor stays with its file, whatever
    /// becomes of the name.
    open: BTreeMap<String, u64>,
    /// The files it has locked, by the path it used.
    locks: BTreeMap<String, u64>,
}

const ROOT: u64 = 0;
/// Fewer nodes than this are not worth a sweep.
const SWEEP_LEAST: usize = 128;

impl Disk {
    /// An empty disk with a root directory. It draws from the stream `disk`.
    pub fn new(choices: &Choices) -> Self {
        let state = State {
            choices: choices.clone(),
            rates: FaultRates::default(),
            count: 0,
            failing: BTreeMap::new(),
            processes: BTreeMap::new(),
            nodes: BTreeMap::from([(ROOT, Node::Directory(Listing::default()))]),
            next_node: ROOT + 1,
            sweep_at: SWEEP_LEAST,
            has_repeated_a_failed_sync: false,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// A new process that uses this disk.
    pub fn process(&self) -> SimFiles {
        let mut state = self.lock();
        let process = state.processes.len() as u64;
        state.processes.insert(process, ProcessState::default());
        SimFiles { disk: self.clone(), process }
    }

    /// From now on operations fail at these rates.
    pub fn set_rates(&self, rates: FaultRates) {
        self.lock().rates = rates;
    }

    /// The operation of this number fails with `error`, if it is one that can. Numbers count from zero.
    pub fn fail_at(&self, number: u64, error: FileError) {
        self.lock().failing.insert(number, error);
    }

    /// From now on chance comes from these choices.
    pub fn draw_from(&self, choices: &Choices) {
        self.lock().choices = choices.clone();
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.lock().count
    }

    /// The power goes and comes back: all processes are dead, and what was not synced may be gone.
    pub fn lose_power(&self) {
        self.lock().lose_power(Loss::Drawn);
    }

    /// The same, and everything that was not synced is gone.
    pub fn lose_power_and_all(&self) {
        self.lock().lose_power(Loss::Everything);
    }

    /// A disk with the same on it that nobody uses yet, and that draws from `choices`.
    #[must_use]
    pub fn copy(&self, choices: &Choices) -> Self {
        let state = self.lock();
        let copy = State {
            choices: choices.clone(),
            rates: state.rates,
            count: state.count,
            failing: BTreeMap::new(),
            processes: BTreeMap::new(),
            nodes: state.nodes.clone(),
            next_node: state.next_node,
            sweep_at: state.sweep_at,
            has_repeated_a_failed_sync: state.has_repeated_a_failed_sync,
        };
        Self { state: Arc::new(Mutex::new(copy)) }
    }

    /// A number that is the same for disks with the same on them, as seen and as durable.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hash_tree(&self.lock().nodes, ROOT, &mut hasher);
        hasher.finish()
    }

    /// Whether a process holds the lock on this file.
    pub fn is_locked(&self, path: &PathText) -> bool {
        let state = self.lock();
        let Ok(node) = state.find(path.as_str()) else { return false };
        state.processes.values().any(|process| process.locks.values().any(|locked| *locked == node))
    }

    /// Takes an empty directory away. Nothing happens to one that is not empty.
    pub fn remove_empty(&self, path: &str) -> bool {
        let mut state = self.lock();
        let Ok(node) = state.find(path) else { return false };
        let is_empty = state.listing(node).is_ok_and(|listing| listing.names.is_empty());
        let Some((directory, name)) = state.find_parent(path).ok().filter(|_| is_empty) else { return false };
        let Ok(listing) = state.listing(directory) else { return false };
        listing.change(Change::Remove(name.to_owned()));
        listing.sync();
        true
    }

    /// The files as processes see them, by path.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        self.lock().walk(ROOT, &mut String::new(), &mut |path, _, content| {
            files.insert(path.to_owned(), content.bytes.clone());
        });
        files
    }

    /// Shows every file as processes see it, in the order of paths: path, a number of its own, and length.
    pub fn each_file(&self, mut look: impl FnMut(&str, u64, usize)) {
        self.lock().walk(ROOT, &mut String::new(), &mut |path, node, content| {
            look(path, node, content.bytes.len());
        });
    }

    /// Shows a file to `look`: as processes see it, or as a power cut that loses everything unsynced would leave it.
    pub fn look<T>(&self, path: &PathText, is_durable: bool, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let state = self.lock();
        let (_, bytes) = state.look(path, is_durable)?;
        Some(look(bytes))
    }

    /// What `judge` says of a file as processes see it, and as a power cut that loses everything unsynced would leave
    /// it; no where there is none. The same bytes are judged once.
    pub fn look_twice(&self, path: &PathText, judge: impl Fn(&[u8]) -> bool) -> [bool; 2] {
        let state = self.lock();
        let (now, later) = (state.look(path, false), state.look(path, true));
        let is_fine_now = now.is_some_and(|(_, bytes)| judge(bytes));
        let is_fine_later =
            if now == later { is_fine_now } else { later.is_some_and(|(_, bytes)| judge(bytes)) };
        [is_fine_now, is_fine_later]
    }

    /// The names in a directory, if it is there.
    pub fn names(&self, path: &PathText) -> Option<Vec<String>> {
        self.lock().list(path).ok()
    }

    /// Puts bytes where nobody wrote them: a rotten sector, a hand edit. Durable at once. The directory must be there.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        let mut state = self.lock();
        let content = Content { bytes: bytes.to_vec(), durable: bytes.to_vec(), ..Content::default() };
        let node = state.new_node(Node::File(content));
        let (directory, name) = state.find_parent(path).expect("the directory is there");
        let listing = state.listing(directory).expect("it was just found");
        listing.change(Change::Add(name.to_owned(), node));
        listing.sync();
    }

    /// Puts bytes in a file's place without any of the steps of a protocol: for writes between whose steps nothing can
    /// come. Not synced, as those of a beat are not.
    pub fn overwrite(&self, path: &PathText, bytes: &[u8]) {
        let mut state = self.lock();
        let Ok((directory, name)) = state.find_parent(path.as_str()) else { return };
        let (bytes, name) = (bytes.to_vec(), name.to_owned());
        let node = state.new_node(Node::File(Content { bytes, ..Content::default() }));
        if let Ok(listing) = state.listing(directory) {
            listing.change(Change::Add(name, node));
        }
    }

    /// Whether anybody synced a file again after a sync of it had failed, and so may have believed a lie.
    pub fn has_repeated_a_failed_sync(&self) -> bool {
        self.lock().has_repeated_a_failed_sync
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SimFiles {
    /// This process ends, or the whole machine does.
    pub fn crash(&self, crash: Crash) {
        match crash {
            Crash::Kill => self.disk.lock().kill(self.process),
            Crash::Power => self.disk.lose_power(),
        }
    }

    /// This process is killed in the middle of the operation of this number, counted over the whole disk.
    pub fn die_at(&self, number: u64) {
        self.state_of(|process| process.dies_at = Some(number));
    }

    /// Whether this process holds the lock on this file.
    pub fn holds(&self, path: &PathText) -> bool {
        self.state_of(|process| process.locks.contains_key(path.as_str()))
    }

    /// Whether this process has ended.
    pub fn is_dead(&self) -> bool {
        self.state_of(|process| process.is_dead)
    }

    fn state_of<T>(&self, look: impl FnOnce(&mut ProcessState) -> T) -> T {
        look(self.disk.lock().processes.get_mut(&self.process).expect("a handle is made with its process"))
    }
}

impl Files for SimFiles {
    fn apply(&mut self, op: &FileOp) -> Result<FileOk, FileError> {
        self.disk.lock().apply(self.process, op)
    }
}

impl State {
    /// A file's node and its bytes.
    fn look(&self, path: &PathText, is_durable: bool) -> Option<(u64, &[u8])> {
        let mut node = ROOT;
        for name in path.as_str().split('/').filter(|name| !name.is_empty()) {
            let Node::Directory(listing) = &self.nodes[&node] else { return None };
            node = *if is_durable { &listing.durable } else { &listing.names }.get(name)?;
        }
        match &self.nodes[&node] {
            Node::Directory(_) => None,
            Node::File(content) => Some((node, if is_durable { &content.durable } else { &content.bytes })),
        }
    }

    fn apply(&mut self, process: u64, op: &FileOp) -> Result<FileOk, FileError> {
        let us = &self.processes[&process];
        if us.is_dead {
            return Err(DEAD);
        }
        let number = self.count;
        self.count += 1;
        if us.dies_at == Some(number) {
            self.tear(process, op);
            self.kill(process);
            return Err(DEAD);
        }
        if let Some(error) = self.fault(number, op) {
            self.fail(process, op);
            return Err(error);
        }
        self.perform(process, op)
    }

    fn perform(&mut self, process: u64, op: &FileOp) -> Result<FileOk, FileError> {
        match op {
            FileOp::Read(path) => return self.read(path).map(FileOk::Bytes),
            FileOp::List(path) => return self.list(path).map(FileOk::Names),
            FileOp::MakeDir(path) => self.make_dir(path.as_str())?,
            FileOp::CreateNew(path) => self.create_open(process, path)?,
            FileOp::Append(path, bytes) => self.open_file(process, path)?.bytes.extend_from_slice(bytes),
            FileOp::SyncFile(path) => self.sync_file(process, path)?,
            FileOp::Link(from, to) => self.link(from, to)?,
            FileOp::Rename(from, to) => self.rename(process, from, to)?,
            FileOp::SyncDir(path) => self.sync_dir(path)?,
            FileOp::Unlink(path) => self.unlink(process, path)?,
            FileOp::TryLock(path) => self.try_lock(process, path)?,
            FileOp::Unlock(path) => self.unlock(process, path),
        }
        Ok(FileOk::Done)
    }

    // --- What goes wrong
    // -------------------------------------------------------------------------------------------

    /// The error this operation is to have, if any, among those its kind can have.
    fn fault(&mut self, number: u64, op: &FileOp) -> Option<FileError> {
        let rates = self.rates;
        let drawn = [
            (rates.no_space, FileError::NoSpace),
            (rates.io, FileError::Io(EIO)),
            (rates.read_only, FileError::ReadOnly),
            (rates.denied, FileError::Denied),
        ];
        // Nothing is drawn where nothing can happen, so that records stay short.
        let drawn = drawn.into_iter().find(|(rate, _)| *rate > 0 && self.choices.chance("disk", *rate));
        let error = self.failing.get(&number).cloned().or(drawn.map(|(_, error)| error))?;
        can_fail_with(op, &error).then_some(error)
    }

    /// What an operation that fails does all the same.
    fn fail(&mut self, process: u64, op: &FileOp) {
        match op {
            FileOp::Append(path, bytes) => {
                if let Ok(file) = self.open_file(process, path) {
                    file.bytes.extend_from_slice(&bytes[..bytes.len() / 2]);
                }
            }
            FileOp::SyncFile(path) => {
                if let Ok(file) = self.open_file(process, path) {
                    file.dropped.push((file.durable.len(), file.bytes.len()));
                    file.has_failed_sync = true;
                }
                self.process(process).open.remove(path.as_str());
            }
            FileOp::MakeDir(_)
            | FileOp::Read(_)
            | FileOp::List(_)
            | FileOp::CreateNew(_)
            | FileOp::Link(..)
            | FileOp::Rename(..)
            | FileOp::SyncDir(_)
            | FileOp::Unlink(_)
            | FileOp::TryLock(_)
            | FileOp::Unlock(_) => {}
        }
    }

    /// A write that is cut short by the end of its process leaves a part.
    fn tear(&mut self, process: u64, op: &FileOp) {
        if let FileOp::Append(path, bytes) = op {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX - 1);
            let kept = self.choices.below("disk", length + 1) as usize;
            if let Ok(file) = self.open_file(process, path) {
                file.bytes.extend_from_slice(&bytes[..kept]);
            }
        }
    }

    fn kill(&mut self, process: u64) {
        let process = self.process(process);
        process.is_dead = true;
        process.open.clear();
        process.locks.clear();
    }

    /// Of each directory's changes a prefix survives, and of each file's bytes beyond its last sync.
    fn lose_power(&mut self, loss: Loss) {
        let processes: Vec<_> = self.processes.keys().copied().collect();
        for process in processes {
            self.kill(process);
        }
        let mut old = std::mem::take(&mut self.nodes);
        let mut reached = vec![ROOT];
        while let Some(number) = reached.pop() {
            let Some(mut node) = old.remove(&number) else { continue };
            match &mut node {
                Node::Directory(listing) => {
                    listing.lose_power(&self.choices, loss);
                    reached.extend(listing.names.values());
                }
                Node::File(content) => content.lose_power(&self.choices, loss),
            }
            self.nodes.insert(number, node);
        }
    }

    // --- What each operation does
    // ------------------------------------------------------------------------------------

    /// The directory a path is in, and the path's last name. Every directory on the way must be there and be
    /// one.
    fn find_parent<'a>(&self, path: &'a str) -> Result<(u64, &'a str), FileError> {
        let (directories, name) = path.rsplit_once('/').ok_or(FileError::NotFound)?;
        let mut node = ROOT;
        for directory in directories.split('/').filter(|directory| !directory.is_empty()) {
            let Node::Directory(listing) = &self.nodes[&node] else { return Err(FileError::Unfit) };
            node = *listing.names.get(directory).ok_or(FileError::NotFound)?;
        }
        match self.nodes[&node] {
            Node::Directory(_) => Ok((node, name)),
            Node::File(_) => Err(FileError::Unfit),
        }
    }

    fn find(&self, path: &str) -> Result<u64, FileError> {
        if path == "/" {
            return Ok(ROOT);
        }
        let (directory, name) = self.find_parent(path)?;
        self.named(directory, name).ok_or(FileError::NotFound)
    }

    fn named(&self, directory: u64, name: &str) -> Option<u64> {
        match &self.nodes[&directory] {
            Node::Directory(listing) => listing.names.get(name).copied(),
            Node::File(_) => None,
        }
    }

    fn file(&mut self, path: &PathText) -> Result<&mut Content, FileError> {
        let node = self.find(path.as_str())?;
        self.content(node)
    }

    /// The file a process writes to by this path: the one it has open, or the one that is there now.
    fn open_file(&mut self, process: u64, path: &PathText) -> Result<&mut Content, FileError> {
        let node = match self.processes[&process].open.get(path.as_str()) {
            Some(node) => *node,
            None => self.find(path.as_str())?,
        };
        if !self.is_directory(node) && !self.processes[&process].open.contains_key(path.as_str()) {
            self.process(process).open.insert(path.as_str().to_owned(), node);
        }
        self.content(node)
    }

    fn content(&mut self, node: u64) -> Result<&mut Content, FileError> {
        match self.nodes.get_mut(&node).ok_or(FileError::NotFound)? {
            Node::File(content) => Ok(content),
            Node::Directory(_) => Err(FileError::Unfit),
        }
    }

    fn process(&mut self, process: u64) -> &mut ProcessState {
        self.processes.get_mut(&process).expect("a handle is made with its process")
    }

    fn listing(&mut self, node: u64) -> Result<&mut Listing, FileError> {
        match self.nodes.get_mut(&node).ok_or(FileError::NotFound)? {
            Node::Directory(listing) => Ok(listing),
            Node::File(_) => Err(FileError::Unfit),
        }
    }

    fn is_directory(&self, node: u64) -> bool {
        matches!(self.nodes[&node], Node::Directory(_))
    }

    fn new_node(&mut self, node: Node) -> u64 {
        let number = self.next_node;
        self.next_node += 1;
        if self.nodes.len() >= self.sweep_at {
            self.sweep();
        }
        self.nodes.insert(number, node);
        number
    }

    /// Drops the nodes that nobody can reach any more: neither by a name, now or after a power cut, nor as an open file.
    fn sweep(&mut self) {
        let open = self.processes.values().flat_map(|it| it.open.values().chain(it.locks.values()));
        let reached = reach(&self.nodes, open.copied().chain([ROOT]).collect());
        let is_reached: BTreeSet<u64> = reached.into_iter().collect();
        self.nodes.retain(|number, _| is_reached.contains(number));
        self.sweep_at = (2 * self.nodes.len()).max(SWEEP_LEAST);
    }

    fn walk(&self, directory: u64, path: &mut String, look: &mut impl FnMut(&str, u64, &Content)) {
        let Node::Directory(listing) = &self.nodes[&directory] else { return };
        let above = path.len();
        for (name, node) in &listing.names {
            path.push('/');
            path.push_str(name);
            match &self.nodes[node] {
                Node::File(content) => look(path, *node, content),
                Node::Directory(_) => self.walk(*node, path, look),
            }
            path.truncate(above);
        }
    }

    fn read(&mut self, path: &PathText) -> Result<Vec<u8>, FileError> {
        let file = self.file(path)?;
        if file.bytes.len() > limits::RECORD_BYTES { Err(FileError::Unfit) } else { Ok(file.bytes.clone()) }
    }

    fn list(&mut self, path: &PathText) -> Result<Vec<String>, FileError> {
        let node = self.find(path.as_str())?;
        Ok(self.listing(node)?.names.keys().cloned().collect())
    }

    /// Durable at once, and all that happened in the directory above with it: the real adapter syncs that
    /// one.
    fn make_dir(&mut self, path: &str) -> Result<(), FileError> {
        let (directory, name) = match self.find_parent(path) {
            Ok(found) => found,
            Err(FileError::NotFound) => {
                let above = path.rfind('/').filter(|at| *at > 0).ok_or(FileError::NotFound)?;
                self.make_dir(&path[..above])?;
                self.find_parent(path)?
            }
            Err(error) => return Err(error),
        };
        match self.named(directory, name) {
            Some(node) if self.is_directory(node) => Ok(()),
            Some(_) => Err(FileError::Exists),
            None => {
                let node = self.new_node(Node::Directory(Listing::default()));
                let listing = self.listing(directory)?;
                listing.change(Change::Add(name.to_owned(), node));
                listing.sync();
                Ok(())
            }
        }
    }

    fn create(&mut self, path: &PathText) -> Result<u64, FileError> {
        let (directory, name) = self.find_parent(path.as_str())?;
        if self.named(directory, name).is_some() {
            return Err(FileError::Exists);
        }
        let node = self.new_node(Node::File(Content::default()));
        self.listing(directory)?.change(Change::Add(name.to_owned(), node));
        Ok(node)
    }

    fn create_open(&mut self, process: u64, path: &PathText) -> Result<(), FileError> {
        let node = self.create(path)?;
        self.process(process).open.insert(path.as_str().to_owned(), node);
        Ok(())
    }

    fn sync_file(&mut self, process: u64, path: &PathText) -> Result<(), FileError> {
        let file = self.open_file(process, path)?;
        file.durable.clone_from(&file.bytes);
        for (from, to) in &file.dropped {
            file.durable[*from..*to].fill(0);
        }
        let has_failed = file.has_failed_sync;
        self.has_repeated_a_failed_sync |= has_failed;
        self.process(process).open.remove(path.as_str());
        Ok(())
    }

    fn link(&mut self, from: &PathText, to: &PathText) -> Result<(), FileError> {
        let node = self.find(from.as_str())?;
        let (directory, name) = self.find_parent(to.as_str())?;
        if self.named(directory, name).is_some() {
            return Err(FileError::Exists);
        }
        if self.is_directory(node) {
            return Err(FileError::Denied);
        }
        self.listing(directory)?.change(Change::Add(name.to_owned(), node));
        Ok(())
    }

    fn rename(&mut self, process: u64, from: &PathText, to: &PathText) -> Result<(), FileError> {
        self.move_name(from, to)?;
        // The adapter forgets the descriptors of what moved.
        let has_moved = |path: &str| [from, to].iter().any(|end| path == end.as_str() || is_below(path, end));
        self.process(process).open.retain(|path, _| !has_moved(path));
        Ok(())
    }

    fn move_name(&mut self, from: &PathText, to: &PathText) -> Result<(), FileError> {
        let (from_directory, from_name) = self.find_parent(from.as_str())?;
        let (to_directory, to_name) = self.find_parent(to.as_str())?;
        let source = self.named(from_directory, from_name).ok_or(FileError::NotFound)?;
        if is_below(to.as_str(), from) {
            return Err(FileError::Io(EINVAL));
        }
        if is_below(from.as_str(), to) {
            return Err(FileError::Exists);
        }
        match self.named(to_directory, to_name).map(|target| (target, &self.nodes[&target])) {
            // Two names of one file: the kernel does nothing, and both stay.
            Some((target, _)) if target == source => return Ok(()),
            Some((_, Node::Directory(listing))) if self.is_directory(source) && !listing.names.is_empty() => {
                return Err(FileError::Exists);
            }
            Some((target, _)) if self.is_directory(source) != self.is_directory(target) => {
                return Err(FileError::Unfit);
            }
            Some(_) | None => {}
        }
        if from_directory == to_directory {
            self.listing(to_directory)?.change(Change::Move(from_name.to_owned(), to_name.to_owned()));
            return Ok(());
        }
        // No protocol of ours relies on a move between directories: it is one step here, and durable at once.
        self.listing(to_directory)?.change(Change::Add(to_name.to_owned(), source));
        self.listing(to_directory)?.sync();
        self.listing(from_directory)?.change(Change::Remove(from_name.to_owned()));
        self.listing(from_directory)?.sync();
        Ok(())
    }

    /// Makes this directory's changes durable, and no other's.
    fn sync_dir(&mut self, path: &PathText) -> Result<(), FileError> {
        let node = self.find(path.as_str())?;
        self.listing(node)?.sync();
        Ok(())
    }

    fn unlink(&mut self, process: u64, path: &PathText) -> Result<(), FileError> {
        self.process(process).open.remove(path.as_str());
        let (directory, name) = self.find_parent(path.as_str())?;
        let node = self.named(directory, name).ok_or(FileError::NotFound)?;
        if self.is_directory(node) {
            return Err(FileError::Unfit);
        }
        self.listing(directory)?.change(Change::Remove(name.to_owned()));
        Ok(())
    }

    /// The lock is the file's, not the name's: a lock file that is replaced is another lock.
    fn try_lock(&mut self, process: u64, path: &PathText) -> Result<(), FileError> {
        if self.processes[&process].locks.contains_key(path.as_str()) {
            return Err(FileError::Locked);
        }
        let node = match self.find(path.as_str()) {
            Ok(node) if self.is_directory(node) => return Err(FileError::Unfit),
            Ok(node) => node,
            Err(FileError::NotFound) => self.create(path)?,
            Err(error) => return Err(error),
        };
        if self.processes.values().any(|other| other.locks.values().any(|locked| *locked == node)) {
            return Err(FileError::Locked);
        }
        self.process(process).locks.insert(path.as_str().to_owned(), node);
        Ok(())
    }

    fn unlock(&mut self, process: u64, path: &PathText) {
        self.process(process).locks.remove(path.as_str());
    }
}

/// Whether `path` is somewhere in the directory `directory`.
fn is_below(path: &str, directory: &PathText) -> bool {
    path.strip_prefix(directory.as_str()).is_some_and(|rest| rest.starts_with('/'))
}
