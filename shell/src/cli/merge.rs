//! `ccells merge`: the commits of a workstream go into a branch of the user.

use std::path::Path;

use ccells_core::event::Purpose;
use ccells_core::ids::WorkstreamId;
use ccells_core::ports::{MergeHow, MergeWish, RebaseWish};
use clap::Args;
use serde_json::json;

use super::link::{Link, resolve};
use super::{Failure, ground, print, rebase};
use crate::adapters::docker::DockerEngine;
use crate::control::Request;

/// What goes where, and how.
#[derive(Debug, Args)]
pub(super) struct Merge {
    /// Id, unique prefix of an id, or name.
    #[arg(value_name = "ID")]
    id: String,
    /// The branch it goes into; the one it began from where none is named, or the default branch.
    #[arg(long, value_name = "BRANCH")]
    into: Option<String>,
    /// As one commit.
    #[arg(long, conflicts_with = "no_ff")]
    squash: bool,
    /// With a merge commit, also where the branch could just move on.
    #[arg(long)]
    no_ff: bool,
    /// The message of the commit that is made; from the commits where none is given.
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Also when the agent has replaced commits that were fetched before; the old ones are kept.
    #[arg(long)]
    rewritten: bool,
    /// Where files are in conflict, rebase the commits onto that branch and ask the agent to resolve what conflicts.
    #[arg(long)]
    hand_over: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

impl Merge {
    fn wish(&self) -> MergeWish {
        let how = match (self.squash, self.no_ff) {
            (true, _) => MergeHow::Squash,
            (false, true) => MergeHow::NoFastForward,
            (false, false) => MergeHow::Merge,
        };
        MergeWish { onto: self.into.clone(), how, message: self.message.clone(), may_rewrite: self.rewritten }
    }
}

/// Does it.
pub(super) async fn run(directory: &Path, verb: &Merge) -> Result<u8, Failure> {
    let ground = ground(directory).await?;
    let mut link = Link::to_change(&ground, Purpose::Verb).await?;
    let outcome = merge(&mut link, &ground.engine, verb).await;
    link.end().await;
    outcome
}

/// Merges. Where that ends in conflicts, what resolves them is a rebase, and that is where the agent can do something.
async fn merge(link: &mut Link, engine: &DockerEngine, verb: &Merge) -> Result<u8, Failure> {
    let picture = link.show().await?;
    let (id, _) = resolve(&picture, &verb.id)?;
    let answer = link.call(Request::Merge { id: id.clone(), wish: Box::new(verb.wish()) }).await?;
    let is_clash = answer.refusal.as_ref().is_some_and(|refusal| refusal.is_clash);
    if is_clash && verb.hand_over {
        let onto = RebaseWish::Onto(verb.into.as_ref().map(|branch| format!("refs/heads/{branch}")));
        let told = rebase::rebase(link, engine, &verb.id, onto, true).await?;
        return Ok(told.tell(&verb.id, verb.json));
    }
    let outcome = answer.refusal.map_or(Ok(answer.note), |refusal| Err(Failure::from(refusal)));
    Ok(tell(verb, &id, outcome, is_clash))
}

/// Says what came of it; the exit code.
fn tell(verb: &Merge, id: &WorkstreamId, outcome: Result<String, Failure>, is_clash: bool) -> u8 {
    match outcome {
        Ok(note) if verb.json => print::json(&json!([{ "id": id.as_str(), "ok": true, "note": note }])),
        Ok(note) => print::say(&format!("{}: {note}", verb.id)),
        Err(Failure { code, text }) if verb.json => {
            print::json(&json!([{ "id": verb.id, "ok": false, "code": code, "error": text }]));
            return code;
        }
        Err(Failure { code, text }) => {
            let wanted = &verb.id;
            let advice = format!(
                "\n  rebase it, and resolve them there: ccells rebase {wanted}\n  \
                 have the agent do both: ccells merge {wanted} --hand-over"
            );
            print::complain(&if is_clash { text + &advice } else { text });
            return code;
        }
    }
    0
}
