//! Who is measured: ccells, tmux, zellij where it is installed, and no multiplexer at all; each with the same programs
//! in its panes and in the same terminal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ccells_tests::agents::{self, ready_sign};
use ccells_tests::holders::Holders;
use ccells_tests::viewer;

use crate::outer::{Outer, SIZE};
use crate::processes;

/// The program of this package, which runs the viewer and the agents.
pub(crate) const RIG: &str = env!("CARGO_BIN_EXE_ccells-rig");

/// One who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// The program alone in the terminal.
    Bare,
    /// tmux.
    Tmux,
    /// zellij.
    Zellij,
    /// The screen of ccells, and a holder for every pane.
    Ccells,
}

impl Peer {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Tmux => "tmux",
            Self::Zellij => "zellij",
            Self::Ccells => "ccells",
        }
    }

    /// Whether it can be measured here.
    pub(crate) fn is_here(self) -> bool {
        match self {
            Self::Bare | Self::Ccells => true,
            Self::Tmux | Self::Zellij => {
                let places = std::env::var_os("PATH").unwrap_or_default();
                std::env::split_paths(&places).any(|place| place.join(self.name()).exists())
            }
        }
    }
}

/// A peer at work.
pub(crate) struct Running {
    /// The terminal it is in.
    pub(crate) outer: Outer,
    peer: Peer,
    room: PathBuf,
    /// Processes that show the panes.
    pub(crate) viewers: Vec<u32>,
    /// Processes that hold the agents, where those are others.
    holders: Option<Holders>,
}

impl Running {
    /// Starts `peer` with one pane for each of `programs` (the words for [`agents::run`]), and waits until all
    /// of them are shown. Keys go to the first one.
    pub(crate) fn start(peer: Peer, room: &Path, programs: &[Vec<String>]) -> Self {
        static TURN: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let turn = TURN.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let room = room.join(format!("{}-{turn}", peer.name()));
        fs::create_dir(&room).expect("the bench's directory takes a directory");
        let line = |(pane, words): (usize, &Vec<String>)| {
            agents::line(RIG, pane, &words.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let lines: Vec<Vec<String>> = programs.iter().enumerate().map(line).collect();
        let mut holders = None;
        let command = match peer {
            Peer::Bare => command(&lines[0]),
            Peer::Tmux => tmux(&room, &lines),
            Peer::Zellij => zellij(&room, &lines),
            Peer::Ccells => {
                holders = Some(Holders::start(&room, &lines));
                viewer::command(RIG, &room, lines.len())
            }
        };
        let mut outer = Outer::open(&command);
        let signs: Vec<String> = (0..lines.len()).map(|pane| ready_sign(pane).to_string()).collect();
        outer.wait_for_all(&signs);
        if peer == Peer::Ccells {
            outer.keys(b"i");
            outer.wait_for("INPUT");
        }
        outer.drain(Duration::from_millis(300));
        let mut viewers = vec![outer.pid()];
        if let Some(server) = server(peer, &room) {
            viewers.push(server);
        }
        Self { outer, peer, room, viewers, holders }
    }

    /// Processor time of what shows the panes, and of what holds the agents.
    pub(crate) fn cpu(&self) -> (Duration, Duration) {
        let holders = self.holders.iter().flat_map(Holders::pids).map(processes::cpu).sum();
        (self.viewers.iter().map(|pid| processes::cpu(*pid)).sum(), holders)
    }

    /// Wake-ups of what shows the panes, and of what holds the agents.
    pub(crate) fn wakeups(&self) -> (u64, u64) {
        let holders = self.holders.iter().flat_map(Holders::pids).map(processes::wakeups).sum();
        (self.viewers.iter().map(|pid| processes::wakeups(*pid)).sum(), holders)
    }

    /// Memory of what shows the panes, and of what holds the agents, in MB.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let holders = self.holders.iter().flat_map(Holders::pids).map(processes::memory).sum();
        (self.viewers.iter().map(|pid| processes::memory(*pid)).sum(), holders)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        match self.peer {
            Peer::Tmux => {
                let _gone = tmux_command(&self.room).arg("kill-server").status();
            }
            Peer::Zellij => {
                let session = session(&self.room);
                let _gone = Command::new("zellij").args(["delete-session", "--force", &session]).output();
            }
            Peer::Bare | Peer::Ccells => {}
        }
    }
}

fn command(line: &[String]) -> Command {
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]);
    command
}

fn session(room: &Path) -> String {
    let name = room.file_name().and_then(|name| name.to_str()).expect("we named it");
    format!("ccells-bench-{}-{name}", std::process::id())
}

fn tmux_command(room: &Path) -> Command {
    let mut command = Command::new("tmux");
    command.args(["-L", &session(room), "-u", "-f"]).arg(room.join("tmux.conf"));
    command
}

fn tmux(room: &Path, lines: &[Vec<String>]) -> Command {
    let options = "set -g status off\nset -g history-limit 10000\nset -s escape-time 0\n\
        set -g default-terminal screen-256color\n";
    fs::write(room.join("tmux.conf"), options).expect("the bench's directory takes a file");
    let mut command = tmux_command(room);
    command.args(["new-session", &lines[0].join(" ")]);
    for line in &lines[1..] {
        command.args([";", "split-window", "-d", &line.join(" "), ";", "select-layout", "tiled"]);
    }
    command
}

fn zellij(room: &Path, lines: &[Vec<String>]) -> Command {
    use std::fmt::Write as _;

    let mut layout = String::from("layout {\n");
    for line in lines {
        let words: Vec<String> = line[1..].iter().map(|word| format!("{word:?}")).collect();
        let _ = writeln!(layout, "pane command={:?} {{ args {} }}", line[0], words.join(" "));
    }
    layout.push_str("}\n");
    let options = "default_mode \"locked\"\npane_frames false\nshow_startup_tips false\n\
        show_release_notes false\nscroll_buffer_size 10000\nsession_serialization false\n";
    fs::write(room.join("layout.kdl"), layout).expect("the bench's directory takes a file");
    fs::write(room.join("config.kdl"), options).expect("the bench's directory takes a file");
    let mut command = Command::new("zellij");
    command.arg("--config").arg(room.join("config.kdl")).args(["--session", &session(room)]);
    command.arg("--new-session-with-layout").arg(room.join("layout.kdl"));
    command
}

/// The process behind the one in the terminal, where there is one.
fn server(peer: Peer, room: &Path) -> Option<u32> {
    match peer {
        Peer::Bare | Peer::Ccells => None,
        Peer::Tmux => {
            let told = tmux_command(room).args(["display-message", "-p", "#{pid}"]).output().ok()?;
            String::from_utf8(told.stdout).ok()?.trim().parse().ok()
        }
        Peer::Zellij => {
            let found =
                Command::new("pgrep").args(["-f", &format!("--server.*{}", session(room))]).output().ok()?;
            String::from_utf8(found.stdout).ok()?.lines().next()?.trim().parse().ok()
        }
    }
}

/// The size that one pane alone has, roughly.
pub(crate) const PANE: (u16, u16) = (SIZE.0, SIZE.1 - 2);
