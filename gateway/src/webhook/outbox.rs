//! The books of deliveries: how far each queue is, what waits to be tried again, what was given up,
//! and what became of each try.
//!
//! ```text
//!   queues    queue 17                    ─▶ position 8 · failing since 8, 0 while it is not
//!   retries   queue 17 · due 8 · cursor 8 ─▶ tries so far 1 · by hand 1
//!   dead      queue 17 · cursor 8         ─▶ given up at 8
//!   attempts  queue 17 · delivery 16      ─▶ `attempt.rs`
//!
//!   queue: kind 1 · id 16, where the kind is an endpoint or the callbacks of a merchant's mode
//! ```
//!
//! The backlog itself is the feed: a queue that is far behind takes no more room than one that keeps
//! up. Invariant: an event behind a queue's position waits in `retries`, was delivered or lies in
//! `dead`; everything else is still to be read. So a kill can only make a try happen again.

use std::{collections::HashSet, ops::Bound};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch};
use tollgate_domain::{DeliveryId, Id, Mode, Timestamp, WebhookEndpointId};

use super::attempt::Attempt;
use crate::{
    feed::{Cursor, FeedError},
    vault::Realm,
};

/// What waits for one receiver, in the order of the feed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum QueueId {
    /// An endpoint's.
    Endpoint(WebhookEndpointId),
    /// What payments' own callback addresses get.
    Callbacks(Realm),
}

const QUEUE_LENGTH: usize = 17;

type QueueKey = [u8; QUEUE_LENGTH];

/// How far a queue is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct QueueState {
    /// Everything up to here was read from the feed and dealt with.
    pub(crate) position: Cursor,
    /// Since when nothing was taken, though something was offered.
    pub(crate) failing_since: Option<Timestamp>,
}

/// An event that waits to be tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Retry {
    pub(crate) due: Timestamp,
    pub(crate) cursor: Cursor,
    /// Tries so far.
    pub(crate) tries: u8,
    /// Whether somebody asked for it, out of the queue's order.
    pub(crate) by_hand: bool,
}

/// The books. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Outbox {
    database: Database,
    queues: Keyspace,
    retries: Keyspace,
    dead: Keyspace,
    attempts: Keyspace,
}

/// How many attempts are removed at once.
const SWEPT_AT_ONCE: usize = 10_000;

/// Bytes of each kind in memory before a table is written of them; see `feed/store.rs`.
const TABLE_BYTES: u64 = 4 << 20;

impl Outbox {
    pub(crate) fn open(database: &Database) -> Result<Self, FeedError> {
        let sized = || KeyspaceCreateOptions::default().max_memtable_size(TABLE_BYTES);
        let keyspace = |name| database.keyspace(name, sized);
        Ok(Self {
            queues: keyspace("queues")?,
            retries: keyspace("retries")?,
            dead: keyspace("dead")?,
            attempts: keyspace("attempts")?,
            database: database.clone(),
        })
    }

