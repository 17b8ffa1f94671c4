//! From the log back to the state: the same `apply` as live traffic.

use std::{
    num::NonZeroU16,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tollgate_domain::{
    ControlState, Event, Record, ShardId, ShardState, StateHash, Timestamp, codec, invariant,
};
use tollgate_wal::{
    Checkpoint, Geometry, LogStore, RecordRef, Recovery, Repair, SnapshotStore, Visit, VisitError,
};

use crate::{
    archive::{Archive, ArchiveError, ArchiveFeed},
    durable_record::DurableRecord,
    error::Error,
    planted_fault::{PlantedFault, is_planted},
    record_observer::{RecordObservers, ReplayFeed},
    snapshot::{SnapshotError, Snapshots, load_snapshot},
};

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

/// Everything the log knows.
pub struct Replayed {
    /// The control shard.
    pub control: ControlState,
    /// Payment shard `n` at `n - 1`.
    pub shards: Vec<ShardState>,
    /// The last record of each shard, the control shard first.
    pub sequences: Vec<u64>,
}

impl Replayed {
    pub(crate) fn new(shards: NonZeroU16) -> Self {
        Self {
            control: ControlState::default(),
            shards: (1..=shards.get()).map(|shard| ShardState::new(ShardId(shard))).collect(),
            sequences: vec![0; usize::from(shards.get()) + 1],
        }
    }

    /// Replays what `read` reads, and checks every invariant of what it comes to; `read` calls its
    /// visitor for each record in log order. Observers are shown what they lack, and the archive is given
    /// it.
    pub(crate) fn replay<T>(
        &mut self,
        feed: ReplayFeed,
        archive: &mut ArchiveFeed,
        read: impl FnOnce(&mut Visit<'_>) -> Result<T, tollgate_wal::Error>,
    ) -> Result<T, Error> {
        self.replay_with(feed, archive, &mut Unwatched, read)
    }

    /// As [`Replayed::replay`], of the records that a watcher takes.
    pub(crate) fn replay_with<T>(
        &mut self,
        mut feed: ReplayFeed,
        archive: &mut ArchiveFeed,
        watcher: &mut dyn Watcher,
        read: impl FnOnce(&mut Visit<'_>) -> Result<T, tollgate_wal::Error>,
    ) -> Result<T, Error> {
        let mut failure = None;
        let read = read(&mut |record| {
            self.apply(record, &mut feed, archive, watcher).map_err(|error| {
                let text = error.to_string();
                failure = Some(error);
                VisitError::from(text)
            })
        });
        let found = match (read, failure) {
            (_, Some(failure)) => return Err(failure),
            (Ok(found), None) => found,
            (Err(error), None) => return Err(error.into()),
        };
        invariant::control(&self.control)
            .map_err(|source| Error::Invariant { shard: ShardId::CONTROL, source })?;
        for state in &self.shards {
            invariant::shard(state)
                .map_err(|source| Error::Invariant { shard: state.shard(), source })?;
        }
        feed.finish();
        archive.finish(&self.shards).map_err(Error::Archive)?;
        Ok(found)
    }

    /// A shard's last record; 0 where it has none.
    pub(crate) fn position(&self, shard: ShardId) -> u64 {
        self.sequences[usize::from(shard.0)]
    }

    /// The hash of a shard's state.
    pub(crate) fn hash_of(&self, shard: ShardId) -> StateHash {
        match usize::from(shard.0).checked_sub(1) {
            None => self.control.hash(),
            Some(index) => self.shards[index].hash(),
        }
    }

    /// Decodes and applies one record.
    fn apply(
        &mut self,
        record: RecordRef<'_>,
        feed: &mut ReplayFeed,
        archive: &mut ArchiveFeed,
        watcher: &mut dyn Watcher,
    ) -> Result<(), Error> {
        let shard = ShardId(record.stream.0);
        let index = usize::from(shard.0);
        let failed = |source| Error::Replay { shard, sequence: record.sequence, source };
        if shard == ShardId::CONTROL {
            let decoded = codec::decode_control(record.bytes).map_err(failed)?;
            if !watcher.takes(decoded.at) {
                return Ok(());
            }
            self.control.apply(&decoded);
            feed.read(shard, record.sequence, record.bytes.len(), || {
                DurableRecord::of_control(&self.control, record.sequence, decoded)
            });
        } else {
            let mut decoded = codec::decode(record.bytes).map_err(failed)?;
            if !watcher.takes(decoded.at) {
                return Ok(());
            }
            if is_planted(PlantedFault::ReplayedBackwards) {
                decoded.events.reverse();
            }
            let state = &mut self.shards[index - 1];
            watcher.about_to_apply(state, &decoded);
            let leaving = archive.leaving(state, &decoded, record.bytes.len());
            state.apply(&decoded);
            if let Some(departures) = leaving {
                archive.left(departures);
            }
            feed.read(shard, record.sequence, record.bytes.len(), || {
                DurableRecord::of_payments(state, record.sequence, decoded)
            });
        }
        self.sequences[index] = record.sequence;
        watcher.applied(self, shard, record.sequence);
        Ok(())
    }
}

/// Looks on while a log is replayed.
pub(crate) trait Watcher {
    /// Whether a record of this time is to be replayed. A shard's records behind one that is not must
    /// not be either.
    fn takes(&mut self, _at: Timestamp) -> bool {
        true
    }

    /// This record is applied next, to a shard that is as it was before.
    fn about_to_apply(&mut self, _state: &ShardState, _record: &Record<Event>) {}

    /// A record has been applied.
    fn applied(&mut self, _replayed: &Replayed, _shard: ShardId, _sequence: u64) {}
}

/// Nobody looks.
struct Unwatched;

impl Watcher for Unwatched {}

/// Begins at the newest snapshot that is good, replays the log from there on and checks what it comes
/// to. `open` calls its visitor for each record behind the checkpoint, in log order, and then takes
/// new ones. Observers are shown what they lack, and the archive is given it: a snapshot that stands
/// for something of it is of no use.
///
/// # Errors
/// Where the log cannot be opened or understood, and where what it tells breaks an invariant. That it
/// does not continue a snapshot is no reason to do without that: what is missing was durable.
pub fn recover(
    shards: NonZeroU16,
    observers: &RecordObservers,
    archive: Option<Arc<dyn Archive>>,
    snapshots: &dyn Snapshots,
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
        replayed.replay(feed, &mut archive, |visit| open(geometry, checkpoint, visit))?;
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
