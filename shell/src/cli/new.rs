//! `ccells new`: a workstream from nothing to a running agent.

use std::io::{IsTerminal, Read};
use std::path::Path;

use ccells_core::event::Purpose;
use ccells_core::ids::WorkstreamId;
use ccells_core::limits;
use clap::Args;
use serde_json::{Value, json};

use super::link::{Link, resolve};
use super::{Failure, ground, print};
use crate::adapters::entropy;
use crate::control::Request;

/// What is wanted.
#[derive(Debug, Args)]
pub(super) struct New {
    /// What the agent shall do; `-` reads it from standard input.
    #[arg(short, long)]
    prompt: Option<String>,
    /// Its name; made from the prompt where none is given.
    #[arg(short, long)]
    name: Option<String>,
    /// Its branch; made from the name where none is given.
    #[arg(short, long)]
    branch: Option<String>,
    /// The branch, tag or commit to start from; the default branch where none is given.
    #[arg(long, value_name = "REF")]
    base: Option<String>,
    /// The image to run.
    #[arg(long)]
    image: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// The command to run instead of the configured agent.
    #[arg(last = true, value_name = "CMD")]
    argv: Vec<String>,
}

/// Does it. With `--json` a failure is a document as well: whoever asked learns what there is to try again or to discard.
pub(super) async fn run(directory: &Path, verb: New) -> Result<u8, Failure> {
    let id = WorkstreamId::parse(&entropy::ulid()).expect("a ULID is a workstream id");
    let (is_json, mut card) = (verb.json, json!({ "id": id, "name": verb.name, "state": null }));
    let made = make(directory, verb, &id, &mut card).await;
    match &made {
        Ok(()) if is_json => print::json(&card),
        Ok(()) => {
            let text = |key: &str| print::clean(card[key].as_str().unwrap_or_default());
            print::say(&format!("{}  {}  on branch {}", id, text("name"), text("branch")));
            print::tell(&format!("attach with: ccells attach {}", text("name")));
        }
        Err(failure) if is_json => {
            (card["error"], card["code"]) = (json!(failure.text), json!(failure.code));
            print::json(&card);
        }
        Err(_) => {}
    }
    made.map(|()| 0)
}

/// Makes it; `card` is what there is of it in the end.
async fn make(directory: &Path, verb: New, id: &WorkstreamId, card: &mut Value) -> Result<(), Failure> {
    let prompt = match verb.prompt.as_deref() {
        Some("-") => read_prompt()?,
        Some(prompt) => prompt.to_string(),
        None => String::new(),
    };
    let ground = ground(directory).await?;
    let mut link = Link::to_change(&ground, Purpose::Verb).await?;
    let request = Request::New {
        id: id.clone(),
        name: verb.name,
        prompt,
        branch: verb.branch,
        base: verb.base,
        image: verb.image,
        argv: (!verb.argv.is_empty()).then_some(verb.argv),
        session_id: entropy::uuid(),
    };
    let is_watched = !verb.json && std::io::stderr().is_terminal();
    let watch = is_watched.then(|| watch(&link, id)).flatten();
    let answer = link.call(request).await;
    if let Some(watch) = watch {
        watch.abort();
    }
    link.end().await;
    let answer = answer?;
    let found = resolve(&answer.picture, id.as_str()).map(|(_, found)| found.clone());
    if let Ok(found) = &found {
        card.clone_from(found);
    }
    match answer.refusal {
        Some(refusal) => Err(refusal.into()),
        None => found.map(drop),
    }
}

/// Tells each step as it begins, to a person who watches a run of our own.
fn watch(link: &Link, id: &WorkstreamId) -> Option<tokio::task::JoinHandle<()>> {
    let Link::Own(run, _) = link else { return None };
    let (mut desk, id) = (run.desk.clone(), id.clone());
    Some(tokio::spawn(async move {
        let (mut last, mut is_line_open) = (0, false);
        while desk.snapshots.changed().await.is_ok() {
            let progress =
                desk.snapshots.borrow_and_update().as_deref().and_then(|picture| picture.card(&id)?.progress);
            let Some(progress) = progress.filter(|it| it.index != last || it.pull.is_some()) else {
                continue;
            };
            let text = format!("[{:>2}/{}] {}", progress.index, progress.of, progress.text());
            let is_same_line = progress.index == last && is_line_open;
            (last, is_line_open) = (progress.index, progress.pull.is_some());
            print::tell_on(&text, is_same_line, is_line_open);
        }
    }))
}

fn read_prompt() -> Result<String, Failure> {
    let mut text = String::new();
    let most = limits::PROMPT_BYTES as u64 + 1;
    std::io::stdin().lock().take(most).read_to_string(&mut text)?;
    if text.len() > limits::PROMPT_BYTES {
        let text = format!("the prompt is longer than {} bytes", limits::PROMPT_BYTES);
        return Err(Failure::new(2, text));
    }
    Ok(text.trim_end().to_string())
}
