//! What merchants are told of what happened, and what it is called.
//!
//! The one place that maps events of the domain to names of the feed; a new name is a line here.
//! Not every event has one: merchants are told where a payment stands, and not how it got there.

use tollgate_domain::{ControlEvent, Event};

/// The names under which a payment's event is told.
pub(super) fn of_payment(event: &Event) -> &'static [&'static str] {
    match event {
        Event::PaymentCreated(_) => &["payment.created"],
        Event::AttemptPending { .. } => &["payment.processing"],
        Event::AttemptActionRequired { .. } => &["payment.requires_action"],
        Event::AttemptUnknown { .. } => &["payment.unknown"],
        Event::PaymentAuthorized { .. } => &["payment.authorized"],
        Event::PaymentCaptured { .. } => &["payment.completed"],
        Event::PaymentFailed { .. } => &["payment.failed"],
        Event::PaymentExpired { .. } => &["payment.expired"],
        Event::AttemptStarted { .. }
        | Event::AttemptApproved { .. }
        | Event::AttemptDeclined { .. }
        | Event::AttemptNotSent { .. }
        | Event::InquiryStarted { .. }
        | Event::AttemptApprovedLate { .. }
        | Event::AttemptContradicted { .. }
        | Event::IdempotencyKeysForgotten { .. } => &[],
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
        | ControlEvent::WebhookEndpointDeleted { .. } => None,
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
