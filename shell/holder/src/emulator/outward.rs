//! What a program in a pane may say to the world outside of it: a short closed list, made harmless and bounded here.
//! Everything else that a program sends stays in its pane.

use std::collections::VecDeque;

use base64::Engine as _;
use ccells_core::limits;
use ccells_core::naming::sanitise_to;

use super::status::BASE64;

/// Something that a program wants of the world outside. Its text is safe to show and to send on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outward {
    /// The bell.
    Bell,
    /// The title is this now; empty when there is none.
    Title(String),
    /// This text is to be put on the clipboard. A person has to agree.
    Copy {
        /// Lines and tabs are kept; it holds no other control character.
        text: String,
    },
    /// The user is to be told something.
    Notify {
        /// Of one line; empty when the program gave none.
        title: String,
        /// Of one line.
        body: String,
    },
}

/// What waits to be taken: of most things only the latest, of notifications the latest few.
#[derive(Clone, Debug, Default)]
pub struct OutwardList {
    title: Option<String>,
    has_rung: bool,
    copy: Option<String>,
    notifications: VecDeque<(String, String)>,
}

impl OutwardList {
    /// Adds one. It stands for those of its kind before it.
    pub fn push(&mut self, what: Outward) {
        match what {
            Outward::Bell => self.has_rung = true,
            Outward::Title(title) => self.title = Some(title),
            Outward::Copy { text } => self.copy = Some(text),
            Outward::Notify { title, body } => {
                if self.notifications.len() == limits::OUTWARD_NOTIFICATIONS {
                    self.notifications.pop_front();
                }
                self.notifications.push_back((title, body));
            }
        }
    }

    /// Takes all.
    pub fn take(&mut self) -> Vec<Outward> {
        let all = std::mem::take(self);
        let mut list = Vec::new();
        list.extend(all.title.map(Outward::Title));
        list.extend(all.has_rung.then_some(Outward::Bell));
        list.extend(all.copy.map(|text| Outward::Copy { text }));
        list.extend(all.notifications.into_iter().map(|(title, body)| Outward::Notify { title, body }));
        list
    }
}

/// Takes what a program says to the outside, and makes it harmless.
#[derive(Debug, Default)]
pub(super) struct Spokesman {
    list: OutwardList,
    /// A notification whose last part has not come.
    partial: Option<Partial>,
}

/// A notification that comes in parts.
#[derive(Debug, Default)]
struct Partial {
    id: String,
    title: String,
    body: String,
}

impl Spokesman {
    /// Takes all that waits.
    pub(super) fn take(&mut self) -> Vec<Outward> {
        self.list.take()
    }

    /// The bell rang.
    pub(super) fn ring(&mut self) {
        self.list.push(Outward::Bell);
    }

    /// The title is another one.
    pub(super) fn name(&mut self, title: &str) {
        self.list.push(Outward::Title(sanitise_to(title, limits::OUTWARD_TITLE_CHARS)));
    }

    /// The base64 of a clipboard command came. Half a text would be a lie: one that is too long is dropped.
    pub(super) fn copy(&mut self, base64: &[u8]) {
        let text = BASE64.decode(base64).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some(text) = text.filter(|text| !text.is_empty() && text.len() <= limits::OUTWARD_COPY_BYTES) {
            self.list.push(Outward::Copy { text: sanitise_lines(&text) });
        }
    }

    /// An operating system command that is a notification, or a part of one, came.
    pub(super) fn notify(&mut self, payload: &[u8]) {
        let text = String::from_utf8_lossy(payload);
        let (number, rest) = text.split_once(';').unwrap_or((&text, ""));
        match number {
            "9" => self.post("", rest),
            "777" => {
                let words = rest.strip_prefix("notify;").unwrap_or(rest);
                let (title, body) = words.split_once(';').unwrap_or(("", words));
                self.post(title, body);
            }
            "99" => self.add_part(rest),
            _ => {}
        }
    }

    /// A part of a notification in kitty's form: `key=value` pairs between colons, and after them the text.
    fn add_part(&mut self, rest: &str) {
        let (keys, text) = rest.split_once(';').unwrap_or((rest, ""));
        let value = |wanted: &str| {
            keys.split(':').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == wanted)
        };
        let is = |wanted: &str, expected: &str| value(wanted).is_some_and(|(_, value)| value == expected);
        let text = if is("e", "1") {
            BASE64.decode(text).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
        } else {
            text.to_owned()
        };
        let id = sanitise_to(value("i").map_or("", |(_, id)| id), limits::OUTWARD_TITLE_CHARS);
        let mut partial = self.partial.take().filter(|partial| partial.id == id).unwrap_or_default();
        partial.id = id;
        let is_body = is("p", "body");
        if is_body || is("p", "title") || value("p").is_none() {
            let (to, limit) = if is_body {
                (&mut partial.body, limits::OUTWARD_BODY_CHARS)
            } else {
                (&mut partial.title, limits::OUTWARD_TITLE_CHARS)
            };
            *to = sanitise_to(&[to.as_str(), text.as_str()].concat(), limit);
        }
        if is("d", "0") {
            self.partial = Some(partial);
        } else if !partial.title.is_empty() || !partial.body.is_empty() {
            self.post(&partial.title, &partial.body);
        }
    }

    fn post(&mut self, title: &str, body: &str) {
        let title = sanitise_to(title, limits::OUTWARD_TITLE_CHARS);
        let body = sanitise_to(body, limits::OUTWARD_BODY_CHARS);
        self.list.push(Outward::Notify { title, body });
    }
}

/// Text of several lines, each of them safe; only line breaks and tabs remain of what steers a terminal.
fn sanitise_lines(text: &str) -> String {
    let line = |line: &str| {
        let parts = line.strip_suffix('\r').unwrap_or(line).split('\t');
        let safe: Vec<String> = parts.map(|part| sanitise_to(part, limits::OUTWARD_COPY_BYTES)).collect();
        safe.join("\t")
    };
    let lines: Vec<String> = text.split('\n').map(line).collect();
    lines.join("\n")
}
