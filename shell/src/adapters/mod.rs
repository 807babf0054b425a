//! The adapters: the only rooms that touch the world, one port each.

pub mod dial;
pub mod docker;
