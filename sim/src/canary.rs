//! The faults planted in the program that the checkers must find, each within its own number of seeds.

pub use ccells_core::canary::Canary;

/// What is planted in a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Planted {
    /// Nothing: the program as it is.
    #[default]
    Nothing,
    /// A mistake of the core.
    InCore(Canary),
    /// A checker that always fails: it proves that red is red.
    Always,
}

impl Planted {
    /// What the core is to do wrong.
    pub fn in_core(self) -> Option<Canary> {
        match self {
            Self::InCore(canary) => Some(canary),
            Self::Nothing | Self::Always => None,
        }
    }

    /// Its name.
    pub fn name(self) -> String {
        match self {
            Self::InCore(canary) => format!("{canary:?}"),
            Self::Nothing => "nothing".to_string(),
            Self::Always => "Always".to_string(),
        }
    }
}

/// One planted fault and how it must be found.
#[derive(Clone, Copy, Debug)]
pub struct Plant {
    /// What.
    pub planted: Planted,
    /// Within so many seeds.
    pub within: u64,
}

/// All planted faults. The limits are some ten times what was measured.
pub fn all() -> Vec<Plant> {
    let within = |canary: Canary| match canary {
        Canary::TrackAtExit
        | Canary::CreateWithoutIntent
        | Canary::AdoptOtherHomes
        | Canary::NoRelist
        | Canary::FreshNameEachTry => 50,
        Canary::ForgetUnknown
        | Canary::CancelForgets
        | Canary::GoneIsAnError
        | Canary::AckBeforeDurable
        | Canary::RemoveDuringCreate
        | Canary::ReapUnknown
        | Canary::QuitWithoutDeadline
        | Canary::CorruptIsEmpty
        | Canary::IgnoreSaveError
        | Canary::ChangeBeforeDurable
        | Canary::StaleListAsFresh => 500,
    };
    let always = Plant { planted: Planted::Always, within: 1 };
    let core = Canary::ALL.into_iter().map(|it| Plant { planted: Planted::InCore(it), within: within(it) });
    std::iter::once(always).chain(core).collect()
}
