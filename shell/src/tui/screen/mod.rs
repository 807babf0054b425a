//! The terminal we live in: taken with raw mode and the alternate screen, given back in reverse on every path.
//! Frames are written by a thread of their own, one write each, so that a stalled terminal stalls nobody else.

mod canvas;
mod encode;
mod inputs;
mod keys;
mod writer;

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ccells_core::limits;
use ccells_core::wire::Surroundings;
use crossterm::event::{Event, KeyEvent};
use futures_util::Stream;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use rustix::fd::OwnedFd;
use tokio::sync::Notify;

use self::canvas::Canvas;
pub(crate) use self::canvas::Cursor;
pub use self::encode::Depth;
use self::encode::Underlines;
pub use self::inputs::inputs;
use self::writer::Writer;
use super::Interrupt;
use crate::terminal::input::Alternates;

/// What the terminal tells us.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A key, a paste, the mouse, the size, the focus.
    Event(Event),
    /// A key of which the terminal told more than there is room for in the event.
    Key(KeyEvent, Alternates),
    /// Whether it knows the keyboard protocol of kitty.
    KnowsKittyKeys(bool),
    /// The colour of its text, or the one behind it.
    Colour(Ground, [u8; 3]),
    /// Its colours are others now.
    ColoursChanged,
    /// Whether it shows what is between two marks at once.
    KnowsSync(bool),
    /// It is gone.
    Gone,
}

/// What a colour is the colour of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Text.
    Fore,
    /// What is behind it.
    Back,
}

impl Ground {
    /// Notes that this colour is what the terminal has there.
    pub fn put(self, colour: [u8; 3], surroundings: &mut Surroundings) {
        match self {
            Self::Fore => surroundings.foreground = Some(colour),
            Self::Back => surroundings.background = Some(colour),
        }
    }
}

/// The stream of what the terminal tells us.
pub type Inputs = Pin<Box<dyn Stream<Item = Input> + Send>>;

/// Taking the terminal: alternate screen, cursor hidden, bracketed paste, reports of the focus, of other colours and of
/// the mouse, in this order.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?1004h\x1b[?2031h";
/// Mouse reports: clicks, drags and the wheel, in the form without a limit on columns.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1003l\x1b[?1002l\x1b[?1000l";
/// Mouse reports of every move, for an agent that asked for them.
const MOTION_ON: &str = "\x1b[?1003h";
/// Of clicks and drags alone again: to some terminals the end of one kind of reports is the end of all.
const MOTION_OFF: &str = "\x1b[?1003l\x1b[?1000h\x1b[?1002h";
/// Keys that were ambiguous are told apart (flag 1); the terminal keeps a stack for each of its screens.
const KITTY_ON: &str = "\x1b[>1u";
/// The flags that are always on.
const KITTY_LEAST: u8 = 1;
const KITTY_OFF: &str = "\x1b[<u";
/// Giving it back: whatever was on is off, in reverse; what was never on does not mind.
const LEAVE: &str = "\x1b[?2026l\x1b[0m\x1b[?1006l\x1b[?1003l\x1b[?1002l\x1b[?1000l\x1b[?2031l\x1b[?1004l\x1b[?2004l\x1b[0 q\x1b[?25h\x1b[?1049l";
/// What it can do: show a frame at once, the keyboard protocol of kitty.
const PROBE: &str = "\x1b[?2026$p\x1b[?u";
/// Which colours it has. Nobody waits for the answer, which some terminals never give: every terminal answers the
/// question after it.
const ASK_COLOURS: &str = "\x1b]10;?\x1b\\\x1b]11;?\x1b\\\x1b[c";
/// Nothing is on the screen any more.
const CLEAR: &str = "\x1b[0m\x1b[2J";
const FRAME_BEGINS: &str = "\x1b[?2026h";
const FRAME_ENDS: &str = "\x1b[?2026l";
/// How long giving the terminal back may wait for a terminal that takes no bytes.
const LEAVE_PATIENCE: Duration = Duration::from_millis(500);
/// Room for a frame, so that it is gathered without growing.
const FRAME_BYTES: usize = 256 * 1_024;

/// The terminal, as long as it is ours.
pub struct Screen {
    canvas: Canvas,
    depth: Depth,
    underlines: Underlines,
    /// What the next frame begins with.
    preface: &'static str,
    frame: Vec<u8>,
    writer: Writer,
    is_raw: bool,
    is_taken: bool,
    is_mouse_on: bool,
    /// Whether every move of the mouse is wanted, while the mouse is.
    is_motion_on: bool,
    is_kitty_on: bool,
    /// How much of the keyboard protocol is on, where it is known.
    key_flags: u8,
    /// Whether the terminal shows a marked frame at once.
    knows_sync: bool,
}

