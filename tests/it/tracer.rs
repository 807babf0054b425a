//! The program under a tracer of our own: the calls by which it changes the world are numbered over all its threads, and
//! at any one of them it can be killed, or the call can be made to fail. What it starts (git) is let alone.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::{self, c_long, user_regs_struct};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use crate::harness::{SOON, Said, announce, collect};

/// How long a traced verb may take.
const PATIENCE: Duration = Duration::from_secs(90);
/// What the kernel leaves in the register of the result until a call has one.
const NO_RESULT_YET: u64 = (-(libc::ENOSYS as i64)).cast_unsigned();
/// The event of a tracee that stopped because it was asked to, or has just begun.
const EVENT_STOP: c_int = 128;

/// What is to become of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is only watched.
    Watched,
    /// It is killed instead of making its so-many-th change, counted from one.
    KilledAt(usize),
    /// Its so-many-th change of a file fails; with `for_good` all later ones fail too.
    Failing {
        /// Which change of a file, counted from one.
        number: usize,
        /// The error.
        error: Errno,
        /// Whether all that follow fail too.
        for_good: bool,
    },
    /// It is told that everything it syncs is synced, and nothing is: for tests of the tests.
    NeverSynced,
}

/// One call that changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The call's name.
    pub(crate) call: &'static str,
    /// What it is about, as far as that has a name.
    pub(crate) subject: String,
    /// Whether it is a file that is changed, and not a conversation or a process.
    pub(crate) is_of_a_file: bool,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.call, self.subject)
    }
}

/// What was seen of a program.
#[derive(Debug)]
pub(crate) struct Trace {
    /// Its changes, in order, up to its end.
    pub(crate) changes: Vec<Change>,
    /// The first change that did not happen because it was struck.
    pub(crate) struck: Option<Change>,
}

/// Whether programs can be traced here; if not, that is said loudly, or refused with `CCELLS_STRACE=require`.
pub(crate) fn can_trace() -> bool {
    let can = cfg!(target_arch = "x86_64") && watch_true();
    let is_required = std::env::var("CCELLS_STRACE").is_ok_and(|value| value == "require");
    assert!(can || !is_required, "CCELLS_STRACE=require, and nothing can be traced here");
    if !can {
        announce("SKIPPED: programs cannot be traced here (or this is no x86-64)");
    }
    can
}

fn watch_true() -> bool {
    let mut command = Command::new("true");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir("/");
    run(&command, Fate::Watched).0.code == 0
}

/// Runs a command to its end under the tracer.
#[track_caller]
pub(crate) fn run(command: &Command, fate: Fate) -> (Said, Trace) {
    // It waits for its tracer before it becomes the program.
    let mut waiting = Command::new("sh");
    waiting.args(["-c", "read -r go; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    waiting.current_dir(command.get_current_dir().expect("a stage's commands have a directory"));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => waiting.env(name, value),
            None => waiting.env_remove(name),
        };
    }
    waiting.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let began = Instant::now();
    let mut child = waiting.spawn().unwrap();
    let tracer = Tracer::attach(child.id(), fate, Begin::WhenItBecomesTheProgram);
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"go\n").unwrap();
    drop(stdin);
    let trace = tracer.finish();
    let said = collect(child, began, SOON).expect("what is over has ended");
    (said, trace)
}

/// From when on changes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    AtOnce,
    WhenItBecomesTheProgram,
}

/// A tracer at work on one process.
pub(crate) struct Tracer {
    pid: u32,
    thread: JoinHandle<Trace>,
    over: std::sync::mpsc::Receiver<()>,
}

impl Tracer {
    /// Traces a process that runs already.
    pub(crate) fn follow(pid: u32, fate: Fate) -> Self {
        Self::attach(pid, fate, Begin::AtOnce)
    }

    fn attach(pid: u32, fate: Fate, begin: Begin) -> Self {
        let (attached, is_attached) = channel();
        let (ended, over) = channel();
        // Whoever attaches is the only one who hears of what is traced: a thread of its own.
        let thread = std::thread::spawn(move || {
            let mut follower = Follower::attach(pid, fate, begin == Begin::AtOnce);
            attached.send(()).unwrap();
            follower.follow();
            let _nobody_waits = ended.send(());
            follower.trace
        });
        is_attached.recv().expect("the process can be traced");
        Self { pid, thread, over }
    }

    /// Waits for the end of the process. Its exit code is left to its parent.
    #[track_caller]
    pub(crate) fn finish(self) -> Trace {
        if self.over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            crate::harness::kill(self.pid, rustix::process::Signal::KILL);
            let trace = self.thread.join().unwrap();
            panic!(
                "it did not end within {PATIENCE:?}; its last changes: {:?}",
                trace.changes.last_chunk::<5>()
            );
        }
        self.thread.join().unwrap()
    }
}

