//! Does what has become due: inquiries, expiries, and forgetting idempotency keys.

use super::{PAYMENTS_PER_RECORD, inquiry};
use crate::{
    decision::Decision,
    env::Env,
    event::{Event, Record},
    payment::PaymentState,
    shard_state::ShardState,
};

/// Deals with as many payments as one record takes; the rest stays due, and the engine asks again.
pub(super) fn decide(state: &ShardState, env: &Env<'_>) -> Decision {
    let mut events = Vec::new();
    let mut effects = Vec::new();
    for payment in state.due(env.now).take(PAYMENTS_PER_RECORD) {
        match payment.state() {
            PaymentState::Processing | PaymentState::Unknown { .. } => {
                let Some(attempt) = payment.unresolved_attempt() else { continue };
                inquiry::start(payment.id(), attempt, env, &mut events, &mut effects);
            }
            // Not here: asking the provider first and releasing there. The funds come back by the
            // issuer's own expiry; an approval that arrives later is booked as an exception.
            PaymentState::RequiresAction { .. }
            | PaymentState::Review { .. }
            | PaymentState::Authorized { .. } => {
                events.push(Event::PaymentExpired { payment: payment.id() });
            }
            PaymentState::PartiallyCaptured { .. }
            | PaymentState::Completed { .. }
            | PaymentState::Failed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Expired { .. } => {
                unreachable!("nothing is ever due in this state: {payment:?}")
            }
        }
    }
    let retention = env.policy.idempotency_retention;
    if state.idempotency().due_at(retention).is_some_and(|due_at| due_at <= env.now) {
        let created_before = env.now.before(retention);
        events.push(Event::IdempotencyKeysForgotten { created_before });
    }
    if events.is_empty() {
        return Decision::Unchanged;
    }
    let record = Record { at: env.now, events, idempotency: None, effects };
    Decision::Accepted { record, payment: None }
}
