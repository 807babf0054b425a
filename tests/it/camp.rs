//! The real engine as the tests need it: asked by other means than ours, with an image of its own, and left as it was.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use ccells_core::container::{ContainerLimits, ContainerSpec, Labels};
use ccells_core::ids::{HomeId, RepoId, RunId, WorkstreamId};
use ccells_shell::adapters::dial::{Dial, Endpoint, Surroundings};
use ccells_shell::adapters::docker::DockerEngine;
use serde_json::Value;

use crate::contract::engine::{Behaviour, World};
use crate::image::{self, IMAGE};

/// What stands in for the holder: it runs the agent and leaves the terminal to others.
pub(crate) const HOLDER: &[u8] = b"#!/bin/sh
while [ \"$1\" != \"--\" ]; do shift; done
shift
exec \"$@\"
";

/// The engine, asked by other means than ours, with the image in it; `None`, said loudly, when there is none.
pub(crate) fn plain() -> Option<Plain> {
    static IMAGE_MADE: OnceLock<()> = OnceLock::new();
    let plain = Plain { socket: socket()? };
    IMAGE_MADE.get_or_init(|| image::plain(&plain));
    Some(plain)
}

/// What the engine's listings take to show only what belongs to `home`.
pub(crate) fn label_filter(home: &str) -> String {
    format!("%7B%22label%22%3A%5B%22dev.ccells.home%3D{home}%22%5D%7D")
}

/// Asks the engine over plain sockets: an oracle that shares no code with what it judges.
#[derive(Clone)]
pub(crate) struct Plain {
    socket: PathBuf,
}

impl Plain {
    /// The engine at `socket`.
    pub(crate) fn at(socket: &Path) -> Self {
        Self { socket: socket.to_path_buf() }
    }

    /// Where the engine listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// One request; gives the status and the body.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> std::io::Result<(u16, Vec<u8>)> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(0);
        let status =
            String::from_utf8_lossy(&answer[..end]).split(' ').nth(1).and_then(|word| word.parse().ok());
        Ok((status.unwrap_or(0), answer.split_off((end + 4).min(answer.len()))))
    }

    /// A document, which must be there.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, "text/plain", b"").unwrap();
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }
}

/// The engine's socket; `None`, said loudly, when there is none. With `CCELLS_DOCKER=require` that is a failure.
fn socket() -> Option<PathBuf> {
    let endpoint = Endpoint::resolve(&Surroundings::of_process());
    let found = match &endpoint {
        Ok(Endpoint::Unix(path)) => UnixStream::connect(path).is_ok().then(|| path.clone()),
        Ok(Endpoint::Tcp { .. }) | Err(_) => None,
    };
    if found.is_none() {
        let is_required = std::env::var("CCELLS_DOCKER").is_ok_and(|value| value == "require");
        assert!(!is_required, "CCELLS_DOCKER=require, and no engine answers at {endpoint:?}");
        // Not by a macro: the test runner would swallow it.
        let name = std::thread::current().name().unwrap_or("?").to_string();
        let line = format!("SKIPPED: no engine at {endpoint:?} for {name}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    found
}

/// A home on the real engine that is taken away with everything in it, whatever becomes of the test.
pub(crate) struct Camp {
    pub(crate) engine: DockerEngine,
    pub(crate) plain: Plain,
    home: HomeId,
    other: HomeId,
    serial: u64,
}

/// Numbers that no other test has, in this run or another.
fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_micros()).unwrap();
    now * 1_000 + NEXT.fetch_add(1, Ordering::Relaxed) % 1_000
}

impl Camp {
    /// On the engine, over a stream that `wrap` may tamper with. `None` when there is no engine.
    pub(crate) fn pitch_with(wrap: impl FnOnce(Arc<dyn Dial>) -> Arc<dyn Dial>) -> Option<Self> {
        Self::pitch_holding(wrap, HOLDER)
    }

    fn pitch_holding(
        wrap: impl FnOnce(Arc<dyn Dial>) -> Arc<dyn Dial>,
        holder: &'static [u8],
    ) -> Option<Self> {
        let plain = plain()?;
        let socket = plain.socket.clone();
        let serial = unique();
        let home = |suffix: &str| HomeId::parse(&format!("test-{serial}{suffix}")).unwrap();
        let engine = DockerEngine::new(wrap(Endpoint::Unix(socket).into_dial()), holder);
        Some(Self { engine, plain, home: home(""), other: home("-other"), serial })
    }

