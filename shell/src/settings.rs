//! The settings as the screen shows and changes them: each with its value, where that comes from and what it means. A
//! change keeps the comments and the order of `config.toml`, and is refused when the file could not be used after it.

use std::path::Path;

use ccells_core::event::OnQuit;
use ccells_core::ids::PathText;
use ccells_core::limits::{LOCK_POLL_MS, LOCK_WAIT_MS};
use ccells_core::naming;
use ccells_core::store::{self, Keep, Update, UpdateError};
use toml::{Table, Value};
use toml_edit::{DocumentMut, Item, TableLike};

use crate::adapters::entropy;
use crate::adapters::files::RealFiles;
use crate::config::{self, Config, KEYS, variable_name};
use crate::paths::{self, HomePaths};
use crate::tui::screen::Depth;
use crate::tui::{
    self, AgentClipboard, Change, Clipboard, Origin, Preferences, Setting, Settings, ThemeError,
};

/// Keys whose change the screen follows at once.
const LIVE: [&str; 9] = [
    "on_quit",
    "leader",
    "theme",
    "motion",
    "clipboard",
    "agent_clipboard",
    "bell",
    "notifications",
    "copy_on_select",
];

/// What of `config` the screen needs, on a terminal with so many colours.
pub fn preferences(home: &Path, config: &Config, depth: Depth) -> Result<Preferences, ThemeError> {
    Ok(Preferences {
        on_quit: config.on_quit,
        leader: config.leader,
        keys: config.keys.clone(),
        theme: tui::load_theme(home, &config.theme)?.reduced(depth),
        is_calm: config.is_calm,
        is_selecting_only: !config.copies_on_select,
        clipboard: config.clipboard,
        agent_clipboard: config.agent_clipboard,
        is_bell_off: !config.has_bell,
        are_notifications_off: !config.has_notifications,
        is_alone: false,
    })
}

/// All that is set: by the file, and by the variables in which `variable` looks.
pub fn read(
    paths: &HomePaths,
    variable: impl Fn(&str) -> Option<String>,
    depth: Depth,
) -> Result<Settings, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let config = Config::read(paths.root(), &variable).map_err(|error| words(&error))?;
    let text = config::read_text(&file(paths)).unwrap_or_default();
    let table: Table = text.parse().map_err(|error| words(&error))?;
    let in_file = config::flatten(table);
    let find = |key: &str| in_file.iter().find(|(known, _)| known == key).map(|(_, value)| value);
    let mut rows: Vec<Setting> = KEYS
        .iter()
        .map(|(key, about)| {
            let origin = match (variable(&variable_name(key)), find(key)) {
                (Some(_), _) => Origin::Environment,
                (None, Some(_)) => Origin::File,
                (None, None) => Origin::Default,
            };
            Setting {
                key: (*key).to_owned(),
                value: naming::sanitise(&value_of(&config, key)),
                origin,
                about: (*about).to_owned(),
                is_live: LIVE.contains(key),
            }
        })
        .collect();
    rows.extend(tui::actions().map(|(name, keys, help)| {
        let key = format!("keys.{name}");
        let set = find(&key);
        let usual = || list(keys.iter().map(ToString::to_string));
        Setting {
            value: naming::sanitise(&set.map_or_else(usual, one_line)),
            origin: if set.is_some() { Origin::File } else { Origin::Default },
            about: format!("a key, or a list of keys: {help}"),
            is_live: true,
            key,
        }
    }));
    let preferences = preferences(paths.root(), &config, depth).map_err(|error| words(&error))?;
    Ok(Settings { rows, preferences: Box::new(preferences) })
}

