//! One terminal, of the agent's holder or of a pane: bytes in, a grid of cells, modes, status and answers out.
//!
//! Three layers of ours lie over the terminal of `alacritty_terminal`: the scanner (whole units, limits, what the
//! parser has no ear for), the wrap (one cell for what people see as one character, and a shadow of what cannot be
//! read back), and a change of size that does not push a half empty screen into the scrollback.
//! The same bytes give the same terminal, however they were split.

mod answers;
mod outward;
mod replies;
mod resize;
mod restore;
mod scan;
mod shadow;
mod snapshot;
mod standard;
mod status;
mod wrap;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::term::{Config, Term, TermMode};
use alacritty_terminal::vte::ansi::{Handler as _, NamedPrivateMode, PrivateMode, Processor, Timeout};
use ccells_core::agent::AgentStatus;
use ccells_core::limits;
use ccells_core::wire::Surroundings;

use self::outward::Spokesman;
pub use self::outward::{Outward, OutwardList};
pub use self::replies::Replies;
use self::scan::{INDEX, Scanner, Unit};
use self::shadow::Shadow;
use self::status::Told;
use self::wrap::Wrap;

/// What a terminal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It lives with the agent: it answers every question at once, and holds nothing back.
    Resident,
    /// It shows the agent: it never answers, and holds synchronized updates back until they are whole.
    Pane,
}

/// A terminal. See the module.
pub struct Emulator {
    role: Role,
    term: Term<Replies>,
    parser: Processor<Never>,
    scanner: Scanner,
    shadow: Shadow,
    replies: Replies,
    status: AgentStatus,
    /// The synchronized update being held back, and how many there were.
    held: Option<Vec<u8>>,
    updates: u64,
    scrollback: usize,
    faults: u32,
}

impl Emulator {
    /// The terminal that lives with the agent. A size that no terminal may have is cut to one it may.
    pub fn resident(columns: u16, rows: u16, scrollback: usize) -> Self {
        Self::new(Role::Resident, size(columns, rows), scrollback)
    }

    /// A terminal that shows what the agent's terminal shows.
    pub fn pane(columns: u16, rows: u16, scrollback: usize) -> Self {
        Self::new(Role::Pane, size(columns, rows), scrollback)
    }

    fn new(role: Role, size: Size, scrollback: usize) -> Self {
        let mut shadow = Shadow::new(size.columns);
        let replies = match role {
            Role::Resident => Replies::answering(),
            Role::Pane => {
                shadow.outward = Some(Spokesman::default());
                Replies::default()
            }
        };
        Self {
            role,
            term: new_term(size, scrollback, &replies),
            parser: Processor::new(),
            scanner: Scanner::default(),
            shadow,
            replies,
            status: AgentStatus::Unknown,
            held: None,
            updates: 0,
            scrollback,
            faults: 0,
        }
    }

