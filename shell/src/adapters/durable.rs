//! Touches the world: the durable records of a run. One writer writes intents and the index in the order they are
//! asked for; another writes the state, of which only the newest version counts. Each is a thread here; a simulated
//! run has two tasks in their place, which take the same work ([`Records`], [`States`]).

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ccells_core::ids::{Generation, RunId, WorkstreamId};
use ccells_core::limits;
use ccells_core::ports::{FileError, FileOk};
use ccells_core::record::{self, BeatRecord, Flaw, Intent, Operation, StateRecord, Writer};
use ccells_core::store::{self, Keep, Protocol, Remove, Replace, SaveError, Step, Update};
use ccells_core::time::Wall;
use ccells_core::tracking::{self, Delta};
use tokio::sync::{Notify, mpsc, oneshot};

use super::files::RealFiles;
use super::{entropy, locks};
use crate::kernel::saver::Saver;
use crate::paths::{self, HomePaths};

/// What became of a piece of work, for people.
pub type Outcome = Result<(), String>;

/// Gives each temporary file a number that no other has.
pub type Nonces = Arc<dyn Fn() -> u64 + Send + Sync>;

type Answer = oneshot::Sender<Outcome>;
/// It is made when its turn comes: by then it may stand for others too, or be done already.
type Job = Box<dyn FnOnce() -> Option<Piece> + Send>;
type Changes = Arc<Mutex<Vec<(Delta, Answer)>>>;

/// One piece of work for the writer of records.
pub struct Piece {
    /// The file operations.
    pub protocol: Box<dyn Protocol<Output = Outcome> + Send>,
    answers: Vec<Answer>,
    /// Whether it has to do without the reserve of a full disk: that is for what is there, not for what begins, nor for
    /// what is not worth a word when it is lost.
    spares_reserve: bool,
}

impl Piece {
    fn new<E: ToString>(
        protocol: impl Protocol<Output = Result<(), E>> + Send + 'static,
        answers: Vec<Answer>,
    ) -> Self {
        Self { protocol: Box::new(InWords(protocol)), answers, spares_reserve: false }
    }

    fn sparing_reserve(self, spares_reserve: bool) -> Self {
        Self { spares_reserve, ..self }
    }

    /// Tells all who wait for it. Whoever waits no more has ended meanwhile.
    pub fn tell(self, outcome: &Outcome) {
        for answer in self.answers {
            let _gone = answer.send(outcome.clone());
        }
    }
}

/// What is to be written of intents, the index and beats, in order.
pub struct Records {
    queue: mpsc::UnboundedReceiver<Job>,
}

impl Records {
    /// The next piece of work; `None` when there will be none.
    pub async fn next(&mut self) -> Option<Piece> {
        loop {
            if let Some(piece) = self.queue.recv().await?() {
                return Some(piece);
            }
        }
    }

    /// Writes until there will be nothing more. Blocks.
    fn run(mut self, mut files: RealFiles) {
        while let Some(job) = self.queue.blocking_recv() {
            let Some(mut piece) = job() else { continue };
            let patience = locks::patience(limits::INDEX_WAIT_MS);
            let write = |files: &mut RealFiles| store::run_patiently(files, &mut *piece.protocol, patience);
            let outcome =
                if piece.spares_reserve { files.sparing_reserve(write) } else { write(&mut files) };
            piece.tell(&outcome);
        }
    }
}

/// What is to be written of the state.
#[derive(Clone)]
pub struct States {
    /// The versions that come.
    pub saver: Arc<Saver<StateRecord, SaveError>>,
    /// Rung when there may be something to do.
    pub rung: Arc<Notify>,
    paths: HomePaths,
    pid: u32,
    nonces: Nonces,
}

impl States {
    /// The file operations that make `state` durable.
    pub fn protocol(&self, state: &StateRecord) -> Replace {
        let target = paths::text(&self.paths.state(&state.repo_id));
        Replace::new(target, record::print(state), (self.nonces)(), self.pid, Keep::Two)
    }

