//! From which commit a workstream begins: from what is here, or from what a remote of the user's has by now. Objects may
//! come into the repository by it; no reference of the user's moves, and nothing is noted of the fetch.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ccells_core::ids::{Commit, WorkstreamId};
use ccells_core::limits;
use ccells_core::naming;
use ccells_core::ports::{Base, BaseWish, Beginning, GitError, OnTaken};
use tokio::time::Instant;

use super::command::{Call, GitProgram, failed};
use super::fetch::brief;
use super::include;
use super::merge::{is_ancestor, refused, short};
use super::pull_request::{self, PullRequest};
use super::remote::{Far, default_remote};
use super::repo::{Reference, commit_of, default_base, list_refs};
use super::work::parse;

/// How long remotes are waited for, so that a git that hangs is ended within [`limits::REMOTE_FETCH_MS`].
pub(super) const PATIENCE_MS: u64 = limits::REMOTE_FETCH_MS - 2 * limits::GIT_GRACE_MS;

/// What a workstream begins from, provided that its branch is free or may be had.
pub(super) async fn resolve(
    git: &GitProgram,
    repo: &Path,
    wish: &BaseWish,
    patience_ms: u64,
) -> Result<Base, GitError> {
    let taken = taken(git, repo, wish).await?;
    let search = Search::begin(git, repo, patience_ms).await?;
    let base = match taken {
        None => search.wished(wish, wish.asks_remote).await?,
        Some(taken) => search.taken_over(wish, &taken).await?,
    };
    with_included(git, repo, wish, base).await
}

/// The same with the files that git ignores and that are wished for.
pub(super) async fn with_included(
    git: &GitProgram,
    repo: &Path,
    wish: &BaseWish,
    mut base: Base,
) -> Result<Base, GitError> {
    let included = include::find(git, repo, &wish.include).await?;
    base.beginning.include.clone_from(&wish.include);
    let notes: Vec<String> = base.note.into_iter().chain(included.note()).collect();
    base.note = (!notes.is_empty()).then(|| notes.join("; "));
    Ok(base)
}

/// The branch that is to be taken over, if there is one. One that is no name, or whose name is taken in another way, is
/// refused.
async fn taken(git: &GitProgram, repo: &Path, wish: &BaseWish) -> Result<Option<Reference>, GitError> {
    let branch = wish.branch.as_str();
    naming::validate_branch(branch).map_err(|error| failed(error.to_string()))?;
    let wanted = format!("refs/heads/{branch}");
    let parents: Vec<&str> = wanted.match_indices('/').skip(2).map(|(at, _)| &wanted[..at]).collect();
    let patterns: Vec<&str> = std::iter::once(wanted.as_str()).chain(parents.iter().copied()).collect();
    let refs = list_refs(|| git.within(repo), &patterns).await?;
    let below = format!("{wanted}/");
    // A branch `a` and a branch `a/b` cannot both be: one is a file where the other needs a directory.
    let in_the_way = |found: &&Reference| {
        found.name == wanted || found.name.starts_with(&below) || parents.contains(&found.name.as_str())
    };
    let Some(taken) = refs.iter().find(in_the_way) else { return Ok(None) };
    let is_taken_over = matches!(wish.on_taken, OnTaken::Use | OnTaken::Recreate) && taken.name == wanted;
    if !is_taken_over {
        return Err(GitError::BranchExists { branch: taken.name["refs/heads/".len()..].to_owned() });
    }
    if !taken.target.is_empty() {
        return Err(refused(format!("`{branch}` only stands for `{}`; name that one", short(&taken.target))));
    }
    match holder(taken) {
        None => Ok(Some(taken.clone())),
        Some(holder) => Err(refused(format!(
            "branch `{branch}` is {holder}, and two cannot work on it; name another, or check out another one there"
        ))),
    }
}

