//! Everything one payment shard knows, and the two things one can do with it: decide and apply.

mod archive;
mod orders;

use std::{collections::BTreeSet, sync::Arc};

use rustc_hash::FxHashMap;

use crate::{
    command::Command,
    decision::Decision,
    effect::{Effect, OperationCall, ProviderCall},
    env::{Env, Policy},
    event::{Event, Record},
    history::History,
    id::{MerchantId, OperationId, PaymentId, ShardId, TransactionId},
    idempotency::{IdempotencyTable, Subject},
    invariant,
    ledger::{Entry, Ledger, Movement, transaction_of},
    merchant::Mode,
    money::Amount,
    order::Share,
    payment::{
        Attempt, Booked, Matter, Operation, OperationKind, OperationState, Payment, PaymentIntent,
        Resolution,
    },
    planted_fault::{PlantedFault, is_planted},
    provider::ProviderId,
    rejection::Rejection,
    state_hash::StateHash,
    timestamp::{Millis, Timestamp},
};

pub use archive::PaidOrder;
use archive::{Departed, Kept};
use orders::Orders;

/// The state of one payment shard.
#[derive(Debug)]
pub struct ShardState {
    shard: ShardId,
    payments: FxHashMap<PaymentId, Box<Kept>>,
    /// Invariant: holds `(payment.updated_at(), payment.id())` for each payment of which nothing is
    /// left to do and that may leave memory, and nothing else.
    finished: BTreeSet<(Timestamp, PaymentId)>,
    /// Invariant: holds `(payment.due_at(), payment.id())` for each payment that has one, and
    /// nothing else.
    timers: BTreeSet<(Timestamp, PaymentId)>,
    /// Invariant: holds `(payment.unknown_since(), payment.id())` for each payment that has one, and
    /// nothing else.
    unknown: BTreeSet<(Timestamp, PaymentId)>,
    /// Invariant: holds `(payment.case_since(), payment.id())` for each payment that has one, and
    /// nothing else.
    cases: BTreeSet<(Timestamp, PaymentId)>,
    /// Invariant: holds each operation of each payment, and nothing else.
    operations: FxHashMap<OperationId, PaymentId>,
    orders: Orders,
    /// The payments for a merchant's own order numbers, of merchants that take one payment for each.
    /// Invariant: holds each payment whose intent says so, in memory or, where it has taken money,
    /// not; and nothing else.
    by_order: FxHashMap<OrderKey, Vec<PaymentId>>,
    idempotency: IdempotencyTable,
    ledger: Ledger,
    departed: Departed,
    last_time: Timestamp,
}

/// Whether what happens to a payment is booked. It is not where accounts and orders say so already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Books {
    Open,
    Closed,
}

/// A merchant's own number of an order, where it is one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct OrderKey {
    merchant: MerchantId,
    mode: Mode,
    order_id: Box<str>,
}

