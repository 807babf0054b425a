//! Pushing an agent's commits to a remote of the user's: what was fetched and nothing else, to one branch and no other.
//! What the remote says is a stranger's word: it is shown, made harmless, and decides nothing.
//!
//! The branch on the remote is old or new whenever we are killed, and pushing again finds out which. Here only a note of
//! ours is written, of where a push left that branch, and what `git push` itself keeps: the remote-tracking branch.

use std::path::Path;

use ccells_core::ids::Commit;
use ccells_core::limits;
use ccells_core::naming;
use ccells_core::ports::{GitError, PushHow, PushWish, Pushed};

use super::Workplace;
use super::command::{Answer, GitProgram, failed};
use super::fetch::brief;
use super::merge::refused;
use super::remote::default_remote;
use super::work::{parse, shown};
use crate::forge::{Forge, without_credentials};

/// A branch of a remote, as the remote tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteBranch {
    /// The name of the remote.
    pub remote: String,
    /// The repository that it is, where a browser could open it.
    pub forge: Option<Forge>,
    /// What the branch is called, without `refs/heads/`.
    pub branch: String,
    /// Where it stands; `None` where there is none of that name.
    pub at: Option<Commit>,
    /// The branch that everybody begins from there, where the remote tells it.
    pub default: Option<String>,
}

/// Asks the remote of that name, or the usual one, for its branch `branch`.
pub(super) async fn look_at_remote(
    git: &GitProgram,
    git_dir: &Path,
    remote: Option<&str>,
    branch: &str,
) -> Result<RemoteBranch, GitError> {
    naming::validate_branch(branch).map_err(|error| refused(error.to_string()))?;
    let remote = named_remote(git, git_dir, remote).await?;
    let address = push_address(git, git_dir, &remote).await?;
    // What the user has set for the remote holds by its name alone.
    let is_fetched_from = fetch_address(git, git_dir, &remote).await? == address;
    let asked = if is_fetched_from { &remote } else { &address };
    let name = format!("refs/heads/{branch}");
    let call = git.to_remote(git_dir, limits::REMOTE_FETCH_MS);
    let answer = call.args(["ls-remote", "--symref", "--", asked, "HEAD", &name]).finish(LOOK).await?;
    if !answer.is_success {
        return Err(failed(format!(
            "could not {LOOK} `{remote}`; git said: {}; see that `git ls-remote {remote}` works, then try again",
            said(&answer)
        )));
    }
    let (at, default) = parse_listing(&answer.text(), &name)?;
    let default = match default {
        Some(default) => Some(default),
        None => default_here(git, git_dir, &remote).await?,
    };
    Ok(RemoteBranch { remote, forge: Forge::parse(&address), branch: branch.to_owned(), at, default })
}

/// The forge that a remote is pushed to.
pub(super) async fn forge_of(
    git: &GitProgram,
    git_dir: &Path,
    remote: Option<&str>,
) -> Result<Option<Forge>, GitError> {
    let remote = named_remote(git, git_dir, remote).await?;
    Ok(Forge::parse(&push_address(git, git_dir, &remote).await?))
}

/// What the commits of a workstream say, safe to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitTexts {
    /// The first line of each, oldest first.
    pub subjects: Vec<String>,
    /// What the only one says besides; empty where there are several.
    pub body: String,
}

const LOOK: &str = "look at the remote";

/// What the remote's default branch was when it was last looked at by the user's git.
async fn default_here(git: &GitProgram, git_dir: &Path, remote: &str) -> Result<Option<String>, GitError> {
    let call = git.on(git_dir).args(["symbolic-ref", "--quiet", &format!("refs/remotes/{remote}/HEAD")]);
    let found = call.finish("look up the default branch").await?.text();
    Ok(found.strip_prefix(&format!("refs/remotes/{remote}/")).map(str::to_owned))
}

