//! All attached terminals of a run, by workstream. Sessions borrow the one engine client; closing them all leaves
//! no task and no stream behind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccells_core::agent::AgentReport;
use ccells_core::event::Event;
use ccells_core::ids::{Attempt, ContainerId, WorkstreamId};
use ccells_core::limits;
use ccells_core::time::Mono;
use ccells_core::wire::{self, Decoder, FromHolder, Surroundings, ToHolder};
use ccells_holder::emulator::Outward;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::adapters::dial::Io;
use crate::adapters::docker::DockerEngine;
use crate::adapters::holder;
use crate::backlog::Progress;
use crate::mailbox::Mailbox;
use crate::session::{Pane, Session, Told};
use crate::terminal::history::Frozen;
use crate::terminal::outward::OutwardQueue;
use crate::tui::{PaneScreen, Panes, Rows};

/// The attached terminals of one run.
pub struct Sessions {
    engine: DockerEngine,
    observe: bool,
    token: CancellationToken,
    mailbox: Mailbox,
    damage: Arc<Notify>,
    /// Lines that every pane keeps.
    scrollback: usize,
    desks: Mutex<Desks>,
}

#[derive(Default)]
struct Desks {
    panes: BTreeMap<WorkstreamId, Arc<Pane>>,
    sessions: BTreeMap<WorkstreamId, Arc<Session>>,
    damaged: BTreeSet<WorkstreamId>,
    outward: OutwardQueue,
    /// What the terminal around is like, once somebody looks.
    surroundings: Option<Surroundings>,
}

/// What a session has told so far.
#[derive(Clone, Default)]
struct News {
    is_open: bool,
    report: Option<AgentReport>,
}

impl Sessions {
    /// None yet. `observe`: they only look. `damage` is rung whenever a screen changed.
    pub fn new(engine: DockerEngine, observe: bool, mailbox: Mailbox, damage: Arc<Notify>) -> Self {
        let (token, desks) = (CancellationToken::new(), Mutex::default());
        let scrollback = limits::SCROLLBACK_LINES;
        Self { engine, observe, token, mailbox, damage, scrollback, desks }
    }

    /// The same, with panes that keep so many lines.
    #[must_use]
    pub fn keeping(self, scrollback: usize) -> Self {
        Self { scrollback, ..self }
    }

    /// Opens one. The outcome, and its end, come as events.
    pub fn open(
        self: &Arc<Self>,
        tasks: &TaskTracker,
        workstream: WorkstreamId,
        attempt: Attempt,
        container: ContainerId,
        directory: PathBuf,
    ) {
        let engine = self.engine.clone();
        let connect = async move { holder::connect(&engine, &container, &directory).await };
        self.carry(tasks, workstream, attempt, connect);
    }

