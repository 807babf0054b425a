//! The rules: each takes text and gives complaints, one line each, that begin with where.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, identifier, matching_brace, words};

/// What is not as it should be.
pub(super) type Complaints = Vec<String>;

/// Longest file, in lines.
const FILE_LINES: usize = 700;
/// Longest function, in lines.
const FUNCTION_LINES: usize = 70;

/// Longer than they should be, and why.
const LONG: [(&str, &str, &str); 1] =
    [("core/src/machine.rs", "take", "the only match over all events: one arm each, nothing else")];

/// The steps of the core: a file imports only from lower ones; words may import words.
#[rustfmt::skip]
const STAIRCASE: [(u8, &[&str]); 4] = [
    (0, &["ids", "limits", "time", "canary"]),
    (1, &["agent", "container", "effect", "event", "naming", "places", "ports", "record", "surroundings", "wire"]),
    (
        2,
        &[
            "deadlines",
            "heartbeat",
            "recovery",
            "ring",
            "shutdown",
            "store",
            "tracking",
            "trash",
            "workstream",
        ],
    ),
    (3, &["machine", "reading", "snapshot"]),
];

/// Which packages of ours a package may name, by the folder of its manifest.
const DIRECTIONS: [(&str, &[&str]); 6] = [
    ("core", &[]),
    ("shell", &["ccells-core", "ccells-holder"]),
    ("shell/holder", &["ccells-core"]),
    ("sim", &["ccells-core", "ccells", "ccells-holder"]),
    ("fuzz", &["ccells-core", "ccells", "ccells-holder"]),
    ("tests", &["ccells-core", "ccells", "ccells-holder", "ccells-sim"]),
];

/// What the core may depend on.
const PURE: [&str; 3] = ["serde", "serde_json", "thiserror"];

/// What lies in the root, dotfiles aside.
const TOP: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "core",
    "fuzz",
    "shell",
    "sim",
    "tests",
];

/// Words that say nothing about what a type is.
const EMPTY_WORDS: [&str; 8] =
    ["Manager", "Handler", "Helper", "Helpers", "Util", "Utils", "Service", "Info"];

/// What protocols between threads are made of.
const MAKINGS: [&str; 18] = [
    "AtomicBool",
    "AtomicI8",
    "AtomicI16",
    "AtomicI32",
    "AtomicI64",
    "AtomicIsize",
    "AtomicPtr",
    "AtomicU8",
    "AtomicU16",
    "AtomicU32",
    "AtomicU64",
    "AtomicUsize",
    "Barrier",
    "Condvar",
    "fence",
    "park",
    "spin_loop",
    "unpark",
];

/// Primitives that are no protocol: one word each, which nothing else has to agree with.
const PLAIN: [(&str, &str, &str); 3] = [
    ("shell/src/adapters/dial.rs", "AtomicUsize", "how many streams are open: counted, and only looked at"),
    (
        "shell/src/tui/screen/mod.rs",
        "AtomicBool",
        "a flag: whoever takes it down by a swap gives the terminal back",
    ),
    ("shell/src/session.rs", "AtomicBool", "a flag that goes up once: the pane has shown something"),
];

