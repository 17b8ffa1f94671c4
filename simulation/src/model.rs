//! What should be true, told without events, attempts' states or timers of the domain's making.
//!
//! The model hears every command that a shard takes and says what it must come to. It keeps what it
//! heard in the order of the log, each with the state that it led to, so that after a crash it can be
//! taken back to what the log still holds.
//!
//! Not here: the log, and what clients were told. The play keeps those.

mod asking;
mod deed;
mod expected;
mod fees;
mod hearing;
mod matters;
mod requests;

use std::collections::BTreeMap;

use tollgate_domain::{
    AttemptId, Cause, Event, Fingerprint, IdempotencyKey, MerchantId, Mode, Money, OperationId,
    OrderId, PaymentId, Policy, ShardId, Subject, Timestamp,
};
use tollgate_engine::ProviderReport;

use self::hearing::Circumstances;
pub(crate) use self::{
    deed::{Act, Deed, Doing},
    expected::{Doubt, Expected, Heard, Told},
    requests::{Asked, Request},
};

/// What one shard should hold.
#[derive(Clone, Default, Debug)]
pub(crate) struct Model {
    pub(crate) payments: BTreeMap<PaymentId, Expected>,
    pub(crate) orders: BTreeMap<OrderId, ExpectedOrder>,
    pub(crate) keys: BTreeMap<IdempotencyKey, Key>,
}

/// An idempotency key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    fingerprint: Fingerprint,
    pub(crate) subject: Subject,
    since: Timestamp,
}

/// What should be true of an order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExpectedOrder {
    pub(crate) merchant: MerchantId,
    pub(crate) mode: Mode,
    pub(crate) money: Money,
}

/// A call that must follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owed {
    /// The provider is asked about an attempt.
    Attempt(AttemptId),
    /// The provider is asked about an operation.
    Operation(OperationId),
    /// An operation that was not sent is sent again.
    Again(OperationId),
    /// Something is begun that nobody asked for; its id is the domain's to choose.
    Begun(PaymentId, Act, Cause),
}

impl Model {
    pub(crate) fn create(&mut self, id: PaymentId, expected: Expected) {
        let known = self.payments.insert(id, expected);
        assert!(known.is_none(), "an id is given once: {id}");
    }

    /// A key stands for this from now on.
    pub(crate) fn remember(
        &mut self,
        key: Option<(IdempotencyKey, Fingerprint)>,
        subject: Subject,
        now: Timestamp,
    ) {
        if let Some((key, fingerprint)) = key {
            self.keys.insert(key, Key { fingerprint, subject, since: now });
        }
    }

    /// An operation has begun.
    pub(crate) fn begin(&mut self, id: PaymentId, operation: OperationId, act: Act, cause: Cause) {
        self.payment_mut(id).deeds.push(Deed::new(operation, act, cause));
    }

    /// A provider is heard: gives the calls that must follow, or nothing where nothing is new.
    pub(crate) fn hear(
        &mut self,
        report: &ProviderReport,
        now: Timestamp,
        policy: &Policy,
    ) -> Option<Vec<Owed>> {
        let id = report.payment();
        let order = self.payments[&id].order;
        let order_open = order.map(|order| self.open_of(order));
        let source = match report {
            ProviderReport::Attempt(command) => command.source,
            ProviderReport::Operation(command) => command.source,
        };
        let circumstances =
            Circumstances { id, now, policy, asked_for: source.is_answer_to_inquiry(), order_open };
        let expected = self.payment_mut(id);
        match report {
            ProviderReport::Attempt(command) => {
                expected.hear_attempt(&command.outcome, &circumstances)
            }
            ProviderReport::Operation(command) => {
                expected.hear_operation(command.operation, &command.outcome, &circumstances)
            }
        }
    }

    /// A tick: gives the calls that must follow.
    pub(crate) fn tick(&mut self, now: Timestamp, policy: &Policy) -> Vec<Owed> {
        let mut owed = Vec::new();
        for (id, expected) in &mut self.payments {
            expected.tick(*id, now, policy, &mut owed);
        }
        owed
    }

    /// A restart: gives the calls that must follow.
    pub(crate) fn restart(&mut self, now: Timestamp, policy: &Policy) -> Vec<Owed> {
        let mut owed = Vec::new();
        for expected in self.payments.values_mut() {
            expected.restart(now, policy, &mut owed);
        }
        owed
    }

    /// A record is complete: what has a final answer now will always be answered so.
    pub(crate) fn complete_record(&mut self) {
        self.payments.values_mut().for_each(Expected::remember_first_answers);
    }

    /// Keys from before a time are forgotten, but for those of what may yet succeed. Nobody else may
    /// be forgotten, and nobody before his time.
    pub(crate) fn forget(&mut self, events: &[Event], now: Timestamp, policy: &Policy) {
        for event in events {
            let Event::IdempotencyKeysForgotten { created_before } = event else { continue };
            assert!(now.since(*created_before) >= policy.idempotency_retention, "forgotten early");
            let payments = &self.payments;
            self.keys.retain(|_key, known| {
                if known.since.as_seconds() >= created_before.as_seconds() {
                    return true;
                }
                known.since = *created_before;
                match known.subject {
                    Subject::Payment(payment) => payments[&payment].awaits(),
                    Subject::Operation(operation) => {
                        let deed = payments.values().find_map(|found| found.deed(operation));
                        deed.expect("a key stands for what there is").is_unsettled()
                    }
                    Subject::Order(_) | Subject::Review(_) => false,
                }
            });
        }
    }

    /// When something must be done, keys apart.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.payments.values().filter_map(Expected::due).min()
    }

    /// The payments of which something has no certain outcome.
    pub(crate) fn unresolved(&self) -> Vec<PaymentId> {
        let unresolved = self.payments.iter().filter(|(_id, expected)| expected.is_unresolved());
        unresolved.map(|(id, _expected)| *id).collect()
    }

    /// The payment that an operation is done to.
    pub(crate) fn payment_of(&self, operation: OperationId) -> Option<(PaymentId, &Expected)> {
        let mut payments = self.payments.iter();
        let (id, expected) = payments.find(|(_id, expected)| expected.deed(operation).is_some())?;
        Some((*id, expected))
    }

    /// What an order's payments have taken, and what they may yet take.
    pub(crate) fn shares_of(&self, order: OrderId) -> (i64, i64, u32) {
        let of_order = self.payments.values().filter(|expected| expected.order == Some(order));
        of_order.fold((0, 0, 0), |(paid, reserved, count), expected| {
            (paid + expected.captured, reserved + expected.reserved_of_order(), count + 1)
        })
    }

    /// What a further payment for an order may ask for.
    fn open_of(&self, order: OrderId) -> i64 {
        let (paid, reserved, _count) = self.shares_of(order);
        let due = (self.orders[&order].money.amount.minor_units() - paid).max(0);
        (due - reserved).max(0)
    }

    fn payment_mut(&mut self, id: PaymentId) -> &mut Expected {
        self.payments.get_mut(&id).expect("a payment of this play")
    }
}

/// What a shard's record said to the model, in the order of the log.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) shard: ShardId,
    pub(crate) sequence: u64,
    /// The shard's model after it.
    pub(crate) model: Model,
}
