//! What can be asked of a shard. One command, one file: its data, and how it is decided.

mod create_merchant;
mod create_payment;
mod inquiry;
mod record_provider_outcome;
mod resolve_attempts;
mod tick;

pub use create_merchant::CreateMerchant;
pub use create_payment::CreatePayment;
pub use record_provider_outcome::RecordProviderOutcome;

use crate::{
    decision::Decision,
    env::Env,
    event::{ControlEvent, Record},
    id::PaymentId,
    rejection::Rejection,
    shard_state::ShardState,
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

/// A command to the control shard.
#[derive(Clone, Debug)]
pub enum ControlCommand {
    /// Register a merchant with its first keys.
    CreateMerchant(CreateMerchant),
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

impl ControlCommand {
    pub(crate) fn decide(self, env: &Env<'_>) -> Record<ControlEvent> {
        match self {
            Self::CreateMerchant(command) => command.decide(env),
        }
    }
}
