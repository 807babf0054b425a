//! R22: a run that ends of its own will takes only its own away: others' records, beats and containers stay.

use std::collections::BTreeMap;

use crate::world::World;

/// Everything on disk that is not the ending run's own beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Belongings {
    files: BTreeMap<String, Vec<u8>>,
    containers: Vec<String>,
}

impl Belongings {
    /// All that is there, but for that run's beats.
    pub fn of_others(world: &World, process: usize) -> Self {
        let start = &world.processes[process].start;
        let own = start.run.as_str();
        let is_own = |path: &str, bytes: &[u8]| {
            path.contains(own) || (path.ends_with("/heartbeat") && super::known::contains(bytes, own))
        };
        let files = world.disk.files().into_iter().filter(|(path, bytes)| !is_own(path, bytes));
        Self { files: files.collect(), containers: world.engine.containers.keys().cloned().collect() }
    }
}

/// Checks that nothing of others changed.
pub fn check(world: &mut World, process: usize) {
    let after = Belongings::of_others(world, process);
    if world.oracle.before_exit.take().is_some_and(|before| before != after) {
        world.fail("R22", format!("p{process} took something of others with it when it ended"));
    }
}
