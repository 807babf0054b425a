//! What happened in a simulated world, one line a step in fixed columns, and a fingerprint of it that is kept even
//! when nobody reads the lines.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The columns, for people.
pub const LEGEND: &str = "\
# time   simulated seconds since the world began
# who    p<n>: run n of ccells; engine; disk; user; sky: whatever strikes from outside
# what   event: the machine was told; effect: it asked for; file, git: one step; send, land, answer: a request's way;
#        ask, reply: a wish and its answer; everything else says itself
# about  what exactly; a `!` behind a file's line: the disk refused it; #<n> is one request from its sending to its answer
#   time  who     what      about";

/// A digest of every byte of a trace.
pub fn digest(lines: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    lines.hash(&mut hasher);
    hasher.finish()
}

/// The trace of one world.
#[derive(Clone, Debug)]
pub struct Trace {
    lines: Option<Vec<String>>,
    hash: u64,
    steps: u64,
    is_over: bool,
}

impl Trace {
    /// A trace that keeps its lines, or only their fingerprint.
    pub fn new(keeps_lines: bool) -> Self {
        Self { lines: keeps_lines.then(Vec::new), hash: 0xcbf2_9ce4_8422_2325, steps: 0, is_over: false }
    }

    /// Notes a step. `about` is only asked for when lines are kept.
    pub fn note(&mut self, now: u64, who: Who, what: &'static str, about: impl FnOnce() -> String) {
        if self.is_over {
            return;
        }
        self.steps += 1;
        self.mix(now);
        self.mix(who.number());
        let mut word = [0; 8];
        let length = what.len().min(word.len());
        word[..length].copy_from_slice(&what.as_bytes()[..length]);
        self.mix(u64::from_le_bytes(word));
        if let Some(lines) = &mut self.lines {
            let about = about();
            lines.push(format!(
                "{:>6}.{:03}  {:<6}  {what:<8}  {about}",
                now / 1_000,
                now % 1_000,
                who.name()
            ));
        }
    }

    /// What was noted last is the end: the rest of a world that has failed says nothing.
    pub fn end(&mut self) {
        self.is_over = true;
    }

    /// Fingerprint and number of steps.
    pub fn fingerprint(&self) -> (u64, u64) {
        (self.hash, self.steps)
    }

    /// The lines, when they were kept.
    pub fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }

    fn mix(&mut self, word: u64) {
        let mixed = (self.hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.hash = mixed ^ (mixed >> 29);
    }
}

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A run of ccells.
    Process(usize),
    /// The engine.
    Engine,
    /// The person in front of it.
    User,
    /// What strikes from outside.
    Sky,
}

impl Who {
    fn name(self) -> String {
        match self {
            Self::Process(number) => format!("p{number}"),
            Self::Engine => "engine".to_string(),
            Self::User => "user".to_string(),
            Self::Sky => "sky".to_string(),
        }
    }

    fn number(self) -> u64 {
        match self {
            Self::Engine => 1,
            Self::User => 2,
            Self::Sky => 3,
            Self::Process(number) => 16 + number as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fingerprint that is kept when nobody reads the lines says less than the lines do.
    #[test]
    fn a_word_that_differs_makes_another_digest() {
        let told = |about: &'static str| {
            let mut trace = Trace::new(true);
            trace.note(7, Who::Sky, "event", || about.to_string());
            let fingerprint = trace.fingerprint();
            (fingerprint, digest(&trace.into_lines()))
        };
        let (one, other) = (told("a label first"), told("a label last"));
        assert_eq!(one.0, other.0);
        assert_ne!(one.1, other.1);
        assert_eq!(one, told("a label first"));
    }
}
