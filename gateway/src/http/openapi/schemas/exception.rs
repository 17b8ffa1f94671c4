//! What operators have to decide, and what nobody knows yet.

use utoipa::ToSchema;

use super::{
    payment::ListObject,
    values::{
        Currency, ExceptionId, MajorAmount, MerchantId, PaymentId, ProviderId, Time, TransactionId,
    },
};

/// A page of open exceptions.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ExceptionList {
    object: ListObject,
    data: Vec<Exception>,
    has_more: bool,
    url: String,
}

/// Something that a person has to decide.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Exception {
    id: ExceptionId,
    /// Always `exception`.
    object: String,
    status: ExceptionStatus,
    r#type: ExceptionType,
    payment_id: PaymentId,
    /// The payment, or the operation on it, that it is about.
    transaction_id: TransactionId,
    merchant_id: MerchantId,
    /// What stands on the exceptions account for it, if anything.
    #[schema(required = true)]
    booked: Option<ExceptionAmount>,
    #[schema(required = true)]
    resolution: Option<Resolution>,
    livemode: bool,
    opened_at: Time,
    #[schema(required = true)]
    resolved_at: Option<Time>,
}

/// How an exception is resolved.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct ResolutionRequest {
    resolution: Resolution,
}

#[derive(ToSchema)]
struct ExceptionAmount {
    direction: Direction,
    amount: MajorAmount,
    amount_minor: i64,
    currency: Currency,
}

/// `received`: a provider holds money that no payment accounts for; `paid_out`: it has paid out money
/// that no refund accounts for.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    Received,
    PaidOut,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum ExceptionStatus {
    Open,
    Resolved,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum ExceptionType {
    LateApproval,
    ApprovalDenied,
    OperationDenied,
    OperationLate,
}

/// `returned`: the money went back where it came from; `assigned`: it is the merchant's, or the
/// merchant's loss; `withdrawn`: the provider stands by what it said first; `dismissed`: nothing is
/// booked.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum Resolution {
    Returned,
    Assigned,
    Withdrawn,
    Dismissed,
}

/// A page of what is unknown.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct UnknownList {
    object: ListObject,
    data: Vec<UnknownOutcome>,
    has_more: bool,
    url: String,
}

/// A payment, or an operation on one, whose outcome nobody knows. The provider is asked until it is
/// known.
#[derive(ToSchema)]
struct UnknownOutcome {
    id: TransactionId,
    /// Always `unknown_outcome`.
    object: String,
    r#type: super::transaction::TransactionType,
    payment_id: PaymentId,
    merchant_id: MerchantId,
    #[schema(required = true)]
    provider: Option<ProviderId>,
    amount: MajorAmount,
    amount_minor: i64,
    currency: Currency,
    livemode: bool,
    /// Since when it is unknown.
    since: Time,
    /// How often the provider was asked since.
    #[schema(minimum = 0)]
    inquiries: i32,
    next_inquiry_at: Time,
    created_at: Time,
}
