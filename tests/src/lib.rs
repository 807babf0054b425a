//! Test-only crate: everything is in `it/`.
