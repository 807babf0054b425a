//! A simulated Docker Engine that speaks the real interface over any stream, so that the production adapter runs
//! against it as it is. What runs in its containers is the production holder's own desk with a scripted agent. It has
//! no threads and no clock of its own: time is told to it, and everything else follows from the seed.

mod answer;
mod dates;
mod door;
mod events;
mod inside;
mod journal;
mod pipe;
mod portrait;
mod pull;
mod script;
mod tunnel;
mod weather;
mod yard;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ccells_core::container::ContainerState;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

pub use self::journal::{Entry, Outcome};
pub use self::pipe::PipeDial;
pub use self::pull::Pulling;
pub use self::script::Step;
pub use self::weather::{Endpoint, Fate, Weather};

use self::journal::Journal;
use self::weather::Fates;
use self::yard::Yard;
use crate::choice::Choices;

/// Tells the time since the simulation began. It must go on when a machine of the simulation starts anew.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// What the engine is told when something cannot be done.
pub type Refused = String;

/// A simulated engine, its containers and all. A clone is a handle to the same one. See the module.
#[derive(Clone)]
pub struct Dockerd {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    yard: Mutex<Yard>,
    fates: Mutex<Fates>,
    journal: Mutex<Journal>,
    life: Mutex<Option<Life>>,
    /// Counts changes of the yard.
    changes: watch::Sender<u64>,
    hangs: watch::Sender<bool>,
    connections: AtomicUsize,
    /// Streams on which nothing ever comes.
    silent: Mutex<Vec<mpsc::UnboundedSender<Bytes>>>,
}

/// One life of the engine's process.
#[derive(Clone)]
struct Life {
    token: CancellationToken,
    /// Whether somebody already looks after what happens unasked.
    is_tended: Arc<AtomicBool>,
}

impl Life {
    fn begin() -> Self {
        Self { token: CancellationToken::new(), is_tended: Arc::default() }
    }

    async fn ended(&self) {
        self.token.cancelled().await;
    }

    /// Runs `work` until it is done or the engine is gone.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let token = self.token.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = token.cancelled() => {}
                () = work => {}
            }
        });
    }
}

/// A container as it is, whatever the engine tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its state.
    pub state: ContainerState,
    /// The code with which its main process ended last.
    pub code: i64,
    /// Whether that was for want of memory.
    pub was_out_of_memory: bool,
}

