//! What can happen to the screen. A message never leaves this room.

use std::sync::Arc;

use ccells_core::effect::{Done, Refusal};
use ccells_core::ids::WorkstreamId;
use ccells_core::record::Facts;
use ccells_core::snapshot::Snapshot;
use ccells_holder::emulator::Outward;
use crossterm::event::{KeyEvent, MouseEvent};

use super::{Interrupt, Notice};
use crate::backlog::Progress;
use crate::patch::Patch;
use crate::terminal::search::Found;
use crate::terminal::transcript::Transcript;
use crate::tui::errands::{Settings, Usage};
use crate::tui::wish::Ticket;

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) enum Msg {
    /// A key was pressed or repeated.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// The terminal has this size, in columns and rows.
    Resized(u16, u16),
    /// The terminal's window got or lost the focus.
    WindowFocus(bool),
    /// Another picture of the world.
    Snapshot(Arc<Snapshot>),
    /// Something to tell the user.
    Notice(Notice),
    /// A wish was given to the machine, which knows its workstream by this id.
    Begun {
        /// Which wish.
        ticket: Ticket,
        /// The id of the new workstream.
        workstream: WorkstreamId,
    },
    /// A wish was answered.
    Replied {
        /// Which.
        ticket: Ticket,
        /// What came of it.
        outcome: Result<Done, Refusal>,
    },
    /// The mouse did something in a pane, relative to it, that its agent did not ask for.
    PaneMouse(WorkstreamId, MouseEvent),
    /// A pane's transcript; none when it has shown nothing yet.
    Transcript {
        /// Which wish.
        ticket: Ticket,
        /// The transcript.
        transcript: Option<Arc<Transcript>>,
    },
    /// Where a text is in a transcript.
    Found {
        /// Which wish.
        ticket: Ticket,
        /// All places, oldest first.
        found: Vec<Found>,
    },
    /// What was selected, as text.
    Selected(String),
    /// What an agent said to the world outside.
    Outward(WorkstreamId, Outward),
    /// How far a paste is; `None`: it is done, or given up.
    Pasting(WorkstreamId, Option<Progress>),
    /// What became of an export: where the text is, or why not.
    Exported(Result<String, String>),
    /// What the containers use.
    Measured(Vec<Usage>),
    /// What is set, after it was looked at or changed; why not, otherwise.
    Settings(Result<Settings, String>),
    /// What was removed last, where anything was; why that cannot be told, otherwise.
    LastRemoved(Result<Option<Box<Facts>>, String>),
    /// What came of a pull request for a workstream; why there is none, otherwise.
    PullRequest(WorkstreamId, Result<String, String>),
    /// How a workstream differs from its base; why that is not known, otherwise.
    Compared(WorkstreamId, Result<Arc<Patch>, String>),
    /// An agent took no input.
    InputRefused(WorkstreamId),
    /// A signal came.
    Interrupt(Interrupt),
    /// Time passed.
    Tick,
}
