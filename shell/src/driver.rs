//! The loop: one event in, its effects handed on, then sleep until the next event or deadline. It owns every task of
//! the run; when it returns none of them lives.

use std::collections::BTreeMap;
use std::sync::Arc;

use ccells_core::effect::{Done, Effect, Refusal, RefusalKind};
use ccells_core::event::{Ask, Event, Found};
use ccells_core::ids::RequestId;
use ccells_core::machine::Machine;
use ccells_core::ports::{Clock, Git};
use ccells_core::snapshot::Snapshot;
use ccells_core::time::Now;
use tokio::sync::{mpsc, oneshot, watch};

use crate::adapters::clock::RealClock;
use crate::mailbox::Inbox;
use crate::perform::{Performer, Watch};

/// What became of a wish.
pub type Outcome = Result<Done, Refusal>;

/// A wish on its way to the core.
#[derive(Debug)]
pub struct Wish {
    /// What is wanted.
    pub ask: Ask,
    /// Where its answer goes.
    pub reply: oneshot::Sender<Outcome>,
}

/// Something to tell the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How loud.
    pub level: ccells_core::effect::Level,
    /// What.
    pub text: String,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Whether everything that was to be done was done.
    pub is_complete: bool,
    /// The last picture.
    pub snapshot: Option<Arc<Snapshot>>,
}

/// What others hold of a run: they may wish, and look.
#[derive(Clone)]
pub struct Desk {
    wishes: mpsc::Sender<Wish>,
    /// The latest picture; `None` until there is one.
    pub snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
}

impl Desk {
    /// Wishes, and waits for the answer.
    pub async fn ask(&self, ask: Ask) -> Outcome {
        let (reply, answer) = oneshot::channel();
        let ended =
            || Refusal { kind: RefusalKind::Failed, text: "ccells has ended".to_string(), work: None };
        self.wishes.send(Wish { ask, reply }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// The place for wishes.
    pub fn wishes(&self) -> mpsc::Sender<Wish> {
        self.wishes.clone()
    }

    /// The picture once `is_it` says so; `None` when the run ended first.
    pub async fn wait_for(&mut self, mut is_it: impl FnMut(&Snapshot) -> bool) -> Option<Arc<Snapshot>> {
        let picture =
            self.snapshots.wait_for(|picture| picture.as_deref().is_some_and(&mut is_it)).await.ok()?;
        picture.clone()
    }
}

/// The loop of one run.
pub struct Driver<E, G> {
    machine: Machine,
    clock: RealClock,
    inbox: Inbox,
    wishes: mpsc::Receiver<Wish>,
    performer: Performer<E, G>,
    replies: BTreeMap<RequestId, oneshot::Sender<Outcome>>,
    requests: u64,
    notices: mpsc::UnboundedSender<Notice>,
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    witness: Option<Witness>,
}

/// What passes between the machine and the world.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// The machine is about to be told this.
    Event(&'a Event),
    /// It asked for this, which is about to be begun.
    Effect(&'a Effect),
}

/// Sees every event before the machine does, and every effect before it is begun, for a trace.
pub type Witness = Box<dyn FnMut(Now, Seen<'_>) + Send>;

/// How many wishes may wait for the driver.
const WISHES: usize = 64;

impl<E: Watch, G: Git> Driver<E, G> {
    /// A driver, what others hold of it, and what it has to tell.
    pub fn new(
        clock: RealClock,
        inbox: Inbox,
        performer: Performer<E, G>,
    ) -> (Self, Desk, mpsc::UnboundedReceiver<Notice>) {
        let (wish_sender, wishes) = mpsc::channel(WISHES);
        let (notices, told) = mpsc::unbounded_channel();
        let (snapshots, looked_at) = watch::channel(None);
        let driver = Self {
            machine: Machine::new(),
            clock,
            inbox,
            wishes,
            performer,
            replies: BTreeMap::new(),
            requests: 0,
            notices,
            snapshots,
            witness: None,
        };
        (driver, Desk { wishes: wish_sender, snapshots: looked_at }, told)
    }

    /// The same driver, seen by `witness`.
    #[must_use]
    pub fn seen_by(self, witness: Witness) -> Self {
        Self { witness: Some(witness), ..self }
    }

    /// The same driver, for which another machine decides: the simulator has some that make a mistake.
    #[must_use]
    pub fn decided_by(self, machine: Machine) -> Self {
        Self { machine, ..self }
    }

    /// Runs until the core says that it is over.
    pub async fn run(mut self, found: Found) -> Ended {
        let mut event = Event::Booted(Box::new(found));
        loop {
            if let Some(is_complete) = self.step(event) {
                return self.end(is_complete).await;
            }
            event = self.next().await;
        }
    }

    async fn next(&mut self) -> Event {
        let wake = self.machine.next_deadline().map(|deadline| self.clock.instant(deadline.at));
        let sleep = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(event) = self.inbox.take() => event,
            Some(wish) = self.wishes.recv() => self.receive(wish),
            () = sleep => Event::TimePassed,
        }
    }

    fn receive(&mut self, wish: Wish) -> Event {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.replies.insert(request, wish.reply);
        Event::Asked { request, ask: wish.ask }
    }

    /// One event and its effects; the answer is there when the run is over.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are the performer's")]
    fn step(&mut self, event: Event) -> Option<bool> {
        let now = self.clock.now();
        if let Some(witness) = &mut self.witness {
            witness(now, Seen::Event(&event));
        }
        let effects = self.machine.handle(now, event);
        // Whoever gets an answer finds the picture after it.
        self.show();
        let mut end = None;
        for effect in effects {
            if let Some(witness) = &mut self.witness {
                witness(now, Seen::Effect(&effect));
            }
            match effect {
                Effect::Reply { request, outcome } => self.reply(request, outcome),
                Effect::Notify { level, text } => {
                    // Whoever has stopped listening does not want to know.
                    let _gone = self.notices.send(Notice { level, text });
                }
                Effect::Exit { is_complete } => end = Some(is_complete),
                effect => self.performer.perform(effect),
            }
        }
        end
    }

    fn reply(&mut self, request: RequestId, outcome: Outcome) {
        if let Some(reply) = self.replies.remove(&request) {
            let _gone = reply.send(outcome);
        }
    }

    fn show(&self) {
        let picture = self.machine.snapshot();
        self.snapshots.send_if_modified(|shown| {
            let is_new = shown.as_deref() != picture.as_ref();
            if is_new {
                *shown = picture.map(Arc::new);
            }
            is_new
        });
    }

    async fn end(self, is_complete: bool) -> Ended {
        let Self { inbox, performer, snapshots, .. } = self;
        // Whoever waits for room in the mailbox waits no more.
        drop(inbox);
        performer.end(is_complete).await;
        let snapshot = snapshots.borrow().clone();
        Ended { is_complete, snapshot }
    }
}
