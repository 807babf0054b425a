//! The dialog for a new workstream. Its draft survives being closed and being refused.

use ccells_core::ids::WorkstreamId;
use ccells_core::limits::{BRANCH_CHARS, NAME_CHARS, PROMPT_BYTES, REASON_CHARS};
use ccells_core::ports::{GitError, OnTaken};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::editor::Editor;
use crate::tui::wish::{Ticket, Wanted};

/// Bytes a character takes at most.
const BYTES_PER_CHAR: usize = 4;

/// The fields, in the order of Tab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Field {
    /// What the agent shall do.
    #[default]
    Prompt,
    /// The name.
    Name,
    /// The branch.
    Branch,
    /// What becomes of a branch of that name, once it is known to be there.
    Taken,
    /// What to start from.
    Base,
    /// The image.
    Image,
    /// The button.
    Create,
}

impl Field {
    /// All of them.
    pub(crate) const ALL: [Self; 7] =
        [Self::Prompt, Self::Name, Self::Branch, Self::Taken, Self::Base, Self::Image, Self::Create];

    fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|field| *field == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

/// What becomes of a branch that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is left alone.
    #[default]
    New,
    /// It is worked on.
    Use,
    /// It begins anew.
    Recreate,
}

impl Taken {
    const ALL: [Self; 3] = [Self::New, Self::Use, Self::Recreate];

    fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|choice| *choice == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }

    /// For people.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::New => "leave it, take the next free name",
            Self::Use => "work on it from where it stands",
            Self::Recreate => "begin it anew, keep what it was",
        }
    }
}

impl From<Taken> for OnTaken {
    fn from(taken: Taken) -> Self {
        match taken {
            Taken::New => Self::New,
            Taken::Use => Self::Use,
            Taken::Recreate => Self::Recreate,
        }
    }
}

/// What the user has written so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    /// What the agent shall do.
    pub(crate) prompt: Editor,
    /// The name.
    pub(crate) name: Editor,
    /// The branch.
    pub(crate) branch: Editor,
    /// What becomes of a branch that is there already; `None` while none is known to be.
    pub(crate) taken: Option<Taken>,
    /// The workstream that it goes on from, and its name; then no base is asked for.
    pub(crate) from: Option<(WorkstreamId, String)>,
    /// What to start from.
    pub(crate) base: Editor,
    /// The image.
    pub(crate) image: Editor,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            prompt: Editor::lines(PROMPT_BYTES),
            name: Editor::line(NAME_CHARS * BYTES_PER_CHAR),
            branch: Editor::line(BRANCH_CHARS),
            taken: None,
            from: None,
            base: Editor::line(REASON_CHARS),
            image: Editor::line(REASON_CHARS),
        }
    }
}

impl Draft {
    /// What is wanted; a field without text leaves the choice to us.
    pub(crate) fn wanted(&self) -> Wanted {
        let chosen = |editor: &Editor| Some(editor.text().trim().to_owned()).filter(|text| !text.is_empty());
        Wanted {
            prompt: self.prompt.text().trim().to_owned(),
            name: chosen(&self.name),
            branch: chosen(&self.branch),
            on_taken: self.taken.map_or(OnTaken::Refuse, OnTaken::from),
            from: self.from.as_ref().map(|(id, _)| id.clone()),
            base: chosen(&self.base).filter(|_| self.from.is_none()),
            image: chosen(&self.image),
        }
    }

    /// The text of a field; the button has none.
    pub(crate) fn editor(&self, field: Field) -> Option<&Editor> {
        match field {
            Field::Prompt => Some(&self.prompt),
            Field::Name => Some(&self.name),
            Field::Branch => Some(&self.branch),
            Field::Base => Some(&self.base),
            Field::Image => Some(&self.image),
            Field::Taken | Field::Create => None,
        }
    }

