//! What a person says about a line that an agent changed: where, what stands there, and the words.

use ccells_core::limits::COMMENT_QUOTE_CHARS;
use ccells_core::naming;

use crate::patch::{Kind, Patch, Place};

/// What something is said about. All of it is safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    /// The file.
    path: String,
    /// The line's number, and whether it is the one that it had before it went.
    number: Option<(u32, bool)>,
    /// The line with its sign; none where the file is meant.
    quoted: Option<String>,
}

impl About {
    /// What is at this place.
    pub(crate) fn of(patch: &Patch, at: Place) -> Option<Self> {
        let path = naming::sanitise(&patch.files.get(at.file)?.path);
        let line = patch.line(at);
        let number = line.and_then(|line| Some((line.number?, line.kind == Kind::Removed)));
        let quoted = line.and_then(|line| {
            let text = super::clip::line(line.text, COMMENT_QUOTE_CHARS);
            Some(format!("{}{}", line.kind.sign()?, text.trim_end()))
        });
        Some(Self { path, number, quoted })
    }

    /// The place in words.
    pub(crate) fn place(&self) -> String {
        match self.number {
            Some((number, false)) => format!("{}:{number}", self.path),
            Some((number, true)) => format!("{}:{number} (before)", self.path),
            None => self.path.clone(),
        }
    }
}

/// Something that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comment {
    /// About what.
    pub(crate) about: About,
    /// The words, on one line.
    pub(crate) text: String,
}

impl Comment {
    /// It as an agent gets it, line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let said = format!("{}: {}", self.about.place(), self.text);
        let quoted = self.about.quoted.as_ref().map(|quoted| format!("> {quoted}"));
        std::iter::once(said).chain(quoted).collect()
    }
}
