//! The holder: the small static program that goes into every container, built with us by `build.rs`.

/// Its bytes.
pub static HOLDER: &[u8] = include_bytes!(env!("CCELLS_HOLDER"));
