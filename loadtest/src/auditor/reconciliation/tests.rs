//! The provider's books as they should be, and with every lie.

use super::super::tests::{
    authorized, completed, failed, failed_operation, in_review, intend_deed, kinds, order, refund,
    say, say_deed, shown, waiting,
};
use super::*;
use crate::auditor::LedgerPage;
use crate::order::Capture;

/// What was decided on an attempt; an approval takes all of it.
fn entry(payment: &str, attempt: &str, state: EntryState) -> LedgerEntry {
    LedgerEntry {
        attempt_id: attempt.to_owned(),
        operation_id: None,
        payment_id: payment.to_owned(),
        kind: EntryKind::Attempt,
        amount_minor: 10_000,
        currency: "INR".to_owned(),
        state,
        moved_minor: if state == EntryState::Approved { 10_000 } else { 0 },
    }
}

/// What was decided on an operation on the funds of `pay_0`.
fn operated(id: &str, kind: EntryKind, amount_minor: i64, state: EntryState) -> LedgerEntry {
    let moved_minor = match (kind, state) {
        (EntryKind::Capture, EntryState::Succeeded) | (_, EntryState::Returned) => amount_minor,
        (EntryKind::Refund | EntryKind::Reversal, EntryState::Succeeded) => -amount_minor,
        _ => 0,
    };
    LedgerEntry {
        operation_id: Some(id.to_owned()),
        kind,
        amount_minor,
        moved_minor,
        ..entry("pay_0", "att_0", state)
    }
}

fn reserved() -> LedgerEntry {
    LedgerEntry { moved_minor: 0, ..entry("pay_0", "att_0", EntryState::Approved) }
}

fn compared(auditor: &mut Auditor, entries: Vec<LedgerEntry>) -> Vec<ViolationKind> {
    let mut reconciliation = Reconciliation::default();
    for entry in entries {
        reconciliation.add(entry, auditor);
    }
    let findings = auditor.compare(reconciliation, None);
    auditor.conclude(findings);
    kinds(auditor)
}

/// One completed and one failed payment, and the ledger given.
fn reconcile(entries: Vec<LedgerEntry>) -> Vec<ViolationKind> {
    let mut auditor = Auditor::default();
    let (paid, declined) = (auditor.intend(order(0)), auditor.intend(order(1)));
    say(&mut auditor, paid, completed("pay_0"));
    say(&mut auditor, declined, failed("pay_1"));
    compared(&mut auditor, entries)
}

fn honest() -> Vec<LedgerEntry> {
    vec![
        entry("pay_0", "att_0", EntryState::Approved),
        entry("pay_1", "att_2", EntryState::Declined),
        entry("pay_1", "att_3", EntryState::Pending),
        entry("pay_9", "att_4", EntryState::Declined),
    ]
}

#[test]
fn an_honest_ledger_has_no_finding() {
    assert_eq!(reconcile(honest()), []);
}

#[test]
fn a_double_approval_is_found() {
    let mut entries = honest();
    entries.push(entry("pay_0", "att_5", EntryState::Approved));
    let expected =
        [ViolationKind::ChargedTwice, ViolationKind::MoneyDiffers, ViolationKind::SumMismatch];
    assert_eq!(reconcile(entries), expected);
}

#[test]
fn a_failed_payment_that_was_charged_is_found() {
    let mut entries = honest();
    entries.push(entry("pay_1", "att_5", EntryState::Approved));
    let expected =
        [ViolationKind::FailedButCharged, ViolationKind::MoneyDiffers, ViolationKind::SumMismatch];
    assert_eq!(reconcile(entries), expected);
}

#[test]
fn a_late_approval_that_was_undone_holds_nobodys_money() {
    let mut entries = honest();
    entries.push(entry("pay_1", "att_5", EntryState::Approved));
    entries.push(LedgerEntry {
        attempt_id: "att_5".to_owned(),
        payment_id: "pay_1".to_owned(),
        ..operated("op_1", EntryKind::Reversal, 10_000, EntryState::Succeeded)
    });
    assert_eq!(reconcile(entries), []);
}

