//! One who observes the log: writes down what it is shown, and loses the end of it when the process
//! dies.
//!
//! Invariant: it is shown each record once, in its shard's order, and nothing that the log may still
//! lose. What it was shown and then lost it is shown again, the same.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tollgate_domain::ShardId;
use tollgate_engine::{DurableRecord, RecordObserver};

use crate::chance::Chance;

/// What was written down.
#[derive(Default)]
pub(super) struct Diary(Mutex<Pages>);

/// The records of each shard: number `n` at `n - 1`.
type Pages = BTreeMap<ShardId, Vec<Arc<DurableRecord>>>;

impl Diary {
    /// The process dies: of what was shown, only a beginning was written down.
    pub(super) fn lose_the_end(&self, chance: &mut Chance) {
        for records in self.pages().values_mut() {
            let lost = chance.below(4).min(records.len() as u64);
            let kept = records.len() - usize::try_from(lost).expect("few");
            records.truncate(kept);
        }
    }

    /// What it was shown of a shard, in order.
    pub(super) fn of(&self, shard: ShardId) -> Vec<Arc<DurableRecord>> {
        self.pages().get(&shard).cloned().unwrap_or_default()
    }

    fn write_down(&self, records: Vec<Arc<DurableRecord>>) {
        let mut pages = self.pages();
        for record in records {
            let written = pages.entry(record.shard).or_default();
            let next = written.len() as u64 + 1;
            assert_eq!(record.sequence, next, "shard {} is shown in order", record.shard.0);
            written.push(record);
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RecordObserver for Diary {
    fn position(&self, shard: ShardId) -> u64 {
        self.pages().get(&shard).map_or(0, Vec::len) as u64
    }

    fn replay(&self, records: Vec<Arc<DurableRecord>>) {
        self.write_down(records);
    }

    fn observe(&self, records: Vec<Arc<DurableRecord>>) {
        self.write_down(records);
    }
}
