//! `tollgate wal`: looks into the write-ahead log.

mod dump;
mod replay;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use sha2::{Digest, Sha256};
use tollgate_domain::{ShardId, StateHash};
use tollgate_engine::Error as EngineError;

pub(super) use self::replay::ReplayArguments;
use super::OutputError;
use crate::{
    data_directory::{self, IdleDataDirectory},
    startup::log_directory,
};

#[derive(Debug, Args)]
pub(super) struct WalArguments {
    #[command(subcommand)]
    command: WalCommand,
}

#[derive(Debug, Subcommand)]
enum WalCommand {
    /// Check every byte and every invariant, and change nothing.
    ///
    /// Only while no server runs. Reads both copies of every segment, replays them, and tells what
    /// the next start would mend. Exits with 1 where the log is damaged or an invariant is broken.
    Verify {
        /// The data directory.
        #[arg(long, default_value = "./data")]
        data_dir: PathBuf,
        /// Print a digest of each shard's state as well.
        #[arg(long)]
        verbose: bool,
    },
    /// Print the log's records as JSON, one a line.
    ///
    /// Only while no server runs; `tollgate wal tail --from 1 --no-follow` reads the log of one that
    /// does. Each line has the record's sequence in the log, its shard and its sequence there, its
    /// time, kind, events, idempotency entry and owed calls. Card numbers, security codes and
    /// personal data are in no record. It ends where both copies are damaged; with --skip-damaged
    /// it goes on behind that, tells what is missing, and exits with 1.
    #[command(after_help = DUMP_EXAMPLES)]
    Dump(dump::DumpArguments),
    /// Print records as they are written, also of a server that runs.
    ///
    /// Reads the journal, takes no lock and changes nothing. What is printed is durable: whole
    /// groups, in log order and without a gap, proven by the chain of hashes from the first record
    /// on, and synced before they are shown. A payment's answer may still be on its way to its
    /// client by then. Where the journal is damaged it ends with exit code 1; `tollgate wal verify`
    /// tells whether the second copy has the rest.
    #[command(after_help = TAIL_EXAMPLES)]
    Tail(dump::TailArguments),
    /// Replay the log up to a record or a time, and tell what it comes to there.
    ///
    /// Only while no server runs. It is the replay of a start, with every invariant checked: prints
    /// how many payments stood how, the books by currency, and sequence and state hash of each
    /// shard. What lies behind the record is not looked at, so that it may be damaged; for a time
    /// all of the log is read, since each shard has its own.
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArguments),
}

const DUMP_EXAMPLES: &str = "\
Examples:
  tollgate wal dump --data-dir ./data --from 1000 --to 2000
  tollgate wal dump --shard 0                  Merchants and keys alone
  tollgate wal dump --skip-damaged             What is left of a log that does not verify
  tollgate wal dump | jq 'select(.events[].payment == \"pay_...\")'";

const TAIL_EXAMPLES: &str = "\
Examples:
  tollgate wal tail --data-dir ./data          What comes from now on
  tollgate wal tail --from 1 --no-follow       What is there already
  tollgate wal tail --from 5000 --limit 10";

pub(super) const REPLAY_EXAMPLES: &str = "\
Examples:
  tollgate wal replay --data-dir ./data        All of it
  tollgate wal replay --until 1000             Up to the record that `wal dump` shows as 1000
  tollgate wal replay --until 2026-01-15T10:30:00Z --json";

/// Why a log cannot be shown, or does not verify.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// A server runs, or the lock cannot be asked.
    #[error("the log can be looked into only while no server runs")]
    DataDirectory(#[from] data_directory::Error),
    /// The same, where there is another way.
    #[error(
        "another process uses the data directory {}; `tollgate wal tail --from 1 --no-follow` \
         reads the log of a running server",
        path.display()
    )]
    Running {
        /// Which.
        path: PathBuf,
    },
    /// A record cannot be read or understood.
    #[error("cannot read {} any further", directory.display())]
    Read {
        /// Which log.
        directory: PathBuf,
        /// Why.
        source: Box<EngineError>,
    },
    /// It cannot be replayed so far.
    #[error("cannot replay {} so far", directory.display())]
    Replay {
        /// Which log.
        directory: PathBuf,
        /// Why.
        source: Box<EngineError>,
    },
    /// The records cannot be told.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Not all of it is there any more.
    #[error(
        "the log is damaged in {gaps} place{}, and {records} records are known to be missing",
        if *gaps == 1 { "" } else { "s" }
    )]
    Incomplete {
        /// Where nothing whole is.
        gaps: usize,
        /// Those whose numbers show it.
        records: u64,
    },
    /// It is damaged, in use, or breaks an invariant.
    #[error("{} does not verify", directory.display())]
    Verify {
        /// Which log.
        directory: PathBuf,
        /// Why.
        source: Box<EngineError>,
    },
}

/// Digits that tell the states of shards apart at a glance; the hash over all of them is whole.
const SHORT_DIGEST: usize = 16;

pub(super) fn run(arguments: WalArguments) -> Result<(), WalError> {
    match arguments.command {
        WalCommand::Verify { data_dir, verbose } => verify(&data_dir, verbose),
        WalCommand::Dump(arguments) => dump::dump(arguments),
        WalCommand::Tail(arguments) => dump::tail(arguments),
        WalCommand::Replay(arguments) => replay(arguments),
    }
}

pub(super) fn replay(arguments: ReplayArguments) -> Result<(), WalError> {
    replay::run(arguments)
}

#[expect(clippy::print_stdout, reason = "the report is what the command is for")]
fn verify(data_dir: &Path, verbose: bool) -> Result<(), WalError> {
    let _idle = IdleDataDirectory::look_into(data_dir)?;
    let directory = log_directory(data_dir);
    let report = tollgate_engine::verify(&directory)
        .map_err(|source| WalError::Verify { directory, source: Box::new(source) })?;
    if report.log.begins_behind > 0 {
        println!("begins      behind record {}", report.log.begins_behind);
    }
    println!("segments    {}", report.log.segments);
    println!("groups      {}", report.log.groups);
    println!("frames      {}", report.log.frames);
    println!("records     {}", report.log.records);
    println!("last hash   {}", hex(&report.log.last_hash));
    println!("merchants   {}", report.merchants);
    println!("payments    {}", report.payments);
    println!("state hash  {}", hex(&state_hash(&report.hashes)));
    if verbose {
        for (shard, hash) in &report.hashes {
            let name = shard_name(*shard);
            println!("shard       {name:<8}{}", short_digest(&hash.to_string()));
        }
    }
    for snapshot in &report.snapshots {
        match &snapshot.finding {
            Ok(records) => println!("snapshot    {records} records, comes to the same"),
            Err(fault) => println!("snapshot    {:020} is of no use: {fault}", snapshot.frame),
        }
    }
    for finding in &report.log.findings {
        println!("to mend     {finding:?}");
    }
    println!("invariants  hold");
    Ok(())
}

fn shard_name(shard: ShardId) -> String {
    match shard {
        ShardId::CONTROL => "control".to_owned(),
        ShardId(number) => number.to_string(),
    }
}

fn short_digest(hash: &str) -> &str {
    hash.get(..SHORT_DIGEST).unwrap_or(hash)
}

/// SHA-256 over the number (big-endian) and the hash, in hexadecimal, of each shard: two copies of
/// a log that print the same hold the same state.
fn state_hash(shards: &[(ShardId, StateHash)]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for (shard, hash) in shards {
        digest.update(shard.0.to_be_bytes());
        digest.update(hash.to_string());
    }
    digest.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
