//! The remote of a repository that work begins from and goes to.

use std::path::Path;

use ccells_core::ports::GitError;

use super::command::GitProgram;

/// The name of the remote that is meant where nobody names one: what the user said by `checkout.defaultRemote`, else
/// `origin`, else the only one there is.
pub(super) async fn default_remote(git: &GitProgram, git_dir: &Path) -> Result<Option<String>, GitError> {
    let names = git.on(git_dir).arg("remote").succeed("list the remotes").await?.text();
    let names: Vec<&str> = names.lines().collect();
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
