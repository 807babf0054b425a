//! What hostile programs send, as the tests of the holder know it, and as text where a text is what comes from outside.

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