/// Makes a change in `config.toml`, durably. Nothing is written unless the file can be used afterwards.
pub fn change(
    paths: &HomePaths,
    change: &Change,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), String> {
    let path = file(paths);
    let apply = |present: Option<Vec<u8>>| {
        let text = String::from_utf8(present.unwrap_or_default())
            .map_err(|_| format!("{} is no text", path.display()))?;
        let text = changed(&text, change)?;
        let config = Config::parse(&path, &text, variable).map_err(|error| error.to_string())?;
        tui::load_theme(paths.root(), &config.theme).map_err(|error| error.to_string())?;
        Ok(text.into_bytes())
    };
    let lock = paths::text(&paths.root().join("locks").join("config.lock"));
    let target: PathText = paths::text(&path);
    let update = Update::new(lock, target, entropy::nonce(), std::process::id(), Keep::One, apply);
    let mut tries = LOCK_WAIT_MS / LOCK_POLL_MS;
    let wait = || {
        std::thread::sleep(std::time::Duration::from_millis(LOCK_POLL_MS));
        tries -= 1;
        tries > 0
    };
    match store::run_patiently(&mut RealFiles::new(), update, wait) {
        Ok(()) => Ok(()),
        Err(UpdateError::Refused(why)) => Err(why),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn file(paths: &HomePaths) -> std::path::PathBuf {
    paths.root().join("config.toml")
}

/// `text` with the change, its comments and its order kept.
fn changed(text: &str, change: &Change) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let (table, name) = match change.key.split_once('.') {
        Some((table, name)) => (Some(table), name),
        None => (None, change.key.as_str()),
    };
    if let Some(typed) = &change.value {
        let value = new_value(&change.key, typed)?;
        put(place(&mut document, table)?, name, value);
    } else if let Some(comment) = take_out(place(&mut document, table)?, name) {
        // What was said above it may be about more than it.
        let after = document.trailing().as_str().unwrap_or_default().to_owned();
        document.set_trailing(format!("{comment}{after}"));
    }
    Ok(document.to_string())
}

fn new_value(key: &str, typed: &str) -> Result<toml_edit::Value, String> {
    let value = if key.starts_with("keys.") {
        let list = format!("it = {typed}").parse::<Table>().ok().and_then(|mut table| table.remove("it"));
        list.filter(|value| value.is_array() || value.is_str())
            .unwrap_or_else(|| Value::String(typed.to_owned()))
    } else {
        config::from_variable(key, typed)
    };
    value.to_string().parse().map_err(|error: toml_edit::TomlError| error.to_string())
}

fn place<'a>(document: &'a mut DocumentMut, table: Option<&str>) -> Result<&'a mut dyn TableLike, String> {
    let Some(table) = table else { return Ok(document.as_table_mut()) };
    let item = document.as_table_mut().entry(table).or_insert_with(toml_edit::table);
    item.as_table_like_mut().ok_or_else(|| format!("`{table}` in the file is no table"))
}

/// Sets a value; what stands around the old one stays.
fn put(table: &mut dyn TableLike, name: &str, mut value: toml_edit::Value) {
    if let Some(old) = table.get_mut(name).and_then(Item::as_value_mut) {
        *value.decor_mut() = old.decor().clone();
        *old = value;
    } else {
        table.insert(name, Item::Value(value));
    }
}

/// Takes a key out; the comment above it goes to the next key, or is given back where there is none.
fn take_out(table: &mut dyn TableLike, name: &str) -> Option<String> {
    let comment = table.key(name).and_then(|key| key.leaf_decor().prefix()?.as_str().map(str::to_owned));
    let next = table.iter().skip_while(|(key, _)| *key != name).nth(1).map(|(key, _)| key.to_owned());
    table.remove(name)?;
    let comment = comment.filter(|comment| comment.contains('#'))?;
    let Some(mut next) = next.as_deref().and_then(|next| table.key_mut(next)) else { return Some(comment) };
    let own = next.leaf_decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned();
    next.leaf_decor_mut().set_prefix(format!("{comment}{own}"));
    None
}

