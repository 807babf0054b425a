//! `ccells ls`: the workstreams of this repository.

use std::path::Path;

use clap::Args;
use serde_json::Value;

use super::link::Link;
use super::{Failure, print};

/// How to list.
#[derive(Debug, Args)]
pub(super) struct Ls {
    /// All columns.
    #[arg(short, long)]
    all: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Print ids only.
    #[arg(short, long)]
    quiet: bool,
}

/// Does it.
pub(super) async fn run(directory: &Path, verb: &Ls) -> Result<u8, Failure> {
    let (mut link, _ground) = Link::to_look(directory).await?;
    let picture = link.show().await;
    link.end().await;
    let picture = picture?;
    let workstreams = picture["workstreams"].as_array().cloned().unwrap_or_default();
    if verb.json {
        print::json(&picture["workstreams"]);
    } else if verb.quiet {
        for card in &workstreams {
            print::say(card["id"].as_str().unwrap_or_default());
        }
    } else {
        print_table(&workstreams, verb.all);
    }
    Ok(0)
}

fn print_table(workstreams: &[Value], all: bool) {
    let mut rows =
        vec![vec!["ID".to_string(), "NAME".into(), "STATE".into(), "AGENT".into(), "BRANCH".into()]];
    if all {
        rows[0].extend(["CONTAINER".into(), "CREATED".into(), "WORKTREE".into()]);
    }
    for card in workstreams {
        let text = |key: &str| print::clean(card[key].as_str().unwrap_or("-"));
        let agent = &card["agent"];
        let status = agent["exit"].as_str().or(agent["status"].as_str()).unwrap_or("-");
        let mut row =
            vec![short(&text("id")), text("name"), state(card), print::clean(status), text("branch")];
        if all {
            let container: String = text("container_id").chars().take(12).collect();
            row.extend([container, text("created_at"), text("worktree")]);
        }
        rows.push(row);
    }
    let widths: Vec<usize> = (0..rows[0].len()).map(|column| widest(&rows, column)).collect();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        print::say(cells.join("  ").trim_end());
    }
}

/// The state, with what is being done or what went wrong.
fn state(card: &Value) -> String {
    let state = card["state"].as_str().unwrap_or("-");
    match (card["progress"].as_str(), card["reason"].as_str()) {
        (Some(step), _) => format!("{state} ({step})"),
        (None, Some(reason)) => format!("{state} ({})", ccells_core::naming::sanitise_to(reason, 60)),
        (None, None) => state.to_string(),
    }
}

/// Ids that were made close together begin alike: their ends tell them apart.
fn short(id: &str) -> String {
    id.get(20..).unwrap_or(id).to_string()
}

fn widest(rows: &[Vec<String>], column: usize) -> usize {
    rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
}
