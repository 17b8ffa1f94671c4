//! A replay on several threads: the caller's reads and decodes, and each of the others applies the
//! records of its own shards.
//!
//! ```text
//!   caller's   read ─▶ check the chain ─▶ decode ─┬─ shards  1–32 ─▶ apply ─┐  hand 0
//!   thread                                        └─ shards 33–64 ─▶ apply ─┤  hand 1
//!              observers, archive ◀─ by number, in log order ◀──────────────┘
//! ```
//!
//! Records go out in batches, a part of each to every hand, and what others lack of them comes back
//! part by part.
//!
//! Invariant: shards stand for themselves, so that what one comes to is the same whoever applies it, and
//! when. What others lack is put in the order of the log before they are given it.

use std::{
    collections::VecDeque,
    panic::resume_unwind,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use tollgate_domain::{ControlState, ShardState};
use tollgate_wal::{Visit, VisitError};

use super::replayed::{
    Known, Lacking, ReadRecord, Replayed, apply_control, apply_payments, read_each,
};
use crate::{
    archive::ArchiveFeed, error::Error, inspect::RecordContent, record_observer::ReplayFeed,
};

/// Records of a batch, and bytes of them, at the most: enough to spread what handing it over costs, and
/// few megabytes with the batches that wait.
const BATCH: usize = 1_024;
const BATCH_BYTES: usize = 1 << 20;

/// Batches that are under way, at the most.
const BATCHES: usize = 4;

/// A part of a batch, each record with its number in the replay.
type Part = Vec<(u64, ReadRecord)>;

/// What others lack of a part.
type LackingOfPart = Vec<(u64, Lacking)>;

/// Some shards, and whoever applies their records. The first has the control shard as well.
struct Hand<'r> {
    control: Option<(&'r mut ControlState, &'r mut u64)>,
    /// The number of its first payment shard.
    first: u16,
    shards: &'r mut [ShardState],
    sequences: &'r mut [u64],
}

/// The hands, from the caller's side.
struct Crew<'r> {
    lines: Vec<Line>,
    /// Payment shards that a hand has, at the most.
    shards_each: usize,
    /// Records that were read.
    number: u64,
    batch: Batch,
    /// The bytes of each batch that is under way, the oldest first.
    under_way: VecDeque<usize>,
    feed: &'r mut ReplayFeed,
    archive: &'r mut ArchiveFeed,
}

/// To a hand and back.
struct Line {
    out: SyncSender<Part>,
    back: Receiver<LackingOfPart>,
}

/// What is read and not handed out yet.
struct Batch {
    parts: Vec<Part>,
    records: usize,
    bytes: usize,
}

/// A hand has panicked, as is found when it is asked for what it did.
struct Gone;

