//! How files of ours are replaced, changed, read and removed so that a crash at any instant leaves the old or
//! the new version. Each protocol is a state machine over single [`FileOp`]s: a test can put a crash or an
//! error between any two.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::ids::PathText;
use crate::limits;
use crate::ports::{FileError, FileOk, FileOp, Files};
pub use crate::record::Flaw;
use crate::time::Wall;

/// What a protocol wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// Do this and tell the outcome.
    Do(FileOp),
    /// Another process holds the lock. Answer `None` to try again, or `Some(Err(FileError::Locked))` to give
    /// up.
    Wait,
    /// It is over; the protocol must not be stepped again.
    Done(T),
}

/// A protocol over single file operations. It does nothing itself: whoever drives it has the file system.
pub trait Protocol {
    /// What it comes to.
    type Output;
    /// Takes the outcome of the last [`Step::Do`] (`None` at first) and says what is next.
    fn step(&mut self, last: Option<Result<FileOk, FileError>>) -> Step<Self::Output>;
}

impl<P: Protocol + ?Sized> Protocol for &mut P {
    type Output = P::Output;

    fn step(&mut self, last: Option<Result<FileOk, FileError>>) -> Step<Self::Output> {
        (**self).step(last)
    }
}

/// Drives a protocol to its end. A lock of another process is not waited for.
pub fn run<P: Protocol>(files: &mut impl Files, protocol: P) -> P::Output {
    run_patiently(files, protocol, || false)
}

/// Drives a protocol to its end. `wait` is called whenever another process holds the lock: it waits a little
/// and says whether to try again.
pub fn run_patiently<P: Protocol>(
    files: &mut impl Files,
    mut protocol: P,
    mut wait: impl FnMut() -> bool,
) -> P::Output {
    let mut last = None;
    loop {
        last = match protocol.step(last) {
            Step::Do(op) => Some(files.apply(&op)),
            Step::Wait if wait() => None,
            Step::Wait => Some(Err(FileError::Locked)),
            Step::Done(output) => return output,
        };
    }
}

/// How many previous generations of a file stay beside it, as `<name>.prev` and `<name>.prev2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// None: what is in the file can be had elsewhere.
    None,
    /// One.
    One,
    /// Two.
    Two,
}

impl Keep {
    /// The file's names from the newest generation to the oldest.
    fn names(self, target: &PathText) -> Vec<PathText> {
        let mut names = alloc::vec![target.clone()];
        if self >= Self::One {
            names.push(with_suffix(target, ".prev"));
        }
        if self >= Self::Two {
            names.push(with_suffix(target, ".prev2"));
        }
        names
    }
}

/// What became of a write that was not an unqualified success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    /// Nothing changed: the old version is in place.
    #[error("not saved, the version before is in place: {why}")]
    NotWritten {
        /// What failed.
        why: FileError,
    },
    /// The new version is in place, but a power cut may bring the old one back.
    #[error("saved, but it may not survive a power cut: {why}")]
    NotProvenDurable {
        /// What failed.
        why: FileError,
    },
}

/// Puts `bytes` in a file's place: a crash at any instant leaves the old version or the new one, and once it
/// is `Done(Ok)` the new one survives a power cut. The caller holds the file's writer lock, so every
/// temporary file of it is garbage.
///
/// A file whose sync failed is never synced again (the kernel may have dropped the bytes and forgotten the
/// error): it is thrown away, a fresh one is tried once, and then the protocol gives up.
#[derive(Debug)]
pub struct Replace {
    target: PathText,
    bytes: Vec<u8>,
    pid: u32,
    nonce: u64,
    keep: Keep,
    is_durable: bool,
    tries_left: u32,
    stage: Stage,
    /// Names still to be taken away, by a sweep or after a failure.
    litter: Vec<PathText>,
    /// What the discarding is for; `None` when a fresh file follows.
    failure: Option<FileError>,
}

/// The operation of [`Replace`] that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Begin,
    List,
    Sweep,
    Create,
    Append,
    Sync,
    AgeOld,
    LinkOld,
    KeepOld,
    Rename,
    Tidy,
    SyncDir,
    Discard,
}

impl Replace {
    /// A durable replacement. `nonce` must be fresh: with `pid` it makes the temporary file's name unique.
    pub fn new(target: PathText, bytes: Vec<u8>, nonce: u64, pid: u32, keep: Keep) -> Self {
        Self {
            target,
            bytes,
            pid,
            nonce,
            keep,
            is_durable: true,
            tries_left: limits::SAVE_TRIES - 1,
            stage: Stage::Begin,
            litter: Vec::new(),
            failure: None,
        }
    }

