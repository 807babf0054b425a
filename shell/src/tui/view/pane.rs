//! The panes of the page: a header that tells how the workstream fares, and below it the agent's own screen, or a card
//! where there is none.

use std::collections::BTreeSet;

use ccells_core::agent::{AgentLife, AgentReport, AgentStatus};
use ccells_core::ids::WorkstreamId;
use ccells_core::snapshot::{Card, CardState, EngineState};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{card, copy};
use crate::terminal::paint::{self, Painted};
use crate::tui::action::Action;
use crate::tui::clip;
use crate::tui::layout::Placed;
use crate::tui::model::{Attention, Mode, Model};
use crate::tui::screen::Cursor;
use crate::tui::theme;
use crate::tui::{PaneScreen, Panes, Rows};

/// A paste of less is over before anybody could read how far it is.
const SHOWN_PASTE_BYTES: usize = 64 * 1_024;
/// Columns a name is given before anything else beside it.
const NAME_COLUMNS: usize = 12;

/// Draws the page, and tells where the cursor of the focused agent is.
pub(super) fn draw_page(model: &Model, panes: &dyn Panes, buffer: &mut Buffer) -> Cursor {
    let page = model.page();
    if page.panes.is_empty() {
        draw_no_match(model, buffer);
    }
    let mut cursor = None;
    for pane in &page.panes {
        let Some(card) = model.order.get(pane.index).and_then(|id| model.card(id)) else { continue };
        let painted = draw_content(model, card, panes, pane.content, &Rows::ALL, buffer);
        draw_header(model, card, pane, painted, buffer);
        if model.focused.as_ref() == Some(&card.id) {
            cursor = cursor_of(painted);
        }
    }
    draw_gutters(model, &page.panes, buffer);
    cursor
}

/// What stands where no pane is let through.
fn draw_no_match(model: &Model, buffer: &mut Buffer) {
    let area = model.panes_area();
    let text = format!("  no match for `{}`; Esc shows all", clip::safe(model.filter.text()));
    let row = Rect { y: area.y + area.height / 2, height: area.height.min(1), ..area };
    super::draw_text(&clip::clip(&text, usize::from(area.width)), model.theme.faint(), row, buffer);
}

/// Draws those panes of the page anew that changed, and notes where. The cursor when the focused one is among them.
pub(super) fn redraw(
    model: &Model,
    panes: &dyn Panes,
    changed: &BTreeSet<WorkstreamId>,
    buffer: &mut Buffer,
    areas: &mut Vec<Rect>,
) -> Option<Cursor> {
    let mut cursor = None;
    for pane in &model.page().panes {
        let card =
            model.order.get(pane.index).filter(|id| changed.contains(*id)).and_then(|id| model.card(id));
        // Where one looks back nothing moves.
        let is_live = |card: &&Card| model.looking.as_ref().is_none_or(|it| it.workstream != card.id);
        let Some(card) = card.filter(is_live) else { continue };
        // Where nothing of ours is drawn over the screen, its rows can be drawn one by one.
        let is_bare = card.state == CardState::Running && bar(model, card).is_none();
        let rows = panes.take_rows(&card.id);
        let rows = if is_bare { rows } else { Rows::ALL };
        let content = pane.content;
        for run in rows.runs(content.height) {
            let area = Rect { y: content.y + run.start, height: run.end - run.start, ..content };
            super::fill(area, Style::new(), buffer);
            areas.push(area);
        }
        let painted = draw_content(model, card, panes, content, &rows, buffer);
        if !is_bare || painted.is_none_or(|painted| painted.scrolled > 0) {
            super::fill(pane.header(), Style::new(), buffer);
            areas.push(pane.header());
            draw_header(model, card, pane, painted, buffer);
        }
        if model.focused.as_ref() == Some(&card.id) {
            cursor = Some(cursor_of(painted));
        }
    }
    cursor
}

fn cursor_of(painted: Option<Painted>) -> Cursor {
    painted.and_then(|painted| Some((painted.cursor?, painted.shape)))
}

