//! What the server said about each key, and whether it stands by it.
//!
//! The auditor is a model: it is told what was sent and what came back, remembers the first final
//! answer of each key, and notes a [`Violation`] when a later answer contradicts an earlier one. It
//! sends nothing, waits for nothing and knows no clock, so every rule is tested without a server.
//!
//! Invariant: a key only moves from unanswered over accepted to final, and its payment never
//! changes.
//!
//! Memory: by default every key is remembered. [`Auditor::sampling`] remembers so many and no more:
//! when they are reached, every second one is let go, chosen by seed and number, and of the keys
//! that follow only as many are taken up. What is checked of a key is checked of those that are
//! remembered; the provider's books are searched for double charges as a whole, or in the same
//! proportion. What was done to a payment is remembered with it.

mod deeds;
mod expected;
mod feed;
mod held_body;
mod our_books;
mod provider_books;
mod reconciliation;
mod sample;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use crate::answer::{Answer, Outcome, PaymentAnswer, PaymentView};
use crate::order::PaymentOrder;
use crate::violation::{Violation, ViolationKind, Violations};

use deeds::{DeedRecord, DeedState};
use expected::Expected;
use feed::Feed;
pub(crate) use feed::{EventPage, FeedPlace};
use held_body::HeldBody;
pub(crate) use our_books::{AccountsPage, BalancesPage, OurBooks};
pub(crate) use provider_books::{LedgerEntry, LedgerPage};
pub(crate) use reconciliation::Reconciliation;
use sample::Sample;

/// The keys of a run and what is known about them.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    records: HashMap<RecordId, KeyRecord>,
    /// What was done to the payments of those keys.
    deeds: HashMap<RecordId, DeedRecord>,
    /// How many keys there were, remembered or not.
    intended: RecordId,
    /// Which key a payment belongs to.
    owners: HashMap<Arc<str>, RecordId>,
    /// Which key a refund belongs to.
    refund_owners: HashMap<Arc<str>, RecordId>,
    feed: Feed,
    sample: Sample,
    /// Others pay at the same server: what no key names may be theirs.
    shared: bool,
    /// Server and provider are killed on the way.
    interrupted: bool,
    violations: Violations,
    tally: Tally,
}

/// A key's number in the auditor; they are given in order.
pub(crate) type RecordId = usize;

/// One key: what was asked for, and what is known of the answer.
#[derive(Debug)]
struct KeyRecord {
    order: PaymentOrder,
    state: KeyState,
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

#[derive(Debug, Clone)]
enum KeyState {
    /// Sent, perhaps received; no answer arrived whole.
    Unanswered,
    /// 202 arrived: the payment must exist, its end is open.
    Accepted { payment: Arc<str> },
    /// The answer that must never change again.
    Final { payment: Arc<str>, status: u16, body: HeldBody, outcome: Outcome },
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
    pub(crate) action_required: u64,
    pub(crate) failed: u64,
    /// Deeds by their first final answer.
    pub(crate) captures: u64,
    pub(crate) voids: u64,
    pub(crate) reversals: u64,
    pub(crate) refunds: u64,
    /// Deeds that the provider did not do, as it was answered.
    pub(crate) undone: u64,
    /// Deeds that the rules forbade.
    pub(crate) rejected: u64,
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
        Self { interrupted: true, ..Self::default() }
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

