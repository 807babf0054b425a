//! What a workstream changed: its files, the lines of one of them, and what is said about them.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "keys are the terminal library's; those we do not bind do nothing"
)]

use std::sync::Arc;

use ccells_core::ids::WorkstreamId;
use ccells_core::limits::{COMMENT_BYTES, SEARCH_BYTES};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

use crate::patch::{Patch, Place};
use crate::tui::comment::{About, Comment};
use crate::tui::editor::Editor;

/// From so many columns on the files are beside the lines, and not above them.
const WIDE_COLUMNS: u16 = 90;
/// Columns of the files beside the lines.
const FILES_COLUMNS: (u16, u16) = (26, 46);
/// How far the lines move sideways.
const SIDE_STEP: usize = 8;

/// What a key can do in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiffKey {
    /// A line back.
    Up,
    /// A line on.
    Down,
    /// Half a page back.
    HalfPageBack,
    /// Half a page on.
    HalfPageOn,
    /// A page back.
    PageBack,
    /// A page on.
    PageOn,
    /// To the first line of the file.
    First,
    /// To its last line.
    Last,
    /// What is further left of long lines.
    Left,
    /// What is further right.
    Right,
    /// The next file.
    NextFile,
    /// The file before.
    PreviousFile,
    /// The next hunk.
    NextHunk,
    /// The hunk before.
    PreviousHunk,
    /// Look for a text.
    Search,
    /// The next place where it is.
    Next,
    /// The one before.
    Previous,
    /// Say something about the line.
    Comment,
    /// Send all that was said and kept.
    Send,
    /// Look again.
    Again,
    /// Close it.
    Close,
}

/// What is typed in the line at the bottom.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Typed {
    /// A text to look for.
    Search(Editor),
    /// What is to be said about a line.
    Comment(About, Editor),
}

/// What a key leads to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Stay,
    /// It closes.
    Close,
    /// It is to be looked again.
    Again,
    /// This is to be said to the agent, now or when all is sent.
    Say(Comment, When),
    /// All that was kept is to be sent.
    Send,
    /// What is looked for is nowhere.
    Nowhere,
    /// Nothing is looked for.
    NoSearch,
}

/// When something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Now.
    Now,
    /// With all the rest.
    Later,
}

/// The view.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DiffDialog {
    /// Whose changes.
    pub(crate) workstream: WorkstreamId,
    /// Its name.
    pub(crate) name: String,
    /// What was compared last; none before the first answer.
    pub(crate) patch: Option<Arc<Patch>>,
    /// Why the last look came to nothing.
    pub(crate) trouble: Option<String>,
    /// The line that the cursor is on.
    pub(crate) at: Place,
    /// The line at the top.
    pub(crate) top: usize,
    /// How many columns of the lines are left of what is seen.
    pub(crate) left: usize,
    /// What is typed.
    pub(crate) typed: Option<Typed>,
    /// How many lines are seen.
    rows: usize,
    sought: String,
}

/// Where the parts of the view are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Whose changes, and how many.
    pub(crate) title: Rect,
    /// What is not here, where anything is not.
    pub(crate) trouble: Rect,
    /// The files.
    pub(crate) files: Rect,
    /// What stands between them, where they are beside each other.
    pub(crate) between: Rect,
    /// The file whose lines are seen.
    pub(crate) head: Rect,
    /// The lines.
    pub(crate) lines: Rect,
}

impl DiffDialog {
    /// Before anything is known.
    pub(crate) fn of(workstream: WorkstreamId, name: &str) -> Self {
        Self {
            workstream,
            name: name.to_owned(),
            patch: None,
            trouble: None,
            at: Place::default(),
            top: 0,
            left: 0,
            typed: None,
            rows: 1,
            sought: String::new(),
        }
    }