/// What the tracing thread knows.
struct Follower {
    leader: Pid,
    fate: Fate,
    is_counting: bool,
    /// The threads that are in a call, with the result it is to have instead of being made.
    inside: BTreeMap<Pid, Option<i64>>,
    files: usize,
    trace: Trace,
}

impl Follower {
    fn attach(pid: u32, fate: Fate, is_counting: bool) -> Self {
        let leader = Pid::from_raw(i32::try_from(pid).unwrap());
        let options =
            Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_TRACEEXEC;
        let mut known = Vec::new();
        loop {
            let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
            let ids = threads.map(|it| it.unwrap().file_name().to_string_lossy().parse().unwrap());
            let fresh: Vec<Pid> = ids.map(Pid::from_raw).filter(|id| !known.contains(id)).collect();
            if fresh.is_empty() {
                break;
            }
            for id in fresh {
                // A thread that one of ours has begun meanwhile is ours already, and one may have ended.
                if ptrace::seize(id, options).is_ok() {
                    ptrace::interrupt(id).unwrap();
                }
                known.push(id);
            }
        }
        let trace = Trace { changes: Vec::new(), struck: None };
        Self { leader, fate, is_counting, inside: BTreeMap::new(), files: 0, trace }
    }

    /// Lets it run until it has ended.
    fn follow(&mut self) {
        let any = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            let peek = any | WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT;
            let seen = match waitid(Id::All, peek) {
                Ok(seen) => seen,
                Err(Errno::EINTR) => continue,
                Err(error) => panic!("nobody is left to be traced: {error}"),
            };
            let Some(pid) = seen.pid() else { continue };
            let has_ended = matches!(seen, WaitStatus::Exited(..) | WaitStatus::Signaled(..));
            if has_ended && pid == self.leader {
                return;
            }
            match waitpid(pid, Some(any)) {
                Ok(status) => self.take(pid, status),
                Err(_) => drop(self.inside.remove(&pid)),
            }
        }
    }

    fn take(&mut self, pid: Pid, status: WaitStatus) {
        let mut signal = None;
        if let WaitStatus::PtraceSyscall(_) = status {
            self.take_call(pid);
        } else if let WaitStatus::PtraceEvent(_, _, event) = status {
            if event == libc::PTRACE_EVENT_EXEC {
                self.is_counting = true;
            } else if event == EVENT_STOP {
                self.inside.remove(&pid);
            }
        } else if let WaitStatus::Stopped(_, sent) = status {
            signal = Some(sent);
        } else {
            self.inside.remove(&pid);
            return;
        }
        // One that was killed meanwhile cannot be let go on.
        let _killed = ptrace::syscall(pid, signal);
    }

    fn take_call(&mut self, pid: Pid) {
        let Ok(mut registers) = ptrace::getregs(pid) else { return };
        if let Some(result) = self.inside.remove(&pid) {
            if let Some(result) = result {
                registers.rax = result.cast_unsigned();
                let _killed = ptrace::setregs(pid, registers);
            }
            return;
        }
        if registers.rax != NO_RESULT_YET {
            return;
        }
        let change = self.is_counting.then(|| change(self.leader, pid, &registers)).flatten();
        let result = change.and_then(|change| self.count(change));
        if result.is_some() {
            registers.orig_rax = u64::MAX;
            let _killed = ptrace::setregs(pid, registers);
        }
        self.inside.insert(pid, result);
    }

    /// Counts a change, and does to the program what is to be done to it; the result the change is to have instead of
    /// being made.
    fn count(&mut self, change: Change) -> Option<i64> {
        self.files += usize::from(change.is_of_a_file);
        self.trace.changes.push(change.clone());
        match self.fate {
            Fate::Watched => None,
            Fate::KilledAt(number) => {
                if self.trace.changes.len() == number {
                    kill(self.leader, Signal::SIGKILL).unwrap();
                    self.trace.struck = Some(change);
                }
                None
            }
            Fate::Failing { number, error, for_good } => {
                let is_hit = self.files == number || (for_good && self.files > number);
                let is_struck = is_hit && change.is_of_a_file;
                if is_struck && self.trace.struck.is_none() {
                    self.trace.struck = Some(change);
                }
                is_struck.then_some(-i64::from(error as i32))
            }
            Fate::NeverSynced => ["fsync", "fdatasync", "syncfs"].contains(&change.call).then_some(0),
        }
    }
}

/// What a call is about: where its subject is to be found.
#[derive(Clone, Copy)]
enum About {
    /// The path in this argument.
    Path(usize),
    /// The file of the descriptor in the first argument.
    Descriptor,
}

