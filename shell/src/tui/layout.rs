//! Where the panes lie: layouts turned into rectangles that tile the screen, in pages when not all of them fit.

mod split;

use ccells_core::record::{Layout, Splits};
use ratatui::layout::{Position, Rect};

use split::Share;
pub(crate) use split::{Axis, Cut};

/// Narrowest pane that a page is divided into, its gutter included. A screen that is narrower shows one pane.
pub(crate) const MIN_COLUMNS: u16 = 34;
/// Lowest pane that a page is divided into, its header included. A screen that is lower shows one pane.
pub(crate) const MIN_ROWS: u16 = 7;
/// How many times wider than high, in cells, a pane of the grid should be.
const ASPECT: f64 = 3.0;

/// One pane on the page that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Which one, counted over all pages from 0.
    pub(crate) index: usize,
    /// All of it: header, content, and the gutter to the pane at its right.
    pub(crate) outer: Rect,
    /// What belongs to the agent's terminal.
    pub(crate) content: Rect,
}

impl Placed {
    fn new(index: usize, outer: Rect, area: Rect) -> Self {
        let gutter = u16::from(outer.right() < area.right());
        let content = Rect {
            x: outer.x,
            y: outer.y.saturating_add(1),
            width: outer.width.saturating_sub(gutter),
            height: outer.height.saturating_sub(1),
        };
        Self { index, outer, content }
    }

    /// Its first line.
    pub(crate) fn header(&self) -> Rect {
        Rect { height: self.outer.height.min(1), width: self.content.width, ..self.outer }
    }

    /// The column between it and the pane at its right, where there is one.
    pub(crate) fn gutter(&self) -> Option<Rect> {
        (self.content.width < self.outer.width).then(|| Rect {
            x: self.content.right(),
            y: self.outer.y,
            width: 1,
            height: self.outer.height,
        })
    }
}

/// The page that is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// Its panes, in order.
    pub(crate) panes: Vec<Placed>,
    /// Its number, from 0.
    pub(crate) number: usize,
    /// How many there are.
    pub(crate) of: usize,
    /// Where it is cut, the widest cuts first where one lies within another.
    pub(crate) cuts: Vec<Cut>,
}

impl Page {
    /// The innermost cut along `axis` that the pane at `outer` is a part of, and which part it is.
    pub(crate) fn cut_round(&self, outer: Rect, axis: Axis) -> Option<(&Cut, usize)> {
        let along = self.cuts.iter().filter(|cut| cut.axis == axis && cut.lengths.len() > 1);
        along.filter_map(|cut| Some((cut, cut.part_of(outer)?))).min_by_key(|(cut, _)| cut.area.area())
    }

    /// The edge that is taken hold of at `position`: its cut and the part that begins there.
    pub(crate) fn edge_at(&self, position: Position) -> Option<(&Cut, usize)> {
        self.cuts.iter().find_map(|cut| {
            (1..cut.lengths.len()).find(|part| cut.seam(*part).contains(position)).map(|part| (cut, part))
        })
    }
}

/// Lays `count` panes out over `area` and takes the page on which the `focused` one is.
pub(crate) fn arrange(area: Rect, count: usize, layout: Layout, splits: &Splits, focused: usize) -> Page {
    if count == 0 || area.width == 0 || area.height == 0 {
        return Page::default();
    }
    let capacity = capacity(area, count, layout);
    let number = focused.min(count - 1) / capacity;
    let first = number * capacity;
    let on_page = capacity.min(count - first);
    let mut plan = Plan { splits, panes: Vec::with_capacity(on_page), cuts: Vec::new() };
    plan.lay(area, on_page, layout);
    let panes = plan
        .panes
        .into_iter()
        .enumerate()
        .map(|(place, outer)| Placed::new(first + place, outer, area))
        .collect();
    Page { panes, number, of: count.div_ceil(capacity), cuts: plan.cuts }
}

/// How many panes one page takes, of `count`.
pub(crate) fn capacity(area: Rect, count: usize, layout: Layout) -> usize {
    let columns = usize::from(area.width / MIN_COLUMNS).max(1);
    let rows = usize::from(area.height / MIN_ROWS).max(1);
    let capacity = match layout {
        Layout::Grid => columns * rows,
        Layout::MainStack if columns < 2 => rows,
        Layout::MainStack => 1 + rows,
        Layout::MainRow if rows < 2 => columns,
        Layout::MainRow => 1 + columns,
        Layout::Rows => rows,
        Layout::Columns => columns,
        Layout::Zoom => 1,
    };
    capacity.clamp(1, count.max(1))
}

/// The panes of a page, and the cuts between them, as they are made.
struct Plan<'a> {
    splits: &'a Splits,
    panes: Vec<Rect>,
    cuts: Vec<Cut>,
}

