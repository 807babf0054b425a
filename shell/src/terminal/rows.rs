//! Which rows of a terminal changed since somebody last looked.

use std::ops::Range;

use alacritty_terminal::event::EventListener;
use alacritty_terminal::term::{Term, TermDamage};
use ccells_core::limits;

/// Bits in one word.
const BITS: usize = 64;
/// Words for as many rows as a terminal may have.
const WORDS: usize = 8;
const _: () = assert!(WORDS * BITS >= *limits::ROWS.end() as usize);

/// A set of rows, counted from the top of what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows([u64; WORDS]);

impl Rows {
    /// All of them.
    pub const ALL: Self = Self([u64::MAX; WORDS]);
    /// None of them.
    pub const NONE: Self = Self([0; WORDS]);

    /// Those that changed since this was last asked of `term`.
    pub fn take<T: EventListener>(term: &mut Term<T>) -> Self {
        let rows = match term.damage() {
            TermDamage::Full => Self::ALL,
            TermDamage::Partial(lines) => lines.fold(Self::NONE, |rows, line| rows.with(line.line)),
        };
        term.reset_damage();
        rows
    }

    /// These and that one. One beyond the largest terminal is never seen.
    #[must_use]
    fn with(mut self, row: usize) -> Self {
        if let Some(word) = self.0.get_mut(row / BITS) {
            *word |= 1 << (row % BITS);
        }
        self
    }

    /// Whether it is one of them.
    pub fn has(&self, row: u16) -> bool {
        let row = usize::from(row);
        self.0.get(row / BITS).is_some_and(|word| word & (1 << (row % BITS)) != 0)
    }

    /// Those among the first `height`, neighbours together.
    pub fn runs(self, height: u16) -> impl Iterator<Item = Range<u16>> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let start = (next..height).find(|row| self.has(*row))?;
            next = (start..height).find(|row| !self.has(*row)).unwrap_or(height);
            Some(start..next)
        })
    }
}

#[cfg(test)]
mod tests {
    use ccells_holder::emulator::Emulator;

    use super::*;

    #[test]
    fn rows_that_changed_are_told_once() {
        let mut emulator = Emulator::pane(20, 100, 10);
        let mut changed = |bytes: &str| {
            emulator.feed(bytes.as_bytes());
            Rows::take(emulator.term_mut()).runs(100).map(|run| (run.start, run.end)).collect::<Vec<_>>()
        };
        assert_eq!(changed(""), [(0, 100)], "nobody has looked yet");
        assert_eq!(changed("\x1b[5Ha"), [(0, 1), (4, 5)], "the cursor left the first row");
        assert_eq!(changed("\x1b[7;1Hx\x1b[8;1Hy\x1b[81;1Hz"), [(4, 5), (6, 8), (80, 81)]);
        assert_eq!(changed("b"), [(80, 81)]);
        assert_eq!(changed("\x1b[2J"), [(0, 100)]);
    }
}
