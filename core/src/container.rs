//! What the engine runs for a workstream, in Docker's own words: what we ask for, and what we are told.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{ContainerId, HomeId, PathText, RepoId, RunId, WorkstreamId};
use crate::limits;

/// The label that says "made by ccells"; its value is `true`.
pub const LABEL: &str = "ccells";
/// Prefix of every other label of ours.
pub const LABEL_PREFIX: &str = "dev.ccells.";
/// Where the worktree appears inside.
pub const WORKSPACE: &str = "/workspace";
/// Where the agent's home appears inside.
pub const AGENT_HOME: &str = "/home/agent";
/// The volume that holds the holder.
pub const HOLDER_DIR: &str = "/ccells/bin";
/// The holder's path inside.
pub const HOLDER: &str = "/ccells/bin/ccells-holder";
/// The directory with the holder's socket, shared with the host.
pub const RUN_DIR: &str = "/ccells/run";
/// The holder's socket, inside.
pub const HOLDER_SOCKET: &str = "/ccells/run/holder.sock";
/// The file beside its socket with what its terminal showed in the end, in the frames that a session would get.
pub const LAST_SCREEN: &str = "last-screen";
/// The workstream's private git directory, inside.
pub const GIT_DIR: &str = "/ccells/git";
/// The repository's objects, inside, read-only.
pub const BASE_OBJECTS: &str = "/ccells/base-objects";

/// A container's state, as the engine words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerState {
    /// Made, never started.
    Created,
    /// Its processes run.
    Running,
    /// Its processes are frozen, memory kept.
    Paused,
    /// The engine is starting it again.
    Restarting,
    /// The engine is taking it away.
    Removing,
    /// Its main process ended.
    Exited,
    /// The engine could not take it away.
    Dead,
}

impl ContainerState {
    /// The engine's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }

    /// Parses the engine's word.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Created,
            Self::Running,
            Self::Paused,
            Self::Restarting,
            Self::Removing,
            Self::Exited,
            Self::Dead,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
    }

    /// Whether processes of it exist, frozen or not.
    pub fn has_processes(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }
}

impl fmt::Display for ContainerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who a container belongs to, as its labels say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The home it belongs to: the one label that makes it ours.
    pub home: HomeId,
    /// The repository it works for.
    pub repo: RepoId,
    /// The workstream it is.
    pub workstream: WorkstreamId,
    /// The run that made it.
    pub run: RunId,
    /// The branch it works on.
    pub branch: String,
    /// [`ContainerSpec::config_hash`] of what was asked for.
    pub config_hash: String,
}

impl Labels {
    /// The labels as the engine takes them, in order.
    pub fn to_pairs(&self) -> BTreeMap<String, String> {
        let ours = |name: &str| format!("{LABEL_PREFIX}{name}");
        BTreeMap::from([
            (LABEL.to_string(), "true".to_string()),
            (ours("home"), self.home.to_string()),
            (ours("repo"), self.repo.to_string()),
            (ours("workstream"), self.workstream.to_string()),
            (ours("run"), self.run.to_string()),
            (ours("branch"), self.branch.clone()),
            (ours("config-hash"), self.config_hash.clone()),
            (ours("schema"), "1".to_string()),
        ])
    }

    /// Reads labels back; `None` when they are not complete labels of ours.
    pub fn parse<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let ours = |name: &str| get(&format!("{LABEL_PREFIX}{name}"));
        (get(LABEL) == Some("true")).then_some(())?;
        Some(Self {
            home: HomeId::parse(ours("home")?).ok()?,
            repo: RepoId::parse(ours("repo")?).ok()?,
            workstream: WorkstreamId::parse(ours("workstream")?).ok()?,
            run: RunId::parse(ours("run")?).ok()?,
            branch: ours("branch")?.to_string(),
            config_hash: ours("config-hash")?.to_string(),
        })
    }
}

/// One directory or file of the host that appears inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The host's path.
    pub source: PathText,
    /// The path inside.
    pub target: String,
    /// Whether it cannot be written from inside.
    pub is_read_only: bool,
}

/// What a container may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerLimits {
    /// Processes and threads.
    pub pids: i64,
    /// Memory in bytes; there is no swap beyond it.
    pub memory: i64,
    /// Processor time in billionths of a core.
    pub nano_cpus: i64,
}

impl Default for ContainerLimits {
    fn default() -> Self {
        Self {
            pids: limits::CONTAINER_PIDS,
            memory: limits::CONTAINER_MEMORY,
            nano_cpus: limits::CONTAINER_NANO_CPUS,
        }
    }
}

/// All that differs from one container to the next. What is the same for all (no capabilities, read-only root, …)
/// is added by the one builder in the engine's adapter and cannot be asked away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Fixed before the engine knows it; the engine refuses a second one, which makes creating idempotent.
    pub name: String,
    /// The image to run.
    pub image: String,
    /// Who it belongs to.
    pub labels: Labels,
    /// Owner of the worktree: user and group.
    pub owner: (u32, u32),
    /// What the holder runs: the agent.
    pub argv: Vec<String>,
    /// What the holder runs when the agent ran before in this container.
    pub resume_argv: Vec<String>,
    /// The environment, without secrets: the engine shows it to anyone who may ask.
    pub env: BTreeMap<String, String>,
    /// What of the host appears inside.
    pub mounts: Vec<Mount>,
    /// What it may use.
    pub limits: ContainerLimits,
}

