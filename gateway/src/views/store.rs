//! The views' store: LSM trees, changed together in batches.
//!
//! ```text
//!   rows      realm 17 · id 16                        ─▶ row
//!   index     realm 17 · facet · id 16                ─▶ nothing
//!   tallies   realm 17 · day 4 · kind 1 · status 1 · standing 1 · currency 2   ─▶ tally
//!   books     'v'                                     ─▶ number of this format, 4
//!             'p' · shard 2                           ─▶ last record taken in, 8
//!
//!   realm: merchant 16 · mode 1; id: the bits of a payment's or an operation's id, which begin with
//!   its time; numbers are big-endian. What a facet is, `facet.rs` draws.
//! ```
//!
//! Invariant: rows, index, tallies and positions are of one moment of the log: what a kill leaves
//! behind says itself which records it lacks. While all of it is built at once there is no number of a
//! format, and what a kill leaves is begun anew.

use std::{collections::HashMap, fs, io, path::Path};

use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable, Snapshot,
    UserKey, UserValue, config::PartitioningPolicy,
};
use parking_lot::RwLock;
use tollgate_domain::{MerchantId, Mode, ShardId};
use tollgate_engine::{TreeBuilder, TreeCopy};

use super::{ViewError, facet::Facet, row::Row};
use crate::{low_priority::StartedThreads, vault::Realm};

/// The number of the format that this build reads and writes. Anything else is built anew.
const FORMAT: u32 = 5;

const VERSION: &[u8] = b"v";
const POSITION: u8 = b'p';

/// Bytes of a realm in a key, and of an id.
pub(super) const REALM_LENGTH: usize = 17;
pub(super) const ID_LENGTH: usize = 16;

/// Threads that write tables and merge them: one keeps up with the writer.
const BACKGROUND_THREADS: usize = 1;

/// Bytes of new rows in memory before a table is written of them. The store's journal is read whole at
/// every start, so that what lies there is what a start takes longer.
const TABLE_BYTES: u64 = 16 << 20;

/// The same of what is small: as long as it is in memory alone, the journal is kept for it.
const SMALL_TABLE_BYTES: u64 = 2 << 20;

/// The most that lies in journals that are full before tables are written from them, in bytes: the least
/// that the store takes.
const JOURNAL_BYTES: u64 = 64 << 20;

/// The file that says that the store was found damaged, so that the next start does not use it.
const DAMAGED: &str = "damaged";

/// The store.
pub(super) struct ViewStore {
    database: Database,
    rows: Keyspace,
    index: Keyspace,
    tallies: Keyspace,
    books: Keyspace,
    positions: RwLock<HashMap<ShardId, u64>>,
    directory: Box<Path>,
    /// Those of the store's own.
    threads: StartedThreads,
}

/// The key of a row.
pub(super) type RowKey = [u8; REALM_LENGTH + ID_LENGTH];

/// A facet with the id of a row that has it. They are in the order of their bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FacetKey {
    /// Zeros behind the length, which is that of the facet's kind.
    bytes: [u8; Facet::LONGEST + ID_LENGTH],
    length: u8,
}

/// All of the store as it was at one moment.
pub(super) struct Reading<'s> {
    store: &'s ViewStore,
    snapshot: Snapshot,
}

/// A change of the store: all of it is there after a kill, or nothing.
pub(super) struct Change<'s> {
    store: &'s ViewStore,
    batch: OwnedWriteBatch,
    positions: HashMap<ShardId, u64>,
}

impl ViewStore {
    /// Opens the store of a directory, beside a log that has let go of so many records. One that is
    /// damaged or of another format is made anew, empty, where the log has all of it.
    pub(super) fn open(directory: &Path, cache_bytes: u64, let_go: u64) -> Result<Self, ViewError> {
        match Self::open_as_is(directory, cache_bytes) {
            Ok(store) => Ok(store),
            Err(reason) if !reason.is_damage() => Err(reason),
            Err(reason) if let_go > 0 => {
                Err(ViewError::Irreplaceable { let_go, source: Box::new(reason) })
            }
            Err(reason) => {
                let error: &dyn std::error::Error = &reason;
                tracing::warn!(error, "the views are built anew from the log");
                remove(directory)?;
                Self::open_as_is(directory, cache_bytes)
            }
        }
    }

