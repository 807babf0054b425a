//! `ccells diff`: what a workstream changed, against the commit that it began with.

use std::io::IsTerminal as _;
use std::path::Path;

use ccells_core::limits;
use ccells_core::naming::{sanitise, sanitise_to};
use clap::Args;
use serde_json::{Value, json};

use super::link::{Link, resolve};
use super::{Failure, print};
use crate::adapters::git::{Detail, FileDiff, WorkDiff};
use crate::changes::{self, Changes, ChangesError};

/// Whose, and how much.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// Id, unique prefix of an id, or name.
    #[arg(value_name = "ID")]
    id: String,
    /// The files and how many lines, not the lines.
    #[arg(long)]
    stat: bool,
    /// Print one JSON document: the files and how many lines.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) async fn run(directory: &Path, verb: &Diff) -> Result<u8, Failure> {
    let (mut link, ground) = Link::to_look(directory).await?;
    let picture = link.show().await;
    link.end().await;
    ground.engine.close().await;
    let picture = picture?;
    let (_, card) = resolve(&picture, &verb.id)?;
    let detail = if verb.stat || verb.json { Detail::Files } else { Detail::Lines };
    let directory = Path::new(card["directory"].as_str().unwrap_or_default());
    let Changes { base, diff } = changes::read(&ground.git, directory, detail).await.map_err(failure)?;
    if verb.json {
        print::json(&document(card, &base, &diff));
    } else {
        show(&diff, verb.stat);
    }
    Ok(0)
}

fn failure(error: ChangesError) -> Failure {
    let code = match error {
        ChangesError::NoBase { .. } => 4,
        ChangesError::Unread { .. } | ChangesError::Git(_) => 1,
    };
    Failure::new(code, error.to_string())
}

fn document(card: &Value, base: &str, diff: &WorkDiff) -> Value {
    let file = |file: &FileDiff| {
        json!({
            "path": file.path.to_string_lossy(),
            "old_path": file.old_path.as_ref().map(|path| path.to_string_lossy()),
            "status": file.status.letter().to_string(),
            "old_mode": format!("{:06o}", file.modes.0),
            "new_mode": format!("{:06o}", file.modes.1),
            "added": file.lines.map(|(added, _)| added),
            "removed": file.lines.map(|(_, removed)| removed),
            "executes": file.executes(),
        })
    };
    json!({
        "id": card["id"],
        "name": card["name"],
        "branch": card["branch"],
        "base": base,
        "files": diff.files.iter().map(file).collect::<Vec<_>>(),
        "unknown": diff.unknown,
    })
}

fn show(diff: &WorkDiff, is_stat: bool) {
    if let Some(unknown) = &diff.unknown {
        print::complain(&format!("not all of it could be looked at: {}", sanitise(unknown)));
    }
    for file in diff.files.iter().filter(|_| is_stat) {
        print::say(&stat_line(file));
    }
    if !is_stat {
        let is_coloured = std::io::stdout().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        print::all(String::from_utf8_lossy(&diff.patch).lines().map(|line| painted(line, is_coloured)));
    }
    let risky: Vec<_> = diff.files.iter().filter_map(|file| Some((file, file.executes()?))).collect();
    if !risky.is_empty() {
        print::tell("look at these before you take them:");
    }
    for (file, reason) in risky {
        print::tell(&format!("  {}: {reason}", sanitise(&file.path.to_string_lossy())));
    }
    if is_stat {
        print::say(&total(diff));
    }
}

/// One file: what happened, how many lines, its name.
fn stat_line(file: &FileDiff) -> String {
    let path = sanitise(&file.path.to_string_lossy());
    let old = file.old_path.as_ref().map(|old| format!("{} → ", sanitise(&old.to_string_lossy())));
    let lines = file.lines.map_or("no text".to_owned(), |(added, removed)| format!("+{added} -{removed}"));
    format!("{} {lines:>12}  {}{path}", file.status.letter(), old.unwrap_or_default())
}

fn total(diff: &WorkDiff) -> String {
    let sum =
        |pick: fn((u64, u64)) -> u64| diff.files.iter().filter_map(|file| file.lines).map(pick).sum::<u64>();
    let (added, removed) = (sum(|it| it.0), sum(|it| it.1));
    let count = diff.files.len();
    let files = if count == 1 { "file" } else { "files" };
    format!("{count} {files} changed, {added} lines came, {removed} went")
}

/// One line of a patch, safe to show. An agent wrote it.
fn painted(line: &str, is_coloured: bool) -> String {
    // A tab is the one thing in a line that moves the cursor and belongs there.
    let safe: Vec<_> = line.split('\t').map(|part| sanitise_to(part, limits::DIFF_LINE_CHARS)).collect();
    let safe = safe.join("\t");
    let colour = match line.as_bytes() {
        _ if !is_coloured => None,
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] | [b'd', b'i', b'f', b'f', ..] => Some("1"),
        [b'+', ..] => Some("32"),
        [b'-', ..] => Some("31"),
        [b'@', ..] => Some("36"),
        _ => None,
    };
    colour.map_or(safe.clone(), |colour| format!("\x1b[{colour}m{safe}\x1b[0m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_an_agent_wrote_acts_on_a_terminal() {
        for line in ["+\x1b]52;c;aGk=\x07x", "-\x1b[2J", "diff --git a/\x1b[31m b/x", " a\rb"] {
            let plain = painted(line, false);
            assert!(!plain.contains(|c: char| c.is_control()), "{plain:?}");
            let coloured = painted(line, true);
            let inner = coloured.trim_start_matches(|c| c != 'm').trim_end_matches("\x1b[0m");
            assert!(!inner.contains('\x1b'), "{coloured:?}");
        }
        assert_eq!(painted("+\tlet x;\t// y", false), "+\tlet x;\t// y");
    }
}
