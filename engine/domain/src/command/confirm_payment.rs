//! Tells the provider that the customer has acted, and asks what came of it.

use super::target::{Target, check_room, replayed, unexpected_state};
use crate::{
    decision::Decision,
    env::Env,
    payment::{Cause, OperationKind, PaymentState},
    rejection::Rejection,
    shard_state::ShardState,
};

/// A confirmation to begin. It is over once the provider says where the attempt stands, whatever
/// that is.
#[derive(Clone, Debug)]
pub struct ConfirmPayment {
    /// Of which payment.
    pub target: Target,
}

impl ConfirmPayment {
    pub(super) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        if let Some(decision) = replayed(state, self.target.idempotency)? {
            return Ok(decision);
        }
        let payment = self.target.payment(state)?;
        match payment.state() {
            PaymentState::RequiresAction { .. } => {}
            PaymentState::Processing
            | PaymentState::Review { .. }
            | PaymentState::Authorized { .. }
            | PaymentState::PartiallyCaptured { .. }
            | PaymentState::Completed { .. }
            | PaymentState::Failed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Expired { .. }
            | PaymentState::Unknown { .. } => return unexpected_state(payment),
        }
        check_room(payment)?;
        let attempt = payment.attempts().last().expect("an action is an attempt's").id;
        let what = (OperationKind::Confirmation, Cause::Merchant);
        Ok(self.target.begin(payment, attempt, what, Vec::new(), env))
    }
}
