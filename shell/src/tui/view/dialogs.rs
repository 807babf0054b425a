//! The dialogs: a new workstream, taking one away, the end, and what the start found.

use ccells_core::event::Previous;
use ccells_core::ports::WorkReport;
use ccells_core::snapshot::CardState;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::keys;
use crate::tui::clip;
use crate::tui::dialog::discard::{DiscardDialog, Stage};
use crate::tui::dialog::merge::{self, MergeDialog};
use crate::tui::dialog::new::{Field, NewDialog};
use crate::tui::dialog::quit::{Choice, QuitDialog};
use crate::tui::dialog::recovery::{RecoveryDialog, Row};
use crate::tui::editor::Editor;
use crate::tui::model::Model;
use crate::tui::theme::Theme;

/// Columns of a dialog's content.
const COLUMNS: u16 = 72;
/// Lines of a prompt that are seen at once, where there is room.
const PROMPT_ROWS: u16 = 6;
/// Columns of the names of fields.
const LABEL_COLUMNS: u16 = 8;
/// Files of a kind that are named.
const FILES: usize = 4;

/// Draws the dialog for a new workstream and tells where its cursor is.
pub(super) fn draw_new(model: &Model, dialog: &NewDialog, area: Rect, buffer: &mut Buffer) -> Position {
    let theme = model.theme;
    let columns = COLUMNS.min(area.width.saturating_sub(4));
    let error = dialog
        .error
        .as_ref()
        .map(|text| super::paragraph(&format!("✗ {}", clip::safe(text)), columns, theme.error()))
        .unwrap_or_default();
    let error_rows = u16::try_from(error.len()).unwrap_or(u16::MAX).min(2);
    // The question, four fields, the button. Where there is little room an error takes the place of the question.
    let is_tight = area.height < 12;
    let question = u16::from(!is_tight || error.is_empty());
    let taken_rows = u16::from(dialog.draft.taken.is_some());
    let fixed = 5 + question + error_rows + taken_rows;
    let spare = area.height.saturating_sub(fixed + 2);
    let (prompt_rows, gap) = if spare >= PROMPT_ROWS + 2 { (PROMPT_ROWS, 1) } else { (spare.max(1), 0) };
    let inner =
        super::draw_box("New workstream", (columns, fixed + prompt_rows + 2 * gap), theme, area, buffer);
    let mut top = inner.y;
    let mut row = |rows: u16| {
        let here = Rect { y: top, height: rows, ..inner }.intersection(inner);
        top += rows;
        here
    };
    super::draw_lines(&[Line::styled("What shall the agent do?", theme.strong())], row(question), buffer);
    let mut cursor = draw_prompt(model, dialog, row(prompt_rows), buffer);
    row(gap);
    for (field, label, otherwise) in [
        (Field::Name, "Name", "made from the prompt"),
        (Field::Branch, "Branch", "made from the name"),
        (Field::Taken, "Exists", ""),
        (Field::Base, "Base", "the default branch"),
        (Field::Image, "Image", "the configured one"),
    ] {
        if field == Field::Taken && taken_rows == 0 {
            continue;
        }
        let at = draw_field(model, dialog, (field, label, otherwise), row(1), buffer);
        cursor = at.or(cursor);
    }
    super::draw_lines(&error, row(error_rows), buffer);
    row(gap);
    let button = draw_button(model, dialog, row(1), buffer);
    cursor.unwrap_or(button)
}

fn draw_prompt(model: &Model, dialog: &NewDialog, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let theme = model.theme;
    let is_here = dialog.field == Field::Prompt;
    let (rule, style) = if is_here { ("┃", theme.focused()) } else { ("│", theme.faint()) };
    for row in area.rows() {
        super::draw_text(rule, style, row, buffer);
    }
    let text = Rect { x: area.x + 2, width: area.width.saturating_sub(2), ..area };
    let (lines, (line, column)) = dialog.draft.prompt.visual(usize::from(text.width));
    let skip = (line + 1).saturating_sub(usize::from(text.height));
    let shown: Vec<Line<'_>> = lines.iter().skip(skip).map(|line| Line::raw(line.as_str())).collect();
    super::draw_lines(&shown, text, buffer);
    is_here.then(|| at(text, column, line - skip))
}

