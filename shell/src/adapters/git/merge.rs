//! Bringing an agent's commits into a branch of the user, up to the commit that the branch will stand at. Objects are
//! added to the repository and nothing else of the user's is touched.

use ccells_core::ids::{Commit, PathText};
use ccells_core::limits;
use ccells_core::naming;
use ccells_core::ports::{BranchMove, GitError, MergeHow, MergeWish};
use ccells_core::record::FactsRecord;

use super::Workplace;
use super::checkout::Checkout;
use super::command::{Call, failed};
use super::repo::{Reference, default_base, list_refs};
use super::work::{parse, shown};

/// The first git that merges without a checkout.
const MERGES_SINCE: Version = Version(2, 38);
/// The first git that is told of which commit the attributes of files are.
const TAKES_ATTRIBUTES_SINCE: Version = Version(2, 41);

/// A version of git, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32);

impl Version {
    /// Reads `git version 2.47.3`, whatever comes behind it.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.strip_prefix("git version ")?.split(['.', ' ', '-']);
        Some(Self(numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }
}

/// The error for what is not done, and changes nothing.
pub(super) fn refused(what: impl Into<String>) -> GitError {
    GitError::Refused { what: what.into() }
}

/// A branch without `refs/heads/`, safe to show.
pub(super) fn short(name: &str) -> String {
    shown(name.strip_prefix("refs/heads/").unwrap_or(name).as_bytes())
}

impl Workplace {
    /// What has to happen for `head` to come into the branch that is wished for; of the user's, nothing but the store of
    /// objects changes.
    pub(super) async fn judge_merge(
        &self,
        name: &str,
        head: &Commit,
        wish: &MergeWish,
    ) -> Result<Option<BranchMove>, GitError> {
        self.check_plan()?;
        let target = self.target(wish.onto.as_deref()).await?;
        let from = parse(&target.object)?;
        if self.is_ancestor(head, &from).await? {
            return Ok(None);
        }
        let checkout = self.checkout_of(&target).await?;
        self.refuse_under_way(&target.name, checkout.as_ref()).await?;
        let is_ahead = self.is_ancestor(&from, head).await?;
        let to = if wish.how == MergeHow::Merge && is_ahead {
            head.clone()
        } else {
            let tree =
                if is_ahead { self.tree_of(head).await? } else { self.merged_tree(&from, head).await? };
            let is_squash = wish.how == MergeHow::Squash;
            if is_squash && tree == self.tree_of(&from).await? {
                return Ok(None);
            }
            let message = self.message(name, &from, head, wish).await?;
            let parents = if is_squash { vec![&from] } else { vec![&from, head] };
            self.commit_merge(checkout.as_ref(), &tree, &parents, message).await?
        };
        let commits = self.count(&from, &to).await?;
        let branch = target.name["refs/heads/".len()..].to_owned();
        let checkout = checkout.map(|it| it.text()).transpose()?;
        Ok(Some(BranchMove { branch, from, to, checkout, commits }))
    }

    /// The commit that was fetched last, where a branch of the user has all of it: as it is, or as the same files in other
    /// commits. The agent may have gone on since.
    pub(super) async fn merged_head(&self) -> Result<Option<Commit>, GitError> {
        let Some(found) = self.reference(&self.head_ref()).await? else { return Ok(None) };
        let head = parse(&found.object)?;
        if head == self.plan.base {
            return Ok(None);
        }
        let call = self.on_repo().args(["for-each-ref", "--format=%(refname)", "--contains", head.as_str()]);
        let holders =
            call.args(["refs/heads", "refs/remotes"]).succeed("look who has the agent's commits").await?;
        if holders.text().lines().any(|name| name != self.branch_ref()) {
            return Ok(Some(head));
        }
        let Ok(target) = self.target(None).await else { return Ok(None) };
        let target = parse(&target.object)?;
        let is_there = match self.merged_tree(&target, &head).await {
            Ok(tree) => tree == self.tree_of(&target).await?,
            // What cannot be merged by itself is not there.
            Err(_) => false,
        };
        Ok(is_there.then_some(head))
    }

    /// The branch of the user that a merge goes into.
    pub(super) async fn target(&self, onto: Option<&str>) -> Result<Reference, GitError> {
        let name = match onto {
            Some(onto) => format!("refs/heads/{onto}"),
            None => self.usual_target().await?,
        };
        let named = short(&name);
        if name.contains('\0') || name.len() > limits::REF_BYTES {
            return Err(refused(format!("`{named}` is no branch; name the one it shall go into")));
        }
        let Some(found) = self.reference(&name).await? else {
            return Err(refused(format!(
                "there is no branch `{named}` here; make it (git branch), or name another one"
            )));
        };
        if !found.target.is_empty() {
            let meant = short(&found.target);
            return Err(refused(format!("`{named}` only stands for `{meant}`; name that one")));
        }
        if self.is_of_a_workstream(&found) {
            return Err(refused(format!(
                "`{named}` is the branch of a workstream, whose agent would not notice; name a branch of your own"
            )));
        }
        Ok(found)
    }

