//! `tollgate-loadtest kill`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, value_parser};

use tollgate_loadtest::chaos::{self, ChaosOptions, RoundSummary};

use super::{Cli, interruption};

/// What help says after the options.
pub(super) const EXAMPLES: &str = "Examples:
  tollgate-loadtest kill --server target/release/tollgate --rounds 3
  tollgate-loadtest kill --server target/release/tollgate --rounds 200 --seed 7 --json kill.json
  tollgate-loadtest kill --server target/release/tollgate -- --config my.toml

Exit codes: 0 nothing found, 1 a violation or a failure, 2 usage.
After a violation the data directory is kept and named; the seed repeats the load.";

#[derive(Args)]
pub(super) struct KillArguments {
    /// The server's program
    #[arg(long, value_name = "FILE")]
    server: PathBuf,
    /// How often the server is killed
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(1..=100_000))]
    rounds: u32,
    /// Repeats a load and its kill moments; drawn and printed where it is not given
    #[arg(long)]
    seed: Option<u64>,
    /// Connections that drive the load, and later the audit
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u32).range(1..=4_096))]
    connections: u32,
    /// Shortest time of load before the kill, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = value_parser!(u64).range(1..=600_000))]
    load_min: u64,
    /// Longest time of load before the kill, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 800, value_parser = value_parser!(u64).range(1..=600_000))]
    load_max: u64,
    /// Most new payments of a round; beyond it only repeats and reads are sent
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    round_payments: u32,
    /// Keys of older rounds to check after each restart; the last round's are all checked
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = value_parser!(u32).range(0..=1_000_000))]
    sample: u32,
    /// Longest time to ready, in seconds
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = value_parser!(u64).range(1..=3_600))]
    ready_within: u64,
    /// Longest time until a key has its final answer after a restart, in seconds
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = value_parser!(u64).range(1..=3_600))]
    resolve_within: u64,
    /// Directory for the data and the server's error output, new or empty; it is always kept
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,
    /// Also write the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// More arguments for the server's `serve`
    #[arg(last = true, value_name = "ARGS")]
    server_arguments: Vec<String>,
}

pub(super) async fn run(arguments: KillArguments) -> Result<ExitCode> {
    if arguments.load_min > arguments.load_max {
        let message = "--load-min is longer than --load-max";
        Cli::command().error(ErrorKind::ValueValidation, message).exit();
    }
    let json = arguments.json.clone();
    let options = arguments.into_options();
    let seed = options.seed;
    eprintln!("kill audit: {} rounds, seed {seed}", options.rounds);
    let report = tokio::select! {
        report = chaos::run(options) => report.with_context(|| format!("with seed {seed}"))?,
        // Dropping the run kills the server; without this, the default action would leave it.
        interrupted = interruption() => {
            interrupted?;
            bail!("interrupted, with seed {seed}");
        }
    };
    report.print();
    if let Some(path) = json {
        report.write_json(&path)?;
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl KillArguments {
    fn into_options(self) -> ChaosOptions {
        ChaosOptions {
            rounds: self.rounds,
            seed: self.seed.unwrap_or_else(rand::random),
            server_arguments: self.server_arguments,
            connections: self.connections,
            load: Duration::from_millis(self.load_min)..=Duration::from_millis(self.load_max),
            round_payments: self.round_payments,
            sample: self.sample,
            ready_within: Duration::from_secs(self.ready_within),
            resolve_within: Duration::from_secs(self.resolve_within),
            work_dir: self.work_dir,
            on_round: show_round,
            ..ChaosOptions::new(self.server)
        }
    }
}

fn show_round(round: &RoundSummary<'_>) {
    eprintln!(
        "round {} of {}: ready in {:?}, {} keys, {} acknowledged, {} violations",
        round.round,
        round.rounds,
        round.time_to_ready,
        round.keys,
        round.acknowledged,
        round.violations
    );
    // At once: a run that is interrupted has no report.
    round.found.iter().for_each(|violation| eprintln!("  {violation}"));
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Subject;

    #[test]
    fn arguments_after_the_dashes_go_to_the_server() {
        let line =
            ["tollgate-loadtest", "kill", "--server", "s", "--seed", "7", "--", "--config", "f"];
        let Subject::Kill(arguments) = Cli::parse_from(line).command else {
            panic!("another command");
        };
        let options = arguments.into_options();
        assert_eq!(options.seed, 7);
        assert_eq!(options.server_arguments, ["--config", "f"]);
    }

    #[test]
    fn every_number_is_bounded() {
        for (option, value) in [
            ("--rounds", "0"),
            ("--connections", "0"),
            ("--load-max", "0"),
            ("--ready-within", "0"),
        ] {
            let line = ["tollgate-loadtest", "kill", "--server", "s", option, value];
            assert!(Cli::try_parse_from(line).is_err(), "{option} {value}");
        }
    }
}
