//! The simulated provider's books.

use utoipa::ToSchema;

use super::values::{AttemptId, Currency, PaymentId};

/// A page of the books, in the order of their entries.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct LedgerPage {
    data: Vec<LedgerEntry>,
    has_more: bool,
    /// What to give as `after` for the page that follows.
    #[schema(required = true, minimum = 0)]
    next: Option<i64>,
}

/// What the simulator decided on an attempt, or on an operation on its funds.
#[derive(ToSchema)]
struct LedgerEntry {
    attempt_id: AttemptId,
    /// Of an operation.
    #[schema(required = true)]
    operation_id: Option<String>,
    payment_id: PaymentId,
    kind: LedgerKind,
    amount_minor: i64,
    currency: Currency,
    state: LedgerState,
    /// Of a decline or a failure.
    #[schema(required = true)]
    reason: Option<String>,
    /// What the entry took from the customer; negative where it went back to him. The sum over a
    /// payment is what the customer has paid.
    moved_minor: i64,
    /// How often it was asked for.
    #[schema(minimum = 0)]
    calls: i64,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum LedgerState {
    Approved,
    Declined,
    Pending,
    Succeeded,
    Failed,
    /// A refund that had succeeded and came back.
    Returned,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum LedgerKind {
    Attempt,
    Capture,
    Void,
    Reversal,
    Refund,
}
