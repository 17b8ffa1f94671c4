//! Our own rules' no: expected, typed, and without any trace in the log.

use crate::{
    id::{AttemptId, PaymentId},
    payment::PaymentStatus,
};

/// Why a command is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Rejection {
    /// The idempotency key already stands for another request.
    #[error("idempotency key was used with another request")]
    IdempotencyKeyReused,
    /// The card's last month is over.
    #[error("card has expired")]
    CardExpired,
    /// There is no such payment.
    #[error("no payment {0}")]
    PaymentNotFound(PaymentId),
    /// The payment has no such attempt.
    #[error("no attempt {0}")]
    AttemptNotFound(AttemptId),
    /// The payment's state does not allow the operation; no operation of today is refused so.
    #[error("not allowed while the payment is {}", .0.as_str())]
    UnexpectedState(PaymentStatus),
}
