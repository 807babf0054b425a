//! How fast and how calm the panes are: ccells, tmux and, where it is installed, zellij take turns in the same terminal
//! of 200x60. The machine is never quiet, so only the ratios of one run count.
//!
//! `cargo bench -p ccells-tests --bench panes -- [FIGURE]... [--rounds N] [--seconds N] [--megabytes N]`; without
//! a figure all of them: echo, flood, throughput, idle, agents, memory, draw.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]
#![expect(clippy::cast_precision_loss, reason = "figures are rounded anyway")]

#[path = "panes/draw.rs"]
mod draw;
#[path = "panes/figures.rs"]
mod figures;
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

/// What was asked for.
struct Options {
    figures: Vec<String>,
    rounds: usize,
    /// How long nothing happens.
    seconds: u64,
    /// Size of the streams.
    megabytes: usize,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let options = read(words);
    let room = tempfile::tempdir().expect("a directory of our own");
    let wants = |figure: &str| options.figures.is_empty() || options.figures.iter().any(|it| it == figure);
    println!("medians of {} rounds that took turns", options.rounds);
    if wants("draw") {
        draw::draw(&options);
    }
    if wants("echo") {
        figures::echo(&options, room.path(), false);
    }
    if wants("flood") {
        figures::echo(&options, room.path(), true);
    }
    if wants("agents") {
        figures::agents(&options, room.path());
    }
    if wants("idle") {
        figures::idle(&options, room.path());
    }
    if wants("memory") {
        figures::memory(&options, room.path());
    }
    if wants("throughput") {
        figures::throughput(&options, room.path());
    }
}

fn read(words: Vec<String>) -> Options {
    let mut options = Options { figures: Vec::new(), rounds: 3, seconds: 30, megabytes: 50 };
    let mut words = words.into_iter();
    let number = |word: Option<String>| word.and_then(|word| word.parse().ok()).expect("a number follows");
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rounds" => options.rounds = number(words.next()),
            "--seconds" => options.seconds = number(words.next()) as u64,
            "--megabytes" => options.megabytes = number(words.next()),
            _ => options.figures.push(word),
        }
    }
    options
}
