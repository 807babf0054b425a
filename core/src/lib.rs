//! ccells-core decides everything and touches nothing. See `README.md` beside this crate for its laws.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod agent;
pub mod container;
pub mod ids;
pub mod limits;
pub mod ports;
pub mod ring;
pub mod store;
pub mod time;
pub mod wire;

/// Whether this build carries the simulator's planted faults. The program refuses to be released with them.
pub const HAS_CANARIES: bool = cfg!(feature = "canary");
