//! All short histories: every sequence of events up to a depth, over a small alphabet. The world holds each effect
//! against its laws; at the end of each history everything is answered well, and then nobody may still be waiting.

use std::format;
use std::vec::Vec;

use super::answers::How;
use super::conversation::{all_ok, play};
use super::world::World;
use crate::effect::Effect;
use crate::event::Event;
use crate::limits::LATE_MS;

/// What may happen next. Answers go to the oldest or to the newest outstanding request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letter {
    Line(&'static str),
    Oldest(How),
    Newest(How),
    /// The last answer comes a second time.
    Again,
    /// Time goes on to the next deadline.
    Deadline,
    /// The process dies and another begins.
    Crash,
}

const ALPHABET: [Letter; 13] = [
    Letter::Line("ask new"),
    Letter::Line("ask pause"),
    Letter::Line("ask resume"),
    Letter::Line("ask remove forced"),
    Letter::Line("ask cancel"),
    Letter::Line("ask quit"),
    Letter::Line("engine gone"),
    Letter::Oldest(How::Well),
    Letter::Oldest(How::Unknown),
    Letter::Newest(How::Landed),
    Letter::Again,
    Letter::Deadline,
    Letter::Crash,
];

/// How long the histories are, from each beginning. `CCELLS_DEPTH` asks for longer ones.
const DEPTH: usize = 4;

struct Histories {
    beginning: &'static str,
    count: u64,
    path: Vec<Letter>,
}

impl Drop for Histories {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::println!("the history that breaks it, from {}: {:?}", self.beginning, self.path);
        }
    }
}

impl Histories {
    fn extend(&mut self, world: &World, requests: u64, depth: usize) {
        self.count += 1;
        self.come_to_rest(world.clone());
        if depth == 0 || world.has_ended {
            return;
        }
        for letter in ALPHABET {
            let mut next = world.clone();
            self.path.push(letter);
            if Self::take(&mut next, letter, requests) {
                self.extend(&next, requests + 1, depth - 1);
            }
            self.path.pop();
        }
    }

    /// Plays one letter; says whether it could happen at all.
    fn take(world: &mut World, letter: Letter, requests: u64) -> bool {
        let is_asked = |effect: &Effect| !matches!(effect, Effect::WatchEngine { .. });
        let outstanding: Vec<usize> =
            (0..world.pending.len()).filter(|at| is_asked(&world.pending[*at].effect)).collect();
        match letter {
            Letter::Line("engine gone") => {
                world.plant("a", None);
                drop(world.send(Event::EngineChanged));
                true
            }
            Letter::Line(line) => {
                let rest = line.trim_start_matches("ask ");
                let line = match rest.split_once(' ') {
                    _ if rest == "quit" => format!("ask {requests} quit"),
                    Some((wish, how)) => format!("ask {requests} {wish} a {how}"),
                    None => format!("ask {requests} {rest} a"),
                };
                drop(play(world, &line));
                true
            }
            Letter::Oldest(how) => outstanding.first().map(|at| drop(world.answer(*at, how))).is_some(),
            // With one outstanding request the oldest is the newest.
            Letter::Newest(how) => outstanding.last().map(|at| drop(world.answer(*at, how))).is_some(),
            Letter::Again => world.last_answer.clone().map(|event| drop(world.send(event))).is_some(),
            Letter::Deadline => {
                let deadline = world.machine.next_deadline();
                deadline.map(|deadline| drop(world.wait_until(deadline.at.0.max(world.now)))).is_some()
            }
            Letter::Crash => {
                world.crash();
                drop(world.boot());
                true
            }
        }
    }

    /// In calm weather everybody is answered, and every container is one that we know.
    fn come_to_rest(&self, mut world: World) {
        world.is_doubted = false;
        all_ok(&mut world);
        // As after a sleep of the machine: nothing that was in flight can land any more.
        for _ in 0..2 {
            world.now += LATE_MS;
            drop(world.send(Event::TimePassed));
            all_ok(&mut world);
        }
        assert_eq!(world.unanswered(), Vec::<u64>::new(), "after {:?}", self.path);
    }
}

fn count_from(beginning: &'static str, lines: &[&str], depth: usize) -> u64 {
    let mut world = World::new();
    for line in lines {
        drop(play(&mut world, line));
    }
    let mut histories = Histories { beginning, count: 0, path: Vec::new() };
    histories.extend(&world, 1, depth);
    histories.count
}

/// The beginnings: an empty repository, a live workstream, one in the middle of each long operation, and leftovers.
#[test]
fn no_short_history_breaks_a_law() {
    let beginnings: [(&'static str, &'static [&'static str]); 7] = [
        ("an empty repository", &["boot", "all ok"]),
        ("a live workstream", &["boot", "all ok", "made a"]),
        (
            "a creation half done",
            &[
                "boot",
                "all ok",
                "ask 900 new a",
                "ok ResolveBase",
                "ok WriteIntent",
                "ok PinBase",
                "ok AddWorktree",
                "ok BuildHome",
            ],
        ),
        (
            "a removal half done",
            &[
                "boot",
                "all ok",
                "made a",
                "ask 901 remove a forced",
                "ok WriteIntent",
                "ok PauseContainer",
                "ok RemoveContainer",
            ],
        ),
        (
            "an undone removal half way back",
            &[
                "boot",
                "all ok",
                "made a",
                "ask 901 remove a forced",
                "all ok",
                "ask 902 undo a",
                "ok WriteIntent",
            ],
        ),
        ("an interrupted creation", &["given intent create a", "boot crashed"]),
        ("frozen by the last quit", &["given state a paused-by-quit", "engine a paused", "boot crashed"]),
    ];
    let depth = std::env::var("CCELLS_DEPTH").map_or(DEPTH, |text| text.parse().unwrap());
    let counts: Vec<(&str, u64)> = std::thread::scope(|scope| {
        let count = |(name, lines)| scope.spawn(move || (name, count_from(name, lines, depth)));
        let threads: Vec<_> = beginnings.into_iter().map(count).collect();
        threads.into_iter().map(|thread| thread.join().expect("no history breaks a law")).collect()
    });
    for (name, count) in &counts {
        std::println!("{count:>9} histories from {name}");
    }
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    std::println!("{all:>9} histories in all");
    assert!(all > 10_000, "the alphabet still reaches something");
}