/// Draws those `rows` of the agent's screen, or the card; `None` when there is no screen.
fn draw_content(
    model: &Model,
    card: &Card,
    panes: &dyn Panes,
    area: Rect,
    rows: &Rows,
    buffer: &mut Buffer,
) -> Option<Painted> {
    let (may_show, is_faint) = match card.state {
        CardState::Running => (true, false),
        // A session does not need the engine: what it shows is live.
        CardState::Unknown => (true, !card.is_attached),
        CardState::Paused | CardState::Stopped => (true, true),
        CardState::Creating | CardState::Failed | CardState::Lost | CardState::Removing => (false, true),
    };
    let looking = model.looking.as_ref().filter(|looking| looking.workstream == card.id);
    if let Some(looking) = looking.filter(|_| may_show) {
        return Some(copy::draw(model, looking, area, buffer));
    }
    let mut painted = None;
    if may_show {
        let look = &mut |screen: PaneScreen<'_>| {
            painted = Some(paint::paint_rows(screen, area, is_faint, rows, buffer));
        };
        panes.with_screen(&card.id, look);
    }
    let Some(painted) = painted else {
        card::draw(model, card, area, buffer);
        return None;
    };
    if let Some((text, style)) = bar(model, card) {
        draw_bar(&text, style, area, buffer);
    }
    Some(painted)
}

/// What has to be said over the last line of a screen on which nothing moves.
fn bar(model: &Model, card: &Card) -> Option<(String, Style)> {
    let theme = model.theme;
    let plain = |text: &str| Some((text.to_owned(), theme.bar()));
    let key = |action| model.keys.hint(action);
    match card.state {
        CardState::Paused => {
            Some((format!("PAUSED   {} lets it go on", key(Action::Resume)), theme.warning_bar()))
        }
        CardState::Stopped => plain(&format!(
            "STOPPED   {} starts it again, {} discards it",
            key(Action::Resume),
            key(Action::Discard)
        )),
        CardState::Unknown if card.is_attached => None,
        CardState::Unknown => plain("as last seen; the engine does not answer"),
        CardState::Running => match &card.agent {
            Some(AgentReport { life: AgentLife::Exited(exit), .. }) => {
                let style = if exit.is_success() { theme.bar() } else { theme.error_bar() };
                let helps = if model.is_alone {
                    String::new()
                } else {
                    format!(": {} restart", key(Action::Restart))
                };
                Some((format!("agent {}{helps}", clip::safe(&exit.to_string())), style))
            }
            Some(_) | None if !card.is_attached => plain("reaching its terminal again …"),
            Some(_) | None => None,
        },
        CardState::Creating | CardState::Failed | CardState::Lost | CardState::Removing => None,
    }
}

fn draw_bar(text: &str, style: Style, area: Rect, buffer: &mut Buffer) {
    let Some(y) = area.bottom().checked_sub(1).filter(|y| *y >= area.y) else { return };
    let row = Rect { y, height: 1, ..area };
    super::fill(row, style, buffer);
    super::draw_text(&clip::clip(&format!(" {text}"), usize::from(row.width)), style, row, buffer);
}

