//! Merchants' stories, told in short lines and answered by what a merchant, an operator and a
//! provider would see.
//!
//! ```text
//! pay 100.00 INR key=a           a payment; also: manual, live, merchant=2, upi, netbanking, wallet.
//!                                They are p1, p2, ...
//! provider approves [p2]         what the provider says of the latest payment, or of the one named
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
    merchant, money, net_banking, standing, upi, wallet,
};
use tollgate_domain::{
    CaptureMode, Command, Currency, Decision, Effect, Event, Millis, Mode, OutcomeSource,
    PaymentId, PaymentState, Policy, ProviderOutcome, Rejection, ledger::Account,
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
              p1 failed/approved_late
            > callback: provider approves
              nothing changes
            > pay 100.00 INR key=a
              p1 again, answered failed, now failed/approved_late

            p1 failed, authorized 0.00 INR, captured 0.00 INR, 5 events
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
              after 15m: p1 expired/action_required
            > callback: provider approves
              p1 expired/approved_late
            > pay 100.00 INR key=a
              p1 again, answered requires_action, now expired/approved_late

            p1 expired, authorized 0.00 INR, captured 0.00 INR, 5 events
            simulator receivable: 100.00 INR debit
            exceptions: 100.00 INR credit
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
              p1 failed/approved_late

            p1 failed, authorized 0.00 INR, captured 0.00 INR, 5 events
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
              nothing changes
            > callback: provider declines
              nothing changes
            > callback: provider approves
              nothing changes
            > pay 100.00 INR key=a
              p1 again, answered completed, now completed/contradicted

            p1 completed, authorized 100.00 INR, captured 100.00 INR, 5 events
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
              after 1d: p1 expired/approved
            > restart
              nothing changes

            p1 expired, authorized 100.00 INR, captured 0.00 INR, 5 events
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
              p5 failed/approved_late

            p1 completed, authorized 5000 JPY, captured 5000 JPY, 4 events
            p2 completed, authorized 1.234 BHD, captured 1.234 BHD, 4 events
            p3 completed, authorized 0.01 INR, captured 0.01 INR, 4 events
            p4 completed, authorized 9999999999.99 INR, captured 9999999999.99 INR, 4 events
            p5 failed, authorized 0 JPY, captured 0 JPY, 5 events
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

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "an expectation is written at the call")]
fn check(story: &str, expected: Expect) {
    let mut teller =
        Teller { stage: Stage::new(Policy::default()), payments: Vec::new(), told: String::new() };
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

    fn answer(&mut self, source: OutcomeSource, words: &str) {
        let (words, payment) = match words.rsplit_once(" p") {
            Some((words, number)) if number.parse::<usize>().is_ok() => {
                (words, self.payments[number.parse::<usize>().expect("a number") - 1])
            }
            Some(_) | None => (words, *self.payments.last().expect("a payment")),
        };
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
            Ok(Decision::Replayed { payment }) => {
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
                    let part = match payment_of(event) {
                        None => format!("keys forgotten, {} remain", self.keys()),
                        Some(payment) => {
                            let now = standing(self.stage.payment(payment));
                            format!("{} {now}", self.name(payment))
                        }
                    };
                    if parts.last() != Some(&part) {
                        parts.push(part);
                    }
                }
                parts.extend(record.effects.iter().map(|effect| match effect {
                    Effect::Authorize { payment, .. } => {
                        format!("authorize {}", self.name(*payment))
                    }
                    Effect::Inquire { payment, .. } => format!("inquire {}", self.name(*payment)),
                }));
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
            self.tell(&line);
        }
        for (key, credit) in balances(self.stage.state()) {
            let side = if credit < 0 { "debit" } else { "credit" };
            let money = major_units(credit.unsigned_abs(), key.currency);
            let account = match key.account {
                Account::MerchantPayable(whose) => {
                    format!("merchant {} payable", whose.to_u128() & 0xff)
                }
                Account::ProviderReceivable(provider) => format!("{provider} receivable"),
                Account::Exceptions => "exceptions".to_owned(),
                Account::Bank
                | Account::Fees
                | Account::RefundsPending(_)
                | Account::DisputesHeld(_) => format!("{:?}", key.account),
            };
            let mode = match key.mode {
                Mode::Test => "",
                Mode::Live => "live ",
            };
            self.tell(&format!("{mode}{account}: {money} {side}"));
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

/// The payment that an event belongs to, if to one.
fn payment_of(event: &Event) -> Option<PaymentId> {
    match event {
        Event::PaymentCreated(intent) => Some(intent.id),
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
        | Event::PaymentExpired { payment } => Some(*payment),
        Event::IdempotencyKeysForgotten { .. } => None,
    }
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