impl ContainerSpec {
    /// The command of the container: the holder, told what to run.
    pub fn command(&self) -> Vec<String> {
        let mut command =
            vec![HOLDER.to_string(), "serve".to_string(), "--socket".to_string(), HOLDER_SOCKET.to_string()];
        for word in &self.resume_argv {
            command.push(format!("--resume={word}"));
        }
        command.push("--".to_string());
        command.extend(self.argv.iter().cloned());
        command
    }

    /// A fingerprint of everything asked for but the labels, 16 hexadecimal digits (FNV-1a).
    /// Two containers of one name and one fingerprint are the same container.
    pub fn config_hash(&self) -> String {
        let text = format!(
            "{:?}",
            (
                &self.name,
                &self.image,
                self.owner,
                &self.argv,
                &self.resume_argv,
                &self.env,
                &self.mounts,
                self.limits
            )
        );
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}

/// One container of ours as the engine showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The engine's id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// Who it belongs to.
    pub labels: Labels,
    /// Its state.
    pub state: ContainerState,
    /// How its main process ended, where it did.
    pub exit: Option<ContainerExit>,
}

/// How a container's main process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerExit {
    /// Exit code; 128 + signal when a signal ended it.
    pub code: i64,
    /// Whether the kernel ended it for want of memory.
    pub was_out_of_memory: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        Labels {
            home: HomeId::parse("0123456789abcdef").unwrap(),
            repo: RepoId::parse("project-0123456789ab").unwrap(),
            workstream: WorkstreamId::parse("01jzzzzzzzzzzzzzzzzzzzzzzz").unwrap(),
            run: RunId::parse("01jyyyyyyyyyyyyyyyyyyyyyyy").unwrap(),
            branch: "ccells/fix-it".to_string(),
            config_hash: "feedfeedfeedfeed".to_string(),
        }
    }

    fn spec() -> ContainerSpec {
        ContainerSpec {
            name: "ccells-project-1".to_string(),
            image: "agent:1".to_string(),
            labels: labels(),
            owner: (1_000, 1_000),
            argv: vec!["agent".to_string(), "do it".to_string()],
            resume_argv: vec!["agent".to_string(), "--continue".to_string()],
            env: BTreeMap::from([("TERM".to_string(), "xterm".to_string())]),
            mounts: vec![Mount { source: "/a".into(), target: "/b".to_string(), is_read_only: true }],
            limits: ContainerLimits::default(),
        }
    }

    #[test]
    fn labels_are_read_back_only_when_all_of_them_are_there() {
        let pairs = labels().to_pairs();
        let parse =
            |pairs: &BTreeMap<String, String>| Labels::parse(|name| pairs.get(name).map(String::as_str));
        assert_eq!(parse(&pairs), Some(labels()));
        for name in pairs.keys().filter(|name| name.as_str() != "dev.ccells.schema") {
            let mut fewer = pairs.clone();
            fewer.remove(name);
            assert_eq!(parse(&fewer), None, "without {name}");
        }
        let mut denied = pairs;
        denied.insert(LABEL.to_string(), "false".to_string());
        assert_eq!(parse(&denied), None);
    }

    #[test]
    fn the_holder_is_told_what_to_run_and_how_to_go_on() {
        assert_eq!(
            spec().command().join(" "),
            "/ccells/bin/ccells-holder serve --socket /ccells/run/holder.sock --resume=agent --resume=--continue \
             -- agent do it"
        );
    }

    #[test]
    fn the_fingerprint_is_of_everything_but_the_labels() {
        let plain = spec().config_hash();
        assert_eq!(plain.len(), 16);
        let with = |change: fn(&mut ContainerSpec)| {
            let mut spec = spec();
            change(&mut spec);
            spec.config_hash()
        };
        assert_eq!(with(|spec| spec.labels.branch.push('x')), plain);
        let changes: [fn(&mut ContainerSpec); 8] = [
            |spec| spec.name.push('x'),
            |spec| spec.image.push('x'),
            |spec| spec.owner.0 = 0,
            |spec| spec.argv.push("x".to_string()),
            |spec| spec.resume_argv.clear(),
            |spec| spec.env.clear(),
            |spec| spec.mounts[0].is_read_only = false,
            |spec| spec.limits.pids += 1,
        ];
        let mut all: Vec<_> = changes.into_iter().map(with).chain([plain]).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 9);
    }

    #[test]
    fn the_fingerprint_is_the_published_one_of_its_text() {
        // A container made by an older ccells keeps its fingerprint only while the function stays what it is.
        assert_eq!(spec().config_hash(), "3d94d023f5f17450");
    }

    #[test]
    fn states_are_the_engines_words_and_some_have_processes() {
        for (word, has_processes) in [
            ("created", false),
            ("running", true),
            ("paused", true),
            ("restarting", true),
            ("removing", false),
            ("exited", false),
            ("dead", false),
        ] {
            let state = ContainerState::parse(word).unwrap();
            assert_eq!((state.to_string().as_str(), state.has_processes()), (word, has_processes));
        }
        assert_eq!(ContainerState::parse("asleep"), None);
    }
}
