//! `ccells trash` and `ccells prune`: what removals kept, and what of it is not kept any longer.

use std::collections::BTreeMap;
use std::path::Path;

use ccells_core::ports::Clock as _;
use ccells_core::trash::{Expiry, Keeping, expired};
use clap::Args;
use serde_json::{Value, json};

use super::{Deed, Failure, ground, print};
use crate::adapters::clock::RealClock;
use crate::adapters::git::Trashed;
use crate::adapters::weight::{Weight, weigh};
use crate::boot;
use crate::expiry::{self, Bin};

/// How to list.
#[derive(Debug, Args)]
pub(super) struct Trash {
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Lists what is in the trash of this repository, the newest first.
pub(super) async fn list(directory: &Path, verb: &Trash) -> Result<u8, Failure> {
    let (bin, _) = bin(directory).await?;
    let listed: Vec<_> = bin.list()?.into_iter().map(|it| (weigh(&it.place), it)).collect();
    if verb.json {
        print::json(&Value::Array(listed.iter().map(|(weight, it)| document(it, *weight)).collect()));
        return Ok(0);
    }
    if listed.is_empty() {
        print::say("the trash is empty");
        return Ok(0);
    }
    let rows: Vec<_> = listed.iter().map(|(weight, it)| row(it, *weight)).collect();
    print::table(&["ID", "NAME", "BRANCH", "REMOVED", "SIZE", "HOLDS"], &rows);
    Ok(0)
}

/// Shows what is kept no longer, and with `--apply` deletes it.
pub(super) async fn prune(directory: &Path, verb: &Deed) -> Result<u8, Failure> {
    let (bin, keeping) = bin(directory).await?;
    let listed = bin.list()?;
    let going = going(&listed, keeping);
    let mut fates = Vec::new();
    for (trashed, expiry) in &going {
        let weight = weigh(&trashed.place);
        let outcome = if verb.apply { Some(bin.take_out(trashed).await) } else { None };
        fates.push((*trashed, *expiry, weight, outcome));
    }
    if verb.apply {
        bin.finish_taking_out().await.map_err(|error| Failure::new(1, error))?;
    }
    let has_failed = fates.iter().any(|(.., outcome)| matches!(outcome, Some(Err(_))));
    if verb.json {
        let documents = fates.iter().map(|(trashed, expiry, weight, outcome)| {
            let mut document = document(trashed, *weight);
            document["why"] = json!(why(*expiry, keeping));
            document["outcome"] = match outcome {
                None => Value::Null,
                Some(Ok(())) => json!("deleted"),
                Some(Err(_)) => json!("left"),
            };
            document["reason"] =
                outcome.as_ref().and_then(|it| it.as_ref().err()).map_or(Value::Null, |it| json!(it));
            document
        });
        print::json(&json!({
            "applied": verb.apply,
            "kept": listed.len() - going.len(),
            "pruned": documents.collect::<Vec<_>>(),
        }));
        return Ok(u8::from(has_failed));
    }
    if fates.is_empty() {
        print::say(&format!("nothing to prune: {} in the trash, all kept", listed.len()));
    }
    for (trashed, expiry, weight, outcome) in &fates {
        let fate = match outcome {
            None => "would go".to_owned(),
            Some(Ok(())) => "deleted".to_owned(),
            Some(Err(reason)) => format!("stays: {}", print::clean(reason)),
        };
        let size = size(*weight);
        let label = print::clean(&label(trashed));
        print::say(&format!("{}  {label}, {size}: {fate} ({})", trashed.id, why(*expiry, keeping)));
    }
    if !verb.apply && !fates.is_empty() {
        print::say("run `ccells prune --apply` to delete it for good");
    }
    Ok(u8::from(has_failed))
}

/// The trash of the repository around `directory`, and how much of it is kept.
async fn bin(directory: &Path) -> Result<(Bin, Keeping), Failure> {
    let ground = ground(directory).await?;
    ground.engine.close().await;
    let (paths, config, _) = boot::open_home(|name| std::env::var(name).ok())?;
    Ok((Bin::new(&ground, paths)?, config.trash))
}

/// What goes, the oldest last.
fn going(listed: &[Trashed], keeping: Keeping) -> Vec<(&Trashed, Expiry)> {
    let gone = expired(&expiry::ages(listed), keeping, RealClock::new().now().wall);
    let gone: BTreeMap<_, _> = gone.into_iter().collect();
    listed.iter().filter_map(|it| Some((it, *gone.get(&it.name())?))).collect()
}

fn why(expiry: Expiry, keeping: Keeping) -> String {
    match expiry {
        Expiry::Old => format!("removed more than {} days ago", keeping.days),
        Expiry::Surplus => format!("beyond the newest {}", keeping.count),
    }
}

fn document(trashed: &Trashed, weight: Weight) -> Value {
    let removed = trashed.removed.as_ref();
    json!({
        "id": trashed.id.as_str(),
        "name": label(trashed),
        "branch": branch(trashed),
        "branch_tip": removed.and_then(|it| it.branch_tip.as_ref()).map(ToString::to_string),
        "branch_removed": removed.map(|it| it.is_branch_removed),
        "snapshot": removed.and_then(|it| it.snapshot.as_ref()).map(ToString::to_string),
        "removed_at": trashed.removed_at().map(|at| at.to_string()),
        "bytes": weight.bytes,
        "bytes_is_more": weight.is_more,
        "holds": trashed.holds(),
        "directory": trashed.place.to_string_lossy(),
        "doubt": trashed.doubt,
    })
}

fn row(trashed: &Trashed, weight: Weight) -> Vec<String> {
    let removed = trashed.removed_at().map_or("-".to_owned(), |at| at.to_string());
    let holds = trashed.doubt.as_ref().map_or_else(|| trashed.holds().join(", "), |why| print::clean(why));
    vec![
        trashed.name().get(20..).unwrap_or_default().to_owned(),
        print::clean(&label(trashed)),
        print::clean(branch(trashed).unwrap_or("-")),
        removed.get(..16).unwrap_or("-").replace('T', " "),
        size(weight),
        holds,
    ]
}

/// Its name for people.
fn label(trashed: &Trashed) -> String {
    let facts = trashed.facts.as_ref().map(|facts| facts.name.clone());
    let removed = || trashed.removed.as_ref().and_then(|removed| removed.name.clone());
    facts.or_else(removed).unwrap_or_else(|| trashed.id.short().to_owned())
}

fn branch(trashed: &Trashed) -> Option<&str> {
    let removed = trashed.removed.as_ref().map(|removed| removed.branch.as_str());
    removed.or_else(|| trashed.facts.as_ref().map(|facts| facts.branch.as_str()))
}

fn size(weight: Weight) -> String {
    let more = if weight.is_more { "+" } else { "" };
    format!("{}{more} KiB", weight.bytes.div_ceil(1_024))
}
