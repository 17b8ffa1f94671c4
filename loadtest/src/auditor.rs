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
//! proportion.

mod held_body;
mod reconciliation;
mod sample;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use crate::answer::{Answer, Outcome, PaymentAnswer, PaymentView};
use crate::order::PaymentOrder;
use crate::violation::{Violation, ViolationKind, Violations};

use held_body::HeldBody;
pub(crate) use reconciliation::{LedgerPage, Reconciliation};
use sample::Sample;

/// The keys of a run and what is known about them.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    records: HashMap<RecordId, KeyRecord>,
    /// How many keys there were, remembered or not.
    intended: RecordId,
    /// Which key a payment belongs to.
    owners: HashMap<Arc<str>, RecordId>,
    sample: Sample,
    /// Others pay at the same server: what no key names may be theirs.
    shared: bool,
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

    /// How many keys there were.
    pub(crate) fn len(&self) -> usize {
        self.intended
    }

    /// The keys that are remembered, in order.
    pub(crate) fn remembered(&self) -> Vec<RecordId> {
        let mut remembered: Vec<RecordId> = self.records.keys().copied().collect();
        remembered.sort_unstable();
        remembered
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

    pub(crate) fn is_settled(&self, id: RecordId) -> bool {
        self.records.get(&id).is_some_and(|record| matches!(record.state, KeyState::Final { .. }))
    }

    /// Notes an order before it is sent, so that nothing is sent that nobody remembers.
    pub(crate) fn intend(&mut self, order: PaymentOrder) -> RecordId {
        let id = self.intended;
        self.intended += 1;
        if self.sample.takes(id as u64) {
            self.records.insert(id, KeyRecord { order, state: KeyState::Unanswered });
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

    /// An answer to a read of the key's payment.
    pub(crate) fn observe_read(&mut self, id: RecordId, answer: &Answer) -> Standing {
        self.tally.requests += 1;
        match answer.status {
            200 => match PaymentView::parse(&answer.body) {
                Ok(view) => self.observe_view(id, &view),
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
        }
    }

    /// What does not fit between the provider's approvals and the answers. Notes nothing, because
    /// the provider may still be undoing a late approval; [`Self::conclude`] does.
    pub(crate) fn compare(&self, reconciliation: Reconciliation) -> Vec<Violation> {
        reconciliation.findings(self)
    }

    /// Takes over the last comparison. A load without any completed payment shows nothing, and that
    /// must not look like a pass.
    pub(crate) fn conclude(&mut self, findings: Vec<Violation>) {
        for violation in findings {
            self.violations.push(violation);
        }
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

    fn observe_view(&mut self, id: RecordId, view: &PaymentView) -> Standing {
        self.tally.reads_checked += 1;
        if let Some(standing) = self.claim(id, view) {
            return standing;
        }
        let Some(record) = self.records.get(&id) else { return Standing::Settled };
        if let KeyState::Final { outcome, .. } = record.state {
            if !outcome.may_read(&view.status) {
                let details = format!("answered {}, reads {}", outcome.name(), view.status);
                return self.broken(ViolationKind::StatusChanged, id, details);
            }
            if let Some(details) = view.amounts_against(outcome) {
                return self.broken(ViolationKind::PaymentDiffers, id, details);
            }
        }
        Standing::Settled
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
        let key = self.records.get(&id).map(|record| record.order.key());
        let payment = self.payment(id).map(|payment| payment.to_string());
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
mod tests {
    use super::*;
    use crate::order::{Capture, Card, Currency, Method, OrderNumber};

    pub(super) fn order(sequence: u32) -> PaymentOrder {
        PaymentOrder {
            number: OrderNumber { round: 0, connection: 0, sequence },
            merchant: 0,
            amount_minor: 10_000,
            currency: Currency::Inr,
            method: Method::Card(Card::Approved),
            capture: Capture::Automatic,
            fault: None,
            respond_async: false,
        }
    }

    fn answer(status: u16, replayed: bool, payment: &str, state: &str, amount: i64) -> Answer {
        let view = format!(
            r#"{{"id":"{payment}","status":"{state}","amount_minor":{amount},"currency":"INR"}}"#
        );
        let body = if status == 402 { format!(r#"{{"payment":{view}}}"#) } else { view };
        Answer { status, replayed, problem: status == 402, body: body.into_bytes().into() }
    }

    pub(super) fn completed(payment: &str) -> Answer {
        answer(201, false, payment, "completed", 10_000)
    }

    pub(super) fn authorized(payment: &str) -> Answer {
        answer(201, false, payment, "authorized", 10_000)
    }

    pub(super) fn failed(payment: &str) -> Answer {
        answer(402, false, payment, "failed", 10_000)
    }

    fn accepted(payment: &str) -> Answer {
        answer(202, false, payment, "processing", 10_000)
    }

    fn replayed(first: Answer) -> Answer {
        Answer { replayed: true, ..first }
    }

    fn read(payment: &str, state: &str) -> Answer {
        answer(200, false, payment, state, 10_000)
    }

    pub(super) fn say(auditor: &mut Auditor, id: RecordId, answer: Answer) -> Standing {
        let meaning = PaymentAnswer::of(&answer);
        auditor.observe(id, answer, meaning, Moment::Load)
    }

    fn say_in_audit(auditor: &mut Auditor, id: RecordId, answer: Answer) -> Standing {
        let meaning = PaymentAnswer::of(&answer);
        auditor.observe(id, answer, meaning, Moment::Audit)
    }

    pub(super) fn kinds(auditor: &Auditor) -> Vec<ViolationKind> {
        auditor.violations().first().iter().map(|violation| violation.kind).collect()
    }

    #[test]
    fn a_server_that_keeps_its_word_has_no_violation() {
        let mut auditor = Auditor::default();
        let paid = auditor.intend(order(0));
        let declined = auditor.intend(order(1));
        let slow = auditor.intend(order(2));
        let lost = auditor.intend(order(3));
        assert_eq!(say(&mut auditor, paid, completed("pay_0")), Standing::Settled);
        assert_eq!(say(&mut auditor, declined, failed("pay_1")), Standing::Settled);
        assert_eq!(say(&mut auditor, slow, accepted("pay_2")), Standing::Open);
        auditor.observe_silence();

        assert_eq!(
            say_in_audit(&mut auditor, paid, replayed(completed("pay_0"))),
            Standing::Settled
        );
        assert_eq!(
            say_in_audit(&mut auditor, declined, replayed(failed("pay_1"))),
            Standing::Settled
        );
        assert_eq!(say_in_audit(&mut auditor, slow, accepted("pay_2")), Standing::Open);
        assert_eq!(say_in_audit(&mut auditor, slow, completed("pay_2")), Standing::Settled);
        assert_eq!(say_in_audit(&mut auditor, lost, completed("pay_3")), Standing::Settled);
        assert_eq!(auditor.observe_read(slow, &read("pay_2", "completed")), Standing::Settled);

        assert!(auditor.violations().is_empty());
        let tally = auditor.tally();
        assert_eq!((tally.acknowledged, tally.replays_checked), (3, 2));
        assert_eq!((tally.unanswered_resolved, tally.accepted_resolved), (1, 1));
        assert_eq!((tally.completed, tally.failed), (3, 1));
    }

    #[test]
    fn changed_bytes_are_found() {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, completed("pay_0"));
        let mut later = replayed(completed("pay_0"));
        let mut body = later.body.to_vec();
        body.push(b' ');
        later.body = body.into();
        assert_eq!(say_in_audit(&mut auditor, id, later), Standing::Broken);
        assert_eq!(kinds(&auditor), [ViolationKind::AnswerChanged]);
    }

    #[test]
    fn changed_bytes_are_found_after_the_bytes_were_released() {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, completed("pay_0"));
        auditor.release_bodies(0..1);
        assert_eq!(say(&mut auditor, id, replayed(completed("pay_0"))), Standing::Settled);
        let mut later = replayed(completed("pay_0"));
        let mut body = later.body.to_vec();
        body.push(b' ');
        later.body = body.into();
        say_in_audit(&mut auditor, id, later);
        assert_eq!(kinds(&auditor), [ViolationKind::AnswerChanged]);
    }

    #[test]
    fn a_final_answer_that_becomes_open_again_is_found() {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, completed("pay_0"));
        assert_eq!(say_in_audit(&mut auditor, id, accepted("pay_0")), Standing::Broken);
        let in_use = Answer {
            status: 409,
            replayed: false,
            problem: true,
            body: br#"{"code":"idempotency_key_in_use"}"#.as_slice().into(),
        };
        assert_eq!(say_in_audit(&mut auditor, id, in_use), Standing::Broken);
        assert_eq!(kinds(&auditor), [ViolationKind::AnswerChanged; 2]);
    }

    #[test]
    fn a_changed_status_is_found() {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, completed("pay_0"));
        say_in_audit(&mut auditor, id, replayed(failed("pay_0")));
        assert_eq!(kinds(&auditor), [ViolationKind::AnswerChanged]);
    }

    #[test]
    fn a_replay_without_its_mark_is_found() {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, completed("pay_0"));
        say_in_audit(&mut auditor, id, completed("pay_0"));
        assert_eq!(kinds(&auditor), [ViolationKind::ReplayNotMarked]);
    }

    #[test]
    fn a_key_that_names_two_payments_is_found() {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, accepted("pay_0"));
        say_in_audit(&mut auditor, id, completed("pay_9"));
        assert_eq!(kinds(&auditor), [ViolationKind::KeyNamesTwoPayments]);
    }

    #[test]
    fn a_payment_of_two_keys_is_found() {
        let mut auditor = Auditor::default();
        let (first, second) = (auditor.intend(order(0)), auditor.intend(order(1)));
        say(&mut auditor, first, completed("pay_0"));
        say(&mut auditor, second, completed("pay_0"));
        assert_eq!(kinds(&auditor), [ViolationKind::PaymentOfTwoKeys]);
    }

    #[test]
    fn a_lost_payment_is_found() {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, accepted("pay_0"));
        let gone = Answer { status: 404, replayed: false, problem: true, body: [].into() };
        assert_eq!(auditor.observe_read(id, &gone), Standing::Broken);
        assert_eq!(kinds(&auditor), [ViolationKind::PaymentLost]);
    }

    #[test]
    fn another_amount_is_found() {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, completed("pay_0"));
        auditor.observe_read(id, &answer(200, false, "pay_0", "completed", 10_001));
        assert_eq!(kinds(&auditor), [ViolationKind::PaymentDiffers]);
    }

    #[test]
    fn a_status_that_moves_after_the_final_answer_is_found() {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, completed("pay_0"));
        auditor.observe_read(id, &read("pay_0", "failed"));
        assert_eq!(kinds(&auditor), [ViolationKind::StatusChanged]);
    }

    #[test]
    fn a_reused_key_must_be_refused() {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, completed("pay_0"));
        let refusal = Answer {
            status: 422,
            replayed: false,
            problem: true,
            body: br#"{"code":"idempotency_key_reused"}"#.as_slice().into(),
        };
        auditor.observe_reuse(id, &refusal, &PaymentAnswer::of(&refusal));
        assert!(auditor.violations().is_empty());
        assert_eq!(say(&mut auditor, id, refusal), Standing::Broken);
        let paid = completed("pay_1");
        auditor.observe_reuse(id, &paid, &PaymentAnswer::of(&paid));
        assert_eq!(
            kinds(&auditor),
            [ViolationKind::UnexpectedAnswer, ViolationKind::ReuseNotRefused]
        );
    }

    #[test]
    fn an_unresolved_key_names_itself() {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(4));
        say(&mut auditor, id, accepted("pay_0"));
        auditor.observe_unresolved(id, "processing for 15 s".to_owned());
        let violation = &auditor.violations().first()[0];
        assert_eq!(violation.kind, ViolationKind::Unresolved);
        assert_eq!(violation.key.as_deref(), Some("load-r0-c0-n4"));
        assert_eq!(violation.payment.as_deref(), Some("pay_0"));
    }

    #[test]
    fn an_authorized_payment_stays_authorized_until_it_expires() {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, authorized("pay_0"));
        for status in ["authorized", "expired"] {
            assert_eq!(auditor.observe_read(id, &read("pay_0", status)), Standing::Settled);
        }
        assert_eq!(auditor.observe_read(id, &read("pay_0", "failed")), Standing::Broken);
        assert_eq!(kinds(&auditor), [ViolationKind::StatusChanged]);
    }

    #[test]
    fn amounts_that_do_not_fit_the_status_are_found() {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, completed("pay_0"));
        let body = r#"{"id":"pay_0","status":"completed","amount_minor":10000,"currency":"INR",
            "amount":"100.00","amount_captured":"200.00","amount_refunded":"0.00"}"#;
        let read = Answer { body: body.as_bytes().into(), ..read("pay_0", "completed") };
        assert_eq!(auditor.observe_read(id, &read), Standing::Broken);
        assert_eq!(kinds(&auditor), [ViolationKind::PaymentDiffers]);
    }

    #[test]
    fn a_sample_bounds_what_is_remembered_and_still_finds() {
        let mut auditor = Auditor::sampling(7, 100);
        for sequence in 0..10_000_u32 {
            let id = auditor.intend(order(sequence));
            say(&mut auditor, id, completed(&format!("pay_{sequence}")));
        }
        let remembered = auditor.remembered();
        assert!((10..=100).contains(&remembered.len()), "{}", remembered.len());
        assert!(auditor.owners.len() <= 100 && auditor.one_in() >= 100);
        assert_eq!(auditor.len(), 10_000);
        for &id in &remembered {
            let changed = answer(201, true, &format!("pay_{id}"), "completed", 10_001);
            say_in_audit(&mut auditor, id, changed);
        }
        assert_eq!(auditor.violations().total(), remembered.len() as u64);
        // What is not remembered is never held against anybody.
        let forgotten = (0..10_000).find(|id| remembered.binary_search(id).is_err()).unwrap();
        assert_eq!(say_in_audit(&mut auditor, forgotten, failed("pay_x")), Standing::Settled);
        assert_eq!(auditor.violations().total(), remembered.len() as u64);
    }
}
