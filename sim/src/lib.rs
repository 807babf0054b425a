//! The weather: a seeded world in which ccells must lose nothing.

pub mod choice;
pub mod ports;
