//! `ccells-holder`: owns an agent's terminal inside its container.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use ccells_core::wire;
use ccells_holder::cli::{self, Verb};
use ccells_holder::{attach, is_executable, serve};

/// A command line that makes no sense.
const USAGE_ERROR: u8 = 2;

fn main() -> ExitCode {
    let verb = match cli::parse(std::env::args_os().skip(1)) {
        Ok(verb) => verb,
        Err(reason) => return complain(&reason, USAGE_ERROR),
    };
    let result = match verb {
        Verb::Serve(config) => ensure_shell().and_then(|()| serve(config)),
        Verb::Attach(socket) => attach(&socket),
        Verb::Version => {
            writeln!(io::stdout(), "ccells-holder {} protocol {}", env!("CARGO_PKG_VERSION"), wire::VERSION)
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string(), 1),
    }
}

fn complain(reason: &str, code: u8) -> ExitCode {
    // Nobody is left to tell when this fails.
    let _ = writeln!(io::stderr(), "ccells-holder: {reason}");
    ExitCode::from(code)
}

/// Makes sure that SHELL names a program. The terminal library would otherwise look in the user database, and a
/// static program must not: the database of the image may call for shared libraries of another C library.
fn ensure_shell() -> io::Result<()> {
    if std::env::var_os("SHELL").is_some_and(|shell| is_executable(Path::new(&shell))) {
        return Ok(());
    }
    let me = std::env::current_exe()?;
    let found = ["/bin/bash", "/bin/sh"].into_iter().find(|shell| is_executable(Path::new(shell)));
    let shell = found.map_or_else(|| me.clone().into_os_string(), OsString::from);
    Err(Command::new(&me).args(std::env::args_os().skip(1)).env("SHELL", shell).exec())
}