/// The remote of this name, or the usual one. Only one that the user's configuration has is any.
async fn named_remote(git: &GitProgram, git_dir: &Path, wished: Option<&str>) -> Result<String, GitError> {
    let names = git.on(git_dir).arg("remote").succeed("list the remotes").await?.text();
    let names: Vec<&str> = names.lines().collect();
    let found = match wished {
        Some(wished) => names.contains(&wished).then(|| wished.to_owned()),
        None => default_remote(git, git_dir).await?,
    };
    let listed = || names.iter().map(|name| naming::sanitise(name)).collect::<Vec<_>>().join(", ");
    match (found, wished) {
        // It is a part of the names of references, and a word of commands.
        (Some(name), _) if naming::validate_branch(&name).is_err() => Err(refused(format!(
            "the remote `{}` has a name that is not pushed to; give it a plain one (git remote rename)",
            naming::sanitise(&name)
        ))),
        (Some(name), _) => Ok(name),
        (None, _) if names.is_empty() => {
            Err(refused("this repository has no remote to push to; add one (git remote add origin ADDRESS)"))
        }
        (None, Some(wished)) => {
            Err(refused(format!("there is no remote `{}`; there is: {}", naming::sanitise(wished), listed())))
        }
        (None, None) => Err(refused(format!(
            "this repository has several remotes; name the one to push to (--remote): {}",
            listed()
        ))),
    }
}

/// The one address that a remote is pushed to.
async fn push_address(git: &GitProgram, git_dir: &Path, remote: &str) -> Result<String, GitError> {
    let call = git.on(git_dir).args(["remote", "get-url", "--push", "--all", remote]);
    let addresses = call.succeed("look up the remote's address").await?.text();
    match addresses.lines().collect::<Vec<_>>()[..] {
        [address] => Ok(address.to_owned()),
        _ => Err(refused(format!(
            "the remote `{remote}` is pushed to several places at once; name one that has a single address"
        ))),
    }
}

/// The address that a remote is fetched from first.
async fn fetch_address(git: &GitProgram, git_dir: &Path, remote: &str) -> Result<String, GitError> {
    let call = git.on(git_dir).args(["remote", "get-url", remote]);
    Ok(call.succeed("look up the remote's address").await?.text())
}

/// Where the reference `name` stands and which branch HEAD stands for, in what `ls-remote --symref` prints.
fn parse_listing(text: &str, name: &str) -> Result<(Option<Commit>, Option<String>), GitError> {
    let (mut at, mut default) = (None, None);
    for (value, of) in text.lines().filter_map(|line| line.split_once('\t')) {
        if of == "HEAD" && default.is_none() {
            default = value.strip_prefix("ref: refs/heads/").map(str::to_owned);
        } else if of == name {
            at = Some(parse(value)?);
        }
    }
    Ok((at, default))
}

/// What git said, safe to show.
fn said(answer: &Answer) -> String {
    let said = without_credentials(&answer.complaint);
    if said.is_empty() { "nothing".to_owned() } else { said }
}

/// What git says of one reference that it pushed: a mark, and the reason where there is one.
fn parse_status<'a>(text: &'a str, name: &str) -> Option<(char, &'a str)> {
    text.lines().find_map(|line| {
        let mut fields = line.splitn(3, '\t');
        let (mark, names, summary) = (fields.next()?, fields.next()?, fields.next()?);
        let mark = mark.chars().next()?;
        (names.split(':').nth(1) == Some(name)).then_some((mark, summary))
    })
}

