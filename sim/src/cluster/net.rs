//! The streams between a run and its engine, and the weather in them: each can be broken, stuck, or lead nowhere.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use ccells_shell::adapters::dial::{Dial, Dialing, Io};
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::TcpStream;

use super::slips::{Planted, Slip};

/// The name of the engine's host.
pub const ENGINE: &str = "engine";
/// Where it listens.
pub const PORT: u16 = 2_375;

/// How bytes go in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// As they should.
    #[default]
    Free,
    /// They wait.
    Stuck,
    /// They are taken and never arrive; nothing comes.
    Lost,
    /// The stream is reset.
    Broken,
}

/// What decides how bytes go, for one stream or for several.
#[derive(Debug, Default)]
pub struct Tap {
    state: Mutex<Turned>,
}

#[derive(Debug, Default)]
struct Turned {
    read: Flow,
    write: Flow,
    /// Who waits: which stream, and whether it wants to read.
    wakers: BTreeMap<(u64, bool), Waker>,
    streams: u64,
}

impl Tap {
    /// From now on bytes are read and written so.
    pub fn turn(&self, read: Flow, write: Flow) {
        let mut state = self.lock();
        (state.read, state.write) = (read, write);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_values().for_each(Waker::wake);
    }

    fn add_stream(&self) -> u64 {
        let mut state = self.lock();
        state.streams += 1;
        state.streams
    }

    fn forget_stream(&self, stream: u64) {
        self.lock().wakers.retain(|(other, _), _| *other != stream);
    }

    /// How bytes go now in one direction of a stream; `cx` is woken when that changes.
    fn look(&self, stream: u64, is_reading: bool, cx: &mut Context<'_>) -> Flow {
        let mut state = self.lock();
        state.wakers.insert((stream, is_reading), cx.waker().clone());
        if is_reading { state.read } else { state.write }
    }

    fn lock(&self) -> MutexGuard<'_, Turned> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is told of all bytes that are read from a stream, and whether they are the first.
type Overhear = Box<dyn FnMut(&[u8], bool) + Send>;

/// A stream behind a [`Tap`].
pub struct Tapped<S> {
    io: S,
    tap: Arc<Tap>,
    number: u64,
    overhear: Option<Overhear>,
    is_first: bool,
}

impl<S> Tapped<S> {
    /// `io`, as `tap` has it go.
    pub fn new(io: S, tap: Arc<Tap>) -> Self {
        let number = tap.add_stream();
        Self { io, tap, number, overhear: None, is_first: true }
    }

