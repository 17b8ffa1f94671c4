//! `[storage]`: the data directory.

use std::{num::NonZeroU16, path::PathBuf};

use serde::Deserialize;

/// The data directory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Everything Tollgate keeps lies below this directory.
    pub data_dir: PathBuf,
    /// Logical shards; fixed when the directory is created.
    pub shards: NonZeroU16,
    /// Size at which a log segment is sealed, in bytes.
    pub segment_bytes: u64,
    /// With less than this left on the disk, new payments are refused.
    pub min_free_bytes: u64,
}
