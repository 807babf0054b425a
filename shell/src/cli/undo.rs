//! `ccells undo`: what was removed comes back, files and all.

use std::path::Path;

use ccells_core::event::Purpose;
use ccells_core::record::Facts;
use clap::Args;
use serde_json::json;

use super::link::Link;
use super::{Failure, ground, print};
use crate::adapters::git::Trashed;
use crate::boot;
use crate::control::Request;
use crate::expiry::{self, Bin};

/// What is to come back.
#[derive(Debug, Args)]
pub(super) struct Undo {
    /// An id, a unique prefix of an id, or a name; what was removed last where none is given.
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) async fn run(directory: &Path, verb: &Undo) -> Result<u8, Failure> {
    let ground = ground(directory).await?;
    let (paths, _, _) = boot::open_home(|name| std::env::var(name).ok())?;
    let listed = Bin::new(&ground, paths)?.list()?;
    let facts = choose(&listed, verb.id.as_deref())?;
    let mut link = Link::to_change(&ground, Purpose::Verb).await?;
    let answer = link.call(Request::Undo { facts: Box::new(facts.clone()) }).await;
    link.end().await;
    let answer = answer?;
    if let Some(refusal) = answer.refusal {
        return Err(refusal.into());
    }
    if verb.json {
        print::json(&json!({ "id": facts.id.as_str(), "name": facts.name, "note": answer.note }));
    } else {
        print::say(&format!("{}: {}", print::clean(&facts.name), print::clean(&answer.note)));
    }
    Ok(0)
}

/// What the user means. What cannot be read is told when it is meant, and never passed over for something older.
fn choose<'a>(listed: &'a [Trashed], wanted: Option<&str>) -> Result<&'a Facts, Failure> {
    let found = match wanted {
        None => listed.first().into_iter().collect(),
        Some(wanted) => matching(listed, wanted),
    };
    match found[..] {
        [] => {
            let what = wanted.map_or("nothing is".to_owned(), |wanted| format!("`{wanted}` is not"));
            Err(Failure::new(
                3,
                format!("{what} in the trash of this repository; `ccells trash` shows what is"),
            ))
        }
        [one] => expiry::facts(one).map_err(|why| Failure::new(1, why)),
        _ => {
            let ids: Vec<_> = found.iter().map(|it| it.name()).collect();
            let wanted = wanted.unwrap_or_default();
            Err(Failure::new(4, format!("`{wanted}` is not unique in the trash: {}", ids.join(", "))))
        }
    }
}

fn matching<'a>(listed: &'a [Trashed], wanted: &str) -> Vec<&'a Trashed> {
    let name = |it: &Trashed| it.facts.as_ref().map(|facts| facts.name.clone()).unwrap_or_default();
    let exact: Vec<_> = listed.iter().filter(|it| it.name() == wanted || name(it) == wanted).collect();
    if !exact.is_empty() {
        return exact;
    }
    let is_near = |it: &&Trashed| {
        let id = it.name();
        id.starts_with(wanted) || (wanted.len() >= 4 && id.ends_with(wanted)) || name(it).starts_with(wanted)
    };
    listed.iter().filter(is_near).collect()
}
