//! `ccells send`: a text typed into an agent's terminal. It is reported as sent only when the holder has it.

use std::path::Path;
use std::time::Duration;

use alacritty_terminal::term::TermMode;
use ccells_core::agent::AgentLife;
use ccells_core::limits;
use ccells_core::wire::{self, Decoder, FromHolder, ToHolder};
use ccells_holder::emulator::Emulator;
use clap::Args;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::link::{self, Link, resolve};
use super::{Failure, print};
use crate::adapters::dial::Io;
use crate::adapters::docker::DockerEngine;

/// What to type, and where.
#[derive(Debug, Args)]
pub(super) struct Send {
    /// Id, unique prefix of an id, or name.
    #[arg(value_name = "ID")]
    id: String,
    /// The text; several words are joined by blanks.
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
    /// Do not press Enter after it.
    #[arg(long)]
    no_enter: bool,
}

/// Does it.
pub(super) async fn run(directory: &Path, verb: &Send) -> Result<u8, Failure> {
    let (mut link, ground) = Link::to_look(directory).await?;
    let picture = link.show().await;
    link.end().await;
    let picture = picture?;
    let (_, card) = resolve(&picture, &verb.id)?;
    let text = verb.text.join(" ");
    type_text(&ground.engine, card, &verb.id, &text, !verb.no_enter).await?;
    print::tell(&format!(
        "sent {} bytes to {}",
        text.len(),
        print::clean(card["name"].as_str().unwrap_or_default())
    ));
    Ok(0)
}

/// Types a text into the terminal of the agent of `card`, whom the user calls `wanted`, and Enter where that is wished.
pub(super) async fn type_text(
    engine: &DockerEngine,
    card: &Value,
    wanted: &str,
    text: &str,
    has_enter: bool,
) -> Result<(), Failure> {
    let mut line = Line::open(engine, card, false).await?;
    if !line.is_agent_running {
        let text = format!("the agent of `{wanted}` has ended; run `ccells restart {wanted}`");
        return Err(Failure::new(4, text));
    }
    let is_bracketed = line.emulator().term().mode().contains(TermMode::BRACKETED_PASTE);
    line.type_in(&pasted(text, is_bracketed)).await?;
    if has_enter {
        // An Enter in one read with the text would be taken for a line of the paste.
        tokio::time::sleep(ENTER_AFTER).await;
        line.type_in(b"\r").await?;
    }
    Ok(())
}

const ENTER_AFTER: Duration = Duration::from_millis(limits::HANDOVER_ENTER_MS);

/// The text as a paste, without anything that could end the paste early.
fn pasted(text: &str, is_bracketed: bool) -> Vec<u8> {
    let text: String = text.chars().filter(|it| *it == '\n' || *it == '\t' || !it.is_control()).collect();
    if is_bracketed {
        format!("\x1b[200~{text}\x1b[201~").into_bytes()
    } else {
        text.replace('\n', "\r").into_bytes()
    }
}

/// A verb's own line to a holder.
pub(super) struct Line {
    name: String,
    stream: Box<dyn Io>,
    decoder: Decoder<FromHolder>,
    emulator: Emulator,
    pings: u64,
    ponged: u64,
    is_agent_running: bool,
}

impl Line {
    /// Opens one to the workstream of `card` and takes in what its terminal shows.
    pub(super) async fn open(engine: &DockerEngine, card: &Value, observe: bool) -> Result<Self, Failure> {
        let (name, stream) = link::to_holder(engine, card).await?;
        let emulator = Emulator::pane(80, 24, limits::SCROLLBACK_LINES);
        let decoder = Decoder::new();
        let (pings, ponged, is_agent_running) = (0, 0, false);
        let mut line = Self { name, stream, decoder, emulator, pings, ponged, is_agent_running };
        line.send(&ToHolder::Hello { size: None, observe, from_sequence: None }).await?;
        let deadline = Duration::from_millis(limits::ATTACH_MS);
        timeout(deadline, line.settle()).await.map_err(|_| link::late(&line.name))??;
        Ok(line)
    }

    /// A line that is over: what its holder said last is all there is.
    pub(super) fn of_last_words(name: String, bytes: &[u8]) -> Result<Self, Failure> {
        let emulator = Emulator::pane(80, 24, limits::SCROLLBACK_LINES);
        let (stream, decoder) = (Box::new(tokio::io::empty()), Decoder::new());
        let mut line = Self { name, stream, decoder, emulator, pings: 0, ponged: 0, is_agent_running: false };
        for piece in bytes.chunks(limits::CHUNK_BYTES) {
            line.take(piece)?;
        }
        Ok(line)
    }

    /// What the terminal shows.
    pub(super) fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Sends one frame.
    pub(super) async fn send(&mut self, frame: &ToHolder) -> Result<(), Failure> {
        let mut out = Vec::new();
        wire::encode(frame, &mut out);
        Ok(self.stream.write_all(&out).await?)
    }

    /// Types `bytes` piece by piece: each is waited for, and what the holder says meanwhile is read, or the two would
    /// wait for each other.
    async fn type_in(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let deadline = Duration::from_millis(limits::SEND_MS);
        for piece in bytes.chunks(limits::CHUNK_BYTES) {
            let taken = timeout(deadline, async {
                self.send(&ToHolder::Input(piece.to_vec())).await?;
                self.settle().await
            });
            if let Ok(outcome) = taken.await {
                outcome?;
                continue;
            }
            let text = format!(
                "the agent of `{0}` did not take the text in time, at most a part of it arrived; look with \
                 `ccells logs {0}`",
                self.name
            );
            return Err(Failure::new(5, text));
        }
        Ok(())
    }

    /// Waits until the holder has taken everything that was sent.
    async fn settle(&mut self) -> Result<(), Failure> {
        self.pings += 1;
        let ping = self.pings;
        self.send(&ToHolder::Ping(ping)).await?;
        while self.ponged < ping {
            self.receive().await?;
        }
        Ok(())
    }

    /// Takes in what comes next.
    pub(super) async fn receive(&mut self) -> Result<(), Failure> {
        let mut bytes = vec![0; 64 * 1_024];
        let count = self.stream.read(&mut bytes).await?;
        if count == 0 {
            return Err(Failure::new(1, "the holder ended the session"));
        }
        self.take(&bytes[..count])
    }

    /// Takes in the bytes of whole frames and of parts of them.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.decoder.push(bytes);
        while let Some(frame) = self.decoder.next().map_err(|error| Failure::new(1, error.to_string()))? {
            match frame {
                FromHolder::Welcome { columns, rows, .. } | FromHolder::Resized { columns, rows } => {
                    self.emulator.resize(columns, rows);
                }
                FromHolder::Snapshot { bytes, .. } => self.emulator.restore(&bytes),
                FromHolder::Output { bytes, .. } => self.emulator.feed(&bytes),
                FromHolder::Agent(report) => self.is_agent_running = report.life == AgentLife::Running,
                FromHolder::Pong(number) => self.ponged = number,
                FromHolder::Refused { reason } => return Err(Failure::new(4, print::clean(&reason))),
            }
        }
        Ok(())
    }
}
