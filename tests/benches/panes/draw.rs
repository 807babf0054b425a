//! What one frame costs: nine panes on a screen of 200x60, drawn whole, into memory.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ccells_core::ids::WorkstreamId;
use ccells_holder::emulator::Emulator;
use ccells_shell::tui::{PaneScreen, Panes, Screen, Still};
use ccells_tests::world::{World, id};

use crate::Options;
use crate::outer::SIZE;

/// Panes on the screen.
const PANES: usize = 9;
/// What a pane gets, by its number and the frame's.
type Change = fn(usize, usize) -> Vec<u8>;

/// Frames of each kind in a round.
const FRAMES: usize = 60;

/// Takes everything at once and counts it.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<usize>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        *self.0.lock().expect("nobody panics") += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Emulators without sessions.
struct Screens(Mutex<BTreeMap<WorkstreamId, Emulator>>);

impl Screens {
    fn feed(&self, bytes: impl Fn(usize) -> Vec<u8>) {
        for (pane, emulator) in self.0.lock().expect("nobody panics").values_mut().enumerate() {
            emulator.feed(&bytes(pane));
        }
    }
}

impl Panes for Screens {
    fn with_screen(&self, id: &WorkstreamId, look: &mut dyn FnMut(PaneScreen<'_>)) -> bool {
        let screens = self.0.lock().expect("nobody panics");
        let Some(emulator) = screens.get(id) else { return false };
        let term = emulator.term();
        look(PaneScreen::of(term));
        true
    }

    fn write(&self, _: &WorkstreamId, _: Vec<u8>) -> bool {
        true
    }

    fn resize(&self, _: &WorkstreamId, _: u16, _: u16) {}

    fn take_damage(&self) -> Vec<WorkstreamId> {
        Vec::new()
    }
}

/// Draws frames that change as frames do.
pub(crate) fn draw(options: &Options) {
    // What is aimed at is in milliseconds, where something is.
    let kinds: [(&str, Change, Option<f64>); 4] = [
        ("nothing new", |_, _| Vec::new(), None),
        ("typical, 9 agents", agent, Some(0.3)),
        ("a page of log", log, None),
        ("all cells new", cells, Some(1.1)),
    ];
    let emulators = (0..PANES).map(|pane| (id(pane), Emulator::pane(66, 18, 1_000))).collect();
    let (screens, sink) = (Screens(Mutex::new(emulators)), Sink::default());
    let screen = Screen::over(Box::new(sink.clone()), SIZE.0, SIZE.1);
    let mut still = Still::new(screen, World::of(PANES).picture());
    screens.feed(|pane| cells(pane, 1));
    still.draw(&screens);
    let mut times = vec![Vec::new(); kinds.len()];
    let mut bytes = vec![0; kinds.len()];
    for turn in 0..options.rounds * FRAMES {
        for (((_, change, _), times), bytes) in kinds.iter().zip(&mut times).zip(&mut bytes) {
            screens.feed(|pane| change(pane, turn));
            let before = *sink.0.lock().expect("nobody panics");
            let began = Instant::now();
            still.draw(&screens);
            times.push(began.elapsed());
            still.settle();
            *bytes = *sink.0.lock().expect("nobody panics") - before;
        }
    }
    for (((name, _, goal), mut times), bytes) in kinds.iter().zip(times).zip(bytes) {
        times.sort();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let (half, quick) = (ms(times[times.len() / 2]), ms(times[times.len() / 10]));
        let verdict = goal.map_or_else(String::new, |goal| {
            format!("  goal <= {goal} ms{}", if half <= goal { "" } else { "  missed" })
        });
        let title = format!("whole frame, {name}");
        println!("{title:<36}  median {half:.3} ms  p10 {quick:.3} ms  {bytes} bytes{verdict}");
    }
}

fn agent(pane: usize, turn: usize) -> Vec<u8> {
    let mut text = String::from("\x1b[5;1H");
    for row in 0..10 {
        let red = 100 + (turn * 3 + row * 11) % 150;
        let _ = write!(text, "\x1b[2K\x1b[38;2;{red};119;87m│\x1b[39m \x1b[1mstep {turn}.{row}\x1b[22m ");
        let _ = write!(text, "\x1b[2medits src/pane{pane}.rs, line {}\x1b[22m ✓\r\n", turn * 7 % 997);
    }
    text.into_bytes()
}

fn log(pane: usize, turn: usize) -> Vec<u8> {
    let line = |row| {
        format!("\x1b[2m12:00:{row:02}\x1b[0m \x1b[32mINFO\x1b[0m pane {pane} request {turn}.{row}\r\n")
    };
    (0..18).map(line).collect::<String>().into_bytes()
}

fn cells(pane: usize, turn: usize) -> Vec<u8> {
    let mut text = String::from("\x1b[H");
    for row in 0..18 {
        for column in 0..66 {
            let shade = (row * 3 + column * 5 + turn * 7 + pane) % 256;
            let letter = char::from(b'A' + u8::try_from((turn + column) % 26).expect("less than 26"));
            let _ = write!(text, "\x1b[38;2;{shade};{};80m\x1b[48;2;9;{shade};40m{letter}", 255 - shade);
        }
    }
    text.push_str("\x1b[0m");
    text.into_bytes()
}
