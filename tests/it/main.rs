//! The promises of ccells against the real thing: the real binary, the real engine, a real repository.

mod camp;
mod contract;
mod docker;
mod hostile;
