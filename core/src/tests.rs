//! What the machine promises, one file a promise, told as conversations: see [`conversation::check`].

mod conversation;
mod world;

mod cancel;
mod create;
mod destroy;
mod engine;
mod life;
mod sessions;