    /// Writes until stopped. Blocks.
    fn run(&self, mut files: RealFiles, saved: impl Fn(Generation, Outcome)) {
        self.saver.run(|_ticket, state| {
            let outcome = store::run(&mut files, self.protocol(state));
            saved(state.generation, outcome.as_ref().map_err(ToString::to_string).copied());
            outcome
        });
    }
}

/// The durable records of one run.
pub struct Durable {
    paths: HomePaths,
    writer: Writer,
    nonces: Nonces,
    jobs: Mutex<Option<mpsc::UnboundedSender<Job>>>,
    /// Changes of the index that are not begun: one writing takes all that have come by then.
    changes: Changes,
    states: States,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Durable {
    /// Begins to write for `writer`. `saved` is told of every state that was written, or could not be.
    pub fn start(
        paths: HomePaths,
        writer: Writer,
        saved: impl Fn(Generation, Outcome) + Send + 'static,
    ) -> std::io::Result<Self> {
        let files = || RealFiles::with_reserve(paths.reserve());
        let (record_files, state_files) = (files(), files());
        let (durable, records, states) = Self::without_writers(paths, writer, Arc::new(entropy::nonce));
        let threads = vec![
            thread("ccells-records", move || records.run(record_files))?,
            thread("ccells-state", move || states.run(state_files, saved))?,
        ];
        *whole(durable.threads.lock()) = threads;
        Ok(durable)
    }

    /// The same without the two threads: somebody else does the work.
    pub fn without_writers(paths: HomePaths, writer: Writer, nonces: Nonces) -> (Self, Records, States) {
        let (jobs, queue) = mpsc::unbounded_channel();
        let states = States {
            saver: Arc::new(Saver::new()),
            rung: Arc::default(),
            paths: paths.clone(),
            pid: writer.pid,
            nonces: Arc::clone(&nonces),
        };
        let durable = Self {
            paths,
            writer,
            nonces,
            jobs: Mutex::new(Some(jobs)),
            changes: Arc::default(),
            states: states.clone(),
            threads: Mutex::default(),
        };
        (durable, Records { queue }, states)
    }

    /// Makes an intent durable.
    pub async fn write_intent(&self, intent: Intent) -> Outcome {
        let (path, pid) = (paths::text(&self.paths.intent(&intent.workstream.id)), self.writer.pid);
        let nonces = Arc::clone(&self.nonces);
        let begins = matches!(intent.operation, Operation::Create);
        self.job(begins, move || Replace::new(path, record::print(&intent), nonces(), pid, Keep::None)).await
    }

    /// Takes an intent away, durably.
    pub async fn clear_intent(&self, workstream: &WorkstreamId) -> Outcome {
        let path = paths::text(&self.paths.intent(workstream));
        self.job(false, move || Remove::new(path)).await
    }

    /// Applies one change to the index of containers, together with others that wait. A damaged index is set aside
    /// first.
    pub async fn update_index(&self, delta: Delta, at: Wall) -> Outcome {
        let (lock, target) = (paths::text(&self.paths.index_lock()), paths::text(&self.paths.index()));
        let (writer, changes) = (self.writer.clone(), Arc::clone(&self.changes));
        let nonces = Arc::clone(&self.nonces);
        let (answer, wait) = oneshot::channel();
        whole(self.changes.lock()).push((delta, answer));
        self.begin(Box::new(move || {
            let (deltas, answers): (Vec<_>, Vec<_>) =
                std::mem::take(&mut *whole(changes.lock())).into_iter().unzip();
            if answers.is_empty() {
                return None;
            }
            let pid = writer.pid;
            let apply = move |present| with_changes(present, &deltas, &writer, at);
            Some(Piece::new(Update::new(lock, target, nonces(), pid, Keep::One, apply), answers))
        }));
        wait.await.unwrap_or_else(|_| Err("ccells is ending".to_string()))
    }

    /// Makes a state durable, unless a newer one comes first.
    pub fn save_state(&self, state: StateRecord) {
        // After the end nothing is saved: the exit has waited for what counted.
        let _ticket = self.states.saver.save(state);
        self.states.rung.notify_one();
    }

    /// Writes a beat: this run's own and the last of any. A beat that is lost is not worth a word.
    pub fn beat(&self, beat: BeatRecord) {
        let (own, any) = (self.paths.run_beat(&beat.run), self.paths.heartbeat());
        let bytes = record::print(&beat);
        for path in [own, any] {
            let (path, bytes, pid) = (paths::text(&path), bytes.clone(), self.writer.pid);
            let nonces = Arc::clone(&self.nonces);
            self.begin(Box::new(move || {
                let save = Replace::fleeting(path, bytes, nonces(), pid);
                Some(Piece::new(save, Vec::new()).sparing_reserve(true))
            }));
        }
    }

    /// Takes this run's own beat away: it ended in order.
    pub fn end_beat(&self, run: &RunId) {
        let path = paths::text(&self.paths.run_beat(run));
        self.begin(Box::new(move || Some(Piece::new(Remove::new(path), Vec::new()))));
    }

    /// Takes no more work: what was asked for is written, and then the writers end.
    pub fn finish(&self) {
        whole(self.jobs.lock()).take();
        self.states.saver.stop();
        self.states.rung.notify_one();
    }

    /// Writes all that was asked for and ends. Blocks.
    pub fn stop(&self) {
        self.finish();
        let threads = std::mem::take(&mut *whole(self.threads.lock()));
        for thread in threads {
            // A writer that panicked has said so already; there is nothing left to wait for.
            let _ended = thread.join();
        }
    }

    async fn job<P>(&self, spares_reserve: bool, work: impl FnOnce() -> P + Send + 'static) -> Outcome
    where
        P: Protocol<Output = Result<(), SaveError>> + Send + 'static,
    {
        let (answer, wait) = oneshot::channel();
        self.begin(Box::new(move || Some(Piece::new(work(), vec![answer]).sparing_reserve(spares_reserve))));
        wait.await.unwrap_or_else(|_| Err("ccells is ending".to_string()))
    }

    fn begin(&self, job: Job) {
        match &*whole(self.jobs.lock()) {
            Some(jobs) => {
                // The writer lives as long as this sender does.
                let _ended = jobs.send(job);
            }
            // Whoever waits for a change is told by the end of its answer's sender.
            None => whole(self.changes.lock()).clear(),
        }
    }
}

/// A protocol whose failure is put into words.
struct InWords<P>(P);

impl<E: ToString, P: Protocol<Output = Result<(), E>>> Protocol for InWords<P> {
    type Output = Outcome;

    fn step(&mut self, last: Option<Result<FileOk, FileError>>) -> Step<Outcome> {
        match self.0.step(last) {
            Step::Do(op) => Step::Do(op),
            Step::Wait => Step::Wait,
            Step::Done(outcome) => Step::Done(outcome.map_err(|error| error.to_string())),
        }
    }
}

/// Nothing that panics runs under these locks.
fn whole<G>(locked: Result<G, PoisonError<G>>) -> G {
    locked.unwrap_or_else(PoisonError::into_inner)
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_string()).spawn(body)
}

/// The index after these changes. Only an index: what a damaged one held is in the labels too, and it stays as the
/// previous generation.
fn with_changes(
    present: Option<Vec<u8>>,
    deltas: &[Delta],
    writer: &Writer,
    at: Wall,
) -> Result<Vec<u8>, Flaw> {
    let mut index = present;
    for delta in deltas {
        index = Some(match tracking::apply(index.as_deref(), delta, writer, at) {
            Err(Flaw::Corrupt { .. }) => tracking::apply(None, delta, writer, at)?,
            other => other?,
        });
    }
    // No change is none to write; the caller has some.
    Ok(index.unwrap_or_default())
}
