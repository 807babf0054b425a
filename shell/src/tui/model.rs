//! All the screen knows: the last picture of the world, and what is its own (mode, focus, layout, dialogs, toasts).
//! Nothing here does I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ccells_core::agent::{AgentLife, AgentStatus};
use ccells_core::effect::Level;
use ccells_core::event::{Access, OnQuit};
use ccells_core::ids::{PathText, WorkstreamId};
use ccells_core::limits::{TOAST_MS, TOASTS};
use ccells_core::record::{Layout, Splits, ViewRecord};
use ccells_core::snapshot::{Card, CardState, EngineState, Snapshot};
use ccells_core::time::{Mono, Wall};
use crossterm::event::{KeyCode, MouseButton};
use ratatui::layout::Rect;

use super::comment::Comment;
use super::copy::{Fetch, Looking};
use super::dialog::Dialog;
use super::dialog::clipboard::ClipboardDialog;
use super::dialog::new::Draft;
use super::filter::Filter;
use super::keymap::{Keymap, Leader};
use super::layout::{self, Page};
use super::list::Sort;
use super::log::Log;
use super::msg::Msg;
use super::preferences::{AgentClipboard, Clipboard, Preferences};
use super::theme::Theme;
use super::wish::Ticket;
use crate::backlog::Progress;
use crate::pull_requests::PrWish;

/// How often a count of seconds moves where motion is to be reduced.
const CALM_MS: u64 = 10_000;
/// How often the ages in the list are looked at again.
const AGE_MS: u64 = 10_000;
/// What is over sooner is not told while it goes on.
const SLOW_MS: u64 = 150;
/// From here on the panes leave a line to the names of their pages.
const TABS_FROM_ROWS: u16 = 14;

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
    /// Its commits are brought home.
    Merge(WorkstreamId),
    /// Its commits are put onto another base.
    Rebase {
        /// Whose.
        workstream: WorkstreamId,
        /// Whether what conflicts is handed to the agent at once.
        hands_over: bool,
    },
    /// A workstream is taken away.
    Discard(WorkstreamId),
    /// A workstream's commits are pushed.
    Push {
        /// Its id.
        workstream: WorkstreamId,
        /// Its own directory.
        directory: PathText,
        /// The pull request that is to follow, if one is.
        follows: Option<Box<PrWish>>,
    },
    /// A workstream comes back.
    Undo {
        /// Its id.
        workstream: WorkstreamId,
        /// Its name.
        name: String,
        /// The branch it was on.
        branch: String,
    },
}

