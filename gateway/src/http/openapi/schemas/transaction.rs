//! Transactions, and outcomes that operators enter.

use utoipa::ToSchema;

use super::{
    payment::{DeclineCode, ListObject},
    values::{
        Currency, MajorAmount, MerchantId, PaymentId, ProviderId, RefundId, Time, TransactionId,
    },
};

/// One attempt to move money: a payment, or what is done to it. Its status settles once.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Transaction {
    id: TransactionId,
    /// Always `transaction`.
    object: String,
    r#type: TransactionType,
    status: TransactionStatus,
    /// Zero for what moves nothing itself.
    amount: MajorAmount,
    amount_minor: i64,
    currency: Currency,
    merchant_id: MerchantId,
    payment_id: PaymentId,
    #[schema(required = true)]
    refund_id: Option<RefundId>,
    #[schema(required = true)]
    order_id: Option<String>,
    #[schema(required = true)]
    provider: Option<ProviderId>,
    /// The provider's own id of it.
    #[schema(required = true)]
    external_txn_id: Option<String>,
    #[schema(required = true)]
    decline_code: Option<DeclineCode>,
    #[schema(required = true)]
    failure_reason: Option<String>,
    livemode: bool,
    created_at: Time,
    updated_at: Time,
    /// When a refund that had succeeded came back.
    #[schema(required = true)]
    returned_at: Option<Time>,
}

/// A page of transactions.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct TransactionList {
    object: ListObject,
    data: Vec<Transaction>,
    has_more: bool,
    url: String,
}

/// What an operator has learnt elsewhere.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct OutcomeRequest {
    status: LearntStatus,
    /// Why the issuer declined a payment; `generic_decline` where it is not said.
    decline_code: Option<DeclineCode>,
    /// Why the provider did not do what was asked for a payment; `refused` where it is not said.
    #[schema(examples("refused"))]
    failure_reason: Option<String>,
    /// The provider's own id of it; needed for a payment that has succeeded.
    #[schema(max_length = 128)]
    external_txn_id: Option<String>,
    /// Retrieval reference number.
    #[schema(max_length = 128)]
    rrn: Option<String>,
    #[schema(max_length = 128)]
    approval_code: Option<String>,
}

/// A transaction.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ClassicTransactionAnswer {
    /// Always true.
    success: bool,
    data: ClassicTransaction,
}

/// A page of transactions, by its place.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ClassicTransactionList {
    /// Always true.
    success: bool,
    data: ClassicTransactionPage,
}

#[derive(ToSchema)]
struct ClassicTransactionPage {
    transactions: Vec<ClassicTransaction>,
    /// How many there are on all pages.
    #[schema(minimum = 0)]
    total: i64,
    #[schema(minimum = 1, maximum = 100)]
    limit: i64,
    #[schema(minimum = 0)]
    offset: i64,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClassicTransaction {
    #[serde(rename = "transactionID")]
    transaction_id: TransactionId,
    r#type: TransactionType,
    status: ClassicTransactionStatus,
    /// In major units.
    amount: f64,
    currency: Currency,
    #[serde(rename = "merchantID")]
    merchant_id: MerchantId,
    #[serde(rename = "paymentID")]
    payment_id: PaymentId,
    #[serde(rename = "refundID")]
    #[schema(required = true)]
    refund_id: Option<RefundId>,
    #[serde(rename = "orderID")]
    #[schema(required = true)]
    order_id: Option<String>,
    #[schema(required = true)]
    provider: Option<ProviderId>,
    #[serde(rename = "externalTxnID")]
    #[schema(required = true)]
    external_txn_id: Option<String>,
    #[schema(required = true)]
    decline_code: Option<DeclineCode>,
    #[schema(required = true)]
    failure_reason: Option<String>,
    created_at: Time,
    updated_at: Time,
    #[schema(required = true)]
    returned_at: Option<Time>,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TransactionType {
    Payment,
    Confirmation,
    Capture,
    Void,
    Reversal,
    Refund,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum TransactionStatus {
    Pending,
    Unknown,
    Succeeded,
    Failed,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum ClassicTransactionStatus {
    Pending,
    Unknown,
    Completed,
    Failed,
}

/// `completed` is another name of `succeeded`; `not_sent`: the provider certainly never got it.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum LearntStatus {
    Succeeded,
    Completed,
    Failed,
    NotSent,
}
