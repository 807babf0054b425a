//! What the machine promises, one file a promise, told as conversations: see [`conversation::check`].

mod conversation;
mod world;

mod boot;
mod cancel;
mod create;
mod destroy;
mod engine;
mod exhaustive;
mod late;
mod life;
mod quit;
mod saving;
mod sessions;
