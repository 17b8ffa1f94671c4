//! Merchants' stories, told in short lines and answered by what a merchant, an operator and a
//! provider would see.
//!
//! ```text
//! pay 100.00 INR key=a           a payment; also: manual, live, merchant=2, upi, netbanking, wallet.
//!                                They are p1, p2, ...
//!                                order=o1 pays an order, once asks for one payment for each order
//!                                number, hold has the payment reviewed.
//! order 100.00 INR               an order. They are o1, o2, ...
//! capture 40.00 [keep] [p2]      what the merchant asks for the latest payment, or for the one named;
//!                                also void, reverse, refund, confirm, approve, reject; all take
//!                                key=a. Amounts may be left out
//! provider approves [p2]         what the provider says of the latest payment, or of the one named
//! provider does it [p2]          what it says of the latest operation on that payment; also refuses,
//!                                finds it expired, has captured it, does it later, has lost it, did
//!                                not get it, finds the account closed; #1 names the payment's first
//! resolve returned [p2]          an operator closes the payment's latest case
//! inquiry: provider approves     the same, as the answer to an inquiry; or callback:
//! wait 500ms                     time passes (ms, s, m, h, d), and what falls due is done in time
//! restart                        the process dies and comes back
//! ```
//!
//! A line is answered by what became of its payment and which calls are owed. The curtain falls on
//! every payment, and on every account that anything stands on.

#[path = "stage/stage.rs"]
mod stage;

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use stage::{
    HOUR, Stage, action_required, approved, balances, create_payment, declined, idempotency,
    merchant, money, net_banking, outcome_of, receipt, standing, target, upi, wallet,
};
use tollgate_domain::{
    Amount, CaptureMode, CapturePayment, Command, ConfirmPayment, CreateOrder, Currency,
    DecideReview, Decision, Effect, Event, FeeRule, FeeSchedule, LateApprovals, Millis, Mode,
    Money, OperationFailure, OperationOutcome, OrderId, OutcomeSource, Payment, PaymentId,
    PaymentState, Policy, ProviderOutcome, RecordOperationOutcome, RefundPayment, Rejection,
    Resolution, ResolveCase, ReversePayment, ReviewVerdict, Subject, VoidPayment, ledger::Account,
};

