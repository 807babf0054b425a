//! Getting an image from its registry: what is asked of the engine, how far it is, and what its complaints mean.

use std::collections::BTreeMap;
use std::future::Future;

use bytes::Bytes;
use ccells_core::limits;
use ccells_core::ports::{EngineError, PullProgress};
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Incoming;
use serde::Deserialize;

use super::events::Lines;
use super::{DockerEngine, containers, errors};

impl DockerEngine {
    /// Pulls `image` in the task of whoever waits: dropped, the stream is closed, and the engine gives the pull up.
    pub(super) async fn pull(
        &self,
        image: &str,
        tell: impl Fn(PullProgress) + Send,
    ) -> Result<(), EngineError> {
        if !containers::is_image_name(image) {
            let what = format!("`{}` is not a name for an image", errors::clean(image));
            return Err(EngineError::Refused { status: 400, what });
        }
        let deadline = self.shared.deadlines.pull;
        let is_closed = self.shared.transport.is_closed.clone();
        tokio::select! {
            biased;
            () = is_closed.cancelled() => Err(errors::unknown("closed while `pull` was in flight")),
            outcome = tokio::time::timeout(deadline, self.pull_whole(image, tell)) => {
                outcome.unwrap_or_else(|_| {
                    let minutes = deadline.as_secs() / 60;
                    Err(errors::unknown(&format!("the pull of {image} was not done within {minutes} minutes")))
                })
            }
        }
    }

    async fn pull_whole(&self, image: &str, tell: impl Fn(PullProgress)) -> Result<(), EngineError> {
        let mut body = self.in_time(image, self.open_pull(image)).await??;
        let (mut lines, mut tally) = (Lines::default(), Tally::default());
        while let Some(frame) = self.in_time(image, body.frame()).await? {
            let frame = frame.map_err(|error| errors::unknown(&errors::chain(&error)))?;
            let bytes = frame.into_data().unwrap_or_default();
            let Ok(whole) = lines.push(&bytes) else {
                return Err(errors::unknown("its report on the pull makes no sense"));
            };
            for line in whole {
                tally.take(&line).map_err(|words| complaint(image, 500, &words))?;
            }
            tell(tally.progress());
        }
        // A last line may come without its end.
        tally.take(&lines.rest).map_err(|words| complaint(image, 500, &words))
    }

    async fn open_pull(&self, image: &str) -> Result<Incoming, EngineError> {
        let (name, tag) = name_and_tag(image);
        let path = format!("/images/create?fromImage={name}&tag={tag}");
        let request =
            Request::post(path).body(Empty::<Bytes>::new()).expect("a checked name is valid in a path");
        self.shared.transport.open(request, |status, words| complaint(image, status, words)).await
    }

    /// Whatever is waited for next comes in time, or the pull stands still.
    async fn in_time<T>(&self, image: &str, next: impl Future<Output = T>) -> Result<T, EngineError> {
        let stall = self.shared.deadlines.pull_stall;
        let silent = |_| {
            let text = format!("nothing was heard of the pull of {image} for {} s", stall.as_secs());
            errors::unknown(&text)
        };
        tokio::time::timeout(stall, next).await.map_err(silent)
    }
}

/// The name of an image, and its tag or digest. An engine that is told neither may get all tags there are.
fn name_and_tag(image: &str) -> (&str, &str) {
    let (rest, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    // A colon before a slash is a registry's port.
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        Some(_) | None => (rest, None),
    };
    (name, digest.or(tag).unwrap_or("latest"))
}