    /// The same over a stream to the holder, once `connect` has it.
    pub fn carry(
        self: &Arc<Self>,
        tasks: &TaskTracker,
        workstream: WorkstreamId,
        attempt: Attempt,
        connect: impl Future<Output = std::io::Result<Box<dyn Io>>> + Send + 'static,
    ) {
        let (session, queue) = Session::new(&self.token);
        let (pane, before) = {
            let mut desks = self.lock();
            let pane = self.pane_of(&mut desks, &workstream);
            if let Some(surroundings) = desks.surroundings.filter(|_| !self.observe) {
                // A queue that is new has room.
                let _sent = session.send(ToHolder::Surroundings(surroundings));
            }
            (pane, desks.sessions.insert(workstream.clone(), Arc::clone(&session)))
        };
        if let Some(before) = before {
            before.close();
        }
        let all = Arc::clone(self);
        tasks.spawn(async move {
            let deadline = Duration::from_millis(limits::ATTACH_MS);
            let reason = match tokio::time::timeout(deadline, connect).await {
                Ok(Ok(stream)) => {
                    let (news, heard) = watch::channel(News::default());
                    let run = async {
                        let tell = |told| all.tell(&workstream, &news, told);
                        let reason = session.run(stream, &pane, all.observe, queue, &tell).await;
                        drop(news);
                        reason
                    };
                    tokio::join!(run, all.forward(&workstream, attempt, heard)).0
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the holder did not answer in time".to_string(),
            };
            session.close();
            all.forget(&workstream, &session);
            all.mailbox.put(Event::SessionEnded { workstream, attempt, reason }).await;
        });
    }

    /// Closes one: nothing more is heard of it but that it ended.
    pub fn close(&self, workstream: &WorkstreamId) {
        let session = self.lock().sessions.remove(workstream);
        if let Some(session) = session {
            session.close();
        }
    }

    /// Closes all, for good.
    pub fn close_all(&self) {
        self.token.cancel();
        let sessions = std::mem::take(&mut self.lock().sessions);
        for session in sessions.values() {
            session.close();
        }
    }

    /// Has the holder of `container` start its agent again.
    pub async fn restart_agent(&self, container: &ContainerId, directory: &Path) -> Result<(), String> {
        let deadline = Duration::from_millis(limits::ATTACH_MS);
        let work = async {
            let mut stream = holder::connect(&self.engine, container, directory).await?;
            restart(&mut stream).await
        };
        match tokio::time::timeout(deadline, work).await {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(_) => Err("the holder did not answer in time".to_string()),
        }
    }

    /// The screen of a workstream, when it ever had a session.
    pub fn pane(&self, workstream: &WorkstreamId) -> Option<Arc<Pane>> {
        self.lock().panes.get(workstream).cloned()
    }

    /// The session of a workstream, when it has one.
    pub fn session(&self, workstream: &WorkstreamId) -> Option<Arc<Session>> {
        self.lock().sessions.get(workstream).cloned()
    }

    /// Wants this size for a workstream's terminal, now and for every later session.
    pub fn resize(&self, workstream: &WorkstreamId, columns: u16, rows: u16) {
        let pane = self.pane_of(&mut self.lock(), workstream);
        if !pane.want_size(columns, rows) || self.observe {
            return;
        }
        if let Some(session) = self.session(workstream) {
            // The holder tells when it has done so, at its place in the output. A full queue means an agent that does
            // not read; it is told the size with the next session.
            let _full = session.send(ToHolder::Resize { columns, rows });
        }
    }

    /// The workstreams whose screen changed since this was last asked.
    pub fn take_damage(&self) -> Vec<WorkstreamId> {
        std::mem::take(&mut self.lock().damaged).into_iter().collect()
    }

    /// What the programs in the panes say to the world outside, as much of it as may pass at `now`.
    pub fn take_outward(&self, now: Mono) -> Vec<(WorkstreamId, Outward)> {
        self.lock().outward.take(now)
    }

    /// A screen changed.
    pub fn note_damage(&self, workstream: &WorkstreamId) {
        let mut desks = self.lock();
        if !desks.damaged.contains(workstream) {
            desks.damaged.insert(workstream.clone());
            drop(desks);
            self.damage.notify_one();
        }
    }

    fn pane_of(&self, desks: &mut Desks, workstream: &WorkstreamId) -> Arc<Pane> {
        let pane = desks.panes.entry(workstream.clone());
        Arc::clone(pane.or_insert_with(|| Arc::new(Pane::keeping(self.scrollback))))
    }

    fn tell(&self, workstream: &WorkstreamId, news: &watch::Sender<News>, told: Told) {
        match told {
            Told::Damage => self.note_damage(workstream),
            Told::Outward(said) => {
                self.lock().outward.push(workstream, said);
                self.damage.notify_one();
            }
            Told::Opened => news.send_modify(|news| news.is_open = true),
            Told::Agent(report) => news.send_modify(|news| news.report = Some(report)),
            Told::Refused(_) => {}
        }
    }

    /// Hands news on in order. While the driver is busy only the latest report is kept: it stands for all before.
    async fn forward(&self, workstream: &WorkstreamId, attempt: Attempt, mut heard: watch::Receiver<News>) {
        let mut was_open = false;
        while heard.changed().await.is_ok() {
            let news = heard.borrow_and_update().clone();
            if news.is_open && !was_open {
                was_open = true;
                self.mailbox.put(Event::SessionOpened { workstream: workstream.clone(), attempt }).await;
            }
            if let Some(report) = news.report {
                self.mailbox.put(Event::AgentReported { workstream: workstream.clone(), report }).await;
            }
        }
    }

    fn forget(&self, workstream: &WorkstreamId, session: &Arc<Session>) {
        let mut desks = self.lock();
        if desks.sessions.get(workstream).is_some_and(|own| Arc::ptr_eq(own, session)) {
            desks.sessions.remove(workstream);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Desks> {
        // Nothing that panics runs under this lock.
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Panes for Sessions {
    fn with_screen(&self, id: &WorkstreamId, look: &mut dyn FnMut(PaneScreen<'_>)) -> bool {
        let Some(pane) = self.pane(id).filter(|pane| pane.was_seen()) else { return false };
        pane.with_emulator(|emulator| {
            let term = emulator.term();
            look(PaneScreen::of(term));
        });
        true
    }

    fn write(&self, id: &WorkstreamId, bytes: Vec<u8>) -> bool {
        !self.observe && self.session(id).is_some_and(|session| session.write(&bytes))
    }

    fn surround(&self, surroundings: Surroundings) {
        let mut desks = self.lock();
        desks.surroundings = Some(surroundings);
        for session in desks.sessions.values().filter(|_| !self.observe) {
            // A full queue means an agent that does not read; it is told with the next session.
            let _full = session.send(ToHolder::Surroundings(surroundings));
        }
    }

    fn resize(&self, id: &WorkstreamId, columns: u16, rows: u16) {
        Sessions::resize(self, id, columns, rows);
    }

    fn freeze(&self, id: &WorkstreamId) -> Option<Frozen> {
        let pane = self.pane(id).filter(|pane| pane.was_seen())?;
        Some(pane.freeze())
    }

    fn paste(&self, id: &WorkstreamId, text: String, is_bracketed: bool) -> bool {
        !self.observe && self.session(id).is_some_and(|session| session.paste(text, is_bracketed))
    }

    fn cancel_paste(&self, id: &WorkstreamId) {
        if let Some(session) = self.session(id) {
            session.cancel_paste();
        }
    }

    fn pasting(&self, id: &WorkstreamId) -> Option<Progress> {
        self.session(id)?.pasting()
    }

    fn take_damage(&self) -> Vec<WorkstreamId> {
        Sessions::take_damage(self)
    }

    fn take_outward(&self, now: Mono) -> Vec<(WorkstreamId, Outward)> {
        Sessions::take_outward(self, now)
    }

    fn take_rows(&self, id: &WorkstreamId) -> Rows {
        let Some(pane) = self.pane(id) else { return Rows::ALL };
        pane.with_emulator(|emulator| Rows::take(emulator.term_mut()))
    }
}

/// Asks as somebody who changes no size, and waits for the word that the agent was started, or was not.
async fn restart(stream: &mut Box<dyn Io>) -> std::io::Result<()> {
    let mut out = Vec::new();
    wire::encode(&ToHolder::Hello { size: None, observe: false, from_sequence: Some(u64::MAX) }, &mut out);
    wire::encode(&ToHolder::RestartAgent, &mut out);
    wire::encode(&ToHolder::Ping(1), &mut out);
    stream.write_all(&out).await?;
    let mut decoder = Decoder::<FromHolder>::new();
    let mut bytes = vec![0; 4_096];
    loop {
        let count = stream.read(&mut bytes).await?;
        if count == 0 {
            return Err(std::io::Error::other("the holder ended the session"));
        }
        decoder.push(&bytes[..count]);
        while let Some(frame) = decoder.next().map_err(std::io::Error::other)? {
            match frame {
                FromHolder::Refused { reason } => return Err(std::io::Error::other(reason)),
                FromHolder::Pong(1) => return Ok(()),
                FromHolder::Welcome { .. }
                | FromHolder::Snapshot { .. }
                | FromHolder::Output { .. }
                | FromHolder::Resized { .. }
                | FromHolder::Agent(_)
                | FromHolder::Pong(_) => {}
            }
        }
    }
}
