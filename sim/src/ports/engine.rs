//! A model of the container engine, with the measured behaviours that matter: it outlives its clients, lands requests
//! whose clients are gone, gives a name once, and is used by strangers as well.

use std::collections::{BTreeMap, BTreeSet};

use ccells_core::container::{ContainerExit, ContainerSpec, ContainerState, Labels, Observed};
use ccells_core::ids::{ContainerId, HomeId, WorkstreamId};
use ccells_core::ports::{BaseMove, EngineError, RebaseCall, RebaseState};

/// What is asked of the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineOp {
    /// Whether it is there.
    Ping,
    /// All containers that ccells made, of every home.
    List,
    /// Make one.
    Create(Box<ContainerSpec>),
    /// Get the image, for this workstream.
    Pull(WorkstreamId),
    /// Put the holder in.
    Upload(ContainerId),
    /// Start one.
    Start(ContainerId),
    /// Freeze one.
    Pause(ContainerId),
    /// Let one go on.
    Unpause(ContainerId),
    /// End one's processes.
    Stop(ContainerId),
    /// Take one away, by name, when it carries this home's label: the one that had the name when this was asked for.
    Remove(HomeId, String, Option<ContainerId>),
    /// Ask the git of the agent in this container, which is this workstream's, about a rebase or for one.
    Rebase(ContainerId, WorkstreamId, RebaseCall, Box<BaseMove>),
}

impl EngineOp {
    /// A short word for the trace.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::List => "list",
            Self::Create(_) => "create",
            Self::Pull(_) => "pull",
            Self::Upload(_) => "upload",
            Self::Start(_) => "start",
            Self::Pause(_) => "pause",
            Self::Unpause(_) => "unpause",
            Self::Stop(_) => "stop",
            Self::Remove(..) => "remove",
            Self::Rebase(..) => "rebase",
        }
    }
}

/// What the engine gave.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineOk {
    /// It is done.
    Done,
    /// It was made, or was there already (`true`).
    Created(ContainerId, bool),
    /// The listing.
    Listed(Vec<Observed>),
    /// How a rebase stands.
    Rebased(RebaseState),
}

/// One container.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// Its labels; `None` for one that ccells did not make.
    pub labels: Option<Labels>,
    /// Its state.
    pub state: ContainerState,
    /// How it ended.
    pub exit: Option<ContainerExit>,
    /// Whether the holder is in its place.
    pub has_holder: bool,
    /// Whether the engine died while it started it, and refuses every start since.
    pub is_stuck: bool,
    /// Whether a start of it was ever refused.
    pub was_refused: bool,
    /// Every state it was ever in.
    pub past: Vec<ContainerState>,
}

impl Container {
    /// Whether its agent does something.
    pub fn is_working(&self) -> bool {
        self.state == ContainerState::Running
    }

    fn turn(&mut self, state: ContainerState) {
        self.state = state;
        self.past.push(state);
        let is_ended = state == ContainerState::Exited;
        self.exit = is_ended.then_some(ContainerExit { code: 137, was_out_of_memory: false });
    }
}

/// The engine.
#[derive(Clone, Debug, Default)]
pub struct SimEngine {
    /// By name.
    pub containers: BTreeMap<String, Container>,
    /// Whether it lacks the image of every workstream. There is one in a world.
    pub lacks_image: bool,
    /// What was taken away last on somebody's request.
    pub removed_last: Option<Container>,
    /// The names of those that were taken away because they could not be started.
    were_stuck: BTreeSet<String>,
    made: u64,
}

impl SimEngine {
    /// One that has nothing, perhaps not even the image.
    pub fn lacking(lacks_image: bool) -> Self {
        Self { lacks_image, ..Self::default() }
    }

