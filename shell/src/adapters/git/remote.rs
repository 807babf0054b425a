//! The remote of a repository that work begins from and goes to.

use std::fmt;
use std::path::Path;

use ccells_core::naming;
use ccells_core::ports::GitError;

use super::command::GitProgram;

/// The name of the remote that is meant where nobody names one: what the user said by `checkout.defaultRemote`, else
/// `origin`, else the only one there is.
pub(super) async fn default_remote(git: &GitProgram, git_dir: &Path) -> Result<Option<String>, GitError> {
    let names = names(git, git_dir).await?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let wished = git
        .on(git_dir)
        .args(["config", "--get", "checkout.defaultRemote"])
        .finish("look up the default remote")
        .await?
        .text();
    let is_there = |name: &&&str| names.contains(name);
    let named = [wished.as_str(), "origin"].iter().find(is_there).map(|name| (*name).to_owned());
    Ok(named.or_else(|| match names.as_slice() {
        [only] => Some((*only).to_owned()),
        [] | [_, ..] => None,
    }))
}

/// The names of all remotes.
pub(super) async fn names(git: &GitProgram, git_dir: &Path) -> Result<Vec<String>, GitError> {
    let names = git.on(git_dir).arg("remote").succeed("list the remotes").await?.text();
    Ok(names.lines().map(str::to_owned).collect())
}

/// A reference of a remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Far {
    remote: String,
    name: String,
}

impl Far {
    /// The one of this full name.
    pub(super) fn new(remote: String, name: String) -> Self {
        Self { remote, name }
    }

    /// A branch.
    pub(super) fn branch(remote: String, branch: &str) -> Self {
        Self::new(remote, format!("refs/heads/{branch}"))
    }

    /// The remote.
    pub(super) fn remote(&self) -> &str {
        &self.remote
    }

    /// Its full name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it points at, in what a remote lists: a line each, with a tab before the name.
    pub(super) fn find_in<'a>(&self, listing: &'a str) -> Option<&'a str> {
        listing
            .lines()
            .find_map(|line| line.split_once('\t').filter(|(_, name)| *name == self.name))
            .map(|it| it.0)
    }
}

impl fmt::Display for Far {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.strip_prefix("refs/heads/").unwrap_or(&self.name);
        write!(f, "`{}` of {}", naming::sanitise(name), naming::sanitise(&self.remote))
    }
}
