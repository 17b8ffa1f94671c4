//! What the gateway may read of merchants and keys without asking the control shard: only what is
//! durable.
//!
//! ```text
//!   passes   digest ─▶ what a request's key opens     read by every request: one lookup, a copy
//!   state    merchants and keys, in order             read by lists and look-ups
//! ```
//!
//! Invariant: both tell the same, and they do so before the command that changed them is answered.

use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use parking_lot::RwLock;
use tollgate_domain::{
    ApiKey, ApiKeyHash, ApiKeyId, ApiKeyKind, ControlEvent, ControlState, KeyOwner, KeyStanding,
    Merchant, MerchantId, Record, ScopeSet, Timestamp,
};

/// The published view of the control shard.
#[derive(Debug, Default)]
pub struct ControlView {
    passes: DashMap<ApiKeyHash, KeyPass>,
    state: RwLock<ControlState>,
    version: AtomicU64,
}

/// What a key opens: all that a request needs to know of it, to be copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyPass {
    /// Names the key.
    pub id: ApiKeyId,
    /// Its digest.
    pub hash: ApiKeyHash,
    /// Whose it is, and for what.
    pub kind: ApiKeyKind,
    /// What it may do, as far as its kind may.
    pub scopes: ScopeSet,
    /// Whether its merchant is suspended.
    pub suspended: bool,
    /// Whether its merchant takes no second payment for an order that is paid.
    pub one_payment_per_order: bool,
    expires_at: Option<Timestamp>,
    revoked: bool,
}

impl ControlView {
    pub(crate) fn of(state: ControlState) -> Self {
        Self {
            passes: state.keys().map(|key| (key.hash, KeyPass::of(key, &state))).collect(),
            version: AtomicU64::new(state.version()),
            state: RwLock::new(state),
        }
    }

    /// The pass of the key with this hash. The caller compares the hash again, in constant time.
    #[must_use]
    pub fn find_key(&self, hash: &ApiKeyHash) -> Option<KeyPass> {
        self.passes.get(hash).map(|pass| *pass)
    }

    /// Reads merchants and keys. Publication waits meanwhile, so `read` should not take long.
    pub fn read<T>(&self, read: impl FnOnce(&ControlState) -> T) -> T {
        read(&self.state.read())
    }

    /// The merchant with this id.
    #[must_use]
    pub fn merchant(&self, id: MerchantId) -> Option<Merchant> {
        self.read(|state| state.merchant(id).cloned())
    }

    /// How many merchants there are.
    #[must_use]
    pub fn merchant_count(&self) -> usize {
        self.read(ControlState::merchant_count)
    }

    /// How many records of the control shard this view holds.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Takes in a record that is durable.
    pub(crate) fn publish(&self, record: &Record<ControlEvent>) {
        let mut state = self.state.write();
        for event in &record.events {
            if let ControlEvent::ApiKeyForgotten { key } = event {
                let key = state.key(*key).expect("only what is known is forgotten");
                self.passes.remove(&key.hash);
            }
        }
        state.apply(record);
        for event in &record.events {
            match event {
                ControlEvent::MerchantCreated(_)
                | ControlEvent::MerchantRenamed { .. }
                | ControlEvent::MerchantEmailChanged { .. }
                | ControlEvent::WebhookEndpointCreated(_)
                | ControlEvent::WebhookEndpointChanged { .. }
                | ControlEvent::WebhookSecretRotated { .. }
                | ControlEvent::WebhookEndpointEnabled { .. }
                | ControlEvent::WebhookEndpointDisabled { .. }
                | ControlEvent::WebhookEndpointDeleted { .. }
                | ControlEvent::ApiKeyForgotten { .. }
                | ControlEvent::CallbackSecretRotated { .. } => {}
                ControlEvent::MerchantSuspended { merchant }
                | ControlEvent::MerchantResumed { merchant }
                | ControlEvent::MerchantOrderRuleChanged { merchant, .. } => {
                    let keys = state.keys_of(KeyOwner::Merchant(*merchant));
                    keys.for_each(|key| self.pass(key, &state));
                }
                ControlEvent::ApiKeyIssued(ApiKey { id: key, .. })
                | ControlEvent::ApiKeyRotated { key, .. }
                | ControlEvent::ApiKeyRevoked { key } => {
                    self.pass(state.key(*key).expect("the record was applied"), &state);
                }
            }
        }
        self.version.store(state.version(), Ordering::Release);
    }

    fn pass(&self, key: &ApiKey, state: &ControlState) {
        self.passes.insert(key.hash, KeyPass::of(key, state));
    }
}

impl KeyPass {
    /// Whether it opens anything at `now`; only a key that expires asks for the time.
    #[must_use]
    pub fn standing(&self, now: impl FnOnce() -> Timestamp) -> KeyStanding {
        if self.revoked {
            KeyStanding::Revoked
        } else if self.expires_at.is_some_and(|end| now() >= end) {
            KeyStanding::Expired
        } else {
            KeyStanding::Usable
        }
    }

    fn of(key: &ApiKey, state: &ControlState) -> Self {
        let merchant = match key.owner() {
            KeyOwner::Merchant(merchant) => state.merchant(merchant),
            KeyOwner::Operators => None,
        };
        Self {
            id: key.id,
            hash: key.hash,
            kind: key.kind,
            scopes: key.scopes,
            suspended: merchant.is_some_and(|merchant| merchant.suspended_at.is_some()),
            one_payment_per_order: merchant.is_some_and(|merchant| merchant.one_payment_per_order),
            expires_at: key.expires_at,
            revoked: key.revoked_at.is_some(),
        }
    }
}