    /// Does what is asked, now and at once.
    pub fn land(&mut self, op: &EngineOp) -> Result<EngineOk, EngineError> {
        match op {
            EngineOp::Ping => Ok(EngineOk::Done),
            EngineOp::List => Ok(EngineOk::Listed(self.list())),
            EngineOp::Create(spec) => self.create(spec),
            EngineOp::Pull(_) => {
                self.lacks_image = false;
                Ok(EngineOk::Done)
            }
            EngineOp::Upload(id) => {
                self.get(id)?.has_holder = true;
                Ok(EngineOk::Done)
            }
            EngineOp::Start(id) => start(self.get(id)?),
            EngineOp::Pause(id) => pause(self.get(id)?),
            EngineOp::Unpause(id) => Ok(unpause(self.get(id)?)),
            EngineOp::Stop(id) => Ok(stop(self.get(id)?)),
            EngineOp::Remove(home, name, id) => self.remove(home, name, id.as_ref()),
            // What runs in a container is no matter of the engine's: see `World::land_rebase`.
            EngineOp::Rebase(id, ..) => self.get(id).map(|_| EngineOk::Done),
        }
    }

    /// The container of that id.
    pub fn by_id(&self, id: &ContainerId) -> Option<&Container> {
        self.containers.values().find(|container| container.id == *id)
    }

    /// The container of that workstream.
    pub fn of(&self, workstream: &WorkstreamId) -> Option<&Container> {
        let is_of_it =
            |it: &&Container| it.labels.as_ref().is_some_and(|labels| labels.workstream == *workstream);
        self.containers.values().find(is_of_it)
    }

    /// Somebody runs a container that ccells has nothing to do with, or that a lost home once made.
    pub fn plant(&mut self, name: &str, labels: Option<Labels>) {
        let id = self.fresh_id();
        let mut container = blank(id, name.to_string(), labels);
        container.has_holder = true;
        container.turn(ContainerState::Running);
        self.containers.insert(name.to_string(), container);
    }

    /// Whoever took names that were to be ours gives them back.
    pub fn free_names(&mut self) {
        self.containers.retain(|name, it| it.labels.is_some() || !name.starts_with("ccells-"));
    }

    /// The engine ends every container's processes: it was restarted, or the machine was.
    pub fn end_all(&mut self) {
        for container in self.containers.values_mut().filter(|it| it.state.has_processes()) {
            container.turn(ContainerState::Exited);
        }
    }

    /// The main process of a container that runs leaves by itself.
    pub fn leave(&mut self, name: &str, exit: ContainerExit) {
        if let Some(container) = self.containers.get_mut(name).filter(|it| it.is_working()) {
            container.turn(ContainerState::Exited);
            container.exit = Some(exit);
        }
    }

    /// Somebody does this to a container behind our back.
    pub fn meddle(&mut self, name: &str, what: Meddling) {
        let Some(container) = self.containers.get_mut(name) else { return };
        let _ = match what {
            Meddling::Remove => {
                self.containers.remove(name);
                return;
            }
            Meddling::Stop => Ok(stop(container)),
            Meddling::Pause => pause(container),
            Meddling::Unpause => Ok(unpause(container)),
            Meddling::Start => start(container),
        };
    }

    fn fresh_id(&mut self) -> ContainerId {
        self.made += 1;
        ContainerId::parse(&format!("{:064x}", self.made)).expect("hexadecimal digits are a container id")
    }

    fn get(&mut self, id: &ContainerId) -> Result<&mut Container, EngineError> {
        let found = self.containers.values_mut().find(|container| container.id == *id);
        found.ok_or_else(|| EngineError::NotFound { what: format!("no such container: {}", id.short()) })
    }

    fn list(&self) -> Vec<Observed> {
        let seen = |it: &Container| {
            Some(Observed {
                id: it.id.clone(),
                name: it.name.clone(),
                labels: it.labels.clone()?,
                state: it.state,
                exit: it.exit,
            })
        };
        self.containers.values().filter_map(seen).collect()
    }

    /// The name is given once; one of the same home, workstream and fingerprint is taken as the answer.
    fn create(&mut self, spec: &ContainerSpec) -> Result<EngineOk, EngineError> {
        if let Some(there) = self.containers.get(&spec.name) {
            let is_same = there.labels.as_ref().is_some_and(|labels| {
                labels.home == spec.labels.home
                    && labels.workstream == spec.labels.workstream
                    && labels.config_hash == spec.labels.config_hash
            });
            let what = format!("the name `{}` is in use by {}", spec.name, there.id.short());
            return if is_same {
                Ok(EngineOk::Created(there.id.clone(), true))
            } else {
                Err(EngineError::Conflict { what })
            };
        }
        if self.lacks_image {
            return Err(EngineError::NotFound { what: format!("image {} is not there", spec.image) });
        }
        let id = self.fresh_id();
        let mut container = blank(id.clone(), spec.name.clone(), Some(spec.labels.clone()));
        container.past.push(ContainerState::Created);
        self.containers.insert(spec.name.clone(), container);
        Ok(EngineOk::Created(id, false))
    }

