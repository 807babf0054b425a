//! Holders on this machine, one for each pane, each below the directory that a workstream would have.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ccells_shell::holder_binary::HOLDER;

/// How long a holder may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Holders at work. They end, and their programs with them, when this is dropped.
pub struct Holders {
    children: Vec<Child>,
}

impl Holders {
    /// Starts one below `room` for each of `lines`, the command lines of their programs.
    pub fn start(room: &Path, lines: &[Vec<String>]) -> Self {
        let binary = room.join("ccells-holder");
        fs::write(&binary, HOLDER).expect("the directory takes a file");
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o700)).expect("it is ours");
        let mut holders = Self { children: Vec::new() };
        for (pane, line) in lines.iter().enumerate() {
            let run = room.join(pane.to_string()).join("run");
            fs::create_dir_all(&run).expect("the directory takes a directory");
            let socket = run.join("holder.sock");
            let mut holder = Command::new(&binary);
            holder.args(["serve", "--socket"]).arg(&socket).arg("--").args(line);
            holder.env("TERM", "xterm-256color").env("LANG", "C.UTF-8").env_remove("NO_COLOR");
            holder.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let until = Instant::now() + PATIENCE;
            // A process that another test starts just now has the file open still, until it is another program.
            let child = loop {
                match holder.spawn() {
                    Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && Instant::now() < until => {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    started => break started.expect("the holder starts"),
                }
            };
            holders.children.push(child);
            while !socket.exists() {
                assert!(Instant::now() < until, "the holder of pane {pane} does not listen");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        holders
    }

    /// Their processes.
    pub fn pids(&self) -> impl Iterator<Item = u32> {
        self.children.iter().map(Child::id)
    }
}

impl Drop for Holders {
    fn drop(&mut self) {
        for holder in &mut self.children {
            let pid = rustix::process::Pid::from_child(holder);
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ended = holder.wait();
        }
    }
}