#[test]
fn a_completed_payment_without_charge_is_found() {
    let entries = honest().split_off(1);
    let expected = [
        ViolationKind::CompletedWithoutCharge,
        ViolationKind::MoneyDiffers,
        ViolationKind::SumMismatch,
    ];
    assert_eq!(reconcile(entries), expected);
}

#[test]
fn another_amount_or_currency_is_found() {
    let mut entries = honest();
    entries[0].amount_minor += 1;
    assert_eq!(reconcile(entries), [ViolationKind::ChargeDiffers]);

    let mut entries = honest();
    entries[0].currency = "USD".to_owned();
    assert_eq!(reconcile(entries), [ViolationKind::ChargeDiffers]);
}

#[test]
fn a_sum_that_is_off_by_one_is_found() {
    let mut entries = honest();
    entries[0].moved_minor += 1;
    assert_eq!(reconcile(entries), [ViolationKind::MoneyDiffers, ViolationKind::SumMismatch]);
}

#[test]
fn a_charge_that_belongs_to_no_key_is_found() {
    let mut entries = honest();
    entries.push(entry("pay_7", "att_7", EntryState::Approved));
    let expected = [ViolationKind::ChargeWithoutPayment, ViolationKind::SumMismatch];
    assert_eq!(reconcile(entries), expected);
}

#[test]
fn a_run_without_a_completed_payment_proves_nothing() {
    let mut auditor = Auditor::default();
    let declined = auditor.intend(order(0));
    say(&mut auditor, declined, failed("pay_1"));
    assert_eq!(compared(&mut auditor, Vec::new()), [ViolationKind::NothingProved]);
}

#[test]
fn a_ledger_page_is_read_as_the_server_writes_it() {
    let page: LedgerPage = serde_json::from_str(
        r#"{"data":[{"attempt_id":"att_0","operation_id":null,"payment_id":"pay_0",
            "kind":"attempt","amount_minor":10000,"currency":"INR","state":"approved",
            "reason":null,"moved_minor":10000,"calls":1},
            {"attempt_id":"att_0","operation_id":"op_1","payment_id":"pay_0","kind":"refund",
            "amount_minor":400,"currency":"INR","state":"returned","reason":"account_closed",
            "moved_minor":400,"calls":2}],"has_more":true,"next":17}"#,
    )
    .unwrap();
    let expected = [
        entry("pay_0", "att_0", EntryState::Approved),
        operated("op_1", EntryKind::Refund, 400, EntryState::Returned),
    ];
    assert_eq!(page.data, expected);
    assert_eq!((page.has_more, page.next), (true, Some(17)));
}

