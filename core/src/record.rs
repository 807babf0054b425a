//! What is on disk: every format we write, with its version, and how it is parsed and printed.
//! Fields we do not know are kept when a file is written again; a newer version is never written over.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::container::{AGENT_HOME, BASE_OBJECTS, ContainerLimits, GIT_DIR, Mount, RUN_DIR, WORKSPACE};
use crate::container::{ContainerSpec, Labels};
use crate::ids::{Commit, ContainerId, Generation, HomeId, PathText, RepoId, RunId, WorkstreamId};
use crate::naming;
use crate::ports::{BaseMove, Beginning, BranchMove, WorktreePlan};
use crate::time::Wall;

/// The version of every format below.
pub const VERSION: u32 = 1;

/// What is wrong with the bytes of a file of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is not what we wrote.
    #[error("damaged: {why}")]
    Corrupt {
        /// What the parser said.
        why: String,
    },
    /// A later ccells wrote it.
    #[error("written by a newer ccells (format {version}, this one knows {VERSION})")]
    Newer {
        /// Its version.
        version: u64,
    },
}

/// Parses any of our records, telling a damaged file from a newer one.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Flaw> {
    // The parser quotes what it did not like, which may be anything.
    let corrupt = |error: serde_json::Error| Flaw::Corrupt { why: naming::sanitise(&error.to_string()) };
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Flaw::Corrupt { why: "it is no record".to_string() });
    }
    match serde_json::from_slice::<Versioned>(bytes).map_err(corrupt)?.version {
        None => Err(Flaw::Corrupt { why: "it names no version".to_string() }),
        Some(version) if version > u64::from(VERSION) => Err(Flaw::Newer { version }),
        Some(_) => serde_json::from_slice(bytes).map_err(corrupt),
    }
}

/// What every record says, whatever its version: read first, and nothing else of it.
#[derive(Deserialize)]
struct Versioned {
    version: Option<u64>,
}

/// Prints a record for a person to read, with a line end.
pub fn print<T: Serialize>(record: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(record).expect("records hold only text keys and numbers");
    bytes.push(b'\n');
    bytes
}

/// Which agent a workstream runs, as data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCommand {
    /// The command of its first start.
    pub argv: Vec<String>,
    /// The command of every later start; empty means the first one again.
    pub resume_argv: Vec<String>,
    /// Its environment, without secrets.
    pub env: BTreeMap<String, String>,
    /// The agent's own name for its conversation, chosen by us.
    pub session_id: String,
}

/// All that is fixed about a workstream, before anything of it exists. Enough to finish or undo any operation on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The workstream.
    pub id: WorkstreamId,
    /// Its name for people.
    pub name: String,
    /// What the agent was asked to do.
    pub prompt: String,
    /// Its branch, without `refs/heads/`.
    pub branch: String,
    /// The reference it was started from, where one was asked for.
    pub base_ref: Option<String>,
    /// The commit it starts from; `None` only before it was resolved.
    pub base: Option<Commit>,
    /// How it begins besides.
    #[serde(default, skip_serializing_if = "Beginning::is_plain")]
    pub beginning: Beginning,
    /// The repository.
    pub repo_id: RepoId,
    /// Top of the user's checkout.
    pub repo_path: PathText,
    /// The repository's common git directory.
    pub git_dir: PathText,
    /// Directories with the repository's objects, its own first.
    pub objects: Vec<PathText>,
    /// The worktree.
    pub worktree: PathText,
    /// The workstream's own directory.
    pub home: PathText,
    /// The container's name.
    pub container_name: String,
    /// The image it runs.
    pub image: String,
    /// The agent.
    pub agent: AgentCommand,
    /// Who owns the worktree: user and group.
    pub owner: (u32, u32),
    /// What the container may use.
    pub limits: ContainerLimits,
    /// When it was asked for.
    pub created_at: Wall,
}

impl Facts {
    /// Where its files and refs are. Only once the base is known.
    pub fn plan(&self) -> Option<WorktreePlan> {
        Some(WorktreePlan {
            workstream: self.id.clone(),
            repo: self.repo_path.clone(),
            git_dir: self.git_dir.clone(),
            worktree: self.worktree.clone(),
            home: self.home.clone(),
            branch: self.branch.clone(),
            base: self.base.clone()?,
            owner: self.owner,
            beginning: self.beginning.clone(),
        })
    }

