//! What the containers use: processor, memory and disk, one row a workstream.

use ccells_core::snapshot::EngineState;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::keys;
use crate::tui::action::Action;
use crate::tui::clip;
use crate::tui::dialog::resources::{By, ResourcesDialog, UsageKey};
use crate::tui::errands::Usage;
use crate::tui::model::Model;
use crate::tui::theme;

/// Columns of the view, of one number, and of the limit of memory beside it.
const COLUMNS: u16 = 84;
const NUMBER_COLUMNS: usize = 10;
const LIMIT_COLUMNS: usize = 11;
/// From here on the limit is shown, and the two parts of the disk apart.
const WIDE: usize = 64;
/// What is shown where nothing is known.
const UNKNOWN: &str = "–";

/// Draws it.
pub(super) fn draw(model: &Model, dialog: &ResourcesDialog, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let count = dialog.usages.as_ref().map_or(1, Vec::len).max(1);
    let height = u16::try_from(count + 5).unwrap_or(u16::MAX);
    let inner = super::draw_box("What the containers use", (COLUMNS, height), theme, area, buffer);
    let columns = usize::from(inner.width);
    let is_wide = columns >= WIDE;
    let mut lines = vec![header(dialog.by, columns, is_wide, model)];
    let room = usize::from(inner.height).saturating_sub(3);
    match &dialog.usages {
        None => lines.push(Line::styled("asking the engine …", theme.faint())),
        Some(usages) if usages.is_empty() => lines.push(Line::styled("no workstream yet", theme.faint())),
        Some(usages) => {
            let first = dialog.scroll.min(usages.len().saturating_sub(room));
            lines.extend(
                usages.iter().skip(first).take(room).map(|usage| row(usage, columns, is_wide, model)),
            );
        }
    }
    super::draw_lines(&lines, inner, buffer);
    let foot =
        Rect { y: inner.bottom().saturating_sub(2).max(inner.y), height: inner.height.min(2), ..inner };
    super::draw_lines(&[trouble(model, dialog, columns)], foot, buffer);
    let sorts = [UsageKey::ByCpu, UsageKey::ByMemory, UsageKey::ByDisk].map(Action::InUsage);
    let (sorts, close) =
        (model.keys.first_keys(&sorts), model.keys.first_keys(&[Action::InUsage(UsageKey::Close)]));
    let hints = [(sorts.as_str(), "sort by cpu, memory, disk"), (&close, "close")];
    let last = Rect { y: inner.bottom().saturating_sub(1), height: inner.height.min(1), ..inner };
    super::draw_lines(&[keys::hints(&hints, last.width, theme)], last, buffer);
}

fn header(by: By, columns: usize, is_wide: bool, model: &Model) -> Line<'static> {
    let title = |word: &str, is_chosen: bool, width: usize| {
        let word = if is_chosen { format!("{word}↓") } else { word.to_owned() };
        format!("{word:>width$}")
    };
    let mut text = title("cpu", by == By::Cpu, NUMBER_COLUMNS);
    text += &title("memory", by == By::Memory, NUMBER_COLUMNS);
    if is_wide {
        text += &title("of", false, LIMIT_COLUMNS);
        text += &title("written", by == By::Disk, NUMBER_COLUMNS);
        text += &title("worktree", by == By::Disk, NUMBER_COLUMNS);
    } else {
        text += &title("disk", by == By::Disk, NUMBER_COLUMNS);
    }
    let gap = " ".repeat(columns.saturating_sub(clip::width(&text)));
    Line::styled(format!("{gap}{text}"), model.theme.faint())
}

fn row(usage: &Usage, columns: usize, is_wide: bool, model: &Model) -> Line<'static> {
    let number = |text: Option<String>, width: usize| {
        let text = text.unwrap_or_else(|| UNKNOWN.to_owned());
        format!("{:>width$}", clip::clip(&text, width - 1))
    };
    let more = if usage.is_more { "> " } else { "" };
    let mut text = number(usage.cpu_percent.map(|percent| format!("{percent:.1} %")), NUMBER_COLUMNS);
    text += &number(usage.memory.map(clip::bytes), NUMBER_COLUMNS);
    if is_wide {
        text += &number(usage.memory_limit.map(clip::bytes), LIMIT_COLUMNS);
        text += &number(usage.written.map(clip::bytes), NUMBER_COLUMNS);
        text += &number(usage.worktree.map(|bytes| format!("{more}{}", clip::bytes(bytes))), NUMBER_COLUMNS);
    } else {
        let disk = match (usage.written, usage.worktree) {
            (None, None) => None,
            (written, worktree) => Some(written.unwrap_or(0) + worktree.unwrap_or(0)),
        };
        text += &number(disk.map(|bytes| format!("{more}{}", clip::bytes(bytes))), NUMBER_COLUMNS);
    }
    let card = usage.workstream.as_ref().and_then(|id| model.card(id));
    let (mark, style) = card
        .map_or((" ", model.theme.faint()), |card| (theme::mark(card.state), model.theme.state(card.state)));
    let room = columns.saturating_sub(clip::width(&text) + 2);
    let name = clip::clip(&card.map(|card| clip::safe(&card.name)).unwrap_or_default(), room);
    let gap = " ".repeat(room - clip::width(&name));
    Line::from(vec![Span::styled(format!("{mark} "), style), Span::raw(format!("{name}{gap}{text}"))])
}

/// What kept something from being measured.
fn trouble(model: &Model, dialog: &ResourcesDialog, columns: usize) -> Line<'static> {
    let down = match model.snapshot.as_deref().map(|snapshot| &snapshot.engine) {
        Some(EngineState::Down { reason, .. }) => Some(reason.clone()),
        Some(EngineState::Up | EngineState::Unknown) | None => None,
    };
    let named = |usage: &Usage| {
        let name =
            usage.workstream.as_ref().and_then(|id| model.card(id)).map_or("", |card| card.name.as_str());
        Some(format!("{name}: {}", usage.trouble.as_ref()?))
    };
    let told = dialog.usages.iter().flatten().find_map(named);
    match down.or(told) {
        Some(why) => {
            let text = format!("not measured: {}", clip::safe(&why));
            Line::styled(clip::clip(&text, columns), model.theme.error())
        }
        None => Line::default(),
    }
}
