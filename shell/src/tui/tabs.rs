//! The line that names the pages of panes: where each name lies, and which page it opens.

use ccells_core::snapshot::Card;

use super::clip;
use super::model::{Attention, Model};

/// Narrowest and widest name of a page, in columns.
const COLUMNS: std::ops::RangeInclusive<usize> = 10..=32;

/// One page's name on the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tab {
    /// The first of its panes, in the order of all.
    pub(crate) first: usize,
    /// Its first column.
    pub(crate) x: u16,
    /// What it says.
    pub(crate) text: String,
    /// Whether it is shown.
    pub(crate) is_open: bool,
    /// Whether one of its panes waits for a person.
    pub(crate) is_waiting: bool,
}

impl Tab {
    /// How many columns it takes.
    pub(crate) fn width(&self) -> u16 {
        u16::try_from(clip::width(&self.text)).unwrap_or(u16::MAX)
    }
}

/// The names of the pages that fit into `columns`, that of the open one among them.
pub(crate) fn tabs(model: &Model, columns: u16) -> Vec<Tab> {
    let pages = model.pages();
    let focused = model.focused_index();
    let open = pages.iter().position(|page| page.contains(&focused)).unwrap_or(0);
    let columns = usize::from(columns);
    let width = (columns / pages.len().max(1)).clamp(*COLUMNS.start(), *COLUMNS.end());
    let fitting = (columns / width).max(1);
    let from = (open + 1).saturating_sub(fitting);
    let tab = |(slot, (number, page)): (usize, (usize, &Vec<usize>))| {
        let cards: Vec<&Card> =
            page.iter().filter_map(|place| model.card(model.order.get(*place)?)).collect();
        let mark = mark(model, &cards);
        let names: Vec<String> = cards.iter().map(|card| clip::safe(&card.name)).collect();
        let room = width.min(columns).saturating_sub(clip::width(mark) + 3);
        let text = clip::clip(&format!("{} {}", number + 1, names.join(", ")), room);
        Tab {
            first: page.first().copied().unwrap_or(0),
            x: u16::try_from(slot * width).unwrap_or(u16::MAX),
            text: format!(" {text}{mark} "),
            is_open: number == open,
            is_waiting: !mark.is_empty(),
        }
    };
    pages.iter().enumerate().skip(from).take(fitting).enumerate().map(tab).collect()
}

/// The mark of a page on which somebody waits: loud where one cannot go on.
fn mark(model: &Model, cards: &[&Card]) -> &'static str {
    let all = || cards.iter().filter_map(|card| model.attention(card));
    if all().any(|attention| attention != Attention::News) {
        " !"
    } else if all().next().is_some() {
        " *"
    } else {
        ""
    }
}
