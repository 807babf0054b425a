//! Which key does what: the usual keys of every action, with what the user bound instead.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "keys are the terminal library's; those we do not bind do nothing"
)]

use std::fmt;

use ccells_core::naming;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::{self, Action, Context};

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// Keys that have a name instead of a character, as they are written in `config.toml`.
const NAMED: [(&str, KeyCode); 16] = [
    ("enter", KeyCode::Enter),
    ("tab", KeyCode::Tab),
    ("esc", KeyCode::Esc),
    ("space", KeyCode::Char(' ')),
    ("plus", KeyCode::Char('+')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
];
const MODIFIERS: [(&str, KeyModifiers); 3] =
    [("ctrl+", KeyModifiers::CONTROL), ("alt+", KeyModifiers::ALT), ("shift+", KeyModifiers::SHIFT)];

impl Chord {
    /// The key that was pressed. A letter's case speaks for Shift already.
    pub(crate) fn of(key: &KeyEvent) -> Self {
        let held = key.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        let (code, modifiers) = match key.code {
            KeyCode::BackTab => (KeyCode::Tab, held | KeyModifiers::SHIFT),
            KeyCode::Char(c) if held.contains(KeyModifiers::CONTROL) => {
                (KeyCode::Char(c.to_ascii_lowercase()), held - KeyModifiers::SHIFT)
            }
            KeyCode::Char(c) => (KeyCode::Char(c), held - KeyModifiers::SHIFT),
            code => (code, held),
        };
        Self { code, modifiers }
    }

    /// Reads `ctrl+u`, `R`, `shift+tab`, `f5` and the like; none where that names no key.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mut rest, mut modifiers) = (text, KeyModifiers::NONE);
        while let Some((name, modifier)) = MODIFIERS.iter().find(|(name, _)| starts_with(rest, name)) {
            modifiers |= *modifier;
            rest = &rest[name.len()..];
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_control() && !c.is_whitespace() => KeyCode::Char(c),
            _ => named(rest)?,
        };
        let code = match code {
            KeyCode::Char(c) if modifiers.contains(KeyModifiers::SHIFT) => {
                KeyCode::Char(c.to_ascii_uppercase())
            }
            code => code,
        };
        Some(Self::of(&KeyEvent::new(code, modifiers)))
    }
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn named(text: &str) -> Option<KeyCode> {
    let lower = text.to_ascii_lowercase();
    let function = lower.strip_prefix('f').and_then(|number| number.parse::<u8>().ok());
    let function = function.filter(|number| (1..=24).contains(number)).map(KeyCode::F);
    NAMED.iter().find(|(name, _)| *name == lower).map(|(_, code)| *code).or(function)
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, name) in
            [(KeyModifiers::CONTROL, "Ctrl+"), (KeyModifiers::ALT, "Alt+"), (KeyModifiers::SHIFT, "Shift+")]
        {
            if self.modifiers.contains(modifier) {
                f.write_str(name)?;
            }
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(c) if self.modifiers.contains(KeyModifiers::CONTROL) => {
                write!(f, "{}", c.to_ascii_uppercase())
            }
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::Left => f.write_str("←"),
            KeyCode::Right => f.write_str("→"),
            KeyCode::Up => f.write_str("↑"),
            KeyCode::Down => f.write_str("↓"),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            code => write!(f, "{code}"),
        }
    }
}

/// The names of all actions, as `[keys]` takes them.
pub fn action_names() -> impl Iterator<Item = &'static str> + Clone {
    action::all().map(|described| described.name)
}

/// Which key does what in this run.
#[derive(Clone, Debug, PartialEq)]
pub struct Keymap {
    bindings: Vec<(Chord, Action)>,
}

/// What the user bound cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// There is no such action.
    #[error("there is no action `{name}`{}", hint.map(|hint| format!("; did you mean `{hint}`?")).unwrap_or_default())]
    UnknownAction {
        /// Its name.
        name: String,
        /// The nearest there is.
        hint: Option<&'static str>,
    },
    /// There is no such key.
    #[error("`{0}` is no key; write `x`, `ctrl+x`, `alt+x`, `shift+tab`, `f5`, `pageup` and the like")]
    UnknownKey(String),
    /// One key for two actions.
    #[error("the key {key} is bound to both `{first}` and `{second}`; give one of them another")]
    Twice {
        /// The key.
        key: String,
        /// An action.
        first: &'static str,
        /// Another.
        second: &'static str,
    },
    /// A key that never reaches the actions.
    #[error("the key {key} is the leader and cannot do `{action}` as well; give one of them another")]
    IsLeader {
        /// The key.
        key: String,
        /// The action.
        action: &'static str,
    },
}

impl Default for Keymap {
    fn default() -> Self {
        Self::with(&[], Leader::default())
            .expect("a test holds that the usual keys are keys and do one thing each")
    }
}