    /// Where everything is on a screen of this size; its last row is not ours.
    pub(crate) fn parts(&self, (columns, rows): (u16, u16)) -> Parts {
        let row = |y: u16, height: u16| Rect::new(0, y, columns, height);
        let has_trouble =
            self.patch.as_ref().is_some_and(|patch| self.trouble.is_some() || patch.unknown.is_some());
        let rows = rows.saturating_sub(1);
        let title = row(0, rows.min(1));
        let trouble = row(title.bottom(), u16::from(has_trouble && rows > 4));
        let body = row(trouble.bottom(), rows.saturating_sub(trouble.bottom()));
        let count = self.patch.as_ref().map_or(0, |patch| patch.files.len()).max(1);
        let (files, between, right) = if columns >= WIDE_COLUMNS {
            let width = (columns / 3).clamp(FILES_COLUMNS.0, FILES_COLUMNS.1);
            let rest = columns - width - 1;
            (
                Rect { width, ..body },
                Rect { x: width, width: 1, ..body },
                Rect { x: width + 1, width: rest, ..body },
            )
        } else {
            let height =
                u16::try_from(count).unwrap_or(u16::MAX).min((body.height / 4).max(1)).min(body.height);
            let below = row(body.y + height, body.height - height);
            (Rect { height, ..body }, Rect { height: 0, ..below }, below)
        };
        let head = Rect { height: right.height.min(1), ..right };
        let lines = Rect { y: head.bottom(), height: right.height - head.height, ..right };
        Parts { title, trouble, files, between, head, lines }
    }

    /// It is seen on a screen of this size.
    pub(crate) fn fit(&mut self, size: (u16, u16)) {
        self.rows = usize::from(self.parts(size).lines.height).max(1);
        self.follow();
    }

    /// Takes what was compared. The cursor stays in its file, where that is still among them.
    pub(crate) fn take(&mut self, patch: Arc<Patch>) {
        let before = self.patch.as_ref().and_then(|before| before.files.get(self.at.file));
        let same = before.and_then(|before| patch.files.iter().position(|file| file.path == before.path));
        let at = Place { file: same.unwrap_or(0), row: if same.is_some() { self.at.row } else { 0 } };
        (self.patch, self.trouble) = (Some(patch), None);
        self.go(at);
    }

    /// Takes a key while something is typed.
    pub(crate) fn edit(&mut self, key: &KeyEvent) -> Outcome {
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let Some(typed) = &mut self.typed else { return Outcome::Stay };
        let is_comment = matches!(typed, Typed::Comment(..));
        let (Typed::Search(editor) | Typed::Comment(_, editor)) = typed;
        match key.code {
            KeyCode::Esc => self.typed = None,
            KeyCode::Char('c' | 'g') if is_ctrl => self.typed = None,
            KeyCode::Backspace if editor.is_empty() => self.typed = None,
            KeyCode::Enter => return self.typed_is(When::Now),
            KeyCode::Tab if is_comment => return self.typed_is(When::Later),
            _ => {
                editor.key(key);
            }
        }
        Outcome::Stay
    }

    /// Takes a paste, where something is typed.
    pub(crate) fn paste(&mut self, text: &str) {
        if let Some(Typed::Search(editor) | Typed::Comment(_, editor)) = &mut self.typed {
            editor.insert(text);
        }
    }

    fn typed_is(&mut self, when: When) -> Outcome {
        match self.typed.take() {
            None => Outcome::Stay,
            Some(Typed::Search(editor)) => {
                editor.text().clone_into(&mut self.sought);
                self.find(false)
            }
            Some(Typed::Comment(about, editor)) => {
                Outcome::Say(Comment { about, text: editor.text().trim().to_owned() }, when)
            }
        }
    }

