//! `ccells reconcile`: what the last end left half done, and with `--apply` its end.

use std::path::Path;
use std::time::Duration;

use ccells_core::event::Purpose;
use ccells_core::limits;
use ccells_core::snapshot::Snapshot;
use clap::Args;
use serde_json::{Value, json};

use super::link::Link;
use super::{Failure, ground, print};
use crate::control::Request;
use crate::runs::{Ground, sweep_volumes};

/// Whether to act.
#[derive(Debug, Args)]
pub(super) struct Reconcile {
    /// Do it; without this it is only shown.
    #[arg(long)]
    apply: bool,
    /// Only show it; this is the default.
    #[arg(long, conflicts_with = "apply")]
    dry_run: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) async fn run(directory: &Path, verb: &Reconcile) -> Result<u8, Failure> {
    let ground = ground(directory).await?;
    let mut link = Link::to_change(&ground, Purpose::Reconcile).await?;
    let before = link.show().await?;
    let outcome = if verb.apply { apply(&mut link, &ground).await } else { Ok(before.clone()) };
    link.end().await;
    let after = outcome?;
    let is_heard = before["engine"]["state"] == "up";
    if verb.json {
        print::json(&json!({
            "applied": verb.apply && is_heard,
            "engine": before["engine"],
            "findings": before["findings"],
            "notices": before["notices"],
            "workstreams": after["workstreams"],
        }));
    } else {
        show(&before, verb.apply);
    }
    Ok(u8::from(!is_heard))
}

async fn apply(link: &mut Link, ground: &Ground) -> Result<Value, Failure> {
    let answer = link.call(Request::Reconcile).await?;
    if let Some(refusal) = answer.refusal {
        return Err(refusal.into());
    }
    if let Link::Own(run, _) = link {
        let is_still = |picture: &Snapshot| picture.workstreams.iter().all(|card| card.progress.is_none());
        let deadline = Duration::from_millis(limits::GIT_MS);
        if tokio::time::timeout(deadline, run.desk.wait_for(is_still)).await.is_err() {
            return Err(Failure::new(5, "it is still going on; run it again to finish"));
        }
        sweep_volumes(&ground.engine, &run.paths).await;
    }
    link.show().await
}

fn show(picture: &Value, is_applied: bool) {
    for notice in picture["notices"].as_array().into_iter().flatten() {
        print::say(&print::clean(notice.as_str().unwrap_or_default()));
    }
    let findings = picture["findings"].as_array().cloned().unwrap_or_default();
    if findings.is_empty() {
        print::say("nothing to reconcile");
    }
    for finding in &findings {
        let id = finding["id"].as_str().unwrap_or_default();
        let cards = picture["workstreams"].as_array().into_iter().flatten();
        let name =
            cards.filter(|card| card["id"] == id).find_map(|card| card["name"].as_str()).unwrap_or("?");
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_string();
        let verb = if is_applied { "did" } else { "would" };
        print::say(&format!(
            "{id}  {}: {} ({verb}: {})",
            print::clean(name),
            text("verdict"),
            text("default")
        ));
    }
    if !is_applied && !findings.is_empty() {
        print::say("run `ccells reconcile --apply` to do it");
    }
}