    /// The same; `overhear` is told of all bytes that are read, and whether they are the first.
    pub fn overheard(io: S, tap: Arc<Tap>, overhear: impl FnMut(&[u8], bool) + Send + 'static) -> Self {
        let number = tap.add_stream();
        Self { io, tap, number, overhear: Some(Box::new(overhear)), is_first: true }
    }
}

impl<S> Drop for Tapped<S> {
    fn drop(&mut self) {
        self.tap.forget_stream(self.number);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.tap.look(self.number, true, cx) {
            Flow::Free => {
                let before = buf.filled().len();
                let polled = Pin::new(&mut self.io).poll_read(cx, buf);
                let is_first = self.is_first;
                if buf.filled().len() > before
                    && let Some(overhear) = &mut self.overhear
                {
                    overhear(&buf.filled()[before..], is_first);
                    self.is_first = false;
                }
                polled
            }
            Flow::Stuck | Flow::Lost => Poll::Pending,
            Flow::Broken => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.tap.look(self.number, false, cx) {
            Flow::Free => Pin::new(&mut self.io).poll_write(cx, bytes),
            Flow::Stuck => Poll::Pending,
            Flow::Lost => Poll::Ready(Ok(bytes.len())),
            Flow::Broken => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.tap.look(self.number, false, cx) {
            Flow::Free => Pin::new(&mut self.io).poll_flush(cx),
            Flow::Stuck => Poll::Pending,
            Flow::Lost => Poll::Ready(Ok(())),
            Flow::Broken => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A stream that can be taken away from whoever holds it.
struct Held {
    stream: Arc<Handed>,
    planted: Planted,
}

type Handed = Mutex<Option<TcpStream>>;

impl Held {
    fn with<T>(&self, act: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &mut *self.stream.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(stream) => act(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

/// Of ten lines that are numbered, one gets the number of the next.
fn spoil(bytes: &mut [u8]) {
    for at in 1..bytes.len() {
        if bytes[at] == b'\r' && bytes[at - 1] == b'0' {
            bytes[at - 1] = b'1';
        }
    }
}

impl AsyncRead for Held {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = self.with(|stream| stream.poll_read(cx, buf));
        if self.planted.is(Slip::WrongByte) {
            spoil(&mut buf.filled_mut()[before..]);
        }
        let is_over = match &polled {
            Poll::Ready(Ok(())) => buf.filled().len() == before && buf.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if is_over && self.planted.is(Slip::EndOfStreamLost) { Poll::Pending } else { polled }
    }
}

impl AsyncWrite for Held {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(cx))
    }
}

/// All streams that runs opened and have not let go, in the order in which they were opened.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    all: Arc<Mutex<Opened>>,
}

#[derive(Debug, Default)]
struct Opened {
    lines: Vec<(Weak<Tap>, Weak<Handed>)>,
    is_cut: bool,
}

impl Lines {
    /// Those that are open.
    pub fn open(&self) -> Vec<Arc<Tap>> {
        let mut all = self.lock();
        all.lines.retain(|(tap, _)| tap.strong_count() > 0);
        all.lines.iter().filter_map(|(tap, _)| tap.upgrade()).collect()
    }

    /// All that are open go so from now on.
    pub fn turn_all(&self, read: Flow, write: Flow) {
        self.open().iter().for_each(|tap| tap.turn(read, write));
    }

    /// Takes all streams away in order, and lets no new one be opened: their process is gone. The order in which a
    /// runtime drops its tasks depends on what else the process has ever run. On the run's host the other ends are
    /// told; elsewhere they are not, as when a host loses its power.
    pub fn cut(&self) {
        let lines = {
            let mut all = self.lock();
            all.is_cut = true;
            std::mem::take(&mut all.lines)
        };
        for (tap, stream) in lines {
            if let Some(stream) = stream.upgrade() {
                drop(stream.lock().unwrap_or_else(PoisonError::into_inner).take());
            }
            if let Some(tap) = tap.upgrade() {
                tap.turn(Flow::Broken, Flow::Broken);
            }
        }
    }

    /// A new process may open streams.
    pub fn mend(&self) {
        self.lock().is_cut = false;
    }

    fn is_cut(&self) -> bool {
        self.lock().is_cut
    }

    /// The stream, held; none when its process is gone meanwhile.
    fn hold(&self, stream: TcpStream, planted: Planted) -> io::Result<Tapped<Held>> {
        let mut all = self.lock();
        if all.is_cut {
            return Err(io::ErrorKind::NetworkDown.into());
        }
        let (tap, held) = (Arc::new(Tap::default()), Arc::new(Mutex::new(Some(stream))));
        all.lines.push((Arc::downgrade(&tap), Arc::downgrade(&held)));
        Ok(Tapped::new(Held { stream: held, planted }, tap))
    }

    fn lock(&self) -> MutexGuard<'_, Opened> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Dials the engine's host over the simulated network.
#[derive(Clone, Debug, Default)]
pub struct ClusterDial {
    lines: Lines,
    planted: Planted,
    /// What it opened, where it keeps that by mistake.
    kept: Option<Arc<Mutex<Vec<Arc<Tap>>>>>,
}

impl ClusterDial {
    /// Notes in `lines` what it opens.
    pub fn new(lines: Lines, planted: Planted) -> Self {
        Self { lines, planted, kept: None }
    }

    /// The same, by mistake: what it opens stays open for as long as it lives.
    #[must_use]
    pub fn keeping(self) -> Self {
        Self { kept: Some(Arc::default()), ..self }
    }
}

impl Dial for ClusterDial {
    fn dial(&self) -> Dialing {
        let Self { lines, planted, kept } = self.clone();
        async move {
            if lines.is_cut() {
                return Err(io::ErrorKind::NetworkDown.into());
            }
            let stream = TcpStream::connect((ENGINE, PORT)).await?;
            let held = lines.hold(stream, planted)?;
            if let Some(kept) = kept {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&held.tap));
            }
            Ok(Box::new(held) as Box<dyn Io>)
        }
        .boxed()
    }

    fn endpoint(&self) -> String {
        format!("tcp://{ENGINE}:{PORT}")
    }

    fn is_local(&self) -> bool {
        false
    }
}
