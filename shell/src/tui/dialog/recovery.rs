//! The dialog about what the start found: one row and one choice for each workstream, and nothing is done by default
//! that could lose anything.

use ccells_core::event::Ask;
use ccells_core::ids::WorkstreamId;
use ccells_core::recovery::Verdict;
use ccells_core::snapshot::Snapshot;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::clip;

/// What can be done about one workstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Have it run.
    Resume,
    /// Nothing now.
    Keep,
    /// End its processes, keep its work.
    Stop,
    /// Take it away, unless that would lose work.
    Discard,
    /// Take up its removal again.
    FinishRemoval,
}

impl Choice {
    /// The word for it, after what was found.
    pub(crate) fn word(self, verdict: Verdict) -> &'static str {
        match (self, verdict) {
            (Self::Resume, Verdict::OfferRetry) => "try again",
            (Self::Resume, Verdict::RollForward) => "finish",
            (Self::Resume, Verdict::OfferRecreate) => "make again",
            (Self::Resume, _) => "resume",
            (Self::Keep, Verdict::Adopt) => "keep running",
            (Self::Keep, _) => "leave it",
            (Self::Stop, _) => "stop",
            (Self::Discard, _) => "discard",
            (Self::FinishRemoval, _) => "finish removal",
        }
    }

    fn possible(verdict: Verdict) -> &'static [Self] {
        match verdict {
            Verdict::Adopt => &[Self::Keep, Self::Stop, Self::Discard],
            Verdict::LetGoOn => &[Self::Resume, Self::Stop, Self::Discard],
            Verdict::OfferResume | Verdict::OfferRecreate | Verdict::RollForward => {
                &[Self::Resume, Self::Keep, Self::Discard]
            }
            Verdict::OfferRetry => &[Self::Keep, Self::Resume, Self::Discard],
            Verdict::FinishRemoval => &[Self::FinishRemoval, Self::Keep],
            // A start finishes it by itself: a branch that is half moved is nobody's choice.
            Verdict::FinishMerge | Verdict::FinishRebase => &[Self::Resume],
            Verdict::Wait | Verdict::Forget => &[Self::Keep],
        }
    }
}

/// One workstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Which.
    pub(crate) workstream: WorkstreamId,
    /// Its name, safe to show.
    pub(crate) name: String,
    /// What was found.
    pub(crate) verdict: Verdict,
    /// What is chosen.
    pub(crate) choice: Choice,
}

impl Row {
    fn step(&mut self, by: usize) {
        let possible = Choice::possible(self.verdict);
        let at = possible.iter().position(|choice| *choice == self.choice).unwrap_or(0);
        self.choice = possible[(at + by) % possible.len()];
    }

    /// Goes back one choice.
    fn step_back(&mut self) {
        self.step(Choice::possible(self.verdict).len() - 1);
    }

    fn ask(&self) -> Option<Ask> {
        let workstream = self.workstream.clone();
        match self.choice {
            Choice::Keep => None,
            Choice::Resume => Some(Ask::Resume(workstream)),
            Choice::Stop => Some(Ask::Stop(workstream)),
            Choice::Discard | Choice::FinishRemoval => {
                Some(Ask::Remove { workstream, is_forced: false, keep_branch: false })
            }
        }
    }
}

/// The dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecoveryDialog {
    /// The workstreams.
    pub(crate) rows: Vec<Row>,
    /// Which row is chosen.
    pub(crate) at: usize,
}

/// What a key in the dialog leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Stay,
    /// The dialog closes and everything stays as it is.
    Close,
    /// All choices are to be carried out.
    Apply,
}

impl RecoveryDialog {
    /// The dialog about the findings of `snapshot` that `is_new` takes; `None` when there are none.
    pub(crate) fn about(snapshot: &Snapshot, is_new: impl Fn(&WorkstreamId) -> bool) -> Option<Self> {
        let rows: Vec<Row> = snapshot
            .findings
            .iter()
            .filter(|finding| is_new(&finding.workstream))
            .filter_map(|finding| {
                let card = snapshot.card(&finding.workstream)?;
                let choice = *Choice::possible(finding.verdict).first()?;
                let (workstream, verdict) = (finding.workstream.clone(), finding.verdict);
                Some(Row { workstream, name: clip::safe(&card.name), verdict, choice })
            })
            .collect();
        (!rows.is_empty()).then_some(Self { rows, at: 0 })
    }

    /// Takes a key.
    pub(crate) fn key(&mut self, key: &KeyEvent) -> Outcome {
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let last = self.rows.len().saturating_sub(1);
        match key.code {
            KeyCode::Esc | KeyCode::Char('q') => return Outcome::Close,
            KeyCode::Char('c') if is_ctrl => return Outcome::Close,
            KeyCode::Enter => return Outcome::Apply,
            KeyCode::Down | KeyCode::Char('j') | KeyCode::Tab => self.at = (self.at + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') | KeyCode::BackTab => self.at = self.at.saturating_sub(1),
            KeyCode::Right | KeyCode::Char('l' | ' ') => self.change(|row| row.step(1)),
            KeyCode::Left | KeyCode::Char('h') => self.change(Row::step_back),
            _ => {}
        }
        Outcome::Stay
    }

    fn change(&mut self, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.rows.get_mut(self.at) {
            change(row);
        }
    }

    /// What to ask for. What the start did of its own accord is not asked for again: `is_busy` tells.
    pub(crate) fn asks(&self, is_busy: impl Fn(&WorkstreamId) -> bool) -> Vec<Ask> {
        let is_default = |row: &Row| Choice::possible(row.verdict).first() == Some(&row.choice);
        self.rows
            .iter()
            .filter(|row| !(is_default(row) && is_busy(&row.workstream)))
            .filter_map(Row::ask)
            .collect()
    }
}
