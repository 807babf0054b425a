//! All workstreams, one line each: how they fare, who waits, on which branch and since when.

use ccells_core::snapshot::Card;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::pane::{agent_words, rebase_words, title};
use crate::tui::list;
use crate::tui::model::Model;
use crate::tui::{clip, theme};

/// Columns of the state's word, of the age, and of how the agent fares, there and on a narrow screen.
const STATE_COLUMNS: usize = 9;
const AGE_COLUMNS: usize = 12;
const AGENT_COLUMNS: usize = 20;
const NARROW_AGENT_COLUMNS: usize = 15;
/// From here on a column is shown at all: the agent's title; the branch; the age and the state's word.
const TITLE_FROM: usize = 110;
const BRANCH_FROM: usize = 80;
const AGE_FROM: usize = 58;

/// Draws it.
pub(super) fn draw(model: &Model, buffer: &mut Buffer) {
    let area = model.panes_area();
    let theme = model.theme;
    if area.height == 0 {
        return;
    }
    let rows = list::rows(model);
    let head = Rect { height: 1, ..area };
    super::fill(head, theme.status(), buffer);
    let heading =
        format!(" {} · {}", clip::counted(rows.len(), "workstream", "workstreams"), model.sort.name());
    super::draw_text(&clip::clip(&heading, usize::from(area.width)), theme.strong(), head, buffer);
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    if rows.is_empty() {
        let text = format!("  no match for `{}`; Esc shows all", clip::safe(model.filter.text()));
        super::draw_text(&clip::clip(&text, usize::from(area.width)), theme.faint(), body, buffer);
    }
    let focused = model.focused_index();
    let at = rows.iter().position(|place| *place == focused).unwrap_or(0);
    let first = (at + 1).saturating_sub(usize::from(body.height));
    let has_titles = model.cards().any(|card| title(card).is_some());
    for (row, place) in body.rows().zip(rows.iter().skip(first)) {
        let Some(card) = model.order.get(*place).and_then(|id| model.card(id)) else { continue };
        let is_chosen = *place == focused;
        let line = line(model, card, *place, is_chosen, has_titles, usize::from(row.width));
        buffer.set_line(row.x, row.y, &line, row.width);
    }
}

fn line(
    model: &Model,
    card: &Card,
    place: usize,
    is_chosen: bool,
    has_titles: bool,
    columns: usize,
) -> Line<'static> {
    let theme = model.theme;
    let (agent, is_urgent) = agent_words(model, card).unwrap_or_default();
    let agent = match card.progress {
        Some(progress) => {
            let seconds = clip::duration(model.now.since(progress.since));
            format!("{}/{} {} ({seconds})", progress.index, progress.of, progress.text())
        }
        None => rebase_words(card).map_or(agent, |(words, _)| words),
    };
    let (state_columns, age_columns, agent_columns) = if columns >= AGE_FROM {
        (STATE_COLUMNS, AGE_COLUMNS, AGENT_COLUMNS)
    } else {
        (0, 0, NARROW_AGENT_COLUMNS)
    };
    // The pointer, the number, the mark and the word of the state stand in front of the name.
    let left = columns.saturating_sub(8 + state_columns + age_columns + agent_columns);
    let has_branch = columns >= BRANCH_FROM;
    let has_title = has_titles && columns >= TITLE_FROM;
    let name_columns = left / (1 + usize::from(has_branch) + usize::from(has_title));
    let branch_columns = if has_title { name_columns } else { left - name_columns };
    let name_style = match (is_chosen, is_urgent) {
        (true, _) => theme.chosen(),
        (false, true) => theme.strong(),
        (false, false) => theme.text(),
    };
    let mut spans = vec![
        Span::raw(if is_chosen { "▸" } else { " " }),
        Span::styled(format!("{:>3} ", place + 1), theme.faint()),
        Span::styled(
            format!("{} {}", theme::mark(card.state), padded(card.state.as_str(), state_columns)),
            theme.state(card.state),
        ),
        Span::styled(padded(&clip::safe(&card.name), name_columns), name_style),
        Span::raw(" "),
    ];
    let agent_style = if is_urgent { theme.attention() } else { theme.faint() };
    let shown = clip::clip(&agent, agent_columns - 1);
    let gap = " ".repeat(agent_columns - clip::width(&shown));
    spans.extend([Span::styled(shown, agent_style), Span::raw(gap)]);
    if has_branch {
        spans.push(Span::styled(padded(&clip::safe(&card.branch), branch_columns), theme.faint()));
    }
    if has_title {
        let title = title(card).unwrap_or_default();
        spans.push(Span::raw(padded(&title, left - name_columns - branch_columns)));
    }
    if age_columns > 0 {
        let age = clip::duration(model.wall.0.saturating_sub(card.created_at.0));
        spans.push(Span::styled(format!("{age:>width$}", width = AGE_COLUMNS - 1), theme.faint()));
    }
    Line::from(spans)
}

/// `text` in exactly so many columns, the last of them a blank.
fn padded(text: &str, columns: usize) -> String {
    let text = clip::clip(text, columns.saturating_sub(1));
    let gap = " ".repeat(columns - clip::width(&text).min(columns));
    format!("{text}{gap}")
}
