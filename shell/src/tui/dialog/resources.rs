//! What the containers use: one row a workstream, in an order that can be chosen.

use crate::tui::errands::Usage;

/// What a key can do in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsageKey {
    /// Up.
    Up,
    /// Down.
    Down,
    /// Sort by processor time.
    ByCpu,
    /// Sort by memory.
    ByMemory,
    /// Sort by disk.
    ByDisk,
    /// Close it.
    Close,
}

/// What the rows are sorted by, the largest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum By {
    /// Processor time.
    #[default]
    Cpu,
    /// Memory.
    Memory,
    /// Disk.
    Disk,
}

/// The view.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ResourcesDialog {
    /// What was measured last; none before the first answer.
    pub(crate) usages: Option<Vec<Usage>>,
    /// The order.
    pub(crate) by: By,
    /// How many rows lie above the first one that is shown.
    pub(crate) scroll: usize,
}

impl ResourcesDialog {
    /// Takes what was measured.
    pub(crate) fn take(&mut self, usages: Vec<Usage>) {
        self.usages = Some(usages);
        self.sort();
    }

    /// Does something; false when it closes.
    pub(crate) fn act(&mut self, act: UsageKey) -> bool {
        match act {
            UsageKey::Up => self.scroll = self.scroll.saturating_sub(1),
            UsageKey::Down => {
                let count = self.usages.as_ref().map_or(0, Vec::len);
                self.scroll = (self.scroll + 1).min(count.saturating_sub(1));
            }
            UsageKey::ByCpu => self.by = By::Cpu,
            UsageKey::ByMemory => self.by = By::Memory,
            UsageKey::ByDisk => self.by = By::Disk,
            UsageKey::Close => return false,
        }
        self.sort();
        true
    }

    fn sort(&mut self) {
        let by = self.by;
        let amount = |usage: &Usage| match by {
            By::Cpu => usage.cpu_percent.unwrap_or(-1.0),
            By::Memory => amount_of(usage.memory),
            By::Disk => amount_of(Some(usage.written.unwrap_or(0) + usage.worktree.unwrap_or(0))),
        };
        if let Some(usages) = &mut self.usages {
            usages.sort_by(|a, b| amount(b).total_cmp(&amount(a)));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "for an order, the first digits are enough")]
fn amount_of(bytes: Option<u64>) -> f64 {
    bytes.map_or(-1.0, |bytes| bytes as f64)
}
