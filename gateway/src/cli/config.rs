//! `tollgate config`: what the configuration comes to, without serving.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tollgate_config::{DEFAULTS, Flags, Loaded};

use super::{Error, output, refusal};

#[derive(Debug, Args)]
pub(super) struct ConfigArguments {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say what is wrong with the configuration, or that it is good.
    ///
    /// Reads the defaults, the file and the environment, as `tollgate serve` would. Every fault is
    /// told in a line of its own, with file and line or variable, and the exit code is 2. A good one
    /// is told with every value that is not the default's and where it is from.
    Check(Sources),
    /// Print the configuration as a commented file.
    ///
    /// What is printed can be given with --config. A value that is not the default's has a comment
    /// behind it that says where it is from. No key of the configuration is a secret.
    Print {
        #[command(flatten)]
        sources: Sources,
        /// Print the defaults as they are, whatever file and environment say.
        #[arg(long, conflicts_with = "config")]
        defaults: bool,
    },
}

#[derive(Debug, Args)]
struct Sources {
    /// A configuration file laid over the defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(arguments: ConfigArguments) -> Result<(), Error> {
    match arguments.command {
        ConfigCommand::Check(sources) => check(sources),
        ConfigCommand::Print { defaults: true, .. } => Ok(output::print(DEFAULTS)?),
        ConfigCommand::Print { sources, defaults: false } => {
            Ok(output::print(&Loaded::read(&sources.into_flags())?.to_toml())?)
        }
    }
}

fn check(sources: Sources) -> Result<(), Error> {
    let loaded = refusal::read(&sources.into_flags())?;
    let mut text = "good\n".to_owned();
    for (key, value, origin) in loaded.said() {
        text += &format!("{key} = {value}  # {origin}\n");
    }
    Ok(output::print(&text)?)
}

impl Sources {
    fn into_flags(self) -> Flags {
        Flags { config: self.config, ..Flags::default() }
    }
}
