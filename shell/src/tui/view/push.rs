//! The dialog about pushing.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::keys;
use crate::tui::clip;
use crate::tui::dialog::push::{Field, PushDialog};
use crate::tui::model::Model;

/// Columns of the dialog's content.
const COLUMNS: u16 = 72;
/// Columns of the names of fields.
const LABEL_COLUMNS: u16 = 8;

/// Draws it and tells where its cursor is.
pub(super) fn draw(model: &Model, dialog: &PushDialog, area: Rect, buffer: &mut Buffer) -> Position {
    let theme = model.theme;
    let columns = COLUMNS.min(area.width.saturating_sub(4));
    let title = format!("Push {}", clip::safe(&dialog.name));
    // Two fields, a line about the next two, the buttons one below the other, the keys.
    let inner = super::draw_box(&title, (columns, 9), theme, area, buffer);
    let row =
        |number: u16| Rect { y: inner.y.saturating_add(number), height: 1, ..inner }.intersection(inner);
    let mut cursor = None;
    let own = clip::safe(&dialog.own_branch);
    for (number, field, label, otherwise) in [
        (0, Field::Remote, "Remote", "the usual one"),
        (1, Field::Branch, "Branch", own.as_str()),
        (3, Field::Title, "Title", "made from the commits"),
        (4, Field::Body, "Body", "made from the commits"),
    ] {
        cursor = draw_field(model, dialog, (field, label, otherwise), row(number), buffer).or(cursor);
    }
    super::draw_text("For a pull request:", theme.faint(), row(2), buffer);
    let force = if dialog.is_sure { "Enter again to replace it" } else { "" };
    for (number, field, label, what) in [
        (5, Field::Push, "[ Push ]", ""),
        (6, Field::PullRequest, "[ Push and open a pull request ]", ""),
        (7, Field::Force, "[ Force ]", force),
    ] {
        let is_here = dialog.field == field;
        let style = if is_here { theme.chosen() } else { theme.text() };
        let what = clip::clip(what, usize::from(columns).saturating_sub(clip::width(label) + 2));
        let line =
            Line::from(vec![Span::styled(label, style), Span::raw("  "), Span::styled(what, theme.error())]);
        super::draw_lines(&[line], row(number), buffer);
        cursor = cursor.or(is_here.then(|| at(row(number), 2)));
    }
    let hints = [("Enter", "as marked"), ("Tab", "next"), ("Esc", "close")];
    super::draw_lines(&[keys::hints(&hints, columns, theme)], row(8), buffer);
    cursor.unwrap_or(Position::new(inner.x, inner.y))
}

/// One line of a field; one that is longer shows the part round its cursor.
fn draw_field(
    model: &Model,
    dialog: &PushDialog,
    (field, label, otherwise): (Field, &str, &str),
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let theme = model.theme;
    let is_here = dialog.field == field;
    super::draw_text(label, if is_here { theme.focused() } else { theme.faint() }, area, buffer);
    let width = area.width.saturating_sub(LABEL_COLUMNS);
    let text = Rect { x: area.x + LABEL_COLUMNS.min(area.width), width, ..area };
    let editor = dialog.editor(field)?;
    if editor.is_empty() {
        super::draw_text(otherwise, theme.faint(), text, buffer);
        return is_here.then(|| at(text, 0));
    }
    let (lines, (line, column)) = editor.visual(usize::from(text.width));
    super::draw_text(&lines.get(line).cloned().unwrap_or_default(), theme.text(), text, buffer);
    is_here.then(|| at(text, column))
}

/// A place in a line, as near as it has one.
fn at(area: Rect, column: usize) -> Position {
    let last = area.width.saturating_sub(1);
    Position::new(area.x + u16::try_from(column).unwrap_or(u16::MAX).min(last), area.y)
}
