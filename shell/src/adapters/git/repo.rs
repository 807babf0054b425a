//! Which repository we are in, what it borrows from, and from which commit a workstream starts.

use std::path::{Path, PathBuf};

use ccells_core::ids::{Commit, PathText};
use ccells_core::limits;
use ccells_core::naming;
use ccells_core::ports::GitError;

use super::command::{Answer, GitProgram, failed};

/// What there is to know about the user's repository before anything is made in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoFacts {
    /// Top of the checkout we are in, which may be a linked worktree.
    pub top: PathText,
    /// The git directory all worktrees of the repository share.
    pub git_dir: PathText,
    /// Where its objects are: its own directory first, then those it borrows from.
    pub object_dirs: Vec<PathText>,
    /// The branch new work starts from unless told otherwise; `None`: from HEAD.
    pub default_branch: Option<String>,
    /// The repository's name, for people and for slugs.
    pub name: String,
}

/// Finds the repository that `directory` is in.
pub(super) async fn find(git: &GitProgram, directory: &Path) -> Result<RepoFacts, GitError> {
    let shown = naming::sanitise(&directory.to_string_lossy());
    let answer = git
        .within(directory)
        .args(["rev-parse", "--path-format=absolute", "--is-bare-repository", "--is-inside-work-tree"])
        .args(["--show-toplevel", "--git-common-dir", "HEAD^{commit}"])
        .finish(&format!("find the repository of {shown}"))
        .await?;
    let printed = String::from_utf8(answer.output.clone())
        .map_err(|_| failed("the repository's path is not UTF-8; move it to a path that is"))?;
    let lines: Vec<&str> = printed.lines().collect();
    let [_, _, top, git_dir, _] = lines[..] else { return Err(no_checkout(&shown, &lines, &answer)) };
    if !answer.is_success {
        return Err(failed(format!(
            "the repository at {top} has no commit yet; make a first one (git commit --allow-empty -m start)"
        )));
    }
    let refs = list_refs(|| git.within(directory), &["refs/remotes/origin/HEAD"]).await?;
    let chosen = default_base(git, directory, &refs).await?;
    Ok(RepoFacts {
        top: PathText::from(top),
        git_dir: PathText::from(git_dir),
        object_dirs: texts(&object_dirs(Path::new(git_dir)))?,
        default_branch: chosen.and_then(|(name, _)| name.strip_prefix("refs/heads/").map(str::to_owned)),
        name: name_of(Path::new(git_dir)),
    })
}

/// The error for a directory that is in no checkout, from what git told before it gave up.
fn no_checkout(shown: &str, lines: &[&str], answer: &Answer) -> GitError {
    match lines {
        [] => answer.error(&format!(
            "find a git repository at {shown} (start ccells inside a checkout, or make one with git init)"
        )),
        ["true", ..] => failed(format!(
            "{shown} is a bare repository, which has no files; start ccells in a checkout of it (git worktree add)"
        )),
        _ => failed(format!("{shown} is inside a git directory; start ccells in the checkout it belongs to")),
    }
}

/// The repository's name: its checkout's directory, or its own without `.git`.
fn name_of(git_dir: &Path) -> String {
    let own = git_dir.file_name().unwrap_or_default();
    let directory =
        if own == ".git" { git_dir.parent().and_then(Path::file_name).unwrap_or(own) } else { own };
    let name = directory.to_string_lossy();
    naming::sanitise_to(name.strip_suffix(".git").unwrap_or(&name), limits::NAME_CHARS)
}

/// The commit `reference` names, provided that `branch` is valid and free.
pub(super) async fn resolve_base(
    git: &GitProgram,
    repo: &Path,
    reference: Option<&str>,
    branch: &str,
) -> Result<Commit, GitError> {
    naming::validate_branch(branch).map_err(|error| failed(error.to_string()))?;
    let wanted = format!("refs/heads/{branch}");
    let parents: Vec<&str> = wanted.match_indices('/').skip(2).map(|(at, _)| &wanted[..at]).collect();
    let mut patterns = vec!["refs/remotes/origin/HEAD", wanted.as_str()];
    patterns.extend(&parents);
    let refs = list_refs(|| git.within(repo), &patterns).await?;
    let below = format!("{wanted}/");
    // A branch `a` and a branch `a/b` cannot both be: one is a file where the other needs a directory.
    let in_the_way = |name: &str| name == wanted || name.starts_with(&below) || parents.contains(&name);
    if let Some(taken) = refs.iter().find(|found| in_the_way(&found.name)) {
        let branch = taken.name["refs/heads/".len()..].to_owned();
        return Err(GitError::BranchExists { branch });
    }
    let found = match reference {
        Some(reference) => commit_of(git, repo, reference).await?,
        None => default_base(git, repo, &refs).await?.map(|(_, commit)| commit),
    };
    found.ok_or_else(|| GitError::NoSuchRef { reference: naming::sanitise(reference.unwrap_or("HEAD")) })
}

