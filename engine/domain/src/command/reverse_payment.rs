//! Undoes a whole payment before settlement.

use super::target::{Target, approved, check_room, replayed, unexpected_state};
use crate::{
    decision::Decision,
    env::Env,
    payment::{Cause, OperationKind, PaymentState},
    rejection::Rejection,
    shard_state::ShardState,
};

/// A reversal to begin.
#[derive(Clone, Debug)]
pub struct ReversePayment {
    /// Of which payment.
    pub target: Target,
}

impl ReversePayment {
    pub(super) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        if let Some(decision) = replayed(state, self.target.idempotency)? {
            return Ok(decision);
        }
        let payment = self.target.payment(state)?;
        match payment.state() {
            PaymentState::Completed { .. } => {}
            PaymentState::Processing
            | PaymentState::RequiresAction { .. }
            | PaymentState::Review { .. }
            | PaymentState::Authorized { .. }
            | PaymentState::PartiallyCaptured { .. }
            | PaymentState::Failed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Expired { .. }
            | PaymentState::Unknown { .. } => return unexpected_state(payment),
        }
        check_room(payment)?;
        if payment.has_refunds() {
            return Err(Rejection::ReversalAfterRefund);
        }
        let what = (OperationKind::Reversal, Cause::Merchant);
        Ok(self.target.begin(payment, approved(payment), what, Vec::new(), env))
    }
}
