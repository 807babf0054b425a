//! Touches everything, decides nothing: the adapters, and what drives the core with them.

pub mod adapters;
