//! The control socket: how a verb of the command line reaches the run that holds the repository. One line of JSON
//! each way; the same words are `--json`'s.

use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

use ccells_core::agent::{AgentLife, AgentReport};
use ccells_core::effect::{Refusal, RefusalKind};
use ccells_core::event::Ask;
use ccells_core::ids::WorkstreamId;
use ccells_core::limits;
use ccells_core::naming;
use ccells_core::ports::{MergeWish, OnTaken, PushWish, RebaseWish};
use ccells_core::record::Facts;
use ccells_core::snapshot::{Card, EngineState, Snapshot};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::driver::{Desk, Outcome};

/// What a verb asks of the run that holds the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::large_enum_variant, reason = "there is one for each verb, and none is kept")]
pub enum Request {
    /// Show everything.
    Show,
    /// Make a workstream. The id and the session are the caller's.
    New {
        /// Its id.
        id: WorkstreamId,
        /// Its name.
        name: Option<String>,
        /// What the agent shall do.
        prompt: String,
        /// Its branch.
        branch: Option<String>,
        /// What to start from.
        base: Option<String>,
        /// The workstream to go on from.
        #[serde(default)]
        from: Option<WorkstreamId>,
        /// What becomes of a branch that exists already.
        #[serde(default)]
        on_existing: OnTaken,
        /// Whether no remote is asked for the base.
        #[serde(default)]
        no_fetch: bool,
        /// Which files that git ignores are copied, besides those that the checkout lists.
        #[serde(default)]
        include: Vec<String>,
        /// The image.
        image: Option<String>,
        /// The command.
        argv: Option<Vec<String>>,
        /// The agent's own name for its conversation.
        session_id: String,
    },
    /// Freeze it.
    Pause {
        /// Which.
        id: WorkstreamId,
    },
    /// Have it run.
    Resume {
        /// Which.
        id: WorkstreamId,
    },
    /// Stop it.
    Stop {
        /// Which.
        id: WorkstreamId,
    },
    /// Start its agent again.
    Restart {
        /// Which.
        id: WorkstreamId,
    },
    /// Take it away.
    Remove {
        /// Which.
        id: WorkstreamId,
        /// Whether work may go to the trash.
        force: bool,
        /// Whether the branch stays.
        keep_branch: bool,
    },
    /// Bring it back from the trash.
    Undo {
        /// All that was fixed about it.
        facts: Box<Facts>,
    },
    /// Bring its commits into a branch of the user.
    Merge {
        /// Which.
        id: WorkstreamId,
        /// How.
        wish: Box<MergeWish>,
    },
    /// Put its commits onto another base, or take that back.
    Rebase {
        /// Which.
        id: WorkstreamId,
        /// What is wanted.
        wish: Box<RebaseWish>,
    },
    /// Push its commits to a remote.
    Push {
        /// Which.
        id: WorkstreamId,
        /// Where to, and how.
        wish: Box<PushWish>,
    },
    /// Take back a creation, a merge or a push.
    Cancel {
        /// Which.
        id: WorkstreamId,
    },
    /// Finish or undo what a crash interrupted.
    Reconcile,
}

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Why not, when not.
    pub refusal: Option<SaidRefusal>,
    /// What there is to say.
    pub note: String,
    /// The picture after it.
    pub picture: Value,
}

/// A refusal in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaidRefusal {
    /// The exit code it comes to.
    pub code: u8,
    /// What happened and what to do.
    pub text: String,
    /// What would be lost.
    pub work: Vec<String>,
    /// Whether both sides changed the same places, so that a rebase is what helps.
    #[serde(default)]
    pub is_clash: bool,
}

impl Request {
    /// The core's word for it; `None` for one that only looks.
    pub fn ask(self) -> Option<Ask> {
        Some(match self {
            Self::Show => return None,
            Self::New {
                id,
                name,
                prompt,
                branch,
                base,
                from,
                on_existing: on_taken,
                no_fetch: is_offline,
                include,
                image,
                argv,
                session_id,
            } => {
                let wanted = ccells_core::event::NewWorkstream {
                    id,
                    name,
                    prompt,
                    branch,
                    base,
                    from,
                    on_taken,
                    is_offline,
                    include,
                    image,
                    argv,
                    session_id,
                };
                Ask::New(Box::new(wanted))
            }
            Self::Pause { id } => Ask::Pause(id),
            Self::Resume { id } => Ask::Resume(id),
            Self::Stop { id } => Ask::Stop(id),
            Self::Restart { id } => Ask::Restart(id),
            Self::Remove { id, force, keep_branch } => {
                Ask::Remove { workstream: id, is_forced: force, keep_branch }
            }
            Self::Undo { facts } => Ask::Undo(facts),
            Self::Merge { id, wish } => Ask::Merge { workstream: id, wish },
            Self::Push { id, wish } => Ask::Push { workstream: id, wish },
            Self::Rebase { id, wish } => Ask::Rebase { workstream: id, wish },
            Self::Cancel { id } => Ask::Cancel(id),
            Self::Reconcile => Ask::Reconcile,
        })
    }
}

