//! Cancellation of every effect in flight: whatever the run may wait for, at the very moment when it begins to, the wish
//! behind it is taken back, or the run is told to end, or to end at once. Nothing is sampled.

use ccells_core::event::{Ask, OnQuit};
use ccells_core::ids::WorkstreamId;
use ccells_core::limits;
use ccells_core::snapshot::EngineState;

use crate::cluster::flight::{Flying, Sprung};
use crate::cluster::{Asked, CALM_MS, Cluster};
use crate::dockerd::{Pulling, Weather};
use crate::workload;

/// How what is in flight is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Whoever wished for it wishes the contrary.
    TakenBack,
    /// The run is told to end.
    Quit,
    /// The run is told to end at once.
    QuitAtOnce,
}

/// What comes to pass in the scenario.
pub(super) const WAYS: [&str; 5] = [
    "taken back in flight",
    "quit in flight",
    "quit at once in flight",
    "a wish was answered with a refusal",
    "a wish came true all the same",
];

/// What somebody has done, so that something gets into flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Making,
    /// Making, while the registry says nothing more in the middle of the image.
    Pulling,
    /// Removing, if nothing would be lost.
    RemovingWithCare,
    Removing,
    Pausing,
    LettingGoOn,
    Stopping,
    Restarting,
    Reconciling,
    /// A run starts.
    Starting,
}

/// Every effect that has an answer, with all that can bring it about and be cancelled.
const FLIGHTS: [(Flying, Doing); 34] = [
    (Flying::ResolveBase, Doing::Making),
    (Flying::WriteIntent, Doing::Making),
    (Flying::PinBase, Doing::Making),
    (Flying::AddWorktree, Doing::Making),
    (Flying::BuildHome, Doing::Making),
    (Flying::CreateContainer, Doing::Making),
    (Flying::TrackContainer, Doing::Making),
    (Flying::UploadHolder, Doing::Making),
    (Flying::StartContainer, Doing::Making),
    (Flying::SaveState, Doing::Making),
    (Flying::ClearIntent, Doing::Making),
    (Flying::OpenSession, Doing::Making),
    (Flying::InspectWork, Doing::RemovingWithCare),
    (Flying::WriteIntent, Doing::Removing),
    (Flying::PauseContainer, Doing::Removing),
    (Flying::SnapshotWork, Doing::Removing),
    (Flying::RemoveContainer, Doing::Removing),
    (Flying::UntrackContainer, Doing::Removing),
    (Flying::RemoveWorktree, Doing::Removing),
    (Flying::RetireHome, Doing::Removing),
    (Flying::SaveState, Doing::Removing),
    (Flying::ClearIntent, Doing::Removing),
    (Flying::PauseContainer, Doing::Pausing),
    (Flying::SaveState, Doing::Pausing),
    (Flying::UnpauseContainer, Doing::LettingGoOn),
    (Flying::SaveState, Doing::LettingGoOn),
    (Flying::StopContainer, Doing::Stopping),
    (Flying::SaveState, Doing::Stopping),
    (Flying::RestartAgent, Doing::Restarting),
    (Flying::ListContainers, Doing::Reconciling),
    (Flying::ListContainers, Doing::Starting),
    (Flying::WatchEngine, Doing::Starting),
    (Flying::OpenSession, Doing::Starting),
    // The last: from then on there is a registry.
    (Flying::PullImage, Doing::Pulling),
];
/// What the machine can ask for and never does.
const NEVER: [Flying; 1] = [Flying::PingEngine];

/// What nobody wishes for here: the worlds of the pure core do, at every step of it.
const ELSEWHERE: [Flying; 8] = [
    Flying::RestoreWork,
    Flying::FetchWork,
    Flying::JudgeMerge,
    Flying::MoveBranch,
    Flying::PushWork,
    Flying::AimRebase,
    Flying::RebaseWork,
    Flying::MoveBase,
];

/// How often something is tried again that was over before the wish was heard.
const TRIES: u32 = 8;
/// How long an answer takes at most, while the engine is only slow.
const ANSWERED_MS: u64 = 120_000;
/// How long something takes to get into flight at most.
const TAKES_OFF_MS: u64 = 60_000;

