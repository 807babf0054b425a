//! The user's settings: a file and variables.

use std::path::Path;

use ccells_shell::config::{Config, ConfigError};

use crate::assert_harmless;

/// Between the file's text and the variables, one a line as `NAME=value`.
const VARIABLES: &str = "\n--- variables\n";

/// Settings are complete and make sense, or are refused in words. The same text gives the same settings.
pub fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (file, variables) = text.split_once(VARIABLES).unwrap_or((&text, ""));
    let look_up = |name: &str| {
        let mut pairs = variables.lines().filter_map(|line| line.split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
    };
    let parse = || Config::parse(Path::new("config.toml"), file, look_up);
    match (parse(), parse()) {
        (Ok(config), Ok(again)) => {
            assert_eq!(config, again);
            check(&config);
        }
        (Err(error), Err(again)) => {
            assert_eq!(error.to_string(), again.to_string());
            refused(&error);
        }
        (one, other) => panic!("once {one:?}, once {other:?}"),
    }
}

fn check(config: &Config) {
    let settings = &config.settings;
    assert!(!settings.image.is_empty(), "there is an image");
    assert!(!settings.agent.argv.is_empty(), "there is an agent");
    let limits = &settings.limits;
    let all = [limits.pids, limits.memory, limits.nano_cpus];
    assert!(all.iter().all(|limit| *limit > 0), "none of {all:?} is unlimited");
}

fn refused(error: &ConfigError) {
    match error {
        ConfigError::UnknownKey { .. }
        | ConfigError::Keys { .. }
        | ConfigError::UnknownVariable { .. }
        | ConfigError::BadValue { .. } => assert_harmless(&error.to_string()),
        ConfigError::Syntax { .. } => {
            // The parser shows the line; it is the user's own.
        }
        ConfigError::Unreadable { .. } => panic!("no file was read: {error}"),
    }
}
