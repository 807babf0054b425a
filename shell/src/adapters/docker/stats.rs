//! What a container uses, as the engine counts it.

use bollard::models::{ContainerMemoryStats, ContainerStatsResponse};
use bollard::query_parameters as query;
use ccells_core::ids::ContainerId;
use ccells_core::ports::EngineError;
use futures_util::StreamExt as _;

use super::{DockerEngine, errors};

/// What a container uses. What the engine does not count is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerUse {
    /// Processor time since its start, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// Memory that cannot be given back at once, in bytes.
    pub memory: Option<u64>,
    /// The most memory it may use, in bytes.
    pub memory_limit: Option<u64>,
    /// What it wrote beside its mounts, in bytes.
    pub written: Option<u64>,
}

impl DockerEngine {
    /// Counts what a container uses; of one without processes only what it wrote.
    pub async fn container_use(
        &self,
        container: &ContainerId,
        is_live: bool,
    ) -> Result<ContainerUse, EngineError> {
        let (engine, container) = (self.clone(), container.clone());
        let work = async move {
            let options = query::InspectContainerOptionsBuilder::new().size(true).build();
            let seen = engine.shared.docker.inspect_container(container.as_str(), Some(options)).await;
            let size = seen.map_err(errors::from_client)?.size_rw;
            let written = size.and_then(|bytes| u64::try_from(bytes).ok());
            if !is_live {
                return Ok(ContainerUse { written, ..ContainerUse::default() });
            }
            let options = query::StatsOptionsBuilder::new().stream(false).one_shot(true).build();
            let mut answers = engine.shared.docker.stats(container.as_str(), Some(options));
            let stats = match answers.next().await {
                Some(answer) => answer.map_err(errors::from_client)?,
                None => return Err(errors::unknown("the engine counted nothing")),
            };
            Ok(ContainerUse { written, ..counted(&stats) })
        };
        self.call("stats", self.shared.deadlines.list, work).await
    }
}

fn counted(stats: &ContainerStatsResponse) -> ContainerUse {
    let memory = stats.memory_stats.as_ref();
    ContainerUse {
        cpu_ns: stats.cpu_stats.as_ref().and_then(|cpu| cpu.cpu_usage.as_ref()?.total_usage),
        memory: memory.and_then(held),
        memory_limit: memory.and_then(|memory| memory.limit),
        written: None,
    }
}

/// What is cached of files goes when somebody else needs the room: it does not count.
fn held(memory: &ContainerMemoryStats) -> Option<u64> {
    let cached = memory.stats.as_ref().and_then(|stats| {
        ["total_inactive_file", "inactive_file"].iter().find_map(|name| stats.get(*name).copied())
    });
    memory.usage.map(|usage| usage.saturating_sub(cached.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cached_of_files_is_not_held() {
        let memory = |stats: &str| -> ContainerMemoryStats {
            serde_json::from_str(&format!(r#"{{"usage": 100, "limit": 900, "stats": {stats}}}"#))
                .expect("the form is right")
        };
        assert_eq!(held(&memory(r#"{"inactive_file": 30}"#)), Some(70));
        assert_eq!(held(&memory(r#"{"total_inactive_file": 40, "inactive_file": 1}"#)), Some(60));
        assert_eq!(held(&memory("{}")), Some(100));
        assert_eq!(held(&memory(r#"{"inactive_file": 300}"#)), Some(0));
    }
}
