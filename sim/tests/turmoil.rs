//! Tier B: every scenario of the cluster over several seeds, and the same seed twice.

use ccells_sim::cluster::scenarios::{ALL, Scenario};

/// Seeds of each scenario.
const SEEDS: u64 = 3;

fn play(name: &str) {
    let scenario = Scenario::named(name).expect("it is in the list");
    for seed in 1..=SEEDS {
        if let Err(broken) = scenario.play(seed) {
            panic!("{}", broken.words);
        }
    }
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