    /// Takes the program's output.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.guard(|emulator| {
            let mut scanner = std::mem::take(&mut emulator.scanner);
            scanner.scan(bytes, |unit| emulator.take(unit));
            emulator.scanner = scanner;
        });
    }

    /// The answers to the questions the program asked, in their order, to be sent to it. Empty in a pane.
    pub fn take_replies(&mut self) -> Vec<u8> {
        self.replies.take()
    }

    /// While a synchronized update is held back: its number. Whoever sees a new number calls [`Emulator::release`]
    /// [`limits::SYNC_MS`] later, should the same update still be held.
    pub fn holding(&self) -> Option<u64> {
        self.held.as_ref().map(|_| self.updates)
    }

    /// Shows what is held back, whole or not.
    pub fn release(&mut self) {
        if let Some(held) = self.held.take() {
            self.guard(|emulator| Scanner::default().scan(&held, |unit| emulator.apply(unit)));
        }
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.release();
        let size = size(columns, rows);
        if (size.columns, size.rows) != (self.term.columns(), self.term.screen_lines()) {
            self.guard(|emulator| {
                emulator.resize_term(size);
                emulator.shadow.resize(size.columns);
            });
        }
    }

    /// Width and height.
    pub fn size(&self) -> (u16, u16) {
        let small = |value: usize| u16::try_from(value).expect("a size was a u16 when it was set");
        (small(self.term.columns()), small(self.term.screen_lines()))
    }

    /// Answers from what the terminal around is like now. Colours that it does not tell are those told last. The program
    /// hears of it when light became dark and it wanted to know.
    pub fn set_surroundings(&mut self, surroundings: Surroundings) {
        let old = self.shadow.surroundings;
        self.shadow.surroundings = Surroundings {
            foreground: surroundings.foreground.or(old.foreground),
            background: surroundings.background.or(old.background),
            ..surroundings
        };
        if self.shadow.wants_scheme && old.is_light() != self.shadow.surroundings.is_light() {
            self.replies.push(self.shadow.scheme_report().as_bytes());
        }
    }

    /// What the terminal around was like when it was told last.
    pub fn surroundings(&self) -> Surroundings {
        self.shadow.surroundings
    }

    /// Keeps so many lines that have scrolled off.
    pub fn keep(&mut self, scrollback: usize) {
        if std::mem::replace(&mut self.scrollback, scrollback) != scrollback {
            self.term.set_options(config(scrollback));
        }
    }

    /// How many lines that have scrolled off are kept.
    pub fn scrollback(&self) -> usize {
        self.scrollback
    }

    /// Where the agent stands, by its own reports.
    pub fn status(&self) -> &AgentStatus {
        &self.status
    }

    /// The title the program gave; empty when it gave none.
    pub fn title(&self) -> &str {
        &self.shadow.title
    }

    /// How often the program rang the bell or notified its user.
    pub fn bells(&self) -> u64 {
        self.shadow.bells
    }

    /// What the program said to the world outside of its pane since this was asked last. Empty but in a pane.
    pub fn take_outward(&mut self) -> Vec<Outward> {
        self.shadow.outward.as_mut().map_or_else(Vec::new, Spokesman::take)
    }

    /// How often all the scrollback was dropped: who keeps older lines elsewhere drops them as well.
    pub fn forgotten(&self) -> u64 {
        self.shadow.forgotten
    }

    /// How often the terminal had to start anew because the program's output broke it.
    pub fn faults(&self) -> u32 {
        self.faults
    }

    /// The terminal underneath, for drawing: grid, modes, cursor, selection.
    pub fn term(&self) -> &Term<Replies> {
        &self.term
    }

    /// The terminal underneath, for what the user does to it: scrolling back, selecting, searching.
    pub fn term_mut(&mut self) -> &mut Term<Replies> {
        &mut self.term
    }

    /// Takes one unit, or holds it back.
    fn take(&mut self, unit: Unit<'_>) {
        match (unit, &mut self.held) {
            (Unit::Csi(b"\x1b[?2026h"), held) => {
                // One that begins within another is part of it: what is held back is held back no longer for that.
                if self.role == Role::Pane && held.is_none() {
                    *held = Some(Vec::new());
                    self.updates += 1;
                }
            }
            (Unit::Csi(b"\x1b[?2026l"), _) => self.release(),
            (unit, None) => self.apply(unit),
            (unit, Some(held)) => {
                match unit {
                    Unit::Plain(bytes) | Unit::Csi(bytes) => held.extend(bytes),
                    Unit::Osc { payload, terminator } => {
                        held.extend([b"\x1b]", payload, terminator].concat());
                    }
                    // Nothing is held back where questions are answered.
                    Unit::Question(_) => {}
                }
                if held.len() > limits::SYNC_BYTES {
                    self.release();
                }
            }
        }
    }

    /// Does what one unit says.
    fn apply(&mut self, unit: Unit<'_>) {
        match unit {
            Unit::Plain(bytes) => self.advance(bytes),
            Unit::Csi(sequence) => self.apply_csi(sequence),
            Unit::Osc { payload, terminator } => self.apply_osc(payload, terminator),
            Unit::Question(payload) => {
                self.replies.push(answers::answer(payload, &self.term, &self.shadow).as_bytes());
            }
        }
    }

    fn apply_csi(&mut self, sequence: &[u8]) {
        match sequence {
            b"\x1b[>q" | b"\x1b[>0q" => self.replies.push(replies::version().as_bytes()),
            b"\x1b[16t" => {
                let (height, width) = (replies::CELL_HEIGHT, replies::CELL_WIDTH);
                self.replies.push(format!("\x1b[6;{height};{width}t").as_bytes());
            }
            b"\x1b[?6n" => {
                let report = self.wrap().cursor_report();
                self.replies.push(format!("\x1b[?{report}").as_bytes());
            }
            b"\x1b[!p" => self.wrap().reset_softly(),
            INDEX => self.wrap().index(),
            [.., b'b'] => self.repeat(sequence),
            b"\x1b[?996n" => self.replies.push(self.shadow.scheme_report().as_bytes()),
            _ => self.advance(sequence),
        }
    }

    fn apply_osc(&mut self, payload: &[u8], terminator: &[u8]) {
        match status::read(payload) {
            Some(Told::Query) => self.replies.push(&[b"\x1b]", payload, terminator].concat()),
            Some(Told::Status(status)) => self.status = status,
            Some(Told::Prompt) => match self.status {
                AgentStatus::Idle | AgentStatus::Working | AgentStatus::Blocked { .. } => {
                    self.status = AgentStatus::Unknown;
                }
                AgentStatus::Unknown | AgentStatus::Done | AgentStatus::Error { .. } => {}
            },
            Some(Told::Attention) => {
                self.shadow.bells += 1;
                self.tell_notification(payload);
            }
            Some(Told::Nothing) => self.tell_notification(payload),
            None => self.advance(&[b"\x1b]", payload, terminator].concat()),
        }
    }

    /// A notification, or a part of one.
    fn tell_notification(&mut self, payload: &[u8]) {
        if let Some(outward) = self.shadow.outward.as_mut().filter(|_| status::may_notify(payload)) {
            outward.notify(payload);
        }
    }

    /// Repeats the last character. More than fills the screen would only scroll: of that, whole rows are left out.
    fn repeat(&mut self, sequence: &[u8]) {
        let digits = sequence.get(2..sequence.len() - 1).and_then(|digits| std::str::from_utf8(digits).ok());
        let area = self.term.columns() * self.term.screen_lines();
        match digits.and_then(|digits| digits.parse::<usize>().ok()).filter(|count| *count > area) {
            Some(count) => {
                let count = area + (count.min(usize::from(u16::MAX)) - area) % self.term.columns();
                self.advance(format!("\x1b[{count}b").as_bytes());
            }
            None => self.advance(sequence),
        }
    }

    /// Hands whole units to the parser.
    fn advance(&mut self, bytes: &[u8]) {
        let mut wrap = Wrap { term: &mut self.term, shadow: &mut self.shadow, replies: &self.replies };
        self.parser.advance(&mut wrap, bytes);
    }

    fn wrap(&mut self) -> Wrap<'_> {
        Wrap { term: &mut self.term, shadow: &mut self.shadow, replies: &self.replies }
    }

    /// The last wall: whatever breaks the terminal costs its screen, not the program around it.
    fn guard(&mut self, action: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| action(self))).is_err() {
            let size = Size { columns: self.shadow.tabs.len(), rows: self.term.screen_lines().max(1) };
            self.term = new_term(size, self.scrollback, &self.replies);
            self.parser = Processor::new();
            self.scanner = Scanner::default();
            self.held = None;
            self.shadow.reset();
            self.faults += 1;
        }
    }
}

