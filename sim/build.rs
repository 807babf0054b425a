//! Writes variants of the shell's kernels with one planted bug each, for the loom models to find: mutations
//! of the text that is shipped, so they cannot drift away from it.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The variant's name, its kernel, what is replaced, and by what.
const PLANTED: [(&str, &str, &str, &str); 14] = [
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
    ("overtaking", "outbox", "let is_idle = state.is_idle();", "let is_idle = !state.is_gone;"),
    (
        "idle_while_carried",
        "outbox",
        "self.waiting.is_empty() && !self.is_carrying",
        "self.waiting.is_empty()",
    ),
    (
        "ring_before_out",
        "outbox",
        "            state.is_carrying = false;\n            if !is_out {\n                state.give_up();\n            }\n            \
         self.shared.changed.notify_all();\n            drop(state);\n            ring();\n",
        "            drop(state);\n            ring();\n            state = self.shared.lock();\n            \
         state.is_carrying = false;\n            if !is_out {\n                state.give_up();\n            }\n            \
         self.shared.changed.notify_all();\n",
    ),
    (
        "quiet_give_up",
        "outbox",
        "self.shared.lock().give_up();\n        self.shared.changed.notify_all();",
        "self.shared.lock().give_up();",
    ),
    ("carry_on", "outbox", "if !is_out {", "if is_out && state.is_gone {"),
    (
        "end_without_drain",
        "outbox",
        "state.waiting.pop_front() {",
        "state.waiting.pop_front().filter(|_| !state.is_over) {",
    ),
    ("leaves_before_it_looks", "turns", "let _gone = Gone", "let _ = Gone"),
    (
        "looks_for_ever",
        "turns",
        "let _gone = Gone { waiting: &self.waiting };",
        "std::mem::forget(Gone { waiting: &self.waiting });",
    ),
];

fn main() {
    let kernels = Path::new("../shell/src/kernel");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CCELLS_UNPLANTED");
    // While kernels are mutated nothing can be planted in them for certain: the models alone are to mind.
    let is_planted = env::var_os("CCELLS_UNPLANTED").is_none();
    println!("cargo::rerun-if-changed={}", kernels.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for (name, kernel, from, to) in PLANTED {
        let text =
            fs::read_to_string(kernels.join(kernel).with_extension("rs")).expect("the kernel is there");
        let is_whole = !is_planted || text.matches(from).count() == 1;
        assert!(is_whole, "{kernel}.rs changed: plant `{name}` anew in sim/build.rs");
        // Inner documentation cannot be included into a module.
        let body: String =
            text.lines().filter(|line| !line.starts_with("//!")).flat_map(|line| [line, "\n"]).collect();
        let body = if is_planted { body.replace(from, to) } else { body };
        fs::write(out.join(name).with_extension("rs"), body).expect("the variant is written");
    }
}
