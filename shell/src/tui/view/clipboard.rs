//! The dialog in which a person agrees, or not, that an agent puts a text on the clipboard.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::keys;
use crate::tui::clip;
use crate::tui::dialog::clipboard::ClipboardDialog;
use crate::tui::model::Model;

/// Columns of the dialog's content.
const COLUMNS: u16 = 64;
/// Lines of the text that are seen.
const LINES: usize = 6;

/// Draws it.
pub(super) fn draw(model: &Model, dialog: &ClipboardDialog, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let columns = COLUMNS.min(area.width.saturating_sub(4));
    let count = clip::counted(dialog.text.chars().count(), "character", "characters");
    let question = format!("{} wants to put {count} on your clipboard:", clip::safe(&dialog.name));
    let mut lines = super::paragraph(&question, columns, theme.strong());
    let room = usize::from(area.height).saturating_sub(lines.len() + 4).clamp(1, LINES);
    let text: Vec<&str> = dialog.text.lines().collect();
    for line in text.iter().take(room) {
        let line = clip::clip(&clip::safe(line), usize::from(columns.saturating_sub(2)));
        lines.push(Line::styled(format!("│ {line}"), theme.text()));
    }
    if text.len() > room {
        let more = clip::counted(text.len() - room + 1, "more line", "more lines");
        lines.pop();
        lines.push(Line::styled(format!("│ … {more}"), theme.faint()));
    }
    let rows = u16::try_from(lines.len() + 1).unwrap_or(u16::MAX);
    let inner = super::draw_box("Clipboard", (columns, rows), theme, area, buffer);
    let text = Rect { height: inner.height.saturating_sub(1), ..inner };
    super::draw_lines(&lines, text, buffer);
    let hints = [("y", "copy it"), ("n", "do not")];
    let last = Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner }.intersection(inner);
    super::draw_lines(&[keys::hints(&hints, last.width, theme)], last, buffer);
}
