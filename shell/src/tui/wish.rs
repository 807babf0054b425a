//! What the loop does for the model: everything that touches something outside it.

use std::sync::Arc;

use ccells_core::event::Ask;
use ccells_core::ids::{PathText, WorkstreamId};
use ccells_core::ports::OnTaken;
use crossterm::event::{KeyEvent, MouseEvent};

use super::errands::{Change, Subject};
use crate::pull_requests::PrWish;
use crate::terminal::selection::Selection;
use crate::terminal::transcript::Transcript;

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
    /// What becomes of a branch that is there already.
    pub(crate) on_taken: OnTaken,
    /// The workstream to go on from.
    pub(crate) from: Option<WorkstreamId>,
    /// What to start from.
    pub(crate) base: Option<String>,
    /// The image.
    pub(crate) image: Option<String>,
}

/// A transcript that somebody looks at; it is itself and no other.
#[derive(Clone, Debug)]
pub(crate) struct Past(pub(crate) Arc<Transcript>);

impl PartialEq for Past {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
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
    /// Put lines before an agent as one paste, without sending them. Answered by `Msg::Pasting` or `Msg::InputRefused`.
    Say(WorkstreamId, Vec<String>),
    /// Drop what has not gone of a paste.
    CancelPaste(WorkstreamId),
    /// Save the clipboard's image where the agent of this workstream can read it, and type its path.
    PasteImage(WorkstreamId, PathText),
    /// Send the mouse to an agent that asked for it. The position is relative to the pane. Answered by
    /// `Msg::PaneMouse` when the agent did not ask.
    Mouse(WorkstreamId, MouseEvent),
    /// Make a transcript of a pane. Answered by `Msg::Transcript`.
    LookBack(Ticket, WorkstreamId),
    /// Look for a text in a transcript. Answered by `Msg::Found`.
    Find(Ticket, Past, String),
    /// Make a text of what is selected in a transcript. Answered by `Msg::Selected`.
    TakeSelected(Past, Selection),
    /// Ring the terminal's bell.
    Ring,
    /// Have the terminal notify the user. The text is safe.
    Notify(String),
    /// Put a text on the clipboard.
    Copy(String),
    /// Write a pane's text to a file that is not there yet. Answered by `Msg::Exported`.
    Export(WorkstreamId, String),
    /// Tell an agent that asked for it whether it has the focus.
    Focus(WorkstreamId, bool),
    /// Give a pane's terminal this size, in columns and rows.
    Resize(WorkstreamId, u16, u16),
    /// Measure what these use. Answered by `Msg::Measured`.
    Measure(Vec<Subject>),
    /// Look at what is set, after this change where there is one. Answered by `Msg::Settings`.
    Settings(Option<Change>),
    /// Compare this workstream, whose own directory this is, with its base. Answered by `Msg::Compared`.
    Compare(WorkstreamId, PathText),
    /// Open a pull request for what was pushed of this workstream, whose own directory this is. Answered by
    /// `Msg::PullRequest`.
    OpenPullRequest(WorkstreamId, PathText, Box<PrWish>),
    /// Look what was removed last. Answered by `Msg::LastRemoved`.
    LastRemoved,
    /// Tell the terminal whether we want the mouse.
    SetMouse(bool),
    /// Give the terminal back and stop the process until it is told to go on.
    Suspend,
    /// Take the terminal again after a stop.
    Resume,
    /// Draw everything anew.
    Redraw,
    /// End the screen, and nothing else.
    Leave,
    /// End the screen without another byte to a terminal that is gone.
    GiveUp,
}
