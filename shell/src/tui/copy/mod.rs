//! Looking back: a pane's transcript standing still, with a cursor, a selection and a search, while the pane goes on.

mod keys;
mod motion;

use std::sync::Arc;

use ccells_core::ids::WorkstreamId;
use ccells_core::time::Mono;

use super::editor::Editor;
use super::wish::Ticket;
use crate::terminal::search::Found;
use crate::terminal::selection::{Selection, Shape};
use crate::terminal::transcript::{Spot, Transcript};

pub(crate) use keys::{Look, Outcome, Why};

/// What a transcript is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    /// To move about in it.
    Look,
    /// To look for something.
    Search,
    /// To see what is so many lines back; whether the keys move about in it then, or go on to the agent.
    Scroll {
        /// How many.
        lines: usize,
        /// Where keys go.
        has_keys: bool,
    },
    /// To select something with the mouse: rows and columns of the pane.
    Select {
        /// What it is made of.
        shape: Shape,
        /// Where it begins.
        anchor: (u16, u16),
        /// Where it ends.
        head: (u16, u16),
    },
}

/// A transcript that is on its way: one that is long takes a while to make.
#[derive(Clone, Debug)]
pub(crate) struct Fetch {
    /// The wish for it.
    pub(crate) ticket: Ticket,
    /// Whose pane.
    pub(crate) workstream: WorkstreamId,
    /// What it is wanted for.
    pub(crate) intent: Intent,
    /// Since when.
    pub(crate) since: Mono,
}

impl Fetch {
    /// Whether keys are for it, and not for the agent.
    pub(crate) fn has_keys(&self) -> bool {
        match self.intent {
            Intent::Look | Intent::Search => true,
            Intent::Scroll { has_keys, .. } => has_keys,
            Intent::Select { .. } => false,
        }
    }
}

/// A pane that is looked back in.
#[derive(Clone, Debug)]
pub(crate) struct Looking {
    /// Whose pane.
    pub(crate) workstream: WorkstreamId,
    /// All it has shown.
    pub(crate) transcript: Arc<Transcript>,
    /// The line at the top of the pane.
    pub(crate) top: usize,
    /// How many lines the pane shows.
    pub(crate) rows: usize,
    /// The cursor.
    pub(crate) cursor: Spot,
    /// What is selected.
    pub(crate) selection: Option<Selection>,
    /// What is looked for.
    pub(crate) search: Option<Search>,
    /// What is looked for elsewhere, until it is known where it is.
    pub(crate) hunt: Option<Hunt>,
    /// What is looked for, while it is being typed.
    pub(crate) prompt: Option<Prompt>,
    /// Whether keys move about in it; else they go to the agent, which ends it.
    pub(crate) has_keys: bool,
    /// Whether it is there for one selection of the mouse only.
    pub(crate) is_passing: bool,
    /// The column that is kept while lines are changed.
    goal: usize,
    /// The number that was typed before a key.
    count: usize,
    /// The search that goes on elsewhere: there is one at a time, however fast somebody types.
    asked: Option<Ticket>,
}

/// A search whose answer is not there yet: a long transcript is gone through elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Hunt {
    wanted: String,
    is_backward: bool,
    /// Where the cursor goes on from.
    from: Spot,
    /// Its name and when it was begun, once it was.
    sent: Option<(Ticket, Mono)>,
}

impl Hunt {
    /// Since when it goes on.
    pub(crate) fn since(&self) -> Option<Mono> {
        self.sent.map(|(_, since)| since)
    }
}

/// Something that is looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    /// Where it is, oldest first.
    pub(crate) found: Vec<Found>,
    /// The one that the cursor went to.
    pub(crate) at: Option<usize>,
    is_backward: bool,
}

/// What is looked for, while it is being typed.
#[derive(Clone, Debug)]
pub(crate) struct Prompt {
    /// The text.
    pub(crate) editor: Editor,
    /// Whether older lines come first.
    pub(crate) is_backward: bool,
    from: Spot,
    before: Option<Search>,
}

impl Looking {
    /// The newest lines of a pane of so many rows.
    pub(crate) fn at(workstream: WorkstreamId, transcript: Arc<Transcript>, rows: usize) -> Self {
        let cursor = transcript.start_of_cell(transcript.cursor());
        let mut looking = Self {
            workstream,
            transcript,
            top: 0,
            rows: rows.max(1),
            cursor,
            selection: None,
            search: None,
            hunt: None,
            prompt: None,
            has_keys: true,
            is_passing: false,
            goal: cursor.column,
            count: 0,
            asked: None,
        };
        looking.top = looking.last_top();
        looking.keep_cursor_in_view();
        looking
    }

    /// Does what the transcript was wanted for.
    pub(crate) fn begin(&mut self, intent: Intent) {
        match intent {
            Intent::Look => {}
            Intent::Search => self.open_prompt(true),
            Intent::Scroll { lines, has_keys } => {
                self.has_keys = has_keys;
                self.scroll_back(lines);
            }
            Intent::Select { shape, anchor, head } => {
                self.selection = Some(Selection { shape, anchor: self.spot(anchor), head: self.spot(head) });
                self.cursor = self.spot(head);
                (self.is_passing, self.has_keys) = (true, false);
            }
        }
    }

    /// The pane shows so many rows now.
    pub(crate) fn fit(&mut self, rows: usize) {
        if rows > 0 && self.rows != rows {
            self.rows = rows;
            self.show_cursor();
        }
    }

