//! The lines that are not panes: at the bottom the mode, the counts and the engine; at the top what holds for long.

use ccells_core::event::Access;
use ccells_core::snapshot::{CardState, EngineState};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::tui::action::{Action, AloneKey};
use crate::tui::clip;
use crate::tui::copy::Look;
use crate::tui::dialog::Dialog;
use crate::tui::dialog::diff::DiffKey;
use crate::tui::dialog::filter::FilterDialog;
use crate::tui::editor::Editor;
use crate::tui::model::{Mode, Model};
use crate::tui::theme;

/// From here on the line at the bottom has room for the counts beside a long reason.
const WIDE_COLUMNS: usize = 70;
/// Columns the filter is shown in.
const FILTER_COLUMNS: usize = 20;

/// What is said of the keys while one looks back.
const COPY_KEYS: [(Look, &str); 6] = [
    (Look::Leave, "leaves"),
    (Look::Select, "selects"),
    (Look::Copy, "copies"),
    (Look::Search, "searches"),
    (Look::Next, "next"),
    (Look::SearchBack, "back"),
];

/// What is said of the keys while one looks at what changed.
const DIFF_KEYS: [(DiffKey, &str); 7] = [
    (DiffKey::Close, "closes"),
    (DiffKey::NextFile, "file"),
    (DiffKey::NextHunk, "hunk"),
    (DiffKey::Comment, "comments"),
    (DiffKey::Send, "sends"),
    (DiffKey::Search, "searches"),
    (DiffKey::Again, "looks again"),
];

/// Draws the lines at the top.
pub(super) fn draw_banners(model: &Model, buffer: &mut Buffer) {
    let Some(snapshot) = model.snapshot.as_deref() else { return };
    let mut rows = buffer.area.rows();
    if let Some(why) = &snapshot.degraded {
        let text = format!(" ! nothing new can begin: {}", clip::safe(why));
        draw_banner(rows.next(), &text, model.theme.error_bar(), buffer);
    }
    if let Access::ReadOnly { holder } = &snapshot.access {
        let holder = clip::safe(holder);
        let text = format!(" read only: this repository is in use by {holder}");
        let is_whole = clip::width(&text) <= usize::from(buffer.area.width);
        // Who acts matters more than a whole sentence.
        let text = if is_whole { text } else { format!(" read only: in use by {holder}") };
        draw_banner(rows.next(), &text, model.theme.warning_bar(), buffer);
    }
}

fn draw_banner(row: Option<Rect>, text: &str, style: Style, buffer: &mut Buffer) {
    if let Some(row) = row {
        super::fill(row, style, buffer);
        super::draw_text(&clip::clip(text, usize::from(row.width)), style, row, buffer);
    }
}

/// Draws the line at the bottom. What matters most is at its ends, what does not fit is left out from the middle.
pub(super) fn draw_status(model: &Model, buffer: &mut Buffer) {
    let area = buffer.area;
    let row = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area };
    super::fill(row, model.theme.status(), buffer);
    let mut left = vec![mode_chip(model)];
    let mut room = usize::from(row.width).saturating_sub(super::spans_width(&left));
    let right = right_side(model, room);
    room = room.saturating_sub(super::spans_width(&right));
    for forms in left_parts(model) {
        let Some(part) = forms.into_iter().find(|form| super::spans_width(form) <= room) else { break };
        room -= super::spans_width(&part);
        left.extend(part);
    }
    let right_width = u16::try_from(super::spans_width(&right)).unwrap_or(row.width).min(row.width);
    buffer.set_line(row.x, row.y, &Line::from(left), row.width);
    buffer.set_line(row.right() - right_width, row.y, &Line::from(right), right_width);
}

/// Something that is typed in the line at the bottom.
pub(super) struct Prompt<'a> {
    /// What stands before it.
    pub(super) label: &'a str,
    /// What is typed so far.
    pub(super) typed: &'a Editor,
    /// What is told at the right: where there is room, and where there is little.
    pub(super) hints: [&'a str; 2],
}

