//! What the tests of the terminal share: streams that programs may send, and a comparison that misses nothing.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::Cell;
use ccells_holder::emulator::Emulator;
use proptest::prelude::*;

/// Everything of a cell that anyone can see.
fn cell_text(cell: &Cell) -> String {
    let marks = cell.zerowidth().unwrap_or_default();
    let link = cell.hyperlink().map(|link| (link.id().to_owned(), link.uri().to_owned()));
    format!(
        "{:?}{marks:?} {:?} {:?} {:?} {:?} {link:?}",
        cell.c,
        cell.fg,
        cell.bg,
        cell.flags,
        cell.underline_color()
    )
}

/// The first difference between two terminals, in words.
pub(crate) fn difference(a: &mut Emulator, b: &mut Emulator) -> Option<String> {
    a.release();
    b.release();
    let (left, right) = (a.term(), b.term());
    let sizes = |emulator: &Emulator| (emulator.size(), emulator.term().grid().history_size());
    if sizes(a) != sizes(b) {
        return Some(format!("size and history {:?} against {:?}", sizes(a), sizes(b)));
    }
    let bottom = left.grid().bottommost_line().0;
    for line in left.grid().topmost_line().0..=bottom {
        for column in 0..left.columns() {
            let cell = |term: &Emulator| cell_text(&term.term().grid()[Line(line)][Column(column)]);
            if left.grid()[Line(line)][Column(column)] != right.grid()[Line(line)][Column(column)]
                && cell(a) != cell(b)
            {
                return Some(format!("cell {line},{column}: {} against {}", cell(a), cell(b)));
            }
        }
    }
    let rest = |emulator: &Emulator| {
        let (term, grid) = (emulator.term(), emulator.term().grid());
        let cursor = (grid.cursor.point, grid.cursor.input_needs_wrap, grid.cursor.charsets);
        let saved = (grid.saved_cursor.point, grid.saved_cursor.input_needs_wrap, grid.saved_cursor.charsets);
        let pens = (cell_text(&grid.cursor.template), cell_text(&grid.saved_cursor.template));
        let style = term.cursor_style();
        let words = (emulator.title(), emulator.status());
        format!("{:?} {cursor:?} {saved:?} {pens:?} {style:?} {words:?}", term.mode())
    };
    if rest(a) != rest(b) {
        return Some(format!("{}\nagainst\n{}", rest(a), rest(b)));
    }
    // The rest shows in a snapshot only: the screen behind, tab stops, region, keyboard modes, titles, palette.
    let (left, right) = (a.snapshot(), b.snapshot());
    (left != right).then(|| {
        let at = left.iter().zip(&right).position(|(x, y)| x != y).unwrap_or(left.len().min(right.len()));
        let near = |snapshot: &[u8]| {
            snapshot[at.saturating_sub(40)..snapshot.len().min(at + 40)].escape_ascii().to_string()
        };
        format!("snapshots differ at {at}: {} against {}", near(&left), near(&right))
    })
}

/// The text of every row on the screen.
pub(crate) fn rows(emulator: &Emulator) -> Vec<String> {
    let grid = emulator.term().grid();
    let lines = 0..=grid.bottommost_line().0;
    let text =
        |line| grid[Line(line)].into_iter().map(|cell| cell.c).collect::<String>().trim_end().to_owned();
    lines.map(text).collect()
}

/// Something a program may send.
pub(crate) fn piece() -> impl Strategy<Value = Vec<u8>> {
    let number =
        prop_oneof![Just(String::new()), (0_u16..14).prop_map(|n| n.to_string()), Just("999".to_owned())];
    let parameters = prop::collection::vec(number, 0..4).prop_map(|numbers| numbers.join(";"));
    let final_byte = prop::sample::select(&b"@ABCDEFGHIJKLMPSTXZ`abdefgnrsu"[..]);
    let looks = prop::sample::select(LOOKS).prop_map(|look| format!("\x1b[{look}m"));
    let modes = (prop::sample::select(MODES), any::<bool>())
        .prop_map(|(mode, is_set)| format!("\x1b[{mode}{}", if is_set { 'h' } else { 'l' }));
    let words = prop::sample::select(WORDS).prop_map(str::to_owned);
    let other = prop::sample::select(OTHER).prop_map(str::to_owned);
    prop_oneof![
        6 => words.prop_map(String::into_bytes),
        4 => (parameters, final_byte).prop_map(|(p, f)| format!("\x1b[{p}{}", char::from(f)).into_bytes()),
        3 => looks.prop_map(String::into_bytes),
        3 => modes.prop_map(String::into_bytes),
        4 => other.prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ]
}

/// A stream of such pieces.
pub(crate) fn stream(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..longest).prop_map(|pieces| pieces.concat())
}

