//! Changes what an endpoint's owner decides, and whether it gets anything.

use super::control::ControlDecision;
use crate::{
    api_key::Asker,
    control_rejection::ControlRejection,
    control_state::ControlState,
    env::Env,
    event::ControlEvent,
    id::{MerchantId, WebhookEndpointId},
    merchant::Mode,
    webhook_endpoint::{DisableReason, WebhookSettings},
};

/// What is to change; `None` leaves a thing as it is.
#[derive(Clone, Debug)]
pub struct UpdateWebhookEndpoint {
    /// Who asks.
    pub asker: Asker,
    /// Whose endpoint.
    pub merchant: MerchantId,
    /// In which world.
    pub mode: Mode,
    /// Which.
    pub endpoint: WebhookEndpointId,
    /// What its owner wants of it from now on.
    pub settings: Option<WebhookSettings>,
    /// Whether it gets anything.
    pub enabled: Option<bool>,
}

impl UpdateWebhookEndpoint {
    pub(super) fn decide(
        self,
        state: &ControlState,
        env: &Env<'_>,
    ) -> Result<ControlDecision, ControlRejection> {
        let endpoint = state.owned_webhook_endpoint(self.merchant, self.mode, self.endpoint)?;
        let id = endpoint.id;
        let settings = self.settings.filter(|settings| *settings != endpoint.settings);
        let enabled = self.enabled.filter(|enabled| *enabled == endpoint.disabled.is_some());
        let events = [
            settings
                .map(|settings| ControlEvent::WebhookEndpointChanged { endpoint: id, settings }),
            enabled.map(|enabled| match enabled {
                true => ControlEvent::WebhookEndpointEnabled { endpoint: id },
                false => ControlEvent::WebhookEndpointDisabled {
                    endpoint: id,
                    reason: DisableReason::Requested,
                },
            }),
        ];
        let events = events.into_iter().flatten().collect();
        Ok(ControlDecision::of_webhook_endpoint(id, env, events))
    }
}
