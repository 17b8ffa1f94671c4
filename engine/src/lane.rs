//! A shard's way into the log: numbers its records, and lets go only of what is durable.

use tollgate_domain::ShardId;
use tollgate_wal::{LogHandle, Record, Stream};

use crate::planted_fault::{PlantedFault, is_planted};

/// What the domain encodes, the log takes.
const _: () = assert!(tollgate_domain::codec::MAX_RECORD <= tollgate_wal::MAX_RECORD);

/// One shard's stream of the log. Only who drives the shard has it. `T` is what waits for a record.
pub struct Lane<T> {
    stream: Stream,
    /// The last record handed in.
    sequence: u64,
    log: LogHandle<T>,
}

impl<T> Lane<T> {
    /// The way of a shard whose last record is `sequence`.
    #[must_use]
    pub fn new(shard: ShardId, sequence: u64, log: LogHandle<T>) -> Self {
        Self { stream: stream_of(shard), sequence, log }
    }

    /// The last record handed in.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Hands in the shard's next record; `token` is released once it is durable.
    pub fn append(&mut self, bytes: Vec<u8>, token: T) {
        self.sequence += 1;
        self.log.append(Record { stream: self.stream, sequence: self.sequence, bytes }, token);
    }

    /// Whether this record and all before it are durable.
    pub(crate) fn is_durable(&self, sequence: u64) -> bool {
        self.log.durable(self.stream) >= sequence
    }

    /// Whether the disk has room for new work. Outcomes and ticks go on without it: the room that is
    /// kept free is theirs.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.log.has_room()
    }

    /// Releases `token` once everything the shard has handed in is durable: it may rest on any of
    /// it. Where all of that is durable already it comes back at once, for it need not wait for
    /// others.
    #[must_use = "what comes back is to be let go"]
    pub fn after_durable(&self, token: T) -> Option<T> {
        if self.is_durable(self.sequence) || is_planted(PlantedFault::ReleasedEarly) {
            return Some(token);
        }
        self.log.barrier(token);
        None
    }

    /// Releases `token` behind everything that has been handed in, once all of that is not only
    /// durable but released: published, for one thing.
    pub fn after_released(&self, token: T) {
        self.log.barrier(token);
    }
}

/// Shards and the log's streams have the same numbers.
pub(crate) fn stream_of(shard: ShardId) -> Stream {
    Stream(shard.0)
}
