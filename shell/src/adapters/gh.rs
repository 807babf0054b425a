//! The program `gh`, which knows pull requests: found on the PATH, started outside of every repository with words of ours
//! alone, a deadline and bounded output. What it prints is a stranger's word.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use ccells_core::limits;
use ccells_core::naming;
use rustix::process::Pid;
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::git::command::{Answer, INHERITED_TO_REMOTES, collect, end, on_path};
use crate::forge::without_credentials;

/// What of our environment it needs: where it is, who the user is, and how the user is known there.
const INHERITED: &[&str] = &[
    "HOME",
    "LANG",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "GH_CONFIG_DIR",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
];

/// What it is told by its environment: it asks nobody anything, and prints plain text.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("GH_PROMPT_DISABLED", "1"),
    ("GH_NO_UPDATE_NOTIFIER", "1"),
    ("GH_PAGER", "cat"),
    ("NO_COLOR", "1"),
    ("CLICOLOR", "0"),
    ("TERM", "dumb"),
    ("LC_ALL", "C"),
];

/// What is asked about a pull request.
const FIELDS: &str = "number,state,isDraft,url,title,statusCheckRollup";

/// The program.
#[derive(Clone, Debug)]
pub struct Gh {
    path: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

/// A pull request that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPullRequest {
    /// The branch that it is to go into; `None`: the default one.
    pub base: Option<String>,
    /// Its title.
    pub title: String,
    /// Its body.
    pub body: String,
    /// Whether it is a draft.
    pub is_draft: bool,
}

/// A pull request that is. All text in it is safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// Its state, as the forge calls it, in small letters: `open`, `draft`, `merged`, `closed`.
    pub state: String,
    /// Where it is.
    pub url: String,
    /// Its title.
    pub title: String,
    /// How its checks stand.
    pub checks: Checks,
}

/// How many checks are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Went well.
    pub passed: u32,
    /// Did not.
    pub failed: u32,
    /// Are not over.
    pub pending: u32,
}

/// Why `gh` did not do it, safe to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GhError(pub String);

impl Gh {
    /// Finds it along PATH, in absolute directories only.
    pub fn find() -> Option<Self> {
        Self::among(|name| std::env::var_os(name))
    }

    /// The same, as if these were the variables of the process.
    pub fn among(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let (path, absolute) = on_path("gh", &variable("PATH").unwrap_or_default())?;
        let mut environment: Vec<(&'static str, OsString)> = INHERITED
            .iter()
            .chain(INHERITED_TO_REMOTES)
            .filter_map(|name| variable(name).map(|value| (*name, value)))
            .collect();
        environment.push(("PATH", absolute));
        environment.extend(ENVIRONMENT.iter().map(|(name, value)| (*name, OsString::from(value))));
        Some(Self { path, environment })
    }

    /// Whether the user is known at `host`; in its words why not, otherwise.
    pub async fn check_login(&self, host: &str) -> Result<(), GhError> {
        let answer = self.call(&["auth", "status", "--hostname", host], None).await?;
        if answer.is_success { Ok(()) } else { Err(complaint(&answer)) }
    }

    /// The newest pull request of the branch `head` in `repo`, as [`crate::forge::Forge::for_gh`] names it.
    pub async fn newest(
        &self,
        repo: &str,
        head: &str,
        is_open: bool,
    ) -> Result<Option<PullRequest>, GhError> {
        let state = if is_open { "open" } else { "all" };
        let words = [
            "pr", "list", "--repo", repo, "--head", head, "--state", state, "--limit", "1", "--json", FIELDS,
        ];
        let answer = self.call(&words, None).await?;
        if !answer.is_success {
            return Err(complaint(&answer));
        }
        parse_list(&answer.output).map_err(|why| GhError(format!("what gh printed could not be read: {why}")))
    }

    /// Opens a pull request for the branch `head`, and gives its address.
    pub async fn create(&self, repo: &str, head: &str, new: &NewPullRequest) -> Result<String, GhError> {
        // Joined to their options, none of them can be taken for one.
        let title = format!("--title={}", new.title);
        let base = new.base.as_ref().map(|base| format!("--base={base}"));
        let mut words =
            vec!["pr", "create", "--repo", repo, "--head", head, title.as_str(), "--body-file", "-"];
        words.extend(base.as_deref());
        words.extend(new.is_draft.then_some("--draft"));
        let answer = self.call(&words, Some(&new.body)).await?;
        if !answer.is_success {
            return Err(complaint(&answer));
        }
        let text = String::from_utf8_lossy(&answer.output);
        let url = text.lines().rev().map(str::trim).find(|line| line.starts_with("https://"));
        url.map(naming::sanitise).ok_or_else(|| GhError("gh told no address of the pull request".to_owned()))
    }

    /// Runs it with these words.
    async fn call(&self, words: &[&str], input: Option<&str>) -> Result<Answer, GhError> {
        let mut command = Command::new(&self.path);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir("/").process_group(0).args(words);
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = |error| GhError(format!("gh did not start: {error}"));
        let mut child = command.spawn().map_err(started)?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let (pipe, text) = (child.stdin.take(), input.unwrap_or_default().to_owned());
        let feed = async {
            if let Some(mut pipe) = pipe {
                // One that does not read it to its end says why when it ends.
                let _unread = pipe.write_all(text.as_bytes()).await;
            }
        };
        let both = async { tokio::join!(feed, collect(&mut child)).1 };
        let deadline = Duration::from_millis(limits::GH_MS);
        match tokio::time::timeout(deadline, both).await {
            Ok(answer) => answer.map_err(|error| GhError(format!("gh could not be read: {error}"))),
            Err(_late) => {
                end(&mut child, group).await;
                let seconds = limits::GH_MS / 1_000;
                Err(GhError(format!("gh was not done after {seconds} s and was ended")))
            }
        }
    }
}

fn complaint(answer: &Answer) -> GhError {
    let said = without_credentials(&answer.complaint);
    GhError(if said.is_empty() { "gh failed and gave no reason".to_owned() } else { said })
}

/// A pull request as it prints one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Printed {
    number: u64,
    state: String,
    #[serde(default)]
    is_draft: bool,
    url: String,
    title: String,
    #[serde(default)]
    status_check_rollup: Option<Vec<PrintedCheck>>,
}

