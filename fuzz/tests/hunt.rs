//! The hunt itself: it finds what is there to be found, makes it small, and finds it again by the same seed.

use ccells_fuzz::hunt::{self, Budget, Failure};
use ccells_fuzz::{TARGETS, target};

/// Breaks on a word that stands in no input of the corpus, but is two changes away from one.
fn fragile(bytes: &[u8]) {
    assert!(!bytes.windows(3).any(|window| window == b"\x1b[Z"), "found");
}

/// Dies in a thread that nobody waits for.
fn silent(bytes: &[u8]) {
    if bytes.len() > 3 {
        let died = std::thread::spawn(|| panic!("in silence")).join();
        assert!(died.is_err());
    }
}

#[test]
fn a_planted_fault_is_found_and_made_small() {
    hunt::listen();
    let corpus = vec![b"some text with a Z".to_vec(), b"\x1b[1mmore".to_vec()];
    let report = hunt::hunt(fragile, corpus.clone(), 1, Budget::Executions(200_000), |_, _| {});
    let failure = report.failure.expect("it is found");
    assert_eq!(failure.input, b"\x1b[Z");
    assert!(failure.words.ends_with("found"), "{}", failure.words);

    let again = hunt::hunt(fragile, corpus, 1, Budget::Executions(200_000), |_, _| {});
    assert_eq!((again.executions, again.failure), (report.executions, Some(failure)));

    let Failure { words, .. } =
        hunt::hunt(silent, vec![b"text".to_vec()], 1, Budget::Executions(9), |_, _| {})
            .failure
            .expect("it is heard");
    assert!(words.contains("in silence"), "{words}");
}

#[test]
fn targets_are_found_by_their_names() {
    assert!(TARGETS.is_sorted_by(|(a, _), (b, _)| a < b), "in order, each once");
    assert!(
        TARGETS
            .iter()
            .all(|(name, known)| target(name).is_some_and(|found| std::ptr::fn_addr_eq(found, *known)))
    );
    assert!(target("nothing").is_none());
}
