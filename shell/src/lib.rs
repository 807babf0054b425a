//! Touches everything, decides nothing: the adapters, and what drives the core with them.

pub mod adapters;
pub mod backlog;
pub mod boot;
pub mod changes;
pub mod cli;
pub mod config;
pub mod control;
pub mod driver;
pub mod errands;
pub mod expiry;
pub mod forge;
pub mod handover;
pub mod holder_binary;
pub mod kernel;
pub mod mailbox;
pub mod patch;
pub mod paths;
pub mod perform;
pub mod pull_requests;
pub mod pulls;
pub mod runs;
pub mod session;
pub mod sessions;
pub mod settings;
pub mod terminal;
pub mod tui;
