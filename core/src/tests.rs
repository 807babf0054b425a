//! What the machine promises, one file a promise, told as conversations: see [`conversation::check`].

#![expect(clippy::wildcard_enum_match_arm, reason = "a test names the effects it is about")]
#![expect(clippy::print_stdout, reason = "a failing history and the number of histories are for the reader")]

mod answers;
mod conversation;
mod world;

pub(crate) use world::World;

mod boot;
mod cancel;
mod create;
mod destroy;
mod engine;
mod exhaustive;
mod late;
mod life;
mod merge;
mod properties;
mod pull;
mod push;
mod quit;
mod rebase;
mod saving;
mod sessions;
mod spec;
mod undo;
mod wishes;
