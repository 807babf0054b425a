//! What the desktop is asked for on the user's behalf, and what comes of it. The loop goes on meanwhile.

use std::path::PathBuf;
use std::sync::Arc;

use ccells_core::effect::Level;
use ccells_core::ids::{PathText, WorkstreamId};
use futures_util::future::{BoxFuture, FutureExt};

use super::msg::Msg;
use super::{Desktop, Notice};
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

/// Writes a pane's text to a file.
pub(super) fn export(
    desktop: &Arc<dyn Desktop>,
    path: String,
    transcript: Transcript,
) -> BoxFuture<'static, Favour> {
    let desktop = Arc::clone(desktop);
    async move {
        let text = transcript.all_text();
        Favour::Told(Msg::Exported(desktop.export(path, text).await))
    }
    .boxed()
}
