//! Which key does what, as data: the same table is looked up when a key comes and shown when `?` is pressed.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "keys are the terminal library's; those we do not bind do nothing"
)]

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::layout::Direction;

/// What a key does while keys steer ccells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Keys go to the agent.
    Input,
    /// The dialog for a new workstream.
    New,
    /// Freeze, or let go on.
    Pause,
    /// Have it run.
    Resume,
    /// End its processes.
    Stop,
    /// Start its agent again.
    Restart,
    /// Take it away, after a question.
    Discard,
    /// The neighbour on that side.
    Move(Direction),
    /// The next pane.
    Next,
    /// The pane before.
    Previous,
    /// The next workstream that waits for a person.
    Waiting,
    /// The focused pane alone, or all again.
    Zoom,
    /// The next layout.
    Layout,
    /// Change places with the first pane.
    Swap,
    /// Scroll, in half pages: positive goes back in time.
    Scroll(i8),
    /// To the newest line.
    Bottom,
    /// Whether the mouse is ours.
    Mouse,
    /// Draw anew.
    Redraw,
    /// What the keys do.
    Help,
    /// Stop the process, as the shell's job control does.
    Suspend,
    /// The dialog about the end.
    Quit,
    /// Close what lies above the panes.
    Dismiss,
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

impl Chord {
    const fn plain(code: KeyCode) -> Self {
        Self { code, modifiers: KeyModifiers::NONE }
    }

    const fn char(character: char) -> Self {
        Self::plain(KeyCode::Char(character))
    }

    const fn ctrl(character: char) -> Self {
        Self { code: KeyCode::Char(character), modifiers: KeyModifiers::CONTROL }
    }

    /// Whether `key` is this one. A letter's case speaks for Shift already.
    pub(crate) fn is(self, key: &KeyEvent) -> bool {
        let relevant = KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SUPER;
        key.code == self.code && key.modifiers & relevant == self.modifiers & relevant
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.modifiers.contains(KeyModifiers::CONTROL) {
            f.write_str("Ctrl+")?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(c) if self.modifiers.is_empty() => write!(f, "{c}"),
            KeyCode::Char(c) => write!(f, "{}", c.to_ascii_uppercase()),
            KeyCode::Left => f.write_str("←"),
            KeyCode::Right => f.write_str("→"),
            KeyCode::Up => f.write_str("↑"),
            KeyCode::Down => f.write_str("↓"),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            KeyCode::BackTab => f.write_str("Shift+Tab"),
            code => write!(f, "{code}"),
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    /// The keys, each of which does it.
    pub(crate) chords: &'static [Chord],
    /// What they do.
    pub(crate) action: Action,
    /// What they do, for people.
    pub(crate) help: &'static str,
}

/// Lines of the table that belong together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    /// What they are about.
    pub(crate) title: &'static str,
    /// The lines.
    pub(crate) bindings: &'static [Binding],
}

const fn bind(chords: &'static [Chord], action: Action, help: &'static str) -> Binding {
    Binding { chords, action, help }
}

/// The table.
pub(crate) const GROUPS: &[Group] = &[
    Group {
        title: "Workstreams",
        bindings: &[
            bind(&[Chord::char('i'), Chord::plain(KeyCode::Enter)], Action::Input, "type into the pane"),
            bind(&[Chord::char('n')], Action::New, "new workstream"),
            bind(&[Chord::char('p')], Action::Pause, "pause; again: go on"),
            bind(&[Chord::char('r')], Action::Resume, "resume, or try again"),
            bind(&[Chord::char('x')], Action::Stop, "stop; its work is kept"),
            bind(&[Chord::char('R')], Action::Restart, "restart the agent"),
            bind(&[Chord::char('d')], Action::Discard, "discard, after a question"),
        ],
    },
    Group {
        title: "Moving",
        bindings: &[
            bind(
                &[Chord::plain(KeyCode::Left), Chord::char('h')],
                Action::Move(Direction::Left),
                "pane left",
            ),
            bind(
                &[Chord::plain(KeyCode::Down), Chord::char('j')],
                Action::Move(Direction::Down),
                "pane below",
            ),
            bind(&[Chord::plain(KeyCode::Up), Chord::char('k')], Action::Move(Direction::Up), "pane above"),
            bind(
                &[Chord::plain(KeyCode::Right), Chord::char('l')],
                Action::Move(Direction::Right),
                "pane right",
            ),
            bind(&[Chord::plain(KeyCode::Tab)], Action::Next, "next pane"),
            bind(&[Chord::plain(KeyCode::BackTab)], Action::Previous, "pane before"),
            bind(&[Chord::char('w')], Action::Waiting, "next that waits for you"),
        ],
    },
    Group {
        title: "Looking",
        bindings: &[
            bind(&[Chord::char('z')], Action::Zoom, "zoom; again: all panes"),
            bind(&[Chord::char('L')], Action::Layout, "next layout"),
            bind(&[Chord::char(' ')], Action::Swap, "swap with the first pane"),
            bind(&[Chord::plain(KeyCode::PageUp)], Action::Scroll(2), "a page back"),
            bind(&[Chord::plain(KeyCode::PageDown)], Action::Scroll(-2), "a page on"),
            bind(&[Chord::ctrl('u')], Action::Scroll(1), "half a page back"),
            bind(&[Chord::ctrl('d')], Action::Scroll(-1), "half a page on"),
            bind(&[Chord::plain(KeyCode::End), Chord::char('G')], Action::Bottom, "to the newest line"),
            bind(&[Chord::char('m')], Action::Mouse, "mouse on, off (select text)"),
        ],
    },
    Group {
        title: "ccells",
        bindings: &[
            bind(&[Chord::char('?')], Action::Help, "this page"),
            bind(&[Chord::plain(KeyCode::Esc)], Action::Dismiss, "close, dismiss"),
            bind(&[Chord::ctrl('l')], Action::Redraw, "draw anew"),
            bind(&[Chord::ctrl('z')], Action::Suspend, "suspend ccells"),
            bind(&[Chord::char('q'), Chord::ctrl('c')], Action::Quit, "quit"),
        ],
    },
];

/// What `key` does while keys steer ccells.
pub(crate) fn look_up(key: &KeyEvent) -> Option<Action> {
    GROUPS
        .iter()
        .flat_map(|group| group.bindings)
        .find(|binding| binding.chords.iter().any(|chord| chord.is(key)))
        .map(|binding| binding.action)
}

/// The one key that is not sent to an agent: it gives the keys back to ccells. Pressed twice, it is sent.
/// By default `Ctrl+]`: neither shells and editors nor the agents and multiplexers in use bind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader(char);

impl Default for Leader {
    fn default() -> Self {
        Self(']')
    }
}

/// A text that names no leader.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be the leader key; use ctrl+ and a letter other than c, i, m or z, or one of ] \\ ^ _ @"
)]
pub struct LeaderError(String);