#[test]
fn approval() {
    check(
        "pay 100.00 INR key=a
         provider approves
         provider approves",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > provider approves
              p1 completed/approved
            > provider approves
              nothing changes

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn decline() {
    check(
        "pay 100.00 INR key=a
         provider declines
         pay 100.00 INR key=a",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > provider declines
              p1 failed/declined
            > pay 100.00 INR key=a
              p1 again, answered failed, now failed/declined

            p1 failed, authorized 0.00 INR, captured 0.00 INR, 4 events
        "#]],
    );
}

#[test]
fn nothing_was_sent() {
    check(
        "pay 100.00 INR key=a
         provider was never reached
         pay 100.00 INR key=b
         provider approves",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > provider was never reached
              p1 failed/not_sent
            > pay 100.00 INR key=b
              p2 processing/open; authorize p2
            > provider approves
              p2 completed/approved

            p1 failed, authorized 0.00 INR, captured 0.00 INR, 4 events
            p2 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn unknown_then_the_inquiry_approves() {
    check(
        "pay 100.00 INR key=a
         provider times out
         pay 100.00 INR key=a
         wait 499ms
         wait 1ms
         inquiry: provider approves
         pay 100.00 INR key=a
         wait 1d",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > provider times out
              p1 unknown/unknown
            > pay 100.00 INR key=a
              p1 again, answered unknown, now unknown/unknown
            > wait 499ms
            > wait 1ms
              after 1ms: p1 unknown/unknown; inquire p1
            > inquiry: provider approves
              p1 completed/approved
            > pay 100.00 INR key=a
              p1 again, answered completed, now completed/approved
            > wait 1d

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 6 events
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn inquiries_become_rarer_and_never_stop() {
    check(
        "pay 100.00 INR key=a
         provider times out
         wait 10m
         inquiry: provider times out
         wait 5m",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > provider times out
              p1 unknown/unknown
            > wait 10m
              after 500ms: p1 unknown/unknown; inquire p1
              after 1500ms: p1 unknown/unknown; inquire p1
              after 3500ms: p1 unknown/unknown; inquire p1
              after 8500ms: p1 unknown/unknown; inquire p1
              after 23500ms: p1 unknown/unknown; inquire p1
              after 83500ms: p1 unknown/unknown; inquire p1
              after 383500ms: p1 unknown/unknown; inquire p1
            > inquiry: provider times out
              nothing changes
            > wait 5m
              after 83500ms: p1 unknown/unknown; inquire p1

            p1 unknown, authorized 0.00 INR, captured 0.00 INR, 11 events
        "#]],
    );
}

#[test]
fn pending_until_a_callback() {
    check(
        "pay 100.00 INR key=a
         provider answers later
         wait 1500ms
         inquiry: provider answers later
         callback: provider approves
         inquiry: provider answers later",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > provider answers later
              p1 processing/pending
            > wait 1500ms
              after 500ms: p1 processing/pending; inquire p1
              after 1500ms: p1 processing/pending; inquire p1
            > inquiry: provider answers later
              nothing changes
            > callback: provider approves
              p1 completed/approved
            > inquiry: provider answers later
              nothing changes

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 7 events
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn not_found_counts_only_past_the_horizon() {
    check(
        "pay 100.00 INR key=a
         provider times out
         wait 500ms
         inquiry: provider finds nothing yet
         wait 1s
         inquiry: provider finds nothing any more
         pay 100.00 INR key=a",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > provider times out
              p1 unknown/unknown
            > wait 500ms
              after 500ms: p1 unknown/unknown; inquire p1
            > inquiry: provider finds nothing yet
              nothing changes
            > wait 1s
              after 1s: p1 unknown/unknown; inquire p1
            > inquiry: provider finds nothing any more
              p1 failed/not_sent
            > pay 100.00 INR key=a
              p1 again, answered failed, now failed/not_sent

            p1 failed, authorized 0.00 INR, captured 0.00 INR, 7 events
        "#]],
    );
}

#[test]
fn crash_between_intent_and_outcome() {
    check(
        "pay 100.00 INR key=a
         restart
         pay 100.00 INR key=a
         inquiry: provider approves
         pay 100.00 INR key=a",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > restart
              p1 unknown/unknown; inquire p1
            > pay 100.00 INR key=a
              p1 again, answered unknown, now unknown/unknown
            > inquiry: provider approves
              p1 completed/approved
            > pay 100.00 INR key=a
              p1 again, answered completed, now completed/approved

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 6 events
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn crash_while_unknown_goes_on_with_the_schedule() {
    check(
        "pay 100.00 INR
         provider times out
         wait 500ms
         restart
         restart
         wait 5s
         inquiry: provider declines
         restart",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > provider times out
              p1 unknown/unknown
            > wait 500ms
              after 500ms: p1 unknown/unknown; inquire p1
            > restart
              p1 unknown/unknown; inquire p1
            > restart
              p1 unknown/unknown; inquire p1
            > wait 5s
              after 5s: p1 unknown/unknown; inquire p1
            > inquiry: provider declines
              p1 failed/declined
            > restart
              nothing changes

            p1 failed, authorized 0.00 INR, captured 0.00 INR, 9 events
        "#]],
    );
}

#[test]
fn late_approval_after_a_decline_goes_to_exceptions() {
    check(
        "pay 100.00 INR key=a
         provider declines
         callback: provider approves
         callback: provider approves
         pay 100.00 INR key=a",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > provider declines
              p1 failed/declined
            > callback: provider approves
              p1 failed/approved_late; reversal open; call reversal of p1
            > callback: provider approves
              nothing changes
            > pay 100.00 INR key=a
              p1 again, answered failed, now failed/approved_late

            p1 failed, authorized 0.00 INR, captured 0.00 INR, 7 events, late_approval open
            simulator receivable: 100.00 INR debit
            exceptions: 100.00 INR credit
        "#]],
    );
}

#[test]
fn late_approval_after_expiry_goes_to_exceptions() {
    check(
        "pay 100.00 INR key=a
         provider asks for action
         wait 15m
         callback: provider approves
         pay 100.00 INR key=a",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > provider asks for action
              p1 requires_action/action_required
            > wait 15m
              after 15m: p1 requires_action/action_required; inquire p1
            > callback: provider approves
              p1 completed/approved
            > pay 100.00 INR key=a
              p1 again, answered requires_action, now completed/approved

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 6 events
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn late_approval_of_a_manual_capture_takes_nothing() {
    check(
        "pay 100.00 INR manual
         provider declines
         callback: provider approves",
        expect![[r#"
            > pay 100.00 INR manual
              p1 processing/open; authorize p1
            > provider declines
              p1 failed/declined
            > callback: provider approves
              p1 failed/approved_late; void open; call void of p1

            p1 failed, authorized 0.00 INR, captured 0.00 INR, 7 events, late_approval open
        "#]],
    );
}

#[test]
fn the_customer_acts_in_time() {
    check(
        "pay 100.00 INR key=a
         provider asks for action
         wait 14m
         callback: provider approves
         pay 100.00 INR key=a",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > provider asks for action
              p1 requires_action/action_required
            > wait 14m
            > callback: provider approves
              p1 completed/approved
            > pay 100.00 INR key=a
              p1 again, answered requires_action, now completed/approved

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 5 events
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn a_contradiction_asks_once() {
    check(
        "pay 100.00 INR key=a
         provider approves
         callback: provider declines
         inquiry: provider declines
         callback: provider declines
         callback: provider approves
         pay 100.00 INR key=a",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > provider approves
              p1 completed/approved
            > callback: provider declines
              p1 completed/contradicted; inquire p1
            > inquiry: provider declines
              p1 completed/denied
            > callback: provider declines
              nothing changes
            > callback: provider approves
              p1 completed/approved
            > pay 100.00 INR key=a
              p1 again, answered completed, now completed/approved

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 8 events, approval_denied withdrawn
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn same_key_other_request() {
    check(
        "pay 100.00 INR key=a
         pay 100.01 INR key=a
         pay 100.00 INR key=a manual
         provider approves
         pay 100.01 INR key=a
         pay 100.00 INR key=a",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > pay 100.01 INR key=a
              refused: idempotency key was used with another request
            > pay 100.00 INR key=a manual
              refused: idempotency key was used with another request
            > provider approves
              p1 completed/approved
            > pay 100.01 INR key=a
              refused: idempotency key was used with another request
            > pay 100.00 INR key=a
              p1 again, answered completed, now completed/approved

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn a_key_belongs_to_one_merchant_and_one_mode() {
    check(
        "pay 100.00 INR key=a
         pay 100.00 INR key=a merchant=2
         pay 100.00 INR key=a live
         provider approves p1
         provider approves p2
         provider approves p3",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > pay 100.00 INR key=a merchant=2
              p2 processing/open; authorize p2
            > pay 100.00 INR key=a live
              p3 processing/open; authorize p3
            > provider approves p1
              p1 completed/approved
            > provider approves p2
              p2 completed/approved
            > provider approves p3
              p3 completed/approved

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            p2 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            p3 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            simulator receivable: 200.00 INR debit
            merchant 1 payable: 100.00 INR credit
            merchant 2 payable: 100.00 INR credit
            live simulator receivable: 100.00 INR debit
            live merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn without_a_key_every_request_is_a_payment() {
    check(
        "pay 100.00 INR
         pay 100.00 INR
         provider approves p1
         provider approves p2",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > pay 100.00 INR
              p2 processing/open; authorize p2
            > provider approves p1
              p1 completed/approved
            > provider approves p2
              p2 completed/approved

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            p2 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            simulator receivable: 200.00 INR debit
            merchant 1 payable: 200.00 INR credit
        "#]],
    );
}

#[test]
fn a_key_is_forgotten_after_retention() {
    check(
        "pay 100.00 INR key=a
         provider approves
         wait 24h
         pay 100.00 INR key=a
         restart
         pay 100.00 INR key=a
         wait 1h
         pay 100.00 INR key=a
         provider declines",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > provider approves
              p1 completed/approved
            > wait 24h
            > pay 100.00 INR key=a
              p1 again, answered completed, now completed/approved
            > restart
              nothing changes
            > pay 100.00 INR key=a
              p1 again, answered completed, now completed/approved
            > wait 1h
              after 1h: keys forgotten, 0 remain
            > pay 100.00 INR key=a
              p2 processing/open; authorize p2
            > provider declines
              p2 failed/declined

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            p2 failed, authorized 0.00 INR, captured 0.00 INR, 4 events
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

/// Retention is kept to the millisecond, though the table counts in seconds.
#[test]
fn a_sweep_spares_keys_that_are_younger() {
    check(
        "pay 100.00 INR key=a
         provider approves
         wait 3600400ms
         pay 100.00 INR key=b
         provider approves
         wait 1d
         pay 100.00 INR key=b
         pay 100.00 INR key=a",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > provider approves
              p1 completed/approved
            > wait 3600400ms
            > pay 100.00 INR key=b
              p2 processing/open; authorize p2
            > provider approves
              p2 completed/approved
            > wait 1d
              after 86399600ms: keys forgotten, 1 remain
            > pay 100.00 INR key=b
              p2 again, answered completed, now completed/approved
            > pay 100.00 INR key=a
              p3 processing/open; authorize p3

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            p2 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            p3 processing, authorized 0.00 INR, captured 0.00 INR, 2 events
            simulator receivable: 200.00 INR debit
            merchant 1 payable: 200.00 INR credit
        "#]],
    );
}

#[test]
fn manual_capture_authorizes_then_expires() {
    check(
        "pay 100.00 INR manual key=a
         provider approves
         wait 6d
         wait 1d
         restart",
        expect![[r#"
            > pay 100.00 INR manual key=a
              p1 processing/open; authorize p1
            > provider approves
              p1 authorized/approved
            > wait 6d
              after 25h: keys forgotten, 0 remain
            > wait 1d
              after 1d: p1 authorized/approved; void open; call void of p1
            > restart
              p1 authorized/approved; void unknown; ask after void of p1

            p1 authorized, authorized 100.00 INR, captured 0.00 INR, 7 events, expires in 0ms
        "#]],
    );
}

#[test]
fn every_method_is_paid_alike() {
    check(
        "pay 100.00 INR upi
         provider asks to approve in the UPI app
         callback: provider approves
         pay 100.00 INR netbanking
         provider asks for action
         callback: provider declines
         pay 100.00 INR wallet
         provider approves",
        expect![[r#"
            > pay 100.00 INR upi
              p1 processing/open; authorize p1
            > provider asks to approve in the UPI app
              p1 requires_action/action_required
            > callback: provider approves
              p1 completed/approved
            > pay 100.00 INR netbanking
              p2 processing/open; authorize p2
            > provider asks for action
              p2 requires_action/action_required
            > callback: provider declines
              p2 failed/declined
            > pay 100.00 INR wallet
              p3 processing/open; authorize p3
            > provider approves
              p3 completed/approved

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 5 events
            p2 failed, authorized 0.00 INR, captured 0.00 INR, 5 events
            p3 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            simulator receivable: 200.00 INR debit
            merchant 1 payable: 200.00 INR credit
        "#]],
    );
}

/// Nobody can approve a card in a UPI app: what the provider means is not known, and asked.
#[test]
fn an_action_that_the_method_does_not_know_is_asked_about() {
    check(
        "pay 100.00 INR
         provider asks to approve in the UPI app
         wait 500ms
         inquiry: provider asks for action
         pay 100.00 INR upi
         provider asks for action",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > provider asks to approve in the UPI app
              p1 unknown/unknown
            > wait 500ms
              after 500ms: p1 unknown/unknown; inquire p1
            > inquiry: provider asks for action
              p1 requires_action/action_required
            > pay 100.00 INR upi
              p2 processing/open; authorize p2
            > provider asks for action
              p2 requires_action/action_required

            p1 requires_action, authorized 0.00 INR, captured 0.00 INR, 5 events
            p2 requires_action, authorized 0.00 INR, captured 0.00 INR, 3 events
        "#]],
    );
}

#[test]
fn amounts_have_the_decimals_of_their_currency() {
    check(
        "pay 5000 JPY
         provider approves
         pay 1.234 BHD
         provider approves
         pay 0.01 INR
         provider approves
         pay 9999999999.99 INR
         provider approves
         pay 250 JPY
         provider declines
         callback: provider approves",
        expect![[r#"
            > pay 5000 JPY
              p1 processing/open; authorize p1
            > provider approves
              p1 completed/approved
            > pay 1.234 BHD
              p2 processing/open; authorize p2
            > provider approves
              p2 completed/approved
            > pay 0.01 INR
              p3 processing/open; authorize p3
            > provider approves
              p3 completed/approved
            > pay 9999999999.99 INR
              p4 processing/open; authorize p4
            > provider approves
              p4 completed/approved
            > pay 250 JPY
              p5 processing/open; authorize p5
            > provider declines
              p5 failed/declined
            > callback: provider approves
              p5 failed/approved_late; reversal open; call reversal of p5

            p1 completed, authorized 5000 JPY, captured 5000 JPY, 4 events
            p2 completed, authorized 1.234 BHD, captured 1.234 BHD, 4 events
            p3 completed, authorized 0.01 INR, captured 0.01 INR, 4 events
            p4 completed, authorized 9999999999.99 INR, captured 9999999999.99 INR, 4 events
            p5 failed, authorized 0 JPY, captured 0 JPY, 7 events, late_approval open
            simulator receivable: 1.234 BHD debit
            merchant 1 payable: 1.234 BHD credit
            simulator receivable: 10000000000.00 INR debit
            merchant 1 payable: 10000000000.00 INR credit
            simulator receivable: 5250 JPY debit
            merchant 1 payable: 5000 JPY credit
            exceptions: 250 JPY credit
        "#]],
    );
}

#[test]
fn answers_in_the_wrong_order() {
    check(
        "pay 100.00 INR
         callback: provider approves
         provider answers later
         provider times out
         provider asks for action
         inquiry: provider finds nothing yet",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > callback: provider approves
              p1 completed/approved
            > provider answers later
              nothing changes
            > provider times out
              nothing changes
            > provider asks for action
              nothing changes
            > inquiry: provider finds nothing yet
              nothing changes

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn partial_captures_and_the_release_of_the_rest() {
    check(
        "pay 100.00 INR manual key=a
         provider approves
         capture 120.00
         capture 40.00 keep key=c
         capture 10.00
         provider does it
         capture 30.00 key=d
         provider does it
         capture 40.00 keep key=c
         capture
         restart",
        expect![[r#"
            > pay 100.00 INR manual key=a
              p1 processing/open; authorize p1
            > provider approves
              p1 authorized/approved
            > capture 120.00
              refused: more than what is reserved
            > capture 40.00 keep key=c
              p1 authorized/approved; capture open; call capture of p1
            > capture 10.00
              refused: capture of the payment has no outcome yet
            > provider does it
              p1 partially_captured/approved; capture succeeded
            > capture 30.00 key=d
              p1 partially_captured/approved; capture open; call capture of p1
            > provider does it
              p1 completed/approved; capture succeeded
            > capture 40.00 keep key=c
              p1 capture again, answered partially_captured/approved with succeeded, now completed/approved with succeeded
            > capture
              refused: not allowed while the payment is completed
            > restart
              nothing changes

            p1 completed, authorized 100.00 INR, captured 70.00 INR, 10 events
            simulator receivable: 70.00 INR debit
            merchant 1 payable: 70.00 INR credit
        "#]],
    );
}

#[test]
fn a_void_lets_go_of_what_is_reserved() {
    check(
        "pay 100.00 INR manual
         provider approves
         void key=v
         void
         provider does it
         void key=v
         capture
         pay 100.00 INR manual
         provider approves
         capture 40.00 keep
         provider does it
         void
         provider does it",
        expect![[r#"
            > pay 100.00 INR manual
              p1 processing/open; authorize p1
            > provider approves
              p1 authorized/approved
            > void key=v
              p1 authorized/approved; void open; call void of p1
            > void
              refused: void of the payment has no outcome yet
            > provider does it
              p1 voided/approved; void succeeded
            > void key=v
              p1 void again, answered voided/approved with succeeded, now voided/approved with succeeded
            > capture
              refused: not allowed while the payment is voided
            > pay 100.00 INR manual
              p2 processing/open; authorize p2
            > provider approves
              p2 authorized/approved
            > capture 40.00 keep
              p2 authorized/approved; capture open; call capture of p2
            > provider does it
              p2 partially_captured/approved; capture succeeded
            > void
              p2 partially_captured/approved; void open; call void of p2
            > provider does it
              p2 completed/approved; void succeeded

            p1 voided, authorized 100.00 INR, captured 0.00 INR, 7 events
            p2 completed, authorized 100.00 INR, captured 40.00 INR, 10 events
            simulator receivable: 40.00 INR debit
            merchant 1 payable: 40.00 INR credit
        "#]],
    );
}

#[test]
fn a_void_wins_against_the_customer() {
    check(
        "pay 100.00 INR
         provider asks for action
         void
         provider does it
         callback: provider approves
         provider does it
         callback: provider approves",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > provider asks for action
              p1 requires_action/action_required
            > void
              p1 requires_action/action_required; void open; call void of p1
            > provider does it
              p1 voided/cancelled; void succeeded
            > callback: provider approves
              p1 voided/approved_late; reversal open; call reversal of p1
            > provider does it
              p1 voided/approved_late; reversal succeeded
            > callback: provider approves
              nothing changes

            p1 voided, authorized 0.00 INR, captured 0.00 INR, 12 events, late_approval returned
        "#]],
    );
}

#[test]
fn the_customer_wins_against_a_void() {
    check(
        "pay 100.00 INR
         provider asks for action
         void
         callback: provider approves
         provider has captured it
         provider does it
         pay 100.00 INR manual
         provider asks for action
         void
         provider has captured it
         inquiry: provider approves
         provider does it
         pay 100.00 INR
         provider asks for action
         void
         provider did not get it
         callback: provider approves",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > provider asks for action
              p1 requires_action/action_required
            > void
              p1 requires_action/action_required; void open; call void of p1
            > callback: provider approves
              p1 completed/approved
            > provider has captured it
              p1 completed/approved; void failed; reversal open; call reversal of p1
            > provider does it
              p1 reversed/approved; reversal succeeded
            > pay 100.00 INR manual
              p2 processing/open; authorize p2
            > provider asks for action
              p2 requires_action/action_required
            > void
              p2 requires_action/action_required; void open; call void of p2
            > provider has captured it
              p2 requires_action/action_required; void failed; inquire p2
            > inquiry: provider approves
              p2 authorized/approved; void open; call void of p2
            > provider does it
              p2 voided/approved; void succeeded
            > pay 100.00 INR
              p3 processing/open; authorize p3
            > provider asks for action
              p3 requires_action/action_required
            > void
              p3 requires_action/action_required; void open; call void of p3
            > provider did not get it
              p3 requires_action/action_required; void failed
            > callback: provider approves
              p3 completed/approved

            p1 reversed, authorized 100.00 INR, captured 0.00 INR, 10 events
            p2 voided, authorized 100.00 INR, captured 0.00 INR, 11 events
            p3 completed, authorized 100.00 INR, captured 100.00 INR, 7 events
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn refunds_fail_late_and_are_credited_back() {
    check(
        "pay 100.00 INR
         provider approves
         refund 30.00 key=r
         provider does it later
         refund 70.01
         refund 70.00
         provider does it
         refund 0.01
         reverse
         callback: provider finds the account closed
         refund 70.00
         restart
         inquiry: provider does it
         refund 30.00 key=r",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > provider approves
              p1 completed/approved
            > refund 30.00 key=r
              p1 completed/approved; refund open; call refund of p1
            > provider does it later
              p1 completed/approved; refund pending
            > refund 70.01
              refused: more than what is left to refund
            > refund 70.00
              p1 completed/approved; refund open; call refund of p1
            > provider does it
              p1 completed/approved; refund succeeded
            > refund 0.01
              refused: more than what is left to refund
            > reverse
              refused: a part of the payment is refunded
            > callback: provider finds the account closed
              p1 completed/approved; refund returned
            > refund 70.00
              p1 completed/approved; refund open; call refund of p1
            > restart
              p1 completed/approved; refund pending; refund unknown; ask after refund of p1; ask after refund of p1
            > inquiry: provider does it
              p1 completed/approved; refund succeeded
            > refund 30.00 key=r
              p1 refund again, answered completed/approved with pending, now completed/approved with pending

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 14 events, refunded 70.00 INR
            simulator receivable: 30.00 INR debit
            merchant 1 refunds pending: 30.00 INR credit
        "#]],
    );
}

#[test]
fn what_was_paid_out_late_is_not_refunded_again() {
    check(
        "pay 100.00 INR
         provider approves
         refund 100.00
         provider refuses
         refund 100.00
         callback: provider does it #1
         provider refuses
         refund 1.00
         reverse
         resolve returned
         refund 100.00",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > provider approves
              p1 completed/approved
            > refund 100.00
              p1 completed/approved; refund open; call refund of p1
            > provider refuses
              p1 completed/approved; refund failed
            > refund 100.00
              p1 completed/approved; refund open; call refund of p1
            > callback: provider does it #1
              p1 completed/approved; refund succeeded_late
            > provider refuses
              p1 completed/approved; refund failed
            > refund 1.00
              refused: more than what is left to refund
            > reverse
              refused: a part of the payment is refunded
            > resolve returned
              p1 completed/approved
            > refund 100.00
              p1 completed/approved; refund open; call refund of p1

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 12 events, operation_late returned
            simulator receivable: 100.00 INR debit
            merchant 1 refunds pending: 100.00 INR credit
        "#]],
    );
}

/// The provider says at last that the money has come back: then nobody has to decide any more, and
/// what an operator has decided by then is put right. A mere no may be the first answer once more.
#[test]
fn what_was_paid_out_late_and_came_back_is_no_case_any_more() {
    check(
        "pay 100.00 INR
         provider approves
         refund 100.00
         provider refuses
         refund 100.00
         callback: provider does it #1
         provider refuses
         callback: provider refuses #1
         callback: provider finds the account closed #1
         callback: provider finds the account closed #1
         resolve returned
         refund 100.00
         provider does it
         callback: provider does it #1
         resolve assigned
         callback: provider finds the account closed #1
         pay 100.00 INR
         provider approves
         refund 60.00
         provider refuses
         refund 100.00
         provider does it
         callback: provider does it #1
         resolve dismissed
         callback: provider finds the account closed #1",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > provider approves
              p1 completed/approved
            > refund 100.00
              p1 completed/approved; refund open; call refund of p1
            > provider refuses
              p1 completed/approved; refund failed
            > refund 100.00
              p1 completed/approved; refund open; call refund of p1
            > callback: provider does it #1
              p1 completed/approved; refund succeeded_late
            > provider refuses
              p1 completed/approved; refund failed
            > callback: provider refuses #1
              nothing changes
            > callback: provider finds the account closed #1
              p1 completed/approved; refund returned
            > callback: provider finds the account closed #1
              nothing changes
            > resolve returned
              refused: no open case exc_01kf0k8y20001r9eszjybhv05b
            > refund 100.00
              p1 completed/approved; refund open; call refund of p1
            > provider does it
              p1 completed/approved; refund succeeded
            > callback: provider does it #1
              p1 completed/approved; refund succeeded_late
            > resolve assigned
              p1 completed/approved
            > callback: provider finds the account closed #1
              p1 completed/approved; refund returned
            > pay 100.00 INR
              p2 processing/open; authorize p2
            > provider approves
              p2 completed/approved
            > refund 60.00
              p2 completed/approved; refund open; call refund of p2
            > provider refuses
              p2 completed/approved; refund failed
            > refund 100.00
              p2 completed/approved; refund open; call refund of p2
            > provider does it
              p2 completed/approved; refund succeeded
            > callback: provider does it #1
              p2 completed/approved; refund succeeded_late
            > resolve dismissed
              p2 completed/approved
            > callback: provider finds the account closed #1
              p2 completed/approved; refund returned

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 19 events, refunded 100.00 INR, operation_late returned, operation_late returned
            p2 completed, authorized 100.00 INR, captured 100.00 INR, 13 events, refunded 100.00 INR, operation_late returned
        "#]],
    );
}

#[test]
fn a_refund_that_failed_and_was_done_all_the_same() {
    check(
        "pay 100.00 INR
         provider approves
         refund 60.00
         provider refuses
         callback: provider does it
         refund 40.00
         provider refuses
         refund 40.00
         provider does it
         pay 100.00 INR
         provider approves
         refund 60.00
         provider refuses
         refund 100.00
         provider does it
         callback: provider does it #1
         resolve withdrawn
         resolve assigned",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > provider approves
              p1 completed/approved
            > refund 60.00
              p1 completed/approved; refund open; call refund of p1
            > provider refuses
              p1 completed/approved; refund failed
            > callback: provider does it
              p1 completed/approved; refund succeeded
            > refund 40.00
              p1 completed/approved; refund open; call refund of p1
            > provider refuses
              p1 completed/approved; refund failed
            > refund 40.00
              p1 completed/approved; refund open; call refund of p1
            > provider does it
              p1 completed/approved; refund succeeded
            > pay 100.00 INR
              p2 processing/open; authorize p2
            > provider approves
              p2 completed/approved
            > refund 60.00
              p2 completed/approved; refund open; call refund of p2
            > provider refuses
              p2 completed/approved; refund failed
            > refund 100.00
              p2 completed/approved; refund open; call refund of p2
            > provider does it
              p2 completed/approved; refund succeeded
            > callback: provider does it #1
              p2 completed/approved; refund succeeded_late
            > resolve withdrawn
              refused: a case of operation_late is not resolved by withdrawn
            > resolve assigned
              p2 completed/approved

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 11 events, refunded 100.00 INR
            p2 completed, authorized 100.00 INR, captured 100.00 INR, 11 events, refunded 100.00 INR, operation_late assigned
            simulator receivable: 60.00 INR credit
            merchant 1 payable: 60.00 INR debit
        "#]],
    );
}

#[test]
fn a_reversal_undoes_the_whole() {
    check(
        "pay 100.00 INR
         provider approves
         reverse key=v
         refund 10.00
         provider has lost it
         wait 500ms
         inquiry: provider does it
         reverse key=v
         refund 10.00",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > provider approves
              p1 completed/approved
            > reverse key=v
              p1 completed/approved; reversal open; call reversal of p1
            > refund 10.00
              refused: reversal of the payment has no outcome yet
            > provider has lost it
              p1 completed/approved; reversal unknown
            > wait 500ms
              after 500ms: p1 completed/approved; reversal unknown; ask after reversal of p1
            > inquiry: provider does it
              p1 reversed/approved; reversal succeeded
            > reverse key=v
              p1 reversal again, answered reversed/approved with succeeded, now reversed/approved with succeeded
            > refund 10.00
              refused: not allowed while the payment is reversed

            p1 reversed, authorized 100.00 INR, captured 0.00 INR, 9 events
        "#]],
    );
}

#[test]
fn a_confirmation_ends_with_whatever_the_provider_says() {
    check(
        "pay 100.00 INR
         provider asks for action
         confirm
         void
         provider asks for action
         confirm
         provider has lost it
         wait 500ms
         inquiry: provider declines
         pay 100.00 INR
         provider asks for action
         confirm key=c
         provider approves
         reverse
         provider does it
         confirm key=c",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > provider asks for action
              p1 requires_action/action_required
            > confirm
              p1 requires_action/action_required; confirmation open; call confirmation of p1
            > void
              refused: confirmation of the payment has no outcome yet
            > provider asks for action
              p1 requires_action/action_required; confirmation succeeded
            > confirm
              p1 requires_action/action_required; confirmation open; call confirmation of p1
            > provider has lost it
              p1 requires_action/action_required; confirmation unknown
            > wait 500ms
              after 500ms: p1 requires_action/action_required; confirmation unknown; inquire p1
            > inquiry: provider declines
              p1 failed/declined; confirmation succeeded
            > pay 100.00 INR
              p2 processing/open; authorize p2
            > provider asks for action
              p2 requires_action/action_required
            > confirm key=c
              p2 requires_action/action_required; confirmation open; call confirmation of p2
            > provider approves
              p2 completed/approved; confirmation succeeded
            > reverse
              p2 completed/approved; reversal open; call reversal of p2
            > provider does it
              p2 reversed/approved; reversal succeeded
            > confirm key=c
              p2 confirmation again, answered completed/approved with succeeded, now reversed/approved with succeeded

            p1 failed, authorized 0.00 INR, captured 0.00 INR, 11 events
            p2 reversed, authorized 100.00 INR, captured 0.00 INR, 10 events
        "#]],
    );
}

#[test]
fn an_action_that_nobody_takes_is_asked_about_and_called_off() {
    check(
        "pay 100.00 INR upi key=a
         provider asks to approve in the UPI app
         wait 15m
         inquiry: provider times out
         wait 1s
         inquiry: provider asks to approve in the UPI app
         provider did not get it
         wait 500ms
         provider does it
         pay 100.00 INR upi key=a
         callback: provider approves",
        expect![[r#"
            > pay 100.00 INR upi key=a
              p1 processing/open; authorize p1
            > provider asks to approve in the UPI app
              p1 requires_action/action_required
            > wait 15m
              after 15m: p1 requires_action/action_required; inquire p1
            > inquiry: provider times out
              nothing changes
            > wait 1s
              after 1s: p1 requires_action/action_required; inquire p1
            > inquiry: provider asks to approve in the UPI app
              p1 requires_action/action_required; void open; call void of p1
            > provider did not get it
              p1 requires_action/action_required; void waiting
            > wait 500ms
              after 500ms: p1 requires_action/action_required; void open; call void of p1
            > provider does it
              p1 expired/cancelled; void succeeded
            > pay 100.00 INR upi key=a
              p1 again, answered requires_action, now expired/cancelled
            > callback: provider approves
              p1 expired/approved_late; reversal open; call reversal of p1

            p1 expired, authorized 0.00 INR, captured 0.00 INR, 14 events, late_approval open
            simulator receivable: 100.00 INR debit
            exceptions: 100.00 INR credit
        "#]],
    );
}

/// The bug: a void that the provider refused ended the payment unasked, while the customer's approval
/// stood at the provider.
#[test]
fn an_action_that_cannot_be_called_off_is_asked_about_before_it_expires() {
    check(
        "pay 100.00 INR upi key=a
         provider asks to approve in the UPI app
         wait 15m
         inquiry: provider asks to approve in the UPI app
         provider refuses
         inquiry: provider approves
         pay 100.00 INR upi key=b
         provider asks to approve in the UPI app
         wait 15m
         inquiry: provider asks to approve in the UPI app
         provider refuses
         inquiry: provider asks to approve in the UPI app
         provider refuses
         inquiry: provider asks to approve in the UPI app",
        expect![[r#"
            > pay 100.00 INR upi key=a
              p1 processing/open; authorize p1
            > provider asks to approve in the UPI app
              p1 requires_action/action_required
            > wait 15m
              after 15m: p1 requires_action/action_required; inquire p1
            > inquiry: provider asks to approve in the UPI app
              p1 requires_action/action_required; void open; call void of p1
            > provider refuses
              p1 requires_action/action_required; void failed; inquire p1
            > inquiry: provider approves
              p1 completed/approved
            > pay 100.00 INR upi key=b
              p2 processing/open; authorize p2
            > provider asks to approve in the UPI app
              p2 requires_action/action_required
            > wait 15m
              after 15m: p2 requires_action/action_required; inquire p2
            > inquiry: provider asks to approve in the UPI app
              p2 requires_action/action_required; void open; call void of p2
            > provider refuses
              p2 requires_action/action_required; void failed; inquire p2
            > inquiry: provider asks to approve in the UPI app
              p2 requires_action/action_required; void open; call void of p2
            > provider refuses
              p2 requires_action/action_required; void failed; inquire p2
            > inquiry: provider asks to approve in the UPI app
              p2 expired/action_required

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 9 events
            p2 expired, authorized 0.00 INR, captured 0.00 INR, 11 events
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

/// The bug: an old message of the provider's, on a long way, ended the payment as if it were an answer.
#[test]
fn an_old_message_does_not_end_an_action() {
    check(
        "pay 100.00 INR upi key=a
         provider asks to approve in the UPI app
         wait 15m
         callback: provider asks to approve in the UPI app
         inquiry: provider approves",
        expect![[r#"
            > pay 100.00 INR upi key=a
              p1 processing/open; authorize p1
            > provider asks to approve in the UPI app
              p1 requires_action/action_required
            > wait 15m
              after 15m: p1 requires_action/action_required; inquire p1
            > callback: provider asks to approve in the UPI app
              nothing changes
            > inquiry: provider approves
              p1 completed/approved

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 6 events
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn reviews() {
    check(
        "pay 100.00 INR hold
         provider approves
         capture
         approve
         provider does it
         pay 100.00 INR hold manual
         provider approves
         approve key=a
         capture
         provider does it
         approve key=a
         pay 100.00 INR hold
         provider approves
         reject
         provider does it
         approve",
        expect![[r#"
            > pay 100.00 INR hold
              p1 processing/open; authorize p1
            > provider approves
              p1 review/approved
            > capture
              refused: not allowed while the payment is review
            > approve
              p1 authorized/approved; capture open; call capture of p1
            > provider does it
              p1 completed/approved; capture succeeded
            > pay 100.00 INR hold manual
              p2 processing/open; authorize p2
            > provider approves
              p2 review/approved
            > approve key=a
              p2 authorized/approved
            > capture
              p2 authorized/approved; capture open; call capture of p2
            > provider does it
              p2 completed/approved; capture succeeded
            > approve key=a
              p2 again, answered authorized/approved, now completed/approved
            > pay 100.00 INR hold
              p3 processing/open; authorize p3
            > provider approves
              p3 review/approved
            > reject
              p3 review/approved; void open; call void of p3
            > provider does it
              p3 voided/approved; void succeeded
            > approve
              refused: not allowed while the payment is voided

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 8 events
            p2 completed, authorized 100.00 INR, captured 100.00 INR, 8 events
            p3 voided, authorized 100.00 INR, captured 0.00 INR, 7 events
            simulator receivable: 200.00 INR debit
            merchant 1 payable: 200.00 INR credit
        "#]],
    );
}

#[test]
fn orders_are_paid_by_several_and_never_more() {
    check(
        "order 100.00 INR
         pay 60.00 INR order=o1
         pay 41.00 INR order=o1
         pay 40.00 JPY order=o1
         pay 40.00 INR order=o1
         provider declines
         pay 40.00 INR order=o1 manual
         provider approves
         capture 25.00
         provider approves p1
         provider does it p3
         pay 15.00 INR order=o1
         provider approves
         pay 0.01 INR order=o1
         refund 15.00
         provider does it",
        expect![[r#"
            > order 100.00 INR
              o1 created
            > pay 60.00 INR order=o1
              p1 processing/open; authorize p1
            > pay 41.00 INR order=o1
              refused: more than what is open of the order
            > pay 40.00 JPY order=o1
              refused: the order is in INR
            > pay 40.00 INR order=o1
              p2 processing/open; authorize p2
            > provider declines
              p2 failed/declined
            > pay 40.00 INR order=o1 manual
              p3 processing/open; authorize p3
            > provider approves
              p3 authorized/approved
            > capture 25.00
              p3 authorized/approved; capture open; call capture of p3
            > provider approves p1
              p1 completed/approved
            > provider does it p3
              p3 completed/approved; capture succeeded
            > pay 15.00 INR order=o1
              p4 processing/open; authorize p4
            > provider approves
              p4 completed/approved
            > pay 0.01 INR order=o1
              refused: more than what is open of the order
            > refund 15.00
              p4 completed/approved; refund open; call refund of p4
            > provider does it
              p4 completed/approved; refund succeeded

            p1 completed, authorized 60.00 INR, captured 60.00 INR, 4 events
            p2 failed, authorized 0.00 INR, captured 0.00 INR, 4 events
            p3 completed, authorized 40.00 INR, captured 25.00 INR, 7 events
            p4 completed, authorized 15.00 INR, captured 15.00 INR, 6 events, refunded 15.00 INR
            o1 paid, paid 100.00 INR, reserved 0.00 INR
            simulator receivable: 85.00 INR debit
            merchant 1 payable: 85.00 INR credit
        "#]],
    );
}

#[test]
fn one_payment_for_each_order_number() {
    check(
        "pay 100.00 INR once
         provider declines
         pay 100.00 INR once
         pay 100.00 INR once
         provider approves p2
         pay 100.00 INR once
         pay 100.00 INR",
        expect![[r#"
            > pay 100.00 INR once
              p1 processing/open; authorize p1
            > provider declines
              p1 failed/declined
            > pay 100.00 INR once
              p2 processing/open; authorize p2
            > pay 100.00 INR once
              p3 processing/open; authorize p3
            > provider approves p2
              p2 completed/approved
            > pay 100.00 INR once
              refused: the order is paid already
            > pay 100.00 INR
              p4 processing/open; authorize p4

            p1 failed, authorized 0.00 INR, captured 0.00 INR, 4 events
            p2 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            p3 processing, authorized 0.00 INR, captured 0.00 INR, 2 events
            p4 processing, authorized 0.00 INR, captured 0.00 INR, 2 events
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn an_approval_that_is_denied_and_one_that_is_reaffirmed() {
    check(
        "pay 100.00 INR
         provider approves
         callback: provider declines
         callback: provider declines
         wait 500ms
         inquiry: provider declines
         resolve returned
         resolve dismissed
         pay 100.00 INR
         provider approves
         callback: provider declines
         inquiry: provider approves
         capture",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > provider approves
              p1 completed/approved
            > callback: provider declines
              p1 completed/contradicted; inquire p1
            > callback: provider declines
              nothing changes
            > wait 500ms
              after 500ms: p1 completed/contradicted; inquire p1
            > inquiry: provider declines
              p1 completed/denied
            > resolve returned
              refused: a case of approval_denied is not resolved by returned
            > resolve dismissed
              p1 completed/denied
            > pay 100.00 INR
              p2 processing/open; authorize p2
            > provider approves
              p2 completed/approved
            > callback: provider declines
              p2 completed/contradicted; inquire p2
            > inquiry: provider approves
              p2 completed/approved
            > capture
              refused: not allowed while the payment is completed

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 8 events, approval_denied dismissed
            p2 completed, authorized 100.00 INR, captured 100.00 INR, 6 events
            simulator receivable: 200.00 INR debit
            merchant 1 payable: 200.00 INR credit
        "#]],
    );
}

#[test]
fn an_operation_that_is_denied() {
    check(
        "pay 100.00 INR manual
         provider approves
         capture
         provider does it
         callback: provider refuses
         wait 500ms
         inquiry: provider refuses
         inquiry: provider does it
         callback: provider refuses
         inquiry: provider does it",
        expect![[r#"
            > pay 100.00 INR manual
              p1 processing/open; authorize p1
            > provider approves
              p1 authorized/approved
            > capture
              p1 authorized/approved; capture open; call capture of p1
            > provider does it
              p1 completed/approved; capture succeeded
            > callback: provider refuses
              p1 completed/approved; capture contradicted; ask after capture of p1
            > wait 500ms
              after 500ms: p1 completed/approved; capture contradicted; ask after capture of p1
            > inquiry: provider refuses
              p1 completed/approved
            > inquiry: provider does it
              p1 completed/approved; capture succeeded
            > callback: provider refuses
              p1 completed/approved; capture contradicted; ask after capture of p1
            > inquiry: provider does it
              p1 completed/approved; capture succeeded

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 14 events, operation_denied withdrawn
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

#[test]
fn a_capture_that_finds_nothing_reserved() {
    check(
        "pay 100.00 INR manual
         provider approves
         capture
         provider finds it expired
         pay 100.00 INR manual
         provider approves
         capture 40.00 keep
         provider does it
         capture
         provider finds it expired",
        expect![[r#"
            > pay 100.00 INR manual
              p1 processing/open; authorize p1
            > provider approves
              p1 authorized/approved
            > capture
              p1 authorized/approved; capture open; call capture of p1
            > provider finds it expired
              p1 expired/approved; capture failed
            > pay 100.00 INR manual
              p2 processing/open; authorize p2
            > provider approves
              p2 authorized/approved
            > capture 40.00 keep
              p2 authorized/approved; capture open; call capture of p2
            > provider does it
              p2 partially_captured/approved; capture succeeded
            > capture
              p2 partially_captured/approved; capture open; call capture of p2
            > provider finds it expired
              p2 completed/approved; capture failed

            p1 expired, authorized 100.00 INR, captured 0.00 INR, 7 events
            p2 completed, authorized 100.00 INR, captured 40.00 INR, 10 events
            simulator receivable: 40.00 INR debit
            merchant 1 payable: 40.00 INR credit
        "#]],
    );
}

/// A void that the approval has won against may still undo all of it, so that nothing is refunded
/// beside it.
#[test]
fn nothing_is_refunded_beside_what_may_undo_the_whole() {
    check(
        "pay 100.00 INR
         provider asks for action
         void
         callback: provider approves
         refund 60.00
         provider does it
         refund 60.00
         pay 100.00 INR
         provider approves
         refund 60.00
         provider refuses
         reverse
         callback: provider does it #1
         provider does it
         resolve assigned",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > provider asks for action
              p1 requires_action/action_required
            > void
              p1 requires_action/action_required; void open; call void of p1
            > callback: provider approves
              p1 completed/approved
            > refund 60.00
              refused: void of the payment has no outcome yet
            > provider does it
              p1 reversed/approved; void succeeded
            > refund 60.00
              refused: not allowed while the payment is reversed
            > pay 100.00 INR
              p2 processing/open; authorize p2
            > provider approves
              p2 completed/approved
            > refund 60.00
              p2 completed/approved; refund open; call refund of p2
            > provider refuses
              p2 completed/approved; refund failed
            > reverse
              p2 completed/approved; reversal open; call reversal of p2
            > callback: provider does it #1
              p2 completed/approved; refund succeeded_late
            > provider does it
              p2 reversed/approved; reversal succeeded
            > resolve assigned
              p2 reversed/approved

            p1 reversed, authorized 100.00 INR, captured 0.00 INR, 8 events
            p2 reversed, authorized 100.00 INR, captured 0.00 INR, 12 events, operation_late assigned
            simulator receivable: 60.00 INR credit
            merchant 1 payable: 60.00 INR debit
        "#]],
    );
}

/// Not to know a refund any more is no failure of it: the customer has the money.
#[test]
fn a_refund_that_is_not_known_any_more_is_asked_about() {
    check(
        "pay 100.00 INR
         provider approves
         refund 60.00
         provider does it
         callback: provider did not get it
         inquiry: provider knows nothing of it
         inquiry: provider does it
         callback: provider did not get it
         inquiry: provider finds the account closed",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > provider approves
              p1 completed/approved
            > refund 60.00
              p1 completed/approved; refund open; call refund of p1
            > provider does it
              p1 completed/approved; refund succeeded
            > callback: provider did not get it
              p1 completed/approved; refund contradicted; ask after refund of p1
            > inquiry: provider knows nothing of it
              p1 completed/approved
            > inquiry: provider does it
              p1 completed/approved; refund succeeded
            > callback: provider did not get it
              p1 completed/approved; refund contradicted; ask after refund of p1
            > inquiry: provider finds the account closed
              p1 completed/approved; refund returned

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 12 events, operation_denied withdrawn
            simulator receivable: 100.00 INR debit
            merchant 1 payable: 100.00 INR credit
        "#]],
    );
}

/// Two per cent and three rupees with the first capture; refunds give back their share.
fn with_fees() -> Policy {
    let fixed = Money {
        amount: Amount::from_minor_units(300).expect("three rupees"),
        currency: Currency::INR,
    };
    let fees = FeeSchedule {
        card: FeeRule { basis_points: 200, fixed: vec![fixed] },
        returned_with_refunds: true,
        ..FeeSchedule::default()
    };
    Policy { fees, ..Policy::default() }
}

#[test]
fn fees_are_charged_and_given_back() {
    check_under(
        with_fees(),
        "pay 100.00 INR
         provider approves
         refund 33.33
         provider does it
         refund 66.67
         provider does it
         callback: provider finds the account closed
         pay 100.00 INR manual
         provider approves
         capture 50.00 keep
         provider does it
         capture
         provider does it
         reverse
         provider does it",
        expect![[r#"
            > pay 100.00 INR
              p1 processing/open; authorize p1
            > provider approves
              p1 completed/approved
            > refund 33.33
              p1 completed/approved; refund open; call refund of p1
            > provider does it
              p1 completed/approved; refund succeeded
            > refund 66.67
              p1 completed/approved; refund open; call refund of p1
            > provider does it
              p1 completed/approved; refund succeeded
            > callback: provider finds the account closed
              p1 completed/approved; refund returned
            > pay 100.00 INR manual
              p2 processing/open; authorize p2
            > provider approves
              p2 authorized/approved
            > capture 50.00 keep
              p2 authorized/approved; capture open; call capture of p2
            > provider does it
              p2 partially_captured/approved; capture succeeded
            > capture
              p2 partially_captured/approved; capture open; call capture of p2
            > provider does it
              p2 completed/approved; capture succeeded
            > reverse
              p2 completed/approved; reversal open; call reversal of p2
            > provider does it
              p2 reversed/approved; reversal succeeded

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 9 events, refunded 33.33 INR
            p2 reversed, authorized 100.00 INR, captured 0.00 INR, 13 events
            simulator receivable: 66.67 INR debit
            merchant 1 payable: 63.34 INR credit
            fees: 3.33 INR credit
        "#]],
    );
}

#[test]
fn late_approvals_may_stand() {
    let policy = Policy { late_approvals: LateApprovals::Accept, ..Policy::default() };
    check_under(
        policy,
        "pay 100.00 INR key=a
         provider declines
         callback: provider approves
         pay 100.00 INR key=a
         order 100.00 INR
         pay 100.00 INR order=o1
         provider declines
         pay 100.00 INR order=o1
         provider approves
         callback: provider approves p2
         provider does it p2",
        expect![[r#"
            > pay 100.00 INR key=a
              p1 processing/open; authorize p1
            > provider declines
              p1 failed/declined
            > callback: provider approves
              p1 completed/approved
            > pay 100.00 INR key=a
              p1 again, answered failed, now completed/approved
            > order 100.00 INR
              o1 created
            > pay 100.00 INR order=o1
              p2 processing/open; authorize p2
            > provider declines
              p2 failed/declined
            > pay 100.00 INR order=o1
              p3 processing/open; authorize p3
            > provider approves
              p3 completed/approved
            > callback: provider approves p2
              p2 failed/approved_late; reversal open; call reversal of p2
            > provider does it p2
              p2 failed/approved_late; reversal succeeded

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 6 events
            p2 failed, authorized 0.00 INR, captured 0.00 INR, 9 events, late_approval returned
            p3 completed, authorized 100.00 INR, captured 100.00 INR, 4 events
            o1 paid, paid 100.00 INR, reserved 0.00 INR
            simulator receivable: 200.00 INR debit
            merchant 1 payable: 200.00 INR credit
        "#]],
    );
}

#[track_caller]
fn check(story: &str, expected: Expect) {
    check_under(Policy::default(), story, expected);
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "an expectation is written at the call")]
fn check_under(policy: Policy, story: &str, expected: Expect) {
    let mut teller = Teller {
        stage: Stage::new(policy),
        payments: Vec::new(),
        orders: Vec::new(),
        told: String::new(),
    };
    for line in story.lines().map(str::trim) {
        teller.tell(&format!("> {line}"));
        teller.play(line);
    }
    teller.conclude();
    assert_eq!(teller.stage.replayed().hash(), teller.stage.state().hash());
    expected.assert_eq(&teller.told);
}

struct Teller {
    stage: Stage,
    payments: Vec<PaymentId>,
    orders: Vec<OrderId>,
    told: String,
}

impl Teller {
    fn play(&mut self, line: &str) {
        let (source, spoken) = match line.split_once(": ") {
            None => (OutcomeSource::Call, line),
            Some(("inquiry", spoken)) => (OutcomeSource::Inquiry, spoken),
            Some(("callback", spoken)) => (OutcomeSource::Callback, spoken),
            Some(_) => panic!("who says {line}?"),
        };
        let (verb, rest) = spoken.split_once(' ').unwrap_or((spoken, ""));
        match verb {
            "pay" => self.pay(rest),
            "provider" => self.answer(source, rest),
            "wait" => self.wait(span(rest)),
            "order" => self.order(rest),
            "capture" | "void" | "reverse" | "refund" | "confirm" | "approve" | "reject" => {
                self.operate(verb, rest);
            }
            "resolve" => self.resolve(rest),
            "restart" => {
                let decided = self.stage.restart();
                self.tell_decision("  ", decided);
            }
            _ => panic!("not a line of a story: {line}"),
        }
    }

    fn pay(&mut self, words: &str) {
        let mut words = words.split(' ');
        let (amount, code) = (words.next().expect("an amount"), words.next().expect("a currency"));
        let mut payment = create_payment(money(amount, code), CaptureMode::Automatic);
        let mut key = None;
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("manual", _) => payment.capture = CaptureMode::Manual,
                ("live", _) => payment.mode = Mode::Live,
                ("upi", _) => payment.method = upi(),
                ("netbanking", _) => payment.method = net_banking(),
                ("wallet", _) => payment.method = wallet(),
                ("merchant", number) => {
                    payment.merchant = merchant(number.parse().expect("number"))
                }
                ("key", text) => key = Some(text),
                ("hold", _) => payment.hold_for_review = true,
                ("once", _) => payment.one_payment_per_order = true,
                ("order", name) => {
                    let number: usize = name.trim_start_matches('o').parse().expect("a number");
                    payment.order = Some(self.orders[number - 1]);
                }
                _ => panic!("no such word: {word}"),
            }
        }
        payment.idempotency = key.map(|key| {
            let scope = format!("{} {:?} {key}", payment.merchant, payment.mode);
            idempotency(&scope, &format!("{:?} {:?}", payment.money, payment.capture))
        });
        let decided = self.stage.send(Command::CreatePayment(Box::new(payment)));
        self.tell_decision("  ", decided);
    }

    fn order(&mut self, words: &str) {
        let (amount, code) = words.split_once(' ').expect("an amount and a currency");
        let order = CreateOrder {
            merchant: merchant(1),
            mode: Mode::Test,
            money: money(amount, code),
            receipt: None,
            notes: Vec::new(),
            idempotency: None,
        };
        let decided = self.stage.send(Command::CreateOrder(Box::new(order)));
        self.tell_decision("  ", decided);
    }

    fn operate(&mut self, verb: &str, words: &str) {
        let (words, payment) = self.payment_named(words);
        let payment = self.stage.payment(payment);
        let (mut amount, mut release_rest, mut key) = (None, true, None);
        for word in words.split_whitespace() {
            match word.split_once('=') {
                Some(("key", text)) => key = Some(text),
                Some(_) => panic!("no such word: {word}"),
                None if word == "keep" => release_rest = false,
                None => {
                    let code = payment.intent().money.currency.code();
                    amount = Some(money(word, code).amount);
                }
            }
        }
        let request = format!("{verb} {} {amount:?} {release_rest}", payment.id());
        let key = key.map(|key| idempotency(&format!("operation {key}"), &request));
        let target = target(payment, key);
        let (reason, metadata) = (Some("as told".into()), Vec::new());
        let decided = self.stage.send(match verb {
            "capture" => Command::CapturePayment(CapturePayment { target, amount, release_rest }),
            "void" => Command::VoidPayment(VoidPayment { target }),
            "reverse" => Command::ReversePayment(ReversePayment { target }),
            "refund" => Command::RefundPayment(RefundPayment { target, amount, reason, metadata }),
            "confirm" => Command::ConfirmPayment(ConfirmPayment { target }),
            "approve" => {
                Command::DecideReview(DecideReview { target, verdict: ReviewVerdict::Approve })
            }
            "reject" => {
                Command::DecideReview(DecideReview { target, verdict: ReviewVerdict::Reject })
            }
            _ => panic!("no operation {verb}"),
        });
        self.tell_decision("  ", decided);
    }

    fn resolve(&mut self, words: &str) {
        let (word, payment) = self.payment_named(words);
        let case = self.stage.payment(payment).cases().last().expect("a case").id;
        let resolution = Resolution::ALL.into_iter().find(|one| one.as_str() == word);
        let resolution = resolution.expect("a resolution");
        let decided =
            self.stage.send(Command::ResolveCase(ResolveCase { payment, case, resolution }));
        self.tell_decision("  ", decided);
    }

    /// The words without the payment's name at their end, and the payment.
    fn payment_named<'w>(&self, words: &'w str) -> (&'w str, PaymentId) {
        let (rest, last) = words.rsplit_once(' ').unwrap_or(("", words));
        match last.strip_prefix('p').and_then(|number| number.parse::<usize>().ok()) {
            Some(number) => (rest, self.payments[number - 1]),
            None => (words, *self.payments.last().expect("a payment")),
        }
    }

    fn answer(&mut self, source: OutcomeSource, words: &str) {
        let (words, payment) = self.payment_named(words);
        let (words, number) = match words.split_once(" #") {
            Some((words, number)) => (words, number.parse::<usize>().expect("a number")),
            None => (words, self.stage.payment(payment).operations().len()),
        };
        if let Some(outcome) = operation_outcome(words) {
            let operation = self.stage.payment(payment).operations()[number - 1].id();
            let answer = RecordOperationOutcome { payment, operation, source, outcome };
            let decided = self.stage.send(Command::RecordOperationOutcome(answer));
            return self.tell_decision("  ", decided);
        }
        let outcome = match words {
            "approves" => approved(),
            "declines" => declined(),
            "asks for action" => action_required(&self.stage.payment(payment).intent().method),
            "asks to approve in the UPI app" => action_required(&upi()),
            "answers later" => ProviderOutcome::Pending,
            "was never reached" => ProviderOutcome::NotSent,
            "times out" => ProviderOutcome::Unknown,
            "finds nothing yet" => ProviderOutcome::NotFound { past_horizon: false },
            "finds nothing any more" => ProviderOutcome::NotFound { past_horizon: true },
            _ => panic!("no provider {words}"),
        };
        let decided = self.stage.answer(payment, source, outcome);
        self.tell_decision("  ", decided);
    }

    fn wait(&mut self, span: Millis) {
        let from = self.stage.now();
        let until = from.after(span);
        while let Some(due_at) =
            self.stage.state().next_due(self.stage.policy()).filter(|due_at| *due_at <= until)
        {
            self.stage.wait_until(due_at);
            let decided = self.stage.send(Command::Tick);
            assert_ne!(decided, Ok(Decision::Unchanged), "what is due is done");
            let passed = due_at.since(from);
            self.tell_decision(&format!("  after {}: ", in_words(passed)), decided);
        }
        self.stage.wait_until(until);
    }

    fn tell_decision(&mut self, prefix: &str, decided: Result<Decision, Rejection>) {
        let words = match decided {
            Err(rejection) => format!("refused: {rejection}"),
            Ok(Decision::Unchanged) => "nothing changes".to_owned(),
            Ok(Decision::Replayed { subject: Subject::Operation(operation) }) => {
                let payment = self.stage.state().payment_of(operation).expect("it is somewhere");
                let now = payment.operation(operation).expect("it is there");
                let first = payment.as_answered_to(operation);
                format!(
                    "{} {} again, answered {} with {}, now {} with {}",
                    self.name(payment.id()),
                    now.intent.kind.as_str(),
                    standing(&first),
                    outcome_of(first.operation(operation).expect("it is there")),
                    standing(payment),
                    outcome_of(now),
                )
            }
            Ok(Decision::Replayed { subject: Subject::Order(order) }) => {
                format!("order again: {order}")
            }
            Ok(Decision::Replayed { subject: Subject::Review(payment) }) => {
                let now = self.stage.payment(payment);
                let then = standing(now.as_answered_to_approval());
                format!("{} again, answered {then}, now {}", self.name(payment), standing(now))
            }
            Ok(Decision::Replayed { subject: Subject::Payment(payment) }) => {
                let now = self.stage.payment(payment);
                let first = now.as_first_answered().state().status();
                let name = self.name(payment);
                format!("{name} again, answered {}, now {}", first.as_str(), standing(now))
            }
            Ok(Decision::Accepted { record, .. }) => {
                let mut parts = Vec::<String>::new();
                for event in &record.events {
                    if let Event::PaymentCreated(intent) = event {
                        self.payments.push(intent.id);
                    }
                    if let Event::OrderCreated(order) = event {
                        self.orders.push(order.id);
                        parts.push(format!("o{} created", self.orders.len()));
                        continue;
                    }
                    let part = match event.payment() {
                        None => format!("keys forgotten, {} remain", self.keys()),
                        Some(payment) => {
                            let now = standing(self.stage.payment(payment));
                            format!("{} {now}", self.name(payment))
                        }
                    };
                    if !parts.contains(&part) {
                        parts.push(part);
                    }
                }
                for event in &record.events {
                    let Some(operation) = event.operation() else { continue };
                    let payment = self.stage.state().payment_of(operation).expect("somewhere");
                    let operation = payment.operation(operation).expect("it is there");
                    let part =
                        format!("{} {}", operation.intent.kind.as_str(), outcome_of(operation));
                    if !parts.contains(&part) {
                        parts.push(part);
                    }
                }
                parts.extend(record.effects.iter().map(|effect| self.owed(*effect)));
                parts.join("; ")
            }
        };
        self.tell(&format!("{prefix}{words}"));
    }

    fn conclude(&mut self) {
        self.tell("");
        for payment in self.payments.clone() {
            let payment = self.stage.payment(payment);
            let authorized = payment.money(payment.amount_authorized());
            let captured = payment.money(payment.amount_captured());
            let mut line = format!(
                "{} {}, authorized {authorized}, captured {captured}, {} events",
                self.name(payment.id()),
                payment.state().status().as_str(),
                payment.sequence()
            );
            if let PaymentState::Authorized { expires_at, .. } = payment.state() {
                let left = expires_at.since(self.stage.now());
                write!(line, ", expires in {}", in_words(left)).expect("a string takes all");
            }
            let refunded = payment.amount_refunded();
            if !refunded.is_zero() {
                write!(line, ", refunded {}", payment.money(refunded)).expect("a string takes all");
            }
            for case in payment.cases() {
                let end = case.resolution.map_or("open", |(resolution, _at)| resolution.as_str());
                write!(line, ", {} {end}", case.matter.as_str()).expect("a string takes all");
            }
            self.tell(&line);
        }
        for (number, order) in self.orders.clone().into_iter().enumerate() {
            let order = self.stage.state().order(order).expect("it was created");
            let money = |amount| order.intent().money.with_amount(amount);
            let (paid, reserved) = (money(order.paid()), money(order.reserved()));
            let (number, status) = (number + 1, order.status().as_str());
            self.tell(&format!("o{number} {status}, paid {paid}, reserved {reserved}"));
        }
        for (key, credit) in balances(self.stage.state()) {
            if credit == 0 {
                continue;
            }
            let side = if credit < 0 { "debit" } else { "credit" };
            let money = major_units(credit.unsigned_abs(), key.currency);
            let account = match key.account {
                Account::MerchantPayable(whose) => {
                    format!("merchant {} payable", whose.to_u128() & 0xff)
                }
                Account::ProviderReceivable(provider) => format!("{provider} receivable"),
                Account::Exceptions => "exceptions".to_owned(),
                Account::Fees => "fees".to_owned(),
                Account::RefundsPending(whose) => {
                    format!("merchant {} refunds pending", whose.to_u128() & 0xff)
                }
                Account::Bank | Account::DisputesHeld(_) => format!("{:?}", key.account),
            };
            let mode = match key.mode {
                Mode::Test => "",
                Mode::Live => "live ",
            };
            self.tell(&format!("{mode}{account}: {money} {side}"));
        }
    }

    fn owed(&self, effect: Effect) -> String {
        let kind = |payment, operation| {
            let payment: &Payment = self.stage.payment(payment);
            payment.operation(operation).expect("it is there").intent.kind.as_str()
        };
        match effect {
            Effect::Authorize { payment, .. } => format!("authorize {}", self.name(payment)),
            Effect::Inquire { payment, .. } => format!("inquire {}", self.name(payment)),
            Effect::Operate { payment, operation } => {
                format!("call {} of {}", kind(payment, operation), self.name(payment))
            }
            Effect::InquireOperation { payment, operation } => {
                format!("ask after {} of {}", kind(payment, operation), self.name(payment))
            }
        }
    }

    fn keys(&self) -> usize {
        self.stage.state().idempotency().len()
    }

    fn name(&self, payment: PaymentId) -> String {
        let index = self.payments.iter().position(|known| *known == payment);
        format!("p{}", index.expect("a payment of this story") + 1)
    }

    fn tell(&mut self, line: &str) {
        self.told.push_str(line);
        self.told.push('\n');
    }
}

const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", HOUR.0), ("d", 24 * HOUR.0)];

/// What a provider says of an operation, in the words of a story.
fn operation_outcome(words: &str) -> Option<OperationOutcome> {
    Some(match words {
        "does it" => OperationOutcome::Succeeded(receipt()),
        "refuses" => OperationOutcome::Failed(OperationFailure::Refused),
        "finds it expired" => OperationOutcome::Failed(OperationFailure::AuthorizationExpired),
        "has captured it" => OperationOutcome::Failed(OperationFailure::AlreadyCaptured),
        "finds the account closed" => OperationOutcome::Failed(OperationFailure::AccountClosed),
        "does it later" => OperationOutcome::Pending,
        "has lost it" => OperationOutcome::Unknown,
        "did not get it" => OperationOutcome::NotSent,
        "knows nothing of it" => OperationOutcome::NotFound { past_horizon: true },
        _ => return None,
    })
}

/// `500ms`, `15m`, `7d`.
fn span(text: &str) -> Millis {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).expect("a unit");
    let (number, unit) = text.split_at(digits);
    let (_unit, millis) = UNITS.into_iter().find(|(name, _)| *name == unit).expect("a unit");
    Millis(number.parse::<u64>().expect("a number") * millis)
}

/// A sum of many payments, so above the largest amount of one.
fn major_units(minor_units: u128, currency: Currency) -> String {
    let decimals = usize::from(currency.exponent());
    let digits = format!("{minor_units:0>width$}", width = decimals + 1);
    let (whole, rest) = digits.split_at(digits.len() - decimals);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{whole}{point}{rest} {}", currency.code())
}

/// The span in the largest unit that divides it.
fn in_words(span: Millis) -> String {
    let (unit, millis) = UNITS
        .into_iter()
        .rfind(|(_unit, millis)| span.0 >= *millis && span.0.is_multiple_of(*millis))
        .unwrap_or(("ms", 1));
    format!("{}{unit}", span.0 / millis)
}
