//! Text that fits: cut to a number of columns, wrapped to lines, and made safe before it becomes cells.

use ccells_core::naming;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Text from outside on one line, with nothing in it that acts on a terminal.
pub(crate) fn safe(text: &str) -> String {
    naming::sanitise(text)
}

/// Columns from one stop of a tab to the next.
const TAB_COLUMNS: usize = 4;

/// A line of a file, safe to show, of about `limit` characters between two tabs. Tabs go on to the next stop.
pub(crate) fn line(text: &[u8], limit: usize) -> String {
    // No more is looked at than is shown: a character has four bytes at most.
    let text = String::from_utf8_lossy(&text[..text.len().min(4 * limit)]);
    let (mut safe, mut column) = (String::new(), 0);
    for (number, part) in text.split('\t').enumerate() {
        let gap = if number > 0 { TAB_COLUMNS - column % TAB_COLUMNS } else { 0 };
        let part = naming::sanitise_to(part, limit);
        column += gap + width(&part);
        safe.extend(std::iter::repeat_n(' ', gap));
        safe.push_str(&part);
    }
    safe
}

/// How many columns `text` takes.
pub(crate) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// `text` in at most `columns` columns; what is cut off is told by an ellipsis.
pub(crate) fn clip(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut clipped = head(text, columns.saturating_sub(1)).to_owned();
    if columns > 0 {
        clipped.push('…');
    }
    clipped
}

/// The end of `text` in at most `columns` columns; what is cut off before it is told by an ellipsis.
pub(crate) fn tail(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let starts = text.char_indices().map(|(at, _)| at).skip(1);
    let fits = |at: &usize| width(&text[*at..]) < columns && !text[*at..].starts_with(is_mark);
    let end = starts.into_iter().find(fits).map_or("", |at| &text[at..]);
    if columns == 0 { String::new() } else { format!("…{end}") }
}

/// The longest start of `text` that fits into `columns`.
pub(crate) fn head(text: &str, columns: usize) -> &str {
    let mut taken = 0;
    let is_beyond = |(_, character): &(usize, char)| {
        taken += character.width().unwrap_or(0);
        taken > columns
    };
    let mut head = text.char_indices().find(is_beyond).map_or(text, |(at, _)| &text[..at]);
    // Together characters may take more columns than each of them alone, and a mark stays with what it is on.
    while width(head) > columns || (!head.is_empty() && text[head.len()..].starts_with(is_mark)) {
        head = &head[..head.char_indices().next_back().map_or(0, |(at, _)| at)];
    }
    head
}

fn is_mark(character: char) -> bool {
    character.width() == Some(0)
}

/// `text` in lines of at most `columns`, broken between words where that is possible.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word = word;
        let room = columns.saturating_sub(width(&line) + usize::from(!line.is_empty()));
        if width(word) > room && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        } else if !line.is_empty() {
            line.push(' ');
        }
        while width(word) > columns {
            let start = match head(word, columns) {
                // A character that is wider than a line has one for itself.
                "" => &word[..word.chars().next().map_or(0, char::len_utf8)],
                start => start,
            };
            lines.push(start.to_owned());
            word = &word[start.len()..];
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// Milliseconds as a person says them.
pub(crate) fn duration(ms: u64) -> String {
    match ms / 1_000 {
        s @ 0..60 => format!("{s} s"),
        s @ 60..3_600 => format!("{} min", s / 60),
        s => format!("{} h {} min", s / 3_600, s / 60 % 60),
    }
}

/// The same, with tenths of a second where they tell something.
pub(crate) fn short_duration(ms: u64) -> String {
    if ms < 10_000 { format!("{}.{} s", ms / 1_000, ms % 1_000 / 100) } else { duration(ms) }
}

/// Bytes as a person says them.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let (mut whole, mut rest, mut unit) = (bytes / 1_000, bytes % 1_000, 0);
    while whole >= 1_000 && unit + 1 < UNITS.len() {
        (whole, rest, unit) = (whole / 1_000, whole % 1_000, unit + 1);
    }
    if whole < 10 {
        format!("{whole}.{} {}", rest / 100, UNITS[unit])
    } else {
        format!("{whole} {}", UNITS[unit])
    }
}

/// `count` things, in the singular or the plural.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_counts_columns_not_characters() {
        assert_eq!(clip("short", 9), "short");
        assert_eq!(clip("a long name", 6), "a lon…");
        assert_eq!(clip("日本語の名前", 6), "日本…");
        assert_eq!(clip("anything", 0), "");
    }

    #[test]
    fn the_end_of_a_path_stays_when_it_is_cut() {
        assert_eq!(tail("src/a.rs", 8), "src/a.rs");
        assert_eq!(tail("src/a.rs", 6), "…/a.rs");
        assert_eq!(tail("日本語", 4), "…語");
        assert_eq!(tail("anything", 0), "");
    }

    #[test]
    fn tabs_of_a_line_go_on_to_the_next_stop_and_nothing_in_it_acts() {
        assert_eq!(line(b"\ta\tb", 100), "    a   b");
        assert_eq!(line("日\tx".as_bytes(), 100), "日  x");
        assert_eq!(line(b"\x1b[31mx\r", 100), "\\x1b[31mx\\r");
        assert_eq!(line(&[b'a'; 900], 10), "aaaaaaaaa…");
    }

    proptest::proptest! {
        /// Characters together may take more columns than each of them alone.
        #[test]
        fn what_is_cut_fits(text in "(❤\u{fe0f}|#\u{fe0f}\u{20e3}|🇩🇪|🇩|👩\u{200d}💻|👍🏽|⸻|日|e\u{301}|a| |\\PC){0,30}", columns in 0_usize..40) {
            proptest::prop_assert!(width(&clip(&text, columns)) <= columns);
            proptest::prop_assert!(width(&tail(&text, columns)) <= columns);
            proptest::prop_assert!(width(head(&text, columns)) <= columns);
            let lines = wrap(&text, columns);
            proptest::prop_assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
            // A character may be wider than the narrowest of lines, and spaces hang over its end.
            proptest::prop_assert!(lines.iter().all(|line| width(line.trim_end()) <= columns.max(3)), "{:?}", lines);
        }
    }

    #[test]
    fn wrapping_keeps_words_and_breaks_what_is_longer_than_a_line() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(wrap("", 10), [""]);
    }

    #[test]
    fn sizes_read_well() {
        let said = [0, 999, 1_000, 9_949, 10_000, 1_234_567, 4_294_967_296, u64::MAX].map(bytes);
        assert_eq!(said[..7], ["0 B", "999 B", "1.0 kB", "9.9 kB", "10 kB", "1.2 MB", "4.2 GB"]);
        assert_eq!(said[7], "18446744 TB");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(4_900), "4 s");
        assert_eq!(duration(61_000), "1 min");
        assert_eq!(duration(3_720_000), "1 h 2 min");
        assert_eq!(short_duration(1_250), "1.2 s");
        assert_eq!(short_duration(12_900), "12 s");
    }
}
