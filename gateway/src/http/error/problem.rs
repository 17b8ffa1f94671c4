//! A refusal on its way to the client.
//!
//! A handler returns a [`Problem`]; the envelope renders it, because only the envelope knows the
//! request id. A declined payment is no `Problem`: its body must be the same on every repeat, so it
//! is rendered from the payment alone.

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use hyper::{
    HeaderMap, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE},
};
use serde::{Serialize, Serializer};
use tollgate_domain::{ControlRejection, PaymentStatus, Rejection};
use tollgate_engine::CommandError;

use super::{ClassicDocument, ErrorCode, ProblemDocument};
use crate::{
    http::{
        respond::{JSON, PROBLEM_JSON},
        surface::Surface,
    },
    vault,
};

/// How clients may authenticate.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"tollgate\"");

/// What a request for a WebSocket has to ask for.
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// When to come back: what is refused for want of room is let in as soon as something ends, and
/// a second is the shortest that the header can say.
const RETRY_SOON: HeaderValue = HeaderValue::from_static("1");

/// One fault of a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Fault {
    /// Where: a JSON pointer into the body.
    pub(crate) pointer: Cow<'static, str>,
    pub(crate) code: ErrorCode,
    pub(crate) detail: Cow<'static, str>,
}

/// Why a request is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem(Box<Contents>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Contents {
    code: ErrorCode,
    detail: Cow<'static, str>,
    faults: Vec<Fault>,
    /// Where the payment stands, if that is why.
    standing: Option<Standing>,
}

/// A payment's state, and what it allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    pub(crate) status: PaymentStatus,
    pub(crate) allowed: &'static [&'static str],
}

impl Problem {
    /// A problem that the code's documentation says all about.
    pub(crate) fn of(code: ErrorCode) -> Self {
        Self::new(code, code.meaning())
    }

    /// A problem with words of its own.
    pub(crate) fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Contents { code, detail: detail.into(), faults: Vec::new(), standing: None }))
    }

    /// A request with these faults, of which the first gives the problem its code.
    ///
    /// # Panics
    /// Without any.
    pub(crate) fn of_faults(faults: Vec<Fault>) -> Self {
        let first = faults.first().expect("a faulty request has a fault");
        let (code, detail) = (first.code, first.detail.clone());
        Self(Box::new(Contents { code, detail, faults, standing: None }))
    }

    /// The payment's state does not allow what is asked for.
    fn unexpected(status: PaymentStatus, allowed: &'static [&'static str]) -> Self {
        let status_text = status.as_str();
        let detail = match allowed {
            [] => format!("The payment's status is {status_text}, which allows no operation."),
            [..] => {
                let allowed = allowed.join(", ");
                format!("The payment's status is {status_text}, which allows: {allowed}.")
            }
        };
        let mut problem = Self::new(ErrorCode::PaymentUnexpectedState, detail);
        problem.0.standing = Some(Standing { status, allowed });
        problem
    }

    pub(crate) fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The same with other pointers for those that `map` has another for.
    pub(crate) fn map_pointers(mut self, map: impl Fn(&str) -> Option<String>) -> Self {
        for fault in &mut self.0.faults {
            if let Some(pointer) = map(&fault.pointer) {
                fault.pointer = pointer.into();
            }
        }
        self
    }

    #[cfg(test)]
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.0.faults
    }

    /// What is to be serialized; `request_id` is that of the request, where it is to be told.
    pub(crate) fn document<'a>(&'a self, request_id: Option<&'a str>) -> ProblemDocument<'a, ()> {
        let Contents { code, detail, faults, standing } = &*self.0;
        let (code, standing) = (*code, *standing);
        ProblemDocument { code, detail, faults, standing, request_id, payment: None }
    }

    /// The body, for the request with this id.
    pub(crate) fn render(&self, surface: Surface, request_id: &str) -> Bytes {
        let document = self.document(Some(request_id));
        let text = match surface {
            Surface::V1 => serde_json::to_vec(&document),
            Surface::Classic => serde_json::to_vec(&ClassicDocument(document)),
        };
        text.expect("strings and numbers serialize").into()
    }

    /// Sets the headers that belong to the code.
    pub(crate) fn write_headers(&self, surface: Surface, headers: &mut HeaderMap) {
        let media_type = match surface {
            Surface::V1 => PROBLEM_JSON,
            Surface::Classic => JSON,
        };
        headers.insert(CONTENT_TYPE, media_type);
        if let Some((name, value)) = header_of(self.0.code) {
            headers.insert(name, value);
        }
    }
}

