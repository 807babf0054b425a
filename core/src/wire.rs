//! The framed protocol between a session and the holder. Sans-I/O: bytes in, frames out.
