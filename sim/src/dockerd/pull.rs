//! Pulls of images from a registry that is only a list: each goes as was asked for.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::answer::{Answer, Refusal};
use super::{Dockerd, Life};

/// Between two lines of the report.
const LINE: Duration = Duration::from_millis(100);

/// How a pull goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulling {
    /// It comes, layer by layer.
    Comes,
    /// In the middle the engine complains like this.
    Fails(&'static str),
    /// In the middle nothing more is heard.
    Hangs,
    /// In the middle the stream is cut.
    IsCut,
}

/// The head comes at once, the report over time. Nobody there to hear it ends the pull.
pub(super) fn answer(dockerd: &Dockerd, life: &Life, image: &str) -> Result<Answer, Refusal> {
    let Some(pulling) = dockerd.yard().registry.get(image).cloned() else {
        let name = image.split(':').next().unwrap_or_default();
        let message = format!(
            "pull access denied for {name}, repository does not exist or may require 'docker login': denied: requested \
             access to the resource is denied"
        );
        return Err(Refusal::new(404, message));
    };
    let (sender, receiver) = mpsc::unbounded_channel();
    let is_cut = pulling == Pulling::IsCut;
    let (dockerd, image) = (dockerd.clone(), image.to_owned());
    life.spawn(async move {
        let tell = |line: Value| sender.send(Bytes::from(format!("{line}\r\n"))).is_ok();
        for line in beginning() {
            tokio::time::sleep(LINE).await;
            if !tell(line) {
                return;
            }
        }
        match pulling {
            Pulling::Comes => {}
            Pulling::Fails(words) => {
                tell(json!({ "errorDetail": { "message": words }, "error": words }));
                return;
            }
            Pulling::Hangs => return sender.closed().await,
            Pulling::IsCut => return,
        }
        for line in end() {
            tokio::time::sleep(LINE).await;
            if !tell(line) {
                return;
            }
        }
        dockerd.yard().images.insert(image);
    });
    Ok(if is_cut { Answer::CutStream(receiver) } else { Answer::Stream(receiver) })
}

fn layer(status: &str, id: &str, detail: Value) -> Value {
    json!({ "status": status, "progressDetail": detail, "id": id })
}

fn beginning() -> [Value; 4] {
    [
        json!({ "status": "Pulling from library/image", "id": "1" }),
        layer("Already exists", "aa", json!({})),
        layer("Pulling fs layer", "bb", json!({})),
        layer("Downloading", "bb", json!({ "current": 3_000_000, "total": 9_000_000 })),
    ]
}

fn end() -> [Value; 4] {
    [
        layer("Download complete", "bb", json!({})),
        layer("Extracting", "bb", json!({ "current": 1, "total": 9_000_000 })),
        layer("Pull complete", "bb", json!({})),
        json!({ "status": "Status: Downloaded newer image" }),
    ]
}
