//! The loop: whatever comes is made a message, what the model wishes is done, and a frame is drawn when something
//! changed, at most so many a second. It waits for all of it at once and for none of it alone.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use alacritty_terminal::term::TermMode;
use ccells_core::effect::{Refusal, RefusalKind};
use ccells_core::event::{Ask, NewWorkstream};
use ccells_core::ids::{PathText, WorkstreamId};
use ccells_core::limits::{COPY_TERMINAL_BYTES, FRAMES_PER_S};
use ccells_core::time::Mono;
use ccells_core::wire::Surroundings;
use crossterm::event::{Event, KeyEvent, MouseEvent, MouseEventKind};
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Duration, Instant, Sleep};

use super::favour::{self, Favour};
use super::layout::Page;
use super::model::Model;
use super::msg::Msg;
use super::screen::{self, Ground, Input, Inputs};
use super::update::update;
use super::wish::{Ticket, Wanted, Wish};
use super::{Clipboard, Ended, Screen, TuiAsk, TuiPorts, view};
use crate::pull_requests::PrWish;
use crate::terminal::input::{self, Alternates, PaneMouse};

/// Shortest time between two frames.
const FRAME_MS: u64 = 1_000 / FRAMES_PER_S;
/// Messages taken before a frame is due again, so that a flood of one kind starves nothing.
const BATCH: usize = 256;

/// Shows the run on `screen` until it ends, and gives the terminal back.
pub async fn run(ports: TuiPorts, screen: Screen, inputs: Inputs) -> Ended {
    let mut running = Running::new(ports, screen);
    let shown = async move {
        let ended = running.go(inputs).await;
        if ended == Ended::TerminalGone {
            running.screen.give_up();
        }
        running.screen.leave();
        ended
    };
    // A task of its own runs on the very thread that heard of a key or an echo: there is no other to be woken first.
    match tokio::spawn(shown).await {
        Ok(ended) => ended,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and nobody looks any more.
            Err(_) => Ended::TerminalGone,
        },
    }
}

struct Running {
    ports: TuiPorts,
    screen: Screen,
    model: Model,
    answers: FuturesUnordered<BoxFuture<'static, Msg>>,
    /// What the desktop is asked for.
    favours: FuturesUnordered<BoxFuture<'static, Favour>>,
    /// The model changed: all is drawn anew.
    is_dirty: bool,
    /// Panes that are shown and changed: they are drawn anew.
    changed: BTreeSet<WorkstreamId>,
    /// A key was sent to the focused pane, and what it changes has not come yet.
    is_echo_due: bool,
    /// It has come: the next frame is drawn as soon as the one before is out.
    is_urgent: bool,
    last_frame: Mono,
    /// What is known of the terminal that agents ask about.
    surroundings: Surroundings,
    /// The key that is being taken, when the terminal told more of it.
    alternates: Option<(KeyEvent, Alternates)>,
    alarm: Alarm,
    ended: Option<Ended>,
}

/// The one timer of the loop.
struct Alarm {
    sleep: Pin<Box<Sleep>>,
    at: Option<Mono>,
}

/// What woke the loop.
enum Woken {
    Msg(Msg),
    Key(KeyEvent, Alternates),
    KnowsKittyKeys,
    Colour(Ground, [u8; 3]),
    ColoursChanged,
    Favour(Favour),
    KnowsSync(bool),
    Damage,
    Time,
    Over,
    Gone,
    Nothing,
}

