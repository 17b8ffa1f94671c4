//! `tollgate-loadtest smoke`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use tollgate_loadtest::run::Server;
use tollgate_loadtest::scenario::Scenario;

use super::load::{OutputArguments, TargetArguments, exit_code, options, play};

/// What help says after the options.
pub(super) const EXAMPLES: &str =
    "Without --start and --url it starts the `tollgate` beside itself, or \
target/release/tollgate; where there is none, it asks a server at http://127.0.0.1:8080.

Exit codes: 0 passed; 1 an expectation missed, a promise broken or a failure; 2 usage.";

/// Where `cargo build --release` leaves the server.
const BUILT: &str = "target/release/tollgate";

#[derive(Args)]
pub(super) struct SmokeArguments {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    output: OutputArguments,
}

pub(super) async fn run(arguments: SmokeArguments) -> Result<ExitCode> {
    let SmokeArguments { target, output } = arguments;
    let scenario = Scenario::load("smoke")?;
    let server = server(&target);
    let scenario = match server {
        Server::Running { .. } => scenario.for_any_server(),
        Server::Start { .. } => scenario,
    };
    let report = play(options(scenario, server, &output), &output).await?;
    report.print_verdict();
    Ok(exit_code(&report))
}

fn server(target: &TargetArguments) -> Server {
    if target.url.is_some() || target.start.is_some() {
        return target.server();
    }
    let beside = std::env::current_exe().ok().map(|program| program.with_file_name("tollgate"));
    let found = beside.into_iter().chain([PathBuf::from(BUILT)]).find(|program| program.is_file());
    match found {
        Some(program) => {
            eprintln!("starting {}", program.display());
            target.started(&program)
        }
        None => target.running(),
    }
}
