//! All the screen knows: the last picture of the world, and what is its own (mode, focus, layout, dialogs, toasts).
//! Nothing here does I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ccells_core::agent::{AgentLife, AgentStatus};
use ccells_core::effect::Level;
use ccells_core::event::{Access, OnQuit};
use ccells_core::ids::WorkstreamId;
use ccells_core::limits::{TOAST_MS, TOASTS};
use ccells_core::record::{Layout, ViewRecord};
use ccells_core::snapshot::{Card, CardState, EngineState, Snapshot};
use ccells_core::time::Mono;
use ratatui::layout::Rect;

use super::dialog::Dialog;
use super::dialog::new::Draft;
use super::keymap::{Keymap, Leader};
use super::layout::{self, Page};
use super::preferences::Preferences;
use super::theme::Theme;
use super::wish::Ticket;

/// Where keys go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They steer ccells.
    #[default]
    Navigate,
    /// They go to the agent in the focused pane.
    Input,
}

/// Something told to the user for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toast {
    /// How loud.
    pub(crate) level: Level,
    /// What, safe to show.
    pub(crate) text: String,
    /// When it goes; `None` stays until it is dismissed.
    pub(crate) until: Option<Mono>,
}

/// A wish that is not answered yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pending {
    /// Nobody waits for its answer.
    Silent,
    /// Only a refusal, or a note, is told.
    Told,
    /// A new workstream, with the draft to give back when it comes to nothing.
    New {
        /// The draft.
        draft: Box<Draft>,
        /// Its id, once drawn.
        workstream: Option<WorkstreamId>,
    },
    /// A workstream is taken away.
    Discard(WorkstreamId),
}

/// The model.
pub(crate) struct Model {
    /// The last picture, once there is one.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// Where keys go.
    pub(crate) mode: Mode,
    /// The panes, in order.
    pub(crate) order: Vec<WorkstreamId>,
    /// The pane that has the focus.
    pub(crate) focused: Option<WorkstreamId>,
    /// How the panes lie.
    pub(crate) layout: Layout,
    /// The layout to go back to from zoom.
    pub(crate) unzoomed: Layout,
    /// The pane that gave its place to the first one.
    pub(crate) swapped: Option<WorkstreamId>,
    /// What lies above the panes.
    pub(crate) dialog: Option<Dialog>,
    /// The draft of the next workstream.
    pub(crate) draft: Draft,
    /// What is told for a while, oldest first.
    pub(crate) toasts: Vec<Toast>,
    /// Columns and rows of the terminal.
    pub(crate) size: (u16, u16),
    /// Whether the terminal's window has the focus.
    pub(crate) has_window_focus: bool,
    /// Whether the mouse is ours.
    pub(crate) is_mouse_on: bool,
    /// What quitting does by default.
    pub(crate) on_quit: OnQuit,
    /// The key that leaves a pane.
    pub(crate) leader: Leader,
    /// The other keys.
    pub(crate) keys: Keymap,
    /// The colours.
    pub(crate) theme: Theme,
    /// What time it is.
    pub(crate) now: Mono,
    /// Wishes on their way.
    pub(crate) pending: BTreeMap<Ticket, Pending>,
    pub(super) next_ticket: u64,
    /// Findings that the user has dealt with.
    pub(super) dismissed: BTreeSet<WorkstreamId>,
    /// How many of the snapshot's notices were told.
    pub(super) told_notices: usize,
    /// What of each agent the user has seen.
    pub(super) seen: BTreeMap<WorkstreamId, Seen>,
    /// The size every pane's terminal was last given.
    pub(super) told_sizes: BTreeMap<WorkstreamId, (u16, u16)>,
    /// When sizes are told, so that a window that is being dragged does not resize every agent with every step.
    pub(super) sizes_due: Option<Mono>,
    /// The pane that was told that it has the focus.
    pub(super) told_focus: Option<WorkstreamId>,
    /// The view that was last sent to be saved.
    pub(super) told_view: ViewRecord,
    /// When the view is sent.
    pub(super) view_due: Option<Mono>,
    /// Whether the engine was down in the picture before.
    pub(super) was_down: bool,
    /// Whether the end was asked for.
    pub(super) is_quitting: bool,
}

/// What of an agent the user has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Its bells.
    pub(super) bells: u64,
    /// That it is done.
    pub(super) is_done: bool,
}

/// Why a workstream waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attention {
    /// Its agent is blocked or gave up.
    Asks,
    /// Its agent ended.
    Exited,
    /// Its making failed, or its container is gone.
    Failed,
    /// Its agent finished, or rang, since the user last looked.
    News,
}

