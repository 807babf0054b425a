//! A verb's way to the workstreams: a run of its own, or the one that holds the repository.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ccells_core::event::{Ask, Purpose};
use ccells_core::ids::{ContainerId, WorkstreamId};
use ccells_core::limits;
use ccells_core::reading::StartError;
use serde_json::Value;

use super::{Failure, ground, print};
use crate::adapters::dial::Io;
use crate::adapters::docker::DockerEngine;
use crate::adapters::holder;
use crate::adapters::signals::{Asked, Endings};
use crate::boot::{self, BootError, Wanted};
use crate::control::{self, Answer, Request};
use crate::driver::Desk;
use crate::runs::{Ground, Run};

/// The way.
pub(super) enum Link {
    /// A run of our own.
    Own(Box<Run>, Endings),
    /// The run that holds the repository.
    Other(PathBuf, Endings),
}

impl Link {
    /// For a verb that changes something.
    pub(super) async fn to_change(ground: &Ground, purpose: Purpose) -> Result<Self, Failure> {
        let mut signals = Endings::listen()?;
        let begun = tokio::select! {
            begun = begin(ground, purpose, Duration::from_millis(limits::REPO_WAIT_MS)) => begun?,
            asked = signals.next() => return Err(ended_by(asked)),
        };
        match begun {
            Begun::Own(run) => Self::own(run, signals).await,
            Begun::Served(socket) => Ok(Self::Other(socket, signals)),
            Begun::Busy(holder) => Err(BootError::Start(StartError::Busy { holder }).into()),
        }
    }

    /// For a verb that only looks.
    pub(super) async fn to_look(directory: &Path) -> Result<(Self, Ground), Failure> {
        let ground = ground(directory).await?;
        let socket = socket(&ground)?;
        match control::call(&socket, &Request::Show).await {
            Ok(Some(_)) => return Ok((Self::Other(socket, Endings::listen()?), ground)),
            Ok(None) => {}
            // What it would show is on the disk and at the engine too.
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => print::complain(&error.to_string()),
            Err(error) => return Err(error.into()),
        }
        let run = Run::begin(&ground, Wanted::Look, Purpose::Verb)?;
        Ok((Self::own(Box::new(run), Endings::listen()?).await?, ground))
    }

    async fn own(mut run: Box<Run>, mut signals: Endings) -> Result<Self, Failure> {
        tokio::select! {
            () = run.hear_engine() => Ok(Self::Own(run, signals)),
            asked = signals.next() => {
                Self::Own(run, signals).end().await;
                Err(ended_by(asked))
            }
        }
    }

    /// Asks. A signal ends the wait: a creation is taken back, everything else is left to be taken up again.
    pub(super) async fn call(&mut self, request: Request) -> Result<Answer, Failure> {
        let cancel = if let Request::New { id, .. } = &request { Some(id.clone()) } else { None };
        match self {
            Self::Other(socket, signals) => other_call(socket, signals, request, cancel).await,
            Self::Own(run, signals) => own_call(run, signals, request, cancel).await,
        }
    }

    /// The picture.
    pub(super) async fn show(&mut self) -> Result<Value, Failure> {
        let picture = self.call(Request::Show).await?.picture;
        if let Some(reason) = picture["engine"]["reason"].as_str() {
            print::complain(&print::clean(reason));
        }
        Ok(picture)
    }

    /// Ends a run of our own.
    pub(super) async fn end(self) {
        if let Self::Own(run, mut signals) = self {
            tokio::select! {
                _ended = run.end() => {}
                asked = signals.again() => std::process::exit(i32::from(exit_code(asked))),
            }
        }
    }
}

/// What became of a run that was to change things.
pub(super) enum Begun {
    /// It began.
    Own(Box<Run>),
    /// Another one holds the repository, and takes wishes at this socket.
    Served(PathBuf),
    /// Another one holds the repository, takes no wishes, and did not end in time; who.
    Busy(String),
}

/// Begins a run that changes things; waits for one that takes no wishes, for that is a verb and ends soon.
pub(super) async fn begin(ground: &Ground, purpose: Purpose, patience: Duration) -> Result<Begun, Failure> {
    let end = Instant::now() + patience;
    loop {
        let holder = match Run::begin(ground, Wanted::Write, purpose) {
            Ok(run) => return Ok(Begun::Own(Box::new(run))),
            Err(BootError::Start(StartError::Busy { holder })) => holder,
            Err(error) => return Err(error.into()),
        };
        let socket = socket(ground)?;
        if control::call(&socket, &Request::Show).await?.is_some() {
            return Ok(Begun::Served(socket));
        }
        if Instant::now() > end {
            return Ok(Begun::Busy(holder));
        }
        tokio::time::sleep(Duration::from_millis(limits::HOLDER_POLL_MS)).await;
    }
}

