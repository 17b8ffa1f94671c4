//! `tollgate-loadtest run`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, value_parser};

use tollgate_loadtest::run::{self, LoadReport, Progress, RunOptions, Server, Stop};
use tollgate_loadtest::scenario::{Overrides, Scenario};

use super::{interruption, usage};

/// Where `tollgate` listens by default.
pub(super) const USUAL_URL: &str = "http://127.0.0.1:8080";

/// What help says after the options.
pub(super) const EXAMPLES: &str = "Examples:
  tollgate-loadtest run steady --start target/release/tollgate --html report.html
  tollgate-loadtest run ten-thousand-a-minute --url http://127.0.0.1:8080 --json report.json
  tollgate-loadtest run my-scenario.toml --rate 2000 --duration 60 --seed 7
  tollgate-loadtest run steady --concurrency 64 --start target/release/tollgate -- --config my.toml

Environment:
  TOLLGATE_ADMIN_KEY  The operator's key of a running server; else it is read from its data directory

Exit codes: 0 passed; 1 an expectation missed, a promise broken or a failure; 2 usage.";

#[derive(Args)]
pub(super) struct RunArguments {
    /// A scenario by name, or a TOML file
    scenario: String,
    #[command(flatten)]
    target: TargetArguments,
    /// Base rate of an open loop, in requests a second; phases are multiples of it
    #[arg(long, value_name = "R", conflicts_with = "concurrency")]
    rate: Option<f64>,
    /// A closed loop over so many connections
    #[arg(long, value_name = "C", value_parser = value_parser!(u32).range(1..=20_000))]
    concurrency: Option<u32>,
    /// How long all phases that count take together, in seconds
    #[arg(long, value_name = "S", value_parser = value_parser!(u64).range(1..=604_800))]
    duration: Option<u64>,
    /// Audit the money afterwards, whatever the scenario says
    #[arg(long, conflicts_with = "no_audit")]
    audit: bool,
    /// Do not audit afterwards
    #[arg(long)]
    no_audit: bool,
    /// Most keys that are remembered for the audit; beyond, it is a sample by the seed
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = value_parser!(u32).range(1_000..))]
    audit_keys: u32,
    /// Of the settled keys that are remembered, so many are asked again
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    audit_again: u32,
    #[command(flatten)]
    output: OutputArguments,
}

/// At whom a load is aimed.
#[derive(Args)]
pub(super) struct TargetArguments {
    /// A server that runs on this machine; http://127.0.0.1:8080 by default
    #[arg(long, value_name = "URL", conflicts_with = "start")]
    pub(super) url: Option<String>,
    /// Start this server on a directory of its own, and stop it afterwards
    #[arg(long, value_name = "FILE")]
    pub(super) start: Option<PathBuf>,
    /// Data directory of a running server, where its operator's key is looked for
    #[arg(long, value_name = "DIR", default_value_os_t = RunOptions::usual_data_dir())]
    pub(super) data_dir: PathBuf,
    /// More arguments for the `serve` of a server that is started
    #[arg(last = true, value_name = "ARGS")]
    pub(super) server_arguments: Vec<String>,
}

/// What is made of the result, and what repeats it.
#[derive(Args)]
pub(super) struct OutputArguments {
    /// Repeats what is asked for and when; drawn and printed where it is not given
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Also write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Also write the report as one HTML page
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// Show no progress
    #[arg(long, short)]
    pub(super) quiet: bool,
}

pub(super) async fn run(arguments: RunArguments) -> Result<ExitCode> {
    let overrides = Overrides {
        rate: arguments.rate,
        concurrency: arguments.concurrency,
        duration: arguments.duration.map(Duration::from_secs),
        audit: (arguments.audit || arguments.no_audit).then_some(arguments.audit),
    };
    let scenario = Scenario::load(&arguments.scenario).and_then(|found| found.with(overrides));
    let scenario = match scenario {
        Ok(scenario) => scenario,
        Err(cause) => return Ok(usage(&cause)),
    };
    let server = arguments.target.server();
    let mut options = options(scenario, server, &arguments.output);
    options.most_keys = usize::try_from(arguments.audit_keys).unwrap_or(usize::MAX);
    options.asked_again = usize::try_from(arguments.audit_again).unwrap_or(usize::MAX);
    let report = play(options, &arguments.output).await?;
    report.print();
    Ok(exit_code(&report))
}

impl TargetArguments {
    pub(super) fn server(&self) -> Server {
        match &self.start {
            Some(program) => self.started(program),
            None => self.running(),
        }
    }

    pub(super) fn started(&self, program: &Path) -> Server {
        Server::Start { program: program.to_owned(), arguments: self.server_arguments.clone() }
    }

    pub(super) fn running(&self) -> Server {
        let url = self.url.clone().unwrap_or_else(|| USUAL_URL.to_owned());
        Server::Running { url, data_dir: self.data_dir.clone() }
    }
}

pub(super) fn options(scenario: Scenario, server: Server, output: &OutputArguments) -> RunOptions {
    RunOptions {
        seed: output.seed.unwrap_or_else(rand::random),
        operator_key: std::env::var("TOLLGATE_ADMIN_KEY").ok().filter(|key| !key.is_empty()),
        progress: if output.quiet { Progress::Silent } else { Progress::of_terminal() },
        command: command_line(),
        ..RunOptions::new(scenario, server)
    }
}

/// Plays, and writes the files that were asked for. The first interruption ends the load early, the
/// second one everything.
pub(super) async fn play(options: RunOptions, output: &OutputArguments) -> Result<LoadReport> {
    let stop = Stop::default();
    let seed = options.seed;
    let interrupted = async {
        interruption().await?;
        eprintln!("stopping; interrupt again to leave at once");
        stop.ask();
        interruption().await
    };
    let report = tokio::select! {
        report = run::run(options, stop.clone()) => report?,
        interrupted = interrupted => {
            interrupted?;
            bail!("interrupted, with seed {seed}");
        }
    };
    if let Some(path) = &output.json {
        report.write_json(path)?;
    }
    if let Some(path) = &output.html {
        report.write_html(path)?;
    }
    Ok(report)
}

pub(super) fn exit_code(report: &LoadReport) -> ExitCode {
    if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The command as it was given, the program by its name alone.
fn command_line() -> String {
    let mut words: Vec<String> = std::env::args().collect();
    if let Some(program) = words.first_mut() {
        let name = Path::new(&*program).file_name().map(|name| name.to_string_lossy().into_owned());
        *program = name.unwrap_or_default();
    }
    words.join(" ")
}
