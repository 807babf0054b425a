//! Containers, volumes and images: what is asked of the engine for each method of the port, and what its answers mean.

use std::collections::HashMap;

use bollard::models::{
    ContainerInspectResponse, ContainerState as StateModel, ContainerStateStatusEnum, ContainerSummary,
    Volume,
};
use bollard::query_parameters as query;
use ccells_core::container::{ContainerExit, ContainerSpec, ContainerState, LABEL_PREFIX, Labels, Observed};
use ccells_core::ids::{ContainerId, HomeId, WorkstreamId};
use ccells_core::limits;
use ccells_core::ports::EngineError;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{DockerEngine, errors, spec};

/// A volume of ours that no container uses any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftoverVolume {
    /// The engine's name for it.
    pub name: String,
    /// The workstream it was made for, as far as its labels tell.
    pub workstream: Option<WorkstreamId>,
}

/// A process in a container, as the engine's machine sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessLine {
    /// Its id outside the container.
    pub pid: u32,
    /// Its command line.
    pub command: String,
}

fn home_filter(home: &HomeId) -> (String, Vec<String>) {
    ("label".to_string(), vec![format!("{LABEL_PREFIX}home={home}")])
}

/// Names that the engine can have given; anything else must not become part of a path.
fn is_container_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

pub(super) fn is_image_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(['/', '-', '.'])
        && !name.contains("..")
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-/:@".contains(&b))
}

fn missing_image(image: &str) -> String {
    format!("image {image} is not on this engine; build or pull it: docker pull {image}")
}

