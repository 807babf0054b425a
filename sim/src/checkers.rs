//! What must be, whatever happens: one small file a promise, each naming its invariant.

pub mod careful;
pub mod converge;
pub mod durable;
pub mod exit;
pub mod files;
pub mod index;
pub mod known;
pub mod locks;
pub mod merges;
pub mod pace;
pub mod promises;
pub mod pushes;
pub mod quit;
pub mod rebases;
pub mod single;
pub mod strangers;
pub mod truth;
pub mod wishes;
pub mod work;
