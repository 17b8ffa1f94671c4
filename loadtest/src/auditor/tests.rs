//! The auditor told of an honest server, and of every lie.

use super::*;
use crate::answer::PaymentAnswer;
use crate::customer_act::CustomerAct;
use crate::deed::{Deed, DeedKind};
use crate::deed_answer::DeedAnswer;
use crate::order::{Capture, Card, Currency, Fault, Method, OrderNumber};
use crate::shop_order::{ShopOrder, ShopOrderAnswer, ShopOrderName};

pub(super) fn order(sequence: u32) -> PaymentOrder {
    PaymentOrder {
        number: OrderNumber { round: 0, connection: 0, sequence },
        merchant: 0,
        amount_minor: 10_000,
        currency: Currency::Inr,
        method: Method::Card(Card::Approved),
        capture: Capture::Automatic,
        fault: None,
        pays: None,
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

    assert_eq!(say_in_audit(&mut auditor, paid, replayed(completed("pay_0"))), Standing::Settled);
    assert_eq!(say_in_audit(&mut auditor, declined, replayed(failed("pay_1"))), Standing::Settled);
    assert_eq!(say_in_audit(&mut auditor, slow, accepted("pay_2")), Standing::Open);
    assert_eq!(say_in_audit(&mut auditor, slow, completed("pay_2")), Standing::Settled);
    assert_eq!(say_in_audit(&mut auditor, lost, completed("pay_3")), Standing::Settled);
    assert_eq!(
        auditor.observe_read(auditor.begin_reading(slow), &read("pay_2", "completed")),
        Standing::Settled
    );

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
    assert_eq!(auditor.observe_read(auditor.begin_reading(id), &gone), Standing::Broken);
    assert_eq!(kinds(&auditor), [ViolationKind::PaymentLost]);
}

#[test]
fn another_amount_is_found() {
    let mut auditor = Auditor::default();
    let id = auditor.intend(order(0));
    say(&mut auditor, id, completed("pay_0"));
    auditor
        .observe_read(auditor.begin_reading(id), &answer(200, false, "pay_0", "completed", 10_001));
    assert_eq!(kinds(&auditor), [ViolationKind::PaymentDiffers]);
}

#[test]
fn a_status_that_moves_after_the_final_answer_is_found() {
    let mut auditor = Auditor::default();
    let id = auditor.intend(order(0));
    say(&mut auditor, id, completed("pay_0"));
    auditor.observe_read(auditor.begin_reading(id), &read("pay_0", "failed"));
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
    assert_eq!(kinds(&auditor), [ViolationKind::UnexpectedAnswer, ViolationKind::ReuseNotRefused]);
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
        assert_eq!(
            auditor.observe_read(auditor.begin_reading(id), &read("pay_0", status)),
            Standing::Settled
        );
    }
    assert_eq!(
        auditor.observe_read(auditor.begin_reading(id), &read("pay_0", "failed")),
        Standing::Broken
    );
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
    assert_eq!(auditor.observe_read(auditor.begin_reading(id), &read), Standing::Broken);
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

const REFUND: DeedKind = DeedKind::Refund { amount_minor: 4_000 };
const CAPTURE: DeedKind = DeedKind::Capture { amount_minor: 6_000, is_final: false };

/// Something to do to the payment of that key.
pub(super) fn intend_deed(auditor: &mut Auditor, of: RecordId, kind: DeedKind) -> RecordId {
    let sequence = u32::try_from(auditor.len()).unwrap() + 1_000;
    let number = OrderNumber { round: 0, connection: 0, sequence };
    let payment = auditor.payment(of).unwrap();
    auditor.intend_deed(of, Deed { number, merchant: 0, payment, kind })
}

pub(super) fn say_deed(
    auditor: &mut Auditor,
    id: RecordId,
    status: u16,
    replayed: bool,
    body: &str,
) -> Standing {
    let problem = status >= 400;
    let answer = Answer { status, replayed, problem, body: body.as_bytes().into() };
    let meaning = DeedAnswer::of(auditor.deed(id).unwrap().kind, &answer);
    auditor.observe_deed(id, answer, meaning, Moment::Load)
}

pub(super) fn refund(id: &str, status: &str, amount: i64) -> String {
    format!(
        r#"{{"id":"{id}","payment_id":"pay_0","status":"{status}","amount_minor":{amount},"currency":"INR"}}"#
    )
}

fn payment(status: &str, captured: &str, refunded: &str) -> String {
    format!(
        r#"{{"id":"pay_0","status":"{status}","amount_minor":10000,"currency":"INR",
            "amount":"100.00","amount_captured":"{captured}","amount_refunded":"{refunded}"}}"#
    )
}

