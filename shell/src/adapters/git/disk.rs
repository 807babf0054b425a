//! Files and directories of a workstream: written durably, removed even where an agent made it hard, and never
//! through a symbolic link that somebody planted.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps};

/// Makes `directory` and its parents with mode 0700; existing ones are fine.
pub(super) fn make_directories(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Makes a new file with these bytes and this mode. Durable once its directory is synced.
pub(super) fn write_new(file: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(file)?;
    opened.write_all(bytes)?;
    // The mode asked for, whatever the umask.
    opened.set_permissions(fs::Permissions::from_mode(mode))?;
    opened.sync_all()
}

/// Puts these bytes in the place of `file`, durably: it is the old one or the new one.
pub(super) fn replace(file: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(".new");
    let new = file.with_file_name(name);
    remove_tree(&new)?;
    write_new(&new, bytes, mode)?;
    fs::rename(&new, file)?;
    file.parent().map_or(Ok(()), sync_directory)
}

/// Gives a directory another place on its file system, with its own rights: without the right to write in it the kernel
/// would not move it.
pub(super) fn move_directory(from: &Path, to: &Path) -> io::Result<()> {
    let denied = match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && is_directory(from) => error,
        other => return other,
    };
    let rights = fs::symlink_metadata(from)?.permissions();
    let opened = fs::Permissions::from_mode(rights.mode() | 0o700);
    if opened == rights {
        return Err(denied);
    }
    fs::set_permissions(from, opened)?;
    fs::rename(from, to)?;
    fs::set_permissions(to, rights)
}

/// Copies the directories and regular files of a tree that only we and git write; anything else in it is left out.
pub(super) fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    make_directories(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&entry.path(), &to.join(entry.file_name()))?;
        } else if kind.is_file() {
            copy_with_times(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Copies a regular file with its times: the copy of an index must not look newer than what it describes, or changes
/// made in the same instant would be overlooked.
pub(super) fn copy_with_times(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let facts = source.metadata()?;
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target)?;
    let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps {
        last_access: time(facts.atime(), facts.atime_nsec()),
        last_modification: time(facts.mtime(), facts.mtime_nsec()),
    };
    rustix::fs::futimens(&target, &times)?;
    target.sync_all()
}

/// Makes everything last that has been written to the file system of `path`.
pub(super) fn sync_file_system(path: &Path) -> io::Result<()> {
    rustix::fs::syncfs(fs::File::open(path)?).map_err(io::Error::from)
}

/// Makes the names in `directory` durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Makes a small tree durable: every regular file and every directory.
pub(super) fn sync_tree(top: &Path) -> io::Result<()> {
    for entry in fs::read_dir(top)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_directory(top)
}

/// Removes a tree, directories that nobody may enter included; one that is gone is fine. Links are removed, never
/// followed.
pub(super) fn remove_tree(top: &Path) -> io::Result<()> {
    match fs::symlink_metadata(top) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(facts) if !facts.is_dir() => return fs::remove_file(top),
        Ok(_) => {}
    }
    match fs::remove_dir_all(top) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_directories(rustix::fs::CWD, top.as_os_str())?;
            fs::remove_dir_all(top)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Gives us every right on the directories of a tree of ours.
fn open_directories(parent: impl rustix::fd::AsFd, name: &OsStr) -> io::Result<()> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    // A directory that cannot be opened is given its rights by name; the next open tells whether it is the same kind.
    let directory = match rustix::fs::openat(&parent, name, flags, Mode::empty()) {
        Err(rustix::io::Errno::ACCESS) => {
            let facts = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if rustix::fs::FileType::from_raw_mode(facts.st_mode) != rustix::fs::FileType::Directory {
                return Ok(());
            }
            rustix::fs::chmodat(&parent, name, Mode::RWXU, AtFlags::empty())?;
            rustix::fs::openat(&parent, name, flags, Mode::empty())?
        }
        other => other?,
    };
    rustix::fs::fchmod(&directory, Mode::RWXU)?;
    for entry in rustix::fs::Dir::read_from(&directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        let is_directory = matches!(entry.file_type(), rustix::fs::FileType::Directory);
        if is_directory && name != b"." && name != b".." {
            open_directories(&directory, std::os::unix::ffi::OsStrExt::from_bytes(name))?;
        }
    }
    Ok(())
}

