//! Commands inside a container. The stream of an exec is hijacked here, byte by byte: the client library decodes it as
//! a log, and withholds or drops bytes that look like a log's header.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bollard::exec::CreateExecOptions;
use bytes::{Buf as _, Bytes};
use ccells_core::ids::ContainerId;
use ccells_core::limits;
use ccells_core::ports::EngineError;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::transport::Answer;
use super::{DockerEngine, errors};
use crate::adapters::dial::Io;

/// What a command left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Its exit code; 126 or 127 when it could not be run at all.
    pub code: i64,
    /// The beginning of what it wrote to its standard output.
    pub output: Vec<u8>,
    /// The beginning of what it wrote to its standard error.
    pub complaints: Vec<u8>,
    /// Whether it wrote more than was kept.
    pub is_cut: bool,
}

impl DockerEngine {
    /// Runs `argv` in a container and gives its standard input and output as one stream. It runs as `user`, or as the
    /// container's user. Shutting the stream's writing half down ends the command's input.
    ///
    /// Dropping the stream closes it; the command lives on until it notices. The end of the stream does not say that
    /// the command ended.
    pub async fn exec_stream(
        &self,
        container: &ContainerId,
        argv: &[&str],
        user: Option<(u32, u32)>,
    ) -> Result<ExecStream, EngineError> {
        let exec = Exec::new(container, argv, user, true);
        let engine = self.clone();
        let work = async move { Ok(ExecStream::new(engine.hijack(exec).await?.1)) };
        self.call("exec", self.shared.deadlines.attach, work).await
    }

    /// The same within a call that has a deadline of its own, as the container's user.
    pub(super) async fn open_stream(
        &self,
        container: &ContainerId,
        argv: &[&str],
    ) -> Result<ExecStream, EngineError> {
        let (_, raw) = self.hijack(Exec::new(container, argv, None, true)).await?;
        Ok(ExecStream::new(raw))
    }

    /// Runs `argv` in a container until it ends and gives what it wrote, all within `deadline`. When that passes the
    /// command lives on.
    pub async fn run_in_container(
        &self,
        container: &ContainerId,
        argv: &[&str],
        deadline: Duration,
    ) -> Result<Captured, EngineError> {
        let exec = Exec::new(container, argv, None, false);
        let engine = self.clone();
        let work = async move {
            let (id, raw) = engine.hijack(exec).await?;
            let mut captured = capture(raw).await.map_err(|error| errors::unknown(&errors::chain(&error)))?;
            // It ran: whatever is wrong from here on, it is not that it did not.
            let code = engine.exit_code(&id).await;
            captured.code = code.map_err(|error| errors::unknown(&error.to_string()))?;
            Ok(captured)
        };
        self.call("run", deadline, work).await
    }

