//! What a workstream changed: the files, and beside or below them the lines of one of them.

use ccells_core::limits::DIFF_LINE_CHARS;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::status::{self, Prompt};
use crate::patch::{self, Changed, Kind, Patch, Place};
use crate::tui::action::Action;
use crate::tui::clip;
use crate::tui::comment::Comment;
use crate::tui::dialog::diff::{DiffDialog, DiffKey, Parts, Typed};
use crate::tui::model::Model;
use crate::tui::theme::Theme;

/// From so many columns on lines have their numbers before them.
const NUMBERED_COLUMNS: u16 = 48;
/// Digits of a base.
const BASE_CHARS: usize = 10;
/// The mark of a change that may run on somebody's machine.
const RUNS: &str = "!";
/// The mark of the file and the line that are chosen.
const CHOSEN: &str = "▸";
/// The mark of a line that something is said about.
const SAID: &str = "»";

/// Draws it, and tells where the cursor is while something is typed.
pub(super) fn draw(model: &Model, dialog: &DiffDialog, buffer: &mut Buffer) -> Option<Position> {
    let theme = model.theme;
    let parts = dialog.parts(model.size);
    let whole = Rect { height: buffer.area.height.saturating_sub(1), ..buffer.area };
    Clear.render(whole, buffer);
    buffer.set_style(whole, theme.dialog());
    super::draw_lines(&[title(model, dialog, parts.title.width)], parts.title, buffer);
    let body = Rect { y: parts.files.y, height: whole.bottom().saturating_sub(parts.files.y), ..whole };
    match (dialog.patch.as_deref(), &dialog.trouble) {
        (None, None) => say("comparing it with the commit it began with …", theme.faint(), body, buffer),
        (None, Some(why)) => say(&format!("not compared: {}", clip::safe(why)), theme.error(), body, buffer),
        (Some(patch), trouble) => {
            let trouble = trouble.as_ref().map(|why| format!(" ! not compared again: {}", clip::safe(why)));
            let unknown = patch.unknown.as_ref().map(|why| format!(" ! not all of it: {}", clip::safe(why)));
            if let Some(text) = trouble.or(unknown) {
                let text = clip::clip(&text, usize::from(parts.trouble.width));
                super::draw_text(&text, theme.error(), parts.trouble, buffer);
            }
            if patch.is_empty() {
                say("nothing differs from the commit it began with", theme.faint(), body, buffer);
            } else {
                draw_patch(model, dialog, patch, &parts, buffer);
            }
        }
    }
    dialog.typed.as_ref().map(|typed| draw_typed(model, typed, buffer))
}

fn say(text: &str, style: Style, area: Rect, buffer: &mut Buffer) {
    let area = Rect { x: area.x + area.width.min(1), width: area.width.saturating_sub(2), ..area };
    super::draw_lines(&super::paragraph(text, area.width, style), area, buffer);
}

fn draw_patch(model: &Model, dialog: &DiffDialog, patch: &Patch, parts: &Parts, buffer: &mut Buffer) {
    let theme = model.theme;
    let rows = usize::from(parts.files.height);
    let first = dialog.at.file.saturating_sub(rows / 2).min(patch.files.len().saturating_sub(rows));
    let files = patch.files.iter().enumerate().skip(first).take(rows);
    let is_at = |number| number == dialog.at.file;
    let list: Vec<_> =
        files.map(|(number, file)| entry(file, is_at(number), parts.files.width, theme)).collect();
    super::draw_lines(&list, parts.files, buffer);
    for row in parts.between.rows() {
        super::draw_text("│", theme.faint(), row, buffer);
    }
    let Some(file) = patch.files.get(dialog.at.file) else { return };
    super::fill(parts.head, theme.status(), buffer);
    super::draw_lines(&[head(file, dialog.at.file, patch, parts.head.width, theme)], parts.head, buffer);
    if patch.rows(dialog.at.file) == 0 {
        let why =
            if file.is_cut { "its lines are beyond what is kept here" } else { "it has no lines to show" };
        super::draw_text(&format!(" {why}"), theme.faint(), parts.lines, buffer);
    }
    let kept = model.comments.get(&dialog.workstream).map_or(&[][..], Vec::as_slice);
    let digits = patch.last_number(dialog.at.file).max(1).ilog10() as usize + 1;
    let gutter = if parts.lines.width >= NUMBERED_COLUMNS { digits.max(3) + 1 } else { 0 };
    for (number, row) in parts.lines.rows().enumerate() {
        let at = Place { row: dialog.top + number, ..dialog.at };
        let Some(line) = patch.line(at) else { break };
        let mark = match at == dialog.at {
            _ if is_said(dialog, kept, at) => SAID,
            true => CHOSEN,
            false => " ",
        };
        let shown = shown(&line, mark, gutter, dialog.left, usize::from(row.width), theme);
        super::draw_lines(&[shown], row, buffer);
        if at == dialog.at {
            buffer.set_style(row, theme.chosen());
        }
    }
}

fn is_said(dialog: &DiffDialog, kept: &[Comment], at: Place) -> bool {
    !kept.is_empty() && dialog.about(at).is_some_and(|about| kept.iter().any(|it| it.about == about))
}

