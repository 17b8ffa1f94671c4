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
    Payment(Name),
    /// Where one of its refunds stands.
    Refund(Name, OperationId),
}

/// Names by the numbers under which they are stored: a number once given stands for its name for ever.
macro_rules! names {
    ($($variant:ident = $number:literal $text:literal,)+) => {
        /// What an event of a payment or a refund is called.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Name {
            $($variant,)+
        }

        impl Name {
            /// The name on the wire.
            pub(super) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The stored number.
            pub(super) const fn number(self) -> u8 {
                match self {
                    $(Self::$variant => $number,)+
                }
            }

            /// The name of a stored number.
            pub(super) const fn of_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

names! {
    PaymentCreated = 1 "payment.created",
    PaymentProcessing = 2 "payment.processing",
    PaymentRequiresAction = 3 "payment.requires_action",
    PaymentAuthorized = 4 "payment.authorized",
    PaymentReview = 5 "payment.review",
    PaymentCaptured = 6 "payment.captured",
    PaymentCompleted = 7 "payment.completed",
    PaymentFailed = 8 "payment.failed",
    PaymentVoided = 9 "payment.voided",
    PaymentReversed = 10 "payment.reversed",
    PaymentExpired = 11 "payment.expired",
    PaymentUnknown = 12 "payment.unknown",
    RefundProcessing = 13 "refund.processing",
    RefundCompleted = 14 "refund.completed",
    RefundFailed = 15 "refund.failed",
}

/// What is told of an event that happened to this payment.
pub(super) fn of_payment(event: &Event, payment: &Payment) -> Option<Told> {
    let refund = |name, id| is_refund(payment, id).then_some(Told::Refund(name, id));
    match event {
        Event::PaymentCreated(_) => Some(Told::Payment(Name::PaymentCreated)),
        Event::AttemptPending { .. } => Some(Told::Payment(Name::PaymentProcessing)),
        Event::AttemptActionRequired { .. } => Some(Told::Payment(Name::PaymentRequiresAction)),
        Event::AttemptUnknown { .. } => Some(Told::Payment(Name::PaymentUnknown)),
        Event::PaymentHeldForReview { .. } => Some(Told::Payment(Name::PaymentReview)),
        Event::PaymentAuthorized { .. } | Event::ReviewApproved { .. } => {
            Some(Told::Payment(Name::PaymentAuthorized))
        }
        Event::PaymentPartlyCaptured { .. } => Some(Told::Payment(Name::PaymentCaptured)),
        Event::PaymentCaptured { .. } | Event::RemainderReleased { .. } => {
            Some(Told::Payment(Name::PaymentCompleted))
        }
        Event::PaymentVoided { .. } => Some(Told::Payment(Name::PaymentVoided)),
        Event::PaymentReversed { .. } => Some(Told::Payment(Name::PaymentReversed)),
        Event::PaymentFailed { .. } => Some(Told::Payment(Name::PaymentFailed)),
        Event::PaymentExpired { .. } => Some(Told::Payment(Name::PaymentExpired)),
        Event::OperationStarted { intent, .. } => refund(Name::RefundProcessing, intent.id),
        Event::OperationSucceeded { operation, .. }
        | Event::OperationSucceededLate { operation, .. } => {
            refund(Name::RefundCompleted, *operation)
        }
        Event::OperationFailed { operation, .. } | Event::RefundReturned { operation, .. } => {
            refund(Name::RefundFailed, *operation)
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
        | Event::OrderArchived { .. }
        | Event::OrderRecalled { .. }
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
