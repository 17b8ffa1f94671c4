//! What must be true after a step, a record, a restart.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_domain::{
    AttemptId, AttemptState, Effect, Payment, PaymentId, ProviderId, invariant,
    ledger::{Account, AccountKey},
};
use tollgate_engine::{CommandError, PreparedCall, Step as Decided};

use super::{Card, Client, Life, Play, index_of};
use crate::model::{Expected, Heard};

impl Play<'_> {
    /// What a reply must say of a payment.
    pub(super) fn expect_answer(
        &self,
        step: &Decided<Client, Card>,
        id: PaymentId,
        replayed: bool,
    ) {
        let Some((_client, Ok(answer))) = &step.reply else { panic!("an answer about {id}") };
        let expected = &self.models[index_of(id.shard())].payments[&id];
        let payment = &answer.payment;
        let told = (payment.state().status(), payment.amount_captured().minor_units());
        assert_eq!((payment.id(), answer.replayed), (id, replayed));
        assert_eq!(told, expected.first_answer(), "the first final answer, or how it stands");
    }

    /// A shard and its model agree on payments, keys and accounts.
    pub(super) fn compare_shard(&self, life: &Life, index: usize) {
        let (state, model) = (life.shards[index].state(), &self.models[index]);
        assert_eq!(state.payment_count(), model.payments.len());
        let mut credits = BTreeMap::<AccountKey, i128>::new();
        for (id, expected) in &model.payments {
            compare(state.payment(*id).expect("a payment of the model"), expected);
            let mut credit = |account, minor_units: i64| {
                let (mode, currency) = (expected.mode, expected.money.currency);
                let sum = credits.entry(AccountKey { mode, currency, account }).or_default();
                *sum += i128::from(minor_units);
            };
            let (captured, exceptional) = (expected.captured(), expected.exceptional());
            credit(Account::MerchantPayable(expected.merchant), captured);
            credit(Account::Exceptions, exceptional);
            credit(Account::ProviderReceivable(ProviderId::SIMULATOR), -captured - exceptional);
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
            use tollgate_domain::PaymentStatus as Status;
            self.coverage.saw(match expected.status {
                Status::Processing => "payment: processing",
                Status::RequiresAction => "payment: requires_action",
                Status::Authorized => "payment: authorized",
                Status::Completed => "payment: completed",
                Status::Failed => "payment: failed",
                Status::Expired => "payment: expired",
                Status::Unknown => "payment: unknown",
                Status::Review | Status::PartiallyCaptured | Status::Voided | Status::Reversed => {
                    unreachable!("nothing leads there yet")
                }
            });
            self.coverage.saw(match expected.heard {
                Heard::Nothing => continue,
                Heard::Later => "heard: later",
                Heard::NothingCertain => "heard: nothing certain",
                Heard::Act => "heard: act",
                Heard::Yes => "heard: yes",
                Heard::YesThenNo => "heard: yes, then no",
                Heard::No => "heard: no",
                Heard::TooLateYes => "heard: late yes",
            });
        }
    }
}

/// A payment is as the model says.
pub(super) fn compare(payment: &Payment, expected: &Expected) {
    let attempt = payment.attempts().last().expect("a payment begins with an attempt");
    let heard = match attempt.state {
        AttemptState::Open => Heard::Nothing,
        AttemptState::Pending { .. } => Heard::Later,
        AttemptState::Unknown { .. } => Heard::NothingCertain,
        AttemptState::ActionRequired => Heard::Act,
        AttemptState::Approved { contradicted_at: None, .. } => Heard::Yes,
        AttemptState::Approved { contradicted_at: Some(_), .. } => Heard::YesThenNo,
        AttemptState::Declined { .. } | AttemptState::NotSent { .. } => Heard::No,
        AttemptState::ApprovedLate { .. } => Heard::TooLateYes,
    };
    let found = (payment.state().status(), attempt.id, heard, payment.due_at());
    let wanted = (expected.status, expected.attempt, expected.heard, expected.due);
    assert_eq!(found, wanted, "{payment:?}");
    assert_eq!(payment.amount_captured().minor_units(), expected.captured());
    let first = payment.as_first_answered();
    let first = (first.state().status(), first.amount_captured().minor_units());
    assert_eq!(first, expected.first_answer(), "what a repeated request is answered");
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

pub(super) fn expect_error(step: &Decided<Client, Card>, error: CommandError) {
    match &step.reply {
        Some((_client, Err(found))) => assert_eq!(*found, error),
        Some((_client, Ok(answer))) => panic!("{:?} instead of {error:?}", answer.payment),
        None => panic!("no reply instead of {error:?}"),
    }
    assert!(step.record.is_none() && step.calls.is_empty(), "a refusal leaves no trace");
}

/// A step asks about exactly these attempts, and does nothing else.
pub(super) fn expect_inquiries(step: &Decided<Client, Card>, asked: &BTreeSet<AttemptId>) {
    let found: Vec<AttemptId> = step
        .calls
        .iter()
        .map(|call| match call.call.effect {
            Effect::Inquire { attempt, .. } => attempt,
            Effect::Authorize { payment, .. } => panic!("{payment} is charged once more"),
        })
        .collect();
    assert_eq!(found.len(), asked.len(), "each is asked about once");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), *asked);
}
