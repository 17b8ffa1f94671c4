//! Something to do to a payment that exists: confirm, approve, reject, capture, void, reverse or refund it.
//!
//! Not here: who draws it, and what was answered.
//!
//! Invariant: the same deed gives the same request, byte for byte, at any time; and its key is its
//! own, because its number is.

use std::sync::Arc;

use crate::order::OrderNumber;
use crate::request::{Key, Request};

/// One thing to do to one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deed {
    /// From the same count as orders.
    pub(crate) number: OrderNumber,
    /// Whose payment it is: a number among the credentials' merchants.
    pub(crate) merchant: u32,
    pub(crate) payment: Arc<str>,
    pub(crate) kind: DeedKind,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeedKind {
    /// Ask what became of the customer's action.
    Confirmation,
    /// Call the payment off while its customer has to act.
    Cancellation,
    /// Let a payment go on that is held for a review.
    Approval,
    /// Let go of it.
    Rejection,
    /// Take so much of what is reserved, and let go of the rest or keep it.
    Capture { amount_minor: i64, is_final: bool },
    /// Let go of what is reserved.
    Void,
    /// Undo the whole payment.
    Reversal,
    /// Give back so much of what was taken.
    Refund { amount_minor: i64 },
}

impl Deed {
    /// The idempotency key.
    pub(crate) fn key(&self) -> String {
        self.number.key()
    }

    pub(crate) fn request(&self) -> Request {
        self.request_for(self.kind)
    }

    /// The deed's key with a valid request that asks for something else.
    pub(crate) fn request_for_something_else(&self) -> Request {
        self.request_for(match self.kind {
            DeedKind::Capture { amount_minor, is_final } => {
                DeedKind::Capture { amount_minor: amount_minor + 1, is_final }
            }
            DeedKind::Refund { amount_minor } => {
                DeedKind::Refund { amount_minor: amount_minor + 1 }
            }
            DeedKind::Void => DeedKind::Refund { amount_minor: 1 },
            DeedKind::Confirmation => DeedKind::Cancellation,
            DeedKind::Approval => DeedKind::Rejection,
            DeedKind::Rejection => DeedKind::Approval,
            DeedKind::Cancellation => DeedKind::Confirmation,
            DeedKind::Reversal => DeedKind::Void,
        })
    }

    /// Texts in it are our own or were checked, so nothing needs to be escaped.
    fn request_for(&self, kind: DeedKind) -> Request {
        let whose = match kind {
            DeedKind::Approval | DeedKind::Rejection => "reviews",
            DeedKind::Confirmation
            | DeedKind::Cancellation
            | DeedKind::Capture { .. }
            | DeedKind::Void
            | DeedKind::Reversal
            | DeedKind::Refund { .. } => "payments",
        };
        let (verb, body) = match kind {
            DeedKind::Approval => ("approve", "{}".to_owned()),
            DeedKind::Rejection => ("reject", "{}".to_owned()),
            DeedKind::Capture { amount_minor, is_final } => {
                ("capture", format!(r#"{{"amount_minor":{amount_minor},"final":{is_final}}}"#))
            }
            DeedKind::Confirmation => ("confirm", "{}".to_owned()),
            DeedKind::Cancellation | DeedKind::Void => ("void", "{}".to_owned()),
            DeedKind::Reversal => ("reverse", "{}".to_owned()),
            DeedKind::Refund { amount_minor } => {
                ("refund", format!(r#"{{"amount_minor":{amount_minor},"reason":"load test"}}"#))
            }
        };
        let path = format!("/api/v1/{whose}/{}/{verb}", self.payment);
        Request {
            idempotency_key: Some(self.key()),
            ..Request::post(path, Key::Merchant(self.merchant), body)
        }
    }
}

impl DeedKind {
    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Cancellation => "cancellation",
            Self::Approval => "approval",
            Self::Rejection => "rejection",
            Self::Capture { .. } => "capture",
            Self::Void => "void",
            Self::Reversal => "reversal",
            Self::Refund { .. } => "refund",
        }
    }

    pub(crate) fn is_refund(self) -> bool {
        matches!(self, Self::Refund { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(kind: DeedKind) -> Deed {
        let number = OrderNumber { round: 1, connection: 2, sequence: 3 };
        Deed { number, merchant: 0, payment: "pay_1".into(), kind }
    }

    #[test]
    fn a_request_says_what_the_deed_does() {
        for (kind, path, body) in [
            (
                DeedKind::Capture { amount_minor: 7, is_final: false },
                "/api/v1/payments/pay_1/capture",
                r#"{"amount_minor":7,"final":false}"#,
            ),
            (DeedKind::Confirmation, "/api/v1/payments/pay_1/confirm", "{}"),
            (DeedKind::Cancellation, "/api/v1/payments/pay_1/void", "{}"),
            (DeedKind::Approval, "/api/v1/reviews/pay_1/approve", "{}"),
            (DeedKind::Rejection, "/api/v1/reviews/pay_1/reject", "{}"),
            (DeedKind::Void, "/api/v1/payments/pay_1/void", "{}"),
            (DeedKind::Reversal, "/api/v1/payments/pay_1/reverse", "{}"),
            (
                DeedKind::Refund { amount_minor: 9 },
                "/api/v1/payments/pay_1/refund",
                r#"{"amount_minor":9,"reason":"load test"}"#,
            ),
        ] {
            let request = deed(kind).request();
            assert_eq!((&*request.path, request.body.as_deref()), (path, Some(body)));
            assert_eq!(request.idempotency_key.as_deref(), Some("load-r1-c2-n3"));
        }
    }

    #[test]
    fn another_request_under_the_key_differs() {
        for kind in [
            DeedKind::Confirmation,
            DeedKind::Cancellation,
            DeedKind::Approval,
            DeedKind::Rejection,
            DeedKind::Capture { amount_minor: 7, is_final: true },
            DeedKind::Void,
            DeedKind::Reversal,
            DeedKind::Refund { amount_minor: 9 },
        ] {
            let (first, other) = (deed(kind).request(), deed(kind).request_for_something_else());
            assert_eq!(first.idempotency_key, other.idempotency_key);
            assert_ne!((first.path, first.body), (other.path, other.body));
        }
    }
}
