//! One attached terminal: frames from the holder become a screen, keys become frames. After `close` returned, nothing
//! more reaches the screen; the agent does not notice.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccells_core::agent::AgentReport;
use ccells_core::limits;
use ccells_core::wire::{self, Decoder, FromHolder, Resync, ToHolder};
use ccells_holder::emulator::{Emulator, Outward};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::adapters::dial::Io;
use crate::backlog::{Backlog, Behind, Progress};
use crate::kernel::gate::Gate;
use crate::kernel::turns::Turns;
use crate::terminal::history::{Frozen, History};

/// A workstream's screen. It outlives its sessions: what was seen last stays, and the next session goes on from there.
pub struct Pane {
    screen: Mutex<Screen>,
    /// Whoever feeds lets those go first who wait to look: the lock itself knows no turns.
    turns: Turns,
    /// Whether a session ever showed anything, known without waiting for whoever shows something just now.
    is_seen: AtomicBool,
}

struct Screen {
    emulator: Emulator,
    /// What is older than what the emulator holds.
    history: History,
    /// Most lines that are kept.
    scrollback: usize,
    /// Number of the next byte of output; `None` before the first session.
    next_sequence: Option<u64>,
    /// The size that the viewer wants.
    wanted: (u16, u16),
}

impl Pane {
    /// An empty screen of a usual size, which keeps the usual number of lines.
    pub fn new() -> Self {
        Self::keeping(limits::SCROLLBACK_LINES)
    }

    /// An empty screen of a usual size, which keeps so many lines that have scrolled off it.
    pub fn keeping(scrollback: usize) -> Self {
        let wanted = (80, 24);
        let history = History::new(scrollback);
        let emulator = history.emulator(wanted.0, wanted.1);
        Self {
            screen: Mutex::new(Screen { emulator, history, scrollback, next_sequence: None, wanted }),
            turns: Turns::new(),
            is_seen: AtomicBool::new(false),
        }
    }

    /// Looks at the screen. Look quickly: the session waits meanwhile.
    pub fn with_emulator<T>(&self, look: impl FnOnce(&mut Emulator) -> T) -> T {
        look(&mut self.lock_first().emulator)
    }

    /// All that is kept of it, as it is now.
    pub fn freeze(&self) -> Frozen {
        let screen = self.lock_first();
        screen.history.freeze(&screen.emulator)
    }

    /// Whether a session ever showed anything on it.
    pub fn was_seen(&self) -> bool {
        self.is_seen.load(Ordering::Acquire)
    }

    /// Wants this size; whether that is news.
    pub fn want_size(&self, columns: u16, rows: u16) -> bool {
        let mut screen = self.lock_first();
        let is_new = screen.wanted != (columns, rows);
        screen.wanted = (columns, rows);
        is_new
    }