    /// The container to make for it.
    pub fn spec(&self, home: &HomeId, run: &RunId) -> ContainerSpec {
        let labels = Labels {
            home: home.clone(),
            repo: self.repo_id.clone(),
            workstream: self.id.clone(),
            run: run.clone(),
            branch: self.branch.clone(),
            config_hash: String::new(),
        };
        let mut spec = ContainerSpec {
            name: self.container_name.clone(),
            image: self.image.clone(),
            labels,
            owner: self.owner,
            argv: self.agent.argv.clone(),
            resume_argv: self.agent.resume_argv.clone(),
            env: self.environment(),
            mounts: self.mounts(),
            limits: self.limits,
        };
        spec.labels.config_hash = spec.config_hash();
        spec
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let mut env = self.agent.env.clone();
        let mut fixed = |name: &str, value: &str| env.insert(name.to_string(), value.to_string());
        fixed("HOME", AGENT_HOME);
        fixed("TERM", "xterm-256color");
        fixed("COLORTERM", "truecolor");
        fixed("TERM_PROGRAM", "ccells");
        fixed("IS_SANDBOX", "1");
        fixed("CCELLS_WORKSTREAM_ID", self.id.as_str());
        fixed("CCELLS_WORKSTREAM_NAME", &self.name);
        env
    }

    fn mounts(&self) -> Vec<Mount> {
        let mount = |source: PathText, target: &str, is_read_only| Mount {
            source,
            target: target.to_string(),
            is_read_only,
        };
        let mut mounts = alloc::vec![
            mount(self.worktree.clone(), WORKSPACE, false),
            mount(self.home.join("dotgit"), &format!("{WORKSPACE}/.git"), true),
            mount(self.home.join("git"), GIT_DIR, false),
            mount(self.home.join("home"), AGENT_HOME, false),
            mount(self.home.join("run"), RUN_DIR, false),
            mount(self.home.join("passwd"), "/etc/passwd", true),
            mount(self.home.join("group"), "/etc/group", true),
        ];
        for (index, objects) in self.objects.iter().enumerate() {
            let target =
                if index == 0 { BASE_OBJECTS.to_string() } else { format!("{BASE_OBJECTS}-{index}") };
            mounts.push(mount(objects.clone(), &target, true));
        }
        if self.objects.len() > 1 {
            // What the first directory says of the others are paths of the host.
            mounts.push(mount("/dev/null".into(), &format!("{BASE_OBJECTS}/info/alternates"), true));
        }
        mounts
    }
}

/// `workstreams/<id>/workstream.json`: the facts, written once, but for the base, which a rebase moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactsRecord {
    /// [`VERSION`].
    pub version: u32,
    /// The facts.
    #[serde(flatten)]
    pub facts: Facts,
}

/// What an intent is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Operation {
    /// Make the workstream, or its container again.
    Create,
    /// Bring it back from the trash.
    Restore {
        /// When a container of it was last asked for without an answer, by the wall clock: one may still appear.
        unsettled_since: Option<Wall>,
    },
    /// Move a branch of the user to where its work is merged.
    Merge,
    /// Put its commits onto another base.
    Rebase,
    /// Take all of it away.
    Destroy {
        /// Whether the branch stays whatever it holds.
        keep_branch: bool,
        /// When a container of it was last asked for without an answer, by the wall clock: one may still appear.
        unsettled_since: Option<Wall>,
        /// Whether all is done but the wait for such a container.
        #[serde(default)]
        is_settling: bool,
    },
}

/// `intents/<id>.json`: the write-ahead note of one operation in flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// [`VERSION`].
    pub version: u32,
    /// What is being done.
    #[serde(flatten)]
    pub operation: Operation,
    /// The run that does it.
    pub run: RunId,
    /// To what.
    pub workstream: Facts,
    /// Since when.
    pub written_at: Wall,
    /// Why it stopped before its end, when it did.
    #[serde(default)]
    pub reason: Option<String>,
    /// Which branch moves from where to where, for a merge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<BranchMove>,
    /// From which base to which, for a rebase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basing: Option<BaseMove>,
}