/// What the engine says went wrong with a pull, and what to do about it. Engines number these differently: the words
/// are the registry's.
fn complaint(image: &str, status: u16, words: &str) -> EngineError {
    let text = words.to_lowercase();
    let has = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    let words = errors::clean(words);
    let refused = |what| EngineError::Refused { status, what };
    if has(&["no space left", "disk quota"]) {
        return refused(format!(
            "its disk is too full for image {image}: {words}; make room (docker system prune), then try again"
        ));
    }
    if has(&["denied", "unauthorized", "authentication required", "forbidden", "no basic auth"]) {
        return EngineError::NotFound {
            what: format!(
                "the registry has no image {image}, or gives it to nobody without a login: {words}; build it, or get it \
                 with your login (docker pull {image}), then try again"
            ),
        };
    }
    let is_unreachable = has(&[
        "no such host",
        "dial tcp",
        "lookup ",
        "connection refused",
        "unreachable",
        "timeout",
        "deadline exceeded",
        "request canceled",
        "tls",
        "x509",
        "name resolution",
        "server misbehaving",
    ]);
    if is_unreachable {
        return refused(format!(
            "it cannot reach the registry of image {image}: {words}; check the name and the engine's network, then try \
             again, or get it by other means (docker pull {image})"
        ));
    }
    if status == 404
        || has(&["not found", "manifest unknown", "no such image", "does not exist", "no matching manifest"])
    {
        return EngineError::NotFound {
            what: format!(
                "the registry has no image {image}: {words}; check its name, or build it (docker pull {image} tells more)"
            ),
        };
    }
    if matches!(status, 502..=504) {
        return errors::from_status(status, &words);
    }
    refused(format!("it could not pull image {image}: {words}; docker pull {image} may tell more"))
}

/// One line of the engine's report, as far as it is used.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    status: String,
    #[serde(default)]
    id: String,
    #[serde(rename = "progressDetail", default)]
    detail: Option<Detail>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    current: Option<u64>,
    #[serde(default)]
    total: Option<u64>,
}

/// What the report said so far.
#[derive(Default)]
struct Tally {
    layers: BTreeMap<String, Layer>,
}

#[derive(Clone, Copy, Default)]
struct Layer {
    come: u64,
    whole: u64,
    is_there: bool,
}

