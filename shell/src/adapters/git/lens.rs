//! The lens: a small git directory of ours through which the agent's files are looked at. Its configuration, ignore
//! rules and attributes are ours, its index is the base as it was checked out, its objects are the repository's.
//!
//! Looking through the repository itself would run the user's filters in a directory the agent writes, and a filter
//! may be a script of that very directory. Through the lens files are bytes.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};

use ccells_core::limits;
use ccells_core::ports::GitError;
use rustix::process::Pid;

use super::command::Call;
use super::fetch::withdraw;
use super::{Workplace, blocking, disk};

/// The lens in a workstream's own directory.
pub(super) const LENS: &str = "lens";

/// Every file is its bytes: no filter, no other line ends, no keyword. Stands above every `.gitattributes`.
const ATTRIBUTES: &[u8] = b"* -text !eol !filter !ident !working-tree-encoding\n";

/// A lens that is ready to look through. One that was made for this once is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Lens {
    git_dir: PathBuf,
    /// Held for as long as the lens is in it.
    _room: Option<Room>,
}

/// A directory for something that is needed once; whoever drops it removes it.
#[derive(Debug)]
pub(super) struct Room(PathBuf);

impl Room {
    /// The directory.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // What stays behind is swept by the next that makes a room.
        let _ = disk::remove_tree(&self.0);
    }
}

impl Workplace {
    /// The workstream's lens, or one made for this once where there is none yet.
    pub(super) async fn lens(&self) -> Result<Lens, GitError> {
        let own = self.own_lens().filter(|lens| {
            // Where a move of the base was interrupted it looks from somewhere else.
            let head = disk::read_text(&lens.git_dir.join("HEAD"));
            head.is_some_and(|head| head.trim_end() == self.plan.base.as_str())
        });
        match own {
            Some(lens) => Ok(lens),
            None => self.fresh_lens().await,
        }
    }

    /// The lens in the workstream's own directory, from wherever it looks.
    pub(super) fn own_lens(&self) -> Option<Lens> {
        let git_dir = self.home().join(LENS);
        git_dir.join("index").is_file().then_some(Lens { git_dir, _room: None })
    }

    /// A lens made for this once, which remembers nothing of how the files were checked out.
    pub(super) async fn fresh_lens(&self) -> Result<Lens, GitError> {
        let room = self.room().await?;
        let git_dir = room.path().join(LENS);
        self.init_bare(&git_dir).await?;
        let (place, target) = (self.clone(), git_dir.clone());
        blocking(move || {
            place.fit_lens(&target).map_err(|error| Self::disk_error("make a lens", &target, &error))
        })
        .await?;
        let lens = Lens { git_dir, _room: Some(room) };
        self.through(&lens).args(["read-tree", self.plan.base.as_str()]).succeed("read the base").await?;
        Ok(lens)
    }

    /// A call of git that sees the worktree's files through `lens` and the repository's objects behind it.
    pub(super) fn through(&self, lens: &Lens) -> Call {
        let call = self.git.on_worktree(&lens.git_dir, self.worktree()).mark(&self.plan.workstream);
        call.env("GIT_OBJECT_DIRECTORY", self.git_dir().join("objects"))
    }

    /// A directory beside the workstream's own, ours alone for as long as it is kept.
    pub(super) async fn room(&self) -> Result<Room, GitError> {
        let parent = self.home().parent().unwrap_or(Path::new("/")).to_owned();
        let prefix = format!(".{}.look-", self.plan.workstream);
        let packs = self.packs();
        blocking(move || {
            let swept = sweep_rooms(&parent, &prefix, &packs);
            let made = swept.and_then(|()| make_room(&parent, &prefix));
            made.map_err(|error| Self::disk_error("make a directory", &parent, &error))
        })
        .await
    }

    /// Makes an empty git directory from nothing but git's own defaults, HEAD on our branch.
    pub(super) async fn init_bare(&self, target: &Path) -> Result<(), GitError> {
        let format = if self.plan.base.as_str().len() == 64 { "sha256" } else { "sha1" };
        let call = self.git.within(Path::new("/")).mark(&self.plan.workstream);
        let call =
            call.args(["init", "--quiet", "--bare", "--template=", "--initial-branch", &self.plan.branch]);
        call.arg(format!("--object-format={format}"))
            .arg(target)
            .succeed("make a git directory")
            .await
            .map(|_| ())
    }

    /// Makes an empty git directory a lens: at the base, files as bytes, the user's ignore rules.
    pub(super) fn fit_lens(&self, target: &Path) -> io::Result<()> {
        let config = fs::read_to_string(target.join("config"))?;
        fs::write(target.join("config"), format!("{config}[core]\n\tbare = false\n"))?;
        fs::write(target.join("HEAD"), format!("{}\n", self.plan.base))?;
        disk::make_directories(&target.join("info"))?;
        fs::write(target.join("info/attributes"), ATTRIBUTES)?;
        symlink(self.git_dir().join("info/exclude"), target.join("info/exclude"))
    }
}

impl Lens {
    /// Where its index is.
    pub(super) fn index(&self) -> PathBuf {
        self.git_dir.join("index")
    }

    /// Its git directory.
    pub(super) fn git_dir(&self) -> &Path {
        &self.git_dir
    }
}

/// Makes a directory that nobody else of this or another process has.
fn make_room(parent: &Path, prefix: &str) -> io::Result<Room> {
    (0..limits::NAME_TRIES)
        .map(|number| parent.join(format!("{prefix}{}-{number}", std::process::id())))
        .map(|path| fs::DirBuilder::new().mode(0o700).create(&path).map(|()| Room(path)))
        .find(|made| !made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists))
        .unwrap_or_else(|| Err(io::Error::other("every name is taken")))
}

/// Removes what ended processes of ours left, also what they had begun to move to the user's packs.
fn sweep_rooms(parent: &Path, prefix: &str, packs: &Path) -> io::Result<()> {
    disk::make_directories(parent)?;
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(prefix).and_then(|rest| rest.split('-').next()?.parse().ok());
        let Some(owner) = owner.and_then(Pid::from_raw) else { continue };
        if rustix::process::test_kill_process(owner) == Err(rustix::io::Errno::SRCH) {
            withdraw(&entry.path(), packs)?;
            disk::remove_tree(&entry.path())?;
        }
    }
    Ok(())
}