/// A payment with its first answer, and its key.
fn answered(order: PaymentOrder, first: Answer) -> (Auditor, RecordId) {
    let mut auditor = Auditor::default();
    let id = auditor.intend(order);
    say(&mut auditor, id, first);
    (auditor, id)
}

pub(super) fn reads(
    auditor: &mut Auditor,
    id: RecordId,
    status: &str,
    captured: &str,
    refunded: &str,
) {
    let reading = auditor.begin_reading(id);
    let body = payment(status, captured, refunded).into_bytes().into();
    auditor.observe_read(reading, &Answer { status: 200, replayed: false, problem: false, body });
}

fn reads_refund(auditor: &mut Auditor, id: RecordId, body: &str) -> Standing {
    let body = body.as_bytes().into();
    let answer = Answer { status: 200, replayed: false, problem: false, body };
    auditor.observe_refund_read(id, &answer)
}

#[test]
fn what_was_done_to_a_payment_shows_in_it() {
    let (mut auditor, id) = answered(order(0), authorized("pay_0"));
    let capture = intend_deed(&mut auditor, id, CAPTURE);
    let open = payment("authorized", "0.00", "0.00");
    assert_eq!(say_deed(&mut auditor, capture, 202, false, &open), Standing::Open);
    // While it is open, it may be done or not.
    reads(&mut auditor, id, "authorized", "0.00", "0.00");
    reads(&mut auditor, id, "partially_captured", "60.00", "0.00");
    let body = payment("partially_captured", "60.00", "0.00");
    assert_eq!(say_deed(&mut auditor, capture, 200, false, &body), Standing::Settled);
    let refunded = intend_deed(&mut auditor, id, REFUND);
    let body = refund("ref_1", "succeeded", 4_000);
    assert_eq!(say_deed(&mut auditor, refunded, 201, false, &body), Standing::Settled);
    let void = intend_deed(&mut auditor, id, DeedKind::Void);
    let body = payment("completed", "60.00", "40.00");
    assert_eq!(say_deed(&mut auditor, void, 200, false, &body), Standing::Settled);
    reads(&mut auditor, id, "completed", "60.00", "40.00");
    assert!(auditor.violations().is_empty());
    let tally = auditor.tally();
    assert_eq!((tally.captures, tally.refunds, tally.voids), (1, 1, 1));

    for (status, captured, refunded) in [
        ("completed", "60.00", "0.00"),
        ("completed", "60.01", "40.00"),
        ("completed", "60.00", "80.00"),
        ("partially_captured", "60.00", "40.00"),
        ("authorized", "0.00", "0.00"),
    ] {
        let before = auditor.violations().total();
        reads(&mut auditor, id, status, captured, refunded);
        assert_eq!(auditor.violations().total(), before + 1, "{status} {captured} {refunded}");
    }
}

#[test]
fn what_moved_while_it_was_read_is_not_held_against_it() {
    let (mut auditor, id) = answered(order(0), completed("pay_0"));
    let reading = auditor.begin_reading(id);
    let refunded = intend_deed(&mut auditor, id, REFUND);
    say_deed(&mut auditor, refunded, 201, false, &refund("ref_1", "succeeded", 4_000));
    let body: Box<[u8]> = payment("completed", "100.00", "0.00").into_bytes().into();
    let early = Answer { status: 200, replayed: false, problem: false, body };
    assert_eq!(auditor.observe_read(reading, &early), Standing::Settled);
    // But more than was ever asked for is.
    let body: Box<[u8]> = payment("completed", "100.00", "40.01").into_bytes().into();
    let wrong = Answer { status: 200, replayed: false, problem: false, body };
    assert_eq!(auditor.observe_read(reading, &wrong), Standing::Broken);
    assert_eq!(kinds(&auditor), [ViolationKind::PaymentDiffers]);
}

