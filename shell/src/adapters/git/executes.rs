//! Changes that may run on somebody's machine, or at their forge, without anybody meaning to run them: what a person
//! should look at before taking an agent's work.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Files and directories by the places where tools look for them, each with what becomes of it. A place that ends with
/// a slash means all that is below it; one without a slash in it is looked for in every directory.
const PLACES: &[(&str, &str)] = &[
    (".github/workflows/", "runs at the forge"),
    (".github/actions/", "runs at the forge"),
    (".forgejo/workflows/", "runs at the forge"),
    (".gitea/workflows/", "runs at the forge"),
    (".circleci/", "runs at the forge"),
    (".buildkite/", "runs at the forge"),
    (".gitlab-ci.yml", "runs at the forge"),
    (".travis.yml", "runs at the forge"),
    ("azure-pipelines.yml", "runs at the forge"),
    ("Jenkinsfile", "runs at the forge"),
    (".husky/", "runs at a commit"),
    (".githooks/", "runs at a commit"),
    (".pre-commit-config.yaml", "runs at a commit"),
    ("lefthook.yml", "runs at a commit"),
    (".gitattributes", "chooses filters of git"),
    (".gitmodules", "names repositories to fetch"),
    (".envrc", "runs when its directory is entered"),
    (".devcontainer/", "runs when an editor opens it"),
    (".vscode/", "runs when an editor opens it"),
    (".idea/", "runs when an editor opens it"),
    (".claude/", "steers agents"),
    (".codex/", "steers agents"),
    (".cursor/", "steers agents"),
    (".mcp.json", "steers agents"),
    ("CLAUDE.md", "steers agents"),
    ("AGENTS.md", "steers agents"),
    (".cargo/config.toml", "runs at a build"),
    ("build.rs", "runs at a build"),
    ("Makefile", "runs at a build"),
    ("makefile", "runs at a build"),
    ("GNUmakefile", "runs at a build"),
    ("justfile", "runs at a build"),
    ("Justfile", "runs at a build"),
    ("Taskfile.yml", "runs at a build"),
    ("Rakefile", "runs at a build"),
    ("setup.py", "runs at a build"),
    ("conftest.py", "runs at a test"),
    ("package.json", "runs at an installation"),
    (".npmrc", "runs at an installation"),
    ("Dockerfile", "runs at a build"),
    ("docker-compose.yml", "runs at a build"),
    ("compose.yml", "runs at a build"),
];

const FILE_TYPE: u32 = 0o170_000;
const LINK: u32 = 0o120_000;
const RUNNABLE: u32 = 0o111;

/// Why a change of the file at `path`, from and to these modes, may run; nothing when it may not, or the file is gone.
pub(super) fn reason(path: &Path, (old, new): (u32, u32)) -> Option<&'static str> {
    if new == 0 {
        return None;
    }
    let place = PLACES.iter().find(|(place, _)| is_at(path, place)).map(|(_, reason)| *reason);
    let is_new_link = new & FILE_TYPE == LINK && old & FILE_TYPE != LINK;
    let is_new_runnable = new & FILE_TYPE != LINK && new & RUNNABLE != 0 && old & RUNNABLE == 0;
    place
        .or_else(|| is_new_link.then_some("a link that leads elsewhere"))
        .or_else(|| is_new_runnable.then_some("can be run now"))
}

fn is_at(path: &Path, place: &str) -> bool {
    if let Some(directory) = place.strip_suffix('/') {
        let wanted: Vec<&OsStr> = Path::new(directory).iter().collect();
        let parts: Vec<&OsStr> = path.parent().map(|above| above.iter().collect()).unwrap_or_default();
        return parts.windows(wanted.len()).any(|window| same(window, &wanted));
    }
    path.ends_with(place) || path.file_name().is_some_and(|name| same(&[name], &[OsStr::new(place)]))
}

/// File systems that know no case take one for the other, and so do the tools on them.
fn same(names: &[&OsStr], wanted: &[&OsStr]) -> bool {
    names.iter().zip(wanted).all(|(name, wanted)| name.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: (u32, u32) = (0o100_644, 0o100_644);

    #[test]
    fn what_tools_look_for_is_known_by_its_place() {
        let cases = [
            (".github/workflows/ci.yml", Some("runs at the forge")),
            ("sub/.github/workflows/x/y.yml", Some("runs at the forge")),
            (".GitHub/Workflows/ci.yml", Some("runs at the forge")),
            (".github/README.md", None),
            ("web/package.json", Some("runs at an installation")),
            ("web/package.json.txt", None),
            ("src/makefile.rs", None),
            ("MAKEFILE", Some("runs at a build")),
            (".cargo/config.toml", Some("runs at a build")),
            ("x/.claude/settings.json", Some("steers agents")),
            ("src/main.rs", None),
        ];
        for (path, expected) in cases {
            assert_eq!(reason(Path::new(path), PLAIN), expected, "{path}");
        }
    }

    #[test]
    fn new_links_and_files_that_can_be_run_are_told_and_what_is_gone_is_not() {
        let of = |modes| reason(Path::new("a"), modes);
        assert_eq!(of((0, 0o120_000)), Some("a link that leads elsewhere"));
        assert_eq!(of((0o120_000, 0o120_000)), None);
        assert_eq!(of((0, 0o100_755)), Some("can be run now"));
        assert_eq!(of((0o100_644, 0o100_755)), Some("can be run now"));
        assert_eq!(of((0o100_755, 0o100_755)), None);
        assert_eq!(reason(Path::new("Makefile"), (0o100_644, 0)), None);
    }
}
