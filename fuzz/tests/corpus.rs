//! Replays the corpus: every input that once was interesting stays harmless.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ccells_fuzz::TARGETS;

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries
        .map(|entry| entry.expect("a readable directory").file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn every_target_survives_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&corpus), targets, "a directory for every target, and a target for every directory");
    for (name, target) in TARGETS {
        let inputs = names(&corpus.join(name));
        assert!(inputs.len() >= 3, "{name} has inputs");
        for input in inputs {
            let bytes = fs::read(corpus.join(name).join(&input)).expect("a readable file");
            // Every beginning of it too, as a stream may be cut off anywhere.
            for end in (0..=bytes.len()).rev().step_by(1 + bytes.len() / 40) {
                target(&bytes[..end]);
            }
        }
    }
}
