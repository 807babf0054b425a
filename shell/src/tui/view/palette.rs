//! The palette: what is looked for, and what is found with its keys.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::tui::clip;
use crate::tui::dialog::palette::Palette;
use crate::tui::model::Model;

/// Columns of the palette, its rows of findings, and the columns of their names.
const COLUMNS: u16 = 64;
const ROWS: u16 = 14;
const NAME_COLUMNS: usize = 18;

/// Draws it, and tells where its cursor is.
pub(super) fn draw(model: &Model, palette: &Palette, area: Rect, buffer: &mut Buffer) -> Position {
    let theme = model.theme;
    let inner = super::draw_box("Do", (COLUMNS, ROWS + 2), theme, area, buffer);
    let row = Rect { height: inner.height.min(1), ..inner };
    let text = Rect { x: row.x + 2.min(row.width), width: row.width.saturating_sub(2), ..row };
    super::draw_text(":", theme.key(), row, buffer);
    let (lines, (line, column)) = palette.wanted.visual(usize::from(text.width));
    super::draw_text(&lines[line], theme.text(), text, buffer);
    let list = Rect { y: inner.y + 2.min(inner.height), height: inner.height.saturating_sub(2), ..inner };
    let found = palette.found();
    if found.is_empty() {
        super::draw_text("nothing is called that", theme.faint(), list, buffer);
    }
    let rows = usize::from(list.height).max(1);
    let first = (palette.chosen + 1).saturating_sub(rows);
    for (place, it) in found.iter().enumerate().skip(first).take(rows) {
        let keys: Vec<String> = model.keys.keys(it.action).map(|chord| chord.to_string()).collect();
        let style = if place == palette.chosen { theme.chosen() } else { theme.text() };
        let help_columns =
            usize::from(list.width).saturating_sub(NAME_COLUMNS + clip::width(&keys.join("  ")) + 1);
        let text = format!(
            "{:NAME_COLUMNS$}{:help_columns$} {}",
            it.name,
            clip::clip(it.help, help_columns),
            keys.join("  ")
        );
        let y = list.y + u16::try_from(place - first).unwrap_or(0);
        super::draw_text(
            &clip::clip(&text, usize::from(list.width)),
            style,
            Rect { y, height: 1, ..list },
            buffer,
        );
    }
    Position::new(text.x + u16::try_from(column).unwrap_or(0), text.y)
}
