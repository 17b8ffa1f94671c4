//! Commands to the control shard, and what they come to.

use super::{
    CreateMerchant, CreateWebhookEndpoint, DeleteWebhookEndpoint, DisableWebhookEndpoint,
    IssueApiKey, RevokeApiKey, RotateApiKey, RotateCallbackSecret, RotateWebhookSecret,
    UpdateMerchant, UpdateWebhookEndpoint,
};
use crate::{
    api_key::Asker,
    control_rejection::ControlRejection,
    control_state::ControlState,
    env::Env,
    event::{ControlEvent, Record},
    id::{ApiKeyId, MerchantId, WebhookEndpointId},
};

/// A command to the control shard.
#[derive(Clone, Debug)]
pub enum ControlCommand {
    /// Register a merchant with its first keys.
    CreateMerchant(CreateMerchant),
    /// Change a merchant.
    UpdateMerchant(UpdateMerchant),
    /// Issue a key.
    IssueApiKey(IssueApiKey),
    /// Put another key in a key's place.
    RotateApiKey(RotateApiKey),
    /// Take a key out of use.
    RevokeApiKey(RevokeApiKey),
    /// Create an endpoint.
    CreateWebhookEndpoint(CreateWebhookEndpoint),
    /// Change an endpoint.
    UpdateWebhookEndpoint(UpdateWebhookEndpoint),
    /// Give an endpoint another secret.
    RotateWebhookSecret(RotateWebhookSecret),
    /// Give a merchant another secret for its callbacks.
    RotateCallbackSecret(RotateCallbackSecret),
    /// Disable an endpoint that takes nothing.
    DisableWebhookEndpoint(DisableWebhookEndpoint),
    /// Delete an endpoint.
    DeleteWebhookEndpoint(DeleteWebhookEndpoint),
}

/// What a command on the control shard comes to, if it is not rejected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControlDecision {
    /// What happens: append it, then apply it. `None` where everything is as asked for already.
    pub record: Option<Record<ControlEvent>>,
    /// What the answer speaks of, as it is afterwards.
    pub subject: ControlSubject,
}

/// What a command on the control shard was about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ControlSubject {
    /// A merchant.
    Merchant(MerchantId),
    /// A key; after a rotation the new one.
    ApiKey(ApiKeyId),
    /// An endpoint.
    WebhookEndpoint(WebhookEndpointId),
    /// An endpoint that there is no more.
    DeletedWebhookEndpoint(WebhookEndpointId),
}

impl ControlCommand {
    pub(crate) fn decide(
        self,
        state: &ControlState,
        env: &Env<'_>,
    ) -> Result<ControlDecision, ControlRejection> {
        self.asker().check(|id| state.key(id), env.now)?;
        match self {
            Self::CreateMerchant(command) => command.decide(state, env),
            Self::UpdateMerchant(command) => command.decide(state, env),
            Self::IssueApiKey(command) => command.decide(state, env),
            Self::RotateApiKey(command) => command.decide(state, env),
            Self::RevokeApiKey(command) => command.decide(state, env),
            Self::CreateWebhookEndpoint(command) => command.decide(state, env),
            Self::UpdateWebhookEndpoint(command) => command.decide(state, env),
            Self::RotateWebhookSecret(command) => command.decide(state, env),
            Self::RotateCallbackSecret(command) => command.decide(state, env),
            Self::DisableWebhookEndpoint(command) => command.decide(state, env),
            Self::DeleteWebhookEndpoint(command) => command.decide(state, env),
        }
    }

    fn asker(&self) -> Asker {
        match self {
            Self::CreateMerchant(command) => command.asker,
            Self::UpdateMerchant(command) => command.asker,
            Self::IssueApiKey(command) => command.authority.asker,
            Self::RotateApiKey(command) => command.authority.asker,
            Self::RevokeApiKey(command) => command.authority.asker,
            Self::CreateWebhookEndpoint(command) => command.asker,
            Self::UpdateWebhookEndpoint(command) => command.asker,
            Self::RotateWebhookSecret(command) => command.asker,
            Self::RotateCallbackSecret(command) => command.asker,
            Self::DeleteWebhookEndpoint(command) => command.asker,
            // Deliveries do, by themselves.
            Self::DisableWebhookEndpoint(_) => Asker::Process,
        }
    }
}

impl ControlDecision {
    pub(super) fn of_merchant(id: MerchantId, env: &Env<'_>, events: Vec<ControlEvent>) -> Self {
        Self { record: record(env, events), subject: ControlSubject::Merchant(id) }
    }

    pub(super) fn of_key(id: ApiKeyId, env: &Env<'_>, events: Vec<ControlEvent>) -> Self {
        Self { record: record(env, events), subject: ControlSubject::ApiKey(id) }
    }

    pub(super) fn of_webhook_endpoint(
        id: WebhookEndpointId,
        env: &Env<'_>,
        events: Vec<ControlEvent>,
    ) -> Self {
        Self { record: record(env, events), subject: ControlSubject::WebhookEndpoint(id) }
    }

    pub(super) fn of_deleted_webhook_endpoint(
        id: WebhookEndpointId,
        env: &Env<'_>,
        events: Vec<ControlEvent>,
    ) -> Self {
        Self { record: record(env, events), subject: ControlSubject::DeletedWebhookEndpoint(id) }
    }
}

/// A record of nothing is none.
fn record(env: &Env<'_>, events: Vec<ControlEvent>) -> Option<Record<ControlEvent>> {
    let record = Record { at: env.now, events, idempotency: None, effects: Vec::new() };
    Some(record).filter(|record| !record.events.is_empty())
}
