//! What has no end is not stored. Alone in its process, because it weighs the process.

use ccells_holder::emulator::Emulator;

#[path = "hostile/corpus.rs"]
mod corpus;

/// How much of each attack is sent.
const ATTACK_BYTES: usize = 256 * 1_024;

#[test]
fn endless_strings_do_not_grow_the_terminal() {
    fn resident_kib() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
    let mebibyte = vec![b'A'; 1 << 20];
    for start in ["\x1b]0;", "\x1bP+q", "\x1b_G", "\x1b[", "\x1b]8;;", "\x1b]7501;", "\x1b(", "\x1b[?2026h"] {
        let mut emulator = Emulator::pane(80, 24, 100);
        emulator.feed(start.as_bytes());
        let before = resident_kib();
        for _ in 0..20 {
            emulator.feed(&mebibyte);
        }
        let grown = resident_kib().saturating_sub(before);
        assert!(grown < 10 * 1_024, "{start:?} grew the process by {grown} KiB");
    }
    let mut emulator = Emulator::resident(80, 24, 100);
    let before = resident_kib();
    for _ in 0..10 {
        emulator.feed(&"\u{301}".repeat(1 << 19).into_bytes());
        emulator.feed(&b"\x1b[>1u\x1b[22t\x1b]2;a title\x07".repeat(10_000));
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 10 * 1_024, "marks and pushes grew the process by {grown} KiB");
    assert_eq!(emulator.faults(), 0);
    drop(emulator);
    for (name, bytes, _) in corpus::CORPUS {
        let mut pane = Emulator::pane(80, 24, 100);
        pane.feed(bytes);
        let before = resident_kib();
        let piece = bytes.repeat(ATTACK_BYTES / bytes.len() / 8);
        for _ in 0..8 {
            pane.feed(&piece);
        }
        let grown = resident_kib().saturating_sub(before);
        assert!(grown < 8 * 1_024, "{name} grew the process by {grown} KiB");
    }
}
