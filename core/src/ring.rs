//! The bounded replay ring of a holder: the last of an agent's raw output, every byte numbered from the first.

use alloc::collections::VecDeque;

/// Keeps the last `capacity` bytes pushed. Byte number `n` is the n-th ever pushed, counted from zero.
#[derive(Clone, Debug)]
pub struct Ring {
    capacity: usize,
    bytes: VecDeque<u8>,
    head: u64,
}

impl Ring {
    /// An empty ring that will keep `capacity` bytes.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, bytes: VecDeque::new(), head: 0 }
    }

    /// The number the next byte will get: how many were ever pushed.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// The number of the oldest byte still here; equal to [`Ring::head`] when none is.
    pub fn tail(&self) -> u64 {
        self.head - self.bytes.len() as u64
    }

    /// Adds bytes, letting the oldest go.
    pub fn push(&mut self, bytes: &[u8]) {
        self.head += bytes.len() as u64;
        let kept = &bytes[bytes.len().saturating_sub(self.capacity)..];
        let excess = (self.bytes.len() + kept.len()).saturating_sub(self.capacity);
        self.bytes.drain(..excess);
        self.bytes.extend(kept);
    }

    /// All bytes from number `sequence` on, in two pieces, the older first. `None` when some of them are gone, or
    /// when `sequence` was never reached.
    pub fn from(&self, sequence: u64) -> Option<(&[u8], &[u8])> {
        let skip = usize::try_from(sequence.checked_sub(self.tail())?).ok()?;
        let (older, newer) = self.bytes.as_slices();
        if let Some(rest) = older.get(skip..) {
            return Some((rest, newer));
        }
        newer.get(skip - older.len()..).map(|rest| (rest, &[] as &[u8]))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A ring is the end of a list that keeps everything.
        #[test]
        fn ring_is_the_end_of_everything(
            capacity in 0_usize..40,
            pushes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..30),
        ) {
            let mut ring = Ring::new(capacity);
            let mut all = Vec::new();
            for push in pushes {
                ring.push(&push);
                all.extend(push);
                let oldest = all.len().saturating_sub(capacity);
                prop_assert_eq!(ring.head(), all.len() as u64);
                prop_assert_eq!(ring.tail(), oldest as u64);
                for sequence in 0..=all.len() + 2 {
                    let expected = (oldest..=all.len()).contains(&sequence).then(|| all[sequence..].to_vec());
                    let given = ring.from(sequence as u64).map(|(older, newer)| [older, newer].concat());
                    prop_assert_eq!(given, expected, "from {}", sequence);
                }
            }
        }
    }
}
