//! A replay on several threads: the caller's reads, and each of the others decodes and applies the records
//! of its own shards.
//!
//! ```text
//!   caller's   read ─▶ check the chain ─┬─ shards  1–32 ─▶ decode ─▶ apply ─┐  hand 0
//!   thread                              └─ shards 33–64 ─▶ decode ─▶ apply ─┤  hand 1
//!              observers, archive ◀─ by number, in log order ◀──────────────┘
//! ```
//!
//! Records go out in batches, a part of each to every hand, and what others lack of them comes back
//! part by part. A hand makes what it keeps, and lets go of it: what is made by one thread and let go of
//! by another costs both.
//!
//! Invariant: shards stand for themselves, so that what one comes to is the same whoever applies it, and
//! when. What others lack is put in the order of the log before they are given it, and they are given
//! nothing behind a record that is not understood. That is found some batches later; what hands have
//! applied by then is of no more use to anybody.

use std::{
    collections::VecDeque,
    panic::resume_unwind,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use tollgate_domain::{ControlState, ShardId, ShardState};
use tollgate_wal::{RecordRef, Stream, Visit, VisitError};

use super::replayed::{Known, Lacking, Replayed, apply_control, apply_payments, outcome};
use crate::{
    archive::ArchiveFeed, error::Error, inspect::RecordContent, record_observer::ReplayFeed,
};

/// Records of a batch, and bytes of them, at the most: enough to spread what handing it over costs, and
/// few megabytes with the batches that wait.
const BATCH: usize = 1_024;
const BATCH_BYTES: usize = 1 << 20;

/// Batches that are under way, at the most.
const BATCHES: usize = 4;

/// Some records of a batch, one behind the other as they lie in the log.
#[derive(Default)]
struct Part {
    records: Vec<Place>,
    bytes: Vec<u8>,
}

/// Where in a part a record ends, and what it is.
struct Place {
    /// Its number in the replay.
    number: u64,
    stream: Stream,
    sequence: u64,
    end: usize,
}

/// What became of a part.
struct Done {
    /// What others lack of its records, each with its number.
    lacking: Vec<(u64, Lacking)>,
    /// The record that is not understood. The hand applies nothing more.
    failure: Option<(u64, Error)>,
    /// Empty, for the next records.
    part: Part,
}

/// Some shards, and whoever applies their records. The first has the control shard as well.
struct Hand<'r> {
    control: Option<(&'r mut ControlState, &'r mut u64)>,
    /// The number of its first payment shard.
    first: u16,
    shards: &'r mut [ShardState],
    sequences: &'r mut [u64],
    has_failed: bool,
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
    spare: Vec<Part>,
    failure: Option<Error>,
    feed: &'r mut ReplayFeed,
    archive: &'r mut ArchiveFeed,
}

/// To a hand and back.
struct Line {
    out: SyncSender<Part>,
    back: Receiver<Done>,
}

/// What is read and not handed out yet.
#[derive(Default)]
struct Batch {
    /// By hand.
    parts: Vec<Part>,
    records: usize,
    bytes: usize,
}

/// There is no use in reading on: a record is not understood, or a hand has panicked.
struct Stopped;

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
        let (mut lines, mut threads) = (Vec::new(), Vec::new());
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
        let read = read(&mut |record| {
            crew.take(record).map_err(|Stopped| VisitError::from("what is read cannot be applied"))
        });
        let failure = crew.finish();
        for thread in threads {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        outcome(read, failure)
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
        Hand { control: control.take(), first, shards, sequences, has_failed: false }
    })
}

impl Part {
    fn push(&mut self, number: u64, record: RecordRef<'_>) {
        self.bytes.extend_from_slice(record.bytes);
        let RecordRef { stream, sequence, .. } = record;
        self.records.push(Place { number, stream, sequence, end: self.bytes.len() });
    }

    fn iter(&self) -> impl Iterator<Item = (u64, RecordRef<'_>)> {
        let mut begins = 0;
        self.records.iter().map(move |place| {
            let bytes = &self.bytes[begins..place.end];
            begins = place.end;
            let Place { number, stream, sequence, .. } = *place;
            (number, RecordRef { stream, sequence, bytes })
        })
    }

    fn clear(&mut self) {
        self.records.clear();
        self.bytes.clear();
    }
}

