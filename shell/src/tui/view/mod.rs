//! What is drawn: pure over the model and the panes' screens.

use ratatui::Frame;

use super::Panes;
use super::model::Model;

/// Draws one frame.
pub(crate) fn draw(frame: &mut Frame<'_>, model: &Model, panes: &dyn Panes) {
    let _ = (frame, model, panes);
}
