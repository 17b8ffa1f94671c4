//! What the server said about each key, and whether it stands by it.
//!
//! The auditor is a model: it is told what was sent and what came back, remembers the first final
//! answer of each key, and notes a [`Violation`] when a later answer contradicts an earlier one. It
//! sends nothing, waits for nothing and knows no clock, so every rule is tested without a server.
//!
//! Invariant: a key's payment never changes. How a key moves is `key_state.rs`, and the same for all
//! that is asked for under one.
//!
//! Memory: by default every key is remembered. [`Auditor::sampling`] remembers so many and no more:
//! when they are reached, every second one is let go, chosen by seed and number, and of the keys
//! that follow only as many are taken up. What is checked of a key is checked of those that are
//! remembered; the provider's books are searched for double charges as a whole, or in the same
//! proportion. What was done to a payment is remembered with it.

mod customers;
mod deeds;
mod expected;
mod feed;
mod held_body;
mod key_state;
mod our_books;
mod payments;
mod provider_books;
mod reconciliation;
mod sample;
mod shop_orders;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::answer::{Answer, Outcome};
use crate::meaning::{Meaning, Nothing};
use crate::order::PaymentOrder;
use crate::violation::{Violation, ViolationKind, Violations};

use customers::Customer;
pub(crate) use customers::outcome_of;
use deeds::DeedRecord;
use expected::Expected;
use feed::Feed;
pub(crate) use feed::{EventPage, FeedPlace};
use held_body::HeldBody;
use key_state::KeyState;
pub(crate) use our_books::{AccountsPage, BalancesPage, OurBooks};
pub(crate) use provider_books::{LedgerEntry, LedgerPage};
pub(crate) use reconciliation::Reconciliation;
use sample::Sample;
use shop_orders::ShopOrderRecord;

/// The keys of a run and what is known about them.
#[derive(Debug)]
pub(crate) struct Auditor {
    records: HashMap<RecordId, KeyRecord>,
    /// What was done to the payments of those keys.
    deeds: HashMap<RecordId, DeedRecord>,
    /// Orders that were created.
    shop_orders: HashMap<RecordId, ShopOrderRecord>,
    /// How many keys there were, remembered or not.
    intended: RecordId,
    /// Which key a payment belongs to.
    owners: HashMap<Arc<str>, RecordId>,
    /// Which key a refund belongs to.
    refund_owners: HashMap<Arc<str>, RecordId>,
    /// Which key an order belongs to.
    shop_order_owners: HashMap<Arc<str>, RecordId>,
    feed: Feed,
    sample: Sample,
    /// Others pay at the same server: what no key names may be theirs.
    shared: bool,
    /// Server and provider are killed on the way.
    interrupted: bool,
    /// Nothing is killed any more: what the provider tells of its own accord has to arrive.
    at_rest: bool,
    violations: Violations,
    tally: Tally,
}

/// A key's number in the auditor; they are given in order.
pub(crate) type RecordId = usize;

/// One key: what was asked for, and what is known of the answer.
#[derive(Debug)]
struct KeyRecord {
    order: PaymentOrder,
    /// With the payment that the server named, and how it first stood.
    state: KeyState<Arc<str>, Outcome>,
    /// Of a payment that was answered as waiting for its customer.
    customer: Option<Box<Customer>>,
    /// What was done to its payment, in order.
    deeds: Vec<RecordId>,
    /// How often something was begun on the payment, or its end was heard.
    moves: u32,
}

/// A read of a payment that was asked for: whether anything was done to the payment meanwhile is
/// known when it is answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    id: RecordId,
    moves: u32,
}

/// When an answer arrived; keys that settle in the audit outlived a kill in the open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Load,
    Audit,
}

/// Where a key stands after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A final answer is known.
    Settled,
    /// To be asked again.
    Open,
    /// The answer broke a promise; asking again would only repeat the finding.
    Broken,
}

