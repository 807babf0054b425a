//! Which workstreams are shown: those in whose name, branch, state or prompt every word of the filter is.

use ccells_core::snapshot::Card;

/// The filter; without words it lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    text: String,
    words: Vec<String>,
}

impl Filter {
    /// The filter of that text.
    pub(crate) fn new(text: &str) -> Self {
        let words = text.split_whitespace().map(str::to_lowercase).collect();
        Self { text: text.trim().to_owned(), words }
    }

    /// What was typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it lets everything through.
    pub(crate) fn is_off(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether `card` matches.
    pub(crate) fn lets_through(&self, card: &Card) -> bool {
        let fields = [card.name.as_str(), &card.branch, card.state.as_str(), &card.prompt];
        self.words.iter().all(|word| fields.iter().any(|field| field.to_lowercase().contains(word)))
    }
}
