//! The terminal, which reads whatever runs in a container.

use ccells_holder::emulator::Emulator;

const COLUMNS: u16 = 20;
const ROWS: u16 = 6;
const SCROLLBACK: usize = 20;

/// Output of a program, and the same bytes as a snapshot: nothing breaks, splits do not matter, a snapshot tells all.
pub fn terminal_stream(bytes: &[u8]) {
    let mut whole = Emulator::resident(COLUMNS, ROWS, SCROLLBACK);
    let mut split = Emulator::resident(COLUMNS, ROWS, SCROLLBACK);
    let mut pane = Emulator::pane(COLUMNS, ROWS, SCROLLBACK);
    whole.feed(bytes);
    pane.feed(bytes);
    for piece in bytes.chunks(3) {
        split.feed(piece);
    }
    let snapshot = whole.snapshot();
    assert_eq!(split.snapshot().escape_ascii().to_string(), snapshot.escape_ascii().to_string());
    assert_eq!(pane.snapshot().escape_ascii().to_string(), snapshot.escape_ascii().to_string());
    assert_eq!(whole.take_replies(), split.take_replies());

    let mut restored = Emulator::resident(COLUMNS, ROWS, SCROLLBACK);
    restored.restore(&snapshot);
    assert_eq!(restored.snapshot().escape_ascii().to_string(), snapshot.escape_ascii().to_string());
    restored.restore(bytes);
    restored.resize(COLUMNS / 2, ROWS + 3);
    restored.feed(bytes);
    restored.snapshot();
    for emulator in [whole, split, pane, restored] {
        assert_eq!(emulator.faults(), 0);
    }
}