    /// Does something. What was said about a line and kept is changed by saying something else about it.
    pub(crate) fn act(&mut self, act: DiffKey, kept: &[Comment]) -> Outcome {
        let half = (self.rows / 2).max(1);
        match act {
            DiffKey::Up => self.back(1),
            DiffKey::Down => self.on(1),
            DiffKey::HalfPageBack => self.back(half),
            DiffKey::HalfPageOn => self.on(half),
            DiffKey::PageBack => self.back(self.rows),
            DiffKey::PageOn => self.on(self.rows),
            DiffKey::First => self.go(Place { row: 0, ..self.at }),
            DiffKey::Last => self.go(Place { row: usize::MAX, ..self.at }),
            DiffKey::Left => self.left = self.left.saturating_sub(SIDE_STEP),
            DiffKey::Right => {
                self.left = (self.left + SIDE_STEP).min(ccells_core::limits::DIFF_LINE_CHARS);
            }
            DiffKey::NextFile => self.go_to_file(self.at.file + 1),
            DiffKey::PreviousFile => self.go_to_file(self.at.file.saturating_sub(1)),
            DiffKey::NextHunk => self.go_to_hunk(false),
            DiffKey::PreviousHunk => self.go_to_hunk(true),
            DiffKey::Search => self.typed = Some(Typed::Search(Editor::line(SEARCH_BYTES))),
            DiffKey::Next => return self.find(false),
            DiffKey::Previous => return self.find(true),
            DiffKey::Comment => self.open_comment(kept),
            DiffKey::Send => return Outcome::Send,
            DiffKey::Again => return Outcome::Again,
            DiffKey::Close => return Outcome::Close,
        }
        Outcome::Stay
    }

    /// What the line under the cursor is, for something to be said about it.
    pub(crate) fn about(&self, at: Place) -> Option<About> {
        About::of(self.patch.as_deref()?, at)
    }

    fn open_comment(&mut self, kept: &[Comment]) {
        let Some(about) = self.about(self.at) else { return };
        let mut editor = Editor::line(COMMENT_BYTES);
        if let Some(before) = kept.iter().find(|comment| comment.about == about) {
            editor.insert(&before.text);
        }
        self.typed = Some(Typed::Comment(about, editor));
    }

    /// On by so many lines, and from the end of a file to the next one.
    fn on(&mut self, by: usize) {
        let last = self.last_row();
        if self.at.row < last {
            self.go(Place { row: (self.at.row + by).min(last), ..self.at });
        } else if self.patch.as_ref().is_some_and(|patch| self.at.file + 1 < patch.files.len()) {
            self.go_to_file(self.at.file + 1);
        }
    }

    /// The same backwards.
    fn back(&mut self, by: usize) {
        if self.at.row > 0 {
            self.go(Place { row: self.at.row.saturating_sub(by), ..self.at });
        } else if let Some(file) = self.at.file.checked_sub(1) {
            self.go(Place { file, row: usize::MAX });
        }
    }

    fn go_to_file(&mut self, file: usize) {
        let last = self.patch.as_ref().map_or(0, |patch| patch.files.len().saturating_sub(1));
        let file = file.min(last);
        if file != self.at.file {
            self.top = 0;
            self.go(Place { file, row: 0 });
        }
    }

    fn go_to_hunk(&mut self, is_backward: bool) {
        let found = self.patch.as_ref().and_then(|patch| patch.next_hunk(self.at, is_backward));
        if let Some(at) = found {
            // As much of the hunk as fits is below its head.
            self.top = at.row;
            self.go(at);
        }
    }

    fn find(&mut self, is_backward: bool) -> Outcome {
        if self.sought.is_empty() {
            return Outcome::NoSearch;
        }
        let found = self.patch.as_ref().and_then(|patch| patch.find(&self.sought, self.at, is_backward));
        let Some(at) = found else { return Outcome::Nowhere };
        if at.file != self.at.file {
            self.top = at.row.saturating_sub(self.rows / 2);
        }
        self.go(at);
        Outcome::Stay
    }

    fn go(&mut self, at: Place) {
        if at.file != self.at.file {
            self.left = 0;
        }
        self.at = at;
        self.follow();
    }

    fn last_row(&self) -> usize {
        self.patch.as_ref().map_or(0, |patch| patch.rows(self.at.file).saturating_sub(1))
    }

    /// The cursor is on a line that there is, and that line is seen.
    fn follow(&mut self) {
        let last = self.last_row();
        self.at.row = self.at.row.min(last);
        self.top = self.top.clamp((self.at.row + 1).saturating_sub(self.rows), self.at.row);
        self.top = self.top.min((last + 1).saturating_sub(self.rows));
    }
}
