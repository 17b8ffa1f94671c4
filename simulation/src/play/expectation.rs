//! What must be true after a step, a record, a restart.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_domain::{
    AttemptId, AttemptState, Contradiction, Effect, Operation, OperationState, OrderStatus,
    Payment, PaymentId, PaymentStatus, ProviderId, Rejection, Subject, invariant,
    ledger::{Account, AccountKey},
};
use tollgate_engine::{CommandError, PaymentReply, PreparedCall, Step as Decided};

use super::{Card, Client, Life, Play, index_of};
use crate::model::{Act, Doing, Doubt, Expected, Heard, Owed, Told};

impl Play<'_> {
    /// What a reply must say of a payment, or of an operation on one.
    pub(super) fn expect_answer(
        &self,
        reply: &(Client, PaymentReply),
        subject: Subject,
        replayed: bool,
    ) {
        let Ok(answer) = &reply.1 else { panic!("an answer about {subject:?}") };
        let payment = &answer.payment;
        let expected = &self.models[index_of(payment.id().shard())].payments[&payment.id()];
        let operation = answer.operation.map(|id| payment.operation(id).expect("it is shown"));
        let told = Told {
            status: payment.state().status(),
            captured: payment.amount_captured().minor_units(),
            refunded: payment.amount_refunded().minor_units(),
            word: operation.map_or("", |operation| operation.state.as_str()),
        };
        assert_eq!(answer.replayed, replayed);
        match subject {
            Subject::Payment(id) => {
                assert_eq!((payment.id(), answer.operation), (id, None));
                let wanted = if replayed { expected.first_answer() } else { expected.told() };
                assert_eq!(told, wanted, "the first final answer, or how it stands");
            }
            Subject::Operation(id) => {
                assert_eq!(answer.operation, Some(id));
                let wanted = expected.answer_to(id, replayed);
                if expected.deed(id).is_some_and(|deed| deed.act.is_refund()) {
                    assert_eq!(told.word, wanted.word, "a refund is shown by itself");
                } else {
                    assert_eq!(told, wanted, "the first final answer, or how it stands");
                }
            }
            Subject::Review(id) => {
                assert_eq!((payment.id(), answer.operation), (id, None));
                assert_eq!(told, expected.answer_to_approval(), "as it was when it was approved");
            }
            Subject::Order(id) => panic!("{id} is answered by orders"),
        }
    }

    /// A step owes exactly these calls; what was begun by itself is noted under its id.
    pub(super) fn expect_calls(
        &mut self,
        step: &Decided<Client, Card>,
        index: usize,
        mut owed: Vec<Owed>,
    ) {
        for PreparedCall { call, attachment, .. } in &step.calls {
            assert_eq!(*attachment, None, "only a first attempt carries a card");
            let operation = call.operation.as_ref().map(|operation| &operation.intent);
            let found = match call.effect {
                Effect::Authorize { payment, .. } => panic!("{payment} is charged once more"),
                Effect::Inquire { attempt, .. } => Owed::Attempt(attempt),
                Effect::InquireOperation { operation, .. } => Owed::Operation(operation),
                Effect::Operate { operation, .. } if owed.contains(&Owed::Again(operation)) => {
                    Owed::Again(operation)
                }
                Effect::Operate { payment, operation: id } => {
                    let intent = operation.expect("who is to operate is told what");
                    let (act, cause) = (Act::of(&intent.kind), intent.cause);
                    assert_eq!(intent.attempt, self.models[index].payments[&payment].attempt);
                    self.models[index].begin(payment, id, act, cause);
                    Owed::Begun(payment, act, cause)
                }
            };
            let place = owed.iter().position(|owed| *owed == found);
            owed.swap_remove(place.unwrap_or_else(|| panic!("{found:?} is not among {owed:?}")));
        }
        assert_eq!(owed, [], "each is called");
        self.models[index].complete_record();
    }

    /// Whoever waits for what has settled now is answered, once, and nobody else.
    pub(super) fn expect_settled(
        &mut self,
        life: &mut Life,
        step: &Decided<Client, Card>,
        payment: PaymentId,
    ) {
        let settled: Vec<Subject> = life
            .waiting
            .keys()
            .copied()
            .filter(|subject| self.payment_of(*subject) == Some(payment))
            .filter(|subject| self.is_final(*subject))
            .collect();
        assert_eq!(step.replies.len(), settled.len(), "who waits is answered, once");
        for subject in settled {
            life.waiting.remove(&subject);
            let about = |reply: &&(Client, PaymentReply)| {
                reply.1.as_ref().is_ok_and(|answer| match subject {
                    Subject::Payment(_) => answer.operation.is_none(),
                    Subject::Operation(id) => answer.operation == Some(id),
                    Subject::Order(_) | Subject::Review(_) => false,
                })
            };
            let reply = step.replies.iter().find(about).expect("who waits is answered");
            self.expect_answer(reply, subject, false);
            self.coverage.saw(match subject {
                Subject::Payment(_) => "reply: payment settled",
                Subject::Operation(_) => "reply: operation settled",
                Subject::Order(_) => unreachable!("nobody waits for an order"),
                Subject::Review(_) => unreachable!("an approval is answered at once"),
            });
        }
    }

    /// Whether whoever waits for this is answered.
    pub(super) fn is_final(&self, subject: Subject) -> bool {
        match subject {
            Subject::Payment(id) => self.models[index_of(id.shard())].payments[&id].is_final(),
            Subject::Operation(id) => {
                let model = &self.models[index_of(id.shard())];
                let found = model.payment_of(id).and_then(|(_id, expected)| expected.deed(id));
                found.is_some_and(crate::model::Deed::is_final)
            }
            Subject::Order(_) | Subject::Review(_) => true,
        }
    }

    pub(super) fn payment_of(&self, subject: Subject) -> Option<PaymentId> {
        match subject {
            Subject::Payment(id) | Subject::Review(id) => Some(id),
            Subject::Operation(id) => {
                let model = &self.models[index_of(id.shard())];
                model.payment_of(id).map(|(payment, _expected)| payment)
            }
            Subject::Order(_) => None,
        }
    }

    /// A shard and its model agree on payments, orders, keys and accounts.
    pub(super) fn compare_shard(&self, life: &Life, index: usize) {
        let (state, model) = (life.shards[index].state(), &self.models[index]);
        let count = state.payment_count() as u64 + state.departed_count();
        assert_eq!(count, model.payments.len() as u64);
        let count = state.order_count() as u64 + state.departed_orders();
        assert_eq!(count, model.orders.len() as u64);
        let mut credits = BTreeMap::<AccountKey, i128>::new();
        for (id, expected) in &model.payments {
            compare(self.payment_of_ours(life, *id).expect("a payment of the model"), expected);
            let mut credit = |account, minor_units: i64| {
                let (mode, currency) = (expected.mode, expected.money.currency);
                let sum = credits.entry(AccountKey { mode, currency, account }).or_default();
                *sum += i128::from(minor_units);
            };
            let (refunded, refunding) = (expected.refunded(), expected.refunding());
            let (exceptional, assigned) = expected.exceptional();
            let earned = expected.captured - refunded - refunding + assigned - expected.fee();
            credit(Account::Fees, expected.fee());
            credit(Account::MerchantPayable(expected.merchant), earned);
            credit(Account::RefundsPending(expected.merchant), refunding);
            credit(Account::Exceptions, exceptional);
            let held = expected.captured - refunded + assigned + exceptional;
            credit(Account::ProviderReceivable(ProviderId::SIMULATOR), -held);
        }
        for (id, expected) in &model.orders {
            let order = self.order_of_ours(life, *id).expect("an order of the model");
            let (paid, reserved, attempts) = model.shares_of(*id);
            let found = (order.paid().minor_units(), order.reserved().minor_units());
            assert_eq!((found, order.attempts()), ((paid, reserved), attempts));
            let asked = expected.money.amount.minor_units();
            let status = match (paid, attempts) {
                (paid, _) if paid >= asked => OrderStatus::Paid,
                (1.., _) => OrderStatus::PartiallyPaid,
                (_, 1..) => OrderStatus::Attempted,
                (_, 0) => OrderStatus::Created,
            };
            assert_eq!(order.status(), status);
        }
        credits.retain(|_account, credit| *credit != 0);
        let books = state.ledger().sorted().into_iter();
        let mut found: BTreeMap<AccountKey, i128> =
            books.map(|(account, balance)| (account, balance.net_credit())).collect();
        found.retain(|_account, credit| *credit != 0);
        assert_eq!(found, credits, "the ledger holds what was taken, and nothing else");
        let keys: BTreeSet<_> = model.keys.keys().copied().collect();
        let found = state.idempotency().sorted().into_iter();
        let found: BTreeSet<_> = found.map(|(entry, _since)| entry.key).collect();
        assert_eq!(found, keys, "the keys that are remembered");
        assert_eq!(invariant::shard(state), Ok(()));
    }

    pub(super) fn note_standings(&mut self, index: usize) {
        for expected in self.models[index].payments.values() {
            if expected.fee() > 0 {
                self.coverage.saw("fee: charged");
            }
            if expected.gave_fee_back() {
                self.coverage.saw("fee: given back with a refund");
            }
            self.coverage.saw(match expected.status {
                PaymentStatus::Processing => "payment: processing",
                PaymentStatus::RequiresAction => "payment: requires_action",
                PaymentStatus::Review => "payment: review",
                PaymentStatus::Authorized => "payment: authorized",
                PaymentStatus::PartiallyCaptured => "payment: partially_captured",
                PaymentStatus::Completed => "payment: completed",
                PaymentStatus::Failed => "payment: failed",
                PaymentStatus::Voided => "payment: voided",
                PaymentStatus::Reversed => "payment: reversed",
                PaymentStatus::Expired => "payment: expired",
                PaymentStatus::Unknown => "payment: unknown",
            });
        }
    }
}

