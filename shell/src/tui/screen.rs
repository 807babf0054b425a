//! The terminal we live in: taken with raw mode and the alternate screen, given back in reverse on every path.
//! Frames are written by a thread of their own, one write each, so that a stalled terminal stalls nobody else.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc as thread_mpsc};
use std::time::Duration;

use alacritty_terminal::vte::ansi::CursorShape;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ccells_core::limits;
use crossterm::event::{Event, EventStream};
use futures_util::{Stream, StreamExt};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use tokio::sync::Notify;

use super::Interrupt;

/// What the terminal tells us.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A key, a paste, the mouse, the size, the focus.
    Event(Event),
    /// Whether it knows the keyboard protocol of kitty.
    KnowsKittyKeys(bool),
    /// It is gone.
    Gone,
}

/// The stream of what the terminal tells us.
pub type Inputs = Pin<Box<dyn Stream<Item = Input> + Send>>;

/// Taking the terminal: alternate screen, cursor hidden, bracketed paste, focus and mouse reports, in this order.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?1004h";
/// Mouse reports: clicks, drags and the wheel, in the form without a limit on columns.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1002l\x1b[?1000l";
/// Keys that were ambiguous are told apart (flag 1); the terminal keeps a stack for each of its screens.
const KITTY_ON: &str = "\x1b[>1u";
const KITTY_OFF: &str = "\x1b[<u";
/// Giving it back: whatever was on is off, in reverse; what was never on does not mind.
const LEAVE: &str =
    "\x1b[?2026l\x1b[0m\x1b[?1006l\x1b[?1002l\x1b[?1000l\x1b[?1004l\x1b[?2004l\x1b[0 q\x1b[?25h\x1b[?1049l";
/// Nothing is on the screen any more.
const CLEAR: &str = "\x1b[0m\x1b[2J";
const FRAME_BEGINS: &str = "\x1b[?2026h";
const FRAME_ENDS: &str = "\x1b[?2026l";
/// How long giving the terminal back may wait for a terminal that takes no bytes.
const LEAVE_PATIENCE: Duration = Duration::from_millis(500);
/// Room for a frame, so that it is gathered without growing.
const FRAME_BYTES: usize = 256 * 1_024;
/// Why drawing cannot fail.
const IN_MEMORY: &str = "a fixed viewport over memory asks the system nothing";

/// The terminal, as long as it is ours.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<FrameBuffer>>,
    frame: FrameBuffer,
    last_frame: Vec<u8>,
    writer: Writer,
    is_raw: bool,
    is_taken: bool,
    is_mouse_on: bool,
    is_kitty_on: bool,
}

impl Screen {
    /// Takes the terminal on standard input and output.
    pub fn enter() -> io::Result<Self> {
        let (columns, rows) = crossterm::terminal::size()?;
        let mut screen = Self::over(Box::new(io::stdout()), columns, rows);
        screen.is_raw = true;
        install_panic_hook();
        screen.take()?;
        Ok(screen)
    }

    /// A screen that writes to `output` and leaves the terminal's line discipline alone; nothing is written yet.
    pub fn over(output: Box<dyn Write + Send>, columns: u16, rows: u16) -> Self {
        let frame = FrameBuffer::default();
        Self {
            terminal: blank(&frame, columns, rows),
            frame,
            last_frame: Vec::new(),
            writer: Writer::start(output),
            is_raw: false,
            is_taken: false,
            is_mouse_on: true,
            is_kitty_on: false,
        }
    }

    /// Takes the terminal, at first and after a stop.
    pub fn take(&mut self) -> io::Result<()> {
        if self.is_taken || self.is_gone() {
            return Ok(());
        }
        if self.is_raw {
            crossterm::terminal::enable_raw_mode()?;
            IS_TAKEN.store(true, Ordering::SeqCst);
        }
        self.is_taken = true;
        let mouse = if self.is_mouse_on { MOUSE_ON } else { "" };
        let kitty = if self.is_kitty_on { KITTY_ON } else { "" };
        self.writer.write(format!("{ENTER}{mouse}{kitty}").into_bytes());
        self.forget_frame();
        Ok(())
    }

    /// Gives the terminal back. Afterwards nothing is written until [`Screen::take`].
    pub fn leave(&mut self) {
        if !std::mem::replace(&mut self.is_taken, false) {
            return;
        }
        let kitty = if self.is_kitty_on { KITTY_OFF } else { "" };
        self.writer.write(format!("{kitty}{LEAVE}").into_bytes());
        self.writer.wait_idle(LEAVE_PATIENCE);
        if self.is_raw && IS_TAKEN.swap(false, Ordering::SeqCst) {
            // A terminal that is gone cannot be restored, and needs it no more.
            let _ = crossterm::terminal::disable_raw_mode();
        }
    }

    /// Gives the terminal back, stops this process, and takes the terminal again when it goes on.
    pub fn suspend(&mut self) -> io::Result<()> {
        self.leave();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        self.resume()
    }

