//! The log: time, mark and words of everything that happened, the newest at the bottom.

use ccells_core::effect::Level;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::keys;
use crate::tui::action::Action;
use crate::tui::clip;
use crate::tui::dialog::log::{LogDialog, LogKey};
use crate::tui::log::Entry;
use crate::tui::model::Model;
use crate::tui::theme;

/// Widest log.
const COLUMNS: u16 = 120;
/// Columns of the time and the mark, with their blanks.
const HEAD_COLUMNS: usize = 12;

/// Draws it.
pub(super) fn draw(model: &Model, dialog: &LogDialog, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let entries: Vec<&Entry> = model.log.at_least(dialog.least).collect();
    let what = match dialog.least {
        Level::Info => "all",
        Level::Warning => "warnings and errors",
        Level::Error => "errors",
    };
    let title = format!("Log: {what} ({})", entries.len());
    let inner = super::draw_box(&title, (COLUMNS, area.height), theme, area, buffer);
    let page = Rect { height: inner.height.saturating_sub(1), ..inner };
    let rows = usize::from(page.height);
    if entries.is_empty() {
        super::draw_text("nothing of that kind has happened", theme.faint(), page, buffer);
    }
    let below = dialog.below(entries.len(), rows.min(entries.len()));
    let room = usize::from(page.width).saturating_sub(HEAD_COLUMNS).max(8);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for entry in entries.iter().rev().skip(below) {
        let mut shown = entry_lines(entry, room, model);
        shown.extend(std::mem::take(&mut lines));
        lines = shown;
        if lines.len() >= rows {
            lines.drain(..lines.len() - rows);
            break;
        }
    }
    super::draw_lines(&lines, page, buffer);
    let of = |acts: &[LogKey]| {
        model.keys.first_keys(&acts.iter().map(|act| Action::InLog(*act)).collect::<Vec<_>>())
    };
    let scroll = of(&[LogKey::Back, LogKey::On]);
    let levels = of(&[LogKey::All, LogKey::Warnings, LogKey::Errors]);
    let close = of(&[LogKey::Close]);
    let hints = [(scroll.as_str(), "scroll"), (&levels, "from this level on"), (&close, "close")];
    let last = Rect { y: inner.bottom().saturating_sub(1), height: inner.height.min(1), ..inner };
    super::draw_lines(&[keys::hints(&hints, last.width, theme)], last, buffer);
}

fn entry_lines(entry: &Entry, room: usize, model: &Model) -> Vec<Line<'static>> {
    let theme = model.theme;
    let mut lines = Vec::new();
    for (number, text) in clip::wrap(&entry.text, room).into_iter().enumerate() {
        lines.push(if number == 0 {
            Line::from(vec![
                Span::styled(entry.time(), theme.faint()),
                Span::raw(" "),
                Span::styled(theme::level_mark(entry.level), theme.level(entry.level)),
                Span::raw(format!(" {text}")),
            ])
        } else {
            Line::raw(format!("{}{text}", " ".repeat(HEAD_COLUMNS)))
        });
    }
    lines
}
