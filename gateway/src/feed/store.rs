//! The feed's store: an LSM tree for each kind of thing, changed together in batches.
//!
//! ```text
//!   events    realm 17 · cursor 8              ─▶ entry: the event there and those behind it, `entry.rs`
//!   chapters  payment 16 · number of event 4   ─▶ what happened from that event on, `timeline.rs`
//!   books     'p' · shard 2                    ─▶ last record that was told, 8 · last one kept, 8
//!             'h' · realm 17                   ─▶ last cursor, 8
//!   orders    order 16                         ─▶ what was last told of it, see `order.rs`
//!   and what `webhook/outbox.rs` draws
//!
//!   realm: merchant 16 · mode 1; numbers are big-endian
//! ```
//!
//! A record is told as events, and kept as chapters. Releases that kept no chapters left the second
//! number of a shard out: the log shows its records once more, and what was told of them stays as it
//! is.
//!
//! Heads and positions are also in memory: there is one head for each merchant and mode that ever
//! had an event.

use std::{
    collections::{HashMap, hash_map::Entry},
    path::Path,
};

use dashmap::DashMap;
use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode,
    config::PartitioningPolicy,
};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use tokio::sync::watch;
use tollgate_domain::{Id, Mode, OrderId, Payment, PaymentId, ShardId, Timestamp};
use tollgate_engine::{TreeBuilder, TreeCopy};

use super::{
    Cursor, FeedError, FeedEvent,
    entry::{self, Fact, Facts},
    event::Content,
    order::ToldOrder,
    timeline::{self, PaymentRecord},
};
use crate::{low_priority::StartedThreads, vault::Realm, webhook::Outbox};

const POSITION: u8 = b'p';
const HEAD: u8 = b'h';

/// Bytes of a realm in a key.
const REALM_LENGTH: usize = 17;

/// Threads that write tables and merge them: one keeps up with the writer.
const BACKGROUND_THREADS: usize = 1;

/// Bytes of new events in memory before a table is written of them. The store's journal is read whole at
/// every start, so that what lies there is what a start takes longer.
const TABLE_BYTES: u64 = 16 << 20;

/// The same of what is small: as long as it is in memory alone, the journal is kept for it.
const SMALL_TABLE_BYTES: u64 = 2 << 20;

/// The most that lies in journals that are full before tables are written from them, in bytes: the least
/// that the store takes.
const JOURNAL_BYTES: u64 = 64 << 20;

/// How far a shard's records are taken in.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Position {
    /// The last one whose events are told.
    pub(super) told: u64,
    /// The last one whose chapters are kept.
    pub(super) kept: u64,
}

impl Position {
    /// The last record of which nothing is lacking.
    pub(super) fn both(self) -> u64 {
        self.told.min(self.kept)
    }
}

/// The store.
pub(super) struct FeedStore {
    database: Database,
    events: Keyspace,
    chapters: Keyspace,
    books: Keyspace,
    orders: Keyspace,
    outbox: Outbox,
    positions: RwLock<HashMap<ShardId, Position>>,
    heads: DashMap<Realm, watch::Sender<Cursor>>,
    /// Those of the store's own.
    threads: StartedThreads,
}

