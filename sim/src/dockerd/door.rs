//! The simulated engine's door: what a connection asks for, what becomes of it, and what goes back.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};

use super::answer::{API, Answer, Broken, Refusal, Sent};
use super::events::Filters;
use super::journal::Outcome;
use super::weather::{Endpoint, Fate};
use super::{Dockerd, Life, portrait, pull};

/// Longest body of a request: a holder and room.
const BODY_BYTES: usize = 256 * 1_024 * 1_024;
/// How long a container that is stopped may take to leave, when nobody says.
const STOP_S: u64 = 10;

/// A request, taken apart.
pub(super) struct Asked {
    pub(super) endpoint: Endpoint,
    /// The container, exec, volume or image that is meant.
    pub(super) subject: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Bytes,
}

impl Asked {
    fn flag(&self, name: &str) -> bool {
        self.query.get(name).is_some_and(|value| !["", "0", "false", "no", "none"].contains(&value.as_str()))
    }

    fn document(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(&self.body).map_err(|error| Refusal::new(500, error.to_string()))
    }
}

impl Dockerd {
    /// Serves one connection until it ends, or the engine does. While the engine is down, it ends at once.
    ///
    /// What is asked for is done in tasks of the runtime that this is called in. When that runtime goes, with its
    /// machine, so must the engine: [`Dockerd::crash`] or [`Dockerd::lose_power`], and later [`Dockerd::boot`].
    pub async fn serve(&self, io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let Some(life) = self.live() else { return };
        let connection = {
            let (dockerd, life) = (self.clone(), life.clone());
            let service = service_fn(move |request| dockerd.clone().receive(life.clone(), request));
            http1::Builder::new()
                .auto_date_header(false)
                .header_read_timeout(None)
                .serve_connection(TokioIo::new(io), service)
                .with_upgrades()
        };
        let _open = self.count_connection();
        tokio::select! {
            biased;
            () = life.ended() => {}
            // How it ended is the client's to know.
            _ = connection => {}
        }
    }

    /// Takes a request in. From here on it is the engine's: it lands even when the client has gone.
    async fn receive(self, life: Life, mut request: Request<Incoming>) -> Result<Sent, Broken> {
        let upgrade = hyper::upgrade::on(&mut request);
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let entry = self.journal().open(self.now(), parts.method.as_str(), &path);
        let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else {
            self.journal().close(entry, Outcome::Gone);
            return Err(Broken);
        };
        let (endpoint, subject) = match route(&parts.method, &path) {
            Ok(routed) => routed,
            Err(answer) => {
                self.journal().close(entry, Outcome::Status(answer.status()));
                return Ok(answer.send(self.now()));
            }
        };
        let query = parse_query(parts.uri.query().unwrap_or_default());
        let asked = Asked { endpoint, subject, query, body: body.to_bytes() };
        let (latency, fate) = self.fate(endpoint);
        let (reply, answered) = oneshot::channel();
        let dockerd = self.clone();
        let work = {
            let life = life.clone();
            async move {
                let (outcome, sent) = dockerd.meet(&life, asked, latency, fate).await;
                if let Ok(Answer::Upgrade(exec)) = &sent
                    && let Some(found) = dockerd.yard().execs.get(exec).cloned()
                {
                    life.spawn(dockerd.clone().run_exec(exec.clone(), found, upgrade));
                }
                dockerd.journal().close(entry, outcome);
                let sent = sent.map(|answer| {
                    if fate == Fate::Torn {
                        answer.send_torn(dockerd.now())
                    } else {
                        answer.send(dockerd.now())
                    }
                });
                // A client that has gone does not hear it; it is done all the same.
                let _heard = reply.send(sent);
            }
        };
        life.spawn(work);
        answered.await.unwrap_or(Err(Broken))
    }

    /// Lets a request meet its fate.
    async fn meet(
        &self,
        life: &Life,
        asked: Asked,
        latency: Duration,
        fate: Fate,
    ) -> (Outcome, Result<Answer, Broken>) {
        let slow = if let Fate::Slow(time) = fate { time } else { Duration::ZERO };
        let way = latency + slow;
        if !way.is_zero() {
            tokio::time::sleep(way).await;
        }
        self.until_awake().await;
        match fate {
            Fate::Hung => std::future::pending().await,
            Fate::Cut => return (Outcome::Cut, Err(Broken)),
            Fate::Fails => return failure(),
            Fate::Lie => {
                let answer = self.lie(&asked);
                return (Outcome::Status(answer.status()), Ok(answer));
            }
            Fate::Done | Fate::Slow(_) | Fate::LostReply | Fate::Torn | Fate::FailsAfter | Fate::Garbage => {}
        }
        let answer = self.answer(life, asked).await.unwrap_or_else(Answer::from);
        match fate {
            Fate::LostReply => (Outcome::Lost(answer.status()), Err(Broken)),
            Fate::FailsAfter => failure(),
            Fate::Garbage => (Outcome::Status(200), Ok(Answer::Words(200, "<html>\u{0}it works!"))),
            Fate::Done | Fate::Slow(_) | Fate::Torn | Fate::Hung | Fate::Cut | Fate::Fails | Fate::Lie => {
                (Outcome::Status(answer.status()), Ok(answer))
            }
        }
    }