    /// The line at the top when the newest is at the bottom.
    pub(crate) fn last_top(&self) -> usize {
        self.transcript.len().saturating_sub(self.rows)
    }

    /// How many lines are below what is seen.
    pub(crate) fn scrolled(&self) -> usize {
        self.last_top().saturating_sub(self.top)
    }

    /// The place at a row and a column of the pane.
    pub(crate) fn spot(&self, (row, column): (u16, u16)) -> Spot {
        let line = (self.top + usize::from(row)).min(self.transcript.len().saturating_sub(1));
        let column = usize::from(column).min(self.transcript.columns().saturating_sub(1));
        self.transcript.start_of_cell(Spot { line, column })
    }

    /// Moves the view to older lines; the cursor stays in it.
    pub(crate) fn scroll_back(&mut self, lines: usize) {
        self.top = self.top.min(self.last_top()).saturating_sub(lines);
        self.keep_cursor_in_view();
    }

    /// Moves the view to newer lines; the cursor stays in it.
    pub(crate) fn scroll_on(&mut self, lines: usize) {
        self.top = (self.top + lines).min(self.last_top());
        self.keep_cursor_in_view();
    }

    /// Draws the selection on to a place.
    pub(crate) fn drag_to(&mut self, anchor: Spot, head: Spot) {
        let selection = self.selection.get_or_insert(Selection { shape: Shape::Text, anchor, head });
        selection.head = head;
        self.cursor = head;
        self.goal = head.column;
    }

    /// Whether keys have to wait until it is known where something is.
    pub(crate) fn is_hunting(&self) -> bool {
        self.hunt.is_some() && self.prompt.is_none()
    }

    /// The search that is to be begun elsewhere now, if one is.
    pub(crate) fn next_hunt(&mut self, ticket: Ticket, now: Mono) -> Option<String> {
        let hunt = self.hunt.as_mut().filter(|hunt| hunt.sent.is_none() && self.asked.is_none())?;
        (hunt.sent, self.asked) = (Some((ticket, now)), Some(ticket));
        Some(hunt.wanted.clone())
    }

    /// What a search has found; one that nobody waits for any more only makes room for the next.
    pub(crate) fn found(&mut self, ticket: Ticket, found: Vec<Found>) {
        self.asked = self.asked.filter(|asked| *asked != ticket);
        let is_it = |hunt: &mut Hunt| hunt.sent.is_some_and(|(sent, _)| sent == ticket);
        let Some(hunt) = self.hunt.take_if(is_it) else { return };
        self.cursor = hunt.from;
        self.search = Some(Search { found, at: None, is_backward: hunt.is_backward });
        self.go_to_next(false);
        self.show_cursor();
    }

    /// Takes a paste: into the text that is looked for, where one is being typed.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        let is_typing = self.prompt.is_some();
        if let Some(prompt) = &mut self.prompt {
            prompt.editor.insert(text);
        }
        if is_typing {
            self.search_as_typed();
        }
        is_typing
    }

    fn keep_cursor_in_view(&mut self) {
        let last = (self.top + self.rows).min(self.transcript.len()).saturating_sub(1);
        self.cursor.line = self.cursor.line.clamp(self.top.min(last), last);
        self.follow();
    }

    /// Moves the view to where the cursor is.
    fn show_cursor(&mut self) {
        if self.cursor.line < self.top {
            self.top = self.cursor.line;
        } else if self.cursor.line >= self.top + self.rows {
            self.top = self.cursor.line + 1 - self.rows;
        }
        self.top = self.top.min(self.last_top());
        self.follow();
    }

    /// What keys select ends where the cursor is.
    fn follow(&mut self) {
        if let Some(selection) = self.selection.as_mut().filter(|_| self.has_keys) {
            selection.head = self.cursor;
        }
    }

    fn open_prompt(&mut self, is_backward: bool) {
        let editor = Editor::line(ccells_core::limits::SEARCH_BYTES);
        let before = self.search.take();
        self.prompt = Some(Prompt { editor, is_backward, from: self.cursor, before });
    }

    /// Looks for what is typed so far, from where the cursor was when it was begun.
    fn search_as_typed(&mut self) {
        let Some(prompt) = &self.prompt else { return };
        let (wanted, from, is_backward) = (prompt.editor.text().to_owned(), prompt.from, prompt.is_backward);
        if wanted.is_empty() {
            (self.search, self.hunt, self.cursor) = (None, None, from);
            self.show_cursor();
        } else {
            self.hunt = Some(Hunt { wanted, is_backward, from, sent: None });
        }
    }

    /// Goes to the next of what was found, in the order of the search or in the other one. After the last comes the first.
    fn go_to_next(&mut self, is_other_way: bool) {
        let cursor = self.cursor;
        let Some(search) = &mut self.search else { return };
        let count = search.found.len();
        let is_backward = search.is_backward != is_other_way;
        let after = search.found.partition_point(|found| found.first <= cursor);
        let before = search.found.partition_point(|found| found.first < cursor);
        let next = if is_backward { before + count.max(1) - 1 } else { after };
        search.at = next.checked_rem(count);
        if let Some(found) = search.at.and_then(|at| search.found.get(at)) {
            self.cursor = found.first;
            self.goal = self.cursor.column;
            self.show_cursor();
        }
    }
}
