//! ccells-core decides everything and touches nothing. See `README.md` beside this crate for its laws.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod agent;
pub mod canary;
pub mod container;
pub mod deadlines;
pub mod effect;
pub mod event;
pub mod heartbeat;
pub mod ids;
pub mod limits;
pub mod machine;
pub mod naming;
pub mod places;
pub mod ports;
pub mod reading;
pub mod record;
pub mod recovery;
pub mod ring;
pub mod shutdown;
pub mod snapshot;
pub mod store;
pub mod surroundings;
#[cfg(test)]
mod tests;
pub mod time;
pub mod tracking;
pub mod trash;
pub mod wire;
pub mod workstream;

/// Whether this build carries the simulator's planted faults. The program refuses to be released with them.
pub const HAS_CANARIES: bool = cfg!(feature = "canary");