fn draw_field(
    model: &Model,
    dialog: &NewDialog,
    (field, label, otherwise): (Field, &str, &str),
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let theme = model.theme;
    let is_here = dialog.field == field;
    let label_style = if is_here { theme.focused() } else { theme.faint() };
    super::draw_text(label, label_style, area, buffer);
    let text = Rect {
        x: area.x + LABEL_COLUMNS.min(area.width),
        width: area.width.saturating_sub(LABEL_COLUMNS),
        ..area
    };
    if let (Field::Base, Some((_, name))) = (field, &dialog.draft.from) {
        super::draw_text(&clip::safe(&format!("where `{name}` is now")), theme.faint(), text, buffer);
        return None;
    }
    if let (Field::Taken, Some(taken)) = (field, dialog.draft.taken) {
        let shown = format!("‹ {} ›", taken.as_str());
        super::draw_text(&shown, if is_here { theme.text() } else { theme.faint() }, text, buffer);
        return is_here.then(|| at(text, 0, 0));
    }
    let editor = dialog.draft.editor(field)?;
    if editor.is_empty() {
        super::draw_text(otherwise, theme.faint(), text, buffer);
        return is_here.then(|| at(text, 0, 0));
    }
    // A text longer than the field shows the part round the cursor.
    let (lines, (line, column)) = editor.visual(usize::from(text.width));
    let shown = lines.get(line).cloned().unwrap_or_default();
    super::draw_text(&shown, theme.text(), text, buffer);
    is_here.then(|| at(text, column, 0))
}

fn draw_button(model: &Model, dialog: &NewDialog, area: Rect, buffer: &mut Buffer) -> Position {
    let theme = model.theme;
    if dialog.sent.is_some() {
        super::draw_lines(&[Line::styled("asking …", theme.strong())], area, buffer);
        return Position::new(area.x, area.y);
    }
    let style = if dialog.field == Field::Create { theme.chosen() } else { theme.text() };
    let mut line = Line::from(vec![Span::styled("[ Create ]", style), Span::raw("   ")]);
    let rest = area.width.saturating_sub(13);
    let hints = [("Enter", "create"), ("Alt+Enter", "newline"), ("Tab", "next"), ("Esc", "close")];
    line.spans.extend(keys::hints(&hints, rest, theme).spans);
    super::draw_lines(&[line], area, buffer);
    at(area, 2, 0)
}

/// A position in `area`, as near as it has one.
fn at(area: Rect, column: usize, row: usize) -> Position {
    let within =
        |place: usize, length: u16| u16::try_from(place).unwrap_or(u16::MAX).min(length.saturating_sub(1));
    Position::new(area.x + within(column, area.width), area.y + within(row, area.height))
}

/// Draws the dialog about taking a workstream away and tells where its cursor is.
pub(super) fn draw_discard(
    model: &Model,
    dialog: &DiscardDialog,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let theme = model.theme;
    let columns = COLUMNS.min(area.width.saturating_sub(4));
    let name = &dialog.name;
    let mut lines = Vec::new();
    let mut say = |text: &str, style| lines.extend(super::paragraph(text, columns, style));
    let mut input = None;
    let mut tail = Vec::new();
    let hints: &[_] = match &dialog.stage {
        Stage::Ask if dialog.is_creating => {
            say("It is still being made. Taking it back undoes what was done so far.", theme.text());
            &[("y", "take it back"), ("Esc", "leave it")]
        }
        Stage::Ask => {
            say("Its container and its worktree go away.", theme.text());
            say("Before work goes that exists nowhere else, you are asked again.", theme.faint());
            let mark = if dialog.keep_branch { "x" } else { " " };
            say("", theme.text());
            say(&format!("[{mark}] b: keep its branch in any case"), theme.text());
            &[("y", "discard"), ("Esc", "leave it")]
        }
        Stage::Trying(_) => {
            say("Looking for work that would be lost …", theme.text());
            &[("Esc", "close; this goes on")]
        }
        Stage::Refused(why) => {
            say(&format!("✗ {}", clip::safe(why)), theme.error());
            &[("Esc", "close")]
        }
        Stage::Confirm { work, typed } => {
            say("It holds work that exists nowhere else:", theme.strong());
            for line in work_lines(work) {
                say(&format!("· {line}"), theme.text());
            }
            say("", theme.text());
            tail.push(Line::from(vec![
                Span::raw("Its name, to discard it: "),
                Span::styled(name.clone(), theme.error()),
            ]));
            tail.push(Line::default());
            input = Some(typed);
            &[("Enter", "discard for good"), ("Esc", "leave it")]
        }
    };
    let title = format!("Discard {name}");
    if input.is_none() {
        lines.push(Line::default());
    }
    tail.push(keys::hints(hints, columns, theme));
    let height = u16::try_from(lines.len() + tail.len()).unwrap_or(u16::MAX);
    let inner =
        super::draw_box(&clip::clip(&title, usize::from(columns)), (columns, height), theme, area, buffer);
    // The question, the input and the keys stay in sight, however much would be lost.
    let room = usize::from(inner.height).saturating_sub(tail.len());
    if lines.len() > room {
        lines.truncate(room.saturating_sub(1));
        lines.push(Line::styled("…", theme.faint()));
    }
    lines.truncate(room);
    lines.extend(tail);
    super::draw_lines(&lines, inner, buffer);
    input.map(|typed| draw_typed(typed, inner, theme, buffer))
}

