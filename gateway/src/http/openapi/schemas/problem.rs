//! Refusals and failures, on either surface.

use utoipa::ToSchema;

use super::payment::{DeclineCode, Payment, PaymentStatus};

/// Why a request is refused: a problem as RFC 9457 has it.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Problem {
    /// Where the code is documented, relative to the server.
    #[schema(format = "uri-reference", examples("/docs/errors#amount_too_small"))]
    r#type: String,
    title: String,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: i32,
    /// What went wrong this time.
    detail: String,
    /// What went wrong, as programs tell it apart.
    code: String,
    /// A JSON pointer to the first fault.
    #[schema(nullable = false)]
    param: Option<String>,
    /// All faults of the request.
    #[schema(nullable = false)]
    errors: Option<Vec<Fault>>,
    /// The state of the payment that does not allow the operation.
    #[schema(nullable = false)]
    payment_status: Option<PaymentStatus>,
    /// What it allows instead.
    #[schema(nullable = false)]
    allowed_operations: Option<Vec<String>>,
    /// The same as the header `X-Request-Id`.
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// Whether the same request may succeed later.
    retryable: bool,
}

/// One fault of a request.
#[derive(ToSchema)]
struct Fault {
    /// Where: a JSON pointer into the body, or the name of a parameter.
    pointer: String,
    code: String,
    detail: String,
}

/// A payment that failed, or an operation on one that the provider did not carry out, as a problem. It carries no `request_id`, because its bytes are repeated
/// under its idempotency key.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct FailedPaymentProblem {
    /// Where the code is documented, relative to the server.
    #[schema(format = "uri-reference")]
    r#type: String,
    title: String,
    status: i32,
    detail: String,
    /// The payment's path.
    #[schema(format = "uri-reference")]
    instance: String,
    code: String,
    #[schema(required = true)]
    decline_code: Option<DeclineCode>,
    /// What to do.
    #[schema(required = true)]
    advice_code: Option<AdviceCode>,
    retryable: bool,
    payment: Payment,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum AdviceCode {
    ConfirmCardData,
    DoNotTryAgain,
    TryAgainLater,
}

/// Why a request is refused, as clients of the older API know it.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ClassicProblem {
    /// Always false.
    success: bool,
    /// What went wrong this time.
    error: String,
    /// What went wrong, as programs tell it apart.
    code: String,
    /// A JSON pointer to the first fault.
    #[schema(nullable = false)]
    param: Option<String>,
    /// All faults of the request.
    #[schema(nullable = false)]
    errors: Option<Vec<Fault>>,
    /// The state of the payment that does not allow the operation.
    #[serde(rename = "paymentStatus")]
    #[schema(nullable = false)]
    payment_status: Option<PaymentStatus>,
    /// What it allows instead.
    #[serde(rename = "allowedOperations")]
    #[schema(nullable = false)]
    allowed_operations: Option<Vec<String>>,
    /// The same as the header `X-Request-Id`.
    #[serde(rename = "requestID")]
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// Whether the same request may succeed later.
    retryable: bool,
}
