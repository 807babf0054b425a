//! What every [`Engine`] must do. The cases know nothing of Docker, so that the simulated engine is held to the same.

use std::sync::atomic::{AtomicUsize, Ordering};

use ccells_core::container::{ContainerExit, ContainerSpec, ContainerState, Observed};
use ccells_core::ids::{ContainerId, HomeId};
use ccells_core::ports::{Engine, EngineError, PullProgress};

/// What the main process of a container does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    /// It stays until it is asked to leave.
    Stays,
    /// It leaves at once, with this code.
    Exits(i64),
    /// It takes more memory than it may.
    EatsMemory,
}

/// An engine to try, and what is needed to try it.
pub(crate) trait World {
    /// The engine.
    type Engine: Engine;
    /// The engine.
    fn engine(&self) -> &Self::Engine;
    /// The home that is ours.
    fn home(&self) -> &HomeId;
    /// Another home on the same engine.
    fn other_home(&self) -> &HomeId;
    /// A container of our home: `tag` tells it from others, of any run.
    fn spec(&self, tag: &str, behaviour: Behaviour) -> ContainerSpec;
    /// Lets some time pass.
    async fn wait_a_moment(&self);
}

/// All cases, for a runner to name each as a test: `cases!(runner)` calls `runner!(case)` for each.
macro_rules! cases {
    ($runner:ident) => {
        $runner!(making_it_twice_gives_the_same_container);
        $runner!(a_name_that_means_something_else_is_a_conflict);
        $runner!(the_name_of_a_stranger_is_a_conflict);
        $runner!(only_our_home_is_listed);
        $runner!(starting_twice_is_fine);
        $runner!(freezing_twice_is_fine);
        $runner!(what_does_not_run_cannot_be_frozen);
        $runner!(what_is_frozen_can_be_stopped);
        $runner!(what_has_ended_can_be_started_again);
        $runner!(what_is_not_there_is_not_found);
        $runner!(removing_twice_is_fine);
        $runner!(what_is_not_ours_is_left_alone);
        $runner!(how_it_ended_is_seen);
        $runner!(want_of_memory_is_seen);
        $runner!(an_image_that_is_not_there_says_what_to_do);
        $runner!(an_image_that_cannot_be_got_says_what_to_do);
    };
}
pub(crate) use cases;

/// A container that was made, given its holder and started.
async fn started<W: World>(world: &W, spec: &ContainerSpec) -> ContainerId {
    let engine = world.engine();
    let id = engine.create_container(spec).await.unwrap();
    engine.upload_holder(&id).await.unwrap();
    engine.start_container(&id).await.unwrap();
    id
}

async fn seen<W: World>(world: &W, spec: &ContainerSpec) -> Option<Observed> {
    let all = world.engine().list_containers(&spec.labels.home).await.unwrap();
    all.into_iter().find(|observed| observed.name == spec.name)
}

async fn state<W: World>(world: &W, spec: &ContainerSpec) -> Option<ContainerState> {
    seen(world, spec).await.map(|observed| observed.state)
}

async fn ended<W: World>(world: &W, spec: &ContainerSpec) -> ContainerExit {
    for _ in 0..500 {
        if let Some(exit) = seen(world, spec).await.and_then(|observed| observed.exit) {
            return exit;
        }
        world.wait_a_moment().await;
    }
    panic!("{} has not ended", spec.name);
}

fn is_conflict<T>(result: &Result<T, EngineError>) -> bool {
    matches!(result, Err(EngineError::Conflict { what }) if !what.is_empty())
}

pub(crate) async fn making_it_twice_gives_the_same_container<W: World>(world: &W) {
    let spec = world.spec("one", Behaviour::Stays);
    let first = world.engine().create_container(&spec).await.unwrap();
    assert_eq!(world.engine().create_container(&spec).await.unwrap(), first);
    world.engine().upload_holder(&first).await.unwrap();
    world.engine().start_container(&first).await.unwrap();
    assert_eq!(world.engine().create_container(&spec).await.unwrap(), first, "also when it runs");
    assert_eq!(world.engine().list_containers(world.home()).await.unwrap().len(), 1);
}

