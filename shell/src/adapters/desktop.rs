//! Touches the desktop around the terminal: its clipboard by the programs that are there, and the user's files.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ccells_core::container::WORKSPACE;
use ccells_core::limits;
use futures_util::future::{BoxFuture, FutureExt};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::tui::Desktop;

/// The directory in a worktree for what was given to the agent. It carries its own list of what git is to ignore, so that
/// neither the user's files nor the git directory are changed: both could have been made traps by the agent.
const GIFTS: &str = ".ccells";
/// Ignores everything beside it, itself included.
const IGNORE_ALL: &[u8] = b"*\n";
/// How every image begins that is taken.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The desktop of this process's environment.
#[derive(Clone, Debug)]
pub struct RealDesktop {
    copy: Option<&'static [&'static str]>,
    image: Option<&'static [&'static str]>,
}

/// A program, the variable without which it reaches nothing, how it takes a text, and how it gives an image.
type Tool = (&'static str, Option<&'static str>, &'static [&'static str], &'static [&'static str]);

const TOOLS: [Tool; 4] = [
    ("wl-copy", Some("WAYLAND_DISPLAY"), &["wl-copy"], &["wl-paste", "--no-newline", "--type", "image/png"]),
    (
        "xclip",
        Some("DISPLAY"),
        &["xclip", "-selection", "clipboard", "-in"],
        &["xclip", "-selection", "clipboard", "-target", "image/png", "-out"],
    ),
    ("xsel", Some("DISPLAY"), &["xsel", "--clipboard", "--input"], &[]),
    ("pbcopy", None, &["pbcopy"], &[]),
];

impl RealDesktop {
    /// Looks which programs there are. `variable` looks in the environment.
    pub fn find(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Self {
        let path = variable("PATH").unwrap_or_default();
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let usable = |(program, needs, ..): &&Tool| needs.is_none_or(is_set) && is_there(program, &path);
        let tools: Vec<&Tool> = TOOLS.iter().filter(usable).collect();
        let copy = tools.first().map(|(_, _, copy, _)| *copy);
        let image = tools.iter().map(|(_, _, _, image)| *image).find(|image| !image.is_empty());
        Self { copy, image }
    }
}

fn is_there(program: &str, path: &OsStr) -> bool {
    std::env::split_paths(path).any(|directory| directory.is_absolute() && directory.join(program).is_file())
}

impl Desktop for RealDesktop {
    fn copy(&self, text: String) -> BoxFuture<'static, Result<bool, String>> {
        let argv = self.copy;
        async move {
            match argv {
                Some(argv) => give(argv, text).await.map(|()| true),
                None => Ok(false),
            }
        }
        .boxed()
    }

    fn save_image(&self, worktree: PathBuf) -> BoxFuture<'static, Result<String, String>> {
        let argv = self.image;
        async move {
            let none = "there is no program that gives the clipboard's image; install wl-clipboard or xclip";
            let bytes = fetch(argv.ok_or(none)?).await?;
            if !bytes.starts_with(PNG) {
                return Err("there is no image on the clipboard".to_owned());
            }
            let saved = tokio::task::spawn_blocking(move || save(&worktree, &bytes)).await;
            let name = saved
                .map_err(io::Error::other)
                .flatten()
                .map_err(|error| format!("the image cannot be saved in the worktree: {error}"))?;
            Ok(format!("{WORKSPACE}/{GIFTS}/{name}"))
        }
        .boxed()
    }

    fn export(&self, path: String, text: String) -> BoxFuture<'static, Result<String, String>> {
        async move {
            let written = tokio::task::spawn_blocking(move || write_new(&path, text.as_bytes())).await;
            written.map_err(|error| error.to_string()).flatten()
        }
        .boxed()
    }
}

