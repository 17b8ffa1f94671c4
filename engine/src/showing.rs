//! A log that nobody has open, shown to observers from the first record on that it has: what they derive is built
//! without serving.
//!
//! Not here: taking new records; see `engine.rs`. Comparing the log's two copies; see `verify.rs`.

use std::path::Path;

use tollgate_wal::Tail;

use crate::{
    archive::ArchiveFeed,
    error::Error,
    record_observer::{RecordObservers, ReplayFeed},
    recovery::{ReplayThreads, before_the_log},
};

/// Replays the journal of a log, with every invariant checked, and shows observers the records that
/// they lack; tells how many records there are. A group that a crash cut short is left out. What the log
/// has let go of is not shown, and they do without it from then on.
///
/// # Errors
/// Where there is no log, or it is damaged, or breaks an invariant.
pub fn show_log(directory: &Path, observers: &RecordObservers) -> Result<u64, Error> {
    let mut replayed = before_the_log(directory)?;
    let before: u64 = replayed.sequences.iter().sum();
    observers.do_without(&replayed.sequences);
    let feed = ReplayFeed::new(observers, replayed.sequences.len());
    let mut tail = Tail::open(directory)?;
    let mut archive = ArchiveFeed::new(None, replayed.sequences.len());
    let threads = ReplayThreads::of_machine();
    replayed.replay(threads, feed, &mut archive, |visit| tail.advance(visit))?;
    Ok(replayed.sequences.iter().sum::<u64>() - before)
}