impl Screen {
    /// Takes the terminal on standard input and output.
    pub fn enter() -> io::Result<Self> {
        let (columns, rows) = crossterm::terminal::size()?;
        let depth = Depth::of(|name| std::env::var(name).ok());
        let underlines = Underlines::of(|name| std::env::var(name).ok());
        let door = writer::quick_door(io::stdout());
        let mut screen = Self::with(writer::standard_output(), door, depth, columns, rows);
        screen.underlines = underlines;
        screen.is_raw = true;
        screen.take()?;
        screen.writer.write(format!("{PROBE}{ASK_COLOURS}").as_bytes());
        Ok(screen)
    }

    /// A screen that writes to `output` and leaves the terminal's line discipline alone; nothing is written yet.
    pub fn over(output: Box<dyn Write + Send>, columns: u16, rows: u16) -> Self {
        Self::with(output, None, Depth::True, columns, rows)
    }

    fn with(
        output: Box<dyn Write + Send>,
        door: Option<OwnedFd>,
        depth: Depth,
        columns: u16,
        rows: u16,
    ) -> Self {
        Self {
            canvas: Canvas::new(area(columns, rows), depth, Underlines::Styled),
            depth,
            underlines: Underlines::Styled,
            preface: "",
            frame: Vec::with_capacity(FRAME_BYTES),
            writer: Writer::start(output, door),
            is_raw: false,
            is_taken: false,
            is_mouse_on: true,
            is_motion_on: false,
            is_kitty_on: false,
            key_flags: KITTY_LEAST,
            knows_sync: false,
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
        let mouse = if self.is_mouse_on { self.mouse_on() } else { String::new() };
        let kitty = if self.is_kitty_on { self.kitty_on() } else { String::new() };
        self.writer.write(format!("{ENTER}{mouse}{kitty}").as_bytes());
        self.forget_frame();
        Ok(())
    }

    /// Gives the terminal back. Afterwards nothing is written until [`Screen::take`].
    pub fn leave(&mut self) {
        if !std::mem::replace(&mut self.is_taken, false) {
            return;
        }
        let kitty = if self.is_kitty_on { KITTY_OFF } else { "" };
        self.writer.write(format!("{kitty}{LEAVE}").as_bytes());
        self.writer.wait_idle(LEAVE_PATIENCE);
        if self.is_raw && IS_TAKEN.swap(false, Ordering::SeqCst) {
            // A terminal that is gone cannot be restored, and needs it no more.
            let _ = crossterm::terminal::disable_raw_mode();
        }
    }

    /// Gives the terminal back and stops this process. `SIGCONT` has it go on, and brings [`Screen::resume`]: this call
    /// may return before the stop, for another thread may be the one that takes the signal.
    pub fn suspend(&mut self) -> io::Result<()> {
        self.leave();
        // Without a terminal of ours there is no shell that would let us go on.
        if !self.is_raw {
            return self.resume();
        }
        Ok(rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?)
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
        self.canvas = Canvas::new(area(columns, rows), self.depth, self.underlines);
        self.canvas.hide_cursor(!self.knows_sync);
        self.preface = CLEAR;
    }

    /// Its size, in columns and rows.
    pub fn size(&self) -> (u16, u16) {
        let area = self.canvas.area();
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
            self.writer.write(self.kitty_on().as_bytes());
        }
    }

    /// Asks the terminal for its colours; they come as inputs, if they come.
    pub fn ask_colours(&mut self) {
        if self.is_taken {
            self.writer.write(ASK_COLOURS.as_bytes());
        }
    }

    /// Has the terminal tell of keys as much as these flags of the protocol say, if it knows the protocol: what the agent
    /// that gets the keys asked for, or nothing.
    pub fn follow_keys(&mut self, flags: u8) {
        let flags = flags | KITTY_LEAST;
        if std::mem::replace(&mut self.key_flags, flags) != flags && self.is_kitty_on && self.is_taken {
            self.writer.write(set_kitty(flags).as_bytes());
        }
    }

    /// What turns the protocol on as far as it is wanted.
    fn kitty_on(&self) -> String {
        let more = if self.key_flags == KITTY_LEAST { String::new() } else { set_kitty(self.key_flags) };
        format!("{KITTY_ON}{more}")
    }

    /// Marks frames, so that the terminal shows each of them at once; or does not.
    pub fn use_sync(&mut self, knows_sync: bool) {
        self.knows_sync = knows_sync;
        self.canvas.hide_cursor(!knows_sync);
    }

