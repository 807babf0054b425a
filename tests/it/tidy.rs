//! The house keeps itself tidy: what the pages promise about rooms, names and lengths is held against every file. Each
//! rule is a function from text to complaints, and each has an example that it complains about.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rules::{Complaints, complain};
use source::Source;

mod rules;
mod source;

/// The root of the project.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the root").to_path_buf()
}

/// What the project ignores, by name.
fn ignored() -> BTreeSet<String> {
    let text =
        std::fs::read_to_string(root().join(".gitignore")).expect("there is a list of what is ignored");
    let names = text.lines().map(|line| line.trim_matches('/').to_owned());
    names.chain([".git".to_owned()]).collect()
}

/// Every file of the project, by path.
fn tree() -> Vec<Source> {
    let (root, ignored) = (root(), ignored());
    let mut sources = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory of ours can be listed") {
            let path = entry.expect("its entries can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if ignored.contains(&name) {
                continue;
            }
            if path.is_dir() {
                directories.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let path = path.strip_prefix(&root).expect("it lies below the root");
                sources.push(Source { path: path.to_string_lossy().into_owned(), text });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.len() > 50, "the walk found the project");
    sources
}

/// Holds `rule` against every Rust file.
fn each(rule: impl Fn(&Source) -> Complaints) {
    let complaints: Complaints = tree().iter().filter(|source| source.is_rust()).flat_map(rule).collect();
    complain(&complaints);
}

#[test]
fn every_file_says_what_it_is_for() {
    each(rules::opening);
}

#[test]
fn files_and_functions_are_short() {
    each(rules::lengths);
}

#[test]
fn names_say_what_a_thing_is() {
    each(rules::names);
}

#[test]
fn nothing_unfinished_is_left() {
    each(rules::unfinished);
}

#[test]
fn the_product_never_unwraps() {
    each(rules::unwraps);
}

#[test]
fn what_threads_share_is_made_by_hand_in_one_place() {
    let sources = tree();
    complain(&rules::shared_memory(&sources));
}

#[test]
fn the_core_is_a_staircase() {
    let sources = tree();
    complain(&rules::staircase(&sources));
}

#[test]
fn the_core_is_pure() {
    let sources = tree();
    complain(&rules::purity(&sources));
}

#[test]
fn packages_depend_in_one_direction() {
    let sources = tree();
    complain(&rules::directions(&sources));
}

#[test]
fn no_release_can_carry_a_planted_fault() {
    let sources = tree();
    complain(&rules::mistakes(&sources));
}

#[test]
fn every_effect_names_its_answer() {
    let sources = tree();
    complain(&rules::answers(&sources));
}

#[test]
fn every_invariant_that_is_named_exists() {
    let sources = tree();
    complain(&rules::invariants(&sources));
}

#[test]
fn every_page_lists_its_files() {
    let sources = tree();
    complain(&rules::pages(&sources));
}

#[test]
fn the_top_level_stays_as_it_is() {
    let ignored = ignored();
    let entries = std::fs::read_dir(root()).expect("the root can be listed");
    let names: Vec<String> = entries
        .map(|entry| entry.expect("its entries can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| !ignored.contains(name))
        .collect();
    complain(&rules::top_level(&names));
}

#[test]
fn the_project_speaks_of_itself_alone() {
    complain(&tree().iter().flat_map(rules::strangers).collect::<Vec<_>>());
}

#[test]
fn every_variable_that_the_program_asks_for_is_one_that_it_takes() {
    let mut asked: BTreeSet<String> = BTreeSet::new();
    for source in tree().iter().filter(|source| source.path.starts_with("shell/src/")) {
        for call in ["var", "var_os", "variable"] {
            let beginning = format!("{call}(\"CCELLS_");
            for (at, _) in source.text.match_indices(&beginning) {
                let name = &source.text[at + call.len() + 2..];
                asked.extend(name.split('"').next().map(str::to_owned));
            }
        }
    }
    assert!(asked.contains("CCELLS_HOME"), "the search finds what is there: {asked:?}");
    let complaints = ccells_shell::config::check_variables(asked.into_iter());
    assert!(complaints.is_ok(), "it is refused: {complaints:?}");
}
