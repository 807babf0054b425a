//! Stories for the machine: events in any order, answers to what it asked and to what it never did, made of bytes.

use std::collections::{BTreeMap, BTreeSet};

use ccells_core::agent::{AgentExit, AgentLife, AgentReport, AgentStatus};
use ccells_core::container::{ContainerLimits, ContainerSpec, ContainerState, Labels, Observed};
use ccells_core::effect::Effect;
use ccells_core::event::{
    Access, Ask, Event, Found, NewWorkstream, OnQuit, Previous, Purpose, Repo, Settings, StateFound,
};
use ccells_core::ids::{
    Attempt, Commit, ContainerId, Generation, HomeId, PathText, RepoId, RequestId, RunId, WorkstreamId,
};
use ccells_core::machine::Machine;
use ccells_core::naming;
use ccells_core::ports::{
    BaseMove, Beginning, BranchMove, EngineError, EngineFacts, GitError, MergeWish, OnTaken, PullProgress,
    PushHow, PushWish, Pushed, RebaseState, RebaseWish, WorkReport,
};
use ccells_core::record::{
    AgentCommand, Facts, Intent, Layout, OpenRebase, Operation, StateEntry, StateRecord, VERSION, ViewRecord,
};
use ccells_core::time::{Mono, Now, Wall};

use crate::choices::Choices;

/// Workstreams a story may speak of.
const NAMES: u8 = 4;
/// What a wall clock shows when the monotonic one shows zero.
const EPOCH: u64 = 1_800_000_000_000;
/// Most effects of one event. A machine that asks for more of so few workstreams asks without end.
const EFFECTS: usize = 64;
/// Requests that are remembered, so that a story stays short of endless.
const PENDING: usize = 64;

/// A story. Whatever happens in whatever order, no invariant breaks, the same events have the same effects, a wish is
/// answered once, and nothing happens after the end.
pub fn event_script(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut story = Booted::new(found(&mut choices));
    while !choices.is_over() {
        match choices.below(8) {
            0..=3 => {
                let how = choices.byte();
                let index = choices.below(story.pending.len());
                story.answer(index, how);
            }
            4 => story.wait(u64::from(choices.number())),
            5 => {
                story.ask(&mut choices);
            }
            _ => {
                let event = event(&mut choices, story.now);
                story.send(event);
            }
        }
    }
    story.wait(200_000);
}

/// A machine that has booted, and what it asked for since.
pub(crate) struct Booted {
    machine: Machine,
    now: u64,
    pending: Vec<Effect>,
    asked: BTreeSet<u64>,
    answered: BTreeSet<u64>,
    has_ended: bool,
    spoken: u64,
}

impl Booted {
    fn new(found: Found) -> Self {
        let mut booted = Self {
            machine: Machine::new(),
            now: 1_000,
            pending: Vec::new(),
            asked: BTreeSet::new(),
            answered: BTreeSet::new(),
            has_ended: false,
            spoken: 100,
        };
        booted.send(Event::Booted(Box::new(found)));
        booted
    }

    /// One whose state has so many workstreams, and whose engine has shown nothing.
    pub(crate) fn with_workstreams(count: u8) -> Self {
        let mut booted = Self::new(Found { state: state((1..=count).map(entry).collect()), ..nothing() });
        booted.send(Event::ContainersListed { requested_at: Mono(1_000), outcome: Ok(Vec::new()) });
        booted
    }

