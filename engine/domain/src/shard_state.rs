//! Everything one payment shard knows, and the two things one can do with it: decide and apply.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::{
    command::Command,
    decision::Decision,
    effect::{Effect, ProviderCall},
    env::{Env, Policy},
    event::{Event, Record},
    id::{PaymentId, ShardId},
    idempotency::IdempotencyTable,
    invariant,
    ledger::{Ledger, Movement},
    payment::Payment,
    planted_fault::{PlantedFault, is_planted},
    rejection::Rejection,
    state_hash::StateHash,
    timestamp::{Millis, Timestamp},
};

/// The state of one payment shard.
#[derive(Debug)]
pub struct ShardState {
    shard: ShardId,
    payments: FxHashMap<PaymentId, Box<Payment>>,
    /// Invariant: holds `(payment.due_at(), payment.id())` for each payment that has one, and
    /// nothing else.
    timers: BTreeSet<(Timestamp, PaymentId)>,
    /// Invariant: holds `(payment.unknown_since(), payment.id())` for each payment that has one, and
    /// nothing else.
    unknown: BTreeSet<(Timestamp, PaymentId)>,
    idempotency: IdempotencyTable,
    ledger: Ledger,
    last_time: Timestamp,
}

impl ShardState {
    /// A shard before its first record.
    #[must_use]
    pub fn new(shard: ShardId) -> Self {
        Self {
            shard,
            payments: FxHashMap::default(),
            timers: BTreeSet::new(),
            unknown: BTreeSet::new(),
            idempotency: IdempotencyTable::default(),
            ledger: Ledger::default(),
            last_time: Timestamp::default(),
        }
    }

    /// Which shard it is.
    #[must_use]
    pub fn shard(&self) -> ShardId {
        self.shard
    }

    /// The payment with this id.
    #[must_use]
    pub fn payment(&self, id: PaymentId) -> Option<&Payment> {
        self.payments.get(&id).map(|payment| &**payment)
    }

    /// How many payments there are.
    #[must_use]
    pub fn payment_count(&self) -> usize {
        self.payments.len()
    }

    /// The accounts.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The idempotency keys.
    #[must_use]
    pub fn idempotency(&self) -> &IdempotencyTable {
        &self.idempotency
    }

    /// The time of the last record: the shard's clock never goes behind it.
    #[must_use]
    pub fn last_time(&self) -> Timestamp {
        self.last_time
    }

    /// Every payment, in the order of its id.
    #[must_use]
    pub fn payments_sorted(&self) -> Vec<&Payment> {
        let mut payments: Vec<&Payment> =
            self.payments.values().map(|payment| &**payment).collect();
        payments.sort_unstable_by_key(|payment| payment.id());
        payments
    }

    /// Every payment, in no order.
    pub(crate) fn payments(&self) -> impl Iterator<Item = &Payment> {
        self.payments.values().map(|payment| &**payment)
    }

    /// The payments whose attempt has no outcome yet, in the order of their ids.
    #[must_use]
    pub fn unresolved(&self) -> Vec<PaymentId> {
        let mut unresolved: Vec<PaymentId> = self
            .payments
            .values()
            .filter(|payment| payment.unresolved_attempt().is_some())
            .map(|payment| payment.id())
            .collect();
        unresolved.sort_unstable();
        unresolved
    }

    /// When a tick has something to do, if ever.
    #[must_use]
    pub fn next_due(&self, policy: &Policy) -> Option<Timestamp> {
        let timer = self.timers.first().map(|(due_at, _payment)| *due_at);
        let sweep = self.idempotency.due_at(policy.idempotency_retention);
        timer.into_iter().chain(sweep).min()
    }

    /// The payments whose outcome is unknown, each with since when, the oldest first.
    #[must_use]
    pub fn unknown(&self) -> &BTreeSet<(Timestamp, PaymentId)> {
        &self.unknown
    }

    /// The payments for which something is due, the longest overdue first.
    pub(crate) fn due(&self, now: Timestamp) -> impl Iterator<Item = &Payment> {
        let late = Millis(u64::from(is_planted(PlantedFault::ExpiryOffByOne)));
        let now = now.before(late);
        self.timers
            .iter()
            .take_while(move |(due_at, _payment)| *due_at <= now)
            .filter_map(|(_due_at, payment)| self.payment(*payment))
    }

    /// The timers, for the invariant that rests on them.
    pub(crate) fn timers(&self) -> &BTreeSet<(Timestamp, PaymentId)> {
        &self.timers
    }

    /// What `command` comes to. Changes nothing.
    ///
    /// # Errors
    /// A [`Rejection`] where our rules say no.
    pub fn decide(&self, command: Command, env: &Env<'_>) -> Result<Decision, Rejection> {
        command.decide(self, env)
    }

    /// Writes a record into the state, live and in replay alike.
    ///
    /// # Panics
    /// Where the record does not fit the state, which only a bug or an unnoticed damage of the log
    /// can bring about.
    pub fn apply(&mut self, record: &Record<Event>) {
        self.last_time = self.last_time.max(record.at);
        for event in &record.events {
            self.apply_event(event, record.at);
        }
        if let Some(entry) = &record.idempotency {
            self.idempotency.remember(entry, record.at);
        }
    }

