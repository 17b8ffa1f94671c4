//! The command line.

mod serve;
mod wal;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use serve::ServeError;
pub use wal::WalError;

/// A payment gateway in one binary.
///
/// Without a command it serves, with its data in ./data and the built-in provider simulator.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, after_help = serve::ENVIRONMENT)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve payments.
    #[command(after_help = serve::ENVIRONMENT)]
    Serve(serve::ServeArguments),
    /// Look into the write-ahead log of a gateway that does not run.
    Wal(WalArguments),
}

#[derive(Debug, Args)]
struct WalArguments {
    #[command(subcommand)]
    command: WalCommand,
}

#[derive(Debug, Subcommand)]
enum WalCommand {
    /// Check every byte and every invariant, and change nothing.
    Verify {
        /// The data directory.
        #[arg(long, default_value = "./data")]
        data_dir: PathBuf,
        /// Print a digest of each shard's state as well.
        #[arg(long)]
        verbose: bool,
    },
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
    /// The log is not well.
    #[error(transparent)]
    Wal(#[from] WalError),
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
            Some(Command::Wal(WalArguments { command })) => match command {
                WalCommand::Verify { data_dir, verbose } => Ok(wal::verify(&data_dir, verbose)?),
            },
        }
    }
}

impl Error {
    /// 2 for what the one who started the command has to change, 1 for all else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Configuration(_) | Self::Serve(ServeError::LogLevel(_)) => 2,
            Self::Serve(ServeError::Startup(error)) if error.is_configuration() => 2,
            Self::Serve(_) | Self::Wal(_) => 1,
        }
    }
}
