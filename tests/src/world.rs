//! What the screen of the rig is told of the world: workstreams that are at work, do as they are asked, and change by
//! orders from outside.

use std::path::Path;

use ccells_core::agent::{AgentLife, AgentReport, AgentStatus, BlockedKind};
use ccells_core::effect::{Done, Refusal, RefusalKind};
use ccells_core::event::{Access, Ask, Previous};
use ccells_core::ids::{PathText, RepoId, RunId, WorkstreamId};
use ccells_core::ports::WorkReport;
use ccells_core::record::{BeatRecord, ViewRecord};
use ccells_core::recovery::Verdict;
use ccells_core::snapshot::{Card, CardState, EngineState, Finding, Snapshot};
use ccells_core::time::{Mono, Wall};

use crate::corpus;

/// All there is to know.
#[derive(Clone, Debug)]
pub struct World {
    cards: Vec<Card>,
    view: ViewRecord,
    /// The last word of the repository's path: what the screen shows once it shows this world.
    mark: String,
    /// A text from outside that stands for every other one.
    hostile: Option<String>,
    is_down: bool,
    is_found: bool,
    is_over: bool,
}

impl World {
    /// So many workstreams, all at work.
    pub fn of(panes: usize) -> Self {
        Self {
            cards: (0..panes).map(card).collect(),
            view: ViewRecord::default(),
            mark: "web".to_owned(),
            hostile: None,
            is_down: false,
            is_found: false,
            is_over: false,
        }
    }

    /// The same, with the directory of each workstream below `room`, by its number.
    #[must_use]
    pub fn below(mut self, room: &Path) -> Self {
        for (pane, card) in self.cards.iter_mut().enumerate() {
            let directory = room.join(pane.to_string());
            card.directory = PathText::from(directory.to_str().expect("a room has a name that is text"));
        }
        self
    }

    /// Whether the run was asked to end.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The text from outside that stands for every other one, where there is one.
    pub fn hostile(&self) -> Option<&str> {
        self.hostile.as_deref()
    }

    /// Does as `order` says: `waits N`, `hostile N`, `down`, `found`, `calm`; each followed by a mark.
    pub fn order(&mut self, order: &str) {
        let words: Vec<&str> = order.split_whitespace().collect();
        let number = |word: &str| word.parse::<usize>().expect("an order names a number");
        match words[..words.len() - 1] {
            ["waits", pane] => {
                let kind = BlockedKind::Permission;
                let status = AgentStatus::Blocked { kind, message: "may I?".to_owned() };
                self.cards[number(pane)].agent = Some(report(status));
            }
            ["hostile", attack] => self.hostile = Some(corpus::text(number(attack))),
            ["down"] => self.is_down = true,
            ["found"] => self.is_found = true,
            ["calm"] => {
                let (cards, view) = (std::mem::take(&mut self.cards), std::mem::take(&mut self.view));
                *self = Self { cards, view, ..Self::of(0) };
            }
            _ => panic!("no such order: {order}"),
        }
        words[words.len() - 1].clone_into(&mut self.mark);
    }

    /// Does as it is asked, or refuses.
    pub fn ask(&mut self, ask: Ask) -> Result<Done, Refusal> {
        if let Some(text) = &self.hostile {
            let work = Box::new(work(text));
            return Err(Refusal { kind: RefusalKind::Conflict, text: text.clone(), work: Some(work) });
        }
        let workstream = match ask {
            Ask::View(view) => {
                self.view = view;
                None
            }
            Ask::Pause(id) => self.put(id, CardState::Paused),
            Ask::Resume(id) => self.put(id, CardState::Running),
            Ask::Stop(id) => self.put(id, CardState::Stopped),
            Ask::Restart(id)
            | Ask::Merge { workstream: id, .. }
            | Ask::Push { workstream: id, .. }
            | Ask::Rebase { workstream: id, .. } => self.put(id, CardState::Running),
            Ask::Undo(facts) => self.put(facts.id, CardState::Running),
            Ask::Remove { workstream, .. } | Ask::Cancel(workstream) => {
                self.cards.retain(|card| card.id != workstream);
                Some(workstream)
            }
            Ask::New(new) => {
                let name = new.name.unwrap_or_else(|| "new".to_owned());
                let (prompt, reason) = (new.prompt, Some("there is no engine here".to_owned()));
                let id = new.id.clone();
                let state = CardState::Failed;
                self.cards.push(Card { id, name, prompt, reason, state, agent: None, ..card(0) });
                Some(new.id)
            }
            Ask::Reconcile => {
                self.is_found = false;
                None
            }
            Ask::Quit { .. } | Ask::QuitNow => {
                self.is_over = true;
                None
            }
        };
        Ok(Done { workstream, note: String::new() })
    }

