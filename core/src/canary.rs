//! Faults planted for the simulator to find: each is a mistake that somebody could make. Only a build with the feature
//! `canary` can plant one; in every other build asking is answered with a constant `false`.

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Canary {
    /// Containers are written into the index only when the run ends.
    TrackAtExit,
    /// Containers are made without a durable intent.
    CreateWithoutIntent,
    /// A creation without an answer counts as one that did not happen.
    ForgetUnknown,
    /// Cancelling a creation forgets the request in flight.
    CancelForgets,
    /// A damaged state counts as an empty one and is written over.
    CorruptIsEmpty,
    /// A container that is gone already cannot be removed.
    GoneIsAnError,
    /// A new workstream is acknowledged before anything of it is durable.
    AckBeforeDurable,
    /// A workstream can be removed while its container is being made.
    RemoveDuringCreate,
    /// A listing counts as of the time it is heard, not asked for.
    StaleListAsFresh,
    /// Containers of other homes are taken for ours.
    AdoptOtherHomes,
    /// Containers that no file knows of are removed.
    ReapUnknown,
    /// Every try to make a container gives it another name.
    FreshNameEachTry,
    /// The end of a run waits for answers for ever.
    QuitWithoutDeadline,
    /// Containers are listed only when something is known to have changed.
    NoRelist,
    /// A state that could not be saved counts as saved.
    IgnoreSaveError,
    /// A change of a container is acknowledged before the state durably says so.
    ChangeBeforeDurable,
    /// A run beats once and never again.
    BeatOnce,
    /// A state that could not be saved is not tried again.
    NoResave,
    /// A listing that failed counts as one that shows nothing.
    SilenceIsEmpty,
    /// A session that ends counts as a container that has.
    SessionEndMeansExit,
    /// A session is opened at every turn, also when one is open.
    SessionEachTime,
    /// A session that is lost is opened again at once, for ever.
    NoBackoff,
    /// Wishes that had to wait for the engine are dropped.
    HeldBackForgotten,
    /// An answer that is not waited for counts as one that is.
    LateAnswerTrusted,
    /// A change of a container that was not answered counts as done.
    UnknownIsDone,
    /// A workstream whose container is gone is forgotten with it.
    LostIsForgotten,
    /// A new workstream is acknowledged without its place in the state.
    StateNotSaved,
    /// A removal does not wait for what may still land.
    NoSettling,
    /// Uncommitted work is not kept when a worktree goes.
    SnapshotSkipped,
    /// Uncommitted work is kept while its agent still writes.
    SnapshotFirst,
    /// What is brought back is made anew, without its files.
    UndoSkipsFiles,
    /// What the last quit froze only after this run had begun stays frozen.
    LatePauseStays,
    /// A branch of the user moves before the intent that says so is durable.
    MergeWithoutIntent,
    /// A push that nobody forced is forced.
    PushForced,
    /// What is pushed is not what was fetched.
    PushUnfetched,
    /// A rebase is asked for before its intent is durable.
    RebaseWithoutIntent,
    /// A removal that is not forced goes on as if it were.
    ForceIgnored,
    /// A branch that was to stay goes with its worktree.
    BranchNotKept,
    /// A run that may only look does what it is asked.
    LookerActs,
    /// The second signal waits for what the first one waits for.
    SecondSignalWaits,
    /// The end of a run does not wait for the state to be durable.
    QuitDoesNotSave,
    /// The end of a run freezes agents without writing down that it was us.
    QuitDoesNotRecord,
    /// A run that only looked freezes the agents of the one that works.
    QuitPausesAll,
    /// The end of a run freezes nothing and says it did.
    QuitPausesNothing,
    /// A start stops the agents that it finds at work.
    StopsAtStart,
    /// A start starts the agents that the user has stopped.
    StartsStopped,
    /// A start lets agents go on that the user has frozen.
    ResumesPaused,
    /// A run that could not read everything takes away what it believes to be half removed.
    CarefulRunDeletes,
    /// A run goes on although another one holds the repository.
    LockIgnored,
    /// A run whose beat is old counts as dead, though it holds its lock.
    StaleByTime,
    /// A dead run counts as alive when its pid lives again.
    PidTrusted,
    /// A start relies on what it finds without making that durable.
    FoundIsNotSettled,
    /// A state that cannot be read counts as one that never was.
    UnreadableIsFresh,
    /// A container that was made again counts as stopped by whoever stopped the one before.
    MadeAgainIsStopped,
    /// What is so already is acknowledged, also while the state does not durably say so.
    SoAlready,
    /// What the last end of a run froze counts as frozen by the user who asks for that.
    FrozenIsFrozen,
    /// A container that never ran counts as one that has exited once it is stopped.
    NeverRanHasExited,
    /// A container that the engine refuses to start is tried for ever, and no other is made.
    NeverMadeAgain,
    /// Whoever slept over a listing lists again when the next one would have been due.
    SleptOver,
    /// A making is taken back without a look at what its agent has done.
    TakenBackUnseen,
    /// Only what is frozen can be resumed: what a reboot has ended stays ended.
    EndedIsFinal,
    /// Where the file system has no locks, a run goes on without.
    LocksNotNeeded,
    /// A damaged state keeps every run out.
    DamageKeepsOut,
    /// A container is asked for before its intent is durable, against the machine's own asserts.
    IntentNotAwaited,
    /// A wait that is over is waited for again and again, until the listing that ends it is heard.
    WaitsForThePast,
}

