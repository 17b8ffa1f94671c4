//! Does what has become due: inquiries, expiries, and forgetting idempotency keys.

use crate::{
    decision::Decision,
    effect::Effect,
    env::Env,
    event::{Event, Record},
    payment::{Payment, PaymentState},
    shard_state::ShardState,
};

/// Payments handled by one tick at the most, so that its record stays far below the log's limit of
/// 64 KiB. What remains is due at the next tick, which the engine sends at once.
const PAYMENTS_PER_TICK: usize = 128;

pub(super) fn decide(state: &ShardState, env: &Env<'_>) -> Decision {
    let mut events = Vec::new();
    let mut effects = Vec::new();
    for payment in state.due(env.now).take(PAYMENTS_PER_TICK) {
        match payment.state() {
            PaymentState::Processing | PaymentState::Unknown { .. } => {
                inquire(payment, env, &mut events, &mut effects);
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

fn inquire(payment: &Payment, env: &Env<'_>, events: &mut Vec<Event>, effects: &mut Vec<Effect>) {
    let Some(attempt) = payment.unresolved_attempt() else { return };
    let made = attempt.inquiries().saturating_add(1);
    let inquire_at = env.now.after(env.policy.inquiry_delay(made));
    let (payment, attempt) = (payment.id(), attempt.id);
    events.push(Event::InquiryStarted { payment, attempt, inquire_at });
    effects.push(Effect::Inquire { payment, attempt });
}
