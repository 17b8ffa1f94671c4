//! What the gateway may read of merchants and keys without asking the control shard: only what is
//! durable.

use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use tollgate_domain::{
    ApiKey, ApiKeyHash, ControlEvent, ControlState, Merchant, MerchantId, Record,
};

/// The published view of the control shard.
#[derive(Debug, Default)]
pub struct ControlView {
    merchants: DashMap<MerchantId, Merchant>,
    keys: DashMap<ApiKeyHash, ApiKey>,
    version: AtomicU64,
}

impl ControlView {
    pub(crate) fn of(state: &ControlState) -> Self {
        Self {
            merchants: state.merchants().map(|found| (found.id, found.clone())).collect(),
            keys: state.keys().map(|key| (key.hash, key.clone())).collect(),
            version: AtomicU64::new(state.version()),
        }
    }

    /// The key with this hash. The caller compares the hash again, in constant time.
    #[must_use]
    pub fn find_key(&self, hash: &ApiKeyHash) -> Option<ApiKey> {
        self.keys.get(hash).map(|key| key.clone())
    }

    /// The merchant with this id.
    #[must_use]
    pub fn merchant(&self, id: MerchantId) -> Option<Merchant> {
        self.merchants.get(&id).map(|merchant| merchant.clone())
    }

    /// How many merchants there are.
    #[must_use]
    pub fn merchant_count(&self) -> usize {
        self.merchants.len()
    }

    /// How many records of the control shard this view holds.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Takes in a record that is durable.
    pub(crate) fn publish(&self, record: Record<ControlEvent>) {
        for event in record.events {
            match event {
                ControlEvent::MerchantCreated(merchant) => {
                    self.merchants.insert(merchant.id, merchant);
                }
                ControlEvent::ApiKeyIssued(key) => {
                    self.keys.insert(key.hash, key);
                }
            }
        }
        self.version.fetch_add(1, Ordering::Release);
    }
}
