//! What is played in the cluster, by name. Each scenario makes its own storm; what must be true after any of them is
//! checked in `checks.rs`.

mod cancel;
mod crashes;
mod engine;
mod races;
mod streams;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::process::words;
use super::slips::{self, Planted};
use super::{Cluster, DIED_IN_A_FILE_OPERATION, Trace, checks, lock};

/// One scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    play: fn(&mut Cluster),
    /// What must come to pass in it sometimes; else it plays something else than it says.
    pub sometimes: &'static [&'static str],
}

const fn scenario(
    name: &'static str,
    play: fn(&mut Cluster),
    sometimes: &'static [&'static str],
) -> Scenario {
    Scenario { name, play, sometimes }
}

/// All of them.
pub const ALL: [Scenario; 18] = [
    scenario("life", streams::life, &[]),
    scenario("partition_and_heal", streams::partition_and_heal, &[streams::CUT_OFF_IN_FLIGHT]),
    scenario("one_way_partition", streams::one_way_partition, &streams::ONE_WAY),
    scenario("half_open_stream", streams::half_open_stream, &[]),
    scenario("reset", streams::reset, &[streams::RESET_WHILE_ATTACHED]),
    scenario("slow_engine", engine::slow, &[engine::STILL_IN_FLIGHT]),
    scenario("hung_engine", engine::hung, &[engine::STILL_IN_FLIGHT]),
    scenario("stormy_engine", engine::stormy, &[engine::WISH_FAILED]),
    scenario("engine_crash_and_restart", engine::crash_and_restart, &engine::CRASHES),
    scenario("host_crash", crashes::host_crash, &crashes::HOST),
    scenario(
        "crash_within_a_file_operation",
        crashes::crash_within_a_file_operation,
        &[DIED_IN_A_FILE_OPERATION, crashes::DIED_WITH_A_WISH],
    ),
    scenario(
        "concurrent_saves_from_many_tasks_under_crash",
        crashes::concurrent_saves_from_many_tasks_under_crash,
        &crashes::SAVES,
    ),
    scenario("close_versus_read", races::close_versus_read, &races::CLOSE_READ),
    scenario(
        "close_versus_write_versus_resize",
        races::close_versus_write_versus_resize,
        &races::CLOSE_WRITE_RESIZE,
    ),
    scenario("reattach_during_close", races::reattach_during_close, &[races::CLOSED_WHILE_ATTACHING]),
    scenario(
        "cancellation_of_every_effect_in_flight",
        cancel::cancellation_of_every_effect_in_flight,
        &cancel::WAYS,
    ),
    scenario("quit_with_a_hung_engine", races::quit_with_a_hung_engine, &races::QUIT_HUNG),
    scenario("quit_at_any_moment", races::quit_at_any_moment, &[races::QUIT_IN_FLIGHT]),
];

/// What a scenario that held left.
pub struct Played {
    /// Every request and every event.
    pub trace: Vec<String>,
    /// How much time it simulated.
    pub simulated: std::time::Duration,
    /// What came to pass of what must sometimes.
    pub seen: BTreeSet<&'static str>,
}

/// What was broken.
#[derive(Debug)]
pub struct Broken {
    /// The checker that found it.
    pub checker: String,
    /// Which promise, and the line that plays it again.
    pub words: String,
    /// Every request and every event until then.
    pub trace: Vec<String>,
}

impl Scenario {
    /// The scenario of that name.
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|scenario| scenario.name == name)
    }

    /// Plays it in a thread of its own: what is drawn per thread is drawn anew.
    pub fn play(self, seed: u64, planted: Planted) -> Result<Played, Broken> {
        let trace = Trace::default();
        let own = Arc::clone(&trace);
        let play = move || {
            let mut cluster = Cluster::new(seed, planted, own);
            let held = catch_unwind(AssertUnwindSafe(|| {
                (self.play)(&mut cluster);
                checks::check(&mut cluster);
            }));
            let (elapsed, seen) = (cluster.elapsed(), cluster.seen());
            held.map(|()| (elapsed, seen)).map_err(|panic| {
                // In the middle of a step it cannot be taken apart in order any more.
                std::mem::forget(cluster);
                words(&*panic)
            })
        };
        let broken = |words: &str| Broken {
            checker: checker(words).to_string(),
            words: format!(
                "{name} at seed {seed}: {words}\n\
                 replay: cargo sim --turmoil --scenario {name} --from {seed} --seeds 1{flag} --trace",
                name = self.name,
                flag = planted.flag()
            ),
            trace: lock(&trace).clone(),
        };
        let thread = std::thread::Builder::new().name(format!("{} {seed}", self.name)).spawn(play);
        let joined = thread.map_err(|error| broken(&format!("no thread: {error}")))?.join();
        let (simulated, seen) =
            joined.unwrap_or_else(|panic| Err(words(&*panic))).map_err(|words| broken(&words))?;
        let trace = lock(&trace).clone();
        Ok(Played { trace, simulated, seen })
    }
}

/// The checker that a panic comes from.
fn checker(words: &str) -> &str {
    // So begins what two values say that are not equal.
    let words = words.strip_prefix("assertion `left == right` failed: ").unwrap_or(words);
    slips::named(words).map_or("PANIC", |(checker, _)| checker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_names_its_checker() {
        let of = |act: fn()| words(&*catch_unwind(act).expect_err("it panics"));
        assert_eq!(checker(&of(|| panic!("Q1: not in {}", "time"))), "Q1");
        assert_eq!(checker(&of(|| assert_eq!(1, 2, "Q2: it is {}", 1))), "Q2");
        assert_eq!(checker(&of(|| assert_eq!(1, 2))), "PANIC");
        assert_eq!(checker(&of(|| panic!("what is this?"))), "PANIC");
    }
}
