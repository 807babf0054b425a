//! Touches everything, decides nothing: the adapters, and what drives the core with them.

pub mod adapters;
pub mod boot;
pub mod config;
pub mod kernel;
pub mod paths;
