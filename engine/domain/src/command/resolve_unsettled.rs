//! After a restart: whether the calls that were owed had been made is not known, so each attempt and
//! each operation without an outcome becomes unknown and is asked about at once. Where that is more
//! than fits into a record, this deals with as many calls of unknown fate as do, and what was unknown
//! or pending before keeps to its schedule; whoever decides goes on until no call's fate is open.

use super::{EVENTS_PER_RECORD, inquiry};
use crate::{
    decision::Decision,
    effect::Effect,
    env::Env,
    event::{Event, Record},
    id::PaymentId,
    payment::{AttemptState, OperationState, Payment},
    planted_fault::{PlantedFault, is_planted},
    provider::OutcomeSource,
    shard_state::ShardState,
};

/// Which calls are dealt with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Calls {
    /// Every one without an outcome.
    All,
    /// Those that nobody has asked about since the restart.
    Open,
}

pub(super) fn decide(
    payments: &[PaymentId],
    calls: Calls,
    state: &ShardState,
    env: &Env<'_>,
) -> Decision {
    let mut events = Vec::new();
    let mut effects = Vec::new();
    let source = OutcomeSource::Call;
    let known = || payments.iter().filter_map(|id| Some((id, state.payment(*id)?)));
    let all_of_them = known().map(|(_id, payment)| events_of(payment)).sum::<usize>();
    let fits = calls == Calls::All && all_of_them <= EVENTS_PER_RECORD;
    for (id, payment) in known() {
        if let Some(attempt) = payment.unresolved_attempt() {
            let is_open = attempt.state == AttemptState::Open;
            if !fits && (!is_open || events.len() >= EVENTS_PER_RECORD) {
                continue;
            }
            if is_open {
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
            let is_open = matches!(operation.state, OperationState::Open { .. });
            if !fits && (!is_open || events.len() >= EVENTS_PER_RECORD) {
                continue;
            }
            if is_open {
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

/// How many events all of a payment comes to.
fn events_of(payment: &Payment) -> usize {
    let attempt = payment.unresolved_attempt().map(|attempt| attempt.state == AttemptState::Open);
    let operations = payment
        .unresolved_operations()
        .map(|operation| matches!(operation.state, OperationState::Open { .. }));
    attempt.into_iter().chain(operations).map(|is_open| if is_open { 2 } else { 1 }).sum()
}
