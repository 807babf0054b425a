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

/// Text from outside, made harmless for a terminal.
pub(super) fn clean(text: &str) -> String {
    ccells_core::naming::sanitise(text)
}
