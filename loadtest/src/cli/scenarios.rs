//! `tollgate-loadtest scenarios`.
#![expect(clippy::print_stdout, reason = "the list is what the command is run for")]

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Args;

use tollgate_loadtest::operation::Operation;
use tollgate_loadtest::scenario::{LIBRARY, Scenario};

use super::usage;

#[derive(Args)]
pub(super) struct ScenariosArguments {
    /// Print this scenario's TOML, to begin one's own with
    name: Option<String>,
}

pub(super) fn run(arguments: &ScenariosArguments) -> Result<ExitCode> {
    if let Some(name) = &arguments.name {
        let Some(found) = LIBRARY.iter().find(|named| named.name == name) else {
            return Ok(usage(&anyhow!("there is no scenario {name}")));
        };
        print!("{}", found.text);
        return Ok(ExitCode::SUCCESS);
    }
    println!("scenarios:");
    for named in LIBRARY {
        let scenario = Scenario::load(named.name)?;
        let seconds = scenario.duration().as_secs();
        println!("  {:<24}{seconds:>5} s  {}", named.name, scenario.about);
    }
    println!("\noperations:");
    for operation in Operation::ALL {
        println!("  {:<24}{}", operation.name(), operation.about());
    }
    Ok(ExitCode::SUCCESS)
}
