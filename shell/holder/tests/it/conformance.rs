//! What terminals do by standard: one folder a case below `tests/conformance`, with what a program sends (`input`) and
//! what the terminal is then (`expected`), both written by hand from the standards.
//!
//! In both, lines that begin with `#` are remarks. In `input`, lines that begin with `%` give the size (`% size 20x5`,
//! first), the scrollback (`% scrollback 10`), another size at this point (`% resize 10x5`), or why the second terminal
//! of `oracle.rs` is no witness here (`% alone it has no reflow`); of all other lines the
//! bytes are sent, line breaks left out, with `\e`, `\r`, `\n`, `\t`, `\b`, `\\`, `\xHH` and `\u{H…}` for what
//! cannot be seen. `expected` is in the form of `picture.rs`, with `replies` for what was answered.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ccells_holder::emulator::{Emulator, Outward};

use crate::picture::picture;

/// How many cases there are at least: a runner that finds none would pass.
const CASES: usize = 100;

/// One step of a case.
#[derive(Debug)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Resize(u16, u16),
}

/// What a program sends, and to what terminal.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) size: (u16, u16),
    pub(crate) scrollback: usize,
    pub(crate) steps: Vec<Step>,
    /// Why no other terminal is asked.
    pub(crate) alone: Option<String>,
}

/// Every case: its name, and what a program sends.
pub(crate) fn inputs() -> Vec<(String, Input)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let name = |case: &Path| case.strip_prefix(&root).unwrap().display().to_string();
    let input = |case: &Path| read_input(&std::fs::read_to_string(case.join("input")).unwrap());
    cases(&root).iter().map(|case| (name(case), input(case))).collect()
}

#[test]
fn every_case_is_as_the_standards_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let cases = cases(&root);
    assert!(cases.len() >= CASES, "{} cases", cases.len());
    let mut complaints = String::new();
    let mut failed = 0;
    for case in &cases {
        let name = case.strip_prefix(&root).unwrap().display();
        let complaint = check(case);
        failed += usize::from(!complaint.is_empty());
        for (how, difference) in complaint {
            write!(complaints, "\n== {name}, {how}\n{difference}").unwrap();
        }
    }
    assert!(
        complaints.is_empty(),
        "{failed} of {} cases differ (- expected, + found){complaints}",
        cases.len()
    );
}

/// A runner that takes anything for equal would pass: it has to tell these apart.
#[test]
fn a_case_that_differs_is_told() {
    assert_eq!(difference("|a\ncursor 1,2\n", "|a\ncursor 1,2\n"), None);
    let told = difference("|a\ncursor 1,2\n", "|b\ncursor 1,2\n").unwrap();
    assert_eq!(told, "- |a\n+ |b\n  cursor 1,2\n");
    assert!(difference("|a\n", "|a\nbells 1\n").is_some());
    assert_eq!(read_bytes(r"a\e[1m\x07\u{e9}\\"), b"a\x1b[1m\x07\xc3\xa9\\");
}

/// All folders with an input, in order.
fn cases(root: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        entries
    };
    list(root).iter().flat_map(|topic| list(topic)).collect()
}

/// Every way a terminal can come to see the input, and how what it showed differs from what is expected.
fn check(case: &Path) -> Vec<(&'static str, String)> {
    let read = |name: &str| std::fs::read_to_string(case.join(name)).unwrap();
    let input = read_input(&read("input"));
    let expected = read("expected").replace("{version}", env!("CARGO_PKG_VERSION"));
    let but = |words: &[&str]| {
        let is_kept =
            |line: &&str| !line.starts_with('#') && !words.iter().any(|word| line.starts_with(word));
        expected.lines().filter(is_kept).fold(String::new(), |all, line| all + line + "\n")
    };
    let resident = || Emulator::resident(input.size.0, input.size.1, input.scrollback);
    let pane = Emulator::pane(input.size.0, input.size.1, input.scrollback);
    let ways = [
        // Who lives with the agent answers; who shows it tells the outside; a snapshot is a picture alone.
        ("at once", but(&["outward"]), show(resident(), &input, usize::MAX)),
        ("byte by byte", but(&["outward"]), show(resident(), &input, 1)),
        ("in a pane", but(&["replies"]), show(pane, &input, usize::MAX)),
        ("through a snapshot", but(&["outward", "replies", "bells"]), picture(&copied(resident(), &input))),
    ];
    ways.into_iter()
        .filter_map(|(how, expected, found)| difference(&expected, &found).map(|told| (how, told)))
        .collect()
}

