//! What a terminal promises: its state depends on the bytes alone, a snapshot tells all of it, questions are
//! answered in their order, and nothing a program sends breaks it or makes it grow without end.

use ccells_core::agent::{AgentStatus, BlockedKind};
use ccells_core::limits;
use ccells_holder::emulator::Emulator;
use proptest::prelude::*;

use crate::support::{difference, rows, stream};

const COLUMNS: u16 = 12;
const ROWS: u16 = 6;
const SCROLLBACK: usize = 30;

fn resident() -> Emulator {
    Emulator::resident(COLUMNS, ROWS, SCROLLBACK)
}

/// A terminal of the same size, brought to the state of `other` by its snapshot, in pieces of `piece` bytes.
fn restored(other: &mut Emulator, piece: usize) -> Emulator {
    let (columns, rows) = other.size();
    let mut copy = Emulator::resident(columns, rows, SCROLLBACK);
    for bytes in other.snapshot().chunks(piece) {
        copy.restore(bytes);
    }
    copy
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// However the bytes are split, the terminal and its answers are the same.
    #[test]
    fn splits_do_not_matter(stream in stream(60), cuts in prop::collection::vec(1_usize..9, 1..40)) {
        let (mut whole, mut split) = (resident(), resident());
        whole.feed(&stream);
        let (mut rest, mut cuts) = (&stream[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            split.feed(now);
            rest = later;
        }
        prop_assert_eq!(difference(&mut whole, &mut split), None);
        prop_assert_eq!(whole.take_replies().escape_ascii().to_string(), split.take_replies().escape_ascii().to_string());
        prop_assert_eq!(whole.bells(), split.bells());
        prop_assert_eq!((whole.faults(), split.faults()), (0, 0));
    }

    /// So it is in a pane, for what is shown and for what is said to the outside.
    #[test]
    fn splits_do_not_matter_in_a_pane(stream in stream(60), cut in 1_usize..9) {
        let pane = || Emulator::pane(COLUMNS, ROWS, SCROLLBACK);
        let (mut whole, mut split) = (pane(), pane());
        whole.feed(&stream);
        stream.chunks(cut).for_each(|piece| split.feed(piece));
        prop_assert_eq!(whole.holding(), split.holding());
        prop_assert_eq!(whole.take_outward(), split.take_outward());
        prop_assert_eq!(difference(&mut whole, &mut split), None);
    }

    /// A snapshot taken between any two bytes tells all: the copy is the same, and stays the same.
    #[test]
    fn snapshots_tell_all(before in stream(60), after in stream(20), piece in 1_usize..300) {
        let mut original = resident();
        original.feed(&before);
        let mut copy = restored(&mut original, piece);
        prop_assert_eq!(difference(&mut original, &mut copy), None);
        original.take_replies();
        copy.take_replies();
        original.feed(&after);
        copy.feed(&after);
        prop_assert_eq!(difference(&mut original, &mut copy), None);
        prop_assert_eq!(original.take_replies(), copy.take_replies());
        prop_assert_eq!(original.faults(), 0);
    }

    /// So it is after changes of size.
    #[test]
    fn snapshots_follow_sizes(
        parts in prop::collection::vec((stream(30), 2_u16..40, 1_u16..12), 1..4),
        after in stream(10),
    ) {
        let mut original = resident();
        for (part, columns, rows) in &parts {
            original.feed(part);
            original.resize(*columns, *rows);
        }
        let mut copy = restored(&mut original, 1_000);
        prop_assert_eq!(difference(&mut original, &mut copy), None);
        original.feed(&after);
        copy.feed(&after);
        prop_assert_eq!(difference(&mut original, &mut copy), None);
        prop_assert_eq!(original.faults(), 0);
    }

    /// A pane ends up where the resident terminal does, and says nothing.
    #[test]
    fn panes_show_the_same(stream in stream(60)) {
        let (mut there, mut here) = (resident(), Emulator::pane(COLUMNS, ROWS, SCROLLBACK));
        there.feed(&stream);
        here.feed(&stream);
        prop_assert_eq!(difference(&mut there, &mut here), None);
        prop_assert!(here.take_replies().is_empty());
    }

    /// Any bytes, as output and as a snapshot.
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600), mut commands in stream(10)) {
        let mut emulator = resident();
        emulator.feed(&bytes);
        emulator.restore(&bytes);
        commands.extend(b"\x1b]7701;p;9;99;1\x07\x1b]7701;c;40;ff;0\x07\x1b]7701;c;3;60;1f468,200d\x07\x1b]7701;r;9\x07");
        emulator.restore(&commands);
        emulator.snapshot();
        prop_assert_eq!(emulator.faults(), 0);
    }
}

