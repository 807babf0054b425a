//! What can lie above the panes and takes all keys while it does.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "keys are the terminal library's; those we do not bind do nothing"
)]

pub(crate) mod clipboard;
pub(crate) mod diff;
pub(crate) mod discard;
pub(crate) mod export;
pub(crate) mod filter;
pub(crate) mod log;
pub(crate) mod merge;
pub(crate) mod new;
pub(crate) mod palette;
pub(crate) mod push;
pub(crate) mod quit;
pub(crate) mod rebase;
pub(crate) mod recovery;
pub(crate) mod resources;
pub(crate) mod settings;

use clipboard::ClipboardDialog;
use diff::DiffDialog;
use discard::DiscardDialog;
use export::ExportDialog;
use filter::FilterDialog;
use log::LogDialog;
use merge::MergeDialog;
use new::NewDialog;
use palette::Palette;
use push::PushDialog;
use quit::QuitDialog;
use rebase::RebaseDialog;
use recovery::RecoveryDialog;
use resources::ResourcesDialog;
use settings::SettingsDialog;

/// The one dialog that is open.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Dialog {
    /// A new workstream.
    New(NewDialog),
    /// Taking a workstream away.
    Discard(DiscardDialog),
    /// Bringing commits home.
    Merge(MergeDialog),
    /// Pushing commits.
    Push(Box<PushDialog>),
    /// Putting commits onto another base.
    Rebase(RebaseDialog),
    /// The end of the run.
    Quit(QuitDialog),
    /// What the start found.
    Recovery(RecoveryDialog),
    /// Every action by name.
    Palette(Palette),
    /// Where a pane's text is written.
    Export(ExportDialog),
    /// What an agent wants to copy.
    Clipboard(ClipboardDialog),
    /// Which workstreams are shown.
    Filter(FilterDialog),
    /// What happened.
    Log(LogDialog),
    /// What a workstream changed.
    Diff(DiffDialog),
    /// What the containers use.
    Resources(ResourcesDialog),
    /// What can be set.
    Settings(SettingsDialog),
    /// What the keys do.
    Help {
        /// How many lines are scrolled away.
        scroll: u16,
    },
}