    pub(super) fn open_as_is(directory: &Path, cache_bytes: u64) -> Result<Self, ViewError> {
        if directory.join(DAMAGED).try_exists().map_err(ViewError::Directory)? {
            return Err(ViewError::Damaged("store"));
        }
        fs::create_dir_all(directory).map_err(ViewError::Directory)?;
        let builder = Database::builder(directory.join("store"))
            .cache_size(cache_bytes)
            .worker_threads(BACKGROUND_THREADS)
            .max_journaling_size(JOURNAL_BYTES);
        let (database, threads) = StartedThreads::while_opening("fjall", || builder.open());
        let database = database?;
        let keyspace = |name, bytes| {
            // A table's index and filter as one block each would be megabytes, to be read and checked
            // whole whenever the cache has no room for them: a look-up then takes as long as the disk
            // takes for those.
            let sized = || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(bytes)
                    .index_block_partitioning_policy(PartitioningPolicy::all(true))
                    .filter_block_partitioning_policy(PartitioningPolicy::all(true))
            };
            database.keyspace(name, sized)
        };
        let (rows, index) = (keyspace("rows", TABLE_BYTES)?, keyspace("index", TABLE_BYTES)?);
        let tallies = keyspace("tallies", SMALL_TABLE_BYTES)?;
        let books = keyspace("books", SMALL_TABLE_BYTES)?;
        match books.get(VERSION)? {
            Some(format) if *format == FORMAT.to_be_bytes() => {}
            Some(_other) => return Err(ViewError::Format),
            None if rows.is_empty()? => books.insert(VERSION, FORMAT.to_be_bytes())?,
            None => return Err(ViewError::Unfinished),
        }
        let positions = RwLock::new(read_positions(&books)?);
        let directory = directory.into();
        Ok(Self { database, rows, index, tallies, books, positions, directory, threads })
    }

    /// Where it lies.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Nobody waits any more for what the store's own threads do.
    pub(super) fn lower_priority(&self) {
        self.threads.lower_priority();
    }

    /// Says that what was read makes no sense, so that the next start builds the store anew.
    pub(super) fn condemn(&self) {
        if let Err(error) = fs::write(self.directory.join(DAMAGED), b"") {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the next start will not know that the views are damaged");
        }
    }

    /// All of it as it is now; `None` where it was found damaged.
    pub(super) fn copy(&self) -> Option<TreeCopy> {
        (!self.directory.join(DAMAGED).exists())
            .then(|| TreeCopy::of(&self.database, &self.trees()))
    }

    /// Takes a copy in, where nothing is yet. What it holds is found by the next open.
    pub(super) fn restore(&self) -> TreeBuilder {
        TreeBuilder::into(&self.database, &self.trees())
    }

    fn trees(&self) -> [(&'static str, &Keyspace); 4] {
        [
            ("rows", &self.rows),
            ("index", &self.index),
            ("tallies", &self.tallies),
            ("books", &self.books),
        ]
    }

    pub(super) fn position(&self, shard: ShardId) -> u64 {
        self.positions.read().get(&shard).copied().unwrap_or(0)
    }

    /// The row as it was last written.
    pub(super) fn row(&self, realm: Realm, id: u128) -> Result<Option<Row>, ViewError> {
        self.rows.get(row_key(realm, id))?.map(|bytes| decode(id, &bytes)).transpose()
    }

    /// A tally's bytes as they were last written.
    pub(super) fn tally(&self, key: &[u8]) -> Result<Option<UserValue>, ViewError> {
        Ok(self.tallies.get(key)?)
    }

    /// All of it as it is now.
    pub(super) fn read(&self) -> Reading<'_> {
        Reading { store: self, snapshot: self.database.snapshot() }
    }

    /// Begins a change of about so many entries. To make room for them one after the other takes new
    /// memory each time, which costs more than all that is written into it.
    pub(super) fn begin(&self, entries: usize) -> Change<'_> {
        // What is written goes to the system at once, so that a kill leaves it there.
        let batch = OwnedWriteBatch::with_capacity(self.database.clone(), entries)
            .durability(Some(PersistMode::Buffer));
        Change { store: self, batch, positions: HashMap::new() }
    }

    /// Whether there are no rows.
    pub(super) fn is_empty(&self) -> Result<bool, ViewError> {
        Ok(self.rows.is_empty()?)
    }

    /// Begins to fill a store that is empty. Until that is finished, what is in it is not whole: whoever
    /// opens it finds that it has no number of a format.
    pub(super) fn begin_load(&self) -> Result<(), ViewError> {
        self.books.remove(VERSION)?;
        self.persist()
    }

    /// Rows, in the order of their keys.
    pub(super) fn load_rows(
        &self,
        next: impl FnMut() -> Result<Option<(RowKey, UserValue)>, ViewError>,
    ) -> Result<(), ViewError> {
        load(&self.rows, next)
    }

    /// The index, in the order of its keys.
    pub(super) fn load_index(
        &self,
        mut next: impl FnMut() -> Result<Option<UserKey>, ViewError>,
    ) -> Result<(), ViewError> {
        load(&self.index, || Ok(next()?.map(|key| (key, []))))
    }

    /// Tallies, in the order of their keys.
    pub(super) fn load_tallies(
        &self,
        next: impl FnMut() -> Result<Option<(UserKey, UserValue)>, ViewError>,
    ) -> Result<(), ViewError> {
        load(&self.tallies, next)
    }

    /// All that was loaded is the log up to each shard's last record of these.
    pub(super) fn finish_load(&self, positions: HashMap<ShardId, u64>) -> Result<(), ViewError> {
        let mut change = self.begin(positions.len() + 1);
        change.positions = positions;
        change.batch.insert(&self.books, VERSION, FORMAT.to_be_bytes());
        change.commit()?;
        self.persist()
    }

    /// Makes what was written outlive a power cut.
    pub(super) fn persist(&self) -> Result<(), ViewError> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}