/// A rebase that was begun and that nobody knows the end of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRebase {
    /// From where to where.
    #[serde(flatten)]
    pub moving: BaseMove,
    /// The files that are not resolved, where it was seen to have stopped; `None` where it is not known how it stands.
    pub files: Option<Vec<String>>,
    /// When it was begun.
    pub begun_at: Wall,
}

impl OpenRebase {
    /// How it stands, for people.
    pub fn text(&self) -> String {
        let target = &self.moving.target;
        match self.files.as_deref() {
            None => alloc::format!("a rebase onto `{target}` may be under way"),
            Some([]) => alloc::format!("a rebase onto `{target}` has stopped, and no file is in conflict"),
            Some(files) => {
                let count = if files.len() == 1 {
                    "1 file".to_string()
                } else {
                    alloc::format!("{} files", files.len())
                };
                alloc::format!(
                    "a rebase onto `{target}` is under way: {count} in conflict: {}",
                    files.join(", ")
                )
            }
        }
    }
}

/// `removed.json` beside the facts of a workstream that was taken away: what its directory does not say by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedRecord {
    /// [`VERSION`].
    pub version: u32,
    /// When.
    pub removed_at: Wall,
    /// The workstream.
    pub workstream: WorkstreamId,
    /// Its name for people, where its facts could be read.
    pub name: Option<String>,
    /// Top of the user's checkout.
    pub repo_path: PathText,
    /// The repository's common git directory.
    pub git_dir: PathText,
    /// Its branch, without `refs/heads/`.
    pub branch: String,
    /// Where the branch stood; `None` when somebody had taken it away.
    pub branch_tip: Option<Commit>,
    /// Whether the branch went with it.
    pub is_branch_removed: bool,
    /// What of its files is kept as a commit, where they differed from the base.
    pub snapshot: Option<Commit>,
    /// What a later ccells may have added.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The reason in the intent of a creation that an orderly end of its run broke off.
pub const LEFT_AT_END: &str = "ccells ended before it was finished";

impl Intent {
    /// Whether an orderly end left it for the next start to take up.
    pub fn was_left_at_end(&self) -> bool {
        self.reason.as_deref() == Some(LEFT_AT_END)
    }
}

/// Who wrote a shared file last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// Its run.
    pub run: RunId,
    /// Its pid.
    pub pid: u32,
}

/// One container in `containers.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedContainer {
    /// The engine's id.
    pub container_id: ContainerId,
    /// The workstream.
    pub workstream_id: WorkstreamId,
    /// Its branch.
    pub branch_name: String,
    /// Top of the user's checkout.
    pub repo_path: PathText,
    /// The container's name.
    pub name: String,
    /// The repository.
    pub repo_id: RepoId,
    /// What we last did to it: `created`, `running`, `pausing`, `paused`, `stopped`.
    pub state: String,
    /// When the workstream was asked for.
    pub created_at: Wall,
    /// What a later ccells may have added.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl TrackedContainer {
    /// What the index says of a container of `facts` that was last seen or put in `state`.
    pub fn new(facts: &Facts, container: &ContainerId, state: &str) -> Self {
        Self {
            container_id: container.clone(),
            workstream_id: facts.id.clone(),
            branch_name: facts.branch.clone(),
            repo_path: facts.repo_path.clone(),
            name: facts.container_name.clone(),
            repo_id: facts.repo_id.clone(),
            state: state.to_string(),
            created_at: facts.created_at,
            extra: Map::new(),
        }
    }
}

/// One change to the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// This container exists and is ours (`TrackContainer`). Replaces what the index says of the workstream.
    Track(TrackedContainer),
    /// The workstream has no container any more (`UntrackContainer`).
    Untrack(WorkstreamId),
}

