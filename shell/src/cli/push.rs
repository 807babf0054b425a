//! `ccells push`: the commits of a workstream go to a branch of a remote.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use ccells_core::event::Purpose;
use ccells_core::ids::{Commit, PathText};
use ccells_core::ports::{GitError, PushWish};
use clap::Args;

use super::life::each;
use super::link::{Link, resolve, unless_ended};
use super::{Failure, ground, print};
use crate::control::Request;

/// What goes where, and how.
#[derive(Debug, Args)]
pub(super) struct Push {
    /// Id, unique prefix of an id, or name.
    #[arg(value_name = "ID")]
    id: String,
    /// The remote; the one that git takes by default where none is named.
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,
    /// The branch there; the workstream's own where none is named. The remote's default branch has to be named.
    #[arg(long, value_name = "BRANCH")]
    to: Option<String>,
    /// Also when the branch there loses commits by it, provided that nobody else has pushed to it. Asks on a terminal.
    #[arg(short, long)]
    force: bool,
    /// Also when the agent has replaced commits that were fetched before; the old ones are kept.
    #[arg(long)]
    rewritten: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) async fn run(directory: &Path, verb: &Push) -> Result<u8, Failure> {
    let seen = if verb.force && !verb.json && is_watched() {
        match unless_ended(Box::pin(ask(directory, verb))).await? {
            Said::Yes(seen) => seen,
            Said::No => return Err(Failure::new(4, "nothing was pushed")),
        }
    } else {
        None
    };
    let wish = PushWish {
        remote: verb.remote.clone(),
        branch: verb.to.clone(),
        may_rewrite: verb.rewritten,
        is_forced: verb.force,
        seen,
    };
    let ground = ground(directory).await?;
    let mut link = Link::to_change(&ground, Purpose::Verb).await?;
    let request = |id| Request::Push { id, wish: Box::new(wish.clone()) };
    let outcome = each(&mut link, std::slice::from_ref(&verb.id), verb.json, request).await;
    link.end().await;
    outcome
}

/// Whether somebody is there to be asked.
fn is_watched() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// What was said to a question.
enum Said {
    /// Go on, with what was shown as the branch's place there.
    Yes(Option<Commit>),
    /// Let it be.
    No,
}

/// Shows where the branch stands on the remote, and asks whether it may lose commits.
async fn ask(directory: &Path, verb: &Push) -> Result<Said, Failure> {
    let (mut link, ground) = Link::to_look(directory).await?;
    let picture = link.show().await;
    link.end().await;
    ground.engine.close().await;
    let picture = picture?;
    let (_, card) = resolve(&picture, &verb.id)?;
    let branch = verb.to.as_deref().or(card["branch"].as_str()).unwrap_or_default();
    let git_dir = PathText::from(ground.repo.git_dir.as_str());
    let there =
        ground.git.look_at_remote(&git_dir, verb.remote.as_deref(), branch).await.map_err(git_failure)?;
    let Some(at) = there.at else { return Ok(Said::Yes(None)) };
    let short = at.as_str().get(..12).unwrap_or_default();
    print::tell_on(
        &format!(
            "`{}/{branch}` stands at {short}; what the agent's commits do not come from is lost there. Replace it? [y/N] ",
            there.remote
        ),
        false,
        true,
    );
    let answer = line().await?;
    let is_yes = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    Ok(if is_yes { Said::Yes(Some(at)) } else { Said::No })
}

/// One line of the terminal. The thread that reads it ends with the process: nobody can wake it.
async fn line() -> Result<String, Failure> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line).map(|_| line);
        // Nobody waits any more when a signal came first.
        let _unheard = sender.send(read);
    });
    let read = receiver.await.map_err(|_| Failure::new(1, "the terminal could not be read"))?;
    Ok(read?)
}

/// What git could not do, with its exit code.
pub(super) fn git_failure(error: GitError) -> Failure {
    let code = match error {
        GitError::NoSuchRef { .. } => 3,
        GitError::BranchExists { .. }
        | GitError::Busy { .. }
        | GitError::WouldLose { .. }
        | GitError::Refused { .. }
        | GitError::Conflicts { .. } => 4,
        GitError::Failed { .. } => 1,
    };
    Failure::new(code, error.to_string())
}
