//! Makes new inputs of known ones, by a seed.

/// Longest input that is made.
pub const LONGEST: usize = 4_096;
/// Most words that are taken from a corpus.
const WORDS: usize = 1_000;
/// Longest word that is taken from a corpus.
const WORD_BYTES: usize = 40;

/// Words that mean something to many parsers.
const COMMON: [&[u8]; 36] = [
    b"\x1b[",
    b"\x1b]",
    b"\x1b\\",
    b"\x1bP",
    b"\x07",
    b"\x9b",
    b"\0",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n%%\n",
    b"null",
    b"true",
    b"-1",
    b"1e308",
    b"1e-320",
    b"18446744073709551615",
    b"-9223372036854775808",
    b"2147483648",
    b"{}",
    b"[]",
    b"\"\"",
    b"\\u0000",
    b"\\ud800",
    b"{\"a\":",
    b"[[[[[[[[",
    b"../",
    b"refs/heads/",
    b"?? ",
    b" D ",
    b"\xff\xff\xff\xff",
    b"\x7f",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x91\xa9\xe2\x80\x8d",
    b"\xcc\x81",
    b"%00",
];

/// Numbers at which something overflows or ends.
const BYTES: [u8; 12] = [0, 1, 2, 7, 8, 0x1b, 0x20, 0x7f, 0x80, 0xc2, 0xfe, 0xff];

/// A small random generator (`SplitMix64`): the same seed gives the same numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `count`, or 0 when there is none.
    pub fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.draw() % count).unwrap_or(0)
    }

    /// A byte.
    fn byte(&mut self) -> u8 {
        self.draw().to_le_bytes()[0]
    }
}

/// Makes inputs of those of a corpus.
#[derive(Clone, Debug)]
pub struct Mutator {
    random: Random,
    corpus: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

impl Mutator {
    /// Inputs made of `corpus`, in the order that `seed` decides.
    pub fn new(corpus: Vec<Vec<u8>>, seed: u64) -> Self {
        let words = words(&corpus);
        Self { random: Random::new(seed), corpus, words }
    }

    /// The next input.
    pub fn make(&mut self) -> Vec<u8> {
        let mut input = match self.random.below(16) {
            0 => (0..self.random.below(300)).map(|_| self.random.byte()).collect(),
            1 => self.spoken(),
            _ => self.known(),
        };
        for _ in 0..=self.random.below(6) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn known(&mut self) -> Vec<u8> {
        let index = self.random.below(self.corpus.len());
        self.corpus.get(index).cloned().unwrap_or_default()
    }

    /// Words, one after the other.
    fn spoken(&mut self) -> Vec<u8> {
        (0..self.random.below(30)).flat_map(|_| self.word()).collect()
    }

    fn word(&mut self) -> Vec<u8> {
        if self.words.is_empty() || self.random.below(3) == 0 {
            return COMMON[self.random.below(COMMON.len())].to_vec();
        }
        let index = self.random.below(self.words.len());
        self.words[index].clone()
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.random.below(input.len() + 1);
        let end = at + self.random.below((input.len() - at).min(64) + 1);
        match self.random.below(10) {
            0 | 1 => {
                let bit = 1 << self.random.below(8);
                input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bit);
            }
            2 => {
                let byte = BYTES[self.random.below(BYTES.len())];
                input.iter_mut().skip(at).take(1).for_each(|old| *old = byte);
            }
            3 => {
                let byte = self.random.byte();
                input.iter_mut().skip(at).take(1).for_each(|old| *old = byte);
            }
            4 => drop(input.drain(at..end)),
            5 => {
                let piece = input[at..end].to_vec();
                let to = self.random.below(input.len() + 1);
                input.splice(to..to, piece.repeat(1 + self.random.below(4)));
            }
            6 => {
                let other = self.known();
                let from = self.random.below(other.len() + 1);
                let count = self.random.below(other.len() - from + 1);
                input.splice(at..end, other[from..from + count].iter().copied());
            }
            7 => {
                let bytes: Vec<u8> = (0..=self.random.below(8)).map(|_| self.random.byte()).collect();
                input.splice(at..at, bytes);
            }
            _ => {
                let end = if self.random.below(2) == 0 { at } else { end };
                let word = self.word();
                input.splice(at..end, word);
            }
        }
    }
}

/// The words in a corpus: letters, digits and what holds them together.
fn words(corpus: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:".contains(byte);
    let all = corpus.iter().flat_map(|input| input.split(move |byte| !is_part(byte)));
    let mut words: Vec<Vec<u8>> =
        all.filter(|word| (2..=WORD_BYTES).contains(&word.len())).map(<[u8]>::to_vec).collect();
    words.sort();
    words.dedup();
    words.truncate(WORDS);
    words
}