    /// Takes the terminal again after a stop, at its size of now. Whoever had it meanwhile may have changed anything.
    pub fn resume(&mut self) -> io::Result<()> {
        if self.is_raw && IS_TAKEN.load(Ordering::SeqCst) {
            // The library believes that raw mode is on still: it has to be told otherwise to set it again.
            crossterm::terminal::disable_raw_mode()?;
        }
        self.is_taken = false;
        self.take()?;
        if self.is_raw {
            let (columns, rows) = crossterm::terminal::size()?;
            self.resize(columns, rows);
        }
        Ok(())
    }

    /// The terminal has another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        // Resizing or clearing the library's terminal would ask the real one where its cursor is, and wait.
        self.terminal = blank(&self.frame, columns, rows);
        // What the old one says as it goes is not for this frame.
        let _ = self.frame.take();
        self.last_frame.clear();
        self.frame.lock().extend_from_slice(CLEAR.as_bytes());
    }

    /// Its size, in columns and rows.
    pub fn size(&mut self) -> (u16, u16) {
        let area = self.terminal.get_frame().area();
        (area.width, area.height)
    }

    /// The next frame is drawn whole.
    pub fn forget_frame(&mut self) {
        let (columns, rows) = self.size();
        self.resize(columns, rows);
    }

    /// Uses the keyboard protocol of kitty.
    pub fn use_kitty_keys(&mut self) {
        if !std::mem::replace(&mut self.is_kitty_on, true) && self.is_taken {
            self.writer.write(KITTY_ON.into());
        }
    }

    /// Has the terminal report the mouse to us, or keep it for its own selection.
    pub fn set_mouse(&mut self, is_on: bool) {
        if std::mem::replace(&mut self.is_mouse_on, is_on) != is_on && self.is_taken {
            self.writer.write(if is_on { MOUSE_ON.into() } else { MOUSE_OFF.into() });
        }
    }

    /// Puts a text on the clipboard of the terminal, if it takes it; one that is too long is left out.
    pub fn copy(&mut self, text: &str) {
        if self.is_taken && text.len() <= limits::COPY_TERMINAL_BYTES {
            let text = BASE64_STANDARD.encode(text);
            self.writer.write(format!("\x1b]52;c;{text}\x1b\\").into_bytes());
        }
    }

    /// Whether the frame before is out, so that another may be drawn. [`Screen::drained`] tells when.
    pub fn is_idle(&self) -> bool {
        self.writer.is_idle()
    }

    /// Rung when a frame is out.
    pub fn drained(&self) -> Arc<Notify> {
        self.writer.drained.clone()
    }

    /// Whether nothing may be written any more: a write failed, or somebody gave the terminal back above our head.
    pub fn is_gone(&self) -> bool {
        let was_restored = self.is_raw && self.is_taken && !IS_TAKEN.load(Ordering::SeqCst);
        was_restored || self.writer.shared().is_gone
    }

    /// The terminal is known to be gone: nothing is written any more.
    pub fn give_up(&mut self) {
        self.writer.shared().is_gone = true;
    }

    /// Draws one frame and hands it to the writer.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>) -> CursorShape) {
        if !self.is_taken || self.is_gone() {
            return;
        }
        let mut shape = CursorShape::Hidden;
        self.terminal.draw(|frame| shape = render(frame)).expect(IN_MEMORY);
        self.frame.lock().extend_from_slice(shape_bytes(shape));
        let cells = self.frame.take();
        // A frame that says what the last one said (it changed nothing but repeats where the cursor is) is not sent.
        if cells != self.last_frame {
            let mut bytes = Vec::with_capacity(cells.len() + FRAME_BEGINS.len() + FRAME_ENDS.len());
            bytes.extend_from_slice(FRAME_BEGINS.as_bytes());
            bytes.extend_from_slice(&cells);
            bytes.extend_from_slice(FRAME_ENDS.as_bytes());
            self.writer.write(bytes);
            self.last_frame = cells;
        }
    }
}

/// How the terminal is told the form of its cursor; a hidden one has none.
fn shape_bytes(shape: CursorShape) -> &'static [u8] {
    match shape {
        CursorShape::Hidden => b"",
        CursorShape::Block | CursorShape::HollowBlock => b"\x1b[2 q",
        CursorShape::Underline => b"\x1b[4 q",
        CursorShape::Beam => b"\x1b[6 q",
    }
}

