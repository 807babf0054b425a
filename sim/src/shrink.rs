//! Makes a failing world small: chunks of its choices are made benign, ever smaller ones, as long as it fails alike.

use crate::campaign;
use crate::canary::Planted;
use crate::choice::{Choices, Record};

/// The smallest recording found within `budget` runs in which the same invariant is broken.
pub fn shrink(record: Record, invariant: &str, planted: Planted, budget: u32) -> Record {
    let mut shrinking = Shrinking { record, invariant, planted, budget };
    shrinking.whole_streams();
    let mut size = shrinking.record.weight().div_ceil(2);
    while size > 0 && shrinking.budget > 0 {
        let has_shrunk = shrinking.chunks(size);
        size = if size == 1 && has_shrunk { 1 } else { size / 2 };
    }
    shrinking.record
}

struct Shrinking<'a> {
    record: Record,
    invariant: &'a str,
    planted: Planted,
    budget: u32,
}

impl Shrinking<'_> {
    fn whole_streams(&mut self) {
        for label in self.record.streams.keys().cloned().collect::<Vec<_>>() {
            let mut smaller = self.record.clone();
            smaller.streams.remove(&label);
            self.try_smaller(smaller);
        }
    }

    /// Makes every chunk of that many choices benign, where that goes. Whether any did.
    fn chunks(&mut self, size: usize) -> bool {
        let mut has_shrunk = false;
        let mut at = 0;
        loop {
            let places = places(&self.record);
            let Some(chunk) = places.get(at..).map(|rest| &rest[..size.min(rest.len())]) else { break };
            if chunk.is_empty() || self.budget == 0 {
                break;
            }
            let mut smaller = self.record.clone();
            for (label, index) in chunk {
                if let Some(stream) = smaller.streams.get_mut(label) {
                    stream[*index] = 0;
                }
            }
            if self.try_smaller(smaller) {
                has_shrunk = true;
            } else {
                at += size;
            }
        }
        has_shrunk
    }

    fn try_smaller(&mut self, smaller: Record) -> bool {
        if self.budget == 0 {
            return false;
        }
        self.budget -= 1;
        let report = campaign::run(Choices::replayed(smaller.clone()), self.planted, false);
        let is_alike = report.violation.is_some_and(|violation| violation.invariant == self.invariant);
        if is_alike {
            self.record = smaller;
        }
        is_alike
    }
}

/// Where the choices are that are not benign.
fn places(record: &Record) -> Vec<(String, usize)> {
    let of_stream = |(label, stream): (&String, &Vec<u32>)| {
        let label = label.clone();
        let indices: Vec<usize> =
            stream.iter().enumerate().filter(|(_, choice)| **choice != 0).map(|(index, _)| index).collect();
        indices.into_iter().map(move |index| (label.clone(), index))
    };
    record.streams.iter().flat_map(of_stream).collect()
}
