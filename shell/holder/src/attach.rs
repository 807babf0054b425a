//! The tunnel to a holder's socket, for a session that reaches the container through an engine's exec only.
//! Touches sockets and the process's own streams.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

/// Bytes moved at once.
const CHUNK: usize = 64 * 1_024;

/// Carries bytes between the socket and the process's streams, unchanged, until either side ends.
pub fn attach(socket: &Path) -> io::Result<()> {
    let stream = UnixStream::connect(socket).map_err(|error| {
        let reason = format!("no holder answers at {}: {error}", socket.display());
        io::Error::new(error.kind(), reason)
    })?;
    let (mut to_holder, mut from_holder) = (stream.try_clone()?, stream);
    let (ended, wait) = mpsc::channel();
    let also_ended = ended.clone();
    // Both are left behind when the first of them ends: the caller ends the process.
    thread::spawn(move || {
        let result = pump(&mut io::stdin().lock(), &mut to_holder);
        let _ = to_holder.shutdown(Shutdown::Both);
        let _ = ended.send(result);
    });
    thread::spawn(move || also_ended.send(pump(&mut from_holder, &mut io::stdout().lock())));
    wait.recv().map_err(io::Error::other)?
}

/// Copies until the end, each piece at once. Whoever went away has ended.
fn pump(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let result = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(&buffer[..count]).and_then(|()| to.flush()),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}
