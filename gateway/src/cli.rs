//! The command line.

mod api;
mod backup;
mod completions;
mod config;
mod events;
mod export;
mod gone_receiver;
mod keys;
mod merchants;
mod output;
mod refusal;
mod serve;
mod simulator;
mod told_events;
mod trigger;
mod views;
mod wal;

use clap::{Parser, Subcommand};

pub use api::{ApiError, ConnectionError, Refusal};
pub use backup::BackupError;
pub use events::EventsError;
pub use export::ExportError;
pub use output::OutputError;
pub use serve::ServeError;
pub use simulator::SimulatorError;
pub use views::ViewsError;
pub use wal::WalError;

/// A payment gateway in one binary.
///
/// Without a command it serves, with its data in ./data and the built-in provider simulator.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, after_help = serve::ENVIRONMENT, after_long_help = HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve payments.
    #[command(after_help = serve::ENVIRONMENT, after_long_help = HELP)]
    Serve(serve::ServeArguments),
    /// Check the configuration, or print what it comes to.
    Config(config::ConfigArguments),
    /// List, issue, rotate and revoke API keys of a running gateway.
    #[command(after_help = keys::EXAMPLES, after_long_help = help_of_api(keys::EXAMPLES))]
    Keys(keys::KeysArguments),
    /// List, register, rename, suspend and resume merchants of a running gateway.
    #[command(after_help = merchants::EXAMPLES, after_long_help = help_of_api(merchants::EXAMPLES))]
    Merchants(merchants::MerchantsArguments),
    /// Export a day's payments, transactions or refunds from a running gateway.
    #[command(after_help = export::EXAMPLES, after_long_help = help_of_api(export::EXAMPLES))]
    Export(export::ExportArguments),
    /// Make a snapshot from which the next start begins: of a running gateway, or of a data directory that no
    /// server has open.
    #[command(after_help = backup::EXAMPLES, after_long_help = help_of_api(backup::EXAMPLES))]
    Snapshot(backup::SnapshotArguments),
    /// Take a backup of a running gateway, or of a data directory that no server has open.
    #[command(after_help = backup::EXAMPLES, after_long_help = help_of_api(backup::EXAMPLES))]
    Backup(backup::BackupArguments),
    /// Make a data directory of a backup, and check all of it.
    #[command(after_help = backup::EXAMPLES)]
    Restore(backup::RestoreArguments),
    /// Look into the write-ahead log.
    Wal(wal::WalArguments),
    /// The same as `tollgate wal replay`: what the log comes to, up to a record or a time.
    #[command(after_help = wal::REPLAY_EXAMPLES)]
    Replay(wal::ReplayArguments),
    /// Build anew what lists are read from.
    Views(views::ViewsArguments),
    /// Serve the provider simulator by itself, for gateways in other processes.
    #[command(after_help = simulator::EXAMPLES)]
    Simulator(simulator::SimulatorArguments),
    /// Forward events as they happen to a receiver on this machine, while one develops.
    #[command(after_help = events::EXAMPLES)]
    Listen(events::ListenArguments),
    /// Do with test payments what leads to an event, and wait until it is told.
    #[command(after_help = events::EXAMPLES)]
    Trigger(trigger::TriggerArguments),
    /// Deliver events again.
    #[command(after_help = events::EXAMPLES)]
    Events(events::EventsArguments),
    /// Print a script that lets a shell complete commands and flags.
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::CompletionsArguments),
}

/// What the long help of serving adds: how it is used, told and ended.
const HELP: &str = "\
Examples:
  tollgate                                    Serve with the defaults; prints a curl line to try
  tollgate serve --config tollgate.toml --data-dir /var/lib/tollgate
  TOLLGATE__PAYMENTS__WAIT_MS=500 tollgate    Serve with one value changed
  tollgate config print > tollgate.toml       A commented file to begin with
  tollgate config check --config tollgate.toml
  tollgate simulator                          The provider simulator by itself, on port 8070
  tollgate keys --help                        Keys and merchants of a running gateway
  tollgate wal verify --data-dir ./data       Check the log of a server that does not run

