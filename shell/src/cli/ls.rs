//! `ccells ls`: the workstreams of this repository. How an agent fares is asked of its holder where no screen knows it.

use std::path::Path;
use std::time::Duration;

use ccells_core::agent::AgentReport;
use ccells_core::limits;
use ccells_core::wire::{self, Decoder, FromHolder, ToHolder};
use clap::Args;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::link::{self, Link};
use super::{Failure, print};
use crate::adapters::docker::DockerEngine;
use crate::control;

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
    let (mut link, ground) = Link::to_look(directory).await?;
    let picture = link.show().await;
    link.end().await;
    let mut workstreams = picture?["workstreams"].as_array().cloned().unwrap_or_default();
    if !verb.quiet {
        ask_holders(&ground.engine, &mut workstreams).await;
    }
    ground.engine.close().await;
    if verb.json {
        print::json(&Value::Array(workstreams));
    } else if verb.quiet {
        for card in &workstreams {
            print::say(card["id"].as_str().unwrap_or_default());
        }
    } else {
        print_table(&workstreams, verb.all);
    }
    Ok(0)
}

/// Completes the cards whose agent nobody here listens to. All holders are asked at once, and a frozen one is not: it
/// could not answer.
async fn ask_holders(engine: &DockerEngine, cards: &mut [Value]) {
    let is_open = |card: &&mut Value| card["state"] == "running" && card["agent"].is_null();
    let asked = cards.iter_mut().filter(is_open).map(async |card| {
        let deadline = Duration::from_millis(limits::REPORT_MS);
        // Who says nothing in time has no status to show; the list is there all the same.
        if let Ok(Ok(report)) = timeout(deadline, report(engine, card)).await {
            card["agent"] = control::agent(&report);
        }
    });
    join_all(asked).await;
}

/// What the holder of `card` tells of its agent, as an observer hears it.
async fn report(engine: &DockerEngine, card: &Value) -> Result<AgentReport, Failure> {
    let (_, mut stream) = link::to_holder(engine, card).await?;
    let mut hello = Vec::new();
    wire::encode(&ToHolder::Hello { size: None, observe: true, from_sequence: None }, &mut hello);
    stream.write_all(&hello).await?;
    let mut decoder = Decoder::<FromHolder>::new();
    let mut bytes = vec![0; 64 * 1_024];
    loop {
        let count = stream.read(&mut bytes).await?;
        if count == 0 {
            return Err(Failure::new(1, "the holder ended the session"));
        }
        decoder.push(&bytes[..count]);
        while let Some(frame) = decoder.next().map_err(|error| Failure::new(1, error.to_string()))? {
            if let FromHolder::Agent(report) = frame {
                return Ok(report);
            }
        }
    }
}

fn print_table(workstreams: &[Value], all: bool) {
    let mut names = vec!["ID", "NAME", "STATE", "AGENT", "BRANCH"];
    if all {
        names.extend(["CONTAINER", "CREATED", "WORKTREE"]);
    }
    let mut rows = Vec::new();
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
    print::table(&names, &rows);
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