impl Reading<'_> {
    pub(super) fn row(&self, realm: Realm, id: u128) -> Result<Option<Row>, ViewError> {
        let bytes = self.snapshot.get(&self.store.rows, row_key(realm, id))?;
        bytes.map(|bytes| decode(id, &bytes)).transpose()
    }

    /// The rows between two ids, both included, by id.
    pub(super) fn rows(
        &self,
        realm: Realm,
        from: u128,
        to: u128,
    ) -> impl DoubleEndedIterator<Item = Result<(u128, Row), ViewError>> + use<> {
        let range =
            self.snapshot.range(&self.store.rows, row_key(realm, from)..=row_key(realm, to));
        range.map(|entry| {
            let (key, value) = entry.into_inner()?;
            let id = id_of(&key)?;
            Ok((id, decode(id, &value)?))
        })
    }

    /// The ids between two, both included, that have this facet.
    pub(super) fn indexed(
        &self,
        facet: &Facet,
        from: u128,
        to: u128,
    ) -> impl DoubleEndedIterator<Item = Result<u128, ViewError>> + use<> {
        let (from, to) = (facet_key(facet, from), facet_key(facet, to));
        let range = self.snapshot.range(&self.store.index, from.as_bytes()..=to.as_bytes());
        range.map(|entry| id_of(&entry.key()?))
    }

    /// Tallies whose keys begin so, each with its key.
    pub(super) fn tallies(
        &self,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<fjall::KvPair, ViewError>> + use<> {
        self.snapshot.prefix(&self.store.tallies, prefix).map(|entry| Ok(entry.into_inner()?))
    }
}

impl Change<'_> {
    /// A shard's last record, with this change.
    pub(super) fn position(&self, shard: ShardId) -> u64 {
        self.positions.get(&shard).copied().unwrap_or_else(|| self.store.position(shard))
    }

    /// Notes a shard's last record that was taken in.
    pub(super) fn reach(&mut self, shard: ShardId, sequence: u64) {
        self.positions.insert(shard, sequence);
    }

    pub(super) fn put_row(&mut self, realm: Realm, id: u128, row: &Row) {
        self.batch.insert(&self.store.rows, row_key(realm, id), &*row.encode());
    }

    pub(super) fn put_facet(&mut self, facet: &Facet, id: u128) {
        self.batch.insert(&self.store.index, facet_key(facet, id).as_bytes(), []);
    }

    pub(super) fn remove_facet(&mut self, facet: &Facet, id: u128) {
        self.batch.remove(&self.store.index, facet_key(facet, id).as_bytes());
    }

    pub(super) fn put_tally(&mut self, key: &[u8], tally: &[u8]) {
        self.batch.insert(&self.store.tallies, key, tally);
    }

    /// Writes it.
    pub(super) fn commit(self) -> Result<(), ViewError> {
        let Self { store, mut batch, positions } = self;
        for (shard, sequence) in &positions {
            let key = [&[POSITION][..], &shard.0.to_be_bytes()].concat();
            batch.insert(&store.books, key, sequence.to_be_bytes());
        }
        batch.commit()?;
        store.positions.write().extend(positions);
        Ok(())
    }
}

