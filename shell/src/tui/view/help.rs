//! What the keys do, from the table that is looked up when they are pressed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::keys;
use crate::tui::action::{GROUPS, Group};
use crate::tui::copy;
use crate::tui::model::Model;
use crate::tui::theme::Theme;

/// Columns of one column of the page.
const COLUMNS: u16 = 40;
/// Columns of the names of keys.
const KEY_COLUMNS: usize = 12;

/// Draws the page, with `scroll` lines above it.
pub(super) fn draw(model: &Model, scroll: u16, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let is_wide = area.width >= 2 * COLUMNS + 6;
    let (left, mut right) = (column(&GROUPS[..2], model), column(&GROUPS[2..], model));
    right.extend([Line::default(), Line::styled("While looking back", theme.strong())]);
    right.extend(copy::KEYS.iter().map(|(keys, help)| line(keys, help, theme)));
    let columns = if is_wide { 2 * COLUMNS + 2 } else { COLUMNS };
    let rows = if is_wide { left.len().max(right.len()) } else { left.len() + 1 + right.len() };
    let height = u16::try_from(rows + 2).unwrap_or(u16::MAX);
    let inner = super::draw_box("Keys", (columns, height), theme, area, buffer);
    let page = Rect { height: inner.height.saturating_sub(1), ..inner };
    let hidden = rows.saturating_sub(usize::from(page.height));
    let skip = usize::from(scroll).min(hidden);
    let shown = |lines: Vec<Line<'static>>| lines.into_iter().skip(skip).collect::<Vec<_>>();
    if is_wide {
        super::draw_lines(&shown(left), Rect { width: COLUMNS.min(page.width), ..page }, buffer);
        let x = page.x + COLUMNS + 2;
        let width = page.right().saturating_sub(x);
        super::draw_lines(&shown(right), Rect { x, width, ..page }, buffer);
    } else {
        super::draw_lines(&shown([left, vec![Line::default()], right].concat()), page, buffer);
    }
    let hints: &[_] = if hidden > 0 {
        &[("↓ ↑", "scroll"), ("any other key", "closes")]
    } else {
        &[("any key", "closes")]
    };
    let last = Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner };
    super::draw_lines(&[keys::hints(hints, last.width, theme)], last, buffer);
}

fn column(groups: &[Group], model: &Model) -> Vec<Line<'static>> {
    let theme = model.theme;
    let mut lines = Vec::new();
    for group in groups {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::styled(group.title, theme.strong()));
        for described in group.actions {
            let keys: Vec<String> =
                model.keys.keys(described.action).map(|chord| chord.to_string()).collect();
            lines.push(line(&keys.join("  "), described.help, theme));
        }
        match group.title {
            "Workstreams" => {
                lines.push(line(&model.leader.to_string(), "back from the pane", theme));
                lines.push(line("", "twice: send it to the agent", theme));
            }
            "Moving" => lines.push(line("1 … 9", "that pane", theme)),
            _ => {}
        }
    }
    lines
}

fn line(keys: &str, help: &str, theme: Theme) -> Line<'static> {
    let padding = " ".repeat(KEY_COLUMNS.saturating_sub(crate::tui::clip::width(keys)));
    Line::from(vec![
        Span::styled(keys.to_owned(), theme.key()),
        Span::raw(padding),
        Span::raw(help.to_owned()),
    ])
}
