//! Every random decision is a recorded choice, in a stream with a label. Zero is always the benign one, so
//! that a failing run is made smaller by zeroing and cutting its choices.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The choices of one run. Clones draw from the same streams. One stream does not shift another: what is
/// drawn for the disk does not change what is drawn for the engine.
#[derive(Clone, Debug)]
pub struct Choices {
    inner: Arc<Mutex<Inner>>,
}

/// Where in a table a label's address is looked up.
const SLOTS: usize = 256;

#[derive(Debug)]
struct Inner {
    source: Source,
    streams: Vec<Stream>,
    /// By a label's address, the number of its stream: a few labels are drawn from tens of thousands of times.
    found: Box<[u16; SLOTS]>,
}

#[derive(Debug)]
enum Source {
    Seed(u64),
    Record(Record),
}

#[derive(Debug)]
struct Stream {
    label: &'static str,
    state: u64,
    drawn: Vec<u32>,
}

/// What was drawn, by label. Its text is one line a stream: the label, a colon, and the choices without the
/// zeros at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The streams.
    pub streams: BTreeMap<String, Vec<u32>>,
}

impl Choices {
    /// Choices that follow from `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self::from(Source::Seed(seed))
    }

    /// The recorded choices; zero where the record ends.
    pub fn replayed(record: Record) -> Self {
        Self::from(Source::Record(record))
    }

    /// A run in which nothing goes wrong.
    pub fn benign() -> Self {
        Self::replayed(Record::default())
    }

    /// A number below `count`, which must not be zero.
    pub fn below(&self, label: &'static str, count: u32) -> u32 {
        assert!(count > 0, "a choice among nothing, for `{label}`");
        self.draw(
            label,
            |random| u32::try_from(random % u64::from(count)).unwrap_or(0),
            |recorded| recorded % count,
        )
    }

    /// True `rate` times in ten thousand. Recorded as one or zero, so that "it did not happen" is zero.
    pub fn chance(&self, label: &'static str, rate: u32) -> bool {
        let drawn = self.draw(
            label,
            |random| u32::from(random % 10_000 < u64::from(rate)),
            |recorded| u32::from(recorded != 0 && rate > 0),
        );
        drawn != 0
    }

    /// One of `items`, of which the first is the benign one.
    pub fn pick<'a, T>(&self, label: &'static str, items: &'a [T]) -> &'a T {
        let count = u32::try_from(items.len()).expect("a handful of items");
        &items[self.below(label, count) as usize]
    }

    /// What was drawn so far.
    pub fn record(&self) -> Record {
        let inner = self.lock();
        Record {
            streams: inner
                .streams
                .iter()
                .map(|stream| (stream.label.to_owned(), stream.drawn.clone()))
                .collect(),
        }
    }

    fn from(source: Source) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner { source, streams: Vec::new(), found: Box::new([0; SLOTS]) })),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(
        &self,
        label: &'static str,
        from_random: impl FnOnce(u64) -> u32,
        from_record: impl FnOnce(u32) -> u32,
    ) -> u32 {
        let mut inner = self.lock();
        let number = inner.number_of(label);
        let Inner { source, streams, .. } = &mut *inner;
        let stream = &mut streams[number];
        let drawn = match source {
            Source::Seed(_) => {
                stream.state = stream.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                from_random(mix(stream.state))
            }
            Source::Record(record) => {
                let recorded = record.streams.get(label).and_then(|choices| choices.get(stream.drawn.len()));
                from_record(recorded.copied().unwrap_or(0))
            }
        };
        stream.drawn.push(drawn);
        drawn
    }
}

impl Inner {
    /// The number of the stream with this label, which is made when there is none.
    fn number_of(&mut self, label: &'static str) -> usize {
        let slot = (label.as_ptr().addr() ^ (label.as_ptr().addr() >> 8)) % SLOTS;
        let found = usize::from(self.found[slot]);
        if self.streams.get(found).is_some_and(|stream| std::ptr::eq(stream.label, label)) {
            return found;
        }
        let known = self.streams.iter().position(|stream| stream.label == label);
        let number = known.unwrap_or_else(|| {
            let state = match self.source {
                Source::Seed(seed) => mix(seed ^ hash(label)),
                Source::Record(_) => 0,
            };
            self.streams.push(Stream { label, state, drawn: Vec::new() });
            self.streams.len() - 1
        });
        self.found[slot] = u16::try_from(number).unwrap_or(0);
        number
    }
}

