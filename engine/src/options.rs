//! What the engine is told at start, and whom it tells.

use std::{num::NonZeroU16, path::PathBuf, time::Duration};

use tollgate_domain::Policy;
use tollgate_wal::GroupObservation;

use crate::error::Error;

/// How the engine runs.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Where the log lies.
    pub directory: PathBuf,
    /// Payment shards; fixed when the directory is created.
    pub shards: NonZeroU16,
    /// Threads that the shards share.
    pub threads: usize,
    /// Size of a log segment, in bytes.
    pub segment_bytes: u64,
    /// Free disk space, in bytes, below which no new work is admitted.
    pub min_free_bytes: u64,
    /// Bytes of sealed segments after which a snapshot is made; 0 where that is done on request alone.
    pub snapshot_bytes: u64,
    /// How long the log keeps its records; `None` for ever.
    pub retention: Option<Duration>,
    /// Whether segments that the older of two snapshots stands for are compressed.
    pub compress_sealed: bool,
    /// Commands from outside in flight at the most.
    pub max_in_flight: usize,
    /// Of these, to one shard.
    pub max_in_flight_per_shard: usize,
    /// Spans of time that decisions use.
    pub policy: Policy,
}

impl EngineOptions {
    /// The defaults: 64 shards on one thread, 200,000 commands in flight, half of them to one shard.
    ///
    /// One thread decides and applies over a million commands a second, far more than the front
    /// door of two cores lets in; more threads only add switches between them.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        let log = tollgate_wal::Options::new("");
        Self {
            directory: directory.into(),
            shards: const { NonZeroU16::new(64).expect("not zero") },
            threads: 1,
            segment_bytes: log.segment_bytes,
            min_free_bytes: log.min_free_bytes,
            // Two segments: some 400,000 records, which are replayed in under a second.
            snapshot_bytes: 2 * log.segment_bytes,
            retention: None,
            compress_sealed: false,
            max_in_flight: 200_000,
            max_in_flight_per_shard: 100_000,
            policy: Policy::default(),
        }
    }

    /// Whether the log would be opened with these. Touches nothing.
    ///
    /// # Errors
    /// If an option of the log is out of its range.
    pub fn check(&self) -> Result<(), Error> {
        Ok(self.log_options().check()?)
    }

    /// What of it is the log's.
    pub(crate) fn log_options(&self) -> tollgate_wal::Options {
        tollgate_wal::Options {
            segment_bytes: self.segment_bytes,
            min_free_bytes: self.min_free_bytes,
            ..tollgate_wal::Options::new(&self.directory)
        }
    }
}

/// Is told what happens inside, for metrics. Must not block.
pub trait Observer: Send + Sync + 'static {
    /// A group of records became durable.
    fn group_committed(&self, group: GroupObservation);

    /// A snapshot was made.
    fn snapshot_made(&self, snapshot: SnapshotObservation);

    /// None could be made.
    fn snapshot_failed(&self);
}

/// A snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotObservation {
    /// The frame of the log that follows it, which names its file.
    pub frame: u64,
    /// Records that it stands for.
    pub records: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// How long it took, in the background.
    pub elapsed: Duration,
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn group_committed(&self, _group: GroupObservation) {}

    fn snapshot_made(&self, _snapshot: SnapshotObservation) {}

    fn snapshot_failed(&self) {}
}