    fn put(&mut self, id: WorkstreamId, state: CardState) -> Option<WorkstreamId> {
        let card = self.cards.iter_mut().find(|card| card.id == id)?;
        card.state = state;
        Some(id)
    }

    /// The picture of it.
    pub fn picture(&self) -> Snapshot {
        let text = |usual: &str| self.hostile.clone().unwrap_or_else(|| usual.to_owned());
        let mut cards = self.cards.clone();
        if self.hostile.is_some() {
            cards.iter_mut().enumerate().for_each(|(index, card)| poison(index, card, &text("")));
        }
        let verdicts = [Verdict::OfferResume, Verdict::OfferRetry, Verdict::OfferRecreate, Verdict::Adopt];
        let findings = cards.iter().zip(verdicts);
        let findings =
            findings.map(|(card, verdict)| Finding { workstream: card.id.clone(), verdict }).collect();
        let down = EngineState::Down { reason: text("connection refused"), since: Mono(0) };
        Snapshot {
            repo_id: RepoId::parse("web-1a2b3c").expect("the form is right"),
            repo_path: PathText::from(format!("/src/{}", self.mark).as_str()),
            access: Access::Write,
            previous: if self.is_found { crashed() } else { Previous::Clean },
            engine: if self.is_down { down } else { EngineState::Up },
            degraded: self.hostile.clone().filter(|_| !self.is_down),
            workstreams: cards,
            view: self.view.clone(),
            shutdown: None,
            findings: if self.is_found { findings } else { Vec::new() },
            notices: self.hostile.iter().cloned().collect(),
        }
    }
}

/// The id of the workstream in this pane.
pub fn id(pane: usize) -> WorkstreamId {
    WorkstreamId::parse(&format!("01jd8z5q0v3x7k2m9n4p6r{pane:04}")).expect("the form is right")
}

/// A report of a worktree all of whose files have this name.
pub fn work(name: &str) -> WorkReport {
    WorkReport {
        modified: vec![name.to_owned(); 3],
        untracked: vec![name.to_owned(); 3],
        has_commits: true,
        has_worktree: true,
        unknown: Some(name.to_owned()),
    }
}

fn poison(index: usize, card: &mut Card, text: &str) {
    let all = [&mut card.name, &mut card.prompt, &mut card.branch, &mut card.image];
    for part in all {
        text.clone_into(part);
    }
    (card.worktree, card.directory) = (PathText::from(text), PathText::from(text));
    card.reason = Some(text.to_owned());
    let message = text.to_owned();
    match index % 3 {
        0 => {
            let kind = BlockedKind::Permission;
            card.agent = Some(report(AgentStatus::Blocked { kind, message }));
        }
        1 => card.agent = Some(report(AgentStatus::Error { message })),
        _ => (card.state, card.agent) = (CardState::Failed, None),
    }
    if let Some(agent) = &mut card.agent {
        text.clone_into(&mut agent.title);
    }
}

fn crashed() -> Previous {
    Previous::Crashed(BeatRecord {
        version: 1,
        pid: 4711,
        timestamp: 0,
        run: RunId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").expect("the form is right"),
        repo_id: RepoId::parse("web-1a2b3c").expect("the form is right"),
        sequence: 1,
        boot_id: String::new(),
        start_ticks: 0,
    })
}

fn report(status: AgentStatus) -> AgentReport {
    AgentReport { life: AgentLife::Running, starts: 1, status, title: String::new(), bells: 0 }
}

fn card(pane: usize) -> Card {
    Card {
        id: id(pane),
        name: format!("pane-{pane}"),
        prompt: "measure".to_owned(),
        branch: format!("ccells/pane-{pane}"),
        image: "none".to_owned(),
        worktree: PathText::from("/worktree"),
        directory: PathText::from("/directory"),
        created_at: Wall(0),
        state: CardState::Running,
        progress: None,
        reason: None,
        container_id: None,
        container_state: None,
        exit: None,
        agent: Some(report(AgentStatus::Working)),
        is_attached: true,
        is_recovered: false,
        rebase: None,
    }
}
