//! What an agent says of itself through its terminal, and how it ended: the facts a holder reports.

use alloc::borrow::ToOwned as _;
use alloc::string::{String, ToString as _};
use core::fmt;

use serde_json::{Value, json};

use crate::time::Wall;

/// Where an agent stands, by the program status reports (OSC 7501) it sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AgentStatus {
    /// It has said nothing, or took back what it said.
    #[default]
    Unknown,
    /// It waits for a prompt.
    Idle,
    /// It works on a prompt.
    Working,
    /// It cannot go on without the user.
    Blocked {
        /// What it needs.
        kind: BlockedKind,
        /// Its own words; untrusted text, perhaps empty.
        message: String,
    },
    /// It finished what it was asked.
    Done,
    /// It gave up on what it was asked.
    Error {
        /// Its own words; untrusted text, perhaps empty.
        message: String,
    },
}

impl AgentStatus {
    /// Whether a person should look.
    pub fn needs_user(&self) -> bool {
        match self {
            Self::Blocked { .. } | Self::Error { .. } => true,
            Self::Unknown | Self::Idle | Self::Working | Self::Done => false,
        }
    }
}

impl fmt::Display for AgentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Idle => f.write_str("idle"),
            Self::Working => f.write_str("working"),
            Self::Blocked { kind, message } if message.is_empty() => write!(f, "blocked ({kind})"),
            Self::Blocked { kind, message } => write!(f, "blocked ({kind}): {message}"),
            Self::Done => f.write_str("done"),
            Self::Error { message } if message.is_empty() => f.write_str("error"),
            Self::Error { message } => write!(f, "error: {message}"),
        }
    }
}

/// What a blocked agent needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockedKind {
    /// Leave to run a tool.
    Permission,
    /// An answer to a question.
    Question,
    /// A login.
    Auth,
    /// Something it has no word for.
    Other,
}

impl BlockedKind {
    /// The word the status protocol has for it; [`BlockedKind::Other`] is `other`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permission => "permission",
            Self::Question => "question",
            Self::Auth => "auth",
            Self::Other => "other",
        }
    }

    /// Reads the protocol's word; one we do not know is [`BlockedKind::Other`].
    pub fn parse(word: &str) -> Self {
        [Self::Permission, Self::Question, Self::Auth]
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .unwrap_or(Self::Other)
    }
}

impl fmt::Display for BlockedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How an agent's process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentExit {
    /// It left with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It never began, for the reason given.
    NotStarted(String),
}

impl AgentExit {
    /// Whether it left of its own will and content.
    pub fn is_success(&self) -> bool {
        match self {
            Self::Code(code) => *code == 0,
            Self::Signal(_) | Self::NotStarted(_) => false,
        }
    }
}

/// The version of the file that tells an exit.
const EXIT_VERSION: u64 = 1;

impl AgentExit {
    /// The exit as the text of a file, for whoever finds the container stopped.
    pub fn to_json(&self, starts: u32, at: Wall) -> String {
        let exit = match self {
            Self::Code(code) => json!({ "code": code }),
            Self::Signal(signal) => json!({ "signal": signal }),
            Self::NotStarted(reason) => json!({ "not_started": reason }),
        };
        json!({ "version": EXIT_VERSION, "exit": exit, "starts": starts, "at": at.0 }).to_string()
    }

    /// Reads such a text back; `None` when it is none.
    pub fn from_json(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        (value["version"].as_u64() == Some(EXIT_VERSION)).then_some(())?;
        let exit = &value["exit"];
        let number = |name: &str| exit[name].as_i64().and_then(|number| i32::try_from(number).ok());
        let reason = || exit["not_started"].as_str().map(|reason| Self::NotStarted(reason.to_owned()));
        number("code").map(Self::Code).or_else(|| number("signal").map(Self::Signal)).or_else(reason)
    }
}

impl fmt::Display for AgentExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::NotStarted(reason) => write!(f, "could not be started: {reason}"),
        }
    }
}

/// Whether the agent's process lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentLife {
    /// It runs.
    Running,
    /// It ended; its screen stays.
    Exited(AgentExit),
}

/// All a holder knows of its agent. A later report replaces an earlier one as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentReport {
    /// Whether its process lives.
    pub life: AgentLife,
    /// How often this holder has started it.
    pub starts: u32,
    /// Where it stands, by its own reports.
    pub status: AgentStatus,
    /// The title it gave its terminal; untrusted text, empty when it gave none.
    pub title: String,
    /// How often it rang the bell, over all starts.
    pub bells: u64,
}

impl fmt::Display for AgentReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.life {
            AgentLife::Running => write!(f, "running, {}", self.status)?,
            AgentLife::Exited(exit) => write!(f, "{exit}")?,
        }
        write!(f, ", start {}, {} bells, title {:?}", self.starts, self.bells, self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_survive_their_file() {
        for exit in [AgentExit::Code(3), AgentExit::Signal(9), AgentExit::NotStarted("no \"x\"\n".to_owned())]
        {
            assert_eq!(AgentExit::from_json(&exit.to_json(2, Wall(7))), Some(exit));
        }
        for other in ["", "{}", "[]", r#"{"version":2,"exit":{"code":1}}"#, r#"{"version":1,"exit":{}}"#] {
            assert_eq!(AgentExit::from_json(other), None, "{other}");
        }
    }

    #[test]
    fn a_status_is_told_in_words_and_some_call_for_the_user() {
        let blocked = |message: &str| AgentStatus::Blocked {
            kind: BlockedKind::Permission,
            message: message.to_owned(),
        };
        let error = |message: &str| AgentStatus::Error { message: message.to_owned() };
        for (status, words, needs_user) in [
            (AgentStatus::Unknown, "unknown", false),
            (AgentStatus::Idle, "idle", false),
            (AgentStatus::Working, "working", false),
            (AgentStatus::Done, "done", false),
            (blocked(""), "blocked (permission)", true),
            (blocked("run make?"), "blocked (permission): run make?", true),
            (error(""), "error", true),
            (error("no credit"), "error: no credit", true),
        ] {
            assert_eq!((status.to_string().as_str(), status.needs_user()), (words, needs_user));
        }
    }

    #[test]
    fn what_blocks_is_one_of_the_words_of_the_protocol() {
        for (word, kind) in [
            ("permission", BlockedKind::Permission),
            ("question", BlockedKind::Question),
            ("auth", BlockedKind::Auth),
            ("other", BlockedKind::Other),
        ] {
            assert_eq!((BlockedKind::parse(word), kind.as_str()), (kind, word));
            assert_eq!(kind.to_string(), word);
        }
        assert_eq!(BlockedKind::parse("lunch"), BlockedKind::Other);
    }

    #[test]
    fn only_leaving_with_zero_is_success() {
        for (exit, is_success, words) in [
            (AgentExit::Code(0), true, "exited with code 0"),
            (AgentExit::Code(1), false, "exited with code 1"),
            (AgentExit::Signal(9), false, "ended by signal 9"),
            (AgentExit::NotStarted("no such file".to_owned()), false, "could not be started: no such file"),
        ] {
            assert_eq!((exit.is_success(), exit.to_string().as_str()), (is_success, words));
            let report = AgentReport {
                life: AgentLife::Exited(exit),
                starts: 2,
                status: AgentStatus::Idle,
                title: "t".to_owned(),
                bells: 3,
            };
            assert_eq!(report.to_string(), std::format!("{words}, start 2, 3 bells, title \"t\""));
        }
    }
}
