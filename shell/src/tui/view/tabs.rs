//! The line that names the pages of panes, the open one reversed, those on which somebody waits marked.

use ratatui::buffer::Buffer;
use ratatui::style::Modifier;
use ratatui::text::Line;

use crate::tui::model::Model;
use crate::tui::tabs;

/// Draws it, where there is one.
pub(super) fn draw(model: &Model, buffer: &mut Buffer) {
    let Some(row) = model.tabs_row() else { return };
    let theme = model.theme;
    super::fill(row, theme.status(), buffer);
    for tab in tabs::tabs(model, row.width) {
        let style = match (tab.is_open, tab.is_waiting) {
            (true, _) => theme.navigate(),
            (false, true) => theme.strong().add_modifier(Modifier::UNDERLINED),
            (false, false) => theme.faint(),
        };
        let room = row.width.saturating_sub(tab.x).min(tab.width());
        buffer.set_line(row.x + tab.x, row.y, &Line::styled(tab.text, style), room);
    }
}
