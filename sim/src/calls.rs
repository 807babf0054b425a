//! A request's way to the engine and back: it may be slow, lost before or after it lands, and it may land long after
//! its client stopped waiting or died.

use ccells_core::event::{Ask, Event, OnQuit};
use ccells_core::ids::{Attempt, ContainerId, WorkstreamId};
use ccells_core::ports::EngineError;

use crate::canary::Slip;
use crate::ports::engine::{EngineOk, EngineOp};
use crate::trace::Who;
use crate::world::{Call, EngineAnswer, Item, World};

/// The longest a request is under way before it lands or never does; the core allows for a little more.
const LONGEST_WAY_MS: u64 = 120_000;
/// The longest a pull takes, if nothing else happens. Some take longer than anybody waits.
const LONGEST_PULL_MS: u64 = 70_000;
/// How many of ten thousand pulls fail in a storm.
const PULL_FAILS: u32 = 4_000;
/// No sleep makes a storm longer than this.
const LONGEST_STORM_MS: u64 = 400_000;
/// How much more often a run falls asleep where that hurts most.
const HOT: u32 = 50;
const _: () = assert!(LONGEST_WAY_MS < ccells_core::limits::LATE_MS);

impl World {
    /// Sends a request.
    pub fn send(&mut self, process: usize, op: EngineOp, patience_ms: u64, answer: EngineAnswer) {
        let number = self.number();
        self.trace.note(self.now, Who::Process(process), "send", || format!("#{number} {}", op.word()));
        if self.weather.engine_down_until > self.now {
            let error = EngineError::Unreachable {
                endpoint: "unix:///var/run/docker.sock".to_string(),
                reason: "connection refused".to_string(),
            };
            self.later(1, Item::Tell(process, answer(Err(error))));
            return;
        }
        let is_slow_pull = matches!(op, EngineOp::Pull(_)) && self.is_storm;
        let way = if is_slow_pull { self.draw("pull.way", LONGEST_PULL_MS) } else { self.way() };
        self.later(patience_ms, Item::Impatience(number));
        let rate = self.weather.request_lost;
        let is_lost = self.chance("call.lost", rate);
        if !is_lost {
            self.later(way, Item::Arrive(number));
        }
        let call = Call { process, op, sent_at: self.now, answer, is_waited_for: true, is_lost };
        self.calls.insert(number, call);
    }

    fn way(&mut self) -> u64 {
        if !self.is_storm {
            return 2;
        }
        let rate = self.weather.slow_engine;
        if self.chance("call.slow", rate) {
            self.saw("slow engine");
            100 + self.draw("call.way", 119_000)
        } else {
            2 + self.draw("call.delay", 12)
        }
    }

    /// A request reaches the engine, if that lives and listens.
    pub fn arrive(&mut self, number: u64) {
        let Some(call) = self.calls.get(&number) else { return };
        let (process, sent_at) = (call.process, call.sent_at);
        let busy_until = self.weather.engine_hung_until.max(self.weather.asleep_until);
        if busy_until > self.now {
            let delay = busy_until - self.now;
            if busy_until <= sent_at + LONGEST_WAY_MS {
                self.later(delay, Item::Arrive(number));
            } else {
                self.lose_call(number);
            }
            return;
        }
        if self.weather.engine_down_until > self.now {
            let reason = "connection reset".to_string();
            self.later(1, Item::Answer(number, Err(EngineError::Unknown { reason })));
            return;
        }
        if self.is_alive(process) && self.crash_point(process) && !self.calls.contains_key(&number) {
            return;
        }
        let rate = self.weather.hot_quit;
        if self.is_alive(process) && self.chance("quit.hot", rate) {
            self.saw("quit with a request in flight");
            let policy =
                if self.draw("quit.policy", 2) == 0 { OnQuit::PauseAll } else { OnQuit::KeepRunning };
            self.ask(process, Ask::Quit { policy });
        }
        self.land(number);
        if self.is_alive(process) {
            let _ = self.crash_point(process);
        }
        self.sleep_over_listing(number);
    }