/// A payment is as the model says.
pub(super) fn compare(payment: &Payment, expected: &Expected) {
    let attempt = payment.attempts().last().expect("a payment begins with an attempt");
    assert_eq!(attempt.id, expected.attempt);
    let found = (payment.state().status(), heard(&attempt.state), payment.due_at());
    let wanted = (expected.status, word_of(expected.heard), expected.due());
    assert_eq!(found, wanted, "{payment:?} instead of {expected:?}");
    let found = [
        payment.amount_captured(),
        payment.state().held(),
        payment.amount_refunded(),
        payment.amount_refunding(),
    ];
    let wanted = [expected.captured, expected.held, expected.refunded(), expected.refunding()];
    assert_eq!(found.map(tollgate_domain::Amount::minor_units), wanted, "{payment:?}");
    assert_eq!(payment.fee().minor_units(), expected.fee(), "our fee: {payment:?}");
    assert_eq!(payment.operations().len(), expected.deeds.len());
    for operation in payment.operations() {
        let deed = expected.deed(operation.id()).expect("an operation of the model");
        let found = (Act::of(&operation.intent.kind), operation.intent.cause, doing(operation));
        assert_eq!(found, (deed.act, deed.cause, word_of_deed(deed.doing)), "{payment:?}");
        assert_eq!(operation.due_at(), deed.due(), "{payment:?}");
    }
    let found: Vec<_> = payment.cases().iter().map(|case| (case.matter, case.is_open())).collect();
    let wanted: Vec<_> = expected.cases.iter().map(|case| (case.matter, case.is_open())).collect();
    assert_eq!(found, wanted, "{payment:?}");
    let first = payment.as_first_answered();
    let first = (first.state().status(), first.amount_captured().minor_units());
    let wanted = expected.first_answer();
    assert_eq!(first, (wanted.status, wanted.captured), "what a repeated request is answered");
}