/// Exit codes, the same for every verb.
pub fn exit_code(kind: RefusalKind) -> u8 {
    match kind {
        RefusalKind::Failed => 1,
        RefusalKind::Usage => 2,
        RefusalKind::NotFound => 3,
        RefusalKind::Conflict | RefusalKind::Clash => 4,
        RefusalKind::Timeout => 5,
    }
}

/// A refusal in words.
pub fn say(refusal: Refusal) -> SaidRefusal {
    let mut work = Vec::new();
    if let Some(report) = refusal.work {
        work.extend(report.modified.iter().map(|file| format!("modified: {file}")));
        work.extend(report.untracked.iter().map(|file| format!("untracked: {file}")));
        work.extend(report.has_commits.then(|| "commits that are on no branch of yours".to_string()));
        work.extend(report.unknown);
    }
    let is_clash = refusal.kind == RefusalKind::Clash;
    SaidRefusal { code: exit_code(refusal.kind), text: refusal.text, work, is_clash }
}

/// The picture as `--json` prints it.
pub fn picture(snapshot: &Snapshot) -> Value {
    json!({
        "version": 1,
        "repo": snapshot.repo_path.as_str(),
        "repo_id": snapshot.repo_id.as_str(),
        "engine": engine(&snapshot.engine),
        "degraded": snapshot.degraded,
        "notices": snapshot.notices,
        "findings": snapshot.findings.iter().map(|finding| json!({
            "id": finding.workstream.as_str(),
            "verdict": finding.verdict.as_str(),
            "default": finding.verdict.default_action(),
        })).collect::<Vec<_>>(),
        "workstreams": snapshot.workstreams.iter().map(|card| card_json(snapshot, card)).collect::<Vec<_>>(),
    })
}

fn engine(state: &EngineState) -> Value {
    match state {
        EngineState::Unknown => json!({ "state": "unknown" }),
        EngineState::Up => json!({ "state": "up" }),
        EngineState::Down { reason, .. } => json!({ "state": "down", "reason": reason }),
    }
}

fn card_json(snapshot: &Snapshot, card: &Card) -> Value {
    json!({
        "id": card.id.as_str(),
        "name": card.name,
        "branch": card.branch,
        "state": card.state.as_str(),
        "container_id": card.container_id.as_ref().map(ToString::to_string),
        "container_state": card.container_state.map(ccells_core::container::ContainerState::as_str),
        "repo": snapshot.repo_path.as_str(),
        "worktree": card.worktree.as_str(),
        "directory": card.directory.as_str(),
        "prompt": card.prompt,
        "image": card.image,
        "created_at": card.created_at.to_string(),
        "progress": card.progress.map(|progress| progress.text()),
        "reason": card.reason,
        "exit_code": card.exit.map(|exit| exit.code),
        "out_of_memory": card.exit.is_some_and(|exit| exit.was_out_of_memory),
        "agent": card.agent.as_ref().map(agent),
        "recovered": card.is_recovered,
        "rebase": card.rebase,
    })
}

/// How an agent fares, as every picture tells it.
pub fn agent(report: &AgentReport) -> Value {
    let exit = match &report.life {
        AgentLife::Running => None,
        AgentLife::Exited(exit) => Some(exit.to_string()),
    };
    json!({
        "running": exit.is_none(),
        "exit": exit,
        "status": report.status.to_string(),
        "title": report.title,
        "starts": report.starts,
    })
}

/// Asks the run behind the socket at `path`. `None` when nobody is behind it. However long an answer takes, the run has
/// to show every now and then that it is there: one that stands still is an error of the kind `TimedOut`.
pub async fn call(path: &Path, request: &Request) -> io::Result<Option<Answer>> {
    if *request == Request::Show {
        let deadline = Duration::from_millis(limits::LIST_MS);
        return tokio::time::timeout(deadline, exchange(path, request))
            .await
            .unwrap_or_else(|_| Err(silent()));
    }
    tokio::select! {
        answer = exchange(path, request) => answer,
        () = until_silent(path) => Err(silent()),
    }
}

