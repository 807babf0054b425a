//! Turns at a lock: whoever said that it looks goes before the one who feeds, and no look is waited for when it is over.

use loom::sync::atomic::{AtomicBool, Ordering::SeqCst};
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::{explore, leaves_before_it_looks, looks_for_ever, turns};

pub(super) trait TurnsKind: Send + Sync + 'static {
    fn new() -> Self;
    fn first<G>(&self, lock: impl FnOnce() -> G) -> G;
    fn give_way(&self);
    fn is_wanted(&self) -> bool;
}

macro_rules! turns {
    ($($module:ident)*) => { $(
        impl TurnsKind for $module::Turns {
            fn new() -> Self { Self::new() }
            fn first<G>(&self, lock: impl FnOnce() -> G) -> G { self.first(lock) }
            fn give_way(&self) { self.give_way() }
            fn is_wanted(&self) -> bool { self.is_wanted() }
        }
    )* };
}
turns! { turns leaves_before_it_looks looks_for_ever }

/// A screen that one feeds and others look at, each once.
struct Screen<T> {
    turns: T,
    /// Who has looked.
    looks: Mutex<Vec<usize>>,
    has_asked: [AtomicBool; 2],
}

impl<T: TurnsKind> Screen<T> {
    fn look(&self, who: usize) {
        let mut looks = self.turns.first(|| {
            self.has_asked[who].store(true, SeqCst);
            self.looks.lock().expect("no poison")
        });
        looks.push(who);
    }

    /// One piece: whoever had asked before it has looked.
    fn feed(&self) {
        let asked: Vec<bool> = self.has_asked.iter().map(|it| it.load(SeqCst)).collect();
        self.turns.give_way();
        let looks = self.looks.lock().expect("no poison");
        for (who, has_asked) in asked.iter().enumerate() {
            assert!(!has_asked || looks.contains(&who), "fed before who had asked first");
        }
    }
}

pub(super) fn look_and_feed<T: TurnsKind>(lookers: usize) {
    let (turns, looks) = (T::new(), Mutex::new(Vec::new()));
    let has_asked = [AtomicBool::new(false), AtomicBool::new(false)];
    let screen = Arc::new(Screen { turns, looks, has_asked });
    let looking: Vec<_> = (0..lookers)
        .map(|who| {
            let screen = screen.clone();
            thread::spawn(move || screen.look(who))
        })
        .collect();
    screen.feed();
    screen.feed();
    for look in looking {
        look.join().expect("no panic");
    }
    assert!(!screen.turns.is_wanted(), "nobody waits, and the feeder goes on giving way");
}

#[test]
fn turns_one_looks() {
    explore("turns_one_looks", || look_and_feed::<turns::Turns>(1));
}

#[test]
fn turns_two_look() {
    explore("turns_two_look", || look_and_feed::<turns::Turns>(2));
}