    fn remove(
        &mut self,
        home: &HomeId,
        name: &str,
        id: Option<&ContainerId>,
    ) -> Result<EngineOk, EngineError> {
        let there = self.containers.get(name).filter(|there| id.is_none_or(|id| there.id == *id));
        let Some(there) = there else {
            return Err(EngineError::NotFound { what: format!("no such container: {name}") });
        };
        if there.labels.as_ref().is_none_or(|labels| labels.home != *home) {
            return Err(EngineError::Conflict { what: format!("`{name}` is not of this home") });
        }
        self.removed_last = self.containers.remove(name);
        if self.removed_last.as_ref().is_some_and(|it| it.is_stuck) {
            self.were_stuck.insert(name.to_string());
        }
        Ok(EngineOk::Done)
    }

    /// Whether the container of that name stands where one was that could not be started.
    pub fn is_made_again(&self, name: &str) -> bool {
        self.were_stuck.contains(name)
    }

    /// The engine dies while it starts this one, which never ran: it will refuse to start it from now on.
    pub fn get_stuck(&mut self, id: &ContainerId) -> bool {
        match self.get(id) {
            Ok(container) if container.state == ContainerState::Created && container.has_holder => {
                container.is_stuck = true;
                true
            }
            Ok(_) | Err(_) => false,
        }
    }
}

/// What people do to containers without telling us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meddling {
    /// `rm -f`.
    Remove,
    /// `stop`.
    Stop,
    /// `pause`.
    Pause,
    /// `unpause`.
    Unpause,
    /// `start`.
    Start,
}

fn blank(id: ContainerId, name: String, labels: Option<Labels>) -> Container {
    Container {
        id,
        name,
        labels,
        state: ContainerState::Created,
        exit: None,
        has_holder: false,
        is_stuck: false,
        was_refused: false,
        past: Vec::new(),
    }
}

fn conflict(container: &Container, what: &str) -> Result<EngineOk, EngineError> {
    Err(EngineError::Conflict {
        what: format!("{} is {}; it cannot be {what}", container.name, container.state),
    })
}

fn start(container: &mut Container) -> Result<EngineOk, EngineError> {
    match container.state {
        ContainerState::Running | ContainerState::Restarting => Ok(EngineOk::Done),
        ContainerState::Paused | ContainerState::Removing => conflict(container, "started"),
        ContainerState::Created | ContainerState::Exited | ContainerState::Dead if !container.has_holder => {
            Err(EngineError::Refused { status: 400, what: "no such file: the holder".to_string() })
        }
        ContainerState::Created | ContainerState::Exited | ContainerState::Dead if container.is_stuck => {
            let what = format!("task {}: already exists", container.id);
            Err(EngineError::Refused { status: 500, what })
        }
        ContainerState::Created | ContainerState::Exited | ContainerState::Dead => {
            container.turn(ContainerState::Running);
            Ok(EngineOk::Done)
        }
    }
}

fn pause(container: &mut Container) -> Result<EngineOk, EngineError> {
    match container.state {
        ContainerState::Paused => Ok(EngineOk::Done),
        ContainerState::Running => {
            container.turn(ContainerState::Paused);
            Ok(EngineOk::Done)
        }
        ContainerState::Created
        | ContainerState::Restarting
        | ContainerState::Removing
        | ContainerState::Exited
        | ContainerState::Dead => conflict(container, "paused"),
    }
}

fn unpause(container: &mut Container) -> EngineOk {
    match container.state {
        ContainerState::Paused => {
            container.turn(ContainerState::Running);
            EngineOk::Done
        }
        // What is not frozen is fine as it is.
        ContainerState::Created
        | ContainerState::Running
        | ContainerState::Restarting
        | ContainerState::Removing
        | ContainerState::Exited
        | ContainerState::Dead => EngineOk::Done,
    }
}

fn stop(container: &mut Container) -> EngineOk {
    if container.state.has_processes() {
        container.turn(ContainerState::Exited);
    }
    EngineOk::Done
}
