//! Records as they are read from a log become the state that they tell of: the same `apply` as live
//! traffic.
//!
//! Invariant: each shard's records are applied in their order, and observers and the archive are given
//! what they lack in the order of the log, and nothing behind a record that is not understood.
//!
//! Not here: threads. Where there are several, `crew.rs` shares the shards among them.

use std::{num::NonZeroU16, thread};

use tollgate_domain::{
    ControlEvent, ControlState, Event, Record, ShardId, ShardState, StateHash, Timestamp, invariant,
};
use tollgate_wal::{RecordRef, Visit, VisitError};

use super::crew;
use crate::{
    archive::{ArchiveFeed, Departures},
    durable_record::DurableRecord,
    error::Error,
    inspect::RecordContent,
    planted_fault::{PlantedFault, is_planted},
    record_observer::ReplayFeed,
};

/// Everything the log knows.
pub struct Replayed {
    /// The control shard.
    pub control: ControlState,
    /// Payment shard `n` at `n - 1`.
    pub shards: Vec<ShardState>,
    /// The last record of each shard, the control shard first.
    pub sequences: Vec<u64>,
}

/// Who does the work of a replay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplayThreads {
    /// The caller's thread alone.
    Caller,
    /// The caller's thread reads, and so many others decode and apply, each the records of its own shards.
    Beside(usize),
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

/// How much of each shard others have already, the control shard first.
pub(super) struct Known {
    /// The last record that nobody who observes lacks.
    shown: Vec<u64>,
    /// How many departures the archive has.
    departures: Vec<u64>,
}

/// What others lack of a record that has been applied.
pub(super) struct Lacking {
    pub(super) departures: Option<Departures>,
    pub(super) record: Option<DurableRecord>,
}

/// The most threads that apply: more would wait for the one that reads.
const MOST_BESIDE: usize = 4;

impl ReplayThreads {
    /// As the machine has processors for.
    #[must_use]
    pub fn of_machine() -> Self {
        match thread::available_parallelism() {
            Ok(processors) if processors.get() > 1 => {
                Self::Beside(processors.get().min(MOST_BESIDE))
            }
            Ok(_) | Err(_) => Self::Caller,
        }
    }
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
        threads: ReplayThreads,
        mut feed: ReplayFeed,
        archive: &mut ArchiveFeed,
        read: impl FnOnce(&mut Visit<'_>) -> Result<T, tollgate_wal::Error>,
    ) -> Result<T, Error> {
        let found = match threads {
            ReplayThreads::Caller => self.read_watched(&mut feed, archive, &mut Unwatched, read),
            ReplayThreads::Beside(threads) => crew::replay(self, threads, &mut feed, archive, read),
        }?;
        self.finish(feed, archive)?;
        Ok(found)
    }

