//! The figures. Each is measured in rounds in which the peers take turns; what counts is the ratio of the medians.

use std::path::Path;
use std::time::{Duration, Instant};

use ccells_holder::emulator::Emulator;

use crate::peers::{PANE, Peer, Running};
use crate::table::{self, Goal};
use crate::{Options, streams};
use ccells_tests::agents::{END_SIGN, echo_sign};

/// Shortest time between two keys; more is added, so that keys do not keep step with frames.
const BETWEEN_KEYS: Duration = Duration::from_millis(12);
/// Panes where there are many.
const PANES: usize = 9;
/// Lines of scrollback whose memory is measured.
const LINES: usize = 10_000;

/// As quick, or as calm, as tmux.
const AT_MOST_TMUX: Goal =
    Goal { words: "<= tmux", is_met: |medians| Some(medians.ours()? <= medians.of("tmux")?) };
/// Twice the better of the peers that are here.
const TWICE_THE_BETTER: Goal = Goal {
    words: ">= 2 x the better peer",
    is_met: |medians| {
        let peers = [medians.of("tmux"), medians.of("zellij")];
        let better = peers.into_iter().flatten().max_by(f64::total_cmp)?;
        Some(medians.ours()? >= 2.0 * better)
    },
};

fn program(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// Those of `peers` that are installed.
fn present(peers: &[Peer]) -> Vec<Peer> {
    peers.iter().copied().filter(|peer| peer.is_here()).collect()
}

/// From a key to its echo on the screen, while nothing else happens, and while a pane beside it floods.
pub(crate) fn echo(options: &Options, room: &Path, is_flooded: bool) {
    let mut programs = vec![program(&["echo"])];
    let mut peers = present(&[Peer::Bare, Peer::Tmux, Peer::Zellij, Peer::Ccells]);
    if is_flooded {
        let stream = streams::write(room, "log", 8 << 20);
        programs.push(program(&["flood", &stream.display().to_string()]));
        peers.retain(|peer| *peer != Peer::Bare);
    }
    let mut times = vec![(Vec::new(), Vec::new()); peers.len()];
    for _ in 0..options.rounds {
        for (peer, (halves, worst)) in peers.iter().zip(&mut times) {
            let mut running = Running::start(*peer, room, &programs);
            running.outer.drain(if is_flooded { Duration::from_millis(1_200) } else { Duration::ZERO });
            let mut round = type_keys(options, &mut running);
            round.sort_by(f64::total_cmp);
            halves.push(round[round.len() / 2]);
            worst.push(round[round.len() * 99 / 100]);
        }
    }
    let (halves, worst): (Vec<_>, Vec<_>) = times.into_iter().unzip();
    let what = if is_flooded { "echo beside a flood" } else { "echo, idle" };
    let one_ms = Goal { words: "<= 1 ms", is_met: |medians| Some(medians.ours()? <= 1.0) };
    let three_ms = Goal { words: "<= 3 ms", is_met: |medians| Some(medians.ours()? <= 3.0) };
    let goals = if is_flooded { [&one_ms, &three_ms] } else { [&AT_MOST_TMUX, &AT_MOST_TMUX] };
    table::tell(&format!("{what}: p50 ms"), &peers, &halves, Some(goals[0]));
    table::tell(&format!("{what}: p99 ms"), &peers, &worst, Some(goals[1]));
}

/// The key of a turn.
pub(crate) fn key_of(turn: usize) -> u8 {
    b'a' + u8::try_from(turn % 26).expect("less than 26")
}

/// The time between the key of a turn and the next.
pub(crate) fn pause(turn: usize) -> Duration {
    BETWEEN_KEYS + Duration::from_micros(turn as u64 * 7_919 % 9_000)
}

/// The times from key to echo, in milliseconds.
fn type_keys(options: &Options, running: &mut Running) -> Vec<f64> {
    let mut times = Vec::with_capacity(options.keys);
    for turn in 0..options.keys {
        let key = key_of(turn);
        let sign = echo_sign(key).to_string();
        let began = Instant::now();
        running.outer.keys(&[key]);
        let seen = running.outer.wait_for(&sign);
        times.push((seen - began).as_secs_f64() * 1e3);
        running.outer.drain(pause(turn));
    }
    times
}

/// How fast a pane takes a stream: until the program has written it, until its end is seen, and next to what the
/// emulator alone does with the same bytes.
pub(crate) fn throughput(options: &Options, room: &Path) {
    let peers = present(&[Peer::Bare, Peer::Tmux, Peer::Zellij, Peer::Ccells]);
    for name in streams::STREAMS {
        let stream = streams::write(room, name, options.megabytes * 1_000_000);
        let bytes = std::fs::read(&stream).expect("it was written");
        let megabytes = bytes.len() as f64 / 1e6;
        let mut speeds = vec![(Vec::new(), Vec::new()); peers.len()];
        let mut costs = vec![Vec::new(); peers.len()];
        let mut alone = Vec::new();
        for _ in 0..options.rounds {
            for ((peer, (accepted, shown)), costs) in peers.iter().zip(&mut speeds).zip(&mut costs) {
                let result = room.join("result");
                let _stale = std::fs::remove_file(&result);
                let words = ["stream", &stream.display().to_string(), &result.display().to_string()];
                let mut running = Running::start(*peer, room, &[program(&words)]);
                let (viewers, holders) = running.cpu();
                let began = Instant::now();
                running.outer.keys(b"g");
                let seen = running.outer.wait_for(&END_SIGN.to_string()) - began;
                let (viewers_after, holders_after) = running.cpu();
                costs.push((viewers_after + holders_after).saturating_sub(viewers + holders).as_secs_f64());
                let text = std::fs::read_to_string(&result).expect("the program told how long it took");
                let nanoseconds: f64 = text.parse().expect("a number");
                accepted.push(megabytes / (nanoseconds / 1e9));
                shown.push(megabytes / seen.as_secs_f64());
            }
            alone.push(megabytes / parse_alone(&bytes).as_secs_f64());
        }
        let (accepted, mut shown): (Vec<_>, Vec<_>) = speeds.into_iter().unzip();
        table::tell(&format!("{name}: MB/s in"), &peers, &accepted, None);
        // No multiplexer is faster than the terminals it sits between, nor than its emulator.
        shown.push(alone);
        let title = format!("{name}: MB/s to the last frame");
        table::tell_with(&title, &peers, &["alone"], &shown, Some(&TWICE_THE_BETTER));
        table::tell_share(name, &peers, &shown);
        table::tell(&format!("{name}: CPU s, all processes"), &peers, &costs, None);
    }
}

/// How long an emulator that holds a pane takes with these bytes.
pub(crate) fn parse_alone(bytes: &[u8]) -> Duration {
    let mut emulator = Emulator::pane(PANE.0, PANE.1, ccells_core::limits::SCROLLBACK_LINES);
    let began = Instant::now();
    bytes.chunks(64 * 1_024).for_each(|piece| emulator.feed(piece));
    began.elapsed()
}

/// What nine panes cost in which nothing happens.
pub(crate) fn idle(options: &Options, room: &Path) {
    const QUIET: Goal = Goal {
        words: "no wake-up of ours",
        is_met: |medians| Some(medians.ours()? + medians.of("(holders)")? <= 0.0),
    };
    const SILENT: Goal = Goal { words: "no byte", is_met: |medians| Some(medians.ours()? <= 0.0) };
    let peers = present(&[Peer::Tmux, Peer::Zellij, Peer::Ccells]);
    let programs = vec![program(&["idle"]); PANES];
    let time = Duration::from_secs(options.seconds);
    let (mut costs, mut bytes) = (vec![Vec::new(); peers.len()], vec![Vec::new(); peers.len()]);
    let mut wakeups = vec![Vec::new(); peers.len() + 1];
    for _ in 0..options.rounds {
        for (index, peer) in peers.iter().enumerate() {
            let mut running = Running::start(*peer, room, &programs);
            // What follows from the start is over.
            running.outer.drain(Duration::from_secs(2));
            let before = (running.cpu(), running.wakeups(), running.outer.bytes);
            running.outer.drain(time);
            let ((viewers, holders), (woken, holders_woken)) = (running.cpu(), running.wakeups());
            let cpu = (viewers + holders).saturating_sub(before.0.0 + before.0.1);
            costs[index].push(cpu.as_secs_f64() / time.as_secs_f64() * 100.0);
            wakeups[index].push((woken - before.1.0) as f64);
            bytes[index].push((running.outer.bytes - before.2) as f64);
            if *peer == Peer::Ccells {
                wakeups[peers.len()].push((holders_woken - before.1.1) as f64);
            }
        }
    }
    let what = format!("idle, {PANES} panes, {} s", options.seconds);
    table::tell(&format!("{what}: CPU %"), &peers, &costs, None);
    table::tell_with(&format!("{what}: wake-ups"), &peers, &["(holders)"], &wakeups, Some(&QUIET));
    table::tell(&format!("{what}: bytes out"), &peers, &bytes, Some(&SILENT));
}

/// What nine agents cost that paint ten times a second.
pub(crate) fn agents(options: &Options, room: &Path) {
    let peers = present(&[Peer::Tmux, Peer::Zellij, Peer::Ccells]);
    let programs = vec![program(&["ticks"]); PANES];
    let mut costs = vec![Vec::new(); peers.len() + 1];
    let mut bytes = vec![Vec::new(); peers.len()];
    for _ in 0..options.rounds {
        for (index, peer) in peers.iter().enumerate() {
            let mut running = Running::start(*peer, room, &programs);
            let (before, out) = (running.cpu(), running.outer.bytes);
            running.outer.drain(options.at_work);
            let (viewers, holders) = running.cpu();
            let percent = |time: Duration| time.as_secs_f64() / options.at_work.as_secs_f64() * 100.0;
            costs[index].push(percent(viewers.saturating_sub(before.0)));
            bytes[index].push((running.outer.bytes - out) as f64 / options.at_work.as_secs_f64() / 1e3);
            if *peer == Peer::Ccells {
                costs[peers.len()].push(percent(holders.saturating_sub(before.1)));
            }
        }
    }
    let what = format!("{PANES} agents at 10 Hz");
    table::tell_with(&format!("{what}: CPU %"), &peers, &["(holders)"], &costs, Some(&AT_MOST_TMUX));
    table::tell(&format!("{what}: KB/s out"), &peers, &bytes, None);
}

/// What the scrollback of nine panes takes.
pub(crate) fn memory(options: &Options, room: &Path) {
    const SMALL: Goal = Goal { words: "<= 60 MB", is_met: |medians| Some(medians.ours()? <= 60.0) };
    let peers = present(&[Peer::Tmux, Peer::Zellij, Peer::Ccells]);
    let programs = vec![program(&["fill", &LINES.to_string()]); PANES];
    let mut sizes = vec![Vec::new(); peers.len() + 1];
    for _ in 0..options.rounds {
        for (index, peer) in peers.iter().enumerate() {
            let mut running = Running::start(*peer, room, &programs);
            running.outer.drain(options.at_work / 2);
            let (viewers, holders) = running.memory();
            sizes[index].push(viewers);
            if *peer == Peer::Ccells {
                sizes[peers.len()].push(holders);
            }
        }
    }
    let title = format!("{PANES} panes x {LINES} lines: MB");
    table::tell_with(&title, &peers, &["(holders)"], &sizes, Some(&SMALL));
}