    /// Does what is asked.
    async fn answer(&self, life: &Life, asked: Asked) -> Result<Answer, Refusal> {
        let subject = asked.subject.as_str();
        let done = |()| Answer::Empty(204);
        match asked.endpoint {
            Endpoint::Ping => Ok(Answer::Words(200, "OK")),
            Endpoint::Version => Ok(Answer::Document(200, portrait::version())),
            Endpoint::Nothing => Err(Refusal::new(404, "page not found")),
            Endpoint::Stop => self.answer_stop(&asked).await,
            Endpoint::Remove => self.answer_remove(&asked).await,
            Endpoint::Wait => self.answer_wait(life, &asked),
            Endpoint::Start => self.change(|yard, now| yard.start(subject, now)).map(changed),
            Endpoint::Pause => self.change(|yard, now| yard.pause(subject, now)).map(done),
            Endpoint::Unpause => self.change(|yard, now| yard.unpause(subject, now)).map(done),
            Endpoint::Kill => self.change(|yard, now| yard.kill(subject, now)).map(done),
            Endpoint::Create => {
                let (name, body) = (asked.query.get("name").cloned().unwrap_or_default(), asked.document()?);
                let id = self.change(|yard, now| yard.create(&name, body, now))?;
                Ok(Answer::Document(201, json!({ "Id": id, "Warnings": [] })))
            }
            Endpoint::Upload => {
                let path = asked.query.get("path").map_or("/", String::as_str);
                self.change(|yard, now| yard.upload(subject, path, &asked.body, now))?;
                Ok(Answer::Empty(200))
            }
            Endpoint::ExecCreate => {
                let body = asked.document()?;
                let id = self.change(|yard, now| yard.create_exec(subject, &body, now))?;
                Ok(Answer::Document(201, json!({ "Id": id })))
            }
            Endpoint::ExecStart => {
                self.change(|yard, now| yard.start_exec(subject, now))?;
                Ok(Answer::Upgrade(subject.to_owned()))
            }
            Endpoint::Pull => {
                let word = |name: &str| asked.query.get(name).map_or("", String::as_str);
                let (name, tag) = (word("fromImage"), word("tag"));
                let image = format!("{name}{}{tag}", if tag.contains(':') { "@" } else { ":" });
                pull::answer(self, life, &image)
            }
            Endpoint::Events => {
                let now = self.now();
                self.yard().events.listen(&asked.query, now).map(Answer::Stream)
            }
            Endpoint::List
            | Endpoint::Inspect
            | Endpoint::Top
            | Endpoint::ExecInspect
            | Endpoint::ImageInspect
            | Endpoint::VolumeList
            | Endpoint::VolumeInspect => self.look(&asked).map(|document| Answer::Document(200, document)),
            Endpoint::VolumeRemove => self.change(|yard, _| yard.remove_volume(subject)).map(done),
        }
    }

    /// Answers a question.
    fn look(&self, asked: &Asked) -> Result<Value, Refusal> {
        let subject = asked.subject.as_str();
        let filters = Filters::parse(asked.query.get("filters"))?;
        self.catch_up();
        let yard = &mut *self.yard();
        match asked.endpoint {
            Endpoint::List => Ok(portrait::list(yard, asked.flag("all"), &filters)),
            Endpoint::Inspect => yard.get(subject).map(|one| portrait::inspect(one)),
            Endpoint::Top => yard.get(subject).and_then(|one| portrait::top(one)),
            Endpoint::ExecInspect => {
                let missing = || Refusal::new(404, format!("No such exec instance: {subject}"));
                yard.execs.get(subject).map(|exec| portrait::exec(subject, exec)).ok_or_else(missing)
            }
            Endpoint::ImageInspect if yard.has_image(subject) => Ok(portrait::image(subject)),
            Endpoint::ImageInspect => {
                Err(Refusal::new(404, format!("no such image: {subject}: No such image: {subject}")))
            }
            Endpoint::VolumeInspect => {
                let missing = || Refusal::new(404, format!("get {subject}: no such volume"));
                yard.volumes.get(subject).map(|one| portrait::volume(subject, one)).ok_or_else(missing)
            }
            Endpoint::VolumeList => {
                let found = yard.list_volumes(&filters);
                let rows: Value = found.into_iter().map(|(name, one)| portrait::volume(name, one)).collect();
                Ok(json!({ "Volumes": rows, "Warnings": null }))
            }
            Endpoint::Ping
            | Endpoint::Version
            | Endpoint::Create
            | Endpoint::Start
            | Endpoint::Pause
            | Endpoint::Unpause
            | Endpoint::Stop
            | Endpoint::Kill
            | Endpoint::Wait
            | Endpoint::Remove
            | Endpoint::Upload
            | Endpoint::ExecCreate
            | Endpoint::ExecStart
            | Endpoint::Events
            | Endpoint::Pull
            | Endpoint::VolumeRemove
            | Endpoint::Nothing => unreachable!("not a question"),
        }
    }