#[test]
fn an_operations_answer_that_changes_is_found() {
    let first = refund("ref_1", "succeeded", 4_000);
    for (status, replayed, again, expected) in [
        (201, true, first.clone(), None),
        (201, false, first.clone(), Some(ViolationKind::ReplayNotMarked)),
        (201, true, first.replace("succeeded", "failed"), Some(ViolationKind::AnswerChanged)),
        (201, true, first.replace("ref_1", "ref_2"), Some(ViolationKind::OperationDiffers)),
        (201, true, first.replace("4000", "4001"), Some(ViolationKind::OperationDiffers)),
        (202, true, first.replace("succeeded", "unknown"), Some(ViolationKind::AnswerChanged)),
        (
            409,
            false,
            r#"{"code":"payment_unexpected_state"}"#.to_owned(),
            Some(ViolationKind::AnswerChanged),
        ),
        (404, false, "{}".to_owned(), Some(ViolationKind::UnexpectedAnswer)),
    ] {
        let (mut auditor, id) = answered(order(0), completed("pay_0"));
        let deed = intend_deed(&mut auditor, id, REFUND);
        say_deed(&mut auditor, deed, 201, false, &first);
        say_deed(&mut auditor, deed, status, replayed, &again);
        assert_eq!(kinds(&auditor), expected.into_iter().collect::<Vec<_>>(), "{status} {again}");
    }
}

#[test]
fn a_refund_of_two_keys_is_found() {
    let (mut auditor, id) = answered(order(0), completed("pay_0"));
    for expected in [Standing::Settled, Standing::Broken] {
        let deed = intend_deed(&mut auditor, id, REFUND);
        let heard = say_deed(&mut auditor, deed, 201, false, &refund("ref_1", "succeeded", 4_000));
        assert_eq!(heard, expected);
    }
    assert_eq!(kinds(&auditor), [ViolationKind::OperationOfTwoKeys]);
}

#[test]
fn what_the_rules_forbid_is_nothing_that_was_done() {
    let (mut auditor, id) = answered(order(0), completed("pay_0"));
    let deed = intend_deed(&mut auditor, id, DeedKind::Void);
    let no = r#"{"code":"payment_unexpected_state"}"#;
    assert_eq!(say_deed(&mut auditor, deed, 409, false, no), Standing::Settled);
    assert!(auditor.is_rejected(deed));
    reads(&mut auditor, id, "completed", "100.00", "0.00");
    assert!(auditor.violations().is_empty());
    say_deed(&mut auditor, deed, 200, false, &payment("voided", "0.00", "0.00"));
    assert_eq!(kinds(&auditor), [ViolationKind::AnswerChanged]);
}

#[test]
fn a_refund_is_read_until_it_is_decided_and_then_stands() {
    let (mut auditor, id) = answered(order(0), completed("pay_0"));
    let deed = intend_deed(&mut auditor, id, REFUND);
    say_deed(&mut auditor, deed, 201, false, &refund("ref_1", "pending", 4_000));
    let pending = refund("ref_1", "pending", 4_000);
    assert_eq!(reads_refund(&mut auditor, deed, &pending), Standing::Open);
    let done = refund("ref_1", "succeeded", 4_000);
    assert_eq!(reads_refund(&mut auditor, deed, &done), Standing::Settled);
    reads(&mut auditor, id, "completed", "100.00", "40.00");
    assert!(auditor.violations().is_empty());
    let failed = refund("ref_1", "failed", 4_000);
    assert_eq!(reads_refund(&mut auditor, deed, &failed), Standing::Broken);
    let lost = Answer { status: 404, replayed: false, problem: true, body: [].into() };
    assert_eq!(auditor.observe_refund_read(deed, &lost), Standing::Broken);
    assert_eq!(kinds(&auditor), [ViolationKind::StatusChanged, ViolationKind::OperationLost]);
}

#[test]
fn a_refund_that_has_to_come_back_is_waited_for() {
    let returns = PaymentOrder { fault: Some(Fault::RefundFailsLater), ..order(0) };
    let (mut auditor, id) = answered(returns, completed("pay_0"));
    let deed = intend_deed(&mut auditor, id, REFUND);
    let done = refund("ref_1", "succeeded", 4_000);
    say_deed(&mut auditor, deed, 201, false, &done);
    assert_eq!(reads_refund(&mut auditor, deed, &done), Standing::Open);
    let failed = refund("ref_1", "failed", 4_000);
    assert_eq!(reads_refund(&mut auditor, deed, &failed), Standing::Settled);
    // Its key still tells what it was answered first.
    assert_eq!(say_deed(&mut auditor, deed, 201, true, &done), Standing::Settled);
    reads(&mut auditor, id, "completed", "100.00", "0.00");
    assert!(auditor.violations().is_empty());
}