/// One line: the mark, its number, its sign, its text.
fn shown(
    line: &patch::Line<'_>,
    mark: &'static str,
    gutter: usize,
    left: usize,
    columns: usize,
    theme: Theme,
) -> Line<'static> {
    let number = line.number.map(|number| number.to_string()).unwrap_or_default();
    let number = if gutter > 0 { format!("{number:>width$} ", width = gutter - 1) } else { String::new() };
    let sign = line.kind.sign().map(String::from).unwrap_or_default();
    let room = columns.saturating_sub(1 + gutter + sign.len());
    let text = clip::line(line.text, DIFF_LINE_CHARS);
    let hidden = clip::head(&text, left).len();
    let text = format!("{sign}{}", clip::clip(&text[hidden..], room));
    Line::from(vec![
        Span::styled(mark, theme.attention()),
        Span::styled(number, theme.faint()),
        Span::styled(text, style(line.kind, theme)),
    ])
}

fn style(kind: Kind, theme: Theme) -> Style {
    match kind {
        Kind::Note => theme.faint(),
        Kind::Hunk => theme.hunk(),
        Kind::Same => theme.text(),
        Kind::Added => theme.added(),
        Kind::Removed => theme.removed(),
    }
}

/// One file in the list.
fn entry(file: &Changed, is_chosen: bool, columns: u16, theme: Theme) -> Line<'static> {
    let counts = counts(file);
    let room = usize::from(columns).saturating_sub(clip::width(&counts) + 6);
    let path = clip::tail(&clip::safe(&file.path), room);
    let gap = " ".repeat(room - clip::width(&path) + 1);
    let runs = if file.executes.is_some() { RUNS } else { " " };
    let style = if is_chosen { theme.strong() } else { theme.text() };
    Line::from(vec![
        Span::styled(if is_chosen { CHOSEN } else { " " }, theme.key()),
        Span::styled(file.letter.to_string(), letter(file.letter, theme)),
        Span::styled(runs, theme.error()),
        Span::styled(format!(" {path}{gap}"), style),
        Span::styled(format!("{counts} "), theme.faint()),
    ])
}

fn letter(letter: char, theme: Theme) -> Style {
    match letter {
        'A' => theme.added(),
        'D' => theme.removed(),
        _ => theme.hunk(),
    }
}

/// The file whose lines are seen, with the reason why it may run.
fn head(file: &Changed, number: usize, patch: &Patch, columns: u16, theme: Theme) -> Line<'static> {
    let columns = usize::from(columns);
    let place = format!(" {}/{} ", number + 1, patch.files.len());
    let runs = file.executes.map(|reason| format!(" {RUNS} {reason} ")).unwrap_or_default();
    let room = columns.saturating_sub(clip::width(&place) + 3);
    let runs = clip::clip(&runs, room.saturating_sub(room / 3));
    let room = room.saturating_sub(clip::width(&runs));
    let old = file.old_path.as_ref().map(|old| format!("{} → ", clip::safe(old))).unwrap_or_default();
    let path = clip::tail(&format!("{old}{}", clip::safe(&file.path)), room);
    let gap = " ".repeat(room - clip::width(&path));
    Line::from(vec![
        Span::styled(format!(" {} ", file.letter), letter(file.letter, theme)),
        Span::styled(path, theme.strong()),
        Span::styled(runs, theme.error()),
        Span::styled(format!("{gap}{place}"), theme.faint()),
    ])
}

fn counts(file: &Changed) -> String {
    file.lines.map_or("no text".to_owned(), |(added, removed)| format!("+{added} -{removed}"))
}

/// Whose changes, how many, and what goes on.
fn title(model: &Model, dialog: &DiffDialog, columns: u16) -> Line<'static> {
    let theme = model.theme;
    let mut parts = Vec::new();
    if let Some(since) = model.compares_since().filter(|since| model.is_slow(*since)) {
        let so_far = clip::duration(model.now.since(since));
        parts.push(Span::styled(format!("  comparing: {so_far}"), theme.attention()));
    }
    let kept = model.comments.get(&dialog.workstream).map_or(0, Vec::len);
    if kept > 0 {
        let key = model.keys.hint(Action::InDiff(DiffKey::Send));
        let text = format!("  {} kept, {key} sends", clip::counted(kept, "comment", "comments"));
        parts.push(Span::styled(text, theme.attention()));
    }
    if let Some(patch) = dialog.patch.as_deref() {
        let (added, removed) = patch.totals();
        let files = clip::counted(patch.files.len(), "file", "files");
        parts.push(Span::raw(format!("  {files}, +{added} -{removed}")));
        let base: String = patch.base.chars().take(BASE_CHARS).collect();
        parts.push(Span::styled(format!("  since {}", clip::safe(&base)), theme.faint()));
    }
    // The name has a part of the line in any case; of the rest what fits is told.
    let columns = usize::from(columns);
    let name = clip::clip(&clip::safe(&dialog.name), (columns / 3).max(8));
    let mut spans = vec![Span::styled(format!(" {name}"), theme.strong())];
    for part in parts {
        if super::spans_width(&spans) + part.width() > columns {
            break;
        }
        spans.push(part);
    }
    Line::from(spans)
}

fn draw_typed(model: &Model, typed: &Typed, buffer: &mut Buffer) -> Position {
    let (label, editor, hints) = match typed {
        Typed::Search(editor) => ("/".to_owned(), editor, ["Enter looks for it, Esc leaves it", "Enter"]),
        Typed::Comment(about, editor) => {
            let place = clip::tail(&about.place(), usize::from(buffer.area.width / 4));
            (format!("{place}: "), editor, ["Enter sends it, Tab keeps it, Esc leaves it", "Enter, Tab"])
        }
    };
    status::draw_prompt(model, &Prompt { label: &label, typed: editor, hints }, buffer)
}