    /// The lock, for those whom whoever feeds lets go first: all that the user waits for.
    fn lock_first(&self) -> MutexGuard<'_, Screen> {
        self.turns.first(|| self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Screen> {
        // A panic while drawing leaves a screen that the next snapshot replaces.
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the holder keep as many lines as this pane does, where that is more than it keeps unasked: what it does not
    /// keep is lost when its picture replaces what is shown.
    fn keep(&self) -> Option<ToHolder> {
        let scrollback = self.lock().scrollback;
        let lines = u32::try_from(scrollback).unwrap_or(u32::MAX);
        (scrollback > limits::SCROLLBACK_LINES).then_some(ToHolder::Keep(lines))
    }

    fn hello(&self, observe: bool) -> ToHolder {
        let screen = self.lock();
        ToHolder::Hello {
            size: (!observe).then_some(screen.wanted),
            observe,
            from_sequence: screen.next_sequence,
        }
    }
}

impl Default for Pane {
    fn default() -> Self {
        Self::new()
    }
}

/// What a session tells of.
#[derive(Debug)]
pub enum Told {
    /// It stands.
    Opened,
    /// The screen changed.
    Damage,
    /// The program said this to the world outside of its pane.
    Outward(Vec<Outward>),
    /// The holder told how its agent fares.
    Agent(AgentReport),
    /// The holder would not do something.
    Refused(String),
}

/// The near end of a session.
pub struct Session {
    gate: Gate,
    token: CancellationToken,
    outbox: mpsc::Sender<ToHolder>,
    /// Pastes, and what was typed after them.
    backlog: Backlog,
}

impl Session {
    /// A session below `parent`, and where its task takes what is to be sent.
    pub fn new(parent: &CancellationToken) -> (Arc<Self>, mpsc::Receiver<ToHolder>) {
        let (outbox, queue) = mpsc::channel(OUTBOX);
        let (gate, token, backlog) = (Gate::new(), parent.child_token(), Backlog::default());
        (Arc::new(Self { gate, token, outbox, backlog }), queue)
    }

    /// Queues a frame; false when the queue is full or the session is over, and then nothing was taken.
    pub fn send(&self, frame: ToHolder) -> bool {
        self.outbox.try_send(frame).is_ok()
    }

    /// Queues typed bytes, in frames that fit, behind all that was pasted before; false as for [`Session::send`].
    pub fn write(&self, bytes: &[u8]) -> bool {
        match self.backlog.type_behind(bytes) {
            Behind::Taken => return true,
            Behind::Full => return false,
            Behind::Nothing => {}
        }
        if self.outbox.capacity() <= bytes.len() / INPUT_FRAME {
            return false;
        }
        bytes.chunks(INPUT_FRAME).all(|piece| self.send(ToHolder::Input(piece.to_vec())))
    }

    /// Queues a paste of any size up to [`limits::PENDING_PASTE_BYTES`]. It goes as fast as the agent reads.
    pub fn paste(&self, text: String, is_bracketed: bool) -> bool {
        !self.token.is_cancelled() && self.backlog.paste(text, is_bracketed)
    }

    /// Drops what has not gone of a paste.
    pub fn cancel_paste(&self) {
        self.backlog.cancel();
    }

    /// How far a paste is.
    pub fn pasting(&self) -> Option<Progress> {
        self.backlog.progress()
    }

    /// Ends it. When this returns no byte reaches the screen any more.
    pub fn close(&self) {
        self.gate.close(|| self.token.cancel(), || {});
    }

    /// Carries the session over `stream` until either side ends it. The error says why in words.
    pub async fn run(
        &self,
        mut stream: Box<dyn Io>,
        pane: &Pane,
        observe: bool,
        mut queue: mpsc::Receiver<ToHolder>,
        tell: &(dyn Fn(Told) + Send + Sync),
    ) -> String {
        let carried = async {
            let mut out = Vec::new();
            wire::encode(&pane.hello(observe), &mut out);
            if let Some(keep) = pane.keep().filter(|_| !observe) {
                wire::encode(&keep, &mut out);
            }
            stream.write_all(&out).await?;
            let (mut reader, mut writer) = tokio::io::split(stream);
            let (pings, mut due) = mpsc::channel(1);
            tokio::select! {
                end = self.read(&mut reader, pane, &pings, tell) => end,
                end = self.write_all(&mut writer, &mut queue, &mut due, tell) => end,
            }
        };
        tokio::select! {
            () = self.token.cancelled() => "closed".to_string(),
            end = carried => match end {
                Ok(()) => "the holder ended the session".to_string(),
                Err(error) => error.to_string(),
            },
        }
    }

    /// Sends what is queued: frames first, which were there before the paste, and then the paste, a piece at a time.
    async fn write_all(
        &self,
        writer: &mut (impl AsyncWriteExt + Unpin),
        queue: &mut mpsc::Receiver<ToHolder>,
        pings: &mut mpsc::Receiver<()>,
        tell: &(dyn Fn(Told) + Send + Sync),
    ) -> io::Result<()> {
        let mut out = Vec::new();
        loop {
            let mut is_paste = false;
            tokio::select! {
                Some(frame) = queue.recv() => wire::encode(&frame, &mut out),
                Some(()) = pings.recv() => wire::encode(&ToHolder::Ping(0), &mut out),
                () = self.backlog.filled() => is_paste = true,
            }
            while out.len() < READ_BYTES
                && let Ok(frame) = queue.try_recv()
            {
                wire::encode(&frame, &mut out);
            }
            if is_paste
                && queue.is_empty()
                && let Some(piece) = self.backlog.take(INPUT_FRAME)
            {
                wire::encode(&ToHolder::Input(piece), &mut out);
            }
            writer.write_all(&out).await?;
            out.clear();
            if is_paste {
                tell(Told::Damage);
            }
        }
    }

    async fn read(
        &self,
        reader: &mut (impl AsyncReadExt + Unpin),
        pane: &Pane,
        pings: &mpsc::Sender<()>,
        tell: &(dyn Fn(Told) + Send + Sync),
    ) -> io::Result<()> {
        let mut decoder = Decoder::<FromHolder>::new();
        let mut bytes = vec![0; READ_BYTES];
        let mut sketch = None;
        let mut wait = Duration::from_millis(limits::ATTACH_MS);
        let mut is_asked = false;
        let mut held: Option<(u64, Instant)> = None;
        let mut fed = 0;
        loop {
            let until = held.map_or_else(|| Instant::now() + wait, |(_, since)| since + SYNC);
            let count = match tokio::time::timeout_at(until, reader.read(&mut bytes)).await {
                Ok(count) => count?,
                Err(_) if held.take().is_some() => {
                    let Some(_pass) = self.gate.enter() else { return Ok(()) };
                    let said = pane.with_emulator(|emulator| {
                        emulator.release();
                        emulator.take_outward()
                    });
                    tell(Told::Damage);
                    tell_outward(said, tell);
                    continue;
                }
                Err(_) if is_asked => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "the holder is silent"));
                }
                Err(_) => {
                    is_asked = true;
                    // A full queue means that one is under way.
                    let _queued = pings.try_send(());
                    continue;
                }
            };
            if count == 0 {
                return Ok(());
            }
            is_asked = false;
            decoder.push(&bytes[..count]);
            while let Some(frame) = decoder.next().map_err(io::Error::other)? {
                if let FromHolder::Welcome { .. } = frame {
                    wait = Duration::from_millis(SILENCE_MS);
                }
                if let FromHolder::Output { sequence, bytes } = frame {
                    if !self.feed(pane, sequence, &bytes, &mut fed, tell).await? {
                        return Ok(());
                    }
                    continue;
                }
                let Some(_pass) = self.gate.enter() else { return Ok(()) };
                if let Some(told) = take(frame, pane, &mut sketch)? {
                    tell(told);
                }
            }
            let Some(_pass) = self.gate.enter() else { return Ok(()) };
            let (said, holding) =
                pane.with_emulator(|emulator| (emulator.take_outward(), emulator.holding()));
            tell_outward(said, tell);
            held = holding.map(|number| match held {
                Some((before, since)) if before == number => (number, since),
                Some(_) | None => (number, Instant::now()),
            });
        }
    }

    /// Puts output on the screen, a piece at a time: between two pieces others look at it, and other tasks have their
    /// turn. False when the session was closed meanwhile.
    async fn feed(
        &self,
        pane: &Pane,
        mut sequence: u64,
        bytes: &[u8],
        fed: &mut usize,
        tell: &(dyn Fn(Told) + Send + Sync),
    ) -> io::Result<bool> {
        for piece in bytes.chunks(FEED_BYTES) {
            {
                let Some(_pass) = self.gate.enter() else { return Ok(false) };
                pane.turns.give_way();
                let mut screen = pane.lock();
                if screen.next_sequence != Some(sequence) {
                    return Err(io::Error::other("output is missing; the session begins again"));
                }
                let Screen { emulator, history, .. } = &mut *screen;
                history.feed(emulator, piece);
                // A holder that counts past the end is a broken one; the next piece will not fit, and that is told.
                let next = sequence.checked_add(piece.len() as u64);
                screen.next_sequence = next;
                sequence = next.unwrap_or(u64::MAX);
                drop(screen);
                tell(Told::Damage);
            }
            *fed += piece.len();
            // A stream that always has more would keep this thread, and with it whoever was woken on it.
            if *fed >= FEED_BYTES {
                *fed = 0;
                tokio::task::yield_now().await;
            }
        }
        Ok(true)
    }
}

