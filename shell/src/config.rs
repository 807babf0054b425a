//! The user's settings: `config.toml` in the home, each key overridable by an environment variable. Only the user's
//! own files are read, never one of a repository.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ccells_core::container::ContainerLimits;
use ccells_core::event::{OnQuit, Settings};
use ccells_core::limits;
use ccells_core::naming;
use ccells_core::record::AgentCommand;
use ccells_core::trash::Keeping;
use toml::{Table, Value};

use crate::tui::{AgentClipboard, Clipboard, Keymap, KeymapError, Leader, action_names};

/// Everything the user can set.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What the core needs of it.
    pub settings: Settings,
    /// What becomes of running agents when the program ends.
    pub on_quit: OnQuit,
    /// The engine's endpoint, where one is set.
    pub engine: Option<String>,
    /// The key that leaves a pane.
    pub leader: Leader,
    /// The other keys of the screen.
    pub keys: Keymap,
    /// Lines that every pane keeps.
    pub scrollback: usize,
    /// Which clipboard is used.
    pub clipboard: Clipboard,
    /// Whether what the mouse selects is copied at once.
    pub copies_on_select: bool,
    /// What becomes of what agents want to copy.
    pub agent_clipboard: AgentClipboard,
    /// Whether an agent's bell is passed on.
    pub has_bell: bool,
    /// Whether agents' notifications are shown.
    pub has_notifications: bool,
    /// The name of the theme.
    pub theme: String,
    /// Whether what moves by itself moves less.
    pub is_calm: bool,
    /// How much of what was removed is kept.
    pub trash: Keeping,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
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
    #[error("{origin}: unknown key `{key}`{}", hint.as_ref().map(|hint| format!("; did you mean `{hint}`?")).unwrap_or_default())]
    UnknownKey {
        /// Where it stands.
        origin: String,
        /// The key.
        key: String,
        /// The nearest key there is.
        hint: Option<&'static str>,
    },
    /// There is no such variable.
    #[error("there is no setting `{name}` for the environment to set{}", hint.as_ref().map(|hint| format!("; did you mean `{hint}`?")).unwrap_or_default())]
    UnknownVariable {
        /// Its name.
        name: String,
        /// The nearest there is.
        hint: Option<String>,
    },
    /// The keys of the screen cannot be these.
    #[error("{origin}: {why}")]
    Keys {
        /// Where they stand.
        origin: String,
        /// Why not.
        why: KeymapError,
    },
    /// The key does not take that.
    #[error("{origin}: `{key}` must be {wanted}, not {got}")]
    BadValue {
        /// Where it stands.
        origin: String,
        /// The key.
        key: String,
        /// What it takes.
        wanted: &'static str,
        /// What was given.
        got: String,
    },
}

/// Every key with what it takes, but for those of `[keys]`: each is the name of an action of the screen, and takes one
/// key or a list of them.
pub const KEYS: [(&str, &str); 22] = [
    ("image", "a text: the image of new workstreams"),
    ("on_quit", "`pause` or `keep`"),
    ("leader", "a key that leaves a pane: ctrl+ and a letter other than c, i, m or z, or one of ] \\ ^ _ @"),
    ("theme", "a text: `terminal`, `dark`, `light`, `contrast`, or the name of a file in `themes`"),
    ("motion", "`full` or `reduced`: whether what counts by itself counts less often"),
    ("engine", "a text: the engine's endpoint, such as `unix:///var/run/docker.sock`"),
    ("branch_prefix", "a text that begins branch names"),
    ("fetch_base", "true or false: whether a remote is asked for the newest commit of a base"),
    ("scrollback", "a whole number from 0 to 200000: lines that every pane keeps"),
    ("clipboard", "`auto`, `osc52`, `system` or `off`"),
    ("agent_clipboard", "`ask`, `allow` or `deny`: what becomes of what agents want to copy"),
    ("bell", "true or false: whether an agent's bell is passed on"),
    ("notifications", "true or false: whether agents' notifications are shown"),
    ("copy_on_select", "true or false: whether what the mouse selects is copied at once"),
    ("agent.command", "a list of words"),
    ("agent.resume", "a list of words"),
    ("agent.env", "a table of texts"),
    ("limits.pids", "a whole number above 0"),
    ("limits.memory_mb", "a whole number above 0"),
    ("limits.cpus", "a number above 0"),
    ("trash.days", "a whole number above 0: days that what was removed stays in the trash"),
    ("trash.count", "a whole number above 0: of what was removed, so many stay in the trash"),
];

