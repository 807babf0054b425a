//! What of the trash goes: what is older than it is to be kept, and what is beyond the newest that are kept. What has no
//! known age stays.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::limits::{TRASH_COUNT, TRASH_DAYS};
use crate::time::Wall;

/// A day, in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// How much of the trash is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// For so many days.
    pub days: u64,
    /// So many of the newest.
    pub count: usize,
}

impl Default for Keeping {
    fn default() -> Self {
        Self { days: TRASH_DAYS, count: TRASH_COUNT }
    }
}

/// Why something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It was removed too long ago.
    Old,
    /// So many were removed after it.
    Surplus,
}

/// What of the trash goes, by name: of each, when it was removed, where that is known. Nothing goes when one was removed
/// after `now`: then the clock cannot be trusted with the age of any.
pub fn expired(
    trash: &BTreeMap<String, Option<Wall>>,
    keeping: Keeping,
    now: Wall,
) -> BTreeMap<String, Expiry> {
    let mut aged: Vec<(Wall, &String)> = trash.iter().filter_map(|(name, at)| Some(((*at)?, name))).collect();
    aged.sort();
    if aged.last().is_some_and(|(newest, _)| *newest > now) {
        return BTreeMap::new();
    }
    let longest = keeping.days.saturating_mul(DAY_MS);
    let expiry = |place: usize, at: Wall| {
        let is_old = now.0.saturating_sub(at.0) > longest;
        let is_surplus = place >= keeping.count;
        is_old.then_some(Expiry::Old).or(is_surplus.then_some(Expiry::Surplus))
    };
    let newest_first = aged.into_iter().rev().enumerate();
    newest_first.filter_map(|(place, (at, name))| Some((name.clone(), expiry(place, at)?))).collect()
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    const NOW: Wall = Wall(1_000 * DAY_MS);

    fn trash(ages: &[(&str, Option<u64>)]) -> BTreeMap<String, Option<Wall>> {
        let at = |days: Option<u64>| days.map(|days| Wall(NOW.0 - days * DAY_MS));
        ages.iter().map(|(name, days)| (name.to_string(), at(*days))).collect()
    }

    fn goes(ages: &[(&str, Option<u64>)], days: u64, count: usize) -> Vec<(String, Expiry)> {
        expired(&trash(ages), Keeping { days, count }, NOW).into_iter().collect()
    }

    #[test]
    fn what_is_old_goes_and_what_is_on_the_edge_stays() {
        let ages = [("new", Some(0)), ("edge", Some(30)), ("old", Some(31))];
        assert_eq!(goes(&ages, 30, 50), [("old".to_string(), Expiry::Old)]);
        assert_eq!(goes(&ages, 31, 50), []);
    }

    #[test]
    fn a_day_has_its_length() {
        let trash = |age: u64| [("it".to_string(), Some(Wall(NOW.0 - age)))].into_iter().collect();
        let keeping = Keeping { days: 1, count: 50 };
        assert_eq!(expired(&trash(86_400_000), keeping, NOW).len(), 0);
        assert_eq!(expired(&trash(86_400_001), keeping, NOW).len(), 1);
    }

    #[test]
    fn of_many_the_newest_stay() {
        let ages = [("c", Some(3)), ("a", Some(1)), ("d", Some(4)), ("b", Some(2))];
        let surplus = |name: &str| (name.to_string(), Expiry::Surplus);
        assert_eq!(goes(&ages, 30, 2), [surplus("c"), surplus("d")]);
        assert_eq!(goes(&ages, 30, 4), []);
        assert_eq!(goes(&ages, 3, 2), [surplus("c"), ("d".to_string(), Expiry::Old)]);
    }

    #[test]
    fn what_has_no_known_age_stays_and_counts_for_nothing() {
        assert_eq!(goes(&[("a", None), ("b", Some(1)), ("c", None)], 1, 1), []);
    }

    #[test]
    fn a_clock_that_is_behind_the_trash_takes_nothing() {
        let mut trash = trash(&[("old", Some(500))]);
        assert_eq!(expired(&trash, Keeping::default(), NOW).len(), 1);
        trash.insert("tomorrow".to_string(), Some(Wall(NOW.0 + 1)));
        assert_eq!(expired(&trash, Keeping::default(), NOW).len(), 0);
    }
}
