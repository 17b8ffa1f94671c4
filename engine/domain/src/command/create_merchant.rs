//! Registers a merchant with its first keys.

use super::control::ControlDecision;
use crate::{
    api_key::{ApiKey, ApiKeyKind, Asker, KeyImprint, ScopeSet},
    control_rejection::ControlRejection,
    control_state::ControlState,
    env::Env,
    event::ControlEvent,
    merchant::{Merchant, Mode},
};

/// A merchant to register. The keys were drawn by the caller, who alone ever sees their text.
#[derive(Clone, Debug)]
pub struct CreateMerchant {
    /// Who asks.
    pub asker: Asker,
    /// Its name.
    pub name: Box<str>,
    /// Where the business is written to.
    pub email: Option<Box<str>>,
    /// Its first secret keys; they may do everything that such keys may.
    pub keys: Vec<(Mode, KeyImprint)>,
}

impl CreateMerchant {
    pub(super) fn decide(
        self,
        state: &ControlState,
        env: &Env<'_>,
    ) -> Result<ControlDecision, ControlRejection> {
        let merchant = Merchant {
            id: env.mint(0),
            name: self.name,
            email: self.email,
            suspended_at: None,
            one_payment_per_order: false,
            created_at: env.now,
            updated_at: env.now,
        };
        let id = merchant.id;
        let mut events = vec![ControlEvent::MerchantCreated(merchant)];
        for (mode, imprint) in self.keys {
            state.check_untaken(&imprint.hash)?;
            events.push(ControlEvent::ApiKeyIssued(ApiKey {
                id: ApiKey::id_of(&imprint.hash, env.now),
                hash: imprint.hash,
                tail: Some(imprint.tail),
                kind: ApiKeyKind::Secret { merchant: id, mode },
                scopes: ScopeSet::ALL,
                name: None,
                created_at: env.now,
                expires_at: None,
                revoked_at: None,
                successor: None,
            }));
        }
        Ok(ControlDecision::of_merchant(id, env, events))
    }
}
