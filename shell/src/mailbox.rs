//! The one queue into the driver, bounded: adapters put events in, the driver takes them out.

use ccells_core::event::Event;
use ccells_core::limits;
use tokio::sync::mpsc;

/// The end that events are put into.
#[derive(Clone, Debug)]
pub struct Mailbox {
    sender: mpsc::Sender<Event>,
}

/// The end that events are taken from.
#[derive(Debug)]
pub struct Inbox {
    receiver: mpsc::Receiver<Event>,
}

/// A mailbox and its inbox.
pub fn mailbox() -> (Mailbox, Inbox) {
    let (sender, receiver) = mpsc::channel(limits::MAILBOX);
    (Mailbox { sender }, Inbox { receiver })
}

impl Mailbox {
    /// Puts an event in, waiting for room. After the run ended it is dropped: nobody is there to act on it.
    pub async fn put(&self, event: Event) {
        let _ended = self.sender.send(event).await;
    }

    /// Puts an event in from a thread that may wait.
    pub fn put_blocking(&self, event: Event) {
        let _ended = self.sender.blocking_send(event);
    }
}

impl Inbox {
    /// The next event.
    pub async fn take(&mut self) -> Option<Event> {
        self.receiver.recv().await
    }
}