impl FeedStore {
    pub(super) fn open(directory: &Path, cache_bytes: u64) -> Result<Self, FeedError> {
        let builder = Database::builder(directory)
            .cache_size(cache_bytes)
            .worker_threads(BACKGROUND_THREADS)
            .max_journaling_size(JOURNAL_BYTES);
        let (database, threads) = StartedThreads::while_opening("fjall", || builder.open());
        let database = database?;
        let keyspace = |name, bytes| {
            // What tables are searched by lies in small blocks: `views/store.rs` says why.
            let sized = || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(bytes)
                    .index_block_partitioning_policy(PartitioningPolicy::all(true))
                    .filter_block_partitioning_policy(PartitioningPolicy::all(true))
            };
            database.keyspace(name, sized)
        };
        let events = keyspace("events", TABLE_BYTES)?;
        let chapters = keyspace("chapters", TABLE_BYTES)?;
        let books = keyspace("books", SMALL_TABLE_BYTES)?;
        let orders = keyspace("orders", SMALL_TABLE_BYTES)?;
        let outbox = Outbox::open(&database)?;
        let (positions, heads) = read_books(&books)?;
        let positions = RwLock::new(positions);
        Ok(Self { database, events, chapters, books, orders, outbox, positions, heads, threads })
    }

    /// Nobody waits any more for what the store's own threads do.
    pub(super) fn lower_priority(&self) {
        self.threads.lower_priority();
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(super) fn position(&self, shard: ShardId) -> Position {
        self.positions.read().get(&shard).copied().unwrap_or_default()
    }

    pub(super) fn head(&self, realm: Realm) -> Cursor {
        self.heads.get(&realm).map_or(Cursor::START, |head| *head.borrow())
    }

    pub(super) fn watch(&self, realm: Realm) -> watch::Receiver<Cursor> {
        self.heads.entry(realm).or_insert_with(|| watch::Sender::new(Cursor::START)).subscribe()
    }

    /// Up to `limit` events behind a place.
    pub(super) fn read(
        &self,
        realm: Realm,
        after: Cursor,
        limit: usize,
    ) -> Result<Vec<(Cursor, FeedEvent)>, FeedError> {
        if after >= self.head(realm) {
            return Ok(Vec::new());
        }
        let from = self.entry_before(realm, after.next())?.unwrap_or(after.next());
        let range = event_key(realm, from)..=event_key(realm, Cursor(u64::MAX));
        let mut found = Vec::new();
        for entry in self.events.range(range) {
            let events = decode(realm, &entry.into_inner()?)?;
            found.extend(events.into_iter().filter(|(cursor, _event)| *cursor > after));
            if found.len() >= limit {
                break;
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    pub(super) fn event_at(
        &self,
        realm: Realm,
        cursor: Cursor,
    ) -> Result<Option<FeedEvent>, FeedError> {
        let range = event_key(realm, Cursor::START)..=event_key(realm, cursor);
        let Some(entry) = self.events.range(range).next_back() else { return Ok(None) };
        let mut events = decode(realm, &entry.into_inner()?)?.into_iter();
        Ok(events.find(|(place, _event)| *place == cursor).map(|(_place, event)| event))
    }

    /// Where the entry begins that may hold the event at a place.
    fn entry_before(&self, realm: Realm, cursor: Cursor) -> Result<Option<Cursor>, FeedError> {
        let range = event_key(realm, Cursor::START)..=event_key(realm, cursor);
        self.events.range(range).next_back().map(|entry| cursor_of(&entry.key()?)).transpose()
    }

    /// Everything that is kept of a payment, in order; nothing where it is no payment of that merchant
    /// and mode.
    pub(super) fn timeline(
        &self,
        realm: Realm,
        payment: PaymentId,
    ) -> Result<Vec<PaymentRecord>, FeedError> {
        self.chapters(realm, payment, u32::MAX)
    }

    /// A payment as the record left it that the event with this number is of.
    pub(super) fn payment(
        &self,
        realm: Realm,
        payment: PaymentId,
        sequence: u32,
    ) -> Result<Option<Payment>, FeedError> {
        let chapters = self.chapters(realm, payment, sequence)?;
        if chapters.is_empty() { Ok(None) } else { timeline::payment(chapters).map(Some) }
    }

    fn chapters(
        &self,
        realm: Realm,
        payment: PaymentId,
        up_to: u32,
    ) -> Result<Vec<PaymentRecord>, FeedError> {
        let mut chapters = Vec::with_capacity(2);
        let range = chapter_key(payment, 0)..=chapter_key(payment, up_to);
        for entry in self.chapters.range(range) {
            let (key, bytes) = entry.into_inner()?;
            let first = key.last_chunk().map(|first| u32::from_be_bytes(*first));
            let first = first.ok_or(FeedError::Damaged("chapter's key"))?;
            timeline::decode(&bytes, first, up_to, &mut chapters)?;
        }
        let is_own = chapters.first().is_some_and(|chapter| chapter.is_of(realm));
        Ok(if is_own { chapters } else { Vec::new() })
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

    /// Begins a change of the store, of about so many entries.
    pub(super) fn begin(&self, entries: usize) -> Change<'_> {
        // What is written goes to the system at once, so that a kill leaves it there.
        let batch = OwnedWriteBatch::with_capacity(self.database.clone(), entries)
            .durability(Some(PersistMode::Buffer));
        Change {
            store: self,
            batch,
            positions: FxHashMap::default(),
            heads: FxHashMap::default(),
            orders: FxHashMap::default(),
            facts: FxHashMap::default(),
            chapters: FxHashMap::default(),
        }
    }

    /// All of it as it is now, but for what became of each try: receivers' answers are nobody's to keep.
    pub(super) fn copy(&self) -> TreeCopy {
        TreeCopy::of(&self.database, &self.trees())
    }

    /// Takes a copy in, where nothing is yet. What it holds is found by the next open.
    pub(super) fn restore(&self) -> TreeBuilder {
        TreeBuilder::into(&self.database, &self.trees())
    }

    fn trees(&self) -> Vec<(&'static str, &Keyspace)> {
        let own = [
            ("events", &self.events),
            ("chapters", &self.chapters),
            ("books", &self.books),
            ("orders", &self.orders),
        ];
        own.into_iter().chain(self.outbox.trees()).collect()
    }

    /// Makes what was written outlive a power cut.
    pub(super) fn persist(&self) -> Result<(), FeedError> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    /// Removes about `limit` events of a realm from before a time; tells how many.
    pub(super) fn remove_before(
        &self,
        realm: Realm,
        time: Timestamp,
        limit: usize,
    ) -> Result<usize, FeedError> {
        let mut batch = self.database.batch();
        let mut removed = 0;
        for entry in self.events.prefix(realm_key(realm)) {
            let entry = entry.into_inner()?;
            let events = decode(realm, &entry)?;
            // Events of an entry go together, with the last of them.
            if removed >= limit || events.last().is_none_or(|(_cursor, event)| event.at >= time) {
                break;
            }
            removed += events.len();
            batch.remove(&self.events, entry.0);
        }
        batch.commit()?;
        Ok(removed)
    }

    /// Makes this the store of a release that rendered the event at a place, and kept no chapters.
    #[cfg(test)]
    pub(super) fn become_older(
        &self,
        realm: Realm,
        cursor: Cursor,
        event: &FeedEvent,
        shard: ShardId,
    ) {
        let Content::Rendered(rendered) = &event.content else { panic!("it was rendered") };
        let bytes = entry::encode_rendered(event, rendered);
        self.events.insert(event_key(realm, cursor), bytes).unwrap();
        let told = self.position(shard).told.to_be_bytes();
        self.books.insert([&[POSITION][..], &shard.0.to_be_bytes()].concat(), told).unwrap();
        for chapter in self.chapters.iter() {
            self.chapters.remove(chapter.key().unwrap()).unwrap();
        }
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
    positions: FxHashMap<ShardId, Position>,
    heads: FxHashMap<Realm, Cursor>,
    orders: FxHashMap<OrderId, ToldOrder>,
    /// Entries that are being put together.
    facts: FxHashMap<Realm, Facts>,
    /// Chapters of each payment, with the number of the first event.
    chapters: FxHashMap<PaymentId, (u32, Vec<u8>)>,
}

impl Change<'_> {
    /// The last event's place, with this change.
    pub(super) fn head(&self, realm: Realm) -> Cursor {
        self.heads.get(&realm).copied().unwrap_or_else(|| self.store.head(realm))
    }

    /// Adds an event of a payment behind all others.
    pub(super) fn add_fact(&mut self, realm: Realm, fact: &Fact) {
        let cursor = self.head(realm).next();
        let facts = self.facts.entry(realm).or_insert_with(|| Facts::at(cursor));
        facts.push(fact);
        if facts.is_full() {
            self.finish_entry(realm);
        }
        self.heads.insert(realm, cursor);
    }

    /// Adds an event behind all others that is rendered already.
    pub(super) fn add_rendered(&mut self, realm: Realm, cursor: Cursor, event: &FeedEvent) {
        let Content::Rendered(rendered) = &event.content else {
            unreachable!("what is told of payments is added as facts")
        };
        self.finish_entry(realm);
        let bytes = entry::encode_rendered(event, rendered);
        self.batch.insert(&self.store.events, event_key(realm, cursor), bytes);
        self.heads.insert(realm, cursor);
    }

    fn finish_entry(&mut self, realm: Realm) {
        if let Some(facts) = self.facts.remove(&realm) {
            let (first, bytes) = facts.finish();
            self.batch.insert(&self.store.events, event_key(realm, first), bytes);
        }
    }

    /// Keeps a chapter of a payment, whose first event has that number.
    pub(super) fn keep(&mut self, payment: PaymentId, first_event: u32, bytes: Vec<u8>) {
        match self.chapters.entry(payment) {
            Entry::Vacant(vacant) => drop(vacant.insert((first_event, bytes))),
            Entry::Occupied(mut known) => known.get_mut().1.extend(bytes),
        }
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

    /// How far a shard's records are taken in, with this change.
    pub(super) fn position(&self, shard: ShardId) -> Position {
        self.positions.get(&shard).copied().unwrap_or_else(|| self.store.position(shard))
    }

    /// Notes how far a shard's records are taken in.
    pub(super) fn reach(&mut self, shard: ShardId, position: Position) {
        self.positions.insert(shard, position);
    }

    /// The outbox, and the batch that its changes go into.
    pub(super) fn outbox(&mut self) -> (&Outbox, &mut OwnedWriteBatch) {
        (&self.store.outbox, &mut self.batch)
    }

    /// Writes it, and then tells whoever watches.
    pub(super) fn commit(mut self) -> Result<(), FeedError> {
        let open: Vec<Realm> = self.facts.keys().copied().collect();
        open.into_iter().for_each(|realm| self.finish_entry(realm));
        let Self { store, mut batch, positions, heads, orders: _, facts: _, chapters } = self;
        // In the order of the keys, each of which is then found near the one before.
        let mut chapters: Vec<_> = chapters.into_iter().collect();
        chapters.sort_unstable_by_key(|(payment, _chapters)| *payment);
        for (payment, (first_event, bytes)) in chapters {
            batch.insert(&store.chapters, chapter_key(payment, first_event), bytes);
        }
        for (shard, Position { told, kept }) in &positions {
            let key = [&[POSITION][..], &shard.0.to_be_bytes()].concat();
            batch.insert(&store.books, key, [told.to_be_bytes(), kept.to_be_bytes()].concat());
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

type Books = (HashMap<ShardId, Position>, DashMap<Realm, watch::Sender<Cursor>>);

fn read_books(books: &Keyspace) -> Result<Books, FeedError> {
    let (mut positions, heads) = (HashMap::new(), DashMap::new());
    for entry in books.iter() {
        let (key, value) = entry.into_inner()?;
        let (numbers, rest) = value.as_chunks::<8>();
        let numbers: Vec<u64> = numbers.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect();
        match (key.split_first(), &numbers[..], rest) {
            (Some((&POSITION, shard)), &[told, ref kept @ ..], []) if kept.len() <= 1 => {
                let shard = shard.try_into().ok().map(u16::from_be_bytes);
                let kept = kept.first().copied().unwrap_or(0);
                let shard = ShardId(shard.ok_or(FeedError::Damaged("shard"))?);
                positions.insert(shard, Position { told, kept });
            }
            (Some((&HEAD, realm)), &[number], []) => {
                let realm = realm_of(realm).ok_or(FeedError::Damaged("realm"))?;
                heads.insert(realm, watch::Sender::new(Cursor(number)));
            }
            (Some(_) | None, _, _) => return Err(FeedError::Damaged("book")),
        }
    }
    Ok((positions, heads))
}

fn decode(
    realm: Realm,
    (key, value): &fjall::KvPair,
) -> Result<Vec<(Cursor, FeedEvent)>, FeedError> {
    entry::decode(realm, cursor_of(key)?, value).ok_or(FeedError::Damaged("event"))
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

fn chapter_key(payment: PaymentId, event: u32) -> [u8; 20] {
    let mut key = [0; 20];
    key[..16].copy_from_slice(&payment.to_u128().to_be_bytes());
    key[16..].copy_from_slice(&event.to_be_bytes());
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
