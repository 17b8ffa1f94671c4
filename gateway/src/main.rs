//! The binary: parses the command line, runs it, and says what went wrong, in one line for each fault.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use tollgate::cli::Cli;

/// A payment's memory is taken by one thread and given back by another, many times on its way: what
/// the system's allocator makes expensive (docs/adr/0033-allocator.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => usage.exit(),
    };
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = error.exit_code();
            for line in error.lines() {
                eprintln!("tollgate: {line}");
            }
            ExitCode::from(code)
        }
    }
}
