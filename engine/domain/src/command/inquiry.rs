//! Asking a provider once more what became of an attempt or an operation: by a tick, and after a
//! restart.

use crate::{
    effect::Effect,
    env::Env,
    event::Event,
    id::PaymentId,
    payment::{Attempt, Operation, OperationKind},
    timestamp::Timestamp,
};

/// Begins the attempt's next inquiry.
pub(super) fn start(
    payment: PaymentId,
    attempt: &Attempt,
    env: &Env<'_>,
    events: &mut Vec<Event>,
    effects: &mut Vec<Effect>,
) {
    let inquire_at = due_after(attempt.inquiries(), env);
    let attempt = attempt.id;
    events.push(Event::InquiryStarted { payment, attempt, inquire_at });
    effects.push(Effect::Inquire { payment, attempt });
}

/// Begins the operation's next inquiry. What came of a confirmation the attempt itself tells.
pub(super) fn start_for_operation(
    payment: PaymentId,
    operation: &Operation,
    env: &Env<'_>,
    events: &mut Vec<Event>,
    effects: &mut Vec<Effect>,
) {
    let inquire_at = due_after(operation.inquiries(), env);
    let (id, attempt) = (operation.id(), operation.intent.attempt);
    events.push(Event::OperationInquiryStarted { payment, operation: id, inquire_at });
    effects.push(match operation.intent.kind {
        OperationKind::Confirmation => Effect::Inquire { payment, attempt },
        OperationKind::Capture { .. }
        | OperationKind::Void
        | OperationKind::Reversal
        | OperationKind::Refund { .. } => Effect::InquireOperation { payment, operation: id },
    });
}

/// When to ask again if the inquiry that begins now settles nothing, after so many before.
pub(super) fn due_after(inquiries: u16, env: &Env<'_>) -> Timestamp {
    env.now.after(env.policy.inquiry_delay(inquiries.saturating_add(1)))
}
