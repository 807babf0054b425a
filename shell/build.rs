//! Builds the holder as a static program for this machine, so that a plain `cargo build` needs no second step.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = here.parent().expect("the shell lies in the workspace").to_path_buf();
    for path in ["shell/holder", "core/Cargo.toml", "Cargo.lock", "Cargo.toml"] {
        println!("cargo:rerun-if-changed={}", root.join(path).display());
    }
    for file in core_files(&root) {
        println!("cargo:rerun-if-changed={}", file.display());
    }
    match build(&root) {
        Ok(program) => {
            println!("cargo:rustc-env=CCELLS_HOLDER={}", program.display());
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("cargo:warning=the holder, which goes into every container, could not be built: {why}");
            ExitCode::FAILURE
        }
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

/// Runs cargo once more, in a target directory of its own: the outer one is locked while we run.
fn build(root: &Path) -> Result<PathBuf, String> {
    let target = env::var("TARGET").map_err(|error| error.to_string())?;
    let directory = target_directory()?;
    let mut cargo = Command::new(env::var_os("CARGO").expect("cargo sets it"));
    cargo.current_dir(root);
    // What the outer cargo tells us is not meant for the inner one.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_kept = matches!(&*text, "CARGO_HOME" | "CARGO_NET_OFFLINE" | "CARGO_TERM_COLOR");
        if !is_kept && (text.starts_with("CARGO") || text.starts_with("RUSTFLAGS") || text.starts_with("RUSTC_W")) {
            cargo.env_remove(&name);
        }
    }
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
    cargo.args(["build", "--quiet", "--locked", "--profile", "holder", "--bin", "ccells-holder"]);
    cargo.args(["--package", "ccells-holder", "--target", &target, "--target-dir"]).arg(&directory);
    let output = cargo.output().map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).replace('\n', " | "));
    }
    Ok(directory.join(target).join("holder").join("ccells-holder"))
}

/// Beside the outer profile directories, so that it is built once for all of them.
fn target_directory() -> Result<PathBuf, String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    // <target>/<profile>/build/<package>-<hash>/out, perhaps with a target triple before the profile.
    let target = out.ancestors().nth(4).ok_or("OUT_DIR is not where cargo puts it")?;
    Ok(target.join("holder"))
}
