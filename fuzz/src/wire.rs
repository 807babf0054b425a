//! The frames between a session and a holder: neither side trusts the other.

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};

use ccells_core::limits::{CHUNK_BYTES, FRAME_BYTES};
use ccells_core::wire::{Decoder, Frame, FromHolder, HEAD_BYTES, ToHolder, WireError, encode};
use ccells_holder::emulator::Emulator;
use ccells_shell::session::{Pane, Session, Told};
use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;

/// What a session reads.
pub fn wire_from_holder(bytes: &[u8]) {
    check::<FromHolder>(bytes);
}

/// What a holder reads.
pub fn wire_to_holder(bytes: &[u8]) {
    check::<ToHolder>(bytes);
}

/// What a session makes of a holder that says anything at all: the same screen for any split, and no harm.
pub fn session_stream(bytes: &[u8]) {
    let (picture, words, count) = attend(bytes, bytes.len().max(64));
    assert_eq!(attend(bytes, 7), (picture, words, count));
}

/// Carries a session whose holder says `bytes`, `room` of them on their way at a time. Gives the screen after it, how it
/// ended in words, and how often it told of something but the screen.
fn attend(bytes: &[u8], room: usize) -> (String, String, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime asks little of the system").block_on(async {
        let (near, far) = tokio::io::duplex(room);
        let (mut hear, mut say) = tokio::io::split(far);
        let (session, queue) = Session::new(&CancellationToken::new());
        let (pane, told) = (Pane::new(), AtomicUsize::new(0));
        let count = |what| {
            // How often the screen changed is a matter of time too, and so is how much is said at once.
            let is_counted = !matches!(what, Told::Damage | Told::Outward(_));
            told.fetch_add(usize::from(is_counted), Ordering::Relaxed);
        };
        let holder = async {
            let speak = async {
                // It fails when the session has heard enough.
                let _ = say.write_all(bytes).await;
                let _ = say.shutdown().await;
            };
            let mut sink = tokio::io::sink();
            let (_, ()) = tokio::join!(tokio::io::copy(&mut hear, &mut sink), speak);
        };
        let (words, ()) = tokio::join!(session.run(Box::new(near), &pane, false, queue, &count), holder);
        session.close();
        assert!(!session.send(ToHolder::Detach), "nothing is taken after the end");
        assert_eq!(pane.with_emulator(|emulator| emulator.faults()), 0);
        let picture = pane.with_emulator(Emulator::snapshot);
        (picture.escape_ascii().to_string(), words, told.into_inner())
    })
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
