//! The promises of the terminal and of the holder, tested from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod conformance;
mod emulator;
mod holder;
mod hostile;
mod oracle;
mod picture;
mod recordings;
mod support;