/// Variables of ours that set no key: where the home is, and what a container of ours tells those inside of it.
pub const OTHER_VARIABLES: [&str; 4] =
    ["CCELLS_HOME", "CCELLS_WORKSTREAM", "CCELLS_WORKSTREAM_ID", "CCELLS_WORKSTREAM_NAME"];

/// The longest key for which the nearest right one is looked for.
const LONGEST_MISTAKE: usize = 64;

/// The theme when none is set.
pub const DEFAULT_THEME: &str = "terminal";
/// The image that new workstreams run when none is set.
pub const DEFAULT_IMAGE: &str = "ccells-agent:latest";

impl Default for Config {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let skip = "--dangerously-skip-permissions";
        Self {
            settings: Settings {
                image: DEFAULT_IMAGE.to_string(),
                agent: AgentCommand {
                    argv: words(&["claude", skip, "--session-id", "{session}", "{prompt}"]),
                    resume_argv: words(&["claude", skip, "--resume", "{session}"]),
                    env: BTreeMap::new(),
                    session_id: String::new(),
                },
                limits: ContainerLimits::default(),
                branch_prefix: String::new(),
                asks_remotes: true,
            },
            on_quit: OnQuit::PauseAll,
            engine: None,
            leader: Leader::default(),
            keys: Keymap::default(),
            scrollback: limits::SCROLLBACK_LINES,
            clipboard: Clipboard::default(),
            copies_on_select: true,
            agent_clipboard: AgentClipboard::default(),
            has_bell: true,
            has_notifications: true,
            theme: DEFAULT_THEME.to_string(),
            is_calm: false,
            trash: Keeping::default(),
        }
    }
}

impl Config {
    /// Reads `config.toml` in `home` (none is fine) and then the environment, in which `variable` looks.
    pub fn read(home: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let path = home.join("config.toml");
        let text = match read_text(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(why) => return Err(ConfigError::Unreadable { path, why }),
        };
        Self::parse(&path, &text, variable)
    }

    /// Takes `text` for the file at `path`, and then the environment, in which `variable` looks.
    pub fn parse(
        path: &Path,
        text: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let table: Table =
            text.parse().map_err(|why| ConfigError::Syntax { path: path.to_path_buf(), why })?;
        let origin = path.display().to_string();
        let mut bound = Vec::new();
        for (key, value) in flatten(table) {
            match key.strip_prefix("keys.") {
                Some(action) => bound.push((action.to_string(), keys_of(&origin, &key, &value)?)),
                None => config.set(&origin, &key, value)?,
            }
        }
        for (key, _) in KEYS {
            let name = variable_name(key);
            if let Some(text) = variable(&name) {
                config.set(&name, key, from_variable(key, &text))?;
            }
        }
        for action in action_names() {
            let name = variable_name(&format!("keys.{action}"));
            if let Some(text) = variable(&name) {
                bound.retain(|(known, _)| known != action);
                bound.push((action.to_string(), keys_of(&name, &format!("keys.{action}"), &list(&text))?));
            }
        }
        config.keys = Keymap::with(&bound, config.leader).map_err(|why| ConfigError::Keys { origin, why })?;
        Ok(config)
    }

