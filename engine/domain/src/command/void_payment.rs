//! Lets go of what is reserved, or calls off what the customer has not acted on.

use super::target::{Target, approved, check_room, replayed, unexpected_state};
use crate::{
    decision::Decision,
    env::Env,
    payment::{Cause, OperationKind, PaymentState},
    rejection::Rejection,
    shard_state::ShardState,
};

/// A void to begin. While the customer acts it is a request: if his approval wins, that is undone.
#[derive(Clone, Debug)]
pub struct VoidPayment {
    /// Of which payment.
    pub target: Target,
}

impl VoidPayment {
    pub(super) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        if let Some(decision) = replayed(state, self.target.idempotency)? {
            return Ok(decision);
        }
        let payment = self.target.payment(state)?;
        let (attempt, cause) = match payment.state() {
            PaymentState::Review { .. }
            | PaymentState::Authorized { .. }
            | PaymentState::PartiallyCaptured { .. } => (approved(payment), Cause::Merchant),
            PaymentState::RequiresAction { .. } => {
                let attempt = payment.attempts().last().expect("an action is an attempt's");
                (attempt.id, Cause::Cancellation)
            }
            PaymentState::Processing
            | PaymentState::Completed { .. }
            | PaymentState::Failed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Expired { .. }
            | PaymentState::Unknown { .. } => return unexpected_state(payment),
        };
        check_room(payment)?;
        Ok(self.target.begin(payment, attempt, (OperationKind::Void, cause), Vec::new(), env))
    }
}
