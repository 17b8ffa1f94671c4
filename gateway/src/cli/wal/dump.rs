//! `tollgate wal dump` and `tollgate wal tail`: the log's records as JSON, one a line.
//!
//! `dump` reads both copies of a log that nobody has open. `tail` reads the journal alone, and may
//! do so while a server writes it.

use std::{
    fmt,
    io::{self, BufWriter, StdoutLock, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use tollgate_domain::ShardId;
use tollgate_engine::{Error as EngineError, Gap, LogTail, LoggedRecord, LostRecords, Selection};

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
    /// Pass over what is damaged in both copies; tell on standard error what is missing.
    #[arg(long)]
    skip_damaged: bool,
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
    let DumpArguments { data_dir, from, to, skip_damaged, choice } = arguments;
    let _idle = IdleDataDirectory::look_into(&data_dir).map_err(|error| match error {
        data_directory::Error::InUse { path } => WalError::Running { path },
        other => WalError::DataDirectory(other),
    })?;
    let directory = log_directory(&data_dir);
    let selection = choice.selection(from, to.unwrap_or(u64::MAX));
    let mut printer = Printer::new(choice.limit);
    if skip_damaged {
        return dump_around_damage(&directory, selection, printer);
    }
    let dumped = tollgate_engine::dump(&directory, selection, &mut |record| printer.print(&record));
    printer.finish()?;
    dumped.map_err(unreadable(&directory))
}

/// Prints what is whole; what is missing is told where it is missing, and fails the command.
fn dump_around_damage(
    directory: &Path,
    selection: Selection,
    mut printer: Printer,
) -> Result<(), WalError> {
    let mut records = 0;
    let dumped = tollgate_engine::dump_around_damage(
        directory,
        selection,
        &mut |record| printer.print(&record),
        &mut |gap| {
            records += gap.lost_records();
            eprintln!("tollgate: missing {}", Missing(gap));
        },
    );
    printer.finish()?;
    match dumped.map_err(unreadable(directory))? {
        0 => Ok(()),
        gaps => Err(WalError::Incomplete { gaps, records }),
    }
}

/// What a gap in the log has swallowed, for people.
struct Missing<'g>(&'g Gap);

impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gap { segment, offset, frames, behind, lost } = self.0;
        write!(f, "behind record {behind}: from byte {offset} of segment {segment:020} on, ")?;
        match (frames.end.checked_sub(1), frames.end) {
            (_, u64::MAX) => write!(f, "frame {} and all behind it", frames.start)?,
            (Some(last), _) if last > frames.start => {
                write!(f, "frames {} to {last}", frames.start)?;
            }
            (Some(last), _) if last == frames.start => write!(f, "frame {last}")?,
            _ => write!(f, "no frame, but frame {} does not follow it", frames.start)?,
        }
        for LostRecords { stream, first, last } in lost {
            match last - first {
                0 => write!(f, "; shard {}: record {first}", stream.0)?,
                _ => write!(f, "; shard {}: records {first} to {last}", stream.0)?,
            }
        }
        Ok(())
    }
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
