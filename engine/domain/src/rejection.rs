//! Our own rules' no: expected, typed, and without any trace in the log.

use crate::{
    id::{AttemptId, CaseId, OperationId, OrderId, PaymentId},
    money::{Currency, Money},
    payment::{Matter, PaymentStatus, Resolution},
};

/// Why a command is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Rejection {
    /// The idempotency key already stands for another request.
    #[error("idempotency key was used with another request")]
    IdempotencyKeyReused,
    /// No new payment is taken, and this repeats no earlier one.
    #[error("repeats no earlier payment")]
    NothingToRepeat,
    /// The card's last month is over.
    #[error("card has expired")]
    CardExpired,
    /// There is no such payment.
    #[error("no payment {0}")]
    PaymentNotFound(PaymentId),
    /// The payment has no such attempt.
    #[error("no attempt {0}")]
    AttemptNotFound(AttemptId),
    /// The payment has no such operation.
    #[error("no operation {0}")]
    OperationNotFound(OperationId),
    /// There is no such case on the payment, or it is closed.
    #[error("no open case {0}")]
    CaseNotFound(CaseId),
    /// A case of this kind is not closed in this way.
    #[error("a case of {} is not resolved by {}", .matter.as_str(), .resolution.as_str())]
    CaseNotResolvable {
        /// What it is about.
        matter: Matter,
        /// What was asked for.
        resolution: Resolution,
    },
    /// The merchant has no such order.
    #[error("no order {0}")]
    OrderNotFound(OrderId),
    /// The order is in another currency.
    #[error("the order is in {0:?}")]
    OrderCurrencyDiffers(Currency),
    /// More than what is open of the order.
    #[error("more than what is open of the order")]
    OrderAmountExceeded {
        /// What is open.
        open: Money,
    },
    /// The merchant takes no second payment for an order that is paid.
    #[error("the order is paid already")]
    OrderPaid(PaymentId),
    /// The payment's state does not allow the operation.
    #[error("not allowed while the payment is {}", .status.as_str())]
    UnexpectedState {
        /// The state.
        status: PaymentStatus,
        /// What it allows, by name.
        allowed: &'static [&'static str],
    },
    /// Another operation on the payment has no outcome yet.
    #[error("{0} of the payment has no outcome yet")]
    OperationInProgress(&'static str),
    /// More than what is reserved.
    #[error("more than what is reserved")]
    CaptureExceedsAuthorized {
        /// What is reserved and not taken.
        held: Money,
    },
    /// More than what is left to refund.
    #[error("more than what is left to refund")]
    RefundExceedsCaptured {
        /// What is left.
        left: Money,
    },
    /// A payment of which something was refunded cannot be reversed as a whole.
    #[error("a part of the payment is refunded")]
    ReversalAfterRefund,
    /// A payment has only so many operations.
    #[error("a payment has no more than {MAX_OPERATIONS} operations")]
    TooManyOperations,
}

/// How many operations a payment may have: far more than refunds make sense, few enough that a
/// payment can be read at once.
pub const MAX_OPERATIONS: usize = 500;