/// The reference new work starts from unless told otherwise, and its commit: what the remote calls its default, as it
/// is here; else `main`, `master`, HEAD.
pub(super) async fn default_base(
    git: &GitProgram,
    repo: &Path,
    refs: &[Reference],
) -> Result<Option<(String, Commit)>, GitError> {
    let remote = refs.iter().find(|found| found.name == "refs/remotes/origin/HEAD");
    let local = remote.and_then(|found| found.target.strip_prefix("refs/remotes/origin/"));
    let candidates = local.into_iter().chain(["main", "master"]).map(|name| format!("refs/heads/{name}"));
    for candidate in candidates.chain(["HEAD".to_owned()]) {
        if let Some(commit) = commit_of(git, repo, &candidate).await? {
            return Ok(Some((candidate, commit)));
        }
    }
    Ok(None)
}

/// The commit `reference` names in the checkout at `repo`, if any. Whatever the text is, git takes it for a name.
pub(super) async fn commit_of(
    git: &GitProgram,
    repo: &Path,
    reference: &str,
) -> Result<Option<Commit>, GitError> {
    if reference.is_empty() || reference.contains('\0') || reference.len() > limits::REF_BYTES {
        return Ok(None);
    }
    let answer = git
        .within(repo)
        .args(["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{reference}^{{commit}}")])
        .finish("look up the commit to start from")
        .await?;
    if !answer.is_success {
        return Ok(None);
    }
    Commit::parse(&answer.text()).map(Some).map_err(|error| failed(error.to_string()))
}

/// One reference of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its full name.
    pub name: String,
    /// What it points at.
    pub object: String,
    /// The reference it stands for; empty when it stands for itself.
    pub target: String,
    /// The worktree it is checked out in; empty when in none.
    pub worktree: String,
}

/// The references that `patterns` name, or that are below them.
///
/// Git gives up on the whole list when a worktree of the repository is being made or taken away at that moment; then it
/// is asked again.
pub(super) async fn list_refs(
    call: impl Fn() -> super::command::Call,
    patterns: &[&str],
) -> Result<Vec<Reference>, GitError> {
    let mut tries = 1..=limits::LIST_REFS_TRIES;
    loop {
        let listed = list_refs_once(call(), patterns).await;
        tries.next();
        if listed.is_ok() || tries.is_empty() {
            return listed;
        }
        tokio::time::sleep(std::time::Duration::from_millis(limits::LIST_REFS_WAIT_MS)).await;
    }
}

async fn list_refs_once(call: super::command::Call, patterns: &[&str]) -> Result<Vec<Reference>, GitError> {
    let format = "--format=%(refname)%00%(objectname)%00%(symref)%00%(worktreepath)";
    let answer = call.args(["for-each-ref", format]).args(patterns).succeed("list references").await?;
    Ok(parse_references(&answer.text()))
}

/// What git prints of references: a line each, with four fields between zero bytes. Other lines are left out.
pub fn parse_references(text: &str) -> Vec<Reference> {
    let parse = |line: &str| {
        let mut fields = line.split('\0').map(str::to_owned);
        let mut next = || fields.next();
        Some(Reference { name: next()?, object: next()?, target: next()?, worktree: next()? })
    };
    text.lines().filter_map(parse).collect()
}

/// The directories the objects of the repository at `git_dir` are in: its own, then those it borrows from, each once.
pub fn object_dirs(git_dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![git_dir.join("objects")];
    let mut next = 0;
    while next < found.len() {
        let directory = found[next].clone();
        next += 1;
        let borrowed = super::disk::read_text(&directory.join("info/alternates")).unwrap_or_default();
        for line in borrowed.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '"'])) {
            let lender = directory.join(line);
            let lender = lender.canonicalize().unwrap_or(lender);
            if found.len() < limits::ALTERNATES && !found.contains(&lender) && lender.is_dir() {
                found.push(lender);
            }
        }
    }
    found
}

/// Paths as text, which is all the core knows.
fn texts(paths: &[PathBuf]) -> Result<Vec<PathText>, GitError> {
    let text = |path: &PathBuf| path.to_str().map(PathText::from);
    paths
        .iter()
        .map(text)
        .collect::<Option<_>>()
        .ok_or_else(|| failed("a path of the repository's objects is not UTF-8"))
}
