//! Merchants.

use utoipa::ToSchema;

use super::{
    payment::ListObject,
    values::{MerchantId, Time},
};

/// A merchant to register.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct MerchantRequest {
    #[schema(min_length = 1, max_length = 128, examples("Acme"))]
    name: String,
    #[schema(format = "email", max_length = 254, examples("owner@example.com"))]
    email: Option<String>,
}

/// What is to change of a merchant.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct MerchantChange {
    #[schema(min_length = 1, max_length = 128, examples("Acme"))]
    name: Option<String>,
    /// Empty for none.
    #[schema(max_length = 254, examples("owner@example.com"))]
    email: Option<String>,
    status: Option<MerchantStatus>,
    /// Whether a second payment for an `order_id` that is paid is refused.
    one_payment_per_order: Option<bool>,
}

/// A merchant.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Merchant {
    id: MerchantId,
    object: MerchantObject,
    name: String,
    #[schema(required = true)]
    email: Option<String>,
    status: MerchantStatus,
    #[schema(required = true)]
    suspended_at: Option<Time>,
    /// Whether a second payment for an `order_id` that is paid is refused.
    one_payment_per_order: bool,
    created_at: Time,
    updated_at: Time,
}

/// A merchant that was registered just now.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct RegisteredMerchant {
    id: MerchantId,
    object: MerchantObject,
    name: String,
    #[schema(required = true)]
    email: Option<String>,
    status: MerchantStatus,
    #[schema(required = true)]
    suspended_at: Option<Time>,
    /// Whether a second payment for an `order_id` that is paid is refused.
    one_payment_per_order: bool,
    api_keys: FirstKeys,
    created_at: Time,
    updated_at: Time,
}

/// What customers may know of a merchant.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct PublicMerchant {
    id: MerchantId,
    object: MerchantObject,
    name: String,
}

/// A page of merchants.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct MerchantList {
    object: ListObject,
    data: Vec<Merchant>,
    has_more: bool,
    url: String,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum MerchantObject {
    Merchant,
}

/// Whether it may take new payments.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum MerchantStatus {
    Active,
    Suspended,
}

/// A merchant's first keys, shown this once.
#[derive(ToSchema)]
struct FirstKeys {
    #[schema(pattern = "^sk_test_", examples("sk_test_…"))]
    secret_test: String,
    #[schema(pattern = "^sk_live_", examples("sk_live_…"))]
    secret_live: String,
}
