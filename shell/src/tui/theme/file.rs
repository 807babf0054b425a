//! Themes of the user's own: `themes/<name>.toml` in the home, each a theme that it begins with and what it changes.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ccells_core::limits::THEME_BYTES;
use ccells_core::naming;
use ratatui::style::{Color, Modifier};
use toml::{Table, Value};

use super::{Look, PARTS, Theme, built_in};

/// Longest name of a theme.
const NAME_BYTES: usize = 64;
/// The key that names the theme to begin with.
const BASE: &str = "base";
/// What a part of the screen takes.
const WANTED: &str = "a colour (`cyan`, `#5bc0de`, 0 to 255) or a table of `fg`, `bg`, `bold`, `dim`, `italic`, \
                      `underlined`, `reversed`";
/// Attributes a look can have.
const ATTRIBUTES: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
];

/// Why a theme cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// Nothing is called that.
    #[error("there is no theme `{name}`; there are terminal, dark, light, contrast, and what is in {}", place.display())]
    Unknown {
        /// Its name.
        name: String,
        /// Where others would be.
        place: PathBuf,
    },
    /// The file cannot be read.
    #[error("{path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// It is no TOML.
    #[error("{path} is not valid TOML: {why}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what.
        why: toml::de::Error,
    },
    /// There is no such key.
    #[error("{path}: nothing is called `{key}`{}", hint.map(|hint| format!("; did you mean `{hint}`?")).unwrap_or_default())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The nearest there is.
        hint: Option<&'static str>,
    },
    /// The key does not take that.
    #[error("{path}: `{key}` must be {wanted}, not {got}")]
    BadValue {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What it takes.
        wanted: &'static str,
        /// What was given.
        got: String,
    },
}

/// The theme of that name: one that comes with the program, or one of `home`.
pub fn load(home: &Path, name: &str) -> Result<Theme, ThemeError> {
    if let Some(theme) = named(name) {
        return Ok(theme);
    }
    let place = home.join("themes");
    let unknown = || ThemeError::Unknown { name: naming::sanitise(name), place: place.clone() };
    // The name becomes part of a path, and of nothing but a path in that directory.
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > NAME_BYTES || !name.chars().all(is_name) {
        return Err(unknown());
    }
    let path = place.join(format!("{name}.toml"));
    match read(&path) {
        Ok(text) => parse(&path, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(unknown()),
        Err(why) => Err(ThemeError::Unreadable { path, why }),
    }
}

fn named(name: &str) -> Option<Theme> {
    built_in::ALL.iter().find(|(known, _)| *known == name).map(|(_, theme)| theme())
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let longest = THEME_BYTES as u64;
    let count = std::fs::File::open(path)?.take(longest + 1).read_to_string(&mut text)?;
    if count as u64 > longest { Err(io::Error::other("it is too large for a theme")) } else { Ok(text) }
}

/// Takes `text` for the file at `path`.
fn parse(path: &Path, text: &str) -> Result<Theme, ThemeError> {
    let mut table: Table =
        text.parse().map_err(|why| ThemeError::Syntax { path: path.to_path_buf(), why })?;
    let bad = |key: &str, wanted, value: &Value| ThemeError::BadValue {
        path: path.to_path_buf(),
        key: naming::sanitise(key),
        wanted,
        got: naming::sanitise(&value.to_string()),
    };
    let mut theme = match table.remove(BASE) {
        None => Theme::default(),
        Some(value) => value
            .as_str()
            .and_then(named)
            .ok_or_else(|| bad(BASE, "`terminal`, `dark`, `light` or `contrast`", &value))?,
    };
    for (key, value) in table {
        let Some(place) = PARTS.iter().position(|(_, name)| *name == key) else {
            let hint = nearest(&key);
            return Err(ThemeError::UnknownKey {
                path: path.to_path_buf(),
                key: naming::sanitise(&key),
                hint,
            });
        };
        theme.looks[place] = look(theme.looks[place], &value).ok_or_else(|| bad(&key, WANTED, &value))?;
    }
    Ok(theme)
}

/// `look` with what `value` says of it.
fn look(mut look: Look, value: &Value) -> Option<Look> {
    let Value::Table(table) = value else {
        return Some(Look { letters: Some(colour(value)?), ..look });
    };
    for (key, value) in table {
        match key.as_str() {
            "fg" => look.letters = Some(colour(value)?),
            "bg" => look.ground = Some(colour(value)?),
            other => {
                let (_, attribute) = ATTRIBUTES.iter().find(|(name, _)| *name == other)?;
                look.attributes.set(*attribute, value.as_bool()?);
            }
        }
    }
    Some(look)
}

/// A colour; `default` is the terminal's own.
fn colour(value: &Value) -> Option<Color> {
    match value {
        Value::Integer(index) => u8::try_from(*index).ok().map(Color::Indexed),
        Value::String(text) if text == "default" => Some(Color::Reset),
        Value::String(text) => text.parse().ok(),
        Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

fn nearest(key: &str) -> Option<&'static str> {
    if key.len() > NAME_BYTES {
        return None;
    }
    let near = |known: &str| strsim::damerau_levenshtein(key, known);
    let known = PARTS.iter().map(|(_, name)| *name).chain([BASE]);
    known.min_by_key(|known| near(known)).filter(|known| near(known) <= 3)
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    fn parsed(text: &str) -> Result<Theme, String> {
        parse(Path::new("mine.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_theme_changes_what_it_names_and_keeps_the_rest() {
        let text =
            "base = 'dark'\nkey = '#010203'\ninput = { fg = 0, bg = 'green', italic = true, bold = false }\n";
        let theme = parsed(text).expect("it is one");
        let dark = named("dark").expect("it comes with the program");
        assert_eq!(theme.key().fg, Some(Color::Rgb(1, 2, 3)));
        assert_eq!(theme.key().add_modifier, Modifier::BOLD);
        let input = Style::new().fg(Color::Indexed(0)).bg(Color::Green).add_modifier(Modifier::ITALIC);
        assert_eq!(theme.input(), input);
        assert_eq!(theme.error(), dark.error());
    }

    #[test]
    fn what_is_wrong_is_told_with_the_nearest_right_word() {
        let refused = |text: &str| parsed(text).unwrap_err();
        assert_eq!(
            refused("atention = 'red'"),
            "mine.toml: nothing is called `atention`; did you mean `attention`?"
        );
        assert!(refused("base = 'drak'").contains("`base` must be `terminal`, `dark`"));
        for bad in ["'no colour'", "256", "-1", "{ fg = 'redd' }", "{ glow = true }", "{ bold = 1 }", "1.5"] {
            assert!(refused(&format!("key = {bad}")).contains("`key` must be a colour"), "{bad}");
        }
        assert!(refused("key =").contains("not valid TOML"));
    }

    #[test]
    fn a_name_leads_to_no_other_place() {
        let home = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(home.path().join("themes")).expect("a directory");
        std::fs::write(home.path().join("secret.toml"), "key = 'red'").expect("a file");
        std::fs::write(home.path().join("themes/mine.toml"), "key = 'red'").expect("a file");
        assert_eq!(load(home.path(), "mine").expect("it is there").key().fg, Some(Color::Red));
        for name in ["../secret", "", "a/b", ".", "mine.toml", "none"] {
            let error = load(home.path(), name).expect_err("there is none").to_string();
            assert!(error.starts_with("there is no theme"), "{error}");
        }
        std::fs::write(home.path().join("themes/huge.toml"), "#".repeat(THEME_BYTES + 1)).expect("a file");
        assert!(load(home.path(), "huge").is_err());
    }
}
