//! `ccells pause|resume|stop|restart`: one change, to one or several workstreams.

use std::path::Path;

use ccells_core::event::Purpose;
use ccells_core::ids::WorkstreamId;
use serde_json::{Value, json};

use super::link::{Link, resolve};
use super::{Failure, Which, ground, print};
use crate::control::Request;

/// Which change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// Freeze.
    Pause,
    /// Have it run.
    Resume,
    /// Stop.
    Stop,
    /// Start the agent again.
    Restart,
}

impl Change {
    fn request(self, id: WorkstreamId) -> Request {
        match self {
            Self::Pause => Request::Pause { id },
            Self::Resume => Request::Resume { id },
            Self::Stop => Request::Stop { id },
            Self::Restart => Request::Restart { id },
        }
    }
}

/// Does it to each; the exit code is that of the first that failed.
pub(super) async fn run(directory: &Path, which: &Which, change: Change) -> Result<u8, Failure> {
    let ground = ground(directory).await?;
    let mut link = Link::to_change(&ground, Purpose::Verb).await?;
    let outcome = each(&mut link, &which.ids, which.json, |id| change.request(id)).await;
    link.end().await;
    outcome
}

/// Asks for each workstream in turn and tells what came of it.
pub(super) async fn each(
    link: &mut Link,
    wanted: &[String],
    is_json: bool,
    request: impl Fn(WorkstreamId) -> Request,
) -> Result<u8, Failure> {
    let picture = link.show().await?;
    let mut code = 0;
    let mut results: Vec<Value> = Vec::new();
    for wanted in wanted {
        let outcome = match resolve(&picture, wanted) {
            Ok((id, card)) => one(link, request(id), card).await?,
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok((id, note)) if is_json => results.push(json!({ "id": id, "ok": true, "note": note })),
            Ok((_, note)) => print::say(&format!("{wanted}: {note}")),
            Err(failure) => {
                code = if code == 0 { failure.code } else { code };
                if is_json {
                    results.push(
                        json!({ "id": wanted, "ok": false, "code": failure.code, "error": failure.text }),
                    );
                } else {
                    print::complain(&failure.text);
                }
            }
        }
    }
    if is_json {
        print::json(&Value::Array(results));
    }
    Ok(code)
}

async fn one(
    link: &mut Link,
    request: Request,
    card: &Value,
) -> Result<Result<(Value, String), Failure>, Failure> {
    let answer = link.call(request).await?;
    Ok(match answer.refusal {
        Some(refusal) => Err(refusal.into()),
        None => Ok((card["id"].clone(), answer.note)),
    })
}
