//! Snapshots of the simulated log: made of its sealed segments, kept like files, and lost like them.
//!
//! Invariant: whatever a snapshot stands for was durable, so that no crash takes it back.

use tollgate_domain::ShardId;
use tollgate_engine::{
    Archive as _, LogError, RecordsByShard, SnapshotSink, SnapshotSource, Snapshots,
    prove_snapshot, write_shards,
};
use tollgate_wal::Checkpoint;

use super::Play;

/// The two newest, the newest first.
#[derive(Default)]
pub(super) struct Shelf(Vec<Kept>);

/// A snapshot on the shelf.
struct Kept {
    checkpoint: Checkpoint,
    items: Vec<Vec<u8>>,
    damaged: bool,
}

struct Reading<'k> {
    kept: &'k Kept,
    next: usize,
}

#[derive(Default)]
struct Writing(Vec<Vec<u8>>);

impl Shelf {
    /// The frame from which on the log is still read, where nobody lacks what came before.
    pub(super) fn reaches(&self) -> u64 {
        self.0.first().map_or(0, |kept| kept.checkpoint.frame())
    }

    /// The newest cannot be read any more; whether there is one.
    pub(super) fn damage_newest(&mut self) -> bool {
        let newest = self.0.first_mut().filter(|kept| !kept.damaged);
        newest.is_some_and(|kept| !std::mem::replace(&mut kept.damaged, true))
    }
}

impl Play<'_> {
    /// Makes a snapshot of every segment that is sealed.
    pub(super) fn take_snapshot(&mut self) {
        let streams = self.shards.get() + 1;
        self.shelf.0.retain(|kept| !kept.damaged);
        let previous = self.shelf.0.first();
        let mut checkpoint =
            previous.map_or_else(|| Checkpoint::genesis(streams), |kept| kept.checkpoint.clone());
        let mut records = RecordsByShard::of(0..streams);
        let began = checkpoint.clone();
        while let Some(next) = self
            .disk
            .read_sealed(&checkpoint, &mut |record| {
                records.push(record);
                Ok(())
            })
            .expect("what is sealed is whole, or was refused at the start")
        {
            checkpoint = next;
        }
        if checkpoint == began {
            self.coverage.saw("snapshot: nothing new");
            return;
        }
        let mut reading = previous.map(|kept| Reading { kept, next: 0 });
        let source = reading.as_mut().map(|reading| reading as &mut dyn SnapshotSource);
        let mut written = Writing::default();
        let shards = write_shards(source, &records, &checkpoint, &mut written, None)
            .expect("records continue the snapshot before");
        let given = |end: ShardId| self.vault.position(end);
        if shards.iter().any(|of| given(of.end.shard) < of.departures) {
            // Durable, and not let go of yet.
            return;
        }
        self.vault.persist().expect("a vault is never damaged");
        self.coverage.saw(if previous.is_some() {
            "snapshot: upon another"
        } else {
            "snapshot: the first"
        });
        let kept = Kept { checkpoint, items: written.0, damaged: false };
        prove_snapshot(&mut Reading { kept: &kept, next: 0 }).expect("what is read was written");
        self.shelf.0.insert(0, kept);
        self.shelf.0.truncate(2);
    }
}

impl Snapshots for Shelf {
    fn list(&self) -> Result<Vec<u64>, LogError> {
        Ok(self.0.iter().map(|kept| kept.checkpoint.frame()).collect())
    }

    fn read(&self, name: u64) -> Result<Box<dyn SnapshotSource + '_>, LogError> {
        let kept = self.0.iter().find(|kept| kept.checkpoint.frame() == name);
        Ok(Box::new(Reading { kept: kept.expect("it was listed"), next: 0 }))
    }
}

impl SnapshotSource for Reading<'_> {
    fn checkpoint(&self) -> &Checkpoint {
        &self.kept.checkpoint
    }

    fn next_item(&mut self) -> Result<Option<&[u8]>, LogError> {
        // Found out in the middle, when a part has been loaded.
        if self.kept.damaged && self.next >= self.kept.items.len() / 2 {
            return Err(LogError::Injected);
        }
        let item = self.kept.items.get(self.next);
        self.next += 1;
        Ok(item.map(Vec::as_slice))
    }
}

impl SnapshotSink for Writing {
    fn push(&mut self, item: &[u8]) -> Result<(), LogError> {
        self.0.push(item.to_vec());
        Ok(())
    }
}
