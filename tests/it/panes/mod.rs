//! The panes, by keys, mouse and sizes: the real screen in a terminal over real holders, without an engine.

mod changes;
mod hostile;
mod keys;
mod mouse;
mod soak;