/// Writes what comes, in the order of its keys, into tables of a tree that has none of it: all of it is
/// there in the end, synced, or nothing.
fn load<K: Into<UserKey>, V: Into<UserValue>>(
    tree: &Keyspace,
    mut next: impl FnMut() -> Result<Option<(K, V)>, ViewError>,
) -> Result<(), ViewError> {
    // A table without entries would stay behind as a file that is none.
    let Some((key, value)) = next()? else { return Ok(()) };
    let mut tables = tree.start_ingestion()?;
    tables.write(key, value)?;
    while let Some((key, value)) = next()? {
        tables.write(key, value)?;
    }
    Ok(tables.finish()?)
}

/// Removes a store that nobody has open.
pub(super) fn remove(directory: &Path) -> Result<(), ViewError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ViewError::Directory(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn read_positions(books: &Keyspace) -> Result<HashMap<ShardId, u64>, ViewError> {
    let mut positions = HashMap::new();
    for entry in books.prefix([POSITION]) {
        let (key, value) = entry.into_inner()?;
        let shard = key.get(1..).and_then(|shard| shard.try_into().ok()).map(u16::from_be_bytes);
        let sequence = (*value).try_into().ok().map(u64::from_be_bytes);
        let (shard, sequence) = shard.zip(sequence).ok_or(ViewError::Damaged("position"))?;
        positions.insert(ShardId(shard), sequence);
    }
    Ok(positions)
}

pub(super) fn realm_key(realm: Realm) -> [u8; REALM_LENGTH] {
    let mut key = [0; REALM_LENGTH];
    key[..16].copy_from_slice(&realm.merchant.to_u128().to_be_bytes());
    key[16] = realm.mode.code();
    key
}

pub(super) fn row_key(realm: Realm, id: u128) -> RowKey {
    let mut key = [0; REALM_LENGTH + ID_LENGTH];
    key[..REALM_LENGTH].copy_from_slice(&realm_key(realm));
    key[REALM_LENGTH..].copy_from_slice(&id.to_be_bytes());
    key
}

/// Whose a row is, and its id; `None` where the key is no row's.
pub(super) fn place_of(key: &RowKey) -> Option<(Realm, u128)> {
    let (merchant, rest) = key.split_first_chunk::<16>()?;
    let (mode, id) = rest.split_first()?;
    let merchant = MerchantId::from_u128(u128::from_be_bytes(*merchant));
    let realm = Realm { merchant, mode: Mode::from_code(*mode)? };
    Some((realm, u128::from_be_bytes(id.try_into().ok()?)))
}

fn id_of(key: &[u8]) -> Result<u128, ViewError> {
    let id = key.last_chunk::<ID_LENGTH>().map(|id| u128::from_be_bytes(*id));
    id.ok_or(ViewError::Damaged("key"))
}

pub(super) fn facet_key(facet: &Facet, id: u128) -> FacetKey {
    let mut bytes = [0; Facet::LONGEST + ID_LENGTH];
    let facet = facet.as_bytes();
    let end = facet.len() + ID_LENGTH;
    bytes[..facet.len()].copy_from_slice(facet);
    bytes[facet.len()..end].copy_from_slice(&id.to_be_bytes());
    FacetKey { bytes, length: u8::try_from(end).expect("facets are short") }
}

impl FacetKey {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

fn decode(id: u128, bytes: &[u8]) -> Result<Row, ViewError> {
    Row::decode(id, bytes).ok_or(ViewError::Damaged("row"))
}