fn draw_header(model: &Model, card: &Card, pane: &Placed, painted: Option<Painted>, buffer: &mut Buffer) {
    let theme = model.theme;
    let area = pane.header();
    let is_focused = model.focused.as_ref() == Some(&card.id);
    let is_input = is_focused && model.mode == Mode::Input && model.dialog.is_none();
    let (line, rule) = match (is_focused, is_input) {
        (_, true) => ("━", theme.focused_input()),
        (true, false) => ("━", theme.focused()),
        (false, false) => ("─", theme.faint()),
    };
    for x in area.x..area.right() {
        buffer[(x, area.y)].set_symbol(line).set_style(rule);
    }
    // The rule begins before the number and goes on after the right side by one column.
    let room = usize::from(area.width).saturating_sub(1);
    let fits = |spans: &[Span<'_>]| super::spans_width(spans) + NAME_COLUMNS + 6 <= room;
    let mut right = right_side(model, card, painted);
    if !fits(&right) && pasting(model, card).is_some() {
        right =
            pasting(model, card).map(|text| Span::styled(text, theme.warning_bar())).into_iter().collect();
    } else if !fits(&right) && card.rebase.is_some() && model.attention(card).is_none() {
        right = rebase_span(model, card).into_iter().collect();
    } else if !fits(&right) && model.attention(card).is_some() {
        // That somebody waits is told even where the words for it do not fit.
        right = vec![Span::styled(" ! ", theme.attention())];
    }
    let right_width = super::spans_width(&right);
    let has_right = fits(&right);
    let left_room = if has_right { room - right_width - 2 } else { room };
    let left = left_side(model, card, pane.index, is_focused, is_input, left_room);
    buffer.set_line(area.x + 1, area.y, &Line::from(left), area.width.saturating_sub(1));
    if has_right && right_width > 0 {
        let width = u16::try_from(right_width).unwrap_or(0);
        buffer.set_line(area.right() - width - 1, area.y, &Line::from(right), width);
    }
}

/// Number, state, name, branch and the agent's title: what does not fit is left out from the end, the name last of all.
fn left_side(
    model: &Model,
    card: &Card,
    index: usize,
    is_focused: bool,
    is_input: bool,
    room: usize,
) -> Vec<Span<'static>> {
    let theme = model.theme;
    let name_style = match (is_focused, is_input) {
        (_, true) => theme.input(),
        (true, false) => theme.navigate(),
        (false, false) => theme.text(),
    };
    let mut spans = vec![
        Span::styled(format!(" {} ", index + 1), name_style),
        Span::styled(format!(" {}", theme::mark(card.state)), theme.state(card.state)),
        Span::raw(" "),
    ];
    let name = clip::safe(&card.name);
    let word = card.state.as_str();
    let branch = clip::safe(&card.branch);
    let mut left = room.saturating_sub(super::spans_width(&spans) + 1);
    if left >= clip::width(word) + 1 + clip::width(&name).min(NAME_COLUMNS) {
        spans.push(Span::styled(format!("{word} "), theme.state(card.state)));
        left -= clip::width(word) + 1;
    }
    let name = clip::clip(&name, left);
    left -= clip::width(&name);
    let is_strong = is_focused || model.attention(card).is_some();
    spans.push(Span::styled(format!("{name} "), if is_strong { theme.strong() } else { theme.text() }));
    // Half a branch name tells little: it is shown whole, or where much of it is.
    let is_news = card.branch != card.name;
    if is_news && (left > clip::width(&branch) || left > 2 * NAME_COLUMNS) {
        let branch = clip::clip(&branch, left - 1);
        left -= clip::width(&branch) + 1;
        spans.push(Span::styled(format!("{branch} "), theme.faint()));
    }
    if let Some(title) = title(card).filter(|_| left > NAME_COLUMNS) {
        spans.push(Span::styled(format!("{} ", clip::clip(&title, left - 1)), theme.text()));
    }
    spans
}

/// The title that the agent gave its terminal, safe to show, where it says more than the name.
pub(super) fn title(card: &Card) -> Option<String> {
    let title = clip::safe(card.agent.as_ref()?.title.trim());
    (!title.is_empty() && title != clip::safe(&card.name)).then_some(title)
}

/// What is being done, how the agent fares, and how far the view is scrolled back.
fn right_side(model: &Model, card: &Card, painted: Option<Painted>) -> Vec<Span<'static>> {
    let theme = model.theme;
    let mut spans = Vec::new();
    let looking = model.looking.as_ref().filter(|looking| looking.workstream == card.id);
    let looking = looking.filter(|_| painted.is_some());
    let fetch =
        model.fetch.as_ref().filter(|fetch| fetch.workstream == card.id && model.is_slow(fetch.since));
    if fetch.is_some() {
        spans.push(Span::styled(" reading what it has shown … ", theme.warning_bar()));
    }
    if let Some(looking) = looking {
        spans.extend(copy::header(model, looking));
    }
    if let Some(text) = pasting(model, card) {
        spans.push(Span::styled(format!("{}: Esc drops the rest ", text.trim_end()), theme.warning_bar()));
    }
    spans.extend(rebase_span(model, card));
    let is_told_below = matches!(card.state, CardState::Creating | CardState::Removing);
    if let Some(progress) = card.progress.filter(|_| !is_told_below) {
        let seconds = clip::duration(model.now.since(progress.since));
        spans.push(Span::styled(format!(" {} ({seconds}) ", progress.text()), theme.text()));
    } else if let Some((text, is_urgent)) =
        // Where one looks back only what is urgent comes between.
        agent_words(model, card).filter(|(_, is_urgent)| *is_urgent || looking.is_none())
    {
        let style = if is_urgent { theme.attention() } else { theme.faint() };
        spans.push(Span::styled(format!(" {text} "), style));
    }
    spans
}

