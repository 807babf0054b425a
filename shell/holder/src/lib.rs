//! The terminal of an agent: the emulator that the holder and every pane use, and the holder itself.

#![deny(unsafe_code)]

pub mod emulator;
