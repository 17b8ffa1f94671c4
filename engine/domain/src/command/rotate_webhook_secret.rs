//! Gives an endpoint another secret. Its deliveries are signed with both for a while.

use super::control::ControlDecision;
use crate::{
    api_key::Asker,
    control_rejection::ControlRejection,
    control_state::ControlState,
    env::Env,
    event::ControlEvent,
    id::{MerchantId, WebhookEndpointId},
    merchant::Mode,
    timestamp::Millis,
    webhook_endpoint::SealedSecret,
};

/// How long deliveries are signed with the secret before as well.
const OVERLAP: Millis = Millis::from_seconds(86_400);

/// A secret to put in another's place.
#[derive(Clone, Debug)]
pub struct RotateWebhookSecret {
    /// Who asks.
    pub asker: Asker,
    /// Whose endpoint.
    pub merchant: MerchantId,
    /// In which world.
    pub mode: Mode,
    /// Which.
    pub endpoint: WebhookEndpointId,
    /// The new secret.
    pub secret: SealedSecret,
}

impl RotateWebhookSecret {
    pub(super) fn decide(
        self,
        state: &ControlState,
        env: &Env<'_>,
    ) -> Result<ControlDecision, ControlRejection> {
        let endpoint = state.owned_webhook_endpoint(self.merchant, self.mode, self.endpoint)?.id;
        let previous_until = env.now.after(OVERLAP);
        let rotated =
            ControlEvent::WebhookSecretRotated { endpoint, secret: self.secret, previous_until };
        Ok(ControlDecision::of_webhook_endpoint(endpoint, env, vec![rotated]))
    }
}
