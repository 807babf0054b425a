//! The terminal, which reads whatever runs in a container.

use ccells_holder::emulator::Emulator;

const COLUMNS: u16 = 20;
const ROWS: u16 = 6;
const SCROLLBACK: usize = 20;

/// Output of a program, and the same bytes as a snapshot: nothing breaks, splits do not matter, a snapshot tells all.
pub fn terminal_stream(bytes: &[u8]) {
    let mut whole = Emulator::resident(COLUMNS, ROWS, SCROLLBACK);
    let mut pane = Emulator::pane(COLUMNS, ROWS, SCROLLBACK);
    whole.feed(bytes);
    pane.feed(bytes);
    let snapshot = whole.snapshot();
    assert_same(&pane.snapshot(), &snapshot);
    let replies = whole.take_replies();
    for pieces in splits(bytes) {
        let mut split = Emulator::resident(COLUMNS, ROWS, SCROLLBACK);
        for piece in pieces {
            split.feed(piece);
        }
        assert_same(&split.snapshot(), &snapshot);
        assert_eq!(split.take_replies(), replies);
        assert_eq!((split.title(), split.status(), split.faults()), (whole.title(), whole.status(), 0));
    }

    let mut restored = Emulator::resident(COLUMNS, ROWS, SCROLLBACK);
    restored.restore(&snapshot);
    assert_same(&restored.snapshot(), &snapshot);
    restored.restore(bytes);
    restored.resize(COLUMNS / 2, ROWS + 3);
    restored.feed(bytes);
    restored.snapshot();
    for emulator in [whole, pane, restored] {
        assert_eq!(emulator.faults(), 0);
    }
}

/// Byte by byte, and in two at a place that the bytes themselves decide.
fn splits(bytes: &[u8]) -> [Vec<&[u8]>; 2] {
    let sum: usize = bytes.iter().map(|byte| usize::from(*byte)).sum();
    let (first, second) = bytes.split_at(sum % (bytes.len() + 1));
    [bytes.chunks(1).collect(), vec![first, second]]
}

/// Compares pictures as text, so that a difference can be read.
#[track_caller]
fn assert_same(picture: &[u8], expected: &[u8]) {
    if picture != expected {
        assert_eq!(picture.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}
