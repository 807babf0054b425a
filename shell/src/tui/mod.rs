//! The screen: a model, messages that change it, wishes it has, and views that draw it. Nothing here waits for I/O.
//! The rest of the program meets it in [`TuiPorts`], [`Panes`] and [`run`].

mod action;
mod clip;
mod comment;
mod copy;
mod desktop;
mod dialog;
mod editor;
mod errands;
mod favour;
mod filter;
mod keymap;
mod layout;
mod list;
mod log;
mod model;
mod msg;
mod preferences;
mod run;
pub mod screen;
mod still;
mod tabs;
#[cfg(test)]
mod tests;
mod theme;
mod update;
mod view;
mod wish;

use std::sync::Arc;

use alacritty_terminal::event::EventListener;
use alacritty_terminal::grid::Grid;
use alacritty_terminal::term::cell::Cell;
use alacritty_terminal::term::color::Colors;
use alacritty_terminal::term::{Term, TermMode};
use alacritty_terminal::vte::ansi::CursorShape;
use ccells_core::ids::WorkstreamId;
use ccells_core::ports::Clock;
use ccells_core::snapshot::Snapshot;
use ccells_core::time::Mono;
use ccells_core::wire::Surroundings;
use ccells_holder::emulator::Outward;
use tokio::sync::{Notify, mpsc, watch};

pub use desktop::{Desktop, NoDesktop};
pub use errands::{Change, Errands, NoErrands, Origin, Setting, Settings, Subject, Usage};
pub use keymap::{Keymap, KeymapError, Leader, LeaderError, action_names};
pub use preferences::{AgentClipboard, Clipboard, Preferences};
pub use run::run;
pub use screen::{Input, Screen};
pub use still::Still;
pub use theme::{Theme, ThemeError, load as load_theme};

use crate::backlog::Progress;
use crate::terminal::history::Frozen;

pub use crate::driver::{Notice, Wish as TuiAsk};
pub use crate::terminal::rows::Rows;

/// What the screen shows of one emulator, while its lock is held. Look quickly.
#[derive(Clone, Copy)]
pub struct PaneScreen<'a> {
    /// The characters, with the scrollback and how far it is scrolled.
    pub grid: &'a Grid<Cell>,
    /// What the program inside has negotiated.
    pub mode: TermMode,
    /// How the cursor is to look.
    pub cursor: CursorShape,
    /// The colours that the program set to others.
    pub colors: &'a Colors,
}

impl<'a> PaneScreen<'a> {
    /// What this terminal shows.
    pub fn of<T: EventListener>(term: &'a Term<T>) -> Self {
        let cursor = term.cursor_style().shape;
        Self { grid: term.grid(), mode: *term.mode(), cursor, colors: term.colors() }
    }
}

/// The live terminals, one for each workstream that has, or had, a session in this run. Every method returns at once:
/// an emulator's lock is held only while rows are copied, and what is written is put into a queue.
pub trait Panes: Send + Sync {
    /// Shows the screen of a workstream to `look`; false when it has none yet. The screen outlives its session.
    fn with_screen(&self, id: &WorkstreamId, look: &mut dyn FnMut(PaneScreen<'_>)) -> bool;

    /// Queues `bytes` for the agent; false when there is no session or its queue is full, and nothing was taken.
    fn write(&self, id: &WorkstreamId, bytes: Vec<u8>) -> bool;

    /// Wants this size for the terminal. It is remembered for a session that is opened later.
    fn resize(&self, id: &WorkstreamId, columns: u16, rows: u16);

    /// The terminal around is like this: what agents ask about it is answered so.
    fn surround(&self, surroundings: Surroundings) {
        let _ = surroundings;
    }

    /// All that is kept of what a workstream has shown, as it is now; `None` when there is nothing. What takes time, a
    /// transcript of it, is made elsewhere.
    fn freeze(&self, id: &WorkstreamId) -> Option<Frozen> {
        let _ = id;
        None
    }

    /// Queues a paste, which goes as fast as the agent reads; what is written after it comes after it. False when there
    /// is no session or no room, and nothing was taken. While it goes, the screen counts as changed.
    fn paste(&self, id: &WorkstreamId, text: String, is_bracketed: bool) -> bool {
        let _ = (id, text, is_bracketed);
        false
    }

    /// Drops what has not gone of pastes.
    fn cancel_paste(&self, id: &WorkstreamId) {
        let _ = id;
    }

    /// How far a paste is that has not gone.
    fn pasting(&self, id: &WorkstreamId) -> Option<Progress> {
        let _ = id;
        None
    }

    /// The workstreams whose screen changed since this was last called.
    fn take_damage(&self) -> Vec<WorkstreamId>;

    /// What the programs in the panes say to the world outside, as much of it as may pass at `now`; all of it harmless
    /// and bounded. Those who have no such panes say nothing.
    fn take_outward(&self, now: Mono) -> Vec<(WorkstreamId, Outward)> {
        let _ = now;
        Vec::new()
    }

    /// The rows of a screen that changed since this was last called: at least those.
    fn take_rows(&self, _: &WorkstreamId) -> Rows {
        Rows::ALL
    }
}

/// Every action of the screen: its name, its usual keys, and what it does.
pub fn actions() -> impl Iterator<Item = (&'static str, &'static [&'static str], &'static str)> {
    action::all().map(|described| (described.name, described.keys, described.help))
}

/// A signal, in the words of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// End in good order; the second one ends at once.
    Terminate,
    /// The terminal is gone: never write to it again.
    Hangup,
    /// Give the terminal back and stop.
    Suspend,
    /// We go on after a stop: take the terminal again.
    Continue,
}

/// What only the shell can draw: an id and a name for the agent's conversation.
pub type DrawIdentity = Box<dyn FnMut() -> (WorkstreamId, String) + Send>;

/// All the screen needs of the rest of the program.
pub struct TuiPorts {
    /// The picture; `None` until the first one is there. The sender's end is the end of the screen.
    pub snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    /// The live terminals.
    pub panes: Arc<dyn Panes>,
    /// Wishes of the user.
    pub asks: mpsc::Sender<TuiAsk>,
    /// Things to tell the user.
    pub notices: mpsc::UnboundedReceiver<Notice>,
    /// Rung when a screen changed; see [`Panes::take_damage`].
    pub damage: Arc<Notify>,
    /// Signals.
    pub interrupts: mpsc::Receiver<Interrupt>,
    /// What time it is, on the clock of the snapshots.
    pub clock: Arc<dyn Clock + Send + Sync>,
    /// Ids for new workstreams.
    pub draw_identity: DrawIdentity,
    /// The clipboard, and the user's files.
    pub desktop: Arc<dyn Desktop>,
    /// What is done elsewhere.
    pub errands: Arc<dyn Errands>,
    /// What the user has chosen.
    pub preferences: Preferences,
}

/// Why the screen ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The run ended: the rest of the program is done, or refused to go on.
    Left,
    /// The terminal is gone. The rest of the program decides what becomes of the agents.
    TerminalGone,
}
