//! The kernels under every schedule up to three preemptions: the very files the program is built from, with
//! loom's primitives beside them. Each model is shown to fail when the bug it is about is planted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::SeqCst;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
    pub(crate) use loom::thread::yield_now;

    /// Patience never ends here: whoever is not woken waits for ever, and that is found.
    pub(crate) fn wait_while<'a, T>(
        changed: &Condvar,
        mut guard: MutexGuard<'a, T>,
        _patience: std::time::Duration,
        mut is_due: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while is_due(&mut guard) {
            guard = changed.wait(guard).expect("no poison");
        }
        guard
    }
}

#[expect(unreachable_pub, reason = "public where it ships")]
#[path = "../../shell/src/kernel/gate.rs"]
mod gate;
#[expect(unreachable_pub, reason = "public where it ships")]
#[path = "../../shell/src/kernel/outbox.rs"]
mod outbox;
#[expect(unreachable_pub, reason = "public where it ships")]
#[path = "../../shell/src/kernel/saver.rs"]
mod saver;
#[expect(unreachable_pub, reason = "public where it ships")]
#[path = "../../shell/src/kernel/turns.rs"]
mod turns;

#[path = "loom/outbox.rs"]
mod outbox_models;
#[path = "loom/turns.rs"]
mod turns_models;

/// The kernels with one planted bug each; see `build.rs`.
macro_rules! planted {
    ($lints:tt $($name:ident)*) => { $(
        #[expect$lints]
        mod $name {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".rs"));
        }
    )* };
}
planted! {
    (unreachable_pub, reason = "public where it ships")
    release_while_used late_closer_leaves double_release
    overtaking idle_while_carried ring_before_out quiet_give_up carry_on end_without_drain
    leaves_before_it_looks looks_for_ever
}
planted! {
    (dead_code, unreachable_pub, reason = "public where it ships, and not all of it is in this model")
    ack_before_rename clear_slot_after_write stop_without_drain
}

/// How often a schedule may take the processor from a thread that could go on. `CCELLS_PREEMPTIONS` asks for more.
const PREEMPTIONS: usize = 3;
/// How long a model is explored beyond that, unless `CCELLS_LOOM_SECONDS` says otherwise.
const SECONDS: u64 = 600;
/// A schedule longer than this is a loop.
const BRANCHES: usize = 10_000;

#[expect(clippy::print_stdout, reason = "how far was explored is worth knowing, with --nocapture")]
fn explore(name: &str, model: impl Fn() + Send + Sync + 'static) {
    let schedules = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = schedules.clone();
    // Which schedule finds a planted bug is worth knowing too, and it may be the last thing that is said.
    let is_told = std::env::var_os("PLANTED").is_some();
    let started = Instant::now();
    let mut builder = loom::model::Builder::new();
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let preemptions =
        number("CCELLS_PREEMPTIONS").map_or(PREEMPTIONS, |deep| deep.try_into().expect("a few"));
    let budget = Duration::from_secs(number("CCELLS_LOOM_SECONDS").unwrap_or(SECONDS));
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = BRANCHES;
    builder.max_duration = Some(budget);
    builder.check(move || {
        let number = counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        if is_told {
            println!("schedule {number}");
        }
        model();
    });
    let count = schedules.load(std::sync::atomic::Ordering::Relaxed);
    assert!(count > 1, "{name}: one schedule is no exploration");
    let took = started.elapsed();
    assert!(took < budget || preemptions > PREEMPTIONS, "{name}: not explored within {budget:?}");
    let how = if took < budget { "all of them" } else { "and then time was up" };
    println!(
        "{name}: {count} schedules of at most {preemptions} preemptions, {how}, {} ms",
        took.as_millis()
    );
}

// --- The gate: one attached terminal
// ---------------------------------------------------------------------------------

trait GateKind: Send + Sync + 'static {
    type Pass<'a>;
    fn open() -> Self;
    fn enter(&self) -> Option<Self::Pass<'_>>;
    fn close(&self, wake: impl FnOnce(), release: impl FnOnce()) -> bool;
}

macro_rules! gates {
    ($($module:ident)*) => { $(
        impl GateKind for $module::Gate {
            type Pass<'a> = $module::Pass<'a>;
            fn open() -> Self { Self::default() }
            fn enter(&self) -> Option<Self::Pass<'_>> { self.enter() }
            fn close(&self, wake: impl FnOnce(), release: impl FnOnce()) -> bool { self.close(wake, release) }
        }
    )* };
}
gates! { gate release_while_used late_closer_leaves double_release }

