//! What can lie above the panes and takes all keys while it does.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "keys are the terminal library's; those we do not bind do nothing"
)]

pub(crate) mod discard;
pub(crate) mod new;
pub(crate) mod palette;
pub(crate) mod quit;
pub(crate) mod recovery;

use discard::DiscardDialog;
use new::NewDialog;
use palette::Palette;
use quit::QuitDialog;
use recovery::RecoveryDialog;

/// The one dialog that is open.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Dialog {
    /// A new workstream.
    New(NewDialog),
    /// Taking a workstream away.
    Discard(DiscardDialog),
    /// The end of the run.
    Quit(QuitDialog),
    /// What the start found.
    Recovery(RecoveryDialog),
    /// Every action by name.
    Palette(Palette),
    /// What the keys do.
    Help {
        /// How many lines are scrolled away.
        scroll: u16,
    },
}
