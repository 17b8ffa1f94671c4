//! A reviewer approves a payment that was held, or rejects it.

use super::target::{Target, accept, approved, check_room, replayed, unexpected_state};
use crate::{
    decision::Decision,
    env::Env,
    event::Event,
    idempotency::Subject,
    payment::{CaptureMode, Cause, OperationKind, PaymentState},
    rejection::Rejection,
    shard_state::ShardState,
};

/// A review to end. Approval captures, where the merchant wanted the payment captured at once;
/// rejection voids.
#[derive(Clone, Debug)]
pub struct DecideReview {
    /// Of which payment.
    pub target: Target,
    /// What was decided.
    pub verdict: ReviewVerdict,
}

/// What a reviewer decides.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReviewVerdict {
    /// The payment goes on.
    Approve,
    /// It is let go.
    Reject,
}

impl DecideReview {
    pub(super) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        let Self { target, verdict } = self;
        if let Some(decision) = replayed(state, target.idempotency)? {
            return Ok(decision);
        }
        let payment = target.payment(state)?;
        let held = match payment.state() {
            PaymentState::Review { held, .. } => *held,
            PaymentState::Processing
            | PaymentState::RequiresAction { .. }
            | PaymentState::Authorized { .. }
            | PaymentState::PartiallyCaptured { .. }
            | PaymentState::Completed { .. }
            | PaymentState::Failed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Expired { .. }
            | PaymentState::Unknown { .. } => return unexpected_state(payment),
        };
        check_room(payment)?;
        let attempt = approved(payment);
        let approval = vec![Event::ReviewApproved { payment: payment.id() }];
        Ok(match (verdict, payment.intent().capture) {
            (ReviewVerdict::Reject, _) => {
                let what = (OperationKind::Void, Cause::Review);
                target.begin(payment, attempt, what, Vec::new(), env)
            }
            (ReviewVerdict::Approve, CaptureMode::Automatic) => {
                let capture = OperationKind::Capture { amount: held, release_rest: false };
                target.begin(payment, attempt, (capture, Cause::Review), approval, env)
            }
            (ReviewVerdict::Approve, CaptureMode::Manual) => {
                let subject = Subject::Review(payment.id());
                accept(approval, Vec::new(), subject, target.idempotency, env)
            }
        })
    }
}
