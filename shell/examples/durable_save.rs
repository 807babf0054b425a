//! Saves generation after generation of one file and prints each once it is durable: something to be killed
//! at any system call. `durable_save <path> <first> <last> <none|one|two>`; a save that fails is told on
//! standard error and ends with status 1.

use std::io::{self, Write};
use std::process::ExitCode;

use ccells_core::ids::PathText;
use ccells_core::store::{Keep, Replace, run};
use ccells_shell::adapters::files::RealFiles;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, first, last, keep] = arguments.as_slice() else { return usage() };
    let (Ok(first), Ok(last), Some(keep)) = (first.parse::<u64>(), last.parse::<u64>(), parse_keep(keep))
    else {
        return usage();
    };
    let mut files = RealFiles::new();
    for generation in first..=last {
        let replace =
            Replace::new(PathText(path.clone()), body(generation), generation, std::process::id(), keep);
        let told = match run(&mut files, replace) {
            Ok(()) => writeln!(io::stdout(), "ack {generation}"),
            Err(error) => {
                let _ = writeln!(io::stderr(), "{generation}: {error}");
                return ExitCode::FAILURE;
            }
        };
        if told.is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    let _ = writeln!(
        io::stderr(),
        "usage: durable_save <path> <first generation> <last generation> <none|one|two>"
    );
    ExitCode::from(2)
}

/// How many previous generations are kept.
fn parse_keep(word: &str) -> Option<Keep> {
    [("none", Keep::None), ("one", Keep::One), ("two", Keep::Two)]
        .into_iter()
        .find(|(name, _)| *name == word)
        .map(|(_, keep)| keep)
}

/// A body that shows whether it is whole: its generation, over and over.
fn body(generation: u64) -> Vec<u8> {
    format!("{generation}\n").repeat(500).into_bytes()
}
