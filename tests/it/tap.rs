//! The way to the engine with a tap in it: it can run, stand still, or be cut, and the engine never knows.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How the tap stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// Everything passes.
    Open,
    /// Connections are taken, nothing passes: an engine that hangs.
    Stuck,
    /// Nobody is there: an engine that is gone.
    Cut,
    /// The test is over.
    Over,
}

struct State {
    position: Position,
    streams: Vec<UnixStream>,
    log: Vec<(String, Duration)>,
}

/// The tap: a socket before the engine's own.
pub(crate) struct Tap {
    path: PathBuf,
    engine: PathBuf,
    state: Arc<(Mutex<State>, Condvar)>,
    listener: Option<JoinHandle<()>>,
}

impl Tap {
    /// An open tap at `path`, before the engine at `engine`.
    pub(crate) fn open(path: PathBuf, engine: &Path) -> Self {
        let state = State { position: Position::Open, streams: Vec::new(), log: Vec::new() };
        let mut tap = Self {
            path,
            engine: engine.to_path_buf(),
            state: Arc::new((Mutex::new(state), Condvar::new())),
            listener: None,
        };
        tap.listen();
        tap
    }

    /// What `DOCKER_HOST` is to be.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    /// The first line of each request that has passed so far, and how long its answer took.
    pub(crate) fn log(&self) -> Vec<(String, Duration)> {
        lock(&self.state).log.clone()
    }

    /// From now on connections are taken and nothing is answered.
    pub(crate) fn jam(&self) {
        self.turn(Position::Stuck);
    }

    /// From now on nobody is there.
    pub(crate) fn cut(&mut self) {
        self.turn(Position::Cut);
        self.stop_listening();
    }

    /// Everything passes again.
    pub(crate) fn reopen(&mut self) {
        self.turn(Position::Open);
        if self.listener.is_none() {
            self.listen();
        }
    }

    fn turn(&self, position: Position) {
        let mut state = lock(&self.state);
        state.position = position;
        if matches!(position, Position::Cut | Position::Over) {
            for stream in state.streams.drain(..) {
                let _gone = stream.shutdown(Shutdown::Both);
            }
        }
        self.state.1.notify_all();
    }

    fn listen(&mut self) {
        let listener = UnixListener::bind(&self.path).unwrap();
        let (state, engine) = (Arc::clone(&self.state), self.engine.clone());
        self.listener = Some(std::thread::spawn(move || {
            for stream in listener.incoming() {
                let position = lock(&state).position;
                if matches!(position, Position::Cut | Position::Over) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (state, engine) = (Arc::clone(&state), engine.clone());
                std::thread::spawn(move || drop(carry(&state, stream, &engine)));
            }
        }));
    }

    fn stop_listening(&mut self) {
        // The listener looks at the tap when somebody comes.
        let _refused = UnixStream::connect(&self.path);
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap();
        }
        let _gone = std::fs::remove_file(&self.path);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.turn(Position::Over);
        self.stop_listening();
    }
}

fn lock(state: &(Mutex<State>, Condvar)) -> MutexGuard<'_, State> {
    state.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries one connection, both ways, as the tap allows.
fn carry(state: &Arc<(Mutex<State>, Condvar)>, near: UnixStream, engine: &Path) -> io::Result<()> {
    lock(state).streams.push(near.try_clone()?);
    pass(state)?;
    let far = UnixStream::connect(engine)?;
    lock(state).streams.push(far.try_clone()?);
    let (near_too, far_too, state_too) = (near.try_clone()?, far.try_clone()?, Arc::clone(state));
    let began = Instant::now();
    let back = std::thread::spawn(move || copy(&state_too, far_too, near_too, &mut |_| {}));
    let mut line = String::new();
    let forth = copy(state, near, far, &mut |bytes| {
        if line.is_empty() {
            line = String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_string();
        }
    });
    let _ended = back.join();
    lock(state).log.push((line, began.elapsed()));
    forth
}

fn copy(
    state: &(Mutex<State>, Condvar),
    mut from: UnixStream,
    mut to: UnixStream,
    look: &mut dyn FnMut(&[u8]),
) -> io::Result<()> {
    let mut bytes = [0; 16 * 1_024];
    loop {
        let count = from.read(&mut bytes)?;
        pass(state)?;
        if count == 0 {
            // Half a connection may end before the other.
            return to.shutdown(Shutdown::Write);
        }
        look(&bytes[..count]);
        to.write_all(&bytes[..count])?;
    }
}

/// Waits until the tap is open.
fn pass(state: &(Mutex<State>, Condvar)) -> io::Result<()> {
    let mut now = lock(state);
    loop {
        match now.position {
            Position::Open => return Ok(()),
            Position::Stuck => now = state.1.wait(now).unwrap_or_else(PoisonError::into_inner),
            Position::Cut | Position::Over => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}