#[test]
fn deeds_are_let_go_with_their_payments() {
    let mut auditor = Auditor::sampling(7, 100);
    for sequence in 0..2_000_u32 {
        let id = auditor.intend(order(sequence));
        say(&mut auditor, id, completed(&format!("pay_{sequence}")));
        let number = OrderNumber { round: 1, connection: 0, sequence };
        let payment = Arc::from(format!("pay_{sequence}"));
        auditor.intend_deed(id, Deed { number, merchant: 0, payment, kind: REFUND });
    }
    let (payments, deeds) = (auditor.remembered(), auditor.remembered_deeds());
    assert_eq!(payments.len(), deeds.len());
    for (payment, deed) in payments.into_iter().zip(deeds) {
        assert_eq!(auditor.deeds[&deed].of, payment);
    }
}

/// A payment that waits for its customer, its key, and his decision as it was told.
pub(super) fn waiting(capture: Capture, decision: Option<bool>) -> (Auditor, RecordId) {
    let first =
        Answer { body: shown("requires_action", "0.00").into_bytes().into(), ..completed("") };
    let (mut auditor, id) = answered(PaymentOrder { capture, ..order(0) }, first);
    if let Some(approves) = decision {
        auditor.begin_act(id, &CustomerAct { attempt: "att_0".into(), approves });
        assert_eq!(told(&mut auditor, id, approves), Some((approves, Standing::Settled)));
    }
    (auditor, id)
}

pub(super) fn shown(status: &str, captured: &str) -> String {
    let attempts = r#""attempts":[{"id":"att_0"}],"id""#;
    payment(status, captured, "0.00").replacen("\"id\"", attempts, 1)
}

/// What the provider's page says of a decision.
fn told(auditor: &mut Auditor, id: RecordId, approved: bool) -> Option<(bool, Standing)> {
    let title = if approved { "Approved" } else { "Declined" };
    let body = format!("<h1>{title}</h1>").into_bytes().into();
    auditor.observe_act(id, &Answer { status: 200, replayed: false, problem: false, body })
}

