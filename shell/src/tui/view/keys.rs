//! Hints of keys: the key itself, and in plain words what it does.

use ratatui::text::{Line, Span};

use crate::tui::theme::Theme;

/// Keys and words in one line, as many pairs as fit into `columns`.
pub(super) fn hints(pairs: &[(&str, &str)], columns: u16, theme: Theme) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    for (key, words) in pairs {
        let gap = if spans.is_empty() { "" } else { "   " };
        let pair = [
            Span::raw(gap),
            Span::styled((*key).to_owned(), theme.key()),
            Span::styled(format!(" {words}"), theme.text()),
        ];
        if super::spans_width(&spans) + super::spans_width(&pair) > usize::from(columns) {
            break;
        }
        spans.extend(pair);
    }
    Line::from(spans)
}
