//! The primitives the kernels are built on: the standard library's here, loom's in the models.

pub(super) use std::sync::{Condvar, Mutex};