    fn editor_mut(&mut self, field: Field) -> Option<&mut Editor> {
        match field {
            Field::Prompt => Some(&mut self.prompt),
            Field::Name => Some(&mut self.name),
            Field::Branch => Some(&mut self.branch),
            Field::Base => Some(&mut self.base),
            Field::Image => Some(&mut self.image),
            Field::Taken | Field::Create => None,
        }
    }
}

/// The dialog.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NewDialog {
    /// What is written.
    pub(crate) draft: Draft,
    /// Where keys go.
    pub(crate) field: Field,
    /// The wish that was sent and is not answered yet.
    pub(crate) sent: Option<Ticket>,
    /// Why the last one was refused.
    pub(crate) error: Option<String>,
}

/// What a key in the dialog leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Stay,
    /// The dialog closes, the draft is kept.
    Close,
    /// The draft is to be sent.
    Submit,
}

/// What makes Enter a new line of the prompt; `Ctrl+J` is one everywhere.
const NEW_LINE: KeyModifiers = KeyModifiers::SHIFT.union(KeyModifiers::ALT);

impl NewDialog {
    /// The dialog over a draft from before.
    pub(crate) fn over(draft: Draft) -> Self {
        Self { draft, ..Self::default() }
    }

    /// Takes a key.
    pub(crate) fn key(&mut self, key: &KeyEvent) -> Outcome {
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Outcome::Close,
            KeyCode::Char('c') if is_ctrl => return Outcome::Close,
            // What was sent is not changed any more.
            _ if self.sent.is_some() => {}
            KeyCode::Char('s') if is_ctrl => return Outcome::Submit,
            // As agents take it themselves: Enter sends, and with another key it is a new line.
            KeyCode::Enter if !(self.field == Field::Prompt && key.modifiers.intersects(NEW_LINE)) => {
                return Outcome::Submit;
            }
            KeyCode::Tab => self.go(1),
            KeyCode::BackTab => self.go(Field::ALL.len() - 1),
            KeyCode::Down if self.field != Field::Prompt => self.go(1),
            KeyCode::Up if self.field != Field::Prompt => self.go(Field::ALL.len() - 1),
            KeyCode::Left if self.field == Field::Taken => self.choose(Taken::ALL.len() - 1),
            KeyCode::Right | KeyCode::Char(' ') if self.field == Field::Taken => self.choose(1),
            _ => {
                if let Some(editor) = self.draft.editor_mut(self.field) {
                    let before = editor.text().to_owned();
                    editor.key(key);
                    let is_same = editor.text() == before;
                    self.after_edit(is_same);
                }
            }
        }
        Outcome::Stay
    }

    /// Goes to another field. Nobody is asked about a branch that is not known to be there.
    fn go(&mut self, by: usize) {
        self.field = self.field.step(by);
        let is_needless = |field, draft: &Draft| {
            (field == Field::Taken && draft.taken.is_none()) || (field == Field::Base && draft.from.is_some())
        };
        while is_needless(self.field, &self.draft) {
            self.field = self.field.step(by);
        }
    }

    fn choose(&mut self, by: usize) {
        self.draft.taken = self.draft.taken.map(|taken| taken.step(by));
    }

    /// What was chosen for a branch is not for another one.
    fn after_edit(&mut self, is_same: bool) {
        if self.field == Field::Branch && !is_same {
            self.draft.taken = None;
        }
    }

    /// The wish was refused. Where the branch is there already, the user is asked what becomes of it.
    pub(crate) fn refused(&mut self, text: &str) {
        self.sent = None;
        self.error = Some(text.to_owned());
        let branch = self.draft.wanted().branch;
        if branch.is_some_and(|branch| GitError::BranchExists { branch }.to_string() == text) {
            self.draft.taken = Some(Taken::default());
            self.field = Field::Taken;
        }
    }

    /// Takes a paste.
    pub(crate) fn paste(&mut self, text: &str) {
        if let (None, Some(editor)) = (self.sent, self.draft.editor_mut(self.field)) {
            editor.insert(text);
            self.after_edit(false);
        }
    }
}
