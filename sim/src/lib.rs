//! The weather: seeded worlds in which ccells must lose nothing.

pub mod boot;
pub mod calls;
pub mod campaign;
pub mod canary;
pub mod checkers;
pub mod choice;
pub mod cluster;
pub mod corpus;
pub mod coverage;
pub mod dockerd;
pub mod exhaustive;
pub mod faults;
pub mod flaws;
pub mod fork;
pub mod merging;
pub mod oracle;
pub mod perform;
pub mod ports;
pub mod process;
pub mod proofs;
pub mod shrink;
pub mod trace;
pub mod workload;
pub mod world;
