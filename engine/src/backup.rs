//! A log as it is to be copied, with what it comes to: by that a copy is held against life.
//!
//! ```text
//!   hold the log ─▶ stores that are made of it ─▶ claims, archive ─▶ the log's end ─▶ files, one by one
//! ```
//!
//! Invariants: each shard's claim is of a record that the copy has, and of the living state at it where
//! the engine serves. A log that was cut is copied together with the archive, as that was before the
//! log's end was looked for and after nothing could be cut any more: it has what left memory before
//! the log begins, and nothing that has not left it by its end.
//!
//! Not here: where the files go (the gateway), and how a copy is checked (`verify.rs`).

use std::path::Path;

use tollgate_domain::{ShardId, StateHash};
use tollgate_wal::{LogCopy, LogEnd, LogFile, SnapshotStore};

use crate::{
    archive::{ArchiveError, Store, archive_directory},
    effects::Attachment,
    engine::Engine,
    error::Error,
    log_hold::LogHold,
    tree_copy::{TreeBuilder, TreeCopy},
    verify::{VerifyReport, verify},
};

/// What is to be copied.
#[derive(Debug)]
pub struct LogBackup {
    /// The log's files, to be copied in this order.
    pub files: Vec<LogFile>,
    /// Where the copy ends.
    pub end: LogEnd,
    /// What each shard came to at one of its records, the control shard first; shards without a record
    /// are left out.
    pub claims: Vec<StateClaim>,
    /// The archive, where the log alone could not make it again: it has let go of its beginning.
    pub archive: Option<TreeCopy>,
    /// To be kept until everything has been copied; `None` where nobody has the log open.
    pub hold: Option<LogHold>,
}

/// What a shard's state is after one of its records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateClaim {
    /// Which shard.
    pub shard: ShardId,
    /// Its record.
    pub sequence: u64,
    /// The hash of its state.
    pub hash: StateHash,
}

impl<A: Attachment> Engine<A> {
    /// What a backup of this log holds that is made now. Asks every shard for its hash, one after
    /// another, and syncs what is copied.
    ///
    /// # Errors
    /// Where the log lies in no directory or cannot be read, and where the engine stops.
    pub async fn plan_backup(&self, hold: LogHold) -> Result<LogBackup, Error> {
        let root = self.log_directory().ok_or(Error::NoSnapshots)?.to_owned();
        let mut claims = vec![self.control_claim()];
        claims.extend(self.live_claims().await?);
        let archive = self.archive_copy();
        // Every claim is durable by now, so that what is read from here on has its record.
        let copy = tokio::task::spawn_blocking(move || copy(&root)).await;
        let LogCopy { files, end, is_cut } = copy.map_err(|_stopped| Error::Stopping)??;
        let archive = archive.filter(|_archive| is_cut);
        Ok(LogBackup { files, end, claims: with_records(claims), archive, hold: Some(hold) })
    }
}

/// What a backup of a log holds that nobody has open, which is checked by and by.
///
/// # Errors
/// Where the log is damaged, in use, or breaks an invariant; and where it was cut and the archive is not
/// that of it.
pub fn plan_idle_backup(directory: &Path) -> Result<LogBackup, Error> {
    let report = verify(directory)?;
    let LogCopy { files, end, is_cut } = LogCopy::of(directory, None)?;
    let archive = if is_cut {
        check_archive(directory, &report).map_err(Error::Archive)?;
        Some(Store::open(&archive_directory(directory)).map_err(Error::Archive)?.copy())
    } else {
        None
    };
    let claim = |(shard, hash): (ShardId, StateHash)| {
        let sequence = end.positions.get(usize::from(shard.0)).copied().unwrap_or_default();
        StateClaim { shard, sequence, hash }
    };
    let claims = with_records(report.hashes.into_iter().map(claim).collect());
    Ok(LogBackup { files, end, claims, archive, hold: None })
}

/// Begins the archive of a log in this directory, which has none, to be made of a copy.
///
/// # Errors
/// Where it cannot be written.
pub fn restore_archive(directory: &Path) -> Result<TreeBuilder, ArchiveError> {
    Ok(Store::open(&archive_directory(directory))?.restore())
}

/// Makes sure that the archive beside a log that was cut, which nobody has open, is that of this log, as
/// far as a start needs it.
///
/// # Errors
/// Where it lacks what the log has let go of, has more than the log, or cannot be read.
pub fn check_archive(directory: &Path, report: &VerifyReport) -> Result<(), ArchiveError> {
    let archive = archive_directory(directory);
    let positions =
        if archive.is_dir() { Store::open(&archive)?.positions()? } else { Default::default() };
    for (shard, before, by_end) in &report.departures {
        let position = positions.get(shard).copied().unwrap_or(0);
        if position < *before {
            return Err(ArchiveError::Gone(*shard));
        }
        if position > *by_end {
            return Err(ArchiveError::Ahead(*shard));
        }
    }
    Ok(())
}

/// Reads on from the newest snapshot whose head is good: what lies before it is proved by it.
fn copy(root: &Path) -> Result<LogCopy, Error> {
    let snapshots = SnapshotStore::look(root);
    let from = snapshots.list()?.into_iter().find_map(|frame| {
        let reader = snapshots.read(frame).ok()?;
        Some(reader.checkpoint().clone())
    });
    Ok(LogCopy::of(root, from)?)
}

fn with_records(mut claims: Vec<StateClaim>) -> Vec<StateClaim> {
    claims.retain(|claim| claim.sequence > 0);
    claims
}
