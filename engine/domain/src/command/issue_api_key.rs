//! Issues a key. What its owner has too many of, keys that are dead, is forgotten on the occasion.

use super::control::ControlDecision;
use crate::{
    api_key::{ApiKey, ApiKeyKind, KeyAuthority, KeyImprint, KeyOwner, KeyStanding, ScopeSet},
    control_rejection::ControlRejection,
    control_state::ControlState,
    env::Env,
    event::ControlEvent,
    id::ApiKeyId,
    timestamp::Timestamp,
};

/// Usable keys that one owner may have: as many servers as anybody gives keys of their own, and a
/// bound on what a merchant can make the control shard hold.
pub(crate) const USABLE_KEYS: usize = 100;

/// Dead keys of a merchant that are kept, so that it sees what became of them: as many as it may
/// have in use. With the bound above, nobody makes the control shard hold more by issuing and
/// revoking keys for ever.
pub(crate) const DEAD_KEYS: usize = 100;

/// Keys that one record forgets at the most, so that it fits the log whatever was there before.
const FORGOTTEN_AT_ONCE: usize = 100;

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
        let id = key.id;
        let mut events = vec![ControlEvent::ApiKeyIssued(key)];
        events.extend(forgotten(state, owner, env.now));
        Ok(ControlDecision::of_key(id, env, events))
    }
}

/// The dead keys of an owner beyond those that are kept; the longest dead go first.
///
/// A forgotten key stays dead, as its text is unknown from then on. Operators' keys are not
/// forgotten: the process is given its root key as a text, and one that was revoked must not come
/// back that way. Nor need they be, as operators are trusted with what grows, such as the number of
/// merchants.
pub(super) fn forgotten(
    state: &ControlState,
    owner: KeyOwner,
    now: Timestamp,
) -> impl Iterator<Item = ControlEvent> {
    let mut dead: Vec<(Timestamp, ApiKeyId)> = match owner {
        KeyOwner::Operators => Vec::new(),
        KeyOwner::Merchant(_) => state
            .keys_of(owner)
            .filter_map(|key| key.dead_since(now).map(|since| (since, key.id)))
            .collect(),
    };
    dead.sort_unstable();
    let surplus = dead.len().saturating_sub(DEAD_KEYS).min(FORGOTTEN_AT_ONCE);
    dead.into_iter().take(surplus).map(|(_since, key)| ControlEvent::ApiKeyForgotten { key })
}
