//! The feed's store: an LSM tree for each kind of thing, changed together in batches.
//!
//! ```text
//!   events   realm 17 · cursor 8   ─▶ event
//!   books    'p' · shard 2         ─▶ last record taken in, 8
//!            'h' · realm 17        ─▶ last cursor, 8
//!   orders   order 16              ─▶ what was last told of it, see `order.rs`
//!   and what `webhook/outbox.rs` draws
//!
//!   realm: merchant 16 · mode 1; numbers are big-endian
//! ```
//!
//! Heads and positions are also in memory: there is one head for each merchant and mode that ever
//! had an event.

use std::{collections::HashMap, path::Path};

use dashmap::DashMap;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};
use parking_lot::RwLock;
use tokio::sync::watch;
use tollgate_domain::{Id, Mode, OrderId, ShardId, Timestamp};

use super::{Cursor, FeedError, FeedEvent, order::ToldOrder};
use crate::{vault::Realm, webhook::Outbox};

const POSITION: u8 = b'p';
const HEAD: u8 = b'h';

/// Bytes of a realm in a key.
const REALM_LENGTH: usize = 17;

/// Threads that write tables and merge them: one keeps up with the writer.
const BACKGROUND_THREADS: usize = 1;

/// The most that lies in the store's journal before tables are written from it, in bytes.
const JOURNAL_BYTES: u64 = 256 << 20;

/// The store.
pub(super) struct FeedStore {
    database: Database,
    events: Keyspace,
    books: Keyspace,
    orders: Keyspace,
    outbox: Outbox,
    positions: RwLock<HashMap<ShardId, u64>>,
    heads: DashMap<Realm, watch::Sender<Cursor>>,
}

impl FeedStore {
    pub(super) fn open(directory: &Path, cache_bytes: u64) -> Result<Self, FeedError> {
        let database = Database::builder(directory)
            .cache_size(cache_bytes)
            .worker_threads(BACKGROUND_THREADS)
            .max_journaling_size(JOURNAL_BYTES)
            .open()?;
        let events = database.keyspace("events", KeyspaceCreateOptions::default)?;
        let books = database.keyspace("books", KeyspaceCreateOptions::default)?;
        let orders = database.keyspace("orders", KeyspaceCreateOptions::default)?;
        let outbox = Outbox::open(&database)?;
        let (positions, heads) = read_books(&books)?;
        let positions = RwLock::new(positions);
        Ok(Self { database, events, books, orders, outbox, positions, heads })
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(super) fn position(&self, shard: ShardId) -> u64 {
        self.positions.read().get(&shard).copied().unwrap_or(0)
    }

    pub(super) fn head(&self, realm: Realm) -> Cursor {
        self.heads.get(&realm).map_or(Cursor::START, |head| *head.borrow())
    }

    pub(super) fn watch(&self, realm: Realm) -> watch::Receiver<Cursor> {
        self.heads.entry(realm).or_insert_with(|| watch::Sender::new(Cursor::START)).subscribe()
    }

    pub(super) fn read(
        &self,
        realm: Realm,
        after: Cursor,
        limit: usize,
    ) -> Result<Vec<(Cursor, FeedEvent)>, FeedError> {
        let from = event_key(realm, after.next());
        let to = event_key(realm, Cursor(u64::MAX));
        self.events.range(from..=to).take(limit).map(|entry| decode(entry.into_inner()?)).collect()
    }

    pub(super) fn event_at(
        &self,
        realm: Realm,
        cursor: Cursor,
    ) -> Result<Option<FeedEvent>, FeedError> {
        let Some(bytes) = self.events.get(event_key(realm, cursor))? else { return Ok(None) };
        FeedEvent::decode(&bytes).map(Some).ok_or(FeedError::Damaged("event"))
    }

    pub(super) fn begins_behind(&self, realm: Realm) -> Result<Cursor, FeedError> {
        match self.events.prefix(realm_key(realm)).next() {
            Some(first) => Ok(Cursor(cursor_of(&first.key()?)?.0 - 1)),
            None => Ok(self.head(realm)),
        }
    }

    /// By halving: one shard's clock gave a realm's payments their times, so that they never go back.
    /// What the control shard adds may be some milliseconds out of place.
    pub(super) fn place_of(&self, realm: Realm, time: Timestamp) -> Result<Cursor, FeedError> {
        let (mut before, mut behind) = (self.begins_behind(realm)?.0, self.head(realm).0 + 1);
        while behind - before > 1 {
            let middle = before + (behind - before) / 2;
            let is_before =
                self.event_at(realm, Cursor(middle))?.is_none_or(|event| event.at < time);
            if is_before { before = middle } else { behind = middle }
        }
        Ok(Cursor(before))
    }

    /// Begins a change of the store.
    pub(super) fn begin(&self) -> Change<'_> {
        Change {
            store: self,
            batch: self.database.batch(),
            positions: HashMap::new(),
            heads: HashMap::new(),
            orders: HashMap::new(),
        }
    }

    /// Makes what was written outlive a power cut.
    pub(super) fn persist(&self) -> Result<(), FeedError> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    /// Removes up to `limit` events of a realm from before a time; tells how many.
    pub(super) fn remove_before(
        &self,
        realm: Realm,
        time: Timestamp,
        limit: usize,
    ) -> Result<usize, FeedError> {
        let mut batch = self.database.batch();
        for entry in self.events.prefix(realm_key(realm)).take(limit) {
            let (key, value) = entry.into_inner()?;
            let event = FeedEvent::decode(&value).ok_or(FeedError::Damaged("event"))?;
            if event.at >= time {
                break;
            }
            batch.remove(&self.events, key);
        }
        let removed = batch.len();
        batch.commit()?;
        Ok(removed)
    }

