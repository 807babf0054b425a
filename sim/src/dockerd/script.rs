//! The agent that stands in for a real one: it echoes what is typed, and does what its command line and what is typed
//! tell it, in simulated time.

use std::collections::VecDeque;
use std::time::Duration;

/// Longest line of typed words that is read as an order.
const LINE_BYTES: usize = 4_096;
/// Output made at once.
const PIECE_BYTES: usize = 64 * 1_024;

/// One thing that an agent does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It says this. As a word: `--say=TEXT`
    Say(String),
    /// It writes so many bytes, in numbered lines. As a word: `--flood=BYTES`
    Flood(usize),
    /// It does nothing for so long, and then goes on. As a word: `--wait=MILLISECONDS`
    Wait(Duration),
    /// It reports where it stands (OSC 7501). As a word: `--report=working`
    Report(String),
    /// It takes more memory than there is. As a word: `--eat-memory`
    EatMemory,
    /// It leaves. As a word: `--exit=CODE`
    Exit(i32),
}

impl Step {
    /// Reads a word; `None` when it is no order.
    pub fn parse(word: &str) -> Option<Self> {
        if word == "--eat-memory" {
            return Some(Self::EatMemory);
        }
        let (name, value) = word.split_once('=')?;
        Some(match name {
            "--say" => Self::Say(value.to_owned()),
            "--flood" => Self::Flood(value.parse().ok()?),
            "--wait" => Self::Wait(Duration::from_millis(value.parse().ok()?)),
            "--report" => Self::Report(value.to_owned()),
            "--exit" => Self::Exit(value.parse().ok()?),
            _ => return None,
        })
    }
}

/// How an agent ended of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It left with this code.
    Left(i32),
    /// It was ended for want of memory.
    OutOfMemory,
}

/// An agent that runs.
pub(super) struct Agent {
    steps: VecDeque<Step>,
    /// Until when it does nothing.
    waits_until: Option<Duration>,
    line: Vec<u8>,
    is_in_sequence: bool,
    ignores_term: bool,
    flooded: u64,
}

impl Agent {
    /// Starts `argv`. Words that are no orders mean nothing to it; `--ignore-term` makes it stay when told to leave.
    pub(super) fn start(argv: &[String]) -> Self {
        Self {
            steps: argv.iter().filter_map(|word| Step::parse(word)).collect(),
            waits_until: None,
            line: Vec::new(),
            is_in_sequence: false,
            ignores_term: argv.iter().any(|word| word == "--ignore-term"),
            flooded: 0,
        }
    }

    /// Whether it stays when it is told to leave.
    pub(super) fn ignores_term(&self) -> bool {
        self.ignores_term
    }

    /// When it wants to go on.
    pub(super) fn due(&self) -> Option<Duration> {
        self.waits_until
    }

    /// Does what it has to do by `now`, and gives its output to `show` piece by piece.
    pub(super) fn advance(&mut self, now: Duration, show: &mut dyn FnMut(&[u8])) -> Option<End> {
        loop {
            if self.waits_until.is_some_and(|until| now < until) {
                return None;
            }
            let began = self.waits_until.take().unwrap_or(now);
            match self.steps.pop_front()? {
                Step::Say(text) => show(format!("{text}\r\n").as_bytes()),
                Step::Flood(bytes) => self.flood(bytes, show),
                Step::Wait(time) => self.waits_until = Some(began + time),
                Step::Report(state) => show(format!("\x1b]7501;state={state}\x1b\\").as_bytes()),
                Step::EatMemory => return Some(End::OutOfMemory),
                Step::Exit(code) => return Some(End::Left(code)),
            }
        }
    }

    /// Takes what was typed: it is echoed, and a line of orders is obeyed.
    pub(super) fn read(&mut self, typed: &[u8], show: &mut dyn FnMut(&[u8])) {
        let mut echo = Vec::with_capacity(typed.len());
        for byte in typed {
            match byte {
                // Keys without a character, and what the terminal answers: none of it is shown.
                0x1b => self.is_in_sequence = true,
                0x40..=0x5a | 0x5c..=0x7e if self.is_in_sequence => self.is_in_sequence = false,
                _ if self.is_in_sequence => {}
                b'\r' => {
                    echo.extend_from_slice(b"\r\n");
                    let line = std::mem::take(&mut self.line);
                    let line = String::from_utf8_lossy(&line);
                    self.steps.extend(line.split_ascii_whitespace().filter_map(Step::parse));
                }
                0x20.. => {
                    echo.push(*byte);
                    if self.line.len() < LINE_BYTES {
                        self.line.push(*byte);
                    }
                }
                _ => {}
            }
        }
        show(&echo);
    }

    /// Writes numbered lines, so that one that is missing or comes twice is seen.
    fn flood(&mut self, mut left: usize, show: &mut dyn FnMut(&[u8])) {
        while left > 0 {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            while piece.len() < left.min(PIECE_BYTES) {
                self.flooded += 1;
                piece.extend_from_slice(format!("line {:>10}\r\n", self.flooded).as_bytes());
            }
            piece.truncate(left);
            left -= piece.len();
            show(&piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    fn advance(agent: &mut Agent, at_ms: u64) -> (String, Option<End>) {
        let mut shown = Vec::new();
        let end = agent.advance(Duration::from_millis(at_ms), &mut |bytes| shown.extend_from_slice(bytes));
        (String::from_utf8(shown).unwrap(), end)
    }

    #[test]
    fn it_does_what_its_words_say_in_time() {
        let mut agent = Agent::start(&words("claude --say=hello --wait=50 --flood=20 --exit=7"));
        assert_eq!(advance(&mut agent, 100), ("hello\r\n".into(), None));
        assert_eq!(agent.due(), Some(Duration::from_millis(150)));
        assert_eq!(advance(&mut agent, 149), (String::new(), None));
        assert_eq!(advance(&mut agent, 150), ("line          1\r\nlin".into(), Some(End::Left(7))));
    }

    #[test]
    fn it_echoes_and_obeys_what_is_typed() {
        let mut agent = Agent::start(&words("claude"));
        let mut shown = Vec::new();
        agent.read(b"hi\x1b[?62;c --ex", &mut |bytes| shown.extend_from_slice(bytes));
        agent.read(b"it=3\r", &mut |bytes| shown.extend_from_slice(bytes));
        assert_eq!(String::from_utf8(shown).unwrap(), "hi --exit=3\r\n");
        assert_eq!(advance(&mut agent, 0).1, Some(End::Left(3)));
    }

    #[test]
    fn a_flood_is_as_long_as_was_asked_for() {
        let mut agent = Agent::start(&words("x --flood=1000003"));
        assert_eq!(advance(&mut agent, 0).0.len(), 1_000_003);
    }
}
