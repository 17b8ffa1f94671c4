//! A shard's way into the log: numbers its records, and lets go only of what is durable.

use tollgate_domain::ShardId;
use tollgate_wal::{LogHandle, Record, Stream};

use crate::completion::Completion;

/// What the domain encodes, the log takes.
const _: () = assert!(tollgate_domain::codec::MAX_RECORD <= tollgate_wal::MAX_RECORD);

/// One shard's stream of the log. Only the shard's actor has it.
pub(crate) struct Lane<A> {
    stream: Stream,
    /// The last record handed in.
    sequence: u64,
    log: LogHandle<Completion<A>>,
}

impl<A> Lane<A> {
    pub(crate) fn new(shard: ShardId, sequence: u64, log: LogHandle<Completion<A>>) -> Self {
        Self { stream: stream_of(shard), sequence, log }
    }

    /// Hands in the shard's next record; `completion` is released once it is durable.
    pub(crate) fn append(&mut self, bytes: Vec<u8>, completion: Completion<A>) {
        self.sequence += 1;
        self.log.append(Record { stream: self.stream, sequence: self.sequence, bytes }, completion);
    }

    /// Whether the disk has room for new work. Outcomes and ticks go on without it: the room that is
    /// kept free is theirs.
    pub(crate) fn has_room(&self) -> bool {
        self.log.has_room()
    }

    /// Releases `completion` once everything the shard has handed in is durable: it may rest on any
    /// of it. Where all of that is durable already, a reply need not wait for others.
    pub(crate) fn after_durable(&self, completion: Completion<A>) {
        if completion.calls.is_empty() && self.log.durable(self.stream) >= self.sequence {
            if let Some(reply) = completion.reply {
                reply.deliver();
            }
            return;
        }
        self.log.barrier(completion);
    }

    /// Releases `completion` behind everything that has been handed in, once all of that is not
    /// only durable but released: published, for one thing.
    pub(crate) fn after_released(&self, completion: Completion<A>) {
        self.log.barrier(completion);
    }
}

/// Shards and the log's streams have the same numbers.
pub(crate) fn stream_of(shard: ShardId) -> Stream {
    Stream(shard.0)
}
