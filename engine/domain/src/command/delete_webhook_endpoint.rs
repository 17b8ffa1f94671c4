//! Deletes an endpoint, with all that waits for it.

use super::control::ControlDecision;
use crate::{
    api_key::Asker,
    control_rejection::ControlRejection,
    control_state::ControlState,
    env::Env,
    event::ControlEvent,
    id::{MerchantId, WebhookEndpointId},
    merchant::Mode,
};

/// An endpoint to delete.
#[derive(Clone, Debug)]
pub struct DeleteWebhookEndpoint {
    /// Who asks.
    pub asker: Asker,
    /// Whose.
    pub merchant: MerchantId,
    /// In which world.
    pub mode: Mode,
    /// Which.
    pub endpoint: WebhookEndpointId,
}

impl DeleteWebhookEndpoint {
    pub(super) fn decide(
        self,
        state: &ControlState,
        env: &Env<'_>,
    ) -> Result<ControlDecision, ControlRejection> {
        let endpoint = state.owned_webhook_endpoint(self.merchant, self.mode, self.endpoint)?.id;
        Ok(ControlDecision::of_deleted_webhook_endpoint(
            endpoint,
            env,
            vec![ControlEvent::WebhookEndpointDeleted { endpoint }],
        ))
    }
}
