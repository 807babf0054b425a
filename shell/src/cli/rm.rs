//! `ccells rm`: workstreams go, work does not, unless it is forced to.

use std::path::Path;

use ccells_core::event::Purpose;
use clap::Args;

use super::life::each;
use super::link::Link;
use super::{Failure, ground, print};
use crate::control::Request;

/// What is to go.
#[derive(Debug, Args)]
pub(super) struct Rm {
    /// Ids, unique prefixes of ids, or names.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Also when it holds work that exists nowhere else; all of it goes to the trash, and `ccells undo` brings it back.
    #[arg(short, long)]
    force: bool,
    /// Leave the branch, whatever it holds.
    #[arg(long)]
    keep_branch: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) async fn run(directory: &Path, verb: &Rm) -> Result<u8, Failure> {
    let ground = ground(directory).await?;
    let mut link = Link::to_change(&ground, Purpose::Verb).await?;
    let (force, keep_branch) = (verb.force, verb.keep_branch);
    let outcome =
        each(&mut link, &verb.ids, verb.json, |id| Request::Remove { id, force, keep_branch }).await;
    link.end().await;
    let code = outcome?;
    if code == 4 && !force {
        print::tell(
            "nothing was removed where work would be lost; --force removes it anyway, and `ccells undo` brings it back",
        );
    }
    Ok(code)
}
