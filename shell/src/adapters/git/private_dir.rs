//! Reading the private git directory of an agent without git: the agent writes it, so it is neither configuration nor
//! trusted to hold what git would put there.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use ccells_core::limits;

use super::disk::{Beneath, Kind};

/// Whether any reference or HEAD in the private git directory is not at `base`.
pub(super) fn has_commits(directory: &Path, base: &str) -> io::Result<bool> {
    let top = Beneath::open(directory)?;
    let mut tips = Tips { base, seen: 0, differs: false };
    if top.kind(OsStr::new("reftable"))?.is_some() {
        return Err(io::Error::other("its references are kept in a form we do not read"));
    }
    tips.read_head(&top)?;
    tips.read_packed(&top)?;
    if let Some(refs) = subdirectory(&top, "refs")? {
        tips.read_loose(&refs, 0)?;
    }
    if let Some(worktrees) = subdirectory(&top, "worktrees")? {
        for (name, _) in worktrees.list(limits::PRIVATE_REFS)? {
            tips.read_head(&worktrees.enter(name.as_os_str())?)?;
        }
    }
    Ok(tips.differs)
}

/// Whether any reference in the text of a `packed-refs` is not at `base`.
pub fn packed_differ(text: &[u8], base: &str) -> io::Result<bool> {
    let mut tips = Tips { base, seen: 0, differs: false };
    tips.take_packed(text).map(|()| tips.differs)
}

/// Whether the text of a loose reference names another commit than `base`; one that stands for another does not.
pub fn loose_differs(text: &[u8], base: &str) -> io::Result<bool> {
    let mut tips = Tips { base, seen: 0, differs: false };
    tips.take_loose(text).map(|()| tips.differs)
}

/// The directory `name`, if it is there; anything else of that name is an error.
fn subdirectory(parent: &Beneath, name: &str) -> io::Result<Option<Beneath>> {
    let name = OsStr::new(name);
    if parent.kind(name)?.is_none() { Ok(None) } else { parent.enter(name).map(Some) }
}

/// What the references read so far say.
struct Tips<'a> {
    base: &'a str,
    seen: usize,
    differs: bool,
}

impl Tips<'_> {
    /// A HEAD that names no branch counts like a branch.
    fn read_head(&mut self, directory: &Beneath) -> io::Result<()> {
        let bytes = directory.read(OsStr::new("HEAD"), limits::REF_BYTES)?;
        self.take_loose(&bytes)
    }

    /// The references in one file, each line an object and a name.
    fn read_packed(&mut self, directory: &Beneath) -> io::Result<()> {
        let name = OsStr::new("packed-refs");
        if directory.kind(name)?.is_none() {
            return Ok(());
        }
        self.take_packed(&directory.read(name, limits::RECORD_BYTES)?)
    }

    fn take_packed(&mut self, bytes: &[u8]) -> io::Result<()> {
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if !line.starts_with(b"#") && !line.starts_with(b"^") {
                let object = line.split(|byte| *byte == b' ').next().unwrap_or_default();
                self.take(object)?;
            }
        }
        Ok(())
    }

    /// The references in files of their own.
    fn read_loose(&mut self, directory: &Beneath, depth: usize) -> io::Result<()> {
        if depth > limits::PRIVATE_REF_DEPTH {
            return Err(io::Error::other("its references are nested deeper than we read"));
        }
        for (name, kind) in directory.list(limits::PRIVATE_REFS)? {
            let name = name.as_os_str();
            match kind {
                Kind::Directory => self.read_loose(&directory.enter(name)?, depth + 1)?,
                Kind::File if Path::new(name).extension() == Some(OsStr::new("lock")) => {}
                Kind::File => self.take_loose(&directory.read(name, limits::REF_BYTES)?)?,
                Kind::Other => return Err(io::Error::other("a reference is no regular file")),
            }
        }
        Ok(())
    }

    /// One loose reference. One that stands for another says nothing of its own.
    fn take_loose(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.starts_with(b"ref: refs/") { Ok(()) } else { self.take(bytes.trim_ascii_end()) }
    }

    fn take(&mut self, object: &[u8]) -> io::Result<()> {
        self.seen += 1;
        if self.seen > limits::PRIVATE_REFS {
            return Err(io::Error::other("it has more references than we read"));
        }
        let is_object = object.len() == self.base.len() && object.iter().all(u8::is_ascii_hexdigit);
        if !is_object {
            return Err(io::Error::other("a reference holds no commit"));
        }
        self.differs |= object != self.base.as_bytes();
        Ok(())
    }
}
