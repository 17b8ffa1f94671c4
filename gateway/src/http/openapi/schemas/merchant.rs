//! Merchants.

use utoipa::ToSchema;

use super::values::{MerchantId, Time};

/// A merchant to register.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct MerchantRequest {
    #[schema(min_length = 1, max_length = 128, examples("Acme"))]
    name: String,
    #[schema(format = "email", max_length = 254, examples("owner@example.com"))]
    email: Option<String>,
}

/// A merchant.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Merchant {
    id: MerchantId,
    object: MerchantObject,
    name: String,
    #[schema(required = true)]
    email: Option<String>,
    api_keys: FirstKeys,
    created_at: Time,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum MerchantObject {
    Merchant,
}

/// A merchant's first keys, shown this once.
#[derive(ToSchema)]
struct FirstKeys {
    #[schema(pattern = "^sk_test_", examples("sk_test_…"))]
    secret_test: String,
    #[schema(pattern = "^sk_live_", examples("sk_live_…"))]
    secret_live: String,
}
