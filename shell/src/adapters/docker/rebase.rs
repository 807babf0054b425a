//! A rebase by the agent's own git, in its container: one command there looks, does it or takes it back, and what it says
//! is read here. It comes from where the agent writes, so it is text and nothing else.

use std::time::Duration;

use ccells_core::container;
use ccells_core::limits;
use ccells_core::ports::{BaseMove, EngineError, RebaseCall, RebaseState, Workbench};

use super::errors;
use super::exec::Captured;
use super::work::{ContainerWork, explain};

/// What runs in the container.
const SCRIPT: &str = include_str!("rebase.sh");

impl Workbench for ContainerWork {
    async fn rebase_work(&self, call: RebaseCall, moving: &BaseMove) -> Result<RebaseState, EngineError> {
        let what = match call {
            RebaseCall::Look => "look",
            RebaseCall::Begin => "begin",
            RebaseCall::Abort => "abort",
        };
        let (to, from) = (moving.to.as_str(), moving.from.as_str());
        let argv = ["sh", "-c", SCRIPT, "ccells", what, to, from, container::WORKSPACE];
        let deadline = Duration::from_millis(limits::REBASE_MS);
        let said =
            self.engine().run_in_container(self.container(), &argv, deadline).await.map_err(explain)?;
        read(&said, &moving.target)
    }
}

/// Reads what the command said.
fn read(said: &Captured, target: &str) -> Result<RebaseState, EngineError> {
    let mut records = said.output.split(|byte| *byte == 0);
    let word = records.next().unwrap_or_default();
    let rest: Vec<String> = records
        .filter(|record| !record.is_empty())
        .take(limits::REBASE_FILES)
        .map(|record| ccells_core::naming::sanitise(&String::from_utf8_lossy(record)))
        .collect();
    let first = rest.first().map_or("", String::as_str);
    Err(refused(match word {
        b"landed" => return Ok(RebaseState::Landed { commits: first.parse().unwrap_or(0) }),
        b"absent" => return Ok(RebaseState::Absent),
        b"standing" => {
            let mut files = rest;
            files.sort();
            files.dedup();
            return Ok(RebaseState::Standing { files });
        }
        b"busy" => {
            format!(
                "the agent has a {first} of its own under way; let it finish or abort that, then rebase again"
            )
        }
        b"dirty" => {
            let files: Vec<&str> = rest.iter().map(|entry| entry.get(3..).unwrap_or(entry)).collect();
            format!(
                "not committed: {}; let the agent commit that or put it away (git stash), then rebase again",
                files.join(", ")
            )
        }
        b"unborn" => "the agent's branch has no commit, so there is nothing to rebase".to_owned(),
        b"unreadable" => format!(
            "the git in the container cannot read the commits of `{target}`; remove the workstream's container \
             and resume it, so that it sees all of the repository, then rebase again"
        ),
        b"failed" => {
            let why = if first.is_empty() { "git gave no reason" } else { first };
            format!("the agent's git could not do it, and its commits stand where they stood: {why}")
        }
        _ => {
            let complaints = String::from_utf8_lossy(&said.complaints);
            return Err(explain(EngineError::Conflict {
                what: errors::clean(&format!(
                    "the container could not run the rebase (exit {}): {complaints}",
                    said.code
                )),
            }));
        }
    }))
}

/// The error for what was not done.
fn refused(what: String) -> EngineError {
    EngineError::Conflict { what: errors::clean(&what) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(output: &[u8]) -> Result<RebaseState, EngineError> {
        let (output, complaints) = (output.to_vec(), b"sh: not\x1b[31m\n".to_vec());
        read(&Captured { code: 127, output, complaints, is_cut: false }, "main")
    }

    #[test]
    fn what_the_command_says_is_read_and_made_safe() {
        assert_eq!(said(b"landed\x003\0"), Ok(RebaseState::Landed { commits: 3 }));
        assert_eq!(said(b"absent\0"), Ok(RebaseState::Absent));
        let files = vec!["a".to_owned(), "b\\n".to_owned()];
        assert_eq!(said(b"standing\0b\n\0a\0a\0"), Ok(RebaseState::Standing { files }));
        for (output, words) in [
            (&b"busy\0merge\0"[..], "has a merge of its own"),
            (b"dirty\0 M one\0A  two\x1b[2J\0", "not committed: one, two\\x1b[2J; let"),
            (b"unborn\0", "no commit"),
            (b"unreadable\0", "the commits of `main`"),
            (b"failed\0fatal: it\nbroke\0", "fatal: it\\nbroke"),
            (b"failed\0", "no reason"),
            (b"", "exit 127"),
            (b"dance\0", "exit 127"),
        ] {
            let error = said(output).unwrap_err();
            assert!(matches!(error, EngineError::Conflict { .. }), "{error}");
            assert!(error.to_string().contains(words), "{error}");
            assert!(!error.to_string().contains('\x1b'));
        }
    }
}
