//! What is drawn: pure over the model and the panes' screens. Only cells are drawn, and every text from outside is made
//! safe first.

mod card;
mod clipboard;
mod copy;
mod dialogs;
mod diff;
mod export;
mod help;
mod keys;
mod list;
mod log;
mod palette;
mod pane;
mod push;
mod rebase;
mod resources;
mod settings;
mod shutdown;
mod status;
mod tabs;
mod toasts;

use std::collections::BTreeSet;

use alacritty_terminal::vte::ansi::CursorShape;
use ccells_core::ids::WorkstreamId;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use super::Panes;
use super::dialog::Dialog;
use super::model::{Mode, Model};
use super::screen::Cursor;
use super::theme::Theme;

/// The smallest screen on which anything can be shown, in columns and rows.
const SMALLEST: (u16, u16) = (20, 4);

/// Draws one frame, and tells where its cursor is.
pub(crate) fn draw(buffer: &mut Buffer, model: &Model, panes: &dyn Panes) -> Cursor {
    let area = buffer.area;
    if is_too_small(area) {
        let text = format!("needs {}×{}", SMALLEST.0, SMALLEST.1);
        draw_text(&text, model.theme.error(), area, buffer);
        return None;
    }
    status::draw_banners(model, buffer);
    let in_pane = if model.order.is_empty() {
        card::draw_empty(model, model.panes_area(), buffer);
        None
    } else if matches!(model.dialog, Some(Dialog::Diff(_))) {
        // It hides the panes.
        None
    } else if model.is_list {
        list::draw(model, buffer);
        None
    } else {
        tabs::draw(model, buffer);
        pane::draw_page(model, panes, buffer)
    };
    status::draw_status(model, buffer);
    let in_dialog = draw_above(model, area, buffer).map(|position| (position, CursorShape::Beam));
    toasts::draw(model, buffer);
    in_dialog.or(in_pane.filter(|_| types(model)))
}

/// Draws those of the panes anew that changed, into the frame that was drawn before of the same model, and notes where.
/// The cursor when one of them has it. Only when [`is_plain`].
pub(crate) fn redraw(
    buffer: &mut Buffer,
    model: &Model,
    panes: &dyn Panes,
    changed: &BTreeSet<WorkstreamId>,
    areas: &mut Vec<Rect>,
) -> Option<Cursor> {
    if is_too_small(buffer.area) {
        return None;
    }
    let cursor = pane::redraw(model, panes, changed, buffer, areas);
    // What is told for a while lies over the panes and is as it was: no more cells than those of the panes change.
    toasts::draw(model, buffer);
    cursor.map(|cursor| cursor.filter(|_| types(model)))
}

/// Whether there is no room for anything but to say so.
fn is_too_small(area: Rect) -> bool {
    area.width < SMALLEST.0 || area.height < SMALLEST.1
}

/// Whether nothing lies above the panes but what is told for a while, so that each of them can be drawn without the others.
pub(crate) fn is_plain(model: &Model) -> bool {
    model.dialog.is_none()
        && !model.is_list
        && !model.is_shutting_down()
        && model.size.0 >= SMALLEST.0
        && model.size.1 >= SMALLEST.1
}

/// Whether keys go to the agent.
fn types(model: &Model) -> bool {
    let has_cursor = model.mode == Mode::Input || model.is_looking();
    has_cursor && model.dialog.is_none() && !model.is_shutting_down()
}

/// Draws what lies above the panes, and tells where its cursor is.
fn draw_above(model: &Model, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    if let Some(ending) = model.snapshot.as_deref().and_then(|snapshot| snapshot.shutdown.as_ref()) {
        shutdown::draw(model, ending, area, buffer);
        return None;
    }
    match model.dialog.as_ref()? {
        Dialog::New(dialog) => Some(dialogs::draw_new(model, dialog, area, buffer)),
        Dialog::Discard(dialog) => dialogs::draw_discard(model, dialog, area, buffer),
        Dialog::Palette(dialog) => Some(palette::draw(model, dialog, area, buffer)),
        Dialog::Export(dialog) => Some(export::draw(model, dialog, area, buffer)),
        Dialog::Clipboard(dialog) => {
            clipboard::draw(model, dialog, area, buffer);
            None
        }
        Dialog::Filter(dialog) => Some(status::draw_filter(model, dialog, buffer)),
        Dialog::Diff(dialog) => diff::draw(model, dialog, buffer),
        Dialog::Settings(dialog) => settings::draw(model, dialog, area, buffer),
        Dialog::Log(dialog) => {
            log::draw(model, dialog, area, buffer);
            None
        }
        Dialog::Resources(dialog) => {
            resources::draw(model, dialog, area, buffer);
            None
        }
        Dialog::Push(dialog) => Some(push::draw(model, dialog, area, buffer)),
        Dialog::Merge(dialog) => {
            dialogs::draw_merge(model, dialog, area, buffer);
            None
        }
        Dialog::Rebase(dialog) => {
            rebase::draw(model, dialog, area, buffer);
            None
        }
        Dialog::Quit(dialog) => {
            dialogs::draw_quit(model, *dialog, area, buffer);
            None
        }
        Dialog::Recovery(dialog) => {
            dialogs::draw_recovery(model, dialog, area, buffer);
            None
        }
        Dialog::Help { scroll } => {
            help::draw(model, *scroll, area, buffer);
            None
        }
    }
}

/// A frame in the middle of `area` for `columns` by `rows` cells of content, as far as they fit; returns where the
/// content goes.
fn draw_box(title: &str, (columns, rows): (u16, u16), theme: Theme, area: Rect, buffer: &mut Buffer) -> Rect {
    // One column of air left and right of the content.
    let width = columns.saturating_add(4).min(area.width);
    let height = rows.saturating_add(2).min(area.height);
    let outer =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    Clear.render(outer, buffer);
    buffer.set_style(outer, theme.dialog());
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.focused())
        .title(Line::styled(format!(" {title} "), theme.strong()));
    let inner = block.inner(outer);
    block.render(outer, buffer);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}

/// Draws lines from the top of `area`, as many as fit.
fn draw_lines(lines: &[Line<'_>], area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    for (row, line) in area.rows().zip(lines) {
        buffer.set_line(row.x, row.y, line, row.width);
    }
}

/// Draws `text` into the first row of `area`, as far as there is one.
fn draw_text(text: &str, style: Style, area: Rect, buffer: &mut Buffer) {
    draw_lines(&[Line::styled(text, style)], area, buffer);
}

/// Fills a row with a style and blanks.
fn fill(area: Rect, style: Style, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    let mut blank = Cell::EMPTY;
    blank.set_style(style);
    for y in area.top()..area.bottom() {
        let start = buffer.index_of(area.x, y);
        buffer.content[start..start + usize::from(area.width)].fill(blank.clone());
    }
}

/// `text` in lines no wider than `columns`, all in one style.
fn paragraph(text: &str, columns: u16, style: Style) -> Vec<Line<'static>> {
    super::clip::wrap(text, usize::from(columns)).into_iter().map(|line| Line::styled(line, style)).collect()
}

/// How many columns `spans` take.
fn spans_width(spans: &[Span<'_>]) -> usize {
    spans.iter().map(Span::width).sum()
}