/// Every effect in flight is cancelled in every way that it can be, and every wish is answered.
pub(super) fn cancellation_of_every_effect_in_flight(cluster: &mut Cluster) {
    for flying in Flying::ALL {
        let is_here = FLIGHTS.iter().any(|(at, _)| *at == flying);
        let is_left_out = NEVER.contains(&flying) || ELSEWHERE.contains(&flying);
        assert!(is_here != is_left_out, "what of {flying:?}?");
    }
    let known = cluster.create("first");
    if cluster.ground.choices.chance("slow", 5_000) {
        cluster.ground.dockerd.set_weather(Weather { slow: 3_000, slow_ms: 1_000, ..Weather::CALM });
    }
    for (at, doing) in FLIGHTS {
        for way in [Way::TakenBack, Way::Quit, Way::QuitAtOnce] {
            if way == Way::TakenBack && doing.taken_back(&known).is_none() {
                continue;
            }
            let is_cancelled = (0..TRIES).any(|_| cancelled(cluster, at, doing, way, &known));
            assert!(is_cancelled, "{at:?} was never in flight while {doing:?} when it was to be {way:?}");
        }
    }
    let flown = NEVER.iter().find(|flying| cluster.has_flown(**flying));
    assert!(flown.is_none(), "{flown:?} is asked for after all, and never cancelled here");
    cluster.promise(&known, true);
}

impl Doing {
    /// What is wished for.
    fn wish(self, id: &WorkstreamId) -> Option<Ask> {
        Some(match self {
            Self::RemovingWithCare | Self::Removing => {
                Ask::Remove { workstream: id.clone(), is_forced: self == Self::Removing, keep_branch: false }
            }
            Self::Pausing => Ask::Pause(id.clone()),
            Self::LettingGoOn => Ask::Resume(id.clone()),
            Self::Stopping => Ask::Stop(id.clone()),
            Self::Restarting => Ask::Restart(id.clone()),
            Self::Reconciling => Ask::Reconcile,
            Self::Making | Self::Pulling | Self::Starting => return None,
        })
    }

    /// The contrary wish, where there is one.
    fn taken_back(self, id: &WorkstreamId) -> Option<Ask> {
        match self {
            Self::Making | Self::Pulling | Self::RemovingWithCare | Self::Removing => {
                Some(Ask::Cancel(id.clone()))
            }
            Self::Pausing | Self::Stopping => Some(Ask::Resume(id.clone())),
            Self::LettingGoOn => Some(Ask::Pause(id.clone())),
            Self::Restarting => Some(Ask::Stop(id.clone())),
            Self::Reconciling | Self::Starting => None,
        }
    }
}

/// Brings something into flight and cancels it. Whether it was in flight when that was heard.
fn cancelled(cluster: &mut Cluster, at: Flying, doing: Doing, way: Way, known: &WorkstreamId) -> bool {
    let id = prepare(cluster, doing, known);
    let quit = || Ask::Quit { policy: OnQuit::KeepRunning };
    let ask = match way {
        Way::TakenBack => doing.taken_back(&id).expect("the caller has looked"),
        Way::Quit => quit(),
        Way::QuitAtOnce => Ask::QuitNow,
    };
    let ended_before = cluster.endings().len();
    let mut cancel = cluster.ambush(at, Some(&id), ask);
    let mut wish = begin(cluster, doing, &id);
    for _ in 0..TAKES_OFF_MS / 10 {
        if matches!(cluster.sprung(), Sprung::InFlight | Sprung::TooLate) {
            break;
        }
        cluster.step();
    }
    let sprung = cluster.lift_ambush();
    if sprung == Sprung::InFlight {
        cluster.ground.saw(WAYS[way as usize]);
    }
    if way != Way::TakenBack && matches!(sprung, Sprung::InFlight | Sprung::TooLate) {
        let limit_ms = if way == Way::Quit { limits::SHUTDOWN_MS } else { 1_000 };
        cluster.wait("Q1: the run has ended in time", limit_ms + 1_500, |cluster| {
            cluster.endings().len() > ended_before
        });
    } else {
        let is_made = sprung != Sprung::Waits;
        cluster.wait("Q5: every wish is answered", ANSWERED_MS, |_| {
            let is_answered = |asked: &mut Asked| asked.outcome().is_some();
            wish.as_mut().is_none_or(is_answered) && (!is_made || is_answered(&mut cancel))
        });
    }
    let outcome = |asked: &mut Asked| asked.outcome().map(Result::is_ok);
    let (wish, cancel) = (wish.as_mut().map(outcome), outcome(&mut cancel));
    // A wish that was heard is answered, also by a run that ends.
    assert!(wish != Some(None), "Q5: a wish is not answered: {at:?} while {doing:?}, {way:?}");
    cluster.start();
    settle(cluster, doing, way, &id, wish.flatten(), cancel);
    clear_up(cluster, &id, known);
    sprung == Sprung::InFlight
}

