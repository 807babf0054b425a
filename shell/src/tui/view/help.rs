//! What the keys do, from the table that is looked up when they are pressed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::keys;
use crate::tui::action::{Action, GROUPS};
use crate::tui::clip;
use crate::tui::model::Model;
use crate::tui::theme::Theme;

/// Columns of one column of the page.
const COLUMNS: u16 = 42;
/// The groups at the left and at the right.
const LEFT: [usize; 7] = [0, 1, 5, 6, 7, 8, 9];
const RIGHT: [usize; 3] = [2, 3, 4];
/// Columns of the names of keys.
const KEY_COLUMNS: usize = 14;

/// Draws the page, with `scroll` lines above it.
pub(super) fn draw(model: &Model, scroll: u16, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let is_wide = area.width >= 2 * COLUMNS + 6;
    let (left, right) = (column(&LEFT, model), column(&RIGHT, model));
    let columns = if is_wide { 2 * COLUMNS + 2 } else { COLUMNS };
    let rows = if is_wide { left.len().max(right.len()) } else { left.len() + 1 + right.len() };
    let height = u16::try_from(rows + 2).unwrap_or(u16::MAX);
    let inner = super::draw_box("Keys", (columns, height), theme, area, buffer);
    let page = Rect { height: inner.height.saturating_sub(1), ..inner };
    let hidden = rows.saturating_sub(usize::from(page.height));
    let skip = usize::from(scroll).min(hidden);
    let columns = usize::from(page.width.min(COLUMNS));
    let shown = |lines: Vec<Line<'static>>| {
        lines.into_iter().skip(skip).map(|line| cut(line, columns)).collect::<Vec<_>>()
    };
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

/// The line in so many columns; that words are cut off is told.
fn cut(mut line: Line<'static>, columns: usize) -> Line<'static> {
    let beyond = line.width().saturating_sub(columns);
    if let Some(last) = line.spans.last_mut().filter(|_| beyond > 0) {
        last.content = clip::clip(&last.content, last.width().saturating_sub(beyond)).into();
    }
    line
}

fn column(groups: &[usize], model: &Model) -> Vec<Line<'static>> {
    let theme = model.theme;
    let mut lines = Vec::new();
    for group in groups.iter().filter_map(|place| GROUPS.get(*place)) {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::styled(group.title, theme.strong()));
        let panes = panes(model);
        for described in group.actions {
            if panes.is_some() && matches!(described.action, Action::Pane(_)) {
                continue;
            }
            let keys: Vec<String> =
                model.keys.keys(described.action).map(|chord| chord.to_string()).collect();
            let wide = keys.join("  ");
            let keys = if clip::width(&wide) < KEY_COLUMNS { wide } else { keys.join(" ") };
            lines.push(line(&keys, described.help, theme));
        }
        match group.title {
            "Workstreams" => {
                lines.push(line(&model.leader.to_string(), "back from the pane", theme));
                lines.push(line("", "twice: send it to the agent", theme));
            }
            "Moving" => lines.extend(panes.map(|keys| line(&keys, "that pane", theme))),
            _ => {}
        }
    }
    lines
}

/// The keys of all numbered panes in one, where they are their numbers.
fn panes(model: &Model) -> Option<String> {
    let is_usual = |number: u8| {
        let mut keys = model.keys.keys(Action::Pane(number)).map(|chord| chord.to_string());
        keys.next() == Some(number.to_string()) && keys.next().is_none()
    };
    (1..=9).all(is_usual).then(|| "1 … 9".to_owned())
}

fn line(keys: &str, help: &str, theme: Theme) -> Line<'static> {
    let padding = " ".repeat(KEY_COLUMNS.saturating_sub(clip::width(keys)).max(1));
    Line::from(vec![
        Span::styled(keys.to_owned(), theme.key()),
        Span::raw(padding),
        Span::raw(help.to_owned()),
    ])
}
