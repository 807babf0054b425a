//! The command line: one file a verb. Every verb works with and without a running `ccells` on the same repository.

mod attach;
mod diff;
mod doctor;
mod life;
mod link;
mod logs;
mod ls;
mod merge;
mod new;
mod pr;
mod print;
mod push;
mod rebase;
mod reconcile;
mod rm;
mod send;
mod trash;
mod tui;
mod undo;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use ccells_core::reading::StartError;
use clap::{Args, Parser, Subcommand};

use crate::adapters::dial::{Endpoint, Surroundings};
use crate::adapters::docker::DockerEngine;
use crate::adapters::git::RealGit;
use crate::boot::{self, BootError};
use crate::holder_binary::HOLDER;
use crate::runs::Ground;

/// Runs many AI coding agents side by side in one terminal, and loses none of them.
///
/// Without a verb it opens the screen for the git repository around the current directory.
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 conflict or blocked, 5 timed out.
#[derive(Debug, Parser)]
#[command(name = "ccells", version, about, long_about)]
pub struct Cli {
    /// Act as if started in this directory.
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    directory: Option<PathBuf>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a workstream: branch, worktree, container and agent.
    #[command(visible_aliases = ["add", "create"])]
    New(new::New),
    /// List the workstreams.
    #[command(visible_aliases = ["list", "ps"])]
    Ls(ls::Ls),
    /// Attach to a workstream's terminal; Ctrl+] detaches.
    Attach(attach::Attach),
    /// Print what a workstream's terminal shows and showed.
    Logs(logs::Logs),
    /// Print what a workstream changed, against the commit it began with.
    Diff(diff::Diff),
    /// Bring a workstream's commits into a branch, without touching any other.
    Merge(merge::Merge),
    /// Push a workstream's commits to a branch of a remote, which is never forced unless you say so.
    Push(push::Push),
    /// Push a workstream's commits and open a pull request for them, or tell how it stands.
    Pr(pr::Pr),
    /// Put a workstream's commits onto another base, where its agent works.
    Rebase(rebase::Rebase),
    /// Type a text into a workstream's terminal, and Enter.
    Send(send::Send),
    /// Freeze workstreams.
    Pause(Which),
    /// Have workstreams run: let them go on, start them, finish their creation.
    #[command(visible_alias = "start")]
    Resume(Which),
    /// Stop workstreams; their work is kept.
    Stop(Which),
    /// Start the agents of workstreams again.
    Restart(Which),
    /// Remove workstreams. Refuses to lose work without --force.
    #[command(visible_aliases = ["remove", "delete"])]
    Rm(rm::Rm),
    /// Bring back what was removed, files and all.
    Undo(undo::Undo),
    /// List what was removed and is still kept.
    Trash(trash::Trash),
    /// Show what of the trash is kept no longer and, with --apply, delete it for good.
    Prune(Deed),
    /// Show what a crash interrupted and, with --apply, finish or undo it.
    Reconcile(Deed),
    /// Look whether this machine and everything of ours on it is in order.
    Doctor(doctor::Doctor),
}