impl Tally {
    /// Takes a line in; a line that makes no sense says nothing. An error is the engine's complaint.
    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        let Ok(line) = serde_json::from_slice::<Line>(line) else { return Ok(()) };
        if let Some(error) = line.error {
            return Err(error);
        }
        let of_layer = [
            "Pulling fs layer",
            "Waiting",
            "Downloading",
            "Verifying Checksum",
            "Download complete",
            "Extracting",
            "Pull complete",
            "Already exists",
        ];
        let is_room = self.layers.len() < limits::PULL_LAYERS || self.layers.contains_key(&line.id);
        if line.id.is_empty() || !of_layer.contains(&line.status.as_str()) || !is_room {
            return Ok(());
        }
        let layer = self.layers.entry(line.id).or_default();
        match (line.status.as_str(), line.detail) {
            ("Downloading", Some(Detail { current, total })) => {
                layer.whole = total.unwrap_or(0).max(layer.whole);
                layer.come = current.unwrap_or(0).max(layer.come).min(layer.whole);
            }
            ("Download complete", _) => layer.come = layer.whole,
            ("Pull complete" | "Already exists", _) => (layer.come, layer.is_there) = (layer.whole, true),
            _ => {}
        }
        Ok(())
    }

    fn progress(&self) -> PullProgress {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let sum = |of: fn(&Layer) -> u64| {
            self.layers.values().fold(0_u64, |sum, layer| sum.saturating_add(of(layer)))
        };
        PullProgress {
            layers_done: count(self.layers.values().filter(|layer| layer.is_there).count()),
            layers: count(self.layers.len()),
            bytes_done: sum(|layer| layer.come),
            bytes: sum(|layer| layer.whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_asked_for_with_one_tag() {
        for (image, expected) in [
            ("alpine", ("alpine", "latest")),
            ("ghcr.io/a/b:1", ("ghcr.io/a/b", "1")),
            ("host:5000/a", ("host:5000/a", "latest")),
            ("host:5000/a:2", ("host:5000/a", "2")),
            ("a@sha256:00", ("a", "sha256:00")),
            ("host:5000/a:2@sha256:00", ("host:5000/a", "sha256:00")),
        ] {
            assert_eq!(name_and_tag(image), expected, "{image}");
        }
    }

    #[test]
    fn a_report_is_added_up() {
        let mut tally = Tally::default();
        for (line, shown) in [
            (r#"{"status":"Pulling from library/x","id":"latest"}"#, ""),
            (r#"{"status":"Already exists","progressDetail":{},"id":"a"}"#, "1 of 1 layers"),
            (r#"{"status":"Pulling fs layer","progressDetail":{},"id":"b"}"#, "1 of 2 layers"),
            (
                r#"{"status":"Downloading","progressDetail":{"current":1000000,"total":4000000},"id":"b"}"#,
                "1 of 2 layers, 1 of 4 MB",
            ),
            ("no document", "1 of 2 layers, 1 of 4 MB"),
            (r#"{"status":"Download complete","id":"b"}"#, "1 of 2 layers, 4 of 4 MB"),
            (
                r#"{"status":"Extracting","progressDetail":{"current":9,"total":10},"id":"b"}"#,
                "1 of 2 layers, 4 of 4 MB",
            ),
            (r#"{"status":"Pull complete","id":"b"}"#, "2 of 2 layers, 4 of 4 MB"),
            (r#"{"status":"Status: Downloaded newer image for x"}"#, "2 of 2 layers, 4 of 4 MB"),
        ] {
            tally.take(line.as_bytes()).unwrap();
            assert_eq!(tally.progress().to_string(), shown, "{line}");
        }
        let line =
            r#"{"errorDetail":{"message":"no space left on device"},"error":"no space left on device"}"#;
        assert_eq!(tally.take(line.as_bytes()).unwrap_err(), "no space left on device");
    }

    #[test]
    fn a_report_without_end_is_not_kept() {
        let mut tally = Tally::default();
        for number in 0..limits::PULL_LAYERS + 5 {
            tally.take(format!(r#"{{"status":"Waiting","id":"{number}"}}"#).as_bytes()).unwrap();
        }
        assert_eq!(tally.layers.len(), limits::PULL_LAYERS);
        let huge = format!(
            r#"{{"status":"Downloading","progressDetail":{{"current":9,"total":{}}},"id":"#,
            u64::MAX
        );
        for id in ["0", "1"] {
            tally.take(format!(r#"{huge}"{id}"}}"#).as_bytes()).unwrap();
        }
        assert_eq!((tally.progress().bytes_done, tally.progress().bytes), (18, u64::MAX));
    }

    #[test]
    fn a_complaint_says_what_to_do() {
        for (status, words, said) in [
            (
                500,
                "Get \"https://x.invalid/v2/\": dial tcp: lookup x.invalid: no such host",
                "cannot reach the registry",
            ),
            (
                404,
                "pull access denied for x, repository does not exist or may require 'docker login': denied",
                "docker pull x:1",
            ),
            (404, "manifest for x:1 not found: manifest unknown: manifest unknown", "check its name"),
            (500, "write /var/lib/docker/tmp/y: no space left on device", "make room"),
            (500, "something else", "docker pull x:1 may tell more"),
        ] {
            let text = complaint("x:1", status, words).to_string();
            assert!(text.contains(said) && text.contains(words) && text.contains("x:1"), "{text}");
        }
        assert!(matches!(complaint("x:1", 503, "busy"), EngineError::Unknown { .. }));
    }

    proptest::proptest! {
        #[test]
        fn no_report_is_too_strange(lines in proptest::collection::vec(".{0,80}", 0..20), numbers in proptest::collection::vec(proptest::prelude::any::<(u64, u64, u8)>(), 0..20)) {
            let mut tally = Tally::default();
            for line in lines {
                let _ = tally.take(line.as_bytes());
            }
            for (current, total, id) in numbers {
                let line = format!(r#"{{"status":"Downloading","progressDetail":{{"current":{current},"total":{total}}},"id":"{id}"}}"#);
                tally.take(line.as_bytes()).unwrap();
            }
            let progress = tally.progress();
            proptest::prop_assert!(progress.layers_done <= progress.layers && progress.bytes_done <= progress.bytes);
        }
    }
}
