//! Pull requests for what was pushed, for a verb and for the screen alike. All of it happens on the host and beside the runs:
//! nothing of ours changes by it, and a forge that is not reached takes nothing away.

use ccells_core::limits;
use ccells_core::naming;
use ccells_core::ports::GitError;
use ccells_core::record::Facts;

use crate::adapters::gh::{Gh, GhError, NewPullRequest, PullRequest};
use crate::adapters::git::{CommitTexts, RealGit, RemoteBranch};

/// What is wished for of a pull request; what is left out is made from the commits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrWish {
    /// The remote that was pushed to.
    pub remote: Option<String>,
    /// What the branch is called there.
    pub branch: Option<String>,
    /// The branch that it is to go into.
    pub base: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Its body.
    pub body: Option<String>,
    /// Whether it is a draft.
    pub is_draft: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It is made, and here it is.
    New(String),
    /// There was one already.
    There(Box<PullRequest>),
    /// There is none, and nobody here can make one.
    Without {
        /// Why.
        why: String,
        /// Where the user can make one; `None` where nobody knows.
        compare: Option<String>,
    },
}

impl std::fmt::Display for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::New(url) => write!(f, "opened {url}"),
            Self::There(found) => write!(f, "there is a pull request already: {found}"),
            Self::Without { why, compare: Some(url) } => {
                write!(f, "no pull request is opened, for {why}; open one at {url}")
            }
            Self::Without { why, compare: None } => write!(f, "no pull request is opened, for {why}"),
        }
    }
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum PrError {
    /// Git could not tell what there is.
    #[error(transparent)]
    Git(#[from] GitError),
    /// `gh` could not make it.
    #[error("it is pushed, and gh did not open a pull request: {error}{}", place(compare.as_ref()))]
    Gh {
        /// Its words.
        error: GhError,
        /// Where the user can make one.
        compare: Option<String>,
    },
    /// It is not what a pull request can have.
    #[error("{0}")]
    Usage(String),
}

fn place(compare: Option<&String>) -> String {
    compare.map(|url| format!("; open one at {url}")).unwrap_or_default()
}

/// The title and the body of a pull request from what the commits say.
pub async fn draft(git: &RealGit, facts: &Facts) -> Result<(String, String), GitError> {
    let Some(plan) = facts.plan() else { return Ok((facts.name.clone(), String::new())) };
    let CommitTexts { subjects, body } = git.commit_texts(&plan).await?;
    if let [subject] = &subjects[..] {
        return Ok((short(subject), body));
    }
    let first = facts.prompt.lines().map(str::trim).find(|line| !line.is_empty());
    let title = short(&naming::sanitise(first.unwrap_or(&facts.name)));
    let list: Vec<String> = subjects.iter().map(|subject| format!("- {subject}")).collect();
    Ok((title, list.join("\n")))
}

/// As much of a title as a forge takes.
fn short(title: &str) -> String {
    naming::sanitise_to(title, limits::PR_TITLE_BYTES / 4)
}

/// Opens a pull request for the branch that was pushed, or tells which one there is.
pub async fn open(git: &RealGit, facts: &Facts, wish: &PrWish) -> Result<Opened, PrError> {
    check(wish)?;
    let branch = wish.branch.as_deref().unwrap_or(&facts.branch);
    let there = git.look_at_remote(&facts.git_dir, wish.remote.as_deref(), branch).await?;
    let base = wish.base.clone().or_else(|| there.default.clone());
    let compare = compare(&there, base.as_deref());
    let without = |why: String| Ok(Opened::Without { why, compare: compare.clone() });
    let Some((forge, repo)) = there.forge.as_ref().and_then(|it| Some((it, it.for_gh()?))) else {
        return without(format!("`{}` is on no forge that gh knows", there.remote));
    };
    let Some(gh) = Gh::find() else { return without("gh is not installed".to_owned()) };
    if let Err(error) = gh.check_login(&forge.host).await {
        return without(format!("gh is not logged in to {}: {error}", forge.host));
    }
    let failed = |error| PrError::Gh { error, compare: compare.clone() };
    if let Some(found) = gh.newest(&repo, branch, true).await.map_err(failed)? {
        return Ok(Opened::There(Box::new(found)));
    }
    let (title, body) = draft(git, facts).await?;
    let new = NewPullRequest {
        base,
        title: wish.title.clone().unwrap_or(title),
        body: wish.body.clone().unwrap_or(body),
        is_draft: wish.is_draft,
    };
    Ok(Opened::New(gh.create(&repo, branch, &new).await.map_err(failed)?))
}

/// The newest pull request of a branch. Why that cannot be told is told in words, for who is offline has done nothing wrong.
pub async fn status(
    git: &RealGit,
    facts: &Facts,
    remote: Option<&str>,
) -> Result<Option<PullRequest>, String> {
    let place = git.forge_of(&facts.git_dir, remote).await.map_err(|error| error.to_string())?;
    let Some((_, repo)) = place.as_ref().and_then(|it| Some((it, it.for_gh()?))) else {
        return Err("the remote is on no forge that gh knows".to_owned());
    };
    let Some(gh) = Gh::find() else { return Err("gh is not installed".to_owned()) };
    gh.newest(&repo, &facts.branch, false).await.map_err(|error| error.to_string())
}

fn compare(there: &RemoteBranch, base: Option<&str>) -> Option<String> {
    let base = base.filter(|base| *base != there.branch)?;
    there.forge.as_ref()?.compare(base, &there.branch)
}

/// Refuses what no pull request can have: before anything is pushed for it.
pub fn check(wish: &PrWish) -> Result<(), PrError> {
    let usage = |text: String| Err(PrError::Usage(text));
    if let Some(base) = &wish.base
        && let Err(error) = naming::validate_branch(base)
    {
        return usage(error.to_string());
    }
    match (&wish.title, &wish.body) {
        (Some(title), _) if title.trim().is_empty() => usage("the title is empty".to_owned()),
        (Some(title), _) if title.contains(['\n', '\0']) => {
            usage("the title has more than one line".to_owned())
        }
        (Some(title), _) if title.len() > limits::PR_TITLE_BYTES => {
            usage(format!("the title has {} bytes; at most {} fit", title.len(), limits::PR_TITLE_BYTES))
        }
        (_, Some(body)) if body.len() > limits::PR_BODY_BYTES => {
            usage(format!("the body has {} bytes; at most {} fit", body.len(), limits::PR_BODY_BYTES))
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}
