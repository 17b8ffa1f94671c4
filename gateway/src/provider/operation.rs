//! What is asked of a provider after an attempt, and how it answers.
//!
//! Not here: which outcome does what to a payment.

use std::sync::Arc;

use tollgate_domain::{
    Amount, AttemptId, OperationFailure, OperationId, OperationOutcome, PaymentIntent,
    ProviderReceipt, Timestamp,
};

/// What every request of this kind says.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// For which payment.
    pub(crate) intent: Arc<PaymentIntent>,
    /// The attempt whose funds it is about.
    pub(crate) attempt: AttemptId,
    /// Idempotency key and reference.
    pub(crate) operation: OperationId,
    /// From when on the request must not be acted on any more: an inquiry that did not find it may
    /// have been believed by then.
    pub(crate) not_after: Timestamp,
}

/// Says that the customer has acted.
#[derive(Debug)]
pub(crate) struct Confirm {
    /// Where.
    pub(crate) target: Target,
}

/// Asks for reserved funds to be taken.
#[derive(Debug)]
pub(crate) struct Capture {
    /// Where.
    pub(crate) target: Target,
    /// How much.
    pub(crate) amount: Amount,
    /// Whether what is reserved beyond that is let go.
    pub(crate) release_rest: bool,
}

/// Asks for a reservation, or a request that waits for its customer, to be let go.
#[derive(Debug)]
pub(crate) struct Void {
    /// Where.
    pub(crate) target: Target,
}

/// Asks for a payment to be undone as a whole.
#[derive(Debug)]
pub(crate) struct Reverse {
    /// Where.
    pub(crate) target: Target,
}

/// Asks for taken funds to be returned.
#[derive(Debug)]
pub(crate) struct Refund {
    /// Where.
    pub(crate) target: Target,
    /// How much.
    pub(crate) amount: Amount,
}

/// Asks what became of an operation.
#[derive(Debug)]
pub(crate) struct InquireOperation {
    /// For which payment.
    pub(crate) intent: Arc<PaymentIntent>,
    /// The attempt whose funds it is about.
    pub(crate) attempt: AttemptId,
    /// The operation asked about.
    pub(crate) operation: OperationId,
}

/// Why a call says nothing about the attempt that it was made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CallFailure {
    /// Nothing can have reached the other side.
    NotSent,
    /// Something may have, and there is no answer.
    Unknown,
}

/// How an operation stands in a provider's books.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum OperationStanding {
    /// Done.
    Succeeded(ProviderReceipt),
    /// Not done, and it will not be; or done, and undone since.
    Failed(OperationFailure),
    /// Accepted and not yet carried out.
    Pending,
    /// There is no such operation in the books.
    NotFound,
    /// The provider could not be asked, or could not tell.
    Unknown,
}

impl OperationStanding {
    /// What the standing means for the operation; `past_horizon` tells whether the inquiry was made
    /// past the provider's horizon.
    #[must_use]
    pub(crate) fn into_outcome(self, past_horizon: bool) -> OperationOutcome {
        match self {
            Self::Succeeded(receipt) => OperationOutcome::Succeeded(receipt),
            Self::Failed(reason) => OperationOutcome::Failed(reason),
            Self::Pending => OperationOutcome::Pending,
            Self::NotFound => OperationOutcome::NotFound { past_horizon },
            Self::Unknown => OperationOutcome::Unknown,
        }
    }
}
