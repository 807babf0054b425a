//! The terminals inside the screen: how keys become bytes for an agent, and how its grid becomes cells of ours.

pub mod input;
pub mod outward;
pub mod paint;
pub mod rows;
