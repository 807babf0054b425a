//! What was found once, kept: the choices of worlds that went wrong, made small, each with the mistake that it went wrong
//! by. Every one of them goes well today, and goes wrong again, by the same checker, as soon as its mistake is made.

use std::fs;
use std::path::{Path, PathBuf};

use crate::campaign::{self, Report};
use crate::canary::Planted;
use crate::choice::{Choices, Record};

/// The head of a file of choices: which checker failed, what it said, what was planted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The invariant.
    pub invariant: String,
    /// What was wrong.
    pub text: String,
    /// The mistake.
    pub planted: Planted,
}

/// One world that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its file.
    pub path: PathBuf,
    /// What went wrong in it.
    pub head: Head,
    /// What was drawn.
    pub record: Record,
}

impl Head {
    /// As it is written at the top of a file.
    pub fn print(&self) -> String {
        format!("# {}: {}\n# planted: {}\n", self.invariant, self.text, self.planted.name())
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("# "));
        let first = lines.next().and_then(|line| line.split_once(": "));
        let (invariant, what) = first.ok_or("its first line is not `# CHECKER: what it said`")?;
        let name =
            lines.find_map(|line| line.strip_prefix("planted: ")).ok_or("no line `# planted: NAME`")?;
        let planted = Planted::named(name).ok_or(format!("nothing named `{name}` can be planted"))?;
        Ok(Self { invariant: invariant.to_string(), text: what.to_string(), planted })
    }
}

impl Kept {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with the file, for people.
    pub fn read(path: &Path) -> Result<Self, String> {
        let told = |error: String| format!("{}: {error}", path.display());
        let text = fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
        let head = Head::parse(&text).map_err(told)?;
        let record = text.parse::<Record>().map_err(told)?;
        Ok(Self { path: path.to_owned(), head, record })
    }

    /// The world again, with its mistake or without.
    pub fn play(&self, planted: Planted) -> Report {
        campaign::run(Choices::replayed(self.record.clone()), planted, false)
    }
}

/// Where they are kept.
pub fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// All of them, in the order of their names.
///
/// # Errors
/// The first file that is no such world, or that the directory cannot be read.
pub fn all() -> Result<Vec<Kept>, String> {
    let place = place();
    let told = |error: std::io::Error| format!("{}: {error}", place.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(&place).map_err(told)? {
        paths.push(entry.map_err(told)?.path());
    }
    paths.sort();
    paths.iter().map(|path| Kept::read(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::Slip;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let planted = Planted::InShell(Slip::NoFileSync);
        let head = Head { invariant: "R1".to_string(), text: "it is torn: so".to_string(), planted };
        assert_eq!(Head::parse(&format!("{}a: 1\n", head.print())), Ok(head));
    }

    #[test]
    fn a_file_without_a_head_or_with_an_unknown_mistake_is_refused() {
        for bad in [
            "",
            "disk: 1\n",
            "# R1: torn\ndisk: 1\n",
            "# R1: torn\n# planted: Nobody\n",
            "# R1\n# planted: NoFileSync",
        ] {
            assert!(Head::parse(bad).is_err(), "{bad}");
        }
    }
}
