//! Who this process is and whether another one lives, from `/proc`: a pid alone proves nothing, since pids
//! are used again.

use std::fs;
use std::io;

use ccells_core::ports::{Process, ProcessId};
use rustix::io::Errno;

/// The processes of this machine.
#[derive(Clone, Debug)]
pub struct RealProcess {
    me: ProcessId,
}

impl RealProcess {
    /// Reads who we are. Where `/proc` is missing, start and boot are unknown: zero and empty.
    pub fn new() -> Self {
        let pid = std::process::id();
        let start_ticks = read_stat(pid).ok().flatten().map_or(0, |stat| stat.start_ticks);
        Self { me: ProcessId { pid, start_ticks, boot_id: boot_id() } }
    }

    /// Whether that very process stands still: stopped by a signal or held by a debugger.
    pub fn is_stopped(&self, process: &ProcessId) -> bool {
        let stat = read_stat(process.pid).ok().flatten();
        stat.is_some_and(|stat| stat.start_ticks == process.start_ticks && stat.is_stopped)
    }
}

impl Default for RealProcess {
    fn default() -> Self {
        Self::new()
    }
}

impl Process for RealProcess {
    fn me(&self) -> ProcessId {
        self.me.clone()
    }

    fn is_alive(&self, process: &ProcessId) -> Option<bool> {
        if process.boot_id.is_empty() || self.me.boot_id.is_empty() {
            return None;
        }
        if process.boot_id != self.me.boot_id {
            return Some(false);
        }
        let has_gone = |error: &io::Error| {
            // The latter: it ended between the opening and the reading.
            error.kind() == io::ErrorKind::NotFound
                || error.raw_os_error() == Some(Errno::SRCH.raw_os_error())
        };
        match read_stat(process.pid) {
            Ok(stat) => stat.map(|stat| stat.start_ticks == process.start_ticks && !stat.has_ended),
            Err(error) => has_gone(&error).then_some(false),
        }
    }
}

/// Whether any process has that number, one that only waits to be reaped aside.
pub fn is_in_use(pid: u32) -> bool {
    matches!(read_stat(pid), Ok(Some(stat)) if !stat.has_ended)
}

/// Which boot of the machine this is; empty where the kernel does not say.
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| String::new(), |text| text.trim().to_owned())
}

struct Stat {
    start_ticks: u64,
    has_ended: bool,
    is_stopped: bool,
}

fn read_stat(pid: u32) -> io::Result<Option<Stat>> {
    Ok(parse_stat(&String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat"))?)))
}

/// The fields after the program's name, which may itself hold blanks and brackets: state is field 3, start is
/// field 22.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    let start_ticks = fields.nth(18)?.parse().ok()?;
    Some(Stat {
        start_ticks,
        has_ended: matches!(state, "Z" | "X" | "x"),
        is_stopped: matches!(state, "T" | "t"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_program_name_does_not_move_the_fields() {
        let line = "42 (a) R 1 2) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 777123 1 1";
        let stat = parse_stat(line).expect("a whole line");
        assert_eq!(stat.start_ticks, 777_123);
        assert!(!stat.has_ended);
        for bad in
            ["", "42", "42 (a", "42 (a) S 1 2", "42 (a) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 x"]
        {
            assert!(parse_stat(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn we_live_and_our_pid_at_another_time_does_not() {
        let process = RealProcess::new();
        let me = process.me();
        assert!(me.start_ticks > 0 && !me.boot_id.is_empty());
        assert_eq!(process.is_alive(&me), Some(true));
        assert_eq!(
            process.is_alive(&ProcessId { start_ticks: me.start_ticks + 1, ..me.clone() }),
            Some(false)
        );
        assert_eq!(process.is_alive(&ProcessId { boot_id: "another".to_owned(), ..me.clone() }), Some(false));
        assert_eq!(process.is_alive(&ProcessId { boot_id: String::new(), ..me.clone() }), None);
        assert_eq!(process.is_alive(&ProcessId { pid: u32::MAX, ..me }), Some(false));
    }

    #[test]
    fn a_child_that_ended_is_dead_even_before_it_is_reaped() {
        let process = RealProcess::new();
        let mut child = std::process::Command::new("true").spawn().expect("`true` is everywhere");
        let stat = loop {
            match read_stat(child.id()) {
                Ok(Some(stat)) if stat.has_ended => break stat,
                _ => std::thread::yield_now(),
            }
        };
        let id = ProcessId { pid: child.id(), start_ticks: stat.start_ticks, boot_id: process.me().boot_id };
        assert_eq!(process.is_alive(&id), Some(false));
        child.wait().expect("it is our child");
        assert_eq!(process.is_alive(&id), Some(false));
    }
}