    /// What the engine showed is old when it is heard: the run sleeps while the listing is on its way back, and for
    /// longer than what was under way could take to land. Most of all when something is.
    fn sleep_over_listing(&mut self, number: u64) {
        let Some(call) = self.calls.get(&number).filter(|call| call.op == EngineOp::List) else { return };
        let process = call.process;
        let is_late = |call: &Call| matches!(call.op, EngineOp::Create(_)) && !call.is_waited_for;
        let heat = if self.calls.values().any(is_late) { HOT } else { 1 };
        let rate = self.weather.hot_sleep * heat;
        if self.is_alive(process) && self.chance("sleep.hot", rate) {
            self.saw("asleep over a listing");
            let until = self.now + 100_000 + self.draw("sleep.over", 60_000);
            if self.draw("sleep.whole", 2) == 0 {
                self.stop(process, until);
            } else {
                self.sleep_all(until);
            }
            // A storm goes on behind the sleep, but no storm goes on for ever.
            self.storm_until = self.storm_until.max((until + 5_000).min(LONGEST_STORM_MS));
        }
    }

    /// Nothing of a request is on its way any more. It is forgotten once nobody waits for it.
    fn lose_call(&mut self, number: u64) {
        if let Some(call) = self.calls.get_mut(&number) {
            call.is_lost = true;
            if !call.is_waited_for {
                self.calls.remove(&number);
            }
        }
    }

    /// The engine does it.
    fn land(&mut self, number: u64) {
        let Some(call) = self.calls.get(&number) else { return };
        let (process, op, is_late) = (call.process, call.op.clone(), !call.is_waited_for);
        self.trace.note(self.now, Who::Engine, "land", || format!("#{number} {} for p{process}", op.word()));
        let outcome = if let Some(error) = self.refusal(&op) {
            Err(error)
        } else if is_late && matches!(op, EngineOp::Remove(_, _, None)) {
            // Its client looks the name up first, and takes away only what it saw.
            Err(EngineError::NotFound { what: "nobody looks it up any more".to_string() })
        } else {
            self.take_the_name(&op);
            self.get_stuck(&op);
            self.land_rebase(&op).unwrap_or_else(|| self.engine.land(&op))
        };
        let outcome = match (&op, outcome) {
            (EngineOp::Create(spec), Err(EngineError::Conflict { .. }))
                if self.planted.in_shell() == Some(Slip::ConflictIsOurs) =>
            {
                let there = &self.engine.containers[&spec.name];
                Ok(EngineOk::Created(there.id.clone(), true))
            }
            (_, outcome) => outcome,
        };
        self.note_start(&op, &outcome);
        if let (EngineOp::Create(spec), Ok(_)) = (&op, &outcome) {
            self.made_lately.push((self.now, spec.name.clone()));
        }
        self.after_landing(process, &op, &outcome, is_late);
        let outcome = match outcome {
            // The adapter takes what is gone already as done; raw or not, the machine must cope.
            Err(EngineError::NotFound { .. })
                if matches!(op, EngineOp::Remove(..)) && self.draw("remove.gone", 2) == 1 =>
            {
                Ok(EngineOk::Done)
            }
            Ok(_) | Err(_) => outcome,
        };
        if matches!(op, EngineOp::Pull(_)) {
            self.saw(if outcome.is_ok() { "pulled image" } else { "failed pull" });
        } else if !matches!(op, EngineOp::List | EngineOp::Ping | EngineOp::Rebase(..)) {
            self.engine_changed();
        }
        let rate = self.weather.reply_lost;
        if self.chance("call.reply", rate) {
            self.saw("lost reply");
            self.lose_call(number);
            return;
        }
        let delay = 1 + if self.is_storm { self.draw("call.back", 8) } else { 0 };
        self.later(delay, Item::Answer(number, outcome));
    }

