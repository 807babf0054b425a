//! A pane that is looked back in: its transcript, what was found, what is selected, and the line that is typed into.

use std::ops::Range;

use alacritty_terminal::vte::ansi::CursorShape;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Span;

use crate::terminal::paint::{self, Painted};
use crate::tui::clip;
use crate::tui::copy::{Hunt, Looking};
use crate::tui::model::Model;

/// Draws it, and tells where its cursor is.
pub(super) fn draw(model: &Model, looking: &Looking, area: Rect, buffer: &mut Buffer) -> Painted {
    let theme = model.theme;
    paint::paint_transcript(&looking.transcript, looking.top, area, buffer);
    draw_found(looking, theme.warning_bar(), area, buffer);
    if let Some(selection) = looking.selection {
        for row in 0..area.height {
            let columns = selection.columns(&looking.transcript, looking.top + usize::from(row));
            mark(columns, row, theme.bar(), area, buffer);
        }
    }
    let cursor = match draw_prompt(model, looking, area, buffer) {
        Some(position) => Some((position, CursorShape::Beam)),
        None => position(looking, area).filter(|_| looking.has_keys).map(|it| (it, CursorShape::Block)),
    };
    Painted {
        cursor: cursor.map(|(position, _)| position),
        shape: cursor.map_or(CursorShape::Hidden, |(_, shape)| shape),
        scrolled: looking.scrolled(),
        history: looking.last_top(),
    }
}

fn position(looking: &Looking, area: Rect) -> Option<Position> {
    let row = u16::try_from(looking.cursor.line.checked_sub(looking.top)?).ok()?;
    let column = u16::try_from(looking.cursor.column).ok()?;
    (row < area.height && column < area.width).then(|| Position::new(area.x + column, area.y + row))
}

/// All that was found, as far as it is seen.
fn draw_found(looking: &Looking, style: Style, area: Rect, buffer: &mut Buffer) {
    let Some(search) = &looking.search else { return };
    let bottom = looking.top + usize::from(area.height);
    let first = search.found.partition_point(|found| found.last.line < looking.top);
    for found in search.found[first..].iter().take_while(|found| found.first.line < bottom) {
        for line in found.first.line.max(looking.top)..=found.last.line.min(bottom.saturating_sub(1)) {
            let from = if line == found.first.line { found.first.column } else { 0 };
            let to =
                if line == found.last.line { found.last.column + 1 } else { looking.transcript.columns() };
            let row = u16::try_from(line - looking.top).unwrap_or(u16::MAX);
            mark(from..to, row, style, area, buffer);
        }
    }
}

fn mark(columns: Range<usize>, row: u16, style: Style, area: Rect, buffer: &mut Buffer) {
    let column = |column: usize| u16::try_from(column).unwrap_or(u16::MAX).min(area.width);
    for x in column(columns.start)..column(columns.end) {
        if let Some(cell) = buffer.cell_mut((area.x + x, area.y + row)) {
            cell.set_style(style);
        }
    }
}

/// The line in which one types what is looked for, over the last line of the pane.
fn draw_prompt(model: &Model, looking: &Looking, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let prompt = looking.prompt.as_ref()?;
    let row = Rect { y: area.bottom().checked_sub(1)?, height: 1, ..area };
    super::fill(row, model.theme.bar(), buffer);
    let sign = if prompt.is_backward { "?" } else { "/" };
    super::draw_text(sign, model.theme.bar(), row, buffer);
    let count = found_words(model, looking).unwrap_or_default();
    let count_columns = u16::try_from(clip::width(&count)).unwrap_or(0);
    let room = row.width.saturating_sub(count_columns + 3).max(1);
    let text = Rect { x: row.x + 1, width: room, ..row };
    let (lines, (line, column)) = prompt.editor.visual(usize::from(room));
    super::draw_text(&lines[line], model.theme.bar(), text, buffer);
    let right = Rect { x: row.right().saturating_sub(count_columns + 1).max(row.x), ..row };
    if room > 1 {
        super::draw_text(&count, model.theme.bar(), Rect { width: row.right() - right.x, ..right }, buffer);
    }
    Some(Position::new(
        (text.x + u16::try_from(column).unwrap_or(0)).min(row.right().saturating_sub(1)),
        row.y,
    ))
}

/// Which of what was found one is at.
fn found_words(model: &Model, looking: &Looking) -> Option<String> {
    let hunt = looking.hunt.as_ref().and_then(Hunt::since);
    if hunt.is_some_and(|since| model.is_slow(since)) {
        return Some("searching …".to_owned());
    }
    let search = looking.search.as_ref()?;
    Some(match (search.at, search.found.len()) {
        (_, 0) => "nowhere".to_owned(),
        (Some(at), count) => format!("{} of {count}", at + 1),
        (None, count) => count.to_string(),
    })
}

/// What the header of the pane says of it.
pub(super) fn header(model: &Model, looking: &Looking) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    if let Some(words) = found_words(model, looking).filter(|_| looking.prompt.is_none()) {
        spans.push(Span::styled(format!(" {words} "), model.theme.text()));
    }
    spans.push(Span::styled(
        format!(" ↑ {}/{} ", looking.scrolled(), looking.last_top()),
        model.theme.warning_bar(),
    ));
    spans
}
