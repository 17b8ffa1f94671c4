//! The event feed against the answers: every acknowledged state has its event, none is told twice,
//! and none is missing between two others.
//!
//! An event's id holds its number among those of its merchant in that mode, from one on (docs/adr,
//! 18), so that a gap shows whatever was lost in it. A payment's `sequence` counts its events, those
//! without a name included: it grows, and begins with the payment.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use super::key_state::KeyState;
use super::{Auditor, RecordId};
use crate::answer::Outcome;
use crate::deed::DeedKind;
use crate::deed_answer::DeedEnd;
use crate::order::Capture;
use crate::violation::{Violation, ViolationKind};

/// A page of `GET /api/v1/events`.
#[derive(Debug, Deserialize)]
pub(crate) struct EventPage {
    pub(crate) data: Vec<EventRow>,
    pub(crate) has_more: bool,
    pub(crate) next_after: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct EventRow {
    id: String,
    event: String,
    sequence: u32,
    data: EventSubject,
}

/// What an event tells of: an order, a payment or one of its refunds; of anything else, nothing that
/// is looked at here.
#[derive(Debug, Deserialize)]
struct EventSubject {
    #[serde(default)]
    id: String,
    #[serde(default)]
    payment_id: Option<String>,
    #[serde(default)]
    object: Option<String>,
}

/// How far one merchant's feed was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct FeedPlace {
    /// The id of the last event.
    pub(crate) after: Option<String>,
    /// Its number.
    number: u64,
}

/// What was told of the payments.
#[derive(Debug, Default)]
pub(super) struct Feed {
    payments: HashMap<Arc<str>, Told>,
    orders: HashMap<Arc<str>, OrderTold>,
}

/// What was told of one order.
#[derive(Debug, Clone, Copy, Default)]
struct OrderTold {
    sequence: u32,
    created: u8,
    paid: u8,
}

/// What was told of one payment.
#[derive(Debug, Default)]
struct Told {
    sequence: u32,
    /// By the place in [`NAMES`].
    counts: [u8; NAMES.len()],
    refunds: Vec<RefundTold>,
}

#[derive(Debug)]
struct RefundTold {
    id: Box<str>,
    begun: u8,
    completed: u8,
    failed: u8,
}

/// Events of payments whose number is looked at.
const NAMES: [&str; 9] = [
    "payment.created",
    "payment.review",
    "payment.requires_action",
    "payment.authorized",
    "payment.captured",
    "payment.completed",
    "payment.voided",
    "payment.reversed",
    "payment.failed",
];

impl Auditor {
    /// A page of a merchant's feed, read from that place on. Notes what is wrong in itself, and
    /// moves the place.
    pub(crate) fn hear_events(&mut self, place: &mut FeedPlace, page: EventPage) {
        for row in page.data {
            self.tally.events_heard += 1;
            let Some(number) = number_of(&row.id) else {
                let details = format!("{} is no event's id", row.id);
                self.note(ViolationKind::FeedUnreadable, details);
                continue;
            };
            if number > place.number + 1 {
                let details = format!(
                    "{} is number {number}, after {} ({})",
                    row.id,
                    place.number,
                    place.after.as_deref().unwrap_or("the beginning")
                );
                self.note(ViolationKind::EventMissing, details);
            } else if number <= place.number {
                let details = format!("{} is number {number}, after {}", row.id, place.number);
                self.note(ViolationKind::EventRepeated, details);
            }
            place.number = number.max(place.number);
            place.after = Some(row.id.clone());
            self.hear(&row);
        }
    }

