//! What is kept of a pane: the transcript says what a terminal with a long memory would, however it was fed.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use ccells_holder::emulator::Emulator;
use proptest::prelude::*;

use super::history::History;
use super::packed::Row;
use super::search;
use super::selection::{Selection, Shape};
use super::transcript::{Class, Spot, Transcript};

fn rows_of(emulator: &Emulator) -> Vec<Row> {
    let grid = emulator.term().grid();
    let columns = Column(grid.columns());
    (grid.topmost_line().0..=grid.bottommost_line().0)
        .map(|line| Row::of(&grid[Line(line)][Column(0)..columns]))
        .collect()
}

fn rows_in(transcript: &Transcript) -> Vec<Row> {
    (0..transcript.len())
        .map(|line| Row {
            cells: transcript.cells(line).to_vec(),
            columns: transcript.columns(),
            is_wrapped: transcript.rows_wrap(line),
        })
        .collect()
}

/// A transcript of these bytes.
fn transcript(columns: u16, rows: u16, bytes: &str) -> Transcript {
    let mut history = History::new(10_000);
    let mut emulator = history.emulator(columns, rows);
    history.feed(&mut emulator, bytes.as_bytes());
    Transcript::of(history.freeze(&emulator))
}

fn spot(line: usize, column: usize) -> Spot {
    Spot { line, column }
}

