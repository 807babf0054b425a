//! stub
pub mod terminal;
pub mod tui;
