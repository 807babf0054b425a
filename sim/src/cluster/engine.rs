//! The engine as a run in the cluster holds it: the production client, with the mistakes that can be planted around it.

use std::sync::Arc;

use ccells_core::container::{ContainerSpec, Observed};
use ccells_core::ids::{ContainerId, HomeId};
use ccells_core::ports::{Engine, EngineError, EngineFacts, PullProgress, WorkSource, Workbench};
use ccells_shell::adapters::docker::DockerEngine;
use ccells_shell::mailbox::Mailbox;
use ccells_shell::perform::Watch;

use super::net::ClusterDial;
use super::slips::{Planted, Slip};

/// What the holder's program is here.
pub(super) const HOLDER: &[u8] = b"\x7fELF: a holder";

/// The production client, and a mistake.
pub struct ClusterEngine {
    engine: DockerEngine,
    home: HomeId,
    planted: Planted,
}

impl ClusterEngine {
    /// The client of a run at `home`.
    pub fn new(engine: DockerEngine, home: HomeId, planted: Planted) -> Self {
        Self { engine, home, planted }
    }

    /// The client that sessions are given: the run's, or by mistake one that nobody closes.
    pub fn of_sessions(engine: &DockerEngine, dial: &ClusterDial, planted: Planted) -> DockerEngine {
        if planted.is(Slip::ClientOfItsOwn) {
            DockerEngine::new(Arc::new(dial.clone().keeping()), HOLDER)
        } else {
            engine.clone()
        }
    }

    async fn take_all(&self) {
        for container in self.engine.list_containers(&self.home).await.unwrap_or_default() {
            let _gone = self.engine.remove_container(&self.home, &container.name).await;
        }
    }
}

impl Engine for ClusterEngine {
    async fn ping_engine(&self) -> Result<EngineFacts, EngineError> {
        self.engine.ping_engine().await
    }

    async fn list_containers(&self, home: &HomeId) -> Result<Vec<Observed>, EngineError> {
        self.engine.list_containers(home).await
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        self.engine.create_container(spec).await
    }

    async fn pull_image(
        &self,
        image: &str,
        tell: impl Fn(PullProgress) + Send + Sync,
    ) -> Result<(), EngineError> {
        self.engine.pull_image(image, tell).await
    }

    async fn upload_holder(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.engine.upload_holder(container).await
    }

    async fn start_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.engine.start_container(container).await
    }

    async fn pause_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.engine.pause_container(container).await
    }

    async fn unpause_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.engine.unpause_container(container).await
    }

    async fn stop_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.engine.stop_container(container).await
    }

    async fn remove_container(&self, home: &HomeId, name: &str) -> Result<(), EngineError> {
        self.engine.remove_container(home, name).await
    }
}

impl Watch for ClusterEngine {
    async fn watch_changes(&self, home: &HomeId, mailbox: &Mailbox) {
        self.engine.watch_changes(home, mailbox).await;
    }

    fn work_of(&self, container: &ContainerId) -> impl WorkSource + Workbench {
        self.engine.work_of(container)
    }

    async fn close_engine(&self) {
        if self.planted.is(Slip::EndTakesContainers) {
            self.take_all().await;
        }
        if !self.planted.is(Slip::CallsLiveOn) {
            self.engine.close_engine().await;
        }
    }
}
