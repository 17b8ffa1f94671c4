//! Events of what is done to payments: one of each, and any.

use std::sync::Arc;

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    START, amount, any_amount, any_amount_or_zero, any_id, any_receipt, any_text, any_time, id,
};
use crate::{
    event::Event,
    merchant::Mode,
    money::{Amount, Currency, Money},
    order::OrderIntent,
    payment::{
        Booked, Cause, Matter, OperationFailure, OperationIntent, OperationKind, Resolution,
    },
    provider::{OutcomeSource, ProviderReceipt},
};

/// Every event, every stored number and every optional field of them.
pub(super) fn every_event() -> Vec<Event> {
    let (payment, attempt, operation) = (id(1), id(2), id(6));
    let source = OutcomeSource::Operator;
    let receipt = Arc::new(ProviderReceipt {
        external_id: "sim_7f3b".into(),
        rrn: "600115000002".into(),
        approval_code: "D4E5F6".into(),
    });
    let kinds = [
        OperationKind::Confirmation,
        OperationKind::Capture { amount: amount(4_000), release_rest: true },
        OperationKind::Capture { amount: amount(4_000), release_rest: false },
        OperationKind::Void,
        OperationKind::Reversal,
        OperationKind::Refund { amount: amount(1), reason: None, metadata: Vec::new() },
        OperationKind::Refund {
            amount: amount(2_500),
            reason: Some("zurück".into()),
            metadata: vec![("parcel".into(), "3".into())],
        },
    ];
    let started = kinds.into_iter().zip(Cause::ALL.into_iter().cycle()).map(|(kind, cause)| {
        let intent = OperationIntent { id: operation, attempt, kind, cause, started_at: START };
        Event::OperationStarted { payment, intent: Arc::new(intent) }
    });
    let failures = OperationFailure::ALL.into_iter().flat_map(|reason| {
        [
            Event::OperationFailed { payment, operation, source, reason },
            Event::RefundReturned { payment, operation, source, reason },
        ]
    });
    let booked = [Booked::Nothing, Booked::Received(amount(7)), Booked::PaidOut(amount(8))];
    let late = booked.map(|booked| {
        let receipt = Arc::clone(&receipt);
        Event::OperationSucceededLate { payment, operation, source, receipt, booked }
    });
    let matters = [
        Matter::LateApproval(attempt),
        Matter::ApprovalDenied(attempt),
        Matter::OperationDenied(operation),
        Matter::OperationLate(operation),
    ];
    let cases = matters
        .into_iter()
        .zip(booked.into_iter().cycle())
        .map(|(matter, booked)| Event::CaseOpened { payment, case: id(7), matter, booked });
    let resolved =
        Resolution::ALL.map(|resolution| Event::CaseResolved { payment, case: id(7), resolution });
    let succeeded = [Amount::ZERO, amount(15)].map(|fee_returned| {
        let receipt = Arc::clone(&receipt);
        Event::OperationSucceeded { payment, operation, source, receipt, fee_returned }
    });
    let orders = [None, Some("receipt 7".into())].map(|receipt| {
        let notes = receipt.clone().map(|text| ("note".into(), text)).into_iter().collect();
        Event::OrderCreated(Arc::new(OrderIntent {
            id: id(8),
            merchant: id(4),
            mode: Mode::Live,
            money: Money { amount: amount(10_000), currency: Currency::INR },
            receipt,
            notes,
            created_at: START,
        }))
    });
    let others = [
        Event::AttemptReaffirmed { payment, attempt, source },
        Event::AttemptCancelled { payment, attempt, source },
        Event::PaymentHeldForReview { payment, expires_at: START },
        Event::ReviewApproved { payment },
        Event::PaymentPartlyCaptured { payment, captured: amount(4_000), fee: amount(80) },
        Event::RemainderReleased { payment },
        Event::PaymentVoided { payment },
        Event::PaymentReversed { payment },
        Event::OperationPending { payment, operation, source, inquire_at: START },
        Event::OperationUnknown { payment, operation, source, inquire_at: START },
        Event::OperationDelayed { payment, operation, source, retry_at: START },
        Event::OperationResent { payment, operation },
        Event::OperationInquiryStarted { payment, operation, inquire_at: START },
        Event::OperationContradicted { payment, operation, source, inquire_at: START },
        Event::OperationReaffirmed { payment, operation, source },
    ];
    started
        .chain(succeeded)
        .chain(failures)
        .chain(late)
        .chain(cases)
        .chain(resolved)
        .chain(others)
        .chain(orders)
        .collect()
}

