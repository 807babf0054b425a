//! The log: what happened, the newest at the bottom, scrolled and thinned by how loud it was.

use ccells_core::effect::Level;

/// What a key can do in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogKey {
    /// Back in time.
    Back,
    /// On in time.
    On,
    /// The same, by ten.
    PageBack,
    /// The same, by ten.
    PageOn,
    /// To the oldest.
    Oldest,
    /// To the newest.
    Newest,
    /// Show all.
    All,
    /// Show warnings and errors.
    Warnings,
    /// Show errors.
    Errors,
    /// Close it.
    Close,
}

/// The log as it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogDialog {
    /// What is less loud is left out.
    pub(crate) least: Level,
    /// How many of its entries lie below the last one that is shown.
    pub(crate) back: usize,
}

impl Default for LogDialog {
    fn default() -> Self {
        Self { least: Level::Info, back: 0 }
    }
}

impl LogDialog {
    /// Does something; false when it closes. How far back there is anything is for the view to say.
    pub(crate) fn act(&mut self, act: LogKey) -> bool {
        match act {
            LogKey::Back => self.back = self.back.saturating_add(1),
            LogKey::On => self.back = self.back.saturating_sub(1),
            LogKey::PageBack => self.back = self.back.saturating_add(10),
            LogKey::PageOn => self.back = self.back.saturating_sub(10),
            LogKey::Newest => self.back = 0,
            LogKey::Oldest => self.back = usize::MAX,
            LogKey::All => self.show(Level::Info),
            LogKey::Warnings => self.show(Level::Warning),
            LogKey::Errors => self.show(Level::Error),
            LogKey::Close => return false,
        }
        true
    }

    fn show(&mut self, least: Level) {
        (self.least, self.back) = (least, 0);
    }

    /// How many entries are below the last one shown, of `count` that match, where `rows` fit.
    pub(crate) fn below(&self, count: usize, rows: usize) -> usize {
        self.back.min(count.saturating_sub(rows))
    }
}