/// Gives a tree to `owner`, links themselves and not what they point at. Does nothing where we are `owner` or may not.
pub(super) fn give_to(top: &Path, owner: (u32, u32)) -> io::Result<bool> {
    let me = rustix::process::geteuid();
    if !me.is_root() || owner == (me.as_raw(), rustix::process::getegid().as_raw()) {
        return Ok(false);
    }
    chown(top, owner)?;
    Ok(true)
}

fn chown(path: &Path, owner: (u32, u32)) -> io::Result<()> {
    std::os::unix::fs::lchown(path, Some(owner.0), Some(owner.1))?;
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            chown(&entry?.path(), owner)?;
        }
    }
    Ok(())
}

/// Whether anything has this name; a link counts as itself.
pub(super) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether this is a directory and no link to one.
pub(super) fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|facts| facts.is_dir())
}

/// Whether a directory has anything in it; what cannot be read has.
pub(super) fn has_entries(directory: &Path) -> bool {
    fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_some())
}

/// Reads a small file of git's own that only we and git write; `None` when there is none or it is no text.
pub(super) fn read_text(file: &Path) -> Option<String> {
    let mut text = String::new();
    let opened =
        OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(file).ok()?;
    opened.take(ccells_core::limits::REF_BYTES as u64).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Reads a file of ours of at most `limit` bytes; `None` when there is none that can be read.
pub(super) fn read_small(file: &Path, limit: usize) -> Option<Vec<u8>> {
    let directory = Beneath::open(file.parent()?).ok()?;
    directory.read(file.file_name()?, limit).ok()
}

/// A directory that somebody else may write, opened step by step so that nothing in it leads out of it.
#[derive(Debug)]
pub(super) struct Beneath(OwnedFd);

/// What stands at a name in a directory that somebody else may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A link, a pipe, a socket or a device: never opened.
    Other,
}

impl Beneath {
    /// Opens `directory`, which must be no link itself.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        Self::open_at(rustix::fs::CWD, directory.as_os_str())
    }

    /// Opens the directory `name` in this one.
    pub(super) fn enter(&self, name: &OsStr) -> io::Result<Self> {
        Self::open_at(&self.0, name)
    }

    fn open_at(parent: impl rustix::fd::AsFd, name: &OsStr) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        Ok(Self(rustix::fs::openat(parent, name, flags, Mode::empty())?))
    }

    /// What stands at `name`; `None` when nothing does.
    pub(super) fn kind(&self, name: &OsStr) -> io::Result<Option<Kind>> {
        match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(facts) => Ok(Some(kind(rustix::fs::FileType::from_raw_mode(facts.st_mode)))),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the regular file `name`; nothing where it is of another kind.
    pub(super) fn open_file(&self, name: &OsStr) -> io::Result<Option<File>> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::RDONLY;
        let file = File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?);
        Ok(if file.metadata()?.is_file() { Some(file) } else { None })
    }

    /// Opens the directory `name` in this one, made where nothing has that name.
    pub(super) fn make(&self, name: &OsStr) -> io::Result<Self> {
        match rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => self.enter(name),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the file at `from` this name in here; what has the name already keeps it.
    pub(super) fn take_in(&self, from: &Path, name: &OsStr) -> io::Result<()> {
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(rustix::fs::CWD, from, &self.0, name, flags) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the regular file `name` of at most `limit` bytes.
    pub(super) fn read(&self, name: &OsStr, limit: usize) -> io::Result<Vec<u8>> {
        let file = self.open_file(name)?.ok_or_else(|| io::Error::other("not a regular file"))?;
        let mut bytes = Vec::new();
        file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            Err(io::Error::other("larger than anything git writes there"))
        } else {
            Ok(bytes)
        }
    }

    /// The names in it and what stands there, at most `limit` of them.
    pub(super) fn list(&self, limit: usize) -> io::Result<Vec<(PathBuf, Kind)>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name: &OsStr = std::os::unix::ffi::OsStrExt::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            if names.len() == limit {
                return Err(io::Error::other("more entries than we read"));
            }
            let told = entry.file_type();
            // Some file systems do not tell with the name.
            let is_told = told != rustix::fs::FileType::Unknown;
            let kind = if is_told { kind(told) } else { self.kind(name)?.unwrap_or(Kind::Other) };
            names.push((PathBuf::from(name), kind));
        }
        names.sort();
        Ok(names)
    }
}

/// Our three kinds of what the kernel tells apart.
fn kind(file_type: rustix::fs::FileType) -> Kind {
    if file_type == rustix::fs::FileType::Directory {
        Kind::Directory
    } else if file_type == rustix::fs::FileType::RegularFile {
        Kind::File
    } else {
        Kind::Other
    }
}
