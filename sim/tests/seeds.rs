//! Worlds that every test run visits: some that must go well, each twice alike; those that went wrong once; and each
//! planted fault until it is found, by a checker that is meant to, and each checker until something turns it red.

use ccells_sim::canary::{self, Planted};
use ccells_sim::choice::Choices;
use ccells_sim::{campaign, corpus, proofs};

/// Worlds that must go well. `cargo sim` visits many more, and fresh ones. `CCELLS_WORLDS` asks for more of them here.
const WORLDS: u64 = 60;
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
fn what_went_wrong_once_goes_well_and_goes_wrong_again_by_its_mistake() {
    let kept = corpus::all().unwrap_or_else(|error| panic!("{error}"));
    assert!(!kept.is_empty(), "nothing is kept below {}", corpus::place().display());
    let mut wrong = Vec::new();
    for world in kept {
        let (file, head) = (world.path.display(), &world.head);
        if let Some(violation) = world.play(Planted::Nothing).violation {
            wrong.push(format!("{file}: goes wrong as it is: {}: {}", violation.invariant, violation.text));
        }
        let again = world.play(head.planted).violation;
        if again.as_ref().is_none_or(|violation| violation.invariant != head.invariant) {
            let name = head.planted.name();
            wrong.push(format!(
                "{file}: with {name} in it is {again:?}, not {}: worlds have changed; make it anew with: cargo sim \
                 --plant {name} --only {} --seeds 20000 --shrink",
                head.invariant, head.invariant
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
    let kept: Vec<_> = corpus::all().unwrap_or_else(|error| panic!("{error}"));
    // Those of which a world is kept are found there; `cargo sim --canaries` looks for them in fresh ones too.
    let is_kept = |planted| kept.iter().any(|world| world.head.planted == planted);
    let mut missed = Vec::new();
    for plant in canary::all().into_iter().filter(|plant| !is_kept(plant.planted)) {
        let found = (1..=plant.within).find_map(|seed| {
            campaign::run(Choices::seeded(seed), plant.planted, false).violation.map(|it| it.invariant)
        });
        if !found.is_some_and(|invariant| plant.expects(invariant)) {
            missed.push(format!("{}: {found:?}, not {:?}", plant.planted.name(), plant.expected));
        }
    }
    assert!(missed.is_empty(), "not found as they must be: {missed:?}");
}

#[test]
fn every_checker_is_turned_red_by_a_planted_fault() {
    let kept = corpus::all().unwrap_or_else(|error| panic!("{error}"));
    // A world that is kept is a proof; `cargo sim --canaries` looks for others all the same.
    let is_kept = |checker| kept.iter().any(|world| world.head.invariant == checker);
    let rest = proofs::all().into_iter().filter(|proof| !is_kept(proof.checker));
    let never: Vec<_> = rest.filter(|proof| proof.found().is_none()).map(|proof| proof.checker).collect();
    assert!(never.is_empty(), "nothing turned these red within their limits: {never:?}");
}
