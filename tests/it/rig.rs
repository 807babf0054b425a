//! The screen of ccells in a terminal, over real holders of small programs, without an engine: what a person sees and does
//! where the engine plays no part.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ccells_tests::holders::Holders;
use ccells_tests::{agents, viewer};
use tempfile::TempDir;

use crate::harness::{SOON, eventually};
use crate::terminal::{ESCAPE, LEADER, Terminal};

/// The program of this package, which runs the viewer and the agents.
pub(crate) const RIG: &str = env!("CARGO_BIN_EXE_ccells-rig");

/// A program that has said 200 lines, asks, and says again what it hears.
pub(crate) const TALKER: &str =
    "i=1; while [ $i -le 200 ]; do echo \"line $i of the build\"; i=$((i+1)); done
printf 'what next? '; while read -r line; do echo \"heard: $line\"; done";

/// Holders, and the screen over them.
pub(crate) struct Rig {
    pub(crate) terminal: Terminal,
    pub(crate) room: PathBuf,
    _holders: Holders,
    _room: TempDir,
}

impl Rig {
    /// With so many talkers, in a terminal of 130x40.
    pub(crate) fn talkers(panes: usize) -> Self {
        let rig = Self::start(&vec![shell(TALKER); panes], (130, 40));
        rig.terminal.wait_until("all talkers, each as large as its pane", SOON, |screen| {
            let rows: Vec<&str> = screen.lines().collect();
            let is_last = |pair: &[&str]| pair[1].starts_with(['─', '━']) || pair[1].starts_with(" NAV");
            let mut asking = rows.windows(2).filter(|pair| pair[0].contains("what next?"));
            screen.matches("what next?").count() == panes && asking.all(is_last)
        });
        rig
    }

    /// With a pane for each of these command lines.
    pub(crate) fn start(lines: &[Vec<String>], size: (u16, u16)) -> Self {
        Self::start_with(lines, size, "")
    }

    /// The same with settings.
    pub(crate) fn start_with(lines: &[Vec<String>], (columns, rows): (u16, u16), settings: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let room = directory.path().to_owned();
        std::fs::create_dir_all(room.join("home/locks")).unwrap();
        if !settings.is_empty() {
            std::fs::write(room.join("home/config.toml"), settings).unwrap();
        }
        let holders = Holders::start(&room, lines);
        let command = viewer::command(RIG, &room, lines.len());
        let terminal = Terminal::open_sized(command, columns, rows);
        Self { terminal, room, _holders: holders, _room: directory }
    }

    /// Presses keys.
    pub(crate) fn keys(&self, keys: &str) {
        self.terminal.keys(keys);
    }

    /// Waits until the screen shows `wanted`.
    #[track_caller]
    pub(crate) fn see(&self, wanted: &str) -> String {
        self.terminal.wait_for(wanted)
    }

    /// Waits until the screen is as wanted.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is_wanted: impl Fn(&str) -> bool) -> String {
        self.terminal.wait_until(what, SOON, is_wanted)
    }

    /// Waits until the terminal was given `wanted`, of all that it ever was.
    #[track_caller]
    pub(crate) fn hear(&self, wanted: &str) {
        eventually(&format!("{wanted:?} is written to the terminal"), SOON, || {
            memchr::memmem::find(&self.terminal.bytes(), wanted.as_bytes()).map(|_| ())
        });
    }

    /// Changes the world; see [`ccells_tests::world::World::order`].
    pub(crate) fn order(&self, order: &str) {
        let place = viewer::orders(&self.room);
        eventually("the viewer listens", SOON, || place.exists().then_some(()));
        UnixDatagram::unbound().unwrap().send_to(order.as_bytes(), place).unwrap();
    }

    /// The mouse, as a terminal tells of it: what, and where, counted from 0.
    pub(crate) fn mouse(&self, what: u16, column: u16, row: u16, is_up: bool) {
        let end = if is_up { 'm' } else { 'M' };
        self.keys(&format!("\x1b[<{what};{};{}{end}", column + 1, row + 1));
    }

    /// A click of the left button.
    pub(crate) fn click(&self, column: u16, row: u16) {
        self.mouse(0, column, row, false);
        self.mouse(0, column, row, true);
    }

    /// Leaves whatever lies above the panes, one after the other, until keys steer ccells and nothing else.
    #[track_caller]
    pub(crate) fn calm(&self) {
        let until = Instant::now() + SOON;
        let mut was_calm = false;
        loop {
            let screen = self.terminal.screen();
            let mode = screen.lines().next_back().unwrap_or_default().split_whitespace().next();
            let is_calm = mode == Some("NAV");
            if is_calm && was_calm {
                return;
            }
            assert!(Instant::now() < until, "something stays above the panes:\n{screen}");
            if !is_calm {
                self.keys(if mode == Some("INPUT") { LEADER } else { ESCAPE });
            }
            // Escape is a key of its own only when nothing follows it, and a frame may be half drawn.
            std::thread::sleep(Duration::from_millis(100));
            was_calm = is_calm;
        }
    }

    /// Quits, and holds that everything is as it was: the terminal is a shell's again, and nothing is left of the screen.
    #[track_caller]
    pub(crate) fn quit(mut self) {
        self.calm();
        self.keys("q");
        self.see("Quit ccells");
        self.keys("k");
        self.expect_end();
    }

    /// Holds that the viewer ended well.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        self.terminal.end(Duration::from_secs(30)).expect(0);
        self.terminal.settle();
        assert!(!self.terminal.is_taken(), "the screen is given back");
        assert!(self.terminal.is_cooked(), "the keys are given back");
        let said = std::fs::read_to_string(viewer::last_words(&self.room)).unwrap();
        assert_eq!(said, "Left, 0 tasks");
        // A task that panics ends nothing, and tells.
        let panicked = memchr::memmem::find(&self.terminal.bytes(), b"panicked at");
        assert_eq!(panicked, None, "a task panicked");
    }
}

/// A shell that does this.
pub(crate) fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

/// The program of the rig that `words` name, for this pane.
pub(crate) fn agent(pane: usize, words: &[&str]) -> Vec<String> {
    agents::line(RIG, pane, words)
}
