//! What scrolled off a pane's screen: a short part of it stays in the emulator, where its size can still change, and all
//! that is older is packed. The whole is bounded by lines and by bytes.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::TermMode;
use ccells_core::limits;
use ccells_holder::emulator::Emulator;

use super::packed::{Packed, Row};

/// Lines that stay in the emulator when the older ones are packed: a screen that grows takes its lines back from them.
const HOT_LEAST: usize = *limits::ROWS.end() as usize;
/// From here on they are packed. Below it the emulator's storage stays as large as it is, and is used again and again.
const HOT_MOST: usize = 900;
/// Most that is fed to the emulator before it is looked after.
const PIECE_BYTES: usize = 32 * 1_024;
/// Most new lines in such a piece.
const PIECE_LINES: usize = 300;

/// The lines of one pane that are older than what its emulator holds.
#[derive(Debug)]
pub struct History {
    limit: usize,
    packed: Packed,
    /// How often the emulator had forgotten its scrollback when this was looked at last.
    forgotten: u64,
}

impl History {
    /// An empty one that holds, with what is in the emulator, so many lines.
    pub fn new(limit: usize) -> Self {
        Self { limit, packed: Packed::default(), forgotten: 0 }
    }

    /// An emulator whose scrollback this is.
    pub fn emulator(&self, columns: u16, rows: u16) -> Emulator {
        Emulator::pane(columns, rows, self.limit)
    }

    /// Feeds the emulator, and takes what gets old.
    pub fn feed(&mut self, emulator: &mut Emulator, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(piece(rest));
            emulator.feed(piece);
            self.gather(emulator);
            rest = after;
        }
    }

    /// Takes what got old. The emulator itself may hold as many lines as there may be at all, so that nothing is lost
    /// however many there are at once.
    pub fn gather(&mut self, emulator: &mut Emulator) {
        let forgotten = emulator.forgotten();
        if std::mem::replace(&mut self.forgotten, forgotten) != forgotten {
            self.packed.clear();
        }
        let term = emulator.term_mut();
        if term.mode().contains(TermMode::ALT_SCREEN) {
            return;
        }
        let grid = term.grid_mut();
        let held = grid.history_size();
        if held > HOT_MOST {
            let columns = Column(grid.columns());
            let top = grid.topmost_line();
            for line in 0..held - HOT_LEAST {
                let row = &grid[top + i32::try_from(line).unwrap_or(i32::MAX)];
                self.packed.push(&row[Column(0)..columns]);
            }
            grid.update_history(HOT_LEAST);
            grid.update_history(self.limit);
        }
        let packed_limit = self.limit.saturating_sub(grid.history_size());
        if self.packed.len() > packed_limit || self.packed.bytes() > limits::HISTORY_BYTES {
            self.packed.trim(packed_limit, limits::HISTORY_BYTES);
        }
    }

    /// All there is at this moment, quickly: to be made a transcript of without keeping anybody waiting.
    pub fn freeze(&self, emulator: &Emulator) -> Frozen {
        let grid = emulator.term().grid();
        let is_alternate = emulator.term().mode().contains(TermMode::ALT_SCREEN);
        let columns = Column(grid.columns());
        let lines = grid.topmost_line().0..=grid.bottommost_line().0;
        let cursor = grid.cursor.point;
        Frozen {
            // The alternate screen has no past.
            packed: if is_alternate { Packed::default() } else { self.packed.clone() },
            rows: lines.map(|line| Row::of(&grid[Line(line)][Column(0)..columns])).collect(),
            columns: columns.0,
            screen_rows: grid.screen_lines(),
            cursor: (usize::try_from(cursor.line.0).unwrap_or(0), cursor.column.0),
        }
    }
}

/// What a pane held at one moment.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// The older lines.
    pub(super) packed: Packed,
    /// The newer ones, and the screen.
    pub(super) rows: Vec<Row>,
    /// The width of the screen.
    pub(super) columns: usize,
    /// Its height.
    pub(super) screen_rows: usize,
    /// Row and column of the cursor on it.
    pub(super) cursor: (usize, usize),
}

/// How many bytes are fed at once.
fn piece(bytes: &[u8]) -> usize {
    let window = &bytes[..bytes.len().min(PIECE_BYTES)];
    let is_line = |byte: &&u8| **byte == b'\n';
    if window.iter().filter(is_line).count() <= PIECE_LINES {
        return window.len();
    }
    let lines = window.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    lines.map(|(place, _)| place + 1).nth(PIECE_LINES - 1).unwrap_or(window.len())
}

const _: () = assert!(HOT_LEAST < HOT_MOST);