/// Any event of them.
pub(super) fn any_event() -> impl Strategy<Value = Event> {
    let ours = || (any_id(), any_id(), select(&OutcomeSource::ALL[..]));
    let timed = || (ours(), any_time());
    let reason = || select(&OperationFailure::ALL[..]);
    let operations = prop_oneof![
        (any_id(), any_operation()).prop_map(|(payment, intent)| Event::OperationStarted {
            payment,
            intent: Arc::new(intent)
        }),
        (ours(), any_receipt(), any_amount_or_zero()).prop_map(
            |((payment, operation, source), receipt, fee_returned)| {
                Event::OperationSucceeded { payment, operation, source, receipt, fee_returned }
            }
        ),
        (ours(), reason()).prop_map(|((payment, operation, source), reason)| {
            Event::OperationFailed { payment, operation, source, reason }
        }),
        (ours(), reason()).prop_map(|((payment, operation, source), reason)| {
            Event::RefundReturned { payment, operation, source, reason }
        }),
        timed().prop_map(|((payment, operation, source), inquire_at)| {
            Event::OperationPending { payment, operation, source, inquire_at }
        }),
        timed().prop_map(|((payment, operation, source), inquire_at)| {
            Event::OperationUnknown { payment, operation, source, inquire_at }
        }),
        timed().prop_map(|((payment, operation, source), retry_at)| {
            Event::OperationDelayed { payment, operation, source, retry_at }
        }),
        timed().prop_map(|((payment, operation, source), inquire_at)| {
            Event::OperationContradicted { payment, operation, source, inquire_at }
        }),
        (any_id(), any_id())
            .prop_map(|(payment, operation)| Event::OperationResent { payment, operation }),
        (any_id(), any_id(), any_time()).prop_map(|(payment, operation, inquire_at)| {
            Event::OperationInquiryStarted { payment, operation, inquire_at }
        }),
        ours().prop_map(|(payment, operation, source)| Event::OperationReaffirmed {
            payment,
            operation,
            source
        }),
    ];
    let booked = || {
        prop_oneof![
            Just(Booked::Nothing),
            any_amount().prop_map(Booked::Received),
            any_amount().prop_map(Booked::PaidOut),
        ]
    };
    let matter = prop_oneof![
        any_id().prop_map(Matter::LateApproval),
        any_id().prop_map(Matter::ApprovalDenied),
        any_id().prop_map(Matter::OperationDenied),
        any_id().prop_map(Matter::OperationLate),
    ];
    let cases = prop_oneof![
        (ours(), any_receipt(), booked()).prop_map(
            |((payment, operation, source), receipt, booked)| {
                Event::OperationSucceededLate { payment, operation, source, receipt, booked }
            }
        ),
        (any_id(), any_id(), matter, booked()).prop_map(|(payment, case, matter, booked)| {
            Event::CaseOpened { payment, case, matter, booked }
        }),
        (any_id(), any_id(), select(&Resolution::ALL[..])).prop_map(
            |(payment, case, resolution)| Event::CaseResolved { payment, case, resolution }
        ),
    ];
    let attempt = || (any_id(), any_id(), select(&OutcomeSource::ALL[..]));
    let payments = prop_oneof![
        attempt().prop_map(|(payment, attempt, source)| Event::AttemptReaffirmed {
            payment,
            attempt,
            source
        }),
        attempt().prop_map(|(payment, attempt, source)| Event::AttemptCancelled {
            payment,
            attempt,
            source
        }),
        (any_id(), any_time())
            .prop_map(|(payment, expires_at)| Event::PaymentHeldForReview { payment, expires_at }),
        any_id().prop_map(|payment| Event::ReviewApproved { payment }),
        (any_id(), any_amount(), any_amount_or_zero()).prop_map(|(payment, captured, fee)| {
            Event::PaymentPartlyCaptured { payment, captured, fee }
        }),
        any_id().prop_map(|payment| Event::RemainderReleased { payment }),
        any_id().prop_map(|payment| Event::PaymentVoided { payment }),
        any_id().prop_map(|payment| Event::PaymentReversed { payment }),
        any_order().prop_map(|order| Event::OrderCreated(Arc::new(order))),
    ];
    prop_oneof![operations, cases, payments]
}

fn any_operation() -> impl Strategy<Value = OperationIntent> {
    let pairs = || vec((any_text(), any_text()), 0..3);
    let kind = prop_oneof![
        Just(OperationKind::Confirmation),
        (any_amount(), any::<bool>())
            .prop_map(|(amount, release_rest)| OperationKind::Capture { amount, release_rest }),
        Just(OperationKind::Void),
        Just(OperationKind::Reversal),
        (any_amount(), option::of(any_text()), pairs()).prop_map(|(amount, reason, metadata)| {
            OperationKind::Refund { amount, reason, metadata }
        }),
    ];
    (any_id(), any_id(), kind, select(&Cause::ALL[..]), any_time()).prop_map(
        |(id, attempt, kind, cause, started_at)| OperationIntent {
            id,
            attempt,
            kind,
            cause,
            started_at,
        },
    )
}

fn any_order() -> impl Strategy<Value = OrderIntent> {
    let money = (any_amount(), select(vec!["INR", "JPY", "BHD"])).prop_map(|(amount, code)| {
        Money { amount, currency: Currency::from_code(code).expect("a currency") }
    });
    let texts = (option::of(any_text()), vec((any_text(), any_text()), 0..3));
    (any_id(), any_id(), select(&Mode::ALL[..]), money, texts, any_time()).prop_map(
        |(id, merchant, mode, money, (receipt, notes), created_at)| OrderIntent {
            id,
            merchant,
            mode,
            money,
            receipt,
            notes,
            created_at,
        },
    )
}
