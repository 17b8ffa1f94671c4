//! `[storage]`: the data directory.

use std::{num::NonZeroU16, path::PathBuf, time::Duration};

use serde::Deserialize;

/// The data directory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Everything Tollgate keeps lies below this directory.
    pub data_dir: PathBuf,
    /// Where the keys of personal data lie; empty for a place in the data directory.
    pub key_store_dir: PathBuf,
    /// Whether a start erases damaged keys instead of refusing.
    pub erase_damaged_keys: bool,
    /// Logical shards; fixed when the directory is created.
    pub shards: NonZeroU16,
    /// Size at which a log segment is sealed, in bytes.
    pub segment_bytes: u64,
    /// Bytes of sealed segments after which a snapshot is made; 0 for none but on request.
    pub snapshot_bytes: u64,
    /// For how many days the log keeps its records; 0 for ever.
    pub retention_days: u32,
    /// Whether segments that a snapshot stands for are compressed.
    pub compress_sealed: bool,
    /// With less than this left on the disk, new payments are refused.
    pub min_free_bytes: u64,
}

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

impl Storage {
    /// How long the log keeps its records; `None` for ever.
    #[must_use]
    pub fn retention(&self) -> Option<Duration> {
        let seconds = u64::from(self.retention_days) * SECONDS_PER_DAY;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// The directory of the keys of personal data.
    #[must_use]
    pub fn key_store(&self) -> PathBuf {
        if self.key_store_dir.as_os_str().is_empty() {
            self.data_dir.join("keys")
        } else {
            self.key_store_dir.clone()
        }
    }
}