fn heard(state: &AttemptState) -> &'static str {
    match state {
        AttemptState::Open => "nothing",
        AttemptState::Pending(_) => "later",
        AttemptState::Unknown(_) => "nothing certain",
        AttemptState::ActionRequired(_) => "act",
        AttemptState::Approved { contradiction, .. } => match contradiction {
            None => "yes",
            Some(Contradiction::Asked(_)) => "yes, then no",
            Some(Contradiction::Insisted) => "yes, then no again",
        },
        AttemptState::Declined { .. } | AttemptState::NotSent { .. } => "no",
        AttemptState::Cancelled { .. } => "called off",
        AttemptState::ApprovedLate { .. } => "late yes",
    }
}

fn word_of(heard: Heard) -> &'static str {
    match heard {
        Heard::Nothing => "nothing",
        Heard::Later(_) => "later",
        Heard::NothingCertain(_) => "nothing certain",
        Heard::Act(_) => "act",
        Heard::Yes(Doubt::None) => "yes",
        Heard::Yes(Doubt::Asked(_)) => "yes, then no",
        Heard::Yes(Doubt::Insisted) => "yes, then no again",
        Heard::No => "no",
        Heard::CalledOff => "called off",
        Heard::TooLateYes => "late yes",
    }
}

fn doing(operation: &Operation) -> &'static str {
    match &operation.state {
        OperationState::Open { .. } => "open",
        OperationState::Waiting(_) => "waiting",
        OperationState::Pending(_) => "later",
        OperationState::Unknown { .. } => "unsure",
        OperationState::Succeeded { contradiction, .. } => match contradiction {
            None => "done",
            Some(Contradiction::Asked(_)) => "done, then not",
            Some(Contradiction::Insisted) => "done, then not again",
        },
        OperationState::Failed { .. } => "failed",
        OperationState::Returned { .. } => "returned",
        OperationState::SucceededLate { .. } => "too late",
    }
}