/// Draws the line in which something is typed, over the one at the bottom, and tells where its cursor is.
pub(super) fn draw_prompt(model: &Model, prompt: &Prompt<'_>, buffer: &mut Buffer) -> Position {
    let area = buffer.area;
    let row = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area };
    super::fill(row, model.theme.status(), buffer);
    let chip = mode_chip(model);
    let label = format!(" {}", prompt.label);
    let start = u16::try_from(chip.width() + clip::width(&label)).unwrap_or(row.width).min(row.width);
    let [right, short] = prompt.hints.map(|hint| format!(" {hint} "));
    let is_long = clip::width(&right) + usize::from(start) + FILTER_COLUMNS > usize::from(row.width);
    let right = if is_long { short } else { right };
    let right_width = u16::try_from(clip::width(&right)).unwrap_or(0).min(row.width - start);
    let room = row.width - start - right_width;
    let (lines, (line, column)) = prompt.typed.visual(usize::from(room.max(1)));
    let typed = lines.get(line).map_or("", String::as_str);
    let left = Line::from(vec![chip, Span::styled(label, model.theme.key())]);
    buffer.set_line(row.x, row.y, &left, row.width);
    buffer.set_line(row.x + start, row.y, &Line::raw(typed.to_owned()), room);
    let faint = Line::styled(right, model.theme.faint());
    buffer.set_line(row.right() - right_width, row.y, &faint, right_width);
    Position::new((row.x + start + u16::try_from(column).unwrap_or(0)).min(row.right() - 1), row.y)
}

/// Draws the line in which the filter is typed.
pub(super) fn draw_filter(model: &Model, dialog: &FilterDialog, buffer: &mut Buffer) -> Position {
    let shown = format!("{} of {}", model.shown().len(), model.order.len());
    let long = format!("{shown}  Enter keeps, Esc drops");
    let prompt = Prompt { label: "/", typed: &dialog.typed, hints: [&long, &shown] };
    draw_prompt(model, &prompt, buffer)
}

fn mode_chip(model: &Model) -> Span<'static> {
    let theme = model.theme;
    let word = match (&model.dialog, model.mode) {
        _ if model.is_shutting_down() => "ENDING",
        (Some(Dialog::New(_)), _) => "NEW",
        (Some(Dialog::Discard(_)), _) => "DISCARD",
        (Some(Dialog::Merge(_)), _) => "MERGE",
        (Some(Dialog::Push(_)), _) => "PUSH",
        (Some(Dialog::Rebase(_)), _) => "REBASE",
        (Some(Dialog::Quit(_)), _) => "QUIT",
        (Some(Dialog::Recovery(_)), _) => "RECOVER",
        (Some(Dialog::Palette(_)), _) => "DO",
        (Some(Dialog::Clipboard(_)), _) => "CLIPBOARD",
        (Some(Dialog::Export(_)), _) => "EXPORT",
        (Some(Dialog::Filter(_)), _) => "FILTER",
        (Some(Dialog::Log(_)), _) => "LOG",
        (Some(Dialog::Diff(_)), _) => "DIFF",
        (Some(Dialog::Resources(_)), _) => "USAGE",
        (Some(Dialog::Settings(_)), _) => "SETTINGS",
        (Some(Dialog::Help { .. }), _) => "HELP",
        (None, _) if model.is_looking() => "COPY",
        (None, Mode::Input) => return Span::styled(" INPUT ", theme.input()),
        (None, Mode::Navigate) if model.is_list => "LIST",
        (None, Mode::Navigate) => "NAV",
    };
    Span::styled(format!(" {word} "), theme.navigate())
}

/// What is told at the left, each in its forms, the longest first.
fn left_parts(model: &Model) -> Vec<Vec<Vec<Span<'static>>>> {
    let theme = model.theme;
    let mut parts = Vec::new();
    if model.is_looking() && model.dialog.is_none() {
        return key_hints(model, COPY_KEYS.map(|(act, does)| (Action::Look(act), does)));
    }
    if let Some(Dialog::Diff(_)) = &model.dialog {
        return key_hints(model, DIFF_KEYS.map(|(act, does)| (Action::InDiff(act), does)));
    }
    if model.mode == Mode::Input && model.dialog.is_none() {
        let name = model.focused_card().map(|card| clip::safe(&card.name)).unwrap_or_default();
        if model.is_alone {
            let hint = |key: String, does: &str| {
                vec![Span::raw("  "), Span::styled(key, theme.key()), Span::raw(format!(" {does}"))]
            };
            let leader = model.leader.to_string();
            parts.push(vec![hint(leader.clone(), "detaches, the agent works on"), hint(leader, "detaches")]);
            let looks = model.keys.first_keys(&[Action::Alone(AloneKey::LookBack)]);
            if !looks.is_empty() {
                parts.push(vec![hint(looks, "looks back")]);
            }
            return parts;
        }
        let leave = |words: &'static str| {
            vec![Span::raw(" "), Span::styled(model.leader.to_string(), theme.key()), Span::raw(words)]
        };
        parts.push(vec![leave(" gives the keys back"), leave(" leaves")]);
        parts.push(vec![vec![Span::styled(format!(" · they go to {name}"), theme.faint())]]);
        return parts;
    }
    if !model.filter.is_off() {
        let shown = format!(" {} of {}", model.shown().len(), model.order.len());
        let text = clip::clip(&clip::safe(model.filter.text()), FILTER_COLUMNS);
        parts.push(vec![vec![
            Span::raw(" "),
            Span::styled(format!(" /{text} "), theme.attention()),
            Span::styled(shown, theme.faint()),
        ]]);
    }
    let waiting = model.cards().filter(|card| model.attention(card).is_some()).count();
    if waiting > 0 && model.dialog.is_none() && !model.is_shutting_down() {
        let word = if waiting == 1 { "waits" } else { "wait" };
        let form = |text: String| {
            let key = Span::styled(model.keys.hint(Action::Waiting), theme.key());
            vec![Span::raw("  "), Span::styled(text, theme.attention()), Span::raw(" "), key]
        };
        parts.push(vec![form(format!(" {waiting} {word} for you ")), form(format!(" ! {waiting} "))]);
    }
    parts.push(vec![counts(model, true), counts(model, false)]);
    if let Some(snapshot) = model.snapshot.as_deref() {
        let path = clip::safe(snapshot.repo_path.as_str());
        let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
        parts.push(vec![vec![Span::styled(format!("  {name}"), theme.faint())]]);
    }
    parts
}

