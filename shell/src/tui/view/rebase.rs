//! The dialog about putting commits onto another base, and what conflicts, file by file.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::dialogs::{choice_line, draw_dialog};
use super::keys;
use crate::tui::clip;
use crate::tui::dialog::rebase::RebaseDialog;
use crate::tui::model::Model;

/// Files that are named, where there is room.
const FILES: usize = 8;
/// Lines that are no files: the frame, the words above, empty lines, choices and keys.
const OTHER_LINES: usize = 10;

/// Draws it.
pub(super) fn draw(model: &Model, dialog: &RebaseDialog, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let columns = 66.min(area.width.saturating_sub(4));
    let files = dialog.open.as_ref().and_then(|open| open.files.as_deref()).unwrap_or_default();
    let words = match &dialog.open {
        None if dialog.is_after_clash => {
            "Both sides changed the same places. A rebase is where that is resolved.".to_owned()
        }
        None => "Its commits go onto the branch that it began from.".to_owned(),
        Some(open) if files.is_empty() => format!("{}.", capital(&open.text())),
        Some(open) => {
            let count = clip::counted(files.len(), "file is", "files are");
            format!("Its rebase onto {} has stopped; {count} in conflict:", clip::safe(&open.moving.target))
        }
    };
    let mut lines = super::paragraph(&words, columns, theme.text());
    let room = usize::from(area.height).saturating_sub(OTHER_LINES + lines.len() - 1).clamp(1, FILES);
    let shown = if files.len() > room { room - 1 } else { files.len() };
    for file in &files[..shown] {
        let file = clip::clip(&clip::safe(file), usize::from(columns).saturating_sub(2));
        lines.push(Line::styled(format!("  {file}"), theme.strong()));
    }
    if shown < files.len() {
        lines.push(Line::styled(format!("  and {} more", files.len() - shown), theme.faint()));
    }
    lines.push(Line::default());
    for choice in dialog.choices() {
        lines.push(choice_line(choice.told(), *choice == dialog.choice(), columns, theme));
    }
    lines.push(Line::default());
    lines.push(keys::hints(&[("Enter", "as marked"), ("↑ ↓", "choose")], columns, theme));
    let title = format!("Rebase {}", clip::safe(&dialog.name));
    draw_dialog(&title, &lines, columns, model, area, buffer);
}

/// The words as a sentence begins.
fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