    fn hear(&mut self, row: &EventRow) {
        if row.data.object.as_deref() == Some("order") {
            return self.hear_of_order(row);
        }
        let Some(payment) = &row.data.payment_id else { return };
        let known = match self.owners.get_key_value(payment.as_str()) {
            Some((known, _owner)) => Arc::clone(known),
            // Its key may yet be asked again; in a sample, it is none of those that are looked at.
            None if !self.sample.is_bounded() => Arc::from(payment.as_str()),
            None => return,
        };
        let told = self.feed.payments.entry(known).or_default();
        let first = told.sequence == 0;
        let complaint = if first && (row.sequence != 1 || row.event != NAMES[0]) {
            Some((ViolationKind::EventMissing, "begins with"))
        } else if row.sequence <= told.sequence {
            Some((ViolationKind::EventRepeated, "after a later one"))
        } else {
            None
        };
        told.sequence = told.sequence.max(row.sequence);
        told.count(row);
        if let Some((kind, words)) = complaint {
            let details = format!("{words} {} of sequence {}", row.event, row.sequence);
            let payment = Some(payment.clone());
            self.violations.push(Violation { kind, key: None, payment, details });
        }
    }

    fn hear_of_order(&mut self, row: &EventRow) {
        let told = self.feed.orders.entry(Arc::from(row.data.id.as_str())).or_default();
        let (before, first) = (*told, row.event == "order.created");
        told.sequence = row.sequence.max(before.sequence);
        told.created = before.created.saturating_add(first.into());
        told.paid = before.paid.saturating_add((row.event == "order.paid").into());
        let complaint = if first != (row.sequence == 1) || (!first && before.created == 0) {
            Some((ViolationKind::EventMissing, "does not begin with order.created"))
        } else if row.sequence <= before.sequence {
            Some((ViolationKind::EventRepeated, "after a later one"))
        } else {
            None
        };
        if let Some((kind, words)) = complaint {
            self.note(kind, format!("{}: {} {words}", row.data.id, row.event));
        }
    }

    /// Orders that were acknowledged, and have no event.
    fn order_findings(&self, findings: &mut Vec<Violation>) {
        for record in self.shop_orders.values() {
            let Some(name) = record.state.named() else { continue };
            let told = self.feed.orders.get(name).copied().unwrap_or_default();
            let paid = record.paid_in_full() && told.paid == 0;
            if told.created != 1 || paid {
                let (kind, key) = (ViolationKind::EventMissing, Some(record.order.key()));
                let details = format!("{name}: {told:?}");
                findings.push(Violation { kind, key, payment: None, details });
            }
        }
    }

    /// What is acknowledged and has no event, or one too many.
    pub(crate) fn feed_findings(&self) -> Vec<Violation> {
        let mut findings = Vec::new();
        self.order_findings(&mut findings);
        for id in self.remembered() {
            self.feed_findings_of(id, &mut findings);
        }
        findings
    }