/// What is inside the gate: bytes to come, a way to be woken, and checks that nobody uses it once it is
/// released.
struct Stream {
    waiting: Mutex<(usize, bool)>,
    arrived: Condvar,
    releases: AtomicUsize,
    returned: AtomicUsize,
    delivered: AtomicUsize,
}

impl Stream {
    fn of(bytes: usize) -> Self {
        let (releases, returned, delivered) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        Self { waiting: Mutex::new((bytes, false)), arrived: Condvar::new(), releases, returned, delivered }
    }

    fn assert_not_released(&self) {
        assert_eq!(self.releases.load(SeqCst), 0, "used after its release");
    }

    /// Blocks until a byte comes (`true`) or somebody hangs up.
    fn read(&self) -> bool {
        self.assert_not_released();
        let mut waiting = self.waiting.lock().expect("no poison");
        while waiting.0 == 0 && !waiting.1 {
            waiting = self.arrived.wait(waiting).expect("no poison");
        }
        let has_byte = waiting.0 > 0 && !waiting.1;
        waiting.0 -= usize::from(has_byte);
        drop(waiting);
        self.assert_not_released();
        has_byte
    }

    fn deliver(&self) {
        assert_eq!(self.returned.load(SeqCst), 0, "a byte was delivered after close() returned");
        self.delivered.fetch_add(1, SeqCst);
    }

    fn hang_up(&self) {
        self.waiting.lock().expect("no poison").1 = true;
        self.arrived.notify_all();
    }

    fn release(&self) {
        assert_eq!(self.releases.fetch_add(1, SeqCst), 0, "released twice");
    }
}

struct Session<G> {
    gate: G,
    stream: Stream,
}

impl<G: GateKind> Session<G> {
    fn of(bytes: usize) -> Arc<Self> {
        Arc::new(Self { gate: G::open(), stream: Stream::of(bytes) })
    }

    fn read_to_end(&self) {
        while let Some(_pass) = self.gate.enter() {
            if !self.stream.read() {
                break;
            }
            self.stream.deliver();
        }
    }

    fn resize(&self) {
        if let Some(_pass) = self.gate.enter() {
            self.stream.assert_not_released();
        }
    }

    fn close(&self) -> bool {
        let has_won = self.gate.close(|| self.stream.hang_up(), || self.stream.release());
        self.stream.returned.fetch_add(1, SeqCst);
        assert_eq!(self.stream.releases.load(SeqCst), 1, "close() returned before the release");
        assert!(self.gate.enter().is_none(), "somebody got in after close() returned");
        has_won
    }
}

/// Runs `work` on the session in a thread of its own.
fn beside<G: GateKind, T: 'static>(
    session: &Arc<Session<G>>,
    work: impl FnOnce(&Session<G>) -> T + 'static,
) -> thread::JoinHandle<T> {
    let session = session.clone();
    thread::spawn(move || work(&session))
}

fn close_concurrently<G: GateKind>() {
    let session = Session::<G>::of(1);
    let reader = beside(&session, Session::read_to_end);
    let other = beside(&session, Session::close);
    let resizer = beside(&session, Session::resize);
    let winners = usize::from(session.close()) + usize::from(other.join().expect("no panic"));
    reader.join().expect("no panic");
    resizer.join().expect("no panic");
    assert_eq!(winners, 1, "exactly one closer wins");
    assert_eq!(session.stream.releases.load(SeqCst), 1);
}

fn close_with_a_reader<G: GateKind>(bytes: usize) {
    let session = Session::<G>::of(bytes);
    let reader = beside(&session, Session::read_to_end);
    assert!(session.close());
    reader.join().expect("no panic");
}

#[test]
fn concurrent_close() {
    explore("concurrent_close", close_concurrently::<gate::Gate>);
}

#[test]
fn close_while_reading() {
    explore("close_while_reading", || close_with_a_reader::<gate::Gate>(3));
}

/// Nothing ever comes: only the closer's wake ends the read.
#[test]
fn cancellation() {
    explore("cancellation", || close_with_a_reader::<gate::Gate>(0));
}

// --- The saver: one file
// ---------------------------------------------------------------------------------------------

trait SaverKind: Send + Sync + 'static {
    fn empty() -> Self;
    fn save(&self, value: u64) -> Option<u64>;
    fn is_durable_after_wait(&self, ticket: u64) -> bool;
    fn durable(&self) -> u64;
    fn stop(&self);
    fn run(&self, write: impl FnMut(u64, &u64) -> Result<(), Full>);
}