/// Workstreams by id, unique prefix or name.
#[derive(Debug, Args)]
struct Which {
    /// Ids, unique prefixes of ids, or names.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Whether to act, of a verb that shows first what it would do.
#[derive(Debug, Args)]
struct Deed {
    /// Do it; without this it is only shown.
    #[arg(long)]
    apply: bool,
    /// Only show it; this is the default.
    #[arg(long, conflicts_with = "apply")]
    dry_run: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Why a verb failed: its exit code and the words for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

impl From<BootError> for Failure {
    fn from(error: BootError) -> Self {
        let code = if matches!(error, BootError::Start(StartError::Busy { .. })) { 4 } else { 1 };
        Self::new(code, error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let code = if error.kind() == std::io::ErrorKind::TimedOut { 5 } else { 1 };
        Self::new(code, error.to_string())
    }
}

impl From<crate::control::SaidRefusal> for Failure {
    fn from(refusal: crate::control::SaidRefusal) -> Self {
        let mut text = refusal.text;
        for line in refusal.work {
            text.push_str("\n  ");
            text.push_str(&line);
        }
        Self::new(refusal.code, text)
    }
}

/// Does what the command line says.
pub async fn run(cli: Cli) -> ExitCode {
    match dispatch(cli).await {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            print::complain(&failure.text);
            ExitCode::from(failure.code)
        }
    }
}

async fn dispatch(cli: Cli) -> Result<u8, Failure> {
    refuse_inside()?;
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    crate::config::check_variables(names).map_err(|error| Failure::new(2, error.to_string()))?;
    let directory = match cli.directory {
        Some(directory) => directory,
        None => std::env::current_dir().map_err(|error| {
            let text =
                format!("the current directory cannot be used: {error}; go to another, or name one with -C");
            Failure::new(1, text)
        })?,
    };
    match cli.verb {
        None => tui::run(&directory).await,
        Some(Verb::New(verb)) => new::run(&directory, verb).await,
        Some(Verb::Ls(verb)) => link::unless_ended(Box::pin(ls::run(&directory, &verb))).await,
        Some(Verb::Attach(verb)) => attach::run(&directory, &verb).await,
        Some(Verb::Logs(verb)) => logs::run(&directory, &verb).await,
        Some(Verb::Diff(verb)) => link::unless_ended(Box::pin(diff::run(&directory, &verb))).await,
        Some(Verb::Send(verb)) => link::unless_ended(Box::pin(send::run(&directory, &verb))).await,
        Some(Verb::Pause(which)) => life::run(&directory, &which, life::Change::Pause).await,
        Some(Verb::Resume(which)) => life::run(&directory, &which, life::Change::Resume).await,
        Some(Verb::Stop(which)) => life::run(&directory, &which, life::Change::Stop).await,
        Some(Verb::Restart(which)) => life::run(&directory, &which, life::Change::Restart).await,
        Some(Verb::Rm(verb)) => rm::run(&directory, &verb).await,
        Some(Verb::Merge(verb)) => merge::run(&directory, &verb).await,
        Some(Verb::Pr(verb)) => pr::run(&directory, &verb).await,
        Some(Verb::Push(verb)) => push::run(&directory, &verb).await,
        Some(Verb::Rebase(verb)) => rebase::run(&directory, &verb).await,
        Some(Verb::Undo(verb)) => undo::run(&directory, &verb).await,
        Some(Verb::Trash(verb)) => trash::list(&directory, &verb).await,
        Some(Verb::Prune(verb)) => trash::prune(&directory, &verb).await,
        Some(Verb::Reconcile(verb)) => reconcile::run(&directory, &verb).await,
        Some(Verb::Doctor(verb)) => doctor::run(&directory, &verb).await,
    }
}

/// A workstream's own container has no engine and no repository of the user's: whoever starts us there is mistaken.
fn refuse_inside() -> Result<(), Failure> {
    match std::env::var("CCELLS_WORKSTREAM_ID") {
        Ok(id) if !id.is_empty() => {
            let text = format!("this is inside workstream {id}; run ccells on the host, outside of it");
            Err(Failure::new(1, text))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The engine's one client. Nothing is sent yet.
fn engine() -> Result<DockerEngine, Failure> {
    let (_, config, _) = boot::open_home(|name| std::env::var(name).ok())?;
    let endpoint = match &config.engine {
        Some(text) => Endpoint::parse(text, "the setting `engine`"),
        None => Endpoint::resolve(&Surroundings::of_process()),
    };
    let dial = endpoint.map_err(|error| Failure::new(1, error.to_string()))?.into_dial();
    Ok(DockerEngine::new(dial, HOLDER))
}

/// The repository around `directory`, git and the engine.
async fn ground(directory: &std::path::Path) -> Result<Ground, Failure> {
    let git = RealGit::new().map_err(|error| Failure::new(1, error.to_string()))?;
    let repo = git.find_repo(directory).await.map_err(|error| Failure::new(1, error.to_string()))?;
    Ok(Ground { engine: engine()?, git: Arc::new(git), repo })
}
