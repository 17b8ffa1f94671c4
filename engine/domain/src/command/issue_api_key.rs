//! Issues a key.

use super::control::ControlDecision;
use crate::{
    api_key::{ApiKey, ApiKeyKind, KeyAuthority, KeyImprint, KeyOwner, KeyStanding, ScopeSet},
    control_rejection::ControlRejection,
    control_state::ControlState,
    env::Env,
    event::ControlEvent,
    timestamp::Timestamp,
};

/// Usable keys that one owner may have: as many servers as anybody gives keys of their own, and a
/// bound on what a merchant can make the control shard hold.
pub(crate) const USABLE_KEYS: usize = 100;

/// A key to issue. Its text was drawn by the caller, who alone ever sees it.
#[derive(Clone, Debug)]
pub struct IssueApiKey {
    /// By whose say.
    pub authority: KeyAuthority,
    /// Whose it is to be, and for what.
    pub kind: ApiKeyKind,
    /// What may be kept of its text.
    pub imprint: KeyImprint,
    /// What its owner calls it.
    pub name: Option<Box<str>>,
    /// What it may do; `None` is everything that its kind and the authority allow.
    pub scopes: Option<ScopeSet>,
    /// From when on it is of no use any more.
    pub expires_at: Option<Timestamp>,
}

impl IssueApiKey {
    pub(super) fn decide(
        self,
        state: &ControlState,
        env: &Env<'_>,
    ) -> Result<ControlDecision, ControlRejection> {
        let owner = self.kind.owner();
        if let KeyOwner::Merchant(merchant) = owner
            && state.merchant(merchant).is_none()
        {
            return Err(ControlRejection::MerchantNotFound(merchant));
        }
        if !self.authority.reaches_kind(self.kind) {
            return Err(ControlRejection::OtherMode);
        }
        let scopes = self.authority.grant(self.kind, self.scopes)?;
        if self.expires_at.is_some_and(|end| end <= env.now) {
            return Err(ControlRejection::ExpiryPast);
        }
        state.check_untaken(&self.imprint.hash)?;
        let usable =
            state.keys_of(owner).filter(|key| key.standing(env.now) == KeyStanding::Usable);
        if usable.count() >= USABLE_KEYS {
            return Err(ControlRejection::TooManyApiKeys);
        }
        let key = ApiKey {
            id: ApiKey::id_of(&self.imprint.hash, env.now),
            hash: self.imprint.hash,
            tail: Some(self.imprint.tail),
            kind: self.kind,
            scopes,
            name: self.name,
            created_at: env.now,
            expires_at: self.expires_at,
            revoked_at: None,
            successor: None,
        };
        Ok(ControlDecision::of_key(key.id, env, vec![ControlEvent::ApiKeyIssued(key)]))
    }
}