/// The line that is typed into, above the keys at the bottom of `inner`. Gives the cursor's place.
fn draw_typed(typed: &Editor, inner: Rect, theme: Theme, buffer: &mut Buffer) -> Position {
    let y = inner.bottom().saturating_sub(2).max(inner.y);
    let row = Rect { x: inner.x + 2, y, width: inner.width.saturating_sub(2), height: inner.height.min(1) };
    super::draw_text("> ", theme.key(), Rect { x: inner.x, ..row }, buffer);
    let (lines, (line, column)) = typed.visual(usize::from(row.width));
    super::draw_lines(&[Line::raw(lines.get(line).map_or("", String::as_str))], row, buffer);
    at(row, column, 0)
}

/// What would be lost, one line a kind.
fn work_lines(work: &WorkReport) -> Vec<String> {
    let named = |files: &[String]| {
        let shown: Vec<String> = files.iter().take(FILES).map(|file| clip::safe(file)).collect();
        let more = files.len().saturating_sub(FILES);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{rest}", shown.join(", "))
    };
    let mut lines = Vec::new();
    if work.has_commits {
        lines.push("commits on its branch".to_owned());
    }
    if !work.modified.is_empty() {
        let count = clip::counted(work.modified.len(), "changed file", "changed files");
        lines.push(format!("{count}: {}", named(&work.modified)));
    }
    if !work.untracked.is_empty() {
        let count = clip::counted(work.untracked.len(), "new file", "new files");
        lines.push(format!("{count}: {}", named(&work.untracked)));
    }
    lines
        .extend(work.unknown.as_ref().map(|why| format!("what could not be looked at: {}", clip::safe(why))));
    lines
}

/// Draws the dialog about the end.
pub(super) fn draw_quit(model: &Model, dialog: QuitDialog, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let columns = 62.min(area.width.saturating_sub(4));
    let running = model.cards().filter(|card| card.state == CardState::Running).count();
    let agents = match running {
        0 => "No agent is running.".to_owned(),
        1 => "1 agent is running.".to_owned(),
        many => format!("{many} agents are running."),
    };
    let mut lines = vec![Line::raw(agents), Line::default()];
    for choice in Choice::ALL {
        let told = match choice {
            Choice::PauseAll => ("p", "pause all", "frozen until the next start"),
            Choice::KeepRunning => ("k", "keep running", "they work on without ccells"),
            Choice::Cancel => ("Esc", "cancel", "stay here"),
        };
        lines.push(choice_line(told, choice == dialog.choice, columns, theme));
    }
    lines.push(Line::default());
    lines.push(keys::hints(&[("q", "or Enter: as marked"), ("↑ ↓", "choose")], columns, theme));
    draw_dialog("Quit ccells", &lines, columns, model, area, buffer);
}

/// One of several choices: its key, its word, what it does.
pub(super) fn choice_line(
    (key, word, what): (&'static str, &'static str, &'static str),
    is_chosen: bool,
    columns: u16,
    theme: Theme,
) -> Line<'static> {
    let (mark, style) = if is_chosen { ("▸ ", theme.chosen()) } else { ("  ", theme.text()) };
    let what = if clip::width(what) + 20 > usize::from(columns) { "" } else { what };
    Line::from(vec![
        Span::raw(mark),
        Span::styled(format!("{key:<4}"), theme.key()),
        Span::styled(format!("{word:<14}"), style),
        Span::styled(what, theme.faint()),
    ])
}