impl Plan<'_> {
    fn lay(&mut self, area: Rect, count: usize, layout: Layout) {
        match layout {
            Layout::Grid => self.grid(area, count),
            Layout::MainStack if count > 1 && area.width >= 2 * MIN_COLUMNS => {
                let rest = self.main(Axis::Across, area);
                self.stack(rest, 1, count - 1);
            }
            Layout::MainRow if count > 1 && area.height >= 2 * MIN_ROWS => {
                let rest = self.main(Axis::Down, area);
                self.row(rest, 1, count - 1);
            }
            Layout::MainStack | Layout::Rows => self.stack(area, 0, count),
            Layout::MainRow | Layout::Columns => self.row(area, 0, count),
            Layout::Zoom => self.panes.push(area),
        }
    }

    fn grid(&mut self, area: Rect, count: usize) {
        let wide = grid_columns(area, count);
        let bands = Cut::by_weights(Axis::Down, Share::Heights(0), area, count.div_ceil(wide), self.splits);
        for (number, band) in bands.rects().into_iter().enumerate() {
            let first = number * wide;
            self.row(band, first, wide.min(count - first));
        }
        self.cuts.push(bands);
    }

    /// Places the main pane and gives what is left of `area`.
    fn main(&mut self, axis: Axis, area: Rect) -> Rect {
        let cut = Cut::of_main(axis, area, self.splits);
        let (main, rest) = (cut.rect(0), cut.rect(1));
        self.panes.push(main);
        self.cuts.push(cut);
        rest
    }

    fn stack(&mut self, area: Rect, first: usize, count: usize) {
        self.cut(Cut::by_weights(Axis::Down, Share::Heights(first), area, count, self.splits));
    }

    fn row(&mut self, area: Rect, first: usize, count: usize) {
        self.cut(Cut::by_weights(Axis::Across, Share::Widths(first), area, count, self.splits));
    }

    fn cut(&mut self, cut: Cut) {
        self.panes.extend(cut.rects());
        self.cuts.push(cut);
    }
}

/// How many columns bring the panes closest to the shape of a terminal, with as few stretched ones as possible.
fn grid_columns(area: Rect, count: usize) -> usize {
    let cost = |wide: usize| {
        let high = count.div_ceil(wide);
        let (width, height) = (f64::from(area.width) / as_f64(wide), f64::from(area.height) / as_f64(high));
        let missing = as_f64(wide * high - count) / as_f64(count);
        let is_small = width < f64::from(MIN_COLUMNS) || height < f64::from(MIN_ROWS);
        (width / height / ASPECT).ln().abs() + missing + if is_small { 100.0 } else { 0.0 }
    };
    (1..=count).min_by(|a, b| cost(*a).total_cmp(&cost(*b))).unwrap_or(1)
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A way to look for a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Left.
    Left,
    /// Down.
    Down,
    /// Up.
    Up,
    /// Right.
    Right,
}

/// The pane next to the `focused` one: among those that touch it on that side, the one that shares most of the edge.
pub(crate) fn neighbour(page: &Page, focused: usize, direction: Direction) -> Option<usize> {
    let from = page.panes.iter().find(|pane| pane.index == focused)?.outer;
    let touches = |to: Rect| match direction {
        Direction::Left => to.right() == from.x,
        Direction::Right => to.x == from.right(),
        Direction::Up => to.bottom() == from.y,
        Direction::Down => to.y == from.bottom(),
    };
    let shared = |to: Rect| match direction {
        Direction::Left | Direction::Right => overlap((from.y, from.bottom()), (to.y, to.bottom())),
        Direction::Up | Direction::Down => overlap((from.x, from.right()), (to.x, to.right())),
    };
    page.panes
        .iter()
        .filter(|pane| touches(pane.outer) && shared(pane.outer) > 0)
        // Of equals the first one: `max_by_key` would take the last.
        .min_by_key(|pane| core::cmp::Reverse(shared(pane.outer)))
        .map(|pane| pane.index)
}

fn overlap(a: (u16, u16), b: (u16, u16)) -> u16 {
    a.1.min(b.1).saturating_sub(a.0.max(b.0))
}

/// The layout after this one.
pub(crate) fn next(layout: Layout) -> Layout {
    match layout {
        Layout::Grid => Layout::MainStack,
        Layout::MainStack => Layout::MainRow,
        Layout::MainRow => Layout::Rows,
        Layout::Rows => Layout::Columns,
        Layout::Columns | Layout::Zoom => Layout::Grid,
    }
}

