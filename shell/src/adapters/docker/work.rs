//! Where the commits of an agent come from when it works in a container: its own git packs them there, and what is said is
//! read here. The host never opens the agent's repository.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use ccells_core::container::GIT_DIR;
use ccells_core::ids::{Commit, ContainerId, PathText};
use ccells_core::limits;
use ccells_core::ports::{EngineError, WorkSource};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::pkt_line::{Advertisement, PackReply, request};
use super::{DockerEngine, ExecStream, errors};

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 64 * 1_024;

/// The work of the agent in one container.
#[derive(Clone)]
pub struct ContainerWork {
    engine: DockerEngine,
    container: ContainerId,
}

impl ContainerWork {
    /// The work in `container`.
    pub fn new(engine: DockerEngine, container: ContainerId) -> Self {
        Self { engine, container }
    }

    /// The engine that has it.
    pub(super) fn engine(&self) -> &DockerEngine {
        &self.engine
    }

    /// The container.
    pub(super) fn container(&self) -> &ContainerId {
        &self.container
    }

    /// Starts the agent's git as the one that gives. It runs as the container's user.
    async fn give(&self, options: &[&str]) -> Result<ExecStream, EngineError> {
        // Whoever owns the directory: nothing of the host is at stake inside.
        let mut argv = vec!["git", "-c", "safe.directory=*", "upload-pack", "--stateless-rpc", "--strict"];
        argv.extend(options);
        argv.push(GIT_DIR);
        self.engine.open_stream(&self.container, &argv).await.map_err(explain)
    }

    async fn ask_head(self) -> Result<Commit, EngineError> {
        let mut stream = self.give(&["--advertise-refs"]).await?;
        let mut list = Advertisement::default();
        each(&mut stream, |bytes| list.push(bytes).map_err(|words| complaint(&words))).await?;
        list.end().map_err(|words| ended(&stream, &words))
    }

    async fn ask_pack(self, head: Commit, have: Vec<Commit>, into: PathText) -> Result<(), EngineError> {
        let mut file = create(&into).map_err(|error| local(&into, &error))?;
        let mut stream = self.give(&[]).await?;
        let asked = async {
            stream.write_all(&request(&head, &have)).await?;
            stream.shutdown().await
        };
        // A git that is not there closes its input, and its output says why.
        let _ = asked.await;
        let mut reply = PackReply::default();
        each(&mut stream, |bytes| {
            let mut written = Ok(());
            let read = reply.push(bytes, |pack| {
                if written.is_ok() {
                    written = file.write_all(pack);
                }
            });
            read.map_err(|words| complaint(&words))?;
            written.map_err(|error| local(&into, &error))
        })
        .await?;
        reply.end().map_err(|words| ended(&stream, &words))?;
        file.flush().map_err(|error| local(&into, &error))
    }
}

impl WorkSource for ContainerWork {
    async fn head(&self) -> Result<Commit, EngineError> {
        self.engine.call("fetch", deadline(), self.clone().ask_head()).await
    }

    async fn pack(&self, head: &Commit, have: &[Commit], into: &PathText) -> Result<(), EngineError> {
        let work = self.clone().ask_pack(head.clone(), have.to_vec(), into.clone());
        self.engine.call("fetch", deadline(), work).await
    }
}

fn deadline() -> Duration {
    Duration::from_millis(limits::FETCH_MS)
}

/// Gives all that comes, up to the limit, to `take`.
async fn each(
    stream: &mut ExecStream,
    mut take: impl FnMut(&[u8]) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut left = limits::PACK_BYTES;
    loop {
        let read = stream.read(&mut chunk).await;
        let count = read.map_err(|error| {
            // The stream itself fails in other ways than by what the command complained about.
            let is_told = error.kind() == io::ErrorKind::Other;
            if is_told { complaint(&error.to_string()) } else { errors::unknown(&errors::chain(&error)) }
        })?;
        if count == 0 {
            return Ok(());
        }
        left = left.checked_sub(count as u64).ok_or_else(|| {
            let most = limits::PACK_BYTES / 1_000_000;
            trouble(&format!("it sends more than {most} MB; let the agent leave out what is large"))
        })?;
        take(&chunk[..count])?;
    }
}

/// Makes the new file; what is read from the agent is for nobody else's eyes.
fn create(into: &PathText) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(into.as_str())
}

/// The error for a file of ours.
fn local(into: &PathText, error: &io::Error) -> EngineError {
    EngineError::Conflict {
        what: errors::clean(&format!("could not write {into}: {error}; make room, then try again")),
    }
}

/// The error for a git in a container that did not do as it was asked.
fn trouble(words: &str) -> EngineError {
    EngineError::Conflict { what: errors::clean(&format!("the git in the container failed: {words}")) }
}

/// The same for one whose answer ended too early: what it complained about says more.
fn ended(stream: &ExecStream, words: &str) -> EngineError {
    let complaints = stream.complaints();
    if complaints.is_empty() { trouble(words) } else { complaint(&complaints) }
}

/// The error for what a command, or the engine in its place, complained about.
fn complaint(words: &str) -> EngineError {
    explain(trouble(words))
}

/// What the engine says of a command that it cannot find, in words that help.
pub(super) fn explain(error: EngineError) -> EngineError {
    let words = error.to_string();
    if words.contains("executable file not found") || words.contains("no such file or directory: unknown") {
        let what =
            "there is no git in the container, so its commits cannot be reached; use an image that has git";
        return EngineError::NotFound { what: what.to_owned() };
    }
    error
}