impl Model {
    /// The model before anything is known.
    pub(crate) fn new(size: (u16, u16), preferences: Preferences, now: Mono) -> Self {
        let Preferences { on_quit, leader, keys, theme } = preferences;
        Self {
            snapshot: None,
            mode: Mode::Navigate,
            order: Vec::new(),
            focused: None,
            layout: Layout::Grid,
            unzoomed: Layout::Grid,
            swapped: None,
            dialog: None,
            draft: Draft::default(),
            toasts: Vec::new(),
            size,
            has_window_focus: true,
            is_mouse_on: true,
            on_quit,
            leader,
            keys,
            theme,
            now,
            pending: BTreeMap::new(),
            next_ticket: 0,
            dismissed: BTreeSet::new(),
            told_notices: 0,
            seen: BTreeMap::new(),
            told_sizes: BTreeMap::new(),
            sizes_due: None,
            told_focus: None,
            told_view: ViewRecord::default(),
            view_due: None,
            was_down: false,
            is_quitting: false,
        }
    }

    /// The workstreams, in the order of their panes.
    pub(crate) fn cards(&self) -> impl Iterator<Item = &Card> {
        self.order.iter().filter_map(|id| self.card(id))
    }

    /// One workstream.
    pub(crate) fn card(&self, id: &WorkstreamId) -> Option<&Card> {
        self.snapshot.as_deref()?.card(id)
    }

    /// The workstream that has the focus.
    pub(crate) fn focused_card(&self) -> Option<&Card> {
        self.card(self.focused.as_ref()?)
    }

    /// The place of the focused pane among all.
    pub(crate) fn focused_index(&self) -> usize {
        self.focused.as_ref().and_then(|id| self.order.iter().position(|other| other == id)).unwrap_or(0)
    }

    /// Whether this run only looks.
    pub(crate) fn is_read_only(&self) -> bool {
        self.snapshot.as_deref().is_some_and(|snapshot| matches!(snapshot.access, Access::ReadOnly { .. }))
    }

    /// Whether the run is ending.
    pub(crate) fn is_shutting_down(&self) -> bool {
        self.snapshot.as_deref().is_some_and(|snapshot| snapshot.shutdown.is_some())
    }

    /// How many lines above the panes tell what holds for the whole run.
    pub(crate) fn banners(&self) -> u16 {
        let Some(snapshot) = self.snapshot.as_deref() else { return 0 };
        u16::from(self.is_read_only()) + u16::from(snapshot.degraded.is_some())
    }

    /// Where the panes are.
    pub(crate) fn panes_area(&self) -> Rect {
        let (columns, rows) = self.size;
        let top = self.banners().min(rows);
        Rect::new(0, top, columns, rows.saturating_sub(top + 1))
    }

    /// The page of panes that is shown.
    pub(crate) fn page(&self) -> Page {
        layout::arrange(self.panes_area(), self.order.len(), self.layout, self.focused_index())
    }

    /// Why `card` waits for a person, if it does.
    pub(crate) fn attention(&self, card: &Card) -> Option<Attention> {
        match card.state {
            CardState::Failed | CardState::Lost => return Some(Attention::Failed),
            CardState::Running => {}
            CardState::Creating
            | CardState::Paused
            | CardState::Stopped
            | CardState::Unknown
            | CardState::Removing => return None,
        }
        let report = card.agent.as_ref()?;
        if matches!(report.life, AgentLife::Exited(_)) {
            return Some(Attention::Exited);
        }
        if report.status.needs_user() {
            return Some(Attention::Asks);
        }
        let seen = self.seen.get(&card.id).copied().unwrap_or_default();
        let is_news = report.bells > seen.bells || (report.status == AgentStatus::Done && !seen.is_done);
        is_news.then_some(Attention::News)
    }

    /// Tells the user something.
    pub(crate) fn toast(&mut self, level: Level, text: &str) {
        let until = match level {
            Level::Info => Some(self.now.after(TOAST_MS)),
            Level::Warning => Some(self.now.after(2 * TOAST_MS)),
            Level::Error => None,
        };
        let text = super::clip::safe(text);
        self.toasts.retain(|toast| toast.text != text);
        self.toasts.push(Toast { level, text, until });
        let excess = self.toasts.len().saturating_sub(TOASTS);
        self.toasts.drain(..excess);
    }

    /// How the screen looks, to be remembered.
    pub(super) fn view_record(&self) -> ViewRecord {
        ViewRecord { order: self.order.clone(), focused: self.focused.clone(), layout: self.layout }
    }

    /// When the model wants to hear of time again, be it to let something go or to count seconds that are shown.
    pub(crate) fn next_tick(&self) -> Option<Mono> {
        let toasts = self.toasts.iter().filter_map(|toast| toast.until);
        let second = self.counts_seconds().then(|| self.now.after(1_000 - self.now.0 % 1_000));
        toasts.chain(self.view_due).chain(self.sizes_due).chain(second).min()
    }

    fn counts_seconds(&self) -> bool {
        let Some(snapshot) = self.snapshot.as_deref() else { return false };
        matches!(snapshot.engine, EngineState::Down { .. })
            || snapshot.shutdown.is_some()
            || snapshot.workstreams.iter().any(|card| card.progress.is_some())
    }
}
