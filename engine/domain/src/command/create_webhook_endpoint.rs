//! Creates an endpoint.

use super::control::ControlDecision;
use crate::{
    api_key::Asker,
    control_rejection::ControlRejection,
    control_state::ControlState,
    env::Env,
    event::ControlEvent,
    id::MerchantId,
    merchant::Mode,
    webhook_endpoint::{SealedSecret, WebhookEndpoint, WebhookSettings},
};

/// Endpoints that a merchant may have in a mode: as many systems as anybody tells apart, and a bound
/// on what one merchant can make the gateway do for each event.
const MOST_ENDPOINTS: usize = 50;

/// An endpoint to create. Its secret was drawn or given, and sealed, by the caller.
#[derive(Clone, Debug)]
pub struct CreateWebhookEndpoint {
    /// Who asks.
    pub asker: Asker,
    /// Whose it is to be.
    pub merchant: MerchantId,
    /// In which world.
    pub mode: Mode,
    /// What its owner wants of it.
    pub settings: WebhookSettings,
    /// What its deliveries are signed with.
    pub secret: SealedSecret,
}

impl CreateWebhookEndpoint {
    pub(super) fn decide(
        self,
        state: &ControlState,
        env: &Env<'_>,
    ) -> Result<ControlDecision, ControlRejection> {
        if state.merchant(self.merchant).is_none() {
            return Err(ControlRejection::MerchantNotFound(self.merchant));
        }
        if state.webhook_endpoints_of(self.merchant, self.mode).count() >= MOST_ENDPOINTS {
            return Err(ControlRejection::TooManyWebhookEndpoints);
        }
        let endpoint = WebhookEndpoint {
            id: env.mint(0),
            merchant: self.merchant,
            mode: self.mode,
            settings: self.settings,
            secret: self.secret,
            previous_secret: None,
            disabled: None,
            created_at: env.now,
            updated_at: env.now,
        };
        let id = endpoint.id;
        let events = vec![ControlEvent::WebhookEndpointCreated(endpoint)];
        Ok(ControlDecision::of_webhook_endpoint(id, env, events))
    }
}