impl Leader {
    /// Reads `ctrl+<key>`.
    pub fn parse(text: &str) -> Result<Self, LeaderError> {
        let error = || LeaderError(ccells_core::naming::sanitise(text));
        let lower = text.to_ascii_lowercase();
        let mut rest = lower.strip_prefix("ctrl+").ok_or_else(error)?.chars();
        match (rest.next(), rest.next()) {
            (Some(c), None) if (c.is_ascii_lowercase() && !"cimz".contains(c)) || "]\\^_@".contains(c) => {
                Ok(Self(c))
            }
            _ => Err(error()),
        }
    }

    /// Whether `key` is it. Terminals without a newer keyboard protocol tell `Ctrl+]` as `Ctrl+5`, and so on.
    pub(crate) fn is(self, key: &KeyEvent) -> bool {
        let without_shift = key.modifiers.difference(KeyModifiers::SHIFT);
        let KeyCode::Char(c) = key.code else { return false };
        without_shift == KeyModifiers::CONTROL
            && (c.to_ascii_lowercase() == self.0 || Some(c) == self.legacy())
    }

    fn legacy(self) -> Option<char> {
        match self.0 {
            '\\' => Some('4'),
            ']' => Some('5'),
            '^' => Some('6'),
            '_' => Some('7'),
            '@' => Some(' '),
            _ => None,
        }
    }

    /// The key as an agent is to get it.
    pub(crate) fn key(self) -> KeyEvent {
        KeyEvent::new(KeyCode::Char(self.0), KeyModifiers::CONTROL)
    }
}

impl fmt::Display for Leader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ctrl+{}", self.0.to_ascii_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_does_two_things() {
        let all: Vec<Chord> = GROUPS
            .iter()
            .flat_map(|group| group.bindings)
            .flat_map(|binding| binding.chords)
            .copied()
            .collect();
        for (place, chord) in all.iter().enumerate() {
            assert!(!all[place + 1..].contains(chord), "{chord} is bound twice");
        }
    }

    #[test]
    fn the_leader_is_known_in_both_of_its_spellings() {
        let leader = Leader::default();
        for c in [']', '5'] {
            assert!(leader.is(&KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)));
            assert!(!leader.is(&KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)));
        }
        assert_eq!(leader.to_string(), "Ctrl+]");
        assert_eq!(Leader::parse("Ctrl+G").map(|leader| leader.to_string()), Ok("Ctrl+G".to_owned()));
        for bad in ["", "g", "ctrl+", "ctrl+c", "ctrl+i", "ctrl+gg", "alt+g", "ctrl+\u{1b}"] {
            assert!(Leader::parse(bad).is_err(), "{bad:?}");
        }
    }
}
