//! The bounded replay ring of a holder: raw output, numbered by byte.
