//! `ccells logs`: what a workstream's terminal showed, as plain text.

use std::io::ErrorKind;
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
use crate::adapters::holder;
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
    let Source { mut line, is_over } = unless_ended(Box::pin(open(directory, verb))).await?;
    let mut printer = Printer::default();
    printer.print(line.emulator());
    if !verb.follow || is_over {
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

/// Where the text comes from.
struct Source {
    line: HolderLine,
    /// Whether nothing can follow: the holder is gone, and this is what it kept.
    is_over: bool,
}

async fn open(directory: &Path, verb: &Logs) -> Result<Source, Failure> {
    let (mut link, ground) = Link::to_look(directory).await?;
    let picture = link.show().await;
    link.end().await;
    let picture = picture?;
    let (_, card) = resolve(&picture, &verb.id)?;
    let text = |key: &str| card[key].as_str().unwrap_or_default();
    if text("container_state") == "running" || text("state") == "paused" {
        // A frozen holder cannot be asked, and knows more than any file.
        return Ok(Source { line: HolderLine::open(&ground.engine, card, true).await?, is_over: false });
    }
    let (name, state) = (print::clean(text("name")), print::clean(text("state")));
    let bytes = holder::read_last_screen(Path::new(text("directory"))).map_err(|error| {
        let reason = if error.kind() == ErrorKind::NotFound {
            "nothing was kept of its terminal".to_string()
        } else {
            format!("what was kept of its terminal cannot be read: {error}")
        };
        Failure::new(4, format!("`{name}` is {state}, and {reason}; run `ccells resume {name}` first"))
    })?;
    let line = HolderLine::of_last_words(name.clone(), &bytes)?;
    print::tell(&format!("`{name}` is {state}; this is what its terminal showed in the end"));
    Ok(Source { line, is_over: true })
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