    /// The local branch that the workstream began from, or else the one that new work begins from.
    async fn usual_target(&self) -> Result<String, GitError> {
        let facts: Option<FactsRecord> = self.record_in_home("workstream.json").await?;
        if let Some(began) = facts.and_then(|record| record.facts.base_ref) {
            let name = format!("refs/heads/{}", began.strip_prefix("refs/heads/").unwrap_or(&began));
            let is_name = !began.contains('\0') && began.len() <= limits::REF_BYTES;
            if is_name && self.reference(&name).await?.is_some() {
                return Ok(name);
            }
        }
        let refs = list_refs(|| self.on_repo(), &["refs/remotes/origin/HEAD"]).await?;
        let usual = default_base(&self.git, self.git_dir(), &refs).await?.map(|(name, _)| name);
        match usual {
            Some(name) if name != "HEAD" => Ok(name),
            _ => {
                let head = self.at_home().args(["symbolic-ref", "--quiet", "HEAD"]);
                let head = head.finish("look up the branch that is checked out").await?;
                if head.is_success {
                    return Ok(head.text());
                }
                Err(refused(
                    "no branch is checked out, and none is called main or master; name the one it shall go into",
                ))
            }
        }
    }

    /// The reference of this very name, if there is one.
    pub(super) async fn reference(&self, name: &str) -> Result<Option<Reference>, GitError> {
        let found = list_refs(|| self.on_repo(), &[name]).await?;
        Ok(found.into_iter().find(|found| found.name == name))
    }

    /// Whether an agent works on this branch: its worktree is called after the workstream.
    fn is_of_a_workstream(&self, found: &Reference) -> bool {
        let place = std::path::Path::new(&found.worktree).file_name().and_then(std::ffi::OsStr::to_str);
        let is_theirs = place.is_some_and(|name| ccells_core::ids::WorkstreamId::parse(name).is_ok());
        is_theirs || found.name == self.branch_ref()
    }

    /// Whether `new` has all that `old` has.
    pub(super) async fn is_ancestor(&self, old: &Commit, new: &Commit) -> Result<bool, GitError> {
        is_ancestor(self.on_repo(), old, new).await
    }

    /// The files that a merge of both would have.
    async fn merged_tree(&self, ours: &Commit, theirs: &Commit) -> Result<String, GitError> {
        let version = self.version().await?;
        if version < MERGES_SINCE {
            let (Version(major, minor), Version(wanted, least)) = (version, MERGES_SINCE);
            return Err(refused(format!(
                "this needs git {wanted}.{least} or newer, and git here is {major}.{minor}; install a newer one, \
                 or rebase the work in its workstream, so that nothing has to be merged"
            )));
        }
        let call = of_tree(self.at_home(), version, ours);
        let call = call.args(["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z"]);
        let aim = "merge";
        let answer = call.args([ours.as_str(), theirs.as_str()]).finish(aim).await?;
        let mut records = answer.records();
        let tree = records.next().map(|tree| String::from_utf8_lossy(tree).into_owned());
        match (answer.code, tree) {
            (Some(0), Some(tree)) => Ok(tree),
            (Some(1), Some(_)) => {
                let mut files: Vec<String> = records.take(limits::WORK_FILES).map(shown).collect();
                files.sort();
                files.dedup();
                Err(GitError::Conflicts { files })
            }
            _ => Err(refused(answer.error(aim).to_string())),
        }
    }

    /// Which git this is.
    pub(super) async fn version(&self) -> Result<Version, GitError> {
        let answer = self.on_repo().arg("version").succeed("ask git for its version").await?;
        Version::parse(&answer.text())
            .ok_or_else(|| failed(format!("git's version could not be read: {}", shown(&answer.output))))
    }

    pub(super) async fn tree_of(&self, commit: &Commit) -> Result<String, GitError> {
        let call = self.on_repo().args(["rev-parse", "--verify", &format!("{commit}^{{tree}}")]);
        Ok(call.succeed("look up the files of a commit").await?.text())
    }

    /// How many commits `to` has that `from` has not.
    pub(super) async fn count(&self, from: &Commit, to: &Commit) -> Result<u32, GitError> {
        let call = self.on_repo().args(["rev-list", "--count", &format!("{from}..{to}")]);
        let text = call.succeed("count the commits").await?.text();
        text.parse().map_err(|_| failed(format!("git's count of commits could not be read: {text}")))
    }

