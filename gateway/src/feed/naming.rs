//! What merchants are told of what happened, and what it is called.
//!
//! The one place that maps events of the domain to names of the feed; a new name is a line here.
//! Not every event has one: merchants are told where a payment stands, and not how it got there. Orders
//! have no events of their own behind their creation: what is told of them follows from their payments.

use tollgate_domain::{ControlEvent, Event, OperationId, OperationKind, OrderStatus, Payment};

/// An event of a payment shard as merchants are told of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// Where the payment stands.
    Payment(&'static str),
    /// Where one of its refunds stands.
    Refund(&'static str, OperationId),
}

/// What is told of an event that happened to this payment.
pub(super) fn of_payment(event: &Event, payment: &Payment) -> Option<Told> {
    let refund = |name, id| is_refund(payment, id).then_some(Told::Refund(name, id));
    match event {
        Event::PaymentCreated(_) => Some(Told::Payment("payment.created")),
        Event::AttemptPending { .. } => Some(Told::Payment("payment.processing")),
        Event::AttemptActionRequired { .. } => Some(Told::Payment("payment.requires_action")),
        Event::AttemptUnknown { .. } => Some(Told::Payment("payment.unknown")),
        Event::PaymentHeldForReview { .. } => Some(Told::Payment("payment.review")),
        Event::PaymentAuthorized { .. } | Event::ReviewApproved { .. } => {
            Some(Told::Payment("payment.authorized"))
        }
        Event::PaymentPartlyCaptured { .. } => Some(Told::Payment("payment.captured")),
        Event::PaymentCaptured { .. } | Event::RemainderReleased { .. } => {
            Some(Told::Payment("payment.completed"))
        }
        Event::PaymentVoided { .. } => Some(Told::Payment("payment.voided")),
        Event::PaymentReversed { .. } => Some(Told::Payment("payment.reversed")),
        Event::PaymentFailed { .. } => Some(Told::Payment("payment.failed")),
        Event::PaymentExpired { .. } => Some(Told::Payment("payment.expired")),
        Event::OperationStarted { intent, .. } => refund("refund.processing", intent.id),
        Event::OperationSucceeded { operation, .. }
        | Event::OperationSucceededLate { operation, .. } => refund("refund.completed", *operation),
        Event::OperationFailed { operation, .. } | Event::RefundReturned { operation, .. } => {
            refund("refund.failed", *operation)
        }
        Event::AttemptStarted { .. }
        | Event::AttemptApproved { .. }
        | Event::AttemptDeclined { .. }
        | Event::AttemptNotSent { .. }
        | Event::InquiryStarted { .. }
        | Event::AttemptApprovedLate { .. }
        | Event::AttemptContradicted { .. }
        | Event::AttemptReaffirmed { .. }
        | Event::AttemptCancelled { .. }
        | Event::OperationPending { .. }
        | Event::OperationUnknown { .. }
        | Event::OperationDelayed { .. }
        | Event::OperationResent { .. }
        | Event::OperationInquiryStarted { .. }
        | Event::OperationContradicted { .. }
        | Event::OperationReaffirmed { .. }
        | Event::CaseOpened { .. }
        | Event::CaseResolved { .. }
        | Event::OrderCreated(_)
        | Event::PaymentArchived { .. }
        | Event::PaymentRecalled { .. }
        | Event::IdempotencyKeysForgotten { .. } => None,
    }
}

fn is_refund(payment: &Payment, id: OperationId) -> bool {
    payment.operation(id).is_some_and(|operation| match operation.intent.kind {
        OperationKind::Refund { .. } => true,
        OperationKind::Confirmation
        | OperationKind::Capture { .. }
        | OperationKind::Void
        | OperationKind::Reversal => false,
    })
}

/// What is told of an order that is now so far.
pub(super) fn of_order(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Created => "order.created",
        OrderStatus::Attempted => "order.attempted",
        OrderStatus::PartiallyPaid => "order.partially_paid",
        OrderStatus::Paid => "order.paid",
    }
}

/// The name under which an event of the control shard is told to the merchant whose it is.
pub(super) fn of_control(event: &ControlEvent) -> Option<&'static str> {
    match event {
        ControlEvent::WebhookEndpointDisabled { .. } => Some("webhook.disabled"),
        ControlEvent::MerchantCreated(_)
        | ControlEvent::MerchantRenamed { .. }
        | ControlEvent::MerchantEmailChanged { .. }
        | ControlEvent::MerchantSuspended { .. }
        | ControlEvent::MerchantResumed { .. }
        | ControlEvent::ApiKeyIssued(_)
        | ControlEvent::ApiKeyRotated { .. }
        | ControlEvent::ApiKeyRevoked { .. }
        | ControlEvent::WebhookEndpointCreated(_)
        | ControlEvent::WebhookEndpointChanged { .. }
        | ControlEvent::WebhookSecretRotated { .. }
        | ControlEvent::WebhookEndpointEnabled { .. }
        | ControlEvent::WebhookEndpointDeleted { .. }
        | ControlEvent::MerchantOrderRuleChanged { .. }
        | ControlEvent::ApiKeyForgotten { .. }
        | ControlEvent::CallbackSecretRotated { .. } => None,
    }
}

/// What clients of the older API call an event, where they call it otherwise.
pub(crate) fn older_name(name: &str) -> Option<&'static str> {
    match name {
        "payment.completed" => Some("payment.success"),
        "refund.completed" => Some("refund.processed"),
        _ => None,
    }
}
