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
}

impl Canary {
    /// All.
    pub const ALL: [Self; 16] = [
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
