//! `tollgate-loadtest chaos`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;
use clap::{Args, value_parser};
use tollgate_loadtest::chaos::{self, ChaosOptions, Mishap, RoundSummary};

use super::interruption;

/// What help says after the options.
pub(super) const EXAMPLES: &str = "Examples:
  tollgate-loadtest chaos --server target/release/tollgate
  tollgate-loadtest chaos --server target/release/tollgate --minutes 1 --seed 7 --json chaos.json
  tollgate-loadtest chaos --server target/release/tollgate --rounds 5 --only sync_fails

Exit codes: 0 nothing found, 1 a violation or a failure, 2 usage.
After a violation the data directory is kept and named; the seed repeats load and mishaps.";

#[derive(Args)]
pub(super) struct ChaosArguments {
    /// The server's program, which must be the provider simulator's as well
    #[arg(long, value_name = "FILE")]
    server: PathBuf,
    /// How long rounds are begun
    #[arg(long, default_value_t = 15, value_parser = value_parser!(u64).range(1..=10_000))]
    minutes: u64,
    /// So many rounds instead, however long they take
    #[arg(long, conflicts_with = "minutes", value_parser = value_parser!(u32).range(1..=100_000))]
    rounds: Option<u32>,
    /// Repeats a load, its mishaps and their moments; drawn and printed where it is not given
    #[arg(long)]
    seed: Option<u64>,
    /// Mishaps of this kind alone; may be given several times
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(Mishap::ALL.map(Mishap::name)))]
    only: Vec<String>,
    /// Connections that drive the load, and later the audit
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u32).range(1..=4_096))]
    connections: u32,
    /// Most new payments of a round; beyond it only repeats and reads are sent
    #[arg(long, value_name = "N", default_value_t = 4_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    round_payments: u32,
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

pub(super) async fn run(arguments: ChaosArguments) -> Result<ExitCode> {
    let json = arguments.json.clone();
    let options = arguments.into_options();
    let seed = options.seed;
    eprintln!("chaos audit: seed {seed}");
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

impl ChaosArguments {
    fn into_options(self) -> ChaosOptions {
        let chosen = |mishap: &Mishap| {
            self.only.is_empty() || self.only.iter().any(|name| name == mishap.name())
        };
        ChaosOptions {
            rounds: self.rounds.unwrap_or(u32::MAX),
            time: self.rounds.is_none().then(|| Duration::from_secs(60 * self.minutes)),
            mishaps: Mishap::ALL.into_iter().filter(chosen).collect(),
            seed: self.seed.unwrap_or_else(rand::random),
            server_arguments: self.server_arguments,
            connections: self.connections,
            round_payments: self.round_payments,
            resolve_within: Duration::from_secs(40),
            work_dir: self.work_dir,
            on_round: show_round,
            ..ChaosOptions::new(self.server)
        }
    }
}

fn show_round(round: &RoundSummary<'_>) {
    eprintln!(
        "round {}: {}, ready in {:?}, {} keys, {} acknowledged, {} violations",
        round.round,
        round.mishap,
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
    use crate::cli::{Cli, Subject};

    fn options(more: &[&str]) -> ChaosOptions {
        let line = ["tollgate-loadtest", "chaos", "--server", "s"].iter().chain(more);
        let Subject::Chaos(arguments) = Cli::parse_from(line).command else {
            panic!("another command");
        };
        arguments.into_options()
    }

    #[test]
    fn a_standard_run_takes_a_quarter_of_an_hour_and_everything() {
        let options = options(&[]);
        assert_eq!(options.time, Some(Duration::from_secs(900)));
        assert_eq!(options.mishaps, Mishap::ALL);
    }

    #[test]
    fn kinds_and_rounds_can_be_chosen() {
        let options = options(&["--rounds", "3", "--only", "pause", "--only", "disk_full"]);
        assert_eq!((options.rounds, options.time), (3, None));
        assert_eq!(options.mishaps, [Mishap::Pause, Mishap::DiskFull]);
        let wrong = ["tollgate-loadtest", "chaos", "--server", "s", "--only", "flood"];
        assert!(Cli::try_parse_from(wrong).is_err());
    }
}
