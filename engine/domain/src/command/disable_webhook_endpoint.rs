//! Disables an endpoint that takes nothing, on the word of whoever delivers.

use super::control::ControlDecision;
use crate::{
    control_rejection::ControlRejection, control_state::ControlState, env::Env,
    event::ControlEvent, id::WebhookEndpointId, webhook_endpoint::DisableReason,
};

/// An endpoint to disable. One that is disabled stays so for its first reason.
#[derive(Clone, Debug)]
pub struct DisableWebhookEndpoint {
    /// Which.
    pub endpoint: WebhookEndpointId,
    /// Why.
    pub reason: DisableReason,
}

impl DisableWebhookEndpoint {
    pub(super) fn decide(
        self,
        state: &ControlState,
        env: &Env<'_>,
    ) -> Result<ControlDecision, ControlRejection> {
        let Self { endpoint: id, reason } = self;
        let not_found = ControlRejection::WebhookEndpointNotFound(id);
        let endpoint = state.webhook_endpoint(id).ok_or(not_found)?;
        let events = match endpoint.disabled {
            Some(_) => Vec::new(),
            None => vec![ControlEvent::WebhookEndpointDisabled { endpoint: id, reason }],
        };
        Ok(ControlDecision::of_webhook_endpoint(id, env, events))
    }
}
