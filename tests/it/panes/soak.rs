//! Sizes and inputs without sense or end: the screen stands, shows what is there, and leaves nothing behind.
//! `CCELLS_SOAK_SEED` repeats the choices of a run (not the machine's mood), `CCELLS_SOAK_SECONDS` has it last longer.

use std::time::{Duration, Instant};

use crate::harness::{SOON, announce, eventually};
use crate::rig::{Rig, TALKER, agent, shell};

/// Sizes of a storm.
const SIZES: usize = 300;
/// By then a layout is drawn.
const LAYOUT_SHOWS: Duration = Duration::from_secs(3);
/// Panes of a soak.
const PANES: usize = 24;
/// How long a soak lasts.
const SECONDS: u64 = 20;
/// Lines that a talker has said.
const LINES: u32 = 200;
/// A program that never stops talking.
const FLOOD: &str =
    "while :; do echo \"$((i=i+1)) of a flood \\033[3$((i%8))mthat has colours\\033[0m 日本語\"; done";

/// Choices, all from one seed.
struct Choices(u64);

impl Choices {
    fn of_this_run(what: &str) -> Self {
        let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let fresh = || u64::try_from(now().unwrap().as_nanos() % 1_000_000_007).unwrap();
        let seed = number("CCELLS_SOAK_SEED").unwrap_or_else(fresh);
        announce(&format!("{what} of seed {seed}: repeat with CCELLS_SOAK_SEED={seed}"));
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Less than `end`.
    fn below(&mut self, end: u16) -> u16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u16::try_from((self.0 >> 32) % u64::from(end)).unwrap()
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[usize::from(self.below(u16::try_from(all.len()).unwrap()))]
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}: no number")))
}

/// Files and threads that the viewer has.
fn belongings(rig: &Rig) -> (usize, usize) {
    let count =
        |what: &str| std::fs::read_dir(format!("/proc/{}/{what}", rig.terminal.pid())).unwrap().count();
    (count("fd"), count("task"))
}

/// The same, once they are the same for a second.
fn settled(rig: &Rig) -> (usize, usize) {
    eventually("its files and threads stay the same", SOON, || {
        let before = belongings(rig);
        std::thread::sleep(Duration::from_millis(500));
        (before == belongings(rig)).then_some(before)
    })
}

/// The numbers of the talkers' lines, as they stand on the screen.
fn numbers(screen: &str) -> Vec<u32> {
    let lines = screen.split("line ").filter_map(|rest| rest.split_once(" of the build"));
    lines.filter_map(|(number, _)| number.parse().ok()).collect()
}

/// Whether both talkers show their last lines in a pane of twelve rows: all eleven, but for those that what was typed into
/// them takes beyond the one they ask in.
fn both_show_their_end(screen: &str) -> bool {
    let numbers = numbers(screen);
    let mut ends = numbers.split_inclusive(|number| *number == LINES);
    let shows =
        |end: &[u32]| (8..=11).contains(&end.len()) && end.iter().copied().eq(LINES + 1 - count(end)..=LINES);
    ends.by_ref().take(2).filter(|end| shows(end)).count() == 2 && ends.next().is_none()
}

fn count(lines: &[u32]) -> u32 {
    u32::try_from(lines.len()).unwrap()
}

