//! Cuts: how a stretch of the screen is divided among panes, and how the edges between them are moved.

use ccells_core::limits::SPLIT_WEIGHT;
use ccells_core::record::Splits;
use ratatui::layout::Rect;

/// The main pane's share unless a person has changed it, in percent.
const MAIN_PERCENT: u16 = 60;
/// The least that moving an edge leaves of a pane, in columns and in rows, where there is that much for each.
const LEAST_COLUMNS: u16 = 12;
const LEAST_ROWS: u16 = 3;

/// A direction of cutting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    /// Parts lie side by side.
    Across,
    /// Parts lie one above the other.
    Down,
}

/// Which of the remembered shares a cut follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// That of the main pane.
    Main,
    /// The widths, from this place on.
    Widths(usize),
    /// The heights, from this place on.
    Heights(usize),
}

/// A stretch of the screen and the lengths of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// How its parts lie.
    pub(crate) axis: Axis,
    /// Where its lengths are remembered.
    pub(crate) share: Share,
    /// The stretch.
    pub(crate) area: Rect,
    /// How long each part is, in cells.
    pub(crate) lengths: Vec<u16>,
}

impl Cut {
    /// Cuts `area` into `count` parts by their weights, and evenly where there are none.
    pub(crate) fn by_weights(axis: Axis, share: Share, area: Rect, count: usize, splits: &Splits) -> Self {
        let (known, first): (&[u16], usize) = match share {
            Share::Main => (&[], 0),
            Share::Widths(first) => (&splits.widths, first),
            Share::Heights(first) => (&splits.heights, first),
        };
        let weights: Vec<u16> = (first..first + count)
            .map(|place| known.get(place).map_or(SPLIT_WEIGHT, |it| (*it).max(1)))
            .collect();
        let lengths = shares(length_of(area, axis), &weights, least(axis));
        Self { axis, share, area, lengths }
    }

    /// Cuts `area` in two: the main pane and the rest.
    pub(crate) fn of_main(axis: Axis, area: Rect, splits: &Splits) -> Self {
        let length = length_of(area, axis);
        let main = match splits.main {
            Some(share) => {
                let least = least(axis).min(length / 2);
                let share = u32::from(share.min(SPLIT_WEIGHT)) * u32::from(length);
                let whole = u32::from(SPLIT_WEIGHT);
                u16::try_from((share + whole / 2) / whole).unwrap_or(length).clamp(least, length - least)
            }
            // The row below the main pane is as high as any pane has to be.
            None if axis == Axis::Down => {
                (length * MAIN_PERCENT / 100).min(length - super::MIN_ROWS.min(length))
            }
            None => length * MAIN_PERCENT / 100,
        };
        Self { axis, share: Share::Main, area, lengths: vec![main, length - main] }
    }

    /// Where a part lies.
    pub(crate) fn rect(&self, part: usize) -> Rect {
        let (start, length) = (self.start(part), self.lengths.get(part).copied().unwrap_or(0));
        match self.axis {
            Axis::Across => Rect { x: start, width: length, ..self.area },
            Axis::Down => Rect { y: start, height: length, ..self.area },
        }
    }

    /// Where all of them lie.
    pub(crate) fn rects(&self) -> Vec<Rect> {
        (0..self.lengths.len()).map(|part| self.rect(part)).collect()
    }

    /// Which part the pane at `outer` is, or lies in.
    pub(crate) fn part_of(&self, outer: Rect) -> Option<usize> {
        (0..self.lengths.len())
            .find(|part| self.rect(*part).intersection(outer) == outer && !outer.is_empty())
    }

    /// The cells between a part and the one before it: the gutter, or the header of the lower one.
    pub(crate) fn seam(&self, part: usize) -> Rect {
        let start = self.start(part);
        match self.axis {
            Axis::Across => Rect { x: start.saturating_sub(1), width: 1, ..self.area },
            Axis::Down => Rect { y: start, height: 1, ..self.area },
        }
    }

