//! The workstreams as a list: which are on it, and in what order.

use std::cmp::Reverse;

use ccells_core::snapshot::Card;

use super::model::{Attention, Model};

/// The order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Those that wait for a person first.
    #[default]
    Attention,
    /// As the panes.
    Order,
    /// The newest first.
    Age,
}

impl Sort {
    /// The order after this one.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Attention => Self::Order,
            Self::Order => Self::Age,
            Self::Age => Self::Attention,
        }
    }

    /// Its name, for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Attention => "waiting first",
            Self::Order => "as the panes",
            Self::Age => "newest first",
        }
    }
}

/// The places, in the order of all panes, of the rows of the list.
pub(crate) fn rows(model: &Model) -> Vec<usize> {
    let mut rows = model.shown();
    let card = |place: &usize| model.order.get(*place).and_then(|id| model.card(id));
    match model.sort {
        Sort::Order => {}
        Sort::Attention => rows.sort_by_key(|place| card(place).map(|card| urgency(model, card))),
        Sort::Age => rows.sort_by_key(|place| card(place).map(|card| Reverse(card.created_at.0))),
    }
    rows
}

fn urgency(model: &Model, card: &Card) -> u8 {
    match model.attention(card) {
        Some(Attention::Asks) => 0,
        Some(Attention::Exited) => 1,
        Some(Attention::Failed) => 2,
        Some(Attention::News) => 3,
        None => 4,
    }
}