    /// A replacement that is atomic but not synced: for what is worthless after a reboot, such as a
    /// heartbeat.
    pub fn fleeting(target: PathText, bytes: Vec<u8>, nonce: u64, pid: u32) -> Self {
        Self { is_durable: false, ..Self::new(target, bytes, nonce, pid, Keep::None) }
    }

    fn op(&self, stage: Stage) -> FileOp {
        match stage {
            Stage::Begin | Stage::List => FileOp::List(split(&self.target).0),
            Stage::Sweep | Stage::Discard => {
                FileOp::Unlink(self.litter.last().expect("the stage is entered with litter left").clone())
            }
            Stage::Create => FileOp::CreateNew(self.temporary()),
            Stage::Append => FileOp::Append(self.temporary(), self.bytes.clone()),
            Stage::Sync => FileOp::SyncFile(self.temporary()),
            Stage::LinkOld => FileOp::Link(self.target.clone(), self.kept_name()),
            Stage::AgeOld => {
                FileOp::Rename(with_suffix(&self.target, ".prev"), with_suffix(&self.target, ".prev2"))
            }
            Stage::KeepOld => FileOp::Rename(self.second_name(), with_suffix(&self.target, ".prev")),
            Stage::Rename => FileOp::Rename(self.temporary(), self.target.clone()),
            Stage::Tidy => FileOp::Unlink(self.second_name()),
            Stage::SyncDir => FileOp::SyncDir(split(&self.target).0),
        }
    }

    /// What follows `stage` given its outcome: another stage, or the end.
    #[expect(clippy::match_same_arms, reason = "a table: one row a transition, in the order they happen")]
    fn after(
        &mut self,
        stage: Stage,
        outcome: Result<FileOk, FileError>,
    ) -> Result<Stage, Result<(), SaveError>> {
        match (stage, outcome) {
            (Stage::Begin, _) => Ok(Stage::List),
            (Stage::List, Ok(listed)) => Ok(self.sweep(listed)),
            (Stage::Create, Err(FileError::Exists)) if self.tries_left > 0 => Ok(self.freshen()),
            (Stage::List | Stage::Create, Err(why)) => Err(Err(SaveError::NotWritten { why })),
            // What cannot be swept (a directory somebody put there) must not keep us from saving.
            (Stage::Sweep, _) => {
                self.litter.pop();
                Ok(if self.litter.is_empty() { Stage::Create } else { Stage::Sweep })
            }
            (Stage::Create, Ok(_)) => Ok(Stage::Append),
            (Stage::Append, Ok(_)) if self.is_durable => Ok(Stage::Sync),
            (Stage::Append, Ok(_)) => Ok(Stage::Rename),
            (Stage::Sync, Ok(_)) => Ok(match self.keep {
                Keep::None => Stage::Rename,
                Keep::One => Stage::LinkOld,
                Keep::Two => Stage::AgeOld,
            }),
            (Stage::Sync, Err(_)) if self.tries_left > 0 => Ok(self.discard(None)),
            (Stage::AgeOld, Ok(_) | Err(FileError::NotFound)) => Ok(Stage::LinkOld),
            (Stage::LinkOld, Ok(_)) => {
                Ok(if self.keep == Keep::One { Stage::KeepOld } else { Stage::Rename })
            }
            // There is no old version; or, since a file could be made here, this file system has no second
            // names.
            (Stage::LinkOld, Err(FileError::NotFound | FileError::Denied)) => Ok(Stage::Rename),
            // After a save that failed late, both previous names are of one file, and renaming one to the
            // other did nothing.
            (Stage::LinkOld, Err(FileError::Exists)) if self.keep == Keep::Two => Ok(Stage::Rename),
            (Stage::KeepOld, Ok(_)) => Ok(Stage::Rename),
            (Stage::Rename, Ok(_)) if !self.is_durable => Err(Ok(())),
            // For the same reason the second name may be left.
            (Stage::Rename, Ok(_)) => Ok(if self.keep == Keep::One { Stage::Tidy } else { Stage::SyncDir }),
            (Stage::Tidy, _) => Ok(Stage::SyncDir),
            (Stage::SyncDir, Ok(_)) => Err(Ok(())),
            (Stage::SyncDir, Err(why)) => Err(Err(SaveError::NotProvenDurable { why })),
            (
                Stage::Append | Stage::Sync | Stage::LinkOld | Stage::AgeOld | Stage::KeepOld | Stage::Rename,
                Err(why),
            ) => Ok(self.discard(Some(why))),
            (Stage::Discard, _) => self.discarded(),
        }
    }