/// A check: a run has a status and at its end a conclusion, a context has a state.
#[derive(Deserialize)]
struct PrintedCheck {
    #[serde(default)]
    status: String,
    #[serde(default)]
    conclusion: Option<String>,
    #[serde(default)]
    state: String,
}

/// The first of a list of pull requests.
fn parse_list(bytes: &[u8]) -> Result<Option<PullRequest>, String> {
    let listed: Vec<Printed> =
        serde_json::from_slice(bytes).map_err(|error| naming::sanitise(&error.to_string()))?;
    Ok(listed.into_iter().next().map(|it| {
        let state = naming::sanitise_to(&it.state.to_ascii_lowercase(), limits::NAME_CHARS);
        let state = if it.is_draft && state == "open" { "draft".to_owned() } else { state };
        let url = if it.url.starts_with("https://") { naming::sanitise(&it.url) } else { String::new() };
        let checks = count(&it.status_check_rollup.unwrap_or_default());
        PullRequest { number: it.number, state, url, title: naming::sanitise(&it.title), checks }
    }))
}

fn count(printed: &[PrintedCheck]) -> Checks {
    let mut checks = Checks::default();
    for check in printed {
        let said = check.conclusion.as_deref().filter(|it| !it.is_empty());
        let said = said.unwrap_or(if check.state.is_empty() { &check.status } else { &check.state });
        match said.to_ascii_uppercase().as_str() {
            "SUCCESS" | "NEUTRAL" | "SKIPPED" => checks.passed += 1,
            "FAILURE" | "ERROR" | "CANCELLED" | "TIMED_OUT" | "ACTION_REQUIRED" | "STARTUP_FAILURE"
            | "STALE" => checks.failed += 1,
            _ => checks.pending += 1,
        }
    }
    checks
}

impl std::fmt::Display for PullRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { number, state, url, title, checks } = self;
        write!(f, "#{number} {state}, {checks}: {title} {url}")
    }
}

impl std::fmt::Display for Checks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let named = [(self.failed, "failed"), (self.pending, "pending"), (self.passed, "passed")];
        let told =
            named.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}"));
        let told: Vec<_> = told.collect();
        if told.is_empty() { write!(f, "no checks") } else { write!(f, "checks: {}", told.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_read_and_made_safe() {
        let text = br#"[{"number":7,"state":"OPEN","isDraft":true,"url":"https://h/o/n/pull/7","title":"a\u001b[31mb",
            "statusCheckRollup":[{"status":"COMPLETED","conclusion":"SUCCESS"},{"status":"IN_PROGRESS","conclusion":""},
            {"state":"FAILURE"},{"state":"PENDING"},{"status":"COMPLETED","conclusion":null}]}]"#;
        let found = parse_list(text).unwrap().unwrap();
        assert_eq!((found.number, found.state.as_str()), (7, "draft"));
        assert!(!found.title.contains('\u{1b}'), "{:?}", found.title);
        assert_eq!(found.checks, Checks { passed: 1, failed: 1, pending: 3 });
        assert_eq!(found.checks.to_string(), "checks: 1 failed, 3 pending, 1 passed");
        assert_eq!(parse_list(b"[]").unwrap(), None);
        assert!(parse_list(b"no pull requests").is_err());
        let bare =
            br#"[{"number":7,"state":"MERGED","url":"javascript:x","title":"t","statusCheckRollup":null}]"#;
        let found = parse_list(bare).unwrap().unwrap();
        assert_eq!((found.state.as_str(), found.url.as_str()), ("merged", ""));
        assert_eq!(found.checks.to_string(), "no checks");
    }
}
