//! Touches the world: the way to an agent's holder. Its socket in the workstream's directory when the engine is on
//! this machine, a tunnel through an exec of the engine otherwise.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsRawFd;
use std::path::Path;

use ccells_core::container::{HOLDER, HOLDER_SOCKET, LAST_SCREEN};
use ccells_core::ids::ContainerId;
use ccells_core::limits;
use rustix::fs::{FileType, Mode, OFlags};
use tokio::net::UnixStream;

use super::dial::Io;
use super::docker::DockerEngine;

/// Opens a stream to the holder of `container`, whose workstream's own directory is `directory`.
pub async fn connect(
    engine: &DockerEngine,
    container: &ContainerId,
    directory: &Path,
) -> io::Result<Box<dyn Io>> {
    if engine.is_local() {
        match direct(&directory.join("run").join("holder.sock")).await {
            Ok(stream) => return Ok(Box::new(stream)),
            // An engine in a virtual machine shares the file but not the socket behind it.
            Err(error) if is_elsewhere(&error) => {}
            Err(error) => return Err(error),
        }
    }
    tunnel(engine, container).await
}

/// A stream through the engine: an exec of the holder's own tunnel.
pub async fn tunnel(engine: &DockerEngine, container: &ContainerId) -> io::Result<Box<dyn Io>> {
    let argv = [HOLDER, "attach", "--socket", HOLDER_SOCKET];
    let stream = engine.exec_stream(container, &argv, None).await.map_err(io::Error::other)?;
    Ok(Box::new(stream))
}

/// A stream to the socket at `path`. The directory is the agent's to write: a link there is never followed, and what
/// is connected to is the very file that was looked at. That also takes a path of any length.
pub async fn direct(path: &Path) -> io::Result<UnixStream> {
    let file = rustix::fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    if kind != FileType::Socket {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is not a socket", path.display()),
        ));
    }
    UnixStream::connect(format!("/proc/self/fd/{}", file.as_raw_fd())).await
}

/// What the holder of the workstream in `directory` kept of its terminal, in its frames. The directory is the agent's to
/// write, so the file may be anything: a link, a pipe, or far too large.
pub fn read_last_screen(directory: &Path) -> io::Result<Vec<u8>> {
    let path = directory.join("run").join(LAST_SCREEN);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(&path, flags, Mode::empty())?);
    let most = limits::LAST_SCREEN_BYTES as u64;
    let facts = file.metadata()?;
    if !facts.is_file() || facts.len() > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "what is there was not written by a holder"));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_elsewhere(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::Unsupported)
}
