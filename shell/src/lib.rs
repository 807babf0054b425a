//! The shell of ccells: touches everything, decides nothing.

pub mod holder_binary;