/// Columns and rows of a terminal that may be.
#[derive(Clone, Copy, Debug)]
struct Size {
    columns: usize,
    rows: usize,
}

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        self.rows
    }

    fn screen_lines(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }
}

fn size(columns: u16, rows: u16) -> Size {
    let columns = columns.clamp(*limits::COLUMNS.start(), *limits::COLUMNS.end());
    let rows = rows.clamp(*limits::ROWS.start(), *limits::ROWS.end());
    Size { columns: usize::from(columns), rows: usize::from(rows) }
}

fn new_term(size: Size, scrollback: usize, replies: &Replies) -> Term<Replies> {
    let mut term = Term::new(config(scrollback), &size, replies.clone());
    set_usual_modes(&mut term);
    term
}

fn config(scrollback: usize) -> Config {
    Config { scrolling_history: scrollback, kitty_keyboard: true, ..Config::default() }
}

/// The modes of a new terminal. That the wheel is the arrow keys on the alternate screen has to be asked for, as in the
/// terminals of old: the one underneath has it the other way round.
pub fn usual_modes() -> TermMode {
    TermMode::default() - TermMode::ALTERNATE_SCROLL
}

/// Brings a terminal that was just made or reset to [`usual_modes`].
fn set_usual_modes(term: &mut Term<Replies>) {
    term.unset_private_mode(PrivateMode::Named(NamedPrivateMode::AlternateScroll));
}

/// The parser's own way of holding synchronized updates, never used: the scanner sees them first.
#[derive(Default)]
struct Never;

impl Timeout for Never {
    fn set_timeout(&mut self, _: Duration) {}

    fn clear_timeout(&mut self) {}

    fn pending_timeout(&self) -> bool {
        false
    }
}
