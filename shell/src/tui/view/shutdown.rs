//! The end of the run, as it goes on: one line a workstream.

use ccells_core::snapshot::{ShutdownOutcome, ShutdownState};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::keys;
use crate::tui::clip;
use crate::tui::model::Model;

/// Columns of the box.
const COLUMNS: u16 = 64;
/// Columns of the names.
const NAME_COLUMNS: usize = 24;

/// Draws it.
pub(super) fn draw(model: &Model, ending: &ShutdownState, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let count = u16::try_from(ending.outcomes.len()).unwrap_or(u16::MAX);
    let columns = COLUMNS.min(area.width.saturating_sub(4));
    let seconds = clip::duration(model.now.since(ending.since));
    let title = format!("Ending ({seconds})");
    let inner = super::draw_box(&title, (columns, count.max(1).saturating_add(2)), theme, area, buffer);
    let room = usize::from(inner.height.saturating_sub(1)).max(1);
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (id, outcome) in ending.outcomes.iter().take(room) {
        let name = model.card(id).map_or_else(|| id.short().to_owned(), |card| clip::safe(&card.name));
        let name = clip::clip(&name, NAME_COLUMNS.min(usize::from(inner.width) / 2));
        let padding = " ".repeat(NAME_COLUMNS.min(usize::from(inner.width) / 2) - clip::width(&name) + 2);
        let (text, style) = match outcome {
            ShutdownOutcome::Waiting => ("pausing …".to_owned(), theme.text()),
            ShutdownOutcome::Paused => ("‖ paused".to_owned(), theme.faint()),
            ShutdownOutcome::KeptRunning => ("● works on".to_owned(), theme.faint()),
            ShutdownOutcome::Failed(why) => (format!("✗ {}", clip::safe(why)), theme.error()),
        };
        let left = usize::from(inner.width).saturating_sub(clip::width(&name) + padding.len());
        lines.push(Line::from(vec![
            Span::raw(name),
            Span::raw(padding),
            Span::styled(clip::clip(&text, left), style),
        ]));
    }
    if ending.outcomes.is_empty() {
        lines.push(Line::raw("Finishing what is in flight …"));
    }
    if ending.outcomes.len() > room {
        lines.pop();
        let hidden = ending.outcomes.len() - room + 1;
        lines.push(Line::styled(format!("and {hidden} more"), theme.faint()));
    }
    if usize::from(inner.height) > lines.len() + 1 {
        lines.push(Line::default());
    }
    lines.push(keys::hints(&[("Ctrl+C", "end now, as it is")], inner.width, theme));
    super::draw_lines(&lines, inner, buffer);
}