/// Fails with all complaints, where there are any.
#[track_caller]
pub(super) fn complain(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// Every file opens with what it is for.
pub(super) fn opening(source: &Source) -> Complaints {
    let is_said = source.text.starts_with("//! ");
    (!is_said).then(|| format!("{}: opens without `//!`", source.path)).into_iter().collect()
}

/// Files and functions are short.
pub(super) fn lengths(source: &Source) -> Complaints {
    let mut complaints = Vec::new();
    let lines = source.text.lines().count();
    if lines > FILE_LINES {
        complaints.push(format!("{}: {lines} lines, at most {FILE_LINES}", source.path));
    }
    for (name, line, lines) in source.functions() {
        let is_known = LONG.iter().any(|(path, known, _)| *path == source.path && *known == name);
        if lines > FUNCTION_LINES && !is_known {
            complaints.push(format!(
                "{}:{line}: `{name}` has {lines} lines, at most {FUNCTION_LINES}",
                source.path
            ));
        }
    }
    complaints
}

/// Names say what a thing is.
pub(super) fn names(source: &Source) -> Complaints {
    let mut complaints = Vec::new();
    let file = source.path.rsplit('/').next().unwrap_or_default();
    if ["util.rs", "utils.rs", "helper.rs", "helpers.rs", "common.rs", "misc.rs"].contains(&file) {
        complaints.push(format!("{}: the file's name says nothing", source.path));
    }
    for name in source.types() {
        if parts(&name).iter().any(|part| EMPTY_WORDS.contains(part)) {
            complaints.push(format!("{}: the type's name `{name}` says nothing", source.path));
        }
    }
    complaints
}

/// The words of a name in camel case.
fn parts(name: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = name.match_indices(char::is_uppercase).map(|(at, _)| at).collect();
    starts.push(name.len());
    starts.windows(2).map(|pair| &name[pair[0]..pair[1]]).collect()
}

/// Nothing unfinished is left.
pub(super) fn unfinished(source: &Source) -> Complaints {
    let code = source.code();
    let found = |name: &&str| words(&code, name).iter().any(|at| code[at + name.len()..].starts_with('!'));
    let names = ["todo", "unimplemented", "dbg"].into_iter().filter(found);
    names.map(|name| format!("{}: `{name}!`", source.path)).collect()
}

/// The product never unwraps: a reason is given, or the failure handled.
pub(super) fn unwraps(source: &Source) -> Complaints {
    let code = source.product_code();
    let line = |at: usize| code[..at].matches('\n').count() + 1;
    let found = code.match_indices(".unwrap()").map(|(at, _)| line(at));
    found.map(|line| format!("{}:{line}: `unwrap()` outside of tests", source.path)).collect()
}

/// Memory that threads share is made by hand in `kernel/` alone, where every schedule is explored.
pub(super) fn shared_memory(sources: &[Source]) -> Complaints {
    let is_product =
        |it: &&Source| (it.path.starts_with("shell/") || it.path.starts_with("core/")) && it.is_rust();
    let is_kernel = |it: &&Source| it.path.starts_with("shell/src/kernel/");
    let mut complaints = Vec::new();
    let mut used = BTreeSet::new();
    for source in sources.iter().filter(is_product).filter(|it| !is_kernel(it)) {
        let code = source.product_code();
        for word in hand_made(&code) {
            if PLAIN.iter().any(|(path, known, _)| *path == source.path && *known == word) {
                used.insert((source.path.as_str(), word));
            } else {
                complaints
                    .push(format!("{}: `{word}` belongs into shell/src/kernel/, with a model", source.path));
            }
        }
    }
    let is_there = |path: &str| sources.iter().any(|it| it.path == path);
    for (path, word, _) in
        PLAIN.iter().filter(|(path, word, _)| is_there(path) && !used.contains(&(*path, *word)))
    {
        complaints.push(format!("{path}: it has no `{word}`, and is excused for one"));
    }
    complaints
}

/// The primitives in `code` that protocols between threads are made of.
fn hand_made(code: &str) -> BTreeSet<&'static str> {
    MAKINGS.into_iter().filter(|making| !words(code, making).is_empty()).collect()
}

/// The core's modules import downwards only, and organs never one another.
pub(super) fn staircase(sources: &[Source]) -> Complaints {
    let steps: BTreeMap<&str, u8> =
        STAIRCASE.iter().flat_map(|(step, names)| names.iter().map(|name| (*name, *step))).collect();
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("core/src/") && source.is_rust()) {
        let inner = source.path.trim_start_matches("core/src/").trim_end_matches(".rs");
        let module = inner.split('/').next().unwrap_or_default();
        if source.is_test() || module == "lib" {
            continue;
        }
        let Some(step) = steps.get(module) else {
            complaints.push(format!("{}: stands on no step of the staircase", source.path));
            continue;
        };
        for other in imports(&source.product_code()) {
            let Some(below) = steps.get(other.as_str()) else { continue };
            let is_down = below < step || (step == below && (*step == 1 || *step == 3)) || other == module;
            if !is_down {
                complaints.push(format!("{}: imports `{other}`, which is not below it", source.path));
            }
        }
    }
    complaints
}

/// The modules of its own crate that `code` names.
fn imports(code: &str) -> BTreeSet<String> {
    let names = code.match_indices("crate::").map(|(at, path)| &code[at + path.len()..]);
    names.flat_map(modules_of).collect()
}

