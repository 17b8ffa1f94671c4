//! The event feed: what merchants are told, each event once, in an order that never changes.
//!
//! ```text
//!   durable records ─▶ FeedWriter ─▶ events of each merchant and mode, numbered without a gap ─┐
//!                      (one thread)  and, in the same batch, how far the log has been read     │
//!                                                                                             ▼
//!                                   GET /events, streams ◀─ EventFeed::read ─▶ webhook deliveries
//!                                                           EventFeed::body
//! ```
//!
//! What an event tells of a payment is not stored: what happened to the payment is, record by record,
//! and whoever reads the event has it rendered from that, as the payment stood when it happened.
//!
//! It is derived from the log and stored beside it, in `<data>/feed`. Events and position are written
//! in one batch: after a kill at any moment the engine shows again exactly what is missing. The feed
//! is synced now and then alone, for what a power cut takes from it the log gives again.
//!
//! Invariant: an event is in the feed if and only if its record is durable, and its id and number are
//! the same however often they are derived.
//!
//! Not here: who is told, and how. Deliveries keep their own books in the same store, so that an
//! endpoint begins at the very event behind its creation.

mod entry;
mod event;
mod naming;
mod order;
mod rendering;
mod store;
mod timeline;
mod writer;

use std::{path::Path, sync::Arc, time::Duration};

use tokio::sync::watch;
use tollgate_domain::{FeedEventId, Millis, PaymentId, ShardId, Timestamp, codec::CodecError};
use tollgate_engine::{DurableRecord, RecordObserver, TreeBuilder, TreeCopy, is_tree_damaged};

pub(crate) use self::{
    event::{Content, Cursor, FeedEvent, Rendered},
    naming::older_name,
    rendering::EventBody,
    timeline::PaymentRecord,
};
use self::{
    store::FeedStore,
    writer::{FeedWriter, PACE},
};
use crate::{
    metrics::FeedMetrics,
    provider::Clock,
    record_queue::RecordQueue,
    vault::{Realm, Vault},
    webhook::{Outbox, QueueId},
};

/// The feed. Cheap to share behind an `Arc`.
pub(crate) struct EventFeed {
    store: Arc<FeedStore>,
    queue: Arc<RecordQueue>,
    writer: FeedWriter,
}

/// How the feed works.
#[derive(Clone)]
pub(crate) struct FeedOptions {
    /// For how long events are kept.
    pub(crate) retention: Millis,
    /// For how long it is remembered what became of deliveries.
    pub(crate) attempt_retention: Millis,
    pub(crate) clock: Clock,
    /// Memory for what is read again, in bytes.
    pub(crate) cache_bytes: u64,
}

/// What is kept in memory, in bytes, of a feed that is read once.
const LITTLE_CACHE: u64 = 8 << 20;

/// Why the feed cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The store cannot be read or written.
    #[error("the event feed's store cannot be used")]
    Store(#[from] fjall::Error),
    /// The store holds what no release has written.
    #[error("the event feed's store holds no valid {0}")]
    Damaged(&'static str),
    /// A record cannot be kept, or what is kept of one cannot be read.
    #[error("the event feed cannot hold a record")]
    Record(#[source] CodecError),
    /// No thread can be had.
    #[error("cannot start the event feed's thread")]
    Thread(#[source] std::io::Error),
    /// It is damaged, and only its operator can say what is to become of how far deliveries are.
    #[error(
        "the event feed is damaged; put back a copy of its directory, `feed`, or move it away: the log has \
         every record and makes the feed again, with the same events, of which all are then delivered anew"
    )]
    Damage(#[source] Box<FeedError>),
    /// It is damaged, and the log cannot make it again.
    #[error(
        "the event feed is damaged; put back a copy of its directory, `feed`: the log begins behind record \
         {let_go}, and so cannot make it again"
    )]
    Irreplaceable {
        /// The number of the last record that the log has let go of.
        let_go: u64,
        /// What is wrong with it.
        source: Box<FeedError>,
    },
}

/// Events of a merchant, in their order.
pub(crate) struct Page {
    pub(crate) events: Vec<(Cursor, FeedEvent)>,
    /// Whether there are more behind them.
    pub(crate) has_more: bool,
}

impl FeedError {
    /// Whether the store itself is to blame; not where the disk, or whoever else has it open, does not let
    /// it be used just now.
    fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) | Self::Record(_) => true,
            Self::Store(error) => is_tree_damaged(error),
            Self::Thread(_) | Self::Damage(_) | Self::Irreplaceable { .. } => false,
        }
    }

    /// With what there is to do about it, beside a log that has let go of so many records.
    fn with_way_out(self, let_go: u64) -> Self {
        match (self.is_damage(), let_go) {
            (false, _) => self,
            (true, 0) => Self::Damage(Box::new(self)),
            (true, _) => Self::Irreplaceable { let_go, source: Box::new(self) },
        }
    }
}

impl EventFeed {
    /// Opens the feed, or makes one where there is none, beside a log that has let go of so many records.
    /// `created` is told of queues that begin.
    pub(crate) fn open(
        directory: &Path,
        options: FeedOptions,
        metrics: FeedMetrics,
        let_go: u64,
        created: impl Fn(QueueId) + Send + 'static,
    ) -> Result<Self, FeedError> {
        let store = FeedStore::open(directory, options.cache_bytes);
        let store = Arc::new(store.map_err(|error| error.with_way_out(let_go))?);
        let queue = Arc::new(RecordQueue::new(PACE));
        let writer = FeedWriter::start(
            Arc::clone(&store),
            Arc::clone(&queue),
            options,
            metrics,
            Box::new(created),
        )?;
        Ok(Self { store, queue, writer })
    }