    fn set(&mut self, origin: &str, key: &str, value: Value) -> Result<(), ConfigError> {
        let Some((_, wanted)) = KEYS.iter().find(|(known, _)| *known == key) else {
            let (origin, hint) = (origin.to_string(), nearest(key));
            return Err(ConfigError::UnknownKey { origin, key: naming::sanitise(key), hint });
        };
        let bad = |value: &Value| ConfigError::BadValue {
            origin: origin.to_string(),
            key: key.to_string(),
            wanted,
            got: naming::sanitise(&value.to_string()),
        };
        let settings = &mut self.settings;
        match (key, &value) {
            ("image", Value::String(text)) if !text.is_empty() => settings.image.clone_from(text),
            ("engine", Value::String(text)) if !text.is_empty() => self.engine = Some(text.clone()),
            ("leader", Value::String(text)) => self.leader = Leader::parse(text).map_err(|_| bad(&value))?,
            ("theme", Value::String(text)) if !text.is_empty() => self.theme.clone_from(text),
            ("motion", Value::String(text)) if ["full", "reduced"].contains(&text.as_str()) => {
                self.is_calm = text == "reduced";
            }
            ("branch_prefix", Value::String(text)) => settings.branch_prefix.clone_from(text),
            ("fetch_base", Value::Boolean(does)) => settings.asks_remotes = *does,
            ("on_quit", Value::String(text)) => self.on_quit = on_quit(text).ok_or_else(|| bad(&value))?,
            ("scrollback", Value::Integer(lines)) => {
                let lines = usize::try_from(*lines).ok().filter(|lines| *lines <= limits::SCROLLBACK_MOST);
                self.scrollback = lines.ok_or_else(|| bad(&value))?;
            }
            ("clipboard", Value::String(text)) => {
                self.clipboard = clipboard(text).ok_or_else(|| bad(&value))?;
            }
            ("agent_clipboard", Value::String(text)) => {
                self.agent_clipboard = agent_clipboard(text).ok_or_else(|| bad(&value))?;
            }
            ("bell", Value::Boolean(does)) => self.has_bell = *does,
            ("notifications", Value::Boolean(does)) => self.has_notifications = *does,
            ("copy_on_select", Value::Boolean(does)) => self.copies_on_select = *does,
            ("agent.command", Value::Array(_)) => {
                settings.agent.argv =
                    words(&value).filter(|words| !words.is_empty()).ok_or_else(|| bad(&value))?;
                // Another agent is not resumed with the default one's words.
                settings.agent.resume_argv.clear();
            }
            ("agent.resume", Value::Array(_)) => {
                settings.agent.resume_argv = words(&value).ok_or_else(|| bad(&value))?;
            }
            ("agent.env", Value::Table(table)) => {
                settings.agent.env = texts(table).ok_or_else(|| bad(&value))?;
            }
            ("limits.pids", Value::Integer(count)) if *count > 0 => settings.limits.pids = *count,
            ("limits.memory_mb", Value::Integer(count)) if (1..1 << 30).contains(count) => {
                settings.limits.memory = count * 1_024 * 1_024;
            }
            ("limits.cpus", Value::Integer(count)) if (1..10_000).contains(count) => {
                settings.limits.nano_cpus = count * 1_000_000_000;
            }
            ("trash.days" | "trash.count", Value::Integer(number)) if (1..1_000_000).contains(number) => {
                let (days, count) = (&mut self.trash.days, &mut self.trash.count);
                match key {
                    "trash.days" => *days = number.unsigned_abs(),
                    _ => *count = usize::try_from(*number).map_err(|_| bad(&value))?,
                }
            }
            // None at all would be no limit to the engine.
            ("limits.cpus", Value::Float(count)) if *count < 10_000.0 && nano(*count) > 0 => {
                settings.limits.nano_cpus = nano(*count);
            }
            _ => return Err(bad(&value)),
        }
        Ok(())
    }
}

/// `agent.command` before `agent.resume`, which depends on it, whatever their order in the file.
pub(crate) fn flatten(table: Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) if ["agent", "limits", "keys", "trash"].contains(&name.as_str()) => {
                flat.extend(inner.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            Value::Table(_)
            | Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_) => flat.push((name, value)),
        }
    }
    flat.sort_by(|(a, _), (b, _)| a.cmp(b));
    flat
}

/// `limits.memory_mb` is `CCELLS_LIMITS_MEMORY_MB`.
pub fn variable_name(key: &str) -> String {
    format!("CCELLS_{}", key.replace(['.', '-'], "_").to_uppercase())
}

/// Refuses the first of these variables that looks like one of ours and is none: a setting with a slip in its name would
/// be without effect, and without a word.
pub fn check_variables(names: impl Iterator<Item = String>) -> Result<(), ConfigError> {
    let keys = action_names().map(|action| variable_name(&format!("keys.{action}")));
    let settings = KEYS.iter().map(|(key, _)| variable_name(key)).chain(keys);
    let ours = || settings.clone().chain(OTHER_VARIABLES.iter().map(ToString::to_string));
    let mut strange: Vec<String> =
        names.filter(|name| name.starts_with("CCELLS_") && ours().all(|known| known != *name)).collect();
    strange.sort();
    let Some(name) = strange.into_iter().next() else { return Ok(()) };
    let near = |known: &String| strsim::damerau_levenshtein(&name, known);
    let hint = ours().min_by_key(near).filter(|known| near(known) <= 4);
    Err(ConfigError::UnknownVariable { name, hint })
}

