//! Commands, flags and exit codes: 0 good, 1 something was found or failed, 2 usage.

mod chaos;
mod kill;
mod load;
mod scenarios;
mod smoke;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// The exit code of what cannot be meant, which is clap's as well.
const USAGE: u8 = 2;

#[derive(Parser)]
#[command(version, about, long_about = None)]
struct Cli {
    #[command(subcommand)]
    command: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// Ten seconds of mixed load and an audit, with a short verdict
    #[command(after_long_help = smoke::EXAMPLES)]
    Smoke(smoke::SmokeArguments),
    /// Play a scenario, measure it, audit the money afterwards
    #[command(
        long_about = "Play a scenario, measure it, audit the money afterwards.\n\n\
            An open loop sends each request at its time, whatever became of those before, and \
            measures from the moment it was due; a closed loop sends the next request of a \
            connection when the last one was answered. `tollgate-loadtest scenarios` lists what can \
            be played by name; docs/load-testing.md describes scenarios and reports.",
        after_long_help = load::EXAMPLES
    )]
    Run(load::RunArguments),
    /// List the scenarios that are compiled in, or print one, and the operations there are
    Scenarios(scenarios::ScenariosArguments),
    /// Kill a server in the middle of load, again and again, and audit what it acknowledged
    #[command(
        long_about = "Kill a server in the middle of load, again and again, and audit what it \
            acknowledged.\n\n\
            Each round starts the server on the same data directory, checks what earlier rounds \
            were told, drives payments over many connections and sends SIGKILL at a random moment. \
            At the end every key is asked once more, the provider simulator's ledger is compared \
            with the answers, and the server must end with exit code 0 after SIGTERM.",
        after_long_help = kill::EXAMPLES
    )]
    Kill(kill::KillArguments),
    /// Let everything befall a server in the middle of load, and audit what it acknowledged
    #[command(
        long_about = "Let everything befall a server in the middle of load, and audit what it \
            acknowledged.\n\n\
            As `kill`, but in each round something else happens as well: the process is stopped and \
            continued, its disk runs low or full, every sync of the disk fails, its provider is \
            killed or stands still. Every kind comes before one comes again, in an order drawn from \
            the seed. Low and full disks need a tmpfs, and so root; failing syncs need a C compiler. \
            What cannot be had is left out, and the report says so.",
        after_long_help = chaos::EXAMPLES
    )]
    Chaos(chaos::ChaosArguments),
}

pub(crate) async fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Subject::Smoke(arguments) => smoke::run(arguments).await,
        Subject::Run(arguments) => load::run(arguments).await,
        Subject::Scenarios(arguments) => scenarios::run(&arguments),
        Subject::Kill(arguments) => kill::run(arguments).await,
        Subject::Chaos(arguments) => chaos::run(arguments).await,
    };
    match outcome {
        Ok(code) => code,
        Err(cause) => {
            eprintln!("tollgate-loadtest: {cause:#}");
            ExitCode::FAILURE
        }
    }
}

/// Waits for SIGINT or SIGTERM.
async fn interruption() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Says what cannot be meant.
fn usage(cause: &anyhow::Error) -> ExitCode {
    eprintln!("tollgate-loadtest: {cause:#}");
    ExitCode::from(USAGE)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