/// Why a write failed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Full;

macro_rules! savers {
    ($($module:ident)*) => { $(
        impl SaverKind for $module::Saver<u64, Full> {
            fn empty() -> Self { Self::default() }
            fn save(&self, value: u64) -> Option<u64> { self.save(value) }
            fn is_durable_after_wait(&self, ticket: u64) -> bool { self.wait(ticket).is_ok() }
            fn durable(&self) -> u64 { self.durable() }
            fn stop(&self) { self.stop() }
            fn run(&self, write: impl FnMut(u64, &u64) -> Result<(), Full>) { self.run(write) }
        }
    )* };
}
savers! { saver ack_before_rename clear_slot_after_write stop_without_drain }

/// A disk on which a file is written in two halves under temporary names and then renamed, each a step of its
/// own. A crash is another thread looking.
#[derive(Default)]
struct Disk {
    /// The file, then the temporary files, each as its first and second half.
    files: Mutex<[Option<(u64, u64)>; 3]>,
}

impl Disk {
    fn replace(&self, temporary: usize, value: u64) {
        self.files.lock().expect("no poison")[temporary] = Some((value, 0));
        if let Some(file) = &mut self.files.lock().expect("no poison")[temporary] {
            file.1 = value;
        }
        let mut files = self.files.lock().expect("no poison");
        if let Some(file) = files[temporary].take() {
            files[0] = Some(file);
        }
    }

    /// What a crash now would leave.
    fn on_disk(&self) -> u64 {
        let (first, second) = self.files.lock().expect("no poison")[0].unwrap_or_default();
        assert_eq!(first, second, "the file is torn");
        first
    }
}

/// One thread writes; another looks, as a crash would, twice.
fn with_writer<S: SaverKind>(work: impl FnOnce(&Arc<S>, &Arc<Disk>)) {
    let (saver, disk) = (Arc::new(S::empty()), Arc::new(Disk::default()));
    let writer = {
        let (saver, disk) = (saver.clone(), disk.clone());
        thread::spawn(move || {
            saver.run(|ticket, value| {
                assert_eq!(ticket, *value, "another's value");
                disk.replace(1, *value);
                Ok(())
            });
        })
    };
    let crash = {
        let (saver, disk) = (saver.clone(), disk.clone());
        thread::spawn(move || {
            let acknowledged = saver.durable();
            let found = disk.on_disk();
            assert!(
                found >= acknowledged,
                "acknowledged save {acknowledged} is not on disk, which has {found}"
            );
            assert!(disk.on_disk() >= found, "an older version came back");
        })
    };
    work(&saver, &disk);
    crash.join().expect("no panic");
    writer.join().expect("no panic");
}

fn save_and_stop<S: SaverKind>(saves: u64) {
    with_writer::<S>(|saver, disk| {
        let tickets: Vec<_> = (1..=saves).map(|value| saver.save(value).expect("not stopped")).collect();
        saver.stop();
        let last = *tickets.last().expect("at least one");
        assert!(saver.is_durable_after_wait(last), "an accepted save was dropped");
        assert_eq!(disk.on_disk(), last, "the newest save is lost");
        assert_eq!(saver.save(99), None, "accepted after the stop");
    });
}

#[test]
fn concurrent_save() {
    explore("concurrent_save, one save", || save_and_stop::<saver::Saver<u64, Full>>(1));
    explore("concurrent_save, two saves", || save_and_stop::<saver::Saver<u64, Full>>(2));
    explore("concurrent_save, two threads", || {
        let saver = Arc::new(saver::Saver::<u64, Full>::new());
        let disk = Arc::new(Disk::default());
        let writer = {
            let (saver, disk) = (saver.clone(), disk.clone());
            thread::spawn(move || {
                saver.run(|ticket, _| {
                    disk.replace(1, ticket);
                    Ok(())
                });
            })
        };
        let save = |saver: &saver::Saver<u64, Full>, disk: &Disk| {
            let ticket = saver.save(0).expect("not stopped");
            saver.wait(ticket).expect("durable");
            assert!(disk.on_disk() >= ticket, "acknowledged save {ticket} is not on disk");
        };
        let other = {
            let (saver, disk) = (saver.clone(), disk.clone());
            thread::spawn(move || save(&saver, &disk))
        };
        save(&saver, &disk);
        other.join().expect("no panic");
        saver.stop();
        writer.join().expect("no panic");
        assert_eq!(disk.on_disk(), 2);
    });
}

