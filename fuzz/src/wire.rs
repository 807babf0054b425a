//! The frames between a session and a holder: neither side trusts the other.

use std::fmt::Debug;

use ccells_core::limits::{CHUNK_BYTES, FRAME_BYTES};
use ccells_core::wire::{Decoder, Frame, FromHolder, HEAD_BYTES, ToHolder, WireError, encode};

/// What a session reads.
pub fn wire_from_holder(bytes: &[u8]) {
    check::<FromHolder>(bytes);
}

/// What a holder reads.
pub fn wire_to_holder(bytes: &[u8]) {
    check::<ToHolder>(bytes);
}

/// The same frames for any split, none that does not survive being written again, and no more kept than one frame.
fn check<F: Frame + Clone + PartialEq + Debug>(bytes: &[u8]) {
    let (frames, error) = decode::<F>(bytes, bytes.len().max(1));
    for piece in [1, 3, 7] {
        assert_eq!(decode(bytes, piece), (frames.clone(), error.clone()), "in pieces of {piece}");
    }
    for frame in frames {
        let mut again = Vec::new();
        encode(&frame, &mut again);
        // What is longer than a piece of output is written as several.
        if again.len() <= HEAD_BYTES + CHUNK_BYTES {
            assert_eq!(decode(&again, again.len()), (vec![frame], None));
        }
    }
}

fn decode<F: Frame>(bytes: &[u8], piece: usize) -> (Vec<F>, Option<WireError>) {
    let (mut decoder, mut frames) = (Decoder::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        decoder.push(piece);
        loop {
            match decoder.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        assert!(decoder.pending() < HEAD_BYTES + FRAME_BYTES, "less than a frame waits");
    }
    (frames, None)
}
