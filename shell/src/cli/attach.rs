//! `ccells attach`: one workstream's terminal on the whole of ours. Only cells are drawn, as in the panes.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alacritty_terminal::term::TermMode;
use alacritty_terminal::vte::ansi::CursorShape;
use ccells_core::limits;
use ccells_core::wire::{Surroundings, ToHolder};
use clap::Args;
use crossterm::event::{Event, KeyEvent, KeyEventKind, MouseEvent, MouseEventKind};
use futures_util::StreamExt;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::link::{self, Link, exit_code, resolve};
use super::{Failure, print};
use crate::adapters::docker::DockerEngine;
use crate::adapters::signals::{Asked, Signals};
use crate::boot;
use crate::session::{Pane, Session, Told};
use crate::terminal::input::{self, Alternates, PaneMouse};
use crate::terminal::paint::{Painted, paint, paint_transcript};
use crate::terminal::transcript::Transcript;
use crate::tui::screen::{Input, inputs};
use crate::tui::{Leader, PaneScreen, Screen};

/// Whose.
#[derive(Debug, Args)]
pub(super) struct Attach {
    /// Id, unique prefix of an id, or name.
    #[arg(value_name = "ID")]
    id: String,
}

/// Does it.
pub(super) async fn run(directory: &Path, verb: &Attach) -> Result<u8, Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        let text = format!("attach needs a terminal; `ccells logs {}` and `ccells send` do not", verb.id);
        return Err(Failure::new(1, text));
    }
    let (mut link, ground) = Link::to_look(directory).await?;
    let picture = link.show().await;
    link.end().await;
    let picture = picture?;
    let (_, card) = resolve(&picture, &verb.id)?;
    let (_, config, _) = boot::open_home(|name| std::env::var(name).ok())?;
    let mut view = View::open(&ground.engine, card, config.leader).await?;
    let ended = view.show().await;
    view.session.close();
    ground.engine.close().await;
    ended
}

/// Lines of one step of the wheel.
const WHEEL_LINES: usize = 3;

/// The terminal as it is shown.
struct View {
    name: String,
    leader: Leader,
    pane: Arc<Pane>,
    session: Arc<Session>,
    carried: tokio::task::JoinHandle<String>,
    damage: Arc<Notify>,
    screen: Screen,
    /// What is known of the terminal that the agent asks about.
    surroundings: Surroundings,
    /// What it has shown, and the line at the top, while one looks back.
    back: Option<(Transcript, usize)>,
    /// A change came while the frame before was still on its way out.
    is_late: bool,
}

impl View {
    async fn open(engine: &DockerEngine, card: &Value, leader: Leader) -> Result<Self, Failure> {
        let (name, stream) = link::to_holder(engine, card).await?;
        let mut screen = Screen::enter()?;
        let (pane, damage) = (Arc::new(Pane::new()), Arc::new(Notify::new()));
        let (columns, rows) = room(&mut screen);
        pane.want_size(columns, rows);
        let (session, queue) = Session::new(&CancellationToken::new());
        let (own, shown, bell) = (Arc::clone(&session), Arc::clone(&pane), Arc::clone(&damage));
        let carried = tokio::spawn(async move {
            let tell = move |told| {
                if matches!(told, Told::Damage | Told::Opened) {
                    bell.notify_one();
                }
            };
            own.run(stream, &shown, false, queue, &tell).await
        });
        let (surroundings, back, is_late) = (Surroundings::default(), None, false);
        let view = Self { name, leader, pane, session, carried, damage, screen, surroundings, back, is_late };
        view.surround();
        Ok(view)
    }

    async fn show(&mut self) -> Result<u8, Failure> {
        let mut signals = Signals::listen()?;
        let mut inputs = inputs();
        let frame = Duration::from_millis(1_000 / limits::FRAMES_PER_S);
        let mut next_frame = Instant::now();
        self.draw();
        loop {
            let (damage, drained) = (Arc::clone(&self.damage), self.screen.drained());
            tokio::select! {
                input = inputs.next() => match input {
                    Some(input) => if self.take(input) { return Ok(self.detached()) },
                    None => return Ok(0),
                },
                reason = &mut self.carried => {
                    let reason = reason.unwrap_or_else(|panic| panic.to_string());
                    self.screen.leave();
                    return Err(Failure::new(1, format!("detached from `{}`: {}", self.name, print::clean(&reason))));
                }
                asked = signals.next() => match asked {
                    Asked::Suspend => self.screen.suspend()?,
                    Asked::Continue => self.screen.resume()?,
                    Asked::Terminate(_) => return Ok(exit_code(asked)),
                    Asked::Hangup => {
                        self.screen.give_up();
                        return Ok(exit_code(asked));
                    }
                },
                () = async { tokio::time::sleep_until(next_frame).await; damage.notified().await } => {
                    next_frame = Instant::now() + frame;
                    if self.screen.is_idle() { self.draw() } else { self.is_late = true }
                }
                () = drained.notified() => if std::mem::take(&mut self.is_late) { self.draw() },
            }
        }
    }