/// The calls that change a file whenever they are made.
const OF_FILES: &[(c_long, &str, About)] = &[
    (libc::SYS_fsync, "fsync", About::Descriptor),
    (libc::SYS_fdatasync, "fdatasync", About::Descriptor),
    (libc::SYS_syncfs, "syncfs", About::Descriptor),
    (libc::SYS_ftruncate, "ftruncate", About::Descriptor),
    (libc::SYS_fchmod, "fchmod", About::Descriptor),
    (libc::SYS_rename, "rename", About::Path(1)),
    (libc::SYS_renameat, "renameat", About::Path(3)),
    (libc::SYS_renameat2, "renameat2", About::Path(3)),
    (libc::SYS_link, "link", About::Path(1)),
    (libc::SYS_linkat, "linkat", About::Path(3)),
    (libc::SYS_symlink, "symlink", About::Path(1)),
    (libc::SYS_symlinkat, "symlinkat", About::Path(2)),
    (libc::SYS_unlink, "unlink", About::Path(0)),
    (libc::SYS_unlinkat, "unlinkat", About::Path(1)),
    (libc::SYS_mkdir, "mkdir", About::Path(0)),
    (libc::SYS_mkdirat, "mkdirat", About::Path(1)),
    (libc::SYS_rmdir, "rmdir", About::Path(0)),
];

/// The calls that carry bytes to wherever a descriptor leads.
const WRITES: &[(c_long, &str)] = &[
    (libc::SYS_write, "write"),
    (libc::SYS_writev, "writev"),
    (libc::SYS_pwrite64, "pwrite64"),
    (libc::SYS_sendto, "sendto"),
    (libc::SYS_sendmsg, "sendmsg"),
];

/// The change that a thread of `leader` is about to make, if it is one.
fn change(leader: Pid, thread: Pid, registers: &user_regs_struct) -> Option<Change> {
    let number = c_long::try_from(registers.orig_rax).ok()?;
    let arguments = [registers.rdi, registers.rsi, registers.rdx, registers.r10];
    let memory = Memory { leader, thread };
    let of_a_file = |call, subject: String| Some(Change { call, subject, is_of_a_file: true });
    let other = |call, subject: String| Some(Change { call, subject, is_of_a_file: false });
    if let Some((_, call, about)) = OF_FILES.iter().find(|(known, _, _)| *known == number) {
        return match about {
            About::Path(at) => of_a_file(call, memory.text(arguments[*at])),
            About::Descriptor => of_a_file(call, memory.descriptor(arguments[0])),
        };
    }
    if let Some((_, call)) = WRITES.iter().find(|(known, _)| *known == number) {
        let subject = memory.descriptor(arguments[0]);
        let is_standard = (1..=2).contains(&arguments[0]);
        return match subject.get(..1) {
            Some("/") if !is_standard && !subject.starts_with("/dev/") => of_a_file(call, subject),
            // Threads wake one another through these; that changes nothing.
            _ if subject.starts_with("anon_inode:") || (subject.starts_with("pipe:") && !is_standard) => None,
            _ => other(call, subject),
        };
    }
    match number {
        libc::SYS_openat if arguments[2] & libc::O_CREAT as u64 != 0 => {
            of_a_file("openat", memory.text(arguments[1]))
        }
        libc::SYS_connect => other("connect", String::new()),
        libc::SYS_vfork | libc::SYS_fork => other("fork", String::new()),
        libc::SYS_clone if arguments[0] & libc::CLONE_THREAD as u64 == 0 => other("clone", String::new()),
        libc::SYS_clone3 if memory.number(arguments[0]) & libc::CLONE_THREAD as u64 == 0 => {
            other("clone3", String::new())
        }
        _ => None,
    }
}

/// The tracee's memory and files.
struct Memory {
    leader: Pid,
    thread: Pid,
}

impl Memory {
    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
        File::open(format!("/proc/{}/mem", self.thread))?.read_at(bytes, at)
    }

    fn text(&self, at: u64) -> String {
        let mut bytes = [0; 512];
        let count = self.read(at, &mut bytes).unwrap_or(0);
        let end = bytes[..count].iter().position(|byte| *byte == 0).unwrap_or(count);
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }

    fn number(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        self.read(at, &mut bytes).map_or(0, |_| u64::from_ne_bytes(bytes))
    }

    fn descriptor(&self, number: u64) -> String {
        let link = Path::new("/proc").join(self.leader.to_string()).join("fd").join(number.to_string());
        std::fs::read_link(link).unwrap_or_else(|_| PathBuf::from("?")).display().to_string()
    }
}
