//! What can be asked of a shard. One command, one file: its data, and how it is decided.

mod control;
mod create_merchant;
mod create_payment;
mod create_webhook_endpoint;
mod delete_webhook_endpoint;
mod disable_webhook_endpoint;
mod inquiry;
mod issue_api_key;
mod record_provider_outcome;
mod resolve_attempts;
mod revoke_api_key;
mod rotate_api_key;
mod rotate_webhook_secret;
mod tick;
mod update_merchant;
mod update_webhook_endpoint;

pub use control::{ControlCommand, ControlDecision, ControlSubject};
pub use create_merchant::CreateMerchant;
pub use create_payment::CreatePayment;
pub use create_webhook_endpoint::CreateWebhookEndpoint;
pub use delete_webhook_endpoint::DeleteWebhookEndpoint;
pub use disable_webhook_endpoint::DisableWebhookEndpoint;
pub use issue_api_key::IssueApiKey;
pub use record_provider_outcome::RecordProviderOutcome;
pub use revoke_api_key::RevokeApiKey;
pub use rotate_api_key::RotateApiKey;
pub use rotate_webhook_secret::RotateWebhookSecret;
pub use update_merchant::UpdateMerchant;
pub use update_webhook_endpoint::UpdateWebhookEndpoint;

use crate::{
    decision::Decision, env::Env, id::PaymentId, rejection::Rejection, shard_state::ShardState,
};

/// Payments that one record deals with at the most, at a tick and after a restart: at some 200
/// bytes each it stays far below the log's limit of 64 KiB.
pub const PAYMENTS_PER_RECORD: usize = 128;

/// A command to a payment shard.
#[derive(Clone, Debug)]
pub enum Command {
    /// A merchant asks for a payment.
    CreatePayment(Box<CreatePayment>),
    /// A provider has answered.
    RecordProviderOutcome(RecordProviderOutcome),
    /// After a restart: ask what became of these payments' attempts. Callers cut long lists into
    /// pieces of [`PAYMENTS_PER_RECORD`].
    ResolveAttempts(Vec<PaymentId>),
    /// Time has passed.
    Tick,
}

impl Command {
    pub(crate) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        match self {
            Self::CreatePayment(command) => command.decide(state, env),
            Self::RecordProviderOutcome(command) => command.decide(state, env),
            Self::ResolveAttempts(payments) => Ok(resolve_attempts::decide(&payments, state, env)),
            Self::Tick => Ok(tick::decide(state, env)),
        }
    }
}
