//! What hostile programs send, as the tests of the holder know it, and as text where a text is what comes from outside.

use ccells_shell::adapters::git::{FileDiff, Status, WorkDiff};
use ccells_shell::patch::Patch;

#[path = "../../shell/holder/tests/hostile/corpus.rs"]
mod attacks;

/// Most bytes of an attack that comes as a text: names, paths and errors are cut long before.
const TEXT_BYTES: usize = 2_000;

/// How many attacks there are.
pub fn count() -> usize {
    attacks::CORPUS.len()
}

/// The name of an attack.
pub fn name(number: usize) -> &'static str {
    attacks::CORPUS[number].0
}

/// Its bytes, as a program in a pane would send them.
pub fn bytes(number: usize) -> Vec<u8> {
    let (_, bytes, times) = attacks::CORPUS[number];
    bytes.repeat(times)
}

/// The same as a text.
pub fn text(number: usize) -> String {
    let (_, bytes, times) = attacks::CORPUS[number];
    let times = times.min(TEXT_BYTES / bytes.len()).max(1);
    String::from_utf8_lossy(&bytes.repeat(times)).into_owned()
}

/// A change in which every name and every line is `text`.
pub fn patch(text: &str) -> Patch {
    let file = |status| FileDiff {
        path: text.into(),
        old_path: Some(text.into()),
        status,
        modes: (0, 0o120_000),
        lines: Some((2, 1)),
    };
    let lines: Vec<_> = text.lines().map(|line| format!(" {line}\n-{line}\n+{line}\n")).collect();
    let lines = lines.concat();
    let section = format!("diff --git \"a/x\" \"b/x\"\n{text}\n@@ -1,9 +1,9 @@ {text}\n{lines}");
    let files = vec![file(Status::Renamed), file(Status::Added)];
    let diff = WorkDiff { files, patch: section.repeat(2).into_bytes(), unknown: Some(text.to_owned()) };
    Patch::of(diff, text)
}
