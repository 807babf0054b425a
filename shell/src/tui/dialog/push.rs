//! The dialog about pushing: where to, and whether a pull request is to follow. A field without text leaves the choice to us.

use ccells_core::ids::{PathText, WorkstreamId};
use ccells_core::limits::{BRANCH_CHARS, PR_BODY_BYTES, PR_TITLE_BYTES};
use ccells_core::ports::PushWish;
use ccells_core::snapshot::Card;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::pull_requests::PrWish;
use crate::tui::editor::Editor;

/// Where keys go, in the order of Tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// The remote.
    Remote,
    /// What the branch is called there.
    Branch,
    /// The title of a pull request.
    Title,
    /// Its body.
    Body,
    /// Push.
    Push,
    /// Push, and open a pull request.
    PullRequest,
    /// Push, whatever the branch there loses.
    Force,
}

impl Field {
    /// All of them.
    pub(crate) const ALL: [Self; 7] =
        [Self::Remote, Self::Branch, Self::Title, Self::Body, Self::Push, Self::PullRequest, Self::Force];
}

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PushDialog {
    /// Whose commits.
    pub(crate) workstream: WorkstreamId,
    /// Its name, as it is.
    pub(crate) name: String,
    /// Its own branch.
    pub(crate) own_branch: String,
    /// Its own directory.
    pub(crate) directory: PathText,
    /// Where keys go.
    pub(crate) field: Field,
    /// The remote.
    pub(crate) remote: Editor,
    /// The branch there.
    pub(crate) branch: Editor,
    /// The title of a pull request.
    pub(crate) title: Editor,
    /// Its body.
    pub(crate) body: Editor,
    /// Whether force was chosen once, and is to be confirmed.
    pub(crate) is_sure: bool,
}

/// What a key in the dialog leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Stay,
    /// The dialog closes.
    Close,
    /// They are to be pushed, and a pull request is to follow where one is wished for.
    Push(Box<PushWish>, Option<Box<PrWish>>),
}

impl PushDialog {
    /// About the workstream of this card.
    pub(crate) fn about(card: &Card) -> Self {
        Self {
            workstream: card.id.clone(),
            name: card.name.clone(),
            own_branch: card.branch.clone(),
            directory: card.directory.clone(),
            field: Field::Push,
            remote: Editor::line(BRANCH_CHARS),
            branch: Editor::line(BRANCH_CHARS),
            title: Editor::line(PR_TITLE_BYTES),
            body: Editor::lines(PR_BODY_BYTES),
            is_sure: false,
        }
    }

    /// The editor of a field; a button has none.
    pub(crate) fn editor(&self, field: Field) -> Option<&Editor> {
        match field {
            Field::Remote => Some(&self.remote),
            Field::Branch => Some(&self.branch),
            Field::Title => Some(&self.title),
            Field::Body => Some(&self.body),
            Field::Push | Field::PullRequest | Field::Force => None,
        }
    }

    fn editor_mut(&mut self) -> Option<&mut Editor> {
        match self.field {
            Field::Remote => Some(&mut self.remote),
            Field::Branch => Some(&mut self.branch),
            Field::Title => Some(&mut self.title),
            Field::Body => Some(&mut self.body),
            Field::Push | Field::PullRequest | Field::Force => None,
        }
    }

    /// Takes a key. The key that opened it does not confirm it.
    pub(crate) fn key(&mut self, key: &KeyEvent) -> Outcome {
        let is_new_line = key.modifiers.intersects(KeyModifiers::SHIFT.union(KeyModifiers::ALT));
        match key.code {
            KeyCode::Esc => return Outcome::Close,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Outcome::Close,
            KeyCode::Tab => return self.step(1),
            KeyCode::BackTab => return self.step(Field::ALL.len() - 1),
            KeyCode::Down if self.field != Field::Body => return self.step(1),
            KeyCode::Up if self.field != Field::Body => return self.step(Field::ALL.len() - 1),
            KeyCode::Enter if self.editor(self.field).is_none() => return self.chosen(),
            KeyCode::Enter if !(self.field == Field::Body && is_new_line) => return self.step(1),
            _ => {}
        }
        if let Some(editor) = self.editor_mut() {
            editor.key(key);
        }
        Outcome::Stay
    }

    /// Takes a paste.
    pub(crate) fn paste(&mut self, text: &str) {
        if let Some(editor) = self.editor_mut() {
            editor.insert(text);
        }
    }

    fn step(&mut self, by: usize) -> Outcome {
        let at = Field::ALL.iter().position(|field| *field == self.field).unwrap_or(0);
        self.field = Field::ALL[(at + by) % Field::ALL.len()];
        self.is_sure = false;
        Outcome::Stay
    }

    fn chosen(&mut self) -> Outcome {
        let is_forced = self.field == Field::Force;
        if is_forced && !self.is_sure {
            self.is_sure = true;
            return Outcome::Stay;
        }
        let text = |editor: &Editor| Some(editor.text().trim().to_owned()).filter(|text| !text.is_empty());
        let (remote, branch) = (text(&self.remote), text(&self.branch));
        let wish = PushWish {
            remote: remote.clone(),
            branch: branch.clone(),
            is_forced,
            may_rewrite: is_forced,
            seen: None,
        };
        let request =
            PrWish { remote, branch, title: text(&self.title), body: text(&self.body), ..PrWish::default() };
        let follows = (self.field == Field::PullRequest).then(|| Box::new(request));
        Outcome::Push(Box::new(wish), follows)
    }
}
