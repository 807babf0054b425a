//! What the screen needs of the desktop around the terminal: its clipboard, and the user's files.

use std::path::PathBuf;

use futures_util::future::{BoxFuture, FutureExt};

/// The desktop. Nothing here is waited for by the screen; every error is written for the user.
pub trait Desktop: Send + Sync {
    /// Puts `text` on the clipboard; false when there is no program that could.
    fn copy(&self, text: String) -> BoxFuture<'static, Result<bool, String>>;

    /// Saves the clipboard's image in a worktree, and tells its path as the agent sees it.
    fn save_image(&self, worktree: PathBuf) -> BoxFuture<'static, Result<String, String>>;

    /// Writes `text` to a file of the user that is not there yet, and tells where it is. A path that is not absolute
    /// begins in the current directory.
    fn export(&self, path: String, text: String) -> BoxFuture<'static, Result<String, String>>;
}

/// A terminal without a desktop.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDesktop;

impl Desktop for NoDesktop {
    fn copy(&self, _text: String) -> BoxFuture<'static, Result<bool, String>> {
        async { Ok(false) }.boxed()
    }

    fn save_image(&self, _worktree: PathBuf) -> BoxFuture<'static, Result<String, String>> {
        async { Err("there is no clipboard here to take an image from".to_owned()) }.boxed()
    }

    fn export(&self, _path: String, _text: String) -> BoxFuture<'static, Result<String, String>> {
        async { Err("there are no files here".to_owned()) }.boxed()
    }
}