impl Keymap {
    /// The usual keys, with what the user bound: the name of an action and all its keys. A key that is bound is taken
    /// from the action that usually has it there.
    pub fn with(bound: &[(String, Vec<String>)], leader: Leader) -> Result<Self, KeymapError> {
        let mut bindings: Vec<(Chord, Action)> = Vec::new();
        for (name, keys) in bound {
            let described = action::named(name).ok_or_else(|| KeymapError::UnknownAction {
                name: naming::sanitise(name),
                hint: action::nearest(name),
            })?;
            for key in keys {
                let chord =
                    Chord::parse(key).ok_or_else(|| KeymapError::UnknownKey(naming::sanitise(key)))?;
                let is_same =
                    |known: Chord, it: Action| known == chord && it.context() == described.action.context();
                if let Some((_, other)) =
                    bindings.iter().find(|(known, it)| is_same(*known, *it) && *it != described.action)
                {
                    return Err(twice(chord, *other, described.action));
                }
                bindings.push((chord, described.action));
            }
        }
        for described in action::all().filter(|it| bound.iter().all(|(name, _)| name != it.name)) {
            for chord in described.keys.iter().filter_map(|key| Chord::parse(key)) {
                let context = described.action.context();
                if bindings.iter().all(|(known, it)| *known != chord || it.context() != context) {
                    bindings.push((chord, described.action));
                }
            }
        }
        let leader_chord = Chord::of(&leader.key());
        match bindings.iter().find(|(chord, _)| *chord == leader_chord) {
            Some((chord, action)) => {
                Err(KeymapError::IsLeader { key: chord.to_string(), action: name_of(*action) })
            }
            None => Ok(Self { bindings }),
        }
    }

    /// What `key` does there.
    pub(crate) fn look_up(&self, context: Context, key: &KeyEvent) -> Option<Action> {
        let pressed = Chord::of(key);
        let is_it = |(chord, action): &&(Chord, Action)| *chord == pressed && action.context() == context;
        self.bindings.iter().find(is_it).map(|(_, action)| *action)
    }

    /// The keys of an action.
    pub(crate) fn keys(&self, action: Action) -> impl Iterator<Item = Chord> {
        self.bindings.iter().filter(move |(_, it)| *it == action).map(|(chord, _)| *chord)
    }

    /// The first key of each of these, as people read them.
    pub(crate) fn first_keys(&self, actions: &[Action]) -> String {
        let first = |action: &Action| self.keys(*action).next().map(|chord| chord.to_string());
        actions.iter().filter_map(first).collect::<Vec<_>>().join(" ")
    }

    /// The first key of an action, as people read it; the palette's name of it where it has none.
    pub(crate) fn hint(&self, action: Action) -> String {
        self.keys(action).next().map_or_else(|| format!(":{}", name_of(action)), |chord| chord.to_string())
    }
}

fn twice(chord: Chord, first: Action, second: Action) -> KeymapError {
    KeymapError::Twice { key: chord.to_string(), first: name_of(first), second: name_of(second) }
}

