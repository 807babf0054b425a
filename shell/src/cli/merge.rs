//! `ccells merge`: the commits of a workstream go into a branch of the user.

use std::path::Path;

use ccells_core::event::Purpose;
use ccells_core::ports::{MergeHow, MergeWish};
use clap::Args;

use super::life::each;
use super::link::Link;
use super::{Failure, ground};
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
    let wish = verb.wish();
    let request = |id| Request::Merge { id, wish: Box::new(wish.clone()) };
    let outcome = each(&mut link, std::slice::from_ref(&verb.id), verb.json, request).await;
    link.end().await;
    outcome
}