/// Replays what `read` reads, with so many hands.
pub(super) fn replay<T>(
    replayed: &mut Replayed,
    threads: usize,
    feed: &mut ReplayFeed,
    archive: &mut ArchiveFeed,
    read: impl FnOnce(&mut Visit<'_>) -> Result<T, tollgate_wal::Error>,
) -> Result<T, Error> {
    let known = &Known::of(feed, archive);
    let shards_each = replayed.shards.len().div_ceil(threads.max(1)).max(1);
    thread::scope(|scope| {
        let mut lines = Vec::new();
        let mut threads = Vec::new();
        for mut hand in hands(replayed, shards_each) {
            let (out, parts) = sync_channel::<Part>(BATCHES);
            let (done, back) = sync_channel(BATCHES);
            let work = move || {
                for part in parts {
                    // Who does not want it any more has found something that ends the replay.
                    drop(done.send(hand.apply(part, known)));
                }
            };
            let thread = thread::Builder::new().name("replay".to_owned());
            threads.push(thread.spawn_scoped(scope, work).map_err(Error::Thread)?);
            lines.push(Line { out, back });
        }
        let mut crew = Crew::of(lines, shards_each, feed, archive);
        let read = read_each(read, |record| {
            crew.take(record).map_err(|Gone| VisitError::from("a thread that applies is gone"))
        });
        let finished = crew.finish();
        for thread in threads {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        debug_assert!(finished.is_ok(), "who is gone has panicked");
        read
    })
}

/// Shares the shards out.
fn hands(replayed: &mut Replayed, shards_each: usize) -> impl Iterator<Item = Hand<'_>> {
    let Replayed { control, shards, sequences } = replayed;
    let (of_control, sequences) = sequences.split_first_mut().expect("a log has a control shard");
    let mut control = Some((control, of_control));
    let parts = shards.chunks_mut(shards_each).zip(sequences.chunks_mut(shards_each));
    parts.map(move |(shards, sequences)| {
        let first = shards.first().expect("a chunk is never empty").shard().0;
        Hand { control: control.take(), first, shards, sequences }
    })
}

impl Hand<'_> {
    fn apply(&mut self, part: Part, known: &Known) -> LackingOfPart {
        let mut lacking = Vec::new();
        for (number, record) in part {
            let lacks = self.apply_record(record, known);
            if !lacks.is_nothing() {
                lacking.push((number, lacks));
            }
        }
        lacking
    }

    fn apply_record(&mut self, record: ReadRecord, known: &Known) -> Lacking {
        let ReadRecord { shard, sequence, bytes: _, content } = record;
        match content {
            RecordContent::Control(record) => {
                let (state, last) = self.control.as_mut().expect("it comes to whom it belongs to");
                **last = sequence;
                apply_control(state, sequence, record, known)
            }
            RecordContent::Payments(record) => {
                let index = usize::from(shard.0 - self.first);
                self.sequences[index] = sequence;
                apply_payments(&mut self.shards[index], sequence, record, known)
            }
        }
    }
}

impl<'r> Crew<'r> {
    fn of(
        lines: Vec<Line>,
        shards_each: usize,
        feed: &'r mut ReplayFeed,
        archive: &'r mut ArchiveFeed,
    ) -> Self {
        let batch = Batch::for_hands(lines.len());
        let under_way = VecDeque::with_capacity(BATCHES);
        Self { lines, shards_each, number: 0, batch, under_way, feed, archive }
    }

    /// A record is read.
    fn take(&mut self, record: ReadRecord) -> Result<(), Gone> {
        // The control shard goes with the first payment shards.
        let hand = usize::from(record.shard.0.saturating_sub(1)) / self.shards_each;
        self.number += 1;
        self.batch.records += 1;
        self.batch.bytes += record.bytes;
        self.batch.parts[hand].push((self.number, record));
        if self.batch.records < BATCH && self.batch.bytes < BATCH_BYTES {
            return Ok(());
        }
        if self.under_way.len() == BATCHES {
            self.take_back()?;
        }
        self.hand_out()
    }

    /// No more is read: waits for what is under way.
    fn finish(mut self) -> Result<(), Gone> {
        self.hand_out()?;
        while !self.under_way.is_empty() {
            self.take_back()?;
        }
        Ok(())
    }

    fn hand_out(&mut self) -> Result<(), Gone> {
        let batch = std::mem::replace(&mut self.batch, Batch::for_hands(self.lines.len()));
        for (line, part) in self.lines.iter().zip(batch.parts) {
            line.out.send(part).map_err(|_gone| Gone)?;
        }
        self.under_way.push_back(batch.bytes);
        Ok(())
    }

    /// The oldest batch is applied: what others lack of it is theirs, in its order.
    fn take_back(&mut self) -> Result<(), Gone> {
        let mut lacking = Vec::new();
        for line in &self.lines {
            lacking.extend(line.back.recv().map_err(|_gone| Gone)?);
        }
        lacking.sort_unstable_by_key(|(number, _lacking)| *number);
        // As if all of them stood at the batch's end: what they are held back for follows that.
        let bytes = self.under_way.pop_front().unwrap_or_default();
        self.feed.read(bytes);
        self.archive.read(bytes);
        for (_number, lacking) in lacking {
            lacking.hand_over(self.feed, self.archive);
        }
        Ok(())
    }
}

impl Batch {
    fn for_hands(hands: usize) -> Self {
        let parts = (0..hands).map(|_hand| Vec::with_capacity(BATCH / hands)).collect();
        Self { parts, records: 0, bytes: 0 }
    }
}

#[cfg(test)]
mod tests;
