//! The one way to start git: found once, with a clean environment, overrides that keep hooks and daemons out,
//! a deadline and bounded output. Git is never killed because somebody stopped waiting for it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ccells_core::ids::WorkstreamId;
use ccells_core::limits;
use ccells_core::naming;
use ccells_core::ports::GitError;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

/// The variable that marks every git process of a workstream and all its children.
pub(super) const MARK: &str = "CCELLS_WORKSTREAM";

/// What of our environment git needs: where it is and who the user is.
const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "LANG",
    "XDG_CONFIG_HOME",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "EMAIL",
];

/// What git is told by its environment. `LC_ALL=C`: its words are shown and its markers compared in one language.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("LC_ALL", "C"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_PROTOCOL_FROM_USER", "0"),
    ("GIT_DEFAULT_REF_FORMAT", "files"),
];

/// What git is told by configuration, above every file: nothing runs, nothing is collected, nothing is written that
/// an older git could not read, and everything that is written is durable.
const OVERRIDES: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.sparseCheckout=false",
    "core.fsync=all",
    "submodule.recurse=false",
    "diff.ignoreSubmodules=all",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
    "worktree.useRelativePaths=false",
    "feature.manyFiles=false",
    "index.sparse=false",
    "index.skipHash=false",
    "advice.addEmbeddedRepo=false",
];

/// The same for a call that changes a checkout of the user's: how it is kept there (its index, its filters, which of its
/// files are wanted) is the user's to say.
const CHECKOUT_OVERRIDES: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.fsync=all",
    "submodule.recurse=false",
    "diff.ignoreSubmodules=all",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
    "checkout.workers=1",
];

/// What a call that talks to a remote needs besides: the user's ways to get there.
pub(in crate::adapters) const INHERITED_TO_REMOTES: &[&str] = &[
    "SSH_AUTH_SOCK",
    "SSH_ASKPASS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// The same for a call that talks to a remote. The address is of the user's own configuration, so what he may do by hand
/// is allowed, also a remote that is a directory; what an agent wrote has no say in it.
const REMOTE_OVERRIDES: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.fsync=all",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "fetch.fsckObjects=true",
    "fetch.writeCommitGraph=false",
    "push.recurseSubmodules=no",
    "push.followTags=false",
    "push.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
];

/// The git program and the environment it gets.
#[derive(Clone, Debug)]
pub(super) struct GitProgram {
    path: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

impl GitProgram {
    /// Looks for git along PATH, in absolute directories only.
    pub(super) fn find() -> Result<Self, GitError> {
        let (path, absolute) =
            on_path("git", &std::env::var_os("PATH").unwrap_or_default()).ok_or_else(|| {
                failed("git is not on the PATH; install git 2.36 or newer and start ccells again")
            })?;
        let mut environment: Vec<(&'static str, OsString)> = INHERITED
            .iter()
            .filter_map(|name| std::env::var_os(name).map(|value| (*name, value)))
            .filter(|(name, _)| *name != "PATH")
            .collect();
        environment.push(("PATH", absolute));
        environment.extend(ENVIRONMENT.iter().map(|(name, value)| (*name, OsString::from(value))));
        Ok(Self { path, environment })
    }

    /// A call of `git` on the repository whose git directory is `git_dir`, without a worktree.
    pub(super) fn on(&self, git_dir: &Path) -> Call {
        self.call(Path::new("/"), &[("--git-dir=", git_dir)], OVERRIDES)
    }

    /// A call of `git` on `worktree` through `git_dir`.
    pub(super) fn on_worktree(&self, git_dir: &Path, worktree: &Path) -> Call {
        self.call(worktree, &[("--git-dir=", git_dir), ("--work-tree=", worktree)], OVERRIDES)
    }

    /// A call of `git` that finds out for itself which repository `directory` is in.
    pub(super) fn within(&self, directory: &Path) -> Call {
        self.call(directory, &[], OVERRIDES)
    }

    /// A call of `git` in a checkout of the user's, as the user would make it there.
    pub(super) fn in_checkout(&self, top: &Path) -> Call {
        self.call(top, &[], CHECKOUT_OVERRIDES)
    }

    /// A call of `git` that talks to a remote of the repository whose git directory is `git_dir`. It has `deadline_ms`, and
    /// asks nobody anything: whoever needs a passphrase has an agent or a helper for it, or is told that it failed.
    pub(super) fn to_remote(&self, git_dir: &Path, deadline_ms: u64) -> Call {
        let mut call = self.call(Path::new("/"), &[("--git-dir=", git_dir)], REMOTE_OVERRIDES);
        call.deadline_ms = deadline_ms;
        for name in INHERITED_TO_REMOTES {
            if let Some(value) = std::env::var_os(name) {
                call = call.env(name, value);
            }
        }
        if std::env::var_os("SSH_ASKPASS").is_none() {
            call = call.env("SSH_ASKPASS", "false");
        }
        call.env("SSH_ASKPASS_REQUIRE", "force").env("GIT_PROTOCOL_FROM_USER", "1")
    }

    fn call(&self, directory: &Path, places: &[(&str, &Path)], overrides: &[&str]) -> Call {
        let mut command = Command::new(&self.path);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(directory).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (option, place) in places {
            let mut argument = OsString::from(option);
            argument.push(place);
            command.arg(argument);
        }
        for pair in overrides {
            command.arg("-c").arg(pair);
        }
        Call { command, is_bounded: false, deadline_ms: limits::GIT_MS }
    }
}

/// The program of this name along `search`, and the PATH that it was found along: absolute directories only, for a relative one
/// would be looked up inside a worktree, where the agent writes.
pub(in crate::adapters) fn on_path(name: &str, search: &OsStr) -> Option<(PathBuf, OsString)> {
    let directories: Vec<PathBuf> = std::env::split_paths(search).filter(|d| d.is_absolute()).collect();
    let path = directories.iter().map(|d| d.join(name)).find(|file| is_program(file))?;
    Some((path, std::env::join_paths(directories).ok()?))
}

/// Whether `file` is a regular file somebody may run.
fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

/// One call of git, not yet started.
#[derive(Debug)]
pub(super) struct Call {
    command: Command,
    is_bounded: bool,
    deadline_ms: u64,
}

/// What a call of git gave.
#[derive(Debug)]
pub(in crate::adapters) struct Answer {
    /// Its exit status was zero.
    pub(in crate::adapters) is_success: bool,
    /// Its exit status, unless a signal ended it.
    pub(super) code: Option<i32>,
    /// What it printed.
    pub(in crate::adapters) output: Vec<u8>,
    /// Whether it printed more than is kept.
    pub(super) is_cut: bool,
    /// What it complained, safe to show; empty when it did not.
    pub(in crate::adapters) complaint: String,
}

impl Call {
    /// Adds one more override of configuration; before the first argument.
    pub(super) fn config(mut self, pair: &str) -> Self {
        self.command.arg("-c").arg(pair);
        self
    }

