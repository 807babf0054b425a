//! The durable-replace protocol as a state machine over single file operations.
