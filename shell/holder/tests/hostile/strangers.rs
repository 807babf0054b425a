//! What may go to the terminal around us: characters to see, and a short list of sequences. Everything else is a stranger.

/// Sequences that every frame may hold, and those that take a terminal and give it back.
const FIXED: [&str; 23] = [
    "\x1b[?1049h",
    "\x1b[?1049l",
    "\x1b[?25h",
    "\x1b[?25l",
    "\x1b[?2004h",
    "\x1b[?2004l",
    "\x1b[?1004h",
    "\x1b[?1004l",
    "\x1b[?1000h",
    "\x1b[?1000l",
    "\x1b[?1002h",
    "\x1b[?1002l",
    "\x1b[?1003l",
    "\x1b[?2031h",
    "\x1b[?2031l",
    "\x1b[?1006h",
    "\x1b[?1006l",
    "\x1b[?2026h",
    "\x1b[?2026l",
    "\x1b[0 q",
    "\x1b[2 q",
    "\x1b[4 q",
    "\x1b[6 q",
];

/// The first thing in `bytes` that is neither a character to see nor a sequence we send; `more` are those that this way to
/// the screen has beside frames.
pub(crate) fn stranger(bytes: &[u8], more: &[fn(&str) -> Option<usize>]) -> Option<String> {
    let Ok(mut rest) = std::str::from_utf8(bytes) else { return Some("no UTF-8".to_owned()) };
    while let Some(c) = rest.chars().next() {
        let known = sequence(rest).or_else(|| more.iter().find_map(|more| more(rest)));
        let length = match known {
            Some(length) => length,
            None if c.is_control() || turns(c) => {
                return Some(rest.chars().take(40).collect::<String>().escape_debug().to_string());
            }
            None => c.len_utf8(),
        };
        rest = &rest[length..];
    }
    None
}

/// How long the sequence is that `text` begins with, if it is one of a frame.
fn sequence(text: &str) -> Option<usize> {
    if let Some(fixed) = FIXED.iter().find(|fixed| text.starts_with(**fixed)) {
        return Some(fixed.len());
    }
    let body = text.strip_prefix("\x1b[")?;
    let end = body.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
    let (numbers, letter) = (&body[..end], body[end..].chars().next()?);
    let is_ours = match letter {
        'H' => numbers.split(';').count() == 2 && !numbers.contains(':'),
        'm' => true,
        'C' => numbers.chars().all(|c| c.is_ascii_digit()),
        'J' => numbers == "2",
        _ => false,
    };
    is_ours.then_some(2 + end + 1)
}

/// Whether a character turns the direction of writing, for all that follows.
fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What is asked of a terminal when it is taken, the keyboard protocol it may know, and every move of the mouse, where the
/// agent that has the keys wants them.
pub(crate) fn probe(text: &str) -> Option<usize> {
    let known = [
        "\x1b[?2026$p",
        "\x1b[?u",
        "\x1b[c",
        "\x1b[>1u",
        "\x1b[<u",
        "\x1b[?1003h",
        "\x1b]10;?\x1b\\",
        "\x1b]11;?\x1b\\",
    ];
    let flags = text.strip_prefix("\x1b[=").and_then(|rest| rest.split_once('u')).map(|(flags, _)| flags);
    let flags = flags.filter(|flags| flags.parse::<u8>().is_ok_and(|flags| flags < 32));
    let fixed = known.iter().find(|known| text.starts_with(**known)).map(|known| known.len());
    fixed.or(flags.map(|flags| "\x1b[=u".len() + flags.len()))
}

/// A bell.
pub(crate) fn bell(text: &str) -> Option<usize> {
    text.starts_with('\x07').then_some(1)
}

/// A copy to the clipboard: base64, and nothing else.
pub(crate) fn copy(text: &str) -> Option<usize> {
    command(text, "\x1b]52;c;", |c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='))
}

/// A notification: one line to see.
pub(crate) fn notification(text: &str) -> Option<usize> {
    command(text, "\x1b]9;", |c| !c.is_control() && !turns(c))
}

/// How long the command is that `text` begins with, where it begins so, ends with ST, and holds only what `may` be in it.
fn command(text: &str, beginning: &str, may: fn(char) -> bool) -> Option<usize> {
    let body = text.strip_prefix(beginning)?;
    let end = body.find(|c| !may(c))?;
    body[end..].starts_with("\x1b\\").then_some(beginning.len() + end + 2)
}
