//! Questions about customers' accounts, and what is answered.

use utoipa::ToSchema;

use super::values::{Currency, MajorAmount};

/// A UPI address to ask about.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct VpaRequest {
    #[schema(min_length = 5, max_length = 321, examples("success@sim"))]
    vpa: String,
}

/// Whether a UPI address is somebody's.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct VpaValidation {
    object: VpaObject,
    vpa: String,
    /// Whether somebody has it.
    valid: bool,
    /// The name that his bank knows him by.
    #[schema(required = true)]
    customer_name: Option<String>,
    livemode: bool,
}

/// A wallet whose balance is asked for.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct WalletBalanceRequest {
    /// One of those that `GET /api/v1/payment-methods` lists.
    #[schema(examples("paytm"))]
    provider: String,
    /// Its id, or a link token.
    #[schema(min_length = 1, max_length = 64, examples("9876543210"))]
    wallet_id: String,
    currency: Currency,
}

/// What a wallet holds.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct WalletBalance {
    object: BalanceObject,
    provider: String,
    balance: MajorAmount,
    #[schema(minimum = 0)]
    balance_minor: i64,
    currency: Currency,
    livemode: bool,
}

/// A wallet to link.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct WalletLinkRequest {
    /// One of those that `GET /api/v1/payment-methods` lists.
    #[schema(examples("paytm"))]
    provider: String,
    #[schema(min_length = 1, max_length = 64, examples("9876543210"))]
    wallet_id: String,
}

/// A link to a wallet.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct WalletLink {
    object: LinkObject,
    provider: String,
    /// Stands for the wallet's id in payments.
    #[schema(max_length = 64)]
    link_token: String,
    livemode: bool,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum VpaObject {
    VpaValidation,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum BalanceObject {
    WalletBalance,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum LinkObject {
    WalletLink,
}
