//! ccells-shell touches everything and decides nothing: the adapters and the driver around the pure core.

pub mod adapters;
pub mod kernel;
