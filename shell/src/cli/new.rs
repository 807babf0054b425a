//! `ccells new`: a workstream from nothing to a running agent.

use std::io::{BufRead as _, IsTerminal, Read};
use std::path::Path;

use ccells_core::effect::aside;
use ccells_core::event::Purpose;
use ccells_core::ids::WorkstreamId;
use ccells_core::limits;
use ccells_core::ports::OnTaken;
use clap::Args;
use serde_json::{Value, json};

use super::link::{Link, resolve};
use super::{Failure, ground, print};
use crate::adapters::entropy;
use crate::adapters::git::RealGit;
use crate::control::Request;

/// What is wanted.
#[derive(Clone, Debug, Args)]
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
    /// Go on from the present state of this workstream, by id, name or branch: its commits, and what is not committed.
    #[arg(long, value_name = "ID", conflicts_with = "base")]
    from: Option<String>,
    /// What becomes of a branch that exists already: work on it, take the next free name, begin it anew at the base, or
    /// refuse. Left out, a person at a terminal is asked.
    #[arg(long, value_name = "HOW")]
    on_existing: Option<Existing>,
    /// Begin from what is here, and ask no remote for the newest commit of the base.
    #[arg(long)]
    no_fetch: bool,
    /// Copy what git ignores and this names, as in a `.gitignore`, from your checkout; again for more. What your checkout
    /// lists in `.worktreeinclude` is copied in any case.
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// The image to run.
    #[arg(long)]
    image: Option<String>,
    /// So many of them, from one prompt; a name gets a number behind it.
    #[arg(
        short, long, value_name = "N", default_value_t = 1, conflicts_with = "branch",
        value_parser = clap::value_parser!(u8).range(1..=i64::from(limits::NEW_AT_ONCE))
    )]
    count: u8,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// The command to run instead of the configured agent.
    #[arg(last = true, value_name = "CMD")]
    argv: Vec<String>,
}

/// What becomes of a branch that exists already.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Existing {
    /// It is worked on.
    Use,
    /// The next name that is free is taken.
    New,
    /// It is refused.
    Refuse,
    /// It begins anew at the base; what it was is kept.
    Recreate,
}

impl From<Existing> for OnTaken {
    fn from(existing: Existing) -> Self {
        match existing {
            Existing::Use => Self::Use,
            Existing::New => Self::New,
            Existing::Refuse => Self::Refuse,
            Existing::Recreate => Self::Recreate,
        }
    }
}

/// Does it, once for each that is wanted. With `--json` a failure is a document as well: whoever asked learns what there is
/// to try again or to discard. One that fails does not keep the others from being made.
pub(super) async fn run(directory: &Path, mut verb: New) -> Result<u8, Failure> {
    if verb.prompt.as_deref() == Some("-") {
        verb.prompt = Some(read_prompt()?);
    }
    if verb.count == 1 {
        let (card, made) = one(directory, verb.clone()).await;
        if verb.json {
            print::json(&card);
        }
        return made.map(|()| 0);
    }
    let (mut cards, mut failures) = (Vec::new(), Vec::new());
    for number in 1..=verb.count {
        let name = verb.name.as_ref().map(|name| format!("{name}-{number}"));
        let (card, made) = one(directory, New { name, ..verb.clone() }).await;
        cards.push(card);
        failures.extend(made.err());
    }
    if verb.json {
        print::json(&Value::Array(cards));
    }
    let several = failures.len();
    match failures.into_iter().next() {
        None => Ok(0),
        Some(first) if several == 1 => Err(first),
        Some(first) => {
            let text = format!("{several} of {} were not made; the first: {}", verb.count, first.text);
            Err(Failure::new(first.code, text))
        }
    }
}

/// Makes one and tells of it; what there is of it in the end.
async fn one(directory: &Path, verb: New) -> (Value, Result<(), Failure>) {
    let id = WorkstreamId::parse(&entropy::ulid()).expect("a ULID is a workstream id");
    let (is_json, mut card) = (verb.json, json!({ "id": id, "name": verb.name, "state": null }));
    let made = make(directory, verb, &id, &mut card).await;
    match &made {
        Ok(()) if !is_json => {
            let text = |key: &str| print::clean(card[key].as_str().unwrap_or_default());
            print::say(&format!("{}  {}  on branch {}", id, text("name"), text("branch")));
            if let Some(note) = card["note"].as_str() {
                print::tell(&print::clean(note));
            }
            print::tell(&format!("attach with: ccells attach {}", text("name")));
        }
        Err(failure) if is_json => {
            (card["error"], card["code"]) = (json!(failure.text), json!(failure.code));
        }
        Ok(()) | Err(_) => {}
    }
    (card, made)
}

/// Makes it; `card` is what there is of it in the end.
async fn make(directory: &Path, verb: New, id: &WorkstreamId, card: &mut Value) -> Result<(), Failure> {
    let ground = ground(directory).await?;
    let mut verb = verb;
    if let (Some(branch), None, false) = (&verb.branch, verb.on_existing, verb.json) {
        verb.on_existing = ask_about(directory, branch).await?;
    }
    let mut link = Link::to_change(&ground, Purpose::Verb).await?;
    let from = match &verb.from {
        Some(from) => Some(resolve(&link.show().await?, from)?.0),
        None => None,
    };
    let request = Request::New {
        id: id.clone(),
        name: verb.name,
        prompt: verb.prompt.unwrap_or_default(),
        branch: verb.branch,
        base: verb.base,
        from,
        on_existing: verb.on_existing.map_or(OnTaken::Refuse, OnTaken::from),
        no_fetch: verb.no_fetch,
        include: verb.include,
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
    if let Some(refusal) = answer.refusal {
        return Err(refusal.into());
    }
    card["note"] = json!(aside(&answer.note));
    found.map(drop)
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

/// Asks a person at a terminal what becomes of a branch that exists already; nothing where there is no such branch, or
/// nobody to ask.
async fn ask_about(directory: &Path, branch: &str) -> Result<Option<Existing>, Failure> {
    let is_there = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !is_there {
        return Ok(None);
    }
    let git = RealGit::new().map_err(|error| Failure::new(1, error.to_string()))?;
    let standing = git.branch_standing(directory, branch).await;
    let Some(standing) = standing.map_err(|error| Failure::new(1, error.to_string()))? else {
        return Ok(None);
    };
    if let Some(holder) = &standing.holder {
        print::tell(&format!("branch `{branch}` exists already: it is {holder}"));
        print::tell_on("take the next free [n]ame, or leave it? ", false, true);
    } else {
        print::tell(&format!(
            "branch `{branch}` exists already; {} of its commits are nowhere else",
            standing.own_commits
        ));
        print::tell_on(
            "[u]se it, take the next free [n]ame, begin it [a]new at the base, or leave it? ",
            false,
            true,
        );
    }
    let mut line = String::new();
    std::io::stdin().lock().take(ANSWER_BYTES).read_line(&mut line)?;
    Ok(Some(match (line.trim().to_lowercase().as_str(), standing.holder) {
        ("u" | "use", None) => Existing::Use,
        ("n" | "name" | "new", _) => Existing::New,
        ("a" | "anew" | "recreate", None) => Existing::Recreate,
        _ => Existing::Refuse,
    }))
}

/// The longest answer to a question that is read.
const ANSWER_BYTES: u64 = 64;

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
