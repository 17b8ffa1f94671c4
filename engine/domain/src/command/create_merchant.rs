//! Registers a merchant with its first keys.

use crate::{
    api_key::{ApiKey, ApiKeyHash},
    env::Env,
    event::{ControlEvent, Record},
    merchant::{Merchant, Mode},
};

/// A merchant to register. The keys were drawn by the caller, who alone ever sees their text.
#[derive(Clone, Debug)]
pub struct CreateMerchant {
    /// Its name.
    pub name: Box<str>,
    /// Its first keys.
    pub keys: Vec<(Mode, ApiKeyHash)>,
}

impl CreateMerchant {
    pub(super) fn decide(self, env: &Env<'_>) -> Record<ControlEvent> {
        let merchant = Merchant { id: env.mint(0), name: self.name, created_at: env.now };
        let keys = self.keys.into_iter().map(|(mode, hash)| {
            ControlEvent::ApiKeyIssued(ApiKey {
                hash,
                merchant: merchant.id,
                mode,
                created_at: env.now,
            })
        });
        let created = ControlEvent::MerchantCreated(merchant.clone());
        Record {
            at: env.now,
            events: std::iter::once(created).chain(keys).collect(),
            idempotency: None,
            effects: Vec::new(),
        }
    }
}