    fn feed_findings_of(&self, id: RecordId, findings: &mut Vec<Violation>) {
        let record = &self.records[&id];
        let KeyState::Final { named: payment, end: first, .. } = &record.state else { return };
        let seen = record.customer.as_ref().and_then(|customer| customer.outcome(&record.order));
        let outcome = seen.unwrap_or(*first);
        let mut find = |kind, details| {
            let (key, payment) = (Some(record.order.key()), Some(payment.to_string()));
            findings.push(Violation { kind, key, payment, details });
        };
        let nothing = Told::default();
        let told = self.feed.payments.get(payment).unwrap_or(&nothing);
        let mut wanted = Wanted { counts: [(0, u8::MAX); NAMES.len()] };
        wanted.exactly("payment.created", 1);
        if *first == Outcome::ActionRequired {
            wanted.exactly("payment.requires_action", 1);
        }
        match outcome {
            Outcome::Completed | Outcome::ActionRequired => {}
            Outcome::Review => wanted.exactly("payment.review", 1),
            Outcome::Authorized => wanted.exactly("payment.authorized", 1),
            Outcome::Failed => wanted.exactly("payment.failed", 1),
        }
        let (mut left, mut open) = (record.order.amount_minor, false);
        let mut ended_by_merchant = false;
        let (mut parts, mut completed) = (0, u8::from(outcome == Outcome::Completed));
        for deed in self.deeds_of(id) {
            let done = match deed.end() {
                Some(DeedEnd::Done) => true,
                Some(DeedEnd::Undone) => false,
                Some(DeedEnd::Pending) | None => {
                    open |= !deed.deed.kind.is_refund();
                    false
                }
            };
            if matches!(deed.deed.kind, DeedKind::Void | DeedKind::Reversal) {
                ended_by_merchant |= deed.end() != Some(DeedEnd::Undone);
            }
            match deed.deed.kind {
                DeedKind::Capture { amount_minor, is_final } if done => {
                    left -= amount_minor;
                    if is_final || left == 0 {
                        completed = 1;
                    } else {
                        parts += 1;
                    }
                }
                // An approval is told as such, and what it captures by itself.
                DeedKind::Approval => {
                    if deed.state.is_final() {
                        wanted.exactly("payment.authorized", 1);
                    }
                    completed |= u8::from(done && record.order.capture == Capture::Automatic);
                }
                DeedKind::Rejection if done => wanted.exactly("payment.voided", 1),
                DeedKind::Void if done && left < record.order.amount_minor => completed = 1,
                DeedKind::Void if done => wanted.exactly("payment.voided", 1),
                DeedKind::Reversal if done => wanted.exactly("payment.reversed", 1),
                // A void that is refused is asked about, and what is told then may be told again.
                DeedKind::Cancellation if !done && !deed.state.is_rejected() => {
                    wanted.at_most("payment.requires_action", u8::MAX);
                }
                DeedKind::Cancellation if done && record.never_decided() => {
                    wanted.exactly("payment.voided", 1);
                }
                DeedKind::Confirmation
                | DeedKind::Cancellation
                | DeedKind::Rejection
                | DeedKind::Capture { .. }
                | DeedKind::Void
                | DeedKind::Reversal => {}
                DeedKind::Refund { .. } => {
                    if let KeyState::Final { named: Some(refund), end, .. } = &deed.state {
                        let told = told.refund(refund);
                        if let Some((kind, words)) = told.complaint(*end) {
                            find(kind, format!("{refund} {words}: {told:?}"));
                        }
                    }
                }
            }
        }
        // Several records of one payment: what a final capture leaves is told as completed.
        if !open {
            wanted.exactly("payment.captured", parts);
            wanted.at_least("payment.completed", completed);
        }
        wanted.at_most("payment.completed", 1);
        // What its merchant has ended, or may have, shows the same as an approval that was undone; it is
        // told by what he did, above.
        if !ended_by_merchant && record.customer.as_ref().is_some_and(|one| one.is_undone()) {
            let undone = match record.order.reserves() {
                true => "payment.voided",
                false => "payment.reversed",
            };
            wanted.exactly(undone, 1);
        }
        for ((name, told), (least, most)) in NAMES.iter().zip(told.counts).zip(wanted.counts) {
            if told < least {
                find(ViolationKind::EventMissing, format!("{name} x {told}, should be {least}"));
            } else if told > most {
                find(ViolationKind::EventRepeated, format!("{name} x {told}, at most {most}"));
            }
        }
    }
}

impl Told {
    fn count(&mut self, row: &EventRow) {
        if row.data.object.as_deref() == Some("refund") {
            let known = self.refunds.iter().position(|one| *one.id == *row.data.id);
            let place = known.unwrap_or_else(|| {
                let id = row.data.id.as_str().into();
                self.refunds.push(RefundTold { id, begun: 0, completed: 0, failed: 0 });
                self.refunds.len() - 1
            });
            let refund = &mut self.refunds[place];
            let count = match row.event.as_str() {
                "refund.processing" => &mut refund.begun,
                "refund.completed" => &mut refund.completed,
                "refund.failed" => &mut refund.failed,
                _ => return,
            };
            *count = count.saturating_add(1);
            return;
        }
        if let Some(place) = NAMES.iter().position(|name| *name == row.event) {
            self.counts[place] = self.counts[place].saturating_add(1);
        }
    }

    fn refund(&self, id: &str) -> RefundTold {
        let found = self.refunds.iter().find(|one| *one.id == *id);
        let (begun, completed, failed) =
            found.map_or((0, 0, 0), |one| (one.begun, one.completed, one.failed));
        RefundTold { id: id.into(), begun, completed, failed }
    }
}