async fn other_call(
    socket: &Path,
    signals: &mut Endings,
    request: Request,
    cancel: Option<WorkstreamId>,
) -> Result<Answer, Failure> {
    let call = control::call(socket, &request);
    tokio::pin!(call);
    let asked = tokio::select! {
        answer = &mut call => return answer?.ok_or_else(gone),
        asked = signals.next() => asked,
    };
    let Some(id) = cancel else { return Err(ended_by(asked)) };
    watchdog(exit_code(asked));
    print::tell(TAKING_BACK);
    let taken_back = async {
        // It was finished before: then nothing is taken back, and its own answer says so.
        let _refused = control::call(socket, &Request::Cancel { id }).await?;
        call.await?.ok_or_else(gone)
    };
    let answer = tokio::select! {
        answer = taken_back => answer?,
        again = signals.again() => std::process::exit(i32::from(exit_code(again))),
    };
    match answer.refusal {
        Some(refusal) => Err(Failure::new(exit_code(asked), refusal.text)),
        None => Ok(answer),
    }
}

fn gone() -> Failure {
    Failure::new(1, "the other ccells has ended; try again")
}

const TAKING_BACK: &str = "taking it back …";

async fn own_call(
    run: &mut Run,
    signals: &mut Endings,
    request: Request,
    cancel: Option<WorkstreamId>,
) -> Result<Answer, Failure> {
    let Some(ask) = request.ask() else {
        return Ok(control::into_answer(
            Ok(ccells_core::effect::Done { workstream: None, note: String::new() }),
            &mut run.desk,
        ));
    };
    let desk = run.desk.clone();
    let wish = desk.ask(ask);
    tokio::pin!(wish);
    let outcome = tokio::select! {
        outcome = &mut wish => outcome,
        reason = unsaved(run.desk.clone()) => return Err(Failure::new(
            1,
            format!(
                "the state cannot be saved: {reason}. Make room or check the disk; what was begun is taken up by \
                 the next `ccells reconcile --apply`"
            ),
        )),
        asked = signals.next() => {
            watchdog(exit_code(asked));
            if let Some(id) = cancel {
                print::tell(TAKING_BACK);
                let other = run.desk.clone();
                // Its answer comes with the wish's own.
                tokio::spawn(async move { other.ask(Ask::Cancel(id)).await });
            } else {
                return Err(ended_by(asked));
            }
            tokio::select! {
                // One that was finished before is not taken back.
                outcome = &mut wish => Ok(outcome.map_err(|refusal| Failure::new(exit_code(asked), refusal.text))?),
                again = signals.again() => std::process::exit(i32::from(exit_code(again))),
            }
        }
    };
    Ok(control::into_answer(outcome, &mut run.desk))
}

/// Waits until the state could not be saved, and at the next try neither; why.
async fn unsaved(mut desk: Desk) -> String {
    let next_try = Duration::from_millis(2 * limits::RESAVE_MS);
    loop {
        let Some(seen) = desk.wait_for(|picture| picture.degraded.is_some()).await else {
            // The run is over, and so is the wish.
            return std::future::pending().await;
        };
        let is_saved = desk.wait_for(|picture| picture.degraded.is_none());
        if tokio::time::timeout(next_try, is_saved).await.is_err() {
            return seen.degraded.clone().unwrap_or_default();
        }
    }
}

/// Ends the process when it has not ended in time by itself, whatever it is doing.
pub(super) fn watchdog(code: u8) {
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(limits::SHUTDOWN_MS));
        crate::tui::screen::restore_now();
        std::process::exit(i32::from(code));
    });
}

/// 128 and the signal's number.
pub(super) fn exit_code(asked: Asked) -> u8 {
    match asked {
        Asked::Terminate(signal) => u8::try_from(128 + signal).unwrap_or(1),
        Asked::Hangup => 129,
        Asked::Suspend | Asked::Continue => 1,
    }
}

/// Does what takes nothing back when it is dropped, unless a signal ends us first.
pub(super) async fn unless_ended<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut signals = Endings::listen()?;
    tokio::select! {
        outcome = work => outcome,
        asked = signals.next() => Err(Failure::new(exit_code(asked), "ended by a signal")),
    }
}

fn ended_by(asked: Asked) -> Failure {
    Failure::new(
        exit_code(asked),
        "ended by a signal; what was in flight is taken up by the next `ccells reconcile`",
    )
}

