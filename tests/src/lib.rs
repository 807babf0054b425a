//! A rig without an engine: programs of its own under real holders, and the screen of ccells over them. Tests and benches
//! put it into a terminal and play the person before it.

pub mod agents;
pub mod corpus;
pub mod holders;
pub mod viewer;
pub mod world;