/// A variable holds TOML where that is what the key takes, and plain text or words otherwise.
pub(crate) fn from_variable(key: &str, text: &str) -> Value {
    match key {
        "agent.command" | "agent.resume" => list(text),
        "agent.env" | "limits.pids" | "limits.memory_mb" | "limits.cpus" | "scrollback" | "trash.days"
        | "trash.count" | "copy_on_select" | "bell" | "notifications" | "fetch_base" => {
            as_toml(text).unwrap_or_else(|| Value::String(text.to_string()))
        }
        _ => Value::String(text.to_string()),
    }
}

fn as_toml(text: &str) -> Option<Value> {
    format!("it = {text}").parse::<Table>().ok()?.remove("it")
}

/// A list in TOML, or its words with blanks between them.
fn list(text: &str) -> Value {
    as_toml(text).filter(Value::is_array).unwrap_or_else(|| {
        Value::Array(text.split_whitespace().map(|word| Value::String(word.to_string())).collect())
    })
}

/// The file's text, whose length is bounded like that of every file of ours.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let longest = limits::RECORD_BYTES as u64;
    let count = std::fs::File::open(path)?.take(longest + 1).read_to_string(&mut text)?;
    if count as u64 > longest { Err(io::Error::other("it is larger than any of ours")) } else { Ok(text) }
}

fn nearest(key: &str) -> Option<&'static str> {
    // The distance takes time and memory by the length, and a long one is near to nothing.
    if key.len() > LONGEST_MISTAKE {
        return None;
    }
    let near = |known: &str| strsim::damerau_levenshtein(key, known);
    KEYS.iter().map(|(known, _)| *known).min_by_key(|known| near(known)).filter(|known| near(known) <= 4)
}

/// The keys of an action: one, or a list; an empty list takes its keys away.
fn keys_of(origin: &str, key: &str, value: &Value) -> Result<Vec<String>, ConfigError> {
    let one = value.as_str().map(|key| vec![key.to_string()]);
    one.or_else(|| words(value)).ok_or_else(|| ConfigError::BadValue {
        origin: origin.to_string(),
        key: naming::sanitise(key),
        wanted: "a key, or a list of keys",
        got: naming::sanitise(&value.to_string()),
    })
}

fn on_quit(text: &str) -> Option<OnQuit> {
    match text {
        "pause" => Some(OnQuit::PauseAll),
        "keep" => Some(OnQuit::KeepRunning),
        _ => None,
    }
}

fn clipboard(text: &str) -> Option<Clipboard> {
    match text {
        "auto" => Some(Clipboard::Auto),
        "osc52" => Some(Clipboard::Terminal),
        "system" => Some(Clipboard::System),
        "off" => Some(Clipboard::Off),
        _ => None,
    }
}

fn agent_clipboard(text: &str) -> Option<AgentClipboard> {
    match text {
        "ask" => Some(AgentClipboard::Ask),
        "allow" => Some(AgentClipboard::Allow),
        "deny" => Some(AgentClipboard::Deny),
        _ => None,
    }
}

fn words(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|word| word.as_str().map(str::to_string)).collect()
}

fn texts(table: &Table) -> Option<BTreeMap<String, String>> {
    table.iter().map(|(name, value)| Some((name.clone(), value.as_str()?.to_string()))).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "the caller has checked that it fits")]