/// Something that is being done to a workstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// The name of the workstream, safe to show.
    pub(crate) name: String,
    /// Its first step, in a word.
    pub(crate) step: &'static str,
    /// How the workstream fared when it was begun.
    pub(crate) state: CardState,
    /// Since when.
    pub(crate) since: Mono,
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
    /// How the panes of each layout share the screen, by the layout's word.
    pub(crate) splits: BTreeMap<String, Splits>,
    /// The edge that the mouse has hold of.
    pub(crate) grip: Option<Grip>,
    /// Which workstreams are shown.
    pub(crate) filter: Filter,
    /// Whether the workstreams are a list instead of panes.
    pub(crate) is_list: bool,
    /// The order of the list.
    pub(crate) sort: Sort,
    /// What happened.
    pub(crate) log: Log,
    /// The pane that gave its place to the first one.
    pub(crate) swapped: Option<WorkstreamId>,
    /// What lies above the panes.
    pub(crate) dialog: Option<Dialog>,
    /// The pane that is looked back in.
    pub(crate) looking: Option<Looking>,
    /// Keys whose press went to no agent, so that their release does not either.
    pub(crate) kept_keys: Vec<KeyCode>,
    /// The mouse button that went down in an agent's pane, and whose: what follows is that agent's until it goes up,
    /// wherever the pointer is.
    pub(crate) agent_press: Option<(WorkstreamId, MouseButton)>,
    /// The transcript that is on its way.
    pub(crate) fetch: Option<Fetch>,
    /// What was typed and done with the mouse for what is not there yet.
    pub(crate) held: Vec<Msg>,
    /// The mouse button that is down in a pane.
    pub(crate) press: Option<Press>,
    /// Pastes on their way.
    pub(crate) pasting: BTreeMap<WorkstreamId, Progress>,
    /// Whether what the mouse selects waits for a key to be copied.
    pub(crate) is_selecting_only: bool,
    /// Which clipboard is used.
    pub(crate) clipboard: Clipboard,
    /// What becomes of what agents want to copy.
    pub(crate) agent_clipboard: AgentClipboard,
    /// Whether the bell of an agent is not passed on.
    pub(crate) is_bell_off: bool,
    /// Whether notifications of agents are not shown.
    pub(crate) are_notifications_off: bool,
    /// Whether there is one agent only, to whom all keys go until the leader leaves the screen.
    pub(crate) is_alone: bool,
    /// The latest text that an agent wants to copy, until it can be asked about.
    pub(crate) asked_copy: Option<ClipboardDialog>,
    /// What is compared just now, and since when.
    pub(crate) comparing: BTreeMap<WorkstreamId, Mono>,
    /// What was said about changes and is not sent yet.
    pub(crate) comments: BTreeMap<WorkstreamId, Vec<Comment>>,
    /// What is just being sent of it.
    pub(super) said: Option<(WorkstreamId, Vec<Comment>)>,
    /// The agent that conflicts are being handed to, and when Enter follows.
    pub(super) handing: Option<(WorkstreamId, Option<Mono>)>,
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
    /// Whether motion is reduced.
    pub(crate) is_calm: bool,
    /// What time it is.
    pub(crate) now: Mono,
    /// What time it is, for people.
    pub(crate) wall: Wall,
    /// What is being done to workstreams.
    pub(crate) works: BTreeMap<WorkstreamId, Work>,
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
    /// When the containers are measured again.
    pub(super) measure_due: Option<Mono>,
    /// When the view is sent.
    pub(super) view_due: Option<Mono>,
    /// Whether the engine was down in the picture before.
    pub(super) was_down: bool,
    /// Whether it is being looked what was removed last, for it to come back.
    pub(super) is_undoing: bool,
    /// Whether the end was asked for.
    pub(super) is_quitting: bool,
}

/// A mouse button that is, or was last, down in a pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Press {
    /// Whose pane.
    pub(crate) workstream: WorkstreamId,
    /// Row and column in the pane.
    pub(crate) at: (u16, u16),
    /// When it went down.
    pub(crate) when: Mono,
    /// How often at this place.
    pub(crate) clicks: u8,
    /// Whether it is down still.
    pub(crate) is_down: bool,
    /// Whether it was moved meanwhile.
    pub(crate) is_drag: bool,
    /// Whether the pane had the focus before.
    pub(crate) was_focused: bool,
    /// The pointer is beyond the pane: above it or not, at which column, and when the text moves next.
    pub(crate) edge: Option<(bool, u16, Mono)>,
}

