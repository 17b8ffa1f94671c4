//! Takes a key out of use, at once and for good. A key may revoke itself, and an owner's last one.

use super::control::ControlDecision;
use crate::{
    api_key::KeyAuthority, control_rejection::ControlRejection, control_state::ControlState,
    env::Env, event::ControlEvent, id::ApiKeyId,
};

/// A key to revoke. Revoking it again changes nothing.
#[derive(Clone, Debug)]
pub struct RevokeApiKey {
    /// By whose say.
    pub authority: KeyAuthority,
    /// Which key.
    pub key: ApiKeyId,
}

impl RevokeApiKey {
    pub(super) fn decide(
        self,
        state: &ControlState,
        env: &Env<'_>,
    ) -> Result<ControlDecision, ControlRejection> {
        let key = self.authority.reached(self.key, state.key(self.key))?;
        let events = match key.revoked_at {
            Some(_) => Vec::new(),
            None => vec![ControlEvent::ApiKeyRevoked { key: key.id }],
        };
        Ok(ControlDecision::of_key(key.id, env, events))
    }
}