    /// Where a part begins on the screen.
    pub(crate) fn start(&self, part: usize) -> u16 {
        let origin = match self.axis {
            Axis::Across => self.area.x,
            Axis::Down => self.area.y,
        };
        self.lengths.iter().take(part).fold(origin, |start, length| start.saturating_add(*length))
    }

    /// Has `part` begin at `to` on the screen, or as near to it as the part and the one before it allow.
    pub(crate) fn move_edge(&mut self, part: usize, to: u16) {
        let Some(before) = part.checked_sub(1).filter(|_| part < self.lengths.len()) else { return };
        let both = self.lengths[before] + self.lengths[part];
        let least = least(self.axis).min(both / 2);
        let length = to.saturating_sub(self.start(before)).clamp(least, both - least);
        (self.lengths[before], self.lengths[part]) = (length, both - length);
    }

    /// Remembers the lengths, as shares.
    pub(crate) fn save(&self, splits: &mut Splits) {
        let total: u32 = self.lengths.iter().copied().map(u32::from).sum();
        let share = |length: u16, whole: u32| {
            let share = (u32::from(length) * whole + total / 2).checked_div(total).unwrap_or(0);
            u16::try_from(share).unwrap_or(u16::MAX).max(1)
        };
        let (known, first) = match self.share {
            Share::Main => {
                splits.main = self.lengths.first().map(|main| share(*main, u32::from(SPLIT_WEIGHT)));
                return;
            }
            Share::Widths(first) => (&mut splits.widths, first),
            Share::Heights(first) => (&mut splits.heights, first),
        };
        let end = first + self.lengths.len();
        if known.len() < end {
            known.resize(end, SPLIT_WEIGHT);
        }
        let whole = u32::try_from(self.lengths.len()).unwrap_or(1) * u32::from(SPLIT_WEIGHT);
        for (known, length) in known[first..end].iter_mut().zip(&self.lengths) {
            *known = share(*length, whole);
        }
    }
}

fn length_of(area: Rect, axis: Axis) -> u16 {
    match axis {
        Axis::Across => area.width,
        Axis::Down => area.height,
    }
}

fn least(axis: Axis) -> u16 {
    match axis {
        Axis::Across => LEAST_COLUMNS,
        Axis::Down => LEAST_ROWS,
    }
}

/// Cuts `length` by weights, so that no part is shorter than `least` where there is that much for each.
fn shares(length: u16, weights: &[u16], least: u16) -> Vec<u16> {
    if weights.windows(2).all(|pair| pair[0] == pair[1]) {
        return even(length, weights.len());
    }
    let sum: u64 = weights.iter().copied().map(u64::from).sum();
    let (mut passed, mut end) = (0, 0);
    let mut lengths: Vec<u16> = weights
        .iter()
        .map(|weight| {
            passed += u64::from(*weight);
            let next = u16::try_from((u64::from(length) * passed + sum / 2) / sum).unwrap_or(length);
            next - std::mem::replace(&mut end, next)
        })
        .collect();
    let count = u16::try_from(lengths.len()).unwrap_or(u16::MAX);
    let least = least.min(length / count);
    // Whoever has too little takes it from whoever has most.
    while let Some(short) = lengths.iter().position(|it| *it < least) {
        let Some(long) = (0..lengths.len()).max_by_key(|part| lengths[*part]) else { break };
        lengths[short] += 1;
        lengths[long] -= 1;
    }
    lengths
}

/// Cuts `length` into `count` parts that differ by at most one, the longer ones first.
fn even(length: u16, count: usize) -> Vec<u16> {
    let count = u16::try_from(count).unwrap_or(u16::MAX);
    let (part, rest) = length.checked_div(count).map_or((0, 0), |part| (part, length % count));
    (0..count).map(|place| part + u16::from(place < rest)).collect()
}