pub(super) fn failed_operation(status: &str, captured: &str) -> String {
    format!(r#"{{"code":"operation_failed","payment":{}}}"#, shown(status, captured))
}

#[test]
fn a_customers_decision_shows_in_his_payment() {
    for (capture, status, captured) in
        [(Capture::Automatic, "completed", "100.00"), (Capture::Manual, "authorized", "0.00")]
    {
        let (mut auditor, id) = waiting(capture, Some(true));
        reads(&mut auditor, id, "requires_action", "0.00", "0.00");
        assert!(auditor.is_on_its_way(id), "until it shows");
        let deed = intend_deed(&mut auditor, id, DeedKind::Confirmation);
        say_deed(&mut auditor, deed, 200, false, &shown(status, captured));
        assert!(!auditor.is_on_its_way(id));
        assert_eq!(auditor.action(id), None);
        reads(&mut auditor, id, status, captured, "0.00");
        assert!(auditor.violations().is_empty(), "{:?}", auditor.violations().first());
        reads(&mut auditor, id, "requires_action", "0.00", "0.00");
        assert_eq!(kinds(&auditor), [ViolationKind::StatusChanged], "it went back");
    }
    let (mut auditor, id) = waiting(Capture::Automatic, Some(false));
    reads(&mut auditor, id, "failed", "0.00", "0.00");
    assert!(auditor.violations().is_empty() && !auditor.is_on_its_way(id));
    reads(&mut auditor, id, "completed", "100.00", "0.00");
    assert_eq!(kinds(&auditor), [ViolationKind::StatusChanged]);
}

#[test]
fn an_approval_that_nobody_gave_is_found() {
    for (decision, status, captured) in [
        (None, "completed", "100.00"),
        (None, "failed", "0.00"),
        (Some(false), "completed", "100.00"),
        (Some(true), "failed", "0.00"),
        (Some(true), "authorized", "0.00"),
    ] {
        let (mut auditor, id) = waiting(Capture::Automatic, decision);
        let deed = intend_deed(&mut auditor, id, DeedKind::Confirmation);
        let body = shown(status, captured);
        match status {
            "failed" => {
                let body = format!(r#"{{"code":"payment_declined","payment":{body}}}"#);
                say_deed(&mut auditor, deed, 402, false, &body);
            }
            _ => drop(say_deed(&mut auditor, deed, 200, false, &body)),
        }
        assert_eq!(kinds(&auditor), [ViolationKind::StatusChanged], "{decision:?} {status}");
    }
}

#[test]
fn a_decision_that_changes_is_found() {
    let (mut auditor, id) = waiting(Capture::Automatic, Some(true));
    assert_eq!(told(&mut auditor, id, true), Some((true, Standing::Settled)));
    assert_eq!(told(&mut auditor, id, false), Some((false, Standing::Broken)));
    assert_eq!(kinds(&auditor), [ViolationKind::DecisionChanged]);
    // Nobody was asked to decline, and nobody called it off.
    let (mut auditor, id) = waiting(Capture::Automatic, None);
    auditor.begin_act(id, &CustomerAct { attempt: "att_0".into(), approves: true });
    assert_eq!(told(&mut auditor, id, false), Some((false, Standing::Broken)));
    let (mut auditor, id) = waiting(Capture::Automatic, None);
    intend_deed(&mut auditor, id, DeedKind::Cancellation);
    auditor.begin_act(id, &CustomerAct { attempt: "att_0".into(), approves: true });
    assert_eq!(told(&mut auditor, id, false), Some((false, Standing::Settled)));
}

#[test]
fn a_payment_that_is_called_off_is_voided_unless_its_customer_was_first() {
    let (mut auditor, id) = waiting(Capture::Automatic, None);
    let deed = intend_deed(&mut auditor, id, DeedKind::Cancellation);
    say_deed(&mut auditor, deed, 200, false, &shown("voided", "0.00"));
    reads(&mut auditor, id, "voided", "0.00", "0.00");
    assert!(auditor.violations().is_empty());
    reads(&mut auditor, id, "requires_action", "0.00", "0.00");
    reads(&mut auditor, id, "completed", "100.00", "0.00");
    assert_eq!(kinds(&auditor), [ViolationKind::StatusChanged; 2]);

    // The callback came first: it stands.
    let (mut auditor, id) = waiting(Capture::Automatic, Some(true));
    let deed = intend_deed(&mut auditor, id, DeedKind::Cancellation);
    let no = r#"{"code":"payment_unexpected_state"}"#;
    say_deed(&mut auditor, deed, 409, false, no);
    reads(&mut auditor, id, "completed", "100.00", "0.00");
    assert!(auditor.violations().is_empty() && !auditor.is_on_its_way(id));
    reads(&mut auditor, id, "reversed", "0.00", "0.00");
    assert_eq!(kinds(&auditor), [ViolationKind::StatusChanged]);
}

#[test]
fn an_approval_that_wins_against_a_void_has_to_be_undone() {
    for (capture, before, captured, undone) in [
        (Capture::Automatic, "completed", "100.00", "reversed"),
        (Capture::Manual, "authorized", "0.00", "voided"),
    ] {
        let (mut auditor, id) = waiting(capture, Some(true));
        let deed = intend_deed(&mut auditor, id, DeedKind::Cancellation);
        let body = failed_operation("requires_action", "0.00");
        say_deed(&mut auditor, deed, 402, false, &body);
        reads(&mut auditor, id, before, captured, "0.00");
        assert!(auditor.is_on_its_way(id), "it may not stay");
        reads(&mut auditor, id, undone, "0.00", "0.00");
        assert!(!auditor.is_on_its_way(id));
        assert!(auditor.violations().is_empty(), "{:?}", auditor.violations().first());
        reads(&mut auditor, id, undone, "100.00", "0.00");
        assert_eq!(kinds(&auditor), [ViolationKind::PaymentDiffers]);
    }
}

/// A payment that is held for a review, and its key.
pub(super) fn in_review(capture: Capture) -> (Auditor, RecordId) {
    let first =
        Answer { body: payment("review", "0.00", "0.00").into_bytes().into(), ..completed("") };
    answered(PaymentOrder { capture, ..order(0) }, first)
}

#[test]
fn a_review_is_decided_once_and_shows_in_its_payment() {
    for (capture, kind, status, captured) in [
        (Capture::Automatic, DeedKind::Approval, "completed", "100.00"),
        (Capture::Manual, DeedKind::Approval, "authorized", "0.00"),
        (Capture::Automatic, DeedKind::Rejection, "voided", "0.00"),
        (Capture::Automatic, DeedKind::Void, "voided", "0.00"),
    ] {
        let (mut auditor, id) = in_review(capture);
        reads(&mut auditor, id, "review", "0.00", "0.00");
        let deed = intend_deed(&mut auditor, id, kind);
        say_deed(&mut auditor, deed, 200, false, &payment(status, captured, "0.00"));
        reads(&mut auditor, id, status, captured, "0.00");
        assert!(auditor.violations().is_empty(), "{:?}", auditor.violations().first());
        reads(&mut auditor, id, "review", "0.00", "0.00");
        assert_eq!(kinds(&auditor), [ViolationKind::StatusChanged], "{kind:?}");
    }
    // An approval whose capture was not done leaves it authorized.
    let (mut auditor, id) = in_review(Capture::Automatic);
    let deed = intend_deed(&mut auditor, id, DeedKind::Approval);
    say_deed(&mut auditor, deed, 402, false, &failed_operation("authorized", "0.00"));
    reads(&mut auditor, id, "authorized", "0.00", "0.00");
    assert!(auditor.violations().is_empty());
    reads(&mut auditor, id, "completed", "100.00", "0.00");
    assert_eq!(kinds(&auditor), [ViolationKind::StatusChanged]);
    // What nobody has decided stays.
    let (mut auditor, id) = in_review(Capture::Automatic);
    for status in ["authorized", "completed", "voided"] {
        reads(&mut auditor, id, status, "0.00", "0.00");
    }
    assert_eq!(kinds(&auditor), [ViolationKind::StatusChanged; 3]);
}

fn shop_order(sequence: u32) -> ShopOrder {
    let number = OrderNumber { round: 2, connection: 0, sequence };
    ShopOrder { number, merchant: 0, amount_minor: 25_000, currency: Currency::Inr }
}

fn ordered(id: &str, paid: i64, attempts: u32) -> Answer {
    let status = match (paid, attempts) {
        (0, 0) => "created",
        (0, _) => "attempted",
        (25_000.., _) => "paid",
        _ => "partially_paid",
    };
    let due = 25_000 - paid;
    let body = format!(
        r#"{{"id":"{id}","status":"{status}","amount_minor":25000,"currency":"INR",
            "amount_paid_minor":{paid},"amount_due_minor":{due},"attempts":{attempts}}}"#
    );
    Answer { status: 201, replayed: false, problem: false, body: body.into_bytes().into() }
}

