//! The binary: parses the command line, runs it, and says in one line what went wrong.

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
            // The chain of causes in one line.
            eprintln!("tollgate: {:#}", anyhow::Error::new(error));
            ExitCode::from(code)
        }
    }
}