    /// On the engine. `None` when there is none.
    pub(crate) fn pitch() -> Option<Self> {
        Self::pitch_with(|dial| dial)
    }

    /// On the engine, with the real holder for its containers. `None` when there is none.
    pub(crate) fn pitch_held() -> Option<Self> {
        Self::pitch_holding(|dial| dial, ccells_shell::holder_binary::HOLDER)
    }

    /// Names of the volumes that carry `home`'s label.
    pub(crate) fn volumes(&self, home: &HomeId) -> Vec<String> {
        let answer = self.plain.get(&format!("/volumes?filters={}", label_filter(home.as_str())));
        let volumes = answer["Volumes"].as_array().cloned().unwrap_or_default();
        volumes.iter().map(|volume| volume["Name"].as_str().unwrap().to_string()).collect()
    }

    fn strike(&self) -> std::io::Result<()> {
        for home in [&self.home, &self.other] {
            let path = format!("/containers/json?all=1&filters={}", label_filter(home.as_str()));
            let (_, body) = self.plain.ask("GET", &path, "text/plain", b"")?;
            let rows: Vec<Value> = serde_json::from_slice(&body)?;
            for id in rows.iter().filter_map(|row| row["Id"].as_str()) {
                self.plain.ask("DELETE", &format!("/containers/{id}?force=1&v=1"), "text/plain", b"")?;
            }
            for volume in self.volumes(home) {
                self.plain.ask("DELETE", &format!("/volumes/{volume}?force=1"), "text/plain", b"")?;
            }
        }
        Ok(())
    }
}

impl Drop for Camp {
    fn drop(&mut self) {
        let struck = self.strike();
        assert!(struck.is_ok() || std::thread::panicking(), "{struck:?}");
    }
}

/// What a container is told to do, in words of its shell.
fn words(behaviour: Behaviour) -> Vec<String> {
    let words: Vec<String> = match behaviour {
        Behaviour::Stays => vec!["sleep".into(), "1000000".into()],
        Behaviour::Exits(code) => vec!["sh".into(), "-c".into(), format!("exit {code}")],
        Behaviour::EatsMemory => {
            vec!["dd".into(), "if=/dev/zero".into(), "of=/dev/null".into(), "bs=128M".into()]
        }
    };
    words
}

impl World for Camp {
    type Engine = DockerEngine;

    fn engine(&self) -> &DockerEngine {
        &self.engine
    }

    fn home(&self) -> &HomeId {
        &self.home
    }

    fn other_home(&self) -> &HomeId {
        &self.other
    }

    fn spec(&self, tag: &str, behaviour: Behaviour) -> ContainerSpec {
        let tag_number: u64 = tag.bytes().fold(0, |sum, byte| sum * 31 % 999_983 + u64::from(byte));
        let limits = match behaviour {
            Behaviour::EatsMemory => {
                ContainerLimits { memory: 16 * 1_024 * 1_024, ..ContainerLimits::default() }
            }
            Behaviour::Stays | Behaviour::Exits(_) => ContainerLimits::default(),
        };
        let mut spec = ContainerSpec {
            name: format!("ccells-test-{}-{tag}", self.serial),
            image: IMAGE.into(),
            labels: Labels {
                home: self.home.clone(),
                repo: RepoId::parse("repo-1").unwrap(),
                workstream: WorkstreamId::parse(&format!(
                    "{:026}",
                    self.serial % 1_000_000_000 * 1_000_000 + tag_number
                ))
                .unwrap(),
                run: RunId::parse(&format!("{:026}", 1)).unwrap(),
                branch: "ccells/test".into(),
                config_hash: String::new(),
            },
            owner: (1000, 1000),
            argv: words(behaviour),
            resume_argv: vec!["sh".into()],
            env: BTreeMap::from([("COLOUR".into(), "blue and green".into())]),
            mounts: Vec::new(),
            limits,
        };
        spec.labels.config_hash = spec.config_hash();
        spec
    }

    async fn wait_a_moment(&self) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
