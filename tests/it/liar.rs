//! A way to the engine that lies: it loses answers, halves them, makes them up, or holds requests back and lets them land
//! late. Everything it is not told to lie about passes.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nobody does it, and nobody answers.
    Silence,
    /// It is done, and nobody answers.
    SilentlyDone,
    /// It is done, and the line goes dead before the answer.
    LostReply,
    /// It is done, and half of the answer comes.
    HalfAnAnswer,
    /// It is done, and the answer is nonsense.
    Nonsense,
    /// It is done, and the answer says that it failed.
    FalseFailure,
    /// It is not done, and the answer says that it is.
    FalseSuccess,
    /// It is done, and the answer speaks of this container instead.
    AboutAnother(String),
    /// The question is put without its filter: the answer speaks of everybody's containers.
    AboutEverybody,
    /// It is held back until [`Liar::let_land`], when nobody waits for the answer any more.
    Late,
}

/// Which requests are lied about.
struct Rule {
    method: &'static str,
    part: &'static str,
    lie: Lie,
    times: usize,
}

struct State {
    rules: Vec<Rule>,
    told: Vec<String>,
    held: usize,
    may_land: bool,
    is_over: bool,
}

/// The liar: a socket before the engine's own.
pub(crate) struct Liar {
    path: PathBuf,
    state: Arc<(Mutex<State>, Condvar)>,
    is_over: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Liar {
    /// An honest one, so far, at `path`, before the engine at `engine`.
    pub(crate) fn begin(path: PathBuf, engine: &Path) -> Self {
        let state = State { rules: Vec::new(), told: Vec::new(), held: 0, may_land: false, is_over: false };
        let state = Arc::new((Mutex::new(state), Condvar::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let listener = UnixListener::bind(&path).unwrap();
        let thread = {
            let (state, is_over, engine) = (Arc::clone(&state), Arc::clone(&is_over), engine.to_path_buf());
            std::thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    let (state, engine) = (Arc::clone(&state), engine.clone());
                    std::thread::spawn(move || drop(serve(&state, stream, &engine)));
                }
            })
        };
        Self { path, state, is_over, listener: Some(thread) }
    }

    /// What `DOCKER_HOST` is to be.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    /// The next `times` requests of `method` whose path contains `part` are lied about.
    pub(crate) fn lie(&self, method: &'static str, part: &'static str, lie: Lie, times: usize) {
        let mut state = lock(&self.state);
        state.may_land = false;
        state.rules.push(Rule { method, part, lie, times });
    }

    /// From now on the truth; what was told is given back. Silent lines go dead.
    pub(crate) fn be_honest(&self) -> Vec<String> {
        let mut state = lock(&self.state);
        state.rules.clear();
        std::mem::take(&mut state.told)
    }

    /// How many requests are held back.
    pub(crate) fn held(&self) -> usize {
        lock(&self.state).held
    }

    /// Lets what is held back land, and waits until the engine has answered it.
    pub(crate) fn let_land(&self) {
        let mut state = lock(&self.state);
        state.may_land = true;
        self.state.1.notify_all();
        while state.held > 0 {
            let (next, waited) = self
                .state
                .1
                .wait_timeout(state, Duration::from_secs(60))
                .unwrap_or_else(PoisonError::into_inner);
            assert!(!waited.timed_out(), "what was held back did not land");
            state = next;
        }
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        {
            let mut state = lock(&self.state);
            state.is_over = true;
            state.may_land = true;
            self.state.1.notify_all();
        }
        // The listener looks whether it is over when somebody comes.
        let _refused = UnixStream::connect(&self.path);
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap();
        }
        let _gone = std::fs::remove_file(&self.path);
    }
}

fn lock(state: &(Mutex<State>, Condvar)) -> MutexGuard<'_, State> {
    state.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request: its head, and what came of its body so far.
struct Asked {
    head: String,
    bytes: Vec<u8>,
}