/// How far a paste is that takes long enough to be told of.
fn pasting(model: &Model, card: &Card) -> Option<String> {
    let progress = model.pasting.get(&card.id).filter(|progress| progress.of > SHOWN_PASTE_BYTES)?;
    Some(format!(" pasting {} % ", progress.done * 100 / progress.of.max(1)))
}

/// The words for that.
fn rebase_span(model: &Model, card: &Card) -> Option<Span<'static>> {
    let (words, is_standing) = rebase_words(card)?;
    let style = if is_standing { model.theme.attention() } else { model.theme.faint() };
    Some(Span::styled(format!(" {words} "), style))
}

/// How a rebase stands that nobody knows the end of, in a few words, and whether somebody has to resolve something.
pub(super) fn rebase_words(card: &Card) -> Option<(String, bool)> {
    let open = card.rebase.as_ref()?;
    Some(match open.files.as_deref() {
        Some(files) => (format!("rebase: {} in conflict", files.len()), true),
        None => ("rebase: not known".to_owned(), false),
    })
}

/// How the agent fares, in a few words, and whether a person should look.
pub(super) fn agent_words(model: &Model, card: &Card) -> Option<(String, bool)> {
    let attention = model.attention(card);
    if card.state != CardState::Running {
        return attention.map(|_| ("! needs you".to_owned(), true));
    }
    let report = card.agent.as_ref()?;
    if let AgentLife::Exited(exit) = &report.life {
        return Some((format!("! {}", clip::clip(&clip::safe(&exit.to_string()), 24)), true));
    }
    let word = match &report.status {
        AgentStatus::Unknown => String::new(),
        AgentStatus::Idle => "idle".to_owned(),
        AgentStatus::Working => "working".to_owned(),
        AgentStatus::Blocked { kind, .. } => format!("asks: {kind}"),
        AgentStatus::Done => "done".to_owned(),
        AgentStatus::Error { .. } => "error".to_owned(),
    };
    match attention {
        Some(Attention::News) if word.is_empty() => Some(("* bell".to_owned(), true)),
        Some(Attention::News) => Some((format!("* {word}"), true)),
        Some(Attention::Asks | Attention::Exited | Attention::Failed) => Some((format!("! {word}"), true)),
        None if word.is_empty() => None,
        None => Some((word, false)),
    }
}

/// The lines between panes; those round the focused one are heavy.
fn draw_gutters(model: &Model, panes: &[Placed], buffer: &mut Buffer) {
    let theme = model.theme;
    let is_input = model.mode == Mode::Input && model.dialog.is_none();
    let heavy = if is_input { theme.focused_input() } else { theme.focused() };
    let focused = panes
        .iter()
        .find(|pane| model.order.get(pane.index).is_some_and(|id| model.focused.as_ref() == Some(id)));
    for gutter in panes.iter().filter_map(Placed::gutter) {
        for y in gutter.y..gutter.bottom() {
            let is_beside = focused.is_some_and(|pane| {
                let touches = gutter.right() == pane.outer.x || gutter.right() == pane.outer.right();
                touches && (pane.outer.y..pane.outer.bottom()).contains(&y)
            });
            let (line, style) = if is_beside { ("┃", heavy) } else { ("│", theme.faint()) };
            buffer[(gutter.x, y)].set_symbol(line).set_style(style);
        }
    }
}

/// Whether the engine was heard and does not answer now.
pub(super) fn is_engine_down(model: &Model) -> bool {
    model.snapshot.as_deref().is_some_and(|snapshot| matches!(snapshot.engine, EngineState::Down { .. }))
}
