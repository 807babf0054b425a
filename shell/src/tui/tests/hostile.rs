//! Nothing escapes a pane: whatever a program in it sends, the terminal around us gets cells, looks, cursor moves and
//! our own fixed frame, and only the cells of that pane change.

use std::io::{self, Write};

use ratatui::layout::Rect;
use strangers::{bell, copy, notification, probe};
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::tui::screen::Screen;

#[path = "../../../holder/tests/hostile/corpus.rs"]
pub(super) mod corpus;
#[path = "../../../holder/tests/hostile/strangers.rs"]
pub(super) mod strangers;

pub(super) const SIZE: (u16, u16) = (100, 30);
/// How many attacks there are at least.
const ATTACKS: usize = 80;

/// What the terminal around us got.
#[derive(Clone, Default)]
struct Outer(Arc<Mutex<Vec<u8>>>);

impl Write for Outer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics while it holds it").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The first thing in the bytes of frames that is not ours.
fn stranger(bytes: &[u8]) -> Option<String> {
    strangers::stranger(bytes, &[])
}

/// A terminal that is taken, drawn on, and given back, and what was written to it.
pub(super) struct Recorder {
    outer: Outer,
    pub(super) screen: Screen,
}

impl Recorder {
    pub(super) fn new() -> Self {
        let outer = Outer::default();
        let mut screen = Screen::over(Box::new(outer.clone()), SIZE.0, SIZE.1);
        screen.take().expect("nothing is asked of the system");
        screen.use_sync(true);
        Self { outer, screen }
    }

    pub(super) fn show(&mut self, stage: &Stage) {
        self.screen.draw(|frame| view::draw(frame, &stage.model, &stage.panes));
    }

    /// What was written, to its end.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.screen.leave();
        assert!(self.screen.is_idle(), "all of it is out");
        std::mem::take(&mut *self.outer.0.lock().expect("no test panics while it holds it"))
    }
}

/// Three panes, the second of them hostile.
fn stage() -> Stage {
    let cards = (1..=3).map(|number| card(number, &format!("work-{number}"), CardState::Running)).collect();
    let mut stage = Stage::with(SIZE.0, SIZE.1, cards);
    stage.press("i");
    stage.feed(1, "\x1b[32mthe neighbour\x1b[0m on the left\r\n$ ");
    stage.feed(3, "the neighbour below\r\n$ ");
    stage
}

fn feed(stage: &Stage, number: usize, bytes: &[u8]) {
    let (columns, rows) = stage.model.told_sizes[&id(number)];
    let mut screens = stage.panes.screens.lock().expect("no test panics while it holds it");
    let screen = screens.entry(id(number)).or_insert_with(|| Emulator::pane(columns, rows, 1_000));
    screen.feed(bytes);
    assert_eq!(screen.faults(), 0);
}

/// The cells that belong to a pane.
fn content(stage: &Stage, number: usize) -> Rect {
    let page = stage.model.page();
    let pane = page.panes.iter().find(|pane| stage.model.order.get(pane.index) == Some(&id(number)));
    pane.expect("all panes are on one page").content
}

/// Draws each stage in turn, and tells what was written.
fn written(frames: &[&Stage]) -> Vec<u8> {
    let mut recorder = Recorder::new();
    for stage in frames {
        recorder.show(stage);
    }
    recorder.end()
}

/// The rows as drawn, a wide character for both of its cells.
fn drawn_rows(buffer: &Buffer) -> Vec<String> {
    let row = |y| {
        let (mut text, mut x) = (String::new(), 0);
        while x < SIZE.0 {
            let symbol = buffer[(x, y)].symbol();
            text.push_str(symbol);
            x += u16::try_from(symbol.width().max(1)).expect("a symbol is narrow");
        }
        text.trim_end().to_owned()
    };
    (0..SIZE.1).map(row).collect()
}

/// The rows as the terminal around us shows them.
fn shown_rows(bytes: &[u8]) -> Vec<String> {
    use alacritty_terminal::index::{Column, Line};
    use alacritty_terminal::term::cell::Flags;
    let mut outer = Emulator::pane(SIZE.0, SIZE.1, 0);
    // Before the terminal is given back.
    let end = bytes.windows(4).rposition(|four| four == b"\x1b[0m").expect("it is given back");
    let leave =
        bytes[..end].windows(8).rposition(|eight| eight == b"\x1b[?2026l").expect("frames are closed");
    outer.feed(&bytes[..leave + 8]);
    let row = |line| {
        let mut text = String::new();
        for column in 0..usize::from(SIZE.0) {
            let cell = &outer.term().grid()[Line(line)][Column(column)];
            if !cell.flags.contains(Flags::WIDE_CHAR_SPACER) {
                text.push(cell.c);
                text.extend(cell.zerowidth().unwrap_or_default());
            }
        }
        text.trim_end().to_owned()
    };
    (0..i32::from(SIZE.1)).map(row).collect()
}

/// Rows with only the first of the characters that are joined: at the edge of a pane there is room for no other.
fn firsts(rows: &[String]) -> Vec<String> {
    let of = |row: &String| {
        let parts = row.split('\u{200d}').enumerate();
        // What follows a joiner is joined; what comes after that stands for itself.
        let kept = parts
            .map(|(number, part)| if number == 0 { part } else { part.get(first(part)..).unwrap_or("") });
        kept.collect()
    };
    rows.iter().map(of).collect()
}

