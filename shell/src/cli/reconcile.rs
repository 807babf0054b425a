//! `ccells reconcile`: what the last end left half done, and with `--apply` its end.

use std::path::Path;
use std::time::{Duration, Instant};

use ccells_core::event::Purpose;
use ccells_core::limits;
use serde_json::{Value, json};

use super::link::Link;
use super::{Deed, Failure, ground, print};
use crate::boot;
use crate::control::Request;
use crate::runs::{Ground, sweep_volumes};

/// Does it.
pub(super) async fn run(directory: &Path, verb: &Deed) -> Result<u8, Failure> {
    // What is only shown is left as it is found, for whoever acts on it.
    let (mut link, ground) = if verb.apply {
        let ground = ground(directory).await?;
        (Link::to_change(&ground, Purpose::Reconcile).await?, ground)
    } else {
        Link::to_look(directory).await?
    };
    let before = link.show().await?;
    let is_heard = before["engine"]["state"] == "up";
    let outcome = if verb.apply { apply(&mut link, &ground).await } else { Ok(before.clone()) };
    link.end().await;
    let after = outcome?;
    let findings = told(&before, verb.apply.then_some(&after));
    if verb.json {
        print::json(&json!({
            "applied": verb.apply && is_heard,
            "engine": before["engine"],
            "findings": findings,
            "notices": before["notices"],
            "workstreams": after["workstreams"],
        }));
    } else {
        show(&before, &findings, verb.apply);
    }
    let is_left = findings.iter().any(|finding| finding["outcome"] == LEFT);
    Ok(if !is_heard {
        1
    } else if is_left {
        BLOCKED
    } else {
        0
    })
}

/// What became of a finding: it was done, it is for its user to decide, or it could not be done.
const DONE: &str = "done";
const KEPT: &str = "kept";
const LEFT: &str = "left";
/// The exit code when something could not be done.
const BLOCKED: u8 = 4;

async fn apply(link: &mut Link, ground: &Ground) -> Result<Value, Failure> {
    let answer = link.call(Request::Reconcile).await?;
    if let Some(refusal) = answer.refusal {
        return Err(refusal.into());
    }
    let end = Instant::now() + Duration::from_millis(limits::GIT_MS);
    let after = loop {
        let picture = link.show().await?;
        if !cards(&picture).any(|card| card["progress"].is_string()) {
            break picture;
        }
        if Instant::now() > end {
            return Err(Failure::new(5, "it is still going on; run it again to finish"));
        }
        tokio::time::sleep(Duration::from_millis(limits::HOLDER_POLL_MS)).await;
    };
    if let Ok((paths, _, _)) = boot::open_home(|name| std::env::var(name).ok()) {
        sweep_volumes(&ground.engine, &paths).await;
    }
    Ok(after)
}

/// The findings with their workstreams' names and, once it was acted, with what became of each.
fn told(before: &Value, after: Option<&Value>) -> Vec<Value> {
    let findings = before["findings"].as_array().into_iter().flatten();
    let with_more = |finding: &Value| {
        let mut finding = finding.clone();
        let id = finding["id"].clone();
        finding["name"] = card(before, &id).map_or(Value::Null, |card| card["name"].clone());
        if let Some(after) = after {
            let now = card(after, &id);
            finding["outcome"] = json!(outcome(&finding, now));
            finding["reason"] = now.map_or(Value::Null, |card| card["reason"].clone());
        }
        finding
    };
    findings.map(with_more).collect()
}

/// What became of one finding, by what is there of its workstream now.
fn outcome(finding: &Value, now: Option<&Value>) -> &'static str {
    let is_running = now.is_some_and(|card| card["state"] == "running");
    let is_done = match finding["default"].as_str().unwrap_or_default() {
        "adopt" | "resume" | "finish" => is_running,
        "undo" | "remove" | "forget" => now.is_none(),
        "keep" => return KEPT,
        _ => false,
    };
    if is_done { DONE } else { LEFT }
}

fn cards(picture: &Value) -> impl Iterator<Item = &Value> {
    picture["workstreams"].as_array().into_iter().flatten()
}

fn card<'a>(picture: &'a Value, id: &Value) -> Option<&'a Value> {
    cards(picture).find(|card| card["id"] == *id)
}

fn show(picture: &Value, findings: &[Value], is_applied: bool) {
    for notice in picture["notices"].as_array().into_iter().flatten() {
        print::say(&print::clean(notice.as_str().unwrap_or_default()));
    }
    if findings.is_empty() {
        print::say("nothing to reconcile");
    }
    for finding in findings {
        let text = |key: &str| print::clean(finding[key].as_str().unwrap_or_default());
        let action = text("default");
        let fate = match finding["outcome"].as_str() {
            None => format!("would: {action}"),
            Some(DONE) => format!("did: {action}"),
            Some(KEPT) => "kept as it is; `ccells resume` or `ccells rm` decides".to_owned(),
            Some(_) if text("reason").is_empty() => format!("could not: {action}; `ccells ls` shows it"),
            Some(_) => format!("could not: {action}: {}", text("reason")),
        };
        print::say(&format!("{}  {}: {} ({fate})", text("id"), text("name"), text("verdict")));
    }
    if !is_applied && !findings.is_empty() {
        print::say("run `ccells reconcile --apply` to do it");
    }
}
