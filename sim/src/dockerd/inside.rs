//! What runs in a simulated container: the production holder's own desk with an agent that follows a script, or the
//! agent alone when what was put there is no holder but a script that becomes the agent.

use std::time::Duration;

use ccells_core::agent::AgentExit;
use ccells_core::limits;
use ccells_holder::{Desk, SessionId, Wish};

use super::dates;
use super::script::{Agent, End};

/// Signals that matter to what runs inside.
const SIGKILL: u8 = 9;
const SIGTERM: u8 = 15;

/// What is put into a container, as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// A holder.
    Holder,
    /// A script in its place that becomes the agent.
    StandIn,
}

impl Program {
    pub(super) fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(b"#!") { Self::StandIn } else { Self::Holder }
    }
}

/// What happened inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// A process was ended for want of memory.
    OutOfMemory,
    /// The main process ended with this code.
    Ended(i64),
}

/// The processes of a container.
pub(super) enum Inside {
    /// A holder and its agent.
    Held(Box<Held>),
    /// An agent that is the main process.
    Alone(Agent),
}

/// A holder and its agent. See the module.
pub(super) struct Held {
    desk: Desk,
    agent: Option<Agent>,
    argv: Vec<String>,
    resume: Vec<String>,
    /// When patience with an agent that shall leave ends.
    leaving: Option<Duration>,
}

impl Inside {
    /// Starts the command of a container, `holder serve … -- agent …`, at `now`.
    pub(super) fn start(program: Program, command: &[String], ran_before: bool, now: Duration) -> Self {
        let end = command.iter().position(|word| word == "--").unwrap_or(command.len());
        let argv: Vec<String> = command.iter().skip(end + 1).cloned().collect();
        let resume: Vec<String> = command[..end]
            .iter()
            .filter_map(|word| word.strip_prefix("--resume="))
            .map(str::to_owned)
            .collect();
        match program {
            Program::StandIn => Self::Alone(Agent::start(&argv)),
            Program::Holder => {
                let first = u64::try_from(dates::wall(now).as_millis()).unwrap_or(0) << 16;
                let desk = Desk::new(FIRST_SIZE, first);
                let mut held = Held { desk, agent: None, argv, resume, leaving: None };
                held.start_agent(ran_before);
                Self::Held(Box::new(held))
            }
        }
    }

    /// The holder's desk, where there is one.
    pub(super) fn desk(&mut self) -> Option<&mut Desk> {
        match self {
            Self::Held(held) => Some(&mut held.desk),
            Self::Alone(_) => None,
        }
    }

    /// When something is to be done inside.
    pub(super) fn due(&self) -> Option<Duration> {
        match self {
            Self::Held(held) => {
                let agent = held.agent.as_ref().and_then(Agent::due);
                agent.into_iter().chain(held.leaving).min()
            }
            Self::Alone(agent) => agent.due(),
        }
    }

    /// Goes on until `now`.
    pub(super) fn advance(&mut self, now: Duration) -> Vec<Happening> {
        match self {
            Self::Held(held) => held.advance(now),
            Self::Alone(agent) => match agent.advance(now, &mut |_| {}) {
                Some(End::Left(code)) => vec![Happening::Ended(code.into())],
                Some(End::OutOfMemory) => vec![Happening::OutOfMemory, Happening::Ended(killed_by(SIGKILL))],
                None => Vec::new(),
            },
        }
    }

    /// The main process is told to leave; how it ended, when it did at once.
    pub(super) fn terminate(&mut self, now: Duration) -> Option<i64> {
        match self {
            Self::Held(held) => held.leave(now),
            Self::Alone(agent) => (!agent.ignores_term()).then(|| killed_by(SIGTERM)),
        }
    }

    /// A session said this.
    pub(super) fn hear(&mut self, session: SessionId, bytes: &[u8]) {
        if let Self::Held(held) = self {
            held.hear(session, bytes);
        }
    }
}

/// Size of a terminal nobody has given one: the holder's own default.
const FIRST_SIZE: (u16, u16) = (120, 40);

/// The code of a main process that a signal ended.
pub(super) fn killed_by(signal: u8) -> i64 {
    128 + i64::from(signal)
}

impl Held {
    fn start_agent(&mut self, ran_before: bool) {
        let again = ran_before || self.desk.starts() > 0;
        let argv = if again && !self.resume.is_empty() { &self.resume } else { &self.argv };
        self.desk.begin();
        self.agent = Some(Agent::start(argv));
    }

    fn advance(&mut self, now: Duration) -> Vec<Happening> {
        let mut happenings = Vec::new();
        if let Some(agent) = &mut self.agent {
            let typed: Vec<u8> = self.desk.input().drain(..).collect();
            let desk = &mut self.desk;
            agent.read(&typed, &mut |bytes| desk.take_output(bytes));
            match agent.advance(now, &mut |bytes| desk.take_output(bytes)) {
                Some(End::Left(code)) => self.lose_agent(AgentExit::Code(code)),
                Some(End::OutOfMemory) => {
                    happenings.push(Happening::OutOfMemory);
                    self.lose_agent(AgentExit::Signal(SIGKILL.into()));
                }
                None => {}
            }
        }
        let is_over = self.leaving.is_some_and(|until| self.agent.is_none() || now >= until);
        self.desk.prepare();
        self.desk.sweep();
        happenings.extend(is_over.then_some(Happening::Ended(0)));
        happenings
    }

    fn lose_agent(&mut self, exit: AgentExit) {
        self.agent = None;
        self.desk.note_exit(exit);
    }

    fn leave(&mut self, now: Duration) -> Option<i64> {
        self.desk.close_down();
        match &self.agent {
            Some(agent) if agent.ignores_term() => {
                let grace = Duration::from_millis(limits::AGENT_GRACE_MS);
                self.leaving.get_or_insert(now + grace);
                None
            }
            Some(_) | None => Some(0),
        }
    }

    fn hear(&mut self, session: SessionId, bytes: &[u8]) {
        self.desk.hear(session, bytes);
        while let Some(wish) = self.desk.next_wish(session) {
            match (wish, &self.agent) {
                (Wish::Restart, _) => {
                    self.desk.clean();
                    self.start_agent(true);
                }
                (Wish::Signal(SIGTERM), Some(agent)) if agent.ignores_term() => {}
                (Wish::Signal(number), Some(_)) => self.lose_agent(AgentExit::Signal(number.into())),
                (Wish::Signal(_), None) | (Wish::Resize { .. } | Wish::Remember(_), _) => {}
            }
        }
    }
}
