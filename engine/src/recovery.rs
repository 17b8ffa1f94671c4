//! From the log back to the state: where it begins, and what it comes to.
//!
//! Not here: how records become state (`recovery/replayed.rs`), and on how many threads
//! (`recovery/crew.rs`).

mod crew;
mod replayed;

use std::{
    num::NonZeroU16,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tollgate_domain::ShardState;
use tollgate_wal::{Checkpoint, Geometry, LogStore, Recovery, Repair, SnapshotStore, Visit};

use crate::{
    archive::{Archive, ArchiveError, ArchiveFeed},
    error::Error,
    record_observer::{RecordObservers, ReplayFeed},
    snapshot::{SnapshotError, Snapshots, load_snapshot},
};

pub(crate) use replayed::Watcher;
pub use replayed::{ReplayThreads, Replayed};

/// What replay found.
#[derive(Clone, Debug)]
pub struct RecoveryReport {
    /// Whether the log was created just now.
    pub created: bool,
    /// Records that a snapshot stood in for.
    pub in_snapshot: u64,
    /// Snapshots that were damaged, and not used.
    pub damaged_snapshots: usize,
    /// Records replayed.
    pub records: u64,
    /// Bytes of an unfinished group that were cut off.
    pub torn_bytes: u64,
    /// What was mended in the log.
    pub repairs: Vec<Repair>,
    /// Payments whose attempt has no outcome; each is asked about.
    pub unresolved: usize,
    /// How long it took.
    pub elapsed: Duration,
}

/// Begins at the newest snapshot that is good, replays the log from there on and checks what it comes
/// to. `open` calls its visitor for each record behind the checkpoint, in log order, and then takes
/// new ones. Observers are shown what they lack, and the archive is given it: a snapshot that stands
/// for something of it is of no use. It takes as many threads as it is given.
///
/// # Errors
/// Where the log cannot be opened or understood, and where what it tells breaks an invariant. That it
/// does not continue a snapshot is no reason to do without that: what is missing was durable.
pub fn recover(
    shards: NonZeroU16,
    observers: &RecordObservers,
    archive: Option<Arc<dyn Archive>>,
    snapshots: &dyn Snapshots,
    threads: ReplayThreads,
    open: impl FnOnce(
        Geometry,
        Option<Checkpoint>,
        &mut Visit<'_>,
    ) -> Result<(Box<dyn LogStore>, Recovery), tollgate_wal::Error>,
) -> Result<(Box<dyn LogStore>, Replayed, RecoveryReport), Error> {
    let began = Instant::now();
    let geometry = Geometry { streams: shards.get() + 1 };
    let feed = ReplayFeed::new(observers, usize::from(geometry.streams));
    let mut archive = ArchiveFeed::new(archive, usize::from(geometry.streams));
    let Begun { mut replayed, checkpoint, damaged } = begin(shards, &feed, &archive, snapshots)?;
    let in_snapshot = replayed.sequences.iter().sum();
    let (store, recovery) =
        replayed.replay(threads, feed, &mut archive, |visit| open(geometry, checkpoint, visit))?;
    let report = RecoveryReport {
        created: recovery.created,
        in_snapshot,
        damaged_snapshots: damaged,
        records: recovery.records,
        torn_bytes: recovery.torn_bytes,
        repairs: recovery.repairs,
        unresolved: replayed.shards.iter().map(|shard| shard.unresolved().len()).sum(),
        elapsed: began.elapsed(),
    };
    Ok((store, replayed, report))
}

/// Where replay begins.
struct Begun {
    replayed: Replayed,
    checkpoint: Option<Checkpoint>,
    damaged: usize,
}

fn begin(
    shards: NonZeroU16,
    feed: &ReplayFeed,
    archive: &ArchiveFeed,
    snapshots: &dyn Snapshots,
) -> Result<Begun, Error> {
    let mut damaged = 0;
    let beginning = snapshots.beginning()?;
    for name in snapshots.list()? {
        let is_beginning = name == beginning;
        let mut archive_lacks = None;
        let loaded = snapshots.read(name).map_err(SnapshotError::from).and_then(|mut source| {
            // What the log has let go of nobody can be shown any more.
            if !is_beginning && feed.lacks_any(source.checkpoint().positions()) {
                return Ok(None);
            }
            let (checkpoint, replayed) = load_snapshot(source.as_mut(), shards)?;
            let lacks = replayed.shards.iter().find(|state| archive.lacks(state));
            archive_lacks = lacks.map(ShardState::shard);
            Ok(archive_lacks.is_none().then_some((checkpoint, replayed)))
        });
        if let (true, Some(shard)) = (is_beginning, archive_lacks) {
            return Err(Error::Archive(ArchiveError::Gone(shard)));
        }
        match loaded {
            Ok(Some((checkpoint, replayed))) => {
                if let Some(refusal) = feed.refusal(checkpoint.positions()) {
                    return Err(Error::Gap { frame: name, refusal });
                }
                return Ok(Begun { replayed, checkpoint: Some(checkpoint), damaged });
            }
            Ok(None) => tracing::info!(
                name,
                "a snapshot is passed over: a view or the archive lacks its records"
            ),
            Err(error) => {
                damaged += 1;
                let error: &dyn std::error::Error = &error;
                tracing::error!(name, error, "a snapshot is not used");
            }
        }
    }
    if beginning > 1 {
        return Err(Error::NoBeginning { frame: beginning });
    }
    Ok(Begun { replayed: Replayed::new(shards), checkpoint: None, damaged })
}

/// What a log that nobody has open begins with: nothing, or what its snapshot there says.
///
/// # Errors
/// Where there is no log, or that snapshot is of no use.
pub(crate) fn before_the_log(directory: &Path) -> Result<Replayed, Error> {
    let beginning = tollgate_wal::beginning(directory)?;
    // A log has a control shard and at least one other.
    let shards = u16::try_from(beginning.positions().len().saturating_sub(1)).unwrap_or(u16::MAX);
    let shards = NonZeroU16::new(shards).unwrap_or(NonZeroU16::MIN);
    if beginning.frame() == 1 {
        return Ok(Replayed::new(shards));
    }
    let read = SnapshotStore::look(directory).read(beginning.frame());
    let loaded = read.map_err(SnapshotError::from).and_then(|mut source| {
        let (checkpoint, replayed) = load_snapshot(&mut source, shards)?;
        if checkpoint == beginning { Ok(replayed) } else { Err(SnapshotError::Shape) }
    });
    loaded.map_err(|source| Error::Beginning { frame: beginning.frame(), source })
}
