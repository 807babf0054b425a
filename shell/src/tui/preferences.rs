//! What of the screen the user has chosen.

use ccells_core::event::OnQuit;

use super::keymap::{Keymap, Leader};
use super::theme::Theme;

/// What of the screen the user has chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preferences {
    /// What quitting does unless something else is chosen.
    pub on_quit: OnQuit,
    /// The key that leaves a pane.
    pub leader: Leader,
    /// The other keys.
    pub keys: Keymap,
    /// The colours.
    pub theme: Theme,
    /// Whether what moves by itself moves less.
    pub is_calm: bool,
    /// Whether what the mouse selects is not copied before a key says so.
    pub is_selecting_only: bool,
    /// Which clipboard is used.
    pub clipboard: Clipboard,
    /// What becomes of what agents want to copy.
    pub agent_clipboard: AgentClipboard,
    /// Whether the bell of an agent is not passed on.
    pub is_bell_off: bool,
    /// Whether notifications of agents are not shown.
    pub are_notifications_off: bool,
    /// Whether there is one agent only, to whom all keys go until the leader leaves the screen.
    pub is_alone: bool,
}

/// What becomes of what agents want to copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AgentClipboard {
    /// The user is asked each time.
    #[default]
    Ask,
    /// It is copied.
    Allow,
    /// It is not.
    Deny,
}

/// Which clipboard is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clipboard {
    /// That of the desktop by one of its programs, and that of the terminal around us.
    #[default]
    Auto,
    /// That of the terminal around us, by OSC 52.
    Terminal,
    /// That of the desktop.
    System,
    /// None.
    Off,
}
