//! The terminals inside the screen: how keys become bytes for an agent, how its grid becomes cells of ours, and what
//! becomes of its lines when they have scrolled away.

pub mod history;
pub mod input;
pub mod outward;
pub mod packed;
pub mod paint;
pub mod rows;
pub mod search;
pub mod selection;
#[cfg(test)]
mod tests;
pub mod transcript;
pub mod underline;
