//! Tier B: every scenario of the cluster over several seeds, in which what must come to pass sometimes does.

use std::collections::BTreeSet;

use ccells_sim::cluster::scenarios::{ALL, Scenario};
use ccells_sim::cluster::slips::{self, Planted};

/// Seeds of each scenario.
const SEEDS: u64 = 3;

fn play(name: &str) {
    let scenario = Scenario::named(name).expect("it is in the list");
    let mut seen = BTreeSet::new();
    for seed in 1..=SEEDS {
        match scenario.play(seed, Planted::Nothing) {
            Ok(played) => seen.extend(played.seen),
            Err(broken) => panic!("{}", broken.words),
        }
    }
    let never: Vec<_> = scenario.sometimes.iter().filter(|row| !seen.contains(*row)).collect();
    assert!(never.is_empty(), "never came to pass: {never:?}");
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                play(stringify!($name));
            }
        )*

        #[test]
        fn every_scenario_has_a_test() {
            let tested = [$(stringify!($name)),*];
            assert_eq!(tested[..], ALL.map(|scenario| scenario.name)[..]);
        }
    };
}

scenarios! {
    life
    partition_and_heal
    one_way_partition
    half_open_stream
    reset
    slow_engine
    hung_engine
    stormy_engine
    engine_crash_and_restart
    host_crash
    crash_within_a_file_operation
    concurrent_saves_from_many_tasks_under_crash
    close_versus_read
    close_versus_write_versus_resize
    reattach_during_close
    cancellation_of_every_effect_in_flight
    quit_with_a_hung_engine
    quit_at_any_moment
}

#[test]
fn every_checker_of_the_cluster_is_turned_red_by_a_planted_fault() {
    let mut told = Vec::new();
    let is_good = slips::are_found(None, 2, &mut |line| told.push(line.to_string()));
    assert!(is_good, "{}", told.join("\n"));
}