/// An edge between panes that the mouse has hold of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grip {
    /// Which cut of the page.
    pub(crate) cut: usize,
    /// The part that begins at the edge.
    pub(crate) part: usize,
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
        let Preferences { on_quit, leader, keys, theme, is_calm, is_selecting_only, clipboard, .. } =
            preferences;
        let Preferences { agent_clipboard, is_bell_off, are_notifications_off, is_alone, .. } = preferences;
        Self {
            snapshot: None,
            mode: Mode::Navigate,
            order: Vec::new(),
            focused: None,
            layout: Layout::Grid,
            unzoomed: Layout::Grid,
            splits: BTreeMap::new(),
            grip: None,
            filter: Filter::default(),
            is_list: false,
            sort: Sort::default(),
            log: Log::default(),
            swapped: None,
            dialog: None,
            looking: None,
            kept_keys: Vec::new(),
            agent_press: None,
            fetch: None,
            held: Vec::new(),
            press: None,
            pasting: BTreeMap::new(),
            is_selecting_only,
            clipboard,
            agent_clipboard,
            is_bell_off,
            are_notifications_off,
            is_alone,
            asked_copy: None,
            comparing: BTreeMap::new(),
            comments: BTreeMap::new(),
            said: None,
            handing: None,
            draft: Draft::default(),
            toasts: Vec::new(),
            size,
            has_window_focus: true,
            is_mouse_on: true,
            on_quit,
            leader,
            keys,
            theme,
            is_calm,
            now,
            wall: Wall(0),
            works: BTreeMap::new(),
            pending: BTreeMap::new(),
            next_ticket: 0,
            dismissed: BTreeSet::new(),
            told_notices: 0,
            seen: BTreeMap::new(),
            told_sizes: BTreeMap::new(),
            sizes_due: None,
            told_focus: None,
            told_view: ViewRecord::default(),
            measure_due: None,
            view_due: None,
            was_down: false,
            is_undoing: false,
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

    /// The workstream whose agent gets the keys, while one does.
    pub(crate) fn typed_to(&self) -> Option<&WorkstreamId> {
        let is_ours = self.mode != Mode::Input
            || self.dialog.is_some()
            || self.is_looking()
            || self.is_list
            || self.is_shutting_down();
        self.focused.as_ref().filter(|_| !is_ours)
    }

    /// How many lines above the panes tell what holds for the whole run.
    pub(crate) fn banners(&self) -> u16 {
        let Some(snapshot) = self.snapshot.as_deref() else { return 0 };
        u16::from(self.is_read_only()) + u16::from(snapshot.degraded.is_some())
    }

    /// Where the panes are.
    pub(crate) fn panes_area(&self) -> Rect {
        let area = self.middle();
        let tabs = u16::from(self.tabs_row().is_some());
        Rect { y: area.y + tabs, height: area.height - tabs, ..area }
    }

    /// The line that names the pages, where there is more than one and room to name them.
    pub(crate) fn tabs_row(&self) -> Option<Rect> {
        let area = self.middle();
        let count = self.shown().len();
        let has_pages = layout::capacity(area, count, self.layout) < count;
        (has_pages && !self.is_list && area.height >= TABS_FROM_ROWS).then_some(Rect { height: 1, ..area })
    }

    /// What lies between the lines at the top and the one at the bottom.
    pub(crate) fn middle(&self) -> Rect {
        let (columns, rows) = self.size;
        let top = self.banners().min(rows);
        Rect::new(0, top, columns, rows.saturating_sub(top + 1))
    }

    /// The places, in the order of all panes, of those that the filter lets through. A pane that is typed into stays.
    pub(crate) fn shown(&self) -> Vec<usize> {
        if self.filter.is_off() {
            return (0..self.order.len()).collect();
        }
        let is_typed = |card: &Card| self.mode == Mode::Input && self.focused.as_ref() == Some(&card.id);
        let is_shown = |card: &Card| self.filter.lets_through(card) || is_typed(card);
        let places = self.order.iter().enumerate();
        places.filter(|(_, id)| self.card(id).is_some_and(is_shown)).map(|(place, _)| place).collect()
    }

    /// The pages of panes, each the places of its panes in the order of all.
    pub(crate) fn pages(&self) -> Vec<Vec<usize>> {
        let shown = self.shown();
        let capacity = layout::capacity(self.panes_area(), shown.len(), self.layout);
        shown.chunks(capacity).map(<[usize]>::to_vec).collect()
    }

    /// The page of panes that is shown.
    pub(crate) fn page(&self) -> Page {
        let shown = self.shown();
        let focused = self.focused_index();
        let place = shown.iter().position(|index| *index == focused).unwrap_or(0);
        let none = Splits::default();
        let splits = self.splits.get(self.layout.as_str()).unwrap_or(&none);
        let mut page = layout::arrange(self.panes_area(), shown.len(), self.layout, splits, place);
        for pane in &mut page.panes {
            pane.index = shown[pane.index];
        }
        page
    }

    /// The pane that is looked back in, where it is the focused one and keys move about in it.
    pub(crate) fn looking_with_keys(&mut self) -> Option<&mut Looking> {
        let focused = self.focused.as_ref();
        self.looking.as_mut().filter(|looking| looking.has_keys && Some(&looking.workstream) == focused)
    }

    /// Whether keys move about in what the focused pane has shown.
    pub(crate) fn is_looking(&self) -> bool {
        let focused = self.focused.as_ref();
        self.looking.as_ref().is_some_and(|it| it.has_keys && Some(&it.workstream) == focused)
    }

    /// Whether nothing is seen of the panes.
    pub(crate) fn hides_panes(&self) -> bool {
        self.is_list || matches!(self.dialog, Some(Dialog::Diff(_)))
    }

    /// Since when what is looked at is being compared, while it is.
    pub(crate) fn compares_since(&self) -> Option<Mono> {
        let Some(Dialog::Diff(dialog)) = &self.dialog else { return None };
        self.comparing.get(&dialog.workstream).copied()
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
            // Esc, which dismisses it, is the agent's where there is one only.
            Level::Error if self.is_alone => Some(self.now.after(4 * TOAST_MS)),
            Level::Error => None,
        };
        let text = super::clip::safe(text);
        self.log.add(self.wall, level, &text);
        self.toasts.retain(|toast| toast.text != text);
        self.toasts.push(Toast { level, text, until });
        let excess = self.toasts.len().saturating_sub(TOASTS);
        self.toasts.drain(..excess);
    }

    /// How the screen looks, to be remembered.
    pub(super) fn view_record(&self) -> ViewRecord {
        let is_zoomed = self.layout == Layout::Zoom && self.unzoomed != Layout::default();
        ViewRecord {
            order: self.order.clone(),
            focused: self.focused.clone(),
            layout: self.layout,
            unzoomed: is_zoomed.then_some(self.unzoomed),
            splits: self.splits.clone(),
            extra: self.told_view.extra.clone(),
        }
    }

    /// When the model wants to hear of time again, be it to let something go or to count seconds that are shown.
    pub(crate) fn next_tick(&self) -> Option<Mono> {
        let toasts = self.toasts.iter().filter_map(|toast| toast.until);
        let pace = if self.is_calm { CALM_MS } else { 1_000 };
        let second = self.counts_seconds().then(|| self.now.after(pace - self.now.0 % pace));
        let edge = self.press.as_ref().and_then(|press| press.edge).map(|(_, _, due)| due);
        let ages = self.is_list.then(|| self.now.after(AGE_MS - self.now.0 % AGE_MS));
        let slow = self.waits_since().map(|since| since.after(SLOW_MS)).filter(|due| *due > self.now);
        let enter = self.handing.as_ref().and_then(|(_, due)| *due);
        let due = [enter, slow, self.view_due, self.sizes_due, self.measure_due, second, edge, ages];
        toasts.chain(due.into_iter().flatten()).min()
    }

    /// Since when a transcript, a place in one, or a comparison is waited for.
    fn waits_since(&self) -> Option<Mono> {
        let fetch = self.fetch.as_ref().map(|fetch| fetch.since);
        let hunt = || self.looking.as_ref()?.hunt.as_ref()?.since();
        fetch.or_else(hunt).or_else(|| self.compares_since())
    }

    /// Whether something that began at `since` takes so long that it is to be told.
    pub(crate) fn is_slow(&self, since: Mono) -> bool {
        since.after(SLOW_MS) <= self.now
    }

    fn counts_seconds(&self) -> bool {
        let Some(snapshot) = self.snapshot.as_deref() else { return false };
        matches!(snapshot.engine, EngineState::Down { .. })
            || snapshot.shutdown.is_some()
            || self.compares_since().is_some()
            || snapshot.workstreams.iter().any(|card| card.progress.is_some())
    }
}