/// A writer on a disk that is full at those of its tries that `is_full` names; the first is number one.
fn failing_writer(
    saver: &Arc<saver::Saver<u64, Full>>,
    disk: &Arc<Disk>,
    is_full: fn(usize) -> bool,
) -> thread::JoinHandle<()> {
    let (saver, disk) = (saver.clone(), disk.clone());
    thread::spawn(move || {
        let mut tries = 0;
        saver.run(|ticket, _| {
            tries += 1;
            if is_full(tries) {
                return Err(Full);
            }
            disk.replace(1, ticket);
            Ok(())
        });
    })
}

/// A write that fails is told to its waiter, and its value is written by the retry.
#[test]
fn failed_save() {
    explore("failed_save", || {
        let (saver, disk) = (Arc::new(saver::Saver::new()), Arc::new(Disk::default()));
        let writer = failing_writer(&saver, &disk, |tries| tries == 1);
        let ticket = saver.save(0).expect("not stopped");
        assert_eq!(saver.wait(ticket), Err(saver::NotDurable::Failed(Full)));
        assert_eq!((saver.durable(), disk.on_disk()), (0, 0));
        saver.retry();
        saver.wait(ticket).expect("durable at the second try");
        assert_eq!((saver.durable(), disk.on_disk()), (1, 1));
        saver.stop();
        writer.join().expect("no panic");
        assert_eq!(saver.wait(ticket + 1), Err(saver::NotDurable::Stopped));
    });
}

/// A write fails while a newer value waits: the older one must not take its place.
#[test]
fn failed_save_of_an_older_value() {
    explore("failed_save_of_an_older_value", || {
        let (saver, disk) = (Arc::new(saver::Saver::new()), Arc::new(Disk::default()));
        let writer = failing_writer(&saver, &disk, |tries| tries == 1);
        let older = saver.save(0).expect("not stopped");
        let newest = saver.save(0).expect("not stopped");
        // Both were one write, or the older one's failure is nobody's business any more.
        if saver.wait(newest).is_err() {
            saver.retry();
        }
        saver.wait(newest).expect("durable at the second try");
        assert_eq!(disk.on_disk(), newest, "the newest save is lost");
        assert_eq!(saver.wait(older), Ok(()));
        saver.stop();
        writer.join().expect("no panic");
    });
}

/// The end comes and the disk stays full: who waits hears why, and a ticket that nobody was given is not answered
/// by another's failure.
#[test]
fn failed_save_at_the_end() {
    explore("failed_save_at_the_end", || {
        let (saver, disk) = (Arc::new(saver::Saver::new()), Arc::new(Disk::default()));
        let writer = failing_writer(&saver, &disk, |_| true);
        let ticket = saver.save(0).expect("not stopped");
        saver.stop();
        writer.join().expect("a writer that is stopped ends, also when it cannot write");
        assert_eq!(saver.wait(ticket), Err(saver::NotDurable::Failed(Full)));
        assert_eq!(saver.wait(ticket + 1), Err(saver::NotDurable::Stopped));
        assert_eq!((saver.durable(), disk.on_disk()), (0, 0));
    });
}

/// A writer that must not block asks by turns for what the blocking one waits for.
#[test]
fn stepwise_save() {
    explore("stepwise_save", || {
        let saver = Arc::new(saver::Saver::<u64, Full>::new());
        let disk = Arc::new(Disk::default());
        let saving = {
            let saver = saver.clone();
            thread::spawn(move || {
                let ticket = saver.save(0).expect("not stopped");
                saver.stop();
                ticket
            })
        };
        let writing = saver.begin();
        loop {
            let is_last = saver.is_stopping();
            match saver.take() {
                Some((ticket, value)) => {
                    disk.replace(1, ticket);
                    saver.written(ticket, value, Ok(()));
                }
                None if is_last => break,
                None => thread::yield_now(),
            }
        }
        drop(writing);
        let ticket = saving.join().expect("no panic");
        assert_eq!(disk.on_disk(), ticket, "an accepted save was dropped");
        assert_eq!(saver.wait(ticket), Ok(()));
    });
}

// --- The models find bugs
// ----------------------------------------------------------------------------------------------

/// The user looks whether the gate is open and then reads without being inside.
fn flag_then_read() {
    let session = Session::<gate::Gate>::of(1);
    let reader = beside(&session, |session| {
        while session.gate.enter().is_some() {
            if !session.stream.read() {
                break;
            }
            session.stream.deliver();
        }
    });
    session.close();
    reader.join().expect("no panic");
}