/// The questions that agents ask at their start, and the answers, in order.
#[test]
fn questions_are_answered_in_order() {
    let mut emulator = Emulator::resident(80, 24, 0);
    emulator
        .feed(b"\x1b[>0q\x1b[?u\x1b]7501;?\x1b\\\x1b[c\x1b[>5u\x1b[?u\x1b[?2026$p\x1b[16t\x1b[14t\x1b[18t");
    emulator.feed(
        b"\x1b[?2026hab\x1b[6n\x1b[>q\x1b[5n\x1b[?6n\x1b[?2026l\x1b]11;?\x07\x1b]4;1;?\x1b\\\x1b[?996n",
    );
    let version = format!("\x1bP>|ccells({})\x1b\\", env!("CARGO_PKG_VERSION"));
    let expected = [
        version.as_str(),
        "\x1b[?0u",
        "\x1b]7501;?\x1b\\",
        "\x1b[?6c",
        "\x1b[?5u",
        "\x1b[?2026;2$y",
        "\x1b[6;16;8t",
        "\x1b[4;384;640t",
        "\x1b[8;24;80t",
        "\x1b[1;3R",
        version.as_str(),
        "\x1b[0n",
        "\x1b[?1;3R",
        "\x1b]11;rgb:0000/0000/0000\x07",
        "\x1b]4;1;rgb:cdcd/0000/0000\x1b\\",
        "\x1b[?997;1n",
    ];
    assert_eq!(String::from_utf8(emulator.take_replies()).unwrap(), expected.concat());
    assert!(emulator.take_replies().is_empty());
}

#[test]
fn answers_nobody_reads_are_bounded() {
    let mut emulator = resident();
    emulator.feed(&b"\x1b[c".repeat(1_000_000));
    assert!(emulator.take_replies().len() <= limits::REPLY_BYTES);
}

#[test]
fn status_title_and_bell_are_seen() {
    let mut emulator = resident();
    emulator.feed(b"\x1b]0;\xe2\x9c\xb3 Claude Code\x07\x07\x1b]9;look\x07\x1b]52;c;aGVsbG8=\x07");
    emulator.feed(b"\x1b]7501;state=blocked:kind=permission:msg=YXBwcm92ZQ==:app=claude-code\x1b\\");
    assert_eq!((emulator.title(), emulator.bells()), ("✳ Claude Code", 2));
    let message = "approve".to_owned();
    assert_eq!(emulator.status(), &AgentStatus::Blocked { kind: BlockedKind::Permission, message });
    assert_eq!(emulator.take_outward(), [], "nobody would ever ask a resident terminal");
    emulator.feed(b"\x1b]133;A\x07");
    assert_eq!(emulator.status(), &AgentStatus::Unknown);
}

#[test]
fn people_see_one_character_in_one_cell() {
    let mut emulator = Emulator::resident(40, 3, 0);
    for cluster in ["👩\u{200d}💻", "👍\u{1f3fd}", "❤\u{fe0f}", "🏳\u{fe0f}\u{200d}🌈", "漢"] {
        emulator.feed(b"\r");
        emulator.feed(cluster.as_bytes());
        assert_eq!(emulator.term().grid().cursor.point.column.0, 2, "{cluster}");
    }
}

#[test]
fn panes_hold_updates_back_until_they_are_whole() {
    let mut pane = Emulator::pane(COLUMNS, ROWS, 0);
    pane.feed(b"old\x1b[?2026h\rnew");
    assert_eq!((rows(&pane)[0].as_str(), pane.holding()), ("old", Some(1)));
    pane.feed(b"er\x1b[?2026l!");
    assert_eq!((rows(&pane)[0].as_str(), pane.holding()), ("newer!", None));
    pane.feed(b"\x1b[?2026h\rstuck");
    assert_eq!(pane.holding(), Some(2));
    pane.release();
    assert_eq!((rows(&pane)[0].as_str(), pane.holding()), ("stuck!", None));
    pane.feed(b"\x1b[?2026h\rX");
    pane.feed(&b"y".repeat(limits::SYNC_BYTES + 1));
    assert_eq!(pane.holding(), None, "an update without an end is shown when it is too long");
}

#[test]
fn a_half_empty_screen_stays_when_it_gets_narrower() {
    let mut emulator = Emulator::resident(20, 8, 100);
    emulator.feed(b"0123456789abcdefghij\r\nsecond\r\n$ ");
    emulator.resize(10, 8);
    assert_eq!(rows(&emulator)[..4], ["0123456789", "abcdefghij", "second", "$"]);
    emulator.resize(20, 8);
    assert_eq!(rows(&emulator)[..3], ["0123456789abcdefghij", "second", "$"]);
}