/// `a::b` is `a`; `{a, b::c}` are `a` and `b`.
fn modules_of(rest: &str) -> Vec<String> {
    if !rest.starts_with('{') {
        return vec![identifier(rest).to_owned()];
    }
    let group = &rest[1..matching_brace(rest, 0) - 1];
    let mut depth = 0;
    let mut names = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            c if depth == 0 && !c.is_whitespace() => names.last_mut().expect("there is one").push(c),
            _ => {}
        }
    }
    names.iter().map(|name| identifier(name).to_owned()).filter(|name| !name.is_empty()).collect()
}

/// The core can name neither a clock nor a file: it has no standard library, nor do its dependencies.
pub(super) fn purity(sources: &[Source]) -> Complaints {
    let mut complaints = Vec::new();
    let text =
        |path: &str| sources.iter().find(|source| source.path == path).map_or("", |source| &source.text);
    let library = Source::new("core/src/lib.rs", text("core/src/lib.rs"));
    if !library.code().contains("#![no_std]") {
        complaints.push(format!("{}: is not `no_std`", library.path));
    }
    for source in sources.iter().filter(|source| source.path.starts_with("core/src/") && source.is_rust()) {
        let code = source.product_code();
        if code.contains("extern crate std") || code.contains("std::") {
            complaints.push(format!("{}: names the standard library", source.path));
        }
    }
    for (name, line) in dependencies(text("core/Cargo.toml")) {
        if !PURE.contains(&name.as_str()) || line.contains("features") {
            complaints.push(format!("core/Cargo.toml: `{line}`"));
        }
    }
    let shared: BTreeMap<String, String> = dependencies(text("Cargo.toml")).into_iter().collect();
    for name in PURE {
        let line = shared.get(name).map_or("", String::as_str);
        if !line.contains("default-features = false") || line.contains("\"std\"") {
            complaints.push(format!("Cargo.toml: `{name}` brings the standard library along: {line}"));
        }
    }
    complaints
}

/// The dependencies that a manifest names, those of tests aside, with their lines.
fn dependencies(manifest: &str) -> Vec<(String, String)> {
    let mut is_inside = false;
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            is_inside = line.ends_with("dependencies]") && !line.contains("dev-");
        } else if is_inside && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            found.push((name.to_owned(), line.to_owned()));
        }
    }
    found
}

/// Packages depend in one direction, tests included.
pub(super) fn directions(sources: &[Source]) -> Complaints {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| source.path.ends_with("/Cargo.toml")) {
        let folder = source.path.trim_end_matches("/Cargo.toml");
        let Some((_, allowed)) = DIRECTIONS.iter().find(|(known, _)| *known == folder) else {
            complaints.push(format!("{}: no package is expected here", source.path));
            continue;
        };
        let everything = source.text.replace("dev-dependencies]", "dependencies]");
        for (name, _) in dependencies(&everything) {
            let is_ours = name == "ccells" || name.starts_with("ccells-");
            if is_ours && !allowed.contains(&name.as_str()) {
                complaints.push(format!("{}: must not depend on `{name}`", source.path));
            }
        }
    }
    complaints
}

/// Only the simulator can plant a fault: no other manifest names the feature, and nothing else asks for a machine with
/// one. Where cargo unifies features over a whole workspace the mistakes are in the program too, and nobody can reach
/// them; a release refuses to start with them.
pub(super) fn mistakes(sources: &[Source]) -> Complaints {
    let mut complaints = Vec::new();
    let mut is_planted = false;
    for source in sources {
        let is_ours = source.path.starts_with("sim/");
        let may_define = ["core/Cargo.toml", "core/src/machine.rs"].contains(&source.path.as_str());
        let is_named = match source.path.rsplit('/').next() {
            Some("Cargo.toml") => source.text.contains("canary") && source.text.contains("features"),
            Some(_) | None => source.is_rust() && source.product_code().contains("with_canary"),
        };
        is_planted |= is_named && is_ours;
        if is_named && !is_ours && !may_define {
            complaints.push(format!("{}: only the simulator plants faults", source.path));
        }
        let is_default = source.path == "core/Cargo.toml" && source.text.contains("default =");
        if is_default {
            complaints.push(format!("{}: a default feature would be in every release", source.path));
        }
    }
    let refuses =
        |source: &&Source| source.path == "shell/src/main.rs" && source.text.contains("HAS_CANARIES");
    if !sources.iter().any(|source| refuses(&source)) {
        complaints.push("shell/src/main.rs: a release with planted faults must refuse to start".to_owned());
    }
    if !is_planted {
        complaints.push("sim: plants nothing".to_owned());
    }
    complaints
}

