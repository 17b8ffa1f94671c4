//! The archive's files: an LSM tree for each kind of thing, changed together in batches.
//!
//! ```text
//!   histories    payment 16    ─▶ its history, encoded
//!   operations   operation 16  ─▶ payment 16
//!   orders       merchant 16 · mode 1 · order 16  ─▶ the order, encoded
//!   positions    shard 2       ─▶ departures taken, 8
//!
//!   numbers are big-endian
//! ```
//!
//! Invariant: a shard's position and everything up to it are there together, or neither is.

use std::{collections::HashMap, path::Path};

use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode,
    config::{BlockSizePolicy, CompressionPolicy},
};
use tollgate_domain::{OperationId, OrderId, PaymentId, ShardId};

use super::{ArchiveError, Departures, OrderPlace, OrderRange};
use crate::tree_copy::{TreeBuilder, TreeCopy};

/// What is kept of the files in memory, in bytes. Who reads old payments reads a few of them.
const CACHE_BYTES: u64 = 16 << 20;

/// Bytes of new histories in memory before a table is written of them.
const TABLE_BYTES: u64 = 16 << 20;

/// The same of what is small.
const SMALL_TABLE_BYTES: u64 = 2 << 20;

/// The most that lies in the store's journal before tables are written from it, in bytes.
const JOURNAL_BYTES: u64 = 64 << 20;

/// Bytes that are compressed together: payments of one time are alike.
const BLOCK_BYTES: u32 = 16 << 10;

/// Threads that write tables and merge them.
const BACKGROUND_THREADS: usize = 1;

/// The files.
pub(crate) struct Store {
    database: Database,
    histories: Keyspace,
    operations: Keyspace,
    orders: Keyspace,
    positions: Keyspace,
}

impl Store {
    pub(crate) fn open(directory: &Path) -> Result<Self, ArchiveError> {
        let database = Database::builder(directory)
            .cache_size(CACHE_BYTES)
            .worker_threads(BACKGROUND_THREADS)
            .max_journaling_size(JOURNAL_BYTES)
            .open()?;
        let small = || KeyspaceCreateOptions::default().max_memtable_size(SMALL_TABLE_BYTES);
        let large = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(TABLE_BYTES)
                .data_block_size_policy(BlockSizePolicy::all(BLOCK_BYTES))
                .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
        };
        let histories = database.keyspace("histories", large)?;
        // One of a release from which no order ever left has none yet.
        let orders = database.keyspace("orders", large)?;
        let operations = database.keyspace("operations", small)?;
        let positions = database.keyspace("positions", small)?;
        Ok(Self { database, histories, operations, orders, positions })
    }

    /// How many departures of each shard it has, where it has any.
    pub(crate) fn positions(&self) -> Result<HashMap<ShardId, u64>, ArchiveError> {
        let mut positions = HashMap::new();
        for entry in self.positions.iter() {
            let (key, value) = entry.into_inner()?;
            let shard = key[..].try_into().ok().map(u16::from_be_bytes);
            let position = value[..].try_into().ok().map(u64::from_be_bytes);
            let (Some(shard), Some(position)) = (shard, position) else {
                return Err(ArchiveError::Damaged("position"));
            };
            positions.insert(ShardId(shard), position);
        }
        Ok(positions)
    }

    pub(super) fn history(&self, payment: PaymentId) -> Result<Option<Vec<u8>>, ArchiveError> {
        Ok(self.histories.get(key(payment.to_u128()))?.map(|bytes| bytes.to_vec()))
    }

    pub(super) fn payment_of(
        &self,
        operation: OperationId,
    ) -> Result<Option<PaymentId>, ArchiveError> {
        let Some(bytes) = self.operations.get(key(operation.to_u128()))? else { return Ok(None) };
        let payment = bytes[..].try_into().ok().map(u128::from_be_bytes);
        payment.map(PaymentId::from_u128).map(Some).ok_or(ArchiveError::Damaged("payment's id"))
    }

    pub(super) fn order(&self, place: OrderPlace) -> Result<Option<Vec<u8>>, ArchiveError> {
        Ok(self.orders.get(order_key(&place))?.map(|bytes| bytes.to_vec()))
    }

    /// The orders of a range, with where they lie, from that end of it that is asked for.
    pub(super) fn orders(
        &self,
        range: OrderRange,
    ) -> Result<Vec<(OrderPlace, Vec<u8>)>, ArchiveError> {
        let (first, last) = range.ends();
        if first > last {
            return Ok(Vec::new());
        }
        let mut found = self.orders.range(order_key(&first)..=order_key(&last));
        let mut orders = Vec::new();
        while orders.len() < range.most {
            let next = if range.newest_first { found.next_back() } else { found.next() };
            let Some(entry) = next else { break };
            let (key, bytes) = entry.into_inner()?;
            let order = key.get(17..).and_then(|id| id.try_into().ok()).map(u128::from_be_bytes);
            let order = order.ok_or(ArchiveError::Damaged("order's id"))?;
            let place = OrderPlace { order: OrderId::from_u128(order), ..first };
            orders.push((place, bytes.to_vec()));
        }
        Ok(orders)
    }

    /// Writes down what has left, all of it or nothing.
    pub(super) fn write(&self, left: &[Departures]) -> Result<(), ArchiveError> {
        let mut batch = self.database.batch();
        for departures in left {
            for departed in &departures.payments {
                let payment = key(departed.payment.to_u128());
                for operation in &departed.operations {
                    batch.insert(&self.operations, key(operation.to_u128()), payment);
                }
                batch.insert(&self.histories, payment, departed.history.as_slice());
            }
            for departed in &departures.orders {
                let place = order_key(&departed.place);
                batch.insert(&self.orders, place, departed.order.as_slice());
            }
            let position = departures.position().to_be_bytes();
            batch.insert(&self.positions, departures.shard.0.to_be_bytes(), position);
        }
        Ok(batch.commit()?)
    }

    /// All of it as it is now.
    pub(crate) fn copy(&self) -> TreeCopy {
        TreeCopy::of(&self.database, &self.trees())
    }

    /// Takes a copy in, where nothing is yet.
    pub(crate) fn restore(&self) -> TreeBuilder {
        TreeBuilder::into(&self.database, &self.trees())
    }

    fn trees(&self) -> [(&'static str, &Keyspace); 4] {
        [
            ("histories", &self.histories),
            ("operations", &self.operations),
            ("orders", &self.orders),
            ("positions", &self.positions),
        ]
    }

    /// Makes what was written outlive a power cut.
    pub(super) fn persist(&self) -> Result<(), ArchiveError> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}

fn order_key(place: &OrderPlace) -> [u8; 33] {
    let mut bytes = [0; 33];
    bytes[..16].copy_from_slice(&key(place.merchant.to_u128()));
    bytes[16] = place.mode.code();
    bytes[17..].copy_from_slice(&key(place.order.to_u128()));
    bytes
}

fn key(id: u128) -> [u8; 16] {
    id.to_be_bytes()
}
