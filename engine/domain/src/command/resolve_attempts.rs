//! After a restart: whether the calls that were owed had been made is not known, so each attempt
//! without an outcome becomes unknown and is asked about at once.

use super::inquiry;
use crate::{
    decision::Decision,
    effect::Effect,
    env::Env,
    event::{Event, Record},
    id::PaymentId,
    payment::AttemptState,
    planted_fault::{PlantedFault, is_planted},
    provider::OutcomeSource,
    shard_state::ShardState,
};

pub(super) fn decide(payments: &[PaymentId], state: &ShardState, env: &Env<'_>) -> Decision {
    let mut events = Vec::new();
    let mut effects = Vec::new();
    for id in payments {
        let Some(payment) = state.payment(*id) else { continue };
        let Some(attempt) = payment.unresolved_attempt() else { continue };
        if attempt.state == AttemptState::Open {
            events.push(Event::AttemptUnknown {
                payment: *id,
                attempt: attempt.id,
                source: OutcomeSource::Call,
                inquire_at: inquiry::due_after(attempt, env),
            });
        }
        inquiry::start(*id, attempt, env, &mut events, &mut effects);
        if is_planted(PlantedFault::AuthorizedAgain) {
            effects.push(Effect::Authorize { payment: *id, attempt: attempt.id });
        }
    }
    if events.is_empty() {
        return Decision::Unchanged;
    }
    let record = Record { at: env.now, events, idempotency: None, effects };
    Decision::Accepted { record, payment: None }
}