/// A value as it would be typed.
fn value_of(config: &Config, key: &str) -> String {
    let settings = &config.settings;
    match key {
        "image" => settings.image.clone(),
        "on_quit" => match config.on_quit {
            OnQuit::PauseAll => "pause".to_owned(),
            OnQuit::KeepRunning => "keep".to_owned(),
        },
        "leader" => config.leader.to_string().to_lowercase(),
        "theme" => config.theme.clone(),
        "motion" => if config.is_calm { "reduced" } else { "full" }.to_owned(),
        "engine" => config.engine.clone().unwrap_or_default(),
        "branch_prefix" => settings.branch_prefix.clone(),
        "fetch_base" => settings.asks_remotes.to_string(),
        "scrollback" => config.scrollback.to_string(),
        "clipboard" => match config.clipboard {
            Clipboard::Auto => "auto".to_owned(),
            Clipboard::Terminal => "osc52".to_owned(),
            Clipboard::System => "system".to_owned(),
            Clipboard::Off => "off".to_owned(),
        },
        "agent_clipboard" => match config.agent_clipboard {
            AgentClipboard::Ask => "ask".to_owned(),
            AgentClipboard::Allow => "allow".to_owned(),
            AgentClipboard::Deny => "deny".to_owned(),
        },
        "bell" => config.has_bell.to_string(),
        "notifications" => config.has_notifications.to_string(),
        "copy_on_select" => config.copies_on_select.to_string(),
        "agent.command" => list(settings.agent.argv.iter().cloned()),
        "agent.resume" => list(settings.agent.resume_argv.iter().cloned()),
        "agent.env" => {
            let texts =
                settings.agent.env.iter().map(|(name, text)| (name.clone(), Value::String(text.clone())));
            one_line(&Value::Table(texts.collect()))
        }
        "limits.pids" => settings.limits.pids.to_string(),
        "limits.memory_mb" => (settings.limits.memory / 1_024 / 1_024).to_string(),
        "trash.days" => config.trash.days.to_string(),
        "trash.count" => config.trash.count.to_string(),
        "limits.cpus" => cpus(settings.limits.nano_cpus),
        _ => String::new(),
    }
}

fn list(words: impl Iterator<Item = String>) -> String {
    one_line(&Value::Array(words.map(Value::String).collect()))
}