    /// What says how far deliveries are.
    pub(crate) fn trees(&self) -> [(&'static str, &Keyspace); 3] {
        [("queues", &self.queues), ("retries", &self.retries), ("dead", &self.dead)]
    }

    /// Begins a queue behind a place of the feed, in a batch of the feed's own.
    pub(crate) fn begin(&self, batch: &mut OwnedWriteBatch, queue: QueueId, position: Cursor) {
        let state = QueueState { position, failing_since: None };
        batch.insert(&self.queues, queue.key(), state.encode());
    }

    /// Removes a queue and all that belongs to it, in a batch of the feed's own.
    pub(crate) fn remove(
        &self,
        batch: &mut OwnedWriteBatch,
        queue: QueueId,
    ) -> Result<(), FeedError> {
        batch.remove(&self.queues, queue.key());
        for keyspace in [&self.retries, &self.dead, &self.attempts] {
            for entry in keyspace.prefix(queue.key()) {
                batch.remove(keyspace, entry.key()?);
            }
        }
        Ok(())
    }

    /// How far a queue is; `None` where there is none, or none yet.
    pub(crate) fn state(&self, queue: QueueId) -> Result<Option<QueueState>, FeedError> {
        let Some(bytes) = self.queues.get(queue.key())? else { return Ok(None) };
        QueueState::decode(&bytes).map(Some).ok_or(FeedError::Damaged("queue"))
    }

    /// Every queue there is.
    pub(crate) fn queues(&self) -> Result<Vec<QueueId>, FeedError> {
        let queue = |entry: fjall::Guard| {
            let key = entry.key()?;
            key.first_chunk().and_then(QueueId::of_key).ok_or(FeedError::Damaged("queue"))
        };
        self.queues.iter().map(queue).collect()
    }

    /// The merchants and modes whose callbacks have a queue.
    pub(crate) fn callback_realms(&self) -> Result<HashSet<Realm>, FeedError> {
        let realm = |queue| match queue {
            QueueId::Callbacks(realm) => Some(realm),
            QueueId::Endpoint(_) => None,
        };
        Ok(self.queues()?.into_iter().filter_map(realm).collect())
    }

    /// What waits to be tried again, in the order in which it is due.
    pub(crate) fn retries(
        &self,
        queue: QueueId,
    ) -> impl Iterator<Item = Result<Retry, FeedError>> + use<> {
        self.retries.prefix(queue.key()).map(|entry| {
            let (key, value) = entry.into_inner()?;
            Retry::decode(&key, &value).ok_or(FeedError::Damaged("retry"))
        })
    }

    /// How many wait to be tried again, up to a number.
    pub(crate) fn count_retries(&self, queue: QueueId, most: usize) -> usize {
        self.retries.prefix(queue.key()).take(most).count()
    }

    /// How many were given up, up to a number.
    pub(crate) fn count_dead(&self, queue: QueueId, most: usize) -> usize {
        self.dead.prefix(queue.key()).take(most).count()
    }

    /// So many tries, of those in a range the newest or the oldest; oldest first.
    pub(crate) fn attempts(
        &self,
        queue: QueueId,
        (from, to): (Bound<DeliveryId>, Bound<DeliveryId>),
        rows: usize,
        newest: bool,
    ) -> Result<Vec<Attempt>, FeedError> {
        let key = |id: DeliveryId| attempt_key(queue, id);
        let from = match from {
            Bound::Unbounded => Bound::Included(key(DeliveryId::from_u128(0))),
            bound => bound.map(key),
        };
        let to = match to {
            Bound::Unbounded => Bound::Included(key(DeliveryId::from_u128(u128::MAX))),
            bound => bound.map(key),
        };
        let range = self.attempts.range::<_, (Bound<_>, Bound<_>)>((from, to));
        taken(range, rows, newest, |entry| {
            Attempt::decode(&entry.value()?).ok_or(FeedError::Damaged("attempt"))
        })
    }

    /// So many events that were given up and when, of those in a range the newest or the oldest;
    /// oldest first.
    pub(crate) fn dead(
        &self,
        queue: QueueId,
        (from, to): (Bound<Cursor>, Bound<Cursor>),
        rows: usize,
        newest: bool,
    ) -> Result<Vec<(Cursor, Timestamp)>, FeedError> {
        let key = |cursor| dead_key(queue, cursor);
        let from = match from {
            Bound::Unbounded => Bound::Included(key(Cursor::START)),
            bound => bound.map(key),
        };
        let to = match to {
            Bound::Unbounded => Bound::Included(key(Cursor(u64::MAX))),
            bound => bound.map(key),
        };
        let range = self.dead.range::<_, (Bound<_>, Bound<_>)>((from, to));
        taken(range, rows, newest, |entry| {
            let (key, value) = entry.into_inner()?;
            decode_dead(&key, &value).ok_or(FeedError::Damaged("dead letter"))
        })
    }

    /// Forgets what became of tries before a time, and what was given up before another. What cannot be
    /// read of the latter is forgotten as well, or it would never be; tells how much that was.
    pub(crate) fn sweep(
        &self,
        before: Timestamp,
        dead_before: Timestamp,
    ) -> Result<usize, FeedError> {
        let mut batch = self.database.batch();
        let mut unreadable = 0;
        for queue in self.queues()? {
            let from = attempt_key(queue, DeliveryId::from_u128(0));
            let to =
                attempt_key(queue, DeliveryId::from_u128(u128::from(before.as_millis()) << 80));
            for entry in self.attempts.range(from..to).take(SWEPT_AT_ONCE) {
                batch.remove(&self.attempts, entry.key()?);
            }
            for entry in self.dead.prefix(queue.key()).take(SWEPT_AT_ONCE) {
                let (key, value) = entry.into_inner()?;
                match decode_dead(&key, &value) {
                    Some((_cursor, given_up_at)) if given_up_at >= dead_before => break,
                    Some(_) => {}
                    None => unreadable += 1,
                }
                batch.remove(&self.dead, key);
            }
        }
        batch.commit()?;
        Ok(unreadable)
    }

    /// Begins a change of the books.
    pub(crate) fn change(&self) -> OutboxChange<'_> {
        OutboxChange { outbox: self, batch: self.database.batch() }
    }
}

