//! Files that git ignores and that a worktree needs all the same: copied from the user's own checkout and from nowhere
//! else, into a worktree that nobody works in yet. What is in the way stays.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use ccells_core::limits;
use ccells_core::naming;
use ccells_core::ports::GitError;

use super::command::{GitProgram, path_of};
use super::disk::{self, Beneath};
use super::merge::refused;
use super::{Workplace, blocking};

/// The list of them that a checkout may have, in the form of a `.gitignore`.
const LIST: &str = ".worktreeinclude";

/// Bytes of names that one call of git is given.
const NAMES_BYTES: usize = 64 * 1_024;

/// Files that are to be copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Included {
    /// Where they are in the checkout.
    pub files: Vec<PathBuf>,
    /// How large they are, all together.
    pub bytes: u64,
}

impl Included {
    /// How many they are and how large, in words; nothing when there are none.
    pub(super) fn note(&self) -> Option<String> {
        let count = self.files.len();
        let files = if count == 1 {
            "1 file that git ignores is".to_owned()
        } else {
            format!("{count} files that git ignores are")
        };
        (count > 0).then(|| format!("{files} copied ({} kB)", self.bytes.div_ceil(1_000)))
    }
}

/// The files of the checkout at `top` that its list or one of `patterns` names, that git ignores, and that are there.
pub(super) async fn find(git: &GitProgram, top: &Path, patterns: &[String]) -> Result<Included, GitError> {
    let aim = "list the files that are to be copied";
    let list = top.join(LIST);
    let has_list = fs::symlink_metadata(&list).is_ok_and(|facts| facts.is_file());
    if !has_list && patterns.is_empty() {
        return Ok(Included::default());
    }
    let mut call = git.within(top).args(["ls-files", "-z", "--others", "--ignored"]);
    if has_list {
        call = call.arg(format!("--exclude-from={LIST}"));
    }
    for pattern in patterns {
        if pattern.is_empty() || pattern.contains(['\0', '\n']) || pattern.len() > limits::REF_BYTES {
            return Err(refused(format!("`{}` is no pattern of files", naming::sanitise(pattern))));
        }
        call = call.arg(format!("--exclude={pattern}"));
    }
    let named = call.succeed(aim).await?;
    let names: Vec<&[u8]> = named.records().filter(|name| !name.ends_with(b"/")).collect();
    if named.is_cut || names.len() > limits::INCLUDE_FILES {
        return Err(too_much(format!("more than {} files are", limits::INCLUDE_FILES)));
    }
    let mut found = Included::default();
    for names in chunks(&names) {
        // What is named and not ignored is somebody's work.
        let call = git.within(top).env("GIT_LITERAL_PATHSPECS", "1");
        let call = call.args(["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--"]);
        let ignored = call.args(names.iter().map(|name| OsStr::from_bytes(name))).succeed(aim).await?;
        for name in ignored.records() {
            let Ok(facts) = fs::symlink_metadata(top.join(path_of(name))) else { continue };
            if facts.is_file() {
                found.bytes += facts.len();
                found.files.push(path_of(name).to_owned());
            }
        }
    }
    if found.bytes > limits::INCLUDE_BYTES {
        return Err(too_much(format!("{} MB are", found.bytes / 1_000_000)));
    }
    Ok(found)
}

/// The error for more than is copied.
fn too_much(what: String) -> GitError {
    refused(format!(
        "{what} to be copied into the worktree, and at most {} files and {} MB are; name less in {LIST} or by --include",
        limits::INCLUDE_FILES,
        limits::INCLUDE_BYTES / 1_000_000
    ))
}

/// The names in parts that one call of git can take.
fn chunks<'a>(names: &'a [&'a [u8]]) -> Vec<&'a [&'a [u8]]> {
    let (mut parts, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (at, name) in names.iter().enumerate() {
        if bytes + name.len() > NAMES_BYTES && at > begin {
            parts.push(&names[begin..at]);
            (begin, bytes) = (at, 0);
        }
        bytes += name.len() + 1;
    }
    if begin < names.len() {
        parts.push(&names[begin..]);
    }
    parts
}

impl Workplace {
    /// Copies the files that git ignores and that the worktree needs. Done again, it goes on.
    pub(super) async fn include_files(&self) -> Result<(), GitError> {
        let top = Path::new(self.plan.repo.as_str());
        if !disk::is_directory(top) {
            return Ok(());
        }
        let found = find(&self.git, top, &self.plan.beginning.include).await?;
        if found.files.is_empty() {
            return Ok(());
        }
        let place = self.clone();
        blocking(move || {
            let aim = "copy the files that git ignores";
            place.copy_files(&found.files).map_err(|error| Self::disk_error(aim, place.worktree(), &error))
        })
        .await
    }

    fn copy_files(&self, files: &[PathBuf]) -> io::Result<()> {
        let from = Beneath::open(Path::new(self.plan.repo.as_str()))?;
        let to = Beneath::open(self.worktree())?;
        let new = self.copying();
        for file in files {
            disk::remove_tree(&new)?;
            match copy_file(&from, &to, file, &new) {
                // It went meanwhile, or a link or a file of the base stands where a directory would be.
                Err(error) if is_left_out(&error) => {}
                other => other?,
            }
        }
        disk::remove_tree(&new)
    }

    /// Where a file is while it is copied: beside the worktree, where nobody takes it for one of its files.
    pub(super) fn copying(&self) -> PathBuf {
        self.worktree().with_file_name(format!(".{}.copy", self.plan.workstream))
    }
}

/// Whether there is nothing to copy, or no place for it.
fn is_left_out(error: &io::Error) -> bool {
    let loops = Some(rustix::io::Errno::LOOP.raw_os_error());
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error() == loops
}

/// Copies one file by way of `new`, unless something has its name already. No link is followed on either side.
fn copy_file(from: &Beneath, to: &Beneath, file: &Path, new: &Path) -> io::Result<()> {
    let (Some(name), Some(parent)) = (file.file_name(), file.parent()) else { return Ok(()) };
    let (mut source, mut target) = (Parents(from, None), Parents(to, None));
    for part in parent.components() {
        let Component::Normal(part) = part else { return Ok(()) };
        source = Parents(from, Some(source.get().enter(part)?));
        target = Parents(to, Some(target.get().make(part)?));
    }
    if target.get().kind(name)?.is_some() {
        return Ok(());
    }
    let Some(mut original) = source.get().open_file(name)? else { return Ok(()) };
    let mode = original.metadata()?.mode() & 0o777;
    let mut copy = File::options().write(true).create_new(true).open(new)?;
    if !is_cloned(&original, &copy) {
        io::copy(&mut original, &mut copy)?;
    }
    copy.set_permissions(fs::Permissions::from_mode(mode))?;
    target.get().take_in(new, name)
}

/// A directory and what was entered from it.
struct Parents<'a>(&'a Beneath, Option<Beneath>);

impl Parents<'_> {
    fn get(&self) -> &Beneath {
        self.1.as_ref().unwrap_or(self.0)
    }
}

/// Whether the file system could give the copy the same bytes without writing them again: each is its own from then on.
#[cfg(target_os = "linux")]
fn is_cloned(original: &File, copy: &File) -> bool {
    rustix::fs::ioctl_ficlone(copy, original).is_ok()
}

/// Elsewhere there is no such call.
#[cfg(not(target_os = "linux"))]
fn is_cloned(_original: &File, _copy: &File) -> bool {
    false
}