/// The closer forgets whoever is blocked inside.
fn no_wake() {
    let session = Session::<gate::Gate>::of(0);
    let reader = beside(&session, Session::read_to_end);
    session.gate.close(|| {}, || session.stream.release());
    reader.join().expect("no panic");
}

/// Two writers without a kernel between them, each with the temporary file `name_of` gives it.
fn write_without_order(name_of: fn(usize) -> usize) {
    let (disk, clock) = (Arc::new(Disk::default()), Arc::new(Mutex::new(0)));
    let write = move |disk: &Disk, clock: &Mutex<u64>, writer: usize| {
        let value = {
            let mut clock = clock.lock().expect("no poison");
            *clock += 1;
            *clock
        };
        disk.replace(name_of(writer), value);
    };
    let other = {
        let (disk, clock) = (disk.clone(), clock.clone());
        thread::spawn(move || write(&disk, &clock, 2))
    };
    write(&disk, &clock, 1);
    other.join().expect("no panic");
    assert_eq!(disk.on_disk(), 2, "the newest save is lost");
}

type Planted = (&'static str, fn(), &'static str);

/// The bug, the model with it, and how the model must fail.
const PLANTED: [Planted; 18] = [
    ("flag_then_read", flag_then_read, "used after its release"),
    ("no_wake", no_wake, "deadlock"),
    ("release_while_used", || close_with_a_reader::<release_while_used::Gate>(1), "used after its release"),
    (
        "late_closer_leaves",
        close_concurrently::<late_closer_leaves::Gate>,
        "close() returned before the release",
    ),
    ("double_release", close_concurrently::<double_release::Gate>, "released twice"),
    ("ack_before_rename", || save_and_stop::<ack_before_rename::Saver<u64, Full>>(1), "is not on disk"),
    (
        "clear_slot_after_write",
        || save_and_stop::<clear_slot_after_write::Saver<u64, Full>>(2),
        "an accepted save was dropped",
    ),
    (
        "stop_without_drain",
        || save_and_stop::<stop_without_drain::Saver<u64, Full>>(1),
        "an accepted save was dropped",
    ),
    ("overtaking", outbox_models::in_order::<overtaking::Outbox>, "not all is out, or not in order"),
    ("idle_while_carried", outbox_models::told_when_out::<idle_while_carried::Outbox>, "not all is out"),
    ("ring_before_out", outbox_models::told_when_out::<ring_before_out::Outbox>, "deadlock"),
    ("quiet_give_up", outbox_models::given_up_while_stuck::<quiet_give_up::Outbox>, "deadlock"),
    ("carry_on", outbox_models::failing::<carry_on::Outbox>, "the failure went unnoticed"),
    (
        "end_without_drain",
        outbox_models::carried_to_the_end::<end_without_drain::Outbox>,
        "something was left behind",
    ),
    (
        "leaves_before_it_looks",
        || turns_models::look_and_feed::<leaves_before_it_looks::Turns>(1),
        "fed before who had asked first",
    ),
    ("looks_for_ever", || turns_models::look_and_feed::<looks_for_ever::Turns>(1), "goes on giving way"),
    ("shared_temporary", || write_without_order(|_| 1), "the file is torn"),
    ("unique_temporary_without_order", || write_without_order(|writer| writer), "the newest save is lost"),
];

/// A model that fails may abort its process, so each planted bug has one of its own.
#[test]
fn planted_bugs_are_found() {
    for (name, _, expected) in PLANTED {
        let output = Command::new(std::env::current_exe().expect("we run"))
            .args(["planted_child", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env("PLANTED", name)
            .env("RUST_BACKTRACE", "0")
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "planted bug `{name}` was not found");
        assert!(said.contains(expected), "planted bug `{name}` failed in another way:\n{said}");
    }
}

#[test]
#[ignore = "run by planted_bugs_are_found, and must fail"]
fn planted_child() {
    let wanted = std::env::var("PLANTED").expect("the parent sets it");
    let (_, model, _) = PLANTED.into_iter().find(|(name, ..)| *name == wanted).expect("it is in the table");
    // The failure must reach the parent as a failure of this test, also when it unwinds.
    let outcome = catch_unwind(AssertUnwindSafe(|| explore(&wanted, model)));
    assert!(outcome.is_ok(), "the model failed");
}
