//! Keys.

use utoipa::ToSchema;

use super::{
    payment::ListObject,
    provider::Mode,
    values::{ApiKeyId, MerchantId, Time, WrittenTime},
};

/// A merchant's key to issue.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct KeyRequest {
    /// `secret` if it is not said.
    kind: Option<MerchantKeyKind>,
    /// That of the key that asks, else `test`.
    mode: Option<Mode>,
    #[schema(max_length = 128, examples("reports"))]
    name: Option<String>,
    /// Everything that its kind and the key that asks allow, if it is not said.
    #[schema(min_items = 1)]
    scopes: Option<Vec<Scope>>,
    expires_at: Option<WrittenTime>,
    /// Instead of `expires_at`.
    #[schema(minimum = 1, maximum = 3_162_240_000_i64)]
    expires_in_seconds: Option<i64>,
}

/// An operator's key to issue.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct OperatorKeyRequest {
    #[schema(max_length = 128, examples("support"))]
    name: Option<String>,
    /// Everything that the key that asks allows, if it is not said.
    #[schema(min_items = 1)]
    scopes: Option<Vec<Scope>>,
    expires_at: Option<WrittenTime>,
    /// Instead of `expires_at`.
    #[schema(minimum = 1, maximum = 3_162_240_000_i64)]
    expires_in_seconds: Option<i64>,
}

/// How a key is rotated.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct RotationRequest {
    /// How long the old key stays good: a day if it is not said, not at all if it is 0.
    #[schema(minimum = 0, maximum = 2_592_000)]
    overlap_seconds: Option<i64>,
    /// When the new key expires; as long after now as the old one was given, if it is not said.
    expires_at: Option<WrittenTime>,
    /// Instead of `expires_at`.
    #[schema(minimum = 1, maximum = 3_162_240_000_i64)]
    expires_in_seconds: Option<i64>,
}

/// A key, without its text.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ApiKey {
    id: ApiKeyId,
    object: KeyObject,
    kind: KeyKind,
    #[schema(required = true)]
    merchant_id: Option<MerchantId>,
    #[schema(required = true)]
    mode: Option<Mode>,
    #[schema(required = true)]
    livemode: Option<bool>,
    #[schema(required = true)]
    name: Option<String>,
    scopes: Vec<Scope>,
    #[schema(required = true)]
    last4: Option<String>,
    status: KeyStatus,
    #[schema(required = true)]
    replaced_by: Option<ApiKeyId>,
    created_at: Time,
    #[schema(required = true)]
    expires_at: Option<Time>,
    #[schema(required = true)]
    revoked_at: Option<Time>,
}

/// A key that was issued just now.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct IssuedApiKey {
    id: ApiKeyId,
    object: KeyObject,
    kind: KeyKind,
    #[schema(required = true)]
    merchant_id: Option<MerchantId>,
    #[schema(required = true)]
    mode: Option<Mode>,
    #[schema(required = true)]
    livemode: Option<bool>,
    #[schema(required = true)]
    name: Option<String>,
    scopes: Vec<Scope>,
    #[schema(required = true)]
    last4: Option<String>,
    status: KeyStatus,
    #[schema(required = true)]
    replaced_by: Option<ApiKeyId>,
    created_at: Time,
    #[schema(required = true)]
    expires_at: Option<Time>,
    #[schema(required = true)]
    revoked_at: Option<Time>,
    /// Its text, shown this once.
    #[schema(pattern = "^(sk_test|sk_live|pk_test|pk_live|ak)_")]
    key: String,
}

/// A page of keys.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ApiKeyList {
    object: ListObject,
    data: Vec<ApiKey>,
    has_more: bool,
    url: String,
}

/// A right that operations ask for.
#[derive(ToSchema)]
enum Scope {
    #[serde(rename = "payments:read")]
    PaymentsRead,
    #[serde(rename = "payments:write")]
    PaymentsWrite,
    #[serde(rename = "merchants:read")]
    MerchantsRead,
    #[serde(rename = "merchants:write")]
    MerchantsWrite,
    #[serde(rename = "keys:read")]
    KeysRead,
    #[serde(rename = "keys:write")]
    KeysWrite,
    #[serde(rename = "operator_keys:read")]
    OperatorKeysRead,
    #[serde(rename = "operator_keys:write")]
    OperatorKeysWrite,
    #[serde(rename = "simulator:read")]
    SimulatorRead,
    #[serde(rename = "providers:read")]
    ProvidersRead,
    #[serde(rename = "customers:write")]
    CustomersWrite,
    #[serde(rename = "events:read")]
    EventsRead,
    #[serde(rename = "webhooks:read")]
    WebhooksRead,
    #[serde(rename = "webhooks:write")]
    WebhooksWrite,
    #[serde(rename = "orders:read")]
    OrdersRead,
    #[serde(rename = "orders:write")]
    OrdersWrite,
    #[serde(rename = "ledger:read")]
    LedgerRead,
    #[serde(rename = "exceptions:read")]
    ExceptionsRead,
    #[serde(rename = "exceptions:write")]
    ExceptionsWrite,
    #[serde(rename = "backups:write")]
    BackupsWrite,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum KeyObject {
    ApiKey,
}

/// For servers, or for pages that anybody can read.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum MerchantKeyKind {
    Secret,
    Publishable,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum KeyKind {
    Secret,
    Publishable,
    Operator,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum KeyStatus {
    Active,
    Expired,
    Revoked,
}
