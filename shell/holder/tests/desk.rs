//! What a session is told, in which order: output stands beside the size it was made for.

use ccells_core::wire::{self, Decoder, FromHolder, ToHolder};
use ccells_holder::{Desk, SessionId, Wish};

/// The number of the first byte of output.
const FIRST: u64 = 1;

fn say(desk: &mut Desk, id: SessionId, frame: &ToHolder) -> Option<Wish> {
    let mut bytes = Vec::new();
    wire::encode(frame, &mut bytes);
    desk.hear(id, &bytes);
    desk.next_wish(id)
}

/// What the session is told by now, the reports on the agent left out.
fn told(desk: &mut Desk, id: SessionId) -> Vec<FromHolder> {
    desk.prepare();
    let mut decoder = Decoder::<FromHolder>::new();
    decoder.push(desk.ready(id));
    let count = desk.ready(id).len();
    desk.sent(id, count);
    let frames = std::iter::from_fn(|| decoder.next().expect("frames of ours"));
    frames.filter(|frame| !matches!(frame, FromHolder::Agent(_))).collect()
}

#[test]
fn output_from_before_a_change_of_size_is_told_before_it_and_what_follows_after_it() {
    let mut desk = Desk::new((80, 24), FIRST);
    let id = desk.arrive().expect("there is room");
    let hello = ToHolder::Hello { size: None, observe: false, from_sequence: Some(FIRST) };
    assert_eq!(say(&mut desk, id, &hello), None);
    assert!(matches!(told(&mut desk, id)[..], [FromHolder::Welcome { sequence: FIRST, .. }]));

    desk.show(b"wide");
    let (columns, rows) = (20, 10);
    assert_eq!(say(&mut desk, id, &ToHolder::Resize { columns, rows }), Some(Wish::Resize { columns, rows }));
    desk.show(b"narrow");
    let wanted = [
        FromHolder::Output { sequence: FIRST, bytes: b"wide".to_vec() },
        FromHolder::Resized { columns, rows },
        FromHolder::Output { sequence: FIRST + 4, bytes: b"narrow".to_vec() },
    ];
    assert_eq!(told(&mut desk, id), wanted);
}

#[test]
fn output_made_for_another_size_is_not_told_to_one_who_comes_back() {
    let mut desk = Desk::new((80, 24), FIRST);
    let typist = desk.arrive().expect("there is room");
    let hello = |from_sequence| ToHolder::Hello { size: None, observe: false, from_sequence };
    say(&mut desk, typist, &hello(None));
    desk.show(b"wide");
    say(&mut desk, typist, &ToHolder::Resize { columns: 20, rows: 10 });
    desk.show(b"narrow");

    let back = desk.arrive().expect("there is room");
    say(&mut desk, back, &hello(Some(FIRST)));
    let frames = told(&mut desk, back);
    let has_picture = frames.iter().any(|frame| matches!(frame, FromHolder::Snapshot { .. }));
    let has_output = frames.iter().any(|frame| matches!(frame, FromHolder::Output { .. }));
    assert!(has_picture && !has_output, "{frames:?}");

    let after = desk.arrive().expect("there is room");
    say(&mut desk, after, &hello(Some(FIRST + 4)));
    let frames = told(&mut desk, after);
    let output = FromHolder::Output { sequence: FIRST + 4, bytes: b"narrow".to_vec() };
    assert_eq!(frames.last(), Some(&output), "what was made for this size is");
}
