//! What the loop does for the model: everything that touches something outside it.

use ccells_core::event::Ask;
use ccells_core::ids::WorkstreamId;
use crossterm::event::{KeyEvent, MouseEvent};

use super::ScrollBy;
use super::errands::{Change, Subject};

/// Names a wish to the machine until it is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

/// What is wanted of a new workstream, before it has an id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// What the agent shall do.
    pub(crate) prompt: String,
    /// Its name.
    pub(crate) name: Option<String>,
    /// Its branch.
    pub(crate) branch: Option<String>,
    /// What to start from.
    pub(crate) base: Option<String>,
    /// The image.
    pub(crate) image: Option<String>,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wish {
    /// Ask the machine. Answered by `Msg::Replied`.
    Ask(Ticket, Ask),
    /// Ask the machine for a new workstream, under an id to be drawn. Answered by `Msg::Begun` and `Msg::Replied`.
    Create(Ticket, Wanted),
    /// Send a key to an agent, in the words its terminal has negotiated.
    Type(WorkstreamId, KeyEvent),
    /// Send a paste to an agent.
    Paste(WorkstreamId, String),
    /// Send the mouse to an agent that asked for it, or scroll. The position is relative to the pane.
    Mouse(WorkstreamId, MouseEvent),
    /// Scroll a pane.
    Scroll(WorkstreamId, ScrollBy),
    /// Tell an agent that asked for it whether it has the focus.
    Focus(WorkstreamId, bool),
    /// Give a pane's terminal this size, in columns and rows.
    Resize(WorkstreamId, u16, u16),
    /// Measure what these use. Answered by `Msg::Measured`.
    Measure(Vec<Subject>),
    /// Look at what is set, after this change where there is one. Answered by `Msg::Settings`.
    Settings(Option<Change>),
    /// Tell the terminal whether we want the mouse.
    SetMouse(bool),
    /// Give the terminal back and stop the process until it is told to go on.
    Suspend,
    /// Take the terminal again after a stop.
    Resume,
    /// Draw everything anew.
    Redraw,
    /// End the screen without another byte to a terminal that is gone.
    GiveUp,
}