/// Questions and wishes beyond the port.
impl DockerEngine {
    /// Whether the engine has `image`.
    pub async fn image_exists(&self, image: &str) -> Result<bool, EngineError> {
        let (engine, image) = (self.clone(), image.to_string());
        let work = async move {
            if !is_image_name(&image) {
                return Ok(false);
            }
            match engine.shared.docker.inspect_image(&image).await.map_err(errors::from_client) {
                Ok(_) => Ok(true),
                Err(EngineError::NotFound { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        };
        self.call("image", self.shared.deadlines.list, work).await
    }

    /// The processes in a container that runs. It finds an agent whose exec the engine has forgotten.
    pub async fn processes(&self, container: &ContainerId) -> Result<Vec<ProcessLine>, EngineError> {
        let (engine, container) = (self.clone(), container.clone());
        let work = async move {
            let options = query::TopOptionsBuilder::new().ps_args("-eo pid,args").build();
            let top = engine.shared.docker.top_processes(container.as_str(), Some(options)).await;
            let top = top.map_err(errors::from_client)?;
            Ok(process_lines(&top.titles.unwrap_or_default(), &top.processes.unwrap_or_default()))
        };
        self.call("top", self.shared.deadlines.list, work).await
    }

    /// The volumes with `home`'s label that no container uses, sorted by name.
    pub async fn list_volumes(&self, home: &HomeId) -> Result<Vec<LeftoverVolume>, EngineError> {
        let (engine, home) = (self.clone(), home.clone());
        let work = async move {
            let filters =
                HashMap::from([home_filter(&home), ("dangling".to_string(), vec!["true".to_string()])]);
            let options = query::ListVolumesOptionsBuilder::new().filters(&filters).build();
            let answer =
                engine.shared.docker.list_volumes(Some(options)).await.map_err(errors::from_client)?;
            let volumes = answer.volumes.unwrap_or_default();
            let ours = volumes.into_iter().filter(|volume| is_of_home(volume, &home));
            let mut found: Vec<_> = ours.map(leftover).collect();
            found.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(found)
        };
        self.call("list volumes", self.shared.deadlines.list, work).await
    }

    /// Takes a volume away that has `home`'s label; one that is gone is fine, one in use is a conflict.
    pub async fn remove_volume(&self, home: &HomeId, name: &str) -> Result<(), EngineError> {
        let (engine, home, name) = (self.clone(), home.clone(), name.to_string());
        let work = async move {
            if !is_container_name(&name) {
                return Ok(());
            }
            let volume = match engine.shared.docker.inspect_volume(&name).await.map_err(errors::from_client) {
                Ok(volume) => volume,
                Err(EngineError::NotFound { .. }) => return Ok(()),
                Err(error) => return Err(error),
            };
            if !is_of_home(&volume, &home) {
                return Err(EngineError::Conflict { what: format!("volume {name} is not ours: left alone") });
            }
            let removed = engine.shared.docker.remove_volume(&name, None::<query::RemoveVolumeOptions>).await;
            gone_is_fine(removed.map_err(errors::from_client))
        };
        self.call("remove volume", self.shared.deadlines.remove, work).await
    }
}

fn is_of_home(volume: &Volume, home: &HomeId) -> bool {
    volume.labels.get(&format!("{LABEL_PREFIX}home")).is_some_and(|value| value == home.as_str())
}

fn leftover(volume: Volume) -> LeftoverVolume {
    let workstream = volume.labels.get(&format!("{LABEL_PREFIX}workstream"));
    LeftoverVolume { workstream: workstream.and_then(|id| WorkstreamId::parse(id).ok()), name: volume.name }
}

fn process_lines(titles: &[String], rows: &[Vec<String>]) -> Vec<ProcessLine> {
    let column = |names: &[&str]| titles.iter().position(|title| names.contains(&title.as_str()));
    let (Some(pid), Some(command)) = (column(&["PID"]), column(&["COMMAND", "CMD", "ARGS"])) else {
        return Vec::new();
    };
    rows.iter()
        .filter_map(|row| {
            let pid = row.get(pid)?.parse().ok()?;
            Some(ProcessLine { pid, command: row.get(command)?.clone() })
        })
        .collect()
}

fn gone_is_fine(result: Result<(), EngineError>) -> Result<(), EngineError> {
    match result {
        Err(EngineError::NotFound { .. }) => Ok(()),
        other => other,
    }
}

/// The port's methods, each as one future that owns what it needs.
impl DockerEngine {
    pub(super) async fn list(self, home: HomeId) -> Result<Vec<Observed>, EngineError> {
        let filters = HashMap::from([home_filter(&home)]);
        let options = query::ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let rows = self.shared.docker.list_containers(Some(options)).await.map_err(errors::from_client)?;
        // A row whose labels are not complete was not made by us, whatever its home label says.
        let ours = rows.into_iter().filter_map(observed).filter(|observed| observed.labels.home == home);
        let looked_at = futures_util::stream::iter(ours.map(|row| self.clone().complete(row)));
        let found: Vec<_> = looked_at.buffer_unordered(limits::INSPECTIONS).try_collect().await?;
        let mut found: Vec<Observed> = found.into_iter().flatten().collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Adds how it ended, which a listing does not say; `None` when it was taken away meanwhile.
    async fn complete(self, row: Observed) -> Result<Option<Observed>, EngineError> {
        if !matches!(row.state, ContainerState::Exited | ContainerState::Dead) {
            return Ok(Some(row));
        }
        match self.inspect(row.id.as_str()).await {
            Ok(seen) => {
                let (state, exit) = seen.state.as_ref().map_or((Some(row.state), None), state_and_exit);
                Ok(Some(Observed { state: state.unwrap_or(row.state), exit, ..row }))
            }
            Err(EngineError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn inspect(&self, id_or_name: &str) -> Result<ContainerInspectResponse, EngineError> {
        let seen =
            self.shared.docker.inspect_container(id_or_name, None::<query::InspectContainerOptions>).await;
        seen.map_err(errors::from_client)
    }

    async fn state_of(&self, container: &ContainerId) -> Result<Option<ContainerState>, EngineError> {
        Ok(self.inspect(container.as_str()).await?.state.as_ref().and_then(|state| state_and_exit(state).0))
    }

    /// The container of exactly this name. The engine also takes ids and beginnings of ids for names.
    async fn find_by_name(&self, name: &str) -> Result<Option<ContainerInspectResponse>, EngineError> {
        if !is_container_name(name) {
            return Ok(None);
        }
        match self.inspect(name).await {
            Ok(seen) => Ok(seen
                .name
                .as_deref()
                .is_some_and(|found| found.trim_start_matches('/') == name)
                .then_some(seen)),
            Err(EngineError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn create(self, spec: ContainerSpec) -> Result<ContainerId, EngineError> {
        if !is_container_name(&spec.name) {
            let what = format!("`{}` is not a name for a container", errors::clean(&spec.name));
            return Err(EngineError::Refused { status: 400, what });
        }
        let body = spec::create_body(&spec, self.shared.transport.agreed_api().await?);
        let options = query::CreateContainerOptionsBuilder::new().name(&spec.name).build();
        let answer =
            self.shared.docker.create_container(Some(options), body).await.map_err(errors::from_client);
        match answer.map_err(errors::or_unknown_when_it_broke) {
            Ok(created) => parse_id(&created.id),
            Err(EngineError::NotFound { what }) if what.to_lowercase().contains("image") => {
                Err(EngineError::NotFound { what: missing_image(&spec.image) })
            }
            Err(EngineError::Conflict { what }) => self.adopt(&spec, what).await,
            Err(error) => Err(error),
        }
    }

    /// The name is taken. When it is taken by what we ask for, an earlier request of ours landed: that is the answer.
    /// While that request is still under way its name is taken and nothing can be seen yet: what comes of it is open.
    async fn adopt(&self, spec: &ContainerSpec, what: String) -> Result<ContainerId, EngineError> {
        let Some(seen) = self.find_by_name(&spec.name).await? else {
            return Err(EngineError::Unknown { reason: what });
        };
        let labels = seen.config.as_ref().and_then(|config| config.labels.as_ref());
        let labels = labels.and_then(|map| Labels::parse(|name| map.get(name).map(String::as_str)));
        let is_the_same = labels.is_some_and(|labels| {
            labels.home == spec.labels.home
                && labels.workstream == spec.labels.workstream
                && labels.config_hash == spec.config_hash()
        });
        let state = seen.state.as_ref().and_then(|state| state_and_exit(state).0);
        match seen.id {
            Some(id) if is_the_same && state != Some(ContainerState::Removing) => parse_id(&id),
            Some(_) | None => Err(EngineError::Conflict { what }),
        }
    }

    pub(super) async fn start(self, container: ContainerId) -> Result<(), EngineError> {
        let started = self
            .shared
            .docker
            .start_container(container.as_str(), None::<query::StartContainerOptions>)
            .await;
        started.map_err(errors::from_client)
    }

    pub(super) async fn pause(self, container: ContainerId) -> Result<(), EngineError> {
        let Err(error) =
            self.shared.docker.pause_container(container.as_str()).await.map_err(errors::from_client)
        else {
            return Ok(());
        };
        // Engines word and number this refusal differently; the container's state does not.
        match (&error, self.state_after_refusal(&container, &error).await?) {
            (_, Some(ContainerState::Paused)) => Ok(()),
            (EngineError::Refused { what, .. }, Some(state)) if !state.has_processes() => {
                Err(EngineError::Conflict { what: what.clone() })
            }
            (_, Some(_) | None) => Err(error),
        }
    }

    pub(super) async fn unpause(self, container: ContainerId) -> Result<(), EngineError> {
        let answer =
            self.shared.docker.unpause_container(container.as_str()).await.map_err(errors::from_client);
        let Err(error) = answer else {
            return Ok(());
        };
        match self.state_after_refusal(&container, &error).await? {
            Some(ContainerState::Paused) | None => Err(error),
            Some(_) => Ok(()),
        }
    }

    pub(super) async fn stop(self, container: ContainerId) -> Result<(), EngineError> {
        let Err(error) = self.stop_once(&container).await else {
            return Ok(());
        };
        match self.state_after_refusal(&container, &error).await? {
            // Podman does not stop what is frozen.
            Some(ContainerState::Paused) => {
                let thawed = self.shared.docker.unpause_container(container.as_str()).await;
                thawed.map_err(errors::from_client)?;
                self.stop_once(&container).await
            }
            Some(state) if !state.has_processes() => Ok(()),
            Some(_) | None => Err(error),
        }
    }

    async fn stop_once(&self, container: &ContainerId) -> Result<(), EngineError> {
        let grace = i32::try_from(limits::STOP_GRACE_S).unwrap_or(i32::MAX);
        let options = query::StopContainerOptionsBuilder::new().t(grace).build();
        let stopped = self.shared.docker.stop_container(container.as_str(), Some(options)).await;
        stopped.map_err(errors::from_client)
    }

    /// After the engine refused to change a container's state: the state it is in. `None` when the failure was another,
    /// which a second look does not explain.
    async fn state_after_refusal(
        &self,
        container: &ContainerId,
        error: &EngineError,
    ) -> Result<Option<ContainerState>, EngineError> {
        match error {
            EngineError::Conflict { .. } | EngineError::Refused { .. } => self.state_of(container).await,
            EngineError::Unreachable { .. } | EngineError::Unknown { .. } | EngineError::NotFound { .. } => {
                Ok(None)
            }
        }
    }

    pub(super) async fn remove(self, home: HomeId, name: String) -> Result<(), EngineError> {
        let Some(seen) = self.find_by_name(&name).await? else {
            return Ok(());
        };
        let labels = seen.config.as_ref().and_then(|config| config.labels.as_ref());
        let carries = labels.and_then(|map| map.get(&format!("{LABEL_PREFIX}home")));
        if carries.is_none_or(|value| value != home.as_str()) {
            return Err(EngineError::Conflict { what: format!("container {name} is not ours: left alone") });
        }
        // By the id that was looked at: the name may be another's by now.
        let id = parse_id(seen.id.as_deref().unwrap_or_default())?;
        let options = query::RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let removed = self.shared.docker.remove_container(id.as_str(), Some(options)).await;
        match gone_is_fine(removed.map_err(errors::from_client)) {
            Err(EngineError::Conflict { .. }) => self.wait_until_removed(&id).await,
            outcome => outcome,
        }
    }

    /// Somebody removes it already: it is gone when they are done.
    async fn wait_until_removed(&self, id: &ContainerId) -> Result<(), EngineError> {
        let options = query::WaitContainerOptionsBuilder::new().condition("removed").build();
        let mut waits = self.shared.docker.wait_container(id.as_str(), Some(options));
        match waits.next().await {
            // The library takes an exit code that is not zero for an error.
            Some(Ok(_) | Err(bollard::errors::Error::DockerContainerWaitError { .. })) => Ok(()),
            Some(Err(error)) => gone_is_fine(Err(errors::from_client(error))),
            None => Err(errors::unknown("the wait for its removal ended without an answer")),
        }
    }
}

fn parse_id(text: &str) -> Result<ContainerId, EngineError> {
    ContainerId::parse(text)
        .map_err(|error| errors::unknown(&format!("the engine's answer has no id: {error}")))
}

fn observed(row: ContainerSummary) -> Option<Observed> {
    let labels = row.labels?;
    let labels = Labels::parse(|name| labels.get(name).map(String::as_str))?;
    let id = ContainerId::parse(row.id.as_deref()?).ok()?;
    // Its own name has one slash; others are links to it.
    let names = row.names.unwrap_or_default();
    let name = names.iter().map(|name| name.trim_start_matches('/')).find(|name| !name.contains('/'))?;
    let state = parse_state(row.state?.as_ref())?;
    Some(Observed { id, name: name.to_string(), labels, state, exit: None })
}

/// The engine's word for a state. The newest ones have one more, for a container whose processes are leaving.
fn parse_state(word: &str) -> Option<ContainerState> {
    if word == "stopping" { Some(ContainerState::Running) } else { ContainerState::parse(word) }
}

fn state_and_exit(state: &StateModel) -> (Option<ContainerState>, Option<ContainerExit>) {
    let word = state.status.as_ref().map_or("", ContainerStateStatusEnum::as_ref);
    let parsed = parse_state(word);
    let has_ended = matches!(parsed, Some(ContainerState::Exited | ContainerState::Dead));
    let exit = state
        .exit_code
        .filter(|_| has_ended)
        .map(|code| ContainerExit { code, was_out_of_memory: state.oom_killed.unwrap_or(false) });
    (parsed, exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_go_into_paths() {
        assert!(is_container_name("ccells-web_1.x"));
        for bad in ["", "-x", "a/b", "a?force=1", "a b", "ä", "..", "a%2f"] {
            assert!(!is_container_name(bad), "{bad}");
        }
        assert!(is_image_name("ghcr.io/a/b:1@sha256:00"));
        for bad in ["", "/x", "a?b", "a b", "../x", "a/../b", "a#b"] {
            assert!(!is_image_name(bad), "{bad}");
        }
    }

    #[test]
    fn processes_are_found_whatever_the_order_of_columns() {
        let strings = |row: &[&str]| row.iter().map(|text| (*text).to_string()).collect::<Vec<_>>();
        let rows = [strings(&["sh -c x", "12"]), strings(&["short"]), strings(&["y", "no pid"])];
        let found = process_lines(&strings(&["COMMAND", "PID"]), &rows);
        assert_eq!(found, [ProcessLine { pid: 12, command: "sh -c x".into() }]);
        assert!(process_lines(&strings(&["USER"]), &rows).is_empty());
    }
}
