//! The production adapter on the simulated engine: the cases that the real engine is held to, and what becomes of
//! requests on a bad day.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ccells_core::container::{ContainerLimits, ContainerSpec, Labels};
use ccells_core::ids::{HomeId, RepoId, RunId, WorkstreamId};
use ccells_shell::adapters::docker::DockerEngine;
use ccells_sim::choice::Choices;
use ccells_sim::dockerd::{Dockerd, PipeDial, Weather};
use tokio::time::Instant;

use engine::{Behaviour, cases};
use stream::{Doing, stream_cases};

#[path = "../../tests/it/contract/engine.rs"]
mod engine;
#[path = "../../tests/it/contract/stream.rs"]
mod stream;

macro_rules! on_the_simulated_engine {
    ($case:ident) => {
        #[tokio::test(start_paused = true)]
        async fn $case() {
            let bench = Bench::pitch(1, STAND_IN);
            engine::$case(&bench).await;
            bench.engine.close().await;
            assert_eq!((bench.engine.open_streams(), bench.engine.live_tasks()), (0, 0));
        }
    };
}

macro_rules! with_the_holder {
    ($case:ident) => {
        #[tokio::test(start_paused = true)]
        async fn $case() {
            let bench = Bench::pitch(1, HOLDER);
            stream::$case(&bench).await;
            bench.engine.close().await;
            assert_eq!((bench.engine.open_streams(), bench.engine.live_tasks()), (0, 0));
        }
    };
}

cases!(on_the_simulated_engine);
stream_cases!(with_the_holder);

/// What stands in for the holder: it becomes the agent.
const STAND_IN: &[u8] = b"#!/bin/sh\nexec the agent\n";
/// What is taken for a real one.
const HOLDER: &[u8] = b"\x7fELF";
/// The one image there is.
const IMAGE: &str = "image:1";

/// A simulated engine and the adapter on it.
struct Bench {
    dockerd: Dockerd,
    engine: DockerEngine,
    homes: [HomeId; 2],
}

impl Bench {
    /// An engine on a good day, with this for a holder.
    fn pitch(seed: u64, holder: &'static [u8]) -> Self {
        let began = Instant::now();
        let dockerd = Dockerd::new(Choices::seeded(seed), Arc::new(move || began.elapsed()));
        dockerd.set_images(&[IMAGE]);
        dockerd.set_weather(Weather::CALM);
        let engine = DockerEngine::new(Arc::new(PipeDial(dockerd.clone())), holder);
        let homes = ["ours", "another"].map(|home| HomeId::parse(home).unwrap());
        Self { dockerd, engine, homes }
    }

    fn made_of(&self, tag: &str, argv: &[&str]) -> ContainerSpec {
        let number = tag.bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 999_983);
        let mut spec = ContainerSpec {
            name: format!("ccells-{tag}"),
            image: IMAGE.into(),
            labels: Labels {
                home: self.homes[0].clone(),
                repo: RepoId::parse("repo-1").unwrap(),
                workstream: WorkstreamId::parse(&format!("{number:026}")).unwrap(),
                run: RunId::parse(&format!("{:026}", 1)).unwrap(),
                branch: "ccells/test".into(),
                config_hash: String::new(),
            },
            owner: (1000, 1000),
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            resume_argv: vec!["agent".into()],
            env: BTreeMap::new(),
            mounts: Vec::new(),
            limits: ContainerLimits::default(),
        };
        spec.labels.config_hash = spec.config_hash();
        spec
    }
}

impl stream::Yard for Bench {
    fn engine(&self) -> &DockerEngine {
        &self.engine
    }

    fn home(&self) -> &HomeId {
        &self.homes[0]
    }

    fn spec(&self, tag: &str, doing: Doing) -> ContainerSpec {
        match doing {
            Doing::Echoes => self.made_of(tag, &["agent"]),
            Doing::Exits(code) => self.made_of(tag, &["agent", &format!("--exit={code}")]),
        }
    }
}

impl engine::World for Bench {
    type Engine = DockerEngine;

    fn engine(&self) -> &DockerEngine {
        &self.engine
    }

    fn home(&self) -> &HomeId {
        &self.homes[0]
    }

    fn other_home(&self) -> &HomeId {
        &self.homes[1]
    }

    fn spec(&self, tag: &str, behaviour: Behaviour) -> ContainerSpec {
        match behaviour {
            Behaviour::Stays => self.made_of(tag, &["agent"]),
            Behaviour::Exits(code) => self.made_of(tag, &["agent", "--wait=100", &format!("--exit={code}")]),
            Behaviour::EatsMemory => self.made_of(tag, &["agent", "--eat-memory"]),
        }
    }

    async fn wait_a_moment(&self) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
