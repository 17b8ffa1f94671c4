//! After a restart: whether the calls that were owed had been made is not known, so each attempt and
//! each operation without an outcome becomes unknown and is asked about at once.

use super::inquiry;
use crate::{
    decision::Decision,
    effect::Effect,
    env::Env,
    event::{Event, Record},
    id::PaymentId,
    payment::{AttemptState, OperationState},
    planted_fault::{PlantedFault, is_planted},
    provider::OutcomeSource,
    shard_state::ShardState,
};

pub(super) fn decide(payments: &[PaymentId], state: &ShardState, env: &Env<'_>) -> Decision {
    let mut events = Vec::new();
    let mut effects = Vec::new();
    let source = OutcomeSource::Call;
    for id in payments {
        let Some(payment) = state.payment(*id) else { continue };
        if let Some(attempt) = payment.unresolved_attempt() {
            if attempt.state == AttemptState::Open {
                events.push(Event::AttemptUnknown {
                    payment: *id,
                    attempt: attempt.id,
                    source,
                    inquire_at: inquiry::due_after(attempt.inquiries(), env),
                });
            }
            inquiry::start(*id, attempt, env, &mut events, &mut effects);
            if is_planted(PlantedFault::AuthorizedAgain) {
                effects.push(Effect::Authorize { payment: *id, attempt: attempt.id });
            }
        }
        for operation in payment.unresolved_operations() {
            if let OperationState::Open { .. } = operation.state {
                events.push(Event::OperationUnknown {
                    payment: *id,
                    operation: operation.id(),
                    source,
                    inquire_at: inquiry::due_after(operation.inquiries(), env),
                });
            }
            inquiry::start_for_operation(*id, operation, env, &mut events, &mut effects);
        }
    }
    if events.is_empty() {
        return Decision::Unchanged;
    }
    let record = Record { at: env.now, events, idempotency: None, effects };
    Decision::Accepted { record, subject: None }
}
