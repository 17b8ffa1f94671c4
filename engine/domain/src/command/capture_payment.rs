//! Takes funds that are reserved: all of them, or a part.

use super::target::{Target, approved, check_room, replayed, unexpected_state};
use crate::{
    decision::Decision,
    env::Env,
    money::Amount,
    payment::{Cause, OperationKind, PaymentState},
    rejection::Rejection,
    shard_state::ShardState,
};

/// A capture to begin.
#[derive(Clone, Debug)]
pub struct CapturePayment {
    /// Of which payment.
    pub target: Target,
    /// How much; all that is left, where nothing is said.
    pub amount: Option<Amount>,
    /// Whether what is left after it is let go.
    pub release_rest: bool,
}

impl CapturePayment {
    pub(super) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        if let Some(decision) = replayed(state, self.target.idempotency)? {
            return Ok(decision);
        }
        let payment = self.target.payment(state)?;
        let held = match payment.state() {
            PaymentState::Authorized { held, .. }
            | PaymentState::PartiallyCaptured { held, .. } => *held,
            PaymentState::Processing
            | PaymentState::RequiresAction { .. }
            | PaymentState::Review { .. }
            | PaymentState::Completed { .. }
            | PaymentState::Failed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Expired { .. }
            | PaymentState::Unknown { .. } => return unexpected_state(payment),
        };
        check_room(payment)?;
        let amount = self.amount.unwrap_or(held);
        if amount > held || amount.is_zero() {
            return Err(Rejection::CaptureExceedsAuthorized { held: payment.money(held) });
        }
        let release_rest = self.release_rest && amount < held;
        let kind = OperationKind::Capture { amount, release_rest };
        let what = (kind, Cause::Merchant);
        Ok(self.target.begin(payment, approved(payment), what, Vec::new(), env))
    }
}