#[test]
fn a_storm_of_sizes_ends_with_the_right_screen() {
    let mut choices = Choices::of_this_run("a storm");
    let ticks = |pane| agent(pane, &["ticks"]);
    let lines = [shell(TALKER), shell(FLOOD), ticks(2), shell(TALKER), shell("cat"), ticks(5)];
    let rig = Rig::start(&lines, (100, 40));
    let before = rig.until("everybody", |screen| screen.matches("what next?").count() == 2);
    assert!(both_show_their_end(&before), "{before}");
    for turn in 0..SIZES {
        let (columns, rows) = match turn % 10 {
            0 => (1, 1),
            1 => (1 + choices.below(6), 1 + choices.below(3)),
            2 => (250, 80),
            _ => (1 + choices.below(220), 1 + choices.below(70)),
        };
        rig.terminal.resize(columns, rows);
        if choices.below(4) == 0 {
            rig.keys(choices.of(&["z", "L", "v", "\t", ".", "[", "i", "\x1d", "\x1b"]));
        }
        std::thread::sleep(Duration::from_millis(u64::from(choices.below(20))));
    }
    rig.terminal.resize(100, 40);
    rig.calm();
    rig.order("calm at-rest");
    rig.see("at-rest");
    rig.keys("1");
    // The layout is one of five by now; all of it comes back.
    for _ in 0..6 {
        // However slow the machine is: a layout gets a while to be drawn before the next one is asked for.
        let until = Instant::now() + LAYOUT_SHOWS;
        while !both_show_their_end(&rig.terminal.screen()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        if both_show_their_end(&rig.terminal.screen()) {
            break;
        }
        rig.keys("L");
    }
    rig.until("what it showed before the storm", both_show_their_end);
    rig.quit();
}

/// Keys that neither end nor stop the screen, and cannot bind such a key.
const KEYS: [&str; 43] = [
    "\t",
    "h",
    "j",
    "k",
    "l",
    "1",
    "5",
    "9",
    "z",
    "L",
    "{",
    "}",
    " ",
    ">",
    "<",
    "+",
    "-",
    "=",
    ".",
    ",",
    "v",
    "o",
    "w",
    "i",
    "\x1d",
    "\x1d",
    "\x1b",
    "\x1b",
    "[",
    "V",
    "gg",
    "G",
    "y",
    "n",
    "\x06line\r",
    "p",
    "r",
    "x",
    "u",
    "U",
    "D",
    "c",
    "!",
];
/// More of them: what a whole action takes, and what only an agent understands.
const MORE: [&str; 16] = [
    "/pane-1\r",
    "/\x15\r",
    ":zoom\r",
    ":list\r",
    ":even\r",
    "?",
    "d\x1b",
    "m",
    "\x0c",
    "\x1b[O",
    "\x1b[I",
    "\x1b[200~a paste\rof lines\x1b[201~",
    "\x1b[5~",
    "\x1b[6~",
    "日本語e\u{301}",
    "\x1b[200~\x1b[31m\x1b]0;x\x07",
];

fn disturb(rig: &Rig, choices: &mut Choices) {
    match choices.below(20) {
        0 => rig.terminal.resize(1 + choices.below(200), 1 + choices.below(60)),
        1 => rig.order(&format!("waits {} soak", choices.below(u16::try_from(PANES).unwrap()))),
        2..6 => {
            let what = [0, 0, 32, 32, 64, 65, 2, 35][usize::from(choices.below(8))];
            rig.mouse(what, choices.below(200), choices.below(60), choices.below(3) == 0);
        }
        6..10 => rig.keys(choices.of(&MORE)),
        10 => {
            rig.keys("\x1b");
            // Escape is a key of its own only when nothing follows it.
            std::thread::sleep(Duration::from_millis(70));
        }
        11 => rig.keys(&format!("#{}\r", choices.below(200))),
        _ => rig.keys(choices.of(&KEYS)),
    }
}

#[test]
fn many_panes_under_senseless_input_leave_nothing_behind() {
    let mut choices = Choices::of_this_run("a soak");
    let program = |pane: usize| match pane % 6 {
        0 => agent(pane, &["ticks"]),
        1 => shell(TALKER),
        2 => shell("printf '\\033[?1000h\\033[?1006h\\033[?2004h'; stty raw -echo; cat -v"),
        3 => shell(&FLOOD.replace("; done", "; sleep 0.02; done")),
        4 => agent(pane, &["attack"]),
        _ => agent(pane, &["echo"]),
    };
    let rig = Rig::start(&(0..PANES).map(program).collect::<Vec<_>>(), (120, 40));
    rig.see("pane-5");
    let before = settled(&rig);
    assert!(before.0 >= PANES, "every pane has its socket: {before:?}");
    let until = Instant::now() + Duration::from_secs(number("CCELLS_SOAK_SECONDS").unwrap_or(SECONDS));
    let mut count = 0;
    while Instant::now() < until {
        disturb(&rig, &mut choices);
        count += 1;
        std::thread::sleep(Duration::from_millis(u64::from(choices.below(12))));
    }
    announce(&format!("a soak: {count} inputs"));
    rig.terminal.resize(120, 40);
    // Whatever paste was begun ends.
    rig.keys("\x1b[201~");
    rig.calm();
    rig.order("calm at-rest");
    rig.see("at-rest");
    // A thread that did something slow stays for some seconds.
    eventually(&format!("no more files and threads than {before:?}"), 2 * SOON, || {
        let after = belongings(&rig);
        (after.0 <= before.0 && after.1 <= before.1).then_some(())
    });
    rig.quit();
}
