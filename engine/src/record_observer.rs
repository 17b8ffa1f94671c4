//! Those who derive something from the log: how they are shown its records, live and at start.
//!
//! ```text
//!   start   replay ─▶ records above its position ─▶ replay(…)     may wait: nobody is served yet
//!   live    releaser ─▶ each durable group ─▶ observe(…)          must not
//! ```
//!
//! Invariant: an observer is shown each shard's records without a gap, in order, and only once they
//! are durable. One that stores its position together with what it derived sees each record exactly
//! once, however often the process dies.
//!
//! Not here: what is derived. Where nobody observes, nothing is kept for it.

use std::{collections::VecDeque, sync::Arc};

use tollgate_domain::ShardId;

use crate::durable_record::DurableRecord;

/// Derives something from the log.
pub trait RecordObserver: Send + Sync + 'static {
    /// The last record of this shard that it needs not be shown any more, 0 where it has none. Asked
    /// for each shard before the log is replayed, and later before the log lets go of records.
    fn position(&self, shard: ShardId) -> u64;

    /// Is shown records while the log is replayed: the ones above its position. May block, so that a
    /// long log does not outrun it.
    fn replay(&self, records: Vec<Arc<DurableRecord>>);

    /// Is shown a group that has become durable, before anybody is answered. Must not block.
    fn observe(&self, records: Vec<Arc<DurableRecord>>);

    /// What to tell whoever starts where the log has let go of records that it lacks: the start is refused
    /// with it. `None` where it may as well begin where the log does.
    fn refuses_a_gap(&self) -> Option<&'static str> {
        None
    }

    /// Is told, before it is shown a log from the beginning that this has, which records that one has let
    /// go of, by shard, and that it is to do without them.
    fn do_without(&self, _up_to: &[u64]) {}

    /// Whether it keeps up. Where one does not, no new payments are taken until it does: what it has
    /// not looked at yet lies in memory.
    fn has_room(&self) -> bool {
        true
    }
}

/// Everybody who observes.
#[derive(Clone, Default)]
pub struct RecordObservers(Arc<[Arc<dyn RecordObserver>]>);

impl RecordObservers {
    /// These.
    #[must_use]
    pub fn new(observers: Vec<Arc<dyn RecordObserver>>) -> Self {
        Self(observers.into())
    }

    /// Nobody.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all keep up.
    #[must_use]
    pub fn have_room(&self) -> bool {
        self.0.iter().all(|observer| observer.has_room())
    }

    /// Whether somebody lacks any of the records up to these, by shard.
    pub(crate) fn lack_any(&self, up_to: &[u64]) -> bool {
        let lacks = |observer: &Arc<dyn RecordObserver>| {
            let mut shards = (0..=u16::MAX).map(ShardId).zip(up_to);
            shards.any(|(shard, last)| observer.position(shard) < *last)
        };
        self.0.iter().any(lacks)
    }

    /// Tells everybody to do without the records up to these.
    pub(crate) fn do_without(&self, up_to: &[u64]) {
        self.0.iter().for_each(|observer| observer.do_without(up_to));
    }

    /// Shows everybody a durable group, in its order.
    pub fn observe(&self, records: Vec<DurableRecord>) {
        let records: Vec<_> = records.into_iter().map(Arc::new).collect();
        for observer in self.0.iter() {
            observer.observe(records.clone());
        }
    }
}

/// Records that one batch of the replay shows: enough to spread the cost of handing it over, and
/// still few megabytes.
const BATCH: usize = 4_096;

/// How many bytes of records must follow a record before it is shown while the log is still being
/// read: more than a group has. All groups but the last are known to be on the disk; the last may be
/// in the system's cache alone until the log has been opened, and a power cut would take it from the
/// log and leave it with the observer.
const HELD_BACK: usize = 4 << 20;

/// Shows observers a log that is replayed.
pub(crate) struct ReplayFeed {
    pending: Vec<Pending>,
    streams: usize,
    held_back: VecDeque<Held>,
    /// Bytes of all records read so far.
    bytes: usize,
}

struct Pending {
    observer: Arc<dyn RecordObserver>,
    /// By shard, the control shard first.
    positions: Vec<u64>,
    records: Vec<Arc<DurableRecord>>,
}

struct Held {
    record: DurableRecord,
    /// How many bytes had been read when it was.
    read_at: usize,
}

impl ReplayFeed {
    pub(crate) fn new(observers: &RecordObservers, streams: usize) -> Self {
        let pending = |observer: &Arc<dyn RecordObserver>| Pending {
            positions: (0..=u16::MAX)
                .take(streams)
                .map(|shard| observer.position(ShardId(shard)))
                .collect(),
            observer: Arc::clone(observer),
            records: Vec::new(),
        };
        let pending = observers.0.iter().map(pending).collect();
        Self { pending, streams, held_back: VecDeque::new(), bytes: 0 }
    }

    /// Whether somebody lacks any of the records up to these, by shard.
    pub(crate) fn lacks_any(&self, up_to: &[u64]) -> bool {
        self.pending.iter().any(|pending| pending.lacks_any(up_to))
    }

    /// What somebody says who lacks any of them, and does not do without.
    pub(crate) fn refusal(&self, up_to: &[u64]) -> Option<&'static str> {
        let mut lacking = self.pending.iter().filter(|pending| pending.lacks_any(up_to));
        lacking.find_map(|pending| pending.observer.refuses_a_gap())
    }

    /// The last record of each shard that nobody lacks, the control shard first.
    pub(crate) fn shown(&self) -> Vec<u64> {
        let by_all =
            |shard: usize| self.pending.iter().map(|pending| pending.positions[shard]).min();
        (0..self.streams).map(|shard| by_all(shard).unwrap_or(u64::MAX)).collect()
    }

    /// So many bytes of records are read.
    pub(crate) fn read(&mut self, bytes: usize) {
        self.bytes += bytes;
        while self.held_back.front().is_some_and(|held| self.bytes - held.read_at > HELD_BACK) {
            self.show_next();
        }
    }

    /// Takes a record that somebody lacks, from among those that were read.
    pub(crate) fn take(&mut self, record: DurableRecord) {
        self.held_back.push_back(Held { record, read_at: self.bytes });
    }

    /// The log is open, and all that was read is on the disk.
    pub(crate) fn finish(mut self) {
        while !self.held_back.is_empty() {
            self.show_next();
        }
        for Pending { observer, records, .. } in self.pending {
            observer.replay(records);
        }
    }

    fn show_next(&mut self) {
        let Some(Held { record, .. }) = self.held_back.pop_front() else { return };
        let record = Arc::new(record);
        for pending in &mut self.pending {
            if !pending.lacks(record.shard, record.sequence) {
                continue;
            }
            pending.records.push(Arc::clone(&record));
            if pending.records.len() >= BATCH {
                pending.observer.replay(std::mem::take(&mut pending.records));
            }
        }
    }
}

impl Pending {
    fn lacks_any(&self, up_to: &[u64]) -> bool {
        self.positions.iter().zip(up_to).any(|(position, last)| position < last)
    }

    fn lacks(&self, shard: ShardId, sequence: u64) -> bool {
        sequence > self.positions[usize::from(shard.0)]
    }
}