    /// Every temporary file of the target is of a writer that is dead: we hold the lock.
    fn sweep(&mut self, listed: FileOk) -> Stage {
        let (directory, name) = split(&self.target);
        let names = match listed {
            FileOk::Names(names) => names,
            FileOk::Done | FileOk::Bytes(_) => Vec::new(),
        };
        self.litter = names
            .iter()
            .filter(|found| is_temporary_of(name, found))
            .map(|found| directory.join(found))
            .collect();
        if self.litter.is_empty() { Stage::Create } else { Stage::Sweep }
    }

    /// Takes away what this try made, for good (`Some`) or to try again.
    fn discard(&mut self, failure: Option<FileError>) -> Stage {
        self.litter = alloc::vec![self.temporary()];
        if self.keep == Keep::One && failure.is_some() {
            self.litter.push(self.second_name());
        }
        self.failure = failure;
        Stage::Discard
    }

    fn discarded(&mut self) -> Result<Stage, Result<(), SaveError>> {
        self.litter.pop();
        if !self.litter.is_empty() {
            return Ok(Stage::Discard);
        }
        match self.failure.take() {
            Some(why) => Err(Err(SaveError::NotWritten { why })),
            None => Ok(self.freshen()),
        }
    }

    fn freshen(&mut self) -> Stage {
        self.tries_left -= 1;
        self.nonce = self.nonce.wrapping_add(1);
        Stage::Create
    }

    fn temporary(&self) -> PathText {
        self.beside(".tmp")
    }

    /// Where the old version waits between getting a second name and becoming `.prev`.
    fn second_name(&self) -> PathText {
        self.beside(".prev.tmp")
    }

    /// The old version's second name. With two generations `.prev` was just freed; with one it still holds the
    /// only one there is, and is replaced by renaming.
    fn kept_name(&self) -> PathText {
        if self.keep == Keep::Two { with_suffix(&self.target, ".prev") } else { self.second_name() }
    }

    fn beside(&self, ending: &str) -> PathText {
        let (directory, name) = split(&self.target);
        directory.join(&format!(".{name}.{}-{:016x}{ending}", self.pid, self.nonce))
    }
}

impl Protocol for Replace {
    type Output = Result<(), SaveError>;

    fn step(&mut self, last: Option<Result<FileOk, FileError>>) -> Step<Self::Output> {
        match self.after(self.stage, last.unwrap_or(Ok(FileOk::Done))) {
            Ok(stage) => {
                self.stage = stage;
                Step::Do(self.op(stage))
            }
            Err(output) => Step::Done(output),
        }
    }
}

/// Why an [`Update`] did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError<R> {
    /// Another process held the lock for as long as we waited.
    #[error("another ccells is writing this file; try again")]
    Busy,
    /// The lock could not be taken at all.
    #[error("the file cannot be locked: {why}")]
    NoLock {
        /// What failed.
        why: FileError,
    },
    /// The present version could not be read: nothing was written.
    #[error("the file cannot be read, so it was not changed: {why}")]
    Unreadable {
        /// What failed.
        why: FileError,
    },
    /// The change does not fit the present version: nothing was written.
    #[error("the file was not changed: {0}")]
    Refused(R),
    /// The write was not an unqualified success.
    #[error(transparent)]
    Unsaved(SaveError),
}

/// Reads a file, changes it and replaces it, alone: under a lock that other processes respect. What is
/// changed is always what is on the disk now, never what was once read. The lock is let go whatever happens.
#[derive(Debug)]
pub struct Update<F, R> {
    lock: PathText,
    target: PathText,
    nonce: u64,
    pid: u32,
    keep: Keep,
    apply: Option<F>,
    stage: Updating<R>,
}

#[derive(Debug)]
enum Updating<R> {
    Begin,
    Lock,
    Wait,
    /// Reading the generation of this number.
    Read(usize),
    Save(Replace),
    Unlock(Result<(), UpdateError<R>>),
    Over,
}

