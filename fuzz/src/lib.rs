//! The parsers of ccells that read what others wrote, under arbitrary bytes. Every target is a plain function: a
//! fuzzer calls it with what it makes up, `cargo test` with the corpus.

pub mod choices;
pub mod control;
pub mod docker;
pub mod git;
pub mod hunt;
pub mod keys;
pub mod mutate;
pub mod naming;
pub mod records;
pub mod script;
pub mod settings;
pub mod terminal;
pub mod tui;
pub mod wire;

/// A function that panics when bytes make a parser break its promise.
pub type Target = fn(&[u8]);

/// All targets by name. The corpus of each is the directory of its name below `corpus/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("config", settings::config),
    ("control_request", control::control_request),
    ("disk_records", records::disk_records),
    ("docker_answers", docker::docker_answers),
    ("engine_events", docker::engine_events),
    ("event_script", script::event_script),
    ("exec_stream", docker::exec_stream),
    ("git_output", git::git_output),
    ("key_input", keys::key_input),
    ("naming", naming::naming),
    ("session_stream", wire::session_stream),
    ("store_load", records::store_load),
    ("terminal_stream", terminal::terminal_stream),
    ("tracking_apply", records::tracking_apply),
    ("tui_input", tui::tui_input),
    ("wire_from_holder", wire::wire_from_holder),
    ("wire_to_holder", wire::wire_to_holder),
];

/// The target of that name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

/// Fails when `text`, which quotes what somebody else wrote, could act on a terminal or has no bound.
#[track_caller]
pub(crate) fn assert_harmless(text: &str) {
    let stranger = text.chars().find(|c| c.is_control());
    assert_eq!(stranger, None, "a control character in {text:?}");
    let count = text.chars().count();
    assert!(count <= LONGEST_TEXT, "{count} characters for people to read");
}

/// Longest text for people: a reason, and what we say around it.
const LONGEST_TEXT: usize = 2 * ccells_core::limits::REASON_CHARS;