    /// As [`Replayed::replay`], of the records that a watcher takes, in the caller's thread: what a watcher
    /// is shown is all of the log up to a record.
    pub(crate) fn replay_with<T>(
        &mut self,
        mut feed: ReplayFeed,
        archive: &mut ArchiveFeed,
        watcher: &mut dyn Watcher,
        read: impl FnOnce(&mut Visit<'_>) -> Result<T, tollgate_wal::Error>,
    ) -> Result<T, Error> {
        let found = self.read_watched(&mut feed, archive, watcher, read)?;
        self.finish(feed, archive)?;
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

    fn read_watched<T>(
        &mut self,
        feed: &mut ReplayFeed,
        archive: &mut ArchiveFeed,
        watcher: &mut dyn Watcher,
        read: impl FnOnce(&mut Visit<'_>) -> Result<T, tollgate_wal::Error>,
    ) -> Result<T, Error> {
        let known = Known::of(feed, archive);
        let mut failure = None;
        let read = read(&mut |record| {
            let RecordRef { stream, sequence, bytes } = record;
            let shard = ShardId(stream.0);
            let content = RecordContent::of(record).map_err(|error| {
                let text = error.to_string();
                failure = Some(error);
                VisitError::from(text)
            })?;
            if !watcher.takes(content.at()) {
                return Ok(());
            }
            let lacking = match content {
                RecordContent::Control(record) => {
                    apply_control(&mut self.control, sequence, record, &known)
                }
                RecordContent::Payments(record) => {
                    let state = &mut self.shards[usize::from(shard.0) - 1];
                    watcher.about_to_apply(state, &record);
                    apply_payments(state, sequence, record, &known)
                }
            };
            self.sequences[usize::from(shard.0)] = sequence;
            feed.read(bytes.len());
            archive.read(bytes.len());
            lacking.hand_over(feed, archive);
            watcher.applied(self, shard, sequence);
            Ok(())
        });
        outcome(read, failure)
    }

    /// Everything is read: checks what it comes to, and hands over what was held back.
    fn finish(&self, feed: ReplayFeed, archive: &mut ArchiveFeed) -> Result<(), Error> {
        invariant::control(&self.control)
            .map_err(|source| Error::Invariant { shard: ShardId::CONTROL, source })?;
        for state in &self.shards {
            invariant::shard(state)
                .map_err(|source| Error::Invariant { shard: state.shard(), source })?;
        }
        feed.finish();
        archive.finish(&self.shards).map_err(Error::Archive)
    }
}

impl Known {
    pub(super) fn of(feed: &ReplayFeed, archive: &ArchiveFeed) -> Self {
        Self { shown: feed.shown(), departures: archive.positions().to_vec() }
    }

    /// Whether somebody who observes lacks a record.
    fn lacks(&self, shard: ShardId, sequence: u64) -> bool {
        sequence > self.shown[usize::from(shard.0)]
    }

    /// Whether the archive lacks any of so many departures.
    fn lacks_departures(&self, shard: ShardId, departures: u64) -> bool {
        let has = self.departures.get(usize::from(shard.0)).copied();
        has.is_some_and(|has| departures > has)
    }
}

impl Lacking {
    pub(super) fn is_nothing(&self) -> bool {
        self.departures.is_none() && self.record.is_none()
    }

    pub(super) fn hand_over(self, feed: &mut ReplayFeed, archive: &mut ArchiveFeed) {
        if let Some(departures) = self.departures {
            archive.left(departures);
        }
        if let Some(record) = self.record {
            feed.take(record);
        }
    }
}

pub(super) fn apply_control(
    state: &mut ControlState,
    sequence: u64,
    record: Record<ControlEvent>,
    known: &Known,
) -> Lacking {
    state.apply(&record);
    let record = known
        .lacks(ShardId::CONTROL, sequence)
        .then(|| DurableRecord::of_control(state, sequence, record));
    Lacking { departures: None, record }
}

pub(super) fn apply_payments(
    state: &mut ShardState,
    sequence: u64,
    mut record: Record<Event>,
    known: &Known,
) -> Lacking {
    if is_planted(PlantedFault::ReplayedBackwards) {
        record.events.reverse();
    }
    let shard = state.shard();
    let leaving = record.events.iter().filter(|event| event.is_of_archive()).count() as u64;
    let lacks = leaving > 0 && known.lacks_departures(shard, state.departures() + leaving);
    let departures = lacks.then(|| Departures::of(state, &record)).flatten();
    state.apply(&record);
    let record =
        known.lacks(shard, sequence).then(|| DurableRecord::of_payments(state, sequence, record));
    Lacking { departures, record }
}

/// What became of reading, where a record that is not understood may have ended it.
pub(super) fn outcome<T>(
    read: Result<T, tollgate_wal::Error>,
    failure: Option<Error>,
) -> Result<T, Error> {
    match (read, failure) {
        (_, Some(failure)) => Err(failure),
        (Ok(found), None) => Ok(found),
        (Err(error), None) => Err(error.into()),
    }
}
