//! Carries one HTTP request over one stream of its own, with the version of the interface that was agreed on.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use ccells_core::limits;
use ccells_core::ports::{EngineError, EngineFacts};
use http_body_util::{BodyExt as _, Empty, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::errors;
use crate::adapters::dial::{Io, Switchboard};

/// A version of the engine's interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Api(pub(super) u32, pub(super) u32);

/// The oldest and the newest version spoken here; between them the newest the engine knows is taken.
const SPOKEN: std::ops::RangeInclusive<Api> = Api(1, 40)..=Api(1, 53);

impl Api {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl std::fmt::Display for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// How much may come back.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    /// One bounded document.
    Bounded,
    /// A stream without an end of its own.
    Endless,
}

/// The way to one engine.
pub(super) struct Transport {
    pub(super) switchboard: Switchboard,
    pub(super) tasks: TaskTracker,
    pub(super) is_closed: CancellationToken,
    api: Mutex<Option<Api>>,
}

impl Transport {
    pub(super) fn new(switchboard: Switchboard, tasks: TaskTracker, is_closed: CancellationToken) -> Self {
        Self { switchboard, tasks, is_closed, api: Mutex::new(None) }
    }

    /// Sends `request`, whose path has no version, and gives the head of the answer.
    pub(super) async fn send<B>(
        &self,
        request: Request<B>,
        answer: Answer,
    ) -> Result<Response<Incoming>, EngineError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let api = self.agreed_api().await?;
        let response = self.send_as(Some(api), request, answer).await?;
        if response.status() == StatusCode::BAD_REQUEST {
            // An engine that was exchanged for an older one answers so: agree anew next time.
            *self.lock() = None;
        }
        Ok(response)
    }

    /// Opens a stream that has no end of its own; `refused` makes the error of a status and the engine's words.
    pub(super) async fn open(
        &self,
        request: Request<Empty<Bytes>>,
        refused: impl FnOnce(u16, &str) -> EngineError,
    ) -> Result<Incoming, EngineError> {
        let response = self.send(request, Answer::Endless).await?;
        if response.status() == StatusCode::OK {
            return Ok(response.into_body());
        }
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), limits::EVENT_LINE_BYTES).collect().await;
        let bytes = body.map_err(|error| errors::unknown(&error.to_string()))?.to_bytes();
        Err(refused(status, &errors::message_in(&bytes)))
    }

    /// Asks the engine who it is and agrees on a version with it.
    pub(super) async fn introduce(&self) -> Result<EngineFacts, EngineError> {
        let request =
            Request::get("/version").body(Full::<Bytes>::default()).expect("a constant request is valid");
        let response = self.send_as(None, request, Answer::Bounded).await?;
        let status = response.status();
        let body =
            response.into_body().collect().await.map_err(|error| errors::unknown(&errors::chain(&error)))?;
        let bytes = body.to_bytes();
        if status != StatusCode::OK {
            return Err(errors::from_status(status.as_u16(), &errors::message_in(&bytes)));
        }
        let portrait: Portrait = serde_json::from_slice(&bytes)
            .map_err(|error| errors::unknown(&format!("its answer to /version makes no sense: {error}")))?;
        let api = portrait.agree()?;
        *self.lock() = Some(api);
        Ok(EngineFacts { version: portrait.for_people(), api: api.to_string() })
    }

    /// The version that is spoken; asks the engine the first time.
    pub(super) async fn agreed_api(&self) -> Result<Api, EngineError> {
        let known = *self.lock();
        if let Some(api) = known {
            return Ok(api);
        }
        let facts = self.introduce().await?;
        Ok(Api::parse(&facts.api).expect("introduce() prints an Api"))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Api>> {
        self.api.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send_as<B>(
        &self,
        api: Option<Api>,
        mut request: Request<B>,
        answer: Answer,
    ) -> Result<Response<Incoming>, EngineError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let versioned = api.map_or_else(|| path.to_string(), |api| format!("/v{api}{path}"));
        let uri: Uri = versioned.parse().map_err(|_| EngineError::Refused {
            status: 400,
            what: format!("no such path: {}", errors::clean(path)),
        })?;
        *request.uri_mut() = uri;
        request.headers_mut().insert(HOST, HeaderValue::from_static("docker"));

        let budget = match answer {
            Answer::Bounded => Some(limits::ENGINE_ANSWER_BYTES),
            Answer::Endless => None,
        };
        let unreachable = |error| errors::unreachable(&self.switchboard.endpoint(), &error);
        let io: Box<dyn Io> = self.switchboard.open(budget).await.map_err(unreachable)?;
        let broke = |error: hyper::Error| errors::unknown(&errors::chain(&error));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(io)).await.map_err(broke)?;
        self.own(async move {
            // How the stream ended is told to whoever waits for the answer; nobody else needs to know.
            let _: Result<(), hyper::Error> = connection.with_upgrades().await;
        });
        sender.send_request(request).await.map_err(broke)
    }

    /// Runs `work` until it ends or the engine is closed.
    pub(super) fn own(&self, work: impl Future<Output = ()> + Send + 'static) {
        let is_closed = self.is_closed.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = is_closed.cancelled() => {}
                () = work => {}
            }
        });
    }
}

/// The parts of the engine's self-portrait that are used.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Portrait {
    #[serde(default)]
    version: String,
    api_version: String,
    #[serde(rename = "MinAPIVersion", default)]
    min_api_version: String,
    #[serde(default)]
    components: Option<Vec<Component>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    #[serde(default)]
    name: String,
}

impl Portrait {
    fn agree(&self) -> Result<Api, EngineError> {
        let newest = Api::parse(&self.api_version)
            .ok_or_else(|| errors::unknown("its answer to /version names no version of its interface"))?;
        let oldest = Api::parse(&self.min_api_version).unwrap_or(newest);
        let refused = |what: String| Err(EngineError::Refused { status: 400, what });
        if newest < *SPOKEN.start() {
            return refused(format!(
                "it speaks version {newest} at most, ccells {} at least: update it",
                SPOKEN.start()
            ));
        }
        if oldest.min(newest) > *SPOKEN.end() {
            return refused(format!(
                "it speaks version {oldest} at least, ccells {} at most: update ccells",
                SPOKEN.end()
            ));
        }
        Ok(newest.min(*SPOKEN.end()))
    }

    fn for_people(&self) -> String {
        let components = self.components.iter().flatten();
        let is_podman = components.clone().any(|component| component.name.contains("Podman"));
        errors::clean(&format!("{} {}", if is_podman { "Podman" } else { "Docker" }, self.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree(api: &str, min: &str) -> Result<String, String> {
        let text = format!(r#"{{"Version":"1","ApiVersion":"{api}","MinAPIVersion":"{min}"}}"#);
        let portrait: Portrait = serde_json::from_str(&text).unwrap();
        portrait.agree().map(|api| api.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_newest_version_both_sides_know_is_spoken() {
        assert_eq!(agree("1.41", "1.12").unwrap(), "1.41");
        assert_eq!(agree("1.99", "1.44").unwrap(), "1.53");
        assert!(agree("1.30", "1.12").unwrap_err().contains("update it"));
        assert!(agree("1.99", "1.60").unwrap_err().contains("update ccells"));
        assert!(agree("x", "").unwrap_err().contains("names no version"));
    }
}