fn name_of(action: Action) -> &'static str {
    action::all().find(|described| described.action == action).map_or("", |described| described.name)
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

    /// Whether `key` is it. Terminals without a newer keyboard protocol tell `Ctrl+@` as `Ctrl+Space`.
    pub(crate) fn is(self, key: &KeyEvent) -> bool {
        let without_shift = key.modifiers.difference(KeyModifiers::SHIFT);
        let KeyCode::Char(c) = key.code else { return false };
        without_shift == KeyModifiers::CONTROL
            && (c.to_ascii_lowercase() == self.0 || (self.0 == '@' && c == ' '))
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
    use crate::tui::copy::Look;
    use crate::tui::dialog::log::LogKey;

    fn bind(rows: &[(&str, &[&str])]) -> Result<Keymap, String> {
        let rows: Vec<(String, Vec<String>)> = rows
            .iter()
            .map(|(name, keys)| (name.to_string(), keys.iter().map(ToString::to_string).collect()))
            .collect();
        Keymap::with(&rows, Leader::default()).map_err(|error| error.to_string())
    }

    fn press(code: KeyCode, held: KeyModifiers) -> KeyEvent {
        KeyEvent::new(code, held)
    }

    #[test]
    fn every_usual_key_is_a_key_and_does_one_thing() {
        let mut seen: Vec<(Context, Chord)> = Vec::new();
        for described in action::all() {
            assert_eq!(action::named(described.name).map(|it| it.action), Some(described.action));
            for key in described.keys {
                let chord = Chord::parse(key).unwrap_or_else(|| panic!("`{key}` is no key"));
                let place = (described.action.context(), chord);
                assert!(!seen.contains(&place), "{chord} is bound twice");
                seen.push(place);
            }
        }
        assert_eq!(Keymap::default().bindings.len(), seen.len());
    }

    #[test]
    fn a_key_is_known_however_the_terminal_tells_it() {
        let keys = Keymap::default();
        for (event, action) in [
            (press(KeyCode::Char('R'), KeyModifiers::SHIFT), Action::Restart),
            (press(KeyCode::Char('R'), KeyModifiers::NONE), Action::Restart),
            (press(KeyCode::Char('r'), KeyModifiers::NONE), Action::Resume),
            (press(KeyCode::BackTab, KeyModifiers::SHIFT), Action::Previous),
            (press(KeyCode::Tab, KeyModifiers::SHIFT), Action::Previous),
            (press(KeyCode::Char('?'), KeyModifiers::SHIFT), Action::Help),
            (press(KeyCode::Char('C'), KeyModifiers::CONTROL), Action::Quit),
        ] {
            assert_eq!(keys.look_up(Context::Panes, &event), Some(action), "{event:?}");
        }
        assert_eq!(keys.look_up(Context::Panes, &press(KeyCode::Char('r'), KeyModifiers::ALT)), None);
    }

    #[test]
    fn what_the_user_binds_holds_and_takes_the_key_from_others() {
        let keys = bind(&[("new", &["c", "alt+n"]), ("stop", &["n"]), ("mouse", &[])])
            .expect("no key does two things");
        let does = |text: &str| {
            let chord = Chord::parse(text).expect("a key");
            keys.look_up(Context::Panes, &KeyEvent::new(chord.code, chord.modifiers))
        };
        assert_eq!(does("c"), Some(Action::New));
        assert_eq!(does("alt+n"), Some(Action::New));
        assert_eq!(does("n"), Some(Action::Stop));
        assert_eq!((does("x"), does("m")), (None, None));
        assert_eq!(keys.hint(Action::Mouse), ":mouse");
        assert_eq!(keys.hint(Action::New), "c");
    }

    #[test]
    fn one_key_may_do_another_thing_elsewhere() {
        let keys = bind(&[("look-down", &["n"]), ("log-close", &["n"]), ("settings-up", &["x"])])
            .expect("no key does two things in one place");
        let n = press(KeyCode::Char('n'), KeyModifiers::NONE);
        assert_eq!(keys.look_up(Context::Panes, &n), Some(Action::New));
        assert_eq!(keys.look_up(Context::Looking, &n), Some(Action::Look(Look::Down)));
        assert_eq!(keys.look_up(Context::Log, &n), Some(Action::InLog(LogKey::Close)));
        assert_eq!(keys.look_up(Context::Usage, &n), None);
        assert_eq!(keys.keys(Action::Look(Look::Next)).count(), 0, "it was taken from there");
        let refused = bind(&[("look-down", &["n"]), ("look-up", &["n"])]).unwrap_err();
        assert!(refused.starts_with("the key n is bound to both `look-down` and `look-up`"), "{refused}");
        assert!(bind(&[("log-back", &["ctrl+]"])]).is_err(), "the leader is the leader everywhere");
    }

    #[test]
    fn what_cannot_be_bound_is_told_with_what_to_do() {
        let refused = |rows: &[(&str, &[&str])]| bind(rows).unwrap_err();
        assert_eq!(refused(&[("nwe", &["c"])]), "there is no action `nwe`; did you mean `new`?");
        assert!(refused(&[("new", &["ctrl+"])]).starts_with("`ctrl+` is no key"));
        assert!(refused(&[("new", &["f99"])]).starts_with("`f99` is no key"));
        assert_eq!(
            refused(&[("new", &["c"]), ("stop", &["c"])]),
            "the key c is bound to both `new` and `stop`; give one of them another"
        );
        assert!(refused(&[("new", &["ctrl+]"])]).starts_with("the key Ctrl+] is the leader"));
    }

    #[test]
    fn every_key_reads_back_from_its_usual_spelling() {
        for text in [
            "a",
            "Z",
            "ctrl+x",
            "alt+é",
            "shift+up",
            "f12",
            "space",
            "plus",
            "+",
            ":",
            "shift+tab",
            "CTRL+ALT+Delete",
        ] {
            assert!(Chord::parse(text).is_some(), "{text}");
        }
        for text in ["", "ctrl+", "f0", "f25", "nokey", "a b", "\u{1b}", "\t", "shift+"] {
            assert!(Chord::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn the_leader_is_one_key() {
        let leader = Leader::default();
        let is = |leader: Leader, c, held| leader.is(&KeyEvent::new(KeyCode::Char(c), held));
        assert!(is(leader, ']', KeyModifiers::CONTROL));
        assert!(!is(leader, ']', KeyModifiers::NONE));
        assert!(
            !is(leader, '5', KeyModifiers::CONTROL),
            "a terminal that can tell them apart tells another key"
        );
        let at = Leader::parse("ctrl+@").expect("it can be the leader");
        assert!(is(at, ' ', KeyModifiers::CONTROL), "their byte is the same");
        assert_eq!(leader.to_string(), "Ctrl+]");
        assert_eq!(Leader::parse("Ctrl+G").map(|leader| leader.to_string()), Ok("Ctrl+G".to_owned()));
        for bad in ["", "g", "ctrl+", "ctrl+c", "ctrl+i", "ctrl+gg", "alt+g", "ctrl+\u{1b}"] {
            assert!(Leader::parse(bad).is_err(), "{bad:?}");
        }
    }
}