/// What was done and seen, for the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    /// Requests that got no whole answer.
    pub(crate) unanswered: u64,
    pub(crate) refused: u64,
    pub(crate) in_use: u64,
    /// Keys acknowledged, finally or with 202, under load.
    pub(crate) acknowledged: u64,
    pub(crate) replays_checked: u64,
    pub(crate) reuses_checked: u64,
    pub(crate) reads_checked: u64,
    /// Keys without any answer when the server was killed that got their final answer afterwards.
    pub(crate) unanswered_resolved: u64,
    /// Keys with a 202 when the server was killed that got their final answer afterwards.
    pub(crate) accepted_resolved: u64,
    pub(crate) completed: u64,
    pub(crate) authorized: u64,
    /// Held for a review.
    pub(crate) held: u64,
    pub(crate) action_required: u64,
    pub(crate) failed: u64,
    /// Customers whose decision the provider has told.
    pub(crate) decisions: u64,
    /// Deeds by their first final answer.
    pub(crate) confirmations: u64,
    /// Payments called off while their customers had to act.
    pub(crate) cancellations: u64,
    /// Reviews that were approved, and that were rejected.
    pub(crate) approvals: u64,
    pub(crate) rejections: u64,
    pub(crate) captures: u64,
    pub(crate) voids: u64,
    pub(crate) reversals: u64,
    pub(crate) refunds: u64,
    /// Deeds that the provider did not do, as it was answered.
    pub(crate) undone: u64,
    /// Deeds that the rules forbade.
    pub(crate) rejected: u64,
    /// Orders that were created.
    pub(crate) orders: u64,
    /// Postings of our own books that were compared.
    pub(crate) postings_checked: u64,
    /// Events of the feed that were heard.
    pub(crate) events_heard: u64,
}

impl Auditor {
    /// Remembers at most so many keys at once, and of final answers only a digest.
    pub(crate) fn sampling(seed: u64, most: usize) -> Self {
        Self { sample: Sample::new(seed, most), ..Self::default() }
    }

    /// Others pay at the same server while the audit runs.
    pub(crate) fn among_others(self) -> Self {
        Self { shared: true, ..self }
    }

    /// Server and provider are killed on the way.
    pub(crate) fn through_kills() -> Self {
        Self { interrupted: true, at_rest: false, ..Self::default() }
    }

    /// Nothing is killed from now on.
    pub(crate) fn come_to_rest(&mut self) {
        self.at_rest = true;
    }

    /// How many keys there were.
    pub(crate) fn len(&self) -> usize {
        self.intended
    }

    /// The keys of payments that are remembered, in order.
    pub(crate) fn remembered(&self) -> Vec<RecordId> {
        let mut remembered: Vec<RecordId> = self.records.keys().copied().collect();
        remembered.sort_unstable();
        remembered
    }

    /// The keys of deeds that are remembered, in order.
    pub(crate) fn remembered_deeds(&self) -> Vec<RecordId> {
        let mut remembered: Vec<RecordId> = self.deeds.keys().copied().collect();
        remembered.sort_unstable();
        remembered
    }

    /// The keys of orders that are remembered, in order.
    pub(crate) fn remembered_shop_orders(&self) -> Vec<RecordId> {
        let mut remembered: Vec<RecordId> = self.shop_orders.keys().copied().collect();
        remembered.sort_unstable();
        remembered
    }

    /// How many keys are remembered, of payments, of deeds and of orders.
    pub(crate) fn remembered_count(&self) -> usize {
        self.records.len() + self.deeds.len() + self.shop_orders.len()
    }

