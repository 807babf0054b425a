//! Touches the world: the durable records of a run. One thread writes intents and the index in the order they are
//! asked for; another writes the state, of which only the newest version counts.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use ccells_core::ids::{Generation, RunId, WorkstreamId};
use ccells_core::limits;
use ccells_core::record::{self, BeatRecord, Flaw, Intent, Operation, StateRecord, Writer};
use ccells_core::store::{self, Keep, Remove, Replace, SaveError, Update};
use ccells_core::time::Wall;
use ccells_core::tracking::{self, Delta};
use tokio::sync::oneshot;

use super::files::RealFiles;
use super::{entropy, locks};
use crate::kernel::saver::Saver;
use crate::paths::{self, HomePaths};

type Job = Box<dyn FnOnce(&mut RealFiles) + Send>;
type Answer = oneshot::Sender<Result<(), String>>;

/// The durable records of one run.
pub struct Durable {
    paths: HomePaths,
    writer: Writer,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    /// Changes of the index that are not begun: one writing takes all that have come by then.
    changes: Arc<Mutex<Vec<(Delta, Answer)>>>,
    states: Arc<Saver<StateRecord, SaveError>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Durable {
    /// Begins to write for `writer`. `saved` is told of every state that was written, or could not be.
    pub fn start(
        paths: HomePaths,
        writer: Writer,
        saved: impl Fn(Generation, Result<(), String>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let reserve = paths.reserve();
        let records = thread("ccells-records", move || {
            let mut files = RealFiles::with_reserve(reserve);
            for job in queue {
                job(&mut files);
            }
        })?;
        let states = Arc::new(Saver::new());
        let (saver, own_paths, pid) = (Arc::clone(&states), paths.clone(), writer.pid);
        let state = thread("ccells-state", move || {
            let mut files = RealFiles::with_reserve(own_paths.reserve());
            saver.run(|_ticket, state: &StateRecord| {
                let target = paths::text(&own_paths.state(&state.repo_id));
                let save = Replace::new(target, record::print(state), entropy::nonce(), pid, Keep::Two);
                let outcome = store::run(&mut files, save);
                saved(state.generation, outcome.as_ref().map_err(ToString::to_string).copied());
                outcome
            });
        })?;
        Ok(Self {
            paths,
            writer,
            jobs: Mutex::new(Some(jobs)),
            changes: Arc::default(),
            states,
            threads: Mutex::new(vec![records, state]),
        })
    }

    /// Makes an intent durable.
    pub async fn write_intent(&self, intent: Intent) -> Result<(), String> {
        let (path, pid) = (self.paths.intent(&intent.workstream.id), self.writer.pid);
        self.job(move |files| {
            let bytes = record::print(&intent);
            let save = Replace::new(paths::text(&path), bytes, entropy::nonce(), pid, Keep::None);
            // On a full disk nothing new begins: the reserve is for what is there.
            said(match intent.operation {
                Operation::Create => files.sparing_reserve(|files| store::run(files, save)),
                Operation::Destroy { .. } => store::run(files, save),
            })
        })
        .await
    }

    /// Takes an intent away, durably.
    pub async fn clear_intent(&self, workstream: &WorkstreamId) -> Result<(), String> {
        let path = self.paths.intent(workstream);
        self.job(move |files| said(store::run(files, Remove::new(paths::text(&path))))).await
    }

    /// Applies one change to the index of containers, together with others that wait. A damaged index is set aside
    /// first.
    pub async fn update_index(&self, delta: Delta, at: Wall) -> Result<(), String> {
        let (lock, target) = (self.paths.index_lock(), self.paths.index());
        let (writer, changes) = (self.writer.clone(), Arc::clone(&self.changes));
        let (answer, wait) = oneshot::channel();
        whole(self.changes.lock()).push((delta, answer));
        self.begin(Box::new(move |files| {
            let (deltas, answers): (Vec<_>, Vec<_>) =
                std::mem::take(&mut *whole(changes.lock())).into_iter().unzip();
            if deltas.is_empty() {
                return;
            }
            let outcome = update_index(files, &lock, &target, &deltas, &writer, at);
            for answer in answers {
                // Nobody waits any more when the run ended meanwhile.
                let _gone = answer.send(outcome.clone());
            }
        }));
        wait.await.unwrap_or_else(|_| Err("ccells is ending".to_string()))
    }

    /// Makes a state durable, unless a newer one comes first.
    pub fn save_state(&self, state: StateRecord) {
        // After the end nothing is saved: the exit has waited for what counted.
        let _ticket = self.states.save(state);
    }

    /// Writes a beat: this run's own and the last of any. A beat that is lost is not worth a word.
    pub fn beat(&self, beat: BeatRecord) {
        let (own, any, pid) = (self.paths.run_beat(&beat.run), self.paths.heartbeat(), self.writer.pid);
        self.begin(Box::new(move |files| {
            for path in [own, any] {
                let save = Replace::fleeting(paths::text(&path), record::print(&beat), entropy::nonce(), pid);
                let _lost = files.sparing_reserve(|files| store::run(files, save));
            }
        }));
    }

    /// Takes this run's own beat away: it ended in order.
    pub fn end_beat(&self, run: &RunId) {
        let path = self.paths.run_beat(run);
        self.begin(Box::new(move |files| {
            let _left = store::run(files, Remove::new(paths::text(&path)));
        }));
    }

    /// Writes all that was asked for and ends. Blocks.
    pub fn stop(&self) {
        whole(self.jobs.lock()).take();
        self.states.stop();
        let threads = std::mem::take(&mut *whole(self.threads.lock()));
        for thread in threads {
            // A writer that panicked has said so already; there is nothing left to wait for.
            let _ended = thread.join();
        }
    }

    async fn job(
        &self,
        work: impl FnOnce(&mut RealFiles) -> Result<(), String> + Send + 'static,
    ) -> Result<(), String> {
        let (answer, wait) = oneshot::channel();
        self.begin(Box::new(move |files| {
            // Nobody waits any more when the run ended meanwhile.
            let _gone = answer.send(work(files));
        }));
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

/// Nothing that panics runs under these locks.
fn whole<G>(locked: Result<G, PoisonError<G>>) -> G {
    locked.unwrap_or_else(PoisonError::into_inner)
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_string()).spawn(body)
}

fn said(outcome: Result<(), SaveError>) -> Result<(), String> {
    outcome.map_err(|error| error.to_string())
}

fn update_index(
    files: &mut RealFiles,
    lock: &Path,
    target: &Path,
    deltas: &[Delta],
    writer: &Writer,
    at: Wall,
) -> Result<(), String> {
    let apply = |bytes: Option<Vec<u8>>| -> Result<Vec<u8>, Flaw> {
        let mut index = bytes;
        for delta in deltas {
            index = Some(match tracking::apply(index.as_deref(), delta, writer, at) {
                // Only an index: what it held is in the labels too. The damaged one stays as the previous generation.
                Err(Flaw::Corrupt { .. }) => tracking::apply(None, delta, writer, at)?,
                other => other?,
            });
        }
        // No change is none to write; the caller has some.
        Ok(index.unwrap_or_default())
    };
    let (lock, target) = (paths::text(lock), paths::text(target));
    let update = Update::new(lock, target, entropy::nonce(), writer.pid, Keep::One, apply);
    store::run_patiently(files, update, locks::patience(limits::INDEX_WAIT_MS))
        .map_err(|error| error.to_string())
}
