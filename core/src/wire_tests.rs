//! What the wire promises: frames survive it, however the stream is cut, and garbage is an error, never a panic.

use std::format;
use std::string::ToString;
use std::vec;

use proptest::prelude::*;

use super::*;

fn size() -> impl Strategy<Value = (u16, u16)> {
    (limits::COLUMNS, limits::ROWS)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
}

fn to_holder() -> impl Strategy<Value = ToHolder> {
    prop_oneof![
        (prop::option::of(size()), any::<bool>(), any::<Option<u64>>())
            .prop_map(|(size, observe, from_sequence)| ToHolder::Hello { size, observe, from_sequence }),
        bytes().prop_map(ToHolder::Input),
        size().prop_map(|(columns, rows)| ToHolder::Resize { columns, rows }),
        Just(ToHolder::RestartAgent),
        prop::sample::select(&SIGNALS).prop_map(|signal| ToHolder::SignalAgent { signal }),
        Just(ToHolder::Detach),
        (0..=PING_MOST).prop_map(ToHolder::Ping),
        (any::<bool>(), any::<Option<[u8; 3]>>(), any::<Option<[u8; 3]>>()).prop_map(
            |(has_key_events, foreground, background)| {
                ToHolder::Surroundings(Surroundings { has_key_events, foreground, background })
            }
        ),
        any::<u32>().prop_map(ToHolder::Keep),
    ]
}

fn status() -> impl Strategy<Value = AgentStatus> {
    let kinds = [BlockedKind::Permission, BlockedKind::Question, BlockedKind::Auth, BlockedKind::Other];
    prop_oneof![
        Just(AgentStatus::Unknown),
        Just(AgentStatus::Idle),
        Just(AgentStatus::Working),
        (prop::sample::select(kinds.to_vec()), ".{0,40}")
            .prop_map(|(kind, message)| AgentStatus::Blocked { kind, message }),
        Just(AgentStatus::Done),
        ".{0,40}".prop_map(|message| AgentStatus::Error { message }),
    ]
}

fn report() -> impl Strategy<Value = AgentReport> {
    let life = prop_oneof![
        Just(AgentLife::Running),
        any::<i32>().prop_map(|code| AgentLife::Exited(AgentExit::Code(code))),
        any::<i32>().prop_map(|signal| AgentLife::Exited(AgentExit::Signal(signal))),
        ".{0,40}".prop_map(|reason| AgentLife::Exited(AgentExit::NotStarted(reason))),
    ];
    (life, any::<u32>(), status(), ".{0,40}", any::<u64>())
        .prop_map(|(life, starts, status, title, bells)| AgentReport { life, starts, status, title, bells })
}

fn from_holder() -> impl Strategy<Value = FromHolder> {
    let resync = prop::sample::select(vec![Resync::Continues, Resync::Snapshot]);
    prop_oneof![
        (any::<u64>(), size(), resync).prop_map(|(sequence, (columns, rows), resync)| FromHolder::Welcome {
            sequence,
            columns,
            rows,
            resync
        }),
        (any::<u64>(), size(), bytes(), any::<bool>()).prop_map(
            |(sequence, (columns, rows), bytes, is_last)| FromHolder::Snapshot {
                sequence,
                columns,
                rows,
                bytes,
                is_last
            }
        ),
        (any::<u64>(), bytes()).prop_map(|(sequence, bytes)| FromHolder::Output { sequence, bytes }),
        size().prop_map(|(columns, rows)| FromHolder::Resized { columns, rows }),
        report().prop_map(FromHolder::Agent),
        any::<u64>().prop_map(FromHolder::Pong),
        ".{0,40}".prop_map(|reason| FromHolder::Refused { reason }),
    ]
}

