//! What the holder costs a pane: its socket next to a terminal of one's own, and its resident emulator next to none.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ccells_core::wire::{Decoder, FromHolder, ToHolder, encode};
use ccells_tests::agents::{self, END_SIGN, echo_sign, ready_sign};
use ccells_tests::holders::Holders;

use crate::figures::{key_of, parse_alone, pause};
use crate::outer::Outer;
use crate::peers::{PANE, RIG};
use crate::table::{self, Goal, median};
use crate::{Options, streams};

/// How long anything may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// A session with a holder, without a screen.
struct Client {
    stream: UnixStream,
    decoder: Decoder<FromHolder>,
    tail: Vec<u8>,
    buffer: Vec<u8>,
}

impl Client {
    /// With the only holder below `room`.
    fn of(room: &Path) -> Self {
        let stream = UnixStream::connect(room.join("0/run/holder.sock")).expect("the holder listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        let (decoder, tail, buffer) = (Decoder::new(), Vec::new(), vec![0; 256 * 1_024]);
        let mut client = Self { stream, decoder, tail, buffer };
        client.send(&ToHolder::Hello { size: Some(PANE), observe: false, from_sequence: None });
        client
    }

    fn send(&mut self, frame: &ToHolder) {
        let mut bytes = Vec::new();
        encode(frame, &mut bytes);
        self.stream.write_all(&bytes).expect("the holder reads");
    }

    /// Takes what comes until `wanted` came; when that was.
    fn wait_for(&mut self, wanted: char) -> Instant {
        let wanted = wanted.to_string();
        loop {
            let count = self.stream.read(&mut self.buffer).expect("it came in time");
            assert!(count > 0, "the holder ended");
            self.decoder.push(&self.buffer[..count]);
            while let Some(frame) = self.decoder.next().expect("the holder speaks our words") {
                if let FromHolder::Output { bytes, .. } | FromHolder::Snapshot { bytes, .. } = frame {
                    self.tail.extend_from_slice(&bytes);
                }
            }
            if memchr::memmem::find(&self.tail, wanted.as_bytes()).is_some() {
                self.tail.clear();
                return Instant::now();
            }
            self.tail.drain(..self.tail.len().saturating_sub(16));
        }
    }
}

/// A directory of its own for each holder, as its socket lies in it.
fn fresh(room: &Path, what: &str, round: usize) -> std::path::PathBuf {
    let room = room.join(format!("{what}-{round}"));
    std::fs::create_dir(&room).expect("the bench's directory takes a directory");
    room
}

fn command(line: &[String]) -> Command {
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]);
    command
}

/// From a key to its echo: in a terminal of one's own, and through the holder's socket.
pub(crate) fn socket(options: &Options, room: &Path) {
    const GOAL: Goal = Goal {
        words: "<= 0.10 ms more than direct",
        is_met: |medians| Some(medians.of("socket")? - medians.of("direct")? <= 0.1),
    };
    let line = agents::line(RIG, 0, &["echo"]);
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        let mut outer = Outer::open(&command(&line));
        outer.wait_for(&ready_sign(0).to_string());
        let times = (0..options.keys).map(|turn| {
            let (key, began) = (key_of(turn), Instant::now());
            outer.keys(&[key]);
            let took = outer.wait_for(&echo_sign(key).to_string()) - began;
            outer.drain(pause(turn));
            took.as_secs_f64() * 1e3
        });
        direct.push(median(&times.collect::<Vec<_>>()));
        drop(outer);
        let room = fresh(room, "socket", round);
        let _holders = Holders::start(&room, std::slice::from_ref(&line));
        let mut client = Client::of(&room);
        client.wait_for(ready_sign(0));
        let times = (0..options.keys).map(|turn| {
            let (key, began) = (key_of(turn), Instant::now());
            client.send(&ToHolder::Input(vec![key]));
            let took = client.wait_for(echo_sign(key)) - began;
            std::thread::sleep(pause(turn));
            took.as_secs_f64() * 1e3
        });
        through.push(median(&times.collect::<Vec<_>>()));
    }
    table::tell_with(
        "echo, holder alone: p50 ms",
        &[],
        &["direct", "socket"],
        &[direct, through],
        Some(&GOAL),
    );
}

/// How fast a program can write: to a terminal that is only drained, to a holder that nobody looks at, and to one with a
/// viewer that only drains. A pane without a holder would be as fast as the slower of that terminal and an emulator alone.
pub(crate) fn emulator(options: &Options, room: &Path) {
    const GOAL: Goal = Goal {
        words: ">= 0.5 x the slower of direct and alone",
        is_met: |medians| {
            let without = medians.of("direct")?.min(medians.of("alone")?);
            Some(medians.of("unseen")?.min(medians.of("seen")?) >= 0.5 * without)
        },
    };
    for name in streams::STREAMS {
        let stream = streams::write(room, name, options.megabytes * 1_000_000);
        let bytes = std::fs::read(&stream).expect("it was written");
        let speed = |took: Duration| bytes.len() as f64 / 1e6 / took.as_secs_f64();
        let mut speeds = vec![Vec::new(); 4];
        for round in 0..options.rounds {
            speeds[3].push(speed(parse_alone(&bytes)));
            for (way, speeds) in speeds.iter_mut().take(3).enumerate() {
                let room = fresh(room, &format!("{name}-{way}"), round);
                let result = room.join("result");
                let words = ["stream", &stream.display().to_string(), &result.display().to_string()];
                let took = write_once(way, &room, &agents::line(RIG, 0, &words), &result);
                speeds.push(speed(took));
            }
        }
        let title = format!("{name}, holder alone: MB/s in");
        table::tell_with(&title, &[], &["direct", "unseen", "seen", "alone"], &speeds, Some(&GOAL));
    }
}

fn write_once(way: usize, room: &Path, line: &[String], result: &Path) -> Duration {
    if way == 0 {
        let mut outer = Outer::open(&command(line));
        outer.wait_for(&ready_sign(0).to_string());
        outer.keys(b"g");
        outer.wait_for(&END_SIGN.to_string());
        return told(result).expect("it was told before the end was shown");
    }
    let _holders = Holders::start(room, &[line.to_vec()]);
    let mut client = Client::of(room);
    client.wait_for(ready_sign(0));
    client.send(&ToHolder::Input(b"g".to_vec()));
    if way == 2 {
        client.wait_for(END_SIGN);
    }
    drop(client);
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(took) = told(result) {
            return took;
        }
        assert!(Instant::now() < until, "the program never ended");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How long the program took to write, once it has told.
fn told(result: &Path) -> Option<Duration> {
    let nanoseconds = std::fs::read_to_string(result).ok()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}
