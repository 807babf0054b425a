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

/// What is asked of the writer of records.
enum Work {
    /// To write something.
    Piece(Piece),
    /// To change the index: one writing takes all changes that have come by then.
    Change { delta: Delta, at: Wall, answer: Answer },
}

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
    queue: mpsc::UnboundedReceiver<Work>,
    /// What was met while changes were gathered.
    ahead: Option<Work>,
    paths: HomePaths,
    writer: Writer,
    nonces: Nonces,
}

impl Records {
    /// The next piece of work; `None` when there will be none.
    pub async fn next(&mut self) -> Option<Piece> {
        let work = match self.ahead.take() {
            Some(work) => work,
            None => self.queue.recv().await?,
        };
        Some(self.piece(work))
    }

    /// Writes until there will be nothing more. Blocks.
    fn run(mut self, mut files: RealFiles) {
        while let Some(work) = self.ahead.take().or_else(|| self.queue.blocking_recv()) {
            let mut piece = self.piece(work);
            let patience = locks::patience(limits::INDEX_WAIT_MS);
            let write = |files: &mut RealFiles| store::run_patiently(files, &mut *piece.protocol, patience);
            let outcome = if piece.spares_reserve { files.sparing_reserve(write) } else { write(&mut files) };
            piece.tell(&outcome);
        }
    }

    fn piece(&mut self, work: Work) -> Piece {
        let (mut deltas, mut answers, mut latest) = match work {
            Work::Piece(piece) => return piece,
            Work::Change { delta, at, answer } => (vec![delta], vec![answer], at),
        };
        while let Ok(work) = self.queue.try_recv() {
            match work {
                Work::Change { delta, at, answer } => {
                    deltas.push(delta);
                    answers.push(answer);
                    latest = at;
                }
                Work::Piece(_) => {
                    self.ahead = Some(work);
                    break;
                }
            }
        }
        let (lock, target) = (paths::text(&self.paths.index_lock()), paths::text(&self.paths.index()));
        let writer = self.writer.clone();
        let apply = move |present| with_changes(present, &deltas, &writer, latest);
        let update = Update::new(lock, target, (self.nonces)(), self.writer.pid, Keep::One, apply);
        Piece::new(update, answers)
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
    queue: Mutex<Option<mpsc::UnboundedSender<Work>>>,
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
        let (sender, queue) = mpsc::unbounded_channel();
        let records = Records {
            queue,
            ahead: None,
            paths: paths.clone(),
            writer: writer.clone(),
            nonces: Arc::clone(&nonces),
        };
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
            queue: Mutex::new(Some(sender)),
            states: states.clone(),
            threads: Mutex::default(),
        };
        (durable, records, states)
    }

    /// Makes an intent durable.
    pub async fn write_intent(&self, intent: Intent) -> Outcome {
        let path = paths::text(&self.paths.intent(&intent.workstream.id));
        let begins = matches!(intent.operation, Operation::Create | Operation::Restore { .. });
        let save = Replace::new(path, record::print(&intent), (self.nonces)(), self.writer.pid, Keep::None);
        self.have(|answer| Work::Piece(Piece::new(save, vec![answer]).sparing_reserve(begins))).await
    }

    /// Takes an intent away, durably.
    pub async fn clear_intent(&self, workstream: &WorkstreamId) -> Outcome {
        let removal = Remove::new(paths::text(&self.paths.intent(workstream)));
        self.have(|answer| Work::Piece(Piece::new(removal, vec![answer]))).await
    }

    /// Applies one change to the index of containers, together with others that wait. A damaged index is set aside
    /// first.
    pub async fn update_index(&self, delta: Delta, at: Wall) -> Outcome {
        self.have(|answer| Work::Change { delta, at, answer }).await
    }

    /// Makes a state durable, unless a newer one comes first.
    pub fn save_state(&self, state: StateRecord) {
        // After the end nothing is saved: the exit has waited for what counted.
        let _ticket = self.states.saver.save(state);
        self.states.rung.notify_one();
    }

    /// Writes a beat: this run's own and the last of any. A beat that is lost is not worth a word.
    pub fn beat(&self, beat: BeatRecord) {
        for path in [self.paths.run_beat(&beat.run), self.paths.heartbeat()] {
            let (path, bytes) = (paths::text(&path), record::print(&beat));
            let save = Replace::fleeting(path, bytes, (self.nonces)(), self.writer.pid);
            self.begin(Work::Piece(Piece::new(save, Vec::new()).sparing_reserve(true)));
        }
    }

    /// Takes this run's own beat away: it ended in order.
    pub fn end_beat(&self, run: &RunId) {
        let removal = Remove::new(paths::text(&self.paths.run_beat(run)));
        self.begin(Work::Piece(Piece::new(removal, Vec::new())));
    }

    /// Takes no more work: what was asked for is written, and then the writers end.
    pub fn finish(&self) {
        whole(self.queue.lock()).take();
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

    async fn have(&self, work: impl FnOnce(Answer) -> Work) -> Outcome {
        let (answer, wait) = oneshot::channel();
        self.begin(work(answer));
        wait.await.unwrap_or_else(|_| Err("ccells is ending".to_string()))
    }

    /// Whoever waits for what comes too late is told by the end of its answer's sender.
    fn begin(&self, work: Work) {
        if let Some(queue) = &*whole(self.queue.lock()) {
            // The writer lives as long as this sender does.
            let _ended = queue.send(work);
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
