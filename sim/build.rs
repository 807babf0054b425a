//! Writes variants of the shell's kernels with one planted bug each, for the loom models to find: mutations
//! of the text that is shipped, so they cannot drift away from it.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The variant's name, its kernel, what is replaced, and by what.
const PLANTED: [(&str, &str, &str, &str); 6] = [
    ("release_while_used", "gate", "while state.users > 0 {", "while false {"),
    ("late_closer_leaves", "gate", "while state.phase != Phase::Closed {", "while false {"),
    ("double_release", "gate", "return false;", ""),
    (
        "ack_before_rename",
        "saver",
        "let written = write(ticket, &value);",
        "whole(self.state.lock()).durable = ticket; let written = write(ticket, &value);",
    ),
    (
        "clear_slot_after_write",
        "saver",
        "Ok(()) => state.durable = ticket,",
        "Ok(()) => { state.durable = ticket; state.next = None; }",
    ),
    (
        "stop_without_drain",
        "saver",
        "let is_due = state.is_due || state.is_stopping;",
        "let is_due = state.is_due && !state.is_stopping;",
    ),
];

fn main() {
    let kernels = Path::new("../shell/src/kernel");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", kernels.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for (name, kernel, from, to) in PLANTED {
        let text =
            fs::read_to_string(kernels.join(kernel).with_extension("rs")).expect("the kernel is there");
        assert_eq!(text.matches(from).count(), 1, "{kernel}.rs changed: plant `{name}` anew in sim/build.rs");
        // Inner documentation cannot be included into a module.
        let body: String =
            text.lines().filter(|line| !line.starts_with("//!")).flat_map(|line| [line, "\n"]).collect();
        fs::write(out.join(name).with_extension("rs"), body.replace(from, to))
            .expect("the variant is written");
    }
}
