//! The way to a simulated engine without a network: a pipe in memory for each stream.

use std::io;

use ccells_shell::adapters::dial::{Dial, Dialing, Io};

use super::Dockerd;

/// Bytes that a pipe holds.
const PIPE_BYTES: usize = 64 * 1_024;

/// Dials a simulated engine in this process.
#[derive(Clone)]
pub struct PipeDial(pub Dockerd);

impl Dial for PipeDial {
    fn dial(&self) -> Dialing {
        let dockerd = self.0.clone();
        Box::pin(async move {
            if !dockerd.is_up() {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
            tokio::spawn(async move { dockerd.serve(theirs).await });
            Ok(Box::new(ours) as Box<dyn Io>)
        })
    }

    fn endpoint(&self) -> String {
        "pipe://dockerd".to_owned()
    }

    fn is_local(&self) -> bool {
        false
    }
}
