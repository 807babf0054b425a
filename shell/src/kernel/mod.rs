//! All shared-memory code that is made by hand: four kernels, small enough to be explored schedule by
//! schedule.
//!
//! They take their primitives from `super::sync` and nowhere else. The loom models include the very same
//! files with another `sync` beside them, so what is explored is what is shipped.

pub mod gate;
pub mod outbox;
pub mod saver;
mod sync;
pub mod turns;