    /// Takes what the terminal tells; true when it is the key that detaches.
    fn take(&mut self, input: Input) -> bool {
        match input {
            Input::Gone => return true,
            Input::KnowsKittyKeys(true) => {
                self.screen.use_kitty_keys();
                self.surroundings.has_key_events = true;
                self.surround();
            }
            Input::Colour(ground, colour) => {
                ground.put(colour, &mut self.surroundings);
                self.surround();
            }
            Input::ColoursChanged => self.screen.ask_colours(),
            Input::KnowsKittyKeys(false) => {}
            Input::KnowsSync(knows_sync) => self.screen.use_sync(knows_sync),
            Input::Event(Event::Key(key)) => return self.take_key(&key, None),
            Input::Key(key, alternates) => return self.take_key(&key, Some(alternates)),
            Input::Event(Event::Paste(text)) => {
                self.look_at_now();
                let mode = self.pane.with_emulator(|emulator| *emulator.term().mode());
                // There is no room for it while an agent does not read what was pasted before.
                let _full = self.session.paste(text, mode.contains(TermMode::BRACKETED_PASTE));
            }
            Input::Event(Event::FocusGained) => self.send(|mode| input::focus(true, mode)),
            Input::Event(Event::FocusLost) => self.send(|mode| input::focus(false, mode)),
            Input::Event(Event::Mouse(event)) => {
                // The line below is no place in the agent's terminal: a drag that ends there ends at its edge.
                let last = room(&mut self.screen).1.saturating_sub(1);
                let event = MouseEvent { row: event.row.min(last), ..event };
                let mode = self.pane.with_emulator(|emulator| *emulator.term().mode());
                match input::mouse(&event, mode) {
                    PaneMouse::Send(bytes) => self.send(|_| bytes),
                    PaneMouse::Ours => self.turn(event.kind),
                    PaneMouse::Ignore => {}
                }
            }
            Input::Event(Event::Resize(columns, rows)) => {
                self.screen.resize(columns, rows);
                let (columns, rows) = room(&mut self.screen);
                if self.pane.want_size(columns, rows) {
                    // A session that is ending needs no size.
                    let _ending = self.session.send(ToHolder::Resize { columns, rows });
                }
                self.draw();
            }
        }
        false
    }

    /// Tells the holder what the terminal is like.
    fn surround(&self) {
        // An agent that does not read is told with the next session.
        let _full = self.session.send(ToHolder::Surroundings(self.surroundings));
    }

    /// Takes a key; true when it is the one that detaches.
    fn take_key(&mut self, key: &KeyEvent, alternates: Option<Alternates>) -> bool {
        if self.leader.is(key) {
            return key.kind == KeyEventKind::Press;
        }
        if key.kind != KeyEventKind::Release {
            self.look_at_now();
        }
        self.send(|mode| input::key_with(key, alternates, mode));
        false
    }

    /// The wheel was turned: back in time what is shown stands still.
    fn turn(&mut self, kind: MouseEventKind) {
        let rows = usize::from(room(&mut self.screen).1);
        let is_back = kind == MouseEventKind::ScrollUp;
        if !is_back && (kind != MouseEventKind::ScrollDown || self.back.is_none()) {
            return;
        }
        let (transcript, top) = self.back.take().unwrap_or_else(|| {
            let transcript = Transcript::of(self.pane.freeze());
            let top = transcript.len().saturating_sub(rows);
            (transcript, top)
        });
        let top = if is_back { top.saturating_sub(WHEEL_LINES) } else { top + WHEEL_LINES };
        if top + rows < transcript.len() {
            self.back = Some((transcript, top));
        }
        self.damage.notify_one();
    }

    fn look_at_now(&mut self) {
        if self.back.take().is_some() {
            self.damage.notify_one();
        }
    }

    fn send(&self, encode: impl FnOnce(TermMode) -> Vec<u8>) {
        let bytes = encode(self.pane.with_emulator(|emulator| *emulator.term().mode()));
        if !bytes.is_empty() {
            // A full queue means an agent that does not read: what is typed now would come much too late.
            let _full = self.session.write(&bytes);
        }
    }

    fn draw(&mut self) {
        let (pane, name, leader, back) = (&self.pane, &self.name, self.leader, &self.back);
        self.screen.draw(|buffer| {
            let area = buffer.area;
            let inside = Rect { height: area.height.saturating_sub(1), ..area };
            let painted = if let Some((transcript, top)) = back {
                paint_transcript(transcript, *top, inside, buffer);
                Painted { shape: CursorShape::Hidden, ..Painted::default() }
            } else {
                pane.with_emulator(|emulator| paint(PaneScreen::of(emulator.term()), inside, false, buffer))
            };
            let line = format!(" attached to {name}   {leader} detaches, the agent works on ");
            let line = format!("{line:<width$}", width = usize::from(area.width));
            let style = Style::default().add_modifier(Modifier::REVERSED);
            buffer.set_stringn(area.x, inside.height, line, usize::from(area.width), style);
            painted.cursor.map(|cursor| (cursor, painted.shape))
        });
        let mode = self.pane.with_emulator(|emulator| *emulator.term().mode());
        self.screen.follow_keys(input::kitty_flags(mode));
        self.screen.follow_motion(mode.contains(TermMode::MOUSE_MOTION));
    }

    fn detached(&mut self) -> u8 {
        // The holder knows from the closed stream too; a word is politer.
        let _ending = self.session.send(ToHolder::Detach);
        self.screen.leave();
        print::tell(&format!("detached from {}; the agent works on", self.name));
        0
    }
}

/// The screen without the line at the bottom.
fn room(screen: &mut Screen) -> (u16, u16) {
    let (columns, rows) = screen.size();
    (columns.max(*limits::COLUMNS.start()), rows.saturating_sub(1).max(*limits::ROWS.start()))
}
