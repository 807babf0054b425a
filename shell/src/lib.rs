//! stub

pub mod adapters;
