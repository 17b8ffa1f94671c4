//! Gives a merchant another secret for its callbacks. They are signed with both for a while.

use super::control::ControlDecision;
use crate::{
    api_key::Asker, callback_secret::CallbackSecret, control_rejection::ControlRejection,
    control_state::ControlState, env::Env, event::ControlEvent, id::MerchantId, merchant::Mode,
};

/// Whose secret is to be another.
#[derive(Clone, Copy, Debug)]
pub struct RotateCallbackSecret {
    /// Who asks.
    pub asker: Asker,
    /// Whose secret.
    pub merchant: MerchantId,
    /// In which world.
    pub mode: Mode,
}

impl RotateCallbackSecret {
    pub(super) fn decide(
        self,
        state: &ControlState,
        env: &Env<'_>,
    ) -> Result<ControlDecision, ControlRejection> {
        let Self { asker: _, merchant, mode } = self;
        state.merchant(merchant).ok_or(ControlRejection::MerchantNotFound(merchant))?;
        let previous_until = env.now.after(CallbackSecret::OVERLAP);
        let rotated = ControlEvent::CallbackSecretRotated { merchant, mode, previous_until };
        Ok(ControlDecision::of_merchant(merchant, env, vec![rotated]))
    }
}
