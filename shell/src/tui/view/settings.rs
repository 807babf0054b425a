//! What can be set: one row a key, and below them what the chosen one means.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::keys;
use crate::tui::action::Action;
use crate::tui::clip;
use crate::tui::dialog::settings::{SettingsDialog, SettingsKey};
use crate::tui::errands::{Origin, Setting};
use crate::tui::model::Model;

/// Columns of the screen, of a key, and of a value's origin.
const COLUMNS: u16 = 100;
const KEY_COLUMNS: usize = 22;
const ORIGIN_COLUMNS: usize = 10;
/// Lines below the rows: an empty one, two of meaning, one of what came of it, and the keys.
const FOOT: u16 = 5;

/// Draws it, and tells where its cursor is.
pub(super) fn draw(
    model: &Model,
    dialog: &SettingsDialog,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let theme = model.theme;
    let count = u16::try_from(dialog.rows.len().max(1)).unwrap_or(u16::MAX);
    let size = (COLUMNS, count.saturating_add(FOOT));
    let inner = super::draw_box("Settings (config.toml)", size, theme, area, buffer);
    // Where little fits, the rows come first, unless there is something to tell.
    let foot = match &dialog.told {
        _ if inner.height > 2 * FOOT => FOOT,
        Some(_) => inner.height.min(FOOT - 1),
        None => inner.height.min(2),
    };
    let list = Rect { height: inner.height.saturating_sub(foot), ..inner };
    let below = Rect { y: list.bottom(), height: foot, ..inner };
    if dialog.rows.is_empty() {
        let text = dialog.told.as_ref().map_or("reading …", |(_, text)| text.as_str());
        super::draw_lines(&super::paragraph(text, list.width, theme.text()), list, buffer);
    }
    let first = (dialog.at + 1).saturating_sub(usize::from(list.height));
    let mut cursor = None;
    for (row, (place, setting)) in list.rows().zip(dialog.rows.iter().enumerate().skip(first)) {
        let is_chosen = place == dialog.at;
        super::draw_lines(&[line(model, setting, is_chosen, row.width)], row, buffer);
        if is_chosen {
            cursor = draw_typed(model, dialog, row, buffer);
        }
    }
    draw_foot(model, dialog, below, buffer);
    cursor
}

fn key_columns(columns: u16) -> usize {
    KEY_COLUMNS.min(usize::from(columns) / 2)
}

fn line(model: &Model, setting: &Setting, is_chosen: bool, columns: u16) -> Line<'static> {
    let theme = model.theme;
    let width = key_columns(columns);
    let key = clip::clip(&clip::safe(&setting.key), width.saturating_sub(3));
    let gap = " ".repeat(width.saturating_sub(2 + clip::width(&key)));
    let has_origin = usize::from(columns) > 2 * KEY_COLUMNS + ORIGIN_COLUMNS;
    let origin_columns = if has_origin { ORIGIN_COLUMNS } else { 0 };
    let room = usize::from(columns).saturating_sub(width + origin_columns);
    let value = clip::clip(&clip::safe(&setting.value), room.saturating_sub(1));
    let padding = " ".repeat(room - clip::width(&value).min(room));
    let value_style = match setting.origin {
        Origin::Default => theme.faint(),
        Origin::File | Origin::Environment => theme.text(),
    };
    let mut spans = vec![
        Span::raw(if is_chosen { "▸ " } else { "  " }),
        Span::styled(key, if is_chosen { theme.chosen() } else { theme.strong() }),
        Span::raw(gap),
        Span::styled(value, value_style),
        Span::raw(padding),
    ];
    if has_origin {
        spans.push(Span::styled(setting.origin.as_str(), theme.faint()));
    }
    Line::from(spans)
}

/// Draws what is typed over the value in `row`.
fn draw_typed(model: &Model, dialog: &SettingsDialog, row: Rect, buffer: &mut Buffer) -> Option<Position> {
    let typed = dialog.typed.as_ref()?;
    let start = u16::try_from(key_columns(row.width)).unwrap_or(row.width).min(row.width);
    let field = Rect { x: row.x + start, width: row.width - start, ..row };
    super::fill(field, model.theme.dialog(), buffer);
    let (lines, (line, column)) = typed.visual(usize::from(field.width.max(1)));
    super::draw_text(lines.get(line).map_or("", String::as_str), model.theme.strong(), field, buffer);
    Some(Position::new(
        field.x + u16::try_from(column).unwrap_or(0).min(field.width.saturating_sub(1)),
        field.y,
    ))
}

fn draw_foot(model: &Model, dialog: &SettingsDialog, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let mut lines = Vec::new();
    let told = dialog.told.as_ref().filter(|_| !dialog.rows.is_empty()).map(|(is_done, text)| {
        let style = if *is_done { theme.strong() } else { theme.error() };
        super::paragraph(text, area.width, style)
    });
    let about = dialog.chosen().map(|setting| {
        let when = if setting.is_live { "" } else { " (from the next start on)" };
        super::paragraph(&format!("{}{when}", setting.about), area.width, theme.text())
    });
    let room = usize::from(area.height).saturating_sub(1);
    if room > 3 {
        lines.push(Line::default());
    }
    // What came of a change is worth more than what the key means.
    lines.extend(told.unwrap_or_default());
    lines.extend(about.unwrap_or_default());
    lines.truncate(room);
    super::draw_lines(&lines, area, buffer);
    let key = |act| model.keys.first_keys(&[Action::InSettings(act)]);
    let (change, reset, close) = (key(SettingsKey::Change), key(SettingsKey::Reset), key(SettingsKey::Close));
    let choosing = [(change.as_str(), "change"), (&reset, "back to the default"), (&close, "close")];
    let typing = [("Enter", "write it"), ("Esc", "leave it as it was")];
    let hints: &[_] = if dialog.typed.is_some() { &typing } else { &choosing };
    let last = Rect { y: area.bottom().saturating_sub(1), height: area.height.min(1), ..area };
    super::draw_lines(&[keys::hints(hints, last.width, theme)], last, buffer);
}