impl Hand<'_> {
    fn apply(&mut self, mut part: Part, known: &Known) -> Done {
        let (mut lacking, mut failure) = (Vec::new(), None);
        for (number, record) in part.iter() {
            if self.has_failed {
                break;
            }
            match self.apply_record(record, known) {
                Ok(lacks) if lacks.is_nothing() => {}
                Ok(lacks) => lacking.push((number, lacks)),
                Err(error) => {
                    self.has_failed = true;
                    failure = Some((number, error));
                }
            }
        }
        part.clear();
        Done { lacking, failure, part }
    }

    fn apply_record(&mut self, record: RecordRef<'_>, known: &Known) -> Result<Lacking, Error> {
        let RecordRef { stream, sequence, .. } = record;
        Ok(match RecordContent::of(record)? {
            RecordContent::Control(record) => {
                let (state, last) = self.control.as_mut().expect("it comes to whom it belongs to");
                **last = sequence;
                apply_control(state, sequence, record, known)
            }
            RecordContent::Payments(record) => {
                let index = usize::from(stream.0 - self.first);
                self.sequences[index] = sequence;
                apply_payments(&mut self.shards[index], sequence, record, known)
            }
        })
    }
}

impl<'r> Crew<'r> {
    fn of(
        lines: Vec<Line>,
        shards_each: usize,
        feed: &'r mut ReplayFeed,
        archive: &'r mut ArchiveFeed,
    ) -> Self {
        let mut crew = Self {
            lines,
            shards_each,
            number: 0,
            batch: Batch::default(),
            under_way: VecDeque::with_capacity(BATCHES),
            spare: Vec::new(),
            failure: None,
            feed,
            archive,
        };
        crew.batch = crew.empty_batch();
        crew
    }

    /// A record is read.
    fn take(&mut self, record: RecordRef<'_>) -> Result<(), Stopped> {
        let shard = ShardId(record.stream.0);
        // The control shard goes with the first payment shards.
        let hand = usize::from(shard.0.saturating_sub(1)) / self.shards_each;
        self.number += 1;
        self.batch.records += 1;
        self.batch.bytes += record.bytes.len();
        self.batch.parts[hand].push(self.number, record);
        if self.batch.records < BATCH && self.batch.bytes < BATCH_BYTES {
            return Ok(());
        }
        if self.under_way.len() == BATCHES {
            self.take_back()?;
        }
        self.hand_out()
    }

    /// No more is read: waits for what is under way, and tells what was not understood.
    fn finish(mut self) -> Option<Error> {
        let mut going = self.hand_out();
        while going.is_ok() && !self.under_way.is_empty() {
            going = self.take_back();
        }
        self.failure
    }

    fn hand_out(&mut self) -> Result<(), Stopped> {
        if self.failure.is_some() {
            return Err(Stopped);
        }
        let empty = self.empty_batch();
        let batch = std::mem::replace(&mut self.batch, empty);
        for (line, part) in self.lines.iter().zip(batch.parts) {
            line.out.send(part).map_err(|_gone| Stopped)?;
        }
        self.under_way.push_back(batch.bytes);
        Ok(())
    }

    /// The oldest batch is applied: what others lack of it is theirs, in its order.
    fn take_back(&mut self) -> Result<(), Stopped> {
        let (mut lacking, mut failure) = (Vec::new(), None::<(u64, Error)>);
        for line in &self.lines {
            let done = line.back.recv().map_err(|_gone| Stopped)?;
            lacking.extend(done.lacking);
            self.spare.push(done.part);
            failure = [failure, done.failure].into_iter().flatten().min_by_key(|failed| failed.0);
        }
        lacking.sort_unstable_by_key(|(number, _lacking)| *number);
        // As if all of them stood at the batch's end: what they are held back for follows that.
        let bytes = self.under_way.pop_front().unwrap_or_default();
        self.feed.read(bytes);
        self.archive.read(bytes);
        let end = failure.as_ref().map_or(u64::MAX, |(number, _error)| *number);
        for (_number, lacking) in lacking.into_iter().take_while(|(number, _)| *number < end) {
            lacking.hand_over(self.feed, self.archive);
        }
        self.failure = failure.map(|(_number, error)| error);
        if self.failure.is_some() { Err(Stopped) } else { Ok(()) }
    }

    fn empty_batch(&mut self) -> Batch {
        let parts = self.lines.iter().map(|_line| self.spare.pop().unwrap_or_default());
        Batch { parts: parts.collect(), records: 0, bytes: 0 }
    }
}

#[cfg(test)]
mod tests;