/// A terminal of the library that has drawn nothing yet. It holds its cells in memory, so what anybody may say of the
/// real one's size is not taken for more than the largest terminal there is.
fn blank(frame: &FrameBuffer, columns: u16, rows: u16) -> Terminal<CrosstermBackend<FrameBuffer>> {
    let (columns, rows) = (columns.min(*limits::COLUMNS.end()), rows.min(*limits::ROWS.end()));
    let viewport = Viewport::Fixed(Rect::new(0, 0, columns, rows));
    Terminal::with_options(CrosstermBackend::new(frame.clone()), TerminalOptions { viewport })
        .expect(IN_MEMORY)
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What the terminal on standard input tells us. It is asked what it can do while the first frames are drawn already;
/// keys that are pressed meanwhile are kept.
pub fn inputs() -> Inputs {
    let probe = futures_util::stream::once(async {
        let knows = tokio::task::spawn_blocking(crossterm::terminal::supports_keyboard_enhancement).await;
        Input::KnowsKittyKeys(matches!(knows, Ok(Ok(true))))
    });
    let events = futures_util::stream::once(async { EventStream::new() })
        .flatten()
        .map(|event| event.map_or(Input::Gone, Input::Event));
    Box::pin(probe.chain(events))
}

/// Rings `interrupts` with [`Interrupt::Hangup`] when the terminal on standard input hangs up, for as long as the
/// receiver lives.
pub fn watch_hangup(interrupts: tokio::sync::mpsc::Sender<Interrupt>) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    std::thread::Builder::new().name("terminal-watch".into()).spawn(move || {
        let stdin = io::stdin();
        loop {
            let mut fds = [PollFd::new(&stdin, PollFlags::empty())];
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) | Err(_) => break,
            }
        }
        // Nobody listens any more: then nobody needs to know.
        let _ = interrupts.blocking_send(Interrupt::Hangup);
    })?;
    Ok(())
}

/// Gives the terminal back from wherever the process ends: a panic, a watchdog. Whoever draws finds it gone.
pub fn restore_now() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        // Nothing can be done about a terminal that does not take it.
        let _ = rustix::io::write(rustix::stdio::stdout(), format!("{KITTY_OFF}{LEAVE}").as_bytes());
        let _ = crossterm::terminal::disable_raw_mode();
        RESTORED.notify_one();
    }
}

/// Comes when the terminal was given back from elsewhere, so that whoever draws ends.
pub(super) async fn restored() {
    RESTORED.notified().await;
}

/// Rung when the terminal was given back from elsewhere.
static RESTORED: Notify = Notify::const_new();

/// Whether the terminal is taken, for all who may have to give it back.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// A panic must be readable: the terminal is given back before it is told.
fn install_panic_hook() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore_now();
            tell(panic);
        }));
    });
}

/// Memory a frame is gathered in.
#[derive(Clone)]
struct FrameBuffer(Arc<Mutex<Vec<u8>>>);

impl Default for FrameBuffer {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Vec::with_capacity(FRAME_BYTES))))
    }
}

impl FrameBuffer {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<u8> {
        let mut bytes = self.lock();
        let frame = bytes.clone();
        bytes.clear();
        frame
    }
}

impl Write for FrameBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thread that writes, and what it shares with us.
struct Writer {
    queue: thread_mpsc::Sender<Vec<u8>>,
    shared: Arc<(Mutex<Written>, Condvar)>,
    drained: Arc<Notify>,
}

#[derive(Default)]
struct Written {
    in_flight: usize,
    is_gone: bool,
}

impl Writer {
    fn start(mut output: Box<dyn Write + Send>) -> Self {
        // The caller draws only when nothing is in flight, so the queue never holds more than a frame and a mode.
        let (queue, frames) = thread_mpsc::channel::<Vec<u8>>();
        let shared = Arc::new((Mutex::new(Written::default()), Condvar::new()));
        let drained = Arc::new(Notify::new());
        let (theirs, bell) = (shared.clone(), drained.clone());
        std::thread::Builder::new()
            .name("terminal-writer".into())
            .spawn(move || {
                for frame in frames {
                    let is_gone = lock(&theirs.0).is_gone
                        || output.write_all(&frame).and_then(|()| output.flush()).is_err();
                    let mut written = lock(&theirs.0);
                    written.is_gone |= is_gone;
                    written.in_flight -= 1;
                    theirs.1.notify_all();
                    drop(written);
                    bell.notify_one();
                }
            })
            .expect("a program that cannot have one thread cannot run");
        Self { queue, shared, drained }
    }

    fn shared(&self) -> MutexGuard<'_, Written> {
        lock(&self.shared.0)
    }

    fn write(&self, bytes: Vec<u8>) {
        let mut written = self.shared();
        if !written.is_gone {
            written.in_flight += 1;
            drop(written);
            if self.queue.send(bytes).is_err() {
                self.shared().in_flight -= 1;
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.shared().in_flight == 0
    }

    fn wait_idle(&self, patience: Duration) {
        let written = self.shared();
        let waited =
            self.shared.1.wait_timeout_while(written, patience, |it| it.in_flight > 0 && !it.is_gone);
        drop(waited);
    }
}

fn lock(written: &Mutex<Written>) -> MutexGuard<'_, Written> {
    written.lock().unwrap_or_else(PoisonError::into_inner)
}
