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
}
