//! What must come to pass in enough worlds: a simulator that never meets its weather proves nothing.

use crate::campaign::Tally;

/// Every row must come to pass in more than this many of ten thousand worlds.
pub const LEAST: u64 = 50;

/// What must come to pass sometimes.
pub const ROWS: [&str; 82] = [
    "SIGKILL",
    "power loss",
    "stopped process",
    "machine asleep",
    "clock step",
    "crash at a step",
    "crash during a save",
    "crash before create lands",
    "crash after create, before its reply",
    "crash during recovery",
    "crash during the end",
    "takeover after a crash",
    "second run refused",
    "late landing",
    "lost reply",
    "slow engine",
    "engine error",
    "hung engine",
    "stuck container",
    "made again",
    "pulled image",
    "failed pull",
    "abandoned pull",
    "engine restart",
    "engine restart with live-restore",
    "quit with a hung engine",
    "quit with a request in flight",
    "adopted by name and labels",
    "adopted stranger",
    "meddling",
    "an answer twice",
    "disk error",
    "degraded disk",
    "damaged file",
    "git error",
    "cancelled creation",
    "refused to lose work",
    "settling removal",
    "brought back",
    "merged",
    "refused merge",
    "rebased",
    "stopped rebase",
    "refused rebase",
    "crash in a move",
    "pushed",
    "forced push",
    "refused push",
    "crash in a push",
    "settled in a later run",
    "clean exit",
    "exit in a hurry",
    "survivor",
    "verb",
    "reconcile",
    "crash during the recovery of a recovery",
    "takeover after a reboot",
    "orderly reboot",
    "unsynced bytes lost",
    "failed sync",
    "torn write",
    "full disk",
    "read-only disk",
    "device error",
    "pid reuse",
    "prune",
    "paused behind our back",
    "removed behind our back",
    "frozen clock",
    "asleep over a listing",
    "name taken by a stranger",
    "engine forgot a creation",
    "missing directory",
    "no locks",
    "careful run",
    "stream lost, agent alive",
    "killed between rename and sync",
    "cancelled before its intent",
    "cancelled in git",
    "cancelled at its container",
    "cancelled at its start",
    "cancelled at its end",
];

/// The rows that came to pass too seldom, with how often they did.
pub fn missing(tally: &Tally) -> Vec<(&'static str, u64)> {
    let count = |row: &'static str| (row, tally.seen.get(row).copied().unwrap_or(0));
    ROWS.into_iter().map(count).filter(|(_, count)| count * 10_000 <= LEAST * tally.worlds).collect()
}

/// The table, for people.
pub fn table(tally: &Tally) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for row in ROWS {
        let count = tally.seen.get(row).copied().unwrap_or(0);
        let share = count * 10_000 / tally.worlds.max(1);
        let _ = writeln!(text, "{:>7}.{:02} %  {count:>8}  {row}", share / 100, share % 100);
    }
    text
}
