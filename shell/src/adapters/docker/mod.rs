//! Touches the world: Docker Engine, or what speaks like it, as the port [`Engine`].
//!
//! There is one [`DockerEngine`] in a process; copies of it are handles to the same one. Every call runs in a task of
//! the engine, with a deadline: whoever waits for it may go away, the call still ends in an orderly way, and
//! [`DockerEngine::close`] ends all that is left.

mod archive;
mod containers;
mod errors;
mod events;
mod exec;
mod pkt_line;
mod pull;
mod rebase;
mod spec;
mod stats;
mod transport;
mod work;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bollard::{BollardRequest, Docker};
use bytes::Bytes;
use ccells_core::container::{ContainerSpec, Observed};
use ccells_core::ids::{ContainerId, HomeId};
use ccells_core::limits;
use ccells_core::ports::{Engine, EngineError, EngineFacts, PullProgress};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::containers::{LeftoverVolume, ProcessLine};
pub use self::events::{ContainerChange, EngineNotice, EngineWatch};
pub use self::exec::{Captured, ExecStream};
pub use self::stats::ContainerUse;
use self::transport::{Answer, Transport};
pub use self::work::ContainerWork;
use crate::adapters::dial::{Dial, Switchboard};

/// How long each kind of call may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Opening a stream.
    pub dial: Duration,
    /// A ping.
    pub ping: Duration,
    /// A listing, an inspection, or another question.
    pub list: Duration,
    /// A pause or an unpause.
    pub pause: Duration,
    /// A create or a start.
    pub create: Duration,
    /// A stop, grace included.
    pub stop: Duration,
    /// A removal.
    pub remove: Duration,
    /// Putting the holder into a container.
    pub upload: Duration,
    /// Opening an exec stream.
    pub attach: Duration,
    /// The pull of an image.
    pub pull: Duration,
    /// Anything to be heard of a pull.
    pub pull_stall: Duration,
    /// Between two questions whether a watched engine still answers.
    pub watch_ping: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            dial: Duration::from_millis(limits::DIAL_MS),
            ping: Duration::from_millis(limits::PING_MS),
            list: Duration::from_millis(limits::LIST_MS),
            pause: Duration::from_millis(limits::PAUSE_MS),
            create: Duration::from_millis(limits::CREATE_MS),
            stop: Duration::from_millis(limits::STOP_MS),
            remove: Duration::from_millis(limits::REMOVE_MS),
            upload: Duration::from_millis(limits::UPLOAD_MS),
            attach: Duration::from_millis(limits::ATTACH_MS),
            pull: Duration::from_millis(limits::PULL_MS),
            pull_stall: Duration::from_millis(limits::PULL_STALL_MS),
            watch_ping: Duration::from_millis(limits::WATCH_PING_MS),
        }
    }
}

/// The engine. A clone is a handle to the same one.
#[derive(Clone)]
pub struct DockerEngine {
    shared: Arc<Shared>,
}

struct Shared {
    docker: Docker,
    transport: Arc<Transport>,
    deadlines: Deadlines,
    holder_archive: Bytes,
    calls: Semaphore,
}

/// The client library has a deadline of its own, in seconds. Ours come first, always.
const LIBRARY_TIMEOUT_S: u64 = 2 * limits::LATE_MS / 1_000;

impl DockerEngine {
    /// The engine that `dial` reaches. `holder` is the program that goes into every container. Nothing is sent yet.
    pub fn new(dial: Arc<dyn Dial>, holder: &'static [u8]) -> Self {
        Self::with_deadlines(dial, holder, Deadlines::default())
    }

    /// The same, with other deadlines.
    pub fn with_deadlines(dial: Arc<dyn Dial>, holder: &'static [u8], deadlines: Deadlines) -> Self {
        let is_closed = CancellationToken::new();
        let switchboard = Switchboard::new(dial, deadlines.dial, is_closed.clone());
        let transport = Arc::new(Transport::new(switchboard, TaskTracker::new(), is_closed));
        let carrier = Arc::clone(&transport);
        let send = move |request: BollardRequest| {
            let carrier = Arc::clone(&carrier);
            async move { carrier.send(request, Answer::Bounded).await.map_err(errors::carry) }
        };
        let version = bollard::API_DEFAULT_VERSION;
        let docker =
            Docker::connect_with_custom_transport(send, Some("http://docker"), LIBRARY_TIMEOUT_S, version)
                .expect("a custom transport needs nothing that could be missing");
        let holder_archive = archive::holder_archive(holder);
        let calls = Semaphore::new(limits::ENGINE_CALLS);
        Self { shared: Arc::new(Shared { docker, transport, deadlines, holder_archive, calls }) }
    }

