//! Does what has become due: inquiries, expiries, sending again, and forgetting idempotency keys.

use super::{EVENTS_PER_RECORD, PAYMENTS_PER_RECORD, inquiry, target};
use crate::{
    decision::Decision,
    effect::Effect,
    env::Env,
    event::{Event, Record},
    payment::{Cause, Operation, OperationKind, OperationState, Payment},
    shard_state::ShardState,
};

/// Deals with as much as one record takes; the rest stays due, and the engine asks again.
pub(super) fn decide(state: &ShardState, env: &Env<'_>) -> Decision {
    let mut due = Due { env, events: Vec::new(), effects: Vec::new(), minted: 0 };
    for payment in state.due(env.now).take(PAYMENTS_PER_RECORD) {
        due.payment(payment);
        if due.events.len() >= EVENTS_PER_RECORD {
            break;
        }
    }
    let Due { mut events, effects, .. } = due;
    let retention = env.policy.idempotency_retention;
    if state.idempotency().due_at(retention).is_some_and(|due_at| due_at <= env.now) {
        let created_before = env.now.before(retention);
        events.push(Event::IdempotencyKeysForgotten { created_before });
    }
    if events.is_empty() {
        return Decision::Unchanged;
    }
    let record = Record { at: env.now, events, idempotency: None, effects };
    Decision::Accepted { record, subject: None }
}

/// What is due now, payment by payment.
struct Due<'a> {
    env: &'a Env<'a>,
    events: Vec<Event>,
    effects: Vec<Effect>,
    /// How many ids were taken.
    minted: usize,
}

impl Due<'_> {
    fn payment(&mut self, payment: &Payment) {
        let now = self.env.now;
        for attempt in payment.attempts() {
            if payment.inquiry_of(attempt).is_some_and(|due_at| due_at <= now) {
                let (events, effects) = (&mut self.events, &mut self.effects);
                inquiry::start(payment.id(), attempt, self.env, events, effects);
            }
        }
        for operation in payment.operations() {
            if self.events.len() >= EVENTS_PER_RECORD {
                return;
            }
            if operation.due_at().is_some_and(|due_at| due_at <= now) {
                self.operation(payment, operation);
            }
        }
        if payment.expiry().is_some_and(|due_at| due_at <= now) {
            self.let_go(payment);
        }
    }

    fn operation(&mut self, payment: &Payment, operation: &Operation) {
        let (events, effects) = (&mut self.events, &mut self.effects);
        let (payment, id) = (payment.id(), operation.id());
        match operation.state {
            OperationState::Waiting(_) => {
                events.push(Event::OperationResent { payment, operation: id });
                effects.push(Effect::Operate { payment, operation: id });
            }
            OperationState::Pending(_)
            | OperationState::Unknown { .. }
            | OperationState::Succeeded { .. } => {
                inquiry::start_for_operation(payment, operation, self.env, events, effects);
            }
            OperationState::Open { .. }
            | OperationState::Failed { .. }
            | OperationState::Returned { .. }
            | OperationState::SucceededLate { .. } => {
                unreachable!("nothing is ever due of this: {operation:?}")
            }
        }
    }

    /// The reservation's time is over: it is let go at the provider, explicitly.
    fn let_go(&mut self, payment: &Payment) {
        let id = self.env.mint(self.minted);
        self.minted = self.minted.saturating_add(1);
        let attempt = target::approved(payment);
        let what = (OperationKind::Void, Cause::Expiry);
        let (events, effects) = (&mut self.events, &mut self.effects);
        target::begin(payment, attempt, what, id, self.env, events, effects);
    }
}
