//! What the system tells of processes: processor time, wake-ups, memory.

use std::fs;
use std::time::Duration;

/// Processor time of the threads that a process has.
pub(crate) fn cpu(pid: u32) -> Duration {
    let of_thread = |text: String| text.split_whitespace().next()?.parse::<u64>().ok();
    Duration::from_nanos(threads(pid, "schedstat").into_iter().filter_map(of_thread).sum())
}

/// How often the threads of a process went to sleep and were woken again.
pub(crate) fn wakeups(pid: u32) -> u64 {
    let of_thread = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    };
    threads(pid, "status").into_iter().filter_map(of_thread).sum()
}

/// A file of every thread of a process.
fn threads(pid: u32, name: &str) -> Vec<String> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join(name)).ok()).collect()
}

/// Memory of a process in MB, with its share of what others use as well.
pub(crate) fn memory(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or("0 kB");
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().unwrap_or(0.0);
    kilobytes / 1_024.0
}
