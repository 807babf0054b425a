//! The holder's command line. Small enough to be read by hand, so that the program stays small.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use ccells_core::limits;

use crate::serve::Serve;

/// How the program is used.
pub const USAGE: &str = "usage:
  ccells-holder serve --socket PATH [--resume=WORD]... [--columns N] [--rows N] -- COMMAND [ARGUMENT]...
  ccells-holder attach --socket PATH
  ccells-holder version";

/// Size of a terminal nobody has given one.
const DEFAULT_SIZE: (u16, u16) = (120, 40);

/// What the program is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Hold an agent.
    Serve(Serve),
    /// Be a tunnel to the holder at this socket.
    Attach(PathBuf),
    /// Tell the versions of program and protocol.
    Version,
}

/// Reads the arguments after the program's name. An error is for people and ends with what to do.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Verb, String> {
    let mut words = arguments.into_iter();
    let verb = words.next().ok_or_else(|| format!("no command given\n{USAGE}"))?;
    match verb.as_bytes() {
        b"serve" => parse_serve(words).map(Verb::Serve),
        b"attach" => {
            let mut socket = None;
            while let Some(word) = words.next() {
                match word.as_bytes() {
                    b"--socket" => socket = words.next(),
                    _ => return Err(unknown(&word)),
                }
            }
            Ok(Verb::Attach(socket.ok_or_else(|| missing("--socket PATH"))?.into()))
        }
        b"version" | b"--version" => Ok(Verb::Version),
        _ => Err(unknown(&verb)),
    }
}

fn parse_serve(mut words: impl Iterator<Item = OsString>) -> Result<Serve, String> {
    let (mut socket, mut resume, (mut columns, mut rows)) = (None, Vec::new(), DEFAULT_SIZE);
    while let Some(word) = words.next() {
        match word.as_bytes() {
            b"--socket" => socket = words.next(),
            b"--columns" => columns = number("--columns", words.next().as_ref(), &limits::COLUMNS)?,
            b"--rows" => rows = number("--rows", words.next().as_ref(), &limits::ROWS)?,
            b"--" => {
                let argv: Vec<OsString> = words.collect();
                if argv.is_empty() {
                    return Err(missing("-- COMMAND"));
                }
                let socket = socket.ok_or_else(|| missing("--socket PATH"))?.into();
                return Ok(Serve { socket, argv, resume, size: (columns, rows) });
            }
            bytes => match bytes.strip_prefix(b"--resume=") {
                Some(word) => resume.push(OsString::from_vec(word.to_vec())),
                None => return Err(unknown(&word)),
            },
        }
    }
    Err(missing("-- COMMAND"))
}

fn number(name: &str, word: Option<&OsString>, range: &std::ops::RangeInclusive<u16>) -> Result<u16, String> {
    let number = word.and_then(|word| word.to_str()?.parse().ok()).filter(|number| range.contains(number));
    number.ok_or_else(|| format!("{name} takes a number from {} to {}\n{USAGE}", range.start(), range.end()))
}

fn missing(what: &str) -> String {
    format!("`{what}` is missing\n{USAGE}")
}

fn unknown(word: &OsString) -> String {
    format!("`{}` is not understood\n{USAGE}", word.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Verb, String> {
        parse(line.split_ascii_whitespace().map(OsString::from))
    }

    #[test]
    fn command_lines_are_read() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let line =
            "serve --socket /run/x --resume=claude --resume=-c --columns 80 --rows 24 -- claude --flag -- x";
        let argv = words(&["claude", "--flag", "--", "x"]);
        let resume = words(&["claude", "-c"]);
        let serve = Serve { socket: "/run/x".into(), argv, resume, size: (80, 24) };
        assert_eq!(parse_line(line), Ok(Verb::Serve(serve)));
        assert_eq!(parse_line("attach --socket s"), Ok(Verb::Attach("s".into())));
        assert_eq!(parse_line("version"), Ok(Verb::Version));
    }

    #[test]
    fn mistakes_are_told() {
        for (line, told) in [
            ("", "no command given"),
            ("fly", "`fly` is not understood"),
            ("serve -- x", "`--socket PATH` is missing"),
            ("serve --socket x --", "`-- COMMAND` is missing"),
            ("serve --socket x", "`-- COMMAND` is missing"),
            ("serve --socket x --rows 9999 -- y", "--rows takes a number from 1 to 500"),
            ("serve --socket x --resume y -- z", "`--resume` is not understood"),
            ("attach", "`--socket PATH` is missing"),
        ] {
            let error = parse_line(line).expect_err(line);
            assert!(error.starts_with(told) && error.ends_with(USAGE), "{line}: {error}");
        }
    }
}
