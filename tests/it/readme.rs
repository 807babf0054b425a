//! The front page tells the truth: its verbs, options, settings and files are those there are.

use std::collections::BTreeSet;
use std::path::Path;

use ccells_shell::config::{KEYS, variable_name};

use crate::harness::Stage;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("README.md");
    std::fs::read_to_string(path).unwrap()
}

/// The part of the page below a heading.
fn part(heading: &str) -> String {
    let page = page();
    let begin =
        page.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("there is no part {heading:?}"));
    let rest = &page[begin + heading.len() + 5..];
    rest[..rest.find("\n## ").unwrap_or(rest.len())].to_string()
}

#[test]
fn every_verb_is_on_the_page_with_the_options_it_has() {
    let stage = Stage::without_engine();
    let help = stage.run(&["--help"]).expect(0).out;
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let there_are: BTreeSet<&str> = commands
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    let verbs = part("Verbs");
    let mut told = BTreeSet::new();
    for row in verbs.lines().filter_map(|line| line.strip_prefix("| `ccells ")) {
        let (call, _) = row.split_once("` |").unwrap();
        let (names, options) = call.split_once(' ').unwrap_or((call, ""));
        for name in names.split("\\|") {
            let name =
                there_are.iter().find(|verb| **verb == name).unwrap_or_else(|| panic!("no verb {name:?}"));
            told.insert(*name);
            let help = stage.run(&[name, "--help"]).expect(0).out;
            for option in
                options.split(|it: char| !it.is_alphanumeric() && it != '-').filter(|it| it.starts_with('-'))
            {
                assert!(option == "--" || help.contains(option), "`ccells {name}` has no {option}");
            }
        }
    }
    assert_eq!(told, there_are);
}

#[test]
fn every_setting_is_on_the_page() {
    let settings = part("Settings");
    for (key, _) in KEYS {
        assert!(settings.contains(&format!("`{key}`")), "{key} is not told of");
    }
    assert!(settings.contains(&variable_name("limits.pids")));
}

#[test]
fn every_file_in_a_home_is_on_the_page() {
    let Some(stage) = Stage::set() else { return };
    stage.new_workstream("kept");
    stage.new_workstream("gone");
    stage.run(&["rm", "--force", "gone"]).expect(0);
    let files = part("Files");
    for entry in std::fs::read_dir(&stage.home).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.strip_suffix(".prev").unwrap_or(&name);
        assert!(files.lines().any(|line| line.starts_with(name)), "{name} is not told of:\n{files}");
    }
}