Environment:
  TOLLGATE_ADMIN_KEY        The operator's key; without it one is made and shown once
  TOLLGATE__SECTION__KEY    Overrides a key of the configuration, such as
                            TOLLGATE__SERVER__LISTEN=0.0.0.0:8080; two underscores on either side.
                            `tollgate config print` lists every key

Configuration: later wins over earlier: the defaults, the file of --config, the environment, flags.

Exit codes:
  0  Good
  2  The command line or the configuration has to be changed; one line for each fault says how
  1  Everything else, with one line that says what";

/// What the long help of commands adds that ask a running gateway.
fn help_of_api(examples: &str) -> String {
    format!("{examples}\n\n{}", api::ENVIRONMENT)
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error("configuration")]
    Configuration(#[from] tollgate_config::Error),
    /// The gateway cannot serve.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The simulator cannot serve.
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    /// A running gateway cannot be asked, or says no.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A command on events failed.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// Nothing was exported, or not all.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Nothing was backed up or restored.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The log is not well.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// The views cannot be built.
    #[error(transparent)]
    Views(#[from] ViewsError),
    /// The result cannot be told.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// If it cannot be done.
    pub fn run(self) -> Result<(), Error> {
        match self.command {
            None => serve::run(self.serve),
            // Flags may stand before the command as well as after it.
            Some(Command::Serve(arguments)) => serve::run(arguments.or(self.serve)),
            Some(Command::Config(arguments)) => config::run(arguments),
            Some(Command::Keys(arguments)) => Ok(keys::run(arguments)?),
            Some(Command::Merchants(arguments)) => Ok(merchants::run(arguments)?),
            Some(Command::Export(arguments)) => Ok(export::run(arguments)?),
            Some(Command::Snapshot(arguments)) => Ok(backup::snapshot(arguments)?),
            Some(Command::Backup(arguments)) => Ok(backup::backup(arguments)?),
            Some(Command::Restore(arguments)) => Ok(backup::restore_backup(arguments)?),
            Some(Command::Wal(arguments)) => Ok(wal::run(arguments)?),
            Some(Command::Replay(arguments)) => Ok(wal::replay(arguments)?),
            Some(Command::Views(arguments)) => Ok(views::run(arguments)?),
            Some(Command::Simulator(arguments)) => simulator::run(arguments),
            Some(Command::Listen(arguments)) => Ok(events::listen(arguments)?),
            Some(Command::Trigger(arguments)) => Ok(trigger::run(arguments)?),
            Some(Command::Events(arguments)) => Ok(events::events(arguments)?),
            Some(Command::Completions(arguments)) => Ok(completions::run(arguments)?),
        }
    }
}

impl Error {
    /// 2 for what the one who started the command has to change, 1 for all else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Configuration(_)
            | Self::Events(EventsError::Secret | EventsError::NotHeld(_)) => 2,
            Self::Api(error)
            | Self::Events(EventsError::Api(error))
            | Self::Export(ExportError::Api(error))
                if error.is_usage() =>
            {
                2
            }
            Self::Backup(error) if error.is_usage() => 2,
            Self::Serve(_)
            | Self::Api(_)
            | Self::Export(_)
            | Self::Backup(_)
            | Self::Wal(_)
            | Self::Views(_)
            | Self::Simulator(_)
            | Self::Events(_)
            | Self::Output(_) => 1,
        }
    }

    /// What is told, in lines: one with the chain of causes, and for a configuration one for each
    /// fault of it.
    #[must_use]
    pub fn lines(self) -> Vec<String> {
        match self {
            Self::Configuration(tollgate_config::Error::Faults(faults)) => {
                faults.iter().map(ToString::to_string).collect()
            }
            other => vec![format!("{:#}", anyhow::Error::new(other))],
        }
    }
}
