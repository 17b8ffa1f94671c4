//! What a shard owes the world outside, run only after the record that owes it is durable.

use std::sync::Arc;

use crate::{
    id::{AttemptId, PaymentId},
    payment::PaymentIntent,
    provider::ProviderId,
    timestamp::Timestamp,
};

/// One call that is owed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// Ask the provider to authorize, and with automatic capture to take, the payment.
    Authorize {
        /// The payment.
        payment: PaymentId,
        /// Its attempt.
        attempt: AttemptId,
    },
    /// Ask the provider what became of an attempt.
    Inquire {
        /// The payment.
        payment: PaymentId,
        /// Its attempt.
        attempt: AttemptId,
    },
}

/// An effect with all that a worker needs to run it, but for the card's own data.
#[derive(Clone, Debug)]
pub struct ProviderCall {
    /// What to do.
    pub effect: Effect,
    /// Where.
    pub provider: ProviderId,
    /// For which payment.
    pub intent: Arc<PaymentIntent>,
    /// The attempt: idempotency key and reference of the call.
    pub attempt: AttemptId,
    /// When the attempt began, from which the provider's inquiry horizon counts.
    pub started_at: Timestamp,
}
