//! Answers to the two questions that come as device control strings: how a setting stands (DECRQSS), and what the
//! terminal can do (XTGETTCAP).

use std::fmt::Write as _;

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::term::Term;
use alacritty_terminal::vte::ansi::CursorShape;

use super::replies::Replies;
use super::shadow::Shadow;
use super::snapshot::looks;

/// What the terminal can do beyond what its name tells, by the names that terminfo and its users gave.
const ABILITIES: [(&str, &str); 13] = [
    ("TN", "xterm-256color"),
    ("name", "xterm-256color"),
    ("Co", "256"),
    ("colors", "256"),
    ("RGB", "8/8/8"),
    ("Tc", ""),
    ("Su", ""),
    ("Smulx", "\x1b[4:%p1%dm"),
    ("Setulc", "\x1b[58:2::%p1%{65536}%/%d:%p1%{256}%/%{255}%&%d:%p1%{255}%&%dm"),
    ("Ss", "\x1b[%p1%d q"),
    ("Se", "\x1b[2 q"),
    ("Ms", "\x1b]52;%p1%s;%p2%s\x1b\\"),
    ("Sync", "\x1b[?2026%?%p1%{1}%-%tl%eh%;"),
];

/// Whether a device control string is a question that is answered here.
pub(super) fn is_question(payload: &[u8]) -> bool {
    payload.starts_with(b"$q") || payload.starts_with(b"+q")
}

/// The answer to such a question.
pub(super) fn answer(payload: &[u8], term: &Term<Replies>, shadow: &Shadow) -> String {
    match payload.split_at_checked(2) {
        Some((b"$q", setting)) => answer_setting(setting, term, shadow),
        Some((b"+q", names)) => answer_abilities(names),
        Some(_) | None => String::new(),
    }
}

fn answer_setting(setting: &[u8], term: &Term<Replies>, shadow: &Shadow) -> String {
    let value = match setting {
        b"m" => looks(&term.grid().cursor.template),
        b"r" => {
            let (top, bottom) = shadow.region.unwrap_or((1, term.screen_lines()));
            format!("{top};{bottom}")
        }
        b" q" => {
            let style = term.cursor_style();
            let shape = match style.shape {
                CursorShape::Block | CursorShape::HollowBlock | CursorShape::Hidden => 2,
                CursorShape::Underline => 4,
                CursorShape::Beam => 6,
            };
            (shape - u8::from(style.blinking)).to_string()
        }
        // Which terminal of the VT family is followed: the second, in seven bits.
        b"\"p" => "62;1".to_owned(),
        // Nothing is protected from being erased.
        b"\"q" => "0".to_owned(),
        _ => return "\x1bP0$r\x1b\\".to_owned(),
    };
    let kind = String::from_utf8_lossy(setting);
    format!("\x1bP1$r{value}{kind}\x1b\\")
}

/// One answer for each name, in their order. A name that is not even hexadecimal is not repeated.
fn answer_abilities(names: &[u8]) -> String {
    let mut answers = String::new();
    for name in names.split(|byte| *byte == b';') {
        let Some(plain) = decode(name) else {
            answers.push_str("\x1bP0+r\x1b\\");
            continue;
        };
        let hex = encode(&plain);
        match ABILITIES.iter().find(|(known, _)| known.as_bytes() == plain) {
            Some((_, "")) => write!(answers, "\x1bP1+r{hex}\x1b\\"),
            Some((_, value)) => write!(answers, "\x1bP1+r{hex}={}\x1b\\", encode(value.as_bytes())),
            None => write!(answers, "\x1bP0+r{hex}\x1b\\"),
        }
        .expect("a String takes every byte");
    }
    answers
}

fn decode(hex: &[u8]) -> Option<Vec<u8>> {
    if hex.is_empty() || !hex.len().is_multiple_of(2) {
        return None;
    }
    hex.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02X}").expect("a String takes every byte");
        hex
    })
}
