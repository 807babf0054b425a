//! The programs that run inside the panes: one that echoes, one that floods, one that sends a stream, one that paints
//! ten times a second, one that fills the scrollback, one that attacks, and one that does nothing.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::corpus;

/// Bytes written at once.
const BLOCK: usize = 64 * 1_024;
/// Between two frames of an agent at work.
const TICK: Duration = Duration::from_millis(100);
/// Rows of an agent's frame.
const FRAME_ROWS: usize = 10;

/// The sign that a pane shows once its program runs. None of the streams hold it.
pub fn ready_sign(pane: usize) -> char {
    sign(0x2840, pane)
}

/// The sign with which the echo answers a key.
pub fn echo_sign(key: u8) -> char {
    sign(0x2801, usize::from(key.saturating_sub(b'a')))
}

/// The sign that follows an attack.
pub fn attack_sign(number: usize) -> char {
    sign(0x2801, number % 26)
}

/// The sign behind the end of a stream.
pub const END_SIGN: char = '\u{28ff}';

/// A character of the block that nobody else uses.
fn sign(first: u32, number: usize) -> char {
    u32::try_from(number).ok().and_then(|number| char::from_u32(first + number)).expect("there are few")
}

/// The command line of a program: `rig` is the program of this package, `words` are those for [`run`] without the number
/// of the pane.
pub fn line(rig: &str, pane: usize, words: &[&str]) -> Vec<String> {
    let mut line = vec![rig.to_owned(), "agent".to_owned(), words[0].to_owned(), pane.to_string()];
    line.extend(words[1..].iter().map(ToString::to_string));
    line
}

/// Runs the program that `words` name: its kind, the number of its pane, and what else it needs.
pub fn run(words: &[String]) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (kind, pane) = (words[0], words[1].parse().expect("a pane has a number"));
    take_keys_raw();
    // Whoever fills the pane would push its sign out of sight.
    if kind != "fill" {
        show_ready(pane);
    }
    match (kind, &words[2..]) {
        ("echo", []) => echo(),
        ("flood", [stream]) => flood(Path::new(stream)),
        ("stream", [stream, result]) => stream_once(Path::new(stream), Path::new(result)),
        ("ticks", []) => ticks(pane),
        ("fill", [lines]) => fill(pane, lines.parse().expect("a number of lines")),
        ("attack", []) => attack(),
        ("idle", []) => idle(),
        (kind, rest) => panic!("no such program: {kind} {rest:?}"),
    }
}

fn show_ready(pane: usize) {
    say(format!("ready {}\r\n", ready_sign(pane)).as_bytes());
}

fn take_keys_raw() {
    let stdin = std::io::stdin();
    let mut modes = tcgetattr(&stdin).expect("a pane is a terminal");
    modes.make_raw();
    tcsetattr(&stdin, OptionalActions::Now, &modes).expect("a pane is a terminal");
}

/// Writes all of it; ends with the pane.
fn say(bytes: &[u8]) {
    let mut out = File::from(rustix::io::dup(std::io::stdout()).expect("it is open"));
    if out.write_all(bytes).is_err() {
        std::process::exit(0);
    }
}

/// The next byte typed; ends with the pane.
fn key() -> u8 {
    let mut byte = [0];
    match std::io::stdin().read(&mut byte) {
        Ok(1) => byte[0],
        Ok(_) | Err(_) => std::process::exit(0),
    }
}

fn echo() {
    loop {
        say(format!("\x1b[3;3H{}", echo_sign(key())).as_bytes());
    }
}

fn flood(stream: &Path) {
    let bytes = std::fs::read(stream).expect("the stream was written");
    // The flood begins with the first key, or by itself soon after everybody is there.
    std::thread::sleep(Duration::from_secs(1));
    loop {
        bytes.chunks(BLOCK).for_each(say);
    }
}

fn stream_once(stream: &Path, result: &Path) {
    let bytes = std::fs::read(stream).expect("the stream was written");
    key();
    let began = Instant::now();
    bytes.chunks(BLOCK).for_each(say);
    let took = began.elapsed();
    std::fs::write(result, took.as_nanos().to_string()).expect("the bench's directory takes a file");
    say(format!("\x1b[?2026l\x1b[?1049l\x1b[0m\x1b[2J\x1b[H{END_SIGN}").as_bytes());
    idle();
}

/// An agent at work, as those seen in the wild: a bracketed update that repaints its lower lines.
fn ticks(pane: usize) {
    let mut next = Instant::now();
    for turn in 0_usize.. {
        let mut frame = String::from("\x1b[?2026h\x1b[3;1H");
        for row in 0..FRAME_ROWS {
            let red = 100 + (turn * 3 + row * 11) % 150;
            let _ =
                write!(frame, "\x1b[2K\x1b[38;2;{red};119;87m│\x1b[39m \x1b[1mstep {turn}.{row}\x1b[22m ");
            let _ = write!(frame, "\x1b[2medits src/pane{pane}.rs, line {}\x1b[22m ✓\r\n", turn * 7 % 997);
        }
        frame.push_str("\x1b[?2026l");
        say(frame.as_bytes());
        next += TICK;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn fill(pane: usize, lines: usize) {
    let mut text = String::new();
    for line in 0..lines {
        let _ =
            write!(text, "\x1b[38;5;{}m{line:>6}\x1b[0m a line of styled \x1b[1mtext\x1b[0m\r\n", line % 256);
    }
    say(text.as_bytes());
    show_ready(pane);
    idle();
}

/// The attack that is typed as `#17` and Enter. What terminals answer to attacks is typed as well, and is not looked at.
fn attack() {
    let mut typed = Vec::new();
    loop {
        match key() {
            b'\r' => {
                let words = std::mem::take(&mut typed);
                let number = words.rsplit(|byte| *byte == b'#').next().map(String::from_utf8_lossy);
                let Some(number) = number.and_then(|number| number.parse::<usize>().ok()) else { continue };
                say(&corpus::bytes(number % corpus::count()));
                say(format!("\x18\x1b\\\x1bc\x1b[3;3H{}", attack_sign(number)).as_bytes());
            }
            byte => typed.push(byte),
        }
    }
}

fn idle() {
    loop {
        key();
    }
}
