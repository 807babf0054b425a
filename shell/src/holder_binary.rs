//! The holder, built static beside us.

/// Its bytes.
pub static HOLDER: &[u8] = b"";
