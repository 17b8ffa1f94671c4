//! `tollgate wal dump` and `tollgate wal tail`: the log's records as JSON, one a line.
//!
//! `dump` reads both copies of a log that nobody has open. `tail` reads the journal alone, and may
//! do so while a server writes it.

use std::{
    io::{self, BufWriter, StdoutLock, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use tollgate_domain::ShardId;
use tollgate_engine::{Error as EngineError, LogTail, LoggedRecord, Selection};

use super::WalError;
use crate::record_line::RecordLine;
use crate::{
    cli::output::{self, OutputError, Reader},
    data_directory::{self, IdleDataDirectory},
    startup::log_directory,
};

/// How often `tail` looks for more. A server's own groups are some milliseconds apart, and nobody
/// reads that fast; a tenth of a second seems at once.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(super) struct DumpArguments {
    /// The data directory.
    #[arg(long, default_value = "./data", value_name = "DIRECTORY")]
    data_dir: PathBuf,
    /// The first record to print, by its sequence.
    #[arg(long, default_value_t = 1, value_name = "SEQUENCE")]
    from: u64,
    /// The last record to print, by its sequence.
    #[arg(long, value_name = "SEQUENCE")]
    to: Option<u64>,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Args)]
pub(super) struct TailArguments {
    /// The data directory.
    #[arg(long, default_value = "./data", value_name = "DIRECTORY")]
    data_dir: PathBuf,
    /// Begin with this record, by its sequence; without it, with what comes from now on.
    #[arg(long, value_name = "SEQUENCE")]
    from: Option<u64>,
    /// End once everything that is there has been printed.
    #[arg(long, requires = "from")]
    no_follow: bool,
    #[command(flatten)]
    choice: Choice,
}

/// Which records.
#[derive(Debug, Args)]
struct Choice {
    /// Print records of this shard alone; 0 is the control shard.
    #[arg(long, value_name = "NUMBER")]
    shard: Option<u16>,
    /// End after so many records.
    #[arg(long, value_name = "RECORDS")]
    limit: Option<u64>,
}

pub(super) fn dump(arguments: DumpArguments) -> Result<(), WalError> {
    let DumpArguments { data_dir, from, to, choice } = arguments;
    let _idle = IdleDataDirectory::look_into(&data_dir).map_err(|error| match error {
        data_directory::Error::InUse { path } => WalError::Running { path },
        other => WalError::DataDirectory(other),
    })?;
    let directory = log_directory(&data_dir);
    let selection = choice.selection(from, to.unwrap_or(u64::MAX));
    let mut printer = Printer::new(choice.limit);
    let dumped = tollgate_engine::dump(&directory, selection, &mut |record| printer.print(&record));
    printer.finish()?;
    dumped.map_err(unreadable(&directory))
}

pub(super) fn tail(arguments: TailArguments) -> Result<(), WalError> {
    let TailArguments { data_dir, from, no_follow, choice } = arguments;
    let directory = log_directory(&data_dir);
    let fault = unreadable(&directory);
    let selection = choice.selection(from.unwrap_or(1), u64::MAX);
    let mut tail = LogTail::open(&directory, selection).map_err(&fault)?;
    if from.is_none() {
        tail.skip().map_err(&fault)?;
    }
    let mut printer = Printer::new(choice.limit);
    loop {
        let advanced = tail.advance(&mut |record| printer.print(&record));
        // What is whole is shown at once, and before anything is said of what is not.
        printer.flush()?;
        match advanced.map_err(&fault)? {
            ControlFlow::Break(()) => return Ok(()),
            ControlFlow::Continue(()) if no_follow => return Ok(()),
            ControlFlow::Continue(()) => std::thread::sleep(LOOK_EVERY),
        }
    }
}

fn unreadable(directory: &Path) -> impl Fn(EngineError) -> WalError {
    let directory = directory.to_owned();
    move |source| WalError::Read { directory: directory.clone(), source: Box::new(source) }
}

impl Choice {
    fn selection(&self, from: u64, to: u64) -> Selection {
        Selection { from, to, shard: self.shard.map(ShardId) }
    }
}

/// Prints records until there are enough, nobody reads any more, or writing fails.
struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    left: u64,
    outcome: Result<Reader, OutputError>,
}

impl Printer {
    fn new(limit: Option<u64>) -> Self {
        let left = limit.unwrap_or(u64::MAX);
        Self { out: BufWriter::new(io::stdout().lock()), left, outcome: Ok(Reader::There) }
    }

    fn print(&mut self, record: &LoggedRecord) -> ControlFlow<()> {
        if self.left == 0 {
            return ControlFlow::Break(());
        }
        self.left -= 1;
        let line = serde_json::to_string(&RecordLine(record)).expect("a record is JSON");
        self.outcome = output::reader(writeln!(self.out, "{line}"));
        match self.outcome {
            Ok(Reader::There) if self.left > 0 => ControlFlow::Continue(()),
            Ok(Reader::There | Reader::Gone) | Err(_) => ControlFlow::Break(()),
        }
    }

    /// Lets go of what is printed; fails if anything could not be.
    fn flush(&mut self) -> Result<(), OutputError> {
        let outcome = std::mem::replace(&mut self.outcome, Ok(Reader::There))?;
        if outcome == Reader::There {
            self.outcome = output::reader(self.out.flush());
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), OutputError> {
        self.flush()?;
        self.outcome.map(|_reader| ())
    }
}
