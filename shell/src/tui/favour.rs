//! What the desktop is asked for on the user's behalf, and what comes of it. The loop goes on meanwhile.

use std::path::PathBuf;
use std::sync::Arc;

use ccells_core::effect::Level;
use ccells_core::ids::{PathText, WorkstreamId};
use futures_util::future::{BoxFuture, FutureExt};

use super::msg::Msg;
use super::wish::{Past, Ticket};
use super::{Desktop, Notice};
use crate::terminal::history::Frozen;
use crate::terminal::search;
use crate::terminal::selection::Selection;
use crate::terminal::transcript::Transcript;

/// What came of an favour.
#[derive(Debug)]
pub(super) enum Favour {
    /// The model is to know.
    Told(Msg),
    /// This is to be typed into a pane.
    Typed(WorkstreamId, String),
    /// Nothing more.
    Done,
}

/// Something for the user.
pub(super) fn told(level: Level, text: &str) -> Msg {
    Msg::Notice(Notice { level, text: text.to_owned() })
}

/// Puts a text on the desktop's clipboard. Where another clipboard has it already, a desktop without one is no news.
pub(super) fn copy(desktop: &dyn Desktop, text: String, is_needed: bool) -> BoxFuture<'static, Favour> {
    let copied = desktop.copy(text);
    async move {
        match copied.await {
            Ok(false) if is_needed => Favour::Told(told(
                Level::Warning,
                "nothing was copied: there is no clipboard to be reached; install wl-copy, xclip or xsel",
            )),
            Ok(_) => Favour::Done,
            Err(error) => Favour::Told(told(Level::Warning, &format!("the clipboard: {error}"))),
        }
    }
    .boxed()
}

/// Saves the clipboard's image where the agent can read it, and types its path.
pub(super) fn save_image(
    desktop: &dyn Desktop,
    id: WorkstreamId,
    worktree: &PathText,
) -> BoxFuture<'static, Favour> {
    let saved = desktop.save_image(PathBuf::from(worktree.as_str()));
    async move {
        match saved.await {
            Ok(path) => Favour::Typed(id, format!("{path} ")),
            Err(error) => Favour::Told(told(Level::Warning, &error)),
        }
    }
    .boxed()
}

/// Makes a transcript of what a pane has shown.
pub(super) fn look_back(ticket: Ticket, frozen: Option<Frozen>) -> BoxFuture<'static, Favour> {
    async move {
        let transcript = match frozen {
            Some(frozen) => elsewhere(move || Arc::new(Transcript::of(frozen))).await,
            None => None,
        };
        Favour::Told(Msg::Transcript { ticket, transcript })
    }
    .boxed()
}

/// Looks for a text in a transcript.
pub(super) fn find(ticket: Ticket, past: Past, wanted: String) -> BoxFuture<'static, Favour> {
    async move {
        let found = elsewhere(move || search::find(&past.0, &wanted)).await.unwrap_or_default();
        Favour::Told(Msg::Found { ticket, found })
    }
    .boxed()
}

/// Makes a text of what is selected.
pub(super) fn take_selected(past: Past, selection: Selection) -> BoxFuture<'static, Favour> {
    async move {
        let text = elsewhere(move || selection.text(&past.0)).await;
        Favour::Told(Msg::Selected(text.unwrap_or_default()))
    }
    .boxed()
}

/// Has something worked out where nobody waits for it: all that was ever shown may be hundreds of megabytes. `None`
/// when ccells is ending.
async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// Writes a pane's text to a file.
pub(super) fn export(desktop: &Arc<dyn Desktop>, path: String, frozen: Frozen) -> BoxFuture<'static, Favour> {
    let desktop = Arc::clone(desktop);
    async move {
        let Some(text) = elsewhere(move || Transcript::of(frozen).all_text()).await else {
            return Favour::Done;
        };
        Favour::Told(Msg::Exported(desktop.export(path, text).await))
    }
    .boxed()
}
