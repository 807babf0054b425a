//! The terminal of an agent: the emulator that the holder and every pane use, and the holder itself.

#![deny(unsafe_code)]

pub mod cli;
pub mod emulator;

mod agent;
mod attach;
mod desk;
mod serve;
mod session;

pub use self::agent::is_executable;
pub use self::attach::attach;
pub use self::desk::{Desk, SessionId, Wish};
pub use self::serve::{Serve, serve};