/// A change of the books: all of it is there after a kill, or nothing.
pub(crate) struct OutboxChange<'o> {
    outbox: &'o Outbox,
    batch: OwnedWriteBatch,
}

impl OutboxChange<'_> {
    pub(crate) fn set_state(&mut self, queue: QueueId, state: QueueState) {
        self.batch.insert(&self.outbox.queues, queue.key(), state.encode());
    }

    pub(crate) fn add_retry(&mut self, queue: QueueId, retry: Retry) {
        let value = [retry.tries, u8::from(retry.by_hand)];
        self.batch.insert(&self.outbox.retries, retry.key(queue), value);
    }

    pub(crate) fn remove_retry(&mut self, queue: QueueId, retry: Retry) {
        self.batch.remove(&self.outbox.retries, retry.key(queue));
    }

    /// The event is given up.
    pub(crate) fn add_dead(&mut self, queue: QueueId, cursor: Cursor, at: Timestamp) {
        let key = dead_key(queue, cursor);
        self.batch.insert(&self.outbox.dead, key, at.as_millis().to_be_bytes());
    }

    /// The event was delivered after all.
    pub(crate) fn remove_dead(&mut self, queue: QueueId, cursor: Cursor) {
        self.batch.remove(&self.outbox.dead, dead_key(queue, cursor));
    }

    pub(crate) fn add_attempt(&mut self, queue: QueueId, attempt: &Attempt) {
        let key = attempt_key(queue, attempt.id);
        self.batch.insert(&self.outbox.attempts, key, attempt.encode());
    }

    pub(crate) fn commit(self) -> Result<(), FeedError> {
        Ok(self.batch.commit()?)
    }
}

impl QueueId {
    fn key(self) -> QueueKey {
        let (kind, id) = match self {
            Self::Endpoint(id) => (0, id.to_u128()),
            Self::Callbacks(Realm { merchant, mode }) => (1 + mode.code(), merchant.to_u128()),
        };
        let mut key = [0; QUEUE_LENGTH];
        key[0] = kind;
        key[1..].copy_from_slice(&id.to_be_bytes());
        key
    }

    fn of_key(key: &QueueKey) -> Option<Self> {
        let (&[kind], id) = key.split_first_chunk()?;
        let id = u128::from_be_bytes(*id.first_chunk()?);
        match kind.checked_sub(1) {
            None => Some(Self::Endpoint(Id::from_u128(id))),
            Some(mode) => {
                let mode = Mode::from_code(mode)?;
                Some(Self::Callbacks(Realm { merchant: Id::from_u128(id), mode }))
            }
        }
    }
}

impl QueueState {
    fn encode(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.position.0.to_be_bytes());
        let failing_since = self.failing_since.map_or(0, Timestamp::as_millis);
        bytes[8..].copy_from_slice(&failing_since.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (position, rest) = bytes.split_first_chunk::<8>()?;
        let failing_since = u64::from_be_bytes(rest.try_into().ok()?);
        Some(Self {
            position: Cursor(u64::from_be_bytes(*position)),
            failing_since: (failing_since > 0).then(|| Timestamp::from_millis(failing_since)),
        })
    }
}

