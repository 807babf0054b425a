//! What is announced is not stored before it comes. Alone in its process, because it weighs the process.

use ccells_core::limits::{CHUNK_BYTES, FRAME_BYTES};
use ccells_core::wire::{Decoder, FromHolder, ToHolder};

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a process knows itself");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it knows its size");
    line.split_whitespace().next().and_then(|count| count.parse().ok()).expect("the size is a number")
}

/// The head of the longest frame there is, and the beginning of its body.
fn announced(kind: u8) -> Vec<u8> {
    let length = u32::try_from(FRAME_BYTES).expect("a frame is far shorter than 4 GiB");
    [&length.to_le_bytes()[..], &[kind], &[0; 20]].concat()
}

#[test]
fn frames_that_are_announced_and_never_come_take_no_memory() {
    const INPUT: u8 = 0x02;
    const OUTPUT: u8 = 0x83;
    let (mut holders, mut sessions) = (Vec::new(), Vec::new());
    let before = resident_kib();
    for _ in 0..2_000 {
        let mut decoder = Decoder::<ToHolder>::new();
        decoder.push(&announced(INPUT));
        assert_eq!(decoder.next(), Ok(None));
        holders.push(decoder);
        let mut decoder = Decoder::<FromHolder>::new();
        decoder.push(&announced(OUTPUT));
        assert_eq!(decoder.next(), Ok(None));
        sessions.push(decoder);
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 8 * 1_024, "4,000 announced frames of 1 MiB take {grown} KiB");

    // A stream that never ends takes one frame and one push.
    let mut decoder = Decoder::<FromHolder>::new();
    let before = resident_kib();
    let frame = [&announced(OUTPUT)[..5], &vec![7; FRAME_BYTES]].concat();
    for _ in 0..40 {
        for piece in frame.chunks(CHUNK_BYTES) {
            decoder.push(piece);
            while decoder.next().expect("it is a frame").is_some() {}
        }
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 8 * 1_024, "40 MiB of frames leave {grown} KiB behind");
}
