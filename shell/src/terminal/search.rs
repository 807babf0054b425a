//! Looking for a text in a transcript: everywhere, also where a line was wrapped.

use ccells_core::limits;

use super::transcript::{Spot, Transcript};

/// A place where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The first place of it.
    pub first: Spot,
    /// The last place of it.
    pub last: Spot,
}

/// All places where `wanted` is, oldest first, at most [`limits::FINDINGS`] of them, the newest ones. Capitals count only
/// when `wanted` has some.
pub fn find(transcript: &Transcript, wanted: &str) -> Vec<Found> {
    let is_exact = wanted.chars().any(char::is_uppercase);
    let wanted: Vec<char> = wanted.chars().map(|c| if is_exact { c } else { small(c) }).collect();
    let mut found = Vec::new();
    if wanted.is_empty() {
        return found;
    }
    let mut end = transcript.len();
    let (mut line_text, mut places) = (Vec::new(), Vec::new());
    while end > 0 && found.len() < limits::FINDINGS {
        let (first, last) = transcript.whole_line(end - 1);
        read_line(transcript, first, last, is_exact, &mut line_text, &mut places);
        let mut in_line = Vec::new();
        let mut from = 0;
        while let Some(at) = position(&line_text[from..], &wanted) {
            let (start, stop) = (from + at, from + at + wanted.len());
            in_line.push(Found { first: places[start], last: transcript.end_of_cell(places[stop - 1]) });
            from = stop;
        }
        found.extend(in_line.into_iter().rev());
        end = first;
    }
    found.truncate(limits::FINDINGS);
    found.reverse();
    found
}

/// The characters of a line, and where each of them is.
fn read_line(
    transcript: &Transcript,
    first: usize,
    last: usize,
    is_exact: bool,
    text: &mut Vec<char>,
    places: &mut Vec<Spot>,
) {
    use alacritty_terminal::term::cell::Flags;
    text.clear();
    places.clear();
    for line in first..=last {
        for (column, cell) in transcript.cells(line).iter().enumerate() {
            if cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
                continue;
            }
            let characters = std::iter::once(&cell.c).chain(cell.zerowidth().unwrap_or_default());
            for c in characters {
                text.push(if is_exact { *c } else { small(*c) });
                places.push(Spot { line, column });
            }
        }
        // What is blank at the end of a row that goes on is part of the line.
        if line < last {
            for column in transcript.cells(line).len()..transcript.columns() {
                text.push(' ');
                places.push(Spot { line, column });
            }
        }
    }
}

fn position(text: &[char], wanted: &[char]) -> Option<usize> {
    let first = wanted.first()?;
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|c| c == first) {
        if text[from + at..].starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// A letter without its capital form, where that is one letter.
fn small(c: char) -> char {
    if c.is_ascii() { c.to_ascii_lowercase() } else { c.to_lowercase().next().unwrap_or(c) }
}