impl Asked {
    fn read(stream: &mut UnixStream) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let mut chunk = [0; 16 * 1_024];
        loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..end + 4]).into_owned();
                return Ok(Self { head, bytes });
            }
            match stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => bytes.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// Takes in the rest of its body, as long as its head says.
    fn complete(&mut self, stream: &mut UnixStream) -> io::Result<()> {
        let length = self.head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let wanted = self.head.len() + length.unwrap_or(0);
        let mut chunk = vec![0; 64 * 1_024];
        while self.bytes.len() < wanted {
            match stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.bytes.extend_from_slice(&chunk[..count]),
            }
        }
        Ok(())
    }

    /// Has the engine do it; its whole answer.
    fn put(&self, engine: &Path) -> io::Result<Vec<u8>> {
        let mut far = UnixStream::connect(engine)?;
        let (line, rest) = self.head.split_once("\r\n").unwrap_or_default();
        far.write_all(format!("{line}\r\nConnection: close\r\n{rest}").as_bytes())?;
        far.write_all(&self.bytes[self.head.len()..])?;
        let mut answer = Vec::new();
        far.read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn without_filter(&self) -> Self {
        let line = self.line().to_string();
        let path = line.split(' ').nth(1).unwrap_or_default();
        let bare = format!("{}?all=true", path.split('?').next().unwrap_or_default());
        let head = self.head.replacen(path, &bare, 1);
        Self { bytes: head.clone().into_bytes(), head }
    }
}

/// The lie that is due for this request, if any.
fn due(state: &(Mutex<State>, Condvar), line: &str) -> Option<Lie> {
    let mut state = lock(state);
    let rule = state.rules.iter_mut().find(|rule| {
        rule.times > 0 && line.starts_with(&format!("{} ", rule.method)) && line.contains(rule.part)
    })?;
    rule.times -= 1;
    let lie = rule.lie.clone();
    state.told.push(format!("{line}: {lie:?}"));
    if lie == Lie::Late {
        state.held += 1;
    }
    Some(lie)
}

fn serve(state: &Arc<(Mutex<State>, Condvar)>, mut near: UnixStream, engine: &Path) -> io::Result<()> {
    let mut asked = Asked::read(&mut near)?;
    let Some(lie) = due(state, asked.line()) else { return pass(near, engine, &asked) };
    asked.complete(&mut near)?;
    match lie {
        Lie::Silence => wait_for_the_end(near),
        Lie::SilentlyDone => asked.put(engine).and_then(|_| wait_for_the_end(near)),
        Lie::LostReply => asked.put(engine).map(drop),
        Lie::HalfAnAnswer => {
            let answer = asked.put(engine)?;
            near.write_all(&answer[..answer.len() / 2])
        }
        Lie::Nonsense => {
            asked.put(engine)?;
            near.write_all(b"\0\x01HTTP? no such thing\r\n\r\n{]")
        }
        Lie::FalseFailure => {
            asked.put(engine)?;
            answer(&mut near, "500 Internal Server Error", "{\"message\":\"it cannot be done\"}")
        }
        Lie::FalseSuccess => near.write_all(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
        Lie::AboutAnother(id) => {
            let body = format!("{{\"Id\":\"{id}\",\"Warnings\":[]}}\n");
            asked.put(engine)?;
            answer(&mut near, "201 Created", &body)
        }
        Lie::AboutEverybody => near.write_all(&asked.without_filter().put(engine)?),
        Lie::Late => {
            drop(near);
            land(state, &asked, engine)
        }
    }
}

fn answer(near: &mut UnixStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}");
    near.write_all(format!("{head}\r\n\r\n{body}").as_bytes())
}

/// Waits for leave, and does what was asked for long ago.
fn land(state: &(Mutex<State>, Condvar), asked: &Asked, engine: &Path) -> io::Result<()> {
    let mut now = lock(state);
    while !now.may_land {
        now = state.1.wait(now).unwrap_or_else(PoisonError::into_inner);
    }
    let is_over = now.is_over;
    drop(now);
    let landed = if is_over { Ok(()) } else { asked.put(engine).map(drop) };
    lock(state).held -= 1;
    state.1.notify_all();
    landed
}

/// Says nothing until the other side has gone.
fn wait_for_the_end(mut near: UnixStream) -> io::Result<()> {
    io::copy(&mut near, &mut io::sink()).map(drop)
}

/// Carries a connection that nobody lies about.
fn pass(near: UnixStream, engine: &Path, asked: &Asked) -> io::Result<()> {
    let mut far = UnixStream::connect(engine)?;
    far.write_all(&asked.bytes)?;
    let (mut near_too, mut far_too) = (near.try_clone()?, far.try_clone()?);
    let back = std::thread::spawn(move || {
        let copied = io::copy(&mut far_too, &mut near_too);
        let _gone = near_too.shutdown(Shutdown::Both);
        copied
    });
    let mut near = near;
    let _gone = io::copy(&mut near, &mut far);
    let _gone = far.shutdown(Shutdown::Write);
    let _ended = back.join();
    Ok(())
}