    /// What is dialed, in the words of `DOCKER_HOST`.
    pub fn endpoint(&self) -> String {
        self.shared.transport.switchboard.endpoint()
    }

    /// Whether a socket in a bind mount can most likely be connected to directly ([`Dial::is_local`]).
    pub fn is_local(&self) -> bool {
        self.shared.transport.switchboard.is_local()
    }

    /// Opens a stream and closes it: whether anybody listens at the endpoint. Nothing is asked, so an engine that hangs
    /// is found to be there.
    pub async fn knock(&self) -> Result<(), EngineError> {
        let switchboard = &self.shared.transport.switchboard;
        switchboard
            .open(None)
            .await
            .map(drop)
            .map_err(|error| errors::unreachable(&switchboard.endpoint(), &error))
    }

    /// Streams to the engine that are open now.
    pub fn open_streams(&self) -> usize {
        self.shared.transport.switchboard.open_streams()
    }

    /// Tasks of this engine that live now: calls, their connections, watches.
    pub fn live_tasks(&self) -> usize {
        self.shared.transport.tasks.len()
    }

    /// Ends everything: calls in flight (their outcome is unknown), exec streams, watches. When it returns no task of the
    /// engine lives. Later calls fail without sending anything.
    pub async fn close(&self) {
        self.shared.transport.is_closed.cancel();
        self.shared.transport.tasks.close();
        self.shared.transport.tasks.wait().await;
    }

    /// Runs `work` as a call: in a task of its own, in its turn, within `deadline`.
    async fn call<T, F>(&self, what: &'static str, deadline: Duration, work: F) -> Result<T, EngineError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, EngineError>> + Send + 'static,
    {
        let transport = &self.shared.transport;
        if transport.is_closed.is_cancelled() {
            let reason = "the engine client is closed".to_string();
            return Err(EngineError::Unreachable { endpoint: self.endpoint(), reason });
        }
        let is_closed = transport.is_closed.clone();
        let shared = Arc::clone(&self.shared);
        let task = transport.tasks.spawn(async move {
            let in_turn = async {
                let _turn = shared.calls.acquire().await.expect("the semaphore is never closed");
                work.await
            };
            tokio::select! {
                biased;
                () = is_closed.cancelled() => Err(errors::unknown(&format!("closed while `{what}` was in flight"))),
                outcome = tokio::time::timeout(deadline, in_turn) => {
                    outcome.unwrap_or_else(|_| Err(errors::overdue(what, deadline)))
                }
            }
        });
        match task.await {
            Ok(outcome) => outcome,
            Err(failure) => match failure.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(errors::unknown("the program is ending")),
            },
        }
    }
}

impl Engine for DockerEngine {
    async fn ping_engine(&self) -> Result<EngineFacts, EngineError> {
        let transport = Arc::clone(&self.shared.transport);
        self.call("ping", self.shared.deadlines.ping, async move { transport.introduce().await }).await
    }

    async fn list_containers(&self, home: &HomeId) -> Result<Vec<Observed>, EngineError> {
        self.call("list", self.shared.deadlines.list, self.clone().list(home.clone())).await
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        self.call("create", self.shared.deadlines.create, self.clone().create(spec.clone())).await
    }

    async fn pull_image(
        &self,
        image: &str,
        tell: impl Fn(PullProgress) + Send + Sync,
    ) -> Result<(), EngineError> {
        self.pull(image, tell).await
    }

    async fn upload_holder(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.call("upload", self.shared.deadlines.upload, self.clone().put_holder(container.clone())).await
    }

    async fn start_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.call("start", self.shared.deadlines.create, self.clone().start(container.clone())).await
    }

    async fn pause_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.call("pause", self.shared.deadlines.pause, self.clone().pause(container.clone())).await
    }

    async fn unpause_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.call("unpause", self.shared.deadlines.pause, self.clone().unpause(container.clone())).await
    }

    async fn stop_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.call("stop", self.shared.deadlines.stop, self.clone().stop(container.clone())).await
    }

    async fn remove_container(&self, home: &HomeId, name: &str) -> Result<(), EngineError> {
        let work = self.clone().remove(home.clone(), name.to_string());
        self.call("remove", self.shared.deadlines.remove, work).await
    }
}