/// Hands on what a program said to the outside, if it said anything.
fn tell_outward(said: Vec<Outward>, tell: &(dyn Fn(Told) + Send + Sync)) {
    if !said.is_empty() {
        tell(Told::Outward(said));
    }
}

/// Bytes of output that are put on a screen at once, while nobody else can look at it.
const FEED_BYTES: usize = 16 * 1_024;
/// Frames that may wait to be sent.
const OUTBOX: usize = 1_024;
/// Bytes of input in one frame.
const INPUT_FRAME: usize = 16 * 1_024;
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1_024;
/// How long an update that the program brackets may hold its screen back.
const SYNC: Duration = Duration::from_millis(limits::SYNC_MS);
/// After this long without a word the holder is asked whether it is there. A frozen one is not, and that is fine: the
/// stream stays, and so does the session once more after it.
const SILENCE_MS: u64 = 30_000;

/// Puts one frame on the screen. `sketch` is the picture that is being received piece by piece.
fn take(
    frame: FromHolder,
    pane: &Pane,
    sketch: &mut Option<(Emulator, History)>,
) -> io::Result<Option<Told>> {
    match frame {
        FromHolder::Welcome { sequence, resync, columns, rows } => {
            let mut screen = pane.lock();
            if resync == Resync::Continues && screen.next_sequence != Some(sequence) {
                return Err(io::Error::other("the holder goes on from another place than it was asked to"));
            }
            if resync == Resync::Continues {
                screen.emulator.resize(columns, rows);
            }
            Ok(Some(Told::Opened))
        }
        FromHolder::Snapshot { sequence, columns, rows, bytes, is_last } => {
            let (emulator, history) = sketch.get_or_insert_with(|| {
                let history = History::new(pane.lock().scrollback);
                (history.emulator(columns, rows), history)
            });
            emulator.restore(&bytes);
            history.gather(emulator);
            if !is_last {
                return Ok(None);
            }
            let mut screen = pane.lock();
            if let Some((emulator, history)) = sketch.take() {
                screen.emulator = emulator;
                screen.history = history;
            }
            screen.next_sequence = Some(sequence);
            pane.is_seen.store(true, Ordering::Release);
            Ok(Some(Told::Damage))
        }
        // Fed piece by piece, before it comes here.
        FromHolder::Output { .. } => Ok(None),
        FromHolder::Resized { columns, rows } => {
            pane.lock().emulator.resize(columns, rows);
            Ok(Some(Told::Damage))
        }
        FromHolder::Agent(report) => Ok(Some(Told::Agent(report))),
        FromHolder::Refused { reason } => Ok(Some(Told::Refused(reason))),
        FromHolder::Pong(_) => Ok(None),
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
