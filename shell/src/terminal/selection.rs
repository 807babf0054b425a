//! What is selected in a transcript, and its text.

use std::ops::Range;

use super::transcript::{Spot, Transcript};

/// What a selection is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// All from one place to the other.
    Text,
    /// The same, in whole words.
    Words,
    /// The same, in whole lines.
    Lines,
    /// The rectangle between the two.
    Block,
}

/// Something selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// What it is made of.
    pub shape: Shape,
    /// Where it was begun.
    pub anchor: Spot,
    /// Where it is now.
    pub head: Spot,
}

impl Selection {
    /// First and last place, both selected.
    fn ends(&self, transcript: &Transcript) -> (Spot, Spot) {
        let (first, last) = (self.anchor.min(self.head), self.anchor.max(self.head));
        match self.shape {
            Shape::Text | Shape::Block => (transcript.start_of_cell(first), transcript.end_of_cell(last)),
            Shape::Words => (transcript.word(first).0, transcript.word(last).1),
            Shape::Lines => {
                let line = transcript.whole_line(first.line).0;
                let last_line = transcript.whole_line(last.line).1;
                let column = transcript.columns().saturating_sub(1);
                (Spot { line, column: 0 }, Spot { line: last_line, column })
            }
        }
    }

    /// The columns of `line` that are selected.
    pub fn columns(&self, transcript: &Transcript, line: usize) -> Range<usize> {
        let (first, last) = self.ends(transcript);
        if !(first.line..=last.line).contains(&line) {
            return 0..0;
        }
        if self.shape == Shape::Block {
            let (left, right) =
                (self.anchor.column.min(self.head.column), self.anchor.column.max(self.head.column));
            let left = transcript.start_of_cell(Spot { line, column: left }).column;
            return left..transcript.end_of_cell(Spot { line, column: right }).column + 1;
        }
        let from = if line == first.line { first.column } else { 0 };
        let to = if line == last.line { last.column + 1 } else { transcript.columns() };
        from..to
    }

    /// Its text. Lines of a block stand below each other; those of anything else are whole where they were wrapped.
    pub fn text(&self, transcript: &Transcript) -> String {
        let (first, last) = self.ends(transcript);
        if self.shape != Shape::Block {
            return transcript.text(first, last);
        }
        let lines = (first.line..=last.line).map(|line| {
            let mut text = String::new();
            transcript.put_text(line, self.columns(transcript, line), &mut text);
            text.truncate(text.trim_end_matches(' ').len());
            text
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
