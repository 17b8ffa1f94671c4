//! What a shard owes the world outside, run only after the record that owes it is durable.

use std::sync::Arc;

use crate::{
    id::{AttemptId, OperationId, PaymentId},
    payment::{OperationIntent, PaymentIntent},
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
    /// Ask the provider to carry out an operation.
    Operate {
        /// The payment.
        payment: PaymentId,
        /// What is to be done to it.
        operation: OperationId,
    },
    /// Ask the provider what became of an operation.
    InquireOperation {
        /// The payment.
        payment: PaymentId,
        /// What was to be done to it.
        operation: OperationId,
    },
}

/// An effect with all that a worker needs to run it, but for the method's secrets.
#[derive(Clone, Debug)]
pub struct ProviderCall {
    /// What to do.
    pub effect: Effect,
    /// Where.
    pub provider: ProviderId,
    /// For which payment.
    pub intent: Arc<PaymentIntent>,
    /// The attempt: idempotency key and reference of a call that concerns it.
    pub attempt: AttemptId,
    /// The operation, where the call concerns one: idempotency key and reference are its id then.
    pub operation: Option<OperationCall>,
    /// When the attempt, or the operation, began, from which the provider's inquiry horizon counts.
    pub started_at: Timestamp,
}

/// What a worker needs of an operation.
#[derive(Clone, Debug)]
pub struct OperationCall {
    /// What is to be done.
    pub intent: Arc<OperationIntent>,
    /// The provider's own id of the approval that it rests on, where there is one.
    pub external_id: Option<Box<str>>,
}