impl<R, F: FnOnce(Option<Vec<u8>>) -> Result<Vec<u8>, R>> Update<F, R> {
    /// `apply` makes the new version from the present one (`None`: there is none) or refuses. It must be
    /// pure.
    pub fn new(lock: PathText, target: PathText, nonce: u64, pid: u32, keep: Keep, apply: F) -> Self {
        Self { lock, target, nonce, pid, keep, apply: Some(apply), stage: Updating::Begin }
    }

    fn lock(&mut self) -> Step<Result<(), UpdateError<R>>> {
        self.stage = Updating::Lock;
        Step::Do(FileOp::TryLock(self.lock.clone()))
    }

    fn unlock(&mut self, output: Result<(), UpdateError<R>>) -> Step<Result<(), UpdateError<R>>> {
        self.stage = Updating::Unlock(output);
        Step::Do(FileOp::Unlock(self.lock.clone()))
    }

    /// A missing file with a previous generation beside it is one that was set aside, not one that never was.
    fn read(&mut self, generation: usize) -> Step<Result<(), UpdateError<R>>> {
        match self.keep.names(&self.target).into_iter().nth(generation) {
            Some(name) => {
                self.stage = Updating::Read(generation);
                Step::Do(FileOp::Read(name))
            }
            None => self.change(None),
        }
    }

    fn change(&mut self, present: Option<Vec<u8>>) -> Step<Result<(), UpdateError<R>>> {
        let apply = self.apply.take().expect("a file is read once to an end");
        match apply(present) {
            Ok(bytes) => {
                let replace = Replace::new(self.target.clone(), bytes, self.nonce, self.pid, self.keep);
                self.save(replace, None)
            }
            Err(refusal) => self.unlock(Err(UpdateError::Refused(refusal))),
        }
    }

    fn save(
        &mut self,
        mut replace: Replace,
        last: Option<Result<FileOk, FileError>>,
    ) -> Step<Result<(), UpdateError<R>>> {
        match replace.step(last) {
            Step::Do(op) => {
                self.stage = Updating::Save(replace);
                Step::Do(op)
            }
            Step::Wait => Step::Wait,
            Step::Done(output) => self.unlock(output.map_err(UpdateError::Unsaved)),
        }
    }
}

impl<R, F: FnOnce(Option<Vec<u8>>) -> Result<Vec<u8>, R>> Protocol for Update<F, R> {
    type Output = Result<(), UpdateError<R>>;

    fn step(&mut self, last: Option<Result<FileOk, FileError>>) -> Step<Self::Output> {
        match (core::mem::replace(&mut self.stage, Updating::Over), last) {
            (Updating::Begin, _) | (Updating::Wait, None | Some(Ok(_))) => self.lock(),
            (Updating::Wait, Some(Err(_))) => Step::Done(Err(UpdateError::Busy)),
            (Updating::Lock, Some(Err(FileError::Locked))) => {
                self.stage = Updating::Wait;
                Step::Wait
            }
            (Updating::Lock, Some(Err(why))) => Step::Done(Err(UpdateError::NoLock { why })),
            (Updating::Lock, None | Some(Ok(_))) => self.read(0),
            (Updating::Read(_), Some(Ok(FileOk::Bytes(bytes)))) => self.change(Some(bytes)),
            (Updating::Read(generation), Some(Err(FileError::NotFound))) => self.read(generation + 1),
            (Updating::Read(_), Some(Err(why))) => self.unlock(Err(UpdateError::Unreadable { why })),
            (Updating::Read(_), None | Some(Ok(FileOk::Done | FileOk::Names(_)))) => {
                self.unlock(Err(UpdateError::Unreadable { why: FileError::Unfit }))
            }
            (Updating::Save(replace), last) => self.save(replace, last),
            (Updating::Unlock(output), _) => Step::Done(output),
            (Updating::Over, _) => unreachable!("a protocol is not stepped after its end"),
        }
    }
}

/// A corrupt file that was moved out of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathText,
    /// What does not fit in it, for people.
    pub why: String,
}

/// What a [`Load`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded<T> {
    /// There never was such a file.
    Fresh,
    /// The file.
    Read(T),
    /// A previous generation, because the file itself was corrupt or missing.
    Recovered {
        /// What the previous generation says.
        value: T,
        /// The generation's name.
        from: PathText,
        /// Where the corrupt files are now.
        set_aside: Vec<SetAside>,
    },
    /// The file was there once, and no generation of it can be read.
    Lost {
        /// Where the corrupt files are now.
        set_aside: Vec<SetAside>,
    },
    /// A newer ccells wrote the file: it may be looked at, never written. Nothing was touched.
    Newer {
        /// The version it wrote.
        version: u64,
    },
    /// The file is there and could not be read or, being corrupt, could not be set aside: it must not be
    /// written.
    Unreadable {
        /// What failed.
        why: FileError,
    },
}

