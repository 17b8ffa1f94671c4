//! Payments and refunds as their merchant may see them.
//!
//! Invariant: a payment of another merchant or mode does not exist for whoever asks.

use tollgate_domain::{OperationId, OperationKind, Payment, PaymentIntent, RefundId};

use super::{authentication::MerchantCaller, error::Problem, state::Serving};

/// The payment of that id; `None` where the key's merchant has none in the key's mode, and where
/// the text is no payment's id.
///
/// # Errors
/// What the engine cannot tell.
pub(super) async fn owned_payment(
    serving: &Serving,
    key: &MerchantCaller,
    id: &str,
) -> Result<Option<Box<Payment>>, Problem> {
    let Ok(id) = id.parse() else { return Ok(None) };
    let payment = serving.engine.payment(id).await?;
    Ok(payment.filter(|payment| is_owned(payment, key)))
}

/// The payment of that refund, and which of its operations the refund is; `None` as above.
///
/// # Errors
/// What the engine cannot tell.
pub(super) async fn owned_refund(
    serving: &Serving,
    key: &MerchantCaller,
    id: &str,
) -> Result<Option<(Box<Payment>, OperationId)>, Problem> {
    let Ok(refund) = id.parse::<RefundId>() else { return Ok(None) };
    let operation = OperationId::of_refund(refund);
    let found = serving.engine.payment_of(operation).await?;
    let payment = found.filter(|payment| is_owned(payment, key));
    Ok(payment.filter(|payment| is_refund(payment, operation)).map(|found| (found, operation)))
}

fn is_owned(payment: &Payment, key: &MerchantCaller) -> bool {
    owns(key, payment.intent())
}

/// Whether what was asked for is the key's merchant's, in the key's mode.
pub(super) fn owns(key: &MerchantCaller, intent: &PaymentIntent) -> bool {
    intent.merchant == key.merchant && intent.mode == key.mode
}

fn is_refund(payment: &Payment, operation: OperationId) -> bool {
    payment.operation(operation).is_some_and(|found| match found.intent.kind {
        OperationKind::Refund { .. } => true,
        OperationKind::Confirmation
        | OperationKind::Capture { .. }
        | OperationKind::Void
        | OperationKind::Reversal => false,
    })
}
