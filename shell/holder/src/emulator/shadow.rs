//! What the terminal underneath keeps to itself, or keeps without a bound: kept here a second time or instead, so
//! that a snapshot can tell it and nothing grows for ever.

use alacritty_terminal::vte::ansi::{CharsetIndex, KeyboardModes};
use ccells_core::limits::{TERMINAL_STACK, TITLE_BYTES};
use ccells_core::wire::{Surroundings, cut};

use super::outward::Spokesman;

/// Columns between tab stops nobody has moved.
const TAB_STOPS: usize = 8;

/// The keyboard modes of one screen (the kitty keyboard protocol): the current ones and those pushed away.
#[derive(Debug, Default)]
pub(super) struct Keyboard {
    /// The modes in force.
    pub(super) current: KeyboardModes,
    /// The modes to come back to, the latest last.
    pub(super) pushed: Vec<KeyboardModes>,
}

impl Keyboard {
    /// Sets `modes` for now. The oldest of too many are forgotten.
    pub(super) fn push(&mut self, modes: KeyboardModes) {
        if self.pushed.len() == TERMINAL_STACK {
            self.pushed.remove(0);
        }
        self.pushed.push(self.current);
        self.current = modes;
    }

    /// Comes back to the modes `count` pushes ago; to none where there were fewer.
    pub(super) fn pop(&mut self, count: usize) {
        for _ in 0..count.min(self.pushed.len() + 1) {
            self.current = self.pushed.pop().unwrap_or(KeyboardModes::NO_MODE);
        }
    }

    /// Whether nobody has asked for anything.
    pub(super) fn is_untouched(&self) -> bool {
        self.current == KeyboardModes::NO_MODE && self.pushed.is_empty()
    }
}

/// What is saved with the cursor beyond what the terminal underneath saves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SavedWithCursor {
    /// Whether rows were counted from the top of the region.
    pub(super) is_origin: bool,
    /// The character set that was in use.
    pub(super) charset: CharsetIndex,
}

/// All that is kept beside the terminal underneath.
#[derive(Debug)]
pub(super) struct Shadow {
    /// The character set in use.
    pub(super) charset: CharsetIndex,
    /// Which columns are tab stops.
    pub(super) tabs: Vec<bool>,
    /// First and last row that scroll, as they were asked for; `None`: all.
    pub(super) region: Option<(usize, usize)>,
    /// The title; empty when there is none.
    pub(super) title: String,
    /// Titles to come back to, the latest last.
    pub(super) titles: Vec<String>,
    /// Keyboard modes of the main screen.
    pub(super) main_keyboard: Keyboard,
    /// Keyboard modes of the alternate screen.
    pub(super) alternate_keyboard: Keyboard,
    /// Whether the alternate screen changed its size while nobody saw it.
    pub(super) is_alternate_stale: bool,
    /// The last character printed: what the sequence that repeats it repeats.
    pub(super) last: Option<char>,
    /// How many links without a name of their own were named.
    pub(super) links: u64,
    /// How often the bell rang.
    pub(super) bells: u64,
    /// How often all the scrollback was dropped.
    pub(super) forgotten: u64,
    /// What belongs to the cursor saved.
    pub(super) saved: SavedWithCursor,
    /// What the terminal around is like.
    pub(super) surroundings: Surroundings,
    /// Whether the program wants to know when light becomes dark.
    pub(super) wants_scheme: bool,
    /// Takes what is said to the world outside; `None` where nobody would ever ask for it.
    pub(super) outward: Option<Spokesman>,
}

impl Shadow {
    /// That of a new terminal.
    pub(super) fn new(columns: usize) -> Self {
        Self {
            charset: CharsetIndex::G0,
            tabs: default_tabs(columns),
            region: None,
            title: String::new(),
            titles: Vec::new(),
            main_keyboard: Keyboard::default(),
            alternate_keyboard: Keyboard::default(),
            is_alternate_stale: false,
            last: None,
            links: 0,
            bells: 0,
            forgotten: 0,
            saved: SavedWithCursor::default(),
            // All that can be told is told, until somebody knows better.
            surroundings: Surroundings { has_key_events: true, ..Surroundings::default() },
            wants_scheme: false,
            outward: None,
        }
    }

    /// What a full reset leaves: all but what was counted.
    pub(super) fn reset(&mut self) {
        let old = std::mem::replace(self, Self::new(self.tabs.len()));
        self.is_alternate_stale = old.is_alternate_stale;
        self.last = old.last;
        self.surroundings = old.surroundings;
        self.links = old.links;
        self.bells = old.bells;
        self.forgotten = old.forgotten + 1;
        self.outward = old.outward;
        if !old.title.is_empty() {
            self.tell_title();
        }
    }

    /// The bell rings.
    pub(super) fn ring(&mut self) {
        self.bells += 1;
        if let Some(outward) = &mut self.outward {
            outward.ring();
        }
    }

    /// Tells the world outside the title.
    pub(super) fn tell_title(&mut self) {
        if let Some(outward) = &mut self.outward {
            outward.name(&self.title);
        }
    }

    /// Follows a change of size.
    pub(super) fn resize(&mut self, columns: usize) {
        let old = self.tabs.len();
        self.tabs.resize(columns, false);
        for column in old..columns {
            self.tabs[column] = column % TAB_STOPS == 0;
        }
        self.region = None;
    }

    /// The report of which colours suit: dark ones or light ones.
    pub(super) fn scheme_report(&self) -> String {
        format!("\x1b[?997;{}n", if self.surroundings.is_light() { 2 } else { 1 })
    }

    /// Whether the tab stops are where a new terminal has them.
    pub(super) fn has_default_tabs(&self) -> bool {
        self.tabs == default_tabs(self.tabs.len())
    }

    /// Takes a title, without what a title cannot have.
    pub(super) fn set_title(&mut self, title: &str) {
        let printable: String = title.chars().filter(|c| !c.is_control()).collect();
        cut(&printable, TITLE_BYTES).trim().clone_into(&mut self.title);
    }

    /// Remembers the title. The oldest of too many is forgotten.
    pub(super) fn push_title(&mut self) {
        if self.titles.len() == TERMINAL_STACK {
            self.titles.remove(0);
        }
        self.titles.push(self.title.clone());
    }

    /// Comes back to the title remembered last.
    pub(super) fn pop_title(&mut self) {
        if let Some(title) = self.titles.pop() {
            self.title = title;
        }
    }
}

fn default_tabs(columns: usize) -> Vec<bool> {
    (0..columns).map(|column| column % TAB_STOPS == 0).collect()
}