/// `containers.json`: the durable index of every container of this home, over all repositories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackingRecord {
    /// [`VERSION`].
    pub version: u32,
    /// Counts the writes.
    pub generation: Generation,
    /// Who wrote last.
    pub writer: Option<Writer>,
    /// When.
    pub written_at: Wall,
    /// The containers, by name.
    pub containers: Vec<TrackedContainer>,
    /// What a later ccells may have added.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// How the panes lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Equal panes in rows and columns.
    #[default]
    Grid,
    /// One large pane left, the others stacked right.
    MainStack,
    /// One large pane above, the others in a row below.
    MainRow,
    /// One above the other.
    Rows,
    /// Side by side.
    Columns,
    /// The focused pane alone.
    Zoom,
}

impl Layout {
    /// All of them, in the order in which they are stepped through.
    pub const ALL: [Self; 6] =
        [Self::Grid, Self::MainStack, Self::MainRow, Self::Rows, Self::Columns, Self::Zoom];

    /// The word for it in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::MainStack => "main_stack",
            Self::MainRow => "main_row",
            Self::Rows => "rows",
            Self::Columns => "columns",
            Self::Zoom => "zoom",
        }
    }
}

impl<'de> Deserialize<'de> for Layout {
    /// A layout that only a later ccells knows is read as the usual one: it is not worth the file it stands in.
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let word = String::deserialize(source)?;
        Ok(Self::ALL.into_iter().find(|layout| layout.as_str() == word).unwrap_or_default())
    }
}

/// How the panes of one layout share the screen, where a person has changed it. Weights count against one another,
/// and [`SPLIT_WEIGHT`](crate::limits::SPLIT_WEIGHT) is an even share; what is not listed has that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Splits {
    /// The share of the large pane, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<u16>,
    /// The weights of panes side by side, by their place on the page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub widths: Vec<u16>,
    /// The weights of panes one above the other, by their place on the page or, in a grid, by their row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heights: Vec<u16>,
    /// What a later ccells may have added.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What a person sees first when coming back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewRecord {
    /// The order of the panes.
    pub order: Vec<WorkstreamId>,
    /// The pane that had the focus.
    pub focused: Option<WorkstreamId>,
    /// How the panes lay.
    pub layout: Layout,
    /// How they lay before the focused one was shown alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unzoomed: Option<Layout>,
    /// How the panes shared the screen, by the word of their layout.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub splits: BTreeMap<String, Splits>,
    /// What a later ccells may have added.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One workstream in `state.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateEntry {
    /// The engine's id of its container, once it has one.
    pub container_id: Option<ContainerId>,
    /// Whether our own quit froze it, so that the next start lets it go on.
    pub was_paused_by_quit: bool,
    /// Whether the user stopped it on purpose.
    pub was_stopped_by_user: bool,
    /// When a container of it was last asked for without an answer, by the wall clock: one may still appear, also
    /// after the one that it has is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsettled_since: Option<Wall>,
    /// A rebase of it that was begun and that nobody knows the end of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebase: Option<OpenRebase>,
    /// All that is fixed about it.
    pub facts: Facts,
    /// What a later ccells may have added.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// `state/<repo>/state.json`: everything needed to come back to one repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRecord {
    /// [`VERSION`].
    pub version: u32,
    /// Counts the writes.
    pub generation: Generation,
    /// Who wrote last.
    pub writer: Option<Writer>,
    /// When.
    pub written_at: Wall,
    /// The repository.
    pub repo_id: RepoId,
    /// Top of the user's checkout.
    pub repo_path: PathText,
    /// How it looked.
    pub view: ViewRecord,
    /// The workstreams, by id.
    pub workstreams: Vec<StateEntry>,
    /// What a later ccells may have added.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// `heartbeat` and `runs/<run>.hb`: a run's proof of life for people and for file systems without locks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeatRecord {
    /// [`VERSION`].
    pub version: u32,
    /// The run's pid.
    pub pid: u32,
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
    /// The run.
    pub run: RunId,
    /// The repository it works on.
    pub repo_id: RepoId,
    /// Counts its beats.
    pub sequence: u64,
    /// The machine's boot.
    pub boot_id: String,
    /// When the process started, in the kernel's ticks since boot.
    pub start_ticks: u64,
}
