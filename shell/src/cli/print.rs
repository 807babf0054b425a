//! What goes to standard output and standard error. A reader that went away (`| head`) is no failure.

use std::io::Write;

use serde_json::Value;

/// A line for the user.
pub(super) fn say(text: &str) {
    let _reader_gone = writeln!(std::io::stdout().lock(), "{text}");
}

/// Many lines for the user.
pub(super) fn all(lines: impl Iterator<Item = String>) {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in lines {
        if writeln!(out, "{line}").is_err() {
            return;
        }
    }
    let _reader_gone = out.flush();
}

/// A table, with a line above it that names its columns.
pub(super) fn table(names: &[&str], rows: &[Vec<String>]) {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let widest = |column: usize| {
        let cells = rows.iter().chain([&names]).map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..names.len()).map(widest).collect();
    for row in [&names].into_iter().chain(rows) {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        say(cells.join("  ").trim_end());
    }
}

/// One JSON document.
pub(super) fn json(value: &Value) {
    say(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// What went wrong.
pub(super) fn complain(text: &str) {
    let _reader_gone = writeln!(std::io::stderr().lock(), "ccells: {text}");
}

/// What is being done, for a person who watches.
pub(super) fn tell(text: &str) {
    let _reader_gone = writeln!(std::io::stderr().lock(), "{text}");
}

/// The same, for what goes on: `is_same_line` takes the place of what was told last, and `is_open` stays open for more.
pub(super) fn tell_on(text: &str, is_same_line: bool, is_open: bool) {
    let start = if is_same_line { "\r\x1b[K" } else { "" };
    let end = if is_open { "" } else { "\n" };
    let mut out = std::io::stderr().lock();
    let _reader_gone = write!(out, "{start}{text}{end}").and_then(|()| out.flush());
}

/// Text from outside, made harmless for a terminal.
pub(super) fn clean(text: &str) -> String {
    ccells_core::naming::sanitise(text)
}
