//! What is done to payments, and orders, as objects of a record's line.

use serde_json::Value;
use tollgate_domain::{Booked, Event, Matter, OperationIntent, OperationKind, Order, OrderIntent};

use super::{Object, mode_name, named, pairs, receipt_of, source_name, time};

/// An event of an operation or a case.
///
/// # Panics
/// For any other.
pub(super) fn event(event: &Event) -> Object {
    match event {
        Event::OperationStarted { payment, intent } => {
            started(named("operation_started").text("payment", payment), intent)
        }
        Event::OperationSucceeded { payment, operation, source, receipt, fee_returned } => {
            named("operation_succeeded")
                .text("payment", payment)
                .text("operation", operation)
                .with("source", source_name(*source))
                .with("receipt", receipt_of(receipt))
                .with("fee_returned_minor", fee_returned.minor_units())
        }
        Event::OperationFailed { payment, operation, source, reason } => named("operation_failed")
            .text("payment", payment)
            .text("operation", operation)
            .with("source", source_name(*source))
            .with("reason", reason.as_str()),
        Event::OperationPending { payment, operation, source, inquire_at } => {
            named("operation_pending")
                .text("payment", payment)
                .text("operation", operation)
                .with("source", source_name(*source))
                .with("inquire_at", time(*inquire_at))
        }
        Event::OperationUnknown { payment, operation, source, inquire_at } => {
            named("operation_unknown")
                .text("payment", payment)
                .text("operation", operation)
                .with("source", source_name(*source))
                .with("inquire_at", time(*inquire_at))
        }
        Event::OperationDelayed { payment, operation, source, retry_at } => {
            named("operation_delayed")
                .text("payment", payment)
                .text("operation", operation)
                .with("source", source_name(*source))
                .with("retry_at", time(*retry_at))
        }
        Event::OperationResent { payment, operation } => {
            named("operation_resent").text("payment", payment).text("operation", operation)
        }
        Event::OperationInquiryStarted { payment, operation, inquire_at } => {
            named("operation_inquiry_started")
                .text("payment", payment)
                .text("operation", operation)
                .with("inquire_at", time(*inquire_at))
        }
        Event::OperationContradicted { payment, operation, source, inquire_at } => {
            named("operation_contradicted")
                .text("payment", payment)
                .text("operation", operation)
                .with("source", source_name(*source))
                .with("inquire_at", time(*inquire_at))
        }
        Event::OperationReaffirmed { payment, operation, source } => named("operation_reaffirmed")
            .text("payment", payment)
            .text("operation", operation)
            .with("source", source_name(*source)),
        Event::RefundReturned { payment, operation, source, reason } => named("refund_returned")
            .text("payment", payment)
            .text("operation", operation)
            .with("source", source_name(*source))
            .with("reason", reason.as_str()),
        Event::OperationSucceededLate { payment, operation, source, receipt, booked } => {
            let object = named("operation_succeeded_late")
                .text("payment", payment)
                .text("operation", operation)
                .with("source", source_name(*source))
                .with("receipt", receipt_of(receipt));
            with_booked(object, *booked)
        }
        Event::CaseOpened { payment, case, matter, booked } => {
            let object = named("case_opened")
                .text("payment", payment)
                .text("case", case)
                .with("matter", matter.as_str());
            let object = match matter {
                Matter::LateApproval(attempt) | Matter::ApprovalDenied(attempt) => {
                    object.text("attempt", attempt)
                }
                Matter::OperationDenied(operation) | Matter::OperationLate(operation) => {
                    object.text("operation", operation)
                }
            };
            with_booked(object, *booked)
        }
        Event::CaseResolved { payment, case, resolution } => named("case_resolved")
            .text("payment", payment)
            .text("case", case)
            .with("resolution", resolution.as_str()),
        Event::PaymentCreated(_)
        | Event::AttemptStarted { .. }
        | Event::AttemptApproved { .. }
        | Event::AttemptDeclined { .. }
        | Event::AttemptActionRequired { .. }
        | Event::AttemptPending { .. }
        | Event::AttemptNotSent { .. }
        | Event::AttemptUnknown { .. }
        | Event::AttemptApprovedLate { .. }
        | Event::AttemptContradicted { .. }
        | Event::AttemptReaffirmed { .. }
        | Event::AttemptCancelled { .. }
        | Event::InquiryStarted { .. }
        | Event::PaymentAuthorized { .. }
        | Event::PaymentHeldForReview { .. }
        | Event::ReviewApproved { .. }
        | Event::PaymentCaptured { .. }
        | Event::PaymentPartlyCaptured { .. }
        | Event::RemainderReleased { .. }
        | Event::PaymentVoided { .. }
        | Event::PaymentReversed { .. }
        | Event::PaymentFailed { .. }
        | Event::PaymentExpired { .. }
        | Event::OrderCreated(_)
        | Event::PaymentArchived { .. }
        | Event::PaymentRecalled { .. }
        | Event::OrderArchived { .. }
        | Event::OrderRecalled { .. }
        | Event::IdempotencyKeysForgotten { .. } => {
            unreachable!("not an event of an operation: {event:?}")
        }
    }
}

pub(super) fn order_created(order: &OrderIntent) -> Object {
    let OrderIntent { id, merchant, mode, money, receipt, notes, created_at } = order;
    named("order_created")
        .text("order", id)
        .text("merchant", merchant)
        .with("mode", mode_name(*mode))
        .with("amount_minor", money.amount.minor_units())
        .with("currency", money.currency.code())
        .with("receipt", receipt.as_deref())
        .with("notes", pairs(notes))
        .with("created_at", time(*created_at))
}

pub(super) fn order_recalled(order: &Order) -> Object {
    named("order_recalled")
        .text("order", &order.id())
        .with("status", order.status().as_str())
        .with("attempts", order.attempts())
        .with("paid_minor", order.paid().minor_units())
}

fn started(object: Object, intent: &OperationIntent) -> Object {
    let OperationIntent { id, attempt, kind, cause, started_at } = intent;
    let object = object
        .text("operation", id)
        .text("attempt", attempt)
        .with("kind", kind.as_str())
        .with("cause", cause.as_str())
        .with("started_at", time(*started_at));
    match kind {
        OperationKind::Confirmation | OperationKind::Void | OperationKind::Reversal => object,
        OperationKind::Capture { amount, release_rest } => {
            object.with("amount_minor", amount.minor_units()).with("release_rest", *release_rest)
        }
        OperationKind::Refund { amount, reason, metadata } => object
            .with("amount_minor", amount.minor_units())
            .with("reason", reason.as_deref())
            .with("metadata", pairs(metadata)),
    }
}

/// Positive where the provider received what it ought not to have, negative where it paid out.
fn with_booked(object: Object, booked: Booked) -> Object {
    object.with(
        "booked_minor",
        match booked {
            Booked::Nothing => Value::Null,
            Booked::Received(amount) => amount.minor_units().into(),
            Booked::PaidOut(amount) => amount.minor_units().saturating_neg().into(),
        },
    )
}