/// Every effect says which event answers it, or that none does.
pub(super) fn answers(sources: &[Source]) -> Complaints {
    let text =
        |path: &str| sources.iter().find(|source| source.path == path).map_or("", |source| &source.text);
    let events: BTreeSet<String> =
        variants(text("core/src/event.rs"), "Event").into_iter().map(|(name, _)| name).collect();
    let effects = variants(text("core/src/effect.rs"), "Effect");
    let law = text("core/README.md");
    let mut complaints = Vec::new();
    if events.is_empty() || effects.is_empty() {
        complaints.push("core/src: there are no events or no effects".to_owned());
    }
    for (name, doc) in effects {
        let named: Vec<&str> =
            doc.match_indices("[`").map(|(at, open)| identifier(&doc[at + open.len()..])).collect();
        if !law.contains(&format!("| `{name}` |")) {
            complaints.push(format!("core/README.md: has no row for the effect `{name}`"));
        }
        let is_answered = doc.contains("Answered by") && !named.is_empty();
        if !is_answered && !doc.contains("Not answered") {
            complaints.push(format!("core/src/effect.rs: `{name}` does not say what answers it"));
        }
        for stranger in named.iter().filter(|named| !events.contains(**named)) {
            complaints.push(format!("core/src/effect.rs: `{name}` names `{stranger}`, which is no event"));
        }
    }
    complaints
}

/// The variants of an enum, with their documentation on one line.
fn variants(text: &str, name: &str) -> Vec<(String, String)> {
    let Some(start) = text.find(&format!("pub enum {name} {{")) else { return Vec::new() };
    let mut found = Vec::new();
    let mut doc = String::new();
    for line in text[start..].lines().skip(1).take_while(|line| *line != "}") {
        let Some(line) = line.strip_prefix("    ").filter(|line| !line.starts_with(' ')) else { continue };
        if let Some(said) = line.strip_prefix("///") {
            doc.push_str(said);
        } else if line.starts_with(char::is_uppercase) {
            found.push((identifier(line).to_owned(), std::mem::take(&mut doc)));
        }
    }
    found
}

/// Invariants are numbered once, without a gap, and whoever names one names one of them.
pub(super) fn invariants(sources: &[Source]) -> Complaints {
    let law = sources.iter().find(|source| source.path == "core/README.md").map_or("", |source| &source.text);
    let known: Vec<usize> =
        law.lines().filter_map(|line| line.strip_prefix("| R")?.split(' ').next()?.parse().ok()).collect();
    let mut complaints = Vec::new();
    if known.is_empty() || known.iter().enumerate().any(|(place, number)| *number != place + 1) {
        complaints.push(format!("core/README.md: invariants are numbered {known:?}"));
    }
    for source in sources.iter().filter(|source| source.is_rust()) {
        for number in numbers(&source.text).difference(&known.iter().copied().collect()) {
            complaints.push(format!("{}: names R{number}, which core/README.md does not know", source.path));
        }
    }
    complaints
}

/// The invariants that a text names: `R` and one or two digits, as a word.
fn numbers(text: &str) -> BTreeSet<usize> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let word = |at: usize| {
        let is_first = !text[..at].chars().next_back().is_some_and(is_part);
        let digits = &text[at + 1..at + 1 + text[at + 1..].find(|c: char| !is_part(c)).unwrap_or(0)];
        (is_first && (1..=2).contains(&digits.len())).then(|| digits.parse().ok()).flatten()
    };
    text.match_indices('R').filter_map(|(at, _)| word(at)).collect()
}