/// A value on one line, whatever is in its texts: they are quoted as in JSON, which TOML reads as well.
fn one_line(value: &Value) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match value {
        Value::String(text) => quoted(text),
        Value::Array(values) => format!("[{}]", values.iter().map(one_line).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let pairs: Vec<_> =
                table.iter().map(|(key, value)| format!("{} = {}", quoted(key), one_line(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => value.to_string(),
    }
}

/// Billionths of a core as cores.
fn cpus(nano: i64) -> String {
    let (whole, rest) = (nano / 1_000_000_000, nano % 1_000_000_000);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:09}").trim_end_matches('0').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# mine\nimage = 'a'   # the usual one\n\n# ends softly\non_quit = 'keep'\n\n[limits]\npids = 64 # few\n\n\
                        [keys]\nnew = 'c'\n";

    fn set(key: &str, value: Option<&str>) -> Change {
        Change { key: key.to_owned(), value: value.map(str::to_owned) }
    }

    fn home(text: &str) -> (tempfile::TempDir, HomePaths) {
        let home = tempfile::tempdir().expect("a temporary directory");
        let paths = HomePaths::new(home.path());
        for room in paths.rooms() {
            std::fs::create_dir_all(room).expect("a directory");
        }
        std::fs::write(home.path().join("config.toml"), text).expect("a file");
        (home, paths)
    }

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn a_change_keeps_what_stands_around_it() {
        let after = changed(TEXT, &set("image", Some("b"))).expect("it can be made");
        assert_eq!(after, TEXT.replace("'a'", "\"b\""));
        let after = changed(TEXT, &set("limits.pids", Some("99"))).expect("it can be made");
        assert_eq!(after, TEXT.replace("64", "99"));
        let after = changed(TEXT, &set("limits.cpus", Some("0.5"))).expect("it can be made");
        assert_eq!(after, TEXT.replace("few\n", "few\ncpus = 0.5\n"));
        let after = changed(TEXT, &set("keys.stop", Some("[\"X\", \"f8\"]"))).expect("it can be made");
        assert_eq!(after, TEXT.replace("'c'\n", "'c'\nstop = [\"X\", \"f8\"]\n"));
        let after = changed(TEXT, &set("keys.new", Some("f5"))).expect("it can be made");
        assert_eq!(after, TEXT.replace("'c'", "\"f5\""));
        let after = changed("", &set("agent.command", Some("sh -c top"))).expect("it can be made");
        assert_eq!(after, "[agent]\ncommand = [\"sh\", \"-c\", \"top\"]\n");
    }

    #[test]
    fn what_is_taken_out_leaves_its_comment() {
        let after = changed(TEXT, &set("image", None)).expect("it can be made");
        assert!(after.starts_with("# mine\n\n# ends softly\non_quit"), "{after}");
        assert!(!after.contains("image"), "{after}");
        let after = changed("# all of it\nimage = 'a'\n", &set("image", None)).expect("it can be made");
        assert_eq!(after, "# all of it\n");
        let after = changed(TEXT, &set("theme", None)).expect("it can be made");
        assert_eq!(after, TEXT, "what is not there is not missed");
    }

    #[test]
    fn a_change_that_could_not_be_read_back_is_not_written() {
        let (home, paths) = home(TEXT);
        for (key, value, why) in [
            ("limits.pids", "none", "above 0"),
            ("leader", "x", "leaves a pane"),
            ("theme", "drak", "no theme `drak`"),
            ("keys.stop", "c", "bound to both"),
            ("keys.stop", "ctrl+", "is no key"),
            ("motion", "fast", "`full` or `reduced`"),
            ("imgae", "x", "did you mean `image`"),
        ] {
            let error = change(&paths, &set(key, Some(value)), nothing).expect_err(key);
            assert!(error.contains(why), "{error}");
            assert_eq!(std::fs::read_to_string(home.path().join("config.toml")).expect("it is there"), TEXT);
        }
    }

    #[test]
    fn what_is_written_is_read_with_its_origin() {
        let (home, paths) = home(TEXT);
        change(&paths, &set("theme", Some("light")), nothing).expect("it can be made");
        change(&paths, &set("motion", Some("reduced")), nothing).expect("it can be made");
        assert_eq!(std::fs::read_to_string(home.path().join("config.toml.prev")).expect("it is kept"), {
            TEXT.replace("'keep'\n", "'keep'\ntheme = \"light\"\n")
        });
        let variable = |name: &str| (name == "CCELLS_IMAGE").then(|| "c".to_owned());
        let settings = read(&paths, variable, Depth::True).expect("it can be read");
        assert!(settings.preferences.is_calm);
        let row = |key: &str| {
            let row = settings.rows.iter().find(|row| row.key == key).expect("it is there");
            (row.value.as_str(), row.origin)
        };
        assert_eq!(row("image"), ("c", Origin::Environment));
        assert_eq!(row("theme"), ("light", Origin::File));
        assert_eq!(row("limits.pids"), ("64", Origin::File));
        assert_eq!(row("limits.cpus"), ("2", Origin::Default));
        assert_eq!(row("keys.new"), ("\"c\"", Origin::File));
        assert_eq!(row("keys.pane-left"), ("[\"left\", \"h\"]", Origin::Default));
        for (key, _) in KEYS {
            let is_empty = row(key).0.is_empty();
            assert_eq!(is_empty, ["engine", "branch_prefix"].contains(&key), "{key} has a value to show");
        }
    }

    #[test]
    fn what_is_shown_can_be_typed_again() {
        let words = ["sh", "-c", "echo 'a'\n\techo \"b\" \\ \u{1b}[m é"];
        let shown = list(words.iter().map(ToString::to_string));
        assert!(!shown.contains('\n'), "{shown}");
        let text = changed("", &set("agent.command", Some(&shown))).expect("it can be made");
        let table: Table = text.parse().expect("it is TOML");
        let read: Vec<_> =
            table["agent"]["command"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        assert_eq!(read, words);
        let texts = [("A B", "x\ny"), ("C", "")].map(|(key, text)| (key.to_owned(), Value::from(text)));
        let env = Value::Table(texts.into_iter().collect());
        let text = changed("", &set("agent.env", Some(&one_line(&env)))).expect("it can be made");
        assert_eq!(text.parse::<Table>().expect("it is TOML")["agent"]["env"], env);
    }

    #[test]
    fn a_first_setting_makes_the_file() {
        let (home, paths) = home("");
        std::fs::remove_file(home.path().join("config.toml")).expect("it is there");
        change(&paths, &set("on_quit", Some("keep")), nothing).expect("it can be made");
        assert_eq!(
            std::fs::read_to_string(home.path().join("config.toml")).expect("it is there"),
            "on_quit = \"keep\"\n"
        );
    }

    #[test]
    fn processors_are_told_as_they_were_set() {
        assert_eq!([2_000_000_000, 500_000_000, 1_250_000_000].map(cpus), ["2", "0.5", "1.25"]);
    }
}
