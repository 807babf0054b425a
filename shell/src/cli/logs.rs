//! `ccells logs`: what a workstream's terminal showed, as plain text.

use std::path::Path;

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::Flags;
use ccells_core::limits;
use ccells_core::wire::ToHolder;
use ccells_holder::emulator::Emulator;
use clap::Args;

use super::link::{Link, exit_code, resolve, unless_ended};
use super::{Failure, print};
use crate::adapters::signals::Endings;
use crate::cli::send::Line as HolderLine;

/// Whose, and for how long.
#[derive(Debug, Args)]
pub(super) struct Logs {
    /// Id, unique prefix of an id, or name.
    #[arg(value_name = "ID")]
    id: String,
    /// Go on printing what is written from now on.
    #[arg(short, long)]
    follow: bool,
}

/// Does it.
pub(super) async fn run(directory: &Path, verb: &Logs) -> Result<u8, Failure> {
    let mut line = unless_ended(Box::pin(open(directory, verb))).await?;
    let mut printer = Printer::default();
    printer.print(line.emulator());
    if !verb.follow {
        printer.finish(line.emulator());
        return Ok(0);
    }
    let mut signals = Endings::listen()?;
    loop {
        tokio::select! {
            more = line.receive() => match more {
                Ok(()) => printer.print(line.emulator()),
                Err(failure) => {
                    printer.finish(line.emulator());
                    return Err(failure);
                }
            },
            asked = signals.next() => {
                // The holder knows from the closed stream; a word is politer.
                let _gone = line.send(&ToHolder::Detach).await;
                return Ok(exit_code(asked));
            }
        }
    }
}

async fn open(directory: &Path, verb: &Logs) -> Result<HolderLine, Failure> {
    let (mut link, ground) = Link::to_look(directory).await?;
    let picture = link.show().await;
    link.end().await;
    let picture = picture?;
    let (_, card) = resolve(&picture, &verb.id)?;
    HolderLine::open(&ground.engine, card, true).await
}

/// Prints each line once, when it has left the screen for the scrollback; at the end, the screen too.
#[derive(Default)]
struct Printer {
    printed: usize,
}

impl Printer {
    fn print(&mut self, emulator: &Emulator) {
        let grid = emulator.term().grid();
        let history = grid.history_size();
        // A full scrollback forgets from its top: then the count stands still, and the newest lines are new.
        let fresh =
            if history >= limits::SCROLLBACK_LINES { 1 } else { history.saturating_sub(self.printed) };
        for back in (1..=fresh.min(history)).rev() {
            print::say(&text(emulator, -i32::try_from(back).unwrap_or(0)));
        }
        self.printed = history;
    }

    fn finish(&mut self, emulator: &Emulator) {
        self.print(emulator);
        let lines = i32::try_from(emulator.term().screen_lines()).unwrap_or(0);
        let screen: Vec<String> = (0..lines).map(|line| text(emulator, line)).collect();
        let last = screen.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
        for line in &screen[..last] {
            print::say(line);
        }
    }
}

fn text(emulator: &Emulator, line: i32) -> String {
    let grid = emulator.term().grid();
    let row = &grid[Line(line)];
    let mut text = String::new();
    for column in 0..grid.columns() {
        let cell = &row[Column(column)];
        if cell.flags.contains(Flags::WIDE_CHAR_SPACER) {
            continue;
        }
        text.push(if cell.c == '\t' { ' ' } else { cell.c });
        text.extend(cell.zerowidth().into_iter().flatten());
    }
    print::clean(text.trim_end())
}