/// Draws the dialog about bringing commits home.
pub(super) fn draw_merge(model: &Model, dialog: &MergeDialog, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let columns = 62.min(area.width.saturating_sub(4));
    let mut lines = vec![Line::raw("Its commits go into the branch that it began from."), Line::default()];
    for choice in merge::Choice::ALL {
        let told = match choice {
            merge::Choice::Merge => ("m", "merge", "its commits as they are"),
            merge::Choice::Squash => ("s", "squash", "one commit with all of it"),
            merge::Choice::Cancel => ("Esc", "cancel", "nothing happens"),
        };
        lines.push(choice_line(told, choice == dialog.choice, columns, theme));
    }
    lines.push(Line::default());
    lines.push(keys::hints(&[("Enter", "as marked"), ("↑ ↓", "choose")], columns, theme));
    let title = format!("Merge {}", clip::safe(&dialog.name));
    draw_dialog(&title, &lines, columns, model, area, buffer);
}

/// Draws the dialog about what the start found.
pub(super) fn draw_recovery(model: &Model, dialog: &RecoveryDialog, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let columns = 94.min(area.width.saturating_sub(4));
    let previous = model.snapshot.as_deref().map(|snapshot| &snapshot.previous);
    let intro = match previous {
        Some(Previous::Crashed(beat)) => {
            format!("The run before (pid {}) did not end in good order. This is what it left:", beat.pid)
        }
        Some(Previous::Clean) | None => "These are not as the run before left them:".to_owned(),
    };
    let mut lines = super::paragraph(&intro, columns, theme.text());
    lines.push(Line::default());
    // The frame, an empty line and the keys.
    let room = usize::from(area.height).saturating_sub(lines.len() + 4).max(1);
    let is_narrow = columns < 70;
    let per_row = if is_narrow { 2 } else { 1 };
    let first = (dialog.at + 1).saturating_sub((room / per_row).max(1));
    for (index, row) in dialog.rows.iter().enumerate().skip(first).take((room / per_row).max(1)) {
        lines.extend(recovery_row(model, row, index == dialog.at, columns, is_narrow));
    }
    if room > dialog.rows.len() * per_row {
        lines.push(Line::default());
    }
    let hints = [("← →", "choose"), ("Enter", "do it"), ("Esc", "leave all as it is")];
    lines.push(keys::hints(&hints, columns, theme));
    let title = format!("What was found ({} of {})", dialog.at + 1, dialog.rows.len());
    draw_dialog(&title, &lines, columns, model, area, buffer);
}

fn recovery_row(
    model: &Model,
    row: &Row,
    is_chosen: bool,
    columns: u16,
    is_narrow: bool,
) -> Vec<Line<'static>> {
    let theme = model.theme;
    let mark = if is_chosen { "▸ " } else { "  " };
    let style = if is_chosen { theme.chosen() } else { theme.text() };
    let choice = Span::styled(format!("‹ {} ›", row.choice.word(row.verdict)), style);
    let name_columns = if is_narrow { usize::from(columns).saturating_sub(22) } else { 18 };
    let name = clip::clip(&row.name, name_columns);
    let padding = " ".repeat(name_columns - clip::width(&name) + 1);
    let what = row.verdict.as_str();
    if is_narrow {
        let second = clip::clip(what, usize::from(columns).saturating_sub(2));
        return vec![
            Line::from(vec![Span::raw(mark), Span::styled(name, theme.strong()), Span::raw(padding), choice]),
            Line::styled(format!("  {second}"), theme.faint()),
        ];
    }
    let what_columns = usize::from(columns).saturating_sub(2 + 19 + 19);
    let what = clip::clip(what, what_columns);
    let gap = " ".repeat(what_columns - clip::width(&what) + 1);
    vec![Line::from(vec![
        Span::raw(mark),
        Span::styled(name, theme.strong()),
        Span::raw(padding),
        Span::raw(what),
        Span::raw(gap),
        choice,
    ])]
}

pub(super) fn draw_dialog(
    title: &str,
    lines: &[Line<'_>],
    columns: u16,
    model: &Model,
    area: Rect,
    buffer: &mut Buffer,
) {
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let inner = super::draw_box(title, (columns, height), model.theme, area, buffer);
    // The last line names the keys: it stays, whatever has to go.
    if lines.len() > usize::from(inner.height) {
        let body = Rect { height: inner.height.saturating_sub(1), ..inner };
        super::draw_lines(lines, body, buffer);
        let last = Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner };
        super::draw_lines(&lines[lines.len() - 1..], last, buffer);
    } else {
        super::draw_lines(lines, inner, buffer);
    }
}
