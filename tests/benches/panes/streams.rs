//! What is sent through a pane: every cell in new colours, a log that scrolls, and an agent that repaints itself.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Names of the streams.
pub(crate) const STREAMS: [&str; 3] = ["dense", "log", "agent"];
/// Columns and rows that the dense stream fills.
const FIELD: (usize, usize) = (190, 55);

/// Writes a stream of about so many bytes below `room`, unless it is there; its path.
pub(crate) fn write(room: &Path, name: &str, bytes: usize) -> PathBuf {
    let path = room.join(format!("{name}-{bytes}"));
    if !path.exists() {
        std::fs::write(&path, make(name, bytes)).expect("the bench's directory takes a file");
    }
    path
}

/// The bytes of a stream.
pub(crate) fn make(name: &str, bytes: usize) -> Vec<u8> {
    let piece: fn(&mut String, usize) = match name {
        "dense" => dense,
        "log" => log,
        "agent" => agent,
        other => panic!("no such stream: {other}"),
    };
    let mut text = String::with_capacity(bytes + 512 * 1_024);
    let mut turn = 0;
    while text.len() < bytes {
        piece(&mut text, turn);
        turn += 1;
    }
    text.into_bytes()
}

/// Every cell of a field in its own colours.
fn dense(text: &mut String, turn: usize) {
    let letter = char::from(b'A' + u8::try_from(turn % 26).expect("less than 26"));
    for row in 1..=FIELD.1 {
        let _ = write!(text, "\x1b[{row};1H");
        for column in 0..FIELD.0 {
            let shade = (row + column + turn) % 156;
            let _ = write!(text, "\x1b[1;3;4;38;5;{};48;5;{}m{letter}", 100 + shade, 255 - shade);
        }
    }
}

/// A line of a server's log.
fn log(text: &mut String, turn: usize) {
    let _ = write!(
        text,
        "\x1b[2m12:{:02}:{:02}\x1b[0m \x1b[32m INFO\x1b[0m request {turn} took {} ms path=/items/{} status=200\r\n",
        turn / 60 % 60,
        turn % 60,
        turn * 7_919 % 90,
        turn * 104_729 % 10_000
    );
}

/// An agent that goes up over what it painted before, paints it anew, and now and then leaves lines behind.
fn agent(text: &mut String, turn: usize) {
    let rows = 6 + turn * 31 % 14;
    let before = if turn == 0 { 0 } else { 6 + (turn - 1) * 31 % 14 };
    text.push_str("\x1b[?2026h");
    for _ in 1..before {
        text.push_str("\x1b[2K\x1b[1A");
    }
    text.push_str("\x1b[2K\x1b[G");
    if turn.is_multiple_of(4) {
        for line in 0..=turn * 13 % 5 {
            styled(text, turn + line);
            text.push_str("\r\n");
        }
    }
    let _ =
        write!(text, "\x1b[38;2;215;119;87m✻ Thinking… \x1b[2m({}s · {turn} tokens)\x1b[0m\r\n", turn / 10);
    for row in 2..rows {
        styled(text, turn * 3 + row);
        text.push_str("\r\n");
    }
    text.push_str("\x1b[2m");
    text.extend(std::iter::repeat_n('─', 120));
    text.push_str("\x1b[0m\x1b[?2026l");
}

fn styled(text: &mut String, seed: usize) {
    const WORDS: [&str; 12] = [
        "fn",
        "let",
        "agent",
        "of",
        "render",
        "→",
        "✓",
        "Result<T>",
        "cargo",
        "passed",
        "src/main.rs:42:7",
        "│",
    ];
    for word in 0..14 {
        let roll = seed * 7 + word * 5;
        if roll.is_multiple_of(3) {
            let shade = 100 + roll * 13 % 156;
            let _ = write!(text, "\x1b[38;2;{shade};{};{}m", 255 - shade, 100 + roll % 156);
        }
        text.push_str(WORDS[roll % WORDS.len()]);
        text.push_str(if roll.is_multiple_of(4) { "\x1b[39m " } else { " " });
    }
    text.push_str("\x1b[0m");
}
