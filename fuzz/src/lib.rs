//! The parsers of ccells that read what others wrote, under arbitrary bytes. Every target is a plain function: a
//! fuzzer calls it with what it makes up, `cargo test` with the corpus.

pub mod terminal;
pub mod wire;

/// A function that panics when bytes make a parser break its promise.
pub type Target = fn(&[u8]);

/// All targets. The corpus of each is the directory of its name below `corpus/`.
pub const TARGETS: [(&str, Target); 3] = [
    ("terminal_stream", terminal::terminal_stream),
    ("wire_from_holder", wire::wire_from_holder),
    ("wire_to_holder", wire::wire_to_holder),
];