impl Retry {
    fn key(self, queue: QueueId) -> [u8; QUEUE_LENGTH + 16] {
        let mut key = [0; QUEUE_LENGTH + 16];
        key[..QUEUE_LENGTH].copy_from_slice(&queue.key());
        key[QUEUE_LENGTH..QUEUE_LENGTH + 8].copy_from_slice(&self.due.as_millis().to_be_bytes());
        key[QUEUE_LENGTH + 8..].copy_from_slice(&self.cursor.0.to_be_bytes());
        key
    }

    fn decode(key: &[u8], value: &[u8]) -> Option<Self> {
        let (due, cursor) = key.get(QUEUE_LENGTH..)?.split_first_chunk::<8>()?;
        let &[tries, by_hand] = value else { return None };
        Some(Self {
            due: Timestamp::from_millis(u64::from_be_bytes(*due)),
            cursor: Cursor(u64::from_be_bytes(cursor.try_into().ok()?)),
            tries,
            by_hand: by_hand != 0,
        })
    }
}

/// So many entries of a range, the newest or the oldest; oldest first.
fn taken<T>(
    range: impl DoubleEndedIterator<Item = fjall::Guard>,
    rows: usize,
    newest: bool,
    decode: impl FnMut(fjall::Guard) -> Result<T, FeedError>,
) -> Result<Vec<T>, FeedError> {
    if !newest {
        return range.take(rows).map(decode).collect();
    }
    let mut found = range.rev().take(rows).map(decode).collect::<Result<Vec<_>, _>>()?;
    found.reverse();
    Ok(found)
}

/// The event's place, and when it was given up.
fn decode_dead(key: &[u8], value: &[u8]) -> Option<(Cursor, Timestamp)> {
    let cursor = u64::from_be_bytes(key.get(QUEUE_LENGTH..)?.try_into().ok()?);
    let at = u64::from_be_bytes(value.try_into().ok()?);
    Some((Cursor(cursor), Timestamp::from_millis(at)))
}

fn dead_key(queue: QueueId, cursor: Cursor) -> [u8; QUEUE_LENGTH + 8] {
    let mut key = [0; QUEUE_LENGTH + 8];
    key[..QUEUE_LENGTH].copy_from_slice(&queue.key());
    key[QUEUE_LENGTH..].copy_from_slice(&cursor.0.to_be_bytes());
    key
}

fn attempt_key(queue: QueueId, id: DeliveryId) -> [u8; QUEUE_LENGTH + 16] {
    let mut key = [0; QUEUE_LENGTH + 16];
    key[..QUEUE_LENGTH].copy_from_slice(&queue.key());
    key[QUEUE_LENGTH..].copy_from_slice(&id.to_u128().to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_up_long_ago_is_forgotten_and_what_cannot_be_read_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::builder(directory.path()).open().unwrap();
        let outbox = Outbox::open(&database).unwrap();
        let queue = QueueId::Endpoint(WebhookEndpointId::from_u128(7));
        let mut batch = database.batch();
        outbox.begin(&mut batch, queue, Cursor::START);
        batch.insert(&outbox.dead, dead_key(queue, Cursor(2)), "no time");
        batch.commit().unwrap();
        let mut change = outbox.change();
        change.add_dead(queue, Cursor(1), Timestamp::from_millis(1_000));
        change.add_dead(queue, Cursor(3), Timestamp::from_millis(2_000));
        change.commit().unwrap();
        let now = Timestamp::from_millis(2_000);
        assert_eq!(outbox.sweep(now, now).unwrap(), 1);
        let all = (Bound::Unbounded, Bound::Unbounded);
        assert_eq!(outbox.dead(queue, all, 10, false).unwrap(), [(Cursor(3), now)]);
        assert_eq!(outbox.sweep(now, now).unwrap(), 0);
    }
}
