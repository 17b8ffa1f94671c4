//! A snapshot as an answer shows it.

use serde::Serialize;
use tollgate_engine::SnapshotObservation;

/// A snapshot, to be serialized.
#[derive(Serialize)]
pub(crate) struct SnapshotBody {
    object: &'static str,
    frame: u64,
    file: String,
    records: u64,
    bytes: u64,
    elapsed_ms: u64,
}

impl SnapshotBody {
    pub(crate) fn of(made: &SnapshotObservation) -> Self {
        let SnapshotObservation { frame, records, bytes, elapsed } = *made;
        Self {
            object: "snapshot",
            frame,
            file: format!("log/snapshots/{frame:020}.snap"),
            records,
            bytes,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
