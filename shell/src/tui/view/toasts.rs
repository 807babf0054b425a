//! Things told for a while, stacked above the status line at the right, the newest lowest.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::tui::clip;
use crate::tui::model::Model;
use crate::tui::theme;

/// Widest toast.
const COLUMNS: u16 = 60;
/// Lines one toast takes at most.
const LINES: usize = 4;

/// Draws them.
pub(super) fn draw(model: &Model, buffer: &mut Buffer) {
    let area = buffer.area;
    let columns = COLUMNS.min(area.width);
    // A mark, and a blank at both ends.
    let room = usize::from(columns.saturating_sub(4));
    let mut bottom = area.bottom().saturating_sub(1);
    for toast in model.toasts.iter().rev() {
        let stays = if toast.until.is_none() { "  (Esc)" } else { "" };
        let mut lines = clip::wrap(&format!("{}{stays}", toast.text), room);
        if lines.len() > LINES {
            lines.truncate(LINES);
            if let Some(last) = lines.last_mut() {
                *last = clip::clip(&format!("{last} …"), room);
            }
        }
        let Ok(height) = u16::try_from(lines.len()) else { return };
        let Some(top) = bottom.checked_sub(height).filter(|top| *top >= area.y) else { return };
        let widest = lines.iter().map(|line| clip::width(line)).max().unwrap_or(0);
        let width = u16::try_from(widest + 4).unwrap_or(columns).min(columns);
        let spot = Rect { x: area.right() - width, y: top, width, height };
        super::fill(spot, model.theme.toast(toast.level), buffer);
        for (row, line) in (top..bottom).zip(lines) {
            let mark = if row == top { theme::level_mark(toast.level) } else { " " };
            buffer.set_line(spot.x, row, &Line::raw(format!(" {mark} {line}")), width);
        }
        bottom = top;
    }
}