fn socket(ground: &Ground) -> Result<PathBuf, Failure> {
    let (paths, _, _) = boot::open_home(|name| std::env::var(name).ok())?;
    let repo = boot::describe(&ground.repo)?;
    let directory = paths.repo(&repo.id);
    std::fs::create_dir_all(&directory)
        .map_err(|error| Failure::new(1, format!("{} cannot be made: {error}", directory.display())))?;
    Ok(paths.control_socket(&repo.id))
}

/// A stream to the holder of the workstream of `card`, and the workstream's name.
pub(super) async fn to_holder(engine: &DockerEngine, card: &Value) -> Result<(String, Box<dyn Io>), Failure> {
    let name = print::clean(text(card, "name"));
    let state = text(card, "state");
    if state != "running" {
        return Err(Failure::new(4, format!("`{name}` is {state}; run `ccells resume {name}` first")));
    }
    let container =
        ContainerId::parse(text(card, "container_id")).map_err(|error| Failure::new(1, error.to_string()))?;
    let directory = PathBuf::from(text(card, "directory"));
    let deadline = Duration::from_millis(limits::ATTACH_MS);
    let stream = tokio::time::timeout(deadline, once_it_is_up(engine, &container, &directory)).await;
    let stream = stream.map_err(|_| late(&name))?;
    let failed = |error| Failure::new(1, format!("the holder of `{name}` cannot be reached: {error}"));
    Ok((name.clone(), stream.map_err(failed)?))
}

/// A container runs a moment before its holder does.
async fn once_it_is_up(
    engine: &DockerEngine,
    container: &ContainerId,
    directory: &Path,
) -> io::Result<Box<dyn Io>> {
    loop {
        match holder::connect(engine, container, directory).await {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                tokio::time::sleep(Duration::from_millis(limits::HOLDER_POLL_MS)).await;
            }
            outcome => return outcome,
        }
    }
}

/// The holder of `name` is silent.
pub(super) fn late(name: &str) -> Failure {
    Failure::new(5, format!("the holder of `{name}` did not answer in time"))
}

/// The workstream that the user means: by id, by name, or by the unique beginning (or end) of an id.
pub(super) fn resolve<'a>(picture: &'a Value, wanted: &str) -> Result<(WorkstreamId, &'a Value), Failure> {
    let all = picture["workstreams"].as_array().map(Vec::as_slice).unwrap_or_default();
    let exact: Vec<_> =
        all.iter().filter(|card| text(card, "id") == wanted || text(card, "name") == wanted).collect();
    let near = |card: &Value| {
        let id = text(card, "id");
        id.starts_with(wanted)
            || (wanted.len() >= 4 && id.ends_with(wanted))
            || text(card, "name").starts_with(wanted)
    };
    let found = if exact.is_empty() { all.iter().filter(|card| near(card)).collect() } else { exact };
    match found[..] {
        [card] => {
            let id =
                WorkstreamId::parse(text(card, "id")).map_err(|error| Failure::new(1, error.to_string()))?;
            Ok((id, card))
        }
        [] => Err(Failure::new(
            3,
            format!("there is no workstream `{wanted}`; `ccells ls` shows those there are"),
        )),
        _ => {
            let names: Vec<_> =
                found.iter().map(|card| format!("{} ({})", text(card, "name"), text(card, "id"))).collect();
            Err(Failure::new(4, format!("`{wanted}` is not unique: {}", names.join(", "))))
        }
    }
}

fn text<'a>(card: &'a Value, key: &str) -> &'a str {
    card[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workstream_is_found_by_id_name_or_unique_beginning() {
        let picture = json!({ "workstreams": [
            { "id": "01jd8z5q0v3x7k2m9n4p6r8s1t", "name": "login" },
            { "id": "01jd8z5q0v3x7k2m9n4p6r8s2v", "name": "login-2" },
            { "id": "01kd8z5q0v3x7k2m9n4p6r8s3w", "name": "docs" },
        ]});
        let found = |wanted: &str| {
            resolve(&picture, wanted).map(|(_, card)| card["name"].clone()).map_err(|failure| failure.code)
        };
        assert_eq!(found("login"), Ok(json!("login")), "an exact name wins over a beginning");
        assert_eq!(found("01k"), Ok(json!("docs")));
        assert_eq!(found("r8s2v"), Ok(json!("login-2")));
        assert_eq!(found("do"), Ok(json!("docs")));
        assert_eq!(found("01j"), Err(4));
        assert_eq!(found("nothing"), Err(3));
    }
}
