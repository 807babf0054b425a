//! The stream of an exec, once it is handed over: what a command in a simulated container reads and writes.

use ccells_core::container::{ContainerState, HOLDER};
use ccells_holder::{Desk, SessionId};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::Dockerd;
use super::yard::Exec;

/// Bytes moved at once.
const PIECE_BYTES: usize = 16 * 1_024;
/// The channels of an exec's stream.
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
/// The code of a command that could not be run.
const NOT_RUN: i64 = 126;

/// What became of a command's wait for output.
enum Turn {
    Bytes(Vec<u8>),
    Wait,
    Over,
}

impl Dockerd {
    /// Runs a command on the stream that it is given. It ends with the stream or with its container.
    pub(super) async fn run_exec(self, id: String, exec: Exec, upgrade: OnUpgrade) {
        let io = upgrade.await.ok().map(TokioIo::new);
        let code = match io {
            Some(io) => self.run_command(&id, &exec, io).await,
            // Nobody came for the stream: the command finds its input closed.
            None => 0,
        };
        self.change(|yard, now| yard.end_exec(&id, code, now));
    }

    async fn run_command(
        &self,
        id: &str,
        exec: &Exec,
        io: impl AsyncRead + AsyncWrite + Send + 'static,
    ) -> i64 {
        let words: Vec<&str> = exec.argv.iter().map(String::as_str).collect();
        let (reader, mut writer) = tokio::io::split(io);
        match words.as_slice() {
            [program, "attach", ..] if *program == HOLDER => self.attach(id, exec, reader, writer).await,
            ["cat"] => cat(reader, writer).await,
            ["true"] => 0,
            ["false"] => 1,
            _ => {
                let name = words.first().copied().unwrap_or_default();
                let complaint = format!(
                    "OCI runtime exec failed: exec failed: unable to start container process: exec: \"{name}\": \
                     executable file not found in $PATH: unknown\r\n"
                );
                // Whoever went away does not hear it.
                let _heard = say(&mut writer, STDOUT, complaint.as_bytes()).await;
                let _ended = writer.shutdown().await;
                NOT_RUN
            }
        }
    }

    /// The holder's own tunnel: bytes to and from its desk, until either side ends.
    async fn attach(
        &self,
        id: &str,
        exec: &Exec,
        mut reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
    ) -> i64 {
        let Some(session) = self.arrive(id, exec, &mut writer).await else {
            let _ended = writer.shutdown().await;
            return 1;
        };
        let tunnel = Tunnel { dockerd: self, container: &exec.container, session };
        tokio::select! {
            biased;
            () = tunnel.speak(&mut writer) => {}
            () = tunnel.listen(&mut reader) => {}
        }
        // The command is gone before anybody can take the end of its output.
        self.change(|yard, _| {
            let exec = Exec { session: Some(session), ..exec.clone() };
            yard.hang_up(&exec);
        });
        let _ended = writer.shutdown().await;
        0
    }

    /// A new session at the holder of a container. `None` when there is none for it, which is told.
    async fn arrive(
        &self,
        id: &str,
        exec: &Exec,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Option<SessionId> {
        let arrived = self.change(|yard, _| {
            let container = yard.containers.get_mut(&exec.container)?;
            let arrived = container.inside.as_mut()?.desk().map(Desk::arrive)?;
            if let (Some(exec), Ok(session)) = (yard.execs.get_mut(id), &arrived) {
                exec.session = Some(*session);
            }
            Some(arrived)
        });
        let complaint = match arrived {
            Some(Ok(session)) => return Some(session),
            Some(Err(last_word)) => {
                let _heard = say(writer, STDOUT, &last_word).await;
                return None;
            }
            None => {
                "ccells-holder: no holder answers at /ccells/run/holder.sock: No such file or directory\n"
            }
        };
        let _heard = say(writer, STDERR, complaint.as_bytes()).await;
        None
    }
}

/// A session's way through an exec.
struct Tunnel<'a> {
    dockerd: &'a Dockerd,
    container: &'a str,
    session: SessionId,
}

