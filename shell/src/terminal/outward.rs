//! What the programs in the panes say to the world outside, until the screen takes it: bells and notifications pass
//! at a bounded rate, of titles and copies only the latest counts.

use std::collections::BTreeMap;

use ccells_core::ids::WorkstreamId;
use ccells_core::limits;
use ccells_core::time::Mono;
use ccells_holder::emulator::{Outward, OutwardList};

/// What waits, of all panes.
#[derive(Debug, Default)]
pub struct OutwardQueue {
    waiting: BTreeMap<WorkstreamId, OutwardList>,
    last_bell: Option<Mono>,
    last_notification: Option<Mono>,
    last_of: BTreeMap<WorkstreamId, Mono>,
}

impl OutwardQueue {
    /// A pane said this.
    pub fn push(&mut self, workstream: &WorkstreamId, said: Vec<Outward>) {
        if said.is_empty() {
            return;
        }
        let waiting = self.waiting.entry(workstream.clone()).or_default();
        for what in said {
            waiting.push(what);
        }
    }

    /// Takes what may pass at `now`. What comes too often is dropped: the mark of a pane that wants to be seen stays.
    pub fn take(&mut self, now: Mono) -> Vec<(WorkstreamId, Outward)> {
        self.last_of.retain(|_, last| now.since(*last) < limits::NOTIFY_MS);
        let mut passed = Vec::new();
        for (workstream, mut waiting) in std::mem::take(&mut self.waiting) {
            for what in waiting.take() {
                if self.admits(&workstream, &what, now) {
                    passed.push((workstream.clone(), what));
                }
            }
        }
        passed
    }

    fn admits(&mut self, workstream: &WorkstreamId, what: &Outward, now: Mono) -> bool {
        let is_over = |last: Option<Mono>, wait| last.is_none_or(|last| now.since(last) >= wait);
        match what {
            Outward::Title(_) | Outward::Copy { .. } => true,
            Outward::Bell => {
                let admits = is_over(self.last_bell, limits::BELL_MS);
                if admits {
                    self.last_bell = Some(now);
                }
                admits
            }
            Outward::Notify { .. } => {
                let admits = is_over(self.last_notification, limits::NOTIFY_ALL_MS)
                    && is_over(self.last_of.get(workstream).copied(), limits::NOTIFY_MS);
                if admits {
                    self.last_notification = Some(now);
                    self.last_of.insert(workstream.clone(), now);
                }
                admits
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> WorkstreamId {
        WorkstreamId::parse(&format!("01jd8z5q0v3x7k2m9n4p6r{number:04}")).expect("the form is right")
    }

    fn notify(body: &str) -> Outward {
        Outward::Notify { title: String::new(), body: body.to_owned() }
    }

    #[test]
    fn bells_of_all_panes_share_one_rate() {
        let mut queue = OutwardQueue::default();
        let mut rung = 0;
        for ms in 0..10_000 {
            queue.push(&id(1), vec![Outward::Bell]);
            queue.push(&id(2), vec![Outward::Bell]);
            rung += queue.take(Mono(ms)).len();
        }
        assert_eq!(rung, 20, "every half second");
    }

    #[test]
    fn a_pane_that_notifies_without_end_does_not_silence_another() {
        let mut queue = OutwardQueue::default();
        let mut heard = BTreeMap::new();
        for ms in 0..20_000 {
            queue.push(&id(1), vec![notify("flood"), notify("flood")]);
            if ms % 6_000 == 500 {
                queue.push(&id(2), vec![notify("rare")]);
            }
            if ms % 6_000 > 1_500 || ms % 6_000 < 500 || ms % 6_000 == 1_100 {
                for (workstream, _) in queue.take(Mono(ms)) {
                    *heard.entry(workstream).or_insert(0) += 1;
                }
            }
        }
        assert!(heard[&id(1)] <= 4, "one in five seconds: {heard:?}");
        assert!(heard[&id(2)] >= 1, "{heard:?}");
    }

    #[test]
    fn the_latest_title_and_copy_count_and_nothing_grows() {
        let mut queue = OutwardQueue::default();
        for number in 0..100_000 {
            let text = format!("{number}");
            let all = vec![Outward::Title(text.clone()), Outward::Copy { text: text.clone() }, notify(&text)];
            queue.push(&id(1), all);
        }
        let taken = queue.take(Mono(0));
        let text = "99999".to_owned();
        assert_eq!(taken.len(), 3, "{taken:?}");
        assert_eq!(taken[..2], [(id(1), Outward::Title(text.clone())), (id(1), Outward::Copy { text })]);
        assert_eq!(taken[2], (id(1), notify("99996")), "the oldest that was kept; the rest came too fast");
        assert_eq!(queue.take(Mono(1)), []);
    }
}