/// The header that a code brings along.
pub(crate) fn header_of(code: ErrorCode) -> Option<(HeaderName, HeaderValue)> {
    if code.status() == StatusCode::UNAUTHORIZED {
        return Some((WWW_AUTHENTICATE, CHALLENGE));
    }
    if code == ErrorCode::UpgradeRequired {
        return Some((UPGRADE, WEBSOCKET));
    }
    let later = [
        ErrorCode::IdempotencyKeyInUse,
        ErrorCode::OperationInProgress,
        ErrorCode::TooManyRequests,
        ErrorCode::RateLimitExceeded,
        ErrorCode::Overloaded,
        ErrorCode::StorageFull,
        ErrorCode::KeyStoreUnavailable,
        ErrorCode::ArchiveUnreadable,
        ErrorCode::ListsUnavailable,
        ErrorCode::NotReady,
    ];
    later.contains(&code).then_some((RETRY_AFTER, RETRY_SOON))
}

impl Fault {
    pub(crate) fn new(
        pointer: impl Into<Cow<'static, str>>,
        code: ErrorCode,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Rejected(rejection) => rejection.into(),
            CommandError::ControlRejected(rejection) => rejection.into(),
            CommandError::InProgress => Self::of(ErrorCode::IdempotencyKeyInUse),
            CommandError::TooLarge => Self::of(ErrorCode::BodyTooLarge),
            CommandError::Overloaded => Self::of(ErrorCode::Overloaded),
            CommandError::ShardOverloaded => Self::of(ErrorCode::TooManyRequests),
            CommandError::StorageFull => Self::of(ErrorCode::StorageFull),
            CommandError::Stopping => Self::of(ErrorCode::NotReady),
            CommandError::ArchiveUnreadable => Self::of(ErrorCode::ArchiveUnreadable),
            CommandError::Unknown => Self::of(ErrorCode::OutcomeUnknown),
        }
    }
}