    /// Tells the machine, and holds what it does against what must always be.
    pub(crate) fn send(&mut self, event: Event) -> Vec<Effect> {
        if let Event::Asked { request, .. } = &event {
            self.asked.insert(request.0);
        }
        let now = Now { mono: Mono(self.now), wall: Wall(EPOCH + self.now) };
        let mut twin = self.machine.clone();
        let again = twin.handle(now, event.clone());
        let effects = self.machine.handle(now, event);
        assert_eq!(effects, again, "the same state, time and event give the same effects");
        let effects: Vec<Effect> = effects.into_iter().collect();
        assert!(effects.len() <= EFFECTS, "{} effects of one event", effects.len());
        for effect in &effects {
            self.judge(effect);
        }
        if let Some(snapshot) = self.machine.snapshot() {
            let ids: BTreeSet<_> = snapshot.workstreams.iter().map(|card| &card.id).collect();
            assert_eq!(ids.len(), snapshot.workstreams.len(), "everything is shown once");
        }
        effects
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all others wait for an answer, or for none")]
    fn judge(&mut self, effect: &Effect) {
        assert!(!self.has_ended, "after the end: {effect:?}");
        match effect {
            Effect::Exit { .. } => self.has_ended = true,
            Effect::Reply { request, .. } => {
                assert!(self.asked.contains(&request.0), "a reply to nobody: {request:?}");
                assert!(self.answered.insert(request.0), "a second reply: {request:?}");
            }
            Effect::Beat { .. } | Effect::Notify { .. } | Effect::CloseSession { .. } => {}
            other => {
                self.pending.push(other.clone());
                if self.pending.len() > PENDING {
                    self.pending.remove(0);
                }
            }
        }
    }

    /// Lets time go on, with a word to the machine at each of its deadlines.
    fn wait(&mut self, ms: u64) {
        let until = self.now.saturating_add(ms);
        while let Some(deadline) = self.machine.next_deadline().filter(|deadline| deadline.at.0 <= until) {
            self.now = self.now.max(deadline.at.0);
            self.send(Event::TimePassed);
            if let Some(next) = self.machine.next_deadline() {
                assert!(next.at.0 > self.now, "a deadline is left behind: {next:?} at {}", self.now);
            }
        }
        self.now = until;
    }

    fn ask(&mut self, choices: &mut Choices<'_>) {
        // A number is drawn for one wish only.
        self.spoken += 1;
        let event = Event::Asked { request: RequestId(self.spoken), ask: ask(choices) };
        self.send(event);
    }

    /// Answers what was asked for; sometimes it stays asked, so that the answer comes twice.
    fn answer(&mut self, index: usize, how: u8) {
        if self.pending.is_empty() {
            return;
        }
        let effect = if how & 0x40 == 0 { self.pending.remove(index) } else { self.pending[index].clone() };
        if let Some(event) = answer(effect, how, self.now) {
            self.send(event);
        }
    }
}

fn id(number: u8) -> WorkstreamId {
    WorkstreamId::parse(&format!("01jd8z5q0v3x7k2m9n4p6r{:04}", number % (NAMES + 1)))
        .expect("the form is right")
}

fn container(number: u8) -> ContainerId {
    ContainerId::parse(&format!("c{number}")).expect("the form is right")
}

fn run() -> RunId {
    RunId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").expect("the form is right")
}

fn base() -> Commit {
    Commit::parse("00112233445566778899aabbccddeeff00112233").expect("the form is right")
}

/// The facts of a workstream.
pub(crate) fn facts(number: u8) -> Facts {
    let id = id(number);
    Facts {
        name: format!("work {number}"),
        prompt: "please".to_owned(),
        branch: format!("ccells/work-{number}"),
        base_ref: None,
        base: Some(base()),
        beginning: Beginning::default(),
        repo_id: RepoId::parse("web-1a2b").expect("the form is right"),
        repo_path: PathText::from("/repo"),
        git_dir: PathText::from("/repo/.git"),
        objects: vec![PathText::from("/repo/.git/objects")],
        worktree: PathText::from("/home/worktrees").join(id.as_str()),
        home: PathText::from("/home/workstreams").join(id.as_str()),
        container_name: naming::container_name("web", &id),
        image: "image".to_owned(),
        agent: AgentCommand::default(),
        owner: (1_000, 1_000),
        limits: ContainerLimits::default(),
        created_at: Wall(EPOCH),
        id,
    }
}

/// What is asked for one of them.
pub(crate) fn spec() -> ContainerSpec {
    facts(1).spec(&HomeId::parse("home").expect("the form is right"), &run())
}

fn entry(number: u8) -> StateEntry {
    StateEntry {
        container_id: Some(container(number)),
        was_paused_by_quit: number & 1 == 1,
        was_stopped_by_user: number & 2 == 2,
        unsettled_since: (number == 3).then_some(Wall(EPOCH)),
        rebase: (number == 2).then(|| OpenRebase {
            moving: basing(),
            files: Some(vec!["a".to_owned()]),
            begun_at: Wall(EPOCH),
        }),
        facts: facts(number),
        extra: serde_json::Map::new(),
    }
}

fn state(workstreams: Vec<StateEntry>) -> StateFound {
    StateFound::Read(Box::new(StateRecord {
        version: VERSION,
        generation: Generation(40),
        writer: None,
        written_at: Wall(EPOCH),
        repo_id: RepoId::parse("web-1a2b").expect("the form is right"),
        repo_path: PathText::from("/repo"),
        view: ViewRecord::default(),
        workstreams,
        extra: serde_json::Map::new(),
    }))
}

fn nothing() -> Found {
    Found {
        run: run(),
        pid: 7,
        home: HomeId::parse("home").expect("the form is right"),
        home_path: PathText::from("/home"),
        owner: (1_000, 1_000),
        repo: Repo {
            id: RepoId::parse("web-1a2b").expect("the form is right"),
            slug: "web".to_owned(),
            path: PathText::from("/repo"),
            git_dir: PathText::from("/repo/.git"),
            objects: vec![PathText::from("/repo/.git/objects")],
        },
        settings: Settings {
            image: "image".to_owned(),
            agent: AgentCommand::default(),
            limits: ContainerLimits::default(),
            branch_prefix: "ccells/".to_owned(),
            asks_remotes: true,
        },
        access: Access::Write,
        purpose: Purpose::Interactive,
        previous: Previous::Clean,
        state: StateFound::Fresh,
        intents: Vec::new(),
        facts: Vec::new(),
        tracked: BTreeMap::new(),
        worktrees: BTreeSet::new(),
        notices: Vec::new(),
        warnings: Vec::new(),
    }
}

/// What a start may find: any mixture of records, intents and worktrees of the workstreams there are.
fn found(choices: &mut Choices<'_>) -> Found {
    let chosen = |mask: u8| (1..=NAMES).filter(move |number| mask >> (number - 1) & 1 == 1);
    let (manner, entries, opened, made) = (choices.byte(), choices.byte(), choices.byte(), choices.byte());
    let operations = [
        Operation::Create,
        Operation::Destroy { keep_branch: false, unsettled_since: None, is_settling: false },
        Operation::Destroy { keep_branch: true, unsettled_since: Some(Wall(EPOCH)), is_settling: true },
        Operation::Restore { unsettled_since: None },
        Operation::Merge,
        Operation::Rebase,
    ];
    let intent = |number: u8| Intent {
        version: VERSION,
        operation: operations[usize::from(opened >> 4) % operations.len()],
        run: run(),
        workstream: facts(number),
        written_at: Wall(EPOCH),
        reason: (manner & 8 == 8).then(|| "it stopped".to_owned()),
        moving: (manner & 16 == 16).then(moving),
        basing: (manner & 32 == 32).then(basing),
    };
    let state = match manner >> 6 {
        0 => StateFound::Fresh,
        1 => StateFound::Recovered { state: None, notice: "damaged".to_owned() },
        _ => state(chosen(entries).map(entry).collect()),
    };
    Found {
        access: if manner & 7 == 7 { Access::ReadOnly { holder: "pid 6".to_owned() } } else { Access::Write },
        purpose: [Purpose::Interactive, Purpose::Verb, Purpose::Reconcile][usize::from(manner & 3) % 3],
        state,
        intents: chosen(opened).map(intent).collect(),
        facts: chosen(made).map(facts).collect(),
        tracked: chosen(entries >> 4).map(|number| (id(number), container(number))).collect(),
        worktrees: chosen(made >> 4).map(id).collect(),
        notices: (manner & 16 == 16).then(|| "something was not readable".to_owned()).into_iter().collect(),
        ..nothing()
    }
}

fn ask(choices: &mut Choices<'_>) -> Ask {
    let (kind, number) = (choices.below(15), choices.byte());
    let workstream = id(number);
    match kind {
        14 if number & 0xa0 == 0xa0 => Ask::Rebase {
            workstream,
            wish: Box::new(if number & 0x40 == 0 { RebaseWish::Onto(None) } else { RebaseWish::Abort }),
        },
        14 if number & 0x20 != 0 => Ask::Push {
            workstream,
            wish: Box::new(PushWish {
                remote: (number & 0x80 != 0).then(|| choices.text()),
                branch: (number & 0x40 != 0).then(|| choices.text()),
                is_forced: number & 0x10 != 0,
                ..PushWish::default()
            }),
        },
        14 => Ask::Merge {
            workstream,
            wish: Box::new(MergeWish {
                onto: (number & 0x80 != 0).then(|| choices.text()),
                message: (number & 0x40 != 0).then(|| choices.text()),
                ..MergeWish::default()
            }),
        },
        0 | 1 => Ask::New(Box::new(NewWorkstream {
            id: workstream,
            name: (number & 0x80 != 0).then(|| choices.text()),
            prompt: choices.text(),
            branch: (number & 0x40 != 0).then(|| choices.text()),
            base: (number & 0x20 != 0).then(|| choices.text()),
            on_taken: [OnTaken::Refuse, OnTaken::New, OnTaken::Use, OnTaken::Recreate]
                [usize::from(number >> 2 & 3)],
            is_offline: number & 0x08 != 0,
            include: Vec::new(),
            from: None,
            image: None,
            argv: (number & 0x10 != 0).then(|| vec![choices.text()]),
            session_id: "session".to_owned(),
        })),
        2 => Ask::Pause(workstream),
        3 => Ask::Resume(workstream),
        4 => Ask::Stop(workstream),
        5 => Ask::Restart(workstream),
        6 | 7 => Ask::Remove { workstream, is_forced: number & 0x80 != 0, keep_branch: number & 0x40 != 0 },
        8 => Ask::Cancel(workstream),
        9 => Ask::Reconcile,
        10 => Ask::View(ViewRecord {
            order: vec![workstream.clone(), id(number / 8), workstream.clone()],
            focused: Some(workstream),
            layout: choices.pick(&[Layout::Grid, Layout::Zoom]),
            ..ViewRecord::default()
        }),
        12 => Ask::Undo(Box::new(facts(number % NAMES + 1))),
        11 => Ask::Quit { policy: choices.pick(&[OnQuit::PauseAll, OnQuit::KeepRunning]) },
        _ => Ask::QuitNow,
    }
}

fn text(how: u8) -> Result<(), String> {
    if how.is_multiple_of(4) { Err("no space left".to_owned()) } else { Ok(()) }
}

fn git(how: u8) -> Result<(), GitError> {
    match how % 12 {
        0 => Err(GitError::Failed { what: "git failed".to_owned() }),
        1 => Err(GitError::BranchExists { branch: "that".to_owned() }),
        2 => Err(GitError::Busy { what: "a lock".to_owned() }),
        3 => Err(GitError::WouldLose { what: "work".to_owned() }),
        4 => Err(GitError::NoSuchRef { reference: "x".to_owned() }),
        _ => Ok(()),
    }
}

fn engine(how: u8) -> Result<(), EngineError> {
    let what = "the engine's words".to_owned();
    match how % 12 {
        0 => Err(EngineError::Unknown { reason: what }),
        1 => Err(EngineError::Unreachable { endpoint: "here".to_owned(), reason: what }),
        2 => Err(EngineError::NotFound { what }),
        3 => Err(EngineError::Conflict { what }),
        4 => Err(EngineError::Refused { status: 500, what }),
        _ => Ok(()),
    }
}

fn work(how: u8) -> WorkReport {
    WorkReport {
        modified: (how & 16 == 16).then(|| "file".to_owned()).into_iter().collect(),
        has_commits: how & 8 == 8,
        has_worktree: true,
        ..WorkReport::default()
    }
}

fn listing(how: u8) -> Vec<Observed> {
    let states = [
        ContainerState::Created,
        ContainerState::Running,
        ContainerState::Paused,
        ContainerState::Exited,
        ContainerState::Dead,
        ContainerState::Removing,
    ];
    let show = |number: u8| Observed {
        id: container(number),
        name: naming::container_name("web", &id(number)),
        labels: Labels {
            home: HomeId::parse("home").expect("the form is right"),
            repo: RepoId::parse("web-1a2b").expect("the form is right"),
            workstream: id(number),
            run: run(),
            branch: "ccells/left".to_owned(),
            config_hash: "0".to_owned(),
        },
        state: states[usize::from(how / 16 + number) % states.len()],
        exit: None,
    };
    (1..=NAMES).filter(|number| how >> (number - 1) & 1 == 1).map(show).collect()
}

/// The event that answers `effect`; `None` for what is not answered.
#[rustfmt::skip]
fn answer(effect: Effect, how: u8, now: u64) -> Option<Event> {
    use Effect as E;
    Some(match effect {
        E::WriteIntent { workstream, attempt, .. } => Event::IntentWritten { workstream, attempt, outcome: text(how) },
        E::ClearIntent { workstream, attempt } => Event::IntentCleared { workstream, attempt, outcome: text(how) },
        E::TrackContainer { workstream, attempt, .. } => Event::ContainerTracked { workstream, attempt, outcome: text(how) },
        E::UntrackContainer { workstream, attempt, .. } => Event::ContainerUntracked { workstream, attempt, outcome: text(how) },
        E::SaveState { generation, .. } => Event::StateSaved { generation, outcome: text(how) },
        E::ResolveBase { workstream, attempt, .. } => Event::BaseResolved { workstream, attempt, outcome: git(how).map(|()| base().into()) },
        E::PinBase { workstream, attempt, .. } => Event::BasePinned { workstream, attempt, outcome: git(how) },
        E::AddWorktree { workstream, attempt, .. } => Event::WorktreeAdded { workstream, attempt, outcome: git(how) },
        E::BuildHome { workstream, attempt, .. } => Event::HomeBuilt { workstream, attempt, outcome: git(how) },
        E::InspectWork { workstream, attempt, .. } => Event::WorkInspected { workstream, attempt, outcome: git(how).map(|()| work(how)) },
        E::SnapshotWork { workstream, attempt, .. } => Event::WorkSnapshotted { workstream, attempt, outcome: git(how).map(|()| Some(base())) },
        E::RemoveWorktree { workstream, attempt, .. } => Event::WorktreeRemoved { workstream, attempt, outcome: git(how) },
        E::RetireHome { workstream, attempt, .. } => Event::HomeRetired { workstream, attempt, outcome: git(how) },
        E::RestoreWork { workstream, attempt, .. } => Event::WorkRestored { workstream, attempt, outcome: git(how).map(|()| format!("b-{how}")) },
        E::FetchWork { workstream, attempt, .. } => Event::WorkFetched { workstream, attempt, outcome: git(how).map(|()| base()) },
        E::JudgeMerge { workstream, attempt, .. } => Event::MergeJudged { workstream, attempt, outcome: git(how).map(|()| (how & 0x20 != 0).then(moving)) },
        E::PushWork { workstream, attempt, .. } => Event::WorkPushed { workstream, attempt, outcome: git(how).map(|()| pushed(how)) },
        E::MoveBranch { workstream, attempt, .. } => Event::BranchMoved { workstream, attempt, outcome: git(how) },
        E::AimRebase { workstream, attempt, .. } => Event::RebaseAimed { workstream, attempt, outcome: git(how).map(|()| basing()) },
        E::RebaseWork { workstream, attempt, .. } => Event::WorkRebased { workstream, attempt, outcome: engine(how).map(|()| rebased(how)) },
        E::MoveBase { workstream, attempt, .. } => Event::BaseMoved { workstream, attempt, outcome: git(how) },
        E::PingEngine => Event::EnginePinged { outcome: engine(how).map(|()| facts_of_engine()) },
        E::CreateContainer { workstream, attempt, .. } => Event::ContainerCreated { workstream, attempt, outcome: engine(how).map(|()| container(how % 5)) },
        E::PullImage { workstream, attempt, .. } if how & 0x40 != 0 => Event::PullProgressed { workstream, attempt, progress: pulled(how) },
        E::PullImage { workstream, attempt, .. } => Event::ImagePulled { workstream, attempt, outcome: engine(how) },
        E::UploadHolder { workstream, attempt, .. } => Event::HolderUploaded { workstream, attempt, outcome: engine(how) },
        E::StartContainer { workstream, attempt, .. } => Event::ContainerStarted { workstream, attempt, outcome: engine(how) },
        E::PauseContainer { workstream, attempt, .. } => Event::ContainerPaused { workstream, attempt, outcome: engine(how) },
        E::UnpauseContainer { workstream, attempt, .. } => Event::ContainerUnpaused { workstream, attempt, outcome: engine(how) },
        E::StopContainer { workstream, attempt, .. } => Event::ContainerStopped { workstream, attempt, outcome: engine(how) },
        E::RemoveContainer { workstream, attempt, .. } => Event::ContainerRemoved { workstream, attempt, outcome: engine(how) },
        E::ListContainers { .. } => Event::ContainersListed { requested_at: Mono(now.saturating_sub(u64::from(how))), outcome: engine(how).map(|()| listing(how)) },
        E::WatchEngine { .. } if how & 1 == 1 => Event::EngineChanged,
        E::WatchEngine { .. } => Event::EngineLost { reason: "the stream ended".to_owned(), is_late: false },
        E::OpenSession { workstream, attempt, .. } if how & 1 == 1 => Event::SessionOpened { workstream, attempt },
        E::OpenSession { workstream, attempt, .. } => Event::SessionEnded { workstream, attempt, reason: "broken".to_owned() },
        E::RestartAgent { workstream, attempt, .. } => Event::AgentRestarted { workstream, attempt, outcome: text(how) },
        E::CloseSession { .. } | E::AbandonPull { .. } | E::Beat { .. } | E::Reply { .. } | E::Notify { .. } | E::Exit { .. } => return None,
    })
}

fn facts_of_engine() -> EngineFacts {
    EngineFacts { version: "20.10".to_owned(), api: "1.41".to_owned() }
}

/// Any event but the boot, about anybody, with any attempt: late, early or from nowhere. A run boots once.
#[rustfmt::skip]
fn event(choices: &mut Choices<'_>, now: u64) -> Event {
    let (kind, how) = (choices.below(40), choices.byte());
    let (workstream, attempt) = (id(choices.byte()), Attempt(u64::from(choices.byte())));
    match kind {
        0 => Event::IntentWritten { workstream, attempt, outcome: text(how) },
        1 => Event::IntentCleared { workstream, attempt, outcome: text(how) },
        2 => Event::ContainerTracked { workstream, attempt, outcome: text(how) },
        3 => Event::ContainerUntracked { workstream, attempt, outcome: text(how) },
        4 => Event::StateSaved { generation: Generation(40 + attempt.0), outcome: text(how) },
        5 => Event::BaseResolved { workstream, attempt, outcome: git(how).map(|()| base().into()) },
        6 => Event::BasePinned { workstream, attempt, outcome: git(how) },
        7 => Event::WorktreeAdded { workstream, attempt, outcome: git(how) },
        8 => Event::HomeBuilt { workstream, attempt, outcome: git(how) },
        9 => Event::WorkInspected { workstream, attempt, outcome: git(how).map(|()| work(how)) },
        10 => Event::WorkSnapshotted { workstream, attempt, outcome: git(how).map(|()| None) },
        11 => Event::WorktreeRemoved { workstream, attempt, outcome: git(how) },
        12 => Event::HomeRetired { workstream, attempt, outcome: git(how) },
        32 => Event::WorkFetched { workstream, attempt, outcome: git(how).map(|()| base()) },
        33 => Event::MergeJudged { workstream, attempt, outcome: git(how).map(|()| (how & 0x20 != 0).then(moving)) },
        34 => Event::BranchMoved { workstream, attempt, outcome: git(how) },
        35 => Event::WorkPushed { workstream, attempt, outcome: git(how).map(|()| pushed(how)) },
        36 => Event::RebaseAimed { workstream, attempt, outcome: git(how).map(|()| basing()) },
        37 => Event::WorkRebased { workstream, attempt, outcome: engine(how).map(|()| rebased(how)) },
        38 => Event::BaseMoved { workstream, attempt, outcome: git(how) },
        31 => Event::WorkRestored { workstream, attempt, outcome: git(how).map(|()| format!("b-{how}")) },
        13 => Event::EnginePinged { outcome: engine(how).map(|()| facts_of_engine()) },
        14 => Event::ContainerCreated { workstream, attempt, outcome: engine(how).map(|()| container(how)) },
        15 => Event::HolderUploaded { workstream, attempt, outcome: engine(how) },
        16 => Event::ContainerStarted { workstream, attempt, outcome: engine(how) },
        17 => Event::ContainerPaused { workstream, attempt, outcome: engine(how) },
        18 => Event::ContainerUnpaused { workstream, attempt, outcome: engine(how) },
        19 => Event::ContainerStopped { workstream, attempt, outcome: engine(how) },
        20 => Event::ContainerRemoved { workstream, attempt, outcome: engine(how) },
        21 | 22 => Event::ContainersListed { requested_at: Mono(now.saturating_sub(choices.long_number() >> 40)), outcome: engine(how).map(|()| listing(how)) },
        23 => Event::EngineChanged,
        24 => Event::EngineLost { reason: choices.text(), is_late: false },
        25 => Event::SessionOpened { workstream, attempt },
        26 => Event::SessionEnded { workstream, attempt, reason: choices.text() },
        27 => Event::AgentReported { workstream, report: report(choices) },
        28 => Event::AgentRestarted { workstream, attempt, outcome: text(how) },
        29 => Event::ImagePulled { workstream, attempt, outcome: engine(how) },
        30 => Event::PullProgressed { workstream, attempt, progress: pulled(how) },
        _ => Event::TimePassed,
    }
}

fn pushed(how: u8) -> Pushed {
    let how = [PushHow::Nothing, PushHow::Made, PushHow::Moved, PushHow::Replaced][usize::from(how & 3)];
    Pushed { remote: "origin".to_owned(), branch: "b".to_owned(), how, commits: 2, compare: None }
}

/// A base that is to move.
fn basing() -> BaseMove {
    BaseMove { target: "main".to_owned(), from: base(), to: base() }
}

fn rebased(how: u8) -> RebaseState {
    match how & 3 {
        0 | 1 => RebaseState::Landed { commits: 2 },
        2 => RebaseState::Standing { files: vec!["a".to_owned()] },
        _ => RebaseState::Absent,
    }
}

/// A branch that is to move.
fn moving() -> BranchMove {
    BranchMove { branch: "main".to_owned(), from: base(), to: base(), checkout: None, commits: 1 }
}

fn pulled(how: u8) -> PullProgress {
    let layers = u32::from(how);
    PullProgress { layers_done: layers / 2, layers, bytes_done: 1, bytes: u64::MAX }
}

fn report(choices: &mut Choices<'_>) -> AgentReport {
    let life = if choices.flag() { AgentLife::Running } else { AgentLife::Exited(AgentExit::Code(1)) };
    AgentReport { life, starts: 1, status: AgentStatus::Done, title: choices.text(), bells: 0 }
}
