//! What the git adapter promises, against the real git: nothing of the user's changes, nothing of the agent's runs,
//! nothing of anybody's is lost, and every operation may be killed anywhere and done again.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "what was measured or skipped is told")]

mod base;
mod diff;
mod fetch;
mod fork;
mod hostile;
mod included;
mod killed;
mod life;
mod merge;
mod moving;
mod property;
mod push;
mod sweep;
mod taken;
mod trash;
mod yard;
mod zoo;
