//! How fast and how calm the panes are: ccells, tmux and, where it is installed, zellij take turns in the same terminal
//! of 200x60. The machine is never quiet, so only the ratios of one run count.
//!
//! `cargo bench -p ccells-tests --bench panes -- [FIGURE]... [--rounds N] [--seconds N] [--megabytes N]`; without
//! a figure all of them: draw, echo, socket, engine, flood, agents, idle, memory, emulator, throughput. `--smoke` runs each
//! of them as briefly as it goes: the numbers mean nothing then, but that there are some means that the bench works.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]
#![expect(clippy::cast_precision_loss, reason = "figures are rounded anyway")]
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends")]

#[path = "../it/camp.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod camp;
#[path = "../it/contract/mod.rs"]
#[expect(dead_code, unused_macros, unused_imports, reason = "the tests use more of it")]
mod contract;
#[path = "panes/draw.rs"]
mod draw;
#[path = "panes/engine.rs"]
mod engine;
#[path = "panes/figures.rs"]
mod figures;
#[path = "../it/harness.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod harness;
#[path = "panes/holder.rs"]
mod holder;
#[path = "../it/image.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod image;
#[path = "panes/outer.rs"]
mod outer;
#[path = "panes/peers.rs"]
mod peers;
#[path = "panes/processes.rs"]
mod processes;
#[path = "panes/streams.rs"]
mod streams;
#[path = "panes/table.rs"]
mod table;

use std::path::Path;
use std::time::Duration;

/// What was asked for.
struct Options {
    figures: Vec<String>,
    rounds: usize,
    /// How long nothing happens.
    seconds: u64,
    /// Size of the streams.
    megabytes: usize,
    /// Keys typed in one round.
    keys: usize,
    /// How long agents are watched at work.
    at_work: Duration,
    /// Whether it is enough that everything runs.
    is_smoke: bool,
}

/// A figure: what measures it, in a directory of its own.
type Figure = fn(&Options, &Path);

/// All of them.
const FIGURES: [(&str, Figure); 10] = [
    ("draw", |options, _| draw::draw(options)),
    ("echo", |options, room| figures::echo(options, room, false)),
    ("socket", holder::socket),
    ("engine", engine::echo),
    ("flood", |options, room| figures::echo(options, room, true)),
    ("agents", figures::agents),
    ("idle", figures::idle),
    ("memory", figures::memory),
    ("emulator", holder::emulator),
    ("throughput", figures::throughput),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let options = read(words);
    let wants = |figure: &str| options.figures.is_empty() || options.figures.iter().any(|it| it == figure);
    if options.is_smoke {
        println!("so brief a run shows that the bench works; its numbers and verdicts mean nothing");
    } else {
        println!("medians of {} rounds that took turns", options.rounds);
    }
    for (_, measure) in FIGURES.iter().filter(|(name, _)| wants(name)) {
        let room = tempfile::tempdir().expect("a directory of our own");
        measure(&options, room.path());
    }
}

fn read(words: Vec<String>) -> Options {
    let at_work = Duration::from_secs(8);
    let mut options = Options {
        figures: Vec::new(),
        rounds: 3,
        seconds: 30,
        megabytes: 50,
        keys: 150,
        at_work,
        is_smoke: false,
    };
    let mut words = words.into_iter();
    let number = |word: Option<String>| word.and_then(|word| word.parse().ok()).expect("a number follows");
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rounds" => options.rounds = number(words.next()),
            "--seconds" => options.seconds = number(words.next()) as u64,
            "--megabytes" => options.megabytes = number(words.next()),
            "--smoke" => {
                let figures = std::mem::take(&mut options.figures);
                let at_work = Duration::from_secs(1);
                options = Options {
                    figures,
                    rounds: 1,
                    seconds: 1,
                    megabytes: 1,
                    keys: 10,
                    at_work,
                    is_smoke: true,
                };
            }
            figure if FIGURES.iter().any(|(known, _)| *known == figure) => options.figures.push(word),
            strange => panic!("there is no figure and no option `{strange}`"),
        }
    }
    options
}