    /// All of it as it is now, and how far deliveries are; not what became of each try.
    pub(crate) fn copy(&self) -> TreeCopy {
        self.store.copy()
    }

    /// The same of a feed that nobody has open.
    pub(crate) fn copy_idle(directory: &Path) -> Result<TreeCopy, FeedError> {
        Ok(FeedStore::open(directory, LITTLE_CACHE)?.copy())
    }

    /// Begins a feed, where there is none, that is to be made of a copy.
    pub(crate) fn restore(directory: &Path) -> Result<TreeBuilder, FeedError> {
        Ok(FeedStore::open(directory, LITTLE_CACHE)?.restore())
    }

    /// How far a feed that nobody has open has read the log: each shard's last record.
    pub(crate) fn positions(directory: &Path, streams: usize) -> Result<Vec<u64>, FeedError> {
        let store = FeedStore::open(directory, LITTLE_CACHE)?;
        let shards = (0..=u16::MAX).take(streams).map(ShardId);
        Ok(shards.map(|shard| store.position(shard).both()).collect())
    }

    /// The books of deliveries, which lie in the same store.
    pub(crate) fn outbox(&self) -> Outbox {
        self.store.outbox().clone()
    }

    /// Up to `limit` events behind a place. Reads from the disk.
    pub(crate) fn read(
        &self,
        realm: Realm,
        after: Cursor,
        limit: usize,
    ) -> Result<Page, FeedError> {
        let mut events = self.store.read(realm, after, limit + 1)?;
        let has_more = events.len() > limit;
        events.truncate(limit);
        Ok(Page { events, has_more })
    }

    /// The event at a place, if it is kept. Reads from the disk.
    pub(crate) fn event_at(
        &self,
        realm: Realm,
        cursor: Cursor,
    ) -> Result<Option<FeedEvent>, FeedError> {
        self.store.event_at(realm, cursor)
    }

    /// The event with this id, if it is that merchant's and kept. Reads from the disk.
    pub(crate) fn event(
        &self,
        realm: Realm,
        id: FeedEventId,
    ) -> Result<Option<FeedEvent>, FeedError> {
        Ok(self.event_at(realm, Cursor::of(id))?.filter(|event| event.id == id))
    }

    /// An event as its merchant sees it. Reads from the disk.
    pub(crate) fn body(
        &self,
        realm: Realm,
        event: &FeedEvent,
        vault: &Vault,
    ) -> Result<EventBody, FeedError> {
        EventBody::of(event, realm, &self.store, vault)
    }

    /// What a payment has gone through, record by record. Reads from the disk.
    pub(crate) fn timeline(
        &self,
        realm: Realm,
        payment: PaymentId,
    ) -> Result<Vec<PaymentRecord>, FeedError> {
        self.store.timeline(realm, payment)
    }

    /// All that a start reads in the log has been shown: what follows is taken in behind everything else.
    pub(crate) fn go_live(&self) {
        self.queue.go_live();
    }

    /// Waits until everything is in the feed that was durable when this was called, however long it
    /// takes, or the feed has failed. Blocks.
    pub(crate) fn wait_until_caught_up(&self) {
        self.queue.wait_until_empty();
    }

    /// Waits until everything is in the feed that was durable when this was called; false where that
    /// takes longer than `patience`, or the feed has failed.
    pub(crate) async fn catch_up(&self, patience: Duration) -> bool {
        self.queue.catch_up(patience).await
    }

    /// The first place behind which events are kept. Reads from the disk.
    pub(crate) fn begins_behind(&self, realm: Realm) -> Result<Cursor, FeedError> {
        self.store.begins_behind(realm)
    }

    /// The last event's place.
    pub(crate) fn head(&self, realm: Realm) -> Cursor {
        self.store.head(realm)
    }

    /// The last event's place, and whenever it moves.
    pub(crate) fn watch(&self, realm: Realm) -> watch::Receiver<Cursor> {
        self.store.watch(realm)
    }

    /// The first place from a time on, by the events' own times. Reads from the disk.
    pub(crate) fn place_of(&self, realm: Realm, time: Timestamp) -> Result<Cursor, FeedError> {
        self.store.place_of(realm, time)
    }

    /// Whether the store has failed, so that nothing is taken in any more.
    pub(crate) fn has_failed(&self) -> bool {
        self.queue.has_failed()
    }

    /// Records that wait to be taken in.
    pub(crate) fn waiting(&self) -> u64 {
        self.queue.waiting()
    }

    /// Takes in what waits, and closes the store. Blocks.
    pub(crate) fn close(&self) {
        self.writer.close();
    }
}

impl RecordObserver for EventFeed {
    fn position(&self, shard: ShardId) -> u64 {
        self.store.position(shard).both()
    }

    fn replay(&self, records: Vec<Arc<DurableRecord>>) {
        self.queue.replay(records);
    }

    fn observe(&self, records: Vec<Arc<DurableRecord>>) {
        self.queue.put(records);
    }

    /// Without its first events it would give others' ids to the next ones, and would not know endpoints.
    fn refuses_a_gap(&self) -> Option<&'static str> {
        Some("the event feed lacks records before that: put back a copy of its directory, `feed`")
    }

    fn has_room(&self) -> bool {
        !self.has_failed() && self.queue.has_room()
    }
}

#[cfg(test)]
mod tests;