impl Dockerd {
    /// An engine that is up and has nothing, but every image. It is calm until it is told to be otherwise.
    pub fn new(choices: Choices, clock: Clock) -> Self {
        let mut yard = Yard::default();
        yard.has_every_image = true;
        let shared = Shared {
            clock,
            yard: Mutex::new(yard),
            fates: Mutex::new(Fates::new(choices, Weather::default())),
            journal: Mutex::default(),
            life: Mutex::new(Some(Life::begin())),
            changes: watch::Sender::new(0),
            hangs: watch::Sender::new(false),
            connections: AtomicUsize::new(0),
            silent: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// From now on a registry has this image, and a pull of it goes like that.
    pub fn set_pull(&self, image: &str, pulling: Pulling) {
        self.yard().registry.insert(image.to_owned(), pulling);
    }

    /// Only these images are there.
    pub fn set_images(&self, images: &[&str]) {
        let mut yard = self.yard();
        yard.has_every_image = false;
        yard.images = images.iter().map(|image| (*image).to_owned()).collect();
    }

    /// What becomes of requests from now on.
    pub fn set_weather(&self, weather: Weather) {
        lock(&self.shared.fates).set_weather(weather);
    }

    /// What becomes of the next request of this kind for which nothing was ordered yet.
    pub fn order(&self, endpoint: Endpoint, fate: Fate) {
        lock(&self.shared.fates).order(endpoint, fate);
    }

    /// From now on requests are taken, and neither done nor answered before [`Dockerd::wake`].
    pub fn hang(&self) {
        self.shared.hangs.send_replace(true);
    }

    /// Ends a hang: what was taken meanwhile is done, whether anybody still waits or not.
    pub fn wake(&self) {
        self.shared.hangs.send_replace(false);
    }

    /// Whether the engine's process lives.
    pub fn is_up(&self) -> bool {
        lock(&self.shared.life).is_some()
    }

    /// The engine's process is killed: streams break, requests in flight are lost, containers go on.
    pub fn crash(&self) {
        let life = lock(&self.shared.life).take();
        if let Some(life) = life {
            life.token.cancel();
        }
        lock(&self.shared.silent).clear();
        self.change(|yard, _| yard.lose_engine());
    }

    /// The engine is started. Without `live_restore` it ends the containers that it finds running.
    pub fn boot(&self, live_restore: bool) {
        self.change(|yard, now| yard.find_again(live_restore, now));
        self.shared.hangs.send_replace(false);
        *lock(&self.shared.life) = Some(Life::begin());
    }

    /// The engine is restarted in order. Without `live_restore` its containers are told to leave first.
    pub fn restart(&self, live_restore: bool) {
        if !live_restore {
            self.change(|yard, now| {
                let ids: Vec<String> = yard.containers.keys().cloned().collect();
                for id in ids {
                    // Those that will not leave are ended when the engine is there again.
                    let _left = yard.terminate(&id, now);
                }
            });
        }
        self.crash();
        self.boot(live_restore);
    }

    /// The engine's machine loses its power: the engine is gone, and so is everything that ran in its containers.
    pub fn lose_power(&self) {
        self.crash();
        self.change(Yard::lose_power);
    }

    /// Somebody else starts a container.
    pub fn start(&self, container: &str) -> Result<(), Refused> {
        self.meddle(|yard, now| yard.start(container, now).map(|_| ()))
    }

    /// Somebody else freezes a container.
    pub fn pause(&self, container: &str) -> Result<(), Refused> {
        self.meddle(|yard, now| yard.pause(container, now))
    }

    /// Somebody else lets a container go on.
    pub fn unpause(&self, container: &str) -> Result<(), Refused> {
        self.meddle(|yard, now| yard.unpause(container, now))
    }

    /// Somebody else kills a container.
    pub fn kill(&self, container: &str) -> Result<(), Refused> {
        self.meddle(|yard, now| yard.kill(container, now))
    }

    /// Somebody else takes a container away, with its volumes.
    pub fn remove(&self, container: &str) -> Result<(), Refused> {
        self.meddle(|yard, now| {
            let id = yard.begin_removal(container, true, now)?;
            yard.finish_removal(&id, true, now);
            Ok(())
        })
    }

    /// Somebody prunes: what does not run is taken away.
    pub fn prune(&self) {
        let stopped = self.containers().into_iter().filter(|seen| !seen.state.has_processes());
        for seen in stopped {
            // One that is being taken away already is none of ours.
            let _gone = self.remove(&seen.id);
        }
    }

    /// A container's main process ends with this code.
    pub fn exit(&self, container: &str, code: i64) -> Result<(), Refused> {
        self.meddle(|yard, now| {
            let id = yard.find(container)?;
            yard.end(&id, code, now);
            Ok(())
        })
    }

    /// A container is ended for want of memory.
    pub fn run_out_of_memory(&self, container: &str) -> Result<(), Refused> {
        self.meddle(|yard, now| yard.run_out_of_memory(container, now))
    }

    /// Somebody else makes a container with these labels; its id.
    pub fn add_stranger(&self, name: &str, labels: &BTreeMap<String, String>) -> Result<String, Refused> {
        let asked = serde_json::json!({ "Image": "stranger:1", "Cmd": ["sleep"], "Labels": labels });
        self.meddle(|yard, now| {
            yard.images.insert("stranger:1".to_owned());
            yard.create(name, asked, now)
        })
    }

    /// All containers as they are, by id.
    pub fn containers(&self) -> Vec<Seen> {
        let seen = |one: &yard::Container| Seen {
            id: one.id.clone(),
            name: one.name.clone(),
            labels: one.labels.clone(),
            state: one.state,
            code: one.code,
            was_out_of_memory: one.was_out_of_memory,
        };
        self.catch_up();
        self.yard().containers.values().map(seen).collect()
    }

    /// The names of all volumes.
    pub fn volumes(&self) -> Vec<String> {
        self.yard().volumes.keys().cloned().collect()
    }

    /// Connections that are open now, those that were handed to an exec aside.
    pub fn open_connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Commands that run in containers now: tunnels, mostly.
    pub fn running_execs(&self) -> usize {
        self.yard().execs.values().filter(|exec| exec.is_started && exec.code.is_none()).count()
    }

    /// Sessions at the holder of a container, those that have not said hello included.
    pub fn sessions(&self, container: &str) -> usize {
        let mut yard = self.yard();
        let inside = yard.get(container).ok().and_then(|one| one.inside.as_mut());
        inside.and_then(inside::Inside::desk).map_or(0, |desk| desk.sessions())
    }

    /// Who listens to events now.
    pub fn listeners(&self) -> usize {
        self.yard().events.listeners()
    }

    /// Every request so far, in the order in which they came.
    pub fn log(&self) -> Vec<Entry> {
        self.journal().0.clone()
    }

    fn now(&self) -> Duration {
        (self.shared.clock)()
    }

    fn yard(&self) -> MutexGuard<'_, Yard> {
        lock(&self.shared.yard)
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        lock(&self.shared.journal)
    }

    /// Makes a change after everything that is due, and lets everybody look.
    fn change<T>(&self, make: impl FnOnce(&mut Yard, Duration) -> T) -> T {
        let now = self.now();
        let made = {
            let mut yard = self.yard();
            yard.settle(now);
            let made = make(&mut yard, now);
            yard.settle(now);
            made
        };
        self.shared.changes.send_modify(|count| *count += 1);
        made
    }

    /// Lets happen what is due.
    fn catch_up(&self) {
        let now = self.now();
        let is_due = self.yard().due().is_some_and(|due| due <= now);
        if is_due {
            self.change(|_, _| {});
        }
    }

    fn meddle<T>(
        &self,
        make: impl FnOnce(&mut Yard, Duration) -> Result<T, answer::Refusal>,
    ) -> Result<T, Refused> {
        self.change(make).map_err(|refusal| refusal.message)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    fn fate(&self, endpoint: Endpoint) -> (Duration, Fate) {
        lock(&self.shared.fates).next(endpoint)
    }

    fn removal_time(&self) -> Duration {
        lock(&self.shared.fates).removal()
    }

    async fn until_awake(&self) {
        let mut hangs = self.shared.hangs.subscribe();
        // The sender lives as long as we do.
        let _awake = hangs.wait_for(|hangs| !hangs).await;
    }

    fn keep_silent(&self, sender: mpsc::UnboundedSender<Bytes>) {
        lock(&self.shared.silent).push(sender);
    }

    /// The engine's life, looked after; `None` while it is down.
    fn live(&self) -> Option<Life> {
        let life = lock(&self.shared.life).clone()?;
        if !life.is_tended.swap(true, Ordering::SeqCst) {
            let (dockerd, tended) = (self.clone(), Tended(Arc::clone(&life.is_tended)));
            life.spawn(async move { dockerd.tend(tended).await });
        }
        Some(life)
    }

    /// Lets happen what happens unasked, in its time.
    async fn tend(&self, _tended: Tended) {
        let mut changes = self.changes();
        loop {
            changes.mark_unchanged();
            let (now, due) = (self.now(), self.yard().due());
            match due {
                Some(due) if due <= now => self.change(|_, _| {}),
                Some(due) => {
                    tokio::select! {
                        biased;
                        _ = changes.changed() => {}
                        () = tokio::time::sleep(due.saturating_sub(now)) => self.change(|_, _| {}),
                    }
                }
                None => {
                    let _changed = changes.changed().await;
                }
            }
        }
    }

    fn count_connection(&self) -> Open {
        self.shared.connections.fetch_add(1, Ordering::SeqCst);
        Open(Arc::clone(&self.shared))
    }
}

/// Somebody looks after a life. Whoever does may be gone with the runtime of its machine.
struct Tended(Arc<AtomicBool>);

impl Drop for Tended {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// A connection that is open.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