    /// Adds an argument.
    pub(super) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub(super) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of its environment.
    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Lets it read `file` where it reads its standard input.
    pub(super) fn input(mut self, file: std::fs::File) -> Self {
        self.command.stdin(Stdio::from(file));
        self
    }

    /// Bounds its memory and the files it writes: what it reads was made by somebody who may want it to take all there is.
    pub(super) fn bounded(mut self) -> Self {
        self.is_bounded = true;
        self
    }

    /// Marks the process and its children as working for `workstream`.
    pub(super) fn mark(self, workstream: &WorkstreamId) -> Self {
        self.env(MARK, workstream.as_str())
    }

    /// Runs it to its end; anything but success is an error that says that we could not `aim`.
    pub(super) async fn succeed(self, aim: &str) -> Result<Answer, GitError> {
        let answer = self.finish(aim).await?;
        if answer.is_success { Ok(answer) } else { Err(answer.error(aim)) }
    }

    /// Runs it to its end, whatever its exit status.
    pub(super) async fn finish(mut self, aim: &str) -> Result<Answer, GitError> {
        let mut child = self.command.spawn().map_err(|error| {
            failed(format!(
                "could not {aim}: git did not start: {error}; check that the directory still exists"
            ))
        })?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if self.is_bounded
            && let Err(error) = group.map_or(Ok(()), bound)
        {
            end(&mut child, group).await;
            return Err(failed(format!("could not {aim}: git could not be bounded: {error}")));
        }
        let deadline = Duration::from_millis(self.deadline_ms);
        if let Ok(result) = tokio::time::timeout(deadline, collect(&mut child)).await {
            return result.map_err(|error| failed(format!("could not {aim}: reading from git: {error}")));
        }
        end(&mut child, group).await;
        let seconds = self.deadline_ms / 1_000;
        Err(failed(format!(
            "could not {aim}: git was not done after {seconds} s and was ended; \
             look for a network or a file system that hangs, or a filter that waits, then try again"
        )))
    }
}

impl Answer {
    /// The error that says that we could not `aim`, with git's own words.
    pub(super) fn error(&self, aim: &str) -> GitError {
        let said = if self.complaint.is_empty() { "nothing" } else { &self.complaint };
        failed(format!("could not {aim}; git said: {said}"))
    }

    /// What it printed, without the end of the line, as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).trim_end_matches('\n').to_owned()
    }