impl Running {
    fn new(ports: TuiPorts, screen: Screen) -> Self {
        let now = ports.clock.now().mono;
        let model = Model::new(screen.size(), ports.preferences.clone(), now);
        Self {
            ports,
            screen,
            model,
            answers: FuturesUnordered::new(),
            favours: FuturesUnordered::new(),
            is_dirty: true,
            changed: BTreeSet::new(),
            is_echo_due: false,
            is_urgent: false,
            last_frame: Mono(0),
            surroundings: Surroundings::default(),
            alternates: None,
            alarm: Alarm { sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), at: None },
            ended: None,
        }
    }

    async fn go(&mut self, mut inputs: Inputs) -> Ended {
        let drained = self.screen.drained();
        let damage = self.ports.damage.clone();
        self.ports.panes.surround(self.surroundings);
        let first = self.ports.snapshots.borrow_and_update().clone();
        self.draw();
        if let Some(snapshot) = first {
            self.take(Msg::Snapshot(snapshot));
        }
        let mut batch = 0;
        while self.ended.is_none() {
            let woken = self.wait(&mut inputs, &drained, &damage).await;
            self.wake(woken);
            batch += 1;
            if batch >= BATCH {
                batch = 0;
                tokio::task::yield_now().await;
            }
            if self.screen.is_gone() {
                self.ended = Some(Ended::TerminalGone);
            }
            self.draw_if_due();
        }
        self.ended.unwrap_or(Ended::Left)
    }

    /// Waits for the first thing that happens. Keys come first, the screens of agents last.
    async fn wait(&mut self, inputs: &mut Inputs, drained: &Notify, damage: &Notify) -> Woken {
        self.set_alarm();
        // While a frame is due anyway, more damage is no news.
        let is_news = self.is_echo_due || !self.has_new();
        let (ports, alarm) = (&mut self.ports, &mut self.alarm);
        tokio::select! {
            biased;
            Some(interrupt) = ports.interrupts.recv() => Woken::Msg(Msg::Interrupt(interrupt)),
            input = inputs.next() => input.map_or(Woken::Gone, from_input),
            Some(answer) = self.answers.next() => Woken::Msg(answer),
            Some(favour) = self.favours.next() => Woken::Favour(favour),
            changed = ports.snapshots.changed() => match changed {
                Ok(()) => {
                    let snapshot = ports.snapshots.borrow_and_update().clone();
                    snapshot.map_or(Woken::Nothing, |snapshot| Woken::Msg(Msg::Snapshot(snapshot)))
                }
                Err(_) => Woken::Over,
            },
            Some(notice) = ports.notices.recv() => Woken::Msg(Msg::Notice(notice)),
            () = drained.notified() => Woken::Nothing,
            () = screen::restored() => Woken::Nothing,
            () = damage.notified(), if is_news => Woken::Damage,
            () = alarm.sleep.as_mut(), if alarm.at.is_some() => {
                alarm.at = None;
                Woken::Time
            }
        }
    }

    /// Sets the alarm to the next time there is something to do without a message, if there is one.
    fn set_alarm(&mut self) {
        let frame = (self.has_new() && self.screen.is_idle()).then(|| self.last_frame.after(FRAME_MS));
        let next = self.model.next_tick().into_iter().chain(frame).min();
        if next != self.alarm.at {
            self.alarm.at = next;
            if let Some(at) = next {
                let wait = Duration::from_millis(at.since(self.ports.clock.now().mono));
                self.alarm.sleep.as_mut().reset(Instant::now() + wait);
            }
        }
    }

    /// Whether there is something that the last frame does not show.
    fn has_new(&self) -> bool {
        self.is_dirty || !self.changed.is_empty()
    }

    fn wake(&mut self, woken: Woken) {
        match woken {
            Woken::Msg(msg) => self.take(msg),
            Woken::Key(key, alternates) => {
                self.alternates = Some((key, alternates));
                self.take(Msg::Key(key));
                self.alternates = None;
            }
            Woken::Favour(Favour::Told(msg)) => self.take(msg),
            Woken::Favour(Favour::Typed(id, text)) => self.messages(Wish::Paste(id, text)),
            Woken::Favour(Favour::Done) => {}
            Woken::KnowsKittyKeys => {
                self.screen.use_kitty_keys();
                self.surroundings.has_key_events = true;
                self.ports.panes.surround(self.surroundings);
            }
            Woken::Colour(ground, colour) => {
                ground.put(colour, &mut self.surroundings);
                self.ports.panes.surround(self.surroundings);
            }
            Woken::ColoursChanged => self.screen.ask_colours(),
            Woken::KnowsSync(knows_sync) => self.screen.use_sync(knows_sync),
            Woken::Damage => self.look_at_damage(),
            Woken::Time => {
                if self.model.next_tick().is_some_and(|at| at <= self.ports.clock.now().mono) {
                    self.take(Msg::Tick);
                }
            }
            Woken::Over => self.ended = Some(Ended::Left),
            Woken::Gone => self.ended = Some(Ended::TerminalGone),
            Woken::Nothing => {}
        }
    }

    fn take(&mut self, msg: Msg) {
        let msg = if let Msg::Resized(columns, rows) = msg {
            self.screen.resize(columns, rows);
            let (columns, rows) = self.screen.size();
            Msg::Resized(columns, rows)
        } else {
            msg
        };
        let now = self.ports.clock.now();
        self.model.wall = now.wall;
        let mut messages = vec![msg];
        while let Some(msg) = messages.pop() {
            let is_move = matches!(&msg, Msg::Mouse(event) if event.kind == MouseEventKind::Moved);
            let wishes = update(&mut self.model, msg, now.mono);
            // What goes to an agent changes nothing before its echo comes, and a pointer that is moved nothing at all.
            let is_for_agent = matches!(wishes.as_slice(), [Wish::Type(..) | Wish::Mouse(..)]);
            self.is_dirty |= !(is_for_agent || is_move && wishes.is_empty());
            for wish in wishes {
                messages.extend(self.perform(wish));
            }
        }
    }

    /// Does a wish that is not the model's.
    fn messages(&mut self, wish: Wish) {
        if let Some(msg) = self.perform(wish) {
            self.take(msg);
        }
    }

    /// A screen that is not shown needs no frame.
    fn look_at_damage(&mut self) {
        let now = self.ports.clock.now().mono;
        for (id, what) in self.ports.panes.take_outward(now) {
            self.take(Msg::Outward(id, what));
        }
        let damaged = self.ports.panes.take_damage();
        let pasting = |id: &&WorkstreamId| self.model.pasting.contains_key(*id);
        for id in damaged.iter().filter(pasting).cloned().collect::<Vec<_>>() {
            let progress = self.ports.panes.pasting(&id);
            self.take(Msg::Pasting(id, progress));
        }
        if damaged.is_empty() || self.model.hides_panes() {
            return;
        }
        let is_focused = self.model.focused.as_ref().is_some_and(|focused| damaged.contains(focused));
        self.is_urgent |= is_focused && std::mem::take(&mut self.is_echo_due);
        // The list shows no screens.
        let page = if self.model.is_list { Page::default() } else { self.model.page() };
        let shown: Vec<&WorkstreamId> =
            page.panes.iter().filter_map(|pane| self.model.order.get(pane.index)).collect();
        self.changed.extend(damaged.into_iter().filter(|id| shown.contains(&id)));
    }

    fn draw_if_due(&mut self) {
        if !self.has_new() || !self.screen.is_idle() {
            return;
        }
        if self.is_urgent || self.last_frame.after(FRAME_MS) <= self.ports.clock.now().mono {
            self.look_at_damage();
            self.draw();
        }
    }

    fn draw(&mut self) {
        self.is_urgent = false;
        self.last_frame = self.ports.clock.now().mono;
        let changed = std::mem::take(&mut self.changed);
        let is_whole = std::mem::take(&mut self.is_dirty) || !view::is_plain(&self.model);
        let (model, panes) = (&self.model, self.ports.panes.as_ref());
        if is_whole {
            self.screen.draw(|buffer| view::draw(buffer, model, panes));
        } else {
            self.screen.redraw(|buffer, areas| view::redraw(buffer, model, panes, &changed, areas));
        }
        self.follow_agent();
    }

    /// Has the terminal tell us what the agent that gets our keys wants to be told.
    fn follow_agent(&mut self) {
        let mut mode = TermMode::NONE;
        if let Some(id) = self.model.typed_to() {
            self.ports.panes.with_screen(id, &mut |screen| mode = screen.mode);
        }
        self.screen.follow_keys(input::kitty_flags(mode));
        self.screen.follow_motion(mode.contains(TermMode::MOUSE_MOTION));
    }

    /// Does what the model wishes; what comes of it at once comes back as a message.
    fn perform(&mut self, wish: Wish) -> Option<Msg> {
        match wish {
            Wish::Ask(ticket, ask) => {
                self.ask(ticket, ask);
                None
            }
            Wish::Create(ticket, wanted) => Some(self.create(ticket, wanted)),
            Wish::Type(id, key) => self.type_key(id, &key),
            Wish::Paste(id, text) => Some(self.paste(id, text)),
            Wish::Say(id, lines) => Some(self.say(id, &lines)),
            Wish::CancelPaste(id) => {
                self.ports.panes.cancel_paste(&id);
                None
            }
            Wish::PasteImage(id, worktree) => {
                self.favour(favour::save_image(self.ports.desktop.as_ref(), id, &worktree))
            }
            Wish::Ring => {
                self.screen.ring();
                None
            }
            Wish::Notify(text) => {
                self.screen.notify(&text);
                None
            }
            Wish::Copy(text) => {
                self.copy(text);
                None
            }
            Wish::Export(id, path) => self.export(&id, path),
            Wish::LookBack(ticket, id) => {
                self.favour(favour::look_back(ticket, self.ports.panes.freeze(&id)))
            }
            Wish::Find(ticket, past, wanted) => self.favour(favour::find(ticket, past, wanted)),
            Wish::TakeSelected(past, selection) => self.favour(favour::take_selected(past, selection)),
            Wish::Mouse(id, event) => self.mouse(id, event),
            Wish::Focus(id, has_focus) => {
                // An agent that is not there needs no report.
                let _ = self.send(id, |mode| input::focus(has_focus, mode));
                None
            }
            Wish::Resize(id, columns, rows) => {
                self.ports.panes.resize(&id, columns, rows);
                None
            }
            Wish::Measure(subjects) => {
                self.errand(self.ports.errands.measure(subjects).map(Msg::Measured).boxed())
            }
            Wish::Settings(change) => {
                self.errand(self.ports.errands.settings(change).map(Msg::Settings).boxed())
            }
            Wish::Compare(id, directory) => self.compare(id, directory),
            Wish::OpenPullRequest(id, directory, wish) => self.open_pull_request(id, directory, *wish),
            Wish::LastRemoved => self.errand(self.ports.errands.last_removed().map(Msg::LastRemoved).boxed()),
            Wish::SetMouse(is_on) => {
                self.screen.set_mouse(is_on);
                None
            }
            Wish::Suspend => Some(self.after_stop(Screen::suspend)),
            Wish::Resume => Some(self.after_stop(Screen::resume)),
            Wish::Redraw => {
                self.screen.forget_frame();
                None
            }
            Wish::Leave => self.end(Ended::Left),
            Wish::GiveUp => self.end(Ended::TerminalGone),
        }
    }

    fn compare(&mut self, id: WorkstreamId, directory: PathText) -> Option<Msg> {
        let answer = move |outcome: Result<_, _>| Msg::Compared(id, outcome.map(Arc::new));
        self.errand(self.ports.errands.compare(directory).map(answer).boxed())
    }

    fn open_pull_request(&mut self, id: WorkstreamId, directory: PathText, wish: PrWish) -> Option<Msg> {
        let answer = move |outcome| Msg::PullRequest(id, outcome);
        self.errand(self.ports.errands.open_pull_request(directory, wish).map(answer).boxed())
    }

    fn end(&mut self, how: Ended) -> Option<Msg> {
        self.ended = Some(how);
        None
    }

    /// Something that is done elsewhere; what comes of it is heard of later.
    fn errand(&mut self, errand: BoxFuture<'static, Msg>) -> Option<Msg> {
        self.answers.push(errand);
        None
    }

    /// Something that takes time; what comes of it is heard of later.
    fn favour(&mut self, favour: BoxFuture<'static, Favour>) -> Option<Msg> {
        self.favours.push(favour);
        None
    }

    fn ask(&mut self, ticket: Ticket, ask: Ask) {
        let (reply, answer) = oneshot::channel();
        let is_sent = self.ports.asks.try_send(TuiAsk { ask, reply }).is_ok();
        let answer = async move {
            let refusal =
                |text: &str| Err(Refusal { kind: RefusalKind::Failed, text: text.to_owned(), work: None });
            let outcome = if is_sent {
                answer.await.unwrap_or_else(|_| refusal("ccells ended before it could answer"))
            } else {
                refusal("ccells has too much to do just now; try again")
            };
            Msg::Replied { ticket, outcome }
        };
        self.answers.push(answer.boxed());
    }

    fn create(&mut self, ticket: Ticket, wanted: Wanted) -> Msg {
        let (id, session_id) = (self.ports.draw_identity)();
        let Wanted { prompt, name, branch, on_taken, from, base, image } = wanted;
        let workstream = id.clone();
        let new = NewWorkstream {
            id,
            name,
            prompt,
            branch,
            base,
            on_taken,
            is_offline: false,
            include: Vec::new(),
            from,
            image,
            argv: None,
            session_id,
        };
        self.ask(ticket, Ask::New(Box::new(new)));
        Msg::Begun { ticket, workstream }
    }

    fn type_key(&mut self, id: WorkstreamId, key: &KeyEvent) -> Option<Msg> {
        self.is_echo_due = true;
        let alternates = self.alternates.filter(|(told, _)| told == key).map(|(_, alternates)| alternates);
        self.send(id, |mode| input::key_with(key, alternates, mode))
    }

    fn mouse(&mut self, id: WorkstreamId, event: MouseEvent) -> Option<Msg> {
        let mut meaning = PaneMouse::Ignore;
        self.ports.panes.with_screen(&id, &mut |screen| meaning = input::mouse(&event, screen.mode));
        match meaning {
            PaneMouse::Ignore => None,
            PaneMouse::Ours => Some(Msg::PaneMouse(id, event)),
            // Reports of the mouse that an agent does not take are not missed.
            PaneMouse::Send(bytes) => {
                self.ports.panes.write(&id, bytes);
                None
            }
        }
    }

    fn paste(&mut self, id: WorkstreamId, text: String) -> Msg {
        let mut mode = None;
        self.ports.panes.with_screen(&id, &mut |screen| mode = Some(screen.mode));
        let Some(mode) = mode else { return Msg::InputRefused(id) };
        let is_bracketed = mode.contains(TermMode::BRACKETED_PASTE);
        if !self.ports.panes.paste(&id, text, is_bracketed) {
            return Msg::InputRefused(id);
        }
        let progress = self.ports.panes.pasting(&id);
        Msg::Pasting(id, progress)
    }

    /// Where a paste is not told from typing the end of a line would be Enter, and nothing is to be sent yet.
    fn say(&mut self, id: WorkstreamId, lines: &[String]) -> Msg {
        let mut is_bracketed = false;
        let look = &mut |screen: super::PaneScreen<'_>| {
            is_bracketed = screen.mode.contains(TermMode::BRACKETED_PASTE);
        };
        self.ports.panes.with_screen(&id, look);
        self.paste(id, lines.join(if is_bracketed { "\n" } else { "  " }))
    }

    fn copy(&mut self, text: String) {
        let clipboard = self.model.clipboard;
        if matches!(clipboard, Clipboard::Auto | Clipboard::Terminal) {
            self.screen.copy(&text);
        }
        if matches!(clipboard, Clipboard::Auto | Clipboard::System) {
            let is_needed = clipboard == Clipboard::System || text.len() > COPY_TERMINAL_BYTES;
            self.favours.push(favour::copy(self.ports.desktop.as_ref(), text, is_needed));
        }
    }

    fn export(&mut self, id: &WorkstreamId, path: String) -> Option<Msg> {
        let Some(frozen) = self.ports.panes.freeze(id) else {
            return Some(Msg::Exported(Err("there is nothing to write yet".to_owned())));
        };
        self.favours.push(favour::export(&self.ports.desktop, path, frozen));
        None
    }

    fn send(&mut self, id: WorkstreamId, encode: impl FnOnce(TermMode) -> Vec<u8>) -> Option<Msg> {
        let mut mode = None;
        self.ports.panes.with_screen(&id, &mut |screen| mode = Some(screen.mode));
        let bytes = mode.map(encode)?;
        (!bytes.is_empty() && !self.ports.panes.write(&id, bytes)).then_some(Msg::InputRefused(id))
    }

    fn after_stop(&mut self, stop: fn(&mut Screen) -> std::io::Result<()>) -> Msg {
        if stop(&mut self.screen).is_err() {
            self.ended = Some(Ended::TerminalGone);
        }
        let (columns, rows) = self.screen.size();
        Msg::Resized(columns, rows)
    }
}

fn from_input(input: Input) -> Woken {
    match input {
        Input::Gone => Woken::Gone,
        Input::KnowsKittyKeys(true) => Woken::KnowsKittyKeys,
        Input::KnowsKittyKeys(false) => Woken::Nothing,
        Input::Colour(ground, colour) => Woken::Colour(ground, colour),
        Input::ColoursChanged => Woken::ColoursChanged,
        Input::KnowsSync(knows_sync) => Woken::KnowsSync(knows_sync),
        Input::Event(Event::Key(key)) => Woken::Msg(Msg::Key(key)),
        Input::Key(key, alternates) => Woken::Key(key, alternates),
        Input::Event(Event::Paste(text)) => Woken::Msg(Msg::Paste(text)),
        Input::Event(Event::Mouse(event)) => Woken::Msg(Msg::Mouse(event)),
        Input::Event(Event::Resize(columns, rows)) => Woken::Msg(Msg::Resized(columns, rows)),
        Input::Event(Event::FocusGained) => Woken::Msg(Msg::WindowFocus(true)),
        Input::Event(Event::FocusLost) => Woken::Msg(Msg::WindowFocus(false)),
    }
}