    /// The message of the commit that is made: as wished for, or from what the commits say. What an agent wrote is in it
    /// only as far as it can be shown.
    async fn message(
        &self,
        name: &str,
        from: &Commit,
        head: &Commit,
        wish: &MergeWish,
    ) -> Result<String, GitError> {
        let wished = wish.message.as_deref().map(|text| text.replace('\0', ""));
        if let Some(wished) = wished.filter(|text| !text.trim().is_empty()) {
            return Ok(wished);
        }
        if wish.how != MergeHow::Squash {
            return Ok(format!("Merge branch '{}'", self.plan.branch));
        }
        let subjects = self.lines_of(from, head, "--format=%s").await?;
        if subjects.len() == 1 {
            return Ok(self.lines_of(from, head, "--format=%B").await?.join("\n"));
        }
        let left = subjects.len().saturating_sub(limits::MESSAGE_COMMITS);
        let listed = subjects.iter().take(limits::MESSAGE_COMMITS).map(|subject| format!("\n* {subject}"));
        let rest = (left > 0).then(|| format!("\n* and {left} more"));
        let list: String = listed.chain(rest).collect();
        Ok(format!("{}\n{list}", naming::sanitise(name)))
    }

    /// What the commits from `from` to `head` say, in a format of git's, oldest first and safe to show.
    pub(super) async fn lines_of(
        &self,
        from: &Commit,
        head: &Commit,
        format: &str,
    ) -> Result<Vec<String>, GitError> {
        let call = self.on_repo().args(["rev-list", "--reverse", "--no-merges", "--no-commit-header"]);
        let call = call.args(["--encoding=UTF-8", format, &format!("{from}..{head}")]);
        let text = call.succeed("read what the commits say").await?.text();
        Ok(text.lines().map(naming::sanitise).collect())
    }

    /// Makes a commit by the user, as git knows the user where the branch is checked out.
    async fn commit_merge(
        &self,
        checkout: Option<&Checkout>,
        tree: &str,
        parents: &[&Commit],
        message: String,
    ) -> Result<Commit, GitError> {
        let call = || {
            let call = checkout.map_or_else(
                || self.at_home(),
                |it| self.git.in_checkout(it.top()).mark(&self.plan.workstream),
            );
            // A name made up from the machine's is nobody's.
            call.config("user.useConfigOnly=true").config("i18n.commitEncoding=UTF-8")
        };
        for who in ["GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"] {
            if !call().args(["var", who]).finish("ask git who you are").await?.is_success {
                return Err(refused(
                    "git does not know who you are, and the merge is a commit of yours; tell it with \
                     `git config --global user.name` and `git config --global user.email`, then try again",
                ));
            }
        }
        let room = self.room().await?;
        let file = self.file_in(&room, "message", (message + "\n").into()).await?;
        let mut commit = call().arg("commit-tree");
        for parent in parents {
            commit = commit.args(["-p", parent.as_str()]);
        }
        let answer = commit.arg("-F").arg(file).arg(tree).succeed("make the commit").await?;
        parse(&answer.text())
    }
}

/// Has git take the attributes of files from `commit`, where it can; elsewhere they are those of the checkout.
pub(super) fn of_tree(call: Call, version: Version, commit: &Commit) -> Call {
    if version < TAKES_ATTRIBUTES_SINCE { call } else { call.arg(format!("--attr-source={commit}")) }
}

/// Whether `new` has all that `old` has, as `call` sees the repository.
pub(super) async fn is_ancestor(call: Call, old: &Commit, new: &Commit) -> Result<bool, GitError> {
    let aim = "compare two commits";
    let answer = call.args(["merge-base", "--is-ancestor", old.as_str(), new.as_str()]).finish(aim).await?;
    match answer.code {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(answer.error(aim)),
    }
}

impl Checkout {
    /// Its top as text, which is all the core knows.
    fn text(&self) -> Result<PathText, GitError> {
        let text = self.top().to_str().map(PathText::from);
        text.ok_or_else(|| refused("the path of the checkout is not UTF-8; move it to a path that is"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        assert_eq!(Version::parse("git version 2.47.3"), Some(Version(2, 47)));
        assert_eq!(Version::parse("git version 2.39.5 (Apple Git-154)"), Some(Version(2, 39)));
        assert_eq!(Version::parse("git version 2.50-rc1"), Some(Version(2, 50)));
        assert_eq!(Version::parse("git version 3.0"), Some(Version(3, 0)));
        assert!(Version(2, 9) < MERGES_SINCE && Version(2, 38) >= MERGES_SINCE);
        for bad in ["", "git version", "git version x.y", "hub version 2.1"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }
}
