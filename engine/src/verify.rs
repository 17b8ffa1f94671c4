//! Examines a log that nobody has open: its bytes, and whether what they tell holds together.

use std::{num::NonZeroU16, path::Path};

use tollgate_domain::{ShardId, StateHash};

use crate::{
    error::Error,
    record_observer::{RecordObservers, ReplayFeed},
    recovery::Replayed,
};

/// What a log holds.
#[derive(Debug)]
pub struct VerifyReport {
    /// The log's bytes.
    pub log: tollgate_wal::verify::VerifyReport,
    /// Merchants.
    pub merchants: usize,
    /// Payments.
    pub payments: usize,
    /// The hash of each shard's state after replay, the control shard first.
    pub hashes: Vec<(ShardId, StateHash)>,
}

/// Reads, replays and checks a whole log, and changes nothing.
///
/// # Errors
/// Where the log is damaged, in use, or breaks an invariant.
pub fn verify(directory: &Path) -> Result<VerifyReport, Error> {
    // How many shards there are stands in the log's superblock, which is read with the records: so
    // there is room for as many as there can be, and those without a record cost little.
    let mut replayed = Replayed::new(NonZeroU16::MAX.min(MOST_SHARDS));
    let feed = ReplayFeed::new(&RecordObservers::none(), replayed.sequences.len());
    let log = replayed.replay(feed, |visit| tollgate_wal::verify::verify(directory, visit))?;
    let shards = usize::from(log.geometry.streams).saturating_sub(1);
    replayed.shards.truncate(shards);
    let control = (ShardId::CONTROL, replayed.control.hash());
    let payments = replayed.shards.iter().map(|state| (state.shard(), state.hash()));
    Ok(VerifyReport {
        log,
        merchants: replayed.control.merchants().count(),
        payments: replayed.shards.iter().map(|state| state.payment_count()).sum(),
        hashes: std::iter::once(control).chain(payments).collect(),
    })
}

/// The largest number of payment shards: the control shard takes one of 65,535 streams.
const MOST_SHARDS: NonZeroU16 = NonZeroU16::new(u16::MAX - 1).expect("not zero");
