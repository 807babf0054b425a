//! What every implementation of a port must do, real or simulated. These files know neither: the tests of the real
//! adapters and those of the simulator include the very same cases.

pub(crate) mod clock;
pub(crate) mod engine;
pub(crate) mod git;
