//! After a restart: whether the calls that were owed had been made is not known, so each attempt
//! without an outcome becomes unknown and is asked about at once.

use crate::{
    decision::Decision,
    effect::Effect,
    env::Env,
    event::{Event, Record},
    id::PaymentId,
    payment::AttemptState,
    provider::OutcomeSource,
    shard_state::ShardState,
};

pub(super) fn decide(payments: &[PaymentId], state: &ShardState, env: &Env<'_>) -> Decision {
    let mut events = Vec::new();
    let mut effects = Vec::new();
    for id in payments {
        let Some(payment) = state.payment(*id) else { continue };
        let Some(attempt) = payment.unresolved_attempt() else { continue };
        let (payment, inquiries, attempt) = (*id, attempt.inquiries(), attempt);
        let inquire_at = env.now.after(env.policy.inquiry_delay(inquiries.saturating_add(1)));
        if attempt.state == AttemptState::Open {
            events.push(Event::AttemptUnknown {
                payment,
                attempt: attempt.id,
                source: OutcomeSource::Call,
                inquire_at,
            });
        }
        events.push(Event::InquiryStarted { payment, attempt: attempt.id, inquire_at });
        effects.push(Effect::Inquire { payment, attempt: attempt.id });
    }
    if events.is_empty() {
        return Decision::Unchanged;
    }
    let record = Record { at: env.now, events, idempotency: None, effects };
    Decision::Accepted { record, payment: None }
}
