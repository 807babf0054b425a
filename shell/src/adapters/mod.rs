//! The adapters: the only rooms that touch the world, one port each.

pub mod clock;
pub mod desktop;
pub mod dial;
pub mod docker;
pub mod durable;
pub mod entropy;
pub mod files;
pub mod gh;
pub mod git;
pub mod holder;
pub mod home;
pub mod locks;
pub mod process;
pub mod signals;
pub mod weight;