    async fn answer_stop(&self, asked: &Asked) -> Result<Answer, Refusal> {
        let id = self.yard().find(&asked.subject)?;
        let grace = asked.query.get("t").and_then(|time| time.parse().ok()).unwrap_or(STOP_S);
        let Some(mut has_left) = self.change(|yard, now| yard.terminate(&id, now))? else {
            return Ok(Answer::Empty(304));
        };
        let patience = tokio::time::sleep(Duration::from_secs(grace));
        tokio::pin!(patience);
        let mut changes = self.changes();
        while !has_left {
            tokio::select! {
                biased;
                () = &mut patience => break,
                _ = changes.changed() => {}
            }
            has_left = !self.yard().containers.get(&id).is_some_and(|one| one.state.has_processes());
        }
        self.change(|yard, now| {
            if !has_left {
                // It may have left in this very moment.
                let _gone = yard.kill(&id, now);
            }
            yard.tell(&id, "stop", &[], now);
        });
        Ok(Answer::Empty(204))
    }

    async fn answer_remove(&self, asked: &Asked) -> Result<Answer, Refusal> {
        let force = asked.flag("force");
        let id = self.change(|yard, now| yard.begin_removal(&asked.subject, force, now))?;
        let removal = self.removal_time();
        if !removal.is_zero() {
            tokio::time::sleep(removal).await;
        }
        self.change(|yard, now| yard.finish_removal(&id, asked.flag("v"), now));
        Ok(Answer::Empty(204))
    }

    /// The head comes at once, the one line when the wait is over.
    fn answer_wait(&self, life: &Life, asked: &Asked) -> Result<Answer, Refusal> {
        let id = self.yard().find(&asked.subject)?;
        let until_removed = asked.query.get("condition").is_some_and(|word| word == "removed");
        let (sender, receiver) = mpsc::unbounded_channel();
        let dockerd = self.clone();
        life.spawn(async move {
            let mut changes = dockerd.changes();
            let mut code = 0;
            loop {
                let seen =
                    dockerd.yard().containers.get(&id).map(|one| (one.code, one.state.has_processes()));
                match seen {
                    Some((last, is_running)) if until_removed || is_running => code = last,
                    Some((last, _)) => {
                        code = last;
                        break;
                    }
                    None => break,
                }
                if changes.changed().await.is_err() || sender.is_closed() {
                    return;
                }
            }
            let line = format!("{}\n", json!({ "Error": null, "StatusCode": code }));
            // Whoever waited may have gone.
            let _heard = sender.send(Bytes::from(line));
        });
        Ok(Answer::Stream(receiver))
    }

    /// What the answer would be, had it been done.
    fn lie(&self, asked: &Asked) -> Answer {
        match asked.endpoint {
            Endpoint::Create | Endpoint::ExecCreate => {
                let id = self.change(|yard, _| yard.new_id(9));
                Answer::Document(201, json!({ "Id": id, "Warnings": [] }))
            }
            Endpoint::List => Answer::Document(200, json!([])),
            Endpoint::VolumeList => Answer::Document(200, json!({ "Volumes": [], "Warnings": null })),
            Endpoint::Version => Answer::Document(200, portrait::version()),
            Endpoint::Ping => Answer::Words(200, "OK"),
            Endpoint::Upload | Endpoint::Pull => Answer::Empty(200),
            Endpoint::Inspect
            | Endpoint::Top
            | Endpoint::ExecInspect
            | Endpoint::ExecStart
            | Endpoint::ImageInspect
            | Endpoint::VolumeInspect
            | Endpoint::Nothing => Refusal::new(404, format!("No such container: {}", asked.subject)).into(),
            Endpoint::Start
            | Endpoint::Pause
            | Endpoint::Unpause
            | Endpoint::Stop
            | Endpoint::Kill
            | Endpoint::Remove
            | Endpoint::VolumeRemove => Answer::Empty(204),
            // Streams on which nothing ever comes.
            Endpoint::Wait | Endpoint::Events => {
                let (sender, receiver) = mpsc::unbounded_channel();
                self.keep_silent(sender);
                Answer::Stream(receiver)
            }
        }
    }
}

