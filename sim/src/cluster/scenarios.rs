//! What is played in the cluster, by name. Each scenario makes its own storm; what must be true after any of them is
//! checked in `checks.rs`.

mod crashes;
mod engine;
mod races;
mod streams;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::process::words;
use super::{Cluster, Trace, checks, lock};

/// One scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    play: fn(&mut Cluster),
}

/// All of them.
pub const ALL: [Scenario; 18] = [
    Scenario { name: "life", play: streams::life },
    Scenario { name: "partition_and_heal", play: streams::partition_and_heal },
    Scenario { name: "one_way_partition", play: streams::one_way_partition },
    Scenario { name: "half_open_stream", play: streams::half_open_stream },
    Scenario { name: "reset", play: streams::reset },
    Scenario { name: "slow_engine", play: engine::slow },
    Scenario { name: "hung_engine", play: engine::hung },
    Scenario { name: "stormy_engine", play: engine::stormy },
    Scenario { name: "engine_crash_and_restart", play: engine::crash_and_restart },
    Scenario { name: "host_crash", play: crashes::host_crash },
    Scenario { name: "crash_within_a_file_operation", play: crashes::crash_within_a_file_operation },
    Scenario {
        name: "concurrent_saves_from_many_tasks_under_crash",
        play: crashes::concurrent_saves_from_many_tasks_under_crash,
    },
    Scenario { name: "close_versus_read", play: races::close_versus_read },
    Scenario { name: "close_versus_write_versus_resize", play: races::close_versus_write_versus_resize },
    Scenario { name: "reattach_during_close", play: races::reattach_during_close },
    Scenario {
        name: "cancellation_of_every_effect_in_flight",
        play: races::cancellation_of_every_effect_in_flight,
    },
    Scenario { name: "quit_with_a_hung_engine", play: races::quit_with_a_hung_engine },
    Scenario { name: "quit_at_any_moment", play: races::quit_at_any_moment },
];

/// What a scenario that held left.
pub struct Played {
    /// Every request and every event.
    pub trace: Vec<String>,
    /// How much time it simulated.
    pub simulated: std::time::Duration,
}

/// What was broken.
#[derive(Debug)]
pub struct Broken {
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
    pub fn play(self, seed: u64) -> Result<Played, Broken> {
        let trace = Trace::default();
        let own = Arc::clone(&trace);
        let play = move || {
            let mut cluster = Cluster::new(seed, own);
            let held = catch_unwind(AssertUnwindSafe(|| {
                (self.play)(&mut cluster);
                checks::check(&mut cluster);
            }));
            let elapsed = cluster.elapsed();
            held.map(|()| elapsed).map_err(|panic| {
                // In the middle of a step it cannot be taken apart in order any more.
                std::mem::forget(cluster);
                words(&*panic)
            })
        };
        let broken = |words: &str| Broken {
            words: format!(
                "{name} at seed {seed}: {words}\n\
                 replay: cargo sim --turmoil --scenario {name} --from {seed} --seeds 1 --trace",
                name = self.name
            ),
            trace: lock(&trace).clone(),
        };
        let thread = std::thread::Builder::new().name(format!("{} {seed}", self.name)).spawn(play);
        let joined = thread.map_err(|error| broken(&format!("no thread: {error}")))?.join();
        let simulated = joined.unwrap_or_else(|panic| Err(words(&*panic))).map_err(|words| broken(&words))?;
        let trace = lock(&trace).clone();
        Ok(Played { trace, simulated })
    }
}
