//! Hostile programs, as seen from inside the terminal: it stands, what it answers holds nothing of theirs, and what it
//! passes on to the outside is harmless and little.

use ccells_core::limits;
use ccells_holder::emulator::{Emulator, Outward};

#[path = "../hostile/corpus.rs"]
mod corpus;

/// How many attacks there are at least.
const ATTACKS: usize = 120;

#[test]
fn nothing_breaks_and_nothing_of_theirs_is_answered() {
    assert!(corpus::CORPUS.len() >= ATTACKS, "{}", corpus::CORPUS.len());
    for (name, bytes, times) in corpus::CORPUS {
        let mut emulator = Emulator::resident(40, 10, 50);
        emulator.feed(&bytes.repeat(*times));
        let replies = emulator.take_replies();
        assert_eq!(emulator.faults(), 0, "{name}");
        assert!(replies.len() <= limits::REPLY_BYTES, "{name}");
        let shown = replies.escape_ascii().to_string();
        assert!(!shown.contains("INJECT"), "{name}: {shown}");
        let typed = replies.iter().find(|byte| matches!(byte, 0..=0x06 | 0x08..=0x1a | 0x7f..));
        assert_eq!(typed, None, "{name}: an answer holds what would be typed: {shown}");
        // And the terminal is as good as new after a reset, whatever was left open.
        emulator.feed(b"\x18\x1b\\\x1bc\x1b[?2026lhello");
        assert_eq!(crate::picture::screen(&emulator), ["hello"], "{name}");
    }
}

#[test]
fn what_is_passed_on_is_harmless_and_little() {
    for (name, bytes, times) in corpus::CORPUS {
        let mut pane = Emulator::pane(40, 10, 50);
        pane.feed(&bytes.repeat(*times));
        assert_eq!((pane.take_replies(), pane.faults()), (Vec::new(), 0), "{name}");
        pane.release();
        let said = pane.take_outward();
        assert!(said.len() <= 3 + limits::OUTWARD_NOTIFICATIONS, "{name}: {said:?}");
        for what in said {
            let (texts, limit) = match &what {
                Outward::Bell => (Vec::new(), 0),
                Outward::Title(title) => (vec![title.clone()], limits::OUTWARD_TITLE_CHARS),
                Outward::Copy { text } => (vec![text.replace(['\n', '\t'], "")], limits::OUTWARD_COPY_BYTES),
                Outward::Notify { title, body } => {
                    (vec![title.clone(), body.clone()], limits::OUTWARD_BODY_CHARS)
                }
            };
            for text in texts {
                assert!(text.chars().count() <= limit, "{name}: {text:?}");
                let steers = |c: char| {
                    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
                };
                assert!(!text.contains(steers), "{name}: {text:?}");
            }
        }
        assert_eq!(pane.take_outward(), [], "{name}: it is taken once");
    }
}

/// The check above looks at something: these attacks do say something, and here is what.
#[test]
fn what_is_passed_on_is_what_was_said() {
    let said = |bytes: &[u8]| {
        let mut pane = Emulator::pane(40, 10, 50);
        pane.feed(bytes);
        pane.take_outward()
    };
    let notify = |title: &str, body: &str| Outward::Notify { title: title.to_owned(), body: body.to_owned() };
    assert_eq!(said(b"\x07\x07"), [Outward::Bell]);
    assert_eq!(said("\x1b]2;a\u{202e}b\x07".as_bytes()), [Outward::Title("ab".to_owned())]);
    assert_eq!(
        said(b"\x1b]52;c;YQ1iCWMKZBtbMW0=\x07"),
        [Outward::Copy { text: "a\\rb\tc\nd\\x1b[1m".to_owned() }]
    );
    assert_eq!(said(b"\x1b]52;c;YQ==\x07\x1b]52;c;Yg==\x07"), [Outward::Copy { text: "b".to_owned() }]);
    assert_eq!(said(b"\x1b]9;one\x07\x1b]777;notify;T;b;c\x07"), [notify("", "one"), notify("T", "b;c")]);
    assert_eq!(said(b"\x1b]99;i=1:e=1;aGk=\x1b\\"), [notify("hi", "")]);
    assert_eq!(said(b"\x1b]99;i=1:p=?;\x1b\\\x1b]9;4;1;9\x07"), []);
    let many: Vec<u8> = (0..9).flat_map(|number| format!("\x1b]9;{number}\x07").into_bytes()).collect();
    assert_eq!(said(&many), [notify("", "5"), notify("", "6"), notify("", "7"), notify("", "8")]);
}