fn say_ordered(auditor: &mut Auditor, id: RecordId, answer: Answer) -> Standing {
    let meaning = ShopOrderAnswer::of(&answer);
    auditor.observe_shop_order(id, answer, meaning, Moment::Load)
}

fn reads_ordered(auditor: &mut Auditor, id: RecordId, paid: i64, attempts: u32) -> Standing {
    let read = Answer { status: 200, ..ordered("ord_0", paid, attempts) };
    auditor.observe_shop_order_read(id, &read)
}

/// An order, and as many payments of 10,000 for it as there are answers.
fn paid_by(answers: Vec<Answer>) -> (Auditor, RecordId) {
    let mut auditor = Auditor::default();
    let id = auditor.intend_shop_order(shop_order(0));
    assert_eq!(say_ordered(&mut auditor, id, ordered("ord_0", 0, 0)), Standing::Settled);
    for (sequence, answer) in (0..).zip(answers) {
        let pays = ShopOrderName::of("ord_0");
        let payment = auditor.intend(PaymentOrder { pays, ..order(sequence) });
        say(&mut auditor, payment, answer);
    }
    (auditor, id)
}

fn more_than_open() -> Answer {
    let body: Box<[u8]> = br#"{"code":"order_amount_exceeded"}"#.as_slice().into();
    Answer { status: 400, replayed: false, problem: true, body }
}

#[test]
fn an_order_is_paid_what_its_payments_have_taken() {
    let (mut auditor, id) =
        paid_by(vec![completed("pay_0"), failed("pay_1"), completed("pay_2"), more_than_open()]);
    assert_eq!(auditor.open_of_shop_order(id), Some(5_000));
    assert_eq!(reads_ordered(&mut auditor, id, 20_000, 3), Standing::Settled);
    assert!(auditor.violations().is_empty());
    assert_eq!((auditor.tally().orders, auditor.tally().rejected), (1, 1));
    for (paid, attempts) in [(10_000, 3), (20_001, 3), (20_000, 4), (20_000, 2), (25_000, 3)] {
        assert_eq!(reads_ordered(&mut auditor, id, paid, attempts), Standing::Broken);
    }
    assert_eq!(kinds(&auditor), [ViolationKind::OrderDiffers; 5]);
}

