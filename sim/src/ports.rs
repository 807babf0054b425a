//! The simulated world behind the ports: a disk, an engine, a git repository.

pub mod engine;
pub mod files;
pub mod git;