    /// Makes an exec and takes its stream over. Gives its id and the stream with what already came.
    async fn hijack(&self, exec: Exec) -> Result<(String, RawStream), EngineError> {
        let created = self.shared.docker.create_exec(exec.container.as_str(), exec.options()).await;
        let id = created.map_err(errors::from_client)?.id;
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(errors::unknown("the engine's answer names no exec"));
        }
        let request = Request::post(format!("/exec/{id}/start"))
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "tcp")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from_static(br#"{"Detach":false,"Tty":false}"#)))
            .expect("a request to an id of letters and digits is valid");
        let response = self.shared.transport.send(request, Answer::Endless).await?;
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let body = Limited::new(response.into_body(), limits::EXEC_OUTPUT_BYTES).collect().await;
            let bytes = body.map_err(|error| errors::unknown(&error.to_string()))?.to_bytes();
            return Err(errors::from_status(status.as_u16(), &errors::message_in(&bytes)));
        }
        let upgraded =
            hyper::upgrade::on(response).await.map_err(|error| errors::unknown(&errors::chain(&error)))?;
        let parts = upgraded
            .downcast::<TokioIo<Box<dyn Io>>>()
            .map_err(|_| errors::unknown("the stream that was upgraded is not the one that was dialed"))?;
        Ok((id, RawStream { early: parts.read_buf, io: parts.io.into_inner() }))
    }

    /// The exit code of an exec whose stream has ended. The engine may learn of the end a moment after us.
    async fn exit_code(&self, id: &str) -> Result<i64, EngineError> {
        let mut pause = Duration::from_millis(2);
        loop {
            let seen = self.shared.docker.inspect_exec(id).await.map_err(errors::from_client)?;
            if let (Some(false), Some(code)) = (seen.running, seen.exit_code) {
                return Ok(code);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }
}

/// What is to be run.
struct Exec {
    container: ContainerId,
    argv: Vec<String>,
    user: Option<(u32, u32)>,
    has_input: bool,
}

impl Exec {
    fn new(container: &ContainerId, argv: &[&str], user: Option<(u32, u32)>, has_input: bool) -> Self {
        let argv = argv.iter().map(|word| (*word).to_string()).collect();
        Self { container: container.clone(), argv, user, has_input }
    }

    /// Without a terminal: a terminal would change the bytes.
    fn options(&self) -> CreateExecOptions<String> {
        CreateExecOptions {
            attach_stdin: Some(self.has_input),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(false),
            cmd: Some(self.argv.clone()),
            user: self.user.map(|(user, group)| format!("{user}:{group}")),
            ..CreateExecOptions::default()
        }
    }
}

/// A hijacked stream, and what was read of it before it was ours.
struct RawStream {
    early: Bytes,
    io: Box<dyn Io>,
}

async fn capture(raw: RawStream) -> io::Result<Captured> {
    let RawStream { early, mut io } = raw;
    let mut captured = Captured { code: 0, output: Vec::new(), complaints: Vec::new(), is_cut: false };
    let mut demux = Demux::default();
    captured.take(&mut demux, &early)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = io.read(&mut chunk).await?;
        if count == 0 {
            return if demux.is_between_frames() {
                Ok(captured)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
        captured.take(&mut demux, &chunk[..count])?;
    }
}

impl Captured {
    fn take(&mut self, demux: &mut Demux, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (count, piece) = demux.next(bytes, usize::MAX)?;
            let is_whole = match piece {
                Piece::Nothing => true,
                Piece::Output(text) => push_bounded(&mut self.output, text, limits::EXEC_OUTPUT_BYTES),
                Piece::Complaint(text) => push_bounded(&mut self.complaints, text, limits::EXEC_OUTPUT_BYTES),
            };
            self.is_cut |= !is_whole;
            bytes = &bytes[count..];
        }
        Ok(())
    }
}

/// Adds what fits; says whether all did.
fn push_bounded(kept: &mut Vec<u8>, bytes: &[u8], limit: usize) -> bool {
    let fits = bytes.len().min(limit.saturating_sub(kept.len()));
    kept.extend_from_slice(&bytes[..fits]);
    fits == bytes.len()
}

/// Bytes read from the engine at a time.
const CHUNK_BYTES: usize = 16 * 1_024;

/// Standard input and output of a command in a container. What it writes to its standard error is kept aside; a command
/// that only complained and wrote no output at all makes the first read fail with its complaint.
pub struct ExecStream {
    io: Box<dyn Io>,
    chunk: Bytes,
    demux: Demux,
    complaints: Vec<u8>,
    has_output: bool,
}

impl ExecStream {
    fn new(raw: RawStream) -> Self {
        Self {
            io: raw.io,
            chunk: raw.early,
            demux: Demux::default(),
            complaints: Vec::new(),
            has_output: false,
        }
    }

    /// What the command complained about until now, for people.
    pub fn complaints(&self) -> String {
        errors::clean(&String::from_utf8_lossy(&self.complaints))
    }

    /// Moves what is in the chunk to `buf`; says whether any of it was output.
    fn drain(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<bool> {
        while !self.chunk.is_empty() {
            let (count, piece) = self.demux.next(&self.chunk, buf.remaining())?;
            let is_output = match piece {
                Piece::Nothing => false,
                Piece::Output(bytes) => {
                    buf.put_slice(bytes);
                    true
                }
                Piece::Complaint(bytes) => {
                    push_bounded(&mut self.complaints, bytes, limits::EXEC_COMPLAINT_BYTES);
                    false
                }
            };
            self.chunk.advance(count);
            if is_output {
                self.has_output = true;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn at_end(&self) -> io::Result<()> {
        if !self.demux.is_between_frames() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !self.has_output && !self.complaints.is_empty() {
            return Err(io::Error::other(self.complaints()));
        }
        Ok(())
    }
}

impl AsyncRead for ExecStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if self.drain(buf)? {
                return Poll::Ready(Ok(()));
            }
            let mut room = [0; CHUNK_BYTES];
            let mut chunk = ReadBuf::new(&mut room);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(self.at_end());
            }
            self.chunk = Bytes::copy_from_slice(chunk.filled());
        }
    }
}

impl AsyncWrite for ExecStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Takes the engine's two-in-one stream apart: frames of one byte of channel, three of nothing, four of length
/// (big-endian), and then so many bytes.
#[derive(Default)]
struct Demux {
    header: [u8; 8],
    filled: usize,
    left: usize,
}

/// What some bytes turned out to be.
#[derive(Debug)]
enum Piece<'a> {
    /// Part of a header.
    Nothing,
    /// Standard output.
    Output(&'a [u8]),
    /// Standard error, or words of the engine itself.
    Complaint(&'a [u8]),
}

impl Demux {
    /// What the beginning of `bytes` is, at most `most` of it when it is output, and how many bytes that used up.
    fn next<'a>(&mut self, bytes: &'a [u8], most: usize) -> io::Result<(usize, Piece<'a>)> {
        if self.left == 0 {
            let count = bytes.len().min(self.header.len() - self.filled);
            self.header[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
            self.filled += count;
            if self.filled == self.header.len() {
                self.begin_frame()?;
            }
            return Ok((count, Piece::Nothing));
        }
        let is_output = self.header[0] <= STDOUT;
        let count = bytes.len().min(self.left).min(if is_output { most } else { usize::MAX });
        self.left -= count;
        let piece = &bytes[..count];
        Ok((count, if is_output { Piece::Output(piece) } else { Piece::Complaint(piece) }))
    }

    fn begin_frame(&mut self) -> io::Result<()> {
        let [channel, a, b, c, length @ ..] = self.header;
        if channel > SYSTEM || [a, b, c] != [0, 0, 0] {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the engine sent bytes outside of any frame",
            ));
        }
        self.left = u32::from_be_bytes(length) as usize;
        self.filled = 0;
        Ok(())
    }

    fn is_between_frames(&self) -> bool {
        self.left == 0 && self.filled == 0
    }
}

