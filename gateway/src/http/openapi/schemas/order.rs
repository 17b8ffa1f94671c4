//! Orders.

use utoipa::ToSchema;

use super::{
    payment::ListObject,
    values::{
        Currency, IdempotencyKey, MajorAmount, MerchantId, Metadata, OrderId, Time, WrittenAmount,
    },
};

/// An order to create. Exactly one of `amount`, `amount_minor` and `amount_paisa` is given.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct OrderRequest {
    amount: Option<WrittenAmount>,
    /// The amount in minor units, such as cents.
    #[schema(minimum = 1)]
    amount_minor: Option<i64>,
    /// The amount in paisa, for INR alone.
    #[schema(minimum = 1)]
    amount_paisa: Option<i64>,
    currency: Currency,
    /// The merchant's own number of the order.
    #[schema(max_length = 64, examples("2026-0042"))]
    receipt: Option<String>,
    notes: Option<Metadata>,
    /// The key's own merchant; any other is refused.
    merchant_id: Option<MerchantId>,
    /// The same as the header `Idempotency-Key`; where both are given they are alike.
    #[serde(rename = "idempotencyKey")]
    idempotency_key: Option<IdempotencyKey>,
}

/// A sum to be paid, by one payment or several, and never more.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Order {
    id: OrderId,
    /// Always `order`.
    object: String,
    status: OrderStatus,
    amount: MajorAmount,
    amount_minor: i64,
    /// The same in paisa, for INR alone.
    #[schema(required = true)]
    amount_paisa: Option<i64>,
    /// What its payments have taken. Refunds do not open an order again.
    amount_paid: MajorAmount,
    amount_paid_minor: i64,
    /// What is still to be paid.
    amount_due: MajorAmount,
    amount_due_minor: i64,
    currency: Currency,
    #[schema(required = true)]
    receipt: Option<String>,
    notes: Metadata,
    /// How many payments were tried.
    #[schema(minimum = 0)]
    attempts: i32,
    livemode: bool,
    created_at: Time,
    updated_at: Time,
}

/// A page of orders.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct OrderList {
    object: ListObject,
    data: Vec<Order>,
    has_more: bool,
    url: String,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum OrderStatus {
    Created,
    Attempted,
    PartiallyPaid,
    Paid,
}
