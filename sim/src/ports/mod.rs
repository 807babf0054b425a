//! The simulated side of each port.

pub mod engine;
pub mod files;
pub mod git;
pub mod merges;
pub mod platter;
pub mod rebases;
pub mod remotes;
