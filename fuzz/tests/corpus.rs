//! Replays the corpus: every input that once was interesting stays harmless.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ccells_fuzz::{TARGETS, hunt};

/// Beginnings of an input that are run besides the whole of it.
const BEGINNINGS: usize = 40;
/// Most bytes all inputs have together.
const CORPUS_BYTES: usize = 200 * 1_024;

#[test]
fn every_target_survives_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let entries = fs::read_dir(&corpus).expect("a readable directory");
    let directories: BTreeSet<String> = entries
        .map(|entry| entry.expect("a readable entry").file_name().to_string_lossy().into_owned())
        .collect();
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(directories, targets, "a directory for every target, and a target for every directory");
    hunt::listen();
    let (mut failures, mut size) = (Vec::new(), 0);
    for (name, target) in TARGETS {
        let inputs = hunt::corpus(&corpus.join(name)).expect("readable files");
        assert!((5..=40).contains(&inputs.len()), "{name} has {} inputs", inputs.len());
        for (file, bytes) in inputs {
            size += bytes.len();
            // Every beginning of it too, as a stream may be cut off anywhere.
            for end in (0..=bytes.len()).rev().step_by(1 + bytes.len() / BEGINNINGS) {
                if let Err(words) = hunt::execute(*target, &bytes[..end]) {
                    failures.push(format!("{} up to {end}: {words}", file.display()));
                }
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures, such as\n{}",
        failures.len(),
        failures[..failures.len().min(9)].join("\n")
    );
    assert!(size <= CORPUS_BYTES, "{size} bytes of corpus");
}
