//! A log that nobody has open, shown to observers from its first record on: what they derive is built
//! without serving.
//!
//! Not here: taking new records; see `engine.rs`. Comparing the log's two copies; see `verify.rs`.

use std::{num::NonZeroU16, path::Path};

use tollgate_wal::Tail;

use crate::{
    archive::ArchiveFeed,
    error::Error,
    record_observer::{RecordObservers, ReplayFeed},
    recovery::Replayed,
};

/// Replays the journal of a log, with every invariant checked, and shows observers the records that
/// they lack; tells how many records there are. A group that a crash cut short is left out.
///
/// # Errors
/// Where there is no log, or it is damaged, or breaks an invariant.
pub fn show_log(directory: &Path, observers: &RecordObservers) -> Result<u64, Error> {
    // Those without a record cost little; see `verify.rs`.
    let mut replayed = Replayed::new(MOST_SHARDS);
    let feed = ReplayFeed::new(observers, replayed.sequences.len());
    let mut tail = Tail::open(directory)?;
    let mut archive = ArchiveFeed::new(None, replayed.sequences.len());
    replayed.replay(feed, &mut archive, |visit| tail.advance(visit))?;
    Ok(replayed.sequences.iter().sum())
}

/// The largest number of payment shards: the control shard takes one of 65,535 streams.
const MOST_SHARDS: NonZeroU16 = NonZeroU16::new(u16::MAX - 1).expect("not zero");