/// The finalizer of `SplitMix64`: spreads a counter over all 64 bits.
fn mix(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// FNV-1a: the same for every build, unlike the standard library's.
fn hash(label: &str) -> u64 {
    label
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Record {
    /// How many choices are not benign: what shrinking makes small.
    pub fn weight(&self) -> usize {
        self.streams.values().flatten().filter(|choice| **choice != 0).count()
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, choices) in &self.streams {
            let end = choices.iter().rposition(|choice| *choice != 0).map_or(0, |last| last + 1);
            if end > 0 {
                let words: Vec<_> = choices[..end].iter().map(u32::to_string).collect();
                writeln!(f, "{label}: {}", words.join(" "))?;
            }
        }
        Ok(())
    }
}

impl FromStr for Record {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse_line = |line: &str| {
            let (label, choices) = line.rsplit_once(':').ok_or(format!("no `:` in `{line}`"))?;
            let choices: Result<_, _> = choices.split_whitespace().map(str::parse).collect();
            Ok((label.to_owned(), choices.map_err(|error| format!("`{line}`: {error}"))?))
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(Self { streams: lines.map(parse_line).collect::<Result<_, String>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(choices: &Choices) -> Vec<u32> {
        let disk = (0..20).map(|_| choices.below("disk", 10));
        let mut drawn: Vec<_> = disk.collect();
        drawn.extend((0..20).map(|_| u32::from(choices.chance("engine", 3_000))));
        drawn.push(*choices.pick("order", &[7, 8, 9]));
        drawn
    }

    #[test]
    fn a_seed_and_its_record_give_the_same_run() {
        let first = Choices::seeded(42);
        let drawn = draw(&first);
        assert_eq!(drawn, draw(&Choices::seeded(42)));
        assert_ne!(drawn, draw(&Choices::seeded(43)));
        let text = first.record().to_string();
        assert_eq!(drawn, draw(&Choices::replayed(text.parse().expect("its own text"))));
    }

    #[test]
    fn streams_do_not_shift_each_other() {
        let (alone, both) = (Choices::seeded(1), Choices::seeded(1));
        let expected: Vec<_> = (0..10).map(|_| alone.below("disk", 1_000)).collect();
        let drawn: Vec<_> = (0..10)
            .map(|_| {
                both.below("engine", 5);
                both.below("disk", 1_000)
            })
            .collect();
        assert_eq!(drawn, expected);
    }

    #[test]
    fn zero_is_benign_and_where_a_record_ends() {
        let choices = Choices::benign();
        assert_eq!(draw(&choices)[..40], [0; 40]);
        assert_eq!(choices.record().weight(), 0);
        assert_eq!(choices.record().to_string(), "");
        let cut = Choices::replayed("disk: 0 13".parse().expect("a record"));
        assert_eq!([cut.below("disk", 10), cut.below("disk", 10), cut.below("disk", 10)], [0, 3, 0]);
    }

    #[test]
    fn a_record_that_is_none_is_refused() {
        for bad in ["disk", "disk: x", "disk: 1 -1", "disk: 4294967296"] {
            assert!(bad.parse::<Record>().is_err(), "{bad}");
        }
        assert_eq!("# why\n\n a:b: 1\n".parse::<Record>().expect("fine").streams["a:b"], [1]);
    }

    #[test]
    fn a_rate_is_about_what_it_says() {
        let choices = Choices::seeded(7);
        let happened = (0..10_000).filter(|_| choices.chance("fault", 2_500)).count();
        assert!((2_300..2_700).contains(&happened), "{happened}");
        assert!(!(0..1_000).any(|_| choices.chance("never", 0)));
    }
}