/// Whose it is to be, in the state that it takes.
fn prepare(cluster: &mut Cluster, doing: Doing, known: &WorkstreamId) -> WorkstreamId {
    match doing {
        Doing::Making => return cluster.fresh_id(),
        Doing::Pulling => {
            cluster.ground.dockerd.set_pull(&workload::settings().image, Pulling::Hangs);
            return cluster.fresh_id();
        }
        Doing::RemovingWithCare | Doing::Removing => return cluster.create("goes"),
        Doing::Reconciling => {}
        Doing::Pausing | Doing::Stopping | Doing::Restarting => runs(cluster, known),
        Doing::LettingGoOn => {
            runs(cluster, known);
            let outcome = cluster.ask_and_wait(Ask::Pause(known.clone()), CALM_MS);
            assert!(outcome.is_ok(), "{outcome:?}");
        }
        Doing::Starting => {
            runs(cluster, known);
            cluster.quit(limits::SHUTDOWN_MS + 1_500);
        }
    }
    known.clone()
}

/// Has it run with its terminal attached, whatever was done to it.
fn runs(cluster: &mut Cluster, id: &WorkstreamId) {
    let outcome = cluster.ask_and_wait(Ask::Resume(id.clone()), CALM_MS);
    assert!(outcome.is_ok(), "{outcome:?}");
    cluster.wait_attached(id);
}

/// Does it. A start is no wish.
fn begin(cluster: &mut Cluster, doing: Doing, id: &WorkstreamId) -> Option<Asked> {
    match doing.wish(id) {
        Some(ask) => Some(cluster.ask(ask)),
        None if matches!(doing, Doing::Making | Doing::Pulling) => Some(cluster.begin_as(id, "short")),
        None => {
            cluster.start_unseen();
            None
        }
    }
}

/// Notes what was acknowledged: whether the wish came true, and what took it back.
fn settle(
    cluster: &mut Cluster,
    doing: Doing,
    way: Way,
    id: &WorkstreamId,
    wish: Option<bool>,
    cancel: Option<bool>,
) {
    let is_taken_back = way == Way::TakenBack && cancel == Some(true);
    match wish {
        Some(true) => cluster.ground.saw(WAYS[4]),
        Some(false) => cluster.ground.saw(WAYS[3]),
        None => {}
    }
    match doing {
        Doing::Making | Doing::Pulling if is_taken_back => cluster.promise(id, false),
        Doing::Making | Doing::Pulling if wish == Some(true) => cluster.promise(id, true),
        Doing::RemovingWithCare | Doing::Removing if wish == Some(true) => cluster.promise(id, false),
        // What was refused or interrupted may be taken up again, or not.
        Doing::Making | Doing::Pulling | Doing::RemovingWithCare | Doing::Removing => cluster.release(id),
        Doing::Pausing
        | Doing::LettingGoOn
        | Doing::Stopping
        | Doing::Restarting
        | Doing::Reconciling
        | Doing::Starting => cluster.promise(id, true),
    }
}

/// What is left of a try is taken away: the next one finds a run with one workstream.
fn clear_up(cluster: &mut Cluster, id: &WorkstreamId, known: &WorkstreamId) {
    cluster.wait("the run has seen the engine", CALM_MS, |cluster| {
        cluster.snapshot().is_some_and(|picture| picture.engine == EngineState::Up)
    });
    if id == known || cluster.card(id).is_none() {
        return;
    }
    let remove = Ask::Remove { workstream: id.clone(), is_forced: true, keep_branch: false };
    let outcome = cluster.ask_and_wait(remove, CALM_MS);
    if outcome.is_ok() {
        cluster.promise(id, false);
    } else {
        cluster.release(id);
    }
}