/// Reads a file. What is corrupt is set aside as `<name>.corrupt-<time>`, never overwritten and never
/// removed, and the previous generations are tried in turn. The caller holds the file's writer lock.
#[derive(Debug)]
pub struct Load<F> {
    target: PathText,
    keep: Keep,
    stamp: String,
    parse: F,
    set_aside: Vec<SetAside>,
    stage: Loading,
}

#[derive(Clone, Debug)]
enum Loading {
    Begin,
    /// Reading the generation of this number.
    Read(usize),
    /// Looking for a free name for the generation of this number, which has this flaw.
    Name(usize, String),
    SetAside(usize, SetAside),
    /// Nothing was read: looking whether there is anything an earlier run set aside.
    LookBack,
}

impl<T, F: FnMut(&[u8]) -> Result<T, Flaw>> Load<F> {
    /// `parse` must be pure; `now` names what is set aside.
    pub fn new(target: PathText, keep: Keep, now: Wall, parse: F) -> Self {
        let stamp = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        Self { target, keep, stamp, parse, set_aside: Vec::new(), stage: Loading::Begin }
    }

    fn generation(&self, number: usize) -> Option<PathText> {
        self.keep.names(&self.target).into_iter().nth(number)
    }

    fn look_in_directory(&mut self, stage: Loading) -> Step<Loaded<T>> {
        self.stage = stage;
        Step::Do(FileOp::List(split(&self.target).0))
    }

    fn read(&mut self, generation: usize) -> Step<Loaded<T>> {
        match self.generation(generation) {
            Some(name) => {
                self.stage = Loading::Read(generation);
                Step::Do(FileOp::Read(name))
            }
            None if self.set_aside.is_empty() => self.look_in_directory(Loading::LookBack),
            None => Step::Done(Loaded::Lost { set_aside: core::mem::take(&mut self.set_aside) }),
        }
    }

    fn parsed(&mut self, generation: usize, bytes: &[u8]) -> Step<Loaded<T>> {
        match (self.parse)(bytes) {
            Ok(value) if generation == 0 => Step::Done(Loaded::Read(value)),
            Ok(value) => {
                let from = self.generation(generation).expect("it was read by this name");
                Step::Done(Loaded::Recovered { value, from, set_aside: core::mem::take(&mut self.set_aside) })
            }
            Err(Flaw::Newer { version }) => Step::Done(Loaded::Newer { version }),
            Err(Flaw::Corrupt { why }) => self.look_in_directory(Loading::Name(generation, why)),
        }
    }

    /// Renaming replaces, so a name must be chosen that is free.
    fn rename_aside(&mut self, generation: usize, why: String, taken: &[String]) -> Step<Loaded<T>> {
        let path = self.generation(generation).expect("it was read by this name");
        let (directory, name) = split(&path);
        let first = format!("{name}.corrupt-{}", self.stamp);
        let mut free = first.clone();
        let mut count = 2_u64;
        while taken.contains(&free) {
            free = format!("{first}-{count}");
            count += 1;
        }
        let aside = directory.join(&free);
        self.stage = Loading::SetAside(generation, SetAside { path: aside.clone(), why });
        Step::Do(FileOp::Rename(path, aside))
    }

    /// A run that died after setting the file aside must not make the next one believe that there never was
    /// one.
    fn look_back(&self, listed: &[String]) -> Loaded<T> {
        let (directory, _) = split(&self.target);
        let is_ours = |found: &&String| {
            self.keep
                .names(&self.target)
                .iter()
                .any(|path| found.starts_with(&format!("{}.corrupt-", split(path).1)))
        };
        let why = "set aside by an earlier run";
        let aside = |found: &String| SetAside { path: directory.join(found), why: why.to_string() };
        let set_aside: Vec<_> = listed.iter().filter(is_ours).map(aside).collect();
        if set_aside.is_empty() { Loaded::Fresh } else { Loaded::Lost { set_aside } }
    }
}

impl<T, F: FnMut(&[u8]) -> Result<T, Flaw>> Protocol for Load<F> {
    type Output = Loaded<T>;