fn word_of_deed(doing: Doing) -> &'static str {
    match doing {
        Doing::Open { .. } => "open",
        Doing::Waiting { .. } => "waiting",
        Doing::Later(_) => "later",
        Doing::Unsure(_) => "unsure",
        Doing::Done(Doubt::None) => "done",
        Doing::Done(Doubt::Asked(_)) => "done, then not",
        Doing::Done(Doubt::Insisted) => "done, then not again",
        Doing::Failed(_) => "failed",
        Doing::Returned => "returned",
        Doing::TooLate => "too late",
    }
}

/// A new payment owes one call, which carries the card.
pub(super) fn authorized_by(step: &Decided<Client, Card>, id: PaymentId, card: Card) -> AttemptId {
    let [PreparedCall { call, attachment, .. }] = &step.calls[..] else {
        panic!("a new payment owes one call");
    };
    let Effect::Authorize { payment, attempt } = call.effect else {
        panic!("a new payment is authorized: {call:?}");
    };
    assert_eq!((payment, call.attempt, *attachment), (id, attempt, Some(card)));
    attempt
}

/// A request is refused because of the state that its payment is in.
pub(super) fn expect_unexpected(step: &Decided<Client, Card>, status: PaymentStatus) {
    let [(_client, Err(CommandError::Rejected(found)))] = &step.replies[..] else {
        panic!("not while the payment is {status:?}");
    };
    let Rejection::UnexpectedState { status: found, .. } = *found else {
        panic!("{found} instead of the state, which is {status:?}");
    };
    assert_eq!(found, status);
    assert!(step.record.is_none() && step.calls.is_empty(), "no trace is left");
}

pub(super) fn expect_error(step: &Decided<Client, Card>, error: CommandError) {
    match &step.replies[..] {
        [(_client, Err(found))] => assert_eq!(*found, error),
        [(_client, Ok(answer))] => panic!("{:?} instead of {error:?}", answer.payment),
        [] | [_, _, ..] => panic!("no single reply instead of {error:?}"),
    }
    assert!(step.record.is_none() && step.calls.is_empty(), "a refusal leaves no trace");
}