impl Canary {
    /// All.
    pub const ALL: [Self; 65] = [
        Self::TrackAtExit,
        Self::CreateWithoutIntent,
        Self::ForgetUnknown,
        Self::CancelForgets,
        Self::CorruptIsEmpty,
        Self::GoneIsAnError,
        Self::AckBeforeDurable,
        Self::RemoveDuringCreate,
        Self::StaleListAsFresh,
        Self::AdoptOtherHomes,
        Self::ReapUnknown,
        Self::FreshNameEachTry,
        Self::QuitWithoutDeadline,
        Self::NoRelist,
        Self::IgnoreSaveError,
        Self::ChangeBeforeDurable,
        Self::BeatOnce,
        Self::NoResave,
        Self::SilenceIsEmpty,
        Self::SessionEndMeansExit,
        Self::SessionEachTime,
        Self::NoBackoff,
        Self::HeldBackForgotten,
        Self::LateAnswerTrusted,
        Self::UnknownIsDone,
        Self::LostIsForgotten,
        Self::StateNotSaved,
        Self::NoSettling,
        Self::SnapshotSkipped,
        Self::SnapshotFirst,
        Self::UndoSkipsFiles,
        Self::LatePauseStays,
        Self::MergeWithoutIntent,
        Self::PushForced,
        Self::PushUnfetched,
        Self::RebaseWithoutIntent,
        Self::ForceIgnored,
        Self::BranchNotKept,
        Self::LookerActs,
        Self::SecondSignalWaits,
        Self::QuitDoesNotSave,
        Self::QuitDoesNotRecord,
        Self::QuitPausesAll,
        Self::QuitPausesNothing,
        Self::StopsAtStart,
        Self::StartsStopped,
        Self::ResumesPaused,
        Self::CarefulRunDeletes,
        Self::LockIgnored,
        Self::StaleByTime,
        Self::PidTrusted,
        Self::FoundIsNotSettled,
        Self::UnreadableIsFresh,
        Self::MadeAgainIsStopped,
        Self::SoAlready,
        Self::FrozenIsFrozen,
        Self::NeverRanHasExited,
        Self::NeverMadeAgain,
        Self::SleptOver,
        Self::TakenBackUnseen,
        Self::EndedIsFinal,
        Self::LocksNotNeeded,
        Self::DamageKeepsOut,
        Self::IntentNotAwaited,
        Self::WaitsForThePast,
    ];
}

/// The mistake that a machine makes, if any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planted(Option<Canary>);

impl Planted {
    /// This one, or none.
    #[cfg(feature = "canary")]
    pub fn new(canary: Option<Canary>) -> Self {
        Self(canary)
    }

    /// Whether it is this one.
    pub fn is(self, canary: Canary) -> bool {
        cfg!(feature = "canary") && self.0 == Some(canary)
    }
}
