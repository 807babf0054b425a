//! What a session is told, in which order: output stands beside the size it was made for.

use alacritty_terminal::grid::Dimensions;
use ccells_core::limits;
use ccells_core::wire::{self, Decoder, FromHolder, Surroundings, ToHolder};
use ccells_holder::emulator::Emulator;
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

/// A typist at a desk, attached.
fn attached(desk: &mut Desk, observe: bool) -> SessionId {
    let id = desk.arrive().expect("there is room");
    assert_eq!(say(desk, id, &ToHolder::Hello { size: None, observe, from_sequence: None }), None);
    id
}

fn answers(desk: &mut Desk, question: &str) -> String {
    desk.take_output(question.as_bytes());
    let bytes: Vec<u8> = desk.input().drain(..).collect();
    String::from_utf8(bytes).expect("answers are text").replace('\x1b', "^")
}

#[test]
fn questions_about_colours_and_keys_are_answered_from_what_the_session_told() {
    const COLOURS: &str = "\x1b]10;?\x1b\\\x1b]11;?\x07\x1b[?996n";
    const DARK: &str = "^]10;rgb:e5e5/e5e5/e5e5^\\^]11;rgb:0000/0000/0000\x07^[?997;1n";
    const LIGHT: &str = "^]10;rgb:1010/2020/3030^\\^]11;rgb:fdfd/f6f6/e3e3\x07^[?997;2n";
    let mut desk = Desk::new((80, 24), FIRST);
    assert_eq!(answers(&mut desk, COLOURS), DARK, "nobody knows better");
    assert_eq!(answers(&mut desk, "\x1b[>3u\x1b[?u"), "^[?1u", "nobody could tell of a release");
    let light = Surroundings {
        has_key_events: true,
        foreground: Some([0x10, 0x20, 0x30]),
        background: Some([0xfd, 0xf6, 0xe3]),
    };
    let looker = attached(&mut desk, true);
    assert_eq!(say(&mut desk, looker, &ToHolder::Surroundings(light)), None);
    assert_eq!(answers(&mut desk, COLOURS), DARK, "the agent does not work for whoever only looks");
    let typist = attached(&mut desk, false);
    assert_eq!(say(&mut desk, typist, &ToHolder::Surroundings(light)), Some(Wish::Remember(light)));
    assert_eq!(say(&mut desk, typist, &ToHolder::Surroundings(light)), None, "that is no news");
    assert_eq!(answers(&mut desk, COLOURS), LIGHT);
    assert_eq!(answers(&mut desk, "\x1b[?u"), "^[?3u");
    // Another terminal, which does not tell its colours and knows no keys.
    desk.hang_up(typist);
    desk.sweep();
    let next = attached(&mut desk, false);
    say(&mut desk, next, &ToHolder::Surroundings(Surroundings::default()));
    assert_eq!(answers(&mut desk, COLOURS), LIGHT, "the last that is known");
    assert_eq!(answers(&mut desk, "\x1b[?u"), "^[?1u");
    assert_eq!(
        answers(&mut desk, "\x1b]11;#ff0000\x07\x1b]11;?\x07"),
        "^]11;rgb:ffff/0000/0000\x07",
        "its own"
    );
}

#[test]
fn light_that_becomes_dark_is_told_to_those_who_asked() {
    let mut desk = Desk::new((80, 24), FIRST);
    let typist = attached(&mut desk, false);
    let ground = |part| {
        ToHolder::Surroundings(Surroundings { background: Some([part; 3]), ..Surroundings::default() })
    };
    say(&mut desk, typist, &ground(255));
    assert_eq!(answers(&mut desk, ""), "", "nobody asked");
    assert_eq!(answers(&mut desk, "\x1b[?2031$p\x1b[?2031h\x1b[?2031$p"), "^[?2031;2$y^[?2031;1$y");
    say(&mut desk, typist, &ground(250));
    assert_eq!(answers(&mut desk, ""), "", "it is as light as before");
    say(&mut desk, typist, &ground(10));
    assert_eq!(answers(&mut desk, ""), "^[?997;1n");
    answers(&mut desk, "\x1b[?2031l");
    say(&mut desk, typist, &ground(255));
    assert_eq!(answers(&mut desk, ""), "");
}

#[test]
fn as_many_lines_are_kept_as_a_session_asks_for() {
    let mut desk = Desk::new((80, 24), FIRST);
    assert_eq!(desk.scrollback(), limits::SCROLLBACK_LINES);
    let typist = attached(&mut desk, false);
    assert_eq!(say(&mut desk, typist, &ToHolder::Keep(30_000)), None);
    for line in 0..30_100 {
        desk.show(format!("line {line}\r\n").as_bytes());
    }
    // On the alternate screen, too, it is the main one that keeps them.
    desk.show(b"\x1b[?1049h");
    say(&mut desk, typist, &ToHolder::Keep(40_000));
    desk.show(b"\x1b[?1049l");
    let next = attached(&mut desk, false);
    let mut copy = Emulator::resident(80, 24, limits::SCROLLBACK_MOST);
    loop {
        let frames = told(&mut desk, next);
        for frame in &frames {
            if let FromHolder::Snapshot { bytes, .. } = frame {
                copy.restore(bytes);
            }
        }
        if frames.is_empty() {
            break;
        }
    }
    assert_eq!(copy.term().history_size(), 30_000);
    // Fewer are no wish, and more than there is memory for are not kept.
    say(&mut desk, typist, &ToHolder::Keep(5));
    assert_eq!(desk.scrollback(), 40_000);
    say(&mut desk, typist, &ToHolder::Keep(u32::MAX));
    assert!((40_000..=limits::SCROLLBACK_MOST).contains(&desk.scrollback()));
    let narrow = desk.scrollback();
    say(&mut desk, typist, &ToHolder::Resize { columns: 1_000, rows: 24 });
    assert!(desk.scrollback() < narrow && desk.scrollback() >= limits::SCROLLBACK_LINES);
    let looker = attached(&mut desk, true);
    let before = desk.scrollback();
    say(&mut desk, looker, &ToHolder::Keep(90_000));
    assert_eq!(desk.scrollback(), before);
}