    /// How many keys are remembered, of payments and of deeds.
    pub(crate) fn remembered_count(&self) -> usize {
        self.records.len() + self.deeds.len()
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

    /// The key's payment and how it first stood, once that is answered for good.
    pub(crate) fn outcome(&self, id: RecordId) -> Option<(Arc<str>, Outcome)> {
        match &self.records.get(&id)?.state {
            KeyState::Final { payment, outcome, .. } => Some((Arc::clone(payment), *outcome)),
            KeyState::Unanswered | KeyState::Accepted { .. } => None,
        }
    }

    pub(crate) fn is_settled(&self, id: RecordId) -> bool {
        match (self.records.get(&id), self.deeds.get(&id)) {
            (Some(record), _) => matches!(record.state, KeyState::Final { .. }),
            (None, Some(deed)) => matches!(deed.state, DeedState::Final { .. }),
            (None, None) => false,
        }
    }

    /// Notes an order before it is sent, so that nothing is sent that nobody remembers.
    pub(crate) fn intend(&mut self, order: PaymentOrder) -> RecordId {
        let id = self.intended;
        self.intended += 1;
        if self.sample.takes(id as u64) {
            let (state, deeds) = (KeyState::Unanswered, Vec::new());
            self.records.insert(id, KeyRecord { order, state, deeds, moves: 0 });
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
        let deeds = &self.deeds;
        self.refund_owners.retain(|_, owner| deeds.contains_key(owner));
    }

    /// A request got no whole answer; this alone is no violation.
    pub(crate) fn observe_silence(&mut self) {
        self.tally.requests += 1;
        self.tally.unanswered += 1;
    }

    /// An answer to the key's own request, sent for the first time or again.
    pub(crate) fn observe(
        &mut self,
        id: RecordId,
        answer: Answer,
        meaning: PaymentAnswer,
        moment: Moment,
    ) -> Standing {
        self.tally.requests += 1;
        match meaning {
            PaymentAnswer::Final { payment, outcome } => {
                self.observe_final(id, answer, &payment, outcome, moment)
            }
            PaymentAnswer::Accepted { payment } => {
                self.observe_accepted(id, &answer, &payment, moment)
            }
            PaymentAnswer::InUse => {
                self.tally.in_use += 1;
                if self.is_settled(id) {
                    let details = format!("after its final answer: {}", answer.quote());
                    return self.broken(ViolationKind::AnswerChanged, id, details);
                }
                Standing::Open
            }
            PaymentAnswer::Refused => {
                self.tally.refused += 1;
                Standing::Open
            }
            PaymentAnswer::KeyReused => {
                let details = format!("the key's own request: {}", answer.quote());
                self.broken(ViolationKind::UnexpectedAnswer, id, details)
            }
            PaymentAnswer::Unexpected(details) => {
                self.broken(ViolationKind::UnexpectedAnswer, id, details)
            }
        }
    }

    /// An answer to another request under a key whose final answer is known.
    pub(crate) fn observe_reuse(&mut self, id: RecordId, answer: &Answer, meaning: &PaymentAnswer) {
        self.tally.requests += 1;
        match meaning {
            PaymentAnswer::KeyReused => self.tally.reuses_checked += 1,
            PaymentAnswer::Refused => self.tally.refused += 1,
            PaymentAnswer::Final { .. }
            | PaymentAnswer::Accepted { .. }
            | PaymentAnswer::InUse
            | PaymentAnswer::Unexpected(_) => {
                self.broken(ViolationKind::ReuseNotRefused, id, answer.quote());
            }
        }
    }

    /// An answer to a request that had to be refused, and was not.
    pub(crate) fn observe_invalid_accepted(&mut self, request: &str, answer: &Answer) {
        let details = format!("{request}: {}", answer.quote());
        self.note(ViolationKind::InvalidAccepted, details);
    }

    /// Notes that the key's payment is about to be read.
    pub(crate) fn begin_reading(&self, id: RecordId) -> Reading {
        Reading { id, moves: self.records.get(&id).map_or(0, |record| record.moves) }
    }

    /// An answer to a read of the key's payment.
    pub(crate) fn observe_read(&mut self, reading: Reading, answer: &Answer) -> Standing {
        self.tally.requests += 1;
        let id = reading.id;
        match answer.status {
            200 => match PaymentView::parse(&answer.body) {
                Ok(view) => self.observe_view(reading, &view),
                Err(why) => {
                    let details = format!("{why}: {}", answer.quote());
                    self.broken(ViolationKind::UnexpectedAnswer, id, details)
                }
            },
            404 => self.broken(ViolationKind::PaymentLost, id, answer.quote()),
            429 | 503 => {
                self.tally.refused += 1;
                Standing::Open
            }
            _ => {
                let details = format!("read: {}", answer.quote());
                self.broken(ViolationKind::UnexpectedAnswer, id, details)
            }
        }
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
            if let Some(KeyRecord { state: KeyState::Final { body, .. }, .. }) =
                self.records.get_mut(&id)
            {
                body.release();
            }
            if let Some(DeedRecord { state: DeedState::Final { body, .. }, .. }) =
                self.deeds.get_mut(&id)
            {
                body.release();
            }
        }
    }

    /// How the key's payment may stand; `None` without a final answer.
    fn expected(&self, id: RecordId) -> Option<Expected> {
        let record = self.records.get(&id)?;
        let KeyState::Final { outcome, .. } = record.state else { return None };
        Some(Expected::of(&record.order, outcome, self.deeds_of(id)))
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

    /// Of a key that is not remembered there is nothing to say.
    fn observe_final(
        &mut self,
        id: RecordId,
        answer: Answer,
        payment: &PaymentView,
        outcome: Outcome,
        moment: Moment,
    ) -> Standing {
        if let Some(standing) = self.claim(id, payment) {
            return standing;
        }
        if let Some(details) = payment.amounts_against(outcome) {
            return self.broken(ViolationKind::PaymentDiffers, id, details);
        }
        let bounded = self.sample.is_bounded();
        let Some(record) = self.records.get_mut(&id) else { return Standing::Settled };
        let tally = &mut self.tally;
        match &record.state {
            KeyState::Final { status, body, .. } => {
                let difference = if *status == answer.status {
                    body.difference(&answer.body)
                } else {
                    Some(format!("the status was {status}"))
                };
                tally.replays_checked += 1;
                if let Some(difference) = difference {
                    let details = format!("{difference}; now {}", answer.quote());
                    return self.broken(ViolationKind::AnswerChanged, id, details);
                }
                if !answer.replayed {
                    return self.broken(ViolationKind::ReplayNotMarked, id, answer.quote());
                }
            }
            open @ (KeyState::Unanswered | KeyState::Accepted { .. }) => {
                match (open, moment) {
                    (KeyState::Unanswered, Moment::Load) => tally.acknowledged += 1,
                    (KeyState::Unanswered, Moment::Audit) => tally.unanswered_resolved += 1,
                    (KeyState::Accepted { .. }, Moment::Audit) => tally.accepted_resolved += 1,
                    (KeyState::Accepted { .. } | KeyState::Final { .. }, _) => {}
                }
                match outcome {
                    Outcome::Completed => tally.completed += 1,
                    Outcome::Authorized => tally.authorized += 1,
                    Outcome::ActionRequired => tally.action_required += 1,
                    Outcome::Failed => tally.failed += 1,
                }
                let mut body = HeldBody::whole(answer.body);
                if bounded {
                    body.release();
                }
                let payment = Arc::from(payment.id.as_str());
                record.state = KeyState::Final { payment, status: answer.status, body, outcome };
            }
        }
        Standing::Settled
    }

    fn observe_accepted(
        &mut self,
        id: RecordId,
        answer: &Answer,
        payment: &PaymentView,
        moment: Moment,
    ) -> Standing {
        if let Some(standing) = self.claim(id, payment) {
            return standing;
        }
        let Some(record) = self.records.get_mut(&id) else { return Standing::Settled };
        match &record.state {
            KeyState::Final { status, .. } => {
                let details = format!("the status was {status}; now {}", answer.quote());
                self.broken(ViolationKind::AnswerChanged, id, details)
            }
            KeyState::Accepted { .. } => Standing::Open,
            KeyState::Unanswered => {
                if moment == Moment::Load {
                    self.tally.acknowledged += 1;
                }
                record.state = KeyState::Accepted { payment: Arc::from(payment.id.as_str()) };
                Standing::Open
            }
        }
    }

    fn observe_view(&mut self, reading: Reading, view: &PaymentView) -> Standing {
        self.tally.reads_checked += 1;
        let id = reading.id;
        if let Some(standing) = self.claim(id, view) {
            return standing;
        }
        let Some(record) = self.records.get(&id) else { return Standing::Settled };
        let still = record.moves == reading.moves;
        let found = self.expected(id).and_then(|expected| expected.against(view, still));
        match found {
            Some((kind, details)) => self.broken(kind, id, details),
            None => Standing::Settled,
        }
    }

    /// Holds that this payment is the key's: the only one, of no other key, and as asked for. Gives
    /// where the key stands if that is the end of it: broken, or not remembered.
    fn claim(&mut self, id: RecordId, view: &PaymentView) -> Option<Standing> {
        let Some(record) = self.records.get(&id) else { return Some(Standing::Settled) };
        let order = record.order;
        if let Some(known) = record.payment()
            && **known != *view.id
        {
            let details = format!("first {known}, now {}", view.id);
            return Some(self.broken(ViolationKind::KeyNamesTwoPayments, id, details));
        }
        match self.owners.entry(Arc::from(view.id.as_str())) {
            Entry::Vacant(free) => {
                free.insert(id);
            }
            Entry::Occupied(owner) if *owner.get() == id => {}
            Entry::Occupied(owner) => {
                let other = self.records.get(owner.get()).map(|record| record.order.key());
                let other = other.unwrap_or_default();
                let details = format!("{} was also answered to {other}", view.id);
                return Some(self.broken(ViolationKind::PaymentOfTwoKeys, id, details));
            }
        }
        if view.amount_minor != order.amount_minor || view.currency != order.currency.code() {
            let details = format!(
                "asked for {} {}, answered {} {}",
                order.amount_minor,
                order.currency.code(),
                view.amount_minor,
                view.currency
            );
            return Some(self.broken(ViolationKind::PaymentDiffers, id, details));
        }
        None
    }

    fn broken(&mut self, kind: ViolationKind, id: RecordId, details: String) -> Standing {
        let (key, payment) = match (self.records.get(&id), self.deeds.get(&id)) {
            (Some(record), _) => {
                (Some(record.order.key()), record.payment().map(|payment| payment.to_string()))
            }
            (None, Some(deed)) => (Some(deed.deed.key()), Some(deed.deed.payment.to_string())),
            (None, None) => (None, None),
        };
        self.violations.push(Violation { kind, key, payment, details });
        Standing::Broken
    }
}

impl KeyRecord {
    fn payment(&self) -> Option<&Arc<str>> {
        match &self.state {
            KeyState::Unanswered => None,
            KeyState::Accepted { payment } | KeyState::Final { payment, .. } => Some(payment),
        }
    }
}

#[cfg(test)]
mod tests;
