//! What every implementation of a port must do, real or simulated.

pub(crate) mod engine;
