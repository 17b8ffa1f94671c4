//! A log as it is to be copied, with what it comes to: by that a copy is held against life.
//!
//! Invariant: each shard's claim is of a record that the copy has, and of the living state at it where
//! the engine serves.
//!
//! Not here: where the files go (the gateway), and how a copy is checked (`verify.rs`).

use std::path::Path;

use tollgate_domain::{ShardId, StateHash};
use tollgate_wal::{LogCopy, LogEnd, LogFile, SnapshotStore};

use crate::{
    effects::Attachment, engine::Engine, error::Error, verify::VerifyReport, verify::verify,
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
    pub async fn plan_backup(&self) -> Result<LogBackup, Error> {
        let root = self.log_directory().ok_or(Error::NoSnapshots)?.to_owned();
        let mut claims = vec![self.control_claim()];
        claims.extend(self.live_claims().await?);
        // Every claim is durable by now, so that what is read from here on has its record.
        let copy = tokio::task::spawn_blocking(move || copy(&root)).await;
        let LogCopy { files, end } = copy.map_err(|_stopped| Error::Stopping)??;
        Ok(LogBackup { files, end, claims: with_records(claims) })
    }
}

/// What a backup of a log holds that nobody has open, which is checked by and by.
///
/// # Errors
/// Where the log is damaged, in use, or breaks an invariant.
pub fn plan_idle_backup(directory: &Path) -> Result<LogBackup, Error> {
    let VerifyReport { hashes, .. } = verify(directory)?;
    let LogCopy { files, end } = LogCopy::of(directory, None)?;
    let claim = |(shard, hash): (ShardId, StateHash)| {
        let sequence = end.positions.get(usize::from(shard.0)).copied().unwrap_or_default();
        StateClaim { shard, sequence, hash }
    };
    let claims = with_records(hashes.into_iter().map(claim).collect());
    Ok(LogBackup { files, end, claims })
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
