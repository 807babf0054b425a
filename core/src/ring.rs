//! The bounded replay ring of a holder: the last of an agent's raw output, every byte numbered from the first.

use alloc::collections::VecDeque;

/// Keeps the last `capacity` bytes pushed. The bytes are numbered upwards, in the order they were pushed.
#[derive(Clone, Debug)]
pub struct Ring {
    capacity: usize,
    bytes: VecDeque<u8>,
    head: u64,
}

impl Ring {
    /// An empty ring that will keep `capacity` bytes and gives the first one the number `first`. Rings that follow
    /// one another start far enough apart that a number of the one means nothing to the next.
    pub fn new(capacity: usize, first: u64) -> Self {
        Self { capacity, bytes: VecDeque::new(), head: first }
    }

    /// The number the next byte will get.
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
            first in 0_u64..1_000,
            pushes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..30),
        ) {
            let mut ring = Ring::new(capacity, first);
            let mut all = Vec::new();
            for push in pushes {
                ring.push(&push);
                all.extend(push);
                let oldest = all.len().saturating_sub(capacity);
                prop_assert_eq!(ring.head(), first + all.len() as u64);
                prop_assert_eq!(ring.tail(), first + oldest as u64);
                for index in 0..=all.len() + 2 {
                    let expected = (oldest..=all.len()).contains(&index).then(|| all[index..].to_vec());
                    let given = ring.from(first + index as u64).map(|(older, newer)| [older, newer].concat());
                    prop_assert_eq!(given, expected, "from {}", index);
                }
                prop_assert!(first == 0 || oldest > 0 || ring.from(first - 1).is_none());
            }
        }
    }
}