#[test]
fn an_order_that_is_paid_too_much_or_lost_is_found() {
    let (mut auditor, id) = paid_by(vec![completed("pay_0"), completed("pay_1")]);
    assert_eq!(reads_ordered(&mut auditor, id, 25_001, 2), Standing::Broken);
    let gone = Answer { status: 404, ..more_than_open() };
    assert_eq!(auditor.observe_shop_order_read(id, &gone), Standing::Broken);
    assert_eq!(kinds(&auditor), [ViolationKind::OrderOverpaid, ViolationKind::OrderLost]);
}

#[test]
fn what_is_open_makes_a_range_of_what_an_order_is_paid() {
    let (mut auditor, id) = paid_by(vec![completed("pay_0"), accepted("pay_1")]);
    assert_eq!(auditor.open_of_shop_order(id), None);
    for paid in [10_000, 20_000] {
        assert_eq!(reads_ordered(&mut auditor, id, paid, 2), Standing::Settled);
    }
    assert_eq!(reads_ordered(&mut auditor, id, 0, 2), Standing::Broken);
    assert_eq!(kinds(&auditor), [ViolationKind::OrderDiffers]);
}

#[test]
fn an_orders_key_tells_its_creation_for_good() {
    let again = |answer: Answer, replayed| {
        let (mut auditor, id) = paid_by(vec![completed("pay_0")]);
        say_ordered(&mut auditor, id, Answer { replayed, ..answer });
        kinds(&auditor)
    };
    assert_eq!(again(ordered("ord_0", 0, 0), true), []);
    assert_eq!(again(ordered("ord_0", 0, 0), false), [ViolationKind::ReplayNotMarked]);
    assert_eq!(again(ordered("ord_0", 10_000, 1), true), [ViolationKind::OrderDiffers]);
    assert_eq!(again(ordered("ord_1", 0, 0), true), [ViolationKind::OrderDiffers]);
    let (mut auditor, _first) = paid_by(Vec::new());
    let second = auditor.intend_shop_order(shop_order(1));
    say_ordered(&mut auditor, second, ordered("ord_0", 0, 0));
    assert_eq!(kinds(&auditor), [ViolationKind::OrderDiffers]);
}

#[test]
fn a_payment_is_refused_for_its_order_only_where_it_pays_one() {
    let mut auditor = Auditor::default();
    let id = auditor.intend(order(0));
    assert_eq!(say(&mut auditor, id, more_than_open()), Standing::Broken);
    assert_eq!(kinds(&auditor), [ViolationKind::UnexpectedAnswer]);
    let (mut auditor, _order) = paid_by(vec![more_than_open()]);
    let refused = auditor.remembered()[0];
    assert!(auditor.is_rejected(refused));
    assert_eq!(say(&mut auditor, refused, completed("pay_0")), Standing::Broken);
    assert_eq!(kinds(&auditor), [ViolationKind::AnswerChanged]);
}

#[test]
fn an_approval_that_a_decline_contradicts_may_be_believed() {
    let fault = Some(Fault::CallbackContradicts);
    let method = Method::Card(Card::Declined);
    let contradicted = PaymentOrder { method, fault, ..order(0) };
    for first in [completed("pay_0"), failed("pay_0")] {
        let (mut auditor, id) = answered(contradicted, first.clone());
        let status = if first.status == 402 { "failed" } else { "completed" };
        let captured = if first.status == 402 { "0.00" } else { "100.00" };
        reads(&mut auditor, id, status, captured, "0.00");
        assert!(auditor.violations().is_empty(), "{status}");
        // The provider has nothing of it, and need not have.
        let findings = auditor.compare(Reconciliation::default(), None);
        assert!(findings.is_empty(), "{findings:?}");
    }
    // Without such a callback, it must have.
    let (auditor, _id) = answered(order(0), completed("pay_0"));
    let findings = auditor.compare(Reconciliation::default(), None);
    assert_eq!(findings[0].kind, ViolationKind::CompletedWithoutCharge);
}
