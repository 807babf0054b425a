//! `ccells rebase`: the commits of a workstream are put onto another base by its agent's own git. Conflicts can be handed to
//! the agent, or taken back.

use std::path::Path;

use ccells_core::event::Purpose;
use ccells_core::ids::WorkstreamId;
use ccells_core::ports::RebaseWish;
use ccells_core::record::OpenRebase;
use clap::Args;
use serde_json::{Value, json};

use super::link::{Link, resolve};
use super::{Failure, ground, print, send};
use crate::adapters::docker::DockerEngine;
use crate::control::{Answer, Request};
use crate::handover;

/// What goes where.
#[derive(Debug, Args)]
pub(super) struct Rebase {
    /// Id, unique prefix of an id, or name.
    #[arg(value_name = "ID")]
    id: String,
    /// The branch, tag or commit that they shall stand on; the branch they would be merged into where none is named.
    #[arg(long, value_name = "REF", conflicts_with = "abort")]
    onto: Option<String>,
    /// Take back a rebase that has stopped: everything is as it was before.
    #[arg(long, conflicts_with = "hand_over")]
    abort: bool,
    /// Where files are in conflict, ask the agent in its terminal to resolve them.
    #[arg(long)]
    hand_over: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) async fn run(directory: &Path, verb: &Rebase) -> Result<u8, Failure> {
    let ground = ground(directory).await?;
    let mut link = Link::to_change(&ground, Purpose::Verb).await?;
    let wish = if verb.abort { RebaseWish::Abort } else { RebaseWish::Onto(verb.onto.clone()) };
    let told = rebase(&mut link, &ground.engine, &verb.id, wish, verb.hand_over).await;
    link.end().await;
    told.map(|told| told.tell(&verb.id, verb.json))
}

/// Asks for a rebase, and hands what is in conflict to the agent when `hands_over`.
pub(super) async fn rebase(
    link: &mut Link,
    engine: &DockerEngine,
    wanted: &str,
    wish: RebaseWish,
    hands_over: bool,
) -> Result<Told, Failure> {
    let picture = link.show().await?;
    let (id, _) = resolve(&picture, wanted)?;
    let answer = link.call(Request::Rebase { id: id.clone(), wish: Box::new(wish.clone()) }).await?;
    let mut told = Told::of(id, answer);
    let has_conflicts =
        told.open.as_ref().is_some_and(|open| open.files.as_ref().is_some_and(|it| !it.is_empty()));
    let Some(open) =
        told.open.as_ref().filter(|_| has_conflicts && told.outcome.is_err() && wish != RebaseWish::Abort)
    else {
        return Ok(told);
    };
    if !hands_over {
        if let Err(failure) = &mut told.outcome {
            let ways = [
                format!("\n  hand it to the agent: ccells rebase {wanted} --hand-over"),
                format!("\n  take it back: ccells rebase {wanted} --abort"),
                format!("\n  or resolve it by hand: ccells attach {wanted}"),
            ];
            failure.text.extend(ways);
        }
        return Ok(told);
    }
    send::type_text(engine, &told.card, wanted, &handover::prompt(open), true).await?;
    told.outcome = Ok(format!("{}; handed to the agent", open.text()));
    told.is_handed_over = true;
    Ok(told)
}

/// What came of it.
pub(super) struct Told {
    id: WorkstreamId,
    card: Value,
    outcome: Result<String, Failure>,
    open: Option<OpenRebase>,
    is_handed_over: bool,
}

impl Told {
    fn of(id: WorkstreamId, answer: Answer) -> Self {
        let card = resolve(&answer.picture, id.as_str()).map_or(Value::Null, |(_, card)| card.clone());
        let open = serde_json::from_value(card["rebase"].clone()).ok().flatten();
        let outcome = answer.refusal.map_or(Ok(answer.note), |refusal| Err(refusal.into()));
        Self { id, card, outcome, open, is_handed_over: false }
    }

    /// Says it; the exit code.
    pub(super) fn tell(&self, wanted: &str, is_json: bool) -> u8 {
        let code = self.outcome.as_ref().map_or_else(|failure| failure.code, |_| 0);
        if is_json {
            let mut document = json!({
                "id": self.id.as_str(),
                "ok": self.outcome.is_ok(),
                "rebase": self.open,
                "handed_over": self.is_handed_over,
            });
            match &self.outcome {
                Ok(note) => document["note"] = json!(note),
                Err(failure) => (document["code"], document["error"]) = (json!(code), json!(failure.text)),
            }
            print::json(&Value::Array(vec![document]));
            return code;
        }
        match &self.outcome {
            Ok(note) => print::say(&format!("{wanted}: {note}")),
            Err(failure) => print::complain(&failure.text),
        }
        code
    }
}