/// Refuses a branch that is no name or whose name is taken, whatever may become of it.
pub(super) async fn refuse_taken(git: &GitProgram, repo: &Path, wish: &BaseWish) -> Result<(), GitError> {
    match taken(git, repo, wish).await? {
        None => Ok(()),
        Some(_) => Err(GitError::BranchExists { branch: wish.branch.clone() }),
    }
}

/// Where a branch is checked out, in words.
fn holder(branch: &Reference) -> Option<String> {
    let place = Path::new(&branch.worktree);
    let name = place.file_name()?.to_string_lossy();
    Some(match WorkstreamId::parse(&name) {
        Ok(id) => format!("the branch of workstream {id}"),
        Err(_) => format!("checked out in {}", naming::sanitise(&branch.worktree)),
    })
}

/// A branch that is there, for somebody who would make one of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How many of its commits nothing else has.
    pub own_commits: u32,
    /// Where it is checked out, in words, if it is.
    pub holder: Option<String>,
}

/// How the branch of this name stands, if there is one.
pub(super) async fn standing(
    git: &GitProgram,
    repo: &Path,
    branch: &str,
) -> Result<Option<Standing>, GitError> {
    if naming::validate_branch(branch).is_err() {
        return Ok(None);
    }
    let name = format!("refs/heads/{branch}");
    let found = list_refs(|| git.within(repo), &[&name]).await?.into_iter().find(|found| found.name == name);
    let Some(found) = found else { return Ok(None) };
    let own_commits = own_commits(|| git.within(repo), &found, &[]).await?;
    Ok(Some(Standing { own_commits, holder: holder(&found) }))
}

/// How many commits of a branch nothing else has, also none of these.
async fn own_commits(call: impl Fn() -> Call, branch: &Reference, others: &[&str]) -> Result<u32, GitError> {
    let count = call().args(["rev-list", "--count", &branch.object, "--not"]).args(others);
    let count = count.arg(format!("--exclude={}", branch.name)).args(["--exclude=refs/ccells/*", "--all"]);
    let text = count.succeed("count what only the branch has").await?.text();
    text.parse().map_err(|_| failed(format!("git's count of commits could not be read: {text}")))
}

/// A commit that is here, with a note.
fn base(commit: Commit, note: Option<String>) -> Base {
    Base { note, ..Base::from(commit) }
}

/// One search for a base.
struct Search<'a> {
    git: &'a GitProgram,
    repo: &'a Path,
    git_dir: PathBuf,
    ends_at: Instant,
    patience_ms: u64,
}

/// What a remote said of one of its references.
enum Told {
    /// It is at this commit, which is here by now.
    At(Commit),
    /// There is none.
    Gone,
    /// It could not be asked, or what it has did not come; why.
    Silent(String),
}

impl<'a> Search<'a> {
    async fn begin(git: &'a GitProgram, repo: &'a Path, patience_ms: u64) -> Result<Self, GitError> {
        let call = git.within(repo).args(["rev-parse", "--path-format=absolute", "--git-common-dir"]);
        let git_dir = PathBuf::from(call.succeed("find the repository").await?.text());
        let ends_at = Instant::now() + Duration::from_millis(patience_ms);
        Ok(Self { git, repo, git_dir, ends_at, patience_ms })
    }

    /// What the wish names, or the default branch.
    async fn wished(&self, wish: &BaseWish, asks_remote: bool) -> Result<Base, GitError> {
        match wish.reference.as_deref() {
            None => self.usual(asks_remote).await,
            Some(reference) => self.named(reference, asks_remote).await,
        }
    }

    /// What a branch that is there gives.
    async fn taken_over(&self, wish: &BaseWish, taken: &Reference) -> Result<Base, GitError> {
        let tip = parse(&taken.object)?;
        if wish.on_taken == OnTaken::Recreate {
            return self.begun_anew(self.wished(wish, wish.asks_remote).await?, taken, tip).await;
        }
        let other = self.wished(wish, false).await?.commit;
        let since = self.parting(&tip, &other).await?;
        let beginning = Beginning { branch_was: Some(tip.clone()), since, ..Beginning::default() };
        Ok(Base { commit: tip, note: None, beginning })
    }

