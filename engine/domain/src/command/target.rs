//! Which payment of whose a command is for, and under which key it comes: what all operations on a
//! payment share.

use std::sync::Arc;

use crate::{
    decision::Decision,
    effect::Effect,
    env::Env,
    event::{Event, Record},
    id::{AttemptId, MerchantId, OperationId, PaymentId},
    idempotency::{Fingerprint, IdempotencyEntry, IdempotencyKey, Subject},
    merchant::Mode,
    payment::{Cause, OperationIntent, OperationKind, Payment},
    planted_fault::{PlantedFault, is_planted},
    rejection::{MAX_OPERATIONS, Rejection},
    shard_state::ShardState,
};

/// A client's key and the request it came with.
pub type KeyedRequest = (IdempotencyKey, Fingerprint);

/// A merchant's payment, and the key under which something is asked of it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The payment.
    pub payment: PaymentId,
    /// Whose it has to be.
    pub merchant: MerchantId,
    /// In which world.
    pub mode: Mode,
    /// The client's key and the request it came with.
    pub idempotency: Option<KeyedRequest>,
}

impl Target {
    /// The payment, which another merchant cannot tell from one that does not exist.
    pub(super) fn payment<'a>(&self, state: &'a ShardState) -> Result<&'a Payment, Rejection> {
        let owned = |payment: &&Payment| {
            payment.intent().merchant == self.merchant && payment.intent().mode == self.mode
        };
        state.payment(self.payment).filter(owned).ok_or(Rejection::PaymentNotFound(self.payment))
    }

    /// The record that begins an operation on the payment, after `before` has happened to it.
    pub(super) fn begin(
        &self,
        payment: &Payment,
        attempt: AttemptId,
        (kind, cause): (OperationKind, Cause),
        mut before: Vec<Event>,
        env: &Env<'_>,
    ) -> Decision {
        let mut effects = Vec::with_capacity(1);
        let operation =
            begin(payment, attempt, (kind, cause), env.mint(0), env, &mut before, &mut effects);
        accept(before, effects, Subject::Operation(operation), self.idempotency, env)
    }
}

/// What a key stands for already, if it does.
pub(super) fn replayed(
    state: &ShardState,
    idempotency: Option<KeyedRequest>,
) -> Result<Option<Decision>, Rejection> {
    let Some((key, fingerprint)) = idempotency else { return Ok(None) };
    let Some((remembered, subject)) = state.idempotency().get(key) else { return Ok(None) };
    let same = remembered == fingerprint || is_planted(PlantedFault::FingerprintNotCompared);
    if same {
        Ok(Some(Decision::Replayed { subject }))
    } else {
        Err(Rejection::IdempotencyKeyReused)
    }
}

/// The record of a command that somebody waits for.
pub(super) fn accept(
    events: Vec<Event>,
    effects: Vec<Effect>,
    subject: Subject,
    idempotency: Option<KeyedRequest>,
    env: &Env<'_>,
) -> Decision {
    let idempotency =
        idempotency.map(|(key, fingerprint)| IdempotencyEntry { key, fingerprint, subject });
    let record = Record { at: env.now, events, idempotency, effects };
    Decision::Accepted { record, subject: Some(subject) }
}

/// Begins an operation: its intent, and the call that follows once that is durable.
pub(super) fn begin(
    payment: &Payment,
    attempt: AttemptId,
    (kind, cause): (OperationKind, Cause),
    id: OperationId,
    env: &Env<'_>,
    events: &mut Vec<Event>,
    effects: &mut Vec<Effect>,
) -> OperationId {
    let intent = OperationIntent { id, attempt, kind, cause, started_at: env.now };
    events.push(Event::OperationStarted { payment: payment.id(), intent: Arc::new(intent) });
    effects.push(Effect::Operate { payment: payment.id(), operation: id });
    id
}

/// Refuses where another operation excludes one of the merchant's, or there are too many.
pub(super) fn check_room(payment: &Payment) -> Result<(), Rejection> {
    if let Some(open) = payment.exclusive_operation() {
        return Err(Rejection::OperationInProgress(open.intent.kind.as_str()));
    }
    check_count(payment)
}

/// Refuses where there are too many operations.
pub(super) fn check_count(payment: &Payment) -> Result<(), Rejection> {
    let full = payment.operations().len() >= MAX_OPERATIONS;
    if full { Err(Rejection::TooManyOperations) } else { Ok(()) }
}

/// Refuses by the payment's state.
pub(super) fn unexpected_state<T>(payment: &Payment) -> Result<T, Rejection> {
    let (status, allowed) = (payment.state().status(), payment.allowed_operations());
    Err(Rejection::UnexpectedState { status, allowed })
}

/// The attempt that was approved, of a payment whose state says that one was.
pub(super) fn approved(payment: &Payment) -> AttemptId {
    payment.approved_attempt().expect("funds are held or taken by an approval alone").id
}
