//! The very statuses and words of an engine, request by request, as Docker 20.10 gives them: what the adapter makes of
//! an answer is only as true as the answer.

use serde_json::{Value, json};

/// Asks an engine by other means than ours.
pub(crate) trait Plainly {
    /// One request; the status and the body.
    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Vec<u8>);
    /// The image that is there.
    fn image(&self) -> String;
    /// The labels of what is made.
    fn labels(&self) -> Value;
    /// Whether it is an engine whose words are known; the statuses are those of all engines.
    fn is_known(&self) -> bool;
}

/// Method, path, body, status, and the words of a refusal. `NAME`, `ID` and `EXEC` stand for what was made; no words
/// are words that depend on more than the request.
type Line = (&'static str, &'static str, &'static str, u16, &'static str);

const NOT_RUNNING: &str = "Container ID is not running";
const NOT_PAUSED: &str = "Container ID is not paused";
const MISSING: &str = "No such container: NAME";
const READ_ONLY: &str = "container rootfs is marked read-only";
const NOT_KILLED: &str = "Cannot kill container: NAME: Container ID is not running";
const TRUE: &str = r#"{"Cmd":["true"],"AttachStdout":true}"#;
const GO: &str = r#"{"Detach":false,"Tty":false}"#;

const MADE: [Line; 18] = [
    (
        "POST",
        "/containers/create?name=NAME",
        "SPEC",
        409,
        "Conflict. The container name \"/NAME\" is already in use by container \"ID\". You have to remove (or rename) \
         that container to be able to reuse that name.",
    ),
    (
        "POST",
        "/containers/create?name=bad%20name",
        "SPEC",
        400,
        "Invalid container name (bad name), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
    ),
    (
        "POST",
        "/containers/create",
        r#"{"Image":"no-such-image:1","Cmd":["x"]}"#,
        404,
        "No such image: no-such-image:1",
    ),
    (
        "POST",
        "/containers/create",
        r#"{"Image":"no-such-image","Cmd":["x"]}"#,
        404,
        "No such image: no-such-image:latest",
    ),
    ("POST", "/containers/create", r#"{"Image":""}"#, 400, "No command specified"),
    ("POST", "/containers/NAME/pause", "", 409, NOT_RUNNING),
    ("POST", "/containers/NAME/unpause", "", 500, NOT_PAUSED),
    ("POST", "/containers/NAME/stop?t=1", "", 304, ""),
    ("POST", "/containers/NAME/kill", "", 409, NOT_KILLED),
    ("POST", "/containers/NAME/exec", TRUE, 409, NOT_RUNNING),
    ("GET", "/containers/NAME/top", "", 409, NOT_RUNNING),
    (
        "PUT",
        "/containers/NAME/archive?path=/nowhere",
        "",
        404,
        "Could not find the file /nowhere in container NAME",
    ),
    ("PUT", "/containers/NAME/archive?path=/", "", 500, READ_ONLY),
    ("PUT", "/containers/NAME/archive?path=/ccells/bin", "no archive", 500, ""),
    ("GET", "/containers/json?filters=nonsense", "", 500, ""),
    ("GET", "/events?since=nonsense", "", 500, ""),
    ("POST", "/containers/NAME/start", "", 204, ""),
    ("POST", "/containers/NAME/start", "", 304, ""),
];

const RUNNING: [Line; 14] = [
    ("PUT", "/containers/NAME/archive?path=/", "", 500, READ_ONLY),
    ("POST", "/containers/NAME/unpause", "", 500, NOT_PAUSED),
    ("POST", "/containers/NAME/pause", "", 204, ""),
    ("POST", "/containers/NAME/pause", "", 409, "Container ID is already paused"),
    ("POST", "/containers/NAME/start", "", 409, "cannot start a paused container, try unpause instead"),
    ("GET", "/containers/NAME/top", "", 200, ""),
    (
        "POST",
        "/containers/NAME/exec",
        TRUE,
        409,
        "Container NAME is paused, unpause the container before exec",
    ),
    (
        "DELETE",
        "/containers/NAME",
        "",
        409,
        "You cannot remove a paused container ID. Unpause and then stop the container before attempting removal or \
         force remove",
    ),
    ("POST", "/exec/EXEC/start", GO, 409, "Container ID is paused, unpause the container before exec"),
    ("POST", "/containers/NAME/unpause", "", 204, ""),
    (
        "DELETE",
        "/containers/NAME",
        "",
        409,
        "You cannot remove a running container ID. Stop the container before attempting removal or force remove",
    ),
    ("POST", "/containers/NAME/exec", "{}", 400, "No exec command specified"),
    ("GET", "/exec/EXEC/json", "", 200, ""),
    ("POST", "/exec/0123abc/start", GO, 404, "No such exec instance: 0123abc"),
];

const ENDED: [Line; 22] = [
    ("POST", "/containers/NAME/stop?t=5", "", 204, ""),
    ("POST", "/containers/NAME/stop?t=5", "", 304, ""),
    ("POST", "/exec/EXEC/start", GO, 404, "No such exec instance: EXEC"),
    ("POST", "/containers/NAME/kill", "", 409, NOT_KILLED),
    ("POST", "/containers/NAME/pause", "", 409, NOT_RUNNING),
    ("POST", "/containers/NAME/start", "", 204, ""),
    ("DELETE", "/containers/NAME?force=1&v=1", "", 204, ""),
    ("DELETE", "/containers/NAME?force=1&v=1", "", 404, MISSING),
    ("POST", "/containers/NAME/start", "", 404, MISSING),
    ("POST", "/containers/NAME/pause", "", 404, MISSING),
    ("POST", "/containers/NAME/unpause", "", 404, MISSING),
    ("POST", "/containers/NAME/stop", "", 404, MISSING),
    ("POST", "/containers/NAME/kill", "", 404, "Cannot kill container: NAME: No such container: NAME"),
    ("GET", "/containers/NAME/json", "", 404, MISSING),
    ("POST", "/containers/NAME/exec", TRUE, 404, MISSING),
    ("PUT", "/containers/NAME/archive?path=/", "", 404, MISSING),
    ("POST", "/containers/NAME/wait?condition=removed", "", 404, MISSING),
    (
        "GET",
        "/images/no-such-image:1/json",
        "",
        404,
        "no such image: no-such-image:1: No such image: no-such-image:1",
    ),
    ("GET", "/volumes/none", "", 404, "get none: no such volume"),
    ("DELETE", "/volumes/none", "", 404, "get none: no such volume"),
    (
        "GET",
        "/v1.999/containers/json",
        "",
        400,
        "client version 1.999 is too new. Maximum supported API version is 1.41",
    ),
    ("GET", "/nowhere", "", 404, "page not found"),
];

/// The words that stand for what was made.
struct Made<'a> {
    name: &'a str,
    id: String,
    exec: String,
    spec: String,
}