    /// The default branch.
    async fn usual(&self, asks_remote: bool) -> Result<Base, GitError> {
        let refs = list_refs(|| self.git.within(self.repo), &["refs/remotes/origin/HEAD"]).await?;
        let Some((name, commit)) = default_base(self.git, self.repo, &refs).await? else {
            return Err(GitError::NoSuchRef { reference: "HEAD".to_owned() });
        };
        let branch = name.strip_prefix("refs/heads/").filter(|_| asks_remote);
        let Some(branch) = branch else { return Ok(commit.into()) };
        let far = match self.upstream(branch).await? {
            Some(far) => Some(far),
            None => default_remote(self.git, &self.git_dir).await?.map(|remote| Far::branch(remote, branch)),
        };
        match far {
            Some(far) => self.newest(branch, commit, &far).await,
            None => Ok(commit.into()),
        }
    }

    /// What the user names.
    async fn named(&self, reference: &str, asks_remote: bool) -> Result<Base, GitError> {
        let local = commit_of(self.git, self.repo, reference).await?;
        if let Some(request) = PullRequest::parse(reference) {
            return match local.filter(|_| request.may_be_a_branch()) {
                Some(commit) => {
                    let note = format!(
                        "`{reference}` is a branch here, and it begins there; the pull request is #{}",
                        request.number()
                    );
                    Ok(base(commit, Some(note)))
                }
                None => self.request(&request, asks_remote).await,
            };
        }
        let nothing = || GitError::NoSuchRef { reference: naming::sanitise(reference) };
        let far = if asks_remote { self.far_side(reference).await? } else { None };
        match (local, far) {
            (Some(commit), None) => Ok(commit.into()),
            (None, None) => Err(nothing()),
            (Some(commit), Some((far, true))) => self.newest(reference, commit, &far).await,
            (local, Some((far, _))) => match (self.ask(&[&far]).await?, local) {
                (Told::At(commit), _) => Ok(commit.into()),
                (Told::Gone, None) => Err(nothing()),
                (Told::Gone, Some(commit)) => {
                    Ok(base(commit, Some(format!("{far} is gone; it begins from what was fetched last"))))
                }
                (Told::Silent(why), Some(commit)) => Ok(base(
                    commit,
                    Some(format!(
                        "{far} could not be asked for ({why}); it begins from what was fetched last"
                    )),
                )),
                (Told::Silent(why), None) => Err(failed(format!(
                    "{far} is not here, and could not be asked for: {why}; try again, or name another base"
                ))),
            },
        }
    }

    /// What a branch that is there begins anew from, and what that takes from it.
    async fn begun_anew(&self, found: Base, taken: &Reference, tip: Commit) -> Result<Base, GitError> {
        let lost = own_commits(|| self.git.within(self.repo), taken, &[found.commit.as_str()]).await?;
        let (branch, id) = (short(&taken.name), brief(&tip));
        let note = match lost {
            0 => format!("branch `{branch}` begins anew"),
            1 => format!(
                "branch `{branch}` begins anew; 1 commit that nothing else has is kept (git branch NAME {id})"
            ),
            _ => format!(
                "branch `{branch}` begins anew; {lost} commits that nothing else has are kept (git branch NAME {id})"
            ),
        };
        let note = found.note.iter().fold(note, |note, other| format!("{note}; {other}"));
        let beginning = Beginning { branch_was: Some(tip), ..found.beginning };
        Ok(Base { note: Some(note), beginning, ..found })
    }

    /// Where two lines of commits part, if that is not at `tip` itself.
    async fn parting(&self, tip: &Commit, other: &Commit) -> Result<Option<Commit>, GitError> {
        let call = self.git.within(self.repo).args(["merge-base", tip.as_str(), other.as_str()]);
        let answer = call.finish("look where the branch began").await?;
        let parting = if answer.is_success {
            Some(parse(answer.text().lines().next().unwrap_or_default())?)
        } else {
            None
        };
        Ok(parting.filter(|parting| parting != tip))
    }