/// The pages that must be there, and in each a row for every file it speaks of.
pub(super) fn pages(sources: &[Source]) -> Complaints {
    let mut complaints = Vec::new();
    for page in ["README.md", "core/README.md", "sim/README.md"] {
        let Some(text) = sources.iter().find(|source| source.path == page).map(|source| &source.text) else {
            complaints.push(format!("{page}: is missing"));
            continue;
        };
        let Some(folder) = page.strip_suffix("README.md").filter(|folder| !folder.is_empty()) else {
            continue;
        };
        let below = format!("{folder}src/");
        for source in sources.iter().filter(|source| source.is_rust()) {
            let Some(file) = source.path.strip_prefix(&below).filter(|file| !file.contains('/')) else {
                continue;
            };
            let is_listed = text.contains(&format!("`{file}`")) || ["lib.rs", "main.rs"].contains(&file);
            if !is_listed {
                complaints.push(format!("{page}: has no row for `{file}`"));
            }
        }
    }
    complaints
}

/// The top level stays as it is.
pub(super) fn top_level(names: &[String]) -> Complaints {
    let is_strange = |name: &&String| !name.starts_with('.') && !TOP.contains(&name.as_str());
    let strange =
        names.iter().filter(is_strange).map(|name| format!("{name}: does not belong into the root"));
    let is_missing = |name: &&&str| !names.iter().any(|present| present == **name);
    let missing = TOP.iter().filter(is_missing).map(|name| format!("{name}: is missing from the root"));
    strange.chain(missing).collect()
}