    /// The parts of what it printed, each ended by a zero byte.
    pub(super) fn records(&self) -> impl Iterator<Item = &[u8]> {
        records(&self.output)
    }
}

/// The parts of `output`, each ended by a zero byte.
pub(super) fn records(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output.split(|byte| *byte == 0).filter(|record| !record.is_empty())
}

/// The error for anything that is not a case of its own.
pub(super) fn failed(what: impl Into<String>) -> GitError {
    GitError::Failed { what: what.into() }
}

/// Bytes of a name as a path.
pub(super) fn path_of(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// Bounds what a process may take. What it has taken before it is bounded is next to nothing.
#[cfg(target_os = "linux")]
fn bound(process: Pid) -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, prlimit};
    let most = |bytes: u64| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    for (resource, bytes) in
        [(Resource::Data, limits::INDEX_MEMORY_BYTES), (Resource::Fsize, 2 * limits::PACK_BYTES)]
    {
        match prlimit(Some(process), resource, most(bytes)) {
            // It has ended already.
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            other => other.map(drop)?,
        }
    }
    Ok(())
}

/// Elsewhere the system has no way to bound a process that runs; its input is bounded all the same.
#[cfg(not(target_os = "linux"))]
fn bound(_process: Pid) -> std::io::Result<()> {
    Ok(())
}

/// Waits for the end of `child` and keeps what it printed. Its complaint is not waited for long after its end: a helper that
/// outlives it, such as an ssh that keeps its connection, holds that pipe open.
pub(in crate::adapters) async fn collect(child: &mut Child) -> std::io::Result<Answer> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (mut output, mut complaint) =
        (Kept::up_to(limits::GIT_OUTPUT_BYTES), Kept::up_to(limits::GIT_COMPLAINT_BYTES));
    let status = {
        let mut told = std::pin::pin!(complaint.fill(stderr));
        let mut ended = std::pin::pin!(async { tokio::join!(child.wait(), output.fill(stdout)) });
        let mut is_told = false;
        let (status, read) = loop {
            tokio::select! {
                both = &mut ended => break both,
                read = &mut told, if !is_told => {
                    read?;
                    is_told = true;
                }
            }
        };
        read?;
        if !is_told {
            let grace = Duration::from_millis(limits::GIT_GRACE_MS);
            let _held_open = tokio::time::timeout(grace, told).await;
        }
        status?
    };
    let Kept { bytes, is_cut, .. } = output;
    let complaint = readable(&complaint.bytes);
    Ok(Answer { is_success: status.success(), code: status.code(), output: bytes, is_cut, complaint })
}

/// What is kept of what a process prints.
#[derive(Debug)]
struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    is_cut: bool,
}

impl Kept {
    /// At most the first `limit` bytes.
    fn up_to(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, is_cut: false }
    }

    /// Reads a pipe to its end, so that its writer never stalls.
    async fn fill(&mut self, pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<()> {
        let Some(mut pipe) = pipe else { return Ok(()) };
        let mut chunk = vec![0; 64 * 1_024];
        loop {
            let count = pipe.read(&mut chunk).await?;
            if count == 0 {
                return Ok(());
            }
            let room = self.limit - self.bytes.len();
            self.is_cut |= count > room;
            self.bytes.extend_from_slice(&chunk[..count.min(room)]);
        }
    }
}

/// Git's complaint on one line, safe to show.
fn readable(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    naming::sanitise(&lines.join("; "))
}

/// Ends a process that missed its deadline, with all its children: first so that git can take its locks away.
pub(in crate::adapters) async fn end(child: &mut Child, group: Option<Pid>) {
    for signal in [Signal::TERM, Signal::KILL] {
        // It fails only when nobody of the group is left.
        let _ = group.map(|group| kill_process_group(group, signal));
        let grace = Duration::from_millis(limits::GIT_GRACE_MS);
        if tokio::time::timeout(grace, child.wait()).await.is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_helper_that_stays_holds_nothing_up() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo said >&2; echo done; sleep 60 >/dev/null & exit 3"]).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let begun = std::time::Instant::now();
        let answer = collect(&mut child).await.unwrap();
        let took = begun.elapsed();
        kill_process_group(group.unwrap(), Signal::KILL).unwrap();
        assert_eq!((answer.code, answer.output.as_slice()), (Some(3), &b"done\n"[..]));
        assert_eq!((answer.complaint.as_str(), answer.is_cut), ("said", false));
        assert!(took < Duration::from_secs(30), "it took {took:?}");
    }

    #[tokio::test]
    async fn what_is_too_much_is_cut_and_its_writer_does_not_stall() {
        let mut command = Command::new("sh");
        command.args(["-c", "head -c 1000000 /dev/zero >&2; head -c 10 /dev/zero"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let answer = collect(&mut command.spawn().unwrap()).await.unwrap();
        assert_eq!((answer.code, answer.output.len(), answer.is_cut), (Some(0), 10, false));
        assert!(!answer.complaint.is_empty());
    }
}