    /// A pull request, which is on its remote only.
    async fn request(&self, request: &PullRequest, asks_remote: bool) -> Result<Base, GitError> {
        if !asks_remote {
            return Err(failed(format!(
                "pull request {} is on a remote only, and none is to be asked; leave --no-fetch out, or set `fetch_base` to true",
                request.number()
            )));
        }
        let remote = pull_request::remote_of(self.git, &self.git_dir, request).await?;
        let names = request.references(&remote);
        match self.ask(&names.iter().collect::<Vec<_>>()).await? {
            Told::At(commit) => {
                let note = format!(
                    "it begins from pull request {} of {remote}, at {}",
                    request.number(),
                    brief(&commit)
                );
                Ok(base(commit, Some(note)))
            }
            Told::Gone => Err(failed(format!(
                "{} has no pull request {}; look at its number, or name another base",
                naming::sanitise(&remote),
                request.number()
            ))),
            Told::Silent(why) => Err(failed(format!(
                "pull request {} could not be fetched from {}: {why}; try again, or name another base",
                request.number(),
                naming::sanitise(&remote)
            ))),
        }
    }

    /// The newer of a branch here and the one at a remote that it follows.
    async fn newest(&self, branch: &str, local: Commit, far: &Far) -> Result<Base, GitError> {
        let branch = naming::sanitise(branch);
        let tip = match self.ask(&[far]).await? {
            Told::At(tip) => tip,
            Told::Gone => {
                let note = format!("{far} is gone; it begins from `{branch}` as it is here");
                return Ok(base(local, Some(note)));
            }
            Told::Silent(why) => {
                let note =
                    format!("{far} could not be asked for ({why}); it begins from `{branch}` as it is here");
                return Ok(base(local, Some(note)));
            }
        };
        let is_within = |old, new| is_ancestor(self.git.within(self.repo), old, new);
        if is_within(&local, &tip).await? {
            return Ok(tip.into());
        }
        let is_ahead = is_within(&tip, &local).await?;
        let note = format!("`{branch}` here and {far} have parted; it begins from the one here");
        Ok(base(local, (!is_ahead).then_some(note)))
    }

    /// Where a remote has what `reference` means, and whether that is what a branch of the user's follows; nothing where no
    /// remote has a say in it.
    async fn far_side(&self, reference: &str) -> Result<Option<(Far, bool)>, GitError> {
        let call =
            self.git.within(self.repo).args(["rev-parse", "--verify", "--quiet", "--symbolic-full-name"]);
        let full = call.args(["--end-of-options", reference]).finish("look up the base").await?.text();
        if let Some(branch) = full.strip_prefix("refs/heads/") {
            let is_plain = [branch, &format!("heads/{branch}"), &full].contains(&reference);
            let far = if is_plain { self.upstream(branch).await? } else { None };
            return Ok(far.map(|far| (far, true)));
        }
        let tracked =
            full.strip_prefix("refs/remotes/").filter(|_| !reference.contains(['~', '^', ':', '@']));
        let told = reference.strip_prefix("refs/remotes/").or_else(|| reference.strip_prefix("remotes/"));
        let Some(name) = tracked.or(if full.is_empty() { Some(told.unwrap_or(reference)) } else { None })
        else {
            return Ok(None);
        };
        let remotes = super::remote::names(self.git, &self.git_dir).await?;
        let rest = |remote: &str| name.strip_prefix(remote)?.strip_prefix('/').map(str::to_owned);
        // Names may have slashes: the longest that fits is meant.
        let fitting = remotes.into_iter().filter_map(|remote| Some((rest(&remote)?, remote)));
        let longest = fitting.min_by_key(|(branch, _)| branch.len());
        let longest = longest.filter(|(branch, _)| naming::validate_branch(branch).is_ok());
        Ok(longest.map(|(branch, remote)| (Far::branch(remote, &branch), false)))
    }

