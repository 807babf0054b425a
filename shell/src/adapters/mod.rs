//! The only code that touches the world: one adapter a file, each the real side of a port.

pub mod files;
pub mod home;
pub mod locks;
pub mod process;