    fn apply_event(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::PaymentCreated(intent) => {
                let payment = Box::new(Payment::new(std::sync::Arc::clone(intent)));
                let earlier = self.payments.insert(intent.id, payment);
                assert!(earlier.is_none(), "payment ids are minted once: {}", intent.id);
            }
            Event::IdempotencyKeysForgotten { created_before } => {
                let payments = &self.payments;
                self.idempotency.forget_before(*created_before, |id| {
                    payments.get(&id).is_some_and(|payment| payment.state().awaits_outcome())
                });
            }
            Event::AttemptStarted { payment, .. }
            | Event::AttemptApproved { payment, .. }
            | Event::AttemptDeclined { payment, .. }
            | Event::AttemptActionRequired { payment, .. }
            | Event::AttemptPending { payment, .. }
            | Event::AttemptNotSent { payment, .. }
            | Event::AttemptUnknown { payment, .. }
            | Event::InquiryStarted { payment, .. }
            | Event::AttemptApprovedLate { payment, .. }
            | Event::AttemptContradicted { payment, .. }
            | Event::PaymentAuthorized { payment, .. }
            | Event::PaymentCaptured { payment, .. }
            | Event::PaymentFailed { payment, .. }
            | Event::PaymentExpired { payment } => self.apply_to_payment(*payment, event, at),
        }
    }

    fn apply_to_payment(&mut self, id: PaymentId, event: &Event, at: Timestamp) {
        let payment = self.payments.get_mut(&id).expect("a payment's events follow its creation");
        let (due_before, unknown_before) = (payment.due_at(), payment.unknown_since());
        payment.apply(event, at);
        move_entry(&mut self.timers, id, due_before, payment.due_at());
        move_entry(&mut self.unknown, id, unknown_before, payment.unknown_since());
        debug_assert_eq!(invariant::payment_between_events(payment), Ok(()), "after {event:?}");
        if let Some(movement) = movement(payment, event) {
            let intent = payment.intent();
            self.ledger.post(intent.mode, intent.money.currency, &movement);
        }
    }

    /// Takes accounts and keys as they stood, and the time.
    pub(crate) fn restore_books(
        &mut self,
        ledger: Ledger,
        keys: IdempotencyTable,
        last_time: Timestamp,
    ) {
        self.ledger = ledger;
        self.idempotency = keys;
        self.last_time = last_time;
    }

    /// An effect with what a worker needs to run it.
    #[must_use]
    pub fn provider_call(&self, effect: Effect) -> Option<ProviderCall> {
        let (Effect::Authorize { payment, attempt } | Effect::Inquire { payment, attempt }) =
            effect;
        let payment = self.payment(payment)?;
        let attempt = payment.attempt(attempt)?;
        Some(ProviderCall {
            effect,
            provider: attempt.provider,
            intent: std::sync::Arc::clone(payment.intent()),
            attempt: attempt.id,
            started_at: attempt.started_at,
        })
    }

    /// A digest of everything in the shard. Equal states have equal hashes, whichever way they came
    /// about.
    #[must_use]
    pub fn hash(&self) -> StateHash {
        StateHash::of(|hasher| {
            use std::hash::Hash;
            self.shard.hash(hasher);
            self.last_time.hash(hasher);
            self.payments_sorted().hash(hasher);
            self.ledger.sorted().hash(hasher);
            for (entry, created_at) in self.idempotency.sorted() {
                (entry.key, entry.fingerprint, entry.payment, created_at).hash(hasher);
            }
        })
    }
}

/// Keeps a payment's entry in a list by time where it belongs.
fn move_entry(
    list: &mut BTreeSet<(Timestamp, PaymentId)>,
    id: PaymentId,
    before: Option<Timestamp>,
    after: Option<Timestamp>,
) {
    if before == after {
        return;
    }
    if let Some(time) = before {
        list.remove(&(time, id));
    }
    if let Some(time) = after {
        list.insert((time, id));
    }
}

/// The movement of money that an event of this payment stands for.
fn movement(payment: &Payment, event: &Event) -> Option<Movement> {
    let merchant = payment.intent().merchant;
    match event {
        Event::PaymentCaptured { captured, fee, .. } => {
            let approved = payment.approved_attempt().expect("only an approval is captured");
            let provider = approved.provider;
            Some(Movement::Capture { merchant, provider, captured: *captured, fee: *fee })
        }
        Event::AttemptApprovedLate { attempt, taken, .. } => {
            let provider = payment.attempt(*attempt)?.provider;
            Some(Movement::ExceptionReceived { provider, amount: *taken })
        }
        Event::PaymentCreated(_)
        | Event::AttemptStarted { .. }
        | Event::AttemptApproved { .. }
        | Event::AttemptDeclined { .. }
        | Event::AttemptActionRequired { .. }
        | Event::AttemptPending { .. }
        | Event::AttemptNotSent { .. }
        | Event::AttemptUnknown { .. }
        | Event::InquiryStarted { .. }
        | Event::AttemptContradicted { .. }
        | Event::PaymentAuthorized { .. }
        | Event::PaymentFailed { .. }
        | Event::PaymentExpired { .. }
        | Event::IdempotencyKeysForgotten { .. } => None,
    }
}
