//! `ccells pr`: the commits of a workstream are pushed, and a pull request is opened for them, or its state is told.

use std::io::Read as _;
use std::path::Path;

use ccells_core::event::Purpose;
use ccells_core::limits;
use ccells_core::ports::PushWish;
use ccells_core::record::Facts;
use clap::Args;
use serde_json::{Value, json};

use super::link::{Link, resolve, unless_ended};
use super::push::git_failure;
use super::{Failure, ground, print};
use crate::adapters::gh::PullRequest;
use crate::changes;
use crate::control::Request;
use crate::pull_requests::{self, Opened, PrError, PrWish};

/// What is to be pulled where.
#[derive(Debug, Args)]
pub(super) struct Pr {
    /// Id, unique prefix of an id, or name.
    #[arg(value_name = "ID")]
    id: String,
    /// The branch that it is to go into; the remote's default branch where none is named.
    #[arg(long, value_name = "BRANCH")]
    base: Option<String>,
    /// Its title; from the commits where none is given.
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Its body, or `-` to read it from standard input; from the commits where none is given.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    body: Option<String>,
    /// As a draft.
    #[arg(long)]
    draft: bool,
    /// The remote; the one that git takes by default where none is named.
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,
    /// Push and open nothing, only tell how the pull request stands that there is.
    #[arg(long, conflicts_with_all = ["base", "title", "body", "draft"])]
    status: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) async fn run(directory: &Path, verb: &Pr) -> Result<u8, Failure> {
    if verb.status {
        return unless_ended(Box::pin(status(directory, verb))).await;
    }
    let wish = PrWish {
        remote: verb.remote.clone(),
        branch: None,
        base: verb.base.clone(),
        title: verb.title.clone(),
        body: verb.body.as_deref().map(body).transpose()?,
        is_draft: verb.draft,
    };
    pull_requests::check(&wish).map_err(failure)?;
    let ground = ground(directory).await?;
    let mut link = Link::to_change(&ground, Purpose::Verb).await?;
    let pushed = push(&mut link, verb).await;
    link.end().await;
    let (facts, note) = pushed?;
    let opened =
        unless_ended(async { pull_requests::open(&ground.git, &facts, &wish).await.map_err(failure) });
    let opened = opened.await?;
    if verb.json {
        print::json(&document(&facts, &note, &opened));
    } else {
        tell(&facts.name, &note, &opened);
    }
    Ok(0)
}

/// Pushes, and gives what is fixed about the workstream and what the push came to.
async fn push(link: &mut Link, verb: &Pr) -> Result<(Facts, String), Failure> {
    let picture = link.show().await?;
    let (id, card) = resolve(&picture, &verb.id)?;
    let directory = Path::new(card["directory"].as_str().unwrap_or_default());
    let facts = changes::facts_in(directory).await.map_err(|error| Failure::new(1, error.to_string()))?;
    let wish = Box::new(PushWish { remote: verb.remote.clone(), ..PushWish::default() });
    let answer = link.call(Request::Push { id, wish }).await?;
    match answer.refusal {
        Some(refusal) => Err(refusal.into()),
        None => Ok((facts, answer.note)),
    }
}

/// The body as it is given, or standard input.
fn body(given: &str) -> Result<String, Failure> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut text = String::new();
    let most = u64::try_from(limits::PR_BODY_BYTES + 1).unwrap_or(u64::MAX);
    std::io::stdin().lock().take(most).read_to_string(&mut text)?;
    Ok(text)
}

fn failure(error: PrError) -> Failure {
    match error {
        PrError::Git(error) => git_failure(error),
        PrError::Gh { .. } => Failure::new(1, error.to_string()),
        PrError::Usage(text) => Failure::new(2, text),
    }
}

fn tell(name: &str, note: &str, opened: &Opened) {
    let name = print::clean(name);
    print::say(&format!("{name}: {note}"));
    print::say(&format!("{name}: {opened}"));
}

fn document(facts: &Facts, note: &str, opened: &Opened) -> Value {
    let (request, is_new, why, compare) = match opened {
        Opened::New(url) => (json!({ "url": url }), true, None, None),
        Opened::There(found) => (as_json(found), false, None, None),
        Opened::Without { why, compare } => (Value::Null, false, Some(why), compare.as_ref()),
    };
    json!({
        "id": facts.id.as_str(),
        "name": facts.name,
        "pushed": note,
        "pull_request": request,
        "is_new": is_new,
        "reason": why,
        "compare": compare,
    })
}

fn as_json(found: &PullRequest) -> Value {
    json!({
        "number": found.number,
        "state": found.state,
        "url": found.url,
        "title": found.title,
        "checks": {
            "passed": found.checks.passed,
            "failed": found.checks.failed,
            "pending": found.checks.pending,
        },
    })
}

/// How the pull request stands. Not to know it is no failure.
async fn status(directory: &Path, verb: &Pr) -> Result<u8, Failure> {
    let (mut link, ground) = Link::to_look(directory).await?;
    let picture = link.show().await;
    link.end().await;
    ground.engine.close().await;
    let picture = picture?;
    let (_, card) = resolve(&picture, &verb.id)?;
    let own = Path::new(card["directory"].as_str().unwrap_or_default());
    let facts = changes::facts_in(own).await.map_err(|error| Failure::new(1, error.to_string()))?;
    let found = pull_requests::status(&ground.git, &facts, verb.remote.as_deref()).await;
    if verb.json {
        let request = found.as_ref().ok().and_then(Option::as_ref).map(as_json);
        let why = found.as_ref().err();
        print::json(
            &json!({ "id": card["id"], "name": card["name"], "pull_request": request, "reason": why }),
        );
        return Ok(0);
    }
    let name = print::clean(&facts.name);
    print::say(&match found {
        Ok(Some(found)) => format!("{name}: {found}"),
        Ok(None) => format!("{name}: there is no pull request of `{}`", facts.branch),
        Err(why) => format!("{name}: its pull request is not known: {why}"),
    });
    Ok(0)
}