    /// Every realm that ever had an event.
    pub(super) fn realms(&self) -> Vec<Realm> {
        self.heads.iter().map(|head| *head.key()).collect()
    }
}

/// A change of the store: all of it is there after a kill, or nothing.
pub(super) struct Change<'s> {
    store: &'s FeedStore,
    batch: OwnedWriteBatch,
    positions: HashMap<ShardId, u64>,
    heads: HashMap<Realm, Cursor>,
    orders: HashMap<OrderId, ToldOrder>,
}

impl Change<'_> {
    /// The last event's place, with this change.
    pub(super) fn head(&self, realm: Realm) -> Cursor {
        self.heads.get(&realm).copied().unwrap_or_else(|| self.store.head(realm))
    }

    /// Adds an event behind all others.
    pub(super) fn add(&mut self, realm: Realm, cursor: Cursor, event: &FeedEvent) {
        self.batch.insert(&self.store.events, event_key(realm, cursor), event.encode());
        self.heads.insert(realm, cursor);
    }

    /// What was last told of an order, with this change.
    pub(super) fn told_order(&self, order: OrderId) -> Result<Option<ToldOrder>, FeedError> {
        if let Some(told) = self.orders.get(&order) {
            return Ok(Some(*told));
        }
        let Some(bytes) = self.store.orders.get(order.to_u128().to_be_bytes())? else {
            return Ok(None);
        };
        ToldOrder::decode(&bytes).map(Some).ok_or(FeedError::Damaged("order"))
    }

    /// Notes what is told of an order.
    pub(super) fn tell_order(&mut self, order: OrderId, told: ToldOrder) {
        self.batch.insert(&self.store.orders, order.to_u128().to_be_bytes(), told.encode());
        self.orders.insert(order, told);
    }

    /// Notes a shard's last record that was taken in.
    pub(super) fn reach(&mut self, shard: ShardId, sequence: u64) {
        self.positions.insert(shard, sequence);
    }

    /// The outbox, and the batch that its changes go into.
    pub(super) fn outbox(&mut self) -> (&Outbox, &mut OwnedWriteBatch) {
        (&self.store.outbox, &mut self.batch)
    }

    /// Writes it, and then tells whoever watches.
    pub(super) fn commit(self) -> Result<(), FeedError> {
        let Self { store, mut batch, positions, heads, orders: _ } = self;
        for (shard, sequence) in &positions {
            let key = [&[POSITION][..], &shard.0.to_be_bytes()].concat();
            batch.insert(&store.books, key, sequence.to_be_bytes());
        }
        for (realm, cursor) in &heads {
            let key = [&[HEAD][..], &realm_key(*realm)].concat();
            batch.insert(&store.books, key, cursor.0.to_be_bytes());
        }
        batch.commit()?;
        store.positions.write().extend(positions);
        for (realm, cursor) in heads {
            store
                .heads
                .entry(realm)
                .or_insert_with(|| watch::Sender::new(Cursor::START))
                .send_replace(cursor);
        }
        Ok(())
    }
}

type Books = (HashMap<ShardId, u64>, DashMap<Realm, watch::Sender<Cursor>>);

fn read_books(books: &Keyspace) -> Result<Books, FeedError> {
    let (mut positions, heads) = (HashMap::new(), DashMap::new());
    for entry in books.iter() {
        let (key, value) = entry.into_inner()?;
        let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
        let number = number(&value).ok_or(FeedError::Damaged("number"))?;
        match key.split_first() {
            Some((&POSITION, shard)) => {
                let shard = shard.try_into().ok().map(u16::from_be_bytes);
                positions.insert(ShardId(shard.ok_or(FeedError::Damaged("shard"))?), number);
            }
            Some((&HEAD, realm)) => {
                let realm = realm_of(realm).ok_or(FeedError::Damaged("realm"))?;
                heads.insert(realm, watch::Sender::new(Cursor(number)));
            }
            Some(_) | None => return Err(FeedError::Damaged("book")),
        }
    }
    Ok((positions, heads))
}

fn decode((key, value): fjall::KvPair) -> Result<(Cursor, FeedEvent), FeedError> {
    let event = FeedEvent::decode(&value).ok_or(FeedError::Damaged("event"))?;
    Ok((cursor_of(&key)?, event))
}

fn cursor_of(key: &[u8]) -> Result<Cursor, FeedError> {
    let cursor = key.get(REALM_LENGTH..).and_then(|bytes| bytes.try_into().ok());
    cursor.map(u64::from_be_bytes).map(Cursor).ok_or(FeedError::Damaged("key"))
}

fn event_key(realm: Realm, cursor: Cursor) -> [u8; REALM_LENGTH + 8] {
    let mut key = [0; REALM_LENGTH + 8];
    key[..REALM_LENGTH].copy_from_slice(&realm_key(realm));
    key[REALM_LENGTH..].copy_from_slice(&cursor.0.to_be_bytes());
    key
}

pub(crate) fn realm_key(realm: Realm) -> [u8; REALM_LENGTH] {
    let mut key = [0; REALM_LENGTH];
    key[..16].copy_from_slice(&realm.merchant.to_u128().to_be_bytes());
    key[16] = realm.mode.code();
    key
}

pub(crate) fn realm_of(key: &[u8]) -> Option<Realm> {
    let (merchant, &[mode]) = key.split_first_chunk::<16>()? else { return None };
    let merchant = Id::from_u128(u128::from_be_bytes(*merchant));
    Some(Realm { merchant, mode: Mode::from_code(mode)? })
}
