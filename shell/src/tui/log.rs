//! What happened, kept for reading later: what was told, and what the machine did.

use std::collections::VecDeque;

use ccells_core::effect::Level;
use ccells_core::limits::LOG_LINES;
use ccells_core::time::Wall;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When.
    pub(crate) at: Wall,
    /// How loud.
    pub(crate) level: Level,
    /// What, safe to show.
    pub(crate) text: String,
}

impl Entry {
    /// The time of day, in UTC.
    pub(crate) fn time(&self) -> String {
        let s = self.at.0 / 1_000;
        format!("{:02}:{:02}:{:02}Z", s / 3_600 % 24, s / 60 % 60, s % 60)
    }
}

/// The last things that happened, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
}

impl Log {
    /// Adds one. The oldest goes when there are too many.
    pub(crate) fn add(&mut self, at: Wall, level: Level, text: &str) {
        if self.entries.len() >= LOG_LINES {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { at, level, text: text.to_owned() });
    }

    /// Those at least as loud as `least`, oldest first.
    pub(crate) fn at_least(&self, least: Level) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.level >= least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_newest_and_no_more_than_its_limit() {
        let mut log = Log::default();
        for number in 0..LOG_LINES + 5 {
            log.add(Wall(0), Level::Info, &number.to_string());
        }
        assert_eq!(log.at_least(Level::Info).count(), LOG_LINES);
        assert_eq!(log.at_least(Level::Info).next().map(|entry| entry.text.as_str()), Some("5"));
    }

    #[test]
    fn times_of_day_are_told() {
        let entry = Entry { at: Wall(86_400_000 + 3_661_000), level: Level::Info, text: String::new() };
        assert_eq!(entry.time(), "01:01:01Z");
    }
}
