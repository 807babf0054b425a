//! The checks on our home directory before anything in it is believed: it must be ours alone, and it should
//! be on a disk that keeps what it was given.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode};

use super::files;

/// A home directory that passed the checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Where it is, after links were followed once: moving a link later changes nothing for this run.
    pub path: PathBuf,
    /// What the user should know.
    pub warnings: Vec<HomeWarning>,
}

/// Something about the home's file system that weakens our promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HomeWarning {
    /// It is in memory: all is lost at the next boot.
    InMemory,
    /// It is on a network or another system's file system, where locks and syncs may be weaker than they say.
    Remote(&'static str),
    /// It is in a container's own layer and goes away with it.
    ContainerLayer,
}

impl fmt::Display for HomeWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InMemory => {
                f.write_str("is in memory (tmpfs): all workstreams are forgotten at the next boot")
            }
            Self::Remote(name) => {
                write!(f, "is on {name}: a power cut there may lose what was saved, and locks may not hold")
            }
            Self::ContainerLayer => {
                f.write_str("is inside a container (overlay): it goes away with the container")
            }
        }
    }
}

/// Why a home directory is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HomeError {
    /// It cannot be made or looked at.
    #[error("{path} cannot be used: {why}\nMake it by hand, or set CCELLS_HOME to another directory.")]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What failed.
        why: String,
    },
    /// It is no directory.
    #[error("{path} is not a directory\nMove it away, or set CCELLS_HOME to another directory.")]
    NotADirectory {
        /// What it is.
        path: PathBuf,
    },
    /// It is another user's.
    #[error(
        "{path} belongs to user {owner}, and you are user {us}\nFix it with: sudo chown -R {us} '{path}'"
    )]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        us: u32,
    },
    /// Others may read or write it.
    #[error("{path} is open to other users (mode {mode:04o})\nFix it with: chmod 700 '{path}'")]
    TooOpen {
        /// The directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

/// Makes the home at `path` when it is missing and checks that it is a directory of ours that nobody else can
/// use.
pub fn check_home(path: &Path) -> Result<Home, HomeError> {
    let unusable = |why: String| HomeError::Unusable { path: path.to_owned(), why };
    files::make_dir(path)
        .or_else(|why| if path.exists() { Ok(()) } else { Err(unusable(why.to_string())) })?;
    let path = path.canonicalize().map_err(|error| unusable(error.to_string()))?;
    let status = rustix::fs::lstat(&path).map_err(|error| unusable(io::Error::from(error).to_string()))?;
    if FileType::from_raw_mode(status.st_mode) != FileType::Directory {
        return Err(HomeError::NotADirectory { path });
    }
    let us = rustix::process::geteuid().as_raw();
    if status.st_uid != us {
        return Err(HomeError::NotOurs { path, owner: status.st_uid, us });
    }
    let mode = Mode::from_raw_mode(status.st_mode);
    if mode.intersects(Mode::RWXG | Mode::RWXO) {
        return Err(HomeError::TooOpen { path, mode: mode.as_raw_mode() });
    }
    let warnings = warnings(&path).map_err(|error| unusable(error.to_string()))?;
    Ok(Home { path, warnings })
}

/// A file that is a link (as tools for dotfiles make them) is followed once, so that replacing it replaces
/// what it points at and not the link. It must point at a place in `home` or in the user's own home
/// directory.
pub fn resolve_link(path: &Path, allowed: &[&Path]) -> Result<PathBuf, HomeError> {
    match rustix::fs::lstat(path) {
        Ok(status) if FileType::from_raw_mode(status.st_mode) == FileType::Symlink => {}
        Ok(_) | Err(_) => return Ok(path.to_owned()),
    }
    let unusable = |why: String| HomeError::Unusable { path: path.to_owned(), why };
    let target =
        path.canonicalize().map_err(|error| unusable(format!("it is a link that leads nowhere: {error}")))?;
    let owner =
        rustix::fs::lstat(&target).map_err(|error| unusable(io::Error::from(error).to_string()))?.st_uid;
    let us = rustix::process::geteuid().as_raw();
    if owner != us {
        return Err(HomeError::NotOurs { path: target, owner, us });
    }
    if allowed.iter().any(|place| target.starts_with(place)) {
        return Ok(target);
    }
    Err(unusable(format!("it is a link to {}, outside your home directory", target.display())))
}

/// What kind of file system the home is on, by its magic number.
#[cfg(target_os = "linux")]
fn warnings(path: &Path) -> io::Result<Vec<HomeWarning>> {
    let warning = match rustix::fs::statfs(path)?.f_type.cast_unsigned() & 0xffff_ffff {
        0x0102_1994 | 0x8584_58f6 => HomeWarning::InMemory,
        0x6969 => HomeWarning::Remote("NFS"),
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => HomeWarning::Remote("SMB"),
        0x0102_1997 => HomeWarning::Remote("9P"),
        0x6573_5546 => HomeWarning::Remote("FUSE"),
        0x6a65_6a63 => HomeWarning::Remote("virtiofs"),
        0x794c_7630 => HomeWarning::ContainerLayer,
        _ => return Ok(Vec::new()),
    };
    Ok(vec![warning])
}

/// Elsewhere the file systems have no such numbers.
#[cfg(not(target_os = "linux"))]
fn warnings(_: &Path) -> io::Result<Vec<HomeWarning>> {
    Ok(Vec::new())
}
