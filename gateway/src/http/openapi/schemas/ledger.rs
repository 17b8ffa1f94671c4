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

/// What the simulator decided on an attempt.
#[derive(ToSchema)]
struct LedgerEntry {
    attempt_id: AttemptId,
    payment_id: PaymentId,
    amount_minor: i64,
    currency: Currency,
    state: LedgerState,
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
}