/// Another terminal, brought by a snapshot to where the first one came by the input.
fn copied(mut first: Emulator, input: &Input) -> Emulator {
    run(&mut first, input, usize::MAX);
    let (columns, rows) = first.size();
    let mut copy = Emulator::resident(columns, rows, input.scrollback);
    copy.restore(&first.snapshot());
    copy
}

/// Sends the input, in pieces of so many bytes.
fn run(emulator: &mut Emulator, input: &Input, piece: usize) {
    for step in &input.steps {
        match step {
            Step::Send(bytes) => {
                bytes.chunks(piece.min(bytes.len().max(1))).for_each(|bytes| emulator.feed(bytes));
            }
            Step::Resize(columns, rows) => emulator.resize(*columns, *rows),
        }
    }
    assert_eq!(emulator.faults(), 0);
}

/// What the terminal is after the input.
fn show(mut emulator: Emulator, input: &Input, piece: usize) -> String {
    run(&mut emulator, input, piece);
    let mut text = picture(&emulator);
    let replies = emulator.take_replies();
    if !replies.is_empty() {
        writeln!(text, "replies {}", replies.escape_ascii().to_string().replace("\\x1b", "\\e")).unwrap();
    }
    for outward in emulator.take_outward() {
        match outward {
            Outward::Bell => text.push_str("outward bell\n"),
            Outward::Title(title) => writeln!(text, "outward title {title:?}").unwrap(),
            Outward::Copy { text: copied } => writeln!(text, "outward copy {copied:?}").unwrap(),
            Outward::Notify { title, body } => writeln!(text, "outward notify {title:?} {body:?}").unwrap(),
        }
    }
    text
}

/// Line by line, what was expected and what was found; `None` when it is the same.
fn difference(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let (expected, found): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let mut told = String::new();
    for index in 0..expected.len().max(found.len()) {
        match (expected.get(index), found.get(index)) {
            (Some(one), Some(other)) if one == other => writeln!(told, "  {one}").unwrap(),
            (one, other) => {
                let lines = one.map(|line| ('-', line)).into_iter().chain(other.map(|line| ('+', line)));
                for (mark, line) in lines {
                    writeln!(told, "{mark} {line}").unwrap();
                }
            }
        }
    }
    Some(told)
}

fn read_input(text: &str) -> Input {
    let pair = |text: &str| {
        let (columns, rows) = text.split_once('x').unwrap();
        (columns.parse().unwrap(), rows.parse().unwrap())
    };
    let mut input = Input { size: (20, 5), scrollback: 20, steps: Vec::new(), alone: None };
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix("% ").map(|words| words.split_once(' ').unwrap()) {
            None => input.steps.push(Step::Send(read_bytes(line))),
            Some(("size", size)) => input.size = pair(size),
            Some(("alone", reason)) => input.alone = Some(reason.to_owned()),
            Some(("scrollback", lines)) => input.scrollback = lines.parse().unwrap(),
            Some(("resize", size)) => {
                let (columns, rows) = pair(size);
                input.steps.push(Step::Resize(columns, rows));
            }
            Some((word, _)) => panic!("a case knows no `{word}`"),
        }
    }
    input
}

fn read_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
            continue;
        }
        match rest.next().unwrap() {
            'e' => bytes.push(0x1b),
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            'b' => bytes.push(0x08),
            '\\' => bytes.push(b'\\'),
            'x' => {
                let digits: String = rest.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            'u' => {
                let digits: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                let c = char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap();
                bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
            }
            other => panic!("a case knows no `\\{other}`"),
        }
    }
    bytes
}
