//! The dialog that asks for the file a pane's text is written to.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;

use super::keys;
use crate::tui::clip;
use crate::tui::dialog::export::ExportDialog;
use crate::tui::model::Model;

/// Columns of the dialog's content.
const COLUMNS: u16 = 64;

/// Draws it, and tells where its cursor is.
pub(super) fn draw(model: &Model, dialog: &ExportDialog, area: Rect, buffer: &mut Buffer) -> Position {
    let theme = model.theme;
    let columns = COLUMNS.min(area.width.saturating_sub(4));
    let told = match &dialog.error {
        Some(error) => super::paragraph(&format!("✗ {}", clip::safe(error)), columns, theme.error()),
        None if dialog.is_writing => vec![Line::styled("writing …", theme.strong())],
        None => super::paragraph("no file that is there is ever overwritten", columns, theme.faint()),
    };
    let rows = 3 + u16::try_from(told.len()).unwrap_or(u16::MAX);
    let title = format!("Write the text of {}", clip::clip(&clip::safe(&dialog.name), 30));
    let inner = super::draw_box(&title, (columns, rows), theme, area, buffer);
    let row = |down: u16, height: u16| {
        Rect { y: inner.y.saturating_add(down), height, ..inner }.intersection(inner)
    };
    let text = Rect { x: inner.x + 6.min(inner.width), width: inner.width.saturating_sub(6), ..row(0, 1) };
    super::draw_text("File", theme.focused(), row(0, 1), buffer);
    let (lines, (line, column)) = dialog.path.visual(usize::from(text.width));
    super::draw_text(&lines[line], theme.text(), text, buffer);
    super::draw_lines(&told, row(1, rows.saturating_sub(3)), buffer);
    let hints = [("Enter", "write"), ("Esc", "close")];
    let last = Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner }.intersection(inner);
    super::draw_lines(&[keys::hints(&hints, last.width, theme)], last, buffer);
    Position::new(text.x + u16::try_from(column).unwrap_or(0), text.y)
}