impl ShardState {
    /// A shard before its first record.
    #[must_use]
    pub fn new(shard: ShardId) -> Self {
        Self {
            shard,
            payments: FxHashMap::default(),
            finished: BTreeSet::new(),
            timers: BTreeSet::new(),
            unknown: BTreeSet::new(),
            cases: BTreeSet::new(),
            operations: FxHashMap::default(),
            orders: Orders::default(),
            by_order: FxHashMap::default(),
            idempotency: IdempotencyTable::default(),
            ledger: Ledger::default(),
            departed: Departed::default(),
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
        self.payments.get(&id).map(|kept| &kept.payment)
    }

    /// The payment that this was done to.
    #[must_use]
    pub fn payment_of(&self, operation: OperationId) -> Option<&Payment> {
        self.payment(*self.operations.get(&operation)?)
    }

    /// The payment that a transaction belongs to, and which of its operations it is; none where it
    /// is the payment itself.
    #[must_use]
    pub fn transaction(&self, id: TransactionId) -> Option<(&Payment, Option<&Operation>)> {
        if let Some(payment) = self.payment(PaymentId::from_u128(id.to_u128())) {
            return Some((payment, None));
        }
        let operation = OperationId::from_u128(id.to_u128());
        let payment = self.payment_of(operation)?;
        Some((payment, payment.operation(operation)))
    }

    /// The payment by which a merchant's own order is paid already, as far as he takes one for each.
    pub(crate) fn paid_for(
        &self,
        merchant: MerchantId,
        mode: Mode,
        order_id: &str,
    ) -> Option<PaymentId> {
        let key = OrderKey { merchant, mode, order_id: order_id.into() };
        let payments = self.by_order.get(&key)?.iter().copied();
        // One that has left memory had taken money, and has it.
        let has_paid = |id: &PaymentId| {
            self.payment(*id).is_none_or(|payment| !payment.amount_captured().is_zero())
        };
        payments.filter(has_paid).min()
    }

    /// How many payments are in memory.
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

    /// Every payment in memory, in the order of its id.
    #[must_use]
    pub fn payments_sorted(&self) -> Vec<&Payment> {
        let mut payments: Vec<&Payment> =
            self.payments.values().map(|kept| &kept.payment).collect();
        payments.sort_unstable_by_key(|payment| payment.id());
        payments
    }

    /// Every payment in memory, in no order.
    pub(crate) fn payments(&self) -> impl Iterator<Item = &Payment> {
        self.payments.values().map(|kept| &kept.payment)
    }

    /// The payments with an attempt or an operation that has no outcome yet, in the order of their
    /// ids.
    #[must_use]
    pub fn unresolved(&self) -> Vec<PaymentId> {
        let mut unresolved: Vec<PaymentId> = self
            .payments()
            .filter(|payment| {
                payment.unresolved_attempt().is_some()
                    || payment.unresolved_operations().next().is_some()
            })
            .map(Payment::id)
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

    /// The payments about which an operator has to decide, each with since when, the oldest first.
    #[must_use]
    pub fn cases(&self) -> &BTreeSet<(Timestamp, PaymentId)> {
        &self.cases
    }

    /// The operations, for the invariant that rests on them.
    pub(crate) fn operations(&self) -> &FxHashMap<OperationId, PaymentId> {
        &self.operations
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
        self.apply_events(&record.events, record.at, Books::Open);
        if let Some(entry) = &record.idempotency {
            self.idempotency.remember(entry, record.at);
        }
    }

    fn apply_events(&mut self, events: &[Event], at: Timestamp, books: Books) {
        // A record's events come payment by payment.
        for of_one in events.chunk_by(|event, next| event.payment() == next.payment()) {
            let first = of_one.first().expect("a chunk is never empty");
            let payment = first.payment();
            if let Some(kept) = payment.and_then(|id| self.payments.get_mut(&id))
                && !first.is_of_archive()
            {
                kept.begin_chapter(at, of_one.len());
            }
            for event in of_one {
                self.apply_event(event, at, books);
            }
            if let Some(id) = payment {
                self.list_finished(id);
            }
        }
    }

    fn apply_event(&mut self, event: &Event, at: Timestamp, books: Books) {
        match event {
            Event::PaymentCreated(intent) => {
                let payment = Payment::new(Arc::clone(intent));
                if let (Some(order), Books::Open) = (intent.order, books) {
                    self.change_order(order, |order| order.attempt(Share::of(&payment), at));
                }
                if let Some(key) = OrderKey::of(intent) {
                    self.by_order.entry(key).or_default().push(intent.id);
                }
                let kept = Kept::new(payment, History::new(Arc::clone(intent), at));
                let earlier = self.payments.insert(intent.id, Box::new(kept));
                assert!(earlier.is_none(), "payment ids are minted once: {}", intent.id);
            }
            Event::OrderCreated(intent) => self.create_order(intent),
            Event::OrderArchived { order } => self.archive_order(*order),
            Event::OrderRecalled { order } => self.recall_order(order),
            Event::IdempotencyKeysForgotten { created_before } => {
                let (payments, operations) = (&self.payments, &self.operations);
                self.idempotency.forget_before(*created_before, |subject| match subject {
                    Subject::Payment(id) => {
                        payments.get(&id).is_some_and(|kept| kept.payment.state().awaits_outcome())
                    }
                    Subject::Operation(id) => operations
                        .get(&id)
                        .and_then(|payment| payments.get(payment)?.payment.operation(id))
                        .is_some_and(Operation::is_unsettled),
                    Subject::Order(_) | Subject::Review(_) => false,
                });
            }
            Event::OperationStarted { payment, intent } => {
                self.operations.insert(intent.id, *payment);
                self.apply_to_payment(*payment, event, at, books);
            }
            Event::PaymentArchived { payment } => self.archive(*payment),
            Event::PaymentRecalled { history, .. } => self.recall(history),
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
            | Event::AttemptReaffirmed { payment, .. }
            | Event::AttemptCancelled { payment, .. }
            | Event::PaymentAuthorized { payment, .. }
            | Event::PaymentHeldForReview { payment, .. }
            | Event::ReviewApproved { payment }
            | Event::PaymentCaptured { payment, .. }
            | Event::PaymentPartlyCaptured { payment, .. }
            | Event::RemainderReleased { payment }
            | Event::PaymentVoided { payment }
            | Event::PaymentReversed { payment }
            | Event::PaymentFailed { payment, .. }
            | Event::PaymentExpired { payment }
            | Event::OperationSucceeded { payment, .. }
            | Event::OperationFailed { payment, .. }
            | Event::OperationPending { payment, .. }
            | Event::OperationUnknown { payment, .. }
            | Event::OperationDelayed { payment, .. }
            | Event::OperationResent { payment, .. }
            | Event::OperationInquiryStarted { payment, .. }
            | Event::OperationContradicted { payment, .. }
            | Event::OperationReaffirmed { payment, .. }
            | Event::RefundReturned { payment, .. }
            | Event::OperationSucceededLate { payment, .. }
            | Event::CaseOpened { payment, .. }
            | Event::CaseResolved { payment, .. } => {
                self.apply_to_payment(*payment, event, at, books);
            }
        }
    }

    fn apply_to_payment(&mut self, id: PaymentId, event: &Event, at: Timestamp, books: Books) {
        let kept = self.payments.get_mut(&id).expect("a payment's events follow its creation");
        let payment = &mut kept.payment;
        let before = Listed::of(payment);
        let entry = happen(payment, event, at);
        kept.history.push(event.clone());
        let after = Listed::of(payment);
        move_entry(&mut self.timers, id, before.due_at, after.due_at);
        move_entry(&mut self.unknown, id, before.unknown_since, after.unknown_since);
        move_entry(&mut self.cases, id, before.case_since, after.case_since);
        debug_assert_eq!(invariant::payment_between_events(payment), Ok(()), "after {event:?}");
        if books == Books::Closed {
            return;
        }
        let intent = Arc::clone(payment.intent());
        if let Some(entry) = entry {
            self.ledger.post(intent.mode, intent.money.currency, &entry.movement);
        }
        if let Some(order) = intent.order {
            self.change_order(order, |order| order.change(before.share, after.share, at));
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
        match effect {
            Effect::Authorize { payment, attempt } | Effect::Inquire { payment, attempt } => {
                let payment = self.payment(payment)?;
                let attempt = payment.attempt(attempt)?;
                Some(call(effect, payment, attempt, None))
            }
            Effect::Operate { payment, operation }
            | Effect::InquireOperation { payment, operation } => {
                let payment = self.payment(payment)?;
                let operation = payment.operation(operation)?;
                let attempt = payment.attempt(operation.intent.attempt)?;
                Some(call(effect, payment, attempt, Some(operation)))
            }
        }
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
            self.orders.by_id().hash(hasher);
            self.ledger.sorted().hash(hasher);
            self.departed.ledger.sorted().hash(hasher);
            (self.departed.count, self.departed.departures).hash(hasher);
            self.paid_orders().hash(hasher);
            for (entry, created_at) in self.idempotency.sorted() {
                (entry.key, entry.fingerprint, entry.subject, created_at).hash(hasher);
            }
            // A state that no order has left has the hash that earlier releases gave it.
            if self.departed.orders > 0 {
                self.departed.orders.hash(hasher);
            }
        })
    }
}

/// Where a payment stands in the lists of its shard.
struct Listed {
    due_at: Option<Timestamp>,
    unknown_since: Option<Timestamp>,
    case_since: Option<Timestamp>,
    share: Share,
}

impl Listed {
    fn of(payment: &Payment) -> Self {
        Self {
            due_at: payment.due_at(),
            unknown_since: payment.unknown_since(),
            case_since: payment.case_since(),
            share: Share::of(payment),
        }
    }
}

/// A call that concerns an attempt, or an operation on what it was approved for.
fn call(
    effect: Effect,
    payment: &Payment,
    attempt: &Attempt,
    operation: Option<&Operation>,
) -> ProviderCall {
    let started_at = operation.map_or(attempt.started_at, |found| found.intent.started_at);
    let external_id = attempt.receipt().map(|receipt| receipt.external_id.clone());
    ProviderCall {
        effect,
        provider: attempt.provider,
        intent: Arc::clone(payment.intent()),
        attempt: attempt.id,
        operation: operation
            .map(|found| OperationCall { intent: Arc::clone(&found.intent), external_id }),
        started_at,
    }
}

/// Keeps an entry of a payment or an order in a list by time where it belongs.
fn move_entry<I: Copy + Ord>(
    list: &mut BTreeSet<(Timestamp, I)>,
    id: I,
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

impl OrderKey {
    /// Of a payment whose merchant takes one for each order.
    fn of(intent: &PaymentIntent) -> Option<Self> {
        let order_id = intent.one_payment_per_order.then(|| intent.order_id.clone())??;
        Some(Self { merchant: intent.merchant, mode: intent.mode, order_id })
    }
}

/// Writes an event into its payment, with what is booked for it. Gives that.
pub(crate) fn happen(payment: &mut Payment, event: &Event, at: Timestamp) -> Option<Entry> {
    let entry = movement(payment, event).map(|movement| {
        let transaction = transaction_of(payment, event);
        Entry { transaction, movement, at }
    });
    if let Some(entry) = entry {
        payment.book(entry);
    }
    payment.apply(event, at);
    entry
}

/// The movement of money that an event stands for, which is about to happen to this payment.
fn movement(payment: &Payment, event: &Event) -> Option<Movement> {
    let merchant = payment.intent().merchant;
    match event {
        Event::PaymentCaptured { captured, fee, .. }
        | Event::PaymentPartlyCaptured { captured, fee, .. } => {
            let provider = approved_by(payment);
            Some(Movement::Capture { merchant, provider, captured: *captured, fee: *fee })
        }
        Event::PaymentReversed { .. } => {
            let (captured, fee) = (payment.state().captured(), payment.state().fee());
            Some(Movement::Reversal { merchant, provider: approved_by(payment), captured, fee })
        }
        Event::AttemptApprovedLate { attempt, taken, .. } => {
            let provider = payment.attempt(*attempt)?.provider;
            Some(Movement::ExceptionReceived { provider, amount: *taken })
        }
        Event::OperationStarted { intent, .. } => match intent.kind {
            OperationKind::Refund { amount, .. } => {
                Some(Movement::RefundPending { merchant, amount })
            }
            OperationKind::Confirmation
            | OperationKind::Capture { .. }
            | OperationKind::Void
            | OperationKind::Reversal => None,
        },
        Event::OperationSucceeded { operation, fee_returned, .. } => {
            let refund = refund(payment, *operation)?;
            let (provider, amount) = (provider_of(payment, refund)?, refund.amount());
            let fee = *fee_returned;
            Some(if refund.is_unsettled() {
                Movement::RefundSucceeded { merchant, provider, amount, fee }
            } else {
                Movement::RefundReinstated { merchant, provider, amount, fee }
            })
        }
        Event::OperationFailed { operation, .. } => {
            let amount = refund(payment, *operation)?.amount();
            Some(Movement::RefundFailed { merchant, amount })
        }
        Event::RefundReturned { operation, .. } => {
            let refund = refund(payment, *operation)?;
            // What was paid out too late stands in its case, which has moved the money already.
            if matches!(refund.state, OperationState::SucceededLate { .. }) {
                return None;
            }
            let (provider, amount) = (provider_of(payment, refund)?, refund.amount());
            Some(Movement::RefundReturned {
                merchant,
                provider,
                amount,
                fee: refund.fee_returned(),
            })
        }
        Event::OperationSucceededLate { operation, booked, .. } => {
            let provider = provider_of(payment, payment.operation(*operation)?)?;
            match *booked {
                Booked::Nothing => None,
                Booked::Received(amount) => Some(Movement::ExceptionReceived { provider, amount }),
                Booked::PaidOut(amount) => Some(Movement::ExceptionPaidOut { provider, amount }),
            }
        }
        Event::CaseResolved { case, resolution, .. } => {
            let case = payment.cases().iter().find(|found| found.id == *case)?;
            let provider = provider_of_matter(payment, case.matter)?;
            let before = case.resolution.map(|(resolution, _at)| resolution);
            resolution_movement(case.booked, (before, *resolution), merchant, provider)
        }
        Event::PaymentCreated(_)
        | Event::AttemptStarted { .. }
        | Event::AttemptApproved { .. }
        | Event::AttemptDeclined { .. }
        | Event::AttemptActionRequired { .. }
        | Event::AttemptPending { .. }
        | Event::AttemptNotSent { .. }
        | Event::AttemptUnknown { .. }
        | Event::AttemptCancelled { .. }
        | Event::InquiryStarted { .. }
        | Event::AttemptContradicted { .. }
        | Event::AttemptReaffirmed { .. }
        | Event::PaymentAuthorized { .. }
        | Event::PaymentHeldForReview { .. }
        | Event::ReviewApproved { .. }
        | Event::RemainderReleased { .. }
        | Event::PaymentVoided { .. }
        | Event::PaymentFailed { .. }
        | Event::PaymentExpired { .. }
        | Event::OperationPending { .. }
        | Event::OperationUnknown { .. }
        | Event::OperationDelayed { .. }
        | Event::OperationResent { .. }
        | Event::OperationInquiryStarted { .. }
        | Event::OperationContradicted { .. }
        | Event::OperationReaffirmed { .. }
        | Event::CaseOpened { .. }
        | Event::OrderCreated(_)
        | Event::PaymentArchived { .. }
        | Event::PaymentRecalled { .. }
        | Event::OrderArchived { .. }
        | Event::OrderRecalled { .. }
        | Event::IdempotencyKeysForgotten { .. } => None,
    }
}

/// How the exceptions account is cleared of what a case has put there. Only money that was paid out
/// may still come back once an operator has said what became of it: from whoever bore it until then.
fn resolution_movement(
    booked: Booked,
    (before, resolution): (Option<Resolution>, Resolution),
    merchant: MerchantId,
    provider: ProviderId,
) -> Option<Movement> {
    match (booked, resolution) {
        (Booked::Received(amount), Resolution::Returned) => {
            Some(Movement::ExceptionReturned { provider, amount })
        }
        (Booked::Received(amount), Resolution::Assigned) => {
            Some(Movement::ExceptionAssigned { merchant, amount })
        }
        (Booked::PaidOut(amount), Resolution::Returned) if before == Some(Resolution::Assigned) => {
            Some(Movement::RefundReturned { merchant, provider, amount, fee: Amount::ZERO })
        }
        (Booked::PaidOut(amount), Resolution::Returned) => {
            Some(Movement::ExceptionRecovered { provider, amount })
        }
        (Booked::PaidOut(amount), Resolution::Assigned) => {
            Some(Movement::ExceptionCharged { merchant, amount })
        }
        // What an operator dismisses stays where it is, for the books to be closed by hand.
        (Booked::Nothing, _)
        | (
            Booked::Received(_) | Booked::PaidOut(_),
            Resolution::Withdrawn | Resolution::Dismissed,
        ) => None,
    }
}

fn approved_by(payment: &Payment) -> ProviderId {
    payment.approved_attempt().expect("only an approval is captured").provider
}

/// The refund with this id, if the operation is one.
fn refund(payment: &Payment, operation: OperationId) -> Option<&Operation> {
    payment.operation(operation).filter(|operation| match operation.intent.kind {
        OperationKind::Refund { .. } => true,
        OperationKind::Confirmation
        | OperationKind::Capture { .. }
        | OperationKind::Void
        | OperationKind::Reversal => false,
    })
}

fn provider_of(payment: &Payment, operation: &Operation) -> Option<ProviderId> {
    payment.attempt(operation.intent.attempt).map(|attempt| attempt.provider)
}

fn provider_of_matter(payment: &Payment, matter: Matter) -> Option<ProviderId> {
    match matter {
        Matter::LateApproval(attempt) | Matter::ApprovalDenied(attempt) => {
            payment.attempt(attempt).map(|attempt| attempt.provider)
        }
        Matter::OperationDenied(operation) | Matter::OperationLate(operation) => {
            provider_of(payment, payment.operation(operation)?)
        }
    }
}
