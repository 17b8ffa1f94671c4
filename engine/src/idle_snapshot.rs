//! A snapshot of a log that nobody has open: the log is opened as at a start, and closed again.
//!
//! What there is becomes durable in both copies, what the archive lacks is given to it, the newest
//! segment is sealed, and a snapshot is made and proved as beside live shards. Nothing is decided: no
//! record is written, and no provider is asked.
//!
//! Not here: views and feed, which read on from where they are at the next start; and older snapshots,
//! which the next one that is made beside live shards lets go of.

use std::{num::NonZeroU16, path::Path, sync::Arc};

use tollgate_domain::{ShardId, StateHash};
use tollgate_wal::{LogStore, Options, SledStore, SnapshotStore};

use crate::{
    archive::{Archive, Keeper},
    error::Error,
    options::SnapshotObservation,
    record_observer::RecordObservers,
    recovery::{ReplayThreads, Replayed, recover},
    snapshot_maker::{Life, Made, SnapshotMaker},
};

/// Makes a snapshot of all that a log holds. The number of its shards is the one that it was made with.
///
/// # Errors
/// Where there is no log, where it is damaged or in use, and where the snapshot does not hold.
pub fn snapshot_idle(directory: &Path) -> Result<SnapshotObservation, Error> {
    let streams = tollgate_wal::beginning(directory)?.positions().len();
    let streams = u16::try_from(streams).expect("a log counts its streams in 16 bits");
    let shards = NonZeroU16::new(streams.saturating_sub(1)).unwrap_or(NonZeroU16::MIN);
    let archive = Arc::new(Keeper::of_log(directory)?);
    let made = snapshot(directory, shards, Arc::clone(&archive) as Arc<dyn Archive>);
    archive.close();
    made
}

fn snapshot(
    directory: &Path,
    shards: NonZeroU16,
    archive: Arc<dyn Archive>,
) -> Result<SnapshotObservation, Error> {
    let options = Options::new(directory);
    let (mut log, replayed, _report) = recover(
        shards,
        &RecordObservers::none(),
        Some(Arc::clone(&archive)),
        &SnapshotStore::look(directory),
        ReplayThreads::of_machine(),
        |geometry, from, visit| {
            let (store, recovery) = SledStore::open_from(options, Some(geometry), from, visit)?;
            Ok((Box::new(store) as Box<dyn LogStore>, recovery))
        },
    )?;
    log.seal()?;
    let streams = shards.get() + 1;
    let maker = SnapshotMaker::new(directory, streams, archive, Arc::default())?;
    // The one that has most to tell.
    let shard = (1..=shards.get()).map(ShardId).max_by_key(|shard| replayed.position(*shard));
    let shard = shard.expect("a log has a payment shard");
    let (Made::New(made) | Made::Standing(made)) = maker.make(shard, &replayed)?;
    Ok(made)
}

/// What a replay came to that may have begun at another snapshot.
impl Life for Replayed {
    fn hash_of(&self, shard: ShardId) -> Option<(u64, StateHash)> {
        Some((self.position(shard), self.hash_of(shard)))
    }
}