impl RefundTold {
    /// What does not fit to a refund that stands so.
    fn complaint(&self, end: DeedEnd) -> Option<(ViolationKind, &'static str)> {
        let missing = match end {
            _ if self.begun == 0 => true,
            DeedEnd::Done => self.completed == 0,
            DeedEnd::Undone => self.failed == 0,
            DeedEnd::Pending => false,
        };
        let twice = [self.begun, self.completed, self.failed].iter().any(|count| *count > 1);
        match (missing, twice) {
            (true, _) => Some((ViolationKind::EventMissing, "lacks an event")),
            (false, true) => Some((ViolationKind::EventRepeated, "was told twice")),
            (false, false) => None,
        }
    }
}

/// How often each event may have been told.
struct Wanted {
    counts: [(u8, u8); NAMES.len()],
}

impl Wanted {
    fn exactly(&mut self, name: &str, count: u8) {
        self.at_least(name, count);
        self.at_most(name, count);
    }

    fn at_least(&mut self, name: &str, count: u8) {
        self.of(name).0 = count;
    }

    fn at_most(&mut self, name: &str, count: u8) {
        self.of(name).1 = count;
    }

    fn of(&mut self, name: &str) -> &mut (u8, u8) {
        let place = NAMES.iter().position(|known| *known == name).expect("a name of the list");
        &mut self.counts[place]
    }
}

/// The number in an event's id: the upper forty of its lowest 64 bits.
fn number_of(id: &str) -> Option<u64> {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let digits = id.strip_prefix("evt_").filter(|digits| digits.len() == 26)?;
    let mut bits = 0_u128;
    for digit in digits.bytes() {
        let value = DIGITS.iter().position(|known| *known == digit)?;
        bits = bits << 5 | value as u128;
    }
    u64::try_from((bits & u128::from(u64::MAX)) >> 24).ok()
}

#[cfg(test)]
mod tests {
    use super::super::Moment;
    use super::super::tests::{
        completed, intend_deed, kinds, order, reads, say, say_deed, shown, waiting,
    };
    use super::*;
    use crate::answer::Answer;
    use crate::order::{Currency, OrderNumber};
    use crate::shop_order::{ShopOrder, ShopOrderAnswer};

    /// The id of a merchant's event of that number.
    fn event_id(number: u64) -> String {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let bits = u128::from(number << 24 | 0x5a5a) | 7 << 64;
        let digits = (0..26).rev().map(|place| DIGITS[(bits >> (5 * place)) as usize & 31] as char);
        format!("evt_{}", digits.collect::<String>())
    }

