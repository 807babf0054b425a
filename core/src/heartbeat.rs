//! When to beat, and what a beat, a lock and a process table together prove about another run.

use crate::limits::{BEAT_FUTURE_MS, BEAT_STALE_MS};
use crate::ports::ProcessId;
use crate::record::BeatRecord;
use crate::time::{Mono, Wall};

/// The verdict on another run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It lives, also when it is stopped, suspended or its beat is old.
    Alive,
    /// It is gone: what it owned may be taken over.
    Dead,
    /// Nobody can tell. Leads to a question, never to a deletion.
    Suspect,
}

/// What trying its lock showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockEvidence {
    /// We got it: the kernel says that the owner is gone.
    Free,
    /// Somebody holds it.
    Held,
    /// Locks do not work here (a network file system).
    Unusable,
}

/// All that can be known of another run without waiting.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// Its lock.
    pub lock: LockEvidence,
    /// Its last beat, when it could be read.
    pub beat: Option<&'a BeatRecord>,
    /// Whether its process lives, where that can be told.
    pub is_process_alive: Option<bool>,
    /// This machine's boot.
    pub boot_id: &'a str,
    /// Whether the run was on this machine.
    pub is_same_host: bool,
}

/// Judges a run: first answer wins. A wall clock alone never proves a death.
pub fn judge(evidence: &Evidence<'_>) -> Liveness {
    match evidence.lock {
        LockEvidence::Free => return Liveness::Dead,
        LockEvidence::Held => return Liveness::Alive,
        LockEvidence::Unusable => {}
    }
    let Some(beat) = evidence.beat else { return Liveness::Suspect };
    if !evidence.is_same_host {
        return Liveness::Suspect;
    }
    if beat.boot_id != evidence.boot_id {
        return Liveness::Dead;
    }
    match evidence.is_process_alive {
        Some(true) => Liveness::Alive,
        Some(false) => Liveness::Dead,
        None => Liveness::Suspect,
    }
}

/// Whether a beat is stale by its time alone (`IsHeartbeatStale`): a hint to look closer, never a verdict.
pub fn is_stale(beat: Option<&BeatRecord>, boot_id: &str, now: Wall) -> bool {
    let Some(beat) = beat else { return true };
    let at = beat.timestamp.saturating_mul(1_000);
    let is_old = now.0.saturating_sub(at) > BEAT_STALE_MS;
    let is_from_the_future = at.saturating_sub(now.0) > BEAT_FUTURE_MS;
    is_old || is_from_the_future || beat.boot_id != boot_id
}

/// The process a beat was made by.
pub fn process(beat: &BeatRecord) -> ProcessId {
    ProcessId { pid: beat.pid, start_ticks: beat.start_ticks, boot_id: beat.boot_id.clone() }
}

/// When the next beat is due, one period after the last one was.
pub fn next_beat(last: Mono) -> Mono {
    last.after(crate::limits::BEAT_MS)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::ids::{RepoId, RunId};

    fn beat(timestamp: u64) -> BeatRecord {
        BeatRecord {
            version: 1,
            pid: 42,
            timestamp,
            run: RunId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").unwrap(),
            repo_id: RepoId::parse("web-1a2b").unwrap(),
            sequence: 3,
            boot_id: "boot".to_string(),
            start_ticks: 9,
        }
    }

    #[test]
    fn a_beat_is_stale_after_thirty_seconds_or_from_another_boot() {
        let at = |seconds: u64| Wall(seconds * 1_000);
        assert!(!is_stale(Some(&beat(100)), "boot", at(100)));
        assert!(!is_stale(Some(&beat(100)), "boot", at(130)));
        assert!(is_stale(Some(&beat(100)), "boot", at(131)));
        assert!(!is_stale(Some(&beat(105)), "boot", at(100)));
        assert!(is_stale(Some(&beat(106)), "boot", at(100)));
        assert!(is_stale(Some(&beat(100)), "another", at(100)));
        assert!(is_stale(None, "boot", at(100)));
    }

    #[test]
    fn the_lock_decides_and_clocks_never_do() {
        let old = beat(1);
        let base = Evidence {
            lock: LockEvidence::Held,
            beat: Some(&old),
            is_process_alive: None,
            boot_id: "boot",
            is_same_host: true,
        };
        assert_eq!(judge(&base), Liveness::Alive, "held lock with an old beat");
        assert_eq!(
            judge(&Evidence { lock: LockEvidence::Free, is_process_alive: Some(true), ..base.clone() }),
            Liveness::Dead,
            "reused pid"
        );
        let unusable = Evidence { lock: LockEvidence::Unusable, ..base };
        assert_eq!(judge(&unusable), Liveness::Suspect);
        assert_eq!(judge(&Evidence { is_process_alive: Some(false), ..unusable.clone() }), Liveness::Dead);
        assert_eq!(judge(&Evidence { is_process_alive: Some(true), ..unusable.clone() }), Liveness::Alive);
        assert_eq!(judge(&Evidence { boot_id: "next", ..unusable.clone() }), Liveness::Dead, "rebooted");
        assert_eq!(
            judge(&Evidence { is_same_host: false, is_process_alive: Some(false), ..unusable }),
            Liveness::Suspect
        );
    }
}