    /// Has the terminal report the mouse to us, or keep it for its own selection.
    pub fn set_mouse(&mut self, is_on: bool) {
        if std::mem::replace(&mut self.is_mouse_on, is_on) != is_on && self.is_taken {
            let bytes = if is_on { self.mouse_on() } else { MOUSE_OFF.to_owned() };
            self.writer.write(bytes.as_bytes());
        }
    }

    /// Has the terminal report every move of the mouse, or clicks, drags and the wheel alone: what the agent under it
    /// asked for.
    pub fn follow_motion(&mut self, is_wanted: bool) {
        let is_news = std::mem::replace(&mut self.is_motion_on, is_wanted) != is_wanted;
        if is_news && self.is_mouse_on && self.is_taken {
            self.writer.write(if is_wanted { MOTION_ON.as_bytes() } else { MOTION_OFF.as_bytes() });
        }
    }

    fn mouse_on(&self) -> String {
        format!("{MOUSE_ON}{}", if self.is_motion_on { MOTION_ON } else { "" })
    }

    /// Rings the bell.
    pub fn ring(&mut self) {
        if self.is_taken {
            self.writer.write(b"\x07");
        }
    }

    /// Has the terminal tell the user a text of one line that holds nothing which acts on a terminal.
    pub fn notify(&mut self, text: &str) {
        if self.is_taken {
            self.writer.write(format!("\x1b]9;{text}\x1b\\").as_bytes());
        }
    }

    /// Puts a text on the clipboard of the terminal, if it takes it; one that is too long is left out.
    pub fn copy(&mut self, text: &str) {
        if self.is_taken && text.len() <= limits::COPY_TERMINAL_BYTES {
            let text = BASE64_STANDARD.encode(text);
            self.writer.write(format!("\x1b]52;c;{text}\x1b\\").as_bytes());
        }
    }

    /// Whether the frame before is out, so that another may be drawn. [`Screen::drained`] tells when.
    pub fn is_idle(&self) -> bool {
        self.writer.is_idle()
    }

    /// Rung when a frame is out.
    pub fn drained(&self) -> Arc<Notify> {
        self.writer.drained()
    }

    /// Whether nothing may be written any more: a write failed, or somebody gave the terminal back above our head.
    pub fn is_gone(&self) -> bool {
        let was_restored = self.is_raw && self.is_taken && !IS_TAKEN.load(Ordering::SeqCst);
        was_restored || self.writer.is_gone()
    }

    /// The terminal is known to be gone: nothing is written any more.
    pub fn give_up(&mut self) {
        self.writer.give_up();
    }

    /// Draws a whole frame and hands what is new in it to the writer. `render` tells where the cursor is.
    pub(crate) fn draw(&mut self, render: impl FnOnce(&mut Buffer) -> Cursor) {
        self.show(|canvas, out| canvas.draw(render, out));
    }

    /// Draws parts of the frame anew and leaves the others as they are. `render` draws, and tells which parts, and where
    /// the cursor is now, if it moved.
    pub(crate) fn redraw(&mut self, render: impl FnOnce(&mut Buffer, &mut Vec<Rect>) -> Option<Cursor>) {
        self.show(|canvas, out| canvas.redraw(render, out));
    }

    fn show(&mut self, draw: impl FnOnce(&mut Canvas, &mut Vec<u8>)) {
        if !self.is_taken || self.is_gone() {
            return;
        }
        let (begins, ends) = if self.knows_sync { (FRAME_BEGINS, FRAME_ENDS) } else { ("", "") };
        self.frame.clear();
        self.frame.extend_from_slice(begins.as_bytes());
        self.frame.extend_from_slice(std::mem::take(&mut self.preface).as_bytes());
        let empty = self.frame.len();
        draw(&mut self.canvas, &mut self.frame);
        // A frame that says what the last one said is not sent.
        if self.frame.len() > empty {
            self.frame.extend_from_slice(ends.as_bytes());
            self.writer.write(&self.frame);
        }
    }
}

/// Sets the flags of the keyboard protocol, without pushing others away.
fn set_kitty(flags: u8) -> String {
    format!("\x1b[={flags}u")
}

/// Cells are held in memory, so what anybody may say of the terminal's size is not taken for more than the largest
/// terminal there is.
fn area(columns: u16, rows: u16) -> Rect {
    Rect::new(0, 0, columns.min(*limits::COLUMNS.end()), rows.min(*limits::ROWS.end()))
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
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

/// The exit code of a process that a panic ended.
pub const PANICKED: u8 = 101;

/// From now on a panic ends the process, wherever it comes: the terminal is given back, the panic is told, and nothing
/// else runs. What a side task leaves half done no other task repairs; the next start does, as after a power cut.
pub fn end_on_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore_now();
        tell(panic);
        std::process::exit(i32::from(PANICKED));
    }));
}