fn nano(cpus: f64) -> i64 {
    (cpus * 1e9) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let home = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(home.path().join("config.toml"), text).expect("a config file");
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string())
        };
        Config::read(home.path(), variable)
            .map_err(|error| error.to_string().replace(&home.path().display().to_string(), "HOME"))
    }

    #[test]
    fn a_file_sets_and_the_environment_overrides() {
        let text = "image = 'a'\non_quit = 'keep'\n[agent]\nresume = ['codex', 'resume']\ncommand = ['codex', '{prompt}']\n\
                    [limits]\npids = 64\nmemory_mb = 512\ncpus = 0.5\n";
        let config = read(text, &[("CCELLS_IMAGE", "b"), ("CCELLS_LIMITS_PIDS", "99")]).unwrap();
        assert_eq!((config.settings.image.as_str(), config.on_quit), ("b", OnQuit::KeepRunning));
        assert_eq!(config.settings.agent.argv, ["codex", "{prompt}"]);
        assert_eq!(config.settings.agent.resume_argv, ["codex", "resume"]);
        assert_eq!((config.settings.limits.pids, config.settings.limits.nano_cpus), (99, 500_000_000));
        let config = read("", &[("CCELLS_AGENT_COMMAND", "sh -c top")]).unwrap();
        assert_eq!(config.settings.agent.argv, ["sh", "-c", "top"]);
        let config = read("", &[("CCELLS_AGENT_COMMAND", r#"["sh", "-c", "sleep 5"]"#)]).unwrap();
        assert_eq!(config.settings.agent.argv, ["sh", "-c", "sleep 5"]);
    }

    #[test]
    fn a_wrong_key_is_refused_with_the_nearest_right_one() {
        let refused = |text: &str| read(text, &[]).unwrap_err();
        assert_eq!(refused("imgae = 'x'"), "HOME/config.toml: unknown key `imgae`; did you mean `image`?");
        assert_eq!(
            refused("[limits]\npid = 3"),
            "HOME/config.toml: unknown key `limits.pid`; did you mean `limits.pids`?"
        );
        assert_eq!(refused("privileged = true"), "HOME/config.toml: unknown key `privileged`");
        assert_eq!(
            refused("image = 3"),
            "HOME/config.toml: `image` must be a text: the image of new workstreams, not 3"
        );
        // A billionth of a billionth of a processor would be none, and none is no limit.
        for cpus in ["-1", "0.0", "1e-18", "nan"] {
            assert!(refused(&format!("limits.cpus = {cpus}")).contains("above 0"), "{cpus}");
        }
        let long = refused(&format!("\"\\u001b[2J{}\" = 1", "x".repeat(100_000)));
        assert!(long.len() < 1_000 && !long.chars().any(char::is_control), "{long}");
        assert!(refused("image = ").contains("not valid TOML"));
        let error = read("", &[("CCELLS_ON_QUIT", "die")]).unwrap_err();
        assert_eq!(error, "CCELLS_ON_QUIT: `on_quit` must be `pause` or `keep`, not \"die\"");
    }

    #[test]
    fn a_variable_that_sets_nothing_is_refused_with_the_nearest_that_does() {
        let check = |names: &[&str]| {
            check_variables(names.iter().map(ToString::to_string)).map_err(|error| error.to_string())
        };
        assert_eq!(
            check(&["PATH", "CCELLS_IMGAE"]).unwrap_err(),
            "there is no setting `CCELLS_IMGAE` for the environment to set; did you mean `CCELLS_IMAGE`?"
        );
        assert!(check(&["CCELLS_HOEM"]).unwrap_err().ends_with("did you mean `CCELLS_HOME`?"));
        assert_eq!(
            check(&["CCELLS_ALLOW_EVERYTHING"]).unwrap_err(),
            "there is no setting `CCELLS_ALLOW_EVERYTHING` for the environment to set"
        );
        assert!(check(&["CCELLS_image"]).is_err(), "names of variables are of capitals");
        let settings: Vec<String> = KEYS.iter().map(|(key, _)| variable_name(key)).collect();
        assert_eq!(check_variables(settings.into_iter()).map_err(|error| error.to_string()), Ok(()));
        assert_eq!(check(&OTHER_VARIABLES), Ok(()));
        assert_eq!(check(&["MY_CCELLS_IMAGE", "CCELLSX", "HOME"]), Ok(()));
    }

    #[test]
    fn what_panes_keep_and_which_clipboard_they_use_can_be_chosen() {
        let config = read("scrollback = 500\nclipboard = 'osc52'\ncopy_on_select = false", &[]).unwrap();
        assert_eq!(
            (config.scrollback, config.clipboard, config.copies_on_select),
            (500, Clipboard::Terminal, false)
        );
        let config = read("", &[("CCELLS_SCROLLBACK", "0"), ("CCELLS_COPY_ON_SELECT", "false")]).unwrap();
        assert_eq!(
            (config.scrollback, config.clipboard, config.copies_on_select),
            (0, Clipboard::Auto, false)
        );
        let config =
            read("agent_clipboard = 'deny'\nbell = false", &[("CCELLS_NOTIFICATIONS", "false")]).unwrap();
        assert_eq!(config.agent_clipboard, AgentClipboard::Deny);
        assert_eq!((config.has_bell, config.has_notifications), (false, false));
        assert!(read("agent_clipboard = 'maybe'", &[]).unwrap_err().contains("`ask`, `allow` or `deny`"));
        let most = KEYS.iter().find(|(key, _)| *key == "scrollback").map(|(_, wanted)| *wanted).unwrap();
        assert!(most.contains(&limits::SCROLLBACK_MOST.to_string()));
        for bad in [
            "scrollback = -1",
            "scrollback = 200001",
            "scrollback = '9'",
            "clipboard = 'both'",
            "copy_on_select = 1",
        ] {
            assert!(read(bad, &[]).unwrap_err().contains("must be"), "{bad}");
        }
    }

    #[test]
    fn the_keys_of_the_screen_can_be_others() {
        let config = read("leader = 'ctrl+g'\n[keys]\nnew = 'c'\nstop = ['X', 'ctrl+x']\n", &[]).unwrap();
        assert_eq!(config.leader.to_string(), "Ctrl+G");
        assert_ne!(config.keys, Keymap::default());
        let refused = |text: &str| read(text, &[]).unwrap_err();
        assert_eq!(
            refused("[keys]\nzoon = 'c'"),
            "HOME/config.toml: there is no action `zoon`; did you mean `zoom`?"
        );
        assert!(refused("[keys]\nnew = 3").contains("`keys.new` must be a key, or a list of keys, not 3"));
        assert!(refused("[keys]\nnew = 'c'\nstop = 'c'").contains("bound to both `new` and `stop`"));
        assert!(refused("leader = 'ctrl+g'\n[keys]\nnew = 'ctrl+g'").contains("is the leader"));
        assert!(refused("leader = 'x'").contains("a key that leaves a pane"));
    }

    /// Another value than the default, as a variable holds it.
    fn other_value(key: &str) -> &'static str {
        match key {
            "image" => "another:1",
            "on_quit" => "keep",
            "leader" => "ctrl+g",
            "theme" => "dark",
            "motion" => "reduced",
            "engine" => "unix:///x",
            "branch_prefix" => "me/",
            "scrollback" => "7",
            "clipboard" => "off",
            "agent_clipboard" => "deny",
            "bell" | "notifications" | "copy_on_select" | "fetch_base" => "false",
            "agent.command" => "codex",
            "agent.resume" => "codex resume",
            "agent.env" => "{ A = 'b' }",
            "limits.pids" | "limits.memory_mb" | "limits.cpus" | "trash.days" | "trash.count" => "3",
            _ => panic!("nobody has said how `{key}` is tried"),
        }
    }

    #[test]
    fn every_key_can_be_set_by_a_variable() {
        for (key, _) in KEYS {
            let name = variable_name(key);
            assert_ne!(read("", &[(&name, other_value(key))]).unwrap(), Config::default(), "{key}");
        }
    }

    #[test]
    fn every_action_gets_other_keys_by_a_variable() {
        for action in action_names() {
            let name = variable_name(&format!("keys.{action}"));
            assert_eq!(
                check_variables([name.clone()].into_iter()).map_err(|error| error.to_string()),
                Ok(())
            );
            let wanted = |keys: &[&str]| {
                let keys = keys.iter().map(ToString::to_string).collect();
                Keymap::with(&[(action.to_string(), keys)], Leader::default()).unwrap()
            };
            // Over the file, one key or several or none.
            let file = format!("[keys]\n{action} = 'f9'\n");
            for (text, keys) in [
                ("f12", &["f12"][..]),
                ("f12 ctrl+x", &["f12", "ctrl+x"]),
                (r#"["f12", "ctrl+x"]"#, &["f12", "ctrl+x"]),
                ("", &[]),
            ] {
                assert_eq!(read(&file, &[(&name, text)]).unwrap().keys, wanted(keys), "{name}={text}");
            }
            assert_ne!(wanted(&["f12"]), Keymap::default());
        }
        assert_eq!(variable_name("keys.paste-image"), "CCELLS_KEYS_PASTE_IMAGE");
        assert!(check_variables(["CCELLS_KEYS_ZOON".to_string()].into_iter()).is_err());
        assert!(read("", &[("CCELLS_KEYS_NEW", "hugo")]).unwrap_err().contains("hugo"));
    }
}
