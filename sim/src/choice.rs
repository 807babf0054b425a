//! Where all chance in a simulated world comes from: a seed or a recording. Every draw has a label and every label its
//! own stream, so that taking one draw away does not shift the others. Zero is always the benign choice.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What was drawn, by label, in order. Replaying it makes the same world again; what is missing counts as zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording(pub BTreeMap<String, Vec<u64>>);

impl Recording {
    /// How many choices are not benign.
    pub fn weight(&self) -> usize {
        self.0.values().flatten().filter(|value| **value != 0).count()
    }

    /// Without the zeros at the ends of streams, which stand there anyway.
    #[must_use]
    pub fn trimmed(mut self) -> Self {
        for stream in self.0.values_mut() {
            let end = stream.iter().rposition(|value| *value != 0).map_or(0, |last| last + 1);
            stream.truncate(end);
        }
        self.0.retain(|_, stream| !stream.is_empty());
        self
    }

    /// One line a stream: its label and its values, runs of zeros as `0*n`.
    pub fn print(&self) -> String {
        let mut text = String::new();
        for (label, stream) in &self.0 {
            text.push_str(label);
            text.push(':');
            let mut zeros = 0_usize;
            for value in stream {
                if *value == 0 {
                    zeros += 1;
                    continue;
                }
                if zeros > 0 {
                    let _ = write!(text, " 0*{zeros}");
                    zeros = 0;
                }
                let _ = write!(text, " {value}");
            }
            text.push('\n');
        }
        text
    }

    /// Reads what [`Recording::print`] wrote; lines that begin with `#` are remarks.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut recording = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            let (label, values) = line.split_once(':').ok_or_else(|| format!("no label in `{line}`"))?;
            let mut stream = Vec::new();
            for word in values.split_whitespace() {
                let number = |word: &str| word.parse::<u64>().map_err(|error| format!("`{word}`: {error}"));
                match word.strip_prefix("0*") {
                    Some(count) => {
                        let count = usize::try_from(number(count)?).map_err(|error| error.to_string())?;
                        if count > MOST_ZEROS {
                            return Err(format!("`{word}`: more than {MOST_ZEROS} zeros"));
                        }
                        stream.resize(stream.len() + count, 0);
                    }
                    None => stream.push(number(word)?),
                }
            }
            recording.0.insert(label.to_string(), stream);
        }
        Ok(recording)
    }
}

/// Longest run of zeros a recording may name.
const MOST_ZEROS: usize = 10_000_000;

#[derive(Clone, Debug)]
struct Stream {
    state: u64,
    drawn: Vec<u64>,
}

/// The source of chance of one world.
#[derive(Clone, Debug)]
pub struct Choices {
    seed: Option<u64>,
    given: Recording,
    streams: BTreeMap<&'static str, Stream>,
    is_calm: bool,
}

impl Choices {
    /// Draws from a seed.
    pub fn seed(seed: u64) -> Self {
        Self { seed: Some(seed), given: Recording::default(), streams: BTreeMap::new(), is_calm: false }
    }

    /// Repeats a recording.
    pub fn replay(given: Recording) -> Self {
        Self { seed: None, given, streams: BTreeMap::new(), is_calm: false }
    }

    /// From now on every choice is benign, and nothing is recorded.
    pub fn calm(&mut self) {
        self.is_calm = true;
    }

    /// A number below `count`; zero when there is no other.
    pub fn below(&mut self, label: &'static str, count: u64) -> u64 {
        if self.is_calm || count <= 1 {
            return 0;
        }
        self.draw(label, |random| random % count).min(count - 1)
    }

    /// Whether something happens that happens in `rate` of 10,000 cases.
    pub fn chance(&mut self, label: &'static str, rate: u64) -> bool {
        if self.is_calm || rate == 0 {
            return false;
        }
        self.draw(label, |random| u64::from(random % 10_000 < rate)) != 0
    }

    /// Everything drawn so far.
    pub fn recorded(&self) -> Recording {
        let streams = self.streams.iter();
        Recording(streams.map(|(label, stream)| ((*label).to_string(), stream.drawn.clone())).collect())
    }

    fn draw(&mut self, label: &'static str, shape: impl FnOnce(u64) -> u64) -> u64 {
        let seed = self.seed;
        let stream = self
            .streams
            .entry(label)
            .or_insert_with(|| Stream { state: seed.unwrap_or(0) ^ hash(label), drawn: Vec::new() });
        let value = if seed.is_some() {
            shape(split_mix(&mut stream.state))
        } else {
            self.given.0.get(label).and_then(|given| given.get(stream.drawn.len())).copied().unwrap_or(0)
        };
        stream.drawn.push(value);
        value
    }
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The next number of a `SplitMix64` sequence.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_repeats_what_its_seed_drew() {
        let draw = |mut choices: Choices| {
            let drawn: Vec<_> = (0..50)
                .map(|_| (choices.below("a", 7), choices.chance("b", 2_000), choices.below("c", 1_000_000)))
                .collect();
            (drawn, choices.recorded())
        };
        let (first, recording) = draw(Choices::seed(9));
        let text = recording.print();
        let again = Recording::parse(&text).expect("what we print parses").trimmed();
        assert_eq!(draw(Choices::replay(again)).0, first);
        assert_ne!(draw(Choices::seed(10)).0, first);
    }

    #[test]
    fn what_is_missing_is_benign_and_streams_do_not_shift_each_other() {
        let recording = Recording::parse("a: 0*2 5\n# a remark\nb: 1\n").expect("it parses");
        let mut choices = Choices::replay(recording);
        assert!(choices.chance("b", 1));
        assert_eq!((0..5).map(|_| choices.below("a", 6)).collect::<Vec<_>>(), [0, 0, 5, 0, 0]);
        assert!(!choices.chance("b", 9_999));
        assert_eq!(choices.recorded().weight(), 2);
    }
}
