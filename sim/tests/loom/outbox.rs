//! The outbox: bytes for a terminal that takes some at once, takes its time over others, is stuck, or fails.

use std::time::Duration;

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::{
    carry_on, end_without_drain, explore, idle_while_carried, outbox, overtaking, quiet_give_up,
    ring_before_out,
};

/// In the models it never ends.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) trait OutboxKind: Send + Sync + 'static {
    type Carrier: Send + 'static;
    fn pair() -> (Self, Self::Carrier)
    where
        Self: Sized;
    fn put(&mut self, bytes: &[u8], at_once: impl FnOnce(&[u8]) -> usize);
    fn give_up(&self);
    fn is_gone(&self) -> bool;
    fn is_idle(&self) -> bool;
    fn wait_idle(&self);
    fn carry(carrier: Self::Carrier, write: impl FnMut(&[u8]) -> bool, ring: impl FnMut());
}

macro_rules! outboxes {
    ($($module:ident)*) => { $(
        impl OutboxKind for $module::Outbox {
            type Carrier = $module::Carrier;
            fn pair() -> (Self, Self::Carrier) { $module::outbox() }
            fn put(&mut self, bytes: &[u8], at_once: impl FnOnce(&[u8]) -> usize) { self.put(bytes, at_once) }
            fn give_up(&self) { self.give_up() }
            fn is_gone(&self) -> bool { self.is_gone() }
            fn is_idle(&self) -> bool { self.is_idle() }
            fn wait_idle(&self) { self.wait_idle(PATIENCE) }
            fn carry(carrier: Self::Carrier, write: impl FnMut(&[u8]) -> bool, ring: impl FnMut()) {
                carrier.run(write, ring)
            }
        }
    )* };
}
outboxes! { outbox overtaking idle_while_carried ring_before_out quiet_give_up carry_on end_without_drain }

/// What a terminal shows, and a bell beside it that keeps one ring for who listens later.
#[derive(Default)]
struct Terminal {
    shown: Mutex<Vec<u8>>,
    is_rung: Mutex<bool>,
    rings: Condvar,
}

impl Terminal {
    fn show(&self, bytes: &[u8]) {
        for byte in bytes {
            self.shown.lock().expect("no poison").push(*byte);
        }
    }

    fn shown(&self) -> Vec<u8> {
        self.shown.lock().expect("no poison").clone()
    }

    fn ring(&self) {
        *self.is_rung.lock().expect("no poison") = true;
        self.rings.notify_all();
    }

    fn wait_for_ring(&self) {
        let mut is_rung = self.is_rung.lock().expect("no poison");
        while !*is_rung {
            is_rung = self.rings.wait(is_rung).expect("no poison");
        }
        *is_rung = false;
    }
}

/// An outbox with a thread that carries to a terminal.
fn with_carrier<O: OutboxKind>() -> (O, Arc<Terminal>, thread::JoinHandle<()>) {
    let ((outbox, carrier), terminal) = (O::pair(), Arc::new(Terminal::default()));
    let theirs = terminal.clone();
    let carrying = thread::spawn(move || {
        let write = |bytes: &[u8]| {
            theirs.show(bytes);
            true
        };
        O::carry(carrier, write, || theirs.ring());
    });
    (outbox, terminal, carrying)
}

/// Hands over two frames; of each the terminal takes a byte at once, if it is asked.
fn put_two<O: OutboxKind>(outbox: &mut O, terminal: &Terminal) {
    for frame in [[1, 2], [3, 4]] {
        outbox.put(&frame, |bytes| {
            terminal.show(&bytes[..1]);
            1
        });
    }
}

pub(super) fn in_order<O: OutboxKind>() {
    let (mut outbox, terminal, carrying) = with_carrier::<O>();
    put_two(&mut outbox, &terminal);
    outbox.wait_idle();
    assert_eq!(terminal.shown(), [1, 2, 3, 4], "not all is out, or not in order");
    assert!(outbox.is_idle() && !outbox.is_gone());
    drop(outbox);
    carrying.join().expect("no panic");
}

/// Whoever draws sleeps until the bell, and looks then.
pub(super) fn told_when_out<O: OutboxKind>() {
    let (mut outbox, terminal, carrying) = with_carrier::<O>();
    outbox.put(&[1, 2], |_| 0);
    while !outbox.is_idle() {
        terminal.wait_for_ring();
    }
    assert_eq!(terminal.shown(), [1, 2], "not all is out");
    drop(outbox);
    carrying.join().expect("no panic");
}

/// The end comes while something waits: it is carried all the same.
pub(super) fn carried_to_the_end<O: OutboxKind>() {
    let (mut outbox, terminal, carrying) = with_carrier::<O>();
    put_two(&mut outbox, &terminal);
    drop(outbox);
    carrying.join().expect("no panic");
    assert_eq!(terminal.shown(), [1, 2, 3, 4], "something was left behind");
}

/// The terminal takes nothing until whoever waits has gone; somebody else gives it up meanwhile.
pub(super) fn given_up_while_stuck<O: OutboxKind>() {
    let ((mut outbox, carrier), terminal) = (O::pair(), Arc::new(Terminal::default()));
    let theirs = terminal.clone();
    let carrying = thread::spawn(move || {
        let write = |bytes: &[u8]| {
            theirs.wait_for_ring();
            theirs.show(bytes);
            true
        };
        O::carry(carrier, write, || {});
    });
    outbox.put(&[1], |_| 0);
    outbox.put(&[2], |_| 0);
    let outbox = Arc::new(outbox);
    let giving_up = {
        let outbox = outbox.clone();
        thread::spawn(move || outbox.give_up())
    };
    outbox.wait_idle();
    assert!(outbox.is_gone(), "it cannot be idle, for the terminal is stuck");
    terminal.ring();
    giving_up.join().expect("no panic");
    drop(outbox);
    carrying.join().expect("no panic");
    assert!(!terminal.shown().contains(&2), "carried after it was given up");
}

/// The terminal fails at the first frame: nothing of the second reaches it, and nobody waits for that.
pub(super) fn failing<O: OutboxKind>() {
    let ((mut outbox, carrier), terminal) = (O::pair(), Arc::new(Terminal::default()));
    let theirs = terminal.clone();
    let carrying = thread::spawn(move || {
        let write = |bytes: &[u8]| {
            theirs.show(bytes);
            bytes != [1]
        };
        O::carry(carrier, write, || theirs.ring());
    });
    outbox.put(&[1], |_| 0);
    outbox.put(&[2], |_| 0);
    outbox.wait_idle();
    assert!(outbox.is_gone(), "the failure went unnoticed");
    outbox.put(&[3], |_| 0);
    drop(outbox);
    carrying.join().expect("no panic");
    assert_eq!(terminal.shown(), [1], "carried on after a failure");
}

#[test]
fn outbox_in_order() {
    explore("outbox_in_order", in_order::<outbox::Outbox>);
}

#[test]
fn outbox_told_when_out() {
    explore("outbox_told_when_out", told_when_out::<outbox::Outbox>);
}

#[test]
fn outbox_carried_to_the_end() {
    explore("outbox_carried_to_the_end", carried_to_the_end::<outbox::Outbox>);
}

#[test]
fn outbox_given_up_while_stuck() {
    explore("outbox_given_up_while_stuck", given_up_while_stuck::<outbox::Outbox>);
}

#[test]
fn outbox_failing() {
    explore("outbox_failing", failing::<outbox::Outbox>);
}
