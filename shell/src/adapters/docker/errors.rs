//! What happened to a request, told from what came back: the one place that turns failures into [`EngineError`].

use std::io;

use bollard::errors::Error;
use ccells_core::limits;
use ccells_core::ports::EngineError;

/// An error of ours on its way through the client library, which only knows its own kinds.
pub(super) fn carry(error: EngineError) -> Error {
    Error::IOError { err: io::Error::other(error) }
}

/// What a failed call means.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library's errors are not ours to list")]
pub(super) fn from_client(error: Error) -> EngineError {
    match error {
        Error::DockerResponseServerError { status_code, message } => from_status(status_code, &message),
        Error::IOError { err } => match err.downcast::<EngineError>() {
            Ok(ours) => ours,
            Err(err) => unknown(&chain(&err)),
        },
        // These are made before anything leaves: the request cannot be written down.
        Error::URLEncodedError { .. } | Error::URLParseError { .. } | Error::InvalidURIError { .. } => {
            EngineError::Refused { status: 400, what: clean(&chain(&error)) }
        }
        // All others come after the request left: half an answer, an answer that makes no sense, none at all.
        other => unknown(&chain(&other)),
    }
}

/// What a status that is not success means. A gateway's complaint says nothing about the engine behind it.
pub(super) fn from_status(status: u16, words: &str) -> EngineError {
    let what = if words.trim().is_empty() { format!("the engine answered {status}") } else { clean(words) };
    match status {
        404 => EngineError::NotFound { what },
        409 => EngineError::Conflict { what },
        502..=504 => EngineError::Unknown { reason: format!("status {status}: {what}") },
        _ => EngineError::Refused { status, what },
    }
}

/// The request left and its fate is not known.
pub(super) fn unknown(reason: &str) -> EngineError {
    EngineError::Unknown { reason: clean(reason) }
}

/// The deadline passed.
pub(super) fn overdue(what: &str, deadline: std::time::Duration) -> EngineError {
    EngineError::Unknown { reason: format!("no answer to `{what}` within {} ms", deadline.as_millis()) }
}

/// Nothing left: the endpoint could not be reached, and what to do about it.
#[expect(clippy::wildcard_enum_match_arm, reason = "the system's errors are not ours to list")]
pub(super) fn unreachable(endpoint: &str, error: &io::Error) -> EngineError {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; you may not use its socket: join the group docker (sudo usermod -aG docker $USER, then log in again), \
             or run a rootless engine"
        }
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            "; is it running? Start it (sudo systemctl start docker), or name another with DOCKER_HOST"
        }
        io::ErrorKind::ConnectionAborted => "",
        _ => "; check DOCKER_HOST and `docker context ls`",
    };
    EngineError::Unreachable {
        endpoint: endpoint.to_string(),
        reason: format!("{}{advice}", clean(&chain(error))),
    }
}

/// The error and what caused it, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}

/// The engine's words as they may be shown: one line, no control characters, of bounded length.
pub(super) fn clean(words: &str) -> String {
    let printable = words.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut text: String = printable.take(limits::REASON_CHARS + 1).collect();
    if text.chars().count() > limits::REASON_CHARS {
        text = text.chars().take(limits::REASON_CHARS - 1).chain(['…']).collect();
    }
    text
}

/// Whether a failed change may have been made all the same: then it was made, or not, but nobody can say.
pub(super) fn or_unknown_when_it_broke(error: EngineError) -> EngineError {
    match error {
        EngineError::Refused { status: status @ 500.., what } => {
            EngineError::Unknown { reason: format!("status {status}: {what}") }
        }
        error @ (EngineError::Refused { .. }
        | EngineError::Unreachable { .. }
        | EngineError::Unknown { .. }
        | EngineError::NotFound { .. }
        | EngineError::Conflict { .. }) => error,
    }
}

/// The engine's words in the body of a failure: its message when it is one of its documents, else the body itself.
pub(super) fn message_in(body: &[u8]) -> String {
    let document = serde_json::from_slice::<serde_json::Value>(body).ok();
    let message = document.as_ref().and_then(|document| document.get("message")?.as_str());
    message.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_engine_are_tamed() {
        assert_eq!(clean(" a\x1b[2J\nb "), "a [2J b");
        let long = clean(&"ü".repeat(100_000));
        assert_eq!(long.chars().count(), limits::REASON_CHARS);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn statuses_say_what_happened_to_the_request() {
        assert!(matches!(from_status(404, "x"), EngineError::NotFound { .. }));
        assert!(matches!(from_status(409, "x"), EngineError::Conflict { .. }));
        assert!(matches!(from_status(503, "x"), EngineError::Unknown { .. }));
        assert!(matches!(from_status(500, "x"), EngineError::Refused { status: 500, .. }));
        assert!(matches!(or_unknown_when_it_broke(from_status(500, "x")), EngineError::Unknown { .. }));
        assert!(matches!(
            or_unknown_when_it_broke(from_status(400, "x")),
            EngineError::Refused { status: 400, .. }
        ));
        assert_eq!(from_status(418, "").to_string(), "the engine refused (418): the engine answered 418");
    }

    #[test]
    fn an_endpoint_nobody_serves_comes_with_advice() {
        let denied = unreachable("unix:///x", &io::Error::from(io::ErrorKind::PermissionDenied)).to_string();
        assert!(denied.contains("unix:///x") && denied.contains("group docker"), "{denied}");
        let missing = unreachable("unix:///x", &io::Error::from(io::ErrorKind::NotFound)).to_string();
        assert!(missing.contains("systemctl start docker"), "{missing}");
    }
}