    #[expect(clippy::match_same_arms, reason = "a table: one row a transition, in the order they happen")]
    fn step(&mut self, last: Option<Result<FileOk, FileError>>) -> Step<Loaded<T>> {
        match (self.stage.clone(), last.unwrap_or(Ok(FileOk::Done))) {
            (Loading::Begin, _) => self.read(0),
            (Loading::Read(generation), Ok(FileOk::Bytes(bytes))) => self.parsed(generation, &bytes),
            (Loading::Read(generation), Err(FileError::NotFound)) => self.read(generation + 1),
            (Loading::Read(generation), Err(why @ FileError::Unfit)) => {
                self.look_in_directory(Loading::Name(generation, why.to_string()))
            }
            (Loading::Name(generation, why), Ok(FileOk::Names(taken))) => {
                self.rename_aside(generation, why, &taken)
            }
            (Loading::SetAside(generation, aside), Ok(_)) => {
                self.set_aside.push(aside);
                self.read(generation + 1)
            }
            (Loading::SetAside(generation, _), Err(FileError::NotFound)) => self.read(generation + 1),
            (Loading::LookBack, Ok(FileOk::Names(listed))) => Step::Done(self.look_back(&listed)),
            (Loading::LookBack, Err(FileError::NotFound)) => Step::Done(Loaded::Fresh),
            (Loading::Read(_) | Loading::Name(..) | Loading::SetAside(..) | Loading::LookBack, Err(why)) => {
                Step::Done(Loaded::Unreadable { why })
            }
            (Loading::Read(_) | Loading::Name(..) | Loading::LookBack, Ok(_)) => {
                Step::Done(Loaded::Unreadable { why: FileError::Unfit })
            }
        }
    }
}

/// Takes a file away for good; one that is gone already is fine.
#[derive(Debug)]
pub struct Remove {
    target: PathText,
    stage: Removing,
}

#[derive(Clone, Copy, Debug)]
enum Removing {
    Begin,
    Unlink,
    SyncDir,
}

impl Remove {
    /// Takes `target` away.
    pub fn new(target: PathText) -> Self {
        Self { target, stage: Removing::Begin }
    }
}

impl Protocol for Remove {
    type Output = Result<(), SaveError>;

    fn step(&mut self, last: Option<Result<FileOk, FileError>>) -> Step<Self::Output> {
        match (self.stage, last.unwrap_or(Ok(FileOk::Done))) {
            (Removing::Begin, _) => {
                self.stage = Removing::Unlink;
                Step::Do(FileOp::Unlink(self.target.clone()))
            }
            // One that is gone may be gone by an unlink that no sync followed.
            (Removing::Unlink, Ok(_) | Err(FileError::NotFound)) => {
                self.stage = Removing::SyncDir;
                Step::Do(FileOp::SyncDir(split(&self.target).0))
            }
            (Removing::Unlink, Err(why)) => Step::Done(Err(SaveError::NotWritten { why })),
            (Removing::SyncDir, Ok(_) | Err(FileError::NotFound)) => Step::Done(Ok(())),
            (Removing::SyncDir, Err(why)) => Step::Done(Err(SaveError::NotProvenDurable { why })),
        }
    }
}

/// A path's directory and its last name.
fn split(path: &PathText) -> (PathText, &str) {
    match path.as_str().rsplit_once('/') {
        Some(("", name)) => (PathText::from("/"), name),
        Some((directory, name)) => (PathText::from(directory), name),
        None => (PathText::from("."), path.as_str()),
    }
}

fn with_suffix(path: &PathText, suffix: &str) -> PathText {
    PathText(format!("{path}{suffix}"))
}

/// Whether `found` is a temporary file of `name`. The whole form is checked, so that the temporary files of a neighbour
/// with a longer name are let alone.
fn is_temporary_of(name: &str, found: &str) -> bool {
    temporary(found).is_some_and(|(of, _)| of == name)
}

/// Of which file `found` is a temporary file, and which process made it: `.<name>.<pid>-<nonce>[.prev].tmp`.
pub fn temporary(found: &str) -> Option<(&str, u32)> {
    let rest = found.strip_prefix('.')?.strip_suffix(".tmp")?;
    let (name, made) = rest.strip_suffix(".prev").unwrap_or(rest).rsplit_once('.')?;
    let (pid, nonce) = made.split_once('-')?;
    let is_whole = pid.bytes().all(|byte| byte.is_ascii_digit())
        && nonce.len() == 16
        && nonce.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_whole.then(|| pid.parse().ok()).flatten().map(|pid| (name, pid))
}

#[cfg(test)]
mod tests;