/// Starts a program by its words, in a process group of its own: what it leaves behind to serve the clipboard outlives
/// neither an interrupt at our terminal nor dies of it.
fn start(argv: &[&str], stdin: Stdio, stdout: Stdio) -> Result<Child, String> {
    let (program, words) = argv.split_first().expect("a tool has a name");
    let mut command = Command::new(program);
    command.args(words).stdin(stdin).stdout(stdout).stderr(Stdio::null());
    command.process_group(0).kill_on_drop(true);
    command.spawn().map_err(|error| format!("{program} cannot be started: {error}"))
}

/// Waits for `work` with the program, and ends its whole group when that takes too long.
async fn within<T>(
    program: &str,
    child: &mut Child,
    work: impl AsyncFnOnce(&mut Child) -> io::Result<T>,
) -> Result<T, String> {
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let deadline = Duration::from_millis(limits::CLIPBOARD_MS);
    if let Ok(outcome) = tokio::time::timeout(deadline, work(child)).await {
        return outcome.map_err(|error| format!("{program}: {error}"));
    }
    if let Some(group) = group {
        // One that has gone meanwhile needs no end.
        let _gone = rustix::process::kill_process_group(group, Signal::KILL);
    }
    Err(format!("{program} did not answer in time"))
}

/// Gives a program a text on its standard input.
async fn give(argv: &'static [&'static str], text: String) -> Result<(), String> {
    let mut child = start(argv, Stdio::piped(), Stdio::null())?;
    let status = within(argv[0], &mut child, async |child| {
        let mut input = child.stdin.take().expect("it was asked for");
        let written = input.write_all(text.as_bytes()).await;
        drop(input);
        // One that ends early has a better reason than that its input broke.
        Ok((child.wait().await?, written))
    });
    match status.await? {
        (status, _) if !status.success() => Err(format!("{} failed: {status}", argv[0])),
        (_, written) => written.map_err(|error| format!("{}: {error}", argv[0])),
    }
}

/// Takes what a program prints.
async fn fetch(argv: &'static [&'static str]) -> Result<Vec<u8>, String> {
    let mut child = start(argv, Stdio::null(), Stdio::piped())?;
    let bytes = within(argv[0], &mut child, async |child| {
        let output = child.stdout.take().expect("it was asked for");
        let mut bytes = Vec::new();
        output.take(limits::IMAGE_BYTES as u64 + 1).read_to_end(&mut bytes).await?;
        Ok(bytes)
    });
    let bytes = bytes.await?;
    if bytes.len() > limits::IMAGE_BYTES {
        return Err(format!("the image is larger than {} MB", limits::IMAGE_BYTES / 1_024 / 1_024));
    }
    Ok(bytes)
}

/// Saves an image under a name that is not taken. The worktree is the agent's: no link in it is followed.
fn save(worktree: &Path, bytes: &[u8]) -> io::Result<String> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let worktree = rustix::fs::openat(CWD, worktree, flags, Mode::empty())?;
    match rustix::fs::mkdirat(&worktree, GIFTS, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let gifts = rustix::fs::openat(&worktree, GIFTS, flags, Mode::empty())?;
    if let Some(ignore) = create(&gifts, ".gitignore")? {
        std::fs::File::from(ignore).write_all(IGNORE_ALL)?;
    }
    for number in 1..=limits::IMAGES {
        let name = format!("image-{number}.png");
        if let Some(file) = create(&gifts, &name)? {
            std::fs::File::from(file).write_all(bytes)?;
            return Ok(name);
        }
    }
    Err(io::Error::other(format!("there are {} images already", limits::IMAGES)))
}

/// Makes a file; `None` when something has that name.
fn create(directory: &OwnedFd, name: &str) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(0o644)) {
        Ok(file) => Ok(Some(file)),
        Err(Errno::EXIST) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Writes a file that is not there yet, for its owner only: what an agent has shown may be anything.
fn write_new(path: &str, bytes: &[u8]) -> Result<String, String> {
    let place = std::path::absolute(expanded(path)).map_err(|error| error.to_string())?;
    let shown = place.display().to_string();
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&place);
    match written.and_then(|mut file| file.write_all(bytes)) {
        Ok(()) => Ok(shown),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(format!("{shown} is there already; choose another name"))
        }
        Err(error) => Err(format!("{shown} cannot be written: {error}")),
    }
}