impl Workplace {
    /// Pushes `head` as was wished for.
    pub(super) async fn push_work(&self, head: &Commit, wish: &PushWish) -> Result<Pushed, GitError> {
        self.check_plan()?;
        let branch = wish.branch.as_deref().unwrap_or(&self.plan.branch);
        let there = look_at_remote(&self.git, self.git_dir(), wish.remote.as_deref(), branch).await?;
        refuse_default(&there, wish)?;
        let compare = there.default.as_deref().filter(|default| *default != branch);
        let compare = compare.and_then(|default| there.forge.as_ref()?.compare(default, branch));
        let pushed = |how, commits| Pushed {
            remote: there.remote.clone(),
            branch: branch.to_owned(),
            how,
            commits,
            compare,
        };
        if there.at.as_ref() == Some(head) {
            self.note(&there, head).await;
            return Ok(pushed(PushHow::Nothing, 0));
        }
        if there.at.is_none() && *head == self.plan.base {
            return Err(refused("the agent has committed nothing yet, so there is nothing to push"));
        }
        let known = match &there.at {
            Some(at) if self.has(at).await? => Some(at.clone()),
            _ => None,
        };
        let is_ahead = match &known {
            Some(at) => self.is_ancestor(at, head).await?,
            None => there.at.is_none(),
        };
        let lease = if is_ahead { None } else { self.lease(&there, wish).await? };
        let commits = self.count(known.as_ref().unwrap_or(&self.plan.base), head).await?;
        if let Err(why) = self.send(&there, head, lease.as_ref()).await {
            // Its answer may be what got lost, and what an earlier run sent may land just now.
            let again = look_at_remote(&self.git, self.git_dir(), Some(&there.remote), branch).await;
            if !again.is_ok_and(|again| again.at.as_ref() == Some(head)) {
                return Err(why);
            }
        }
        self.note(&there, head).await;
        let how = match (&there.at, &lease) {
            (None, _) => PushHow::Made,
            (Some(_), None) => PushHow::Moved,
            (Some(_), Some(_)) => PushHow::Replaced,
        };
        Ok(pushed(how, commits))
    }

    /// What the commits say that were fetched last.
    pub(super) async fn commit_texts(&self) -> Result<CommitTexts, GitError> {
        let Some(found) = self.reference(&self.head_ref()).await? else { return Ok(CommitTexts::default()) };
        let head = parse(&found.object)?;
        let mut subjects = self.lines_of(&self.plan.base, &head, "--format=%s").await?;
        let body = match subjects[..] {
            [_] => self.lines_of(&self.plan.base, &head, "--format=%b").await?.join("\n").trim().to_owned(),
            _ => String::new(),
        };
        let left = subjects.len().saturating_sub(limits::MESSAGE_COMMITS);
        subjects.truncate(limits::MESSAGE_COMMITS);
        subjects.extend((left > 0).then(|| format!("and {left} more")));
        Ok(CommitTexts { subjects, body })
    }

    /// Where the branch there has to stand so that it may lose commits; `None` when it may not.
    async fn lease(&self, there: &RemoteBranch, wish: &PushWish) -> Result<Option<Commit>, GitError> {
        let Some(at) = there.at.clone().filter(|_| wish.is_forced) else { return Ok(None) };
        let RemoteBranch { remote, branch, .. } = there;
        let moved = |when: &str| {
            refused(format!(
                "`{remote}/{branch}` was pushed to by somebody else {when}: it stands at {}, and nothing was replaced; look at \
                 it (git fetch {remote}), and let the agent take up what is there",
                brief(&at)
            ))
        };
        if let Some(seen) = &wish.seen {
            return if *seen == at { Ok(Some(at)) } else { Err(moved("since you were asked")) };
        }
        let noted = self.reference(&self.pushed_ref(there)).await?;
        let is_ours = match noted {
            // The user was told of it when the force was wished for, or wished for it whatever is there.
            None => true,
            Some(noted) => noted.object == at.as_str() || self.was_taken(&at).await?,
        };
        if is_ours { Ok(Some(at)) } else { Err(moved("since the last push")) }
    }

