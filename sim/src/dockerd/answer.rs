//! What the simulated engine answers: statuses, documents and heads, as Docker 20.10 words them.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONNECTION, CONTENT_TYPE, DATE, SERVER, UPGRADE};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

use super::dates;

/// The version of the interface that is spoken, and the oldest that is understood.
pub(super) const API: (u32, u32) = (41, 12);

/// The engine will not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

/// What comes back.
#[derive(Debug)]
pub(super) enum Answer {
    /// A status and nothing else.
    Empty(u16),
    /// A document.
    Document(u16, Value),
    /// Some words.
    Words(u16, &'static str),
    /// Documents, one after another, until the sender is gone.
    Stream(mpsc::UnboundedReceiver<Bytes>),
    /// The same, cut off when the sender is gone.
    CutStream(mpsc::UnboundedReceiver<Bytes>),
    /// The stream is handed to this exec.
    Upgrade(String),
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::Document(refusal.status, json!({ "message": refusal.message }))
    }
}

/// How an answer leaves.
pub(super) type Sent = Response<UnsyncBoxBody<Bytes, Broken>>;

/// The stream is cut here.
#[derive(Debug)]
pub(super) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the stream is cut")
    }
}

impl std::error::Error for Broken {}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Empty(status) | Self::Document(status, _) | Self::Words(status, _) => *status,
            Self::Stream(_) | Self::CutStream(_) => 200,
            Self::Upgrade(_) => 101,
        }
    }

    /// The answer as it leaves at `now`.
    pub(super) fn send(self, now: Duration) -> Sent {
        let status = StatusCode::from_u16(self.status()).expect("we know our statuses");
        let head = Response::builder()
            .status(status)
            .header("Api-Version", format!("1.{}", API.0))
            .header("Docker-Experimental", "false")
            .header("Ostype", "linux")
            .header(SERVER, "Docker/20.10.24 (linux)");
        let dated = |head: hyper::http::response::Builder| head.header(DATE, dates::http(dates::wall(now)));
        let sent = match self {
            Self::Empty(_) => dated(head).body(full(Bytes::new())),
            Self::Document(_, document) => dated(head)
                .header(CONTENT_TYPE, "application/json")
                .body(full(format!("{document}\n").into())),
            Self::Words(_, words) => {
                dated(head).header(CONTENT_TYPE, "text/plain; charset=utf-8").body(full(words.into()))
            }
            Self::Stream(lines) => {
                let body = Lines(lines).map_err(never).boxed_unsync();
                dated(head).header(CONTENT_TYPE, "application/json").body(body)
            }
            Self::CutStream(lines) => {
                let body = CutLines(lines).boxed_unsync();
                dated(head).header(CONTENT_TYPE, "application/json").body(body)
            }
            Self::Upgrade(_) => head
                .header(CONTENT_TYPE, "application/vnd.docker.raw-stream")
                .header(CONNECTION, "Upgrade")
                .header(UPGRADE, "tcp")
                .body(full(Bytes::new())),
        };
        sent.expect("constant heads are valid")
    }

    /// The same, cut in the middle of its body. What has none comes whole.
    pub(super) fn send_torn(self, now: Duration) -> Sent {
        match self {
            Self::Document(status, document) => {
                let text = Bytes::from(format!("{document}\n"));
                let (mut parts, _) = Self::Empty(status).send(now).into_parts();
                parts.headers.insert(CONTENT_TYPE, "application/json".parse().expect("a constant is valid"));
                let body = Torn { whole: text.len() as u64, half: Some(text.slice(..text.len() / 2)) };
                Response::from_parts(parts, body.boxed_unsync())
            }
            whole @ (Self::Empty(_)
            | Self::Words(..)
            | Self::Stream(_)
            | Self::CutStream(_)
            | Self::Upgrade(_)) => whole.send(now),
        }
    }
}

fn full(bytes: Bytes) -> UnsyncBoxBody<Bytes, Broken> {
    Full::new(bytes).map_err(never).boxed_unsync()
}

fn never(impossible: Infallible) -> Broken {
    match impossible {}
}

/// A body that comes line by line.
struct Lines(mpsc::UnboundedReceiver<Bytes>);

impl Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

/// A body that comes line by line, and breaks after the last.
struct CutLines(mpsc::UnboundedReceiver<Bytes>);

impl Body for CutLines {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.0.poll_recv(cx).map(|line| Some(line.map_or(Err(Broken), |line| Ok(Frame::data(line)))))
    }
}

/// A body that breaks in the middle.
struct Torn {
    whole: u64,
    half: Option<Bytes>,
}

impl Body for Torn {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Poll::Ready(Some(self.half.take().map_or(Err(Broken), |half| Ok(Frame::data(half)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.whole)
    }
}