pub(crate) async fn a_name_that_means_something_else_is_a_conflict<W: World>(world: &W) {
    let spec = world.spec("one", Behaviour::Stays);
    let first = world.engine().create_container(&spec).await.unwrap();
    let mut other = spec.clone();
    other.argv.push("another word".into());
    other.labels.config_hash = other.config_hash();
    let refused = world.engine().create_container(&other).await;
    assert!(is_conflict(&refused), "{refused:?}");
    let mut other = spec.clone();
    other.labels.workstream = world.spec("two", Behaviour::Stays).labels.workstream;
    let refused = world.engine().create_container(&other).await;
    assert!(is_conflict(&refused), "{refused:?}");
    assert_eq!(world.engine().create_container(&spec).await.unwrap(), first);
}

pub(crate) async fn the_name_of_a_stranger_is_a_conflict<W: World>(world: &W) {
    let mut stranger = world.spec("one", Behaviour::Stays);
    let ours = stranger.clone();
    stranger.labels.home = world.other_home().clone();
    world.engine().create_container(&stranger).await.unwrap();
    let refused = world.engine().create_container(&ours).await;
    assert!(is_conflict(&refused), "{refused:?}");
}

pub(crate) async fn only_our_home_is_listed<W: World>(world: &W) {
    assert_eq!(world.engine().list_containers(world.home()).await.unwrap(), []);
    let (b, a) = (world.spec("b", Behaviour::Stays), world.spec("a", Behaviour::Stays));
    let mut stranger = world.spec("c", Behaviour::Stays);
    stranger.labels.home = world.other_home().clone();
    let b_id = started(world, &b).await;
    let a_id = world.engine().create_container(&a).await.unwrap();
    world.engine().create_container(&stranger).await.unwrap();

    let observed = |spec: &ContainerSpec, id: &ContainerId, state| Observed {
        id: id.clone(),
        name: spec.name.clone(),
        labels: spec.labels.clone(),
        state,
        exit: None,
    };
    let mut expected =
        vec![observed(&a, &a_id, ContainerState::Created), observed(&b, &b_id, ContainerState::Running)];
    expected.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(world.engine().list_containers(world.home()).await.unwrap(), expected);
    assert_eq!(world.engine().list_containers(world.other_home()).await.unwrap().len(), 1);
}

pub(crate) async fn starting_twice_is_fine<W: World>(world: &W) {
    let spec = world.spec("one", Behaviour::Stays);
    let id = started(world, &spec).await;
    world.engine().start_container(&id).await.unwrap();
    world.engine().upload_holder(&id).await.unwrap();
    assert_eq!(state(world, &spec).await, Some(ContainerState::Running));
}

pub(crate) async fn freezing_twice_is_fine<W: World>(world: &W) {
    let spec = world.spec("one", Behaviour::Stays);
    let id = started(world, &spec).await;
    for _ in 0..2 {
        world.engine().pause_container(&id).await.unwrap();
        assert_eq!(state(world, &spec).await, Some(ContainerState::Paused));
    }
    for _ in 0..2 {
        world.engine().unpause_container(&id).await.unwrap();
        assert_eq!(state(world, &spec).await, Some(ContainerState::Running));
    }
}

pub(crate) async fn what_does_not_run_cannot_be_frozen<W: World>(world: &W) {
    let spec = world.spec("one", Behaviour::Exits(0));
    let id = world.engine().create_container(&spec).await.unwrap();
    let refused = world.engine().pause_container(&id).await;
    assert!(is_conflict(&refused), "{refused:?}");
    world.engine().unpause_container(&id).await.unwrap();
    world.engine().stop_container(&id).await.unwrap();
    world.engine().upload_holder(&id).await.unwrap();
    world.engine().start_container(&id).await.unwrap();
    ended(world, &spec).await;
    let refused = world.engine().pause_container(&id).await;
    assert!(is_conflict(&refused), "{refused:?}");
    world.engine().unpause_container(&id).await.unwrap();
}

pub(crate) async fn what_is_frozen_can_be_stopped<W: World>(world: &W) {
    let spec = world.spec("one", Behaviour::Stays);
    let id = started(world, &spec).await;
    world.engine().pause_container(&id).await.unwrap();
    for _ in 0..2 {
        world.engine().stop_container(&id).await.unwrap();
        assert_eq!(state(world, &spec).await, Some(ContainerState::Exited));
    }
    let code = ended(world, &spec).await.code;
    assert!([143, 137].contains(&code), "ended by a signal, not by {code}");
}