/// Something a program might print, of which many lines come.
fn piece() -> impl Strategy<Value = String> {
    let text = "[a-zé日🙂\\-= ]{0,60}";
    prop_oneof![
        8 => (text, 0..8_u8, any::<bool>()).prop_map(|(text, colour, bold)| {
            format!("\x1b[{};3{colour}m{text}\x1b[0m\r\n", u8::from(bold))
        }),
        4 => "[a-z ]{0,90}".prop_map(|text| format!("{text}\r\n")),
        2 => (0..256_u16, 0..256_u16).prop_map(|(a, b)| {
            format!("\x1b[48;5;{a};38;2;{b};2;3;4:3;58;5;9mcurly\x1b[K\x1b[0m e\u{301}\u{302}\t|\r\n")
        }),
        2 => "[a-c]{1,3}".prop_map(|id| {
            format!("\x1b]8;id={id};https://example.org/{id}\x1b\\link\x1b]8;;\x1b\\\r\n")
        }),
        2 => (1..700_u16).prop_map(|count| "line\r\n".repeat(usize::from(count))),
        1 => (1..400_u16).prop_map(|count| format!("x\x1b[{count}b\r\n")),
        1 => Just("\x1b[99S".to_owned()),
        1 => Just("\x1b[2J\x1b[H".to_owned()),
        1 => Just("\x1b[?1049hfull\r\nscreen\x1b[3J\x1b[?1049l".to_owned()),
        1 => Just("\x1b[3J".to_owned()),
        1 => Just("\x1bc".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_transcript_is_what_a_terminal_with_a_long_memory_shows(
        pieces in proptest::collection::vec(piece(), 1..60),
        columns in 2_u16..70,
        rows in 1_u16..30,
        limit in prop_oneof![Just(100_usize), Just(1_500), Just(4_000)],
        split in 1_usize..5_000,
    ) {
        let bytes = pieces.concat().into_bytes();
        let mut history = History::new(limit);
        let mut emulator = history.emulator(columns, rows);
        for part in bytes.chunks(split) {
            history.feed(&mut emulator, part);
        }
        let mut whole = Emulator::pane(columns, rows, limit);
        whole.feed(&bytes);
        let transcript = Transcript::of(history.freeze(&emulator));
        let (ours, theirs) = (rows_in(&transcript), rows_of(&whole));
        prop_assert_eq!(ours.len(), theirs.len());
        for (line, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            prop_assert_eq!(ours, theirs, "line {}", line);
        }
    }

    #[test]
    fn another_width_changes_no_text(
        lines in proptest::collection::vec("[a-zé日\\-=][a-zé日\\-= ]{0,99}[a-z]", 1_100..1_400),
        before in 2_u16..80,
        after in 2_u16..80,
    ) {
        let mut history = History::new(100_000);
        let mut emulator = history.emulator(before, 10);
        history.feed(&mut emulator, lines.join("\r\n").as_bytes());
        emulator.resize(after, 10);
        let text = Transcript::of(history.freeze(&emulator)).all_text();
        prop_assert_eq!(text, format!("{}\n", lines.join("\n")));
    }
}

#[test]
fn what_is_kept_of_a_flood_is_small() {
    let mut history = History::new(10_000);
    let mut emulator = history.emulator(66, 40);
    for number in 0..20_000 {
        let line = format!(
            "\x1b[32m+{number:6}\x1b[0m a line of \x1b[1msixty\x1b[0m columns or so, with some colours\r\n"
        );
        history.feed(&mut emulator, line.as_bytes());
    }
    let frozen = history.freeze(&emulator);
    assert!(frozen.packed.bytes() < 1_500_000, "{} bytes", frozen.packed.bytes());
    assert!(frozen.rows.len() < 1_000, "{} rows in the emulator", frozen.rows.len());
    let transcript = Transcript::of(frozen);
    assert_eq!(transcript.len(), 10_040);
    assert!(
        transcript.all_text().starts_with("+  9961 a line"),
        "{:?}",
        transcript.all_text().lines().next()
    );
}

#[test]
fn a_transcript_stands_still() {
    let mut history = History::new(100);
    let mut emulator = history.emulator(20, 3);
    history.feed(&mut emulator, b"one\r\ntwo\r\nthree\r\nfour");
    let transcript = Transcript::of(history.freeze(&emulator));
    history.feed(&mut emulator, b"\x1bcgone");
    assert_eq!(transcript.all_text(), "one\ntwo\nthree\nfour\n");
    assert_eq!((transcript.cursor(), transcript.screen_rows()), (spot(3, 4), 3));
}

#[test]
fn wrapped_lines_and_wide_characters_are_copied_whole() {
    let transcript = transcript(10, 4, "one two three four\r\nx日本語  \r\n\r\ntab\tstop");
    let text = |shape, anchor, head| Selection { shape, anchor, head }.text(&transcript);
    assert_eq!(text(Shape::Text, spot(0, 4), spot(1, 2)), "two three");
    assert_eq!(text(Shape::Text, spot(1, 2), spot(0, 4)), "two three", "either way round");
    assert_eq!(text(Shape::Text, spot(2, 2), spot(2, 3)), "日本", "half a character is all of it");
    assert_eq!(text(Shape::Text, spot(2, 0), spot(4, 2)), "x日本語\n\ntab");
    assert_eq!(text(Shape::Lines, spot(1, 3), spot(2, 0)), "one two three four\nx日本語");
    assert_eq!(text(Shape::Words, spot(1, 0), spot(1, 0)), "three", "a word goes on where its line does");
    assert_eq!(text(Shape::Block, spot(0, 0), spot(2, 1)), "on\nre\nx日");
    assert_eq!(text(Shape::Lines, spot(4, 0), spot(4, 0)), "tab     stop");
}

#[test]
fn words_end_where_they_should() {
    let transcript = transcript(40, 3, "see /usr/bin/env --color=auto (x) it's");
    let word = |column| {
        let (first, last) = transcript.word(spot(0, column));
        transcript.text(first, last)
    };
    assert_eq!([word(0), word(6), word(20), word(31)], ["see", "/usr/bin/env", "--color=auto", "x"]);
    assert_eq!(word(30), "(");
    assert_eq!(transcript.class(spot(0, 4)), Class::Mark);
    assert_eq!(transcript.class(spot(2, 39)), Class::Blank);
}

#[test]
fn a_search_finds_what_was_wrapped_and_minds_capitals_only_when_told() {
    let transcript = transcript(10, 3, "abc needle abc\r\nNeedle\r\n日needle日");
    let places = |wanted: &str| {
        search::find(&transcript, wanted).iter().map(|it| (it.first, it.last)).collect::<Vec<_>>()
    };
    let wrapped = (spot(0, 4), spot(0, 9));
    assert_eq!(places("needle"), [wrapped, (spot(2, 0), spot(2, 5)), (spot(3, 2), spot(3, 7))]);
    assert_eq!(places("Needle"), [(spot(2, 0), spot(2, 5))]);
    assert_eq!(places("le abc"), [(spot(0, 8), spot(1, 3))]);
    assert_eq!(places("日"), [(spot(3, 0), spot(3, 1)), (spot(3, 8), spot(3, 9))]);
    assert_eq!((places(""), places("nowhere")), (vec![], vec![]));
}
