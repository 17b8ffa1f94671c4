//! Puts another key in a key's place; for a while both are good, so that servers can be told one
//! after the other.

use super::{control::ControlDecision, issue_api_key::forgotten};
use crate::{
    api_key::{ApiKey, KeyAuthority, KeyImprint, KeyStanding},
    control_rejection::ControlRejection,
    control_state::ControlState,
    env::Env,
    event::ControlEvent,
    id::ApiKeyId,
    timestamp::{Millis, Timestamp},
};

/// A key to replace. The new text was drawn by the caller, who alone ever sees it.
#[derive(Clone, Debug)]
pub struct RotateApiKey {
    /// By whose say.
    pub authority: KeyAuthority,
    /// Which key.
    pub key: ApiKeyId,
    /// What may be kept of the new key's text.
    pub imprint: KeyImprint,
    /// How long the old key stays good, unless it expires earlier anyway.
    pub overlap: Millis,
    /// When the new key expires; `None` gives it as long a life as the old one was given.
    pub expires_at: Option<Timestamp>,
}

impl RotateApiKey {
    pub(super) fn decide(
        self,
        state: &ControlState,
        env: &Env<'_>,
    ) -> Result<ControlDecision, ControlRejection> {
        let old = self.authority.reached(self.key, state.key(self.key))?;
        match old.standing(env.now) {
            KeyStanding::Usable => {}
            KeyStanding::Expired => return Err(ControlRejection::ApiKeyExpired(old.id)),
            KeyStanding::Revoked => return Err(ControlRejection::ApiKeyRevoked(old.id)),
        }
        if let Some(successor) = old.successor {
            return Err(ControlRejection::ApiKeyRotated { key: old.id, successor });
        }
        // Else a key could be had by rotation that could not be had by issue.
        if !self.authority.scopes.includes(old.scopes) {
            return Err(ControlRejection::ScopesExceedAuthority);
        }
        if self.expires_at.is_some_and(|end| end <= env.now) {
            return Err(ControlRejection::ExpiryPast);
        }
        state.check_untaken(&self.imprint.hash)?;
        let life = old.expires_at.map(|end| end.since(old.created_at));
        let new = ApiKey {
            id: ApiKey::id_of(&self.imprint.hash, env.now),
            hash: self.imprint.hash,
            tail: Some(self.imprint.tail),
            name: old.name.clone(),
            created_at: env.now,
            expires_at: self.expires_at.or(life.map(|life| env.now.after(life))),
            ..*old
        };
        let overlap_ends = env.now.after(self.overlap);
        let expires_at = old.expires_at.map_or(overlap_ends, |end| end.min(overlap_ends));
        let successor = new.id;
        let rotated = ControlEvent::ApiKeyRotated { key: old.id, successor, expires_at };
        let mut events = vec![ControlEvent::ApiKeyIssued(new), rotated];
        events.extend(forgotten(state, old.owner(), env.now));
        Ok(ControlDecision::of_key(successor, env, events))
    }
}