pub(crate) async fn what_has_ended_can_be_started_again<W: World>(world: &W) {
    let spec = world.spec("one", Behaviour::Stays);
    let id = started(world, &spec).await;
    world.engine().stop_container(&id).await.unwrap();
    world.engine().start_container(&id).await.unwrap();
    let again = seen(world, &spec).await.unwrap();
    assert_eq!((again.state, again.exit), (ContainerState::Running, None));
}

pub(crate) async fn what_is_not_there_is_not_found<W: World>(world: &W) {
    let (engine, id) = (world.engine(), ContainerId::parse(&"ab".repeat(32)).unwrap());
    for result in [
        engine.upload_holder(&id).await,
        engine.start_container(&id).await,
        engine.pause_container(&id).await,
        engine.unpause_container(&id).await,
        engine.stop_container(&id).await,
    ] {
        assert!(matches!(&result, Err(EngineError::NotFound { what }) if !what.is_empty()), "{result:?}");
    }
}

pub(crate) async fn removing_twice_is_fine<W: World>(world: &W) {
    let engine = world.engine();
    let (frozen, made) = (world.spec("frozen", Behaviour::Stays), world.spec("made", Behaviour::Stays));
    let id = started(world, &frozen).await;
    engine.pause_container(&id).await.unwrap();
    engine.create_container(&made).await.unwrap();
    for name in [&frozen.name, &made.name] {
        for _ in 0..2 {
            engine.remove_container(world.home(), name).await.unwrap();
        }
    }
    engine.remove_container(world.home(), "never-was").await.unwrap();
    engine.remove_container(world.home(), id.short()).await.unwrap();
    assert_eq!(engine.list_containers(world.home()).await.unwrap(), []);
}

pub(crate) async fn what_is_not_ours_is_left_alone<W: World>(world: &W) {
    let engine = world.engine();
    let mut stranger = world.spec("one", Behaviour::Stays);
    stranger.labels.home = world.other_home().clone();
    let id = engine.create_container(&stranger).await.unwrap();
    let refused = engine.remove_container(world.home(), &stranger.name).await;
    assert!(is_conflict(&refused), "{refused:?}");
    // An engine takes the beginning of an id for a name as well.
    engine.remove_container(world.other_home(), id.short()).await.unwrap();
    assert_eq!(state(world, &stranger).await, Some(ContainerState::Created));
}

pub(crate) async fn how_it_ended_is_seen<W: World>(world: &W) {
    let spec = world.spec("one", Behaviour::Exits(7));
    started(world, &spec).await;
    assert_eq!(ended(world, &spec).await, ContainerExit { code: 7, was_out_of_memory: false });
    assert_eq!(state(world, &spec).await, Some(ContainerState::Exited));
}

pub(crate) async fn want_of_memory_is_seen<W: World>(world: &W) {
    // An engine hears of the end and of its cause by two ways, and a busy one now and then of the cause too late.
    for tag in ["one", "two", "three", "four", "five"] {
        let spec = world.spec(tag, Behaviour::EatsMemory);
        started(world, &spec).await;
        let exit = ended(world, &spec).await;
        assert_eq!(exit.code, 137);
        if exit.was_out_of_memory {
            return;
        }
    }
    panic!("the cause was never told");
}

pub(crate) async fn an_image_that_is_not_there_says_what_to_do<W: World>(world: &W) {
    let mut spec = world.spec("one", Behaviour::Stays);
    spec.image = "ccells-test-no-such-image:1".into();
    let error = world.engine().create_container(&spec).await.unwrap_err();
    assert!(matches!(&error, EngineError::NotFound { what } if what.contains(&spec.image)), "{error:?}");
    assert!(error.to_string().contains("docker pull ccells-test-no-such-image:1"), "{error}");
}

pub(crate) async fn an_image_that_cannot_be_got_says_what_to_do<W: World>(world: &W) {
    // By its name no such registry can ever be.
    let image = "registry.ccells-test.invalid/nothing:1";
    let told = AtomicUsize::new(0);
    let tell = |progress: PullProgress| {
        told.fetch_add(usize::from(progress.bytes > 0), Ordering::SeqCst);
    };
    let error = world.engine().pull_image(image, tell).await.unwrap_err();
    let is_told = matches!(error, EngineError::NotFound { .. } | EngineError::Refused { .. });
    assert!(is_told && error.to_string().contains(&format!("docker pull {image}")), "{error:?}");
    assert_eq!(told.into_inner(), 0, "nothing of it has come");
}