/// The first key of each of these, and what it does.
fn key_hints<const N: usize>(model: &Model, acts: [(Action, &str); N]) -> Vec<Vec<Vec<Span<'static>>>> {
    let hint = |(act, does): (Action, &str)| {
        let key = Span::styled(model.keys.first_keys(&[act]), model.theme.key());
        vec![vec![Span::raw("  "), key, Span::raw(format!(" {does}"))]]
    };
    acts.into_iter().map(hint).collect()
}

/// How many workstreams are in which state: the mark, the number, and the word where there is room for words.
fn counts(model: &Model, has_words: bool) -> Vec<Span<'static>> {
    const ALL: [CardState; 8] = [
        CardState::Running,
        CardState::Creating,
        CardState::Paused,
        CardState::Stopped,
        CardState::Failed,
        CardState::Lost,
        CardState::Unknown,
        CardState::Removing,
    ];
    let mut spans = Vec::new();
    for state in ALL {
        let count = model.cards().filter(|card| card.state == state).count();
        if count > 0 {
            spans.push(Span::raw("  "));
            spans.push(Span::styled(theme::mark(state), model.theme.state(state)));
            let word = if has_words { format!(" {}", state.as_str()) } else { String::new() };
            spans.push(Span::raw(format!(" {count}{word}")));
        }
    }
    spans
}

fn right_side(model: &Model, room: usize) -> Vec<Span<'static>> {
    let theme = model.theme;
    let mut spans = Vec::new();
    let page = model.page();
    if page.of > 1 && !model.hides_panes() && model.tabs_row().is_none() {
        spans.push(Span::styled(format!("  page {}/{}", page.number + 1, page.of), theme.strong()));
    }
    if !model.is_mouse_on {
        spans.push(Span::styled("  mouse off", theme.faint()));
    }
    let has_help = model.mode == Mode::Navigate
        && model.dialog.is_none()
        && !model.is_shutting_down()
        && !model.is_looking();
    let help =
        [Span::raw("  "), Span::styled(model.keys.hint(Action::Help), theme.key()), Span::raw(" help")];
    let mut left = room.saturating_sub(super::spans_width(&spans) + 1);
    if let Some((text, style)) = engine(model) {
        // The counts at the left stay readable beside a long reason, where the screen is wide enough for both.
        let most = if room > WIDE_COLUMNS { left * 3 / 4 } else { left };
        let text = clip::clip(&text, most.saturating_sub(2));
        spans.push(Span::raw("  "));
        spans.push(Span::styled(text, style));
        left = room.saturating_sub(super::spans_width(&spans) + 1);
    }
    if has_help && left >= super::spans_width(&help) {
        spans.extend(help);
    }
    spans.push(Span::raw(" "));
    spans
}

fn engine(model: &Model) -> Option<(String, Style)> {
    let theme = model.theme;
    let Some(snapshot) = model.snapshot.as_deref() else {
        return Some(("starting".to_owned(), theme.faint()));
    };
    match &snapshot.engine {
        EngineState::Up => None,
        EngineState::Unknown => Some(("engine: not heard yet".to_owned(), theme.faint())),
        EngineState::Down { reason, since } => {
            let for_how_long = clip::duration(model.now.since(*since));
            Some((format!("engine: down for {for_how_long}: {}", clip::safe(reason)), theme.error()))
        }
    }
}