    fn row(number: u64, event: &str, sequence: u32) -> String {
        format!(
            r#"{{"id":"{}","event":"{event}","sequence":{sequence},
                "data":{{"id":"pay_0","payment_id":"pay_0","object":"payment"}}}}"#,
            event_id(number)
        )
    }

    fn hear(rows: &[String]) -> Vec<ViolationKind> {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, completed("pay_0"));
        heard_by(&mut auditor, rows)
    }

    /// The findings on a feed, beside those of what was heard before.
    fn heard_by(auditor: &mut Auditor, rows: &[String]) -> Vec<ViolationKind> {
        let page = format!(r#"{{"data":[{}],"has_more":false,"next_after":null}}"#, rows.join(","));
        auditor.hear_events(&mut FeedPlace::default(), serde_json::from_str(&page).unwrap());
        let findings = auditor.feed_findings();
        auditor.take_over(findings);
        kinds(auditor)
    }

    /// To its payment the merchant's reversal looks like that of an approval that came too late.
    #[test]
    fn a_reversal_by_the_merchant_is_told_as_his() {
        let reversed = |events: &[&str]| {
            let (mut auditor, id) = waiting(Capture::Manual, Some(true));
            for (kind, status, captured) in [
                (DeedKind::Confirmation, "authorized", "0.00"),
                (
                    DeedKind::Capture { amount_minor: 10_000, is_final: false },
                    "completed",
                    "100.00",
                ),
                (DeedKind::Reversal, "reversed", "0.00"),
            ] {
                let deed = intend_deed(&mut auditor, id, kind);
                say_deed(&mut auditor, deed, 200, false, &shown(status, captured));
            }
            reads(&mut auditor, id, "reversed", "0.00", "0.00");
            let rows: Vec<_> = (1..)
                .zip(events)
                .map(|(number, event)| row(u64::from(number), event, number))
                .collect();
            heard_by(&mut auditor, &rows)
        };
        let told = [
            "payment.created",
            "payment.requires_action",
            "payment.authorized",
            "payment.completed",
            "payment.reversed",
        ];
        assert_eq!(reversed(&told), []);
        assert_eq!(reversed(&told[..4]), [ViolationKind::EventMissing]);
    }

    #[test]
    fn an_order_has_its_events() {
        let row = |number, event: &str, sequence| {
            row(number, event, sequence)
                .replace("\"payment_id\":\"pay_0\",\"object\":\"payment\"", "\"object\":\"order\"")
                .replace("pay_0", "ord_0")
        };
        let heard = |rows: &[String]| {
            let mut auditor = Auditor::default();
            let number = OrderNumber { round: 0, connection: 0, sequence: 0 };
            let order = ShopOrder { number, merchant: 0, amount_minor: 5, currency: Currency::Inr };
            let id = auditor.intend_shop_order(order);
            let body = r#"{"id":"ord_0","status":"created","amount_minor":5,"currency":"INR",
                "amount_paid_minor":0,"amount_due_minor":5,"attempts":0}"#;
            let body = body.as_bytes().into();
            let answer = Answer { status: 201, replayed: false, problem: false, body };
            let meaning = ShopOrderAnswer::of(&answer);
            auditor.observe_shop_order(id, answer, meaning, Moment::Load);
            heard_by(&mut auditor, rows)
        };
        let (created, paid) = (row(1, "order.created", 1), row(2, "order.paid", 2));
        assert_eq!(heard(&[created.clone(), paid.clone()]), []);
        assert_eq!(heard(&[]), [ViolationKind::EventMissing]);
        assert_eq!(
            heard(&[created.clone(), row(2, "order.paid", 1)]).first(),
            Some(&ViolationKind::EventMissing)
        );
        assert_eq!(
            heard(&[created.clone(), row(2, "order.created", 1)]).first(),
            Some(&ViolationKind::EventRepeated)
        );
    }

    #[test]
    fn numbers_are_read_from_ids() {
        for number in [1, 2, 77, 1 << 39] {
            assert_eq!(number_of(&event_id(number)), Some(number));
        }
        assert_eq!(number_of("evt_1"), None);
        assert_eq!(number_of("pay_00000000000000000000000000"), None);
    }

    #[test]
    fn a_whole_feed_has_no_finding() {
        assert_eq!(hear(&[row(1, "payment.created", 1), row(2, "payment.completed", 5)]), []);
    }

    #[test]
    fn a_lost_event_is_found_by_its_number_and_by_what_was_acknowledged() {
        let lost_last = hear(&[row(1, "payment.created", 1)]);
        assert_eq!(lost_last, [ViolationKind::EventMissing]);
        let lost_first = hear(&[row(2, "payment.completed", 5)]);
        assert_eq!(lost_first, [ViolationKind::EventMissing; 3]);
        let rows = [row(1, "payment.created", 1), row(3, "payment.completed", 5), row(4, "x.y", 6)];
        assert_eq!(hear(&rows), [ViolationKind::EventMissing]);
        assert_eq!(hear(&[]), [ViolationKind::EventMissing; 2]);
    }

    #[test]
    fn an_event_that_is_told_twice_is_found() {
        let rows = [
            row(1, "payment.created", 1),
            row(2, "payment.completed", 5),
            row(3, "payment.completed", 6),
        ];
        assert_eq!(hear(&rows), [ViolationKind::EventRepeated]);
        let same = [
            row(1, "payment.created", 1),
            row(2, "payment.completed", 5),
            row(2, "payment.completed", 5),
        ];
        assert_eq!(hear(&same), [ViolationKind::EventRepeated; 3]);
    }
}