/// No word of the machine it was written on, nor of where its packages came from on the way.
pub(super) fn strangers(source: &Source) -> Complaints {
    // Put together here, so that this file passes.
    let places = [["/wo", "rk/"], ["/tmp/", "brief"], ["/farm", "/in"], ["/root/", ".cargo"]]
        .map(|parts| parts.concat());
    let found = places.iter().filter(|place| source.text.contains(place.as_str()));
    let mut complaints: Complaints =
        found.map(|place| format!("{}: speaks of `{place}`", source.path)).collect();
    for line in source.text.lines().filter(|_| source.path == "Cargo.lock") {
        let is_elsewhere = line.starts_with("source = ")
            && !line.contains("\"registry+https://github.com/rust-lang/crates.io-index\"");
        if is_elsewhere {
            complaints.push(format!("{}: a package from elsewhere: {line}", source.path));
        }
    }
    if source.path.starts_with(".cargo/")
        && (source.text.contains("replace-with") || source.text.contains("[source"))
    {
        complaints.push(format!("{}: packages come from where everybody gets them", source.path));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(text: &str) -> Source {
        Source::new("shell/src/x.rs", text)
    }

    #[track_caller]
    fn bad(complaints: &[String], about: &str) {
        assert!(complaints.iter().any(|complaint| complaint.contains(about)), "{about}: {complaints:?}");
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_for() {
        bad(&opening(&rust("use std::fs;\n")), "opens without");
        bad(&opening(&rust("//!\n")), "opens without");
        assert!(opening(&rust("//! What it is for.\n")).is_empty());
    }

    #[test]
    fn a_file_or_a_function_that_is_too_long() {
        bad(&lengths(&rust(&"\n".repeat(701))), "701 lines");
        let long = format!("fn long() {{\n{}}}\n", "    let x = \"}\";\n".repeat(69));
        bad(&lengths(&rust(&long)), "`long` has 71 lines");
        let short = format!("fn short() {{\n{}}}\n", "    let x = \"{\";\n".repeat(68));
        assert!(lengths(&rust(&short)).is_empty());
    }

    #[test]
    fn a_name_that_says_nothing() {
        for name in ["struct PaneManager;", "enum EventHandler {}", "trait Helper {}", "type GitInfo = u8;"] {
            bad(&names(&rust(name)), "says nothing");
        }
        bad(&names(&Source::new("shell/src/utils.rs", "")), "says nothing");
        assert!(names(&rust("struct Informed; enum Level { Info }")).is_empty());
    }

    #[test]
    fn something_unfinished() {
        for text in ["fn a() { todo!() }", "fn a() { dbg!(1); }", "fn a() { unimplemented!(\"later\") }"] {
            bad(&unfinished(&rust(text)), "!`");
        }
        assert!(unfinished(&rust("// todo!\nfn todo() {}")).is_empty());
    }

    #[test]
    fn an_unwrap_in_the_product() {
        bad(&unwraps(&rust("fn a() {\n    b().unwrap();\n}")), "x.rs:2");
        assert!(unwraps(&rust("#[cfg(test)]\nmod tests { fn a() { b().unwrap() } }")).is_empty());
        assert!(unwraps(&rust("fn a() { b().unwrap_or(1); }")).is_empty());
    }

    #[test]
    fn a_protocol_between_threads_outside_of_the_kernels() {
        let shared = |path: &str, text: &str| shared_memory(&[Source::new(path, text)]);
        for text in
            ["use std::sync::Condvar;", "static A: AtomicU64 = x();", "fn a() { std::thread::park(); }"]
        {
            bad(&shared("shell/src/x.rs", text), "belongs into shell/src/kernel/");
            assert!(shared("shell/src/kernel/x.rs", text).is_empty());
            assert!(shared("shell/src/x_tests.rs", text).is_empty());
        }
        assert!(shared("shell/src/x.rs", "// Condvar\nstruct AtomicSave; fn parked() {}").is_empty());
        let (path, word, _) = PLAIN[0];
        assert!(shared(path, &format!("use std::sync::atomic::{word};")).is_empty());
        bad(&shared(path, ""), "excused for one");
    }

    #[test]
    fn an_import_upwards_or_between_organs() {
        let core = |file: &str, text: &str| staircase(&[Source::new(&format!("core/src/{file}.rs"), text)]);
        bad(&core("ids", "use crate::event::Event;"), "imports `event`");
        bad(&core("ring", "use crate::{limits, store::run};"), "imports `store`");
        bad(&core("workstream/create", "fn a() { crate::machine::b() }"), "imports `machine`");
        bad(&core("fresh", ""), "no step");
        assert!(
            core("workstream/create", "use crate::workstream::Phase; use crate::record::Facts;").is_empty()
        );
        assert!(core("event", "use crate::ports::EngineError;").is_empty());
        assert!(core("machine", "use crate::store::run; use crate::snapshot::Card;").is_empty());
    }

    #[test]
    fn a_core_with_a_standard_library() {
        let library = Source::new("core/src/lib.rs", "//! x\n#![no_std]\n#[cfg(test)]\nextern crate std;\n");
        let core = Source::new(
            "core/Cargo.toml",
            "[dependencies]\nserde.workspace = true\n[dev-dependencies]\nproptest = \"1\"\n",
        );
        let shared = "[workspace.dependencies]\nserde = { version = \"1\", default-features = false }\n\
            serde_json = { version = \"1\", default-features = false }\nthiserror = { version = \"2\", default-features = false }\n";
        let shared = Source::new("Cargo.toml", shared);
        assert!(purity(&[library.clone(), core.clone(), shared.clone()]).is_empty());
        let with = |changed: Source| {
            let same = [&library, &core, &shared].into_iter().filter(|source| source.path != changed.path);
            purity(&same.cloned().chain([changed.clone()]).collect::<Vec<_>>())
        };
        bad(&with(Source::new("core/src/lib.rs", "//! x\n")), "not `no_std`");
        bad(&with(Source::new("core/src/ids.rs", "use std::fs;")), "names the standard library");
        bad(&with(Source::new("core/src/ids.rs", "extern crate std;")), "names the standard library");
        bad(&with(Source::new("core/Cargo.toml", "[dependencies]\ntokio.workspace = true\n")), "tokio");
        let std = shared.text.replace("\"1\", default-features = false", "\"1\"");
        bad(&with(Source::new("Cargo.toml", &std)), "brings the standard library");
    }

    #[test]
    fn a_dependency_the_wrong_way_round() {
        let manifest = |path: &str, text: &str| directions(&[Source::new(path, text)]);
        bad(
            &manifest("core/Cargo.toml", "[dependencies]\nccells.workspace = true"),
            "must not depend on `ccells`",
        );
        bad(&manifest("shell/Cargo.toml", "[dev-dependencies]\nccells-sim.workspace = true"), "`ccells-sim`");
        bad(&manifest("extra/Cargo.toml", ""), "no package is expected");
        assert!(manifest("sim/Cargo.toml", "[dependencies]\nccells-core = { workspace = true }").is_empty());
    }

    #[test]
    fn a_fault_that_could_be_planted_in_a_release() {
        let all = [
            Source::new("core/Cargo.toml", "[features]\ncanary = []\n"),
            Source::new("sim/Cargo.toml", "ccells-core = { workspace = true, features = [\"canary\"] }"),
            Source::new("shell/src/main.rs", "fn main() { assert!(!ccells_core::HAS_CANARIES); }"),
        ];
        assert!(mistakes(&all).is_empty());
        let with = |changed: Source| {
            let same = all.iter().filter(|source| source.path != changed.path);
            mistakes(&same.cloned().chain([changed.clone()]).collect::<Vec<_>>())
        };
        bad(
            &with(Source::new("shell/Cargo.toml", "ccells-core = { features = [\"canary\"] }")),
            "only the sim",
        );
        bad(&with(Source::new("shell/src/a.rs", "fn a() { Machine::with_canary(None); }")), "only the sim");
        bad(&with(Source::new("core/Cargo.toml", "[features]\ndefault = [\"canary\"]\n")), "every release");
        bad(&with(Source::new("shell/src/main.rs", "fn main() {}")), "must refuse");
        bad(&with(Source::new("sim/Cargo.toml", "")), "plants nothing");
    }

    #[test]
    fn an_effect_without_its_event() {
        let event = Source::new("core/src/event.rs", "pub enum Event {\n    /// It is.\n    Begun,\n}\n");
        let effect = |doc: &str| {
            let text = format!(
                "pub enum Effect {{\n    /// Begin. {doc}\n    Begin {{\n        /// What.\n        what: u8,\n    }},\n}}\n"
            );
            let law = Source::new("core/README.md", "| `Begin` | … |");
            answers(&[event.clone(), law, Source::new("core/src/effect.rs", &text)])
        };
        bad(
            &answers(&[event.clone(), Source::new("core/src/effect.rs", "pub enum Effect {\n    New,\n}\n")]),
            "no row",
        );
        bad(&effect(""), "does not say what answers it");
        bad(&effect("Answered by [`Gone`](crate::event::Event::Gone)."), "which is no event");
        assert!(effect("Answered by [`Begun`](crate::event::Event::Begun).").is_empty());
        assert!(effect("Not answered.").is_empty());
        bad(&answers(&[]), "no events");
    }

    #[test]
    fn an_invariant_that_does_not_exist() {
        let law = Source::new("core/README.md", "| R1 | a |\n| R2 | b |\n");
        bad(&invariants(&[law.clone(), rust("// R3: c")]), "names R3");
        assert!(invariants(&[law, rust("// R2: b; CR3, R333, R_3\nstruct R2D2;")]).is_empty());
        bad(&invariants(&[Source::new("core/README.md", "| R1 | a |\n| R3 | c |\n")]), "numbered [1, 3]");
        bad(&invariants(&[]), "numbered []");
    }

    #[test]
    fn a_file_without_a_row() {
        let page = |path: &str, text: &str| Source::new(path, text);
        let pages_of = |text: &str| {
            pages(&[
                page("README.md", ""),
                page("core/README.md", text),
                page("sim/README.md", ""),
                page("core/src/ids.rs", ""),
            ])
        };
        bad(&pages_of("| ids |"), "no row for `ids.rs`");
        assert!(pages_of("| `ids.rs` | ids |").is_empty());
        bad(&pages(&[]), "sim/README.md: is missing");
    }

    #[test]
    fn a_strange_thing_in_the_root() {
        let mut names: Vec<String> = TOP.iter().map(|name| (*name).to_owned()).collect();
        assert!(top_level(&names).is_empty());
        names.push("notes.md".to_owned());
        names.retain(|name| name != "LICENSE-MIT");
        bad(&top_level(&names), "notes.md: does not belong");
        bad(&top_level(&names), "LICENSE-MIT: is missing");
    }

    #[test]
    fn a_word_about_somewhere_else() {
        let path = ["/wo", "rk/x"].concat();
        bad(&strangers(&rust(&format!("// see {path}"))), "speaks of");
        bad(
            &strangers(&Source::new("Cargo.lock", "source = \"registry+https://mirror.example/index\"\n")),
            "elsewhere",
        );
        bad(
            &strangers(&Source::new(".cargo/config.toml", "[source.crates-io]\nreplace-with = \"x\"\n")),
            "everybody",
        );
        assert!(strangers(&rust("const WORKSPACE: &str = \"/workspace\";")).is_empty());
    }
}
