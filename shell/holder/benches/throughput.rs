//! How much our layers cost: the bare parser, the bare terminal and ours on the same bytes, taking turns in one run.
//! Absolute numbers move with the machine; the ratios are what counts. Run with `cargo bench -p ccells-holder`.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use alacritty_terminal::event::VoidListener;
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::term::{Config, Term};
use alacritty_terminal::vte::ansi::Processor;
use alacritty_terminal::vte::{Params, Parser, Perform};
use ccells_core::limits::SCROLLBACK_LINES;
use ccells_holder::emulator::Emulator;

const COLUMNS: u16 = 120;
const ROWS: u16 = 40;
const BYTES: usize = 4 << 20;
const CHUNK: usize = 4_096;
const ROUNDS: usize = 5;

/// A terminal, or a part of one, that takes bytes.
type Taker = Box<dyn FnMut(&[u8])>;

struct Count(u64);

impl Perform for Count {
    fn print(&mut self, c: char) {
        self.0 = self.0.wrapping_add(u64::from(c));
    }

    fn execute(&mut self, byte: u8) {
        self.0 = self.0.wrapping_add(u64::from(byte));
    }

    fn csi_dispatch(&mut self, params: &Params, _: &[u8], _: bool, action: char) {
        self.0 = self.0.wrapping_add(params.len() as u64 + u64::from(action));
    }
}

struct Size;

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        usize::from(ROWS)
    }

    fn screen_lines(&self) -> usize {
        usize::from(ROWS)
    }

    fn columns(&self) -> usize {
        usize::from(COLUMNS)
    }
}

fn takers() -> [(&'static str, Taker); 3] {
    let (mut parser, mut count) = (Parser::new(), Count(0));
    let config = Config { scrolling_history: SCROLLBACK_LINES, kitty_keyboard: true, ..Config::default() };
    let (mut term, mut processor) = (
        Term::new(config, &Size, VoidListener),
        Processor::<alacritty_terminal::vte::ansi::StdSyncHandler>::new(),
    );
    let mut ours = Emulator::resident(COLUMNS, ROWS, SCROLLBACK_LINES);
    [
        (
            "parser",
            Box::new(move |bytes| {
                parser.advance(&mut count, bytes);
                black_box(count.0);
            }),
        ),
        ("terminal", Box::new(move |bytes| processor.advance(&mut term, bytes))),
        (
            "ours",
            Box::new(move |bytes| {
                ours.feed(bytes);
                black_box(ours.take_replies());
            }),
        ),
    ]
}

fn workloads() -> [(&'static str, Vec<u8>); 4] {
    let fill = |piece: fn(&mut String, usize)| {
        let mut text = String::with_capacity(BYTES + 1_024);
        for index in 0.. {
            if text.len() >= BYTES {
                break;
            }
            piece(&mut text, index);
        }
        text.into_bytes()
    };
    let log = fill(|text, index| {
        let _ = write!(
            text,
            "2026-11-22T10:00:{:02}Z \x1b[32mINFO\x1b[0m request {index} took {} ms\r\n",
            index % 60,
            index % 977
        );
    });
    let cells = fill(|text, index| {
        let (row, column) = (index / 120 % 40 + 1, index % 120 + 1);
        let _ = write!(
            text,
            "\x1b[{row};{column}H\x1b[38;5;{};48;5;{}m{}",
            index % 256,
            index / 3 % 256,
            ['a', '7', '#', 'Q', '~'][index % 5]
        );
    });
    let unicode = fill(|text, index| {
        text.push_str(
            ["日本語のテキスト ", "naïve café ", "👩\u{200d}💻 ", "한국어 ", "Ελληνικά "][index % 5],
        );
    });
    let agent = fill(|text, index| {
        text.push_str("\x1b[?2026h\x1b[H");
        for line in 0..20 {
            let _ = write!(
                text,
                "\x1b[2K\x1b[38;2;215;119;87m│\x1b[39m \x1b[1mstep {index}.{line}\x1b[22m \x1b[2medit src/main.rs\x1b[22m\x1b[1C✓\r\n"
            );
        }
        text.push_str("\x1b]0;◐ agent\x07\x1b[?2026l");
    });
    [("log", log), ("cells", cells), ("unicode", unicode), ("agent", agent)]
}

fn main() {
    println!("MB/s, median of {ROUNDS} rounds (in brackets: relative to the bare parser)");
    for (name, bytes) in workloads() {
        let mut takers = takers();
        let mut speeds = vec![Vec::new(); takers.len()];
        for _ in 0..ROUNDS {
            for ((_, take), speeds) in takers.iter_mut().zip(&mut speeds) {
                let start = Instant::now();
                bytes.chunks(CHUNK).for_each(&mut *take);
                #[expect(clippy::cast_precision_loss, reason = "a few millions")]
                speeds.push(bytes.len() as f64 / 1e6 / start.elapsed().as_secs_f64());
            }
        }
        let median = |speeds: &mut Vec<f64>| {
            speeds.sort_by(f64::total_cmp);
            speeds[ROUNDS / 2]
        };
        let medians: Vec<f64> = speeds.iter_mut().map(median).collect();
        let mut line = format!("{name:>8}");
        for ((taker, _), speed) in takers.iter().zip(&medians) {
            let _ = write!(line, "  {taker} {speed:.0} ({:.2})", speed / medians[0]);
        }
        println!("{line}");
    }
    let mut emulator = Emulator::resident(COLUMNS, ROWS, SCROLLBACK_LINES);
    emulator.feed(&workloads()[0].1);
    let start = Instant::now();
    let snapshot = emulator.snapshot();
    let told = start.elapsed();
    let mut pane = Emulator::pane(COLUMNS, ROWS, SCROLLBACK_LINES);
    let start = Instant::now();
    pane.restore(&snapshot);
    println!(
        "snapshot of a full scrollback: {} bytes in {told:.1?}, restored in {:.1?}",
        snapshot.len(),
        start.elapsed()
    );
}