/// All frames of `stream`, pushed in pieces of the sizes given (and then the rest at once).
fn decode_all<F: Frame>(stream: &[u8], pieces: &[usize]) -> (Vec<F>, Option<WireError>) {
    let (mut decoder, mut frames, mut rest) = (Decoder::new(), Vec::new(), stream);
    for piece in pieces.iter().copied().chain([stream.len()]) {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        rest = later;
        decoder.push(now);
        loop {
            match decoder.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

proptest! {
    #[test]
    fn what_a_session_says_arrives(
        frames in prop::collection::vec(to_holder(), 0..12),
        pieces in prop::collection::vec(0_usize..50, 0..40),
    ) {
        let mut stream = Vec::new();
        for frame in &frames {
            encode(frame, &mut stream);
        }
        prop_assert_eq!(decode_all(&stream, &pieces), (frames, None));
    }

    #[test]
    fn what_a_holder_says_arrives(
        frames in prop::collection::vec(from_holder(), 0..12),
        pieces in prop::collection::vec(0_usize..50, 0..40),
    ) {
        let mut stream = Vec::new();
        for frame in &frames {
            encode(frame, &mut stream);
        }
        prop_assert_eq!(decode_all(&stream, &pieces), (frames, None));
    }

    /// Garbage, and good frames with one byte changed, give the same frames and the same error for any cut.
    #[test]
    fn garbage_is_an_error_at_worst(
        frames in prop::collection::vec(from_holder(), 0..4),
        garbage in bytes(),
        flip in any::<prop::sample::Index>(),
        pieces in prop::collection::vec(0_usize..50, 0..40),
    ) {
        let mut stream = Vec::new();
        for frame in &frames {
            encode(frame, &mut stream);
        }
        stream.extend(garbage);
        if !stream.is_empty() {
            let index = flip.index(stream.len());
            stream[index] ^= 0x41;
        }
        prop_assert_eq!(decode_all::<FromHolder>(&stream, &pieces), decode_all::<FromHolder>(&stream, &[]));
        prop_assert_eq!(decode_all::<ToHolder>(&stream, &pieces), decode_all::<ToHolder>(&stream, &[]));
    }
}

#[test]
fn long_bytes_travel_in_several_frames() {
    let bytes: Vec<u8> = (0..limits::FRAME_BYTES * 3).map(|index| index.to_le_bytes()[1]).collect();
    let mut stream = Vec::new();
    encode(&FromHolder::Output { sequence: 7, bytes: bytes.clone() }, &mut stream);
    let (frames, error) = decode_all::<FromHolder>(&stream, &[]);
    assert_eq!(error, None);
    let mut joined = Vec::new();
    for frame in frames {
        let FromHolder::Output { sequence, bytes } = frame else { panic!("{frame}") };
        assert_eq!(sequence, 7 + joined.len() as u64);
        joined.extend(bytes);
    }
    assert!(joined == bytes);
}

#[test]
fn long_texts_are_cut_between_characters() {
    let mut stream = Vec::new();
    encode(&FromHolder::Refused { reason: "é€".repeat(limits::MESSAGE_BYTES) }, &mut stream);
    let (frames, error) = decode_all::<FromHolder>(&stream, &[]);
    assert_eq!(error, None);
    let [FromHolder::Refused { reason }] = &frames[..] else { panic!("{frames:?}") };
    assert!((limits::MESSAGE_BYTES - 2..=limits::MESSAGE_BYTES).contains(&reason.len()));
}

/// Every way an agent can live and every status it can have.
fn every_report() -> Vec<AgentReport> {
    let lives = [
        AgentLife::Running,
        AgentLife::Exited(AgentExit::Code(3)),
        AgentLife::Exited(AgentExit::Signal(9)),
        AgentLife::Exited(AgentExit::NotStarted("no such file".to_string())),
    ];
    let message = || "may I?".to_string();
    let blocked = [BlockedKind::Permission, BlockedKind::Question, BlockedKind::Auth, BlockedKind::Other]
        .map(|kind| AgentStatus::Blocked { kind, message: message() });
    let plain = [AgentStatus::Unknown, AgentStatus::Idle, AgentStatus::Working, AgentStatus::Done];
    let statuses = plain.into_iter().chain(blocked).chain([AgentStatus::Error { message: message() }]);
    let pair = |status: AgentStatus| lives.clone().map(|life| (life, status.clone()));
    let report =
        |(life, status)| AgentReport { life, starts: 2, status, title: "title".to_string(), bells: 1 };
    statuses.flat_map(pair).map(report).collect()
}

#[test]
fn every_life_and_every_status_arrives() {
    for report in every_report() {
        let mut stream = Vec::new();
        encode(&FromHolder::Agent(report.clone()), &mut stream);
        assert_eq!(decode_all(&stream, &[1]), (vec![FromHolder::Agent(report)], None));
    }
}

#[test]
fn the_two_texts_of_a_report_are_one_message_long_together() {
    let half = limits::MESSAGE_BYTES / 2;
    let long = "x".repeat(limits::MESSAGE_BYTES);
    for mut report in every_report() {
        let set = |text: &str, report: &mut AgentReport| {
            if let AgentLife::Exited(AgentExit::NotStarted(reason)) = &mut report.life {
                *reason = text.to_string();
            }
            if let AgentStatus::Blocked { message, .. } | AgentStatus::Error { message } = &mut report.status
            {
                *message = text.to_string();
            }
        };
        set(&long, &mut report);
        let mut stream = Vec::new();
        encode(&FromHolder::Agent(report.clone()), &mut stream);
        set(&long[..half], &mut report);
        assert_eq!(
            decode_all(&stream, &[]),
            (vec![FromHolder::Agent(report)], None),
            "what is longer is cut"
        );
    }
}

#[test]
fn a_text_of_a_report_that_is_longer_than_any_of_ours_is_malformed() {
    let half = limits::MESSAGE_BYTES / 2;
    for report in every_report() {
        let mut stream = Vec::new();
        encode(&FromHolder::Agent(report.clone()), &mut stream);
        for text in ["no such file", "may I?"] {
            let Some(at) = stream.windows(text.len()).position(|window| window == text.as_bytes()) else {
                continue;
            };
            // The same frame, with a text there that is one byte too long.
            let mut body = stream[HEAD_BYTES..at - 2].to_vec();
            body.extend(u16::try_from(half + 1).expect("a message is short").to_le_bytes());
            body.extend(vec![b'x'; half + 1]);
            body.extend(&stream[at + text.len()..]);
            let mut grown = u32::try_from(body.len()).expect("a frame is short").to_le_bytes().to_vec();
            grown.push(kind::AGENT);
            grown.extend(body);
            let expected = (Vec::new(), Some(WireError::Malformed { kind: kind::AGENT }));
            assert_eq!(decode_all::<FromHolder>(&grown, &[]), expected, "{report}");
        }
    }
}

#[test]
fn what_waits_for_its_rest_is_counted() {
    let mut decoder = Decoder::<FromHolder>::new();
    decoder.push(&[8, 0, 0]);
    assert_eq!((decoder.next(), decoder.pending()), (Ok(None), 3));
}

#[test]
fn an_announced_length_is_refused_before_its_bytes_come() {
    let longest = SHORT_BYTES + limits::TITLE_BYTES + limits::MESSAGE_BYTES;
    for (kind, length) in [
        (kind::OUTPUT, limits::FRAME_BYTES + 1),
        (kind::PONG, SHORT_BYTES + 1),
        (kind::AGENT, longest + 1),
        (kind::REFUSED, longest + 1),
    ] {
        let length = u32::try_from(length).expect("a limit fits");
        let mut decoder = Decoder::<FromHolder>::new();
        decoder.push(&length.to_le_bytes());
        decoder.push(&[kind]);
        let error = decoder.next().expect_err("too long");
        assert_eq!(error, WireError::TooLong { kind, length });
        decoder.push(&[0; 4_096]);
        assert_eq!((decoder.next(), decoder.pending()), (Err(error), 0));
    }
}

#[test]
fn another_version_says_so() {
    let mut stream = Vec::new();
    encode(&ToHolder::Hello { size: None, observe: false, from_sequence: None }, &mut stream);
    stream[HEAD_BYTES] = 9;
    let (frames, error) = decode_all::<ToHolder>(&stream, &[]);
    assert!(frames.is_empty());
    assert_eq!(
        error.expect("another version").to_string(),
        "the other side speaks version 9 of the protocol, this one 1; use the same ccells for both"
    );
}

#[test]
fn frames_read_well_in_a_trace() {
    let hello = ToHolder::Hello { size: Some((80, 24)), observe: true, from_sequence: Some(5) };
    assert_eq!(hello.to_string(), "hello, observing, 80x24, from 5");
    let output = FromHolder::Output { sequence: 3, bytes: b"\x1b[1mhi".to_vec() };
    assert_eq!(output.to_string(), r#"output at 3 (6 bytes) "\x1b[1mhi""#);
    let just = FromHolder::Output { sequence: 3, bytes: vec![b'x'; 32] };
    assert_eq!(just.to_string(), format!("output at 3 (32 bytes) \"{}\"", "x".repeat(32)));
    let long = FromHolder::Output { sequence: 3, bytes: vec![b'x'; 33] };
    assert_eq!(long.to_string(), format!("output at 3 (33 bytes) \"{}…\"", "x".repeat(32)));
}

/// A holder of before knows pings alone: it must take the newer words for one, and not for a broken stream.
#[test]
fn newer_words_are_pings_to_older_holders() {
    let surroundings =
        Surroundings { has_key_events: true, foreground: Some([1, 2, 3]), background: Some([255, 254, 253]) };
    for (frame, number) in [
        (ToHolder::Surroundings(surroundings), 0xc507_0102_03ff_fefd_u64),
        (ToHolder::Keep(50_000), 0xc600_0000_0000_c350),
    ] {
        let mut out = Vec::new();
        encode(&frame, &mut out);
        let mut expected = vec![8, 0, 0, 0, 7];
        expected.extend(number.to_le_bytes());
        assert_eq!(out, expected, "{frame}");
    }
    // A word of a version to come is a ping to us.
    let mut decoder = Decoder::<ToHolder>::new();
    decoder.push(&[8, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 0xc7]);
    assert_eq!(decoder.next(), Ok(Some(ToHolder::Ping(0xc700_0000_0000_0001))));
}

#[test]
fn what_is_light_is_told_from_what_is_dark() {
    let is_light = |background| Surroundings { background, ..Surroundings::default() }.is_light();
    assert!(is_light(Some([255, 255, 255])) && is_light(Some([253, 246, 227])));
    assert!(!is_light(Some([0, 43, 54])) && !is_light(Some([0, 0, 255])) && !is_light(None));
    // Around the middle, and each of the three as heavy as the eye has it.
    assert!(is_light(Some([128, 128, 128])) && !is_light(Some([127, 127, 127])));
    assert!(is_light(Some([0, 218, 0])) && !is_light(Some([0, 217, 0])));
    assert!(is_light(Some([255, 88, 0])) && !is_light(Some([255, 87, 0])));
    assert!(is_light(Some([0, 168, 255])) && !is_light(Some([0, 167, 255])));
}
