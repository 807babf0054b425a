//! What a real agent sent, replayed: `tests/recordings/<name>/stream` holds the bytes, and `screens` what another
//! emulator showed of them while they were recorded. Where there are no `screens` the recording is a long real stream,
//! which must be the same terminal however it is split.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ccells_holder::emulator::Emulator;
use proptest::prelude::*;

use crate::picture::screen;
use crate::support::difference;

/// How many recordings, and screens in them, there are: a replay that finds none would pass.
const RECORDINGS: usize = 10;
const SCREENS: usize = 23;
/// The size that recordings begin with.
const SIZE: (u16, u16) = (100, 30);
const SCROLLBACK: usize = 1_000;

/// What the screen showed at some point.
struct Shot {
    name: String,
    size: (u16, u16),
    rows: Vec<String>,
}

#[test]
fn real_agents_look_as_they_did() {
    let mut seen = 0;
    for folder in recordings() {
        let Ok(screens) = std::fs::read_to_string(folder.join("screens")) else { continue };
        let stream = std::fs::read(folder.join("stream")).unwrap();
        let name = folder.file_name().unwrap().display().to_string();
        // One that holds nothing back: what is whole by the time of a picture is whole in both.
        let mut emulator = Emulator::resident(SIZE.0, SIZE.1, SCROLLBACK);
        let mut at = 0;
        for shot in read_shots(&screens) {
            if emulator.size() != shot.size {
                emulator.resize(shot.size.0, shot.size.1);
            }
            at = replay_until(&mut emulator, &stream, at, &shot).unwrap_or_else(|closest| {
                panic!(
                    "{name}: the screen never showed `{}`; the closest (- expected, + found):\n{closest}",
                    shot.name
                )
            });
            seen += 1;
        }
        emulator.feed(&stream[at..]);
        assert_eq!(emulator.faults(), 0, "{name}");
    }
    assert_eq!(seen, SCREENS, "screens that were seen");
}

/// Feeds the stream from `at` on until the screen is as in the shot, and as far as it stays so: the program was silent
/// when the picture was taken. Tells where that is, or the closest there was.
fn replay_until(emulator: &mut Emulator, stream: &[u8], mut at: usize, shot: &Shot) -> Result<usize, String> {
    let (mut closest, mut fewest) = (String::new(), usize::MAX);
    let mut was_there = false;
    loop {
        // Where the screen may be looked at: before each sequence.
        let end = stream[(at + 1).min(stream.len())..].iter().position(|byte| *byte == 0x1b);
        let end = end.map_or(stream.len(), |offset| at + 1 + offset);
        let found = screen(emulator);
        let is_there = found == shot.rows;
        let is_over = at >= stream.len();
        if was_there && (!is_there || is_over) {
            return Ok(at);
        }
        if !is_there {
            let told = differing_rows(&shot.rows, &found);
            if told.lines().count() < fewest {
                fewest = told.lines().count();
                closest = told;
            }
        }
        if is_over {
            return if is_there { Ok(at) } else { Err(closest) };
        }
        if is_there && !stays(emulator, &stream[at..end], shot) {
            return Ok(at);
        }
        was_there = is_there;
        emulator.feed(&stream[at..end]);
        at = end;
    }
}

/// Whether the screen is still as in the shot after some more bytes.
fn stays(emulator: &mut Emulator, bytes: &[u8], shot: &Shot) -> bool {
    let (columns, rows) = emulator.size();
    let mut copy = Emulator::resident(columns, rows, 0);
    copy.restore(&emulator.snapshot());
    copy.feed(bytes);
    screen(&copy) == shot.rows
}

fn differing_rows(expected: &[String], found: &[String]) -> String {
    let row = |rows: &[String], index: usize| rows.get(index).cloned().unwrap_or_default();
    let mut told = String::new();
    for index in 0..expected.len().max(found.len()) {
        let (one, other) = (row(expected, index), row(found, index));
        if one != other {
            write!(told, "- {0}: {one}\n+ {0}: {other}\n", index + 1).unwrap();
        }
    }
    told
}

fn recordings() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert_eq!(folders.len(), RECORDINGS);
    folders
}

fn read_shots(text: &str) -> Vec<Shot> {
    let mut shots: Vec<Shot> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((size, name)) = line.strip_prefix("== ").and_then(|head| head.split_once(' ')) {
            let (columns, rows) = size.split_once('x').unwrap();
            let size = (columns.parse().unwrap(), rows.parse().unwrap());
            shots.push(Shot { name: name.to_owned(), size, rows: Vec::new() });
        } else {
            shots.last_mut().unwrap().rows.push(line.strip_prefix('|').unwrap().to_owned());
        }
    }
    shots
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Split anywhere, a recording gives the same terminal, title, answers and words to the outside.
    #[test]
    fn splits_do_not_matter(which in 0..RECORDINGS, cuts in prop::collection::vec(1_usize..200, 1..60)) {
        let stream = std::fs::read(recordings()[which].join("stream")).unwrap();
        for make in [Emulator::resident, Emulator::pane] {
            let (mut whole, mut split) = (make(SIZE.0, SIZE.1, 200), make(SIZE.0, SIZE.1, 200));
            whole.feed(&stream);
            let (mut rest, mut cuts) = (&stream[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (now, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                split.feed(now);
                rest = later;
            }
            prop_assert_eq!(whole.take_replies(), split.take_replies());
            prop_assert_eq!(whole.take_outward(), split.take_outward());
            prop_assert_eq!(whole.bells(), split.bells());
            prop_assert_eq!(difference(&mut whole, &mut split), None);
        }
    }
}
