//! Builds the holder as a static program for this machine, so that a plain `cargo build` needs no second step.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = here.parent().expect("the shell lies in the workspace").to_path_buf();
    for path in ["shell/holder", "core/src", "core/Cargo.toml", "Cargo.lock", "Cargo.toml"] {
        println!("cargo:rerun-if-changed={}", root.join(path).display());
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