impl Tunnel<'_> {
    /// Carries what the holder says, until it has nothing more to say.
    async fn speak(&self, writer: &mut (impl AsyncWrite + Unpin)) {
        let mut changes = self.dockerd.changes();
        loop {
            changes.mark_unchanged();
            match self.output() {
                Turn::Bytes(bytes) => {
                    if say(writer, STDOUT, &bytes).await.is_err() {
                        return;
                    }
                }
                Turn::Wait => {
                    if changes.changed().await.is_err() {
                        return;
                    }
                }
                Turn::Over => return,
            }
        }
    }

    fn output(&self) -> Turn {
        let mut yard = self.dockerd.yard();
        let Some(container) = yard.containers.get_mut(self.container) else { return Turn::Over };
        if container.state == ContainerState::Paused {
            return Turn::Wait;
        }
        let Some(desk) = container.inside.as_mut().and_then(|inside| inside.desk()) else {
            return Turn::Over;
        };
        desk.prepare();
        let ready = desk.ready(self.session);
        let bytes = ready[..ready.len().min(PIECE_BYTES)].to_vec();
        desk.sent(self.session, bytes.len());
        desk.sweep();
        if !bytes.is_empty() {
            Turn::Bytes(bytes)
        } else if desk.is_here(self.session) {
            Turn::Wait
        } else {
            Turn::Over
        }
    }

    /// Carries what the session says, until it has said everything.
    async fn listen(&self, reader: &mut (impl AsyncRead + Unpin)) {
        let mut piece = vec![0; PIECE_BYTES];
        let mut changes = self.dockerd.changes();
        while let Ok(count @ 1..) = reader.read(&mut piece).await {
            loop {
                changes.mark_unchanged();
                match self.input(&piece[..count]) {
                    Turn::Bytes(_) => break,
                    Turn::Wait => {
                        if changes.changed().await.is_err() {
                            return;
                        }
                    }
                    Turn::Over => return,
                }
            }
        }
    }

    fn input(&self, bytes: &[u8]) -> Turn {
        // Looking changes nothing: whoever waits must not wake the others.
        let turn = self.turn_to_speak();
        if matches!(turn, Turn::Bytes(_)) {
            self.dockerd.change(|yard, _| {
                let container = yard.containers.get_mut(self.container);
                if let Some(inside) = container.and_then(|one| one.inside.as_mut()) {
                    inside.hear(self.session, bytes);
                }
            });
        }
        turn
    }

    fn turn_to_speak(&self) -> Turn {
        let mut yard = self.dockerd.yard();
        let Some(container) = yard.containers.get_mut(self.container) else { return Turn::Over };
        if container.state == ContainerState::Paused {
            return Turn::Wait;
        }
        match container.inside.as_mut().and_then(|inside| inside.desk()) {
            Some(desk) if desk.may_speak(self.session) => Turn::Bytes(Vec::new()),
            Some(desk) if desk.is_here(self.session) => Turn::Wait,
            Some(_) | None => Turn::Over,
        }
    }
}

async fn cat(mut reader: impl AsyncRead + Unpin, mut writer: impl AsyncWrite + Unpin) -> i64 {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(count @ 1..) = reader.read(&mut piece).await {
        if say(&mut writer, STDOUT, &piece[..count]).await.is_err() {
            break;
        }
    }
    let _ended = writer.shutdown().await;
    0
}

/// Writes bytes as a frame of the engine's two-in-one stream.
async fn say(writer: &mut (impl AsyncWrite + Unpin), channel: u8, bytes: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(bytes.len()).expect("pieces are small").to_be_bytes();
    let mut frame = vec![channel, 0, 0, 0];
    frame.extend(length);
    frame.extend(bytes);
    writer.write_all(&frame).await?;
    writer.flush().await
}