/// Channel of standard output; the one below it is standard input, echoed.
const STDOUT: u8 = 1;
/// Channel of the engine's own words: the highest there is.
const SYSTEM: u8 = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn frame(channel: u8, bytes: &[u8]) -> Vec<u8> {
        let mut frame = vec![channel, 0, 0, 0];
        frame.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
        frame.extend(bytes);
        frame
    }

    /// Reads all of an exec stream whose engine sends `pieces`, the first of them before the upgrade was noticed.
    fn read_all(pieces: &[&[u8]], room: usize) -> (io::Result<Vec<u8>>, String) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(7);
            let early = Bytes::copy_from_slice(pieces.first().copied().unwrap_or_default());
            let mut stream = ExecStream::new(RawStream { early, io: Box::new(ours) });
            let send = async {
                for piece in pieces.iter().skip(1) {
                    if theirs.write_all(piece).await.is_err() {
                        break;
                    }
                }
                drop(theirs);
            };
            let receive = async {
                let (mut all, mut buf) = (Vec::new(), vec![0; room]);
                loop {
                    match stream.read(&mut buf).await {
                        Ok(0) => break Ok(all),
                        Ok(count) => all.extend_from_slice(&buf[..count]),
                        Err(error) => break Err(error),
                    }
                }
            };
            let (result, ()) = tokio::join!(receive, send);
            (result, stream.complaints())
        })
    }

    fn cut(bytes: &[u8], mut at: Vec<usize>) -> Vec<&[u8]> {
        at.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for to in at.into_iter().map(|to| to % (bytes.len() + 1)).collect::<std::collections::BTreeSet<_>>() {
            pieces.push(&bytes[from..to]);
            from = to;
        }
        pieces.push(&bytes[from..]);
        pieces
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_output_is_the_same(
            frames in prop::collection::vec((0_u8..=3, prop::collection::vec(any::<u8>(), 0..40)), 0..12),
            cuts in prop::collection::vec(any::<usize>(), 0..8),
            room in 1_usize..50,
        ) {
            let wire: Vec<u8> = frames.iter().flat_map(|(channel, bytes)| frame(*channel, bytes)).collect();
            let of = |wanted: fn(u8) -> bool| -> Vec<u8> {
                frames.iter().filter(|(channel, _)| wanted(*channel)).flat_map(|(_, bytes)| bytes.clone()).collect()
            };
            let (output, complaints) = (of(|channel| channel <= 1), of(|channel| channel >= 2));
            let (result, words) = read_all(&cut(&wire, cuts.clone()), room);
            if output.is_empty() && !complaints.is_empty() {
                prop_assert!(result.is_err(), "only complaints: {result:?}");
            } else {
                prop_assert_eq!(result.unwrap(), output.clone());
            }
            prop_assert_eq!(words, errors::clean(&String::from_utf8_lossy(&complaints)));

            let mut captured = Captured { code: 0, output: vec![], complaints: vec![], is_cut: false };
            let mut demux = Demux::default();
            for piece in cut(&wire, cuts) {
                captured.take(&mut demux, piece).unwrap();
            }
            prop_assert_eq!(captured, Captured { code: 0, output, complaints, is_cut: false });
        }

        #[test]
        fn any_bytes_at_all_end_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), room in 1_usize..9) {
            let (result, words) = read_all(&[&bytes], room);
            let total = result.map_or(0, |all| all.len()) + words.len();
            prop_assert!(total <= 3 * bytes.len() + 3);
        }
    }

    #[test]
    fn half_a_frame_is_an_error_and_not_an_end() {
        let whole = frame(1, b"abc");
        for end in 1..whole.len() {
            let (result, _) = read_all(&[&whole[..end]], 64);
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{end}");
        }
        assert_eq!(read_all(&[&whole], 64).0.unwrap(), b"abc");
    }

    #[test]
    fn a_command_that_only_complains_fails_with_its_words() {
        let (result, _) = read_all(&[&frame(2, b"no such file\n")], 64);
        assert_eq!(result.unwrap_err().to_string(), "no such file");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let flood = frame(2, &vec![b'x'; 3 * limits::EXEC_OUTPUT_BYTES]);
        let mut captured = Captured { code: 0, output: vec![], complaints: vec![], is_cut: false };
        captured.take(&mut Demux::default(), &flood).unwrap();
        assert_eq!((captured.complaints.len(), captured.is_cut), (limits::EXEC_OUTPUT_BYTES, true));
    }
}
