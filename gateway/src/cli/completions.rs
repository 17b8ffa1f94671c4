//! `tollgate completions`: what a shell needs to complete our commands and flags.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, output};

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// For which shell.
    shell: Shell,
}

/// How the script is put to use.
pub(super) const EXAMPLES: &str = "\
Examples:
  source <(tollgate completions bash)
  tollgate completions zsh > ~/.zfunc/_tollgate
  tollgate completions fish > ~/.config/fish/completions/tollgate.fish";

pub(super) fn run(arguments: CompletionsArguments) -> Result<(), output::OutputError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "tollgate", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}