#[test]
fn an_authorized_payment_is_approved_once_as_well() {
    for (approvals, expected) in [
        (0, vec![ViolationKind::CompletedWithoutCharge]),
        (1, vec![]),
        (2, vec![ViolationKind::ChargedTwice]),
    ] {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, authorized("pay_0"));
        let mut reconciliation = Reconciliation::default();
        for attempt in 0..approvals {
            let attempt_id = format!("att_{attempt}");
            reconciliation.add(LedgerEntry { attempt_id, ..reserved() }, &auditor);
        }
        let found = auditor.compare(reconciliation, None);
        let found: Vec<ViolationKind> = found.iter().map(|found| found.kind).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn where_others_pay_too_only_their_double_charges_are_findings() {
    let mut auditor = Auditor::default().among_others();
    let paid = auditor.intend(order(0));
    say(&mut auditor, paid, completed("pay_0"));
    let mut reconciliation = Reconciliation::default();
    for (payment, attempt) in
        [("pay_0", "att_0"), ("pay_7", "att_7"), ("pay_8", "att_8"), ("pay_8", "att_9")]
    {
        reconciliation.add(entry(payment, attempt, EntryState::Approved), &auditor);
    }
    assert_eq!(reconciliation.summary(), LedgerSummary { entries: 4, unnamed: 2 });
    let findings = auditor.compare(reconciliation, None);
    auditor.conclude(findings);
    assert_eq!(kinds(&auditor), [ViolationKind::ChargedTwice]);
    assert_eq!(auditor.violations().first()[0].payment.as_deref(), Some("pay_8"));
}

/// A payment that was captured in part and refunded in part, and the ledger given.
fn reconcile_operations(entries: Vec<LedgerEntry>) -> Vec<ViolationKind> {
    let mut auditor = Auditor::default();
    let (id, other) = (auditor.intend(order(0)), auditor.intend(order(1)));
    say(&mut auditor, id, authorized("pay_0"));
    say(&mut auditor, other, completed("pay_1"));
    let capture = DeedKind::Capture { amount_minor: 6_000, is_final: true };
    let deed = intend_deed(&mut auditor, id, capture);
    let body = r#"{"id":"pay_0","status":"completed","amount_minor":10000,"currency":"INR"}"#;
    say_deed(&mut auditor, deed, 200, false, body);
    for (number, status) in ["succeeded", "succeeded", "failed"].iter().enumerate() {
        let deed = intend_deed(&mut auditor, id, DeedKind::Refund { amount_minor: 500 });
        say_deed(&mut auditor, deed, 201, false, &refund(&format!("ref_{number}"), status, 500));
    }
    let mut all = vec![entry("pay_1", "att_1", EntryState::Approved), reserved()];
    all.extend(entries);
    compared(&mut auditor, all)
}

fn operations() -> Vec<LedgerEntry> {
    vec![
        operated("op_1", EntryKind::Capture, 6_000, EntryState::Succeeded),
        operated("op_2", EntryKind::Refund, 500, EntryState::Pending),
        operated("op_2", EntryKind::Refund, 500, EntryState::Succeeded),
        operated("op_3", EntryKind::Refund, 500, EntryState::Succeeded),
        operated("op_4", EntryKind::Refund, 500, EntryState::Failed),
    ]
}

#[test]
fn operations_stand_in_the_provider_s_books_as_they_were_answered() {
    assert_eq!(reconcile_operations(operations()), []);
}

#[test]
fn a_refund_that_was_done_twice_is_found() {
    let expected =
        [ViolationKind::DoneTwice, ViolationKind::MoneyDiffers, ViolationKind::SumMismatch];
    let mut entries = operations();
    entries.push(operated("op_5", EntryKind::Refund, 500, EntryState::Succeeded));
    assert_eq!(reconcile_operations(entries), expected);
    // And so is one that was answered as failed.
    let mut entries = operations();
    entries.push(operated("op_4", EntryKind::Refund, 500, EntryState::Succeeded));
    assert_eq!(reconcile_operations(entries), expected);
}

#[test]
fn a_capture_that_was_never_done_is_found() {
    let entries = operations().split_off(1);
    let expected =
        [ViolationKind::NotDone, ViolationKind::MoneyDiffers, ViolationKind::SumMismatch];
    assert_eq!(reconcile_operations(entries), expected);
}

#[test]
fn a_refund_that_came_back_and_is_told_as_done_is_found() {
    let mut entries = operations();
    entries.push(operated("op_3", EntryKind::Refund, 500, EntryState::Returned));
    let expected =
        [ViolationKind::NotDone, ViolationKind::MoneyDiffers, ViolationKind::SumMismatch];
    assert_eq!(reconcile_operations(entries), expected);
}

#[test]
fn a_reversal_leaves_nothing_moved() {
    for (entries, expected) in [
        (vec![operated("op_1", EntryKind::Reversal, 10_000, EntryState::Succeeded)], vec![]),
        (
            vec![],
            vec![ViolationKind::NotDone, ViolationKind::MoneyDiffers, ViolationKind::SumMismatch],
        ),
    ] {
        let mut auditor = Auditor::default();
        let id = auditor.intend(order(0));
        say(&mut auditor, id, completed("pay_0"));
        let deed = intend_deed(&mut auditor, id, DeedKind::Reversal);
        let body = r#"{"id":"pay_0","status":"reversed","amount_minor":10000,"currency":"INR"}"#;
        say_deed(&mut auditor, deed, 200, false, body);
        let mut all = vec![entry("pay_0", "att_0", EntryState::Approved)];
        all.extend(entries);
        assert_eq!(compared(&mut auditor, all), expected);
    }
}

#[test]
fn an_approval_stands_only_where_the_customer_gave_it() {
    let approved = || entry("pay_0", "att_0", EntryState::Approved);
    let undone = || operated("op_1", EntryKind::Reversal, 10_000, EntryState::Succeeded);
    for (decision, entries, expected) in [
        (Some(true), vec![approved()], vec![]),
        (Some(true), vec![], vec![ViolationKind::CompletedWithoutCharge]),
        (Some(true), vec![approved(), undone()], vec![ViolationKind::CompletedWithoutCharge]),
        (Some(false), vec![approved()], vec![ViolationKind::FailedButCharged]),
        (None, vec![approved()], vec![ViolationKind::FailedButCharged]),
        (None, vec![], vec![]),
    ] {
        let (auditor, _id) = waiting(Capture::Automatic, decision);
        let mut reconciliation = Reconciliation::default();
        for entry in entries.clone() {
            reconciliation.add(entry, &auditor);
        }
        let found = auditor.compare(reconciliation, None);
        let first: Vec<_> = found.into_iter().take(1).map(|found| found.kind).collect();
        assert_eq!(first, expected, "{decision:?} {entries:?}");
    }
}

#[test]
fn an_approval_that_won_against_a_void_is_reversed_at_the_provider() {
    let (mut auditor, id) = waiting(Capture::Automatic, Some(true));
    let deed = intend_deed(&mut auditor, id, DeedKind::Cancellation);
    say_deed(&mut auditor, deed, 402, false, &failed_operation("requires_action", "0.00"));
    let reading = auditor.begin_reading(id);
    let body: Box<[u8]> = shown("reversed", "0.00").into_bytes().into();
    auditor.observe_read(
        reading,
        &crate::answer::Answer { status: 200, replayed: false, problem: false, body },
    );
    let approved = entry("pay_0", "att_0", EntryState::Approved);
    let undone = operated("op_1", EntryKind::Reversal, 10_000, EntryState::Succeeded);
    let mut reconciliation = Reconciliation::default();
    for entry in [approved.clone(), undone] {
        reconciliation.add(entry, &auditor);
    }
    assert!(auditor.compare(reconciliation, None).is_empty());
    // It was told as reversed, and the provider still has the money.
    let mut reconciliation = Reconciliation::default();
    reconciliation.add(approved, &auditor);
    let kinds: Vec<_> =
        auditor.compare(reconciliation, None).into_iter().map(|found| found.kind).collect();
    assert_eq!(kinds, [ViolationKind::MoneyDiffers, ViolationKind::SumMismatch]);
}

#[test]
fn what_a_reviewer_decided_is_done_at_the_provider_once() {
    let approved = || {
        let capture = operated("op_1", EntryKind::Capture, 10_000, EntryState::Succeeded);
        vec![reserved(), capture]
    };
    let void = || operated("op_1", EntryKind::Void, 10_000, EntryState::Succeeded);
    for (kind, status, entries, expected) in [
        (DeedKind::Approval, "completed", approved(), None),
        (DeedKind::Approval, "completed", vec![reserved()], Some(ViolationKind::NotDone)),
        (DeedKind::Rejection, "voided", vec![reserved(), void()], None),
        (DeedKind::Rejection, "voided", vec![reserved()], Some(ViolationKind::NotDone)),
        (DeedKind::Rejection, "voided", approved(), Some(ViolationKind::DoneTwice)),
    ] {
        let (mut auditor, id) = in_review(Capture::Automatic);
        let deed = intend_deed(&mut auditor, id, kind);
        say_deed(&mut auditor, deed, 200, false, &shown(status, "0.00"));
        let mut reconciliation = Reconciliation::default();
        for entry in entries.clone() {
            reconciliation.add(entry, &auditor);
        }
        let found = auditor.compare(reconciliation, None);
        assert_eq!(found.first().map(|found| found.kind), expected, "{kind:?} {entries:?}");
    }
}
