//! Pull requests, by the names that people and pages have for them, and where a remote keeps them.

use std::path::Path;

use ccells_core::naming;
use ccells_core::ports::GitError;

use super::command::{GitProgram, failed};
use super::remote::{self, Far, default_remote};

/// A pull request, or a merge request as others call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PullRequest {
    number: u32,
    /// The page of its repository, without what all such addresses share; `None`: of the usual remote.
    page: Option<String>,
    may_be_a_branch: bool,
}

impl PullRequest {
    /// Takes `#12`, `!12`, `pr/12`, `mr/12`, or the address of its page.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let plain = |number: &str, may_be_a_branch| {
            let number = number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))?;
            Some(Self { number, page: None, may_be_a_branch })
        };
        if let Some(number) = text.strip_prefix(['#', '!']) {
            return plain(number, false);
        }
        if let Some(number) = text.strip_prefix("pr/").or_else(|| text.strip_prefix("mr/")) {
            return plain(number, true);
        }
        let address = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        ["/-/merge_requests/", "/merge_requests/", "/pull/", "/pulls/", "/pull-requests/"].iter().find_map(
            |mark| {
                let (page, rest) = address.split_once(mark)?;
                let number = rest.split(['/', '?', '#']).next()?;
                Some(Self { page: Some(place(page)?), ..plain(number, false)? })
            },
        )
    }

    /// Its number.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Whether the text that named it may name a branch as well.
    pub(super) fn may_be_a_branch(&self) -> bool {
        self.may_be_a_branch
    }

    /// Where a remote may keep it.
    pub(super) fn references(&self, remote: &str) -> Vec<Far> {
        let name = |room: &str| Far::new(remote.to_owned(), format!("refs/{room}/{}/head", self.number));
        ["pull", "merge-requests"].map(name).into()
    }
}

/// The remote that has it.
pub(super) async fn remote_of(
    git: &GitProgram,
    git_dir: &Path,
    request: &PullRequest,
) -> Result<String, GitError> {
    let Some(page) = &request.page else {
        return default_remote(git, git_dir).await?.ok_or_else(|| {
            failed(format!(
                "pull request {} is on a remote, and this repository has none that is meant; add one (git remote add origin), \
                 or say which by `checkout.defaultRemote`",
                request.number
            ))
        });
    };
    for name in remote::names(git, git_dir).await? {
        let call = git.on(git_dir).args(["ls-remote", "--get-url", "--", &name]);
        if place(&call.succeed("look up a remote's address").await?.text()).as_ref() == Some(page) {
            return Ok(name);
        }
    }
    Err(failed(format!(
        "no remote of this repository is {}, so its pull request {} is not taken; add it (git remote add), or name another base",
        naming::sanitise(page),
        request.number
    )))
}

/// What the addresses of one repository share: host and path, whatever the way there.
fn place(address: &str) -> Option<String> {
    let (host, path) = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        // `git@host:path`, and what was stripped of its scheme already.
        None => match address.split_once(':') {
            Some((host, path)) if !host.contains('/') => (host, path),
            Some(_) | None => address.split_once('/')?,
        },
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host).to_ascii_lowercase();
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    (!host.is_empty() && !path.is_empty()).then(|| format!("{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_pull_requests_are_known() {
        let number = |text| PullRequest::parse(text).map(|it| (it.number, it.page.unwrap_or_default()));
        for text in ["#12", "!12", "pr/12", "mr/12"] {
            assert_eq!(number(text), Some((12, String::new())), "{text}");
        }
        let page = |page: &str| Some((7, page.to_owned()));
        assert_eq!(number("https://github.com/a/b/pull/7"), page("github.com/a/b"));
        assert_eq!(number("https://GitHub.com/a/b/pull/7/files?x=1"), page("github.com/a/b"));
        assert_eq!(number("https://lab.example/g/s/b/-/merge_requests/7#note"), page("lab.example/g/s/b"));
        for text in [
            "12",
            "#",
            "#+1",
            "#1x",
            "pr/",
            "pr/a",
            "pull/7",
            "https://h/a/b",
            "https://h/a/b/pull/x",
            "#99999999999",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn one_repository_has_one_place_whatever_the_way_there() {
        for address in [
            "https://host.example/a/b.git",
            "https://me:secret@Host.example/a/b",
            "ssh://git@host.example:22/a/b.git/",
            "git@host.example:a/b.git",
            "host.example/a/b",
        ] {
            assert_eq!(place(address).as_deref(), Some("host.example/a/b"), "{address}");
        }
        for address in ["", "/a/b", "host", "file:///a/b"] {
            assert_eq!(place(address), None, "{address}");
        }
    }
}
