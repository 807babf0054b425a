//! Worlds that every test run visits: some that must go well, each twice alike, and each planted fault until it is found.

use ccells_sim::campaign;
use ccells_sim::canary::{self, Planted};
use ccells_sim::choice::Choices;

/// Worlds that must go well. `cargo sim` visits many more, and fresh ones. `CCELLS_WORLDS` asks for more of them here.
const WORLDS: u64 = 60;
/// Worlds that once went wrong, and with what.
const FOUND: [(u64, &str); 5] = [
    (28, "R2: made again, it was still written down as stopped by the user"),
    (315, "R2: stopped already, and the disk did not say so"),
    (1_795_412_341_000_133, "R25: stopped, and written down as exited though it never ran"),
    (1_795_412_341_000_335, "R25: the same"),
    (1_795_412_341_000_714, "R25: the same"),
];
/// Worlds that are visited a second time, from their recorded choices.
const TWICE: u64 = 12;

#[test]
fn nothing_is_lost_in_any_of_some_worlds() {
    let worlds = match std::env::var("CCELLS_WORLDS") {
        Ok(count) => count.parse().expect("CCELLS_WORLDS is a number"),
        Err(_) => WORLDS,
    };
    let mut steps = 0;
    for seed in 1..=worlds {
        let report = campaign::run(Choices::seeded(seed), Planted::Nothing, false);
        if let Some(violation) = report.violation {
            let (invariant, text) = (violation.invariant, violation.text);
            panic!("{invariant}: {text}; replay it with: cargo sim --replay {seed} --trace");
        }
        steps += report.fingerprint.1;
    }
    assert!(steps > worlds * 1_000, "{steps} steps in {worlds} worlds are no weather");
}

#[test]
fn what_went_wrong_once_goes_well() {
    for (seed, what) in FOUND {
        let report = campaign::run(Choices::seeded(seed), Planted::Nothing, false);
        assert_eq!(report.violation, None, "seed {seed}, which once was {what}");
    }
}

#[test]
fn a_world_goes_the_same_way_again() {
    for seed in 1..=TWICE {
        let first = campaign::run(Choices::seeded(seed), Planted::Nothing, true);
        let again = campaign::run(Choices::replayed(first.choices.record()), Planted::Nothing, true);
        assert_eq!(first.fingerprint, again.fingerprint, "seed {seed}");
        assert!(first.lines == again.lines, "seed {seed}: one fingerprint, two traces");
    }
}

#[test]
fn every_planted_fault_is_found_by_a_checker_that_is_meant_to() {
    let mut missed = Vec::new();
    for plant in canary::all() {
        let found = (1..=plant.within).find_map(|seed| {
            campaign::run(Choices::seeded(seed), plant.planted, false).violation.map(|it| it.invariant)
        });
        if !found.is_some_and(|invariant| plant.expects(invariant)) {
            missed.push(format!("{}: {found:?}, not {:?}", plant.planted.name(), plant.expected));
        }
    }
    assert!(missed.is_empty(), "not found as they must be: {missed:?}");
}
