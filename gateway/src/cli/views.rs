//! `tollgate views`: what lists are read from, by itself.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use tollgate_config::Config;
use tollgate_engine::{
    Error as EngineError, RecordObserver, RecordObservers, records_let_go, show_log,
};

use super::output::{OutputError, print};
use crate::{
    data_directory::{self, DataDirectory},
    secrets::{self, Secrets},
    startup::{log_directory, views_directory},
    views::{ViewError, ViewLimits, Views},
};

#[derive(Debug, Args)]
pub(super) struct ViewsArguments {
    #[command(subcommand)]
    command: ViewsCommand,
}

#[derive(Debug, Subcommand)]
enum ViewsCommand {
    /// Drop what lists are read from, and build it anew from the log.
    ///
    /// Only while no server runs. A start does by itself what is needed: it builds what is missing,
    /// damaged or of another release. This is for doing so beforehand, and tells how long it took.
    Rebuild {
        /// The data directory.
        #[arg(long, default_value = "./data", value_name = "DIRECTORY")]
        data_dir: PathBuf,
        /// Build what the log still has, where it has let go of its first records.
        #[arg(long)]
        from_the_beginning_of_the_log: bool,
    },
}

/// Why the views cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ViewsError {
    /// A server runs, or the lock cannot be had.
    #[error("the views can be built only while no server runs")]
    DataDirectory(#[from] data_directory::Error),
    /// There is nothing to build them from.
    #[error("there is no log in {}", .0.display())]
    NoLog(PathBuf),
    /// What would be dropped cannot all be built anew.
    #[error(
        "the log begins behind record {0}, and what came before would be missing in lists; \
         --from-the-beginning-of-the-log builds them all the same"
    )]
    Cut(u64),
    /// The secrets cannot be had.
    #[error("cannot open the secrets")]
    Secrets(#[from] secrets::Error),
    /// The log cannot be read, or breaks an invariant.
    #[error("the log cannot be read")]
    Log(#[from] Box<EngineError>),
    /// The views cannot be written.
    #[error("the views cannot be written")]
    Views(#[from] ViewError),
    /// They could not be written while the log was read; the error was logged.
    #[error("the views could not be written to the end")]
    Failed,
    /// The result cannot be told.
    #[error(transparent)]
    Output(#[from] OutputError),
}

pub(super) fn run(arguments: ViewsArguments) -> Result<(), ViewsError> {
    let ViewsCommand::Rebuild { data_dir, from_the_beginning_of_the_log } = arguments.command;
    let log = log_directory(&data_dir);
    if !log.is_dir() {
        return Err(ViewsError::NoLog(data_dir));
    }
    let _ours = DataDirectory::take(&data_dir)?;
    let let_go = records_let_go(&log).map_err(Box::new)?;
    match let_go.ok_or_else(|| ViewsError::NoLog(data_dir.clone()))? {
        let_go if let_go > 0 && !from_the_beginning_of_the_log => {
            return Err(ViewsError::Cut(let_go));
        }
        _whatever => {}
    }
    let secrets = Secrets::open(&data_dir)?;
    let directory = views_directory(&data_dir);
    Views::remove(&directory)?;
    let began = Instant::now();
    let tollgate_config::Views { cache_bytes, most_rows } = Config::defaults().views;
    let limits = ViewLimits { cache_bytes, most_rows };
    // Nothing is there that could be lost.
    let views = Arc::new(Views::open(&directory, secrets.views(), limits, 0)?);
    let observers = RecordObservers::new(vec![Arc::clone(&views) as Arc<dyn RecordObserver>]);
    let shown = show_log(&log, &observers).map_err(Box::new);
    if shown.is_ok() {
        views.go_live();
    }
    let is_whole = views.wait_until_caught_up();
    views.close();
    let records = shown?;
    if !is_whole {
        return Err(ViewsError::Failed);
    }
    let elapsed = began.elapsed();
    let rate = per_second(records, elapsed);
    print(&format!("records     {records}\nelapsed     {elapsed:.2?}\nrate        {rate}/s\n"))?;
    Ok(())
}

fn per_second(records: u64, elapsed: Duration) -> u128 {
    u128::from(records) * 1_000 / elapsed.as_millis().max(1)
}
