//! The binary: parses the command line, runs it, and says what went wrong, in one line for each fault.

use std::process::ExitCode;

use clap::Parser;
use tollgate::cli::Cli;

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
