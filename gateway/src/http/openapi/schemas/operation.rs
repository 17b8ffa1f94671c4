//! What is done to payments: its requests, and refunds as they are answered.

use utoipa::ToSchema;

use super::{
    payment::ListObject,
    values::{
        Currency, IdempotencyKey, MajorAmount, MerchantId, Metadata, PaymentId, RefundId, Time,
        TransactionId, WrittenAmount,
    },
};

/// An operation that has nothing to say but that it is asked for. The body may be left out.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct PlainOperationRequest {
    /// The key's own merchant; any other is refused.
    merchant_id: Option<MerchantId>,
    /// The same as the header `Idempotency-Key`; where both are given they are alike.
    #[serde(rename = "idempotencyKey")]
    idempotency_key: Option<IdempotencyKey>,
}

/// A capture. At most one of `amount`, `amount_minor` and `amount_paisa` is given; without any, all
/// that is reserved is taken. The body may be left out.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct CaptureRequest {
    amount: Option<WrittenAmount>,
    /// The amount in minor units, such as cents.
    #[schema(minimum = 1)]
    amount_minor: Option<i64>,
    /// The amount in paisa, for INR alone.
    #[schema(minimum = 1)]
    amount_paisa: Option<i64>,
    /// Whether what is reserved beyond the amount is let go. Else more can be captured later.
    #[schema(default = true)]
    r#final: Option<bool>,
    /// The key's own merchant; any other is refused.
    merchant_id: Option<MerchantId>,
    /// The same as the header `Idempotency-Key`; where both are given they are alike.
    #[serde(rename = "idempotencyKey")]
    idempotency_key: Option<IdempotencyKey>,
}

/// A refund. At most one of `amount`, `amount_minor` and `amount_paisa` is given; without any, all
/// that is left is returned.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct RefundRequest {
    /// Which payment. Needed where the path does not name it.
    payment_id: Option<PaymentId>,
    amount: Option<WrittenAmount>,
    /// The amount in minor units, such as cents.
    #[schema(minimum = 1)]
    amount_minor: Option<i64>,
    /// The amount in paisa, for INR alone.
    #[schema(minimum = 1)]
    amount_paisa: Option<i64>,
    /// The merchant's words.
    #[schema(max_length = 500, examples("returned"))]
    reason: Option<String>,
    metadata: Option<Metadata>,
    /// The key's own merchant; any other is refused.
    merchant_id: Option<MerchantId>,
    /// The same as the header `Idempotency-Key`; where both are given they are alike.
    #[serde(rename = "idempotencyKey")]
    idempotency_key: Option<IdempotencyKey>,
}

/// Money that goes back to the customer. One that has succeeded may still fail: the customer's
/// account may be closed, and the money is the merchant's again.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Refund {
    id: RefundId,
    /// Always `refund`.
    object: String,
    payment_id: PaymentId,
    status: RefundStatus,
    amount: MajorAmount,
    amount_minor: i64,
    /// The same in paisa, for INR alone.
    #[schema(required = true)]
    amount_paisa: Option<i64>,
    currency: Currency,
    #[schema(required = true)]
    reason: Option<String>,
    #[schema(required = true)]
    failure_reason: Option<OperationFailure>,
    /// The part of the fee that the merchant got back with it, in minor units.
    fees_returned_minor: i64,
    transaction_id: TransactionId,
    /// The provider's own id of it.
    #[schema(required = true)]
    external_txn_id: Option<String>,
    metadata: Metadata,
    livemode: bool,
    created_at: Time,
    updated_at: Time,
}

/// A page of refunds.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct RefundList {
    object: ListObject,
    data: Vec<Refund>,
    has_more: bool,
    url: String,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum RefundStatus {
    Pending,
    Succeeded,
    Failed,
    Unknown,
}

/// Why the provider did not do it.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum OperationFailure {
    NotSent,
    Refused,
    AuthorizationExpired,
    AlreadyCaptured,
    AccountClosed,
}

/// A refund.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ClassicRefundAnswer {
    /// Always true.
    success: bool,
    data: ClassicRefund,
}

/// A refund in short.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ClassicRefundStatusAnswer {
    /// Always true.
    success: bool,
    data: ClassicRefundShort,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClassicRefund {
    #[serde(rename = "refundID")]
    refund_id: RefundId,
    #[serde(rename = "paymentID")]
    payment_id: PaymentId,
    status: ClassicRefundStatus,
    /// In major units.
    amount: f64,
    currency: Currency,
    #[serde(rename = "transactionID")]
    transaction_id: TransactionId,
    #[schema(required = true)]
    reason: Option<String>,
    #[schema(required = true)]
    failure_reason: Option<OperationFailure>,
    created_at: Time,
    updated_at: Time,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClassicRefundShort {
    #[serde(rename = "refundID")]
    refund_id: RefundId,
    #[serde(rename = "paymentID")]
    payment_id: PaymentId,
    status: ClassicRefundStatus,
    #[serde(rename = "transactionID")]
    transaction_id: TransactionId,
    created_at: Time,
    updated_at: Time,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum ClassicRefundStatus {
    Pending,
    Completed,
    Failed,
    Unknown,
}