    /// Whether a commit was among those fetched from the agent: then nothing of anybody else's is lost with it. So it is
    /// with a push that arrived and was never noted.
    async fn was_taken(&self, commit: &Commit) -> Result<bool, GitError> {
        if !self.has(commit).await? {
            return Ok(false);
        }
        for name in [self.head_ref(), self.was_ref()] {
            let Some(found) = self.reference(&name).await? else { continue };
            if self.is_ancestor(commit, &parse(&found.object)?).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the repository has a commit.
    async fn has(&self, commit: &Commit) -> Result<bool, GitError> {
        let call = self.on_repo().args(["cat-file", "-e", &format!("{commit}^{{commit}}")]);
        Ok(call.finish("look up a commit").await?.is_success)
    }

    /// Sends it. The process is not marked as this workstream's: a helper that keeps the user's credentials may outlive it,
    /// and nothing of ours has to wait for that.
    async fn send(
        &self,
        there: &RemoteBranch,
        head: &Commit,
        lease: Option<&Commit>,
    ) -> Result<(), GitError> {
        let RemoteBranch { remote, branch, .. } = there;
        let aim = format!("push to `{remote}/{branch}`");
        let name = format!("refs/heads/{branch}");
        let call = self.git.to_remote(self.git_dir(), limits::PUSH_MS);
        let mut call = call.args(["push", "--porcelain", "--no-verify", "--no-follow-tags"]);
        if let Some(at) = lease {
            call = call.arg(format!("--force-with-lease={name}:{at}"));
        }
        let answer = call.args(["--", remote, &format!("{head}:{name}")]).finish(&aim).await?;
        let text = answer.text();
        let Some((mark, summary)) = parse_status(&text, &name) else {
            return Err(failed(format!(
                "could not {aim}; git said: {}; whether the commits arrived is not certain: push again to see",
                said(&answer)
            )));
        };
        if mark != '!' {
            return Ok(());
        }
        let reason = summary.rsplit_once('(').map_or(summary, |(_, reason)| reason.trim_end_matches(')'));
        Err(refused(match reason {
            "non-fast-forward" | "fetch first" | "needs force" => format!(
                "`{remote}/{branch}` has commits that these do not come from, and nothing was pushed; let the agent rebase \
                 onto them, or replace them (--force)"
            ),
            "stale info" => format!(
                "`{remote}/{branch}` has moved just now, and nothing was replaced; look at it (git fetch {remote}), then \
                 push again"
            ),
            _ => format!(
                "the remote did not take `{remote}/{branch}`: {}; git said: {}",
                shown(reason.as_bytes()),
                said(&answer)
            ),
        }))
    }

    /// Notes where a push left the branch there. Without the note the next force asks the remote alone, so that it cannot
    /// be written is no failure of the push.
    async fn note(&self, there: &RemoteBranch, head: &Commit) {
        let name = self.pushed_ref(there);
        let Ok(before) = self.reference(&name).await else { return };
        let Ok(before) = before.map(|found| parse(&found.object)).transpose() else { return };
        let _unnoted = self.advance(&name, head, before.as_ref()).await;
    }

    /// The full name of the note where a push left this branch. A branch's name is one part of it, so that no two are in
    /// each other's way.
    fn pushed_ref(&self, there: &RemoteBranch) -> String {
        let part = |name: &str| name.replace('/', "%");
        format!("{}/{}/{}", self.pushed_refs(), part(&there.remote), part(&there.branch))
    }
}

/// Refuses to push to the branch that everybody begins from, unless the user has named it, and to force it at all.
fn refuse_default(there: &RemoteBranch, wish: &PushWish) -> Result<(), GitError> {
    let branch = &there.branch;
    if there.default.as_ref() != Some(branch) {
        return Ok(());
    }
    if wish.is_forced {
        return Err(refused(format!("`{branch}` is the branch everybody begins from, and is never forced")));
    }
    if wish.branch.is_none() {
        return Err(refused(format!(
            "`{branch}` is the branch everybody begins from; merge with a pull request, or say --to {branch}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_remote_lists_is_taken_by_its_exact_name() {
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        let text = format!(
            "ref: refs/heads/main\tHEAD\n{one}\tHEAD\n{two}\trefs/x/refs/heads/a\n{one}\trefs/heads/a"
        );
        let (at, default) = parse_listing(&text, "refs/heads/a").unwrap();
        assert_eq!((at.unwrap().as_str(), default.as_deref()), (one.as_str(), Some("main")));
        assert_eq!(parse_listing("", "refs/heads/a").unwrap(), (None, None));
        assert!(parse_listing("nonsense\trefs/heads/a", "refs/heads/a").is_err());
    }

    #[test]
    fn the_status_of_the_one_reference_is_read() {
        let text =
            "To /there\n!\tabc:refs/heads/b\t[rejected] (fetch first)\n \tabc:refs/heads/a\tx..y\nDone";
        assert_eq!(parse_status(text, "refs/heads/a"), Some((' ', "x..y")));
        assert_eq!(parse_status(text, "refs/heads/b"), Some(('!', "[rejected] (fetch first)")));
        assert_eq!(parse_status(text, "refs/heads/c"), None);
    }
}
