//! Returns what was taken: all of it, or a part; as often as something is left.

use super::target::{Target, approved, check_count, replayed, unexpected_state};
use crate::{
    decision::Decision,
    env::Env,
    money::Amount,
    payment::{Cause, OperationKind, PaymentState},
    planted_fault::{PlantedFault, is_planted},
    rejection::Rejection,
    shard_state::ShardState,
};

/// A refund to begin.
#[derive(Clone, Debug)]
pub struct RefundPayment {
    /// Of which payment.
    pub target: Target,
    /// How much; all that is left, where nothing is said.
    pub amount: Option<Amount>,
    /// The merchant's words.
    pub reason: Option<Box<str>>,
    /// The merchant's own keys and values, in the order of the keys.
    pub metadata: Vec<(Box<str>, Box<str>)>,
}

impl RefundPayment {
    pub(super) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        let Self { target, amount, reason, metadata } = self;
        if let Some(decision) = replayed(state, target.idempotency)? {
            return Ok(decision);
        }
        let payment = target.payment(state)?;
        match payment.state() {
            PaymentState::PartiallyCaptured { .. } | PaymentState::Completed { .. } => {}
            PaymentState::Processing
            | PaymentState::RequiresAction { .. }
            | PaymentState::Review { .. }
            | PaymentState::Authorized { .. }
            | PaymentState::Failed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Expired { .. }
            | PaymentState::Unknown { .. } => return unexpected_state(payment),
        }
        // Refunds run beside each other and beside a capture, but not beside what undoes the whole.
        if let Some(open) = payment.undoing_operation() {
            return Err(Rejection::OperationInProgress(open.intent.kind.as_str()));
        }
        check_count(payment)?;
        let left = payment.amount_refundable();
        let amount = amount.unwrap_or(left);
        let bound = if is_planted(PlantedFault::OpenRefundsNotCounted) {
            left.checked_add(payment.amount_refunding()).unwrap_or(left)
        } else {
            left
        };
        if amount > bound || amount.is_zero() {
            return Err(Rejection::RefundExceedsCaptured { left: payment.money(left) });
        }
        let what = (OperationKind::Refund { amount, reason, metadata }, Cause::Merchant);
        Ok(target.begin(payment, approved(payment), what, Vec::new(), env))
    }
}
