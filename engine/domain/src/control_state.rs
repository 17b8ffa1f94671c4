//! What the control shard owns: merchants, keys and endpoints.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use crate::{
    api_key::{ApiKey, ApiKeyHash, KeyOwner},
    callback_secret::CallbackSecret,
    command::{ControlCommand, ControlDecision},
    control_rejection::ControlRejection,
    env::Env,
    event::{ControlEvent, Record},
    id::{ApiKeyId, MerchantId, WebhookEndpointId},
    merchant::{Merchant, Mode},
    state_hash::StateHash,
    timestamp::Timestamp,
    webhook_endpoint::{Disablement, PreviousSecret, WebhookEndpoint},
};

/// The state of the control shard.
#[derive(Clone, Debug, Default)]
pub struct ControlState {
    merchants: BTreeMap<MerchantId, Merchant>,
    keys: BTreeMap<ApiKeyId, ApiKey>,
    /// The keys by what recognizes them.
    by_hash: BTreeMap<ApiKeyHash, ApiKeyId>,
    /// The keys by whose they are.
    by_owner: BTreeSet<(KeyOwner, ApiKeyId)>,
    webhook_endpoints: BTreeMap<WebhookEndpointId, WebhookEndpoint>,
    /// The endpoints by whose they are.
    endpoints_by_owner: BTreeSet<(MerchantId, Mode, WebhookEndpointId)>,
    /// Of merchants that have rotated theirs.
    callback_secrets: BTreeMap<(MerchantId, Mode), CallbackSecret>,
    /// How many records there have been: what a reader of the published view has seen.
    version: u64,
    last_time: Timestamp,
}

impl ControlState {
    /// The merchants, in the order of their ids, and so of their registration.
    pub fn merchants(&self) -> impl DoubleEndedIterator<Item = &Merchant> {
        self.merchants.values()
    }

    /// The merchants whose ids lie in that range, in their order.
    pub fn merchants_in(
        &self,
        range: (Bound<MerchantId>, Bound<MerchantId>),
    ) -> impl DoubleEndedIterator<Item = &Merchant> {
        self.merchants.range(range).map(|(_id, merchant)| merchant)
    }

    /// The merchant with this id.
    #[must_use]
    pub fn merchant(&self, id: MerchantId) -> Option<&Merchant> {
        self.merchants.get(&id)
    }

    /// How many merchants there are.
    #[must_use]
    pub fn merchant_count(&self) -> usize {
        self.merchants.len()
    }

