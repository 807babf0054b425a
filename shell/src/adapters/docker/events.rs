//! What the engine tells unasked about our containers. A watch only says that something changed: the truth is always
//! the next listing, so a notice that is lost or told twice does no harm.

use std::time::Duration;

use bytes::Bytes;
use ccells_core::container::LABEL_PREFIX;
use ccells_core::ids::{ContainerId, HomeId, WorkstreamId};
use ccells_core::limits;
use ccells_core::ports::{Engine as _, EngineError};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::DATE;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::transport::Answer;
use super::{DockerEngine, errors};

/// What a watch tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineNotice {
    /// The watch has begun: every change from before this notice on is told. Changes of the second before it may be
    /// told again.
    Connected,
    /// A container of ours changed.
    Changed {
        /// Which.
        container: ContainerId,
        /// The workstream it is, as far as its labels tell.
        workstream: Option<WorkstreamId>,
        /// How.
        change: ContainerChange,
    },
    /// The watch has ended and tells nothing more: begin another.
    Lost {
        /// Why.
        reason: String,
        /// Whether the engine is there and does not answer in time.
        is_late: bool,
    },
}

/// How a watch ends.
struct End {
    reason: String,
    is_late: bool,
}

impl End {
    fn of(error: &EngineError) -> Self {
        Self { reason: error.to_string(), is_late: matches!(error, EngineError::Unknown { .. }) }
    }

    /// The stream is over.
    fn gone(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_late: false }
    }
}

/// How a container changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerChange {
    /// It was made.
    Created,
    /// Its main process began.
    Started,
    /// Its main process ended.
    Died,
    /// The kernel ended a process in it for want of memory.
    OutOfMemory,
    /// It was frozen.
    Paused,
    /// It was let go on.
    Unpaused,
    /// It was taken away.
    Removed,
    /// It has another name.
    Renamed,
    /// What it may use was changed.
    Updated,
}

impl ContainerChange {
    /// The engine's word; `None` for what changes nothing we care about. Podman says `remove` and `died`.
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "create" => Self::Created,
            "start" | "restart" => Self::Started,
            "die" | "died" | "stop" => Self::Died,
            "oom" => Self::OutOfMemory,
            "pause" => Self::Paused,
            "unpause" => Self::Unpaused,
            "destroy" | "remove" => Self::Removed,
            "rename" => Self::Renamed,
            "update" => Self::Updated,
            _ => return None,
        })
    }
}

/// A watch on the containers of one home. Dropping it ends it.
pub struct EngineWatch {
    notices: mpsc::Receiver<EngineNotice>,
}

impl EngineWatch {
    /// The next notice; `None` after [`EngineNotice::Lost`], and when the engine was closed.
    pub async fn next(&mut self) -> Option<EngineNotice> {
        self.notices.recv().await
    }
}

impl DockerEngine {
    /// Watches the containers with `home`'s label. While it does it asks the engine every few seconds whether it is
    /// there, so that one that hangs, or a stream that is only half open, ends the watch too.
    pub fn watch(&self, home: &HomeId) -> EngineWatch {
        let (sender, notices) = mpsc::channel(limits::NOTICES);
        let (engine, home) = (self.clone(), home.clone());
        self.shared.transport.own(async move {
            let End { reason, is_late } = tokio::select! {
                () = sender.closed() => return,
                end = engine.tell(&home, &sender) => end,
                end = engine.until_silent() => end,
            };
            // Nobody to tell means nobody who waits to be told.
            let _: Result<(), _> = sender.send(EngineNotice::Lost { reason, is_late }).await;
        });
        EngineWatch { notices }
    }

    /// Asks again and again; ends when there is no answer.
    async fn until_silent(&self) -> End {
        loop {
            tokio::time::sleep(self.shared.deadlines.watch_ping).await;
            if let Err(error) = self.ping_engine().await {
                return End::of(&error);
            }
        }
    }

    /// Tells what the engine tells; ends with the reason why it cannot any more.
    async fn tell(&self, home: &HomeId, sender: &mpsc::Sender<EngineNotice>) -> End {
        let mut body = match tokio::time::timeout(self.shared.deadlines.list, self.open_events(home)).await {
            Ok(Ok(body)) => body,
            Ok(Err(error)) => return End::of(&error),
            Err(_) => return End::of(&errors::overdue("events", self.shared.deadlines.list)),
        };
        if sender.send(EngineNotice::Connected).await.is_err() {
            return End::gone("");
        }
        let mut lines = Lines::default();
        while let Some(frame) = body.frame().await {
            let bytes = match frame.map(hyper::body::Frame::into_data) {
                Ok(Ok(bytes)) => bytes,
                Ok(Err(_)) => Bytes::new(),
                Err(error) => {
                    let why = errors::clean(&errors::chain(&error));
                    return End::gone(format!("the engine at {} went away: {why}", self.endpoint()));
                }
            };
            let notices = match lines.push(&bytes) {
                Ok(lines) => lines.iter().filter_map(|line| notice(line)).collect::<Vec<_>>(),
                Err(TooLong) => return End::gone("the engine sent an event without an end"),
            };
            for notice in notices {
                if sender.send(notice).await.is_err() {
                    return End::gone("");
                }
            }
        }
        End::gone(format!("the engine at {} went away", self.endpoint()))
    }

