//! Builds the holder as a static program, so that `ccells` carries it and can put it into any container.
//!
//! The holder has other needs than its surroundings: no C library of an image, small, always optimized. So a cargo
//! of its own builds it, in a target directory of its own (ours is locked while we run) that all profiles share.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the holder is made from, beside its own package and some files of the core.
const SOURCES: [&str; 3] = ["core/Cargo.toml", "Cargo.toml", "Cargo.lock"];
/// The holder's own package, its tests and benches aside.
const OWN_SOURCES: [&str; 2] = ["shell/holder/src", "shell/holder/Cargo.toml"];

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("..");
    for source in SOURCES.into_iter().chain(OWN_SOURCES) {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    for file in core_files(&root) {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    let target = variable("TARGET");
    let directory = target_directory(Path::new(&variable("OUT_DIR")), &target);
    let status = nested_cargo(&root, &directory, &target).status();
    let binary = directory.join(&target).join("holder").join("ccells-holder");
    match status {
        Ok(status) if status.success() && binary.is_file() => {
            println!("cargo::rustc-env=CCELLS_HOLDER={}", binary.display());
        }
        Ok(status) => fail(&target, &format!("cargo ended with {status}; its own words are above")),
        Err(error) => fail(&target, &format!("cargo could not be started: {error}")),
    }
}

/// The files of the core that the holder is made of: what its sources name, and what those name in turn. The rest of
/// the core changes far more often, and linking the holder takes a while.
fn core_files(root: &Path) -> BTreeSet<PathBuf> {
    let core = root.join("core/src");
    let mut open: Vec<(PathBuf, &str)> = Vec::new();
    walk(&root.join("shell/holder/src"), &mut |file| open.push((file, "ccells_core::")));
    let mut found = BTreeSet::from([core.join("lib.rs")]);
    while let Some((file, prefix)) = open.pop() {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        for module in text.split(prefix).skip(1).flat_map(modules) {
            let file = core.join(format!("{module}.rs"));
            if file.is_file() && found.insert(file.clone()) {
                open.push((file, "crate::"));
            }
        }
    }
    found
}

/// The modules that a path names, whose beginning was cut off: `limits::X` or `{limits, wire::Y}`.
fn modules(rest: &str) -> Vec<&str> {
    let group = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
    let paths = group.map_or_else(|| vec![rest], |group| group.split(',').collect());
    let is_end = |c: char| !(c.is_alphanumeric() || c == '_');
    paths.into_iter().filter_map(|path| path.trim().split(is_end).next()).collect()
}

fn walk(directory: &Path, found: &mut impl FnMut(PathBuf)) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { walk(&path, found) } else { found(path) }
    }
}

/// A directory that survives a change of profile: `holder` in the target directory, found from
/// `<target directory>[/<triple>]/<profile>/build/<package>/out`. Anywhere else, the output directory itself.
fn target_directory(out: &Path, target: &str) -> PathBuf {
    let build = out.ancestors().find(|path| path.file_name().is_some_and(|name| name == "build"));
    let Some(above) = build.and_then(Path::parent).and_then(Path::parent) else { return out.join("holder") };
    let top = if above.file_name().is_some_and(|name| name == target) { above.parent() } else { Some(above) };
    top.unwrap_or(above).join("holder")
}

/// The command that builds the holder, free of what the cargo around us told us for itself.
fn nested_cargo(root: &Path, directory: &Path, target: &str) -> Command {
    let mut cargo = Command::new(variable("CARGO"));
    for (name, _) in env::vars_os() {
        if is_for_us(&name.to_string_lossy()) {
            cargo.env_remove(&name);
        }
    }
    cargo
        .current_dir(root)
        .args(["build", "--package", "ccells-holder", "--bin", "ccells-holder", "--profile", "holder"])
        // With the triple spelled out, what runs while building is not made static.
        .args(["--locked", "--quiet", "--target", target, "--target-dir"])
        .arg(directory)
        .env("RUSTFLAGS", "-C target-feature=+crt-static");
    cargo
}

/// Whether a variable speaks of the build we are part of: its flags, its profile, its wrappers. What says how to
/// reach a registry or which linker a target has holds for the holder too.
fn is_for_us(name: &str) -> bool {
    const KEPT: [&str; 5] = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_"];
    const OTHERS: [&str; 9] =
        ["TARGET", "HOST", "PROFILE", "OPT_LEVEL", "DEBUG", "OUT_DIR", "NUM_JOBS", "MAKEFLAGS", "MFLAGS"];
    let is_linker = name.starts_with("CARGO_TARGET_") && name.ends_with("_LINKER");
    let is_kept = is_linker || KEPT.iter().any(|kept| name.starts_with(kept));
    let is_compiler =
        ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "CLIPPY_"].iter().any(|start| name.starts_with(start));
    !is_kept && (is_compiler || OTHERS.contains(&name))
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("cargo sets {name} for build scripts: {error}"))
}

fn fail(target: &str, reason: &str) -> ! {
    panic!(
        "the holder, the program that ccells puts into every container, could not be built for {target}: {reason}. \
         To see it alone: RUSTFLAGS='-C target-feature=+crt-static' cargo build -p ccells-holder --profile holder \
         --target {target}. It needs a static C library for the target (on Debian: libc6-dev)."
    );
}