    /// The keys, in the order of their ids, and so of their issue.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &ApiKey> {
        self.keys.values()
    }

    /// The keys of one owner, in the order of their ids.
    pub fn keys_of(&self, owner: KeyOwner) -> impl DoubleEndedIterator<Item = &ApiKey> {
        let range = (owner, ApiKeyId::from_u128(0))..=(owner, ApiKeyId::from_u128(u128::MAX));
        self.by_owner.range(range).filter_map(|(_owner, id)| self.keys.get(id))
    }

    /// The key with this id.
    #[must_use]
    pub fn key(&self, id: ApiKeyId) -> Option<&ApiKey> {
        self.keys.get(&id)
    }

    /// The key with this digest.
    #[must_use]
    pub fn key_of_hash(&self, hash: &ApiKeyHash) -> Option<&ApiKey> {
        self.keys.get(self.by_hash.get(hash)?)
    }

    /// The endpoints, in the order of their ids, and so of their creation.
    pub fn webhook_endpoints(&self) -> impl DoubleEndedIterator<Item = &WebhookEndpoint> {
        self.webhook_endpoints.values()
    }

    /// A merchant's endpoints in a mode, in the order of their ids.
    pub fn webhook_endpoints_of(
        &self,
        merchant: MerchantId,
        mode: Mode,
    ) -> impl DoubleEndedIterator<Item = &WebhookEndpoint> {
        let from = (merchant, mode, WebhookEndpointId::from_u128(0));
        let to = (merchant, mode, WebhookEndpointId::from_u128(u128::MAX));
        let ids = self.endpoints_by_owner.range(from..=to);
        ids.filter_map(|(_merchant, _mode, id)| self.webhook_endpoints.get(id))
    }

    /// The endpoint with this id.
    #[must_use]
    pub fn webhook_endpoint(&self, id: WebhookEndpointId) -> Option<&WebhookEndpoint> {
        self.webhook_endpoints.get(&id)
    }

    /// The same, if it is this merchant's and of this mode.
    ///
    /// # Errors
    /// Where it is not.
    pub fn owned_webhook_endpoint(
        &self,
        merchant: MerchantId,
        mode: Mode,
        id: WebhookEndpointId,
    ) -> Result<&WebhookEndpoint, ControlRejection> {
        self.webhook_endpoint(id)
            .filter(|endpoint| endpoint.merchant == merchant && endpoint.mode == mode)
            .ok_or(ControlRejection::WebhookEndpointNotFound(id))
    }

    /// Which secret a merchant's callbacks are signed with.
    #[must_use]
    pub fn callback_secret(&self, merchant: MerchantId, mode: Mode) -> CallbackSecret {
        self.callback_secrets.get(&(merchant, mode)).copied().unwrap_or_default()
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
    ///
    /// # Errors
    /// Where our rules say no.
    pub fn decide(
        &self,
        command: ControlCommand,
        env: &Env<'_>,
    ) -> Result<ControlDecision, ControlRejection> {
        command.decide(self, env)
    }

    /// Writes a record into the state, live, in replay and where it is published alike.
    pub fn apply(&mut self, record: &Record<ControlEvent>) {
        self.version = self.version.saturating_add(1);
        self.last_time = self.last_time.max(record.at);
        for event in &record.events {
            self.apply_event(event, record.at);
        }
    }

    fn apply_event(&mut self, event: &ControlEvent, at: Timestamp) {
        match event {
            ControlEvent::MerchantCreated(merchant) => {
                self.merchants.insert(merchant.id, merchant.clone());
            }
            ControlEvent::MerchantRenamed { merchant, name } => {
                self.change_merchant(*merchant, at, |merchant| merchant.name.clone_from(name));
            }
            ControlEvent::MerchantEmailChanged { merchant, email } => {
                self.change_merchant(*merchant, at, |merchant| merchant.email.clone_from(email));
            }
            ControlEvent::MerchantSuspended { merchant } => {
                self.change_merchant(*merchant, at, |merchant| merchant.suspended_at = Some(at));
            }
            ControlEvent::MerchantResumed { merchant } => {
                self.change_merchant(*merchant, at, |merchant| merchant.suspended_at = None);
            }
            ControlEvent::MerchantOrderRuleChanged { merchant, one_payment_per_order } => {
                self.change_merchant(*merchant, at, |merchant| {
                    merchant.one_payment_per_order = *one_payment_per_order;
                });
            }
            ControlEvent::ApiKeyIssued(key) => {
                self.by_hash.insert(key.hash, key.id);
                self.by_owner.insert((key.owner(), key.id));
                self.keys.insert(key.id, key.clone());
            }
            ControlEvent::ApiKeyRotated { key, successor, expires_at } => {
                self.change_key(*key, |key| {
                    key.successor = Some(*successor);
                    key.expires_at = Some(*expires_at);
                });
            }
            ControlEvent::ApiKeyRevoked { key } => {
                self.change_key(*key, |key| key.revoked_at = Some(at));
            }
            ControlEvent::ApiKeyForgotten { key } => {
                let key = self.keys.remove(key).expect("only what is known is forgotten");
                self.by_hash.remove(&key.hash);
                self.by_owner.remove(&(key.owner(), key.id));
            }
            ControlEvent::WebhookEndpointCreated(endpoint) => {
                let WebhookEndpoint { merchant, mode, id, .. } = endpoint;
                self.endpoints_by_owner.insert((*merchant, *mode, *id));
                self.webhook_endpoints.insert(*id, endpoint.clone());
            }
            ControlEvent::WebhookEndpointChanged { endpoint, settings } => {
                self.change_endpoint(*endpoint, at, |endpoint| {
                    endpoint.settings = settings.clone();
                });
            }
            ControlEvent::WebhookSecretRotated { endpoint, secret, previous_until } => {
                self.change_endpoint(*endpoint, at, |endpoint| {
                    let previous = std::mem::replace(&mut endpoint.secret, secret.clone());
                    endpoint.previous_secret =
                        Some(PreviousSecret { secret: previous, until: *previous_until });
                });
            }
            ControlEvent::WebhookEndpointEnabled { endpoint } => {
                self.change_endpoint(*endpoint, at, |endpoint| endpoint.disabled = None);
            }
            ControlEvent::WebhookEndpointDisabled { endpoint, reason } => {
                self.change_endpoint(*endpoint, at, |endpoint| {
                    endpoint.disabled = Some(Disablement { reason: *reason, at });
                });
            }
            ControlEvent::WebhookEndpointDeleted { endpoint } => {
                let deleted = self.webhook_endpoints.remove(endpoint);
                let deleted = deleted.expect("only what is known is deleted");
                let WebhookEndpoint { merchant, mode, id, .. } = deleted;
                self.endpoints_by_owner.remove(&(merchant, mode, id));
            }
            ControlEvent::CallbackSecretRotated { merchant, mode, previous_until } => {
                self.callback_secrets
                    .entry((*merchant, *mode))
                    .or_default()
                    .rotate(*previous_until);
            }
        }
    }

    fn change_merchant(
        &mut self,
        id: MerchantId,
        at: Timestamp,
        change: impl FnOnce(&mut Merchant),
    ) {
        let merchant = self.merchants.get_mut(&id).expect("only what is known is changed");
        change(merchant);
        merchant.updated_at = at;
    }

    fn change_endpoint(
        &mut self,
        id: WebhookEndpointId,
        at: Timestamp,
        change: impl FnOnce(&mut WebhookEndpoint),
    ) {
        let endpoint = self.webhook_endpoints.get_mut(&id).expect("only what is known is changed");
        change(endpoint);
        endpoint.updated_at = at;
    }

    fn change_key(&mut self, id: ApiKeyId, change: impl FnOnce(&mut ApiKey)) {
        change(self.keys.get_mut(&id).expect("only what is known is changed"));
    }

    /// Makes sure that no key has this digest yet.
    pub(crate) fn check_untaken(&self, hash: &ApiKeyHash) -> Result<(), ControlRejection> {
        match self.by_hash.get(hash) {
            Some(key) => Err(ControlRejection::ApiKeyTaken(*key)),
            None => Ok(()),
        }
    }

    /// A digest of everything in the shard.
    #[must_use]
    pub fn hash(&self) -> StateHash {
        StateHash::of(|hasher| {
            use std::hash::Hash;
            (self.version, self.last_time).hash(hasher);
            for merchant in self.merchants.values() {
                merchant.hash(hasher);
            }
            for key in self.keys.values() {
                key.hash(hasher);
            }
            for endpoint in self.webhook_endpoints.values() {
                endpoint.hash(hasher);
            }
            for secret in &self.callback_secrets {
                secret.hash(hasher);
            }
        })
    }
}