impl From<vault::Error> for Problem {
    fn from(error: vault::Error) -> Self {
        match error {
            vault::Error::Unavailable => Self::of(ErrorCode::KeyStoreUnavailable),
            vault::Error::Overloaded => Self::of(ErrorCode::Overloaded),
            vault::Error::Random => Self::of(ErrorCode::InternalError),
            vault::Error::TooLarge => Self::new(
                ErrorCode::BodyTooLarge,
                format!(
                    "Customer, address and device together have more than {} bytes.",
                    tollgate_domain::Sealed::MAX_BYTES
                ),
            ),
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let amount =
            |code, detail: String| Self::of_faults(vec![Fault::new("/amount", code, detail)]);
        match rejection {
            Rejection::IdempotencyKeyReused => Self::of(ErrorCode::IdempotencyKeyReused),
            Rejection::NothingToRepeat => Self::of(ErrorCode::PaymentMethodUnsupported),
            Rejection::CardExpired => Self::of(ErrorCode::CardExpired),
            Rejection::PaymentNotFound(_)
            | Rejection::AttemptNotFound(_)
            | Rejection::OperationNotFound(_) => Self::of(ErrorCode::PaymentNotFound),
            Rejection::CaseNotFound(_) => Self::of(ErrorCode::CaseNotFound),
            Rejection::CaseNotResolvable { matter, resolution } => Self::new(
                ErrorCode::CaseUnexpectedState,
                format!("A {} is not resolved as {}.", matter.as_str(), resolution.as_str()),
            ),
            Rejection::OrderNotFound(_) => Self::of(ErrorCode::OrderNotFound),
            Rejection::OrderCurrencyDiffers(currency) => {
                amount(ErrorCode::OrderCurrencyDiffers, format!("The order is in {currency:?}."))
            }
            Rejection::OrderAmountExceeded { open } => {
                amount(ErrorCode::OrderAmountExceeded, format!("{open} is open of the order."))
            }
            Rejection::OrderPaid(payment) => {
                Self::new(ErrorCode::OrderPaid, format!("Payment {payment} has paid the order."))
            }
            Rejection::UnexpectedState { status, allowed } => Self::unexpected(status, allowed),
            Rejection::OperationInProgress(kind) => Self::new(
                ErrorCode::OperationInProgress,
                format!("A {kind} of the payment has no outcome yet."),
            ),
            Rejection::CaptureExceedsAuthorized { held } => {
                amount(ErrorCode::CaptureExceedsAuthorized, format!("{held} is reserved."))
            }
            Rejection::RefundExceedsCaptured { left } => {
                amount(ErrorCode::RefundExceedsCaptured, format!("{left} is left to refund."))
            }
            Rejection::ReversalAfterRefund => {
                Self::unexpected(PaymentStatus::Completed, &["refund"])
            }
            Rejection::TooManyOperations => Self::of(ErrorCode::OperationLimitReached),
        }
    }
}

impl From<ControlRejection> for Problem {
    fn from(rejection: ControlRejection) -> Self {
        let fault = |pointer, detail| {
            Self::of_faults(vec![Fault::new(pointer, ErrorCode::ParameterInvalid, detail)])
        };
        let state = |detail| Self::new(ErrorCode::ApiKeyUnexpectedState, detail);
        match rejection {
            ControlRejection::AskerExpired(_) => Self::of(ErrorCode::ApiKeyExpired),
            ControlRejection::AskerRevoked(_) => Self::of(ErrorCode::ApiKeyRevoked),
            ControlRejection::MerchantNotFound(_) => Self::of(ErrorCode::MerchantNotFound),
            ControlRejection::ApiKeyNotFound(_) => Self::of(ErrorCode::ApiKeyNotFound),
            ControlRejection::ApiKeyExpired(_) => state("The key has expired.".to_owned()),
            ControlRejection::ApiKeyRevoked(_) => state("The key was revoked.".to_owned()),
            ControlRejection::ApiKeyRotated { key: _, successor } => {
                state(format!("The key was rotated already: {successor} has taken its place."))
            }
            // A text that was drawn just now is nobody's: chance has failed us.
            ControlRejection::ApiKeyTaken(_) => Self::of(ErrorCode::InternalError),
            ControlRejection::WebhookEndpointNotFound(_) => {
                Self::of(ErrorCode::WebhookEndpointNotFound)
            }
            ControlRejection::TooManyWebhookEndpoints => {
                Self::of(ErrorCode::WebhookEndpointLimitReached)
            }
            ControlRejection::TooManyApiKeys => Self::of(ErrorCode::ApiKeyLimitReached),
            ControlRejection::OtherMode => Self::of(ErrorCode::ModeMismatch),
            ControlRejection::ScopesExceedAuthority => Self::of(ErrorCode::ScopeExceeded),
            ControlRejection::ScopesNotOfKind => {
                fault("/scopes", "Keys of this kind cannot have one of these scopes.")
            }
            ControlRejection::NoScopes => fault("/scopes", "The key could do nothing."),
            ControlRejection::ExpiryPast => fault("/expires_at", "This time is past."),
        }
    }
}

impl IntoResponse for Problem {
    /// Leaves headers and body to the envelope.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.code().status();
        response.extensions_mut().insert(self);
        response
    }
}
