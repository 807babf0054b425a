//! The program: reads the command line, runs it, gives its exit code.

use std::process::ExitCode;

use ccells_shell::cli::{self, Cli};
use ccells_shell::tui::screen::end_on_panic;
use clap::Parser;

// The simulator's planted faults must not reach anybody.
const _: () =
    assert!(!ccells_core::HAS_CANARIES || cfg!(debug_assertions), "this build carries planted faults");

fn main() -> ExitCode {
    let cli = Cli::parse();
    end_on_panic();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::FAILURE };
    let code = runtime.block_on(cli::run(cli));
    runtime.shutdown_background();
    code
}

/// Sessions parse on these, everything else waits on them.
const WORKERS: usize = 4;