async fn until_silent(path: &Path) {
    let deadline = Duration::from_millis(limits::LIST_MS);
    loop {
        tokio::time::sleep(deadline).await;
        if tokio::time::timeout(deadline, exchange(path, &Request::Show)).await.is_err() {
            return;
        }
    }
}

fn silent() -> io::Error {
    let text =
        "the ccells that holds this repository does not answer; continue it if it is stopped (fg), or end it";
    io::Error::new(io::ErrorKind::TimedOut, text)
}

async fn exchange(path: &Path, request: &Request) -> io::Result<Option<Answer>> {
    let Some(mut stream) = connect(path).await? else { return Ok(None) };
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut answer = Vec::new();
    stream.take(limits::RECORD_BYTES as u64).read_to_end(&mut answer).await?;
    if answer.is_empty() {
        return Err(io::Error::other("the other ccells ended before it answered; try again"));
    }
    Ok(Some(serde_json::from_slice(&answer)?))
}

/// Sockets take paths of about a hundred bytes only; through an open directory any length will do.
fn short(path: &Path) -> io::Result<(std::os::fd::OwnedFd, String)> {
    let (directory, name) = (path.parent().unwrap_or(Path::new("/")), path.file_name().unwrap_or_default());
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(directory, flags, Mode::empty())?;
    let text = format!("/proc/self/fd/{}/{}", directory.as_raw_fd(), name.to_string_lossy());
    Ok((directory, text))
}

async fn connect(path: &Path) -> io::Result<Option<UnixStream>> {
    let told = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let (_directory, short) = short(path).map_err(told)?;
    match UnixStream::connect(short).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Ok(None)
        }
        Err(error) => Err(told(error)),
    }
}

/// Takes wishes on the socket at `path` until `token` ends it. Only the holder of the repository's lock may: what is at
/// that path already is a dead run's.
pub fn serve(path: &Path, desk: Desk, tasks: &TaskTracker, token: CancellationToken) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let (_directory, short) = short(path)?;
    let listener = UnixListener::bind(short)?;
    let (all, path) = (tasks.clone(), path.to_path_buf());
    tasks.spawn(async move {
        loop {
            let stream = tokio::select! {
                () = token.cancelled() => break,
                stream = listener.accept() => stream,
            };
            let Ok((stream, _)) = stream else {
                // Out of descriptors, most likely: give the others a moment to end.
                tokio::time::sleep(Duration::from_millis(limits::RETRY_FIRST_MS)).await;
                continue;
            };
            let (desk, token) = (desk.clone(), token.clone());
            all.spawn(async move {
                tokio::select! {
                    () = token.cancelled() => {}
                    // One that goes away in the middle has lost only its answer.
                    _gone = answer(stream, desk) => {}
                }
            });
        }
        // The next holder of the lock removes it too.
        let _left = std::fs::remove_file(path);
    });
    Ok(())
}

async fn answer(stream: UnixStream, mut desk: Desk) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = Vec::new();
    let mut reader = BufReader::new(reader.take(limits::REQUEST_BYTES as u64));
    let read =
        tokio::time::timeout(Duration::from_millis(limits::LIST_MS), reader.read_until(b'\n', &mut line));
    read.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let outcome = match parse_request(&line).map(Request::ask) {
        Ok(Some(ask)) => desk.ask(ask).await,
        Ok(None) => Ok(ccells_core::effect::Done { workstream: None, note: String::new() }),
        Err(refusal) => Err(refusal),
    };
    let answer = into_answer(outcome, &mut desk);
    writer.write_all(&serde_json::to_vec(&answer)?).await?;
    writer.shutdown().await
}

/// Reads one line of the socket. What it is not is said in words that are safe to show.
pub fn parse_request(line: &[u8]) -> Result<Request, Refusal> {
    serde_json::from_slice(line).map_err(|error| Refusal {
        kind: RefusalKind::Usage,
        text: format!("not a request this ccells knows: {}", naming::sanitise(&error.to_string())),
        work: None,
    })
}

/// An outcome with the picture after it.
pub fn into_answer(outcome: Outcome, desk: &mut Desk) -> Answer {
    let picture = desk.snapshots.borrow().as_deref().map_or(Value::Null, picture);
    match outcome {
        Ok(done) => Answer { refusal: None, note: done.note, picture },
        Err(refusal) => Answer { refusal: Some(say(refusal)), note: String::new(), picture },
    }
}