fn failure() -> (Outcome, Result<Answer, Broken>) {
    let refusal = Refusal::new(500, "the simulated engine failed");
    (Outcome::Status(500), Ok(refusal.into()))
}

fn changed(is_changed: bool) -> Answer {
    Answer::Empty(if is_changed { 204 } else { 304 })
}

/// What a method and a path ask for, and of whom.
fn route(method: &Method, path: &str) -> Result<(Endpoint, String), Answer> {
    let path = strip_version(path)?;
    let words: Vec<&str> = path.trim_matches('/').split('/').collect();
    let of = |endpoint: Endpoint, subject: &str| Ok((endpoint, decode(subject)));
    match (method.as_str(), words.as_slice()) {
        ("GET" | "HEAD", ["_ping"]) => of(Endpoint::Ping, ""),
        ("GET", ["version"]) => of(Endpoint::Version, ""),
        ("GET", ["events"]) => of(Endpoint::Events, ""),
        ("GET", ["containers", "json"]) => of(Endpoint::List, ""),
        ("POST", ["containers", "create"]) => of(Endpoint::Create, ""),
        ("GET", ["containers", id, "json"]) => of(Endpoint::Inspect, id),
        ("GET", ["containers", id, "top"]) => of(Endpoint::Top, id),
        ("POST", ["containers", id, "start"]) => of(Endpoint::Start, id),
        ("POST", ["containers", id, "pause"]) => of(Endpoint::Pause, id),
        ("POST", ["containers", id, "unpause"]) => of(Endpoint::Unpause, id),
        ("POST", ["containers", id, "stop"]) => of(Endpoint::Stop, id),
        ("POST", ["containers", id, "kill"]) => of(Endpoint::Kill, id),
        ("POST", ["containers", id, "wait"]) => of(Endpoint::Wait, id),
        ("POST", ["containers", id, "exec"]) => of(Endpoint::ExecCreate, id),
        ("PUT", ["containers", id, "archive"]) => of(Endpoint::Upload, id),
        ("DELETE", ["containers", id]) => of(Endpoint::Remove, id),
        ("POST", ["exec", id, "start"]) => of(Endpoint::ExecStart, id),
        ("GET", ["exec", id, "json"]) => of(Endpoint::ExecInspect, id),
        ("GET", ["images", name @ .., "json"]) => of(Endpoint::ImageInspect, &name.join("/")),
        ("POST", ["images", "create"]) => of(Endpoint::Pull, ""),
        ("GET", ["volumes"]) => of(Endpoint::VolumeList, ""),
        ("GET", ["volumes", name]) => of(Endpoint::VolumeInspect, name),
        ("DELETE", ["volumes", name]) => of(Endpoint::VolumeRemove, name),
        _ => of(Endpoint::Nothing, ""),
    }
}

/// The path without its version, which must be one that is spoken.
fn strip_version(path: &str) -> Result<&str, Answer> {
    let Some((version, rest)) = path.strip_prefix("/v1.").and_then(|rest| rest.split_once('/')) else {
        return Ok(path);
    };
    match version.parse::<u32>() {
        Ok(minor) if minor > API.0 => {
            let newest = API.0;
            let message =
                format!("client version 1.{minor} is too new. Maximum supported API version is 1.{newest}");
            Err(Refusal::new(400, message).into())
        }
        Ok(minor) if minor < API.1 => {
            let oldest = API.1;
            let message = format!(
                "client version 1.{minor} is too old. Minimum supported API version is 1.{oldest}, please upgrade your \
                 client to a newer version"
            );
            Err(Refusal::new(400, message).into())
        }
        Ok(_) => Ok(rest),
        Err(_) => Ok(path),
    }
}

fn parse_query(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(a, b)| (decode(a), decode(b)))
        .collect()
}

/// Undoes the encoding of paths and queries.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| char::from(byte.unwrap_or(b'?')).to_digit(16);
        let mut ahead = rest.clone();
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).expect("two digits are a byte"));
                rest = ahead;
            }
            (b'+', _, _) => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
