//! What is on its way to an agent behind a paste: the paste itself, made harmless piece by piece, and all that was typed
//! after it. It goes as fast as the agent reads.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ccells_core::limits;
use tokio::sync::Notify;

use crate::terminal::input::{self, PASTE_BRACKETS};

/// The queue. Whatever is put in comes out in this order.
#[derive(Debug, Default)]
pub struct Backlog {
    held: Mutex<Held>,
    rung: Notify,
}

#[derive(Debug, Default)]
struct Held {
    items: VecDeque<Item>,
    bytes: usize,
}

#[derive(Debug)]
enum Item {
    Typed(Vec<u8>),
    Paste(Paste),
}

#[derive(Debug)]
struct Paste {
    text: String,
    /// How far it went.
    at: usize,
    is_bracketed: bool,
}

/// How far a paste is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that went.
    pub done: usize,
    /// Bytes in all.
    pub of: usize,
}

impl Backlog {
    /// Adds what was typed behind a paste, if there is one.
    pub fn type_behind(&self, bytes: &[u8]) -> Behind {
        let mut held = self.lock();
        if held.items.is_empty() {
            return Behind::Nothing;
        }
        if held.bytes + bytes.len() > limits::PENDING_PASTE_BYTES {
            return Behind::Full;
        }
        held.bytes += bytes.len();
        held.items.push_back(Item::Typed(bytes.to_vec()));
        Behind::Taken
    }

    /// Adds a paste; false when there is no room for it, and nothing was taken.
    pub fn paste(&self, text: String, is_bracketed: bool) -> bool {
        let mut held = self.lock();
        if held.bytes + text.len() > limits::PENDING_PASTE_BYTES {
            return false;
        }
        held.bytes += text.len();
        held.items.push_back(Item::Paste(Paste { text, at: 0, is_bracketed }));
        drop(held);
        self.rung.notify_one();
        true
    }

    /// Drops what has not gone of all pastes. What was typed stays, and brackets that were opened are closed.
    pub fn cancel(&self) {
        let mut held = self.lock();
        let items = std::mem::take(&mut held.items);
        held.items = items.into_iter().filter_map(Item::cancelled).collect();
        held.bytes = held.items.iter().map(Item::left).sum();
    }

    /// How far the first paste is.
    pub fn progress(&self) -> Option<Progress> {
        let held = self.lock();
        let pastes = held.items.iter().filter_map(|item| match item {
            Item::Typed(_) => None,
            Item::Paste(paste) => Some(Progress { done: paste.at, of: paste.text.len() }),
        });
        pastes.reduce(|all, next| Progress { done: all.done + next.done, of: all.of + next.of })
    }

    /// Waits until there is something to take.
    pub async fn filled(&self) {
        while self.lock().items.is_empty() {
            self.rung.notified().await;
        }
    }

    /// Takes the next piece, of about so many bytes; `None` when there is nothing.
    pub fn take(&self, most: usize) -> Option<Vec<u8>> {
        let mut held = self.lock();
        let before = held.items.front()?.left();
        let (bytes, is_done) = match held.items.front_mut()? {
            Item::Typed(bytes) => (std::mem::take(bytes), true),
            Item::Paste(paste) => paste.take(most),
        };
        let left = if is_done { 0 } else { held.items.front().map_or(0, Item::left) };
        held.bytes -= before - left;
        if is_done {
            held.items.pop_front();
        }
        Some(bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing that panics runs under this lock.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of something typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// There is no paste before it: it can go at once.
    Nothing,
    /// It goes after the paste.
    Taken,
    /// There is too much before it.
    Full,
}

impl Item {
    fn left(&self) -> usize {
        match self {
            Self::Typed(bytes) => bytes.len(),
            Self::Paste(paste) => paste.text.len() - paste.at,
        }
    }

    fn cancelled(self) -> Option<Self> {
        match self {
            Self::Typed(bytes) => Some(Self::Typed(bytes)),
            Self::Paste(paste) if paste.at > 0 && paste.is_bracketed => {
                Some(Self::Typed(PASTE_BRACKETS.1.to_vec()))
            }
            Self::Paste(_) => None,
        }
    }
}

impl Paste {
    /// The next piece, and whether it is the last.
    fn take(&mut self, most: usize) -> (Vec<u8>, bool) {
        let is_first = self.at == 0;
        let is_after_return = self.text[..self.at].ends_with('\r');
        let mut to = (self.at + most.max(4)).min(self.text.len());
        while !self.text.is_char_boundary(to) {
            to -= 1;
        }
        let mut bytes = if is_first && self.is_bracketed { PASTE_BRACKETS.0.to_vec() } else { Vec::new() };
        bytes.extend(input::paste(&self.text[self.at..to], is_after_return));
        self.at = to;
        let is_last = to == self.text.len();
        if is_last && self.is_bracketed {
            bytes.extend(PASTE_BRACKETS.1);
        }
        (bytes, is_last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(backlog: &Backlog, most: usize) -> Vec<u8> {
        std::iter::from_fn(|| backlog.take(most)).flatten().collect()
    }

    #[test]
    fn what_is_typed_after_a_paste_comes_after_it_and_nothing_is_lost() {
        let backlog = Backlog::default();
        assert_eq!(backlog.type_behind(b"x"), Behind::Nothing);
        let text = "é\r\n\x1b[201~\n日\t".repeat(1_000);
        assert!(backlog.paste(text, true));
        assert_eq!(backlog.type_behind(b"typed"), Behind::Taken);
        let expected = format!("\x1b[200~{}\x1b[201~typed", "é\r[201~\r日\t".repeat(1_000));
        assert_eq!(String::from_utf8(all(&backlog, 7)), Ok(expected));
        assert_eq!((backlog.type_behind(b"x"), backlog.progress()), (Behind::Nothing, None));
        assert_eq!(backlog.lock().bytes, 0);
    }

    #[test]
    fn a_paste_can_be_cancelled_and_its_brackets_are_closed() {
        let backlog = Backlog::default();
        assert!(backlog.paste("a".repeat(100), true) && backlog.paste("never".to_owned(), true));
        assert_eq!(backlog.type_behind(b"typed"), Behind::Taken);
        assert_eq!(backlog.take(10), Some(b"\x1b[200~aaaaaaaaaa".to_vec()));
        assert_eq!(backlog.progress(), Some(Progress { done: 10, of: 105 }));
        backlog.cancel();
        assert_eq!(backlog.progress(), None);
        assert_eq!(all(&backlog, 10), b"\x1b[201~typed");
    }

    #[test]
    fn there_is_a_limit() {
        let backlog = Backlog::default();
        assert!(!backlog.paste("a".repeat(limits::PENDING_PASTE_BYTES + 1), false));
        assert!(backlog.paste("a".repeat(limits::PENDING_PASTE_BYTES), false));
        assert_eq!(backlog.type_behind(b"x"), Behind::Full);
        assert_eq!(all(&backlog, 1 << 20).len(), limits::PENDING_PASTE_BYTES);
    }
}
