//! What git prints, and what an agent may have put into its git directory.

use ccells_core::limits;
use ccells_shell::adapters::git::{
    Changes, WorkDiff, loose_differs, packed_differ, parse_index, parse_references, parse_remembered,
};

use crate::assert_harmless;

/// Where the workstream of all inputs started.
const BASE: &str = "00112233445566778899aabbccddeeff00112233";

/// No work is overlooked in what is printed, whatever the paths are, and nothing of it can act on a terminal.
pub fn git_output(bytes: &[u8]) {
    references(&String::from_utf8_lossy(bytes));
    status(bytes);
    let tabs = bytes.split(|byte| *byte == 0).filter(|record| record.contains(&b'\t')).count();
    assert_eq!(parse_index(bytes).count(), tabs, "a path for every record that has one");
    assert!(parse_remembered(bytes).len() <= bytes.split(|byte| *byte == 0).count(), "a file for every name");
    packed(bytes);
    loose(bytes);
    if let Ok(diff) = WorkDiff::parse(bytes) {
        let parts = bytes.split(|byte| *byte == 0).count();
        assert!(diff.files.len() <= parts && diff.patch.len() <= bytes.len(), "more than was printed");
    }
}

fn references(text: &str) {
    let found = parse_references(text);
    let whole = text.lines().filter(|line| line.matches('\0').count() >= 3);
    for (reference, line) in found.iter().zip(whole.clone()) {
        let fields = [&reference.name, &reference.object, &reference.target, &reference.worktree];
        assert!(line.starts_with(&fields.map(String::as_str).join("\0")), "{reference:?} of {line:?}");
    }
    assert_eq!(found.len(), whole.count(), "a reference for every line that has all fields");
}

fn status(bytes: &[u8]) {
    let changes = Changes::parse(bytes);
    let lists = [&changes.modified, &changes.deleted, &changes.untracked];
    for path in lists.iter().copied().flatten() {
        assert_harmless(path);
    }
    assert!(lists.iter().all(|list| list.len() <= limits::WORK_FILES), "reports are bounded");
    let says_nothing =
        lists.iter().all(|list| list.is_empty()) && changes.nested.is_empty() && changes.unknown.is_none();
    let is_empty = bytes.iter().all(|byte| *byte == 0);
    assert_eq!(says_nothing, is_empty, "whatever git tells of is told on");
}

fn packed(bytes: &[u8]) {
    let lines = bytes.split(|byte| *byte == b'\n');
    let named = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#") && !line.starts_with(b"^"));
    let differs = named.clone().any(|line| line.split(|byte| *byte == b' ').next() != Some(BASE.as_bytes()));
    match packed_differ(bytes, BASE) {
        Ok(told) => assert_eq!(told, differs),
        Err(error) => {
            assert!(differs || named.count() > limits::PRIVATE_REFS, "refused without a reason: {error}");
            assert_harmless(&error.to_string());
        }
    }
}

fn loose(bytes: &[u8]) {
    let text = bytes.trim_ascii_end();
    match loose_differs(bytes, BASE) {
        Ok(false) => assert!(text == BASE.as_bytes() || bytes.starts_with(b"ref: refs/")),
        Ok(true) => assert!(text != BASE.as_bytes() && text.len() == BASE.len()),
        Err(error) => assert_harmless(&error.to_string()),
    }
}