/// `~/` is the user's home, as in a shell.
fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        (Some(_) | None, _) => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A desktop whose only program is this script.
    fn desktop(directory: &Path, name: &str, script: &str) -> RealDesktop {
        let program = directory.join(name);
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a script");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("it can be run");
        let path = directory.as_os_str().to_owned();
        RealDesktop::find(move |variable| match variable {
            "PATH" => Some(path.clone()),
            "DISPLAY" => Some(":0".into()),
            _ => None,
        })
    }

    #[test]
    fn a_program_counts_only_where_it_reaches_a_display() {
        let directory = tempfile::tempdir().expect("a directory");
        let found = desktop(directory.path(), "xclip", "cat");
        assert_eq!(found.copy, Some(TOOLS[1].2));
        assert_eq!(found.image, Some(TOOLS[1].3));
        let path = directory.path().as_os_str().to_owned();
        let none = RealDesktop::find(move |variable| (variable == "PATH").then(|| path.clone()));
        assert_eq!((none.copy, none.image), (None, None));
    }

    #[tokio::test]
    async fn a_text_arrives_whole_and_a_program_that_hangs_is_ended() {
        let directory = tempfile::tempdir().expect("a directory");
        let got = directory.path().join("got");
        let text = "日本\n$(touch never) `x`".repeat(20_000);
        let script = format!("cat > {}", got.display());
        run_from(directory.path(), &script, text.clone()).await.expect("it takes the text");
        assert_eq!(std::fs::read_to_string(&got).expect("it got something"), text);
        let error = run_from(directory.path(), "exit 3", "x".to_owned()).await.unwrap_err();
        assert!(error.contains("exit status: 3"), "{error}");
        let begun = std::time::Instant::now();
        let error = run_from(directory.path(), "sleep 60 & sleep 60", "x".to_owned()).await.unwrap_err();
        assert!(error.ends_with("did not answer in time"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    /// Gives a text to a script, by its path instead of by its name.
    async fn run_from(directory: &Path, script: &str, text: String) -> Result<(), String> {
        desktop(directory, "tool", script);
        let program: &'static str = directory.join("tool").display().to_string().leak();
        give(vec![program].leak(), text).await
    }

    #[test]
    fn an_image_is_saved_where_git_ignores_it_and_no_link_is_followed() {
        let worktree = tempfile::tempdir().expect("a directory");
        let git = |words: &[&str]| {
            let output = std::process::Command::new("git").args(words).current_dir(worktree.path()).output();
            String::from_utf8(output.expect("git is there").stdout).expect("git prints text")
        };
        git(&["init", "--quiet"]);
        assert_eq!(save(worktree.path(), b"one").expect("it is saved"), "image-1.png");
        assert_eq!(save(worktree.path(), b"two").expect("it is saved"), "image-2.png");
        assert_eq!(git(&["status", "--porcelain"]), "", "git sees nothing of it");
        let saved = std::fs::read(worktree.path().join(GIFTS).join("image-2.png")).expect("it is there");
        assert_eq!(saved, b"two");

        let (trap, outside) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("another"));
        std::os::unix::fs::symlink(outside.path(), trap.path().join(GIFTS)).expect("a link");
        assert!(save(trap.path(), b"x").is_err());
        assert_eq!(std::fs::read_dir(outside.path()).expect("it can be read").count(), 0);
    }

    #[test]
    fn an_export_overwrites_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.txt").display().to_string();
        assert_eq!(write_new(&path, b"one"), Ok(path.clone()));
        let error = write_new(&path, b"two").unwrap_err();
        assert_eq!(error, format!("{path} is there already; choose another name"));
        assert_eq!(std::fs::read(&path).expect("it is there"), b"one");
        let error = write_new(&directory.path().join("no/where").display().to_string(), b"x").unwrap_err();
        assert!(error.contains("cannot be written"), "{error}");
    }
}