    /// What the local branch follows, if that is at a remote.
    async fn upstream(&self, branch: &str) -> Result<Option<Far>, GitError> {
        let name = format!("refs/heads/{branch}");
        let format = "--format=%(refname)%00%(upstream:remotename)%00%(upstream:remoteref)";
        let call = self.git.on(&self.git_dir).args(["for-each-ref", format, &name]);
        let text = call.succeed("look up what the base follows").await?.text();
        let remotes = super::remote::names(self.git, &self.git_dir).await?;
        let far = |line: &str| {
            let mut fields = line.split('\0');
            let (found, remote, far) = (fields.next()?, fields.next()?, fields.next()?);
            let is_one = found == name && !far.is_empty() && remotes.iter().any(|known| known == remote);
            is_one.then(|| Far::new(remote.to_owned(), far.to_owned()))
        };
        Ok(text.lines().find_map(far))
    }

    /// Asks a remote for the first of these references of it that it has, and has what it says brought here.
    async fn ask(&self, names: &[&Far]) -> Result<Told, GitError> {
        let Some(first) = names.first() else { return Ok(Told::Gone) };
        let call = self.git.to_remote(&self.git_dir, self.left_ms()).args([
            "ls-remote",
            "--quiet",
            "--exit-code",
            "--",
        ]);
        let call = call.arg(first.remote()).args(names.iter().map(|far| far.name()));
        let Ok(answer) = call.finish("ask a remote").await else { return Ok(Told::Silent(self.too_late())) };
        let text = answer.text();
        let told = match answer.code {
            Some(0) => names.iter().find_map(|far| Some((far, far.find_in(&text)?))),
            Some(2) => None,
            _ => return Ok(Told::Silent(cause(&answer.complaint))),
        };
        let Some((far, id)) = told else { return Ok(Told::Gone) };
        let tip = parse(id)?;
        if self.is_whole(&tip).await? { Ok(Told::At(tip)) } else { self.bring(far, tip).await }
    }

    /// Has the objects of a remote's reference brought here, and nothing else changed.
    async fn bring(&self, far: &Far, tip: Commit) -> Result<Told, GitError> {
        let call = self.git.to_remote(&self.git_dir, self.left_ms());
        // The name that the remote has for its default branch is the user's to follow as well.
        let call = call.config(&format!("remote.{}.followRemoteHEAD=never", far.remote()));
        let call = call.args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--refmap="]);
        let call = call.args(["--no-recurse-submodules", "--no-prune", "--no-auto-maintenance", "--"]);
        let Ok(answer) = call.args([far.remote(), far.name()]).finish("fetch the base").await else {
            return Ok(Told::Silent(self.too_late()));
        };
        if !answer.is_success {
            return Ok(Told::Silent(cause(&answer.complaint)));
        }
        if self.is_whole(&tip).await? {
            return Ok(Told::At(tip));
        }
        Ok(Told::Silent("it moved while it was fetched".to_owned()))
    }

    /// Whether a commit is here with all that belongs to it.
    async fn is_whole(&self, commit: &Commit) -> Result<bool, GitError> {
        let call = self.git.on(&self.git_dir).args(["rev-list", "--objects", "--quiet", commit.as_str()]);
        Ok(call.args(["--not", "--all"]).finish("look for the base").await?.is_success)
    }

    fn left_ms(&self) -> u64 {
        let left = self.ends_at.saturating_duration_since(Instant::now());
        u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
    }

    fn too_late(&self) -> String {
        format!("it did not answer within {} s", self.patience_ms.div_ceil(1_000))
    }
}

/// The last thing that git said, which is mostly what it gave up for.
fn cause(complaint: &str) -> String {
    let said = complaint.split("; ").find(|line| line.starts_with("fatal: ") || line.starts_with("ssh: "));
    let said = said.unwrap_or(complaint);
    let said = said.strip_prefix("fatal: ").unwrap_or(said);
    if said.is_empty() {
        "git gave no reason".to_owned()
    } else {
        naming::sanitise_to(said, limits::REASON_CHARS)
    }
}
