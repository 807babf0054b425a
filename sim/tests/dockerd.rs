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

#[path = "../../tests/it/contract/engine.rs"]
mod engine;

macro_rules! on_the_simulated_engine {
    ($case:ident) => {
        #[tokio::test(start_paused = true)]
        async fn $case() {
            let bench = Bench::new(Weather::CALM);
            engine::$case(&bench).await;
            bench.engine.close().await;
            assert_eq!((bench.engine.open_streams(), bench.engine.live_tasks()), (0, 0));
        }
    };
}

cases!(on_the_simulated_engine);

/// What stands in for the holder: it becomes the agent.
const STAND_IN: &[u8] = b"#!/bin/sh\nexec the agent\n";
/// The one image there is.
const IMAGE: &str = "image:1";

/// A simulated engine and the adapter on it.
struct Bench {
    dockerd: Dockerd,
    engine: DockerEngine,
    homes: [HomeId; 2],
}

impl Bench {
    fn new(weather: Weather) -> Self {
        Self::seeded(1, weather)
    }

    fn seeded(seed: u64, weather: Weather) -> Self {
        let began = Instant::now();
        let dockerd = Dockerd::new(Choices::seeded(seed), Arc::new(move || began.elapsed()));
        dockerd.set_images(&[IMAGE]);
        dockerd.set_weather(weather);
        let engine = DockerEngine::new(Arc::new(PipeDial(dockerd.clone())), STAND_IN);
        let homes = ["ours", "another"].map(|home| HomeId::parse(home).unwrap());
        Self { dockerd, engine, homes }
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
        let number = tag.bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 999_983);
        let argv = match behaviour {
            Behaviour::Stays => vec!["agent".to_owned()],
            Behaviour::Exits(code) => vec!["agent".to_owned(), "--wait=100".into(), format!("--exit={code}")],
            Behaviour::EatsMemory => vec!["agent".to_owned(), "--eat-memory".into()],
        };
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
            argv,
            resume_argv: vec!["agent".into()],
            env: BTreeMap::new(),
            mounts: Vec::new(),
            limits: ContainerLimits::default(),
        };
        spec.labels.config_hash = spec.config_hash();
        spec
    }

    async fn wait_a_moment(&self) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