const LOOKS: &[&str] = &[
    "",
    "0",
    "1",
    "2",
    "3",
    "4",
    "4:3",
    "4:2",
    "4:5",
    "7",
    "8",
    "9",
    "21",
    "22",
    "24",
    "27",
    "31",
    "42",
    "97",
    "104",
    "38;5;200",
    "48;5;17",
    "38;2;1;2;3",
    "48;2;9;8;7",
    "58;5;9",
    "58:2::4:5:6",
    "59",
    "39;49",
];
const MODES: &[&str] = &[
    "4", "20", "?1", "?3", "?6", "?7", "?12", "?25", "?1000", "?1002", "?1003", "?1004", "?1005", "?1006",
    "?1007", "?1042", "?47", "?1047", "?1048", "?1049", "?1049", "?1049", "?2004", "?2026", "?2026",
];
const WORDS: &[&str] = &[
    "hello",
    "a",
    "日本語",
    "漢",
    "e\u{301}",
    "\u{301}",
    "👩\u{200d}💻",
    "👩",
    "👍\u{1f3fd}",
    "\u{1f3fd}",
    "❤\u{fe0f}",
    "\u{200d}",
    "🇩🇪",
    "\t",
    "\t\t",
    "\r\n",
    "\n",
    "\r",
    "\x08",
    "a longer line of words that wraps around",
    "\x0e",
    "\x0f",
    "\u{85}",
    "q\u{ad}",
    "が",
    "か\u{3099}",
    "한",
    "\u{1100}\u{1161}",
    "─│┌",
    "\x07",
    "🏳\u{fe0f}\u{200d}🌈",
    "\u{fffd}",
    "~",
];
const OTHER: &[&str] = &[
    "\x1b7",
    "\x1b8",
    "\x1bD",
    "\x1b[!p",
    "\x1b[=c",
    "\x1bP$qm\x1b\\",
    "\x1bP$qr\x1b\\",
    "\x1bP$q q\x1b\\",
    "\x1bP$qx",
    "\x1bP+q524742;zz\x1b\\",
    "\x1b[?2027$p",
    "\x1b[999b",
    "\x1b[3C\x1b[4h漢",
    "1\u{fe0f}\u{20e3}",
    "\x1bE",
    "\x1bM",
    "\x1bH",
    "\x1b[3g",
    "\x1bc",
    "\x1b(0",
    "\x1b)0",
    "\x1b(B",
    "\x1b=",
    "\x1b>",
    "\x1b#8",
    "\x1b[2J",
    "\x1b[3J",
    "\x1b[J",
    "\x1b[1J",
    "\x1b[K",
    "\x1b[1K",
    "\x1b[2;5r",
    "\x1b[r",
    "\x1b[3;4r",
    "\x1b[>1u",
    "\x1b[>5u",
    "\x1b[<u",
    "\x1b[=3u",
    "\x1b[=4;2u",
    "\x1b[?u",
    "\x1b[c",
    "\x1b[>q",
    "\x1b[5n",
    "\x1b[6n",
    "\x1b[?6n",
    "\x1b[16t",
    "\x1b[14t",
    "\x1b[18t",
    "\x1b[22t",
    "\x1b[23t",
    "\x1b[?2026$p",
    "\x1b[4$p",
    "\x1b[2 q",
    "\x1b[5 q",
    "\x1b[0 q",
    "\x1b]0;title\x07",
    "\x1b]2;another; title\x1b\\",
    "\x1b]8;;https://a.example/\x1b\\",
    "\x1b]8;;\x1b\\",
    "\x1b]8;id=x;https://b.example/;y\x07",
    "\x1b]4;1;rgb:11/22/33\x1b\\",
    "\x1b]4;1;?\x07",
    "\x1b]10;?\x1b\\",
    "\x1b]11;#102030\x07",
    "\x1b]104\x07",
    "\x1b]7501;?\x1b\\",
    "\x1b]7501;state=working\x1b\\",
    "\x1b]7501;state=blocked:kind=question:msg=aGk=\x07",
    "\x1b]9;look\x07",
    "\x1b]99;i=1:d=0;part\x1b\\",
    "\x1b]99;i=1:p=body;whole\x07",
    "\x1b]777;notify;t;b\x07",
    "\x1b]133;A\x07",
    "\x1bP+q544e\x1b\\",
    "\x1b_Ga=q;AAAA\x1b\\",
    "\x1b]52;c;aGVsbG8=\x07",
    "\x1b[5b",
    "\x1b[3",
    "\x1b]0;half",
    "\x1b[1\x18",
    "\x1b[\x1b[1m",
    "\x1b]7501;sta\x1b[3m",
    "\x1b]0;\x1bP",
    "\x1b[999999999999m",
];