/// How long the first character is.
fn first(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

/// The first cell outside of `area` in which two frames differ.
fn difference_outside(area: Rect, one: &Buffer, other: &Buffer) -> Option<(u16, u16)> {
    one.area
        .positions()
        .filter(|at| !area.contains(*at))
        .find(|at| one[*at] != other[*at])
        .map(|at| (at.x, at.y))
}

#[test]
fn nothing_escapes_a_pane() {
    assert!(corpus::CORPUS.len() >= ATTACKS, "{}", corpus::CORPUS.len());
    let calm = stage();
    feed(&calm, 2, b"$ ");
    let area = content(&calm, 2);
    for (name, bytes, times) in corpus::CORPUS {
        let attacked = stage();
        feed(&attacked, 2, b"$ ");
        feed(&attacked, 2, &bytes.repeat(*times));
        let outer = written(&[&calm, &attacked, &calm, &attacked]);
        assert_eq!(stranger(&outer), None, "{name}: this went out");
        let frame = attacked.buffer();
        assert_eq!(
            difference_outside(area, &calm.buffer(), &frame),
            None,
            "{name}: changed outside of its pane"
        );
        let (drawn, shown) = (drawn_rows(&frame), shown_rows(&outer));
        assert_eq!(
            firsts(&shown),
            firsts(&drawn),
            "{name}: the terminal shows something else than was drawn"
        );
        let before = shown_rows(&written(&[&calm]));
        for y in (0..SIZE.1).filter(|y| !(area.top()..area.bottom()).contains(y)) {
            assert_eq!(shown[usize::from(y)], before[usize::from(y)], "{name}: row {y}");
        }
    }
}

/// The same while the pane is alone, scrolled back, and after its program is gone: other paths to the screen.
#[test]
fn nothing_escapes_a_pane_that_is_looked_at_otherwise() {
    for (name, bytes, times) in corpus::CORPUS {
        let mut zoomed = stage();
        feed(&zoomed, 2, &bytes.repeat(*times));
        zoomed.model.focused = Some(id(2));
        zoomed.press("<C-]><pgup>");
        assert!(zoomed.model.looking.is_some(), "it has shown something");
        let scrolled = written(&[&zoomed]);
        assert_eq!(stranger(&scrolled), None, "{name}: scrolled back");
        zoomed.send(Msg::Resized(50, 12));
        zoomed.wait(100);
        assert_eq!(stranger(&written(&[&zoomed])), None, "{name}: smaller");
        let faint = (1..=3).map(|number| card(number, "work", CardState::Paused)).collect();
        zoomed.show(snapshot(faint));
        assert_eq!(stranger(&written(&[&zoomed])), None, "{name}: paused");
    }
}

/// A check that takes everything for ours would pass: it knows strangers.
#[test]
fn strangers_are_known() {
    for ours in [
        "abc 日本 é",
        "\x1b[1;1H",
        "\x1b[38;5;1;48;2;1;2;3m",
        "\x1b[0m\x1b[2J",
        "\x1b[?2026h",
        "\x1b[C",
        "\x1b[24C",
    ] {
        assert_eq!(stranger(ours.as_bytes()), None, "{ours:?}");
    }
    for strange in [
        "\x07",
        "\n",
        "\r",
        "\t",
        "\x1bc",
        "\x1b]0;x\x07",
        "\x1bPq\x1b\\",
        "\x1b_G\x1b\\",
        "\x1b[6n",
        "\x1b[c",
        "\x1b[?1h",
        "\x1b[3J",
        "\x1b[5A",
        "\x1b[",
        "\x1b",
        "\u{9b}31m",
        "\u{202e}",
        "\x1b[22t",
        "\x1b[1H",
        "\x1b7",
        "\x7f",
    ] {
        assert!(stranger(strange.as_bytes()).is_some(), "{strange:?}");
    }
    assert!(stranger(b"\xff").is_some());
    let more = [bell, copy, notification, probe];
    for ours in ["\x07", "\x1b]52;c;aGk=\x1b\\", "\x1b]9;a: b\x1b\\", "\x1b[?2026$p\x1b[?u\x1b[c"] {
        assert_eq!(strangers::stranger(ours.as_bytes(), &more), None, "{ours:?}");
    }
    for strange in [
        "\x1b]52;c;?\x1b\\",
        "\x1b]52;p;aGk=\x1b\\",
        "\x1b]52;c;aGk=\x07",
        "\x1b]52;c;a\x1b[m\x1b\\",
        "\x1b]9;a\nb\x1b\\",
        "\x1b]9;a\u{9c}b\x1b\\",
        "\x1b]9;a",
        "\x1b]777;notify;a;b\x1b\\",
    ] {
        assert!(strangers::stranger(strange.as_bytes(), &more).is_some(), "{strange:?}");
    }
    let (one, mut other) = (Buffer::empty(Rect::new(0, 0, 4, 4)), Buffer::empty(Rect::new(0, 0, 4, 4)));
    other[(3, 3)].set_symbol("x");
    assert_eq!(difference_outside(Rect::new(0, 0, 3, 3), &one, &other), Some((3, 3)));
    assert_eq!(difference_outside(Rect::new(3, 3, 1, 1), &one, &other), None);
}
