//! What the control shard owns: merchants and their keys.

use std::collections::BTreeMap;

use crate::{
    api_key::{ApiKey, ApiKeyHash},
    command::ControlCommand,
    env::Env,
    event::{ControlEvent, Record},
    id::MerchantId,
    merchant::Merchant,
    state_hash::StateHash,
    timestamp::Timestamp,
};

/// The state of the control shard.
#[derive(Debug, Default)]
pub struct ControlState {
    merchants: BTreeMap<MerchantId, Merchant>,
    keys: BTreeMap<ApiKeyHash, ApiKey>,
    /// How many records there have been: what a reader of the published view has seen.
    version: u64,
    last_time: Timestamp,
}

impl ControlState {
    /// The merchants, in the order of their ids.
    pub fn merchants(&self) -> impl Iterator<Item = &Merchant> {
        self.merchants.values()
    }

    /// The keys, in the order of their hashes.
    pub fn keys(&self) -> impl Iterator<Item = &ApiKey> {
        self.keys.values()
    }

    /// How many records there have been.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The time of the last record.
    #[must_use]
    pub fn last_time(&self) -> Timestamp {
        self.last_time
    }

    /// What `command` comes to. Changes nothing.
    #[must_use]
    pub fn decide(&self, command: ControlCommand, env: &Env<'_>) -> Record<ControlEvent> {
        command.decide(env)
    }

    /// Writes a record into the state, live and in replay alike.
    pub fn apply(&mut self, record: &Record<ControlEvent>) {
        self.version = self.version.saturating_add(1);
        self.last_time = self.last_time.max(record.at);
        for event in &record.events {
            match event {
                ControlEvent::MerchantCreated(merchant) => {
                    self.merchants.insert(merchant.id, merchant.clone());
                }
                ControlEvent::ApiKeyIssued(key) => {
                    self.keys.insert(key.hash, key.clone());
                }
            }
        }
    }

    /// A digest of everything in the shard.
    #[must_use]
    pub fn hash(&self) -> StateHash {
        StateHash::of(|hasher| {
            use std::hash::Hash;
            (self.version, self.last_time).hash(hasher);
            for merchant in self.merchants.values() {
                (merchant.id, &merchant.name, merchant.created_at).hash(hasher);
            }
            for key in self.keys.values() {
                (key.hash, key.merchant, key.mode, key.created_at).hash(hasher);
            }
        })
    }
}
