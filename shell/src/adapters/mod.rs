//! One adapter a file: the real world behind the ports of the core.

pub mod git;