    /// Somebody else's container has the name that ours was to get.
    fn take_the_name(&mut self, op: &EngineOp) {
        let EngineOp::Create(spec) = op else { return };
        let rate = self.weather.name_taken;
        if !self.engine.containers.contains_key(&spec.name) && self.chance("name.taken", rate) {
            self.saw("name taken by a stranger");
            self.engine.plant(&spec.name, None);
        }
    }

    /// The engine dies in the middle of a start, and will refuse to start that container for as long as it lives.
    fn get_stuck(&mut self, op: &EngineOp) {
        let EngineOp::Start(id) = op else { return };
        let rate = self.weather.start_stuck;
        if self.chance("engine.stuck", rate) && self.engine.get_stuck(id) {
            self.saw("stuck container");
        }
    }

    /// What became of a start: one that was refused, or one of a container that stands in for such a one.
    fn note_start(&mut self, op: &EngineOp, outcome: &Result<EngineOk, EngineError>) {
        let EngineOp::Start(id) = op else { return };
        let Some(container) = self.engine.containers.values_mut().find(|it| it.id == *id) else { return };
        container.was_refused |= matches!(outcome, Err(EngineError::Refused { .. }));
        let name = container.name.clone();
        if outcome.is_ok() && self.engine.is_made_again(&name) {
            self.saw("made again");
        }
    }

    /// The engine fails: before it did anything, or, making a container, after.
    fn refusal(&mut self, op: &EngineOp) -> Option<EngineError> {
        if self.refuses_next.take_if(|word| *word == op.word()).is_some() {
            return Some(EngineError::Refused { status: 500, what: "internal error".to_string() });
        }
        if matches!(op, EngineOp::Pull(_)) && self.is_storm && self.chance("pull.fails", PULL_FAILS) {
            let what = "the registry has no such image".to_string();
            return Some(EngineError::NotFound { what });
        }
        let rate = self.weather.engine_error;
        if !self.is_storm || !self.chance("engine.error", rate) {
            return None;
        }
        self.saw("engine error");
        if matches!(op, EngineOp::Create(_)) && self.draw("engine.half", 2) == 1 {
            let _ = self.engine.land(op).map(|_| self.note_created(op));
        }
        let what = "internal error".to_string();
        Some(match op {
            EngineOp::Create(_) | EngineOp::Remove(..) => EngineError::Unknown { reason: what },
            EngineOp::Ping
            | EngineOp::List
            | EngineOp::Pull(_)
            | EngineOp::Upload(_)
            | EngineOp::Start(_)
            | EngineOp::Pause(_)
            | EngineOp::Unpause(_)
            | EngineOp::Stop(_)
            | EngineOp::Rebase(..) => EngineError::Refused { status: 500, what },
        })
    }

    /// The answer reaches its client, if that still waits.
    pub fn answer_call(&mut self, number: u64, outcome: Result<EngineOk, EngineError>) {
        let Some(call) = self.calls.remove(&number) else { return };
        if call.is_waited_for {
            let event = (call.answer)(outcome);
            self.trace.note(self.now, Who::Process(call.process), "answer", || format!("#{number}"));
            self.tell_soon(call.process, 0, event);
        }
    }

    /// Nobody waits for that workstream's image any more. The engine may get it all the same.
    pub fn abandon_pull(&mut self, process: usize, workstream: &WorkstreamId) {
        let is_it = |call: &Call| {
            let is_pull = matches!(&call.op, EngineOp::Pull(whose) if whose == workstream);
            call.process == process && call.is_waited_for && is_pull
        };
        let Some((number, call)) = self.calls.iter_mut().find(|(_, call)| is_it(call)) else { return };
        let (number, is_lost) = (*number, call.is_lost);
        call.is_waited_for = false;
        let event = (call.answer)(Err(EngineError::Conflict { what: "the pull was cancelled".to_string() }));
        if is_lost {
            self.calls.remove(&number);
        }
        self.saw("abandoned pull");
        self.tell_soon(process, 0, event);
    }

