//! Asking a provider once more what became of an attempt: by a tick, and after a restart.

use crate::{
    effect::Effect, env::Env, event::Event, id::PaymentId, payment::Attempt, timestamp::Timestamp,
};

/// Begins the attempt's next inquiry.
pub(super) fn start(
    payment: PaymentId,
    attempt: &Attempt,
    env: &Env<'_>,
    events: &mut Vec<Event>,
    effects: &mut Vec<Effect>,
) {
    let inquire_at = due_after(attempt, env);
    let attempt = attempt.id;
    events.push(Event::InquiryStarted { payment, attempt, inquire_at });
    effects.push(Effect::Inquire { payment, attempt });
}

/// When to ask again if the inquiry that begins now does not settle the attempt.
pub(super) fn due_after(attempt: &Attempt, env: &Env<'_>) -> Timestamp {
    let made = attempt.inquiries().saturating_add(1);
    env.now.after(env.policy.inquiry_delay(made))
}
