//! The promises of ccells against the real thing: the real binary, the real engine, a real repository.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod blows;
mod camp;
mod chance;
mod cli;
mod contract;
mod crash;
mod disks;
mod docker;
mod engine_restart;
mod engine_truth;
mod errors;
mod full_disk;
mod harness;
mod hostile;
mod image;
mod liar;
mod lies;
mod locks;
mod machine;
mod merging;
mod panes;
mod planted;
mod power;
mod pushing;
mod readme;
mod rebasing;
mod refusals;
mod rig;
mod rounds;
mod sessions;
mod shutdown;
mod starting;
mod tap;
mod terminal;
mod tidy;
mod tracer;
mod trash;
mod tui;
mod work;