    /// The client waited long enough. The request goes its way all the same.
    pub fn impatience(&mut self, number: u64) {
        let Some(call) = self.calls.get_mut(&number).filter(|call| call.is_waited_for) else { return };
        call.is_waited_for = false;
        let (process, is_lost) = (call.process, call.is_lost);
        let event = (call.answer)(Err(EngineError::Unknown { reason: "timed out".to_string() }));
        if is_lost {
            self.calls.remove(&number);
        }
        self.trace.note(self.now, Who::Process(process), "timeout", || format!("#{number}"));
        self.tell_soon(process, 0, event);
    }

    /// Everything under way to the engine is lost; those who wait hear of it.
    pub fn drop_calls(&mut self) {
        for call in std::mem::take(&mut self.calls).into_values().filter(|call| call.is_waited_for) {
            let event = (call.answer)(Err(EngineError::Unknown { reason: "the stream broke".to_string() }));
            self.tell_soon(call.process, 1, event);
        }
    }

    /// The engine's events are heard from now on.
    pub fn watch(&mut self, process: usize) {
        if self.weather.engine_down_until > self.now {
            let reason = "connection refused".to_string();
            self.later(1, Item::Tell(process, Event::EngineLost { reason, is_late: false }));
        } else {
            self.processes[process].is_watching = true;
        }
    }

    /// Something changed: those who watch hear of it, mostly.
    pub fn engine_changed(&mut self) {
        for process in 0..self.processes.len() {
            if !self.is_alive(process) || !self.processes[process].is_watching {
                continue;
            }
            let rate = self.weather.event_lost;
            if !(self.chance("engine.event", rate)) {
                self.later(1, Item::Tell(process, Event::EngineChanged));
            }
        }
        self.break_sessions();
    }

    /// All streams break.
    pub fn lose_engine(&mut self, reason: &str) {
        for process in 0..self.processes.len() {
            if self.is_alive(process) && std::mem::take(&mut self.processes[process].is_watching) {
                let reason = reason.to_string();
                self.later(1, Item::Tell(process, Event::EngineLost { reason, is_late: false }));
            }
            // Streams go with the engine, also where agents live on.
            for (workstream, attempt) in std::mem::take(&mut self.processes[process].sessions) {
                let reason = "the engine went away".to_string();
                self.saw("stream lost, agent alive");
                self.later(1, Item::Tell(process, Event::SessionEnded { workstream, attempt, reason }));
            }
        }
    }

    /// Attaches to an agent, if there is one.
    pub fn open_session(
        &mut self,
        process: usize,
        workstream: WorkstreamId,
        attempt: Attempt,
        container: &ContainerId,
    ) {
        let has_agent = self.engine.by_id(container).is_some_and(|it| it.state.has_processes());
        let event = if has_agent {
            self.processes[process].sessions.insert(workstream.clone(), attempt);
            Event::SessionOpened { workstream, attempt }
        } else {
            Event::SessionEnded { workstream, attempt, reason: "nobody answers".to_string() }
        };
        self.tell_soon(process, 5, event);
    }

    /// Sessions of agents that are gone end.
    fn break_sessions(&mut self) {
        if self.processes.iter().all(|run| run.sessions.is_empty()) {
            return;
        }
        let living: Vec<WorkstreamId> = self
            .engine
            .containers
            .values()
            .filter(|it| it.state.has_processes())
            .filter_map(|it| it.labels.as_ref().map(|labels| labels.workstream.clone()))
            .collect();
        for process in 0..self.processes.len() {
            let sessions = &mut self.processes[process].sessions;
            let gone: Vec<_> = sessions
                .iter()
                .filter(|(id, _)| !living.contains(id))
                .map(|(id, at)| (id.clone(), *at))
                .collect();
            sessions.retain(|id, _| living.contains(id));
            for (workstream, attempt) in gone {
                let reason = "the stream ended".to_string();
                self.later(1, Item::Tell(process, Event::SessionEnded { workstream, attempt, reason }));
            }
        }
    }
}