impl Made<'_> {
    fn fill(&self, text: &str) -> String {
        let text = text.replace("NAME", self.name).replace("ID", &self.id).replace("EXEC", &self.exec);
        if text == "SPEC" { self.spec.clone() } else { text }
    }
}

async fn check<P: Plainly>(engine: &P, made: &Made<'_>, lines: &[Line]) {
    for (method, path, body, status, words) in lines {
        let path = made.fill(path);
        let (answered, bytes) = engine.ask(method, &path, &made.fill(body)).await;
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        assert_eq!(answered, *status, "{method} {path}: {text}");
        if !words.is_empty() && engine.is_known() {
            let document: Value = serde_json::from_str(&text).unwrap_or_default();
            assert_eq!(
                document["message"].as_str(),
                Some(made.fill(words).as_str()),
                "{method} {path}: {text}"
            );
        }
    }
}

async fn id_of<P: Plainly>(engine: &P, path: &str, body: &str) -> String {
    let (status, bytes) = engine.ask("POST", path, body).await;
    assert_eq!(status, 201, "{path}: {}", String::from_utf8_lossy(&bytes));
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    document["Id"].as_str().unwrap().to_owned()
}

/// Every line of the three tables, in their order.
pub(crate) async fn an_engine_says_exactly_this<P: Plainly>(engine: &P, name: &str) {
    let volume = json!({ "Type": "volume", "Target": "/ccells/bin",
                         "VolumeOptions": { "NoCopy": true, "Labels": engine.labels() } });
    let spec = json!({
        "Image": engine.image(), "Cmd": ["sleep", "1000000"], "Labels": engine.labels(),
        "HostConfig": { "Init": true, "ReadonlyRootfs": true, "NetworkMode": "none", "Mounts": [volume] },
    })
    .to_string();
    let id = id_of(engine, &format!("/containers/create?name={name}"), &spec).await;
    let mut made = Made { name, id, exec: String::new(), spec };
    check(engine, &made, &MADE).await;
    made.exec = id_of(engine, &format!("/containers/{name}/exec"), TRUE).await;
    check(engine, &made, &RUNNING).await;
    check(engine, &made, &ENDED).await;
}