/// Its name, for people.
pub(crate) fn name(layout: Layout) -> &'static str {
    match layout {
        Layout::Grid => "grid",
        Layout::MainStack => "main and stack",
        Layout::MainRow => "main and row",
        Layout::Rows => "rows",
        Layout::Columns => "columns",
        Layout::Zoom => "zoom",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn evenly(area: Rect, count: usize, layout: Layout, focused: usize) -> Page {
        arrange(area, count, layout, &Splits::default(), focused)
    }

    fn splits() -> impl Strategy<Value = Splits> {
        let weights = || proptest::collection::vec(any::<u16>(), 0..9);
        (proptest::option::of(any::<u16>()), weights(), weights())
            .prop_map(|(main, widths, heights)| Splits { main, widths, heights, ..Splits::default() })
    }

    proptest! {
        #[test]
        fn the_panes_of_a_page_tile_the_area(
            width in 1_u16..400, height in 1_u16..120, count in 1_usize..60, focused in 0_usize..60, which in 0_usize..6,
            splits in splits(),
        ) {
            let area = Rect::new(3, 2, width, height);
            let page = arrange(area, count, Layout::ALL[which], &splits, focused);
            let cells: u32 = page.panes.iter().map(|pane| pane.outer.area()).sum();
            prop_assert_eq!(cells, area.area());
            for (place, pane) in page.panes.iter().enumerate() {
                prop_assert_eq!(area.intersection(pane.outer), pane.outer);
                prop_assert_eq!(pane.outer.intersection(pane.content), pane.content);
                for other in &page.panes[place + 1..] {
                    prop_assert!(!pane.outer.intersects(other.outer), "{:?} {:?}", pane, other);
                }
            }
        }

        #[test]
        fn every_pane_is_on_exactly_one_page_in_order(
            width in 1_u16..400, height in 1_u16..120, count in 1_usize..60, which in 0_usize..6,
        ) {
            let area = Rect::new(0, 0, width, height);
            let mut seen = Vec::new();
            let mut shown = None;
            for focused in 0..count {
                let page = evenly(area, count, Layout::ALL[which], focused);
                prop_assert!(page.panes.iter().any(|pane| pane.index == focused));
                prop_assert!(page.number < page.of);
                if shown.replace(page.number) != Some(page.number) {
                    seen.extend(page.panes.iter().map(|pane| pane.index));
                }
            }
            prop_assert_eq!(seen, (0..count).collect::<Vec<_>>());
        }

        #[test]
        fn what_is_divided_stays_large_enough(
            width in 1_u16..400, height in 1_u16..120, count in 1_usize..60, which in 0_usize..6,
        ) {
            let area = Rect::new(0, 0, width, height);
            for pane in evenly(area, count, Layout::ALL[which], 0).panes {
                prop_assert!(pane.outer.width >= MIN_COLUMNS.min(width) * 4 / 5, "{:?}", pane);
                prop_assert!(pane.outer.height >= MIN_ROWS.min(height), "{:?}", pane);
            }
        }

        #[test]
        fn a_neighbour_sees_us_from_the_other_side(count in 1_usize..12, focused in 0_usize..12) {
            let page = evenly(Rect::new(0, 0, 240, 60), count, Layout::Grid, 0);
            for (there, back) in [(Direction::Left, Direction::Right), (Direction::Up, Direction::Down)] {
                if let Some(other) = neighbour(&page, focused, there) {
                    prop_assert!(neighbour(&page, other, back).is_some());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn an_edge_goes_where_it_is_moved_and_stays_there(
            width in 68_u16..400, height in 14_u16..120, count in 2_usize..9, which in 0_usize..6, to in 0_u16..400,
        ) {
            let (area, layout) = (Rect::new(3, 2, width, height), Layout::ALL[which]);
            let mut splits = Splits::default();
            let count = count.min(capacity(area, count, layout));
            let cuts = arrange(area, count, layout, &splits, 0).cuts;
            for (number, cut) in cuts.iter().enumerate().filter(|(_, cut)| cut.lengths.len() > 1) {
                let mut moved = cut.clone();
                moved.move_edge(1, to);
                prop_assert!(moved.lengths.iter().all(|length| *length >= 1));
                moved.save(&mut splits);
                // Lengths are remembered as shares, and shares give the same lengths again.
                let again = arrange(area, count, layout, &splits, 0);
                let same = again.cuts.iter().filter(|other| other.axis == cut.axis && other.share == cut.share);
                prop_assert!(same.clone().any(|other| other.lengths == moved.lengths), "{number}: {:?}", again.cuts);
            }
        }
    }

    #[test]
    fn a_main_pane_above_a_row() {
        let page = evenly(Rect::new(0, 0, 120, 40), 4, Layout::MainRow, 0);
        let outer: Vec<Rect> = page.panes.iter().map(|pane| pane.outer).collect();
        assert_eq!(outer[0], Rect::new(0, 0, 120, 24));
        assert_eq!(
            outer[1..],
            [Rect::new(0, 24, 40, 16), Rect::new(40, 24, 40, 16), Rect::new(80, 24, 40, 16)]
        );
    }

    #[test]
    fn a_wide_screen_holds_five_panes_in_two_rows() {
        let page = evenly(Rect::new(0, 0, 200, 58), 5, Layout::Grid, 0);
        let rows: Vec<u16> = page.panes.iter().map(|pane| pane.outer.y).collect();
        assert_eq!(rows, [0, 0, 0, 29, 29]);
    }

    #[test]
    fn a_small_screen_shows_one_pane_and_pages() {
        let page = evenly(Rect::new(0, 0, 40, 9), 3, Layout::Grid, 1);
        assert_eq!((page.number, page.of), (1, 3));
        assert_eq!(page.panes.len(), 1);
    }
}