    async fn open_events(&self, home: &HomeId) -> Result<Incoming, EngineError> {
        // The engine answers before it listens to itself, so what happens in between would be lost. Asked for what
        // happened since a moment before, by its own clock, it tells that too.
        let since = self.engine_time().await?.map_or(String::new(), |time| format!("&since={time}"));
        let filters =
            serde_json::json!({ "type": ["container"], "label": [format!("{LABEL_PREFIX}home={home}")] });
        let path = format!("/events?filters={}{since}", percent_encoded(&filters.to_string()));
        let request = Request::get(path).body(Empty::<Bytes>::new()).expect("an encoded path is valid");
        self.shared.transport.open(request, errors::from_status).await
    }

    /// The engine's clock in seconds since the epoch, as the head of its answers tells it.
    async fn engine_time(&self) -> Result<Option<u64>, EngineError> {
        let request =
            Request::get("/_ping").body(Full::<Bytes>::default()).expect("a constant request is valid");
        let response = self.shared.transport.send(request, Answer::Bounded).await?;
        Ok(response.headers().get(DATE).and_then(|date| date.to_str().ok()).and_then(parse_date))
    }
}

/// One event, as far as it is used.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "Action", default)]
    action: String,
    #[serde(rename = "Actor")]
    actor: Actor,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(rename = "ID", default)]
    id: String,
    #[serde(rename = "Attributes", default)]
    attributes: serde_json::Map<String, serde_json::Value>,
}

fn notice(line: &[u8]) -> Option<EngineNotice> {
    let message: Message = serde_json::from_slice(line).ok()?;
    let change = ContainerChange::parse(&message.action)?;
    let container = ContainerId::parse(&message.actor.id).ok()?;
    let workstream = message.actor.attributes.get(&format!("{LABEL_PREFIX}workstream"));
    let workstream =
        workstream.and_then(serde_json::Value::as_str).and_then(|id| WorkstreamId::parse(id).ok());
    Some(EngineNotice::Changed { container, workstream, change })
}

/// Cuts bytes into lines of bounded length.
#[derive(Default)]
pub(super) struct Lines {
    /// What has no end yet.
    pub(super) rest: Vec<u8>,
}

/// A line is longer than any event.
#[derive(Debug)]
pub(super) struct TooLong;

impl Lines {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut whole = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if self.rest.len() > limits::EVENT_LINE_BYTES {
                return Err(TooLong);
            }
            if self.rest.ends_with(b"\n") {
                whole.push(std::mem::take(&mut self.rest));
            }
        }
        Ok(whole)
    }
}

fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a String takes all text");
        }
        encoded
    })
}

/// Seconds since the epoch of a date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn parse_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.strip_suffix(" GMT")?.split(' ');
    let day: u64 = words.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = words.next().and_then(|word| MONTHS.iter().position(|name| *name == word))? as u64 + 1;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok().filter(|value| *value < 61));
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    // Years begin in March, so that the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    Some(Duration::from_secs(days * 86_400 + hour * 3_600 + minute * 60 + second).as_secs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_of_http_are_seconds_of_the_epoch() {
        assert_eq!(parse_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(parse_date("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199));
        for bad in [
            "",
            "x",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Sun, 06 Now 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_event_of_ours_becomes_a_notice() {
        let line =
            br#"{"status":"die","id":"abc","from":"i","Type":"container","Action":"die","Actor":{"ID":"abc",
            "Attributes":{"exitCode":"137","dev.ccells.workstream":"01jd8z5q0v3x7k2m9n4p6r8s1t"}},"time":1}"#;
        let workstream = WorkstreamId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").ok();
        let container = ContainerId::parse("abc").unwrap();
        let expected = EngineNotice::Changed { container, workstream, change: ContainerChange::Died };
        assert_eq!(notice(line), Some(expected));
        for other in [
            "",
            "{}",
            "null",
            r#"{"Action":"exec_create: sh","Actor":{"ID":"abc"}}"#,
            r#"{"Action":"die","Actor":{}}"#,
        ] {
            assert_eq!(notice(other.as_bytes()), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn lines_are_whole_however_they_are_cut(bytes in prop::collection::vec(prop::sample::select(b"ab\n".to_vec()), 0..60), at in 0_usize..60) {
            let at = at.min(bytes.len());
            let mut lines = Lines::default();
            let mut all = lines.push(&bytes[..at]).unwrap();
            all.extend(lines.push(&bytes[at..]).unwrap());
            prop_assert_eq!(all.concat().len() + lines.rest.len(), bytes.len());
            prop_assert!(all.iter().all(|line| line.iter().position(|b| *b == b'\n') == Some(line.len() - 1)));
        }
    }

    #[test]
    fn a_line_without_an_end_is_not_kept() {
        let mut lines = Lines::default();
        let piece = vec![b'x'; limits::EVENT_LINE_BYTES / 2 + 1];
        assert!(lines.push(&piece).is_ok());
        assert!(lines.push(&piece).is_err());
    }
}