    /// One key in so many is remembered.
    pub(crate) fn one_in(&self) -> u64 {
        self.sample.one_in()
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    pub(crate) fn violations(&self) -> &Violations {
        &self.violations
    }

    /// What was asked for under a key that is remembered.
    pub(crate) fn order(&self, id: RecordId) -> Option<PaymentOrder> {
        self.records.get(&id).map(|record| record.order)
    }

    /// The payment that the server named for this key.
    pub(crate) fn payment(&self, id: RecordId) -> Option<Arc<str>> {
        self.records.get(&id)?.payment().map(Arc::clone)
    }

    /// The key's payment, once it is answered for good, and how it first stood; of one whose customer
    /// had to act, what it was seen to be since.
    pub(crate) fn outcome(&self, id: RecordId) -> Option<(Arc<str>, Outcome)> {
        self.outcome_of_record(self.records.get(&id)?)
    }

    fn outcome_of_record(&self, record: &KeyRecord) -> Option<(Arc<str>, Outcome)> {
        let (payment, first) = (record.state.named()?, record.state.end()?);
        let seen = record.customer.as_ref().and_then(|customer| customer.outcome(&record.order));
        Some((Arc::clone(payment), seen.unwrap_or(first)))
    }

    pub(crate) fn is_settled(&self, id: RecordId) -> bool {
        match (self.records.get(&id), self.deeds.get(&id), self.shop_orders.get(&id)) {
            (Some(record), _, _) => record.state.is_final(),
            (None, Some(deed), _) => deed.state.is_final(),
            (None, None, Some(order)) => order.state.is_final(),
            (None, None, None) => false,
        }
    }

    /// Notes an order before it is sent, so that nothing is sent that nobody remembers.
    pub(crate) fn intend(&mut self, order: PaymentOrder) -> RecordId {
        let id = self.intended;
        self.intended += 1;
        if self.sample.takes(id as u64) {
            let (state, deeds) = (KeyState::Unanswered, Vec::new());
            let record = KeyRecord { order, state, customer: None, deeds, moves: 0 };
            self.records.insert(id, record);
            if let Some(name) = &order.pays {
                self.attach_to_shop_order(name, id);
            }
        }
        if self.sample.is_full(self.records.len()) {
            self.thin_out();
        }
        id
    }

    fn thin_out(&mut self) {
        self.sample.halve();
        let sample = &self.sample;
        self.records.retain(|&id, _| sample.takes(id as u64));
        let records = &self.records;
        self.owners.retain(|_, owner| records.contains_key(owner));
        self.deeds.retain(|_, deed| records.contains_key(&deed.of));
        self.shop_orders.retain(|&id, _| sample.takes(id as u64));
        let orders = &self.shop_orders;
        self.shop_order_owners.retain(|_, owner| orders.contains_key(owner));
        let deeds = &self.deeds;
        self.refund_owners.retain(|_, owner| deeds.contains_key(owner));
    }

    /// A request got no whole answer; this alone is no violation.
    pub(crate) fn observe_silence(&mut self) {
        self.tally.requests += 1;
        self.tally.unanswered += 1;
    }

    /// An answer that tells nothing of what was asked for under the key.
    fn observe_nothing(&mut self, id: RecordId, answer: &Answer, nothing: Nothing) -> Standing {
        match nothing {
            Nothing::InUse => {
                self.tally.in_use += 1;
                if self.is_settled(id) {
                    let details = format!("after its final answer: {}", answer.quote());
                    return self.broken(ViolationKind::AnswerChanged, id, details);
                }
                Standing::Open
            }
            Nothing::Refused => {
                self.tally.refused += 1;
                Standing::Open
            }
            Nothing::KeyReused => {
                let details = format!("the key's own request: {}", answer.quote());
                self.broken(ViolationKind::UnexpectedAnswer, id, details)
            }
            Nothing::Unexpected(details) => {
                self.broken(ViolationKind::UnexpectedAnswer, id, details)
            }
        }
    }

    /// An answer to another request under a key whose final answer is known.
    pub(crate) fn observe_reuse<F, A>(
        &mut self,
        id: RecordId,
        answer: &Answer,
        meaning: &Meaning<F, A>,
    ) {
        self.tally.requests += 1;
        if meaning.is_reused() {
            self.tally.reuses_checked += 1;
        } else if meaning.is_refused() {
            self.tally.refused += 1;
        } else {
            self.broken(ViolationKind::ReuseNotRefused, id, answer.quote());
        }
    }

    /// An answer to a request that had to be refused, and was not.
    pub(crate) fn observe_invalid_accepted(&mut self, request: &str, answer: &Answer) {
        let details = format!("{request}: {}", answer.quote());
        self.note(ViolationKind::InvalidAccepted, details);
    }

    /// The key had its time and is still open.
    pub(crate) fn observe_unresolved(&mut self, id: RecordId, details: String) {
        self.broken(ViolationKind::Unresolved, id, details);
    }

    /// A finding that belongs to no single key.
    pub(crate) fn note(&mut self, kind: ViolationKind, details: String) {
        self.violations.push(Violation { kind, key: None, payment: None, details });
    }

    /// Lets go of the bytes of final answers and keeps their digests; what differs can still be
    /// told, though not where.
    pub(crate) fn release_bodies(&mut self, records: Range<RecordId>) {
        for id in records {
            if let Some(record) = self.records.get_mut(&id) {
                record.state.release_body();
            }
            if let Some(deed) = self.deeds.get_mut(&id) {
                deed.state.release_body();
            }
            if let Some(order) = self.shop_orders.get_mut(&id) {
                order.state.release_body();
            }
        }
    }

    /// How the key's payment may stand; `None` without a final answer.
    fn expected(&self, id: RecordId) -> Option<Expected> {
        let record = self.records.get(&id)?;
        Some(Expected::of(record, record.state.end()?, self.deeds_of(id)))
    }

    /// What does not fit between the provider's books, our own and the answers. Notes nothing,
    /// because the provider may still be undoing a late approval; [`Self::conclude`] does.
    pub(crate) fn compare(
        &self,
        reconciliation: Reconciliation,
        ours: Option<&OurBooks>,
    ) -> Vec<Violation> {
        reconciliation.findings(self, ours)
    }

    /// Notes what was found.
    pub(crate) fn take_over(&mut self, findings: Vec<Violation>) {
        for violation in findings {
            self.violations.push(violation);
        }
    }

    /// Takes over the last comparison. A load without any completed payment shows nothing, and that
    /// must not look like a pass.
    pub(crate) fn conclude(&mut self, findings: Vec<Violation>) {
        self.take_over(findings);
        if self.tally.completed == 0 {
            let details = "the load led to no completed payment".to_owned();
            self.note(ViolationKind::NothingProved, details);
        }
    }

    /// What a read shows that is answered as it has to be. Otherwise how it stands: open where the
    /// server refused for once, and broken where the record is `lost`, or the answer none of a read's.
    fn shown<V>(
        &mut self,
        id: RecordId,
        answer: &Answer,
        lost: ViolationKind,
        parse: impl FnOnce(&[u8]) -> Result<V, String>,
    ) -> Result<V, Standing> {
        self.tally.requests += 1;
        let why = match answer.status {
            200 => match parse(&answer.body) {
                Ok(view) => return Ok(view),
                Err(why) => why,
            },
            404 => return Err(self.broken(lost, id, answer.quote())),
            429 | 503 => {
                self.tally.refused += 1;
                return Err(Standing::Open);
            }
            _ => "read".to_owned(),
        };
        let details = format!("{why}: {}", answer.quote());
        Err(self.broken(ViolationKind::UnexpectedAnswer, id, details))
    }

    fn broken(&mut self, kind: ViolationKind, id: RecordId, details: String) -> Standing {
        let (record, deed) = (self.records.get(&id), self.deeds.get(&id));
        let (key, payment) = match (record, deed, self.shop_orders.get(&id)) {
            (Some(record), _, _) => {
                (Some(record.order.key()), record.payment().map(|payment| payment.to_string()))
            }
            (None, Some(deed), _) => (Some(deed.deed.key()), Some(deed.deed.payment.to_string())),
            (None, None, Some(record)) => (Some(record.order.key()), None),
            (None, None, None) => (None, None),
        };
        self.violations.push(Violation { kind, key, payment, details });
        Standing::Broken
    }
}

impl KeyRecord {
    fn payment(&self) -> Option<&Arc<str>> {
        self.state.named()
    }
}

impl Default for Auditor {
    fn default() -> Self {
        Self {
            records: HashMap::new(),
            deeds: HashMap::new(),
            intended: 0,
            owners: HashMap::new(),
            refund_owners: HashMap::new(),
            shop_orders: HashMap::new(),
            shop_order_owners: HashMap::new(),
            feed: Feed::default(),
            sample: Sample::default(),
            shared: false,
            interrupted: false,
            at_rest: true,
            violations: Violations::default(),
            tally: Tally::default(),
        }
    }
}

#[cfg(test)]
mod tests;
