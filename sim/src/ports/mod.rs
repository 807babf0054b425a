//! The simulated side of each port.

pub mod files;
